"""What an operation costs a gateway that holds many subscriptions already: processor time, by operation.

Under ``memory:`` the subscriptions are made by SUBSCRIBE; a durable gateway finds them when it starts (``tests.bench.stored``),
and is left alone until all of their watchers have been told.  Then follow, ``OPERATIONS`` of each: SUBSCRIBE, a refresh and the
end of these, PUBLISH, a modification of these, and NOTIFYs to the watchers of one presentity.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench.fanning import fan_out
from tests.bench.load import Load, Publisher
from tests.bench.meter import pss_of
from tests.bench.rows import (
    Demand,
    Phase,
    Result,
    prepare_all,
    publish_all,
    run_publishers,
    run_watchers,
    subscribe_all,
)
from tests.bench.stored import FILE, WATCHERS, write_state
from tests.bench.wire import Wire
from tests.peers.gateway import Gateway

OPERATIONS: Final = 3000
"""At most; ten times what is held where that is less."""
FAN: Final = 300
CHANGES: Final = 10
PATIENCE: Final = 120.0
SETTLE: Final = 3.0
"""Seconds of rest before anything is measured, with a thousand subscriptions or more."""


def growing(directory: Path, state: str, size: int) -> Result:
    """``subscribe_us``, ``refresh_us``, ``publish_us``, ``modify_us``, ``notify_us``: with ``size`` subscriptions held."""
    with _holding(directory, state, size) as (load, demand):
        phases: dict[str, Result] = {}
        count = min(OPERATIONS, 10 * size)
        presentities = [load.presentity("growing", n) for n in range(count)]
        publishers = [load.publisher(each) for each in presentities]
        for name in ("publish", "modify"):
            phase = Phase(load, demand)
            samples, lost = run_publishers(load, publishers, Publisher.publish)
            phases[name] = phase.end(samples, lost)
        watchers = [load.watcher(presentities[n // WATCHERS]) for n in range(count)]
        for name, expires in (("subscribe", 3600), ("refresh", 3600), ("unsubscribe", 0)):
            prepare_all(watchers, expires)
            phase = Phase(load, demand)
            samples, lost = run_watchers(load, watchers)
            phases[name] = phase.end(samples, lost)
        fans = fan_out(load, Demand(pids=demand.pids, size=min(FAN, size), changes=CHANGES))
        phases["notify"] = next(iter(fans.values()))
        pss = pss_of(*demand.pids) / 1024
    return {
        **phases["modify"],
        **{f"{name}_us": phase["server_us"] for name, phase in phases.items()},
        "lost": sum(phase["lost"] for phase in phases.values()),
        "pss": pss,
    }


@contextmanager
def _holding(directory: Path, state: str, size: int) -> Iterator[tuple[Load, Demand]]:
    is_durable = state != "memory:"
    gateway = Gateway(
        directory,
        settings={
            "gateway": {"state": f"sqlite:{FILE}" if is_durable else state},
            "sip": {"authentication": "none"},
        },
    )
    gateway.starts_within = PATIENCE
    wire = Wire(gateway.sip)
    try:
        if is_durable:
            write_state(gateway, wire, size)
        told: set[int] = set()
        wire.notified = lambda index, *_: told.add(index)
        with gateway:
            assert gateway.process is not None
            load = Load(wire, gateway.domains[0])
            demand = Demand(pids=[gateway.process.pid], size=size)
            if is_durable:
                wire.run(lambda: len(told) >= size, PATIENCE)
                assert len(told) == size, "not all who watched before were told"
            else:
                held = [load.presentity("held", n // WATCHERS) for n in range(size)]
                publish_all(load, held[::WATCHERS])
                subscribe_all(load, held)
            wire.run(lambda: False, SETTLE * min(1.0, size / 1000))
            yield load, demand
    finally:
        wire.close()
