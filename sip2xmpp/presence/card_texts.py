"""What may stand in the card of a user, whoever writes it there: the command, the user's page.

Texts are of a bounded length and without characters that XML cannot have; URLs are of the web, because clients follow them.  A
picture is known by its content.  A card that was is emptied and not removed: clients have to learn that the picture is gone.
"""

from typing import Final

from sip2xmpp.documents.pictures import picture_of
from sip2xmpp.documents.uris import absolute_uri
from sip2xmpp.documents.xml import clean
from sip2xmpp.errors import BadInput
from sip2xmpp.store.records import Card

TEXT_LIMIT: Final = 1024
URLS: Final = frozenset(("url", "icon"))
"""The fields that are URLs."""


def card_text(field: str, value: str) -> str:
    """A field of a card as it is kept.  Raises ``BadInput``."""
    said = clean(value)
    if len(said) > TEXT_LIMIT:
        raise BadInput(f"{TEXT_LIMIT} characters are the most")
    if said and field in URLS:
        url = absolute_uri(said)
        if url is None or not url.lower().startswith(("http://", "https://")):
            raise BadInput(f"{said[:80]} is no http or https URL")
        return url
    return said


def card_picture(octets: bytes, limit: int) -> tuple[bytes, str]:
    """A picture and its type as they are kept; ``limit`` is octets.  Raises ``BadInput``."""
    if len(octets) > limit:
        raise BadInput(f"the picture is larger than {limit} octets (limits.picture)")
    return octets, picture_of(octets).type


def is_other_card(card: Card, known: Card | None) -> bool:
    """Whether a card is to be kept in place of the one that is known: not if it is the same, or says nothing where there is none."""
    return card != known and (known is not None or card != Card(address=card.address))
