"""Three times what the gateway can do: new watchers come at that rate for seconds while those that are there are refreshed.

First it is found what it can do, by a closed loop.  Then new watchers subscribe at ``FACTOR`` times that rate, whatever is
answered, repeating what is not answered as clients do; one request in ``REFRESHES`` is a refresh in a dialog from before.  When
the flood is over a newcomer tries every few milliseconds, until all of them have been served at once for a while.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.bench.load import Load, Start, Watcher
from tests.bench.meter import BOUND, Meter, spread
from tests.bench.rows import LATE
from tests.bench.wire import Wire, now
from tests.peers.gateway import Gateway

FACTOR: Final = 3.0
SECONDS: Final = 3.0
"""How long the flood lasts; shorter with less than ``ENOUGH`` watchers before it."""
ENOUGH: Final = 1000
WINDOW: Final = 64
PRESENTITIES: Final = 200
REFRESHES: Final = 50
"""One request in so many is a refresh."""
EVERY: Final = 0.02
"""Seconds between newcomers after the flood."""
AT_ONCE: Final = 0.1
"""Seconds within which a newcomer is served by a gateway that has recovered."""
CALM: Final = 25
"""So many newcomers served at once, one after the other, and it has recovered."""
PATIENCE: Final = 30.0


def overload(directory: Path, state: str, size: int) -> dict[str, Any]:
    """``size`` watchers before the flood, with whom it is measured what the gateway can do.

    ``rate`` is of newcomers who were served within half a second, ``goodput`` the same in percent of what it can do without a
    flood; ``shed`` and ``refreshed`` are percentages of newcomers and of refreshes, ``recovery`` is in seconds; ``p50`` and
    ``p99`` are of newcomers who were served, in milliseconds.
    """
    settings = {"gateway": {"state": state}, "sip": {"authentication": "none"}}
    with Gateway(directory / "gateway", settings=settings) as gateway:
        assert gateway.process is not None
        wire = Wire(gateway.sip)
        was_collecting = gc.isenabled()
        gc.disable()
        try:
            result = Flood(Load(wire, "sip.example.org"), gateway.process.pid, size).measure()
        finally:
            wire.close()
            if was_collecting:
                gc.enable()
        sip = gateway.health()["legs"]["sip"]
    counted = {"receive buffer drops": sip["receive_buffer_drops"] or 0, "shed": sip["counters"]["shed"]}
    return {**result, "counted": {**wire.count, **counted}}


class Flood:
    """One run."""

    def __init__(self, load: Load, pid: int, size: int) -> None:
        self._load = load
        self._pid = pid
        self._presentities = [load.presentity("watched", index) for index in range(PRESENTITIES)]
        self._seconds = SECONDS * min(1.0, size / ENOUGH)
        self._shed = 0
        self._refreshes = 0
        self._refreshed: list[float] = []
        load.tell_watchers()

    def measure(self) -> dict[str, Any]:
        before = [self._newcomer() for _ in range(int(ENOUGH * self._seconds / SECONDS))]
        began = now()
        left = self._load.keep_going(map(self._subscribe, before), WINDOW)
        possible = len(before) / (now() - began)
        count = int(possible * FACTOR * self._seconds)
        fresh = [self._newcomer() for _ in range(count)]
        self._shed = 0
        meter = Meter(self._pid)
        began = now()
        self._load.keep_going(self._flood(fresh, before), 2 * count, possible * FACTOR)
        refreshes = self._refreshes
        cost = meter.stop(count + refreshes)
        lasted = max(each.began for each in fresh) - began
        shed, samples = self._shed, [each.ended - each.began for each in fresh if each.ended]
        in_time = sum(each <= LATE for each in samples)
        return {
            **cost,
            **spread(samples),
            "possible": possible,
            "wanted": possible * FACTOR,
            "offered": (count + refreshes) / lasted,
            "rate": in_time / lasted,
            "goodput": in_time / lasted / possible * 100,
            "shed": shed / count * 100,
            "refreshed": len(self._refreshed) / max(1, refreshes) * 100,
            "refresh_p99": spread(self._refreshed).get("p99", 0.0),
            "recovery": self._recovery(began + lasted),
            "lost": left + count - len(samples) - shed + refreshes - len(self._refreshed),
            "late": len(samples) - in_time,
            "generator_bound": cost["generator_share"] > BOUND,
        }

    def _newcomer(self) -> Watcher:
        load = self._load
        return load.watcher(self._presentities[len(load.watchers) % PRESENTITIES])

    def _subscribe(self, watcher: Watcher) -> Start:
        watcher.prepare()
        watcher.done = self._answered
        return watcher.start

    def _answered(self, status: int, _: float) -> None:
        self._shed += status == 503

    def _flood(self, fresh: list[Watcher], before: list[Watcher]) -> Iterator[Start]:
        """Newcomers, and now and then one of those who were there ``before``."""
        resting = deque(before)
        for number, watcher in enumerate(fresh, 1):
            yield self._subscribe(watcher)
            if not number % REFRESHES and resting:
                yield self._refresh(resting)

    def _refresh(self, resting: deque[Watcher]) -> Start:
        watcher = resting.popleft()
        self._refreshes += 1
        watcher.prepare()

        def done(status: int, at: float) -> None:
            if 200 <= status < 300:
                self._refreshed.append(at - watcher.began)

        def start(over: Callable[[], None]) -> None:
            def again() -> None:
                resting.append(watcher)
                over()

            watcher.start(again)

        watcher.done = done
        return start

    def _recovery(self, since: float) -> float:
        """Seconds until newcomers are served at once, every one."""
        wire = self._load.wire
        recovered = now()
        in_a_row = 0
        while in_a_row < CALM and now() - since < PATIENCE:
            watcher = self._newcomer()
            over: list[None] = []
            next_one = now() + EVERY
            self._subscribe(watcher)(lambda over=over: over.append(None))  # type: ignore[misc]
            wire.run(lambda over=over: bool(over), PATIENCE)  # type: ignore[misc]
            if watcher.ended and watcher.ended - watcher.began < AT_ONCE:
                in_a_row += 1
            else:
                in_a_row, recovered = 0, now()
            wire.run(lambda until=next_one: now() >= until, EVERY)  # type: ignore[misc]
        return recovered - since
