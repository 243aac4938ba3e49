"""How long things took and how large they were: histograms that cost one search and one addition for each value.

They are read when somebody asks, and made into what a monitoring system understands there (``portal.metrics``); nothing on the
way of a message knows of that.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

LATENCIES: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds in seconds for what takes a millisecond when all is well and some seconds when it is not."""

SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
"""Bounds for how many there are of something."""


class Histogram:
    """Counts values by upper bounds, which are inclusive; ``total`` is their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = LATENCIES) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count a value; one below zero, as of a clock that was set back, is taken for zero."""
        value = max(value, 0.0)
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[float, int]]:
        """How many values were at most each bound, the last one of which is infinite."""
        return list(zip((*self.bounds, float("inf")), accumulate(self.counts), strict=True))
