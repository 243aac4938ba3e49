"""What waits to be begun, of several who have much of it: a few of each in turn, and not more at a time than others can bear.

Implements: the pacing that RFC 4662 section 6 leaves to the list server.
"""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

T = TypeVar("T")


class Rotation(Generic[T]):
    """Calls ``begin`` with each thing that was added, never from within ``add``.

    ``at_once`` of them are begun in a turn, at most ``share`` of one owner before the next owner has its share.  Turns are
    ``interval`` seconds apart; with 0 others are served in between, and that is all.
    """

    def __init__(
        self,
        clock: IReactorTime,
        begin: Callable[[T], None],
        *,
        at_once: int,
        share: int,
        interval: float = 0.0,
    ) -> None:
        self._clock = clock
        self._begin = begin
        self._at_once = at_once
        self._share = share
        self._interval = interval
        self._queues: dict[Hashable, deque[T]] = {}
        self._call: IDelayedCall | None = None
        self._free_at = 0.0

    def __len__(self) -> int:
        """How much waits."""
        return sum(map(len, self._queues.values()))

    def add(self, owner: Hashable, thing: T) -> None:
        """Let it have its turn."""
        queue = self._queues.get(owner)
        if queue is None:
            queue = self._queues[owner] = deque()
        queue.append(thing)
        self._wake()

    def forget(self, owner: Hashable) -> None:
        """Begin nothing more of this owner."""
        self._queues.pop(owner, None)

    def _wake(self) -> None:
        if self._queues and self._call is None:
            self._call = self._clock.callLater(max(0.0, self._free_at - self._clock.seconds()), self._turn)

    def _turn(self) -> None:
        self._call = None
        self._free_at = self._clock.seconds() + self._interval
        left = self._at_once
        try:
            while self._queues and left > 0:
                owner = next(iter(self._queues))
                queue = self._queues.pop(owner)
                share = min(self._share, left, len(queue))
                left -= share
                try:
                    for _ in range(share):
                        self._begin(queue.popleft())
                finally:
                    if queue:
                        # what was added meanwhile comes after what waited
                        queue.extend(self._queues.pop(owner, ()))
                        self._queues[owner] = queue
        finally:
            # also after one failed: the reactor logs it, and the others go on
            self._wake()
