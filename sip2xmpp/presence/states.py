"""What a document says, in one word: the nine states everything is told in, and how to find the one that is meant.

Clients say the same state in a dozen ways: RPID activities in four namespaces, vendor elements, a word in a note, an
XMPP ``show``.  ``state_of`` is the ordered table that all of them go through; the first row that matches wins.  Where a
coarse statement and a finer one agree in kind (``away`` and ``xa``), the finer one is the state.

Implements: the reading of RFC 4480 activities, RFC 8048 ``show``, AG Projects ``extended``, Cisco and Snom words.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from sip2xmpp.documents.presence import Activity, Basic, Device, Note, Person, Presence, Show, Tuple


class State(Enum):
    """What a watcher can be told."""

    __hash__ = object.__hash__  # as they are compared; the tables below are looked into at every change

    OFFLINE = "offline"
    ONLINE = "online"
    CHAT = "chat"
    AWAY = "away"
    XA = "xa"
    BUSY = "busy"
    ON_THE_PHONE = "on-the-phone"
    DND = "dnd"
    UNKNOWN = "unknown"


DEFAULT_TEXT: Final[dict[State, str]] = {
    State.OFFLINE: "",
    State.ONLINE: "",
    State.CHAT: "Free for chat",
    State.AWAY: "Away",
    State.XA: "Extended away",
    State.BUSY: "Busy",
    State.ON_THE_PHONE: "On the phone",
    State.DND: "Do not disturb",
    State.UNKNOWN: "",
}
"""The note of a state when the user wrote none."""

SHOW_OF: Final[dict[State, Show | None]] = {
    State.OFFLINE: None,
    State.ONLINE: None,
    State.CHAT: Show.CHAT,
    State.AWAY: Show.AWAY,
    State.XA: Show.XA,
    State.BUSY: Show.DND,
    State.ON_THE_PHONE: Show.DND,
    State.DND: Show.DND,
    State.UNKNOWN: None,
}
STATE_OF_SHOW: Final[dict[Show | None, State]] = {
    None: State.ONLINE,
    Show.CHAT: State.CHAT,
    Show.AWAY: State.AWAY,
    Show.XA: State.XA,
    Show.DND: State.DND,
}
AVAILABLE: Final = frozenset((State.ONLINE, State.CHAT))
"""States in which an activity is a remark and not a reason to be left alone."""

ABSENT: Final = frozenset((State.OFFLINE, State.UNKNOWN))

EXTENDED_WORDS: Final = frozenset(("available", "away", "busy", "offline"))
"""The words of AG Projects' ``extended`` that mean a state."""

_SEVERITY: Final = (
    State.UNKNOWN,
    State.OFFLINE,
    State.CHAT,
    State.ONLINE,
    State.AWAY,
    State.XA,
    State.BUSY,
    State.ON_THE_PHONE,
    State.DND,
)

_NAMES: Final[dict[State, str]] = {
    State.DND: "dnd do-not-disturb",
    State.ON_THE_PHONE: "on-the-phone",
    State.BUSY: "busy meeting performance presentation steering worship not_reachable not-reachable",
    State.XA: "permanent-absence vacation holiday sleeping travel",
    State.AWAY: "away appointment breakfast lunch dinner meal in-transit shopping spectator",
}
_KINDS: Final = {name: state for state, names in _NAMES.items() for name in names.split()}
"""The name of an activity -> the state that it means by itself."""
_FIRST_KINDS: Final = (State.DND, State.ON_THE_PHONE, State.BUSY, State.OFFLINE, State.XA, State.AWAY)
"""Of several activities the one whose kind comes first says the state."""
_SILENT_NAMES: Final = frozenset(("unknown", "available"))
_SILENT_TEXTS: Final = frozenset(("", "available", "online"))

_DND_WORDS: Final = frozenset(("do not disturb", "dnd", "busy (dnd)"))
_RINGING_WORDS: Final = frozenset(("ringing",))
NOTE_WORDS: Final[dict[str, State]] = {
    "away": State.AWAY,
    "idle": State.AWAY,
    "be right back": State.AWAY,
    "lunch": State.AWAY,
    "out to lunch": State.AWAY,
    "extended away": State.XA,
    "busy": State.BUSY,
    "not available": State.BUSY,
    "in a meeting": State.BUSY,
    "on the phone": State.ON_THE_PHONE,
    "in a call": State.ON_THE_PHONE,
    "on hold": State.ON_THE_PHONE,
    "do not disturb": State.DND,
    "dnd": State.DND,
    "busy (dnd)": State.DND,
    "not online": State.OFFLINE,
    "unavailable": State.OFFLINE,
    "offline": State.OFFLINE,
    "ready": State.ONLINE,
    "available": State.ONLINE,
    "online": State.ONLINE,
    "free for chat": State.CHAT,
}
"""Words that clients use as the only sign of a state, in lower case."""

_LINPHONE = re.compile(r"linphone|belle-sip", re.IGNORECASE)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def severity(state: State) -> int:
    """How strongly a state asks to be left alone; the higher wins a tie."""
    return _SEVERITY.index(state)


def state_of(
    presence: Presence, *, user_agent: str = "", idle_is_away: bool = True, ringing_is_phone: bool = False
) -> State:
    """The state a document means, by the first row that matches.

    ``user_agent`` is that of the publisher; it matters because Linphone says "do not disturb" with ``closed``.
    ``idle_is_away``: an idle keyboard alone makes the state away.  ``ringing_is_phone``: a ringing phone counts as
    on the phone.
    """
    activities = activities_of(presence)
    stated = [service.basic for service in presence.tuples if service.basic is not None]
    if stated and Basic.OPEN not in stated:
        # COMPAT: Linphone's "do not disturb" is a closed tuple with an activity.
        return State.DND if activities and _LINPHONE.search(user_agent) else State.OFFLINE
    best = best_tuple(presence.tuples)
    show = best.show if best is not None else None
    words = _words(presence, best)
    found = _from_extended(best, activities, words) or _from_activities(activities, words, ringing_is_phone)
    if found is not None:
        if found is State.AWAY and show is None and "extended away" in words:
            return State.XA
        return STATE_OF_SHOW[show] if _refines(show, found) else found
    if show is not None:
        return STATE_OF_SHOW[show]
    if idle_is_away and (stated or activities) and is_idle(presence):
        return State.AWAY
    if all(_is_silent(activity) for activity in activities):
        for word in words:
            if word in NOTE_WORDS:
                return NOTE_WORDS[word]
            if ringing_is_phone and word in _RINGING_WORDS:
                return State.ON_THE_PHONE
    return State.ONLINE if stated or activities else State.UNKNOWN


def best_tuple(tuples: Sequence[Tuple]) -> Tuple | None:
    """The tuple that speaks for the rest: open, with ``extended``, highest priority, newest, first."""
    if len(tuples) < 2:
        return tuples[0] if tuples else None
    return max(tuples, key=_standing)


def _standing(service: Tuple) -> tuple[bool, bool, float, datetime]:
    return (
        service.basic is Basic.OPEN,
        service.extended is not None,
        service.priority if service.priority is not None else -1.0,
        as_utc(service.timestamp),
    )


def as_utc(moment: datetime | None) -> datetime:
    """An aware time to compare by; what is not stated is long ago."""
    if moment is None:
        return _LONG_AGO
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def activities_of(presence: Presence) -> tuple[Activity, ...]:
    """The activities that count: those of the newest person that has any; of all the newest when several tie."""
    if len(presence.persons) == 1:
        return presence.persons[0].activities
    speaking = [person for person in presence.persons if person.activities]
    if not speaking:
        return ()
    newest = max(as_utc(person.timestamp) for person in speaking)
    return tuple(
        activity
        for person in speaking
        if as_utc(person.timestamp) == newest
        for activity in person.activities
    )


def kind_of(activity: Activity) -> State | None:
    """The state that an activity alone would mean, or None when it means none."""
    if activity.text:
        words = activity.text.strip().lower()
        if activity.name == "other":
            return State.DND if words in _DND_WORDS else None
        if activity.name == "permanent-absence" and words == "offline":
            return State.OFFLINE  # COMPAT: Linphone Desktop's way to look offline
    return _KINDS.get(activity.name)


def fits(activity: Activity, state: State) -> bool:
    """Whether an activity may stand beside a state without saying another one."""
    if activity.name in _SILENT_NAMES:
        return False
    kind = kind_of(activity)
    if kind is None:
        return not _is_silent(activity)
    if kind is state:
        return True
    if state in (State.AWAY, State.XA):
        return kind in (State.AWAY, State.XA)
    return state in (State.BUSY, State.ON_THE_PHONE, State.DND) and kind in (State.XA, State.AWAY, State.BUSY)


def is_idle(presence: Presence) -> bool:
    """Whether some device or person is idle and none is said to be active."""
    uses = [part.user_input for part in _parts(presence) if part.user_input is not None]
    return bool(uses) and all(use.idle for use in uses)


def is_in_use(presence: Presence) -> bool:
    """Whether some device or person is said to be active."""
    return any(part.user_input is not None and not part.user_input.idle for part in _parts(presence))


def _parts(presence: Presence) -> tuple[Person | Tuple | Device, ...]:
    return (*presence.persons, *presence.tuples, *presence.devices)


def newest_change(presence: Presence) -> datetime | None:
    """The time of the newest change of a service or of the person that the document tells of, or None."""
    newest: datetime | None = None
    for moment in [
        *[service.timestamp for service in presence.tuples],
        *[person.timestamp for person in presence.persons],
    ]:
        if moment is not None and (newest is None or as_utc(moment) > newest):
            newest = as_utc(moment)
    return newest


def notes_in_order(presence: Presence, best: Tuple | None) -> list[tuple[Note, ...]]:
    """Where a text stands, the most telling place first; nothing of places without one."""
    found = [best.notes] if best is not None and best.notes else []
    for person in _newest_first(presence.persons):
        if person.notes:
            found.append(person.notes)
        if person.activity_note:
            found.append((Note(text=person.activity_note),))
    if presence.notes:
        found.append(presence.notes)
    return found


def _newest_first(persons: Sequence[Person]) -> Sequence[Person]:
    if len(persons) < 2:
        return persons
    return sorted(persons, key=lambda person: as_utc(person.timestamp), reverse=True)


def _words(presence: Presence, best: Tuple | None) -> list[str]:
    return [note.text.strip().lower() for notes in notes_in_order(presence, best) for note in notes]


def _from_extended(best: Tuple | None, activities: Sequence[Activity], words: Sequence[str]) -> State | None:
    """The AG Projects word, made finer by activities of the same kind."""
    if best is None or best.extended is None:
        return None
    word = best.extended.lower()
    if word == "available":
        return State.ONLINE
    if word == "offline":
        return State.OFFLINE
    finer = _from_activities(activities, words, ringing_is_phone=False)
    if word == "away":
        return State.XA if finer is State.XA else State.AWAY
    if word == "busy":
        if finer in (State.DND, State.ON_THE_PHONE):
            return finer
        if best.show is Show.DND and finer is not State.BUSY:
            return State.DND  # an XMPP resource, which has no other word for busy
        return State.DND if any(one in _DND_WORDS for one in words) else State.BUSY
    return None


def _from_activities(
    activities: Sequence[Activity], words: Sequence[str], ringing_is_phone: bool
) -> State | None:
    kinds = [kind_of(activity) for activity in activities]
    if ringing_is_phone and any(activity.name == "alerting" for activity in activities):
        kinds.append(State.ON_THE_PHONE)
    if State.BUSY in kinds and any(word in _DND_WORDS for word in words):
        return State.DND
    if len(kinds) == 1:
        return kinds[0]
    return next((kind for kind in _FIRST_KINDS if kind in kinds), None)


def _refines(show: Show | None, found: State) -> bool:
    if show is Show.CHAT:
        return found is State.ONLINE
    return show in (Show.AWAY, Show.XA) and found in (State.AWAY, State.XA)


def _is_silent(activity: Activity) -> bool:
    """Whether an activity says nothing at all.  COMPAT: Blink publishes ``other`` with the text "available"."""
    if activity.name == "other":
        return activity.text.strip().lower() in _SILENT_TEXTS
    return activity.name in _SILENT_NAMES
