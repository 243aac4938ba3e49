"""``sip2xmpp inject``: state how an address of ours is now, without being its SIP client.

The address needs no account: it is known from the first statement on, and stays so until ``--forget``.  What is stated
holds until it is withdrawn or its time has passed.
"""

import argparse
import time

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, configuration, own_address
from sip2xmpp.command.deeds import record
from sip2xmpp.command.parser import Group
from sip2xmpp.command.stating import (
    Place,
    add_times,
    add_words,
    living,
    octets_of,
    put,
    says_something,
    show,
    withdraw,
)
from sip2xmpp.errors import BadInput
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.store.offline import offline


def add_parser(subparsers: Subparsers) -> None:
    """Add ``inject``."""
    parser = subparsers.add_parser(
        "inject",
        help="state how an address of ours is now; it needs neither an account nor a SIP client",
        group=Group.PEOPLE,
        description="States how an address of ours is, from a script: a weather station, a backup, a meeting room. The address needs no "
        "account and is known from the first statement on. What is stated holds until it is withdrawn or its time "
        "has passed. Works with the gateway running or stopped.",
        examples=(
            (
                'sip2xmpp inject weather@sip.example.org online --note "17 degrees" --note "17 Grad;de" --for 30m',
                "watchers see the text in their language, for half an hour",
            ),
            (
                "sip2xmpp inject room7@sip.example.org busy --activity meeting --until 2030-01-05T11:00",
                "until eleven",
            ),
            ("sip2xmpp inject weather@sip.example.org --withdraw", "takes it back"),
        ),
        no="there was nothing to withdraw or to forget",
    )
    parser.add_argument("address", metavar="ADDRESS", help="as in weather@sip.example.org")
    add_words(parser)
    add_times(parser)
    parser.add_argument(
        "--priority", type=float, metavar="0..1", help="of several sources the highest is heard"
    )
    parser.add_argument("--always", action="store_true", help="it wins over everything, also over calls")
    parser.add_argument(
        "--source",
        default="command",
        metavar="NAME",
        help="what the statement is called (default: %(default)s)",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--withdraw", action="store_true", help="take back what the source stated")
    instead.add_argument("--list", action="store_true", help="list everything that is stated of the address")
    instead.add_argument(
        "--forget", action="store_true", help="take back everything; without account it is unknown again"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """State, withdraw, forget or list; status 1 if there was nothing to withdraw."""
    config = configuration(arguments)
    place = Place(address=own_address(arguments.address, config), source=arguments.source, config=config)
    if arguments.withdraw or arguments.list or arguments.forget:
        if says_something(arguments):
            raise BadInput("--withdraw, --list and --forget are not for a state or a document")
        return (
            _forget(place)
            if arguments.forget
            else _list(place, arguments)
            if arguments.list
            else _withdraw(place)
        )
    if not says_something(arguments):
        raise BadInput("say something: a state, a --note, or a document by --pidf")
    if arguments.priority is not None and not 0 <= arguments.priority <= 1:
        raise BadInput("--priority is a number from 0 to 1")
    octets = octets_of(arguments, place, arguments.priority)
    made = put(place, arguments, octets, Rank.OVERRIDE if arguments.always else Rank.INJECTED)
    show([made], as_json=arguments.json)
    return OK


def _withdraw(place: Place) -> int:
    known = withdraw(place)
    print("withdrawn" if known else f"{place.source} states nothing about {place.address}")
    return OK if known else NOT_AS_WISHED


def _list(place: Place, arguments: argparse.Namespace) -> int:
    with offline(place.config.gateway.state) as store:
        held = living(store, place.address, time.time())
    show(held, as_json=arguments.json)
    return OK


def _forget(place: Place) -> int:
    with offline(place.config.gateway.state) as store:
        held = store.statements.select(str(place.address))
        known = bool(held) or store.virtuals.get(str(place.address)) is not None
        for one in held:
            store.statements.remove(one.key)
        store.virtuals.remove(str(place.address))
        if known:
            record(store, "forget what was stated", place.address)
    print("forgotten" if known else f"nothing is known of {place.address}")
    return OK if known else NOT_AS_WISHED
