"""Stanzas out: values and texts into strings, escaped here and nowhere else.

A stanza is built as a string because that costs a fifth of an element tree.  ``from`` is always the first attribute:
the link reads it there to refuse a stanza that is not from its own domain.  A change that goes to many contacts is
written once, because what stands inside a presence is remembered by its value.

Implements: RFC 6120 section 8; RFC 6121 sections 3 to 5; XEP-0085; XEP-0107; XEP-0108; XEP-0172; XEP-0184; XEP-0203;
XEP-0308; XEP-0319; XEP-0333; XEP-0334.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from functools import lru_cache

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.messages import ChatMessage, MessageType
from sip2xmpp.xmpp.rich import ACTIVITIES, MOODS, SPECIFIC
from sip2xmpp.xmpp.stanza_errors import StanzaError
from sip2xmpp.xmpp.texts import NAME_LIMIT, STATUS_LIMIT, quote, text_of
from sip2xmpp.xmpp.times import stamp


class PepKind(Enum):
    """What a contact publishes about itself; the value is the node (XEP-0163)."""

    MOOD = ns.MOOD
    ACTIVITY = ns.ACTIVITY
    NICK = ns.NICK


@lru_cache(maxsize=256)
def presence_content(availability: Availability, *, caps: str = "") -> str:
    """Return what stands inside the presence; ``caps`` is the prepared ``<c/>`` element (XEP-0115)."""
    parts = []
    if availability.available:
        if availability.show is not None:
            parts.append(f"<show>{availability.show.value}</show>")
        if availability.priority:
            parts.append(f"<priority>{availability.priority}</priority>")
    parts.extend(_by_language("status", availability.statuses, STATUS_LIMIT))
    if availability.stamp is not None:
        parts.append(delay_element(availability.stamp))
    if availability.available:
        if availability.idle_since is not None:
            parts.append(f"<idle xmlns='{ns.IDLE}' since='{stamp(availability.idle_since)}'/>")
        if availability.activity is not None:
            parts.append(activity_element(availability.activity))
        if availability.mood is not None:
            parts.append(mood_element(availability.mood))
        if availability.nickname:
            parts.append(nick_element(availability.nickname))
        parts.append(caps)
    return "".join(parts)


def presence_stanza(
    from_: str,
    to: str,
    availability: Availability | None = None,
    *,
    type_: str | None = None,
    id_: str | None = None,
    status: str = "",
    nickname: str = "",
    caps: str = "",
) -> str:
    """Return a presence of any type but error.

    With an ``availability`` its own type is written.  Otherwise ``type_`` is one of subscribe, subscribed,
    unsubscribe, unsubscribed, probe, unavailable, and ``status`` and ``nickname`` may go with it.
    """
    if availability is not None:
        content = presence_content(availability, caps=caps)
        type_ = None if availability.available else "unavailable"
    else:
        content = f"<status>{text_of(status, STATUS_LIMIT)}</status>" if status else ""
        content += nick_element(nickname) if nickname else ""
    return _stanza("presence", from_, to, content, type_=type_, id_=id_)


def message_stanza(message: ChatMessage) -> str:
    """Write a message; the inverse of ``reading.read_message`` for all that the value holds, errors apart."""
    parts = [
        *_by_language("subject", message.subjects, None),
        *_by_language("body", message.bodies, None),
    ]
    if message.thread:
        parts.append(f"<thread>{text_of(message.thread)}</thread>")
    if message.chat_state is not None:
        parts.append(f"<{message.chat_state.value} xmlns='{ns.CHAT_STATES}'/>")
    if message.receipt_requested:
        parts.append(f"<request xmlns='{ns.RECEIPTS}'/>")
    if message.receipt_for is not None:
        parts.append(f"<received xmlns='{ns.RECEIPTS}' id='{quote(message.receipt_for)}'/>")
    if message.markable:
        parts.append(f"<markable xmlns='{ns.CHAT_MARKERS}'/>")
    if message.displayed is not None:
        parts.append(f"<displayed xmlns='{ns.CHAT_MARKERS}' id='{quote(message.displayed)}'/>")
    if message.replaces is not None:
        parts.append(f"<replace xmlns='{ns.CORRECTION}' id='{quote(message.replaces)}'/>")
    if message.nickname:
        parts.append(nick_element(message.nickname))
    if message.stamp is not None:
        parts.append(delay_element(message.stamp))
    parts.extend(f"<{hint.value} xmlns='{ns.HINTS}'/>" for hint in message.hints)
    if message.error is not None:
        parts.append(error_element(message.error))
    return _stanza(
        "message",
        message.sender,
        message.recipient,
        "".join(parts),
        type_=None if message.type is MessageType.NORMAL else message.type.value,
        id_=message.id,
        language=message.language,
    )


def iq_stanza(from_: str, to: str, type_: str, id_: str, payload: str = "") -> str:
    """Write an IQ; ``payload`` is XML, empty or one element."""
    return _stanza("iq", from_, to, payload, type_=type_, id_=id_)


def error_stanza(
    kind: str, from_: str, to: str, error: StanzaError, *, id_: str | None = None, payload: str = ""
) -> str:
    """Answer a stanza of this ``kind`` (presence, message or iq) with an error; ``payload`` echoes its content."""
    return _stanza(kind, from_, to, payload + error_element(error), type_="error", id_=id_)


def error_element(error: StanzaError) -> str:
    """Return ``<error/>`` with condition and text."""
    by = f" by='{quote(error.by)}'" if error.by else ""
    language = f" xml:lang='{quote(error.language)}'" if error.language else ""
    condition = f"<{error.condition} xmlns='{ns.STANZA_ERRORS}'"
    condition += f">{text_of(error.uri)}</{error.condition}>" if error.uri else "/>"
    text = (
        f"<text xmlns='{ns.STANZA_ERRORS}'{language}>{text_of(error.text, STATUS_LIMIT)}</text>"
        if error.text
        else ""
    )
    return f"<error type='{error.type}'{by}>{condition}{text}{error.own}</error>"


def delay_element(when: datetime, by: str = "") -> str:
    """Return the mark of a stanza that says something old (XEP-0203)."""
    origin = f" from='{quote(by)}'" if by else ""
    return f"<delay xmlns='{ns.DELAY}'{origin} stamp='{stamp(when)}'/>"


def nick_element(nickname: str) -> str:
    """Return the name its owner wants to be shown under (XEP-0172)."""
    return f"<nick xmlns='{ns.NICK}'>{text_of(nickname, NAME_LIMIT)}</nick>"


def mood_element(mood: UserMood | None) -> str:
    """Return a mood; None is the empty element that clears it.  A value XEP-0107 does not define becomes the text."""
    if mood is None:
        return f"<mood xmlns='{ns.MOOD}'/>"
    if mood.value in MOODS:
        return f"<mood xmlns='{ns.MOOD}'><{mood.value}/>{_text(mood.text)}</mood>"
    return f"<mood xmlns='{ns.MOOD}'><undefined/>{_text(mood.text or mood.value)}</mood>"


def activity_element(activity: UserActivity | None) -> str:
    """Return an activity; None clears it.  Names XEP-0108 does not define become undefined, other, and the text."""
    if activity is None:
        return f"<activity xmlns='{ns.ACTIVITY}'/>"
    general, specific, text = activity.general, activity.specific, activity.text
    if general not in ACTIVITIES:
        general, text = "undefined", text or general
    if specific and specific not in SPECIFIC:
        specific, text = "other", text or specific
    inner = f"<{general}><{specific}/></{general}>" if specific else f"<{general}/>"
    return f"<activity xmlns='{ns.ACTIVITY}'>{inner}{_text(text)}</activity>"


def _text(text: str | None) -> str:
    return f"<text>{text_of(text, STATUS_LIMIT)}</text>" if text else ""


def _by_language(name: str, texts: Iterable[tuple[str, str]], limit: int | None) -> Iterable[str]:
    for language, text in texts:
        tag = f"{name} xml:lang='{quote(language)}'" if language else name
        yield f"<{tag}>{text_of(text, limit)}</{name}>"


def _stanza(
    kind: str,
    from_: str,
    to: str,
    content: str,
    *,
    type_: str | None = None,
    id_: str | None = None,
    language: str = "",
) -> str:
    head = f"<{kind} from='{quote(from_)}' to='{quote(to)}'"
    if type_:
        head += f" type='{quote(type_)}'"
    if id_:
        head += f" id='{quote(id_)}'"
    if language:
        head += f" xml:lang='{quote(language)}'"
    return f"{head}>{content}</{kind}>" if content else f"{head}/>"
