"""``sip2xmpp registrations`` and ``deregister``: who is registered where, and the end of it by an operator.

Works on the state file.  A running gateway ends a binding within a second after it was told to here, and tells watchers and the
phone's own subscription to package ``reg`` why; one that is not running does so when it starts.
"""

import argparse
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from sip2xmpp.command.arguments import (
    NOT_AS_WISHED,
    OK,
    Subparsers,
    add_json,
    any_address,
    configuration,
    say,
)
from sip2xmpp.command.deeds import record
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column, print_table, printable
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.portal.operating_registrations import ending_told
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Binding

COLUMNS: Final = (
    Column(heading="ADDRESS"),
    Column(heading="CONTACT", rank=1),
    Column(heading="Q", right=True, rank=4),
    Column(heading="SECONDS", right=True, rank=3),
    Column(heading="DEVICE", rank=2),
)


def add_parser(subparsers: Subparsers) -> None:
    """Add both verbs."""
    parser = subparsers.add_parser(
        "registrations",
        help="list who is registered where",
        group=Group.ACCOUNTS,
        description="Lists the devices that are registered now: where each is reached, for how long still, and what it says it is.",
        examples=(
            ("sip2xmpp registrations", "everybody's"),
            ("sip2xmpp registrations alice@sip.example.org --json", "those of one user, for a script"),
        ),
    )
    parser.add_argument(
        "address", metavar="ADDRESS", nargs="?", help="only this one, as in alice@sip.example.org"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    parser.set_defaults(run=show)
    parser = subparsers.add_parser(
        "deregister",
        help="end the registrations of an address, or one of them",
        group=Group.ACCOUNTS,
        description="Ends registrations, for a phone that is lost or registered by mistake. A running gateway does it within a second "
        "and tells watchers, and the phone, if it subscribed to its registrations.",
        examples=(
            ("sip2xmpp deregister alice@sip.example.org", "all of them; phones may register again"),
            (
                "sip2xmpp deregister alice@sip.example.org sip:alice@192.0.2.7:5060 --forbid",
                "one, which shall stay away",
            ),
        ),
        no="nothing of the kind is registered",
    )
    parser.add_argument("address", metavar="ADDRESS", help="as in alice@sip.example.org")
    parser.add_argument("contact", metavar="CONTACT", nargs="?", help="only this contact, as it is listed")
    parser.add_argument(
        "--forbid",
        action="store_true",
        help="tell the phone not to come back; otherwise it may register again",
    )
    add_json(parser, "print a JSON array of what was ended")
    parser.set_defaults(run=deregister)


def show(arguments: argparse.Namespace) -> int:
    """List bindings by address."""
    wanted = any_address(arguments.address) if arguments.address else None
    with offline(configuration(arguments).gateway.state) as store:
        live = _live(store.bindings.all())
    bindings = sorted(
        (binding for binding in live if wanted is None or binding.aor == wanted),
        key=lambda binding: (binding.aor, -binding.q, binding.registered_at),
    )
    if arguments.json:
        print(json.dumps([_as_json(binding) for binding in bindings], indent=2))
        return OK
    now = time.time()
    rows = [
        (str(each.aor), each.contact, f"{each.q:g}", str(int(each.expires_at - now)), each.user_agent)
        for each in bindings
    ]
    plain = [f"{aor} {contact} q={q} for {left} s  {agent}" for aor, contact, q, left, agent in rows]
    print_table(COLUMNS, rows, plain)
    return OK


def deregister(arguments: argparse.Namespace) -> int:
    """End bindings; 1 if there are none."""
    address = any_address(arguments.address)
    event = ContactEvent.REJECTED if arguments.forbid else ContactEvent.DEACTIVATED
    with offline(configuration(arguments).gateway.state) as store:
        ended = [
            binding
            for binding in _live(store.bindings.select(str(address)))
            if arguments.contact in (None, binding.contact)
        ]
        for binding in ended:
            store.bindings.put(replace(binding, event=event.value))
        if ended:
            done = ending_told(len(ended), arguments.contact or "", forbidden=arguments.forbid)
            record(store, done, address)
    told = [f"{binding.contact} is no longer registered" for binding in ended]
    if not ended:
        told = [f"{address} is not registered" + (f" at {arguments.contact}" if arguments.contact else "")]
    say(arguments, "\n".join(map(printable, told)), [_as_json(binding) for binding in ended])
    return OK if ended else NOT_AS_WISHED


def _live(bindings: list[Binding]) -> list[Binding]:
    now = time.time()
    return [each for each in bindings if each.expires_at > now and ContactEvent(each.event).keeps]


def _as_json(binding: Binding) -> dict[str, object]:
    return {
        "address": str(binding.aor),
        "contact": binding.contact,
        "q": binding.q,
        "user_agent": binding.user_agent,
        "instance": binding.instance,
        "reg_id": binding.reg_id,
        "flow": binding.flow,
        "path": list(binding.path),
        "event": binding.event,
        "registered_at": _time(binding.registered_at),
        "expires_at": _time(binding.expires_at),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
