"""One XEP-0114 stream: Twisted's XmlStream with a stricter parser and a direct path for stanzas.

After the handshake a stanza goes straight to ``stanzas`` instead of through XPath observers, which cost more than
parsing it.  XMPP forbids document types, processing instructions and comments; here they end the stream.

Implements: XEP-0114; RFC 6120 sections 4.9 and 11.1.
"""

import socket
from collections.abc import Callable
from typing import Any, Final, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.xmlstream import XmlStream
from twisted.words.xish.domish import Element, ExpatElementStream, ParserError
from zope.interface import implementer

from sip2xmpp.xmpp import namespaces as ns

log = Logger()

MAX_STANZA = 1024 * 1024
"""Octets of one received stanza."""
MAX_ELEMENTS = 10_000
"""Elements of one received stanza."""
MAX_BACKLOG = 64 * 1024 * 1024
"""Octets written to a server that has stopped reading."""


QUICK_ACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""The option to acknowledge at once, where the system has it; otherwise that takes up to 40 ms."""


class StrictElementStream(ExpatElementStream):
    """The element stream of domish with smaller limits, refusing what RFC 6120 section 11.1 forbids.

    Its elements know their namespace and nothing of prefixes, because nobody writes them again; and no element knows its
    parent, because what points in a circle stays until the garbage collector comes.
    """

    maxStanzaSize = MAX_STANZA
    maxElementCount = MAX_ELEMENTS
    DocumentStartEvent: Any
    ElementEvent: Any
    DocumentEndEvent: Any
    cut: "Callable[[Element], None]"
    """Given a stanza of which only the first ``maxElementCount`` elements were kept; refuses it if nothing else is set."""

    def __init__(self) -> None:
        super().__init__()
        self._open: list[Element] = []
        self._beyond = 0
        self.cut = _refuse
        parser = self.parser
        parser.buffer_text = True
        parser.StartNamespaceDeclHandler = parser.EndNamespaceDeclHandler = None
        parser.StartDoctypeDeclHandler = _refuse
        parser.ProcessingInstructionHandler = _refuse
        parser.CommentHandler = _refuse

    def _onStartElement(self, name: str, attributes: dict[Any, str]) -> None:
        if self.elementCount >= self.maxElementCount:
            self.elementCount += 1
            self._beyond += 1
            return
        uri, _, name = name.rpartition(" ")
        for key in attributes:
            if " " in key:
                attributes = {_qualified(key): value for key, value in attributes.items()}
                break
        element = _ReadElement(uri, name, attributes)
        if not self.documentStarted:
            self.documentStarted = 1
            self.DocumentStartEvent(element)
            return
        self.elementCount += 1
        if self._open:
            self._open[-1].children.append(element)
        self._open.append(element)

    def _onEndElement(self, _: str) -> None:
        if not self._open:
            self.DocumentEndEvent()
            return
        if self._beyond:
            self._beyond -= 1
            return
        element = self._open.pop()
        if not self._open:
            is_whole = self.elementCount <= self.maxElementCount
            self.elementCount = self.stanzaSize = 0
            if is_whole:
                self.ElementEvent(element)
            else:
                self.cut(element)

    def _onCdata(self, data: str) -> None:
        if self._open and not self._beyond:
            self._open[-1].addContent(data)


class _ReadElement(Element):
    """An element as it was read, in no context."""

    def __init__(self, uri: str, name: str, attributes: dict[Any, str]) -> None:
        self.uri = self.defaultUri = uri
        self.name = name
        self.attributes = attributes
        self.localPrefixes: dict[str, str] = {}
        self.children: list[Any] = []
        self.parent = None


def _qualified(key: str) -> str | tuple[str, str]:
    """The name of an attribute as domish has it."""
    uri, blank, name = key.rpartition(" ")
    return (uri, name) if blank else name


class ComponentStream(XmlStream):
    """One connection.  ``stanzas`` takes every stanza once it is set; ``heard`` counts how often octets arrived."""

    stanzas: Callable[[Element], None] | None = None
    heard = 0
    transport: Any
    _socket: Any = None

    def _initializeStream(self) -> None:
        self.stream = StrictElementStream()
        self.stream.cut = self._cut
        self.stream.DocumentStartEvent = self.onDocumentStart
        self.stream.ElementEvent = self.onElement
        self.stream.DocumentEndEvent = self.onDocumentEnd

    def connectionMade(self) -> None:
        transport = self.transport
        if ITCPTransport.providedBy(self.transport):
            # a stanza must not wait until the server has acknowledged the one before, which takes 40 ms
            self.transport.setTcpNoDelay(True)
            self._socket = transport.getHandle()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self.heard += 1
        if self._socket is not None and QUICK_ACK is not None:
            # COMPAT: Prosody holds a stanza back until the one before is acknowledged, and the system forgets this wish
            self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        super().dataReceived(data)

    def _cut(self, stanza: Element) -> None:
        """One sender must not end the stream of all: a question is answered as an empty one, the rest is dropped."""
        log.info(
            "dropped a {kind} of too many elements from {sender}",
            kind=stanza.name,
            sender=stanza.getAttribute("from"),
        )
        if stanza.name == "iq" and stanza.getAttribute("type") in ("get", "set"):
            stanza.children = []
            self.onElement(stanza)

    def onElement(self, element: Element) -> None:
        if self.stanzas is None or element.uri == ns.STREAMS:
            self.dispatch(element)
        else:
            self.stanzas(element)


def _refuse(*_: Any) -> NoReturn:
    raise ParserError("restricted XML: document type, processing instruction, comment or too many elements")


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
