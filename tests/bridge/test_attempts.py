"""So many attempts in so much time, for as many as there is room for."""

from twisted.internet.task import Clock

from sip2xmpp.bridge.attempts import Attempts


def test_attempts_are_few_in_a_while(clock: Clock) -> None:
    attempts = Attempts(clock, most=2, seconds=10.0)
    assert attempts.take("a") and attempts.take("a")
    assert not attempts.take("a") and not attempts.possible("a")
    assert attempts.take("b")
    clock.advance(10.0)
    assert attempts.possible("a") and attempts.take("a")


def test_those_of_the_longest_time_ago_are_forgotten_first(clock: Clock) -> None:
    attempts = Attempts(clock, most=1, seconds=10.0, keys=2)
    for key in ("a", "b", "c"):
        attempts.count(key)
    assert attempts.possible("a") and not attempts.possible("b") and not attempts.possible("c")
