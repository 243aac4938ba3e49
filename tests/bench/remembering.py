"""What a server keeps: proportional set size of all its processes, once everybody is there and transactions have died down.

Everybody arrives at a moderate pace, because what a server has once taken for transactions it mostly does not give back.
"""

from typing import Final

from tests.bench.load import Load
from tests.bench.meter import pss_of
from tests.bench.rows import Demand, Phase, Result, publish_all, subscribe_all

WATCHERS: Final = 10
"""Of each presentity."""
KIB: Final = 1024


def remembering(load: Load, demand: Demand) -> dict[str, Result]:
    """``size`` subscriptions and a tenth as many publications at ``rate`` a second; read ``seconds`` after the last one."""
    at_first = pss_of(*demand.pids)
    presentities = [load.presentity("kept", index) for index in range(max(1, demand.size // WATCHERS))]
    phase = Phase(load, demand)
    lost = publish_all(load, presentities, demand.rate)
    chosen = [presentities[number % len(presentities)] for number in range(demand.size)]
    watchers, missing = subscribe_all(load, chosen, demand.rate)
    samples = [watcher.ended - watcher.began for watcher in watchers if watcher.ended]
    result = phase.end(samples, lost + missing)
    load.wire.run(lambda: False, demand.seconds)
    finally_ = pss_of(*demand.pids)
    return {
        "": {
            **result,
            "mib": finally_ / KIB,
            "mib_at_first": at_first / KIB,
            "kib": (finally_ - at_first) / max(1, len(samples)),
        }
    }
