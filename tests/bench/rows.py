"""The loads, one function a row of the table: each drives the server through a ``Load`` and returns what was measured."""

from collections.abc import Callable
from typing import Any, Final

from tests.bench.load import PATIENCE, Load, Start
from tests.bench.messages import MARK
from tests.bench.meter import Meter, pss_of, spread

LATE: Final = 0.5
"""Seconds: when a retransmission would be under way."""
WINDOW: Final = 64
"""Operations in flight where a rate is measured."""

Result = dict[str, Any]
Row = Callable[[Load, int, int], Result]
"""Gets the load, the pid of the server and the size."""


def subscribing(load: Load, pid: int, size: int) -> Result:
    """SUBSCRIBE until both its 200 and the first NOTIFY are there; ten watchers a presentity, all of whom have published."""
    presentities = [load.presentity("watched", index) for index in range(max(1, size // 10))]
    lost = _publish_all(load, presentities)
    meter = Meter(pid)
    bad, samples = _subscribe_all(load, [presentities[n % len(presentities)] for n in range(size)])
    return {**meter.stop(len(samples)), **spread(samples), "lost": lost + bad, "late": _late(samples)}


def publishing(load: Load, pid: int, size: int) -> Result:
    """Initial PUBLISHes, each of another presentity whom nobody watches."""
    presentities = [load.presentity("initial", index) for index in range(size)]
    meter = Meter(pid)
    return _publishing(load, presentities, meter)


def modifying(load: Load, pid: int, size: int) -> Result:
    """PUBLISHes that change what was published before, nobody watching."""
    presentities = [load.presentity("modified", index) for index in range(min(size, 1000))]
    lost = _publish_all(load, presentities)
    meter = Meter(pid)
    result = _publishing(load, [presentities[n % len(presentities)] for n in range(size)], meter)
    result["lost"] += lost
    return result


def fan_out(load: Load, pid: int, size: int, changes: int) -> Result:
    """Changes one after the other, each when all ``size`` watchers have been told of the one before."""
    presentity = load.presentity("fan", size)
    lost = _publish_all(load, [presentity])
    bad, _ = _subscribe_all(load, [presentity] * size)
    samples: list[float] = []
    wholes: list[float] = []
    sent = mark = answers = 0
    began = ended = 0.0

    def notified(_: int, octets: bytes, at: float) -> None:
        nonlocal sent, ended
        found = MARK.search(octets)
        if found is not None and int(found[1]) == mark:
            samples.append(at - began)
            sent += 1
            ended = at

    def answered(status: int, _: float) -> None:
        nonlocal answers, lost
        answers += 1
        lost += status != 200

    def all_told() -> bool:
        """The 200 counts too: it brings the tag for the next change, and a durable server may send it last."""
        return sent >= size and answers > len(wholes)

    load.wire.notified = notified
    meter = Meter(pid)
    for _ in range(changes):
        sent = 0
        mark, began = load.publish(presentity, answered)
        load.wire.run(all_told, PATIENCE)
        wholes.append(ended - began)
        lost += size - sent
    whole = spread(wholes)
    return {
        **meter.stop(len(samples)),
        **spread(samples),
        "whole": whole.get("p50", 0.0),
        "lost": lost + bad,
        "late": _late(samples),
    }


def remembering(load: Load, pid: int, size: int) -> Result:
    """How much the server grows with each subscription: PSS between ``size`` subscriptions and five times as many."""
    presentities = [load.presentity("kept", index) for index in range(max(1, size // 10))]
    lost = _publish_all(load, presentities)
    first, _ = _subscribe_all(load, [presentities[n % len(presentities)] for n in range(size)])
    before = pss_of(pid)
    meter = Meter(pid)
    second, samples = _subscribe_all(load, [presentities[n % len(presentities)] for n in range(4 * size)])
    result = meter.stop(len(samples))
    grown = (pss_of(pid) - before) / (4 * size)
    return {**result, "kib": grown, "lost": lost + first + second, "late": _late(samples)}


def _publishing(load: Load, presentities: list[bytes], meter: Meter) -> Result:
    samples: list[float] = []
    lost = 0

    def operation(presentity: bytes) -> Start:
        def start(over: Callable[[], None]) -> None:
            def done(status: int, at: float) -> None:
                nonlocal lost
                if status == 200:
                    samples.append(at - began)
                else:
                    lost += 1
                over()

            _, began = load.publish(presentity, done)

        return start

    lost += load.keep_going(map(operation, presentities), min(WINDOW, len(presentities)))
    return {**meter.stop(len(samples)), **spread(samples), "lost": lost, "late": _late(samples)}


def _publish_all(load: Load, presentities: list[bytes]) -> int:
    """A document for each; returns how many got none."""
    lost = 0

    def operation(presentity: bytes) -> Start:
        def start(over: Callable[[], None]) -> None:
            def done(status: int, _: float) -> None:
                nonlocal lost
                lost += status != 200
                over()

            load.publish(presentity, done)

        return start

    left = load.keep_going(map(operation, presentities), WINDOW)
    return lost + left


def _subscribe_all(load: Load, presentities: list[bytes]) -> tuple[int, list[float]]:
    """A new watcher for each entry; returns how many were not served, and the seconds until the others were."""
    samples: list[float] = []
    missing: dict[int, list[Any]] = {}
    refused = 0

    def step(index: int, at: float) -> None:
        """The 200 or the first NOTIFY has come; both are needed, in either order."""
        state = missing.get(index)
        if state is None:
            return
        state[0] -= 1
        if not state[0]:
            del missing[index]
            samples.append(at - state[1])
            state[2]()

    def operation(presentity: bytes) -> Start:
        def start(over: Callable[[], None]) -> None:
            def done(status: int, at: float) -> None:
                nonlocal refused
                if 200 <= status < 300:
                    step(index, at)
                else:
                    refused += 1
                    missing.pop(index, None)
                    over()

            index, began = load.subscribe(presentity, done)
            missing[index] = [2, began, over]

        return start

    told: set[int] = set()

    def notified(index: int, _: bytes, at: float) -> None:
        if index not in told:
            told.add(index)
            step(index, at)

    load.wire.notified = notified
    left = load.keep_going(map(operation, presentities), WINDOW)
    return refused + left, samples


def _late(samples: list[float]) -> int:
    return sum(each > LATE for each in samples)
