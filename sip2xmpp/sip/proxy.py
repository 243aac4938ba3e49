"""The forwarding proxy: requests that belong to another SIP domain go there, and their responses come back.

It is stateful, and forks only to the registered contacts of our own users (``sip.forking``).  Who may use it is decided
before (``events.gate``); here a request is validated, its Route put in order, and its next hop looked up.  Servers are
tried in turn: one that is silent for ``patience`` seconds, unreachable, or answers 503 gives way to the next, so that a
dead server is passed over while the client still waits.  A client that has given up gets nothing: neither a 408 nor a
late response has any use for it.

SUBSCRIBE and NOTIFY are record-routed, so that the dialog stays with us, with two Record-Routes if it leaves over
another transport or address than it came in by.  Requests inside such a dialog go back over the flow that their
recipient opened, if it can be reached only there.

A loop is a request that is forwarded already with the same Route, Request-URI and dialog, and carries our Via.  That is
what the branch hash of RFC 3261 would tell; the table of what is under way tells it without one.

Implements: RFC 3261, section 16 (for requests other than INVITE); RFC 3263, section 4.3; RFC 4320, sections 3 and 4.2;
RFC 5658 (double Record-Route); RFC 3325, section 5 (identities end at our border).
"""

import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp import digest
from sip2xmpp.errors import (
    BadInput,
    BadMessage,
    NoRoute,
    NotAuthorized,
    Sip2XmppError,
    TransactionTimeout,
    TransportFailed,
)
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.contact import Contact
from sip2xmpp.sip.delivery import PASSED_OVER
from sip2xmpp.sip.dns import Dns
from sip2xmpp.sip.fields import Field, Headers
from sip2xmpp.sip.flow import Flow, Target, Transport
from sip2xmpp.sip.forking import Fork, fork
from sip2xmpp.sip.forwarded import (
    Mark,
    copy_of,
    hops_left,
    is_numeric,
    mark_of,
    needs_flow,
    set_routes,
    without_our_via,
)
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.lately import Lately
from sip2xmpp.sip.message import Request, Response
from sip2xmpp.sip.record_route import RecordRoutes
from sip2xmpp.sip.resolver import ALL, locate
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri

__all__ = ["ForwardingProxy"]

RECORDED: Final = frozenset({"SUBSCRIBE", "NOTIFY"})
"""Methods that make dialogs; a NOTIFY makes the subscriber's (RFC 6665, section 4.4.1)."""
OWN_HEADERS: Final = ("P-Asserted-Identity",)
"""What is true only inside our own trust domain."""

FLOW_FAILED: Final = 430
"""An edge proxy's word for a flow that is gone (RFC 5626, section 11.5)."""


class Looped(Sip2XmppError):
    """The request is being forwarded already."""


class ForwardingProxy:
    """Forwards over ``agent``.

    ``is_ourselves`` knows our hosts and domains; ``permits`` says whether a server may be talked to (None: all may);
    ``give_up`` is the time in seconds after which no client waits any more, a little less than timer F.
    """

    log = Logger()

    def __init__(
        self,
        *,
        agent: UserAgent,
        dns: Dns,
        rng: random.Random,
        secret: bytes,
        is_ourselves: Callable[[str], bool],
        outbound_proxy: str | None = None,
        permits: Callable[[Target], bool] | None = None,
        patience: float = 8.0,
        give_up: float = 30.0,
    ) -> None:
        self._agent = agent
        self._dns = dns
        self._rng = rng
        self._records = RecordRoutes(secret)
        self._is_ourselves = is_ourselves
        self.forward_by(outbound_proxy)
        self._permits = permits
        self._patience = patience
        self._give_up = give_up
        self._under_way: set[Mark] = set()
        self._failed: Lately[Target] = Lately(agent.clock, PASSED_OVER)

    def forward_by(self, outbound_proxy: str | None) -> None:
        """Forward requests to this URI from now on, or to the servers of the domain that they are for."""
        self._outbound = SipUri.parse(outbound_proxy) if outbound_proxy else None

    def has_signed_route(self, request: Request) -> bool:
        """Whether ``request`` belongs to a dialog that we have record-routed."""
        try:
            values = [request.uri, *(NameAddr.parse(route).uri for route in request.route[:1])]
            return any(self._records.read(SipUri.parse(value), request) is not None for value in values)
        except BadMessage:
            return False

    def forward(
        self, transaction: ServerTransaction, request: Request, target: SipUri | str | None = None
    ) -> None:
        """Forward ``request`` and answer it on ``transaction`` with what comes back.

        It goes where its Route leads, else to ``target``, else to the outbound proxy, else where its Request-URI leads.
        """
        try:
            self._forward(transaction, request, SipUri.parse(target) if isinstance(target, str) else target)
        except BadMessage as bad:
            transaction.reply(bad.status_hint, str(bad))

    def forward_to_contacts(
        self,
        transaction: ServerTransaction,
        request: Request,
        contacts: Fork[Contact],
        flow_failed: Callable[[Contact], None] = lambda _: None,
    ) -> None:
        """Forward ``request`` to registered contacts; ``flow_failed`` is told of each that its flow does not lead to any more.

        However many there are, nobody is asked when the client has stopped waiting: it would be told what did not happen.
        """
        end = self._agent.clock.seconds() + self._give_up

        async def send(contact: Contact, is_last: bool) -> Response:
            left = end - self._agent.clock.seconds()
            if left <= 0:
                raise TransactionTimeout("the client does not wait any more")
            try:
                response = await self._response_of_contact(
                    request, contact, left if is_last else min(left, self._patience)
                )
            except TransportFailed:
                if contact.only_by_flow:
                    flow_failed(contact)
                raise
            if response.status == FLOW_FAILED:
                flow_failed(contact)
            return response

        async def best() -> Response:
            outcome = await fork(contacts, send)
            if isinstance(outcome.result, Response):
                return outcome.result
            raise outcome.result

        if self._may_go_on(transaction, request):
            self._answer(transaction, best(), request.uri)

    async def _response_of_contact(self, request: Request, contact: Contact, patience: float) -> Response:
        leaving = copy_of(request)
        leaving.uri = contact.uri
        set_routes(leaving, list(contact.path))
        server = SipUri.parse(contact.server) if contact.server else None
        next_hop, way_back, mark = self._put_in_order(request, leaving, server, contact.flow)
        self._under_way.add(mark)
        try:
            return await self._response(
                leaving,
                next_hop,
                way_back,
                give_up=patience,
                only_by_flow=contact.only_by_flow,
            )
        finally:
            self._under_way.discard(mark)

    def _forward(self, transaction: ServerTransaction, request: Request, target: SipUri | None) -> None:
        """Sections 16.3 to 16.6, up to the look-up."""
        if not self._may_go_on(transaction, request):
            return
        leaving = copy_of(request)
        try:
            next_hop, way_back, mark = self._put_in_order(request, leaving, target, None)
        except Looped:
            transaction.reply(482)
            return
        self._under_way.add(mark)
        response = self._response(leaving, next_hop, way_back, give_up=self._give_up)
        self._answer(transaction, response, next_hop.host, lambda: self._under_way.discard(mark))

    def _may_go_on(self, transaction: ServerTransaction, request: Request) -> bool:
        """Whether ``request`` may be forwarded at all; if not, it has been answered."""
        if request.max_forwards == 0:
            transaction.reply(483)
            return False
        demanded = [tag for tag in request.headers.all("Proxy-Require") if tag]
        if demanded:
            transaction.reply(420, headers=[("Unsupported", ", ".join(demanded))])
            return False
        return True

    def _put_in_order(
        self, request: Request, leaving: Request, target: SipUri | None, contact_flow: Flow | None
    ) -> tuple[SipUri, Flow | None, Mark]:
        """Make ``leaving`` of ``request``: where it goes, over which flow, and what it would have in common with itself."""
        way_back = contact_flow or self._put_route_in_order(leaving)
        mark = mark_of(leaving)
        if mark in self._under_way and any(self._is_us(via.host, via.port) for via in request.vias):
            raise Looped("it came back")
        next_hop = self._next_hop(leaving, target)
        self._cleanse(leaving)
        leaving.headers.set("Max-Forwards", str(hops_left(request)))
        return next_hop, way_back, mark

    # the request

    def _put_route_in_order(self, request: Request) -> Flow | None:
        """Take ourselves out of the Route (section 16.4); the flow back to the recipient, if one is recorded."""
        flow: Flow | None = None
        uri = request.parsed_uri
        recorded = self._records.read(uri, request)
        if recorded is not None and request.route:
            #   A strict router took our Record-Route for the Request-URI and put that last.
            routes = request.route
            request.uri = NameAddr.parse(routes[-1]).uri
            set_routes(request, routes[:-1])
            flow = recorded.flow
        elif (maddr := uri.param("maddr")) is not None and self._is_us(maddr, uri.port):
            plain = uri.without_params("maddr", "transport")
            request.uri = str(
                SipUri(scheme=plain.scheme, user=plain.user, host=plain.host, params=plain.params)
            )
        routes = request.route
        ours = 0
        for route in routes:
            first = SipUri.parse(NameAddr.parse(route).uri)
            recorded = self._records.read(first, request)
            if recorded is None and not self._is_us(first.host, first.port):
                break
            if recorded is not None and recorded.flow is not None:
                flow = recorded.flow
            ours += 1
        if ours:
            set_routes(request, routes[ours:])
        if flow is not None and request.flow is not None and flow.peer == request.flow.peer:
            #   It comes over that flow, so it goes to the other side.
            return None
        return flow

    def _next_hop(self, request: Request, target: SipUri | None) -> SipUri:
        """Whom to look up (section 16.6, steps 6 and 7); a strict router gets its Request-URI."""
        routes = request.route
        if not routes:
            return target or self._outbound or request.parsed_uri
        address = NameAddr.parse(routes[0]).uri
        first = SipUri.parse(address)
        if not first.is_loose:
            set_routes(request, [*routes[1:], f"<{request.uri}>"])
            request.uri = address
        return first

    def _cleanse(self, request: Request) -> None:
        """Take out what is nobody's business outside: our identities, and credentials that we asked for."""
        headers = request.headers
        for name in OWN_HEADERS:
            headers.remove(name)
        for name in ("Authorization", "Proxy-Authorization"):
            values = headers.all(name)
            kept = [value for value in values if not self._is_our_realm(value)]
            if kept != values:
                headers.remove(name)
                for value in kept:
                    headers.add(name, value)

    def _is_our_realm(self, credentials: str) -> bool:
        try:
            found = digest.digest_parameters(credentials)
        except BadInput:
            return True
        return found is not None and self._is_ourselves(found.get("realm", ""))

    def _recorded(self, request: Request, flow: Flow) -> Headers:
        """The headers with which ``request`` leaves on ``flow``."""
        came = request.flow
        if request.method not in RECORDED or came is None:
            return request.headers
        transports = self._agent.transports
        back = came if needs_flow(request, came) else None
        places = [(flow.transport, transports.sent_by(flow)), (came.transport, transports.sent_by(came))]
        lines: list[Field] = [
            ("Record-Route", " " + self._records.write(request, place, transport, back))
            for transport, place in dict.fromkeys(places)
        ]
        vias = [field for field in request.headers.fields if field[0] == "Via"]
        others = [field for field in request.headers.fields if field[0] != "Via"]
        return Headers.from_fields([*vias, *lines, *others])

    # there and back

    def _answer(
        self,
        transaction: ServerTransaction,
        response: Coroutine[Any, Any, Response],
        whom: str,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """Answer ``transaction`` with ``response`` when it is there; whatever goes wrong is answered too."""

        def failed(failure: Failure) -> None:
            self.log.failure("a {method} could not be forwarded", failure, method=transaction.request.method)
            transaction.reply(500)

        Deferred.fromCoroutine(self._exchange(transaction, response, whom)).addErrback(failed).addBoth(
            lambda _: ended()
        )

    async def _exchange(
        self, transaction: ServerTransaction, awaited: Coroutine[Any, Any, Response], whom: str
    ) -> None:
        """Wait, and answer ``transaction`` (sections 16.6, step 10, to 16.9)."""
        try:
            response = await awaited
            if response.status == 503:
                #   It means that server, not us (section 16.7, step 6).
                transaction.reply(500, f"{whom} is not available")
            else:
                transaction.respond(without_our_via(response))
        except TransactionTimeout:
            transaction.abandon()
        except NoRoute as error:
            transaction.reply(480, str(error))
        except TransportFailed as error:
            self.log.info(
                "{method} to {whom}: {why}", method=transaction.request.method, whom=whom, why=error
            )
            transaction.reply(500, f"{whom} cannot be reached")
        except Looped:
            transaction.reply(482)
        except NotAuthorized as error:
            transaction.reply(403, str(error))
        except BadMessage as error:
            transaction.reply(502, str(error))

    async def _response(
        self,
        request: Request,
        next_hop: SipUri,
        way_back: Flow | None,
        *,
        give_up: float,
        only_by_flow: bool = False,
    ) -> Response:
        """The response of the first server that has one to give, within ``give_up`` seconds."""
        end = self._agent.clock.seconds() + give_up
        if way_back is not None:
            try:
                return await self._transaction(request, way_back, give_up)
            except TransportFailed as error:
                if only_by_flow:
                    raise
                self.log.debug("the flow to {peer} is gone: {why}", peer=way_back.peer, why=error)
        targets = sorted(await self._targets(next_hop), key=self._failed.__contains__)
        unavailable: Response | None = None
        failure: Sip2XmppError = NoRoute(f"no server of {next_hop.host} is known")
        for target in targets:
            left = end - self._agent.clock.seconds()
            if left <= 0:
                break
            try:
                flow = await self._agent.transports.open(target)
                wait = left if target is targets[-1] else min(left, self._patience)
                response = await self._transaction(request, flow, wait)
            except (TransactionTimeout, TransportFailed) as error:
                self.log.info("{method} to {target}: {why}", method=request.method, target=target, why=error)
                failure = error
            else:
                if response.status != 503:
                    self._failed.discard(target)
                    return response
                unavailable = response
            self._failed.add(target)
        if unavailable is not None:
            return unavailable
        raise failure

    async def _targets(self, next_hop: SipUri) -> list[Target]:
        transports = self._agent.transports
        speaks = [one for one in ALL if one in transports.speaks]
        targets = await locate(next_hop, self._dns, rng=self._rng, speaks=speaks)
        if self._permits is not None:
            targets = [target for target in targets if self._permits(target)]
            if not targets:
                raise NotAuthorized(f"{next_hop.host} may not be reached through this server")
        others = [target for target in targets if not self._is_us(target.host, target.port)]
        if not others:
            raise NoRoute(f"{next_hop.host} is this server itself")
        return others

    def _transaction(self, request: Request, flow: Flow, patience: float) -> "Deferred[Response]":
        """One client transaction; fails with TransactionTimeout after ``patience`` seconds."""
        answer: Deferred[Response] = Deferred()

        def done(result: Response | Sip2XmppError) -> None:
            if isinstance(result, Response):
                answer.callback(result)
            else:
                answer.errback(result)

        def late(_: Response | Failure, seconds: float) -> Response | Failure:
            raise TransactionTimeout(f"no final response within {seconds:g} seconds")

        leaving = Request(
            method=request.method, uri=request.uri, headers=self._recorded(request, flow), body=request.body
        )
        head, _, tail = leaving.to_bytes().partition(b"\r\n")
        self._agent.send_prepared(head + b"\r\n", tail, request.method, flow, done)
        return answer.addTimeout(patience, self._agent.clock, late)

    def _is_us(self, host: str, port: int | None) -> bool:
        """Whether a host and port of a URI or a Via are this server's."""
        listening = [self._agent.transports.listening(transport) for transport in Transport]
        places = [place for place in listening if place is not None]
        bare = host.strip("[]")
        if not (self._is_ourselves(bare) or any(place.host == bare for place in places)):
            return False
        return (port or 5060) in {place.port for place in places} or (port is None and not is_numeric(bare))
