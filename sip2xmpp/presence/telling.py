"""Plain words into a presence document: what a program, a command line or a form says about somebody.

``Telling`` is what can be said; ``document_of`` makes the neutral document of it, which says its state explicitly, so that a
plain "online" counts as well.  The words are looked up by the functions beside it, which take what people write: a
state is one of ``STATES``; an activity, mood or place that RPID does not know is kept in the words it was said in.

A document carries no time of its own unless it is given one: the same words give the same octets, and who states the same
again is not heard as a change.

Implements: RFC 4480 sections 3.2 (activities), 3.4 (mood), 3.10 (place-type) as said by programs.
"""

import difflib
import re
from datetime import datetime
from typing import Final

from sip2xmpp.documents.identifiers import digest_id
from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Mood,
    Note,
    Person,
    Presence,
    Tuple,
    frozen_value,
)
from sip2xmpp.documents.rpid import ACTIVITIES, MOODS, PLACE_TYPES
from sip2xmpp.documents.xml import clean
from sip2xmpp.errors import BadInput
from sip2xmpp.presence.canonical import person_id
from sip2xmpp.presence.profiles import EXTENDED
from sip2xmpp.presence.states import SHOW_OF, State, kind_of
from sip2xmpp.presence.texts import NOTE_LIMIT

STATES: Final = tuple(state.value for state in State if state is not State.UNKNOWN)
"""The words for states."""

WORDS_LIMIT: Final = 64
"""Characters of an activity, a mood or a place."""

_ACTIVITY_OF: Final = {
    State.AWAY: Activity("away"),
    State.XA: Activity("away"),
    State.BUSY: Activity("busy"),
    State.ON_THE_PHONE: Activity("on-the-phone"),
    State.DND: Activity("other", "dnd"),
}
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


@frozen_value
class Telling:
    """What is said about somebody.  ``priority``, 0 to 1: of several programs the one with the highest is heard."""

    state: State = State.ONLINE
    activities: tuple[Activity, ...] = ()
    notes: tuple[Note, ...] = ()
    mood: Mood | None = None
    place: str = ""
    priority: float | None = None


def document_of(
    telling: Telling, entity: str, *, source: str = "", timestamp: datetime | None = None
) -> Presence:
    """The document that says it of ``entity`` (``Address.sip_uri()``); ``source`` tells its tuple from those of others."""
    state = telling.state
    activities = telling.activities
    sign = _ACTIVITY_OF.get(state)
    if sign is not None and state not in map(kind_of, activities):
        activities = (*activities, sign)
    service = Tuple(
        id=digest_id(source) if source else "ID-stated",
        basic=Basic.CLOSED if state is State.OFFLINE else Basic.OPEN,
        show=SHOW_OF[state],
        extended=EXTENDED[state],
        contact=entity,
        priority=telling.priority,
        notes=telling.notes,
        timestamp=timestamp,
    )
    says_more = bool(activities or telling.mood or telling.place)
    person = Person(
        id=person_id(entity),
        activities=activities,
        moods=(telling.mood,) if telling.mood else (),
        place_types=(telling.place,) if telling.place else (),
        notes=telling.notes,
        timestamp=timestamp,
    )
    return Presence(entity=entity, tuples=(service,), persons=(person,) if says_more else ())


def state_named(word: str) -> State:
    """The state a word names; raises ``BadInput`` with the nearest one."""
    wanted = "-".join(word.strip().lower().replace("_", "-").split())
    if wanted in STATES:
        return State(wanted)
    near = difflib.get_close_matches(wanted, STATES, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise BadInput(f'"{word[:40]}" is none of {", ".join(STATES)}{hint}')


def activity_named(words: str) -> Activity:
    """The RPID activity of this name, or ``other`` with these words; raises ``BadInput`` for none or too many."""
    name = "-".join(words.lower().replace("_", "-").split())
    if name in ACTIVITIES and name not in ("other", "unknown"):
        return Activity(name)
    return Activity("other", _words(words, "an activity"))


def mood_named(words: str) -> Mood:
    """The RPID mood of this name, or ``other`` with these words; raises ``BadInput``."""
    name = "_".join(words.lower().replace("-", "_").split())
    if name in MOODS and name not in ("other", "unknown"):
        return Mood(name)
    return Mood("other", _words(words, "a mood"))


def place_named(words: str) -> str:
    """The RFC 4589 type of place of this name, or these words; raises ``BadInput``."""
    name = "-".join(words.lower().replace("_", "-").split())
    return name if name in PLACE_TYPES else _words(words, "a place")


def note_of(text: str, language: str = "") -> Note:
    """A note, cleaned of what XML forbids; raises ``BadInput`` for a text or language that cannot be one."""
    words = clean(text)
    if not words:
        raise BadInput("a note has some text")
    if len(words) > NOTE_LIMIT:
        raise BadInput(f"a note has {NOTE_LIMIT} characters at most, not {len(words)}")
    if language and not _LANGUAGE.fullmatch(language):
        raise BadInput(f'"{language[:40]}" is not a language, as in en or pt-BR')
    return Note(text=words, language=language or None)


def note_written(written: str) -> Note:
    """A note as on a command line, ``TEXT`` or ``TEXT;lang``; what follows a semicolon and is no language is text."""
    text, semicolon, language = written.rpartition(";")
    if semicolon and text.strip() and re.fullmatch(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", language):
        return note_of(text, language)
    return note_of(written)


def _words(words: str, kind: str) -> str:
    said = " ".join(clean(words).split())
    if not said:
        raise BadInput(f"{kind} has a name or some words")
    if len(said) > WORDS_LIMIT:
        raise BadInput(f"{kind} has {WORDS_LIMIT} characters at most, not {len(said)}")
    return said
