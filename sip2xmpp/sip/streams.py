"""All stream connections of this process, and the ports that accept them.

A connection is used for as long as it lives: responses go back on it, and requests to a place where one leads already
go over it.  TLS connections are shared only for the domain that they proved.  There is a bound on their number; at the
bound the one that was silent longest makes room, and one host alone cannot fill it.

Implements: RFC 3261 sections 18.1.1, 18.2.2 (reuse); RFC 5922 section 7.3.
"""

import resource
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, cast

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from sip2xmpp.errors import BadMessage, ConfigError, TransportFailed
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import Flow, HostPort, Target, Transport
from sip2xmpp.sip.layer import TransportUser
from sip2xmpp.sip.tcp import CONNECT, IDLE, Connection
from sip2xmpp.sip.timers import TimerWheel
from sip2xmpp.sip.tls import Tls

__all__ = ["Streams"]

LIMIT: Final = 8_192
"""Connections at most."""
RESERVED: Final = 256
"""File descriptors left to everything else."""
RECENT: Final = 32.0
"""Seconds of silence before a connection may be closed to make room (64 times T1)."""
SHARE: Final = 4
"""One host may have this part of all connections: a quarter."""
BACKLOG: Final = 512
"""Connections that the kernel holds until they are accepted."""
FAREWELL: Final = 2.0
"""Seconds that connections have to end by themselves when we stop."""

TCP, TLS = Transport.TCP, Transport.TLS
Way = tuple[Transport, HostPort, str]
"""What a connection leads to: transport, peer, and the domain that the peer proved."""


class Streams:
    """The connections; ``tls`` is what TLS needs, or None where it is not spoken.

    ``stirred`` is called when a peer sends more than is taken from it at once; ``idle`` are the seconds of silence after which a
    connection is closed.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        user: TransportUser,
        counters: Counters,
        tls: Tls | None,
        *,
        limit: int = LIMIT,
        idle: float = IDLE,
        stirred: Callable[[], None] = lambda: None,
    ) -> None:
        self.stirred = stirred
        self.idle = idle
        self._reactor = reactor
        self._user = user
        self._counters = counters
        self._tls = tls
        self.bound(limit)
        self._connections: dict[int, Connection] = {}
        self._ways: dict[Way, Connection] = {}
        self._peers: dict[tuple[Transport, HostPort], Connection] = {}
        self._opening: dict[Way, list[Deferred[Flow]]] = {}
        self._hosts: Counter[str] = Counter()
        self._ports: list[IListeningPort] = []
        self._number = 0
        self._ended: Deferred[None] | None = None
        self.wheel = TimerWheel(reactor)
        self.places: list[tuple[Transport, HostPort]] = []

    def listening(self) -> list[int]:
        """The descriptors of what accepts connections."""
        return [cast(Any, port).fileno() for port in self._ports]

    def stop_accepting(self) -> None:
        """Leave whoever connects to the kernel."""
        for port in self._ports:
            cast(Any, port).stopReading()

    def bound(self, limit: int) -> None:
        """Have at most so many connections, as far as there are file descriptors for them."""
        self._limit = max(16, min(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED))

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def speaks(self) -> tuple[Transport, ...]:
        return (TCP,) if self._tls is None else (TLS, TCP)

    def listen(
        self, transport: Transport, interface: str, port: int, inherited: socket.socket | None = None
    ) -> HostPort:
        """Accept connections; raises OSError, or ConfigError for TLS without a certificate."""
        factory: Any = _Accepting(self, transport)
        if transport is TLS:
            if self._tls is None:
                raise ConfigError(["sip.certificate: is missing; a tls listener needs it"])
            factory = TLSMemoryBIOFactory(self._tls.server(), False, factory, clock=self._reactor)
            factory.noisy = False
        bound = inherited or listening_socket(interface, port)
        try:
            accepting = self._reactor.adoptStreamPort(bound.fileno(), bound.family, factory)
        finally:
            bound.close()
        self._ports.append(accepting)
        address = accepting.getHost()
        place = HostPort(address.host, address.port)
        self.places.append((transport, place))
        return place

    def send(self, octets: bytes, flow: Flow) -> None:
        """Write on the connection of ``flow``, or on any to its peer if it names none; raises TransportFailed."""
        if flow.connection is not None:
            connection = self._connections.get(flow.connection)
        else:
            connection = self._peers.get((flow.transport, flow.peer))
        if connection is None:
            raise TransportFailed(f"the connection to {flow.transport.value}:{flow.peer} is gone")
        connection.write(octets)

    def open(self, target: Target) -> "Deferred[Flow]":
        """A connection to ``target``: one that is there, one that is coming, or a new one."""
        way = (
            target.transport,
            target.peer,
            target.tls_name or (target.host if target.transport is TLS else ""),
        )
        answer: Deferred[Flow] = Deferred()
        known = self._ways.get(way)
        if known is not None and known.is_usable and known.flow is not None:
            answer.callback(known.flow)
        elif way in self._opening:
            self._opening[way].append(answer)
        else:
            self._opening[way] = [answer]
            self._connect(way)
        return answer

    def limit_silence(self, flow: Flow, seconds: float) -> None:
        """Close the connection of ``flow`` when nothing comes or goes over it for so long."""
        connection = self._connections.get(flow.connection or 0)
        if connection is not None:
            connection.limit_silence(seconds)

    def close(self) -> "Deferred[None]":
        """Stop accepting and close every connection; fires when all are closed."""
        ended: Deferred[None] = Deferred()
        stopped = gatherResults([maybeDeferred(port.stopListening) for port in self._ports])
        self._ports.clear()
        self.places.clear()
        self._ended = ended
        for connection in list(self._connections.values()):
            connection.close()
        self.wheel.call_later(FAREWELL, self._abort_all)
        self._look_whether_ended()
        return stopped.addCallback(lambda _: ended)

    # what connections tell

    def opened(self, connection: Connection) -> None:
        flow = connection.flow
        assert flow is not None
        way = (flow.transport, flow.peer, connection.tls_name)
        self._ways[way] = connection
        self._peers[way[:2]] = connection
        if connection.ours:
            for waiting in self._opening.pop(way, ()):
                waiting.callback(flow)

    def received(self, octets: bytes, flow: Flow) -> None:
        self._user.received(octets, flow)

    def pinged(self, flow: Flow) -> None:
        self.log.debug("ping from {peer}", peer=flow.peer)
        self._counters.keepalives += 1

    def malformed(self, error: BadMessage, flow: Flow) -> None:
        self._user.malformed(error, flow)

    def closed(self, connection: Connection, why: str) -> None:
        self._connections.pop(connection.number, None)
        flow = connection.flow
        if not connection.ours and flow is not None:
            self._hosts[flow.peer.host] -= 1
            if not self._hosts[flow.peer.host]:
                del self._hosts[flow.peer.host]
        if flow is None:
            self._not_opened(connection.way, why)
        else:
            way = (flow.transport, flow.peer, connection.tls_name)
            if self._ways.get(way) is connection:
                del self._ways[way]
            if self._peers.get(way[:2]) is connection:
                del self._peers[way[:2]]
            self.log.debug("the connection to {peer} ended: {why}", peer=flow.peer, why=why)
            self._user.lost(flow)
        self._look_whether_ended()

    # inside

    def accepted(self, transport: Transport, peer: str) -> Connection | None:
        """The connection of a peer that called, or None if there is no room for it."""
        if self._ended is not None or self._hosts[peer] >= self._limit // SHARE or not self._make_room():
            self._counters.refused += 1
            self.log.info("a connection from {peer} is refused: there are too many", peer=peer)
            return None
        self._hosts[peer] += 1
        return self._new(transport)

    def _new(self, transport: Transport, way: Way | None = None) -> Connection:
        self._number += 1
        connection = self._connections[self._number] = Connection(self, self._number, transport, way)
        return connection

    def _connect(self, way: Way) -> None:
        transport, peer, tls_name = way
        if transport not in self.speaks or self._ended is not None:
            self._not_opened(way, "it is not available")
            return
        if not self._make_room():
            self._not_opened(way, "there are too many connections")
            return
        connection = self._new(transport, way)
        kind = TCP6ClientEndpoint if ":" in peer.host else TCP4ClientEndpoint
        endpoint: Any = kind(self._reactor, peer.host, peer.port, timeout=CONNECT)
        if self._tls is not None and transport is TLS:
            endpoint = wrapClientTLS(self._tls.client(tls_name), endpoint, clock=self._reactor)
        factory = Factory.forProtocol(lambda: connection)
        factory.noisy = False

        def failed(failure: Failure) -> None:
            self._connections.pop(connection.number, None)
            self._not_opened(way, words_of(failure))

        endpoint.connect(factory).addErrback(failed)

    def _not_opened(self, way: Way | None, why: str) -> None:
        if way is not None:
            for waiting in self._opening.pop(way, ()):
                waiting.errback(TransportFailed(f"no connection to {way[0].value}:{way[1]}: {why}"))

    def _make_room(self) -> bool:
        """Whether one more connection may be; the most silent one is closed for it if it has been so for long."""
        if len(self._connections) < self._limit:
            return True
        silent = min(self._connections.values(), key=lambda connection: connection.last_used)
        if self.wheel.now() - silent.last_used < RECENT:
            return False
        silent.abort("others need the room")
        return True

    def _abort_all(self) -> None:
        for connection in list(self._connections.values()):
            connection.abort("we are stopping")

    def _look_whether_ended(self) -> None:
        if self._ended is not None and not self._connections and not self._ended.called:
            self.wheel.stop()
            self._ended.callback(None)


class _Accepting(Factory):
    """Makes a connection for each peer that calls."""

    noisy = False

    def __init__(self, streams: Streams, transport: Transport) -> None:
        self._streams = streams
        self._transport = transport

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        host: str = getattr(addr, "host", "")
        return self._streams.accepted(self._transport, host)


def listening_socket(interface: str, port: int) -> socket.socket:
    """Bound by hand, because a listener on ``::`` must not take the IPv4 port as well."""
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((interface, port))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def words_of(failure: Failure) -> str:
    """Why a connection was not made, in one line: Twisted wraps one failure in another, traceback and all."""
    inner = next(iter(getattr(failure.value, "args", ())), None)
    return words_of(inner) if isinstance(inner, Failure) else failure.getErrorMessage()
