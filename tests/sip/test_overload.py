"""When requests are refused, which, and for how long: in virtual time."""

import random

import pytest
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher

from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.overload import BEAT, LATE, QUIET, Level, Overload
from tests.fakes import Host, Network, RawPeer
from tests.sip.scene import BOB, US, Echo, Patient, their_request


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def overload(clock: Clock, counters: Counters) -> Overload:
    return Overload(clock, counters)


def beats(overload: Overload, clock: Clock, *waits: float) -> list[Level]:
    """The level after each beat, in which something had waited so long."""
    levels = []
    for wait in waits:
        overload.waited(wait)
        clock.advance(BEAT)
        levels.append(overload.level)
    return levels


NONE, NEW, CHANGES, ALL = Level


def test_a_wait_that_grows_raises_the_level_and_nothing_to_wait_for_ends_it(
    overload: Overload, clock: Clock
) -> None:
    assert beats(overload, clock, 0.03, 0.07, 0.11) == [NONE, NONE, NEW]
    assert beats(overload, clock, 0.1, 0.06, 0.0) == [NEW, NEW, NONE]


def test_a_pause_that_is_made_up_for_refuses_nobody(overload: Overload, clock: Clock) -> None:
    assert set(beats(overload, clock, 0.0, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.0)) == {NONE}


def test_a_wait_below_the_bound_refuses_nobody_however_long_it_lasts(
    overload: Overload, clock: Clock
) -> None:
    assert set(beats(overload, clock, *[LATE * 0.99] * 50)) == {NONE}


def test_the_level_rises_on_while_the_wait_grows_in_spite_of_it_and_falls_step_by_step(
    overload: Overload, clock: Clock
) -> None:
    grow = [0.1 + 0.01 * number for number in range(8)]
    assert beats(overload, clock, *grow) == [NONE, NEW, NEW, CHANGES, CHANGES, ALL, ALL, ALL]
    assert beats(overload, clock, 0.0, 0.0, 0.0, 0.0) == [CHANGES, NEW, NONE, NONE]


def test_the_level_does_not_rise_where_most_is_refused_already(
    overload: Overload, counters: Counters, clock: Clock
) -> None:
    assert beats(overload, clock, 0.1, 0.1) == [NONE, NEW]
    for _ in range(10):
        counters.shed += 100
        assert beats(overload, clock, 0.2) == [NEW]


def test_datagrams_without_room_are_a_long_wait(overload: Overload, clock: Clock) -> None:
    for _ in range(2):
        overload.lost()
        clock.advance(BEAT)
    assert overload.level is NEW


def test_a_reactor_that_is_late_is_a_wait_as_well(overload: Overload, clock: Clock) -> None:
    overload.stir()
    for _ in range(2):
        clock.advance(BEAT + 2 * LATE)
    assert overload.level is NEW
    clock.advance(BEAT)
    assert overload.level is NONE


def test_whoever_has_no_trouble_has_no_timer(overload: Overload, clock: Clock) -> None:
    assert not clock.getDelayedCalls()
    overload.stir()
    for _ in range(QUIET):
        clock.advance(BEAT)
    assert not clock.getDelayedCalls()


def test_an_overload_is_reported_once_with_its_beginning_and_its_end(
    overload: Overload, counters: Counters, clock: Clock
) -> None:
    told: list[str | None] = []

    def observe(event: object) -> None:
        if isinstance(event, dict) and event.get("log_namespace") == "sip2xmpp.sip.overload":
            told.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        assert overload.report() == {"state": "none"}
        for _ in range(5):
            beats(overload, clock, 0.05, 0.1)
            assert overload.report()["level"] == "new"
            counters.shed += 10
            beats(overload, clock, 0.0)
        report = overload.report()
        assert (report["state"], report["level"]) == ("shedding", "none") and report["seconds"] > 0
        beats(overload, clock, *[0.0] * QUIET)
        assert overload.report() == {"state": "none"}
    finally:
        globalLogPublisher.removeObserver(observe)
    assert len(told) == 2 and "50 requests" in (told[1] or "")


def test_stopping_refuses_nothing_any_more(overload: Overload, clock: Clock) -> None:
    beats(overload, clock, 0.1, 0.1)
    overload.stop()
    assert overload.level is NONE and not clock.getDelayedCalls()


# in the user agent


class Scene:
    """An agent that can be overloaded at will."""

    def __init__(self, network: Network, clock: Clock, bob: RawPeer) -> None:
        self.network, self.bob = network, bob
        self.host: Host = network.host(US.host)
        self.agent = UserAgent(transports=self.host, clock=clock, rng=random.Random(1))
        self.echo = Echo()
        for method in ("SUBSCRIBE", "PUBLISH", "NOTIFY"):
            self.agent.serve(method, self.echo)

    def level(self, level: Level) -> None:
        self.host.overload.level = level

    def ask(self, method: str = "SUBSCRIBE", branch: str = "1", **changes: str | None) -> list[int]:
        """The statuses of what bob gets for one request."""
        before = len(self.bob.arrived)
        self.bob.send(their_request(method, branch, **{"Call_ID": branch, **changes}), US)
        self.network.drive(0.1)
        return [response.status for response in self.bob.responses[before:]]


@pytest.fixture
def it(network: Network, clock: Clock, bob: RawPeer) -> Scene:
    return Scene(network, clock, bob)


TO_US = "<sip:alice@sip.example.org>;tag=a1"


@pytest.mark.parametrize(
    ("level", "new", "change", "inside"),
    [(NONE, 200, 200, 200), (NEW, 503, 200, 200), (CHANGES, 503, 503, 200), (ALL, 503, 503, 503)],
)
def test_each_level_refuses_more(it: Scene, level: Level, new: int, change: int, inside: int) -> None:
    it.level(level)
    assert it.ask("SUBSCRIBE", "1") == [new]
    assert it.ask("PUBLISH", "2") == [new]
    assert it.ask("PUBLISH", "3", SIP_If_Match="tag") == [change]
    assert it.ask("SUBSCRIBE", "4", To=TO_US) == [inside]
    assert it.ask("NOTIFY", "5", To=TO_US) == [inside]
    assert it.host.counters.shed == [new, new, change, inside, inside].count(503)
    assert len(it.echo.requests) == [new, new, change, inside, inside].count(200)


@pytest.mark.parametrize(
    "via", [f"SIP/2.0/UDP {BOB};branch=z9hG4bK1", f"SIP/2.0/UDP  {BOB} ;branch=z9hG4bK1"]
)
def test_who_is_refused_is_told_when_to_come_again_however_it_writes(it: Scene, via: str) -> None:
    it.level(NEW)
    assert it.ask(Via=via) == [503]
    [response] = it.bob.responses
    assert 5 <= int(response.headers.get("Retry-After") or 0) < 15 and response.to.tag
    assert response.via.branch == "z9hG4bK1" and response.call_id == "1"
    it.level(NONE)
    assert it.ask(Via=via) == [200]


def test_what_was_accepted_is_not_refused_when_it_is_repeated(it: Scene) -> None:
    patient = Patient()
    it.agent.serve("MESSAGE", patient)
    assert (
        it.ask("SUBSCRIBE", "1") == [200] and it.ask("MESSAGE", "2") == [] and it.ask("INVITE", "3") == [405]
    )
    it.level(ALL)
    assert (
        it.ask("SUBSCRIBE", "1") == [200] and it.ask("MESSAGE", "2") == [] and it.ask("INVITE", "3") == [405]
    )
    patient.waiting[0].reply(200)
    it.network.drive(0.1)
    assert it.bob.responses[-1].status == 200 and it.host.counters.shed == 0


def test_what_was_refused_is_refused_again_and_leaves_nothing_behind(it: Scene, clock: Clock) -> None:
    it.level(NEW)
    assert it.ask() == [503] and it.ask() == [503]
    assert it.bob.arrived[0] == it.bob.arrived[1] and it.host.counters.shed == 2
    assert not it.agent.wheel.running() and not clock.getDelayedCalls()


def test_ack_is_never_answered_and_a_refused_call_needs_none(it: Scene) -> None:
    it.level(ALL)
    assert it.ask("INVITE") == [503]
    assert it.ask("ACK") == [] and it.ask("ACK", To=TO_US) == []


def test_what_is_malformed_is_still_told_so(it: Scene) -> None:
    it.level(ALL)
    assert it.ask(Via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;;", CSeq="1 MESSAGE") == [400]
