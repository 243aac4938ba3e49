"""One component link: a domain's stream to the XMPP server, kept up for ever.

wokkel's StreamManager sits on Twisted's ClientService: the service connects and reconnects, the manager follows the
stream through its handshake and tells this module when it is up and when it is gone.  The manager's own ``send`` is
never used, because it queues without bound and would replay stale presence after a reconnect: here ``send`` returns
False while the link is down, and whoever owns the state re-asserts it on ``link_up``.

A refusal that only the operator can mend (wrong secret, unknown component, somebody else connected) is logged once with
what to do and retried slowly; everything else is retried with exponential backoff.  A silent server is pinged and, when
it stays silent, the connection is aborted.

Implements: XEP-0114; XEP-0199; RFC 6120 sections 4.4, 4.6 and 4.9.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.application.internet import ClientService
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.component import componentFactory
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.xish.domish import Element
from twisted.words.xish.xmlstream import STREAM_ERROR_EVENT
from wokkel.subprotocols import StreamManager

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.prepared import Prepared
from sip2xmpp.xmpp.stanzas import iq_stanza
from sip2xmpp.xmpp.stream import ComponentStream, Outflow, WatchedEndpoint

log = Logger()
_telling = log.failureHandler("while telling of a link")

MAX_SENT: Final = 60_000
"""Octets of one sent stanza; every server takes at least 10,000, the common ones 256 KiB."""

ADVICE: Final = {
    # ejabberd says this of a component that it does not know, too
    "not-authorized": "the server refuses the secret: make it the one that the server has for this component, if it has it",
    "host-unknown": "the server has no component of this name: configure it there",
    "conflict": "another connection already serves this domain: stop the other gateway",
    "invalid-namespace": "the port does not speak XEP-0114: use the component port of the server",
    "improper-addressing": "the server does not take this component name",
}
"""Stream errors that stay until somebody mends them, with what to do."""

_ORIGIN = re.compile("<[a-z]+ from='(?:[^'@/]*@)?([^'/]+)")
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))


Tap = Callable[[str, str, bool], None]
"""Sees every stanza, with the domain of the link and whether it came in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """All times of a link, in seconds."""

    first_retry: float = 1.0
    longest_retry: float = 60.0
    refused_retry: float = 60.0  # doubled by jitter
    settled: float = 30.0  # a link up for so long starts its backoff anew
    handshake: float = 30.0
    keep_alive: float = 60.0
    ping_timeout: float = 30.0
    closing: float = 3.0


class LinkListener(Protocol):
    """Who wants to know whether a domain can be reached."""

    def link_up(self, domain: str) -> None:
        """The server takes stanzas from ``domain``; it has forgotten all presence we sent before."""

    def link_down(self, domain: str, why: str) -> None:
        """Nothing can be sent until the next ``link_up``."""


@dataclass(slots=True)
class Counters:
    """What a link has done since the start, in stanzas and connections."""

    sent: int = 0
    received: int = 0
    unsent: int = 0  # offered while the link was down
    refused: int = 0  # not from this domain, too large or not XML
    connected: int = 0
    lost: int = 0


class ComponentLink:
    """The stream of one component domain.  ``endpoint`` leads to the component port of the server.

    ``tap`` sees every stanza while it is set.
    """

    def __init__(
        self,
        *,
        domain: str,
        secret: str,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        timing: Timing | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.domain = domain
        self.counters = Counters()
        self.why_down = "not started"
        self._clock = clock
        self._timing = timing or Timing()
        self._jitter = jitter
        self._receive: Callable[[Element], None] = lambda _: None
        self._listener: LinkListener = _Nobody()
        self._stream: ComponentStream | None = None
        self._outflow: Outflow | None = None
        self._write: Callable[[bytes], object] | None = None
        self._passed: Prepared | None = None
        self.tap: Tap | None = None
        self._calls: list[IDelayedCall] = []
        self._closed: Deferred[None] | None = None
        self._accepted = False
        self.since = clock.seconds()
        """When it came up, or went down, Unix time."""
        self._failures = 0
        self._condition = self._detail = ""
        self._reported = ""
        self._strays = False
        self._sent_before = 0
        self._heard_before = 0
        self._factory = factory = componentFactory(domain, secret)
        factory.protocol = ComponentStream
        factory.noisy = False
        StreamManager(factory, reactor=clock).addHandler(self)
        self._client = _Client(
            WatchedEndpoint(endpoint, self._connect_failed), factory, retryPolicy=self._delay, clock=clock
        )

    def attach(self, *, receive: Callable[[Element], None], listener: LinkListener) -> None:
        """Say who takes the stanzas and who is told of the link; before the service starts."""
        self._receive = receive
        self._listener = listener

    def know(self, secret: str) -> None:
        """Shake hands with this secret from the next connection on."""
        self._factory.authenticator.password = secret

    @property
    def is_up(self) -> bool:
        """Whether stanzas can be sent."""
        return self._write is not None

    def send(self, xml: str) -> bool:
        """Send one stanza; False, and nothing is kept, when the link is down or the stanza may not be sent.

        The first attribute must be ``from``, in this domain: a server ends the stream for a foreign one.
        """
        write = self._write
        if write is None:
            self.counters.unsent += 1
            return False
        try:
            octets = xml.encode()
        except UnicodeEncodeError:
            return self._refuse("it holds a lone surrogate", xml)
        fault = self._fault(octets, xml)
        if fault:
            return self._refuse(fault, xml)
        write(octets)
        self.counters.sent += 1
        if self.tap is not None:
            self.tap(xml, self.domain, False)
        return True

    def send_prepared(self, stanza: Prepared, recipient: bytes) -> bool:
        """The same for one of many recipients; what they share is looked at once, when the first one comes."""
        write = self._write
        if write is None:
            self.counters.unsent += 1
            return False
        octets = stanza.to(recipient)
        if stanza is not self._passed:
            fault = self._fault(octets, octets.decode())
            if fault:
                return self._refuse(fault, octets.decode())
            self._passed = stanza
        write(octets)
        self.counters.sent += 1
        if self.tap is not None:
            self.tap(octets.decode(), self.domain, False)
        return True

    def service(self) -> IService:
        """Return the service that keeps the link up while it runs."""
        return _LinkService(self._client, self._close)

    # What the stream manager calls (IXMPPHandler)

    def makeConnection(self, stream: ComponentStream) -> None:
        """The transport is connected; the handshake begins."""
        self._stream = stream
        self._condition = self._detail = ""
        self.why_down = "shaking hands"
        stream.addObserver(STREAM_ERROR_EVENT, self._stream_error)
        self._later(self._timing.handshake, self._abort, "the server does not answer the handshake")

    def connectionInitialized(self) -> None:
        """The server has accepted us."""
        stream = self._stream
        assert stream is not None
        self._cancel()
        self._accepted = True
        self.counters.connected += 1
        self.since = self._clock.seconds()
        self._condition = self._reported = self.why_down = ""
        self._outflow = Outflow(stream, self._abort)
        self._write = self._outflow.write
        stream.stanzas = self._stanza_received
        self._heard_before = 0
        self._later(self._timing.keep_alive, self._tick)
        log.info("{domain}: component link is up", domain=self.domain)
        with _telling:
            self._listener.link_up(self.domain)

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone, whether or not the handshake was done."""
        was_up, self._accepted = self._accepted, False
        self._write = self._stream = self._outflow = None
        self._cancel()
        now = self._clock.seconds()
        if was_up and now - self.since >= self._timing.settled:
            self._failures = 0
        closed, self._closed = self._closed, None
        why = self._condition or _words(reason)
        if closed is None:
            self._failed(why)
        else:
            why = self.why_down = "stopped"
        if was_up:
            self.since = now
            self.counters.lost += 1
            with _telling:
                self._listener.link_down(self.domain, why)
        if closed is not None:
            closed.callback(None)

    # Keeping it up

    def _stanza_received(self, stanza: Element) -> None:
        self.counters.received += 1
        if self.tap is not None:
            self.tap(stanza.toXml(), self.domain, True)
        if not self._strays and self.domain not in stanza.attributes.get("to", self.domain):
            # COMPAT: ejabberd's default, global_routes, gives all components of a listener to each connection in turn
            self._strays = True
            log.emit(
                LogLevel.warn,
                "{domain}: the server mixes components, so the order of stanzas is lost: set global_routes to false",
                domain=self.domain,
            )
        self._receive(stanza)

    def _tick(self) -> None:
        """Once in a while: ping a silent server, show a silent line some white space."""
        stream, write = self._stream, self._write
        assert stream is not None
        if write is None:
            return  # closing
        if stream.heard == self._heard_before:
            # To our own name: the server must route it, and needs no other domain to do so.
            write(iq_stanza(self.domain, self.domain, "get", "ping", f"<ping xmlns='{ns.PING}'/>").encode())
            self._later(self._timing.ping_timeout, self._ping_due, stream.heard)
        elif self.counters.sent == self._sent_before:
            write(b" ")
        self._heard_before = stream.heard
        self._sent_before = self.counters.sent
        self._later(self._timing.keep_alive, self._tick)

    def _ping_due(self, heard: int) -> None:
        if self._stream is not None and self._stream.heard == heard:
            self._abort("the server does not answer")

    def _abort(self, why: str) -> None:
        """Drop the connection at once, because waiting for the peer is what failed."""
        self._condition = self._condition or why
        if self._stream is not None:
            self._stream.transport.abortConnection()

    def _close(self) -> Deferred[None] | None:
        """End the stream in order; the result fires when the connection is gone, None when there is none."""
        if self._stream is None:
            return None
        self._closed = Deferred()
        if self._write is None:
            self._abort("stopping")
        else:
            self._write(b"</stream:stream>")
            self._write = None
            self._later(self._timing.closing, self._abort, "stopping")
        return self._closed

    def _stream_error(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, StreamError):
            self._condition = error.condition
            self._detail = f" ({error.text})" if error.text else ""
        else:
            self._condition = f"the server sent malformed XML: {error}"

    def _connect_failed(self, failure: Failure) -> None:
        self._condition = self._detail = ""
        self._failed(failure.getErrorMessage())

    def _failed(self, why: str) -> None:
        """Count a failure and report it, each reason once until the link is up again."""
        self._failures += 1
        self.why_down = why
        if why == self._reported:
            return
        self._reported = why
        if why in ADVICE:
            log.error(
                "{domain}: {condition}{detail}: {advice}",
                domain=self.domain,
                condition=why,
                detail=self._detail,
                advice=ADVICE[why],
            )
        else:
            log.emit(
                LogLevel.warn,
                "{domain}: component link is down: {why}{detail}",
                domain=self.domain,
                why=why,
                detail=self._detail,
            )

    def _delay(self, _: int) -> float:
        """Return the seconds until the next attempt; ClientService's own count starts anew at each TCP connection."""
        timing = self._timing
        if self._condition in ADVICE:
            return timing.refused_retry * (1 + self._jitter())
        backoff = min(timing.longest_retry, timing.first_retry * 2.0 ** min(self._failures - 1, 16))
        return backoff * (0.5 + self._jitter() / 2)

    def _fault(self, octets: bytes, xml: str) -> str:
        """Why a stanza may not be sent; empty if it may."""
        if origin_of(xml) != self.domain:
            return "it is not from this domain"
        if len(octets) > MAX_SENT:
            return "it is too large"
        if len(octets.translate(None, _CONTROLS)) != len(octets):
            return "it holds a control character"
        return ""

    def _refuse(self, why: str, xml: str) -> bool:
        self.counters.refused += 1
        log.error(
            "{domain}: a stanza is not sent: {why}: {head}",
            domain=self.domain,
            why=why,
            head=ascii(xml.partition(">")[0][:200]),
        )
        return False

    def _later(self, seconds: float, what: Callable[..., None], *arguments: object) -> None:
        self._calls = [call for call in self._calls if call.active()]
        self._calls.append(self._clock.callLater(seconds, what, *arguments))

    def _cancel(self) -> None:
        for call in self._calls:
            if call.active():
                call.cancel()
        self._calls.clear()


class _Nobody:
    """Nobody listens yet."""

    def link_up(self, domain: str) -> None: ...

    def link_down(self, domain: str, why: str) -> None: ...


class _Client(ClientService):
    """A client service that leaves it to the link to say what happens, and why."""

    _log = Logger(observer=LogPublisher())


class _LinkService(Service):
    """Starts the client service, and ends the stream before stopping it."""

    def __init__(self, client: ClientService, close: Callable[[], Deferred[None] | None]) -> None:
        self._client = client
        self._close = close

    def startService(self) -> None:
        super().startService()
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        closed = self._close()
        if closed is None:
            return self._client.stopService()
        return closed.addCallback(lambda _: self._client.stopService())


def origin_of(xml: str) -> str | None:
    """Return the domain that a prepared stanza is from, which its first attribute must say."""
    origin = _ORIGIN.match(xml)
    return None if origin is None else origin[1]


def _words(reason: Failure) -> str:
    return "the server closed the connection" if reason.check(ConnectionDone) else reason.getErrorMessage()
