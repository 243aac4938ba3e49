"""The history of the counters: bounded, told as levels or rates, and honest about what is not known."""

from twisted.internet.task import Clock

from sip2xmpp.portal.history import DAY, HOUR, History, Kind, Line, course_told


class Numbers:
    def __init__(self) -> None:
        self.held = 0.0
        self.counted = 0.0

    def history(self, clock: Clock) -> History:
        return History(
            [
                Line(name="held", title="Held", unit="", kind=Kind.LEVEL, read=lambda: self.held),
                Line(name="counted", title="Counted", unit="1/s", kind=Kind.RATE, read=lambda: self.counted),
            ],
            clock,
        )


def passes(clock: Clock, seconds: int) -> None:
    for _ in range(seconds // HOUR.every):
        clock.advance(HOUR.every)


def test_a_level_is_told_as_it_was_and_a_counter_as_what_it_grew_in_a_second() -> None:
    clock, numbers = Clock(), Numbers()
    history = numbers.history(clock)
    history.start()
    numbers.held, numbers.counted = 7, 50
    clock.advance(10)
    numbers.held = 3
    clock.advance(10)
    held, counted = history.courses()
    assert (held.values, held.last, held.highest) == ((7, 3), 3, 7)
    assert counted.values == (5.0, 0.0)
    assert held.ended_at == 20


def test_nothing_is_known_before_the_first_sample() -> None:
    clock = Clock()
    history = Numbers().history(clock)
    assert [course.values for course in history.courses(DAY)] == [(), ()]
    assert history.courses()[0].last is None
    assert history.courses()[0].highest is None


def test_a_counter_that_began_anew_is_told_as_unknown() -> None:
    clock, numbers = Clock(), Numbers()
    numbers.counted = 100
    history = numbers.history(clock)
    history.start()
    numbers.counted = 1
    clock.advance(10)
    assert history.courses()[1].values == (None,)
    assert course_told(history.courses()[1])["values"] == [None]


def test_an_hour_and_a_day_are_kept_and_no_more() -> None:
    clock, numbers = Clock(), Numbers()
    history = numbers.history(clock)
    history.start()
    passes(clock, 25 * 3600)
    assert len(history.courses(HOUR)[0].values) == 360
    assert len(history.courses(DAY)[0].values) == 288
    assert history.courses(DAY)[0].ended_at == clock.seconds()
    history.stop()
    assert clock.getDelayedCalls() == []


def test_what_the_api_tells_can_be_drawn() -> None:
    clock, numbers = Clock(), Numbers()
    history = numbers.history(clock)
    history.start()
    numbers.counted = 1
    clock.advance(10)
    assert course_told(history.courses()[1]) == {
        "name": "counted",
        "title": "Counted",
        "unit": "1/s",
        "kind": "rate",
        "values": [0.1],
    }
