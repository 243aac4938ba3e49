"""Which Call-ID is which thread, and what is remembered of it."""

from random import Random

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge import conversations
from sip2xmpp.bridge.conversations import LIFETIME, MOST_OF_A_PAIR, Conversations
from sip2xmpp.store.memory import MemoryStore

ROMEO, JULIET = "romeo@jabber.example", "juliet@jabber.example"
BOB, ALICE = Address("bob", "sip.example.org"), Address("alice", "sip.example.org")


@pytest.fixture
def store(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def known(store: MemoryStore, clock: Clock) -> Conversations:
    return Conversations(store, clock, Random(1))


def test_a_thread_keeps_its_call_id_and_tag_while_cseq_grows(known: Conversations) -> None:
    first, second = (known.toward_sip(ROMEO, BOB, "thread-1") for _ in range(2))
    assert first.call_id == second.call_id == "thread-1" and first.local_tag == second.local_tag
    assert (first.cseq, second.cseq) == (1, 2)


def test_an_answer_by_call_id_comes_back_in_its_thread(known: Conversations) -> None:
    sent = known.toward_sip(ROMEO, BOB, "what light breaks")
    assert sent.call_id != "what light breaks"
    assert known.toward_jabber(ROMEO, BOB, sent.call_id) == "what light breaks"
    assert known.toward_jabber(ROMEO, BOB, "new@192.0.2.1") == "new@192.0.2.1"


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
    latest = known.latest(ROMEO, BOB)
    assert latest is not None and latest.call_id == f"call-{MOST_OF_A_PAIR + 9}"


def test_with_too_many_conversations_at_all_messages_go_on(
    known: Conversations, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST", 1)
    known.toward_sip(ROMEO, BOB, "old")
    assert known.toward_sip(JULIET, ALICE, "new").call_id == "new"
    assert known.toward_jabber(JULIET, ALICE, "call-1") == "call-1"
    assert known.toward_sip(ROMEO, BOB, "old").cseq == 2
    assert len(store.threads) == 1


def test_a_conversation_is_forgotten_a_day_after_its_last_message(known: Conversations, clock: Clock) -> None:
    known.toward_sip(ROMEO, BOB, "thread-1")
    clock.advance(LIFETIME + 1)
    assert known.latest(ROMEO, BOB) is None
