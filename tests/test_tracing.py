"""Traces of pairs: bounded in time, in number and in size, and of no cost while nobody looks."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.errors import TooMany
from sip2xmpp.tracing import CALLS, LARGEST, MESSAGES, PAIRS, SECONDS, TROUBLES, Leg, Tracer, Way

ROMEO = Address("romeo", "jabber.example")
BOB = Address("bob", "sip.example.org")


def user(number: int) -> Address:
    return Address(f"user{number}", "sip.example.org")


def test_whoever_has_something_to_keep_asks_only_while_a_pair_is_traced() -> None:
    tracer = Tracer(Clock())
    told: list[bool] = []
    tracer.listen(told.append)
    assert not tracer.on
    tracer.begin(ROMEO, BOB)
    tracer.begin(BOB, ROMEO)
    assert tracer.on
    assert tracer.end(ROMEO, BOB)
    assert tracer.on
    assert tracer.end(BOB, ROMEO)
    assert not tracer.on
    assert not tracer.end(BOB, ROMEO)
    assert told == [True, False]


def test_a_trace_ends_by_itself_unless_somebody_looks() -> None:
    clock = Clock()
    tracer = Tracer(clock)
    tracer.begin(ROMEO, BOB, 60)
    tracer.begin(BOB, ROMEO)
    clock.advance(50)
    assert tracer.look(ROMEO, BOB) is not None
    clock.advance(50)
    assert tracer.of(ROMEO, BOB) is not None
    clock.advance(10)
    assert tracer.of(ROMEO, BOB) is None
    assert tracer.on
    clock.advance(SECONDS)
    assert not tracer.on
    assert clock.getDelayedCalls() == []


def test_the_last_messages_are_kept_and_a_follower_knows_what_it_missed() -> None:
    clock = Clock()
    tracer = Tracer(clock)
    trace = tracer.begin(ROMEO, BOB)
    for number in range(MESSAGES + 5):
        clock.advance(1)
        tracer.keep(trace, Leg.SIP, Way.OUT, "NOTIFY", f"message {number}", peer="udp:192.0.2.1:5060")
    assert (trace.count, trace.dropped) == (MESSAGES + 5, 5)
    newest = trace.after(MESSAGES + 3)
    assert [(message.number, message.text) for message in newest] == [
        (MESSAGES + 4, f"message {MESSAGES + 3}"),
        (MESSAGES + 5, f"message {MESSAGES + 4}"),
    ]
    assert newest[0].at == MESSAGES + 4


def test_a_large_message_is_cut_and_says_so() -> None:
    tracer = Tracer(Clock())
    trace = tracer.begin(ROMEO, BOB)
    tracer.keep(trace, Leg.SIP, Way.IN, "x" * 1000, "y" * (LARGEST + 1), lost=["z" * 1000] * 1000)
    (message,) = trace.after(0)
    assert message.is_cut
    assert len(message.text) == LARGEST
    assert len(message.what) == 200
    assert len(message.lost) == MESSAGES
    tracer.keep(trace, Leg.SIP, Way.IN, "NOTIFY", "y" * LARGEST)
    assert not trace.after(1)[0].is_cut


def test_so_many_pairs_are_traced_and_no_more() -> None:
    tracer = Tracer(Clock())
    for number in range(PAIRS):
        tracer.begin(user(number), BOB)
    with pytest.raises(TooMany, match="end one of them first"):
        tracer.begin(ROMEO, BOB)
    tracer.begin(user(0), BOB)
    tracer.end(user(0), BOB)
    tracer.begin(ROMEO, BOB)


def test_dialogs_of_a_pair_are_known_by_their_call_id_the_newest_of_them() -> None:
    tracer = Tracer(Clock())
    trace = tracer.begin(ROMEO, BOB)
    for number in range(CALLS + 1):
        trace.knows(f"call {number}")
    trace.knows(f"call {CALLS}")
    assert tracer.by_call(f"call {CALLS}") == [trace]
    assert tracer.by_call("call 1") == [trace]
    assert tracer.by_call("call 0") == []
    assert len(trace.calls) == CALLS


def test_trouble_is_remembered_without_a_trace_of_the_pairs_that_had_it_last() -> None:
    clock = Clock()
    tracer = Tracer(clock)
    tracer.trouble(ROMEO, BOB, "no answer")
    for number in range(TROUBLES - 1):
        tracer.trouble(user(number), BOB, "481")
    clock.advance(5)
    tracer.trouble(ROMEO, BOB, "refused " * 1000)
    tracer.trouble(user(TROUBLES), BOB, "481")
    last = tracer.trouble_of(ROMEO, BOB)
    assert last is not None
    assert last.at == 5
    assert last.what.startswith("refused")
    assert len(last.what) == 300
    assert tracer.trouble_of(user(0), BOB) is None
