"""``sip2xmpp allow``, ``confirm``, ``block``, ``polite-block``, ``forget``, ``watchers``: who may see one of our users.

Works on the state file, with the gateway running or stopped; a running gateway acts on a decision within a second:
subscriptions that are in force become active, pending or terminated accordingly, and who waits for one waits no more.

``watchers`` lists whom the file knows: SIP users by their subscriptions, Jabber users by their authorizations, those who
asked while nothing was decided, and those about whom something was.  Who needs a decision comes first.
"""

import argparse
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.command.arguments import (
    NOT_AS_WISHED,
    OK,
    Subparsers,
    add_json,
    any_address,
    configuration,
    own_address,
    say,
    watcher_address,
)
from sip2xmpp.command.deeds import record
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column, print_table
from sip2xmpp.own_side import own_side
from sip2xmpp.presence.policy import Ground, Handling, Policy
from sip2xmpp.presence.watcher_info import PACKAGE, Status, waiting_key
from sip2xmpp.store.offline import OfflineStore, extract, offline
from sip2xmpp.store.records import Side, Verdict

_HELP = {
    Handling.ALLOW: "let a watcher see a presentity",
    Handling.CONFIRM: "let a watcher wait until it is decided",
    Handling.BLOCK: "refuse a watcher, who is told so",
    Handling.POLITE_BLOCK: "let a watcher see a presentity that is always offline",
}

COLUMNS = (Column(heading="STATUS"), Column(heading="WATCHER"), Column(heading="HANDLED", rank=1))

_TAUGHT = {
    Handling.ALLOW: "Lets a watcher see one of our users.",
    Handling.CONFIRM: "Lets a watcher wait, and see nothing, until it is decided.",
    Handling.BLOCK: "Refuses a watcher, and lets that be known.",
    Handling.POLITE_BLOCK: "Shows a watcher a user who is always offline, so that nobody is offended.",
}
_WHEN = (
    "It holds within a second on the SIP and on the Jabber side, over restarts too, and whether the gateway runs or not; a decision "
    "about a watcher comes before the owner's rules and the default."
)
_EFFECT = {
    Handling.ALLOW: "sees her from now on",
    Handling.CONFIRM: "waits",
    Handling.BLOCK: "is told that he may not see her",
    Handling.POLITE_BLOCK: "sees her offline",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add one verb for each handling, and two more."""
    for handling, told in _HELP.items():
        parser = subparsers.add_parser(
            handling.value,
            help=told,
            group=Group.PEOPLE,
            description=f"{_TAUGHT[handling]} {_WHEN}",
            examples=(
                (
                    f"sip2xmpp {handling.value} alice@sip.example.org romeo@jabber.example",
                    f"alice is the one who is seen; romeo {_EFFECT[handling]}",
                ),
            ),
        )
        _add_pair(parser)
        parser.set_defaults(run=partial(decide, handling=handling))
    parser = subparsers.add_parser(
        "forget",
        help="forget what was decided: rules or the default apply again",
        group=Group.PEOPLE,
        description=f"Forgets what was decided about a watcher, so that the owner's rules or the default apply again. {_WHEN}",
        examples=(
            (
                "sip2xmpp forget alice@sip.example.org romeo@jabber.example",
                "romeo is handled as if nobody had decided about him",
            ),
        ),
        no="nothing was decided about this watcher",
    )
    _add_pair(parser)
    parser.set_defaults(run=forget)
    parser = subparsers.add_parser(
        "watchers",
        help="list who watches a presentity or waits to, and what was decided",
        group=Group.PEOPLE,
        description="Lists whom the state file knows as watchers of one of our users: SIP users by their subscriptions, Jabber "
        "users by their authorizations, who asked in vain, and about whom something was decided. Who needs a "
        "decision comes first.",
        examples=(
            ("sip2xmpp watchers alice@sip.example.org", "who watches, and who waits to be let"),
            ("sip2xmpp watchers alice@sip.example.org --json", "the same for a script"),
        ),
    )
    parser.add_argument(
        "presentity", metavar="PRESENTITY", help="one of our users, as in bob@sip.example.org"
    )
    add_json(parser, "print a JSON array")
    parser.set_defaults(run=show)


def decide(arguments: argparse.Namespace, handling: Handling) -> int:
    """Store a decision in the place of any earlier one."""
    config = configuration(arguments)
    verdict = Verdict(
        presentity=own_address(arguments.presentity, config),
        watcher=watcher_address(arguments.watcher, config),
        handling=handling.value,
        decided_at=time.time(),
    )
    with offline(config.gateway.state) as store:
        store.verdicts.put(verdict)
        if handling is not Handling.CONFIRM:
            store.waiting.remove(waiting_key(verdict.presentity, verdict.watcher))
        record(store, f"{handling.value} {verdict.watcher}", verdict.presentity)
    told = f"{verdict.presentity}: {handling.value} {verdict.watcher}"
    say(arguments, told, _as_json(verdict.presentity, verdict.watcher, handling.value))
    return OK


def forget(arguments: argparse.Namespace) -> int:
    """Remove a decision; exit status 1 if there was none."""
    config = configuration(arguments)
    presentity, watcher = any_address(arguments.presentity), watcher_address(arguments.watcher, config)
    key = f"{presentity} {watcher}"
    with offline(config.gateway.state) as store:
        known = store.verdicts.get(key) is not None
        store.verdicts.remove(key)
        if known:
            record(store, f"forget {watcher}", presentity)
    say(arguments, "forgotten" if known else "nothing was decided", _as_json(presentity, watcher, None))
    return OK if known else NOT_AS_WISHED


def show(arguments: argparse.Namespace) -> int:
    """List the watchers of one presentity."""
    config = configuration(arguments)
    presentity = own_address(arguments.presentity, config)
    clock = Clock()
    clock.rightNow = time.time()
    policy = own_side(config, extract(config.gateway.state, presentity, clock), clock).policy
    with offline(config.gateway.state) as store:
        known = _known(store, presentity, policy, time.time())
    if arguments.json:
        print(json.dumps([one.as_json() for one in known], indent=2))
    elif known:
        rows = [(one.status or "-", str(one.watcher), one.told) for one in known]
        print_table(COLUMNS, rows, [" ".join(row) for row in rows])
    else:
        print("nobody watches or waits")
    return OK


@dataclass(slots=True, kw_only=True)
class _Known:
    """What the file says about one watcher; ``status`` is empty for one who neither watches nor waits."""

    watcher: Address
    handling: str
    by_rules: bool
    decided_at: float | None = None
    asked_at: float | None = None
    status: str = ""

    @property
    def told(self) -> str:
        """The row after status and address."""
        decided = "by rules" if self.by_rules else "by default"
        if self.decided_at is not None:
            decided = f"decided {_moment(self.decided_at)}"
        asked = "" if self.asked_at is None else f", asked {_moment(self.asked_at)}"
        return f"{self.handling} ({decided}{asked})"

    def as_json(self) -> dict[str, str | None]:
        """Moments are UTC, and null where there are none; so is the status of one who neither watches nor waits."""
        return {
            "watcher": str(self.watcher),
            "status": self.status or None,
            "handling": self.handling,
            "decided_at": None if self.decided_at is None else _moment(self.decided_at),
            "asked_at": None if self.asked_at is None else _moment(self.asked_at),
        }


def _known(store: OfflineStore, presentity: Address, policy: Policy, now: float) -> list[_Known]:
    """Everybody of whom the file knows, the undecided first."""
    known: dict[Address, _Known] = {}

    def of(watcher: Address) -> _Known:
        if watcher not in known:
            known[watcher] = _Known(
                watcher=watcher,
                handling=policy.decide(presentity, watcher).value,
                by_rules=policy.ground(presentity, watcher) is Ground.RULES,
            )
        return known[watcher]

    for verdict in store.verdicts.select(str(presentity)):
        if verdict.expires_at is None or verdict.expires_at > now:
            of(verdict.watcher).decided_at = verdict.decided_at
    for note in store.waiting.select(str(presentity)):
        if note.package == PACKAGE and (note.expires_at is None or note.expires_at > now):
            of(note.watcher).asked_at = note.asked_at
            of(note.watcher).status = Status.WAITING.value
    live = {
        dialog.watcher
        for dialog in store.dialogs.all()
        if dialog.presentity == presentity
        and dialog.role == "notifier"
        and dialog.event.partition(";")[0].strip().lower() == PACKAGE
        and dialog.expires_at > now
    } | {
        authorization.watcher
        for authorization in store.authorizations.all()
        if authorization.contact == presentity and authorization.side is Side.JABBER_WATCHES
    }
    for watcher in sorted(live - {presentity}):
        one = of(watcher)
        undecided = one.handling == Handling.CONFIRM.value
        one.status = (Status.PENDING if undecided else Status.ACTIVE).value
    order = (Status.PENDING.value, Status.WAITING.value, Status.ACTIVE.value, "")
    return sorted(known.values(), key=lambda one: order.index(one.status))


def _add_pair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "presentity", metavar="PRESENTITY", help="one of our users, as in bob@sip.example.org"
    )
    parser.add_argument(
        "watcher", metavar="WATCHER", help="a SIP or Jabber user, as in juliet@jabber.example"
    )
    add_json(parser, "print the decision as a JSON object")


def _as_json(presentity: Address, watcher: Address, handling: str | None) -> dict[str, str | None]:
    """A decision as scripts get it; null: there is none."""
    return {"presentity": str(presentity), "watcher": str(watcher), "handling": handling}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
