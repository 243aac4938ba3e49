"""``sip2xmpp allow``, ``confirm``, ``block``, ``polite-block``, ``forget``, ``watchers``: who may see one of our users.

Works on the state file, with the gateway running or stopped; a running gateway acts on a decision within a second:
subscriptions that are in force become active, pending or terminated accordingly.
"""

import argparse
import json
import time
from datetime import UTC, datetime
from functools import partial

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, any_address, configuration, own_address
from sip2xmpp.presence.policy import Handling
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Verdict

_HELP = {
    Handling.ALLOW: "let a watcher see a presentity",
    Handling.CONFIRM: "let a watcher wait until it is decided",
    Handling.BLOCK: "refuse a watcher, who is told so",
    Handling.POLITE_BLOCK: "let a watcher see a presentity that is always offline",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add one verb for each handling, and two more."""
    for handling, told in _HELP.items():
        parser = subparsers.add_parser(handling.value, help=told)
        _add_pair(parser)
        parser.set_defaults(run=partial(decide, handling=handling))
    parser = subparsers.add_parser("forget", help="forget what was decided: the default applies again")
    _add_pair(parser)
    parser.set_defaults(run=forget)
    parser = subparsers.add_parser(
        "watchers", help="list what was decided about the watchers of a presentity"
    )
    parser.add_argument("presentity", metavar="PRESENTITY")
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    parser.set_defaults(run=show)


def decide(arguments: argparse.Namespace, handling: Handling) -> int:
    """Store a decision in the place of any earlier one."""
    config = configuration(arguments)
    verdict = Verdict(
        presentity=own_address(arguments.presentity, config),
        watcher=any_address(arguments.watcher),
        handling=handling.value,
        decided_at=time.time(),
    )
    with offline(config.gateway.state) as store:
        store.verdicts.put(verdict)
    print(f"{verdict.presentity}: {handling.value} {verdict.watcher}")
    return OK


def forget(arguments: argparse.Namespace) -> int:
    """Remove a decision; exit status 1 if there was none."""
    key = f"{any_address(arguments.presentity)} {any_address(arguments.watcher)}"
    with offline(configuration(arguments).gateway.state) as store:
        known = store.verdicts.get(key) is not None
        store.verdicts.remove(key)
    print("forgotten" if known else "nothing was decided")
    return OK if known else NOT_AS_WISHED


def show(arguments: argparse.Namespace) -> int:
    """List the decisions of one presentity, oldest first."""
    config = configuration(arguments)
    presentity = own_address(arguments.presentity, config)
    now = time.time()
    with offline(config.gateway.state) as store:
        verdicts = [
            v for v in store.verdicts.select(str(presentity)) if v.expires_at is None or v.expires_at > now
        ]
    rows = [(str(v.watcher), v.handling, _moment(v.decided_at)) for v in verdicts]
    if arguments.json:
        names = ("watcher", "handling", "decided_at")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
    for watcher, handling, decided_at in () if arguments.json else rows:
        print(f"{handling:12} {decided_at} {watcher}")
    return OK


def _add_pair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "presentity", metavar="PRESENTITY", help="one of our users, as in bob@sip.example.org"
    )
    parser.add_argument(
        "watcher", metavar="WATCHER", help="a SIP or Jabber user, as in juliet@jabber.example"
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
