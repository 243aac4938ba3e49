"""How the legs are, in words and since when; and the last troubles of the log."""

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from sip2xmpp.portal.conditions import Conditions, State, advice_for
from sip2xmpp.portal.troubles import KEPT, LONGEST, Troubles


class Legs:
    def __init__(self) -> None:
        self.report: dict[str, dict[str, Any]] = {
            "sip": {"state": "up", "overload": {"state": "none"}},
            "store": {"state": "up"},
            "xmpp": {"state": "up", "links": {"gw.example.org": {"state": "up"}}},
        }

    def __call__(self) -> dict[str, dict[str, Any]]:
        return self.report

    def link(self, **values: str) -> None:
        self.report["xmpp"]["links"]["gw.example.org"] = values


def test_what_is_down_says_since_when_why_and_what_to_do() -> None:
    clock, legs, told = Clock(), Legs(), [0]

    def changed() -> None:
        told[0] += 1

    conditions = Conditions(legs, clock, changed)
    conditions.look()
    clock.advance(10)
    legs.link(state="down", why="not-authorized")
    conditions.look()
    clock.advance(60)
    worst = conditions.all()[0]
    assert (worst.name, worst.state, worst.since) == ("XMPP gw.example.org", State.DOWN, 10)
    assert worst.why == "not-authorized"
    assert worst.advice.startswith("the server refuses the secret")
    assert told == [2]


def test_a_new_reason_for_the_same_trouble_does_not_make_it_younger() -> None:
    clock, legs = Clock(), Legs()
    conditions = Conditions(legs, clock)
    legs.link(state="down", why="the server closed the connection")
    conditions.look()
    clock.advance(5)
    legs.link(state="down", why="Connection was refused by other side: 111")
    worst = conditions.all()[0]
    assert worst.since == 0
    assert "start the XMPP server" in worst.advice


def test_what_comes_back_is_up_from_then_on() -> None:
    clock, legs = Clock(), Legs()
    conditions = Conditions(legs, clock)
    legs.link(state="down", why="stopped")
    conditions.look()
    clock.advance(7)
    legs.link(state="up")
    link = next(each for each in conditions.all() if each.leg == "xmpp")
    assert (link.state, link.since, link.why, link.advice) == (State.UP, 7, "", "")


def test_an_overload_is_a_strain_since_it_began() -> None:
    clock, legs = Clock(), Legs()
    clock.advance(100)
    legs.report["sip"]["overload"] = {"state": "shedding", "level": "new", "seconds": 12.0}
    worst = Conditions(legs, clock).all()[0]
    assert (worst.name, worst.state, worst.since) == ("SIP", State.STRAINED, 88)
    assert worst.is_bad


def test_a_leg_that_is_not_configured_is_off_and_not_bad() -> None:
    legs = Legs()
    legs.report["xmpp"] = {"state": "off"}
    xmpp = next(each for each in Conditions(legs, Clock()).all() if each.leg == "xmpp")
    assert xmpp.state is State.OFF
    assert not xmpp.is_bad


@pytest.mark.parametrize("why", ["host-unknown", "User timeout caused connection failure. timed out"])
def test_reasons_have_advice(why: str) -> None:
    assert advice_for(why)


def test_the_last_troubles_are_kept_and_counted() -> None:
    troubles, publisher = Troubles(), LogPublisher()
    publisher.addObserver(troubles)  # type: ignore[arg-type]
    log = Logger(namespace="sip2xmpp.sip.udp", observer=publisher)
    log.info("nothing of interest")
    for _ in range(3):
        log.emit(LogLevel.warn, "{peer} sends what is not SIP", peer="192.0.2.1")
    log.failure("it broke", Failure(ValueError("seven")))  # type: ignore[no-untyped-call]
    newest, older = troubles.latest()
    assert (newest.what, newest.is_error) == ("it broke: seven", True)
    assert (older.what, older.part, older.times) == ("192.0.2.1 sends what is not SIP", "sip.udp", 3)
    assert not older.is_error


def test_troubles_are_bounded_in_number_and_length() -> None:
    troubles, publisher = Troubles(), LogPublisher()
    publisher.addObserver(troubles)  # type: ignore[arg-type]
    log = Logger(namespace="sip2xmpp.sip", observer=publisher)
    for number in range(KEPT + 50):
        log.error("{number} {text}", number=number, text="x" * 10_000)
    assert len(troubles.latest()) == KEPT
    assert all(len(trouble.what) == LONGEST for trouble in troubles.latest())
