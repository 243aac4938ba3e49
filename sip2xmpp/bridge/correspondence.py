"""What is remembered of people who write to each other, beside the conversation itself.

All of it is convenience that a restart may lose, so it is kept in memory, and bounded: which formats a SIP contact takes
(learned from what it sends and what it refuses), in which form it writes a Jabber user's address, who waits for which
receipt, and who was last said to be typing.

Implements: RFC 3994 section 3 (refresh and idle of composing); RFC 5438 section 7 (correlating notifications).
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents import imdn
from sip2xmpp.xmpp.messages import ChatMessage

REMEMBERED = 10_000
"""Entries kept of each kind."""

REFRESH_SECONDS = 60.0
"""A composer that goes on typing is said so again after this long (RFC 3994, section 3.3: at least 60)."""

DEFAULT_REFRESH = 120.0
"""How long a composing notice without a refresh value is good for (RFC 3994, section 3.3)."""

K = TypeVar("K")
V = TypeVar("V")


class _Recent(Generic[K, V]):
    """A mapping that forgets the least recently set."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._limit = limit

    def get(self, key: K) -> V | None:
        return self._entries.get(key)

    def set(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def pop(self, key: K) -> V | None:
        return self._entries.pop(key, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Notifications that a SIP user asked for with a message: ``when`` as it was written."""

    message_id: str
    when: str
    wanted: frozenset[imdn.Asked]
    sip_uri: str
    jabber_uri: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """A Jabber user who asked for a receipt: full JID, id of the message, and the contact's JID as addressed."""

    jid: str
    message_id: str
    contact_jid: str


class Correspondence:
    """The memory."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._silent: Callable[[Address, Address], None] | None = None
        self._takes: _Recent[tuple[Address, str], bool] = _Recent()
        self._uris: _Recent[tuple[Address, Address], str] = _Recent()
        self._asked: _Recent[tuple[Address, str], Asked] = _Recent()
        self._awaited: _Recent[tuple[Address, str], Awaited] = _Recent()
        self._typing: _Recent[tuple[Address, Address], float] = _Recent()
        self._typists: dict[tuple[Address, Address], IDelayedCall] = {}

    # Formats and forms

    def takes(self, sip: Address, content_type: str) -> bool | None:
        """Whether a contact understands a body type; None when that is not known."""
        return self._takes.get((sip, content_type))

    def learned(self, sip: Address, content_type: str) -> None:
        """The contact sent this type, so it understands it."""
        self._takes.set((sip, content_type), True)

    def refused(self, sip: Address, content_type: str) -> None:
        """The contact answered 415 to this type."""
        self._takes.set((sip, content_type), False)

    def addressed(self, sip: Address, jabber: Address, uri: str) -> None:
        """A SIP user wrote a Jabber user's address like this; answers come from the same."""
        self._uris.set((sip, jabber), uri)

    def uri_toward(self, sip: Address, jabber: Address) -> str | None:
        """The form last used, if any."""
        return self._uris.get((sip, jabber))

    # Receipts

    def asks(self, sip: Address, stanza_id: str, asked: Asked) -> None:
        """A SIP user's message, which went on as ``stanza_id``, asked for notifications."""
        self._asked.set((sip, stanza_id), asked)

    def asked_by(self, sip: Address, stanza_id: str) -> Asked | None:
        """What was asked for with a message."""
        return self._asked.get((sip, stanza_id))

    def awaits(self, sip: Address, message: ChatMessage) -> None:
        """A Jabber user waits for the notification of a message that went to ``sip`` under its own id."""
        if message.id:
            contact = message.recipient.partition("/")[0]
            self._awaited.set((sip, message.id), Awaited(message.sender, message.id, contact))

    def awaited_from(self, sip: Address, message_id: str) -> Awaited | None:
        """Who waits; asked once, because a notification of a kind comes once."""
        return self._awaited.pop((sip, message_id))

    # Typing

    def typing_toward_sip(self, jabber: Address, sip: Address, composing: bool) -> bool | None:
        """What to tell a SIP contact of a Jabber user's chat state: True typing, False idle, None nothing new."""
        key = (jabber, sip)
        since = self._typing.get(key)
        now = self._clock.seconds()
        if composing:
            if since is not None and now - since < REFRESH_SECONDS:
                return None
            self._typing.set(key, now)
            return True
        return None if self._typing.pop(key) is None else False

    def wrote(self, jabber: Address, sip: Address) -> None:
        """A message ends the composing of its sender on its own."""
        self._typing.pop((jabber, sip))

    def typing_toward_jabber(self, sip: Address, jabber: Address, refresh: int | None) -> None:
        """A SIP user types: unless it is said again within ``refresh`` seconds, it is over."""
        self.ended_typing(sip, jabber)
        if len(self._typists) < REMEMBERED:
            delay = float(min(refresh, 3600)) if refresh else DEFAULT_REFRESH
            self._typists[sip, jabber] = self._clock.callLater(delay, self._ran_out, sip, jabber)

    def on_silence(self, silent: Callable[[Address, Address], None]) -> None:
        """Call ``silent(sip, jabber)`` when a SIP user's typing notice has run out."""
        self._silent = silent

    def ended_typing(self, sip: Address, jabber: Address) -> bool:
        """A SIP user wrote or went idle; whether typing had been said."""
        call = self._typists.pop((sip, jabber), None)
        if call is not None and call.active():
            call.cancel()
        return call is not None

    def _ran_out(self, sip: Address, jabber: Address) -> None:
        del self._typists[sip, jabber]
        if self._silent is not None:
            self._silent(sip, jabber)
