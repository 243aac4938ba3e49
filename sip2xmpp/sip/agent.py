"""The user agent: what every SIP method has in common, whichever package it serves.

Inbound, a message is matched to its transaction, a new request is checked in the order of RFC 3261 section 8.2, and
given to the ``MethodUser`` of its method together with the transaction to reply on.  Whoever has to see every request
first, to authenticate or to forward it, is a ``FirstLook``.  Outbound, ``request`` finds the servers of a target and
tries them (``delivery``) and fires a Deferred with the final response; ``send_prepared`` is the short way for
notifications, where the flow is known and the octets are ready.

Implements: RFC 3261 sections 8.2 (order of checks), 9.2 (CANCEL), 11.2 (OPTIONS), 18.2.1 (received), 21.5.4 (503);
RFC 3581 section 4 (rport).
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.errors import BadMessage, Sip2XmppError, TransactionTimeout, TransportFailed
from sip2xmpp.sip.client_transaction import ClientTransaction, Done, TimerValues
from sip2xmpp.sip.contact import Contact
from sip2xmpp.sip.delivery import Credentials, Delivery
from sip2xmpp.sip.dns import Dns
from sip2xmpp.sip.flow import UDP, Flow, HostPort, Transport
from sip2xmpp.sip.hop import Hop
from sip2xmpp.sip.layer import TransportLayer
from sip2xmpp.sip.message import Request, Response, make_response, parse_message
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.skimming import retry_after
from sip2xmpp.sip.timers import TimerWheel
from sip2xmpp.sip.transactions import ClientTransactions, ServerTransactions
from sip2xmpp.sip.uri import SipUri

__all__ = ["Credentials", "FirstLook", "MethodUser", "UserAgent"]

KNOWN: Final = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
        "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip
"""Methods that we may not allow, but have heard of: 405 and not 501."""


class MethodUser(Protocol):
    """Who serves the requests of one method."""

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        """Reply on ``transaction``, now or later; what is raised becomes a 4xx (BadMessage) or a 500."""


class FirstLook(Protocol):
    """Who sees every request before its method's user does."""

    def takes(self, transaction: ServerTransaction, request: Request) -> bool:
        """Whether the request was taken: it has been answered, or will be, or is forwarded."""


class UserAgent:
    """One SIP element: both halves of it, on one transport layer.

    ``t1``, ``t2``, ``t4`` are the timer values of RFC 3261 in seconds; ``udp_limit`` is the size in octets above which
    a request tries TCP; ``unanswered_limit`` is how many requests may wait for their answer before others get 503.
    """

    log = Logger()

    def __init__(
        self,
        *,
        transports: TransportLayer,
        dns: Dns | None = None,
        clock: IReactorTime,
        rng: random.Random,
        server_name: str = "sip2xmpp",
        credentials: Credentials | None = None,
        outbound_proxy: str | None = None,
        t1: float = 0.5,
        t2: float = 4.0,
        t4: float = 5.0,
        udp_limit: int = 1300,
        unanswered_limit: int = 20_000,
    ) -> None:
        timers = TimerValues(t1=t1, t2=t2, t4=t4)
        self.transports = transports
        self.counters = transports.counters
        self._overload = transports.overload
        self.clock = clock
        self.wheel = TimerWheel(clock)
        self._users: dict[str, MethodUser] = {}
        self._first_look: FirstLook | None = None
        self._mourners: list[Callable[[Flow], None]] = []
        self._device_of: Callable[[str], Contact | None] = lambda _: None
        self._announced: dict[str, list[str]] = {"Accept": [], "Supported": [], "Allow-Events": []}
        self._clients = ClientTransactions(transports, self.wheel, timers, rng)
        self._servers = ServerTransactions(transports, self.wheel, timers, rng, unanswered_limit, server_name)
        self._udp_vias: dict[HostPort, tuple[bytes, bytes]] = {}
        self._udp_contacts: dict[HostPort, str] = {}
        self._marks: dict[str, bytes] = {}
        self._maybe_large = udp_limit - 100
        self._delivery = Delivery(
            start=self._start,
            transports=transports,
            dns=dns,
            clock=clock,
            rng=rng,
            credentials=credentials,
            outbound_proxy=SipUri.parse(outbound_proxy) if outbound_proxy else None,
            udp_limit=udp_limit,
            user_agent=server_name,
            contact_uri=self.contact_uri,
        )
        transports.attach(self)

    # what is served

    def serve(self, method: str, user: MethodUser) -> None:
        """Let ``user`` have the requests of ``method``."""
        self._users[method] = user

    def look_first(self, first_look: FirstLook) -> None:
        """Let ``first_look`` see every new request but ACK, CANCEL and INVITE before anything is decided about it."""
        self._first_look = first_look

    def tell_lost(self, lost: Callable[[Flow], None]) -> None:
        """Call ``lost`` with the flow of each stream that has ended."""
        self._mourners.append(lost)

    def know_devices(self, device_of: Callable[[str], Contact | None]) -> None:
        """Let ``device_of`` say where the device is that a GRUU of our own domains names; None for any other URI."""
        self._device_of = device_of

    def announce(
        self,
        *,
        accept: Iterable[str] = (),
        supported: Iterable[str] = (),
        allow_events: Iterable[str] = (),
    ) -> None:
        """Add body types, option tags and event packages to what OPTIONS tells; option tags may then be required."""
        for name, values in (("Accept", accept), ("Supported", supported), ("Allow-Events", allow_events)):
            known = self._announced[name]
            known += [value for value in values if value not in known]

    @property
    def transactions(self) -> tuple[int, int]:
        """How many are open: of ours and of others."""
        return len(self._clients), len(self._servers)

    @property
    def allow(self) -> str:
        """The methods served, as in an Allow header."""
        return ", ".join(sorted({*self._users, "OPTIONS"}))

    def capabilities(self) -> list[tuple[str, str]]:
        """The headers that answer OPTIONS (section 11.2)."""
        told = [(name, ", ".join(values)) for name, values in self._announced.items() if values]
        return [("Allow", self.allow), *told, ("Accept-Encoding", "identity"), ("Accept-Language", "en")]

    # inbound

    def received(self, octets: bytes, flow: Flow) -> None:
        """A message came from the wire."""
        if octets.startswith(b"SIP/2.0 "):
            self._clients.received(octets, flow)
            return
        if self._overload.level and self._overload.refuses(octets, flow, self._servers):
            return
        try:
            message = parse_message(octets, stream=flow.transport is not UDP)
            if isinstance(message, Request):
                self._request_received(message, flow)
            else:
                # the version in another case: put right, it goes the usual way
                self._clients.received(b"SIP/2.0 " + octets[octets.index(b" ") + 1 :], flow)
        except BadMessage as error:
            self.malformed(error, flow)

    def malformed(self, error: BadMessage, flow: Flow) -> None:
        """Something came that is no good; it is answered if it is a request that can be."""
        self.counters.malformed += 1
        self.log.debug("malformed, from {peer}: {why}", peer=flow.peer, why=error)
        request: Request | None = error.request
        if request is not None:
            try:
                way_back = Hop(request, flow).stamp()
            except BadMessage:
                return  # nor can it be told so
            self._reply_statelessly(request, way_back, error.status_hint, str(error))

    def unreachable(self, octets: bytes, why: str) -> None:
        """A datagram of ours found nobody."""
        self._clients.unreachable(octets, why)

    def lost(self, flow: Flow) -> None:
        """A stream has ended."""
        self._clients.lost(flow)
        for lost in self._mourners:
            lost(flow)

    def _request_received(self, request: Request, flow: Flow) -> None:
        method = request.method
        hop = Hop(request, flow)
        if method == "ACK":
            self._servers.acknowledge(hop.key("INVITE"))
            return
        key = hop.key(method)
        if self._servers.absorb(key, hop):
            return
        request.flow = flow
        way_back = hop.stamp()
        request.check_but_via()
        if self._overload.level and self._overload.is_too_much(request, key, self._servers):
            self._reply_statelessly(request, way_back, 503, None, [("Retry-After", retry_after(key))])
            return
        if self._servers.full:
            self.counters.refused += 1
            self._reply_statelessly(request, way_back, 503, None, [("Retry-After", retry_after(key))])
            return
        if method == "INVITE":
            self._servers.refuse_invite(request, key, way_back, [("Allow", self.allow)])
            return
        transaction = self._servers.begin(request, key, flow, way_back)
        if transaction is None:
            self._reply_statelessly(request, way_back, 482, "Merged Request")
            return
        try:
            self._dispatch(transaction, request)
        except BadMessage as error:
            self.counters.malformed += 1
            transaction.reply(error.status_hint, str(error))
        except Exception:  # noqa: BLE001 - a fault of ours is a 500 for this request and nothing to others
            self.log.failure("{method} from {peer} failed", method=method, peer=flow.peer)
            transaction.reply(500)
        if not transaction.answered:
            transaction.wait()

    def _dispatch(self, transaction: ServerTransaction, request: Request) -> None:
        """The checks of section 8.2 in their order; merged requests are out already."""
        method = request.method
        if method == "CANCEL":
            self._cancel(transaction, request)
            return
        if self._first_look is not None and self._first_look.takes(transaction, request):
            return
        user = self._users.get(method)
        if user is None and method != "OPTIONS":
            transaction.reply(405 if method in KNOWN else 501, headers=[("Allow", self.allow)])
            return
        if request.headers.raw("Require") is not None:
            unknown = [tag for tag in request.require if tag not in self._announced["Supported"]]
            if unknown:
                transaction.reply(420, headers=[("Unsupported", ", ".join(unknown))])
                return
        if user is None:
            transaction.reply(200, headers=self.capabilities())
        else:
            user.request_received(transaction, request)

    def _cancel(self, transaction: ServerTransaction, request: Request) -> None:
        """Nothing here takes long enough to be cancelled: say only whether it is known (section 9.2)."""
        known = any(self._servers.is_known(request, method) for method in ("INVITE", "OPTIONS", *self._users))
        transaction.reply(200 if known else 481)

    def _reply_statelessly(
        self,
        request: Request,
        way_back: Flow,
        status: int,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        response = make_response(request, status, reason, headers=headers, to_tag=self._servers.new_tag())
        self._servers.send(response.to_bytes(), way_back)

    # outbound

    def send_by(self, outbound_proxy: str | None) -> None:
        """Send requests to foreign domains to this URI from now on, or to the domain's own servers."""
        self._delivery.outbound_proxy = SipUri.parse(outbound_proxy) if outbound_proxy else None

    def request(
        self,
        request: Request,
        *,
        flow: Flow | None = None,
        next_hop: SipUri | None = None,
        authenticate: bool = True,
        timeout: float | None = None,
    ) -> "Deferred[Response]":
        """Send ``request``, which has no Via of ours yet, and fire with its final response, 200 to 699.

        It goes over ``flow`` if that is given, else to ``next_hop``, else to where its Route or Request-URI leads.
        Fails with TransactionTimeout (also after ``timeout`` seconds), TransportFailed or NoRoute.  Cancelling gives
        up: a late response is ignored.
        """
        if flow is None and next_hop is None and ";gr=" in request.uri:
            device = self._device_of(request.uri)
            if device is not None and device.server:
                next_hop = SipUri.parse(device.server)
            elif device is not None:
                request, flow = _to_device(request, device), device.flow
        answer = Deferred.fromCoroutine(self._delivery.deliver(request, flow, next_hop, authenticate))
        if timeout is not None:

            def late(_: Response | Failure, seconds: float) -> Response | Failure:
                raise TransactionTimeout(f"no final response within {seconds:g} seconds")

            answer.addTimeout(timeout, self.clock, late)
        return answer

    def send_prepared(
        self,
        head: bytes,
        tail: bytes,
        method: str,
        flow: Flow,
        done: Callable[[Response | Sip2XmppError], None],
    ) -> None:
        """Send ``head`` (the request line), a Via, and ``tail`` (all other lines and the body) on ``flow``.

        ``done`` is called once, later: with the final response, parsed when it is looked into, or with what went
        wrong.  No challenge is answered.
        """
        if len(head) + len(tail) > self._maybe_large and self._delivery.is_large(head, tail, flow):
            Deferred.fromCoroutine(self._delivery.send_large(head, tail, method, flow, done)).addErrback(
                lambda failure: self.log.failure("a large {method} failed", failure, method=method)
            )
            return
        try:
            self._start(head, tail, method, flow, done)
        except TransportFailed as error:
            self.clock.callLater(0, done, error)

    def _start(self, head: bytes, tail: bytes, method: str, flow: Flow, done: Done) -> ClientTransaction:
        try:
            via = self._udp_vias[flow.local] if flow.transport is UDP else self._stream_via(flow)
            mark = self._marks[method]
        except KeyError:
            via = self._learn(flow, method)
            mark = self._marks[method]
        return self._clients.start(head, via, tail, mark, flow, done)

    def _learn(self, flow: Flow, method: str) -> tuple[bytes, bytes]:
        """Prepare what is the same in every request of a method and on a socket."""
        self._marks[method] = f" {method}\r".encode()
        if flow.transport is not UDP:
            return self._stream_via(flow)
        via = (f"Via: SIP/2.0/UDP {self.transports.sent_by(flow)};branch=".encode(), b";rport\r\n")
        self._udp_vias[flow.local] = via
        return via

    def _stream_via(self, flow: Flow) -> tuple[bytes, bytes]:
        place = self.transports.sent_by(flow)
        return f"Via: SIP/2.0/{flow.transport.via_token} {place};branch=".encode(), b"\r\n"

    def contact_uri(self, flow: Flow | Transport) -> str:
        """Our Contact toward the peer of a flow, or for a transport: a URI in angle brackets."""
        if isinstance(flow, Transport):
            place = self.transports.listening(flow)
            if place is None:
                raise TransportFailed(f"nothing listens for {flow.value}")
            return _contact(flow, place)
        place = self.transports.sent_by(flow)
        if flow.transport is not UDP:
            return _contact(flow.transport, place)
        contact = self._udp_contacts.get(place)
        if contact is None:
            contact = self._udp_contacts[place] = _contact(UDP, place)
        return contact

    def stop(self) -> None:
        """Forget all transactions' timers; the transports are their owner's to close.

        Streams that end from now on end because we stop, and not because a peer is gone: nobody is told of them.
        """
        self._mourners.clear()
        self.wheel.stop()


def _to_device(request: Request, device: Contact) -> Request:
    """``request`` for a GRUU of ours, as the proxy of our domain sends it on (RFC 5627, section 6)."""
    headers = request.headers.copy()
    headers.remove("Route")
    for hop in device.path:
        headers.add("Route", hop)
    return Request(method=request.method, uri=device.uri, headers=headers, body=request.body)


def _contact(transport: Transport, place: HostPort) -> str:
    parameter = "" if transport is UDP else f";transport={transport.value}"
    return f"<sip:{place}{parameter}>"
