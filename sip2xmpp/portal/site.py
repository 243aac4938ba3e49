"""The HTTP server: what is on the port, and what strangers may cost it.

A body is not kept beyond the limit: what comes after it is counted and dropped, so that the client can read why it is
refused, and after ``DRAINED`` octets the connection is cut.  The same goes for a body of which the length is not stated.

Implements: RFC 9112 section 9.3 (persistence) as Twisted does it, with limits.
"""

from io import BytesIO
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from sip2xmpp.portal.api import Api
from sip2xmpp.portal.health import Health

IDLE: Final = 60
"""Seconds after which an idle connection is closed."""

BODY: Final = 65_535
"""Octets of a body that are kept."""

CONNECTIONS: Final = 500
"""Connections at a time."""

DRAINED: Final = 1_048_576
"""Octets of a refused body that are read."""


class BoundedRequest(Request):
    """A request of which no more is kept than will be looked at."""

    _received = 0
    _kept = True

    def gotLength(self, length: int | None) -> None:
        """Twisted's hook for the length of the body, None if it comes in chunks."""
        self._kept = length is not None and length <= BODY
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


class QuietSite(Site):
    """A site that keeps no access log: whoever watches ``/health`` asks every few seconds.

    It has so many connections at a time and refuses others, because files are what SIP connections are made of too.
    """

    noisy = False
    connections = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Twisted's hook for a new connection; None refuses it."""
        if self.connections >= CONNECTIONS:
            return None
        channel: Any = super().buildProtocol(addr)  # type: ignore[no-untyped-call]
        lost = channel.connectionLost

        def counted(reason: Failure) -> None:
            self.connections -= 1
            lost(reason)

        channel.connectionLost = counted
        self.connections += 1
        return channel

    def log(self, request: http.Request) -> None:
        """Twisted's hook for the access log."""


def site(health: Health, api: Api | None = None) -> QuietSite:
    """The HTTP server's factory."""
    root: Any = Resource()  # type: ignore[no-untyped-call]
    root.putChild(b"health", health)
    if api is not None:
        root.putChild(b"api", api)
    return QuietSite(root, requestFactory=BoundedRequest, timeout=IDLE)  # type: ignore[no-untyped-call]
