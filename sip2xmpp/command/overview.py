"""``sip2xmpp domains``, ``lists`` and ``counters``: how the running gateway stands, by its HTTP API."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from sip2xmpp.command.api import ask
from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, add_json, any_address, configuration
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column, printable
from sip2xmpp.command.tables import print_rows
from sip2xmpp.config import Config
from sip2xmpp.errors import Refused
from sip2xmpp.portal.rows import MOST

Row = Mapping[str, Any]

_DOMAINS: Final[Mapping[Column, Callable[[Row], object]]] = {
    Column(heading="DOMAIN"): lambda row: row["domain"],
    Column(heading="KIND"): lambda row: row["kind"],
    Column(heading="LEG"): lambda row: row["leg"] or "none",
    Column(heading="WHY", rank=1): lambda row: row["why"],
}
_LISTS: Final[Mapping[Column, Callable[[Row], object]]] = {
    Column(heading="ADDRESS"): lambda row: row["address"],
    Column(heading="OWNER"): lambda row: row["owner"] or "department",
    Column(heading="MEMBERS", right=True): lambda row: row["members"],
    Column(heading="SUBSCRIBERS", right=True): lambda row: row["subscribers"],
}
_MEMBERS: Final[Mapping[Column, Callable[[Row], object]]] = {
    Column(heading="ADDRESS"): lambda row: row["address"],
    Column(heading="NAMES", rank=1): lambda row: ", ".join(row["names"]),
    Column(heading="URI", rank=2): lambda row: row["uri"],
}
_COUNTERS: Final[Mapping[Column, Callable[[Row], object]]] = {
    Column(heading="COUNTER"): lambda row: row["name"],
    Column(heading="NOW", right=True): lambda row: f"{row['value']:g}",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add all of them."""
    parser = subparsers.add_parser(
        "domains",
        help="list domains, and which leg serves each",
        group=Group.GATEWAY,
        description="Lists our domains, the names of the component, domains whose leg the configuration says, and what the running "
        "gateway remembers from DNS. The reasoning about one domain is told by lookup.",
        examples=(
            ("sip2xmpp domains", "all of them"),
            ("sip2xmpp domains example --json", "those with example in it"),
        ),
    )
    parser.add_argument("text", metavar="TEXT", nargs="?", default="", help="only domains that hold this")
    add_json(parser, "print a JSON array")
    parser.set_defaults(run=show_domains)
    parser = subparsers.add_parser(
        "lists",
        help="list departments and lists with an address, or the members of one",
        group=Group.PEOPLE,
        description="Lists departments of the operator and lists of users that have an address of their own, with how many members and "
        "subscribers each has; or who is in one of them. The running gateway knows.",
        examples=(
            ("sip2xmpp lists", "all of them"),
            ("sip2xmpp lists sales@sip.example.org", "who is in the list of sales"),
        ),
        no="that address is no list",
    )
    parser.add_argument("address", metavar="ADDRESS", nargs="?", help="show who is in this list")
    add_json(parser, "print a JSON array")
    parser.set_defaults(run=show_lists)
    parser = subparsers.add_parser(
        "counters",
        help="show everything that the running gateway counts",
        group=Group.GATEWAY,
        description="Shows all counters as they are now; what only grows began at zero when the gateway started.",
        examples=(
            ("sip2xmpp counters", "all of them"),
            ("sip2xmpp counters sip. --json", "those of the SIP leg"),
        ),
    )
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", default="", help="only counters whose name holds this"
    )
    add_json(parser, "print a JSON array")
    parser.set_defaults(run=show_counters)


def show_domains(arguments: argparse.Namespace) -> int:
    """Print domains."""
    match = {"match": arguments.text} if arguments.text else {}
    rows = list(_all(configuration(arguments), "/operator/domains", match))
    print_rows(arguments, rows, _DOMAINS, none="no domain")
    return OK


def show_lists(arguments: argparse.Namespace) -> int:
    """Print lists, or members of one."""
    config = configuration(arguments)
    if not arguments.address:
        print_rows(arguments, list(_all(config, "/operator/lists", {})), _LISTS, none="there are no lists")
        return OK
    path = f"/operator/lists/{quote(str(any_address(arguments.address)), safe='@')}"
    there = ask(config, "GET", path)
    if there.trouble:
        print(json.dumps(None) if arguments.json else printable(there.trouble))
        return NOT_AS_WISHED
    print_rows(arguments, list(_all(config, f"{path}/members", {})), _MEMBERS, none="nobody is in the list")
    return OK


def show_counters(arguments: argparse.Namespace) -> int:
    """Print numbers."""
    numbers = ask(configuration(arguments), "GET", "/operator/counters").value["numbers"]
    rows = [
        {"name": name, "value": value} for name, value in sorted(numbers.items()) if arguments.text in name
    ]
    print_rows(arguments, rows, _COUNTERS, none="nothing of that name is counted")
    return OK


def _all(config: Config, path: str, query: Mapping[str, str]) -> Iterator[Row]:
    """All rows of a list, asked for a stretch at a time."""
    asked = {**query, "limit": str(MOST)}
    while True:
        reply = ask(config, "GET", f"{path}?{urlencode(asked)}")
        if reply.trouble:
            raise Refused(reply.trouble)
        yield from reply.value["rows"]
        if not reply.value["next"]:
            return
        asked["after"] = reply.value["next"]
