"""What a phase of a run has cost: seconds, processor time on both sides, and what the rest of the machine did meanwhile."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

TICK: Final = os.sysconf("SC_CLK_TCK")
BOUND: Final = 0.9
"""The share of a core from which on the generator, and not the server, may have set the pace."""


def family(pid: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def cpu_of(pid: int) -> float:
    """Processor seconds that the processes have used, in steps of a clock tick (mostly 10 ms)."""
    ticks = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def pss_of(pid: int) -> float:
    """Proportional set size of the processes, in KiB."""
    total = 0
    for each in family(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return float(total)


def busy() -> float:
    """Processor seconds that the whole machine has used, stolen time included."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / TICK


class Meter:
    """Started when made; ``stop`` tells what a phase of ``operations`` was like."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._busy, self._server = busy(), cpu_of(pid)
        self._own, self._start = time.process_time(), time.perf_counter()

    def stop(self, operations: int) -> dict[str, Any]:
        seconds = time.perf_counter() - self._start
        own = time.process_time() - self._own
        server = cpu_of(self._pid) - self._server
        others = max(0.0, busy() - self._busy - own - server)
        return {
            "seconds": seconds,
            "operations": operations,
            "rate": operations / seconds,
            "server_us": server / max(operations, 1) * 1e6,
            "generator_share": own / seconds,
            "others_share": others / seconds,
        }


def spread(samples: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile of seconds, in milliseconds."""
    if not samples:
        return {}
    ordered = sorted(samples)
    return {
        "p50": ordered[len(ordered) // 2] * 1e3,
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3,
    }
