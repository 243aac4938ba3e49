"""Messages both ways: SIP MESSAGE from SIP users, message stanzas from Jabber users.

A SIP MESSAGE for a Jabber user becomes one stanza.  Its 200 is held back for ``BOUNCE_SECONDS``, less than the first
retransmission interval: an XMPP server that refuses the stanza at once is then heard in the final response itself.  A later
bounce can only be told by IMDN, if the sender asked for negative notifications.  With the component link down nothing is
accepted: 480 and Retry-After, because a 200 would be a lie.

Implements: RFC 7572 section 5; RFC 3428 section 7; RFC 3994; RFC 5438; XEP-0085; XEP-0184; XEP-0333.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address, resource_of
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.conditions import status_of_condition
from sip2xmpp.bridge.contacts import Realm
from sip2xmpp.bridge.content import ACCEPTED, COMPOSING, CPIM, Incoming, Unsupported, read_body
from sip2xmpp.bridge.conversations import Conversations
from sip2xmpp.bridge.correspondence import Asked, Awaited, Correspondence
from sip2xmpp.bridge.delivery import Delivery
from sip2xmpp.bridge.outbox import domain_of
from sip2xmpp.documents import imdn
from sip2xmpp.errors import BadAddress, BadInput
from sip2xmpp.presence.directory import Leg
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.xmpp.links import Links
from sip2xmpp.xmpp.messages import ChatMessage, ChatState, Hint, MessageType
from sip2xmpp.xmpp.stanza_errors import stanza_error
from sip2xmpp.xmpp.stanzas import message_stanza

BOUNCE_SECONDS = 0.4
"""How long a final response waits for a refusal by the XMPP server; below T1, so nothing is sent twice for it."""

LINK_RETRY = 30
"""Seconds that a SIP sender is told to wait while the XMPP side is down."""

UNDER_WAY = 10_000
"""Stanzas whose bounce can still be matched."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """Who writes to whom: a SIP user, as a Jabber contact too, and a Jabber user."""

    sip: Address
    contact_jid: str
    jabber: Address
    jid: str


@dataclass(slots=True)
class _UnderWay:
    """A stanza that was just sent for a SIP MESSAGE."""

    transaction: ServerTransaction
    accepted: IDelayedCall


class Messages:
    """The SIP side's ``Messages`` and the XMPP side's message listener."""

    log = Logger()

    def __init__(
        self,
        *,
        links: Links,
        addressing: Addressing,
        realm: Realm,
        conversations: Conversations,
        correspondence: Correspondence,
        delivery: Delivery,
        to_own_user: Callable[[ServerTransaction, Request, Address], None],
        message_type: MessageType,
        clock: IReactorTime,
        rng: Random,
    ) -> None:
        self._links = links
        self._addressing = addressing
        self._realm = realm
        self._conversations = conversations
        self._correspondence = correspondence
        self._delivery = delivery
        self._to_own_user = to_own_user
        self.message_type = message_type
        self._clock = clock
        self._rng = rng
        self._under_way: dict[str, _UnderWay] = {}

    # From the SIP side

    def message_received(
        self, transaction: ServerTransaction, request: Request, sender: Address, recipient: Address, leg: Leg
    ) -> None:
        """Answer a MESSAGE from a proved sender."""
        if leg is not Leg.XMPP:
            self._to_own_user(transaction, request, recipient)
            return
        try:
            pair = _Pair(sender, self._addressing.jid_of(sender), recipient, recipient.jid())
        except BadAddress as bad:
            transaction.reply(404, str(bad))
            return
        if not self._links.is_up(domain_of(pair.contact_jid), recipient.domain):
            transaction.reply(480, "The XMPP side is down", headers=[("Retry-After", str(LINK_RETRY))])
            return
        try:
            incoming = read_body(request, self._clock.seconds())
        except Unsupported as unsupported:
            transaction.reply(415, str(unsupported), headers=[("Accept", ACCEPTED)])
            return
        except BadInput as bad:
            transaction.reply(400, str(bad))
            return
        self._correspondence.addressed(sender, recipient, request.to.uri)
        if incoming.wrapped:
            self._correspondence.learned(sender, CPIM)
        if incoming.report is not None:
            self._report(sender, incoming)
            transaction.reply(200)
        elif incoming.composing is not None:
            self._correspondence.learned(sender, COMPOSING)
            self._composing(pair, incoming)
            transaction.reply(200)
        else:
            self._text(transaction, request, pair, incoming)

    def _text(
        self,
        transaction: ServerTransaction,
        request: Request,
        pair: _Pair,
        incoming: Incoming,
    ) -> None:
        resource = resource_of(request.from_.uri)
        subject = request.headers.get("Subject") or incoming.subject
        stanza_id = f"{self._rng.getrandbits(64):016x}"
        kind = MessageType.NORMAL if subject else self.message_type
        self._correspondence.ended_typing(pair.sip, pair.jabber)
        if incoming.wanted:
            asked = Asked(
                message_id=incoming.message_id,
                when=incoming.when,
                wanted=incoming.wanted,
                sip_uri=request.from_.uri,
                jabber_uri=request.to.uri,
            )
            self._correspondence.asks(pair.sip, stanza_id, asked)
        message = ChatMessage(
            sender=f"{pair.contact_jid}/{resource}" if resource else pair.contact_jid,
            recipient=pair.jid,
            id=stanza_id,
            type=kind,
            language=incoming.language,
            bodies=(("", incoming.text),),
            subjects=(("", subject),) if subject else (),
            thread=self._conversations.toward_jabber(pair.jid, pair.sip, request.call_id),
            chat_state=ChatState.ACTIVE if kind is MessageType.CHAT else None,
            receipt_requested=imdn.Asked.POSITIVE_DELIVERY in incoming.wanted,
            markable=imdn.Asked.DISPLAY in incoming.wanted,
            stamp=incoming.stamp,
        )
        if not self.say(message):
            transaction.reply(480, "The XMPP side is down", headers=[("Retry-After", str(LINK_RETRY))])
        elif len(self._under_way) >= UNDER_WAY:
            transaction.reply(200)
        else:
            accepted = self._clock.callLater(BOUNCE_SECONDS, self._accepted, stanza_id)
            self._under_way[stanza_id] = _UnderWay(transaction, accepted)

    def _accepted(self, stanza_id: str) -> None:
        self._under_way.pop(stanza_id).transaction.reply(200)

    def _composing(self, pair: _Pair, incoming: Incoming) -> None:
        if self._conversations.latest(pair.jid, pair.sip) is None:
            return
        if incoming.composing:
            self._correspondence.typing_toward_jabber(pair.sip, pair.jabber, incoming.refresh)
            self._chat_state(pair.contact_jid, pair.jid, ChatState.COMPOSING)
        elif self._correspondence.ended_typing(pair.sip, pair.jabber):
            self._chat_state(pair.contact_jid, pair.jid, ChatState.PAUSED)

    def stopped_typing(self, sender: Address, recipient: Address) -> None:
        """A SIP user's composing notice was not renewed."""
        self._chat_state(self._addressing.jid_of(sender), recipient.jid(), ChatState.PAUSED)

    def _chat_state(self, contact_jid: str, jid: str, state: ChatState) -> None:
        self.say(ChatMessage(sender=contact_jid, recipient=jid, chat_state=state, hints=(Hint.NO_STORE,)))

    def _report(self, sender: Address, incoming: Incoming) -> None:
        """An IMDN came: tell the Jabber user who asked, if one did."""
        report = incoming.report
        if report is None or report.status not in (imdn.Status.DELIVERED, imdn.Status.FAILED):
            return
        awaited = self._correspondence.awaited_from(sender, report.message_id)
        if awaited is None:
            return
        if report.status is imdn.Status.DELIVERED:
            self.say(_receipt(awaited, f"{self._rng.getrandbits(64):016x}"))
        else:
            self.say(_bounce(awaited))

    def say(self, message: ChatMessage) -> bool:
        """Send a stanza, or return False when its link is down."""
        return self._links.send(message_stanza(message), domain_of(message.sender))

    # From the XMPP side

    def message(self, message: ChatMessage) -> None:
        """A Jabber user wrote to a SIP user."""
        sender = self._realm.admit(message.sender)
        recipient = self._addressing.address_of_jid(message.recipient.partition("/")[0])
        if recipient.local:
            self._delivery.send(message, sender, recipient)

    def message_error(self, message: ChatMessage) -> None:
        """A stanza that we sent came back: in time for the final response, or only for a notification."""
        under_way = self._under_way.pop(message.id or "", None)
        condition = message.error.condition if message.error is not None else "undefined-condition"
        text = message.error.text if message.error is not None else ""
        if under_way is not None:
            under_way.accepted.cancel()
            status = status_of_condition(condition, full="/" in message.sender)
            under_way.transaction.reply(status, text or condition)
            return
        sender = self._realm.admit(message.sender)
        contact = self._addressing.address_of_jid(message.recipient.partition("/")[0])
        self.log.info("a message of {sip} bounced: {why}", sip=contact, why=condition)
        if message.id:
            self._delivery.report_failure(message.id, sender, contact)


def _receipt(awaited: Awaited, stanza_id: str) -> ChatMessage:
    return ChatMessage(
        sender=awaited.contact_jid,
        recipient=awaited.jid,
        id=stanza_id,
        receipt_for=awaited.message_id,
        hints=(Hint.STORE,),
    )


def _bounce(awaited: Awaited) -> ChatMessage:
    return ChatMessage(
        sender=awaited.contact_jid,
        recipient=awaited.jid,
        id=awaited.message_id,
        type=MessageType.ERROR,
        error=stanza_error("recipient-unavailable", "The message could not be delivered"),
    )
