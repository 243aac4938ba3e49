"""The transport layer: sockets on one side, octets with their flow on the other.

``TransportLayer`` is what transactions and the user agent need of it, so that tests can put a network of their own
beneath them; ``Transports`` is the real one.  It owns the listening sockets and the connections, chooses among them
for what is sent, and hands whole messages to one ``TransportUser``.

Implements: RFC 3261 section 18.
"""

from collections.abc import Collection
from typing import Protocol

from twisted.internet import defer
from twisted.internet.interfaces import IReactorFDSet

from sip2xmpp.errors import BadMessage, TransportFailed
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import UDP, Flow, HostPort, Target, Transport
from sip2xmpp.sip.udp import UdpPort

__all__ = ["TransportLayer", "TransportUser", "Transports"]


class TransportUser(Protocol):
    """Who is told what happens on the wire."""

    def received(self, octets: bytes, flow: Flow) -> None:
        """One whole message; never a keep-alive."""

    def malformed(self, error: BadMessage, flow: Flow) -> None:
        """Octets of a stream that are no message; the connection will be closed."""

    def lost(self, flow: Flow) -> None:
        """A stream has ended; nothing more can be sent on this flow."""


class TransportLayer(Protocol):
    """What carries messages."""

    counters: Counters

    def attach(self, user: TransportUser) -> None:
        """Tell ``user`` from now on; there is one."""

    def send(self, octets: bytes, flow: Flow) -> None:
        """Send one message; raises TransportFailed when that is known at once to be impossible."""

    def open(self, target: Target) -> "defer.Deferred[Flow]":
        """A flow to ``target``: an open connection to it, or a new one.  Fails with TransportFailed."""

    def sent_by(self, flow: Flow) -> HostPort:
        """Where the peer of ``flow`` can reach us anew: for Via and Contact."""

    @property
    def speaks(self) -> Collection[Transport]:
        """The transports that ``open`` can open."""

    def listening(self, transport: Transport) -> HostPort | None:
        """A place where we listen for ``transport``; None if we do not."""


class Transports:
    """The sockets of this process."""

    def __init__(self, reactor: IReactorFDSet, *, counters: Counters | None = None) -> None:
        self.counters = counters or Counters()
        self._reactor = reactor
        self._user: TransportUser | None = None
        self._udp: dict[HostPort, UdpPort] = {}
        self._ports: list[UdpPort] = []

    def attach(self, user: TransportUser) -> None:
        self._user = user

    def listen(self, transport: Transport, interface: str, port: int) -> HostPort:
        """Listen; port 0 lets the system choose.  Returns the place; raises OSError."""
        if transport is not UDP:
            raise TransportFailed(f"{transport.value} is not available")
        opened = UdpPort(self._reactor, interface, port, self._received, self.counters)
        self._ports.append(opened)
        self._udp[opened.local] = opened
        return opened.local

    def send(self, octets: bytes, flow: Flow) -> None:
        if flow.transport is UDP:
            port = self._udp.get(flow.local) or self._udp_port(flow)
            port.send(octets, flow.peer)
            return
        raise TransportFailed(f"no connection to {flow.peer}")

    def open(self, target: Target) -> "defer.Deferred[Flow]":
        if target.transport is not UDP:
            return defer.fail(TransportFailed(f"{target.transport.value} is not available"))
        for port in self._ports:
            if (":" in port.local.host) == (":" in target.host):
                try:
                    return defer.succeed(port.flow_to(target.peer))
                except TransportFailed as error:
                    return defer.fail(error)
        return defer.fail(TransportFailed(f"no UDP socket can reach {target.host}"))

    def sent_by(self, flow: Flow) -> HostPort:
        return flow.local

    @property
    def speaks(self) -> Collection[Transport]:
        return (UDP,)

    def listening(self, transport: Transport) -> HostPort | None:
        return self._ports[0].local if transport is UDP and self._ports else None

    def close(self) -> None:
        """Close everything."""
        for port in self._ports:
            port.close()
        self._ports.clear()
        self._udp.clear()

    def _received(self, octets: bytes, flow: Flow) -> None:
        self.counters.received += 1
        if self._user is not None:
            self._user.received(octets, flow)

    def _udp_port(self, flow: Flow) -> UdpPort:
        """The socket for a flow of a wildcard listener, or of an earlier run that listened elsewhere."""
        family = ":" in flow.peer.host
        fitting = [port for port in self._ports if (":" in port.local.host) == family]
        for port in fitting:
            if port.is_wildcard and port.local.port == flow.local.port:
                self._udp[flow.local] = port
                return port
        if not fitting:
            raise TransportFailed(f"no UDP socket can reach {flow.peer}")
        return fitting[0]
