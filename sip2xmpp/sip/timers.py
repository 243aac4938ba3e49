"""One wheel of buckets for the timers of all transactions.

Most timers of SIP are started for every message and cancelled before they fire, so starting and cancelling must cost
next to nothing: a timer is put into the bucket of its deadline, a dict, and is deleted from it.  Only one delayed call
is pending with the reactor, for the earliest bucket.  Deadlines are rounded up to 1/128 s; a power of two, so that the
timer values of RFC 3261 stay exact.

A timer is an object with an ``expired`` method rather than a closure: a transaction *is* its one timer.
"""

from abc import abstractmethod
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

__all__ = ["Timer", "TimerWheel"]

TICKS: Final = 128.0
"""Buckets in a second."""


class Timer:
    """Something that happens unless it is cancelled.  It is in at most one bucket at a time."""

    __slots__ = ("bucket",)

    def __init__(self) -> None:
        self.bucket: dict[Timer, None] | None = None

    @abstractmethod
    def expired(self) -> None:
        """The time has come; the timer may be started again from here."""

    def cancel(self) -> None:
        """Do not happen; harmless when it is not running."""
        if self.bucket is not None:
            del self.bucket[self]
            self.bucket = None


class _Call(Timer):
    """A timer that calls a function."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._call = call

    def expired(self) -> None:
        self._call()


class TimerWheel:
    """All the timers that are running."""

    log = Logger()

    __slots__ = ("_armed", "_buckets", "_clock", "_done", "_due", "_order", "now")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.now: Callable[[], float] = clock.seconds
        self._buckets: dict[int, dict[Timer, None]] = {}
        self._order: list[int] = []
        self._armed: IDelayedCall | None = None
        self._due = 0
        self._done = 0

    def start(self, timer: Timer, delay: float) -> None:
        """Let ``timer`` expire in ``delay`` seconds, instead of whenever it would have."""
        if timer.bucket is not None:
            del timer.bucket[timer]
        number = -int(-(self.now() + delay) * TICKS // 1.0)
        if number <= self._done:
            number = self._done + 1
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = {}
            heappush(self._order, number)
            if self._armed is None or number < self._due:
                self._arm(number)
        bucket[timer] = None
        timer.bucket = bucket

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call ``call`` in ``delay`` seconds unless the timer returned is cancelled."""
        timer = _Call(call)
        self.start(timer, delay)
        return timer

    def running(self) -> int:
        """How many timers are running; for tests and statistics."""
        return sum(map(len, self._buckets.values()))

    def stop(self) -> None:
        """Forget every timer."""
        for bucket in self._buckets.values():
            for timer in bucket:
                timer.bucket = None
        self._buckets.clear()
        self._order.clear()
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def _arm(self, number: int) -> None:
        if self._armed is not None:
            self._armed.cancel()
        self._due = number
        self._armed = self._clock.callLater(max(0.0, number / TICKS - self.now()), self._turn)

    def _turn(self) -> None:
        """Empty every bucket whose time has come; empty ones are only wake-ups."""
        self._armed = None
        present = int(self.now() * TICKS)
        # the delayed call may come a rounding error early: its own bucket is due all the same
        limit = max(present, self._due)
        while self._order and self._order[0] <= limit:
            number = heappop(self._order)
            self._done = number
            bucket = self._buckets.pop(number)
            for timer in tuple(bucket):
                if timer.bucket is bucket:
                    del bucket[timer]
                    timer.bucket = None
                    self._expire(timer)
        self._rearm()

    def _rearm(self) -> None:
        if self._order and (self._armed is None or self._order[0] < self._due):
            self._arm(self._order[0])

    def _expire(self, timer: Timer) -> None:
        try:
            timer.expired()
        except Exception:  # noqa: BLE001 - one timer's fault must not stop all others
            self.log.failure("a timer failed")
