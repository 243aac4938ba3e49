"""PUBLISHes with nobody watching: initial, then a new document for each, then the same document for another while."""

from tests.bench.load import Load, Publisher
from tests.bench.rows import Demand, Phase, Result, run_publishers


def publishing(load: Load, demand: Demand) -> dict[str, Result]:
    """``size`` presentities."""
    publishers = [load.publisher(load.presentity("publishing", index)) for index in range(demand.size)]
    results = {}
    for name, request in (
        ("initial", Publisher.publish),
        ("modify", Publisher.publish),
        ("refresh", Publisher.refresh),
    ):
        phase = Phase(load, demand)
        samples, lost = run_publishers(load, publishers, request)
        results[name] = phase.end(samples, lost)
    return results
