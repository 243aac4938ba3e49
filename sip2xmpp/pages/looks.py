"""A presence document as a card on a page: the state in one word, what was written, and what else can be seen.

A card says what is in the document and nothing else, so that one that is made of what a watcher is shown is what the watcher sees.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sip2xmpp.documents.presence import Cipid, Person, Presence, Tuple, UserInput
from sip2xmpp.presence.states import State, activities_of, newest_change, state_of
from sip2xmpp.presence.texts import user_notes

MOST: Final = 20
"""Devices, languages, activities and the like that are shown of one document."""

LONGEST: Final = 500
"""Characters of one text that are shown: a page may show hundreds of people, each of whom writes what he likes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One device or program."""

    contact: str
    state: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is seen of somebody.  ``notes`` are texts with their languages; times are Unix times, None where nothing is told."""

    state: str
    notes: tuple[tuple[str, str], ...] = ()
    activities: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    since: float | None = None
    is_idle: bool = False
    idle_since: float | None = None
    name: str = ""
    page: str = ""
    has_picture: bool = False
    services: tuple[Service, ...] = ()

    @property
    def note(self) -> str:
        """What was written, in the first of its languages."""
        return self.notes[0][0] if self.notes else ""


OFFLINE: Final = Look(state=State.OFFLINE.value)


def look_of(document: Presence) -> Look:
    """The card of a document."""
    state, changed = state_of(document), newest_change(document)
    parts: tuple[Person | Tuple, ...] = (*document.persons, *document.tuples)
    page = next((each.cipid.homepage for each in parts if each.cipid and each.cipid.homepage), "")
    idle = [each.user_input for each in parts if each.user_input is not None and each.user_input.idle]
    cipids = [each.cipid for each in parts if each.cipid is not None]
    return Look(
        state=state.value,
        notes=tuple((_short(note.text), note.language or "") for note in user_notes(document, state)[:MOST]),
        activities=_once(one.text or one.name for one in activities_of(document)),
        moods=_once(one.text or one.name for person in document.persons for one in person.moods),
        places=_once(place for person in document.persons for place in person.place_types),
        since=None if changed is None else changed.timestamp(),
        is_idle=bool(idle),
        idle_since=_earliest(idle),
        name=_first(cipids, "display_name"),
        page=page if len(page) <= LONGEST else "",
        has_picture=bool(_first(cipids, "icon") or any(each.status_icon for each in parts)),
        services=tuple(_service(document, each) for each in document.tuples[:MOST]),
    )


def _service(document: Presence, service: Tuple) -> Service:
    alone = Presence(entity=document.entity, tuples=(service,))
    state = state_of(alone)
    notes = user_notes(alone, state)
    return Service(
        contact=_short(service.contact or ""), state=state.value, note=_short(notes[0].text) if notes else ""
    )


def _earliest(idle: Iterable[UserInput]) -> float | None:
    return min((each.last_input.timestamp() for each in idle if each.last_input is not None), default=None)


def _first(cipids: Iterable[Cipid], name: str) -> str:
    return _short(next((value for each in cipids if (value := getattr(each, name))), ""))


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_short(word) for word in words if word))[:MOST]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
