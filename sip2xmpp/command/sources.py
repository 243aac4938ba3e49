"""``sip2xmpp sources``: what every source says about one of our addresses, and what its watchers are shown.

Read from the state file, with the gateway running or stopped, and composed as the gateway composes it.
"""

import argparse
import time
from typing import Any

from twisted.internet.task import Clock

from sip2xmpp.command.arguments import OK, Subparsers, configuration, own_address
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column, json_of, print_table
from sip2xmpp.own_side import own_side
from sip2xmpp.portal.sources import Sources
from sip2xmpp.store.offline import extract

COLUMNS = (
    Column(heading="RANK"),
    Column(heading="SOURCE", rank=1),
    Column(heading="STATE"),
    Column(heading="TIME", rank=2),
)


def add_parser(subparsers: Subparsers) -> None:
    """Add ``sources``."""
    parser = subparsers.add_parser(
        "sources",
        help="show what each source says about an address of ours",
        group=Group.LOOKING,
        description="Shows everything that is said about one of our addresses, by publications, registrations, calls, programs and "
        'the owner, each with rank and lifetime, and what watchers are shown in the end. For the question "why am I '
        'shown as away?". Read from the state file, so the gateway may be stopped.',
        examples=(
            ("sip2xmpp sources bob@sip.example.org", "who says what about Bob, and what comes of it"),
            ("sip2xmpp sources bob@sip.example.org --json", "as the API gives it"),
        ),
    )
    parser.add_argument("address", metavar="ADDRESS", help="as in bob@sip.example.org")
    parser.add_argument("--json", action="store_true", help="print JSON, as the API gives it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every source and the result."""
    config = configuration(arguments)
    address = own_address(arguments.address, config)
    clock = Clock()
    clock.rightNow = time.time()
    store = extract(config.gateway.state, address, clock)
    own = own_side(config, store, clock)
    told = Sources(own.presence, own.statements, store, clock).told(address)
    if arguments.json:
        print(json_of(told))
        return OK
    rows = [(one["rank"], one["source"], _meaning(one), _span(one)) for one in told["sources"]]
    rows.append(("shown", "", _meaning(told["composed"]), ""))
    print_table(COLUMNS, rows, [" ".join(filter(None, row)) for row in rows])
    return OK


def _meaning(told: dict[str, Any]) -> str:
    words = [told["state"], *told["activities"]]
    notes = "; ".join(told["note"].values())
    return ", ".join(dict.fromkeys(words)) + (f": {notes}" if notes else "")


def _span(told: dict[str, Any]) -> str:
    until = f" until {told['expires_at']}" if told["expires_at"] else ""
    by = (
        f" by {told['told_by']}"
        if told.get("told_by")
        else f" by {told['user_agent']}"
        if told["user_agent"]
        else ""
    )
    return f"since {told['changed_at']}{until}{by}"
