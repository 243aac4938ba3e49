"""Small real implementations of what surrounds the program, driven by a virtual clock.

``Network`` joins SIP elements and scripted peers in memory: datagrams take time, get lost, overtake each other and
arrive twice, as its knobs and the given random numbers say; streams are reliable and can be refused or broken.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sip2xmpp.errors import TransportFailed
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.dns import AddressRecord, DnsFailed, Naptr, Srv
from sip2xmpp.sip.flow import Flow, HostPort, Target, Transport
from sip2xmpp.sip.message import Request, Response, parse_message
from sip2xmpp.sip.overload import Overload
from sip2xmpp.sip.transport import TransportUser

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


def result_of(deferred: "Deferred[Any]") -> Any:
    """What ``deferred`` has fired with; raises its failure, or AssertionError if it has not fired."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    assert results, "the Deferred has not fired"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def drive_bounded(clock: Clock, until: Callable[[], bool], steps: int = 2000) -> None:
    """Jump from one delayed call to the next until ``until`` holds; a livelock fails instead of hanging."""
    for _ in range(steps):
        if until():
            return
        calls = clock.getDelayedCalls()
        assert calls, "nothing more will happen"
        clock.advance(max(0.0, min(call.getTime() for call in calls) - clock.seconds()))
    raise AssertionError(f"not there after {steps} steps")


class Network:
    """Hosts and the wires between them.  All times are seconds, all rates between 0 and 1."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random | None = None,
        *,
        latency: float = 0.01,
        jitter: float = 0.0,
        loss: float = 0.0,
        duplication: float = 0.0,
    ) -> None:
        self.clock = clock
        self.rng = rng or random.Random(3261)
        self.latency = latency
        self.jitter = jitter
        self.loss = loss
        self.duplication = duplication
        self.drops: Callable[[bytes, HostPort, HostPort], bool] = lambda octets, source, goal: False
        """A test's own loss: asked for every datagram."""
        self.swallowed: set[tuple[Transport, HostPort]] = set()
        """Places from which an attempt to connect never hears anything."""
        self.datagrams: list[tuple[bytes, HostPort, HostPort]] = []
        """Everything that was sent by UDP, lost or not."""
        self.tells = False
        """Whether hosts hear of datagrams that found no socket, as ICMP tells them."""
        self._told: dict[HostPort, Callable[[bytes], None]] = {}
        self._sockets: dict[HostPort, Callable[[bytes, HostPort], None]] = {}
        self._listeners: dict[
            tuple[Transport, HostPort], Callable[[Wire], Callable[[bytes | None], None]]
        ] = {}
        self._ports = 40_000
        self._connections = 0

    def host(self, address: str, port: int = 5060, transports: tuple[Transport, ...] = (UDP, TCP)) -> "Host":
        """A host whose transport layer listens; give it to a UserAgent."""
        return Host(self, address, port, transports)

    def peer(self, address: str, port: int = 5060) -> "RawPeer":
        """A scripted UDP peer that knows nothing of transactions."""
        return RawPeer(self, HostPort(address, port))

    def stream_peer(self, address: str, port: int = 5060, transport: Transport = TCP) -> "RawStreamPeer":
        """A scripted peer that listens for streams and can open them."""
        return RawStreamPeer(self, HostPort(address, port), transport)

    def drive(self, seconds: float) -> None:
        """Let time pass, call by call."""
        end = self.clock.seconds() + seconds
        for _ in range(100_000):
            times = [call.getTime() for call in self.clock.getDelayedCalls()]
            if not times or min(times) > end:
                break
            self.clock.advance(max(0.0, min(times) - self.clock.seconds()))
        else:
            raise AssertionError("a livelock")
        self.clock.advance(max(0.0, end - self.clock.seconds()))

    def drive_bounded(self, until: Callable[[], bool], steps: int = 2000) -> None:
        drive_bounded(self.clock, until, steps)

    # datagrams

    def bind(
        self,
        place: HostPort,
        receive: Callable[[bytes, HostPort], None],
        told: Callable[[bytes], None] = lambda octets: None,
    ) -> None:
        assert place not in self._sockets, f"{place} is taken"
        self._sockets[place] = receive
        self._told[place] = told

    def unbind(self, place: HostPort) -> None:
        self._sockets.pop(place, None)

    def transmit(self, octets: bytes, source: HostPort, goal: HostPort) -> None:
        self.datagrams.append((octets, source, goal))
        if self.drops(octets, source, goal) or self.rng.random() < self.loss:
            return
        for _ in range(2 if self.rng.random() < self.duplication else 1):
            delay = self.latency + self.jitter * self.rng.random()
            self.clock.callLater(delay, self._arrive, octets, source, goal)

    def _arrive(self, octets: bytes, source: HostPort, goal: HostPort) -> None:
        receive = self._sockets.get(goal)
        if receive is not None:
            receive(octets, source)
        elif self.tells and source in self._told:
            self.clock.callLater(self.latency, self._told[source], octets[:548])

    # streams

    def accept(
        self,
        transport: Transport,
        place: HostPort,
        accepted: Callable[["Wire"], Callable[[bytes | None], None]],
    ) -> None:
        self._listeners[transport, place] = accepted

    def refuse(self, transport: Transport, place: HostPort) -> None:
        """Nobody listens there any more."""
        self._listeners.pop((transport, place), None)

    def connect(
        self,
        transport: Transport,
        source: str,
        goal: HostPort,
        receive: Callable[[bytes | None], None],
    ) -> "Deferred[Wire]":
        """Fires with our end of a new stream, or fails as a refused connection does."""
        self._ports += 1
        answer: Deferred[Wire] = Deferred()
        local = HostPort(source, self._ports)

        def arrive() -> None:
            accepted = self._listeners.get((transport, goal))
            if (transport, goal) in self.swallowed:
                return
            if accepted is None:
                answer.errback(TransportFailed(f"the connection to {goal} was refused"))
                return
            near, far = Wire(self, local, goal), Wire(self, goal, local)
            near.far, far.far = far, near
            near.receive = receive
            far.receive = accepted(far)
            answer.callback(near)

        self.clock.callLater(self.latency, arrive)
        return answer

    def next_connection(self) -> int:
        self._connections += 1
        return self._connections


class Wire:
    """One end of a stream.  None is what arrives when it ends."""

    far: "Wire"
    receive: Callable[[bytes | None], None]

    def __init__(self, network: Network, local: HostPort, peer: HostPort) -> None:
        self._network = network
        self.local = local
        self.peer = peer
        self.is_open = True

    def write(self, octets: bytes) -> None:
        if self.is_open:
            self._network.clock.callLater(self._network.latency, self._arrive, octets)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._network.clock.callLater(self._network.latency, self._end)

    def _arrive(self, octets: bytes) -> None:
        if self.far.is_open:
            self.far.receive(octets)

    def _end(self) -> None:
        if self.far.is_open:
            self.far.is_open = False
            self.far.receive(None)


class Host:
    """A TransportLayer on the network."""

    def __init__(self, network: Network, address: str, port: int, transports: tuple[Transport, ...]) -> None:
        self.network = network
        self.address = address
        self.counters = Counters()
        self.overload = Overload(network.clock, self.counters)  # type: ignore[arg-type]
        self.places = {
            transport: HostPort(address, port + 1 if transport is TLS else port) for transport in transports
        }
        self._user: TransportUser | None = None
        self._wires: dict[int, tuple[Wire, Flow]] = {}
        for transport, place in self.places.items():
            if transport is UDP:
                network.bind(place, self._datagram, self._unreachable)
            else:
                network.accept(transport, place, lambda wire, kind=transport: self._accepted(kind, wire))

    def attach(self, user: TransportUser) -> None:
        self._user = user

    def send(self, octets: bytes, flow: Flow) -> None:
        if flow.transport is UDP:
            self.network.transmit(octets, flow.local, flow.peer)
            return
        found = self._wires.get(flow.connection or 0)
        if flow.connection is None:
            #   a flow from the store names no connection: any to its peer will do
            alike = [one for one in self._wires.values() if one[1].peer == flow.peer]
            found = alike[0] if alike else None
        if found is None:
            raise TransportFailed(f"the connection to {flow.peer} is gone")
        found[0].write(octets)

    def open(self, target: Target) -> "Deferred[Flow]":
        if target.transport is UDP:
            return succeed(Flow(transport=UDP, local=self.places[UDP], peer=target.peer))
        for _, flow in self._wires.values():
            if flow.transport is target.transport and flow.peer == target.peer:
                return succeed(flow)
        number = self.network.next_connection()
        made = self.network.connect(
            target.transport, self.address, target.peer, lambda octets: self._stream(number, octets)
        )
        return made.addCallback(lambda wire: self._keep(number, target.transport, wire))

    def sent_by(self, flow: Flow) -> HostPort:
        return self.places.get(flow.transport, flow.local)

    @property
    def speaks(self) -> tuple[Transport, ...]:
        return tuple(self.places)

    def listening(self, transport: Transport) -> HostPort | None:
        return self.places.get(transport)

    def close_flow(self, flow: Flow) -> None:
        found = self._wires.pop(flow.connection or 0, None)
        if found is not None:
            found[0].close()

    def vanish(self) -> None:
        """The machine is switched off: nothing arrives any more, nothing is said."""
        for transport, place in self.places.items():
            if transport is UDP:
                self.network.unbind(place)
            else:
                self.network.refuse(transport, place)
        self._user = None

    def _unreachable(self, octets: bytes) -> None:
        if self._user is not None:
            self._user.unreachable(octets, "Connection refused")

    def _datagram(self, octets: bytes, source: HostPort) -> None:
        self._deliver(octets, Flow(transport=UDP, local=self.places[UDP], peer=source))

    def _accepted(self, transport: Transport, wire: Wire) -> Callable[[bytes | None], None]:
        number = self.network.next_connection()
        self._keep(number, transport, wire)
        return lambda octets: self._stream(number, octets)

    def _keep(self, number: int, transport: Transport, wire: Wire) -> Flow:
        flow = Flow(transport=transport, local=wire.local, peer=wire.peer, connection=number)
        self._wires[number] = (wire, flow)
        return flow

    def _stream(self, number: int, octets: bytes | None) -> None:
        if octets is not None:
            self._deliver(octets, self._wires[number][1])
            return
        _, flow = self._wires.pop(number)
        if self._user is not None:
            self._user.lost(flow)

    def _deliver(self, octets: bytes, flow: Flow) -> None:
        self.counters.received += 1
        if self._user is not None:
            self._user.received(octets, flow)


class RawPeer:
    """Sends octets and keeps what it gets, newest last."""

    def __init__(self, network: Network, place: HostPort) -> None:
        self.network = network
        self.place = place
        self.arrived: list[bytes] = []
        self.answers: Callable[[Request], bytes | None] = lambda request: None
        """What to answer each request with at once, if anything."""
        network.bind(place, self._receive)

    def send(self, octets: bytes | str, goal: HostPort) -> None:
        if isinstance(octets, str):
            octets = octets.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        self.network.transmit(octets, self.place, goal)

    @property
    def messages(self) -> list[Request | Response]:
        return [parse_message(octets) for octets in self.arrived]

    @property
    def responses(self) -> list[Response]:
        return [message for message in self.messages if isinstance(message, Response)]

    @property
    def requests(self) -> list[Request]:
        return [message for message in self.messages if isinstance(message, Request)]

    def _receive(self, octets: bytes, source: HostPort) -> None:
        self.arrived.append(octets)
        if not octets.startswith(b"SIP/"):
            request = parse_message(octets)
            assert isinstance(request, Request)
            answer = self.answers(request)
            if answer is not None:
                self.network.transmit(answer, self.place, source)


class RawStreamPeer:
    """Listens for streams, and keeps what comes over them."""

    def __init__(self, network: Network, place: HostPort, transport: Transport) -> None:
        self.network = network
        self.place = place
        self.transport = transport
        self.arrived: list[bytes] = []
        self.wires: list[Wire] = []
        self.ended = 0
        self.answers: Callable[[Request], bytes | None] = lambda request: None
        network.accept(transport, place, self._accepted)

    def connect(self, goal: HostPort) -> "Deferred[Wire]":
        """Open a stream; what comes back over it is kept like everything else."""
        made = self.network.connect(
            self.transport, self.place.host, goal, lambda octets: self._receive(octets, None)
        )
        return made.addCallback(self._kept)

    @property
    def messages(self) -> list[Request | Response]:
        return [parse_message(octets, stream=True) for octets in self.arrived]

    @property
    def responses(self) -> list[Response]:
        return [message for message in self.messages if isinstance(message, Response)]

    @property
    def requests(self) -> list[Request]:
        return [message for message in self.messages if isinstance(message, Request)]

    def _accepted(self, wire: Wire) -> Callable[[bytes | None], None]:
        self._kept(wire)
        return lambda octets: self._receive(octets, wire)

    def _kept(self, wire: Wire) -> Wire:
        self.wires.append(wire)
        return wire

    def _receive(self, octets: bytes | None, wire: Wire | None) -> None:
        if octets is None:
            self.ended += 1
            return
        self.arrived.append(octets)
        if wire is not None and not octets.startswith(b"SIP/"):
            request = parse_message(octets, stream=True)
            assert isinstance(request, Request)
            answer = self.answers(request)
            if answer is not None:
                wire.write(answer)


class Names:
    """A DNS in this process; a name that it does not know does not exist.

    ``naptr`` rows are (order, preference, service, replacement), ``srv`` rows (priority, weight, port, target).
    """

    def __init__(
        self,
        *,
        naptr: dict[str, Sequence[tuple[int, int, str, str]]] | None = None,
        srv: dict[str, Sequence[tuple[int, int, int, str]]] | None = None,
        addresses: dict[str, Sequence[str]] | None = None,
    ) -> None:
        self.services = naptr or {}
        self.servers = srv or {}
        self.hosts = addresses or {}
        self.failing: set[str] = set()
        """Names for which every name server is dead."""
        self.asked: list[str] = []

    def naptr(self, name: str) -> "Deferred[tuple[Naptr, ...]]":
        return self._answer(
            f"NAPTR {name}",
            name,
            tuple(
                Naptr(order=order, preference=preference, flags="s", service=service, replacement=replacement)
                for order, preference, service, replacement in self.services.get(name, ())
            ),
        )

    def srv(self, name: str) -> "Deferred[tuple[Srv, ...]]":
        return self._answer(
            f"SRV {name}",
            name,
            tuple(
                Srv(priority=priority, weight=weight, port=port, target=target)
                for priority, weight, port, target in self.servers.get(name, ())
            ),
        )

    def addresses(self, name: str) -> "Deferred[tuple[AddressRecord, ...]]":
        hosts = tuple(AddressRecord(host=host) for host in self.hosts.get(name, ()))
        return self._answer(f"A {name}", name, hosts)

    def _answer(self, question: str, name: str, records: Any) -> "Deferred[Any]":
        self.asked.append(question)
        return fail(DnsFailed(f"{question}: no server answers")) if name in self.failing else succeed(records)
