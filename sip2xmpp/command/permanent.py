"""``sip2xmpp permanent``: how somebody is while no device says anything, as in "on holiday until 5 January".

It is about the person: with devices that are merely online it is said of them, and with none it is shown by itself.  With
``--always`` it wins over everything instead.
"""

import argparse
import time

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, configuration, own_address
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

SHOWN = (Rank.PERMANENT, Rank.OVERRIDE)


def add_parser(subparsers: Subparsers) -> None:
    """Add ``permanent``."""
    parser = subparsers.add_parser(
        "permanent",
        help="state how somebody is while no device says anything, as on a holiday",
        group=Group.PEOPLE,
        description="The sign on the door: how somebody is while no device says anything about the person. With --always it wins over "
        "everything, also over calls. Works with the gateway running or stopped.",
        examples=(
            (
                'sip2xmpp permanent alice@sip.example.org xa --note "On holiday until 5 January" --until 2030-01-05',
                "ends by itself",
            ),
            ("sip2xmpp permanent alice@sip.example.org dnd --always", "whatever her phones say"),
            ("sip2xmpp permanent alice@sip.example.org --clear", "takes it back"),
        ),
        no="there was nothing to clear",
    )
    parser.add_argument("address", metavar="ADDRESS", help="as in alice@sip.example.org")
    add_words(parser)
    add_times(parser)
    parser.add_argument("--always", action="store_true", help="it wins over everything, also over calls")
    parser.add_argument(
        "--source",
        default="permanent",
        metavar="NAME",
        help="what the statement is called (default: %(default)s)",
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--clear", action="store_true", help="take it back")
    instead.add_argument("--list", action="store_true", help="list what is permanent and what always wins")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """State, clear or list; status 1 if there was nothing to clear."""
    config = configuration(arguments)
    place = Place(address=own_address(arguments.address, config), source=arguments.source, config=config)
    says = says_something(arguments)
    if says and (arguments.clear or arguments.list):
        raise BadInput("--clear and --list are not for a state or a document")
    if arguments.clear:
        known = withdraw(place)
        print("cleared" if known else f"{place.source} states nothing about {place.address}")
        return OK if known else NOT_AS_WISHED
    if says:
        made = put(
            place,
            arguments,
            octets_of(arguments, place),
            Rank.OVERRIDE if arguments.always else Rank.PERMANENT,
        )
        show([made], as_json=arguments.json)
        return OK
    with offline(config.gateway.state) as store:
        held = living(store, place.address, time.time())
    show([one for one in held if one.rank in SHOWN], as_json=arguments.json)
    return OK
