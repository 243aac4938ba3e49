"""What commands ask and tell about presence: the fields of a state, and a state in words."""

from collections.abc import Callable
from typing import Final, TypeVar

from sip2xmpp.documents.presence import Person, Presence
from sip2xmpp.errors import BadInput
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.telling import STATES, Telling, activity_named, mood_named, note_of, state_named
from sip2xmpp.xmpp.forms import Answer, Field, FieldType

T = TypeVar("T")

_LABELS: Final = {
    State.OFFLINE: "Offline",
    State.ONLINE: "Online",
    State.CHAT: "Free for chat",
    State.AWAY: "Away",
    State.XA: "Away for long",
    State.BUSY: "Busy",
    State.ON_THE_PHONE: "On the phone",
    State.DND: "Do not disturb",
}

_SIGNS: Final = frozenset({"away", "busy", "on-the-phone", "dnd"})
"""Activities that say no more than a state does."""


def label_of(state: State) -> str:
    """How a person is told of a state."""
    return _LABELS.get(state, "Unknown")


def in_words(document: Presence) -> str:
    """A document in one line: its state, what is done, and its first text."""
    parts = [label_of(state_of(document))]
    person = document.persons[0] if document.persons else None
    if person is not None:
        parts += _doings(person)
        parts += [each.text or each.name for each in person.moods]
    notes = [
        *(person.notes if person is not None else ()),
        *(note for service in document.tuples for note in service.notes),
        *document.notes,
    ]
    line = ", ".join(dict.fromkeys(parts))
    return f"{line}: {notes[0].text}" if notes else line


def _doings(person: Person) -> list[str]:
    """What somebody does, apart from what only repeats the state."""
    words = [each.text or each.name for each in person.activities]
    return [word for word in words if word not in _SIGNS]


def state_fields(before: Presence | None = None, *, state: State = State.AWAY) -> tuple[Field, ...]:
    """The fields of a state, holding what ``before`` says."""
    person = before.persons[0] if before is not None and before.persons else None
    notes = before.tuples[0].notes if before is not None and before.tuples else ()
    activities = _doings(person) if person is not None else []
    moods = [each.text or each.name for each in person.moods] if person is not None else []
    chosen = state_of(before) if before is not None else state
    return (
        Field(
            name="state",
            type=FieldType.LIST_SINGLE,
            label="State",
            required=True,
            options=tuple((label_of(State(word)), word) for word in STATES),
            values=(chosen.value if chosen.value in STATES else state.value,),
        ),
        Field(name="text", label="Text", values=tuple(note.text for note in notes[:1])),
        Field(
            name="language",
            label="Language of the text",
            description="as in en or pt-BR; empty if you do not care",
            values=tuple(note.language for note in notes[:1] if note.language),
        ),
        Field(
            name="activity",
            label="Activity",
            description="as in meeting, vacation or travel, or in words of your own",
            values=tuple(activities[:1]),
        ),
        Field(
            name="mood",
            label="Mood",
            description="as in happy, or in words of your own",
            values=tuple(moods[:1]),
        ),
    )


def told_state(answer: Answer, *, priority: float | None = None) -> Telling:
    """What the fields of a state say; raises ``BadInput`` with all that is wrong."""
    faults: list[str] = []

    def read(make: Callable[..., T], word: str, *more: str) -> T | None:
        try:
            return make(word, *more) if word else None
        except BadInput as fault:
            faults.append(str(fault))
            return None

    state = read(state_named, answer.one("state")) or State.ONLINE
    note = read(note_of, answer.one("text"), answer.one("language"))
    activity = read(activity_named, answer.one("activity"))
    mood = read(mood_named, answer.one("mood"))
    if faults:
        raise BadInput("\n".join(faults))
    return Telling(
        state=state,
        activities=(activity,) if activity is not None else (),
        notes=(note,) if note is not None else (),
        mood=mood,
        priority=priority,
    )
