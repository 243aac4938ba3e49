"""What the SIP side has counted since it started, for ``/health`` and ``/metrics``."""

from dataclasses import dataclass, field
from typing import Final

__all__ = ["METHODS", "OTHER", "Counters"]

METHODS: Final = (
    "ACK", "BYE", "CANCEL", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PUBLISH", "REGISTER", "SUBSCRIBE",
)  # fmt: skip
"""Methods that are counted by name."""
OTHER: Final = "other"
"""What all others are counted as: strangers choose them."""

Row = list[int]
"""Of one method: transactions begun, then final responses by the first digit of their status, 1 to 6."""


def _incoming() -> dict[str, Row]:
    return {method: [0] * 7 for method in (*METHODS, OTHER)}


def _outgoing() -> dict[bytes, Row]:
    return {as_in_cseq(method): [0] * 7 for method in (*METHODS, OTHER)}


def as_in_cseq(method: str) -> bytes:
    """A method with what is around it in CSeq, by which client transactions know it."""
    return f" {method}\r".encode()


@dataclass(slots=True)
class Counters:
    """Plain integers that only grow."""

    received: int = 0
    """Messages that arrived whole, well-formed or not."""
    sent: int = 0
    """Messages given to a transport, retransmissions included."""
    retransmitted: int = 0
    """Messages that a timer or a repeated request made us send again."""
    absorbed: int = 0
    """Repeated requests that met their transaction."""
    dropped: int = 0
    """Messages that went nowhere: strays, unanswerable ones, what a full buffer refused."""
    malformed: int = 0
    """Messages that are not SIP, whether answered with 400 or not."""
    keepalives: int = 0
    """Pings of any kind: CRLF, zero octets, STUN."""
    refused: int = 0
    """Requests answered 503 because too many were unanswered, and connections over the limit."""
    shed: int = 0
    """Requests answered 503 because of an overload, at a fraction of what serving them costs."""
    timeouts: int = 0
    """Client transactions that never saw a final response."""
    incoming: dict[str, Row] = field(default_factory=_incoming)
    """Requests to us by method, without repetitions."""
    outgoing: dict[bytes, Row] = field(default_factory=_outgoing)
    """Requests of ours by method ``as_in_cseq``, without repetitions."""

    def numbers(self) -> dict[str, int]:
        """Those that are single numbers, by name."""
        return {name: value for name in self.__slots__ if isinstance(value := getattr(self, name), int)}
