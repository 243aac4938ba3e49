"""The last hour and the last day of the counters, for the small charts of the panel.

Two rings of samples of the same numbers that ``/metrics`` gives: one every ten seconds for an hour, one every five minutes for a
day.  What only grows is told as a rate per second between two samples; what is a level, as it was.  A restart begins anew.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

Value = float | None


class Kind(Enum):
    """Whether a number is a level, or grows and is told as a rate per second."""

    LEVEL = "level"
    RATE = "rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart: ``name`` in the API, ``title`` for people (an English text of the catalogue), ``unit`` of its values."""

    name: str
    title: str
    unit: str
    kind: Kind
    read: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A ring: one sample every ``every`` seconds, ``most`` of them."""

    name: str
    every: int
    most: int


HOUR: Final = Period(name="hour", every=10, most=360)
DAY: Final = Period(name="day", every=300, most=288)
PERIODS: Final[Mapping[str, Period]] = {period.name: period for period in (HOUR, DAY)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a line was in a period, oldest first; None where nothing is known.  The last value is that of ``ended_at``, Unix time."""

    line: Line
    period: Period
    ended_at: float
    values: tuple[Value, ...]

    @property
    def last(self) -> Value:
        """The newest value."""
        return self.values[-1] if self.values else None

    @property
    def highest(self) -> Value:
        """The highest value."""
        return max((value for value in self.values if value is not None), default=None)


class History:
    """The rings of all ``lines``; nothing is read before ``start``."""

    def __init__(self, lines: Sequence[Line], clock: IReactorTime) -> None:
        self.lines = tuple(lines)
        self._clock = clock
        self._rings = {name: deque[tuple[Value, ...]](maxlen=period.most) for name, period in PERIODS.items()}
        self._before: dict[str, tuple[float, tuple[float, ...]]] = {}
        self._ended = dict.fromkeys(PERIODS, clock.seconds())
        self._calls: dict[str, IDelayedCall] = {}

    def start(self) -> None:
        """Take the first readings; rates are known from the second on."""
        for period in PERIODS.values():
            self._before[period.name] = (self._clock.seconds(), self._read())
            self._appoint(period)

    def stop(self) -> None:
        """Take no more."""
        for call in self._calls.values():
            if call.active():
                call.cancel()
        self._calls.clear()

    def courses(self, period: Period = HOUR) -> list[Course]:
        """Every line in a period."""
        ring = self._rings[period.name]
        columns: list[tuple[Value, ...]] = list(zip(*ring, strict=True)) if ring else [() for _ in self.lines]
        return [
            Course(line=line, period=period, ended_at=self._ended[period.name], values=values)
            for line, values in zip(self.lines, columns, strict=True)
        ]

    def _read(self) -> tuple[float, ...]:
        return tuple(line.read() for line in self.lines)

    def _appoint(self, period: Period) -> None:
        self._calls[period.name] = self._clock.callLater(period.every, self._sample, period)

    def _sample(self, period: Period) -> None:
        now, read = self._clock.seconds(), self._read()
        before, values = self._before[period.name]
        self._before[period.name] = (now, read)
        seconds = now - before
        self._rings[period.name].append(
            tuple(
                value if line.kind is Kind.LEVEL else _rate(value - was, seconds)
                for line, value, was in zip(self.lines, read, values, strict=True)
            )
        )
        self._ended[period.name] = now
        self._appoint(period)


def _rate(grown: float, seconds: float) -> Value:
    """Per second; None if the clock was set back or the counter began anew."""
    return grown / seconds if seconds > 0 and grown >= 0 else None


def course_told(course: Course) -> dict[str, Any]:
    """A course as JSON values."""
    return {
        "name": course.line.name,
        "title": course.line.title,
        "unit": course.line.unit,
        "kind": course.line.kind.value,
        "values": [None if value is None else round(value, 6) for value in course.values],
    }
