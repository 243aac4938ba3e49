"""An XMPP server in memory, as a component sees one: it accepts XEP-0114 streams over pipes driven by a virtual clock.

``MemoryServer`` speaks the real protocol (Twisted's listening side of it), routes stanzas between the components that
are connected, and keeps every other stanza in ``received``.  Its knobs make it refuse, fall silent and stop reading.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.component import ListenComponentAuthenticator
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.protocols.jabber.xmlstream import STREAM_AUTHD_EVENT, XmlStreamServerFactory
from twisted.words.xish.domish import Element
from twisted.words.xish.xmlstream import STREAM_CONNECTED_EVENT, STREAM_END_EVENT
from zope.interface import implementer

ADDRESS = IPv4Address("TCP", "127.0.0.1", 5347)
BUFFER = 65_536


def settle(clock: Clock) -> None:
    """Let everything happen that is due now."""
    while any(call.getTime() <= clock.seconds() for call in clock.getDelayedCalls()):
        clock.advance(0)


class Pipe:
    """One end of a connection; what is written arrives at the other end on the next turn."""

    def __init__(self, clock: Clock, protocol: Any) -> None:
        self._clock = clock
        self._protocol = protocol
        self._open = True
        self._held = bytearray()
        self._producer: Any = None
        self._paused = False
        self.far: Pipe = self
        self.disconnecting = False
        self.reads = True

    def write(self, octets: bytes) -> None:
        if not self._open or self.disconnecting:
            return
        if self.far.reads:
            self._clock.callLater(0, self.far.arrive, octets)
            return
        self._held += octets
        if len(self._held) > BUFFER and self._producer is not None and not self._paused:
            self._paused = True
            self._producer.pauseProducing()

    def arrive(self, octets: bytes) -> None:
        for start in range(0, len(octets), BUFFER):
            if self._open:
                self._protocol.dataReceived(octets[start : start + BUFFER])

    def read_again(self) -> None:
        """The end stops being stalled: what was held back for it arrives."""
        self.reads = True
        held, self.far._held = bytes(self.far._held), bytearray()
        self._clock.callLater(0, self.arrive, held)
        if self.far._paused:
            self.far._paused = False
            self.far._producer.resumeProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self._clock.callLater(0, self._end, error.ConnectionDone(), error.ConnectionDone())

    def abortConnection(self) -> None:
        self.disconnecting = True
        self._clock.callLater(0, self._end, error.ConnectionAborted(), error.ConnectionLost())

    def getPeer(self) -> IPv4Address:
        return ADDRESS

    getHost = getPeer

    def _end(self, here: Exception, there: Exception) -> None:
        for end, reason in ((self, here), (self.far, there)):
            if end._open:
                end._open = False
                end._protocol.connectionLost(Failure(reason))


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    def __init__(self, connect: Callable[[IProtocolFactory], "Deferred[Any]"]) -> None:
        self.connect = connect


class MemoryServer:
    """``secrets`` is what each component domain must know."""

    def __init__(self, clock: Clock, secrets: dict[str, str]) -> None:
        self.clock = clock
        self.secrets = secrets
        self.attempts: list[float] = []
        self.received: list[Element] = []
        self.is_running = True
        self.accepts = True
        self.answers_handshake = True
        self.stream_error: str | None = None
        self.pipes: list[Pipe] = []
        self.octets = bytearray()
        """Everything that arrived, handshakes included."""
        self._components: dict[str, Any] = {}
        self._factory = XmlStreamServerFactory(lambda: _Authenticator(self))
        self._factory.addBootstrap(STREAM_CONNECTED_EVENT, self._connected)
        self._factory.addBootstrap(STREAM_AUTHD_EVENT, self._accepted)

    def endpoint(self) -> IStreamClientEndpoint:
        return MemoryEndpoint(self._connect)

    @property
    def components(self) -> set[str]:
        return set(self._components)

    def send(self, xml: str, domain: str) -> None:
        """Send octets as they are to a component."""
        self._components[domain].send(xml)

    def end_stream(self, domain: str, condition: str) -> None:
        self._components[domain].sendStreamError(StreamError(condition))

    def crash(self) -> None:
        """All connections break and nothing listens until ``is_running`` is set again."""
        self.is_running = False
        for pipe in self.pipes:
            pipe.abortConnection()

    def _connect(self, factory: IProtocolFactory) -> "Deferred[Any]":
        self.attempts.append(self.clock.seconds())
        if not self.is_running:
            return fail(error.ConnectionRefusedError("nobody listens"))
        if not self.accepts:
            return Deferred()
        theirs: Any = factory.buildProtocol(ADDRESS)
        ours: Any = self._factory.buildProtocol(ADDRESS)
        near, far = Pipe(self.clock, theirs), Pipe(self.clock, ours)
        near.far, far.far = far, near
        self.pipes.append(far)
        ours.makeConnection(far)
        theirs.makeConnection(near)
        return succeed(theirs)

    def _connected(self, stream: Any) -> None:
        stream.rawDataInFn = self._heard

    def _heard(self, octets: bytes) -> None:
        self.octets += octets

    def _accepted(self, stream: Any) -> None:
        domain = stream.thisEntity.host
        self._components[domain] = stream
        stream.addObserver("/*", self._route)
        stream.addObserver(STREAM_END_EVENT, lambda _: self._components.pop(domain, None))

    def _route(self, stanza: Element) -> None:
        to = stanza.getAttribute("to", "").partition("/")[0].rpartition("@")[2]
        if to in self._components:
            self._components[to].send(stanza)
        else:
            self.received.append(stanza)


class _Authenticator(ListenComponentAuthenticator):
    def __init__(self, server: MemoryServer) -> None:
        super().__init__("")
        self._server = server

    def onHandshake(self, handshake: str) -> None:
        domain = self.xmlstream.thisEntity.host
        if not self._server.answers_handshake:
            return
        if self._server.stream_error is not None:
            self.xmlstream.sendStreamError(StreamError(self._server.stream_error))
        elif domain not in self._server.secrets:
            self.xmlstream.sendStreamError(StreamError("host-unknown"))
        else:
            self.secret = self._server.secrets[domain]
            super().onHandshake(handshake)
