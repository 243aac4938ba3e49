"""How much strangers may do: attempts that are counted, and work that is metered.

``Attempts`` are at most so many in so many seconds; ``Meter`` lets so much pass in a minute, all at once if nothing passed
before.  What is counted by is bounded as well: who tried the longest time ago is forgotten first.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable
from math import ceil

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


class Meter:
    """Lets ``a_minute`` pass in a minute for each key; what is left comes back steadily."""

    def __init__(self, clock: IReactorTime, a_minute: int, keys: int = 10_000) -> None:
        self._clock = clock
        self.allow(a_minute)
        self._keys = keys
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def allow(self, a_minute: int) -> None:
        """Let so much pass in a minute from now on."""
        self._most = float(a_minute)

    def take(self, key: Hashable, cost: int = 1) -> int:
        """0 if it may pass, else the seconds to wait.  The last one may take more than what is left."""
        now = self._clock.seconds()
        left, since = self._left.pop(key, (self._most, now))
        left = min(self._most, left + max(0.0, now - since) * self._most / 60)
        wait = 0 if left >= 1 else ceil((1 - left) * 60 / self._most)
        self._left[key] = (left if wait else left - cost, now)
        if len(self._left) > self._keys:
            self._left.popitem(last=False)
        return wait
