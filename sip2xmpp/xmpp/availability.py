"""What one XMPP resource says about itself, as a value.

``Availability`` is the content of one ``<presence/>`` without a subscription type, addresses apart.  Texts are already
cleaned of characters that XML forbids.  Languages are RFC 5646 tags; the empty string stands for "none stated".

Implements: RFC 6121 section 4.7; XEP-0107; XEP-0108; XEP-0203; XEP-0319.
"""

from dataclasses import dataclass
from datetime import datetime

from sip2xmpp.documents.presence import Show, frozen_value


@dataclass(frozen=True, slots=True, kw_only=True)
class UserActivity:
    """XEP-0108: a general activity, an optional specific one, and a text."""

    general: str
    specific: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMood:
    """XEP-0107: a mood and a text."""

    value: str
    text: str | None = None


@frozen_value
class Availability:
    """The state of one resource.

    ``statuses`` are (language, text) pairs with distinct languages; ``priority`` is -128 to 127;
    ``idle_since`` (XEP-0319) and ``stamp`` (XEP-0203, when the presence was first sent) are aware UTC times.
    """

    available: bool = True
    show: Show | None = None
    statuses: tuple[tuple[str, str], ...] = ()
    priority: int = 0
    idle_since: datetime | None = None
    stamp: datetime | None = None
    activity: UserActivity | None = None
    mood: UserMood | None = None
    nickname: str | None = None
