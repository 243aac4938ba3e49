"""Where a message came from and where it can be answered.

A ``Flow`` names one bidirectional path: the transport, our end, the peer's end and, for a stream, the number of the
connection.  It is a plain value, so that subscriptions and bindings keep it, and it has a text form for the store.  A
flow whose connection is None means "any connection to that peer, a new one if need be".  A ``Target`` is a peer that
was looked up and not reached yet.

Implements: RFC 3261 section 18; RFC 5626 section 3.1 (flows).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

__all__ = ["Flow", "HostPort", "Target", "Transport"]


class Transport(Enum):
    """How octets travel; the values are those of the ``transport`` URI parameter, plus ``tls``."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @property
    def default_port(self) -> int:
        """The port when none is written (RFC 3261, section 19.1.2)."""
        return 5061 if self is Transport.TLS else 5060

    @property
    def via_token(self) -> str:
        """The name in a Via header."""
        return self.value.upper()


UDP: Final = Transport.UDP


class HostPort(NamedTuple):
    """A numeric address without brackets, and a port; also what the socket calls take."""

    host: str
    port: int

    def __str__(self) -> str:
        """As in a URI or a Via, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def uri_host(self) -> str:
        """The host alone, IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One path between us and a peer; ``connection`` tells streams apart and is None for UDP."""

    transport: Transport
    local: HostPort
    peer: HostPort
    connection: int | None = None

    def to_text(self) -> str:
        """``udp 192.0.2.1 5060 192.0.2.9 40000``: the connection number means nothing after a restart."""
        kind = "udp" if self.transport is UDP else self.transport.value
        return f"{kind} {self.local.host} {self.local.port} {self.peer.host} {self.peer.port}"

    @classmethod
    def from_text(cls, text: str) -> "Flow":
        """Inverse of ``to_text``; raises ValueError."""
        transport, local, local_port, peer, peer_port = text.split(" ")
        return cls(
            transport=Transport(transport),
            local=HostPort(local, int(local_port)),
            peer=HostPort(peer, int(peer_port)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server that a look-up named: numeric host, port, and the domain that its certificate must prove."""

    transport: Transport
    host: str
    port: int
    tls_name: str = ""

    @property
    def peer(self) -> HostPort:
        return HostPort(self.host, self.port)

    def __str__(self) -> str:
        return f"{self.transport.value}:{self.peer}"
