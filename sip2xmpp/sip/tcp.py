"""One stream connection that carries SIP messages, plain or under TLS.

Octets are cut into messages by the ``StreamFramer``; a ping between them is answered at once.  A peer that does not
read is not read from: while its send buffer is full, nothing more is taken from it, and what is to be sent to it
meanwhile waits up to a bound, beyond which the connection is given up.  A connection that never says anything, or has
been silent for long, is closed.

Implements: RFC 3261 section 18.3 (framing); RFC 5626 section 4.4.1 (CRLF keep-alive).
"""

from typing import Any, Final, Protocol, cast

from twisted.internet.interfaces import IHandshakeListener, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sip2xmpp.errors import BadMessage, TransportFailed
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.stream import PING, StreamFramer
from sip2xmpp.sip.timers import Timer, TimerWheel
from sip2xmpp.sip.tls import proves

__all__ = ["Connection", "ConnectionOwner"]

CONNECT: Final = 5.0
"""Seconds in which a connection that we open must be up, and as long again for its TLS handshake."""
FIRST_WORD: Final = 15.0
"""Seconds in which a new connection must have brought a whole message, TLS handshake included."""
IDLE: Final = 7_260.0
"""Seconds of silence before a connection is closed, if nobody says otherwise: longer than a registration, which may need it to the end."""
CHOKED: Final = 32.0
"""Seconds that a peer may leave its octets unread."""
PLENTY: Final = 16_384
"""Octets that come at once from a peer that sends more than is taken: a whole record of TLS, the least of both kinds."""
PLAUSIBLE: Final = b"\r\n" + bytes(range(0x21, 0x7F))
"""What a stream may begin with; TLS to the wrong port does not."""
UNSENT: Final = 1024 * 1024
"""Octets that may wait for a peer that does not read."""


class ConnectionOwner(Protocol):
    """What a connection tells, and to whom."""

    wheel: TimerWheel
    idle: float

    def opened(self, connection: "Connection") -> None:
        """It is ready to carry messages."""

    def received(self, octets: bytes, flow: Flow) -> None:
        """A whole message."""

    def stirred(self) -> None:
        """A peer sends more than it is asked for."""

    def pinged(self, flow: Flow) -> None:
        """A keep-alive was answered."""

    def malformed(self, error: BadMessage, flow: Flow) -> None:
        """Framing is lost; an answer may still be sent from here, then the connection is closed."""

    def closed(self, connection: "Connection", why: str) -> None:
        """It is gone; also told if it never opened."""


@implementer(IPushProducer, IHandshakeListener)
class Connection(StreamProtocol):
    """A connection.  ``way`` says what it has to lead to if we open it, and is None if the peer did."""

    log = Logger()

    def __init__(
        self,
        owner: ConnectionOwner,
        number: int,
        transport: Transport,
        way: tuple[Transport, HostPort, str] | None = None,
    ) -> None:
        self._owner = owner
        self._kind = transport
        self._framer = StreamFramer()
        self._timer: Timer | None = None
        self._choked_since: float | None = None
        self._unsent = 0
        self._closing = False
        self._greeted = way is not None
        self._promised: float | None = None
        self._heard = 0.0
        self._why = ""
        self.number = number
        self.way = way
        self.flow: Flow | None = None
        self.last_used = 0.0

    @property
    def ours(self) -> bool:
        """Whether we opened it."""
        return self.way is not None

    @property
    def tls_name(self) -> str:
        """The domain that the peer has to prove, and has if there is a flow."""
        return self.way[2] if self.way is not None else ""

    @property
    def is_usable(self) -> bool:
        return self.flow is not None and not self._closing

    def write(self, octets: bytes) -> None:
        """Send; raises TransportFailed on a connection that is closing, or whose peer has stopped reading."""
        if not self.is_usable:
            raise TransportFailed("the connection is closed")
        if self._choked_since is not None:
            self._unsent += len(octets)
            if self._unsent > UNSENT:
                self._abort("the peer does not read")
                raise TransportFailed("the peer does not read")
        self.last_used = self._owner.wheel.now()
        self._tcp.write(octets)

    def close(self) -> None:
        """Close when everything written has gone out, or the peer does not take it."""
        if self._closing:
            return
        self._closing = True
        self._restart_timer(CHOKED)
        # TLS does not say goodbye while somebody is registered to write more
        self._tcp.unregisterProducer()
        self._tcp.loseConnection()

    def limit_silence(self, seconds: float) -> None:
        """The peer has promised to send something more often than this: without a word for so long it is gone."""
        if self.is_usable:
            self._promised = seconds
            self._restart_timer(seconds)

    def abort(self, why: str) -> None:
        """Close now."""
        self._abort(why)

    # what Twisted calls

    def connectionMade(self) -> None:
        self.last_used = self._owner.wheel.now()
        self._tcp.setTcpNoDelay(True)
        self._tcp.setTcpKeepAlive(True)
        self._tcp.registerProducer(self, True)
        self._timer = self._owner.wheel.call_later(CONNECT if self.ours else FIRST_WORD, self._look)
        if not (self.ours and self._kind is Transport.TLS):
            self._open()

    def handshakeCompleted(self) -> None:
        """TLS is up: whoever opened the connection looks at who answered (RFC 5922, section 7.3)."""
        if not self.ours:
            return
        certificate = self._tcp.getHandle().get_peer_certificate()
        if certificate is None or not proves(certificate.to_cryptography(), self.tls_name):
            self._abort(f"the certificate is not for {self.tls_name}")
            return
        self._open()

    def dataReceived(self, data: bytes) -> None:
        self.last_used = self._heard = self._owner.wheel.now()
        flow = self.flow
        if flow is None or self._closing:
            return
        if len(data) >= PLENTY:
            self._owner.stirred()
        if not self._greeted and data[0] not in PLAUSIBLE:
            self._abort("that is not SIP")
            return
        try:
            for item in self._framer.feed(data):
                if item is PING:
                    self._tcp.write(b"\r\n")
                    self._owner.pinged(flow)
                else:
                    self._greeted = True
                    self._take(item, flow)
        except BadMessage as error:
            self._owner.malformed(error, flow)
            self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._owner.closed(self, self._why or reason.getErrorMessage())

    def pauseProducing(self) -> None:
        """The send buffer is full: do not take more work from this peer."""
        self._choked_since = self._owner.wheel.now()
        self._tcp.pauseProducing()
        self._restart_timer(CHOKED)

    def resumeProducing(self) -> None:
        self._choked_since = None
        self._unsent = 0
        self._tcp.resumeProducing()

    def stopProducing(self) -> None:
        """The transport is closing."""
        self._closing = True

    # inside

    @property
    def _tcp(self) -> Any:
        return cast(ITCPTransport, self.transport)

    def _open(self) -> None:
        local, peer = self._tcp.getHost(), self._tcp.getPeer()
        self.flow = Flow(
            transport=self._kind,
            local=HostPort(local.host, local.port),
            peer=HostPort(peer.host, peer.port),
            connection=self.number,
        )
        self._owner.opened(self)

    def _take(self, octets: bytes, flow: Flow) -> None:
        try:
            self._owner.received(octets, flow)
        except Exception:  # noqa: BLE001 - one message must not close the connection for those behind it
            self.log.failure("a message from {peer} failed", peer=flow.peer)

    def _restart_timer(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._owner.wheel.call_later(delay, self._look)

    def _look(self) -> None:
        """Whether anything has happened that keeps the connection open."""
        now = self._owner.wheel.now()
        if self._choked_since is not None and now - self._choked_since >= CHOKED:
            self._abort("the peer does not read")
        elif self.flow is None or not self._greeted:
            self._abort("nothing was said")
        elif self._closing:
            self._abort("the peer does not hang up")
        elif self._promised is not None and now - self._heard >= self._promised:
            self._abort("the peer no longer says that it is there")
        elif now - self.last_used >= self._owner.idle:
            self.close()
        else:
            ends = self.last_used + self._owner.idle
            if self._promised is not None:
                ends = min(ends, self._heard + self._promised)
            self._restart_timer(ends - now)

    def _abort(self, why: str) -> None:
        self._closing = True
        self._why = self._why or why
        self._tcp.abortConnection()
