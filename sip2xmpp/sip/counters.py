"""What the SIP side has counted since it started, for ``/health`` and ``/metrics``."""

from dataclasses import dataclass

__all__ = ["Counters"]


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
