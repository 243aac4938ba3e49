"""Sources beside publications, as the presence agent hears them."""

from collections.abc import Callable, Sequence

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.presence.policy import PLAIN, Handling
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication
from tests.presence.neutral import document as stated
from tests.presence.test_agent import ALICE, BOB, ROMEO, Ear, document


class Wire:
    """A feed that says what it is given."""

    def __init__(self) -> None:
        self.said: list[Source] = []
        self.asked_beside: list[int] = []

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:
        self.asked_beside.append(len(published))
        return self.said if presentity == ALICE else ()

    def listen(self, changed: Callable[[Address], None]) -> None:
        self.changed = changed

    def say(self, state: State | None, rank: Rank = Rank.OBSERVED, at: float = 1.0) -> None:
        self.said = (
            [] if state is None else [Source(id="wire", rank=rank, published_at=at, document=stated(state))]
        )
        self.changed(ALICE)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def agent(clock: Clock, store: MemoryStore, wire: Wire) -> PresenceAgent:
    return PresenceAgent(
        store=store,
        clock=clock,
        judge=lambda _, watcher: PLAIN[Handling.CONFIRM if watcher == ROMEO else Handling.ALLOW],
        exists=lambda address: address == ALICE,
        parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
        feeds=[wire],
    )


def publish(store: MemoryStore, octets: bytes, at: float = 0.0) -> None:
    store.publications.put(
        Publication(
            presentity=ALICE,
            package="presence",
            etag="e",
            source="",
            content_type="application/pidf+xml",
            document=octets,
            user_agent="",
            published_at=at,
            expires_at=1e11,
        )
    )


def watching(agent: PresenceAgent, clock: Clock, watcher: Address = BOB) -> Ear:
    ear = Ear(watcher)
    agent.watch(ALICE, ear)
    clock.advance(0)
    return ear


def test_a_feed_alone_makes_somebody_present_and_gone_again(agent, clock, wire):
    ear = watching(agent, clock)
    assert ear.state is State.OFFLINE
    wire.say(State.BUSY)
    clock.advance(0)
    assert ear.state is State.BUSY
    wire.say(None)
    clock.advance(0)
    assert ear.state is State.OFFLINE


def test_a_feed_is_composed_with_what_is_published(agent, clock, store, wire):
    publish(store, document("away"))
    ear = watching(agent, clock)
    wire.say(State.ON_THE_PHONE, Rank.DIALOG)
    clock.advance(0)
    assert ear.state is State.ON_THE_PHONE
    assert wire.asked_beside[-1] == 1
    assert {source.rank for source in agent.sources(ALICE)} == {Rank.PUBLISHED, Rank.DIALOG}
    assert state_of(agent.composed(ALICE)) is State.ON_THE_PHONE


def test_nobody_hears_of_a_source_that_says_what_it_said(agent, clock, wire):
    wire.said = []
    ear = watching(agent, clock)
    wire.say(State.AWAY)
    clock.advance(0)
    wire.say(State.AWAY)
    clock.advance(0)
    assert len(ear.heard) == 2


def test_the_owner_is_told_who_watches_and_when_that_changes(agent, clock):
    changes: list[tuple[Address, Address, Handling]] = []
    agent.listen(lambda presentity, watcher, handling: changes.append((presentity, watcher, handling)))
    bob = agent.watch(ALICE, Ear(BOB))
    agent.watch(ALICE, Ear(ROMEO))
    assert agent.watches(ALICE) == [(BOB, Handling.ALLOW), (ROMEO, Handling.CONFIRM)]
    bob.stop()
    bob.stop()
    assert agent.watches(ALICE) == [(ROMEO, Handling.CONFIRM)]
    assert changes == [
        (ALICE, BOB, Handling.ALLOW),
        (ALICE, ROMEO, Handling.CONFIRM),
        (ALICE, BOB, Handling.ALLOW),
    ]
    assert agent.watches(BOB) == []


def test_a_document_of_nobody_that_is_known_is_offline(agent):
    composed: Presence = agent.composed(ALICE)
    assert state_of(composed) is State.OFFLINE
