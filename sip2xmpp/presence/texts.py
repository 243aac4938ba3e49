"""The text beside a state: which of a document's notes the user wrote, and how it is kept from being misread.

Phones without sub-states of their own search notes for words such as "On the phone".  So a note of ours that is only the
default word of its state is not the user's text, and a user's text that is such a word of another state is given a
zero-width space, which no human sees and no client matches.

Implements: the reading of notes of RFC 3863 section 4.1.6, RFC 4479 section 3.2 and RFC 4480 section 3.2 together.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sip2xmpp.documents.presence import Activity, Note, Presence
from sip2xmpp.documents.xml import clean
from sip2xmpp.presence.profiles import EXTENDED
from sip2xmpp.presence.states import (
    DEFAULT_TEXT,
    NOTE_WORDS,
    State,
    best_tuple,
    notes_in_order,
)

NOTE_LIMIT: Final = 255
"""Characters of one note that are sent."""

LANGUAGE_LIMIT: Final = 8
"""Notes in different languages that are sent."""

GUARD: Final = "\u200b"

_ALLOWED: Final[dict[str, frozenset[State]]] = {
    word: frozenset(state for state in State if EXTENDED[state] == EXTENDED[meant])
    for word, meant in NOTE_WORDS.items()
} | {
    "free for chat": frozenset((State.CHAT,)),
    "extended away": frozenset((State.XA,)),
    "on the phone": frozenset((State.ON_THE_PHONE,)),
    "in a call": frozenset((State.ON_THE_PHONE,)),
    "on hold": frozenset((State.ON_THE_PHONE,)),
    "busy (dnd)": frozenset((State.BUSY, State.DND)),
    "do not disturb": frozenset((State.DND,)),
    "dnd": frozenset((State.DND,)),
}
"""Status words, and the states beside which they may stand: those of the same kind, or where a word is finer fewer."""

_READ_BY_GATEWAYS: Final = frozenset(
    ("busy", "idle", "lunch", "out to lunch", "be right back", "not available", "in a call")
)
"""Status words that no telephone takes for a state, but gateways do where a document says it in no other way."""

_LESSER: Final = {
    State.CHAT: State.ONLINE,
    State.XA: State.AWAY,
    State.DND: State.BUSY,
    State.UNKNOWN: State.OFFLINE,
}
"""The state whose words say less than this one."""

_SAYS_MORE: Final = frozenset(("in a meeting", "lunch", "out to lunch", "on hold", "be right back"))
"""Words that mean a state and say more than it."""

_ACTIVITY_WORDS: Final = {
    "looking-for-work": "Looking for work",
    "playing": "Playing",
    "tv": "Watching TV",
    "working": "Working",
}


def user_notes(presence: Presence, state: State) -> tuple[Note, ...]:
    """What the user wrote, one note per language, the default language first; empty when there is only a default word.

    The tuple that speaks for the rest is asked first, then the person, then the document.
    """
    for notes in notes_in_order(presence, best_tuple(presence.tuples)):
        found = distinct([_unguarded(note) for note in notes if not is_default_text(note.text, state)])
        if found:
            return found
    return ()


def _unguarded(note: Note) -> Note:
    if GUARD not in note.text:
        return note
    return Note(text=note.text.strip(GUARD), language=note.language)


def is_default_text(text: str, state: State) -> bool:
    """Whether a text says no more than the state itself, in our words or in another program's."""
    word = text.strip().lower()
    if not word:
        return True
    if word == DEFAULT_TEXT[state].lower():
        return True
    meant = NOTE_WORDS.get(word)
    if meant is None or word in _SAYS_MORE:
        return False
    return meant is state or meant is _LESSER.get(state)


def distinct(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The first note of each language that is not empty."""
    if len(notes) == 1:
        return tuple(notes) if notes[0].text.strip() else ()
    found: dict[str, Note] = {}
    for note in notes:
        if note.text.strip():
            found.setdefault((note.language or "").lower(), note)
    return tuple(found.values())


def presentable(notes: Iterable[Note], state: State, *, is_only_sign: bool = False) -> tuple[Note, ...]:
    """Notes fit to be sent with a state: clean, not too long or many, guarded against being taken for a state.

    ``is_only_sign``: the document has no element that says available, so that gateways look at words.
    """
    ready = [_with_text(note, guarded(note.text, state, is_only_sign=is_only_sign)) for note in notes]
    return tuple([note for note in ready if note.text][:LANGUAGE_LIMIT])


def _with_text(note: Note, text: str) -> Note:
    return note if text == note.text else Note(text=text, language=note.language)


def guarded(text: str, state: State, *, is_only_sign: bool = False) -> str:
    """The text cleaned and shortened; where a client would take it for another state, with a zero-width space."""
    text = clean(text).strip(GUARD)[:NOTE_LIMIT].rstrip()
    word = text.lower()
    if word.startswith("ring"):  # MicroSIP takes every such text for a ringing phone
        return GUARD + text
    allowed = _ALLOWED.get(word)
    if allowed is None or state in allowed or (word in _READ_BY_GATEWAYS and not is_only_sign):
        return text
    return text + GUARD


def words_of(activities: Iterable[Activity]) -> str:
    """Activities of somebody who is available, in words for a note; empty when they say nothing."""
    words = (
        activity.text.strip() if activity.name == "other" else _ACTIVITY_WORDS.get(activity.name, "")
        for activity in activities
    )
    return ", ".join(
        dict.fromkeys(word for word in words if word and word.lower() not in ("available", "online"))
    )
