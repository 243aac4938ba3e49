"""Contact data that rides along with presence: a card is heard as a source that says nothing about a state.

Its document has a person and no tuple, so it opens nobody; and it is only heard while something else is known of the
presentity, so that a card alone does not make somebody look different from one of whom nothing is known.  What the
presentity publishes itself is newer than any card.

Implements: RFC 4482 (CIPID) from stored contact data.
"""

from collections.abc import Callable, Sequence

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Cipid, Person, Presence
from sip2xmpp.presence.canonical import person_id
from sip2xmpp.presence.feeds import Feed
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.store.interface import Change, Table
from sip2xmpp.store.records import Card, Publication


class CardFeed:
    """The feed of ``store.cards``; ``others`` are those that may know of somebody of whom nothing is published."""

    def __init__(self, cards: Table[Card], others: Sequence[Feed] = ()) -> None:
        self._cards = cards
        self._others = others

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:
        """The card as a source, or nothing."""
        card = self._cards.get(str(presentity))
        if card is None:
            return ()
        cipid = cipid_of(card)
        if cipid is None or not (
            published or any(feed.sources(presentity, published) for feed in self._others)
        ):
            return ()
        entity = presentity.sip_uri()
        person = Person(id=person_id(entity), cipid=cipid)
        document = Presence(entity=entity, persons=(person,))
        return (Source(id="card", rank=Rank.REGISTERED, published_at=0.0, document=document),)

    def listen(self, changed: Callable[[Address], None]) -> None:
        """Call ``changed`` for whose card is another one."""

        def card_changed(change: Change[Card]) -> None:
            changed(change.record.address)

        self._cards.listen(card_changed)


def cipid_of(card: Card) -> Cipid | None:
    """What of a card CIPID can say; None if nothing."""
    cipid = Cipid(
        display_name=card.full_name or card.nickname or None,
        homepage=card.url or None,
        icon=card.icon or None,
    )
    return None if cipid == Cipid() else cipid
