"""What is counted of subscriptions while they live: states, lateness, trouble."""

import pytest

from sip2xmpp.address import Address
from sip2xmpp.events.tally import Tally
from sip2xmpp.presence.policy import Handling
from sip2xmpp.tracing import Tracer
from tests.events.gateway import Gateway
from tests.events.phone import Phone
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE, BOB = "sip:alice@sip.example.org", "sip:bob@sip.example.org"


def states(gateway: Gateway) -> dict[str, int]:
    return {state: count for _, state, count in gateway.notifier.tally.states() if count}


def test_a_subscription_is_counted_once_in_whatever_state_it_is(
    network: Network, gateway: Gateway, bob: Phone
) -> None:
    gateway.decide(ALICE[4:], BOB[4:], Handling.CONFIRM)
    line = bob.subscribe(ALICE)
    network.drive(0.5)
    assert line.states == ["pending"]
    assert states(gateway) == {"pending": 1}
    gateway.decide(ALICE[4:], BOB[4:], Handling.ALLOW)
    network.drive(0.5)
    assert states(gateway) == {"active": 1}
    line.send()
    network.drive(0.5)
    assert states(gateway) == {"active": 1}
    line.unsubscribe()
    network.drive(0.5)
    assert states(gateway) == {}


def test_a_fetch_leaves_nothing_behind(network: Network, gateway: Gateway, bob: Phone) -> None:
    bob.subscribe(ALICE, 0)
    network.drive(1)
    assert states(gateway) == {}


def test_news_are_measured_and_what_was_asked_for_is_not(
    network: Network, gateway: Gateway, alice: Phone, bob: Phone
) -> None:
    tally = gateway.notifier.tally
    line = bob.subscribe(ALICE)
    network.drive(0.5)
    line.send()
    network.drive(0.5)
    assert tally.latency.count == 0
    alice.publish(document("away"), expires=3600)
    network.drive(0.5)
    assert tally.latency.count == 1
    assert tally.latency.total < 0.1


def test_of_many_that_are_told_of_a_change_each_is_counted(
    network: Network, gateway: Gateway, alice: Phone, bob: Phone
) -> None:
    for _ in range(20):
        bob.subscribe(ALICE)
    network.drive(0.5)
    for number, word in enumerate(("away", "busy"), 1):
        alice.publish(document(word), expires=3600)
        network.drive(0.5)
        latency = gateway.notifier.tally.latency
        assert latency.count == 20 * number
        assert 0 <= latency.total < 0.1 * latency.count


def test_those_who_are_told_in_one_moment_are_one_observation_and_the_late_are_another() -> None:
    tally = Tally()
    tally.sent(100.0, 100.0302)
    assert tally.until == pytest.approx(100.0352)
    tally.batch += 9
    tally.sent(100.0, 100.3)
    assert tally.latency.total == pytest.approx(10 * 0.0302 + 0.3)
    # a bound of the histogram is never passed together
    tally.sent(100.0, 100.0499)
    assert tally.until == pytest.approx(100.05)
    assert tally.latency.count == 12


def test_what_a_watcher_does_not_take_is_remembered_for_whoever_looks_at_the_pair(
    network: Network, gateway: Gateway, alice: Phone, bob: Phone
) -> None:
    tracer = Tracer(network.clock)
    gateway.notifier.tally = Tally(tracer)
    line = bob.subscribe(ALICE)
    network.drive(0.5)
    watcher, presentity = Address("bob", "sip.example.org"), Address("alice", "sip.example.org")
    assert tracer.trouble_of(watcher, presentity) is None
    line.answer = lambda _: "481 Gone"
    alice.publish(document("away"), expires=3600)
    network.drive(0.5)
    trouble = tracer.trouble_of(watcher, presentity)
    assert trouble is not None
    assert trouble.what.startswith("NOTIFY was not taken: 481")


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_operators_are_told_how_a_dialog_is(
    network: Network, gateway: Gateway, bob: Phone, user: str
) -> None:
    line = bob.subscribe(ALICE, 600)
    network.drive(0.5)
    watcher = Address("bob", "sip.example.org")
    reports = gateway.notifier.reports(watcher, Address(user, "sip.example.org"))
    if user == "nobody":
        assert reports == []
        return
    (report,) = reports
    assert (report.role, report.state, report.event) == ("notifier", "active", "presence")
    assert report.local_cseq == line.last.cseq
    assert report.next_what == "expires unless the watcher refreshes"
    assert report.next_at == report.expires_at == pytest.approx(network.clock.seconds() + 600, abs=1)
    assert not report.under_way
