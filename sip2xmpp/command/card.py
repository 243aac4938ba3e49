"""``sip2xmpp card``: what is known about one of our users beside presence: names, phone, mail, a page, a picture.

Works on the state file, with the gateway running or stopped; a running gateway shows a new card within a second.  What is
not named stays as it was, and an empty text takes a field away.  Jabber users who may see the presence get it as a vCard,
SIP watchers as contact information in presence documents.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from sip2xmpp.command.arguments import NOT_AS_WISHED, OK, Subparsers, configuration, own_address
from sip2xmpp.command.deeds import record
from sip2xmpp.command.parser import Group
from sip2xmpp.errors import BadInput
from sip2xmpp.presence.card_texts import card_picture, card_text, is_other_card
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Card

TEXTS: Final = {
    "name": ("full_name", "the name to be shown"),
    "nickname": ("nickname", "what friends say"),
    "phone": ("phone", "a telephone number"),
    "mail": ("email", "an address for mail"),
    "url": ("url", "a page about the user, http or https"),
    "icon": ("icon", "a picture in the web, http or https, for those who cannot be given a file"),
    "organization": ("organization", "a company or the like"),
    "title": ("title", "a position there"),
    "description": ("description", "a few words"),
}
"""Option -> field of the card, and what it is."""


def add_parser(subparsers: Subparsers) -> None:
    """Add ``card``."""
    parser = subparsers.add_parser(
        "card",
        help="show or change the contact data of a user",
        group=Group.PEOPLE,
        description="Shows or changes what is known of one of our users beside presence: names, phone, mail, a page, a picture. "
        "Jabber users who may see the presence get it as a vCard, SIP watchers as contact information. What is not named "
        "stays as it was; an empty text takes a field away. Works with the gateway running or stopped.",
        examples=(
            ("sip2xmpp card bob@sip.example.org", "what is known of Bob"),
            (
                'sip2xmpp card bob@sip.example.org --name Bob --phone "+1 555 0100" --picture bob.png',
                "changes three fields and leaves the others",
            ),
            ('sip2xmpp card bob@sip.example.org --picture ""', "takes the picture away"),
        ),
        no="nothing is known of the user",
    )
    parser.add_argument("address", metavar="ADDRESS", help="one of our users, as in bob@sip.example.org")
    for option, (_, told) in TEXTS.items():
        parser.add_argument(f"--{option}", metavar="TEXT", help=told)
    parser.add_argument(
        "--picture",
        metavar="FILE",
        help="a PNG, JPEG or GIF; an empty name takes the picture away",
    )
    parser.add_argument("--clear", action="store_true", help="take everything away first")
    parser.add_argument(
        "--show", action="store_true", help="print the card, which is also done without options"
    )
    parser.add_argument("--json", action="store_true", help="print the card as a JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Change what was named, then print the card if that is wished; exit status 1 when there is none to print."""
    config = configuration(arguments)
    address = own_address(arguments.address, config)
    changes: dict[str, object] = {
        field: _text(option, value)
        for option, (field, _) in TEXTS.items()
        if (value := getattr(arguments, option)) is not None
    }
    if arguments.picture is not None:
        changes["picture"], changes["picture_type"] = _picture(arguments.picture, config.limits.picture)
    with offline(config.gateway.state) as store:
        known = store.cards.get(str(address))
        card = known if known is not None and not arguments.clear else Card(address=address)
        card = replace(card, **changes)  # type: ignore[arg-type]
        if is_other_card(card, known):
            store.cards.put(card)
            record(store, "change the card", address)
    if arguments.json:
        print(json.dumps(_shown(card), indent=2))
    elif arguments.show or not (changes or arguments.clear):
        for name, value in _shown(card).items():
            print(f"{name:12} {value}")
        if not _shown(card):
            print("nothing is known")
            return NOT_AS_WISHED
    else:
        print(f"{address}: stored")
    return OK


def _shown(card: Card) -> dict[str, str]:
    """What the card says, by option."""
    said = {option: getattr(card, field) for option, (field, _) in TEXTS.items()}
    if card.picture:
        said["picture"] = f"{card.picture_type}, {len(card.picture)} octets"
    return {option: value for option, value in said.items() if value}


def _text(option: str, value: str) -> str:
    try:
        return card_text(TEXTS[option][0], value)
    except BadInput as error:
        raise BadInput(f"--{option}: {error}") from None


def _picture(name: str, limit: int) -> tuple[bytes, str]:
    """The octets of a picture and their type, known by what is in the file and not by its name."""
    if not name:
        return b"", ""
    path = Path(name)
    try:
        with path.open("rb") as file:
            return card_picture(file.read(limit + 1), limit)
    except OSError as error:
        raise BadInput(f"--picture: {path}: {error.strerror}") from error
    except BadInput as error:
        raise BadInput(f"--picture: {path}: {error}") from None
