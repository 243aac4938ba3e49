"""Deadlines of many keys, at second granularity, with one timer.

Keys wait in buckets, one a whole second; a heap holds the seconds that have a bucket.  Adding and moving a key costs
a dictionary access, and a heap operation only when its second is new.  The one ``callLater`` stands on the earliest
second.  What falls due together is told in slices, between which the reactor serves others: after a restart ten
thousand dialogs may end in the same second.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil

from twisted.internet.interfaces import IDelayedCall, IReactorTime

SLICE = 50
"""How many keys are told in one reactor turn; each may have a NOTIFY written, some 0.1 ms."""

LONGEST_TIMER = 86_400.0
"""Seconds; a longer wait is made of several, because reactors limit the length of one."""


class Deadlines:
    """Calls ``due`` with each key in the first second that is not before its deadline.

    A key that was discarded or moved while its slice was already being told may still be told: the receiver knows
    the real deadline and ignores what is not due.
    """

    __slots__ = ("_buckets", "_clock", "_due", "_seconds", "_telling", "_timer", "_timer_at")

    def __init__(self, clock: IReactorTime, due: Callable[[str], None]) -> None:
        self._clock = clock
        self._due = due
        self._buckets: dict[int, dict[str, None]] = {}
        self._seconds: list[int] = []
        self._telling: deque[str] = deque()
        self._timer: IDelayedCall | None = None
        self._timer_at = 0

    def add(self, key: str, at: float) -> None:
        """Set a deadline, Unix time in seconds, for a key that has none."""
        second = ceil(at)
        bucket = self._buckets.get(second)
        if bucket is not None:
            bucket[key] = None
            return
        self._buckets[second] = {key: None}
        heappush(self._seconds, second)
        if self._timer is None or second < self._timer_at:
            self._arm()

    def discard(self, key: str, at: float) -> None:
        """Take the deadline away that was set with the same arguments."""
        bucket = self._buckets.get(ceil(at))
        if bucket is not None:
            bucket.pop(key, None)

    def move(self, key: str, old_at: float, at: float) -> None:
        """Set another deadline for a key whose present one was set as ``old_at``."""
        if ceil(old_at) != ceil(at):
            self.discard(key, old_at)
            self.add(key, at)

    def stop(self) -> None:
        """Forget everything and leave no timer behind."""
        self._buckets.clear()
        self._seconds.clear()
        self._telling.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._telling:
            self._timer_at = 0
            self._timer = self._clock.callLater(0, self._tell)
        elif self._seconds:
            self._timer_at = self._seconds[0]
            wait = max(0.0, self._timer_at - self._clock.seconds())
            self._timer = self._clock.callLater(min(wait, LONGEST_TIMER), self._tell)

    def _tell(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        while self._seconds and self._seconds[0] <= now:
            self._telling.extend(self._buckets.pop(heappop(self._seconds)))
        for _ in range(min(SLICE, len(self._telling))):
            self._due(self._telling.popleft())
        self._arm()
