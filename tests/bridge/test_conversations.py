"""Threads and Call-IDs stand for each other, also where they cannot be the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.conversations import LIFETIME, Conversations
from sip2xmpp.store.memory import MemoryStore
from tests.bridge.scene import JULIET, ROMEO

BOB, ALICE = Address("bob", "sip.example.org"), Address("alice", "sip.example.org")


def made(clock: Clock, store: MemoryStore | None = None, seed: int = 1) -> Conversations:
    return Conversations(store or MemoryStore(clock), clock, random.Random(seed))


@pytest.fixture
def talk(clock: Clock) -> Conversations:
    return made(clock)


def test_a_thread_is_its_call_id_with_a_stable_tag_and_a_growing_cseq(talk: Conversations) -> None:
    first = talk.toward_sip(ROMEO, BOB, "t-1@x")
    second = talk.toward_sip(ROMEO, BOB, "t-1@x")
    assert first.call_id == second.call_id == "t-1@x"
    assert first.local_tag == second.local_tag and len(first.local_tag) == 16
    assert (first.cseq, second.cseq) == (1, 2)


def test_without_a_thread_every_message_is_its_own(talk: Conversations) -> None:
    ids = {talk.toward_sip(ROMEO, BOB, None).call_id for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("thread", ["two words", "ümlaut", "a@b@c", "x" * 129, "a\r\nVia: evil", "@", "a@"])
def test_a_thread_that_is_no_call_id_gets_one(talk: Conversations, thread: str) -> None:
    call_id = talk.toward_sip(ROMEO, BOB, thread).call_id
    assert len(call_id) == 40 and call_id.isalnum()
    assert talk.toward_sip(ROMEO, BOB, thread).call_id == call_id
    assert talk.toward_jabber(ROMEO, BOB, call_id) == thread


def test_an_answer_comes_back_in_the_thread(talk: Conversations) -> None:
    sent = talk.toward_sip(ROMEO, BOB, "t1")
    assert talk.toward_jabber(ROMEO, BOB, sent.call_id) == "t1"
    untied = talk.toward_sip(ROMEO, BOB, None)
    assert talk.toward_jabber(ROMEO, BOB, untied.call_id) == untied.call_id


def test_a_conversation_begun_by_sip_goes_on_in_its_call_id(talk: Conversations) -> None:
    assert talk.toward_jabber(ROMEO, BOB, "c1@192.0.2.9") == "c1@192.0.2.9"
    assert talk.toward_sip(ROMEO, BOB, "c1@192.0.2.9").call_id == "c1@192.0.2.9"
    assert talk.toward_sip(ROMEO, BOB, "c1@192.0.2.9").cseq == 2


def test_the_same_thread_of_two_pairs_has_two_call_ids(talk: Conversations) -> None:
    ids = {talk.toward_sip(who, whom, "t1").call_id for who in (ROMEO, JULIET) for whom in (BOB, ALICE)}
    assert len(ids) == 4
    assert talk.toward_sip(ROMEO, BOB, "t1").call_id == "t1"


def test_nobody_takes_over_the_call_id_of_another_pair(talk: Conversations) -> None:
    mine = talk.toward_sip(ROMEO, BOB, "t1")
    assert talk.toward_jabber(JULIET, ALICE, "t1") == "t1"
    again = talk.toward_sip(ROMEO, BOB, "t1")
    assert (again.call_id, again.local_tag, again.cseq) == ("t1", mine.local_tag, 2)
    assert talk.toward_sip(JULIET, ALICE, "t1").call_id != "t1"


def test_the_latest_is_the_one_that_was_used_last(talk: Conversations, clock: Clock) -> None:
    assert talk.latest(ROMEO, BOB) is None
    talk.toward_jabber(ROMEO, BOB, "c1")
    clock.advance(1)
    talk.toward_sip(ROMEO, BOB, "t2")
    clock.advance(1)
    talk.toward_jabber(ROMEO, BOB, "c1")
    latest = talk.latest(ROMEO, BOB)
    assert latest is not None and latest.call_id == "c1"
    assert talk.latest(JULIET, BOB) is None


def test_a_conversation_lives_a_day_after_its_last_message_from_either_side(
    talk: Conversations, clock: Clock
) -> None:
    tag = talk.toward_sip(ROMEO, BOB, "two words").local_tag
    call_id = talk.toward_sip(ROMEO, BOB, "two words").call_id
    for _ in range(3):
        clock.advance(LIFETIME - 1)
        assert talk.toward_jabber(ROMEO, BOB, call_id) == "two words"
    assert talk.toward_sip(ROMEO, BOB, "two words").local_tag == tag
    clock.advance(LIFETIME + 1)
    assert talk.latest(ROMEO, BOB) is None
    assert talk.toward_sip(ROMEO, BOB, "two words").local_tag != tag


def test_a_restart_goes_on_counting(clock: Clock) -> None:
    store = MemoryStore(clock)
    made(clock, store).toward_sip(ROMEO, BOB, "t1")
    assert made(clock, store, 2).toward_sip(ROMEO, BOB, "t1").cseq == 2


@given(threads=st.lists(st.text(max_size=20), max_size=6))
def test_every_thread_comes_back_as_it_was(threads: list[str]) -> None:
    clock = Clock()
    talk = made(clock)
    for thread in threads:
        sent = talk.toward_sip(ROMEO, BOB, thread)
        assert talk.toward_jabber(ROMEO, BOB, sent.call_id) == (thread or sent.call_id)
