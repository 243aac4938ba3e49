"""``sip2xmpp dialogs``, ``publications``, ``authorizations`` and ``pending``: what the gateway holds for others.

It is read from the state file, with the gateway running or stopped.  What is ended has to be told to somebody, so that is done by
the running gateway; its audit log names the command.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sip2xmpp.command.api import ask
from sip2xmpp.command.arguments import (
    NOT_AS_WISHED,
    OK,
    Subparsers,
    add_json,
    any_address,
    configuration,
    say,
)
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import Column, printable
from sip2xmpp.command.tables import left, moment, print_rows
from sip2xmpp.portal.operating_authorizations import AuthorizationRow, authorization_row
from sip2xmpp.portal.operating_dialogs import DialogRow, dialog_row
from sip2xmpp.portal.operating_pending import PendingRow, pending_row
from sip2xmpp.portal.operating_publications import PublicationRow, publication_row
from sip2xmpp.portal.rows import told
from sip2xmpp.store.interface import R
from sip2xmpp.store.offline import OfflineTable, offline
from sip2xmpp.store.records import Kind

T = TypeVar("T")

_DIALOGS: Final[Mapping[Column, Callable[[DialogRow], object]]] = {
    Column(heading="WATCHER"): lambda row: row.watcher,
    Column(heading="WATCHES"): lambda row: row.presentity,
    Column(heading="PACKAGE", rank=1): lambda row: row.package,
    Column(heading="ROLE", rank=2): lambda row: row.role,
    Column(heading="LEFT", rank=1): lambda row: left(row.expires_at),
    Column(heading="USER-AGENT", rank=4): lambda row: row.user_agent,
    Column(heading="FLOW", rank=5): lambda row: row.flow,
    Column(heading="ID", rank=3): lambda row: row.id,
}
_PUBLICATIONS: Final[Mapping[Column, Callable[[PublicationRow], object]]] = {
    Column(heading="ADDRESS"): lambda row: row.address,
    Column(heading="PACKAGE", rank=1): lambda row: row.package,
    Column(heading="SIZE", rank=2, right=True): lambda row: row.size,
    Column(heading="LEFT", rank=1): lambda row: left(row.expires_at),
    Column(heading="USER-AGENT", rank=3): lambda row: row.user_agent,
    Column(heading="ID"): lambda row: row.id,
}
_AUTHORIZATIONS: Final[Mapping[Column, Callable[[AuthorizationRow], object]]] = {
    Column(heading="WATCHER"): lambda row: row.watcher_jid,
    Column(heading="CONTACT"): lambda row: row.contact_jid,
    Column(heading="STATE"): lambda row: row.state.value,
    Column(heading="SINCE (UTC)", rank=1): lambda row: moment(row.decided_at or row.asked_at),
    Column(heading="SIDE", rank=2): lambda row: row.side.value,
}
_PENDING: Final[Mapping[Column, Callable[[PendingRow], object]]] = {
    Column(heading="WAITS FOR"): lambda row: row.address,
    Column(heading="WATCHER"): lambda row: row.watcher,
    Column(heading="ASKED (UTC)", rank=1): lambda row: moment(row.asked_at),
    Column(heading="KEPT FOR", rank=2): lambda row: left(row.expires_at),
}


def add_parser(subparsers: Subparsers) -> None:
    """Add all of them."""
    _add_dialogs(subparsers)
    _add_publications(subparsers)
    _add_authorizations(subparsers)
    parser = subparsers.add_parser(
        "pending",
        help="list everybody who waits for the decision of somebody",
        group=Group.PEOPLE,
        description="Lists who asked to watch one of our users and was not decided about, for all users or for one. "
        "To decide for the owner, use allow, block, polite-block or confirm.",
        examples=(
            ("sip2xmpp pending", "for everybody"),
            ("sip2xmpp pending bob@sip.example.org", "who waits for Bob"),
        ),
    )
    parser.add_argument("address", metavar="ADDRESS", nargs="?", help="only who waits for this user")
    add_json(parser, "print a JSON array")
    parser.set_defaults(run=show_pending)


def _add_dialogs(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "dialogs",
        help="list subscriptions by SIP, or end one",
        group=Group.LOOKING,
        description="Subscriptions by SIP: those of watchers that we serve (role notifier), and those that we have elsewhere.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list",
        help="list them",
        description="Lists subscriptions, by who is watched. Works with the gateway running or stopped.",
        examples=(
            ("sip2xmpp dialogs list", "all of them"),
            (
                "sip2xmpp dialogs list bob@sip.example.org --package presence",
                "those by or to Bob, of one package",
            ),
        ),
    )
    _add_text(listing)
    listing.add_argument(
        "--package", metavar="NAME", default="", help="only of this event package, as in presence"
    )
    listing.set_defaults(run=show_dialogs)
    ending = verbs.add_parser(
        "end",
        help="end one politely",
        description="Ends a subscription: the watcher gets a last NOTIFY that says why, and may come back unless that is forbidden. "
        "One of ours elsewhere is left. The running gateway does it.",
        examples=(("sip2xmpp dialogs end 9f2c31d07e", "the id is in the last column of the list"),),
        no="there is no such subscription, or it lasts as long as the configuration says",
    )
    ending.add_argument("id", metavar="ID", help="as it is listed")
    ending.add_argument("--forbid", action="store_true", help="tell the watcher not to come back")
    add_json(ending, "print the subscription as a JSON object")
    ending.set_defaults(run=end_dialog)


def _add_publications(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "publications",
        help="list what devices have published, show one, or remove one",
        group=Group.LOOKING,
        description="What devices have published, of any event package.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list",
        help="list them",
        description="Lists publications by address. Works with the gateway running or stopped.",
        examples=(
            ("sip2xmpp publications list", "everybody's"),
            ("sip2xmpp publications list bob@sip.example.org --json", "those of Bob, for a script"),
        ),
    )
    _add_text(listing)
    listing.set_defaults(run=show_publications)
    for name, run, help_, description in (
        (
            "show",
            show_publication,
            "show the document of one",
            "Prints what was published, as the device wrote it.",
        ),
        (
            "remove",
            remove_publication,
            "remove one",
            "Removes a publication; the device learns of it when it refreshes, and may publish again. The running gateway does it.",
        ),
    ):
        one = verbs.add_parser(
            name,
            help=help_,
            description=description,
            examples=(
                (f"sip2xmpp publications {name} 5f1c9e0a2b", "the id is in the last column of the list"),
            ),
            no="there is no such publication",
        )
        one.add_argument("id", metavar="ID", help="as it is listed")
        add_json(one, "print the publication as a JSON object")
        one.set_defaults(run=run)


def _add_authorizations(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "authorizations",
        help="list permissions between SIP and Jabber users, or withdraw one",
        group=Group.PEOPLE,
        description="Permissions between SIP and Jabber users to watch one another. They are permanent until withdrawn.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list",
        help="list them",
        description="Lists permissions, those that are asked for and those that were denied lately as well. "
        "Works with the gateway running or stopped.",
        examples=(
            ("sip2xmpp authorizations list", "all of them"),
            ("sip2xmpp authorizations list juliet@jabber.example --state pending", "what Juliet waits for"),
        ),
    )
    _add_text(listing)
    listing.add_argument("--state", choices=[each.value for each in Kind], help="only in this state")
    listing.set_defaults(run=show_authorizations)
    withdrawing = verbs.add_parser(
        "withdraw",
        help="withdraw one",
        description="Withdraws a permission; the Jabber user is told. To keep a watcher from asking again, block it. "
        "The running gateway does it.",
        examples=(
            (
                "sip2xmpp authorizations withdraw juliet@jabber.example bob@sip.example.org",
                "Juliet does not see Bob any more",
            ),
        ),
        no="there is no such permission, or no XMPP leg",
    )
    withdrawing.add_argument("watcher", metavar="WATCHER", help="the watcher, as it is listed")
    withdrawing.add_argument("contact", metavar="CONTACT", help="the contact, as it is listed")
    add_json(withdrawing, "print what was withdrawn as a JSON object")
    withdrawing.set_defaults(run=withdraw)


def _add_text(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", default="", help="only rows that hold this, such as an address"
    )
    add_json(parser, "print a JSON array")


# lists


def show_dialogs(arguments: argparse.Namespace) -> int:
    """Print dialogs."""
    rows = _rows(arguments, "dialogs", dialog_row)
    rows = [row for row in rows if arguments.package in ("", row.package)]
    rows.sort(key=lambda row: (row.presentity, row.watcher, row.id))
    print_rows(arguments, rows, _DIALOGS, none="nobody watches")
    return OK


def show_publications(arguments: argparse.Namespace) -> int:
    """Print publications."""
    rows = _rows(arguments, "publications", publication_row)
    print_rows(
        arguments,
        sorted(rows, key=lambda row: (row.address, row.id)),
        _PUBLICATIONS,
        none="nothing is published",
    )
    return OK


def show_authorizations(arguments: argparse.Namespace) -> int:
    """Print authorizations."""
    rows = _rows(arguments, "authorizations", authorization_row)
    rows = [row for row in rows if arguments.state in (None, row.state.value)]
    print_rows(
        arguments, sorted(rows, key=lambda row: row.id), _AUTHORIZATIONS, none="nobody may watch anybody"
    )
    return OK


def show_pending(arguments: argparse.Namespace) -> int:
    """Print who waits."""
    wanted = any_address(arguments.address) if arguments.address else None
    config = configuration(arguments)
    with offline(config.gateway.state) as store:
        rows = [pending_row(note, watches=False) for note in _live(store.waiting)]
        live = {(each.presentity, each.watcher) for each in _live(store.dialogs)}
        live |= {(each.contact, each.watcher) for each in _live(store.authorizations)}
    rows = [
        PendingRow(
            address=row.address,
            watcher=row.watcher,
            package=row.package,
            watches=(row.address, row.watcher) in live,
            asked_at=row.asked_at,
            expires_at=row.expires_at,
        )
        for row in rows
        if wanted in (None, row.address)
    ]
    rows.sort(key=lambda row: (row.address, row.asked_at))
    print_rows(arguments, rows, _PENDING, none="nobody waits")
    return OK


def show_publication(arguments: argparse.Namespace) -> int:
    """Print one document."""
    with offline(configuration(arguments).gateway.state) as store:
        held = store.publications.get(arguments.id)
    if held is None or held.expires_at <= time.time():
        return _nothing(arguments, f"there is no publication {arguments.id}")
    document = held.document.decode("utf-8", "replace")
    value = {"publication": told(publication_row(held)), "document": document}
    say(arguments, "\n".join(map(printable, document.splitlines())), value)
    return OK


# changes


def end_dialog(arguments: argparse.Namespace) -> int:
    """Have one ended."""
    path = f"/operator/dialogs/{_quoted(arguments.id)}"
    return _changed(arguments, path, "?forbid=true" if arguments.forbid else "", "ended")


def remove_publication(arguments: argparse.Namespace) -> int:
    """Have one removed."""
    config = configuration(arguments)
    with offline(config.gateway.state) as store:
        held = store.publications.get(arguments.id)
    if held is None:
        return _nothing(arguments, f"there is no publication {arguments.id}")
    path = f"/users/{quote(str(held.presentity), safe='@')}/publications/{_quoted(arguments.id)}"
    return _changed(arguments, path, "", "removed", value=told(publication_row(held)))


def withdraw(arguments: argparse.Namespace) -> int:
    """Have one withdrawn."""
    config = configuration(arguments)
    with offline(config.gateway.state) as store:
        held = store.authorizations.get(f"{arguments.watcher} {arguments.contact}")
    path = f"/operator/authorizations/{_quoted(arguments.watcher)}/{_quoted(arguments.contact)}"
    value = None if held is None else told(authorization_row(held))
    return _changed(arguments, path, "", "withdrawn", value=value)


def _changed(arguments: argparse.Namespace, path: str, query: str, done: str, value: Any = None) -> int:
    config = configuration(arguments)
    if value is None:
        there = ask(config, "GET", path) if "/dialogs/" in path else None
        value = there.value if there is not None and not there.trouble else None
    reply = ask(config, "DELETE", f"{path}{query}")
    if reply.trouble:
        return _nothing(arguments, reply.trouble)
    say(arguments, done, value)
    return OK


def _nothing(arguments: argparse.Namespace, why: str) -> int:
    say(arguments, printable(why), None)
    return NOT_AS_WISHED


def _rows(arguments: argparse.Namespace, name: str, row: Callable[[Any], T]) -> list[T]:
    """The live rows of a table that hold the text."""
    with offline(configuration(arguments).gateway.state) as store:
        rows = [row(record) for record in _live(getattr(store, name))]
    text = arguments.text.casefold()
    return [
        each for each in rows if not text or text in json.dumps(told(each), ensure_ascii=False).casefold()
    ]


def _live(table: OfflineTable[R]) -> list[R]:
    now = time.time()
    return [each for each in table.all() if each.expires_at is None or each.expires_at > now]


def _quoted(word: str) -> str:
    """A word of the command line in a path, also one that is not UTF-8: the gateway says so."""
    return quote(word, safe="", errors="surrogateescape")
