"""The load generator, a process of its own: ``python -m tests.bench.generator LOAD --server HOST:PORT --pid PID --size N``.

Standard library only, one thread.  Writes one line of JSON: for each phase what it measured, what the generator counted, and
``generator_bound`` if it was itself so busy that the server may have had nothing to do.
"""

import argparse
import gc
import json
from typing import Final

from tests.bench.fanning import closed_loop, fan_out, open_loop
from tests.bench.listing import listing
from tests.bench.load import Load
from tests.bench.publishing import publishing
from tests.bench.remembering import remembering
from tests.bench.rows import Demand, Loading
from tests.bench.subscribing import subscribing
from tests.bench.wire import Wire

LOADS: Final[dict[str, Loading]] = {
    "subscribe": subscribing,
    "publish": publishing,
    "fanout": fan_out,
    "closed": closed_loop,
    "open": open_loop,
    "memory": remembering,
    "lists": listing,
}


def main() -> None:
    """Run one load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("load", choices=LOADS)
    parser.add_argument("--server", required=True)
    parser.add_argument("--domain", default="sip.example.org")
    parser.add_argument("--pid", type=int, action="append", required=True, help="may be given several times")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--changes", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    chosen = parser.parse_args()
    host, _, port = chosen.server.rpartition(":")
    # nothing that a run keeps is garbage
    gc.disable()
    wire = Wire((host, int(port)))
    demand = Demand(
        pids=chosen.pid,
        size=chosen.size,
        changes=chosen.changes,
        rate=chosen.rate,
        seconds=chosen.seconds,
    )
    result = LOADS[chosen.load](Load(wire, chosen.domain), demand)
    wire.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
