"""The load generator, a process of its own: ``python -m tests.bench.generator ROW --server HOST:PORT --pid PID --size N``.

Standard library only, one thread.  Writes one line of JSON: what the row measured, what the generator counted, and
``generator_bound`` if it was itself so busy that the server may have had nothing to do.
"""

import argparse
import gc
import json
from typing import Any

from tests.bench import rows
from tests.bench.load import Load
from tests.bench.meter import BOUND
from tests.bench.wire import Wire

ROWS: dict[str, rows.Row] = {
    "subscribe": rows.subscribing,
    "publish": rows.publishing,
    "modify": rows.modifying,
    "memory": rows.remembering,
}


def main() -> None:
    """Run one row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", choices=[*ROWS, "fanout"])
    parser.add_argument("--server", required=True)
    parser.add_argument("--domain", default="sip.example.org")
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--changes", type=int, default=1)
    chosen = parser.parse_args()
    host, _, port = chosen.server.rpartition(":")
    # nothing that a run keeps is garbage
    gc.disable()
    wire = Wire((host, int(port)))
    load = Load(wire, chosen.domain)
    result: dict[str, Any]
    if chosen.row == "fanout":
        result = rows.fan_out(load, chosen.pid, chosen.size, chosen.changes)
    else:
        result = ROWS[chosen.row](load, chosen.pid, chosen.size)
    wire.close()
    result["generator_bound"] = result["generator_share"] > BOUND
    print(json.dumps({**result, "counted": dict(wire.count)}))


if __name__ == "__main__":
    main()
