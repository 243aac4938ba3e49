"""Who spent what on a crossing: processor time of the gateway and of the XMPP server, by the scheduler's own nanoseconds.

Clock ticks are too coarse for phases of a second, and the sentence "the limit is the XMPP server and not the gateway"
needs both figures from the same run.
"""

from pathlib import Path
from typing import Any

from tests.bench.meter import Meter, family


def processor_time(pid: int) -> float:
    """Processor seconds of a process, its threads and its descendants."""
    total = 0
    for each in family(pid):
        for file in Path(f"/proc/{each}/task").glob("*/schedstat"):
            total += int(file.read_text().split()[0])
    return total / 1e9


class CrossingMeter:
    """A ``Meter`` of the gateway and of the server beside it; ``stop`` adds ``server_us`` and ``prosody_us``, microseconds."""

    def __init__(self, gateway: int, prosody: int) -> None:
        self._pids = gateway, prosody
        self._before = [processor_time(pid) for pid in self._pids]
        self._meter = Meter(gateway)

    def stop(self, operations: int) -> dict[str, Any]:
        """What a phase of so many operations was like."""
        result = self._meter.stop(operations)
        own, theirs = (
            processor_time(pid) - before for pid, before in zip(self._pids, self._before, strict=True)
        )
        each = max(operations, 1) / 1e6
        busy = {"server_share": own / result["seconds"], "prosody_share": theirs / result["seconds"]}
        return {**result, "server_us": own / each, "prosody_us": theirs / each, **busy}
