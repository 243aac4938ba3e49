"""What strangers may cost the HTTP server: connections, octets and time; and from where a request really comes.

A body is not kept beyond the limit, which depends on the path: what comes after it is counted and dropped, so that the client
can read why it is refused, and after ``DRAINED`` octets the connection is cut.  The same goes for a body of which the length is not
stated.  Large bodies share a bound, so that many connections at once do not hold many of them.  A request has to be there
whole within ``WHOLE`` seconds of its first octet, however busily it trickles in.  Of requests that are sent one behind the other the next
one is looked at when the client has taken the answer to the last: otherwise a few octets would order hundreds of documents at once.

A web server in between that is trusted says from where a request came and whether it came by TLS; nobody else is believed.

Implements: RFC 9112 section 9.3 (persistence) as Twisted does it, with limits.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from sip2xmpp.portal.traffic import Traffic

IDLE: Final = 60
"""Seconds after which an idle connection is closed."""

WHOLE: Final = 60.0
"""Seconds that a request may take to arrive."""

BODY: Final = 65_535
"""Octets of a body that are kept, unless the path may have more."""

LARGE: Final = 16_777_216
"""Octets of all bodies larger than that which are being received at a time."""

CONNECTIONS: Final = 500
"""Connections at a time."""

DRAINED: Final = 1_048_576
"""Octets of a refused body that are read."""

HSTS: Final = b"max-age=31536000"
"""Browsers that were here by TLS ask by TLS for a year (RFC 6797)."""

Networks = Sequence[IPv4Network | IPv6Network]


class BoundedRequest(Request):
    """A request of which no more is kept than will be looked at."""

    bound = BODY
    bounds: "BoundedSite"
    _received = 0
    _kept = True
    _large = 0
    _under_way = False

    def gotLength(self, length: int | None) -> None:
        """Twisted's hook for the length of the body, None if it comes in chunks."""
        self._kept = length is not None and length <= self.bound
        if self._kept and length is not None and length > BODY:
            self._kept = self.bounds.large + length <= LARGE
            if self._kept:
                self.bounds.large += length
                self._large = length
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Twisted's hook for a piece of the body."""
        if self._kept:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
            return
        self._received += len(data)
        if self._received > DRAINED:
            transport: Any = self.channel.transport
            transport.abortConnection()

    def process(self) -> None:
        """Twisted's hook for a request that is there whole."""
        self._under_way = True
        self.bounds.began()
        if super().isSecure():  # type: ignore[no-untyped-call]
            # not behind a proxy, which knows better whether everything at its name speaks TLS
            self.setHeader(b"strict-transport-security", HSTS)  # type: ignore[no-untyped-call]
        super().process()  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """Twisted's name for the end of the answer."""
        self._give_back()
        self.bounds.traffic.count(self.path, self.code)
        super().finish()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:
        """Twisted's hook for a connection that ends before the answer."""
        self._give_back()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _give_back(self) -> None:
        large, self._large = self._large, 0
        if large:
            self.bounds.large -= large
        if self._under_way:
            self._under_way = False
            self.bounds.ended()

    def getClientAddress(self) -> Any:
        """Twisted's name for who asks: the last in a row of proxies that is none of those which are trusted."""
        peer = super().getClientAddress()  # type: ignore[no-untyped-call]
        trusted = self.bounds.trusted_proxies
        if not is_within(getattr(peer, "host", ""), trusted):
            return peer
        for value in reversed(self._said(b"x-forwarded-for")):
            try:
                address = ip_address(value.strip())
            except ValueError:
                break
            kind = IPv4Address if address.version == 4 else IPv6Address
            peer = kind("TCP", str(address), 0)
            if not is_within(str(address), trusted):
                break
        return peer

    def isSecure(self) -> bool:
        """Twisted's name for whether nobody on the way can read along."""
        if super().isSecure():  # type: ignore[no-untyped-call]
            return True
        peer = super().getClientAddress()  # type: ignore[no-untyped-call]
        said = self._said(b"x-forwarded-proto")
        return (
            is_within(getattr(peer, "host", ""), self.bounds.trusted_proxies)
            and bool(said)
            and said[-1].strip().lower() == "https"
        )

    def _said(self, name: bytes) -> list[str]:
        values = self.requestHeaders.getRawHeaders(name) or []
        return [each for value in values for each in value.decode("latin-1").split(",")]


def is_within(host: str, networks: Networks) -> bool:
    """Whether an address is in one of the networks; a name is in none."""
    if not networks:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


class BoundedChannel(HTTPChannel):
    """A connection whose requests come in within a bounded time, and whose answers do not pile up.

    ``is_full`` says that the client does not take what it is sent.
    """

    site: Any
    _deadline: IDelayedCall | None = None
    is_full = False
    _answered: http.Request | None = None

    def dataReceived(self, data: bytes) -> None:
        """Twisted's hook for octets."""
        if self._deadline is None:
            self._deadline = self.callLater(WHOLE, self._too_slow)  # type: ignore[no-untyped-call]
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def headerReceived(self, line: bytes) -> bool:
        """Twisted's hook for a field.  Twisted itself fails on a length of so many digits that Python makes no number of it."""
        try:
            return bool(super().headerReceived(line))  # type: ignore[no-untyped-call]
        except ValueError:
            transport: Any = self.transport
            transport.abortConnection()
            return False

    def allHeadersReceived(self) -> None:
        """Twisted's hook for the end of the header, at which it is known what for the body is."""
        request: Any = self.requests[-1]
        request.bounds, request.bound = self.site, self.site.bound_of(self._path)
        super().allHeadersReceived()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:
        """Twisted's hook for the end of the request."""
        self._in_time()
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: http.Request) -> None:
        """Twisted's hook for the end of an answer, behind which the next request is looked at."""
        if self.is_full:
            self._answered = request
            self.setTimeout(IDLE)  # type: ignore[no-untyped-call]
            return
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def pauseProducing(self) -> None:
        """Twisted's hook for a client that does not take what it is sent."""
        self.is_full = True
        super().pauseProducing()  # type: ignore[no-untyped-call]

    def resumeProducing(self) -> None:
        """Twisted's hook for a client that has taken it."""
        self.is_full = False
        answered, self._answered = self._answered, None
        super().resumeProducing()  # type: ignore[no-untyped-call]
        if answered is not None:
            super().requestDone(answered)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Twisted's hook for the end of the connection."""
        self._in_time()
        self.site.connections -= 1
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def _in_time(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def _too_slow(self) -> None:
        self._deadline = None
        transport: Any = self.transport
        transport.abortConnection()


class BoundedSite(Site):
    """A site that keeps no access log: whoever watches ``/health`` asks every few seconds.

    It has so many connections at a time and refuses others, because files are what SIP connections are made of too.  ``bodies``
    maps the beginnings of paths to the octets that a body may have there.
    """

    noisy = False
    protocol = BoundedChannel  # type: ignore[assignment]
    connections = 0
    large = 0
    _answering = 0

    def __init__(
        self,
        root: Any,
        *,
        bodies: Mapping[bytes, int],
        trusted_proxies: Networks = (),
        clock: Any = None,
        traffic: Traffic | None = None,
    ) -> None:
        # Forms are taken apart before it is known who sends them, and nobody here has any.
        super().__init__(  # type: ignore[no-untyped-call]
            root, requestFactory=BoundedRequest, timeout=IDLE, reactor=clock, parsePOSTFormSubmission=False
        )
        self.trusted_proxies = trusted_proxies
        self.traffic = traffic or Traffic()
        self._quiet: list[Deferred[None]] = []
        self._bodies = tuple(bodies.items())

    def began(self) -> None:
        """An answer is under way."""
        self._answering += 1

    def ended(self) -> None:
        """It is sent, or nobody wants it any more."""
        self._answering -= 1
        if not self._answering:
            for each in self._quiet:
                each.callback(None)
            self._quiet.clear()

    def quiet(self, within: float) -> Deferred[None]:
        """Fires when no answer is under way, or after ``within`` seconds: some never end."""
        if not self._answering:
            return succeed(None)
        made: Deferred[None] = Deferred()
        self._quiet.append(made)
        return made.addTimeout(within, self.reactor, lambda *_: self._quiet.clear())

    def bound_of(self, path: bytes) -> int:
        """How many octets of a body are kept that is sent to a path."""
        return next((bound for start, bound in self._bodies if path.startswith(start)), BODY)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Twisted's hook for a new connection; None refuses it."""
        if self.connections >= CONNECTIONS:
            return None
        self.connections += 1
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]

    def log(self, request: http.Request) -> None:
        """Twisted's hook for the access log."""
