"""The Completed state of server transactions: the octets of final responses, for whoever did not hear them.

Timer J is the same for all, so the oldest entry is always the next to go and no entry needs a timer.  A server that
answers ten thousand requests a second has 320,000 entries, which is why an entry is as small as can be and why the
whole is bounded in octets: beyond the bound the oldest go early.  That is harmless unless a client repeats a request
that it already had time to repeat several times.

Implements: RFC 3261 section 17.2.2 (Completed, timer J).
"""

from collections import deque
from typing import Final

from sip2xmpp.sip.timers import Timer, TimerWheel

__all__ = ["Answers"]

BUDGET: Final = 256 * 1024 * 1024
"""Octets of responses kept; entries cost about as much again."""
SWEEP: Final = 1.0
"""Seconds between looks for what has had its time."""


class Answers(Timer):
    """Final responses by transaction key, oldest first."""

    __slots__ = ("_answers", "_budget", "_keys", "_lifetime", "_merged", "_size", "_wheel")

    def __init__(
        self, wheel: TimerWheel, lifetime: float, merged: dict[int, str], budget: int = BUDGET
    ) -> None:
        super().__init__()
        self._wheel = wheel
        self._lifetime = lifetime
        self._merged = merged
        self._budget = budget
        self._answers: dict[str, tuple[bytes, float, int | None]] = {}
        self._keys: deque[str] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> bytes | None:
        entry = self._answers.get(key)
        return None if entry is None else entry[0]

    def add(self, key: str, octets: bytes, merge: int | None) -> None:
        """Remember the answer of the transaction ``key``; its ``merge`` key is forgotten together with it."""
        self._answers[key] = (octets, self._wheel.now() + self._lifetime, merge)
        self._keys.append(key)
        self._size += len(octets)
        while self._size > self._budget:
            self._forget_oldest()
        if self.bucket is None:
            self._wheel.start(self, SWEEP)

    def expired(self) -> None:
        """Forget what has had its time; look again as long as anything is left."""
        now = self._wheel.now()
        while self._keys and self._answers[self._keys[0]][1] <= now:
            self._forget_oldest()
        if self._keys:
            self._wheel.start(self, SWEEP)

    def _forget_oldest(self) -> None:
        octets, _, merge = self._answers.pop(self._keys.popleft())
        self._size -= len(octets)
        if merge is not None:
            self._merged.pop(merge, None)
