"""Why a watcher is shown what it is shown, in sentences for the owner.

Everything here is made of an ``Explanation``; nothing is decided.  Names of rules, and conditions, are told as the document says
them, because somebody who wrote rules knows them so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.visit import Visit
from sip2xmpp.presence.explaining import Decision, Explanation
from sip2xmpp.presence.policy import Ground, Handling

OUTCOMES: Final = {
    Handling.ALLOW: N_("%(who)s sees your presence."),
    Handling.POLITE_BLOCK: N_("%(who)s sees you as offline, whatever you are, and is not told why."),
    Handling.BLOCK: N_("%(who)s sees nothing, and is told that you refused."),
    Handling.CONFIRM: N_("%(who)s sees nothing until you have decided."),
}
DECIDED: Final = {
    Handling.ALLOW: N_("You allowed it (%(when)s)."),
    Handling.POLITE_BLOCK: N_("You decided that %(who)s sees you as offline (%(when)s)."),
    Handling.BLOCK: N_("You blocked %(who)s (%(when)s)."),
    Handling.CONFIRM: N_("You decided that %(who)s has to wait for you (%(when)s)."),
}
GROUNDS: Final = {
    Ground.OWNER: N_("This is your own address, and nobody is kept from himself."),
    Ground.RULES: N_("You decided nothing about %(who)s alone, and your rules say so."),
    Ground.VIRTUAL: N_("This is what holds for addresses that nobody owns."),
    Ground.DOMAIN: N_(
        "Nothing was decided about %(who)s, and this is what holds for everybody at your domain."
    ),
    Ground.DEFAULT: N_("Nothing was decided about %(who)s, and this is what holds for everybody here."),
}
CALLS: Final = {
    Handling.ALLOW: N_("%(who)s may see when you are in a call."),
    Handling.POLITE_BLOCK: N_("%(who)s never sees you in a call."),
    Handling.BLOCK: N_("%(who)s may not see when you are in a call."),
    Handling.CONFIRM: N_("%(who)s may not see when you are in a call until you have decided."),
}
PARTS: Final = {
    "activities": N_("what you are doing"),
    "activity-note": N_("a text about what you are doing"),
    "barring-state": N_("whether calls are barred"),
    "basic": N_("whether it can be reached"),
    "capabilities": N_("what it can do"),
    "cipid": N_("your name, page and picture"),
    "class": N_("the class that you gave it"),
    "contact": N_("the address of the device"),
    "device-id": N_("which device it is"),
    "deviceID": N_("which device it is"),
    "extended": N_("the state in other words"),
    "extensions": N_("details of single programs"),
    "geopriv": N_("where you are"),
    "mood": N_("your mood"),
    "mood-note": N_("a text about your mood"),
    "moods": N_("your mood"),
    "network-availability": N_("whether there is a network"),
    "note": N_("the text that you wrote"),
    "notes": N_("the text that you wrote"),
    "place-is": N_("what it is like where you are"),
    "place-type": N_("what kind of place you are at"),
    "place-types": N_("what kind of place you are at"),
    "priority": N_("which device you prefer"),
    "privacy": N_("who could listen"),
    "registration-state": N_("whether a device is registered"),
    "relationship": N_("who answers there"),
    "service-class": N_("what kind of service it is"),
    "session-participation": N_("whether you are in a session"),
    "show": N_("the state of the device"),
    "sphere": N_("whether you are at work or at home"),
    "status-extensions": N_("details of single programs"),
    "status-icon": N_("your picture"),
    "time-offset": N_("your time zone"),
    "timestamp": N_("when it changed"),
    "user-input": N_("since when you have not touched it"),
    "willingness": N_("whether you are willing to talk"),
}
ALL_OF: Final = {
    "all-services": N_("all your devices and programs"),
    "all-persons": N_("what is said of yourself"),
    "all-devices": N_("what is said of your machines"),
    "all-attributes": N_("all that is known of them"),
}
WITHHELD: Final = {
    "tuple": N_("the device or program %(id)s"),
    "person": N_("what is said of yourself (%(id)s)"),
    "device": N_("the machine %(id)s"),
}
WITHHELD_PARTS: Final = {
    "tuple": N_("of the device or program %(id)s: %(parts)s"),
    "person": N_("of yourself: %(parts)s"),
    "device": N_("of the machine %(id)s: %(parts)s"),
}
HANDLINGS: Final = {
    "allow": N_("allow"),
    "block": N_("block"),
    "confirm": N_("ask me"),
    "polite-block": N_("show me as offline"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTold:
    """One rule: where it stands, what it says, whether it counts, and each condition with whether it holds."""

    name: str
    document: str
    applies: bool
    handling: str
    conditions: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What a page tells of an explanation."""

    outcome: str
    reasons: tuple[str, ...]
    shown: tuple[str, ...]
    removed: tuple[str, ...]
    calls: str
    rules: tuple[RuleTold, ...]
    unreadable: tuple[str, ...]


def told(visit: Visit, explanation: Explanation) -> Why:
    """An explanation in the language of the visitor, who is the presentity."""
    who, presence = explanation.watcher, explanation.presence
    is_shown = presence.handling is Handling.ALLOW
    return Why(
        outcome=visit.translate(OUTCOMES[presence.handling], who=who),
        reasons=tuple(_reasons(visit, who, presence)),
        shown=tuple(_provided(visit, explanation.provides or ())) if is_shown else (),
        removed=tuple(_removed(visit, explanation.removed)) if is_shown else (),
        calls=visit.translate(CALLS[explanation.calls.handling], who=who),
        rules=tuple(
            RuleTold(
                name=rule.id,
                document=rule.document,
                applies=rule.applies,
                handling=visit.translate(HANDLINGS[rule.handling]) if rule.handling else "",
                conditions=tuple((each.text, each.holds) for each in rule.conditions),
            )
            for rule in presence.rules
        ),
        unreadable=presence.unreadable,
    )


def _reasons(visit: Visit, who: Address, decision: Decision) -> Iterator[str]:
    ground = decision.ground
    if ground is Ground.DECISION and decision.decided_at is not None:
        when = visit.language.moment(datetime.fromtimestamp(decision.decided_at, visit.zone))
        yield visit.translate(DECIDED[decision.handling], who=who, when=when)
    elif ground is not Ground.DECISION:
        yield visit.translate(GROUNDS[ground], who=who)
    if ground is Ground.RULES:
        for rule in decision.rules:
            if rule.applies:
                yield visit.translate(
                    N_("The rule “%(rule)s” in %(document)s applies."), rule=rule.id, document=rule.document
                )


def _provided(visit: Visit, provides: Iterable[str]) -> Iterator[str]:
    for each in provides:
        known = ALL_OF.get(each) or PARTS.get(each.partition(" ")[0])
        yield visit.translate(known) if known is not None else each


def _removed(visit: Visit, removed: Iterable[str]) -> Iterator[str]:
    """What was left out, of each thing on one line."""
    parts: dict[tuple[str, str], list[str]] = {}
    for each in removed:
        thing, _, part = each.partition(": ")
        kind, _, id_ = thing.partition(" ")
        if kind not in WITHHELD:
            yield _part(visit, each)
        elif not part:
            yield visit.translate(WITHHELD[kind], id=id_)
        else:
            parts.setdefault((kind, id_), []).append(_part(visit, part))
    for (kind, id_), names in parts.items():
        yield visit.translate(WITHHELD_PARTS[kind], id=id_, parts=", ".join(dict.fromkeys(names)))


def _part(visit: Visit, name: str) -> str:
    known = PARTS.get(name)
    return name if known is None else visit.translate(known)
