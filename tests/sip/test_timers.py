import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from sip2xmpp.sip.timers import TimerWheel
from tests.conftest import START


@pytest.fixture
def wheel(clock: Clock) -> TimerWheel:
    return TimerWheel(clock)


def test_a_timer_expires_once_at_its_time(wheel: TimerWheel, clock: Clock) -> None:
    times: list[float] = []
    wheel.call_later(0.5, lambda: times.append(clock.seconds() - START))
    clock.pump([0.25] * 8)
    assert times == [0.5]


def test_a_cancelled_timer_never_expires_and_may_be_cancelled_again(wheel: TimerWheel, clock: Clock) -> None:
    times: list[float] = []
    timer = wheel.call_later(0.5, lambda: times.append(1))
    timer.cancel()
    timer.cancel()
    clock.advance(10)
    assert not times and wheel.running() == 0


def test_a_timer_started_again_forgets_its_first_time(wheel: TimerWheel, clock: Clock) -> None:
    times: list[float] = []
    timer = wheel.call_later(1, lambda: times.append(clock.seconds() - START))
    wheel.start(timer, 3)
    clock.pump([0.5] * 10)
    assert times == [3]


def test_timers_of_one_moment_expire_in_the_order_they_were_started(wheel: TimerWheel, clock: Clock) -> None:
    order: list[int] = []
    for number in range(50):
        wheel.call_later(1, lambda number=number: order.append(number))
    clock.advance(1)
    assert order == list(range(50))


def test_one_delayed_call_serves_them_all(wheel: TimerWheel, clock: Clock) -> None:
    for number in range(1000):
        wheel.call_later(1 + number / 10, lambda: None)
    assert len(clock.getDelayedCalls()) == 1


def test_an_earlier_timer_is_not_kept_waiting_by_a_later_one(wheel: TimerWheel, clock: Clock) -> None:
    order: list[str] = []
    wheel.call_later(5, lambda: order.append("late"))
    wheel.call_later(1, lambda: order.append("early"))
    clock.advance(1)
    assert order == ["early"]
    clock.advance(4)
    assert order == ["early", "late"]


def test_a_timer_may_start_and_cancel_others_when_it_expires(wheel: TimerWheel, clock: Clock) -> None:
    order: list[str] = []
    doomed = wheel.call_later(1, lambda: order.append("doomed"))
    doomed.cancel()

    def first() -> None:
        order.append("first")
        doomed.cancel()
        wheel.call_later(0, lambda: order.append("next"))

    wheel.call_later(1, first)
    wheel.start(doomed, 1)
    clock.advance(1)
    assert order == ["first"]
    clock.advance(0.01)
    assert order == ["first", "next"]


def test_the_fault_of_one_does_not_stop_the_others(wheel: TimerWheel, clock: Clock) -> None:
    events: list[object] = []
    seen: list[object] = []
    globalLogPublisher.addObserver(events.append)

    def faulty() -> None:
        raise RuntimeError("fault")

    wheel.call_later(1, faulty)
    wheel.call_later(1, lambda: seen.append(1))
    clock.advance(1)
    globalLogPublisher.removeObserver(events.append)
    assert seen == [1] and len(events) == 1


def test_after_stop_nothing_is_left(wheel: TimerWheel, clock: Clock) -> None:
    timer = wheel.call_later(1, lambda: None)
    wheel.stop()
    timer.cancel()
    assert not clock.getDelayedCalls() and wheel.running() == 0


@given(
    st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=60),
    st.lists(st.floats(0.001, 5), min_size=1),
)
def test_each_expires_within_a_tick_of_its_time_unless_cancelled(
    wanted: list[tuple[float, bool]], steps: list[float]
) -> None:
    clock = Clock()
    clock.rightNow = START
    wheel = TimerWheel(clock)
    expired: dict[int, float] = {}
    for number, (delay, cancelled) in enumerate(wanted):
        timer = wheel.call_later(delay, lambda number=number: expired.setdefault(number, clock.seconds()))
        if cancelled:
            timer.cancel()
    for step in steps:
        clock.advance(step)
    now = clock.seconds()
    for number, (delay, cancelled) in enumerate(wanted):
        if cancelled or START + delay > now:
            assert number not in expired
        elif START + delay + 2 / 128 <= now:
            assert expired[number] >= START + delay - 1e-6
