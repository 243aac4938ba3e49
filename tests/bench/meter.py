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
        for child in _read(children).split():
            yield from family(int(child))


def cpu_of(*pids: int) -> float:
    """Processor seconds that the processes have used, all their threads and descendants included.

    The scheduler counts nanoseconds where the kernel has schedstat; elsewhere these are clock ticks of mostly 10 ms.
    """
    return sum(_processor_times(pids).values())


def _processor_times(pids: Sequence[int]) -> dict[str, float]:
    """Thread -> processor seconds."""
    return {
        str(task): _processor_time(task)
        for pid in pids
        for each in family(pid)
        for task in Path(f"/proc/{each}/task").glob("*")
    }


def _processor_time(task: Path) -> float:
    nanoseconds = _read(task / "schedstat").split()
    if nanoseconds:
        return int(nanoseconds[0]) / 1e9
    fields = _read(task / "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK if fields else 0.0


def pss_of(*pids: int) -> float:
    """Proportional set size of the processes with all their descendants, in KiB."""
    total = 0
    for pid in pids:
        for each in family(pid):
            for line in _read(Path(f"/proc/{each}/smaps_rollup")).splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return float(total)


def busy() -> float:
    """Processor seconds that the whole machine has used, stolen time included."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / TICK


def _read(file: Path) -> str:
    """The text of a file in /proc; empty when its process is gone."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Meter:
    """Started when made; ``stop`` tells what a phase of ``operations`` was like."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._busy, self._server = busy(), _processor_times(pids)
        self._own, self._start = time.process_time(), time.perf_counter()

    def stop(self, operations: int) -> dict[str, Any]:
        seconds = time.perf_counter() - self._start
        own = time.process_time() - self._own
        # a process that has ended meanwhile takes its figure along, but not what it had used before
        times = _processor_times(self._pids)
        server = sum(used - self._server.get(task, 0.0) for task, used in times.items())
        others = max(0.0, busy() - self._busy - own - server)
        return {
            "seconds": seconds,
            "operations": operations,
            "rate": operations / seconds,
            "server_us": server / max(operations, 1) * 1e6,
            "server_share": server / seconds,
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
