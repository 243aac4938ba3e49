"""One message stanza as a value, read and written by this package and meant for the bridge.

Texts by language are (language, text) pairs with distinct languages; the empty language means "as the stanza says".

Implements: RFC 6121 section 5; XEP-0085; XEP-0184; XEP-0203; XEP-0308; XEP-0333; XEP-0334.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sip2xmpp.xmpp.stanza_errors import StanzaError


class MessageType(Enum):
    """The kind of conversation (RFC 6121, section 5.2.2)."""

    NORMAL = "normal"
    CHAT = "chat"
    GROUPCHAT = "groupchat"
    HEADLINE = "headline"
    ERROR = "error"


class ChatState(Enum):
    """What the sender is doing (XEP-0085)."""

    ACTIVE = "active"
    COMPOSING = "composing"
    PAUSED = "paused"
    INACTIVE = "inactive"
    GONE = "gone"


class Hint(Enum):
    """How servers should treat the message (XEP-0334)."""

    NO_STORE = "no-store"
    NO_PERMANENT_STORE = "no-permanent-store"
    NO_COPY = "no-copy"
    STORE = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message.

    ``receipt_for`` and ``displayed`` name the message that this one acknowledges (XEP-0184, XEP-0333); ``replaces``
    names the message that this one corrects (XEP-0308); ``stamp`` is when a delayed message was first sent;
    ``error`` is set when and only when the type is ERROR.
    """

    sender: str
    recipient: str
    id: str | None = None
    type: MessageType = MessageType.CHAT
    language: str = ""
    bodies: tuple[tuple[str, str], ...] = ()
    subjects: tuple[tuple[str, str], ...] = ()
    thread: str | None = None
    chat_state: ChatState | None = None
    receipt_requested: bool = False
    receipt_for: str | None = None
    markable: bool = False
    displayed: str | None = None
    replaces: str | None = None
    nickname: str | None = None
    stamp: datetime | None = None
    hints: tuple[Hint, ...] = ()
    error: StanzaError | None = None

    @property
    def body(self) -> str | None:
        """The body in the language of the stanza, else the first one, else None."""
        return _preferred(self.bodies, self.language)

    @property
    def subject(self) -> str | None:
        """The subject in the language of the stanza, else the first one, else None."""
        return _preferred(self.subjects, self.language)


def _preferred(texts: tuple[tuple[str, str], ...], language: str) -> str | None:
    for tag, text in texts:
        if tag in ("", language):
            return text
    return texts[0][1] if texts else None
