"""The form in which people say how they are: its fields, what was filled in, and what that says.

Times are those of the visitor's zone.  What cannot be is said beside the field, in the visitor's language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sip2xmpp.documents.presence import Activity, Note, Presence
from sip2xmpp.errors import BadInput
from sip2xmpp.pages.forms import Form
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.visit import Visit
from sip2xmpp.pages.words import ACTIVITY_WORDS, MOOD_WORDS, PLACE_WORDS
from sip2xmpp.presence.states import State, activities_of, kind_of, state_of
from sip2xmpp.presence.telling import STATES, Telling, activity_named, mood_named, note_of, place_named
from sip2xmpp.presence.texts import NOTE_LIMIT, user_notes

TEXTS: Final = 3
"""Texts in different languages that the form has room for."""

LANGUAGES: Final = (
    "ar", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hi", "hu", "it", "ja", "ko", "nb", "nl", "pl",
    "pt", "ro", "ru", "sv", "tr", "uk", "zh",
)  # fmt: skip
"""Languages that are offered for a text."""

SPANS: Final[Mapping[str, int]] = {"30m": 1_800, "1h": 3_600, "2h": 7_200, "4h": 14_400, "8h": 28_800}
SPAN_WORDS: Final[Mapping[str, str]] = {
    "": N_("Until I take it back"),
    "30m": N_("For half an hour"),
    "1h": N_("For one hour"),
    "2h": N_("For two hours"),
    "4h": N_("For four hours"),
    "8h": N_("For eight hours"),
    "day": N_("Until midnight"),
    "at": N_("Until a time …"),
}
STATE_ORDER: Final = ("online", "chat", "away", "xa", "busy", "on-the-phone", "dnd", "offline")


@dataclass(slots=True, kw_only=True)
class Filled:
    """What stands in the form.  ``faults`` says by the name of a field what is wrong with it."""

    state: str = "online"
    texts: Sequence[tuple[str, str]] = ()
    activity: str = ""
    mood: str = ""
    place: str = ""
    span: str = ""
    begin: str = ""
    end: str = ""
    always: bool = False
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The texts with their languages, and rows for more."""
        return [*self.texts, *[("", "")] * TEXTS][:TEXTS]

    def fault(self, *names: str) -> str:
        """What is wrong with the first of these fields that something is wrong with; the empty string for nothing."""
        return next((self.faults[name] for name in names if name in self.faults), "")

    @property
    def says_more(self) -> bool:
        """Whether there is something in the fields that few need."""
        return bool(self.activity or self.mood or self.place or len(self.texts) > 1)


def filled_with(document: Presence, visit: Visit, begins: float | None, ends: float | None) -> Filled:
    """The form as it would have said this."""
    state = state_of(document)
    person = document.persons[0] if document.persons else None
    own = [
        one
        for one in activities_of(document)
        if kind_of(one) is not state or one.name not in ("away", "busy")
    ]
    activity = next((one for one in own if (one.name, one.text) != ("other", "dnd")), None)
    mood = person.moods[0] if person is not None and person.moods else None
    return Filled(
        state=state.value if state.value in STATES else "online",
        texts=[(note.text, note.language or "") for note in user_notes(document, state)],
        activity="" if activity is None or activity.name == state.value else activity.text or activity.name,
        mood="" if mood is None else mood.text or mood.name,
        place=person.place_types[0] if person is not None and person.place_types else "",
        span="at" if ends is not None else "",
        begin=written(begins, visit),
        end=written(ends, visit),
    )


def read_filled(form: Form) -> Filled:
    """What was filled in, as it is; raises ``BadInput`` for what no browser sends."""
    texts = [
        (form.text(f"text{number}", most=1_000), form.text(f"language{number}", most=35))
        for number in range(TEXTS)
    ]
    return Filled(
        state=form.text("state", most=20, default="online"),
        texts=[pair for pair in texts if pair[0]],
        activity=form.text("activity", most=100),
        mood=form.text("mood", most=100),
        place=form.text("place", most=100),
        span=form.text("span", most=10),
        begin=form.text("begin", most=40),
        end=form.text("end", most=40),
        always="always" in form,
    )


def telling_of(filled: Filled, visit: Visit) -> Telling:
    """What it says; what is wrong stands in ``filled.faults``."""
    faults = filled.faults
    if filled.state not in STATES:
        faults["state"] = visit.translate(N_("Choose one of these."))
    notes: list[Note] = []
    for number, (text, language) in enumerate(filled.texts):
        try:
            notes.append(note_of(text, language))
        except BadInput:
            faults[f"text{number}"] = visit.translate(
                N_("A text has %(most)s characters at most, and its language is one of these."),
                most=NOTE_LIMIT,
            )
    if len({note.language for note in notes}) < len(notes):
        faults["text0"] = visit.translate(N_("Two texts are in the same language."))
    activities: tuple[Activity, ...] = ()
    try:
        activities = (activity_named(filled.activity),) if filled.activity else ()
        mood = mood_named(filled.mood) if filled.mood else None
        place = place_named(filled.place) if filled.place else ""
    except BadInput:
        faults["activity"] = visit.translate(N_("These words are too long."))
        mood, place = None, ""
    return Telling(
        state=State.ONLINE if "state" in faults else State(filled.state),
        activities=activities,
        notes=tuple(notes),
        mood=mood,
        place=place,
    )


def end_of(filled: Filled, visit: Visit, now: float) -> float | None:
    """When it ends, None for not by itself; what is wrong stands in ``filled.faults``."""
    if filled.span in SPANS:
        return now + SPANS[filled.span]
    if filled.span == "day":
        today = datetime.fromtimestamp(now, visit.zone)
        return (today.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)).timestamp()
    if filled.span == "at" or (filled.end and not filled.span):
        return moment_of(filled, "end", visit)
    return None


def moment_of(filled: Filled, name: str, visit: Visit) -> float | None:
    """A time of ``<input type=datetime-local>``; None for none, and with a fault for what is none."""
    text = filled.begin if name == "begin" else filled.end
    if not text:
        if name == "end" and filled.span == "at":
            filled.faults[name] = visit.translate(N_("Say when."))
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=visit.zone).timestamp()
    except (ValueError, OverflowError):
        filled.faults[name] = visit.translate(N_("This is not a date and a time."))
        return None


def written(at: float | None, visit: Visit) -> str:
    """A moment as ``<input type=datetime-local>`` has it."""
    if not at:
        return ""
    return datetime.fromtimestamp(min(at, 253_402_214_400.0), visit.zone).strftime("%Y-%m-%dT%H:%M")


def choices(visit: Visit, filled: Filled) -> Mapping[str, Sequence[tuple[str, str]]]:
    """What can be chosen, in the language of the visitor and in its order; words of his own stay as they are."""
    languages = _in_order([(tag, visit.language.name_of(tag)) for tag in LANGUAGES])
    known = {tag for tag, _ in languages}
    others = [(tag, visit.language.name_of(tag)) for _, tag in filled.texts if tag and tag not in known]
    return {
        "languages": [("", visit.translate(N_("No particular one"))), *languages, *others],
        "activities": _words(ACTIVITY_WORDS, filled.activity, visit),
        "moods": _words(MOOD_WORDS, filled.mood, visit),
        "places": _words(PLACE_WORDS, filled.place, visit),
        "spans": [(name, visit.translate(text)) for name, text in SPAN_WORDS.items()],
    }


def _words(words: Mapping[str, str], own: str, visit: Visit) -> list[tuple[str, str]]:
    options = _in_order([(name, visit.translate(text)) for name, text in words.items()])
    if own and own not in words:
        options.insert(0, (own, own))
    return [("", visit.translate(N_("None"))), *options]


def _in_order(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: pair[1].casefold())
