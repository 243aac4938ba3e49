"""The transport layer: sockets on one side, octets with their flow on the other.

``Transports`` owns the UDP sockets and the stream connections, chooses among them for what is sent, and hands whole
messages to one ``TransportUser``.  A UDP flow belongs to the socket it came in on; a listener on all addresses learns
for each peer which of them the system uses, so that Via and Contact never say 0.0.0.0.

Implements: RFC 3261 section 18; RFC 3581 section 4 (answers leave from where the request arrived).
"""

from collections.abc import Callable, Collection
from socket import socket
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed

from sip2xmpp.errors import BadMessage, TransportFailed
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import UDP, Flow, HostPort, Target, Transport
from sip2xmpp.sip.layer import TransportLayer, TransportUser
from sip2xmpp.sip.overload import Overload
from sip2xmpp.sip.streams import LIMIT, Streams
from sip2xmpp.sip.tcp import IDLE
from sip2xmpp.sip.tls import Tls
from sip2xmpp.sip.udp import UdpPort, bound_socket, local_address_toward

__all__ = ["TransportLayer", "TransportUser", "Transports"]

ANYWHERE: Final = {"0.0.0.0": "192.0.2.1", "::": "2001:db8::1"}  # noqa: S104 - compared, not bound
"""For each wildcard, an address that only the default route leads to (RFC 5737, RFC 3849)."""

Tap = Callable[[bytes, Flow, bool], None]
"""Sees every message as it is on the wire, with its flow and whether it came in."""


class Transports:
    """The sockets of this process, with at most so many ``connections``, each closed after ``idle`` seconds of silence.

    ``tls`` is what TLS needs, if it is spoken.  ``reactor`` is a real one.  ``tap`` sees everything while it is set.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        tls: Tls | None = None,
        counters: Counters | None = None,
        overload: Overload | None = None,
        connections: int = LIMIT,
        idle: float = IDLE,
        permits: Callable[[Target], bool] | None = None,
    ) -> None:
        self.counters = counters or Counters()
        self.overload = overload or Overload(reactor, self.counters)
        self._reactor = reactor
        self._permits = permits
        self._user: TransportUser | None = None
        self.tap: Tap | None = None
        self._udp: dict[HostPort, UdpPort] = {}
        self._ports: list[UdpPort] = []
        self._streams = Streams(
            reactor, self, self.counters, tls, limit=connections, idle=idle, stirred=self.overload.stir
        )

    def attach(self, user: TransportUser) -> None:
        self._user = user

    def listen(
        self, transport: Transport, interface: str, port: int, inherited: socket | None = None
    ) -> HostPort:
        """Listen; port 0 lets the system choose.  Returns the place; raises OSError, or ConfigError for TLS.

        ``inherited`` is a socket that is bound there already.
        """
        if transport is not UDP:
            return self._streams.listen(transport, interface, port, inherited)
        bound = bound_socket(interface, port, inherited)
        opened = UdpPort(self._reactor, bound, self, self.counters, self.overload)
        self._ports.append(opened)
        self._udp[opened.local] = opened
        return opened.local

    def send(self, octets: bytes, flow: Flow) -> None:
        if self.tap is not None:
            self.tap(octets, flow, False)
        if flow.transport is UDP:
            port = self._udp.get(flow.local) or self._udp_port(flow)
            port.send(octets, flow.peer)
        else:
            self._streams.send(octets, flow)

    def open(self, target: Target) -> "Deferred[Flow]":
        if self._permits is not None and not self._permits(target):
            return fail(TransportFailed(f"requests to {target.host} are not allowed here"))
        if target.transport is not UDP:
            return self._streams.open(target)
        for port in self._ports:
            if port.is_ipv6 == (":" in target.host):
                try:
                    return succeed(port.flow_to(target.peer))
                except TransportFailed as error:
                    return fail(error)
        return fail(TransportFailed(f"no UDP socket can reach {target.host}"))

    def limit_silence(self, flow: Flow, seconds: float) -> None:
        """Close the connection of ``flow`` when nothing comes over it for so long; a socket of datagrams has none."""
        self._streams.limit_silence(flow, seconds)

    def sent_by(self, flow: Flow) -> HostPort:
        if flow.transport is UDP:
            return flow.local
        for transport, place in self._streams.places:
            if transport is flow.transport and place.host in {flow.local.host, _wildcard(flow.local.host)}:
                return HostPort(flow.local.host, place.port)
        return flow.local

    @property
    def speaks(self) -> Collection[Transport]:
        return (*self._streams.speaks, UDP) if self._ports else self._streams.speaks

    def listening(self, transport: Transport) -> HostPort | None:
        places = [(UDP, port.local) for port in self._ports] + self._streams.places
        for kind, place in places:
            if kind is transport:
                return _concrete(place)
        return None

    def connections(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def listening_descriptors(self) -> list[int]:
        """The descriptors of all sockets that listen, for whoever goes on with them."""
        return [port.fileno() for port in self._ports] + self._streams.listening()

    def bound(self, connections: int, idle: float) -> None:
        """Have at most so many connections from now on, each for so many seconds of silence."""
        self._streams.bound(connections)
        self._streams.idle = idle

    def receive_buffer_drops(self) -> int | None:
        """Datagrams that the kernel has dropped for want of room; None where it does not tell."""
        drops = [port.drops() for port in self._ports]
        return None if None in drops else sum(each or 0 for each in drops)

    def stop_reading(self) -> None:
        """Take no datagram and no connection any more; what is open can still be sent over."""
        for port in self._ports:
            port.stop_reading()
        self._streams.stop_accepting()

    def close(self) -> "Deferred[None]":
        """Close everything; fires when that is done."""
        self.overload.stop()
        for port in self._ports:
            port.close()
        self._ports.clear()
        self._udp.clear()
        return self._streams.close()

    # what sockets tell

    def received(self, octets: bytes, flow: Flow) -> None:
        self.counters.received += 1
        if self.tap is not None:
            self.tap(octets, flow, True)
        if self._user is not None:
            self._user.received(octets, flow)

    def malformed(self, error: BadMessage, flow: Flow) -> None:
        self.counters.received += 1
        if self._user is not None:
            self._user.malformed(error, flow)

    def unreachable(self, octets: bytes, why: str) -> None:
        if self._user is not None:
            self._user.unreachable(octets, why)

    def lost(self, flow: Flow) -> None:
        if self._user is not None:
            self._user.lost(flow)

    def _udp_port(self, flow: Flow) -> UdpPort:
        """The socket for a flow of a wildcard listener, or of an earlier run that listened elsewhere."""
        fitting = [port for port in self._ports if port.is_ipv6 == (":" in flow.peer.host)]
        for port in fitting:
            if port.is_wildcard and port.local.port == flow.local.port:
                self._udp[flow.local] = port
                return port
        if not fitting:
            raise TransportFailed(f"no UDP socket can reach {flow.peer}")
        return fitting[0]


def _wildcard(host: str) -> str:
    return "::" if ":" in host else "0.0.0.0"  # noqa: S104 - compared, not bound


def _concrete(place: HostPort) -> HostPort:
    """``place`` with an address that others could use."""
    if place.host not in ANYWHERE:
        return place
    try:
        return HostPort(local_address_toward(ANYWHERE[place.host]), place.port)
    except OSError:
        # a machine without a default route serves itself
        return HostPort("::1" if ":" in place.host else "127.0.0.1", place.port)
