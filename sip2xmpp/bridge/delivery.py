"""Messages from Jabber users on their way to SIP users.

Messages of one pair of users go one after another, so that they arrive in the order they were written; each is tried at
the recipient's registered contacts in order of preference (``sip.forking``), or sent toward its domain.  Nothing is stored for later: who is
not there is reported to the sender at once, as is every refusal, under the id of the message.  A message that does not fit
into the request size that RFC 3428 allows over UDP is refused, never cut.

Typing notices and receipts go only where they are welcome: to a contact with whom there is a conversation and that has not
refused the format (415); a contact that has sent ``message/cpim`` itself is asked for delivery notifications by IMDN.

Implements: RFC 7572 section 4; RFC 3428 sections 5 and 8; RFC 3994; RFC 5438; XEP-0085; XEP-0184.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.conditions import condition_of_error, condition_of_status
from sip2xmpp.bridge.content import (
    COMPOSING,
    CPIM,
    Body,
    Outgoing,
    composing_body,
    envelope_body,
    report_body,
    text_body,
)
from sip2xmpp.bridge.conversations import Conversations
from sip2xmpp.bridge.correspondence import Correspondence
from sip2xmpp.documents.imdn import Asked, Kind, Status
from sip2xmpp.errors import Sip2XmppError
from sip2xmpp.events.registered import fork_of
from sip2xmpp.presence.directory import Directory, Finding, Leg
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.contact import Contact
from sip2xmpp.sip.flow import UDP
from sip2xmpp.sip.forking import Fork, fork
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.message import Request, Response, make_request
from sip2xmpp.sip.uri import SipUri
from sip2xmpp.store.interface import Store
from sip2xmpp.xmpp.messages import ChatMessage, ChatState, MessageType
from sip2xmpp.xmpp.stanza_errors import StanzaError, StanzaRefused, stanza_error

SIZE_LIMIT = 1300
"""Octets of a whole request where a hop may be UDP (RFC 3428, section 8)."""

VIA_ROOM = 120
"""Octets left for the Via that is added on the way out."""

WAITING_LIMIT = 50
"""Messages of one pair that may wait behind a slow one."""

PATIENCE = 8.0
"""Seconds that a contact may be silent before a less preferred one is tried."""


class _TooLong(Sip2XmppError):
    """A message that does not fit, and how many octets would."""

    def __init__(self, room: int) -> None:
        super().__init__(f"Too long: a message to this contact may have about {room} octets")


@dataclass(slots=True)
class _Line:
    """Messages of one pair, waiting for the one before."""

    waiting: deque[Callable[[], Deferred[None]]] = field(default_factory=deque)
    busy: bool = False


class Delivery:
    """The way out.  ``say`` sends a stanza back to a Jabber user: an error or a receipt.

    ``places_of`` knows where a user of ours, or the device that a resource names, can be reached; if it is not given, where it is registered here.
    """

    log = Logger()

    def __init__(
        self,
        *,
        agent: UserAgent,
        store: Store,
        directory: Directory,
        addressing: Addressing,
        conversations: Conversations,
        correspondence: Correspondence,
        clock: IReactorTime,
        rng: Random,
        say: Callable[[ChatMessage], bool],
        places_of: Callable[[Address, str], Fork[Contact]] | None = None,
    ) -> None:
        self._agent = agent
        self._directory = directory
        self._addressing = addressing
        self._conversations = conversations
        self._correspondence = correspondence
        self._clock = clock
        self._rng = rng
        self._say = say
        self._places_of = places_of or (lambda address, _: fork_of(store.bindings.select(str(address))))
        self._lines: OrderedDict[tuple[str, Address], _Line] = OrderedDict()

    def send(self, message: ChatMessage, jabber: Address, sip: Address) -> None:
        """Take a message of ``jabber`` for ``sip``; errors come back as messages of type error.

        Raises ``StanzaRefused`` when the pair has too many messages under way.
        """
        outgoing = self._outgoing(message, jabber, sip)
        if outgoing is not None:
            self._queue(message, jabber, sip, outgoing)

    def _queue(self, message: ChatMessage, jabber: Address, sip: Address, outgoing: Outgoing) -> None:
        key = (jabber.jid(), sip)
        line = self._lines.setdefault(key, _Line())
        if len(line.waiting) >= WAITING_LIMIT:
            raise StanzaRefused("resource-constraint", "Too many messages wait for this contact")
        line.waiting.append(lambda: Deferred.fromCoroutine(self._deliver(message, jabber, sip, outgoing)))
        if not line.busy:
            self._next(key, line)

    def _next(self, key: tuple[str, Address], line: _Line) -> None:
        if not line.waiting:
            line.busy = False
            self._lines.pop(key, None)
            return
        line.busy = True
        done = line.waiting.popleft()()
        done.addErrback(lambda failure: self.log.failure("a message could not be delivered", failure))
        done.addCallback(lambda _: self._next(key, line))

    async def _deliver(self, message: ChatMessage, jabber: Address, sip: Address, outgoing: Outgoing) -> None:
        finding = await self._directory.settled(sip.domain, Leg.SIP)
        destinations = self._destinations(sip, finding, message.recipient.partition("/")[2])
        if not destinations:
            self._refuse(message, _nowhere(sip, finding))
            return
        bodies = [each for each in (outgoing.body, outgoing.plain) if each is not None]
        answer = await self._try_all(message, jabber, sip, bodies, destinations)
        if answer is not None and answer[0].status == 415 and answer[1] is not bodies[-1]:
            self._correspondence.refused(sip, answer[1].content_type)
            answer = await self._try_all(message, jabber, sip, bodies[-1:], destinations)
        if answer is None:
            return
        response, body = answer
        if 200 <= response.status < 300:
            self._delivered(message, sip, body, response, finding)
        elif outgoing.matters:
            condition, kind = condition_of_status(
                response.status, retry_after="Retry-After" in response.headers
            )
            text = f"SIP {response.status} {response.reason}"
            self._refuse(message, stanza_error(condition, text, type_=kind))
        elif response.status == 415:
            self._correspondence.refused(sip, body.content_type)

    def _outgoing(self, message: ChatMessage, jabber: Address, sip: Address) -> Outgoing | None:
        """What the stanza becomes, or None when it is nothing for this contact."""
        known = self._correspondence
        about = message.receipt_for or message.displayed
        if about is not None and message.body is None:
            displayed = message.receipt_for is None
            return self._report(sip, about, Kind.DISPLAY if displayed else Kind.DELIVERY)
        text = message.body
        if text is not None:
            known.wrote(jabber, sip)
            plain = text_body(text, message.language)
            if message.receipt_requested and message.id and known.takes(sip, CPIM):
                wrapped = envelope_body(
                    text,
                    message.language,
                    sender=self._addressing.uri_of(jabber),
                    recipient=self._addressing.uri_of(sip),
                    message_id=message.id,
                    now=self._clock.seconds(),
                )
                return Outgoing(wrapped, plain, matters=True)
            return Outgoing(plain, None, matters=message.type is not MessageType.HEADLINE)
        if message.chat_state is None or self._conversations.latest(jabber.jid(), sip) is None:
            return None
        if known.takes(sip, COMPOSING) is False:
            return None
        typing = known.typing_toward_sip(jabber, sip, message.chat_state is ChatState.COMPOSING)
        if typing is None:
            return None
        return Outgoing(composing_body(active=typing), None, matters=False)

    def _report(self, sip: Address, about: str, kind: Kind, status: Status | None = None) -> Outgoing | None:
        """The report about a message of ``sip``, if it asked for one of this kind."""
        asked = self._correspondence.asked_by(sip, about)
        wish = Asked.DISPLAY if kind is Kind.DISPLAY else Asked.POSITIVE_DELIVERY
        if status is Status.FAILED:
            wish = Asked.NEGATIVE_DELIVERY
        if asked is None or wish not in asked.wanted:
            return None
        what = status or (Status.DISPLAYED if kind is Kind.DISPLAY else Status.DELIVERED)
        report_id = f"{self._rng.getrandbits(64):016x}"
        body = report_body(asked, kind, what, report_id=report_id, now=self._clock.seconds())
        return Outgoing(body, None, matters=False)

    def report_failure(self, stanza_id: str, jabber: Address, sip: Address) -> None:
        """A stanza that carried a SIP user's message came back: say so, if that was asked for."""
        outgoing = self._report(sip, stanza_id, Kind.DELIVERY, Status.FAILED)
        if outgoing is not None:
            bounced = ChatMessage(sender=jabber.jid(), recipient=self._addressing.jid_of(sip))
            self._queue(bounced, jabber, sip, outgoing)

    def _destinations(self, sip: Address, finding: Finding, resource: str) -> Fork[Contact]:
        if finding.leg is Leg.SIP:
            return [[[Contact(key="", uri=self._addressing.uri_of(sip), server=finding.target or "")]]]
        if finding.leg is not Leg.OWN:
            return []
        return self._places_of(sip, resource)

    async def _try_all(
        self,
        message: ChatMessage,
        jabber: Address,
        sip: Address,
        bodies: list[Body],
        destinations: Fork[Contact],
    ) -> tuple[Response, Body] | None:
        """The answer that counts, and to which body; None when the message has been refused here instead."""
        sent: dict[str, Body] = {}

        async def send(contact: Contact, is_last: bool) -> Response:
            request, body, excess = self._fitting(message, jabber, sip, bodies, contact)
            if excess > 0:
                raise _TooLong(max(len(body.octets) - excess, 0))
            sent[contact.key] = body
            return await self._agent.request(
                request,
                flow=contact.flow,
                next_hop=SipUri.parse(contact.server) if contact.server else None,
                timeout=None if is_last else PATIENCE,
            )

        outcome = await fork(destinations, send)
        result = outcome.result
        if isinstance(result, Response):
            return result, sent[outcome.place.key]
        if isinstance(result, _TooLong):
            self._refuse(message, stanza_error("policy-violation", str(result)))
        else:
            condition, kind = condition_of_error(result)
            self._refuse(message, stanza_error(condition, str(result), type_=kind))
        return None

    def _fitting(
        self,
        message: ChatMessage,
        jabber: Address,
        sip: Address,
        bodies: list[Body],
        destination: Contact,
    ) -> tuple[Request, Body, int]:
        """The request with the first body that fits, else with the last; and the octets by which it is too long."""
        first, *others = bodies
        request = self._request(message, jabber, sip, first, destination)
        if destination.flow is not None and destination.flow.transport is not UDP:
            return request, first, 0
        excess = len(request.to_bytes()) + VIA_ROOM - SIZE_LIMIT
        if excess > 0 and others:
            return self._fitting(message, jabber, sip, others, destination)
        return request, first, excess

    def _request(
        self, message: ChatMessage, jabber: Address, sip: Address, body: Body, destination: Contact
    ) -> Request:
        thread = self._conversations.toward_sip(jabber.jid(), sip, message.thread)
        resource = message.sender.partition("/")[2]
        headers = [("Route", route) for route in destination.path] + list(body.headers)
        if message.subject:
            headers.append(("Subject", " ".join(message.subject.split())))
        uri = self._correspondence.uri_toward(sip, jabber) or self._addressing.uri_of(jabber)
        if resource and ";" not in uri:
            uri = jabber.sip_uri(gr=resource) if uri == jabber.sip_uri() else uri
        return make_request(
            "MESSAGE",
            destination.uri,
            from_=NameAddr(uri=uri, params=(("tag", thread.local_tag),)),
            to=NameAddr(uri=self._addressing.uri_of(sip)),
            call_id=thread.call_id,
            cseq=thread.cseq,
            headers=headers,
            body=body.octets,
            content_type=body.content_type,
        )

    def _delivered(
        self, message: ChatMessage, sip: Address, body: Body, response: Response, finding: Finding
    ) -> None:
        """A 200 from a registered phone is a delivery; from another server it only means "taken"."""
        if not message.receipt_requested or not message.id:
            return
        if body.content_type == CPIM:
            self._correspondence.awaits(sip, message)
        elif finding.leg is Leg.OWN and response.status == 200:
            self._say(
                ChatMessage(
                    sender=message.recipient.partition("/")[0],
                    recipient=message.sender,
                    id=f"receipt-{message.id}",
                    receipt_for=message.id,
                )
            )

    def _refuse(self, message: ChatMessage, error: StanzaError) -> None:
        """Bounce to the sender; a headline and what has no body are never bounced (RFC 6121, section 8.5)."""
        self.log.info(
            "a message to {to} was refused: {why}", to=message.recipient, why=error.text or error.condition
        )
        if message.type is MessageType.HEADLINE or message.body is None:
            return
        self._say(
            ChatMessage(
                sender=message.recipient,
                recipient=message.sender,
                id=message.id,
                type=MessageType.ERROR,
                error=error,
            )
        )


def _nowhere(sip: Address, finding: Finding) -> StanzaError:
    if finding.leg is Leg.OWN:
        return stanza_error("recipient-unavailable", f"{sip} is not registered anywhere now")
    if finding.leg is Leg.XMPP:
        return stanza_error("item-not-found", f"{sip} is a Jabber address: write to it directly")
    if finding.evidence is not None and finding.evidence.trouble:
        return stanza_error("remote-server-timeout", f"{sip.domain} {finding.why}")
    return stanza_error("remote-server-not-found", f"{sip.domain} {finding.why}")
