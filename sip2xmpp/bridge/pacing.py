"""Spreading many small duties over time, so that a reconnect or a restart is not a storm.

Implements: the jitter that RFC 6665 section 4.1.2.2 and RFC 6120 section 3.3 ask of clients that come back together.
"""

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger


class Pace:
    """Runs duties in order, ``slice_size`` at a time with ``interval`` seconds in between."""

    log = Logger()

    def __init__(self, clock: IReactorTime, *, slice_size: int = 100, interval: float = 0.05) -> None:
        self._clock = clock
        self._slice_size = slice_size
        self._interval = interval
        self._duties: deque[Callable[[], object]] = deque()
        self._next: IDelayedCall | None = None
        self._in_slice = False

    def __len__(self) -> int:
        return len(self._duties)

    def run(self, duty: Callable[[], object]) -> None:
        """Do this when its turn comes, never before this call returns."""
        self._duties.append(duty)
        if self._next is None and not self._in_slice:
            self._next = self._clock.callLater(0, self._slice)

    def stop(self) -> None:
        """Forget what is still to do."""
        self._duties.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _slice(self) -> None:
        self._next = None
        self._in_slice = True
        for _ in range(min(self._slice_size, len(self._duties))):
            duty = self._duties.popleft()
            try:
                duty()
            except Exception:  # noqa: BLE001 - one duty must not take the others with it
                self.log.failure("a paced duty failed")
        self._in_slice = False
        if self._duties:
            self._next = self._clock.callLater(self._interval, self._slice)
