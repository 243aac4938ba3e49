"""How often a watcher is told, where it says so (RFC 6446)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.events.rates import NONE, SHORTEST_SILENCE, Pace, Rates, rates_of, without_rates
from sip2xmpp.presence.policy import Handling
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone, parameter
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"


class Alice:
    """Somebody who changes her mind."""

    def __init__(self, network: Network) -> None:
        self.phone = Phone(network, "192.0.2.10", ALICE)
        self.etag = ""

    def says(self, activity: str) -> None:
        exchange = self.phone.publish(document(activity), etag=self.etag, expires=7200)
        self.phone.network.drive(0.2)
        assert exchange.final is not None
        self.etag = exchange.final["SIP-ETag"]


@pytest.fixture
def alice(network: Network, gateway: Gateway) -> Alice:
    return Alice(network)


def watching(phone: Phone, event: str, expires: int = 3600) -> Line:
    line = phone.subscribe(ALICE, expires, event=event)
    phone.network.drive(0.2)
    assert line.status == 200 and len(line.notifies) == 1
    return line


def rates_in(line: Line, name: str = "max-rate") -> str:
    return parameter(line.last["Subscription-State"], name)


# at most


def test_news_wait_until_they_may_be_told_and_only_the_newest_is(
    alice: Alice, bob: Phone, network: Network
) -> None:
    line = watching(bob, "presence;max-rate=0.1")
    assert rates_in(line) == "0.1"
    for activity in ("away", "busy", "meal"):
        alice.says(activity)
    assert len(line.notifies) == 1
    network.drive(11)
    assert len(line.notifies) == 2 and b"meal" in line.last.body and rates_in(line) == "0.1"
    network.drive(60)
    assert len(line.notifies) == 2
    alice.says("vacation")
    assert len(line.notifies) == 3, "who was left in peace for long is told at once"


def test_the_event_is_echoed_without_the_rates(bob: Phone, network: Network) -> None:
    line = watching(bob, 'Presence ;max-rate=0.1;id=7; min-rate = 0.01;x="a;max-rate=1"')
    assert line.last["Event"] == 'Presence ;id=7;x="a;max-rate=1"'
    assert rates_in(line, "min-rate") == "0.01"
    line.send(600)
    network.drive(0.2)
    assert line.status == 200 and rates_in(line) == "0.1"


def test_a_refresh_answer_and_the_end_do_not_wait(
    gateway: Gateway, alice: Alice, bob: Phone, network: Network
) -> None:
    line = watching(bob, "presence;max-rate=0.001")
    alice.says("away")
    assert len(line.notifies) == 1
    line.send(3600)
    network.drive(0.2)
    assert len(line.notifies) == 2 and b"away" in line.last.body
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.CONFIRM)
    network.drive(0.2)
    assert line.last.state == "pending", "a change of the standing does not wait either"
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.BLOCK)
    network.drive(0.2)
    assert line.last.state == "terminated" and len(line.notifies) == 4


def test_a_refresh_that_names_no_rate_takes_it_back(alice: Alice, bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;max-rate=0.001")
    line.event = "presence"
    line.send(3600)
    network.drive(0.2)
    assert rates_in(line) == ""
    for activity in ("away", "busy"):
        alice.says(activity)
    assert len(line.notifies) == 4


def test_an_answer_may_change_the_rate(gateway: Gateway, alice: Alice, bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;max-rate=0.001")
    line.answer = lambda notify: "200 OK\r\nEvent: presence;max-rate=0.1"
    line.send(3600)
    network.drive(0.2)
    line.answer = lambda notify: "200 OK"
    alice.says("away")
    network.drive(11)
    assert len(line.notifies) == 3 and rates_in(line) == "0.1"
    assert "0.1" in next(iter(gateway.store.dialogs.all())).terms
    alice.says("busy")
    network.drive(11)
    assert rates_in(line) == "0.1", "an answer without an Event says nothing of rates"
    line.answer = lambda notify: "200 OK\r\nEvent: presence"
    line.send(3600)
    network.drive(0.2)
    alice.says("meal")
    assert len(line.notifies) == 6 and rates_in(line) == ""


def test_the_rate_is_in_force_after_a_restart(network: Network, clock: Clock) -> None:
    process = Gateway(network)
    line = watching(Phone(network, "192.0.2.20", BOB), "presence;max-rate=0.05")
    Gateway(network, seed=2, kept=process.killed())
    network.drive(1)
    assert len(line.notifies) == 2 and rates_in(line) == "0.05"
    alice = Alice(network)
    alice.says("away")
    network.drive(15)
    assert len(line.notifies) == 2
    network.drive(6)
    assert len(line.notifies) == 3 and b"away" in line.last.body


def test_what_was_held_back_is_told_at_the_end(alice: Alice, bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;max-rate=0.001", expires=60)
    alice.says("away")
    assert len(line.notifies) == 1
    network.drive(62)
    assert (
        line.states == ["active", "terminated"]
        and line.last.reason == "timeout"
        and b"away" in line.last.body
    )


def test_nothing_is_left_of_a_subscription_that_ended(
    gateway: Gateway, alice: Alice, bob: Phone, network: Network
) -> None:
    line = watching(bob, "presence;max-rate=0.01;min-rate=0.01")
    alice.says("away")
    line.unsubscribe()
    network.drive(1)
    assert not any(gateway.notifier._looks._buckets.values())
    network.drive(300)
    assert line.states == ["active", "terminated"] and len(gateway.notifier) == 0


# at least


def test_a_watcher_may_want_to_hear_something_now_and_then(bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;min-rate=0.02")
    network.drive(205)
    assert 4 <= len(line.notifies) <= 5
    assert len({notify.body for notify in line.notifies}) == 1 and rates_in(line, "min-rate") == "0.02"


def test_news_put_off_what_is_said_without_news(alice: Alice, bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;min-rate=0.02")
    network.drive(40)
    alice.says("away")
    network.drive(40)
    assert len(line.notifies) == 2
    network.drive(15)
    assert len(line.notifies) == 3


def test_nobody_is_told_faster_than_is_good(bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;min-rate=99.9;max-rate=99")
    assert rates_in(line, "min-rate") == "0.2" and rates_in(line) == "1"
    network.drive(60)
    assert len(line.notifies) <= 13


def test_a_watcher_that_does_not_answer_is_not_written_to_again_and_again(
    bob: Phone, network: Network
) -> None:
    line = watching(bob, "presence;min-rate=0.2")
    heard: list[int] = []
    line.answer = lambda notify: heard.append(notify.cseq)  # type: ignore[func-returns-value]
    network.drive(31)
    assert len(set(heard)) == 1


def test_the_adaptive_rate_says_less_after_much_was_said(alice: Alice, bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;adaptive-min-rate=0.02", 7200)
    for number in range(8):
        alice.says("away" if number % 2 else "busy")
    told = len(line.notifies)
    assert told == 9
    network.drive(30)
    assert len(line.notifies) == told
    network.drive(1000)
    assert told + 8 <= len(line.notifies) <= told + 24


def test_while_the_watcher_wants_nothing_said_no_minimum_says_it(bob: Phone, network: Network) -> None:
    line = watching(bob, "presence;min-rate=0.1")
    line.send(600, headers=f"Suppress-If-Match: {line.last['SIP-ETag']}\r\n")
    network.drive(100)
    assert line.status == 204 and len(line.notifies) == 1


# the grammar


@pytest.mark.parametrize(
    "event",
    [
        "presence",
        "presence;max-rate",
        "presence;max-rate=0",
        "presence;max-rate=0.0000000000",
        "presence;max-rate=-1",
        "presence;max-rate=1e9",
        "presence;max-rate=100",
        "presence;max-rate=0.00000000001",
        "presence;max-rate=nan;min-rate=inf",
        'presence;x=";max-rate=1"',
        "presence;max-rate=1" + ";x" * 300,
    ],
)
def test_what_is_no_rate_is_none(event: str, bob: Phone) -> None:
    assert rates_of(event) == NONE
    line = watching(bob, event)
    assert "rate" not in line.last["Subscription-State"]


def test_rates_that_contradict_each_other_are_brought_together() -> None:
    assert rates_of("e;min-rate=0.1;max-rate=0.01") == Rates(maximum=0.01, minimum=0.01)
    assert rates_of("e;MAX-RATE=0.0000000001") == Rates(maximum=1e-10)
    assert str(Rates(maximum=1e-10, minimum=0.5, adaptive=1.0)) == (
        ";max-rate=0.0000000001;min-rate=0.5;adaptive-min-rate=1"
    )


rates = st.floats(min_value=1e-9, max_value=99, allow_nan=False).map(lambda rate: round(rate, 10))


@given(rates, rates, rates)
def test_adopted_rates_are_read_as_they_are_written(maximum: float, minimum: float, adaptive: float) -> None:
    asked = f"e;max-rate={maximum:.10f};min-rate={minimum:.10f};adaptive-min-rate={adaptive:.10f}"
    adopted = rates_of(asked)
    assert rates_of(f"e{adopted}") == adopted and without_rates(f"e{adopted}") == "e"


@given(st.text(max_size=100))
def test_any_event_can_be_searched_for_rates(event: str) -> None:
    rates_of(event)
    assert rates_of(without_rates(event)) == NONE or "rate" in event.lower()


@given(rates, st.none() | rates, st.lists(st.floats(0, 500), max_size=40))
def test_a_pace_never_wants_sooner_than_it_allows(
    maximum: float, minimum: float | None, gaps: list[float]
) -> None:
    asked = f"e;max-rate={maximum:.10f};adaptive-min-rate=0.1" + (
        "" if minimum is None else f";min-rate={minimum:.10f}"
    )
    pace, now = Pace(rates_of(asked)), 1e9
    assert pace.allowed_at <= now and pace.wanted_at(now) is None
    for gap in gaps:
        pace.sent(now)
        wanted = pace.wanted_at(now)
        assert wanted is not None and wanted >= pace.allowed_at and wanted >= now + SHORTEST_SILENCE
        now += gap
