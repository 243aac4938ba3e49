"""What arrives on a component stream, given to listeners as values.

Every stanza passes ``Inbound.stanza_received``.  A listener may raise ``StanzaRefused`` to have the stanza answered
with that error; anything else that it raises is logged and answered with ``internal-server-error``.  An error is never
answered with an error, and nothing that one sender writes can stop the stream of all.

Implements: RFC 6120 sections 8.2 and 8.3; RFC 6121 sections 3, 4, 5.2.2 and 8.5.
"""

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from sip2xmpp.errors import BadAddress
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.messages import ChatMessage, MessageType
from sip2xmpp.xmpp.reading import children, read_availability, read_error, read_message, read_pep, text
from sip2xmpp.xmpp.rosters import roster_access
from sip2xmpp.xmpp.stanza_errors import StanzaError, StanzaRefused, stanza_error
from sip2xmpp.xmpp.stanzas import PepKind, error_stanza
from sip2xmpp.xmpp.texts import NAME_LIMIT, STATUS_LIMIT

log = Logger()


class PresenceListener(Protocol):
    """Who wants to know of presence.

    JIDs are as the server wrote them, bare or full; ``stanza_id`` is the id of the stanza, or None.  Any method may
    raise ``StanzaRefused``.
    """

    def subscribe(
        self, sender: str, recipient: str, *, stanza_id: str | None, status: str, nickname: str
    ) -> None:
        """``sender`` asks to see the presence of ``recipient``."""

    def subscribed(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        """``sender`` lets ``recipient`` see its presence."""

    def unsubscribe(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        """``sender`` does not want to see the presence of ``recipient`` any more."""

    def unsubscribed(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        """``sender`` refuses or withdraws what ``recipient`` was let see."""

    def probe(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        """``sender`` asks for the current presence of ``recipient``."""

    def available(self, sender: str, recipient: str, availability: Availability) -> None:
        """One resource states its presence."""

    def unavailable(self, sender: str, recipient: str, availability: Availability) -> None:
        """One resource, or with a bare ``sender`` every resource, is gone."""

    def error(self, sender: str, recipient: str, error: StanzaError, *, stanza_id: str | None) -> None:
        """A presence that ``recipient`` sent, with this id, came back."""

    def pep(
        self, sender: str, recipient: str, kind: PepKind, value: UserMood | UserActivity | str | None
    ) -> None:
        """``sender`` publishes a mood, an activity or (as a str) a nickname; None: it has none any more."""


class MessageListener(Protocol):
    """Who wants messages.  Either method may raise ``StanzaRefused``; for an error nothing is answered."""

    def message(self, message: ChatMessage) -> None:
        """A message of type chat, normal or headline."""

    def message_error(self, message: ChatMessage) -> None:
        """A message that we sent came back; ``message.id`` is the id it had."""


class Inbound:
    """Dispatches the stanzas of one component stream.

    ``send`` takes a stanza as a string; ``answer_iq`` takes every IQ; ``now`` is Unix time.
    ``granted`` is told that somebody (a server, if it may be believed) gives one of our addresses access to rosters.
    """

    def __init__(
        self,
        *,
        send: Callable[[str], object],
        presence: PresenceListener,
        messages: MessageListener,
        answer_iq: Callable[[Element], None],
        now: Callable[[], float],
        granted: Callable[[str, str, str], object] = lambda *_: None,
    ) -> None:
        self._send = send
        self._presence = presence
        self._messages = messages
        self._answer_iq = answer_iq
        self._now = now
        self._granted = granted
        self._subscriptions = {
            "subscribed": presence.subscribed,
            "unsubscribe": presence.unsubscribe,
            "unsubscribed": presence.unsubscribed,
            "probe": presence.probe,
        }

    def stanza_received(self, stanza: Element) -> None:
        """Take one stanza; never raises."""
        attributes = stanza.attributes
        if not attributes.get("from") or not attributes.get("to"):
            log.debug("dropped a {kind} without from or to", kind=stanza.name)
            return
        name, sender, recipient = stanza.name, attributes["from"], attributes["to"]
        try:
            if name == "presence":
                self._presence_received(stanza, sender, recipient)
            elif name == "message":
                self._message_received(stanza, sender, recipient)
            elif name == "iq":
                self._answer_iq(stanza)
        except StanzaRefused as refused:
            self._answer(stanza, refused.error)
        except BadAddress as fault:
            self._answer(stanza, stanza_error("jid-malformed", str(fault)))
        except Exception:  # noqa: BLE001 - one sender must not stop the stream of all
            log.failure("while taking a {kind} from {sender}", kind=name, sender=sender)
            self._answer(stanza, stanza_error("internal-server-error"))

    def _presence_received(self, stanza: Element, sender: str, recipient: str) -> None:
        kind = stanza.attributes.get("type")
        if kind is None:
            self._presence.available(sender, recipient, read_availability(stanza, self._now()))
        elif kind == "unavailable":
            self._presence.unavailable(sender, recipient, read_availability(stanza, self._now()))
        elif kind in self._subscriptions:
            self._subscriptions[kind](sender, recipient, stanza_id=stanza.attributes.get("id"))
        elif kind == "subscribe":
            self._presence.subscribe(
                sender,
                recipient,
                stanza_id=stanza.attributes.get("id"),
                status=_child_text(stanza, "status", STATUS_LIMIT),
                nickname=_child_text(stanza, "nick", NAME_LIMIT),
            )
        elif kind == "error":
            self._presence.error(sender, recipient, read_error(stanza), stanza_id=stanza.attributes.get("id"))
        else:
            raise StanzaRefused("bad-request", "unknown type of presence")

    def _message_received(self, stanza: Element, sender: str, recipient: str) -> None:
        message = read_message(stanza)
        if message.type is MessageType.ERROR:
            self._messages.message_error(message)
        elif message.type is MessageType.GROUPCHAT:
            raise StanzaRefused("service-unavailable")
        elif message.body is None and any(child.uri == ns.PUBSUB_EVENT for child in children(stanza)):
            event = read_pep(stanza)
            if event is not None:
                self._presence.pep(sender, recipient, *event)
        elif message.body is None and (access := roster_access(stanza)) is not None:
            self._granted(sender, recipient, access)
        else:
            self._messages.message(message)

    def _answer(self, stanza: Element, error: StanzaError) -> None:
        """Send an error back, where one may be sent at all."""
        attributes = stanza.attributes
        kind = attributes.get("type")
        if kind == "error" or (stanza.name == "iq" and kind == "result"):
            return
        self._send(
            error_stanza(stanza.name, attributes["to"], attributes["from"], error, id_=attributes.get("id"))
        )


def _child_text(stanza: Element, name: str, limit: int) -> str:
    for child in children(stanza):
        if child.name == name:
            return text(child)[:limit]
    return ""
