"""How much work one client may make: octets of documents that are read for it, in a minute.

To check a document or to find a part of it takes time in proportion to its octets, and as long as that lasts nobody else is
served.  Whoever asks when nothing is left is told when to come back; what is left comes back steadily.
"""

from collections import OrderedDict
from math import ceil
from typing import Final

from twisted.internet.interfaces import IReactorTime

A_MINUTE: Final = 4_194_304
"""Octets that are read for one client in a minute."""

REQUEST: Final = 1_024
"""Octets that a request counts for whatever it asks."""

CLIENTS: Final = 10_000
"""Clients that are remembered at a time."""


class Budget:
    """Lets ``a_minute`` octets pass in a minute for each key, all at once if nothing passed before."""

    def __init__(self, clock: IReactorTime, a_minute: int = A_MINUTE) -> None:
        self._clock = clock
        self._most = float(a_minute)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, octets: int) -> int:
        """0 if this may be done now, else the seconds to wait.  The last one may take more than what is left."""
        now = self._clock.seconds()
        left, since = self._left.pop(key, (self._most, now))
        left = min(self._most, left + max(0.0, now - since) * self._most / 60)
        wait = 0 if left > 0 else ceil((1 - left) * 60 / self._most)
        self._left[key] = (left if wait else left - REQUEST - octets, now)
        if len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return wait
