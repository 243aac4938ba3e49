"""``sip2xmpp audit``: who changed what, by page, API or command.

Works on the state file, with the gateway running or stopped.
"""

import argparse
from collections.abc import Callable, Mapping
from typing import Final

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, add_json, configuration
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column
from sip2xmpp.command.tables import moment, print_rows
from sip2xmpp.errors import BadInput
from sip2xmpp.store.keeping import Deed
from sip2xmpp.store.offline import offline

USUAL: Final = 50
"""Lines that are shown unless more are wanted."""

_COLUMNS: Final[Mapping[Column, Callable[[Deed], object]]] = {
    Column(heading="WHEN (UTC)"): lambda deed: moment(deed.at),
    Column(heading="WHO"): lambda deed: deed.who,
    Column(heading="BY", rank=1): lambda deed: deed.by,
    Column(heading="WHAT"): lambda deed: deed.what,
    Column(heading="ABOUT", rank=2): lambda deed: deed.about,
    Column(heading="FROM", rank=3): lambda deed: deed.peer,
}


def add_parser(subparsers: Subparsers) -> None:
    """Add ``audit``."""
    parser = subparsers.add_parser(
        "audit",
        help="show who changed what",
        group=Group.GATEWAY,
        description="Shows the audit log, the newest line first: every change that somebody made by page, API or command. What is kept "
        "goes back a year, or ten thousand lines.",
        examples=(
            ("sip2xmpp audit", "the last changes"),
            ("sip2xmpp audit --about bob@sip.example.org --most 500", "what was done to one user"),
            ("sip2xmpp audit --who 'token roof' --json", "what a program did, for a script"),
        ),
        no="there is no such line",
    )
    parser.add_argument("--about", metavar="ADDRESS", default="", help="only what concerns this address")
    parser.add_argument("--who", metavar="WHO", default="", help="only what this one did, as it is listed")
    parser.add_argument(
        "--most", metavar="NUMBER", type=int, default=USUAL, help="lines at most (default: %(default)s)"
    )
    add_json(parser, "print a JSON array")
    parser.set_defaults(run=show)


def show(arguments: argparse.Namespace) -> int:
    """Print lines, the newest first; 1 if there are none."""
    if arguments.most < 1:
        raise BadInput("--most is 1 or more")
    with offline(configuration(arguments).gateway.state) as store:
        deeds = store.deeds.all()
    about, who = arguments.about.casefold(), arguments.who
    wanted = [deed for deed in deeds if about in ("", deed.about.casefold()) and who in ("", deed.who)]
    rows = sorted(wanted, key=lambda deed: (deed.at, deed.id), reverse=True)[: arguments.most]
    print_rows(arguments, rows, _COLUMNS, none="nothing was changed")
    return OK if rows else NOT_AS_WISHED
