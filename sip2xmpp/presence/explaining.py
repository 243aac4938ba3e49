"""Why a watcher is shown what it is shown: every rule with each of its conditions, what decided in the end, and what was left out.

Nothing is decided here.  The policy is asked the same questions as for a subscription, and the rules are told as they were
compared; so an explanation is true for the moment at which it is made, and is for those alone who may know all of a presentity.

Implements: the reading of RFC 4745 section 10 and RFC 5025 sections 3 and 5, for people.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.documents.permissions import By, Permissions, Selected, UserInputDetail
from sip2xmpp.documents.policy import (
    AnonymousRequest,
    Condition,
    Except,
    ExternalList,
    Identity,
    Many,
    One,
    OtherIdentity,
    Sphere,
    UnknownCondition,
    Validity,
)
from sip2xmpp.documents.presence import Device, Person, Presence, Tuple, frozen_value
from sip2xmpp.documents.times import write_time
from sip2xmpp.presence.call_policy import CallPolicy
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.policy import Ground, Handling, Judgement, Policy
from sip2xmpp.presence.revealing import reveal
from sip2xmpp.presence.rule_book import RuleBook
from sip2xmpp.presence.rules import Facts, ReadyRule, applying, holds


@frozen_value
class ToldCondition:
    """One condition in words, and whether it holds."""

    text: str
    holds: bool


@frozen_value
class ToldRule:
    """One rule of a document ``auid/name``.  ``applies``: it counts for this watcher; ``handling`` is empty where it states none."""

    document: str
    id: str
    applies: bool
    handling: str
    conditions: tuple[ToldCondition, ...]
    provides: tuple[str, ...]


@frozen_value
class Decision:
    """What holds for one kind of state, and why.  ``decided_at`` is when the owner decided about the very watcher, Unix time."""

    handling: Handling
    ground: Ground
    decided_at: float | None = None
    rules: tuple[ToldRule, ...] = ()
    unreadable: tuple[str, ...] = ()


@frozen_value
class Explanation:
    """Everything about one pair.

    ``provides`` is what an allowed watcher is shown, None: everything.  ``removed`` names what is in the present document and is
    not shown; ``shown`` is the rest, None where nothing at all is told.
    """

    presentity: Address
    watcher: Address
    exists: bool
    presence: Decision
    calls: Decision
    provides: tuple[str, ...] | None
    shown: Presence | None
    removed: tuple[str, ...]


class Explaining:
    """Explains decisions of ``policy``, which consults ``rules``, and of ``calls``, which has ``call_rules`` beside it."""

    def __init__(
        self,
        *,
        policy: Policy,
        rules: RuleBook,
        calls: CallPolicy,
        call_rules: RuleBook,
        exists: Callable[[Address], bool],
        composed: Callable[[Address], Presence],
    ) -> None:
        self._policy = policy
        self._rules = rules
        self._calls = calls
        self._call_rules = call_rules
        self._exists = exists
        self._composed = composed

    def explain(self, presentity: Address, watcher: Address) -> Explanation:
        """What ``watcher`` may see of ``presentity`` now, and why."""
        judgement = self._policy.judge(presentity, watcher)
        document = self._composed(presentity)
        shown = view_of(document, judgement)
        policy = self._calls.of(presentity)
        return Explanation(
            presentity=presentity,
            watcher=watcher,
            exists=self._exists(presentity),
            presence=_decision(self._policy, self._rules, presentity, watcher),
            calls=replace(
                _decision(
                    policy, self._rules if policy is self._policy else self._call_rules, presentity, watcher
                ),
                handling=self._calls.decide(presentity, watcher),
            ),
            provides=None if judgement.permissions is None else tuple(provisions(judgement.permissions)),
            shown=shown,
            removed=tuple(removed(document, shown)),
        )


def view_of(document: Presence, judgement: Judgement) -> Presence | None:
    """What a watcher so judged is shown of a document."""
    if judgement.handling is Handling.POLITE_BLOCK:
        return offline_document(document.entity)
    if judgement.handling is not Handling.ALLOW:
        return None
    return document if judgement.permissions is None else reveal(document, judgement.permissions)


def _decision(policy: Policy, rules: RuleBook, presentity: Address, watcher: Address) -> Decision:
    facts = rules.facts(presentity, watcher)
    consulted = rules.consulted(presentity)
    ready = [
        (
            f"{document.auid}/{document.name}",
            ReadyRule(rule, facts.names, bare_allow=rules.bare_allow(document.auid)),
        )
        for document, known in consulted
        for rule in known or ()
    ]
    unreadable = tuple([f"{each.auid}/{each.name}" for each, known in consulted if known is None])
    # What cannot be read may have named anybody.
    applies = set(applying([each for _, each in ready if not (unreadable and each.is_for_others)], facts))
    verdict = policy.verdict(presentity, watcher)
    return Decision(
        handling=policy.decide(presentity, watcher),
        ground=policy.ground(presentity, watcher),
        decided_at=None if verdict is None else verdict.decided_at,
        rules=tuple([_told(document, each, facts, each in applies) for document, each in ready]),
        unreadable=unreadable,
    )


def _told(document: str, ready: ReadyRule, facts: Facts, applies: bool) -> ToldRule:
    rule = ready.rule
    return ToldRule(
        document=document,
        id=rule.id,
        applies=applies,
        handling="" if rule.handling is None else rule.handling.name.lower().replace("_", "-"),
        conditions=tuple(
            [
                # of other-identity only all rules together say whether it holds
                ToldCondition(
                    text=described(each, facts),
                    holds=holds(each, facts) and (applies or not isinstance(each, OtherIdentity)),
                )
                for each in rule.conditions
            ]
        ),
        provides=tuple(provisions(ready.provided)),
    )


def described(condition: Condition, facts: Facts) -> str:
    """A condition on one line, and what it is compared with where that is not the watcher."""
    match condition:
        case Identity(any_of=named):
            return "identity " + (", ".join(_named(each) for each in named) or "nobody")
        case Sphere(values=values):
            return f"sphere {' '.join(values)} (it is {facts.sphere or 'not known'})"
        case Validity(periods=periods):
            spans = [f"{write_time(begin)} to {write_time(end)}" for begin, end in periods]
            return "validity " + (", ".join(spans) or "never")
        case ExternalList(references=references):
            return "external-list " + (", ".join(references) or "none")
        case OtherIdentity():
            return "other-identity"
        case AnonymousRequest():
            return "anonymous-request"
        case UnknownCondition(name=name):
            return f"{name} is not known"


def _named(named: One | Many) -> str:
    if isinstance(named, One):
        return named.uri
    who = "anybody" if named.domain is None else f"anybody at {named.domain}"
    return who + "".join(f" except {_excepted(each)}" for each in named.excepts)


def _excepted(named: Except) -> str:
    return named.uri or (f"anybody at {named.domain}" if named.domain else "everybody")


def provisions(permissions: Permissions) -> Iterator[str]:
    """What is provided, in the words of the documents without ``provide-``."""
    for name in ("services", "devices", "persons"):
        chosen: frozenset[Selected] = getattr(permissions, name)
        for each in sorted(chosen, key=lambda one: (one.by.value, one.value)):
            yield f"all-{name}" if each.by is By.ALL else f"{name} {each.by.value} {each.value}"
    if permissions.all_attributes:
        yield "all-attributes"
    yield from sorted(permissions.attributes)
    if permissions.user_input is not UserInputDetail.NONE:
        yield f"user-input {permissions.user_input.name.lower()}"
    for namespace, local in sorted(permissions.unknown):
        yield f"{{{namespace}}}{local}"


_KINDS: Final = (("tuple", "tuples"), ("person", "persons"), ("device", "devices"))


def removed(document: Presence, shown: Presence | None) -> Iterator[str]:
    """What is in a document and not in what is shown of it, part by part."""
    for kind, name in _KINDS:
        left: dict[str, Tuple | Person | Device] = (
            {} if shown is None else {each.id: each for each in getattr(shown, name)}
        )
        for part in getattr(document, name):
            there = left.get(part.id)
            if there is None:
                yield f"{kind} {part.id}"
            else:
                for each in fields(part):
                    if getattr(part, each.name) != getattr(there, each.name):
                        yield f"{kind} {part.id}: {each.name.rstrip('_').replace('_', '-')}"
    for name in ("notes", "extensions"):
        if getattr(document, name) and (shown is None or getattr(shown, name) != getattr(document, name)):
            yield name
