"""Changes that many are told of: one presentity with many watchers, or many presentities with ten watchers each.

A NOTIFY is matched to the change that caused it by the mark in its document.  Closed loop: a presentity changes again when all
its watchers have been told and its PUBLISH is answered.  Open loop: changes begin when they are due, whatever the server does;
a change that was due while no presentity was free, because the server had not answered, counts from when it was due.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from tests.bench.load import PATIENCE, Load, Publisher
from tests.bench.messages import MARK_BEGINS, MARK_LENGTH
from tests.bench.meter import spread
from tests.bench.rows import Demand, Phase, Result, publish_all, subscribe_all
from tests.bench.wire import NEVER, now

WATCHERS: Final = 10
"""Of each presentity where there are many."""
AT_ONCE: Final = 16
"""Presentities that change at a time in the closed loop."""
AFTERWARDS: Final = 5.0
"""Seconds that an open loop waits for what is still under way."""


def fan_out(load: Load, demand: Demand) -> dict[str, Result]:
    """``changes`` of one presentity one after the other, each when all ``size`` watchers have been told of the one before.

    Where some never are it is the last one.
    """
    presentity = load.presentity("fan", demand.size)
    lost = publish_all(load, [presentity])
    _, missing = subscribe_all(load, [presentity] * demand.size)
    publisher = load.publisher(presentity)
    samples: list[float] = []
    wholes: list[float] = []
    mark = b""
    told = answers = refused = 0

    def notified(_: int, octets: bytes, at: float) -> None:
        nonlocal told
        if mark in octets:
            samples.append(at - publisher.began)
            told += 1

    def answered(_: Publisher, status: int, at: float) -> None:
        nonlocal answers, refused
        answers += 1
        refused += status != 200

    def all_told() -> bool:
        """The 200 counts too: it brings the tag for the next change, and a durable server may send it last."""
        return told >= demand.size and answers > len(wholes)

    load.wire.notified = notified
    phase = Phase(load, demand)
    for _ in range(demand.changes):
        told = 0
        publisher.publish(answered)
        mark = publisher.mark
        complete = load.wire.run(all_told, PATIENCE)
        wholes.append(samples[-1] if told else PATIENCE)
        if not complete:
            break
    result = phase.end(samples, len(wholes) * demand.size - len(samples) + refused + missing + lost)
    return {
        "": {
            **result,
            "whole": spread(wholes)["p50"],
            "late_share": 100 * result["late"] / max(1, len(samples)),
        }
    }


class _Scene:
    """``size`` presentities with their watchers, and which change was told to whom."""

    def __init__(self, load: Load, demand: Demand) -> None:
        self.load = load
        self.demand = demand
        presentities = [load.presentity("crowd", index) for index in range(demand.size)]
        self.lost = publish_all(load, presentities)
        self.publishers = [load.publisher(each) for each in presentities]
        watchers, missing = subscribe_all(load, presentities * WATCHERS)
        self.lost += missing
        self._watched = {watcher.index: load.publisher(watcher.presentity) for watcher in watchers}
        self._shown = dict.fromkeys(self._watched, b"")
        self._under_way: dict[bytes, tuple[Publisher, float]] = {}
        self.samples: list[float] = []
        self.missing: dict[Publisher, int] = {}
        self.over: Callable[[Publisher], None] = lambda _: None
        load.wire.notified = self._notified

    def change(self, publisher: Publisher, due: float, done: Callable[[Publisher, int, float], None]) -> None:
        """Publish; what it takes counts from ``due``, or if that is 0 from now."""
        self.missing[publisher] = WATCHERS
        publisher.publish(done)
        self._under_way[publisher.mark] = publisher, due or publisher.began

    def untold(self) -> int:
        """How many watchers have not been shown the newest document."""
        return sum(
            publisher in self.missing and self._shown[index] != publisher.mark
            for index, publisher in self._watched.items()
        )

    def _notified(self, index: int, octets: bytes, at: float) -> None:
        begins = octets.find(MARK_BEGINS)
        mark = octets[begins : begins + MARK_LENGTH]
        change = self._under_way.get(mark)
        if change is None:
            return
        publisher, began = change
        self._shown[index] = mark
        self.samples.append(at - began)
        if mark == publisher.mark:
            self.missing[publisher] -= 1
            if not self.missing[publisher]:
                self.over(publisher)


def closed_loop(load: Load, demand: Demand) -> dict[str, Result]:
    """``changes`` in all of ``size`` presentities, ``AT_ONCE`` at a time."""
    scene = _Scene(load, demand)
    idle = deque(scene.publishers)
    finished: dict[Publisher, Callable[[], None]] = {}
    open_: dict[Publisher, int] = {}

    def part(publisher: Publisher) -> None:
        """All are told, or the PUBLISH is answered: both are needed."""
        open_[publisher] -= 1
        if not open_[publisher]:
            idle.append(publisher)
            finished[publisher]()

    def answered(publisher: Publisher, status: int, _: float) -> None:
        scene.lost += status != 200
        part(publisher)

    def start(over: Callable[[], None]) -> None:
        publisher = idle.popleft()
        finished[publisher], open_[publisher] = over, 2
        scene.change(publisher, 0.0, answered)

    scene.over = part
    phase = Phase(load, demand)
    load.keep_going((start for _ in range(demand.changes)), min(AT_ONCE, demand.size))
    lost = scene.lost + demand.changes * WATCHERS - len(scene.samples)
    return {"": phase.end(scene.samples, lost)}


def open_loop(load: Load, demand: Demand) -> dict[str, Result]:
    """``rate`` changes a second of ``size`` presentities in turn, for so many ``seconds``."""
    scene = _Scene(load, demand)
    idle = deque(scene.publishers)
    wanted = round(demand.rate * demand.seconds)
    started = answers = refused = 0
    starved = 0.0

    def answered(publisher: Publisher, status: int, _: float) -> None:
        nonlocal answers, refused
        answers += 1
        refused += status != 200
        idle.append(publisher)

    def pace() -> bool:
        nonlocal started, starved
        at = now()
        while started < wanted:
            due = began + started / demand.rate
            if due > at:
                load.wire.wake = due
                return False
            if not idle:
                starved = at
                break
            scene.change(idle.popleft(), due if due <= starved else 0.0, answered)
            started += 1
        load.wire.wake = NEVER
        return started >= wanted

    phase = Phase(load, demand)
    began = now()
    load.wire.run(pace, 3 * demand.seconds + PATIENCE)
    offered = started / (now() - began)
    load.wire.run(lambda: answers >= started and not scene.untold(), AFTERWARDS)
    load.wire.wake = NEVER
    result = phase.end(scene.samples, scene.lost + refused + (wanted - started) * WATCHERS + scene.untold())
    result["counted"]["skipped"] = max(0, started * WATCHERS - len(scene.samples) - scene.untold())
    return {"": {**result, "wanted": demand.rate, "offered": offered}}
