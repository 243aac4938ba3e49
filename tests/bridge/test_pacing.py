"""Duties are done in order, a slice at a time, and none takes the others with it."""

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from sip2xmpp.bridge.pacing import Pace


def test_duties_are_done_in_order_in_slices(clock: Clock) -> None:
    pace = Pace(clock, slice_size=2, interval=1.0)
    done: list[int] = []
    for number in range(5):
        pace.run(lambda number=number: done.append(number))
    assert done == [] and len(pace) == 5
    clock.advance(0)
    assert done == [0, 1]
    clock.advance(1)
    assert done == [0, 1, 2, 3]
    clock.advance(1)
    assert done == [0, 1, 2, 3, 4] and not clock.getDelayedCalls()


def test_a_duty_may_add_another(clock: Clock) -> None:
    pace = Pace(clock, slice_size=10, interval=1.0)
    done: list[str] = []
    pace.run(lambda: pace.run(lambda: done.append("second")))
    clock.advance(0)
    assert done == []
    clock.advance(1)
    assert done == ["second"]


def test_a_duty_that_fails_is_logged_and_the_next_is_done(clock: Clock) -> None:
    pace = Pace(clock)
    done: list[str] = []
    events: list[dict[str, object]] = []
    globalLogPublisher.addObserver(events.append)
    try:
        pace.run(lambda: 1 // 0)
        pace.run(lambda: done.append("next"))
        clock.advance(0)
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert done == ["next"]
    assert [event["log_format"] for event in events] == ["a paced duty failed"]


@pytest.mark.parametrize("count", [0, 3])
def test_stopping_forgets_the_rest(clock: Clock, count: int) -> None:
    pace = Pace(clock)
    for _ in range(count):
        pace.run(lambda: pytest.fail("done after the end"))
    pace.stop()
    clock.advance(1)
    assert len(pace) == 0
