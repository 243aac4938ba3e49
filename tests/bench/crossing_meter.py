"""Who spent what on a crossing: processor time of the gateway and of the XMPP server beside it.

The sentence "the limit is the XMPP server and not the gateway" needs both figures from the same run.
"""

from typing import Any

from tests.bench.meter import Meter, cpu_of


class CrossingMeter:
    """A ``Meter`` of the gateway and of the server beside it; ``stop`` adds ``prosody_us`` and ``prosody_share``."""

    def __init__(self, gateway: int, prosody: int) -> None:
        self._prosody = prosody
        self._before = cpu_of(prosody)
        self._meter = Meter(gateway)

    def stop(self, operations: int) -> dict[str, Any]:
        """What a phase of so many operations was like."""
        result = self._meter.stop(operations)
        spent = cpu_of(self._prosody) - self._before
        share = spent / result["seconds"]
        return {
            **result,
            "prosody_us": spent / max(operations, 1) * 1e6,
            "prosody_share": share,
            "others_share": max(0.0, result["others_share"] - share),
        }
