"""The user agent: what every SIP method has in common, whichever package it serves.

Inbound, a message is matched to its transaction, a new request is checked in the order of RFC 3261 section 8.2, and
given to the ``MethodUser`` of its method together with the transaction to reply on.  Outbound, ``request`` finds the
servers of a target and tries one after another, retries with credentials when challenged, and fires a Deferred with
the final response; ``send_prepared`` is the short way for notifications, where the flow is known and the octets are
ready.

Implements: RFC 3261 sections 8.1, 8.2, 11 (OPTIONS), 18.1.1 (size rule), 18.2.1 (received); RFC 3581 section 4 (rport);
RFC 3263 section 4.3 (fail-over).
"""

import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.errors import BadMessage, Sip2XmppError, TransportFailed
from sip2xmpp.sip.client_transaction import TimerValues
from sip2xmpp.sip.flow import UDP, Flow, Transport
from sip2xmpp.sip.message import Request, Response, make_response, parse_message
from sip2xmpp.sip.server_transaction import ServerTransaction, reply_flow
from sip2xmpp.sip.timers import TimerWheel
from sip2xmpp.sip.transactions import ClientTransactions, ServerTransactions, key_of
from sip2xmpp.sip.transport import TransportLayer

__all__ = ["Credentials", "MethodUser", "UserAgent"]

KNOWN: Final = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
        "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip
"""Methods that we may not allow, but have heard of: 405 and not 501."""
VIA_END: Final = b";rport\r\n"


class MethodUser(Protocol):
    """Who serves the requests of one method."""

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        """Reply on ``transaction``, now or later; what is raised becomes a 4xx (BadMessage) or a 500."""


class Credentials(Protocol):
    """Who we are to servers that ask."""

    def answer(self, request: Request, response: Response) -> Request | None:
        """``request`` again with the next CSeq and an answer to the challenges of ``response`` (401 or 407).

        None when there is nothing to try, or when the same credentials were refused already.
        """

    def preempt(self, request: Request) -> Request:
        """``request`` with what the server will ask for anyway, if that is known."""


class UserAgent:
    """One SIP element: both halves of it, on one transport layer."""

    log = Logger()

    def __init__(
        self,
        *,
        transports: TransportLayer,
        clock: IReactorTime,
        rng: random.Random,
        server_name: str = "sip2xmpp",
        t1: float = 0.5,
        t2: float = 4.0,
        t4: float = 5.0,
        unanswered_limit: int = 20_000,
    ) -> None:
        timers = TimerValues(t1=t1, t2=t2, t4=t4)
        self.transports = transports
        self.counters = transports.counters
        self.clock = clock
        self.server_name = server_name
        self.wheel = TimerWheel(clock)
        self._rng = rng
        self._users: dict[str, MethodUser] = {}
        self._clients = ClientTransactions(transports, self.wheel, timers, rng)
        self._servers = ServerTransactions(transports, self.wheel, timers, rng, unanswered_limit)
        self._vias: dict[object, tuple[bytes, bytes]] = {}
        self._marks: dict[str, bytes] = {}
        transports.attach(self)

    # inbound

    def serve(self, method: str, user: MethodUser) -> None:
        """Let ``user`` have the requests of ``method``."""
        self._users[method] = user

    def received(self, octets: bytes, flow: Flow) -> None:
        """A message came from the wire."""
        if octets.startswith(b"SIP/2.0 "):
            self._clients.received(octets, flow)
            return
        try:
            message = parse_message(octets, stream=flow.transport is not UDP)
            if isinstance(message, Request):
                self._request_received(message, flow)
            else:
                self._clients.received(b"SIP/2.0 " + octets[8:], flow)
        except BadMessage as error:
            self.counters.malformed += 1
            self.log.debug("malformed, from {peer}: {why}", peer=flow.peer, why=error)
            if error.request is not None:
                self._reply_statelessly(error.request, flow, error.status_hint, str(error))

    def lost(self, flow: Flow) -> None:
        self._clients.lost(flow)

    def _request_received(self, request: Request, flow: Flow) -> None:
        key = key_of(request)
        if self._servers.absorb(request, key, flow):
            return
        request.flow = flow
        self._stamp(request, flow)
        request.check()
        if request.method == "ACK":
            return
        if self._servers.full:
            self.counters.refused += 1
            self._reply_statelessly(request, flow, 503, None, [("Retry-After", "5")])
            return
        transaction = self._servers.begin(request, key, flow)
        if transaction is None:
            self._reply_statelessly(request, flow, 482)
            return
        self._dispatch(transaction, request)
        transaction.wait()

    def _dispatch(self, transaction: ServerTransaction, request: Request) -> None:
        user = self._users.get(request.method)
        if user is None:
            if request.method == "OPTIONS":
                transaction.reply(200, headers=[("Allow", self.allow)])
            elif request.method in KNOWN:
                transaction.reply(405, headers=[("Allow", self.allow)])
            else:
                transaction.reply(501)
            return
        try:
            user.request_received(transaction, request)
        except BadMessage as error:
            transaction.reply(error.status_hint, str(error))
        except Exception:  # noqa: BLE001 - a fault of ours is a 500 for this request and nothing to others
            self.log.failure("{method} failed", method=request.method)
            transaction.reply(500)

    @property
    def allow(self) -> str:
        """The methods served, as in an Allow header."""
        return ", ".join(sorted({*self._users, "OPTIONS"}))

    def _stamp(self, request: Request, flow: Flow) -> None:
        """Write into the top Via where the request really came from (RFC 3581, section 4)."""
        via = request.via
        stamped = via
        if via.rport is not None:
            stamped = stamped.with_param("rport", str(flow.peer.port)).with_param("received", flow.peer.host)
        elif via.host != flow.peer.uri_host:
            stamped = stamped.with_param("received", flow.peer.host)
        if stamped is not via:
            request.headers.replace_first("Via", str(stamped))
            request.headers.typed["Via"] = stamped

    def _reply_statelessly(
        self,
        request: Request,
        flow: Flow,
        status: int,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        response = make_response(request, status, reason, headers=headers, to_tag=self._servers.new_tag())
        self._servers.send(response.to_bytes(), reply_flow(request, flow))

    # outbound

    def request(
        self,
        request: Request,
        *,
        flow: Flow | None = None,
        authenticate: bool = True,
        timeout: float | None = None,
    ) -> "Deferred[Response]":
        """Send ``request``, which has no Via of ours yet, and fire with its final response."""
        assert flow is not None
        answer: Deferred[Response] = Deferred()
        head, _, tail = request.to_bytes().partition(b"\r\n")
        self.send_prepared(
            head + b"\r\n",
            tail,
            request.method,
            flow,
            lambda result: (
                answer.callback(result) if isinstance(result, Response) else answer.errback(result)
            ),
        )
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

        ``done`` is called once, later: with the final response or with what went wrong.
        """
        try:
            via = self._vias[flow.local]
        except KeyError:
            via = self._vias[flow.local] = self._via(flow)
        try:
            mark = self._marks[method]
        except KeyError:
            mark = self._marks[method] = f" {method}\r".encode()
        try:
            self._clients.start(head, via, tail, mark, flow, done)
        except TransportFailed as error:
            self.clock.callLater(0, done, error)

    def contact_uri(self, flow: Flow | Transport) -> str:
        """Our Contact toward a flow, or for a transport: a URI in angle brackets."""
        if isinstance(flow, Transport):
            transport, place = flow, self.transports.listening(flow)
            if place is None:
                raise TransportFailed(f"nothing listens for {flow.value}")
        else:
            transport, place = flow.transport, self.transports.sent_by(flow)
        parameter = "" if transport is UDP else f";transport={transport.value}"
        return f"<sip:{place}{parameter}>"

    def _via(self, flow: Flow) -> tuple[bytes, bytes]:
        return (
            f"Via: SIP/2.0/{flow.transport.via_token} {self.transports.sent_by(flow)};branch=".encode(),
            VIA_END,
        )

    def stop(self) -> None:
        """Forget all timers."""
        self.wheel.stop()
