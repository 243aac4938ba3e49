"""What happened lately and is soon forgotten: which servers failed, which peers have no stream.

Implements: RFC 3263 section 4.3 (a server that failed is not asked again for a while).
"""

from typing import Final, Generic, TypeVar

from twisted.internet.interfaces import IReactorTime

__all__ = ["Lately"]

SIZE: Final = 10_000
"""Things remembered at most; when there are more, the network is in trouble and not they."""

K = TypeVar("K")


class Lately(Generic[K]):
    """A set whose members leave by themselves after ``seconds``."""

    def __init__(self, clock: IReactorTime, seconds: float, *, size: int = SIZE) -> None:
        self._clock = clock
        self._seconds = seconds
        self._size = size
        self._until: dict[K, float] = {}

    def __contains__(self, what: K) -> bool:
        return self._until.get(what, 0.0) > self._clock.seconds()

    def __len__(self) -> int:
        return len(self._until)

    def add(self, what: K) -> None:
        """Let ``what`` be a member from now on, or go on being one."""
        now = self._clock.seconds()
        if len(self._until) >= self._size:
            for old in [one for one, until in self._until.items() if until <= now] or list(self._until):
                del self._until[old]
        self._until[what] = now + self._seconds

    def discard(self, what: K) -> None:
        """It is not so any more; harmless if it was not."""
        self._until.pop(what, None)
