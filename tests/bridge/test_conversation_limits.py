"""How much is remembered of conversations, and of whose."""

from random import Random

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge import conversations
from sip2xmpp.bridge.conversations import MOST_OF_A_PAIR, Conversations
from sip2xmpp.store.memory import MemoryStore

ROMEO, JULIET = "romeo@jabber.example", "juliet@jabber.example"
BOB, ALICE = Address("bob", "sip.example.org"), Address("alice", "sip.example.org")


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def known(store: MemoryStore, clock: Clock) -> Conversations:
    return Conversations(store, clock, Random(1))


def test_the_conversation_of_others_is_neither_told_nor_changed_by_its_call_id(known: Conversations) -> None:
    theirs = known.toward_sip(ROMEO, BOB, "a secret word")
    assert known.toward_jabber(JULIET, ALICE, theirs.call_id) == theirs.call_id
    assert known.toward_sip(ROMEO, BOB, "a secret word").cseq == 2


def test_the_oldest_of_too_many_conversations_of_a_pair_is_forgotten(
    known: Conversations, store: MemoryStore, clock: Clock
) -> None:
    for number in range(MOST_OF_A_PAIR + 10):
        known.toward_jabber(ROMEO, BOB, f"call-{number}")
        clock.advance(1)
    assert len(store.threads) == MOST_OF_A_PAIR
    assert store.threads.get("call-9") is None and store.threads.get("call-10") is not None


def test_with_too_many_conversations_at_all_messages_go_on(
    known: Conversations, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST", 1)
    known.toward_sip(ROMEO, BOB, "old")
    assert known.toward_sip(JULIET, ALICE, "new").call_id == "new"
    assert known.toward_jabber(JULIET, ALICE, "call-1") == "call-1"
    assert known.toward_sip(ROMEO, BOB, "old").cseq == 2
    assert len(store.threads) == 1
