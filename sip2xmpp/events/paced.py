"""Things that wait to be begun, one after the other and not all at once: each makes a request that peers have to answer."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

T = TypeVar("T")


class Paced(Generic[T]):
    """Calls ``begin`` with what was added, in that order, ``pace`` times a second at most, and never from within ``add``.

    ``begin`` says whether it did anything; what did nothing costs no time.
    """

    def __init__(self, clock: IReactorTime, pace: float, begin: Callable[[T], bool]) -> None:
        self._clock = clock
        self._interval = 1 / pace
        self._begin = begin
        self._queue: deque[T] = deque()
        self._call: IDelayedCall | None = None
        self._free_at = 0.0

    def add(self, thing: T) -> None:
        """Let it have its turn."""
        self._queue.append(thing)
        self._wake()

    def _wake(self) -> None:
        if self._queue and self._call is None:
            self._call = self._clock.callLater(max(0.0, self._free_at - self._clock.seconds()), self._turn)

    def _turn(self) -> None:
        self._call = None
        try:
            while self._queue:
                if self._begin(self._queue.popleft()):
                    self._free_at = self._clock.seconds() + self._interval
                    return
        finally:
            self._wake()
