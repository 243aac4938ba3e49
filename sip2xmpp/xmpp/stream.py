"""One XEP-0114 stream: Twisted's XmlStream with a stricter parser and a direct path for stanzas.

After the handshake a stanza goes straight to ``stanzas`` instead of through XPath observers, which cost more than
parsing it.  XMPP forbids document types, processing instructions and comments; here they end the stream.

Implements: XEP-0114; RFC 6120 sections 4.9 and 11.1.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.xmlstream import XmlStream
from twisted.words.xish.domish import Element, ExpatElementStream, ParserError
from zope.interface import implementer

from sip2xmpp.xmpp import namespaces as ns

MAX_STANZA = 1024 * 1024
"""Octets of one received stanza."""
MAX_ELEMENTS = 10_000
"""Elements of one received stanza."""
MAX_BACKLOG = 64 * 1024 * 1024
"""Octets written to a server that has stopped reading."""


class StrictElementStream(ExpatElementStream):
    """The element stream of domish with smaller limits, refusing what RFC 6120 section 11.1 forbids."""

    maxStanzaSize = MAX_STANZA
    maxElementCount = MAX_ELEMENTS

    def __init__(self) -> None:
        super().__init__()
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.ProcessingInstructionHandler = _refuse
        self.parser.CommentHandler = _refuse


class ComponentStream(XmlStream):
    """One connection.  ``stanzas`` takes every stanza once it is set; ``heard`` counts how often octets arrived."""

    stanzas: Callable[[Element], None] | None = None
    heard = 0
    transport: Any

    def _initializeStream(self) -> None:
        self.stream = StrictElementStream()
        self.stream.DocumentStartEvent = self.onDocumentStart
        self.stream.ElementEvent = self.onElement
        self.stream.DocumentEndEvent = self.onDocumentEnd

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            # a stanza must not wait until the server has acknowledged the one before, which takes 40 ms
            self.transport.setTcpNoDelay(True)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self.heard += 1
        super().dataReceived(data)

    def onElement(self, element: Element) -> None:
        if self.stanzas is None or element.uri == ns.STREAMS:
            self.dispatch(element)
        else:
            self.stanzas(element)


def _refuse(*_: Any) -> NoReturn:
    raise ParserError("restricted XML: document type, processing instruction or comment")


@implementer(IPushProducer)
class Outflow:
    """What is written to one stream, bounded: a server that reads no more is given up, not buffered for.

    While the transport holds more than its buffer takes, octets are counted; over ``limit`` of them ``give_up`` is
    called with the reason.
    """

    def __init__(
        self, stream: ComponentStream, give_up: Callable[[str], None], limit: int = MAX_BACKLOG
    ) -> None:
        self._transport = stream.transport
        self._give_up = give_up
        self._limit = limit
        self._congested = False
        self._backlog = 0
        self._transport.registerProducer(self, True)

    def write(self, octets: bytes) -> None:
        """Write, in order."""
        if self._congested:
            self._backlog += len(octets)
            if self._backlog > self._limit:
                self._give_up("the server does not read")
                return
        self._transport.write(octets)

    def pauseProducing(self) -> None:
        self._congested = True

    def resumeProducing(self) -> None:
        self._congested = False
        self._backlog = 0
        if getattr(self._transport, "disconnecting", False):
            # a transport closes only when its producer has nothing more to say
            self._transport.unregisterProducer()

    def stopProducing(self) -> None:
        """Nothing: the link hears of the lost connection from the stream."""


@implementer(IStreamClientEndpoint)
class WatchedEndpoint:
    """An endpoint that says why an attempt failed, which ClientService keeps to itself."""

    def __init__(self, endpoint: IStreamClientEndpoint, failed: Callable[[Failure], None]) -> None:
        self._endpoint = endpoint
        self._failed = failed

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        def report(failure: Failure) -> Failure:
            if not failure.check(CancelledError):
                self._failed(failure)
            return failure

        return self._endpoint.connect(factory).addErrback(report)
