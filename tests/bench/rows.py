"""What all loads share: their demand, their phases, and how everybody gets published and subscribed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tests.bench.load import LIFETIME, Load, Publisher, Watcher
from tests.bench.meter import BOUND, Meter, spread

LATE: Final = 0.5
"""Seconds: when a retransmission would be under way."""
WINDOW: Final = 64
"""Operations in flight where a rate is measured."""

Result = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is wanted of a load: its size, and where it matters changes in all, rate a second, seconds of it.

    ``pids`` are the roots of the server's processes.
    """

    pids: Sequence[int]
    size: int
    changes: int = 1
    rate: float = 0.0
    seconds: float = 0.0


Loading = Callable[[Load, Demand], dict[str, Result]]
"""Puts a load on the server; what it has measured, by phase."""


class Phase:
    """A part of a run that is measured: started when made."""

    def __init__(self, load: Load, demand: Demand) -> None:
        self._wire = load.wire
        self._counted = Counter(load.wire.count)
        self._dropped = load.wire.dropped()
        self._meter = Meter(*demand.pids)

    def end(self, samples: Sequence[float], lost: int) -> Result:
        """The result of so many operations, given the seconds that each of them took."""
        result = self._meter.stop(len(samples))
        counted = self._wire.count - self._counted
        for place, before, after in zip(
            ("here", "at the server"), self._dropped, self._wire.dropped(), strict=True
        ):
            counted[f"dropped {place}"] = after - before
        return {
            **result,
            **spread(samples),
            "lost": lost,
            "late": sum(each > LATE for each in samples),
            "generator_bound": result["generator_share"] > BOUND,
            "counted": dict(+counted),
        }


def publish_all(load: Load, presentities: Sequence[bytes], rate: float = 0.0) -> int:
    """A document for each; returns how many got none."""
    _, lost = run_publishers(load, [load.publisher(each) for each in presentities], Publisher.publish, rate)
    return lost


def run_publishers(
    load: Load,
    publishers: Sequence[Publisher],
    request: Callable[[Publisher, Callable[[Publisher, int, float], None]], None],
    rate: float = 0.0,
) -> tuple[list[float], int]:
    """One request of each; returns the seconds that each took, and how many failed.

    A publisher may occur again as soon as ``WINDOW`` others have been before it.
    """
    samples: list[float] = []
    refused = 0

    def start(publisher: Publisher, over: Callable[[], None]) -> None:
        def done(publisher: Publisher, status: int, at: float) -> None:
            nonlocal refused
            if status == 200:
                samples.append(at - publisher.began)
            else:
                refused += 1
            over()

        request(publisher, done)

    left = load.keep_going((partial(start, each) for each in publishers), WINDOW, rate)
    return samples, refused + left


def subscribe_all(load: Load, presentities: Sequence[bytes], rate: float = 0.0) -> tuple[list[Watcher], int]:
    """A new watcher for each entry; returns them, and how many were not served."""
    watchers = [load.watcher(each) for each in presentities]
    prepare_all(watchers)
    _, lost = run_watchers(load, watchers, rate)
    return watchers, lost


def prepare_all(watchers: Sequence[Watcher], expires: int = LIFETIME) -> None:
    """Write everybody's next request, which need not be part of what is measured."""
    for watcher in watchers:
        watcher.prepare(expires)


def run_watchers(load: Load, watchers: Sequence[Watcher], rate: float = 0.0) -> tuple[list[float], int]:
    """What each of them has prepared; returns the seconds that each took, and how many were not served."""
    load.tell_watchers()
    load.keep_going((watcher.start for watcher in watchers), WINDOW, rate)
    samples = [watcher.ended - watcher.began for watcher in watchers if watcher.ended]
    return samples, len(watchers) - len(samples)
