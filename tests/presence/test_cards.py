"""Contact data that rides along with presence."""

from collections.abc import Callable, Sequence

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Basic, Cipid, Presence, Tuple
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.cards import CardFeed, cipid_of
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.presence.policy import PLAIN, Handling
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.watching import Notification
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Card, Publication

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
CARD = Card(
    address=ALICE, full_name="Alice", url="https://alice.example.org/", icon="https://a.example/i.png"
)
CIPID = Cipid(display_name="Alice", homepage="https://alice.example.org/", icon="https://a.example/i.png")

PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    ' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:c="urn:ietf:params:xml:ns:pidf:cipid"'
    ' entity="sip:alice@sip.example.org"><tuple id="t1"><status><basic>{basic}</basic></status></tuple>'
    '<dm:person id="p1"><r:activities><r:away/></r:activities>{more}</dm:person></presence>'
)


class Phones:
    """A feed that knows one open tuple while ``on``."""

    def __init__(self) -> None:
        self.on = False

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:
        tuples = (Tuple(id="t", basic=Basic.OPEN),)
        document = Presence(entity=presentity.sip_uri(), tuples=tuples)
        return [Source(id="phone", rank=Rank.REGISTERED, published_at=1.0, document=document)] * self.on

    def listen(self, changed: Callable[[Address], None]) -> None:
        pass


class Ear:
    def __init__(self) -> None:
        self.address = BOB
        self.heard: list[Notification] = []

    def notified(self, notification: Notification) -> None:
        self.heard.append(notification)


class House:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.phones = Phones()
        self.handling = Handling.ALLOW
        self.agent = PresenceAgent(
            store=self.store,
            clock=self.clock,
            judge=lambda *_: PLAIN[self.handling],
            exists=lambda _: True,
            parse=lambda publication: pidf.read(publication.document),
            feeds=[self.phones, CardFeed(self.store.cards, [self.phones])],
        )

    def publish(self, basic: str = "open", more: str = "") -> None:
        self.store.publications.put(
            Publication(
                presentity=ALICE,
                package="presence",
                etag="e1",
                source="",
                content_type="application/pidf+xml",
                document=PIDF.format(basic=basic, more=more).encode(),
                user_agent="",
                published_at=self.clock.seconds(),
                expires_at=1e6,
            )
        )

    def document(self) -> Presence:
        return self.agent.composed(ALICE)


@pytest.fixture
def house() -> House:
    return House()


def cipid(document: Presence) -> Cipid | None:
    return next((person.cipid for person in document.persons), None)


def test_a_card_goes_with_what_is_published(house: House) -> None:
    house.publish()
    before = house.document()
    house.store.cards.put(CARD)
    after = house.document()
    assert cipid(before) is None and cipid(after) == CIPID
    assert (state_of(after), after.tuples) == (state_of(before), before.tuples)
    assert state_of(after) is State.AWAY


def test_a_card_goes_with_what_a_phone_says(house: House) -> None:
    house.store.cards.put(CARD)
    house.phones.on = True
    document = house.document()
    assert cipid(document) == CIPID and state_of(document) is State.ONLINE


def test_a_card_alone_opens_nobody(house: House) -> None:
    house.store.cards.put(CARD)
    assert house.document() == offline_document(ALICE.sip_uri())
    house.publish("closed")
    assert state_of(house.document()) is State.OFFLINE
    assert cipid(house.document()) is None


def test_what_is_published_is_newer_than_a_card(house: House) -> None:
    house.store.cards.put(CARD)
    house.clock.advance(1)
    house.publish(more="<c:display-name>Ali</c:display-name>")
    assert cipid(house.document()) == Cipid(display_name="Ali")


@pytest.mark.parametrize("handling", [Handling.ALLOW, Handling.POLITE_BLOCK])
def test_only_who_is_allowed_hears_of_a_new_card(house: House, handling: Handling) -> None:
    house.publish()
    house.handling = handling
    ear = Ear()
    house.agent.watch(ALICE, ear)
    house.clock.advance(0)
    house.store.cards.put(CARD)
    house.clock.advance(0)
    house.clock.advance(0)
    told = [cipid(notification.document) for notification in ear.heard if notification.document is not None]
    assert told == ([None, CIPID] if handling is Handling.ALLOW else [None])


def test_what_cipid_cannot_say_is_not_said() -> None:
    assert cipid_of(Card(address=ALICE, phone="+1 555", picture=b"png")) is None
    assert cipid_of(Card(address=ALICE, nickname="Ali")) == Cipid(display_name="Ali")
