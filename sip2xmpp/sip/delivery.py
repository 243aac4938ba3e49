"""Getting a request to whoever serves it, and its final response back.

Servers are looked up by RFC 3263 and tried in turn: one that is silent, unreachable or answers 503 is passed over for
a while, and the same request goes to the next under a new branch.  Any other final response is the answer.  Challenges
are answered by the ``Credentials``, on the same flow.

A request too large for a datagram goes over TCP to the same place, and over UDP after all when there is no TCP, which
is remembered of each peer for some minutes: most phones listen on UDP only.

Implements: RFC 3261 sections 8.1.2 (next hop), 8.1.3.5 (challenges), 18.1.1 (size rule); RFC 3263 section 4.3.
"""

import random
from collections.abc import Callable
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.errors import NoRoute, Sip2XmppError, TransactionTimeout, TransportFailed
from sip2xmpp.sip.client_transaction import ClientTransaction, Done
from sip2xmpp.sip.dns import Dns
from sip2xmpp.sip.flow import UDP, Flow, HostPort, Target, Transport
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.lately import Lately
from sip2xmpp.sip.layer import TransportLayer
from sip2xmpp.sip.message import Request, Response
from sip2xmpp.sip.resolver import ALL, locate
from sip2xmpp.sip.uri import SipUri

__all__ = ["Credentials", "Delivery", "Start"]

PASSED_OVER: Final = 60.0
"""Seconds that a server which failed is tried last."""
NO_STREAM: Final = 600.0
"""Seconds for which it is remembered that a peer has no TCP."""
STREAM_PATIENCE: Final = 2.0
"""Seconds to wait for a TCP connection that only size demands: a firewall may swallow the attempt."""
CHALLENGES: Final = 4
"""Challenges answered for one request: a proxy and a server, each with a stale nonce."""
VIA_ROOM: Final = 100
"""Octets that our Via, User-Agent and Contact add to a request."""

MAKES_DIALOGS: Final = frozenset({"SUBSCRIBE", "NOTIFY"})
"""Methods of ours that need a Contact (RFC 6665, section 4.1.2.1)."""

Start = Callable[[bytes, bytes, str, Flow, Done], ClientTransaction]
"""Begins a client transaction: request line, rest, method, flow, done.  Raises TransportFailed."""


class Credentials(Protocol):
    """Who we are to servers that ask."""

    def answer(self, request: Request, response: Response) -> Request | None:
        """``request`` again with the next CSeq and an answer to the challenges of ``response`` (401 or 407).

        None when there is nothing to try, or when the same credentials were refused already.
        """

    def preempt(self, request: Request) -> Request:
        """``request`` with what the server will ask for anyway if that is known, else ``request`` itself."""


class Delivery:
    """How requests find their way out of one user agent.  ``udp_limit`` is in octets."""

    log = Logger()

    def __init__(
        self,
        *,
        start: Start,
        transports: TransportLayer,
        dns: Dns | None,
        clock: IReactorTime,
        rng: random.Random,
        credentials: Credentials | None,
        outbound_proxy: SipUri | None,
        udp_limit: int,
        user_agent: str,
        contact_uri: Callable[[Flow], str],
    ) -> None:
        self.credentials = credentials
        self._start = start
        self._transports = transports
        self._dns = dns
        self._clock = clock
        self._rng = rng
        self.outbound_proxy = outbound_proxy
        self._limit = udp_limit - VIA_ROOM
        self._user_agent = f"User-Agent: {user_agent}\r\n".encode()
        self._contact_uri = contact_uri
        self._failed: Lately[Target] = Lately(clock, PASSED_OVER)
        self._streamless: Lately[HostPort] = Lately(clock, NO_STREAM)

    async def deliver(
        self, request: Request, flow: Flow | None, next_hop: SipUri | None, authenticate: bool
    ) -> Response:
        """The final response to ``request``; raises TransactionTimeout, TransportFailed or NoRoute."""
        credentials = self.credentials if authenticate else None
        if credentials is not None:
            request = credentials.preempt(request)
        response, used = await self._try_all(request, flow, next_hop)
        for _ in range(CHALLENGES):
            if credentials is None or response.status not in (401, 407):
                break
            again = credentials.answer(request, response)
            if again is None:
                break
            request = again
            response, used = await self._try_all(request, used, None)
        return response

    async def _try_all(
        self, request: Request, flow: Flow | None, next_hop: SipUri | None
    ) -> tuple[Response, Flow]:
        if flow is not None:
            return await self._exchange(request, flow, fragile=False), flow
        failure: Sip2XmppError = NoRoute(f"no server of {request.uri} is known")
        unavailable: tuple[Response, Flow] | None = None
        for target in self._by_health(await self._targets(request, next_hop)):
            try:
                reached = await self._transports.open(target)
                response = await self._exchange(request, reached, fragile=True)
            except (TransactionTimeout, TransportFailed) as error:
                self.log.info("{method} to {target}: {why}", method=request.method, target=target, why=error)
                failure = error
            else:
                if response.status != 503:
                    self._failed.discard(target)
                    return response, reached
                unavailable = response, reached
            self._failed.add(target)
        if unavailable is not None:
            return unavailable
        raise failure

    async def _targets(self, request: Request, next_hop: SipUri | None) -> list[Target]:
        uri = next_hop or next_hop_of(request, self.outbound_proxy)
        if self._dns is None:
            raise NoRoute("nothing can be looked up")
        speaks = [one for one in ALL if one in self._transports.speaks]
        return await locate(uri, self._dns, rng=self._rng, speaks=speaks)

    def _by_health(self, targets: list[Target]) -> list[Target]:
        """``targets`` with those that failed lately behind the others, in their order."""
        return sorted(targets, key=self._failed.__contains__)

    async def _exchange(self, request: Request, flow: Flow, *, fragile: bool) -> Response:
        """One transaction on ``flow``, or on a stream in its place when the size demands one."""
        head, _, tail = request.to_bytes().partition(b"\r\n")
        head += b"\r\n"
        if self.is_large(head, tail, flow):
            try:
                stream = await self._stream_to(flow.peer)
                return await self._transaction(
                    head, self._of_ours(request, stream) + tail, request.method, stream, fragile
                )
            except TransportFailed as error:
                self._give_up_streams(flow.peer, error)
        return await self._transaction(
            head, self._of_ours(request, flow) + tail, request.method, flow, fragile
        )

    def _of_ours(self, request: Request, flow: Flow) -> bytes:
        """What a request says of us and does not say yet; the Contact depends on the way it takes."""
        added = b"" if "User-Agent" in request.headers else self._user_agent
        if request.method in MAKES_DIALOGS and "Contact" not in request.headers:
            added += f"Contact: {self._contact_uri(flow)}\r\n".encode()
        return added

    async def _transaction(
        self, head: bytes, tail: bytes, method: str, flow: Flow, fragile: bool
    ) -> Response:
        started: list[ClientTransaction] = []
        answer: Deferred[Response] = Deferred(lambda _: started[0].abandon())

        def done(result: Response | Sip2XmppError) -> None:
            if isinstance(result, Response):
                answer.callback(result)
            else:
                answer.errback(result)

        started.append(self._start(head, tail, method, flow, done))
        started[0].fragile = fragile
        response = await answer
        response.headers  # noqa: B018 - a response that cannot be read is found out here
        return response

    # what does not fit a datagram

    def is_large(self, head: bytes, tail: bytes, flow: Flow) -> bool:
        """Whether a stream should be tried in place of the datagram (section 18.1.1)."""
        return (
            flow.transport is UDP
            and len(head) + len(tail) > self._limit
            and flow.peer not in self._streamless
        )

    async def send_large(self, head: bytes, tail: bytes, method: str, flow: Flow, done: Done) -> None:
        """A prepared request over a stream to the same peer, or else over UDP; never raises."""
        try:
            stream = await self._stream_to(flow.peer)
        except TransportFailed as error:
            self._give_up_streams(flow.peer, error)
            stream = flow
        try:
            self._start(head, tail, method, stream, done)
        except TransportFailed as error:
            done(error)

    async def _stream_to(self, peer: HostPort) -> Flow:
        opening = self._transports.open(Target(transport=Transport.TCP, host=peer.host, port=peer.port))

        def late(_: Flow | Failure, seconds: float) -> Flow | Failure:
            raise TransportFailed(f"no connection to {peer} within {seconds:g} seconds")

        return await opening.addTimeout(STREAM_PATIENCE, self._clock, late)

    def _give_up_streams(self, peer: HostPort, why: TransportFailed) -> None:
        self.log.info("large requests to {peer} go by UDP: {why}", peer=peer, why=why)
        self._streamless.add(peer)


def next_hop_of(request: Request, outbound_proxy: SipUri | None) -> SipUri:
    """Whom to send ``request`` to (section 8.1.2): its first Route if that is loose, the outbound proxy, or its URI."""
    route = request.route
    if route:
        first = SipUri.parse(NameAddr.parse(route[0]).uri)
        if first.is_loose:
            return first
        return request.parsed_uri
    return outbound_proxy or request.parsed_uri
