"""So many attempts in so much time, for as many as there is room for."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.metering import Attempts, Meter


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


@given(st.lists(st.tuples(st.integers(0, 500_000), st.floats(0, 5)), max_size=80))
def test_in_no_minute_more_is_done_than_what_comes_back_in_it(steps: list[tuple[int, float]]) -> None:
    clock = Clock()
    meter = Meter(clock, 4_194_304)
    done = 0.0
    for octets, pause in steps:
        clock.advance(pause)
        if not meter.take("bob", octets + 1):
            done += octets + 1
        assert done <= 4_194_304 * (1 + clock.seconds() / 60) + 500_001


def test_who_is_told_to_wait_may_go_on_when_he_has_waited() -> None:
    clock = Clock()
    meter = Meter(clock, 60_000)
    assert meter.take("bob", 200_000) == 0
    wait = meter.take("bob", 1)
    assert wait > 60 and meter.take("alice", 1) == 0
    clock.advance(wait - 1)
    assert meter.take("bob", 1) > 0
    clock.advance(1)
    assert meter.take("bob", 1) == 0


def test_so_many_keys_are_remembered() -> None:
    meter = Meter(Clock(), 1_000, keys=100)
    assert meter.take("first", 5_000) == 0 and meter.take("first") > 0
    for number in range(100):
        meter.take(str(number))
    assert meter.take("first") == 0
