"""SUBSCRIBEs until both the 200 and the NOTIFY are there: initial, then a refresh of each dialog, then its end."""

from tests.bench.load import LIFETIME, Load
from tests.bench.rows import Demand, Phase, Result, prepare_all, publish_all, run_watchers


def subscribing(load: Load, demand: Demand) -> dict[str, Result]:
    """``size`` watchers, ten a presentity, all of whom have published."""
    presentities = [load.presentity("watched", index) for index in range(max(1, demand.size // 10))]
    lost = publish_all(load, presentities)
    watchers = [load.watcher(presentities[number % len(presentities)]) for number in range(demand.size)]
    results = {}
    for name, expires in (("initial", LIFETIME), ("refresh", LIFETIME), ("unsubscribe", 0)):
        prepare_all(watchers, expires)
        phase = Phase(load, demand)
        samples, missing = run_watchers(load, watchers)
        results[name] = phase.end(samples, missing + lost)
        lost = 0
    return results
