"""``sip2xmpp contacts``: the contact list that a user's SIP clients keep on the server: show it, add, name, move and remove.

The running gateway does it, by its HTTP API.  A contact is named by a URI or an address, and a group by its id, which is its name
where it is in no other group; a group that is not there yet is made.
"""

import argparse
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from sip2xmpp.address import Address
from sip2xmpp.command.api import Reply, ask
from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, configuration, own_address, say
from sip2xmpp.command.parser import Group
from sip2xmpp.command.screen import json_of, printable
from sip2xmpp.config import Config
from sip2xmpp.errors import BadInput

ACTIONS = ("list", "add", "remove", "move", "name")


def add_parser(subparsers: Subparsers) -> None:
    """Add ``contacts``."""
    parser = subparsers.add_parser(
        "contacts",
        help="show or change the contacts of a user of ours, by the API of the running gateway",
        group=Group.PEOPLE,
        description="Shows or changes the contact list that a user's SIP clients keep on the server. The running gateway does it. A "
        "group is named by its id; one that is not there yet is made.",
        examples=(
            ("sip2xmpp contacts bob@sip.example.org", "the whole list, group by group"),
            (
                "sip2xmpp contacts bob@sip.example.org add juliet@jabber.example --name Juliet --group Friends",
                "adds a Jabber user to a group",
            ),
            ("sip2xmpp contacts bob@sip.example.org remove juliet@jabber.example", "out of every group"),
        ),
        no="there is no such contact, or it is there already",
    )
    parser.add_argument("address", metavar="ADDRESS", help="whose, as in bob@sip.example.org")
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", choices=ACTIONS, default="list", help=", ".join(ACTIONS)
    )
    parser.add_argument(
        "contact", metavar="CONTACT", nargs="?", help="as in juliet@jabber.example or sip:alice@example.com"
    )
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="GROUP",
        help="where to; may be repeated. With list or remove: only there",
    )
    parser.add_argument("--name", metavar="TEXT", help="what the user calls the contact")
    parser.add_argument("--json", action="store_true", help="print JSON, as the API gives it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do it; status 1 if there is no such contact, or it is there already."""
    config = configuration(arguments)
    address = own_address(arguments.address, config)
    _check(arguments)
    if arguments.action == "list":
        reply = ask(config, "GET", _path(address))
    else:
        reply = _changed(arguments, config, address)
    if reply.trouble:
        say(arguments, printable(reply.trouble), reply.value)
        return NOT_AS_WISHED
    if arguments.action == "list":
        told = reply.value
        if arguments.group:
            told["groups"] = [each for each in told["groups"] if each["id"] in arguments.group]
        print(json_of(told) if arguments.json else "\n".join(_lines(told)))
    elif arguments.json:
        print(json_of(reply.value))
    else:
        print("removed" if reply.value is None else _line(reply.value))
    return OK


def _check(arguments: argparse.Namespace) -> None:
    action = arguments.action
    if (action == "list") != (arguments.contact is None):
        raise BadInput("list shows everybody" if action == "list" else f"say whom to {action}")
    if action == "move" and not arguments.group:
        raise BadInput("say where to, by --group")
    if action == "name" and arguments.name is None:
        raise BadInput("say what to call the contact, by --name")
    if action == "remove" and len(arguments.group) > 1:
        raise BadInput("a contact is removed from one --group, or from all")


def _changed(arguments: argparse.Namespace, config: Config, address: Address) -> Reply:
    given: dict[str, Any] = {"name": arguments.name} if arguments.name is not None else {}
    if arguments.group:
        given["groups"] = arguments.group
    one = f"{_path(address)}/{_quoted(arguments.contact)}"
    if arguments.action == "add":
        given["contact"] = arguments.contact
        return ask(config, "POST", _path(address), given)
    if arguments.action == "remove":
        query = f"?group={_quoted(arguments.group[0])}" if arguments.group else ""
        return ask(config, "DELETE", f"{one}{query}")
    there = ask(config, "GET", one)
    if there.trouble:
        return there
    return ask(config, "PUT", one, given)


def _path(address: Address) -> str:
    return f"/users/{quote(str(address), safe='@')}/contacts"


def _quoted(word: str) -> str:
    """A word of the command line in a path, also one that is not UTF-8: the gateway says so."""
    return quote(word, safe="", errors="surrogateescape")


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """The list as a person reads it: groups, and below each of them its contacts."""
    for group in told["groups"]:
        shown = group["display_name"]
        yield printable(group["id"] + (f" ({shown})" if shown and shown != group["id"] else ""))
        for contact in group["contacts"]:
            yield f"  {_line(contact)}"
    if not told["groups"]:
        yield "no contacts"


def _line(contact: dict[str, Any]) -> str:
    who = contact["address"] or contact["uri"]
    where = f" in {', '.join(contact['groups'])}" if "groups" in contact else ""
    return printable(f"{who}{' ' + contact['name'] if contact['name'] else ''} [{contact['world']}]{where}")
