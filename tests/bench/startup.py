"""A start with much to remember: seconds until it serves, how fast watchers hear of it, and how it answers meanwhile.

The gateway finds ``size`` subscriptions and a tenth as many publications (``tests.bench.stored``).  It serves when ``/health``
is 200 and a request by SIP has been answered.  From then on one PUBLISH after the other is sent until every watcher has had
its NOTIFY, a twentieth of a second from one to the next.
"""

import time
from pathlib import Path
from typing import Final

from tests.bench.load import Load
from tests.bench.meter import pss_of
from tests.bench.rows import Demand, Phase, Result
from tests.bench.stored import FILE, FIRST, write_state
from tests.bench.wire import Wire
from tests.peers.gateway import Gateway

PACE: Final = 0.05
PATIENCE: Final = 120.0
SECOND: Final = 1.0
PUBLISHERS: Final = 20
"""They take turns, so that none of them is told of two changes at once."""


def starting(directory: Path, state: str, size: int) -> Result:
    """``serving``: seconds until it serves; ``rate``: NOTIFYs a second; ``burst``: most of them in one second; p50, p99 of a PUBLISH.

    What is to be found is in a file, whatever ``state`` is.
    """
    del state
    gateway = Gateway(
        directory,
        settings={"gateway": {"state": f"sqlite:{FILE}"}, "sip": {"authentication": "none"}},
    )
    gateway.starts_within = PATIENCE
    wire = Wire(gateway.sip)
    try:
        write_state(gateway, wire, size)
        times: dict[int, float] = {}
        wire.notified = lambda index, _, at: times.update({index: times.get(index, at)})
        began = time.perf_counter()
        with gateway:
            load = Load(wire, gateway.domains[0])
            samples: list[float] = []
            lost = _publish(load, 0, samples)
            serving = time.perf_counter() - began
            assert gateway.process is not None
            phase = Phase(load, Demand(pids=[gateway.process.pid], size=size))
            samples.clear()
            end = time.perf_counter() + PATIENCE
            turn = 0
            while len(times) < size and time.perf_counter() < end:
                turn += 1
                lost += _publish(load, turn % PUBLISHERS, samples)
                wire.run(lambda: len(times) >= size, PACE)
            told = sorted(at for index, at in times.items() if index >= FIRST)
            result = phase.end(samples, lost + size - len(told))
            result["pss"] = pss_of(gateway.process.pid) / 1024
    finally:
        wire.close()
    return {
        **result,
        "serving": serving,
        "rate": len(told) / (told[-1] - told[0]) if len(told) > 1 else 0.0,
        "burst": _most_within_a_second(told),
    }


def _publish(load: Load, number: int, samples: list[float]) -> int:
    """One PUBLISH and its answer; returns 1 if it was not accepted."""
    statuses: list[int] = []

    def done(status: int, at: float) -> None:
        statuses.append(status)
        samples.append(at - began)

    _, began = load.publish(load.presentity("starting", number), done)
    load.wire.run(lambda: bool(statuses), PATIENCE)
    return int(statuses != [200])


def _most_within_a_second(times: list[float]) -> int:
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] > SECOND:
            first += 1
        most = max(most, last - first + 1)
    return most
