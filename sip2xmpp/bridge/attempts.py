"""How often somebody tried: at most so many times in so many seconds.

What is counted by is bounded as well: who tried the longest time ago is forgotten first.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable

from twisted.internet.interfaces import IReactorTime


class Attempts:
    """Counts by any key; ``most`` within ``seconds`` are possible, of ``keys`` different ones at a time."""

    def __init__(self, clock: IReactorTime, *, most: int, seconds: float, keys: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._keys = keys
        self._made: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def possible(self, key: Hashable) -> bool:
        """Whether one more would be within the bound."""
        made = self._made.get(key)
        if made is None:
            return True
        since = self._clock.seconds() - self._seconds
        while made and made[0] <= since:
            made.popleft()
        if not made:
            del self._made[key]
        return len(made) < self._most

    def count(self, key: Hashable) -> None:
        """One more was made."""
        made = self._made.setdefault(key, deque(maxlen=self._most))
        made.append(self._clock.seconds())
        self._made.move_to_end(key)
        if len(self._made) > self._keys:
            self._made.popitem(last=False)

    def take(self, key: Hashable) -> bool:
        """Count one if it is possible; whether it was."""
        if not self.possible(key):
            return False
        self.count(key)
        return True
