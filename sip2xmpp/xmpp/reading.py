"""Stanzas in: parsed elements into values; nothing outside this package ever sees an element.

Readers never raise: what is malformed inside a stanza is as if it were not there.  The parser has already refused
what XML forbids, so texts are only capped.  Time is passed in for the one form that needs it (XEP-0256 states idle
time as seconds before now).

Implements: RFC 6121 section 4.7 and 5.2; XEP-0085; XEP-0107; XEP-0108; XEP-0172; XEP-0184; XEP-0203; XEP-0256;
XEP-0308; XEP-0319; XEP-0333; XEP-0334.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from twisted.words.xish.domish import Element

from sip2xmpp.documents.presence import Show
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.messages import ChatMessage, ChatState, Hint, MessageType
from sip2xmpp.xmpp.stanza_errors import DEFAULT_TYPES, TYPES, StanzaError
from sip2xmpp.xmpp.stanzas import PepKind
from sip2xmpp.xmpp.texts import NAME_LIMIT, STATUS_LIMIT
from sip2xmpp.xmpp.times import read_stamp

LANG: Final = (ns.XML, "lang")
MAX_LANGUAGES: Final = 16
"""A stanza may state a text in so many languages; more are not read."""

_SHOWS: Final = {show.value: show for show in Show}
_TYPES: Final = {kind.value: kind for kind in MessageType}
_STATES: Final = {state.value: state for state in ChatState}
_HINTS: Final = {hint.value: hint for hint in Hint}


def read_availability(presence: Element, now: float) -> Availability:
    """Read a presence without type, or of type unavailable; ``now`` is Unix time.

    An unknown ``show`` counts as none, a priority is clamped to its range, and a language is taken once.
    """
    home = presence.uri
    show = None
    priority = 0
    statuses: list[tuple[str, str]] = []
    extensions: dict[str, Element] = {}
    for child in presence.children:
        if type(child) is str:
            continue
        if child.uri != home:
            extensions[child.uri] = child
        elif child.name == "show":
            show = _SHOWS.get(text(child).strip())
        elif child.name == "status":
            _add_language(statuses, child, STATUS_LIMIT)
        elif child.name == "priority":
            priority = _priority(text(child))
    delayed = _stamp(extensions.get(ns.DELAY), "stamp")
    if presence.attributes.get("type") == "unavailable":
        return Availability(available=False, statuses=tuple(statuses), stamp=delayed)
    activity = extensions.get(ns.ACTIVITY)
    mood = extensions.get(ns.MOOD)
    return Availability(
        show=show,
        statuses=tuple(statuses),
        priority=priority,
        idle_since=_idle_since(extensions, delayed, now),
        stamp=delayed,
        activity=read_activity(activity) if activity is not None else None,
        mood=read_mood(mood) if mood is not None else None,
        nickname=_nickname(extensions.get(ns.NICK)),
    )


def read_message(message: Element) -> ChatMessage:
    """Read a message of any type; an unknown type counts as normal (RFC 6121, section 5.2.2)."""
    attributes = message.attributes
    home = message.uri
    kind = _TYPES.get(attributes.get("type", "normal"), MessageType.NORMAL)
    bodies: list[tuple[str, str]] = []
    subjects: list[tuple[str, str]] = []
    found: dict[tuple[str, str], Element] = {}
    for child in children(message):
        if child.uri == home and child.name == "body":
            _add_language(bodies, child, None)
        elif child.uri == home and child.name == "subject":
            _add_language(subjects, child, None)
        else:
            found[child.uri, child.name] = child
    thread = found.get((home, "thread"))
    return ChatMessage(
        sender=attributes.get("from", ""),
        recipient=attributes.get("to", ""),
        id=attributes.get("id"),
        type=kind,
        language=attributes.get(LANG, ""),
        bodies=tuple(bodies),
        subjects=tuple(subjects),
        thread=(text(thread).strip() or None) if thread is not None else None,
        chat_state=next(
            (_STATES[name] for uri, name in found if uri == ns.CHAT_STATES and name in _STATES), None
        ),
        receipt_requested=(ns.RECEIPTS, "request") in found,
        # COMPAT: before version 1.1 of XEP-0184 the receipt carried its id on the message itself
        receipt_for=_id(found.get((ns.RECEIPTS, "received")), attributes.get("id")),
        markable=(ns.CHAT_MARKERS, "markable") in found,
        # COMPAT: "acknowledged" left XEP-0333 with version 1.0 and implies that the text was shown
        displayed=_id(
            found.get((ns.CHAT_MARKERS, "displayed"), found.get((ns.CHAT_MARKERS, "acknowledged")))
        ),
        replaces=_id(found.get((ns.CORRECTION, "replace"))),
        nickname=_nickname(found.get((ns.NICK, "nick"))),
        stamp=_stamp(found.get((ns.DELAY, "delay")), "stamp"),
        hints=tuple(_HINTS[name] for uri, name in found if uri == ns.HINTS and name in _HINTS),
        error=read_error(message) if kind is MessageType.ERROR else None,
    )


def read_error(stanza: Element) -> StanzaError:
    """Return the error of a stanza of type error; one without a defined condition is undefined-condition."""
    for child in children(stanza):
        if child.name == "error" and child.uri == stanza.uri:
            return read_error_element(child)
    return StanzaError(condition="undefined-condition", type="cancel")


def read_error_element(error: Element) -> StanzaError:
    """Read ``<error/>`` (RFC 6120, section 8.3.2)."""
    condition, uri, words, language = "undefined-condition", "", "", ""
    for child in children(error):
        if child.uri == ns.STANZA_ERRORS:
            if child.name == "text":
                words = text(child)[:STATUS_LIMIT]
                language = child.attributes.get(LANG, "")
            elif child.name in DEFAULT_TYPES:
                condition, uri = child.name, text(child).strip()[:STATUS_LIMIT]
    type_ = error.attributes.get("type")
    return StanzaError(
        condition=condition,
        type=type_ if type_ in TYPES else DEFAULT_TYPES[condition],
        text=words,
        language=language,
        uri=uri,
        by=error.attributes.get("by", ""),
    )


def read_mood(mood: Element) -> UserMood | None:
    """Read ``<mood/>``; None when it is empty, which means that there is none any more."""
    value, words = None, None
    for child in children(mood):
        if child.uri != ns.MOOD:
            continue
        if child.name == "text":
            words = text(child)[:STATUS_LIMIT] or None
        elif value is None:
            value = child.name
    return None if value is None else UserMood(value=value[:NAME_LIMIT], text=words)


def read_activity(activity: Element) -> UserActivity | None:
    """Read ``<activity/>``; None when it is empty, which means that there is none any more."""
    general, specific, words = None, None, None
    for child in children(activity):
        if child.uri != ns.ACTIVITY:
            continue
        if child.name == "text":
            words = text(child)[:STATUS_LIMIT] or None
        elif general is None:
            general = child.name[:NAME_LIMIT]
            detail = next(children(child), None)
            specific = detail.name[:NAME_LIMIT] if detail is not None else None
    return None if general is None else UserActivity(general=general, specific=specific, text=words)


def read_pep(message: Element) -> tuple[PepKind, UserMood | UserActivity | str | None] | None:
    """Return what a notification says of its publisher (XEP-0163), or None when it is none that is known here.

    An empty payload and a retracted item both say that there is nothing any more.
    """
    for event in children(message):
        if event.uri != ns.PUBSUB_EVENT or event.name != "event":
            continue
        for items in children(event):
            try:
                kind = PepKind(items.attributes.get("node"))
            except ValueError:
                continue
            payload = None
            for item in children(items):
                payload = next(children(item), None) if item.name == "item" else None
            return kind, _payload(kind, payload)
    return None


def children(element: Element) -> Iterator[Element]:
    """Return the child elements."""
    return (child for child in element.children if type(child) is not str)


def text(element: Element) -> str:
    """Return the character data directly inside the element."""
    parts = [child for child in element.children if type(child) is str]
    return parts[0] if len(parts) == 1 else "".join(parts)


def _payload(kind: PepKind, payload: Element | None) -> UserMood | UserActivity | str | None:
    if payload is None or payload.uri != kind.value:
        return None
    if kind is PepKind.MOOD:
        return read_mood(payload)
    if kind is PepKind.ACTIVITY:
        return read_activity(payload)
    return text(payload)[:NAME_LIMIT] or None


def _add_language(texts: list[tuple[str, str]], element: Element, limit: int | None) -> None:
    language = element.attributes.get(LANG, "")
    if len(texts) < MAX_LANGUAGES and all(language != known for known, _ in texts):
        texts.append((language, text(element)[:limit]))


def _priority(words: str) -> int:
    try:
        return max(-128, min(127, int(words)))
    except ValueError:
        return 0


def _stamp(element: Element | None, attribute: str) -> datetime | None:
    return read_stamp(element.attributes.get(attribute, "")) if element is not None else None


def _id(element: Element | None, otherwise: str | None = None) -> str | None:
    return element.attributes.get("id", otherwise) if element is not None else None


def _nickname(nick: Element | None) -> str | None:
    return (text(nick)[:NAME_LIMIT] or None) if nick is not None else None


def _idle_since(extensions: dict[str, Element], delayed: datetime | None, now: float) -> datetime | None:
    if ns.IDLE in extensions:
        return _stamp(extensions[ns.IDLE], "since")
    if ns.LAST not in extensions:
        return None
    # COMPAT: XEP-0256 is how older clients (Pidgin, Psi) state idle time
    origin = now if delayed is None else delayed.timestamp()
    try:
        seconds = max(0, int(extensions[ns.LAST].attributes.get("seconds", "")))
        return datetime.fromtimestamp(int(origin - seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
