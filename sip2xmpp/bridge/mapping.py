"""The presence of XMPP resources as a document, and a document as the presence of XMPP resources.

Both directions are pure functions between values; the document is the neutral one of the seam.  It says the state in the
plain words of RPID and in ``show``; ``presence.canonical`` gives it the form that SIP clients can read.

Toward SIP every available resource is a tuple, and the one that speaks for the contact is first: the highest priority, in a
tie the most available.  Its ``show`` is the state, whatever activity stands beside it, except for a telephone call, which is
the state of its own.  Toward XMPP every open tuple is a resource.  A tuple's own ``show`` counts; without one the state of
the person does.  XMPP clients show little but ``show`` and the status text, so an activity without a text is put into words.

Implements: RFC 8048 section 6; RFC 4480 and XEP-0108, XEP-0107, XEP-0319, XEP-0203 as in ``bridge.activities`` and
``bridge.tuples``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from math import inf
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.bridge.activities import (
    activity_from_rpid,
    activity_to_rpid,
    label_of,
    mood_from_rpid,
    mood_to_rpid,
)
from sip2xmpp.bridge.tuples import (
    LONE_RESOURCE,
    idle_since,
    notes_of,
    priority_from_sip,
    resources_of,
    speaks_for_itself,
    statuses_of,
    tuple_of,
)
from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Cipid,
    Note,
    Person,
    Presence,
    Show,
    Tuple,
)
from sip2xmpp.presence.canonical import canonical, person_id
from sip2xmpp.presence.profiles import EXTENDED, Profile
from sip2xmpp.presence.states import (
    ABSENT,
    SHOW_OF,
    STATE_OF_SHOW,
    State,
    activities_of,
    as_utc,
    best_tuple,
    state_of,
)
from sip2xmpp.presence.texts import GUARD, is_default_text
from sip2xmpp.xmpp.availability import Availability, UserActivity

MAX_RESOURCES: Final = 16
"""Tuples of one document that become resources; a hostile document has thousands."""

FRESH_SECONDS: Final = 60.0
"""A change that long ago is history."""

WHOLE_CONTACT: Final = ""
"""The resource name under which a document without open tuples is told: all resources are gone."""

_MOST_AVAILABLE_FIRST: Final = (Show.CHAT, None, Show.DND, Show.AWAY, Show.XA)


# XMPP to SIP


def presence_from_resources(
    entity: str,
    contact: Address,
    resources: Mapping[str, Availability],
    *,
    profile: Profile | None = None,
) -> Presence:
    """The document of a Jabber user: ``entity`` is its URI, ``resources`` what each resource said last.

    Without a ``profile`` it is the neutral document; with one, that in the form of the profile.
    """
    document = _document(entity, contact, resources)
    return document if profile is None else canonical(document, profile=profile)


def _document(entity: str, contact: Address, resources: Mapping[str, Availability]) -> Presence:
    available = [(name, said) for name, said in resources.items() if said.available]
    if not available:
        return _gone(entity, resources.values())
    if len(available) > 1:
        available.sort(key=_rank)
    person = _person(entity, [said for _, said in available])
    state = _state_of_winner(available[0][1].show, person.activities if person is not None else ())
    tuples: dict[str, Tuple] = {}
    for name, said in available:
        made = tuple_of(name, said, contact, tuples, extended=None if tuples else EXTENDED[state])
        tuples[made.id] = made
    return Presence(
        entity=entity,
        tuples=tuple(tuples.values()),
        persons=(person,) if person is not None else (),
    )


def _rank(item: tuple[str, Availability]) -> tuple[int, int, float, str]:
    """The order of resources: who speaks for the contact comes first."""
    name, said = item
    # what bears no stamp was not delayed: it was said while we listened, after all that a probe brought
    newest_first = -as_utc(said.stamp).timestamp() if said.stamp is not None else -inf
    return (-said.priority, _MOST_AVAILABLE_FIRST.index(said.show), newest_first, name)


def _state_of_winner(show: Show | None, activities: Iterable[Activity]) -> State:
    """Show is what the user chose; but away or dnd with a call is a call (the show still tells which of the two)."""
    if show in (Show.AWAY, Show.XA, Show.DND):
        for activity in activities:
            if activity.name == "on-the-phone":
                return State.ON_THE_PHONE
    return STATE_OF_SHOW[show]


def _person(entity: str, said: list[Availability]) -> Person | None:
    """What is known of the human: from the resource that speaks for the contact, else from the next that says it."""
    first = said[0]
    activity = next((one.activity for one in said if one.activity is not None), None)
    mood = next((one.mood for one in said if one.mood is not None), None)
    nickname = next((one.nickname for one in said if one.nickname), None)
    notes = notes_of(first.statuses)
    if activity is None and mood is None and nickname is None:
        return Person(id=_id_of(entity), notes=notes, timestamp=first.stamp) if notes else None
    person = Person(
        id=_id_of(entity),
        notes=notes,
        cipid=Cipid(display_name=nickname) if nickname else None,
        timestamp=first.stamp,
    )
    if activity is not None:
        told, place, text = activity_to_rpid(activity)
        places = (place,) if place is not None else ()
        person = replace(person, activities=(told,), activity_note=text, place_types=places)
    if mood is not None:
        felt, note = mood_to_rpid(mood)
        person = replace(person, moods=(felt,), mood_note=note)
    return person


_id_of = lru_cache(4096)(person_id)


def _gone(entity: str, farewells: Iterable[Availability]) -> Presence:
    """The document of somebody without resources; the newest farewell gives the text and the time."""
    last = max(farewells, key=lambda said: as_utc(said.stamp), default=Availability(available=False))
    return Presence(
        entity=entity,
        tuples=(
            Tuple(
                id="ID-offline",
                basic=Basic.CLOSED,
                extended=EXTENDED[State.OFFLINE],
                notes=notes_of(last.statuses),
                timestamp=last.stamp,
            ),
        ),
    )


# SIP to XMPP


def availabilities_from_presence(
    presence: Presence, *, user_agent: str = "", phone_show: Show = Show.DND
) -> dict[str, Availability]:
    """What each resource of a SIP contact says, by resource name, the one that speaks for the contact first.

    A closed tuple is an unavailable resource; if none is open, the whole contact is, under the name WHOLE_CONTACT.
    ``user_agent`` is that of the publisher, ``phone_show`` what somebody on the phone is shown as.
    """
    state = state_of(presence, user_agent=user_agent)
    said = _availabilities(presence, state)
    if state is not State.ON_THE_PHONE or phone_show is Show.DND:
        return said
    return {
        name: replace(one, show=phone_show) if one.show is Show.DND else one for name, one in said.items()
    }


def without_news(said: Mapping[str, Availability], now: float) -> dict[str, Availability]:
    """The same, but changes less than FRESH_SECONDS old carry no time: they are news and not history (XEP-0203)."""
    return {name: replace(one, stamp=None) if _is_news(one.stamp, now) else one for name, one in said.items()}


def _is_news(stamp: datetime | None, now: float) -> bool:
    return stamp is not None and as_utc(stamp).timestamp() > now - FRESH_SECONDS


def _availabilities(presence: Presence, state: State) -> dict[str, Availability]:
    if state in ABSENT:
        return {WHOLE_CONTACT: _farewell(presence, presence.tuples, state)}
    own = [one for one in presence.tuples if one.relationship in (None, "self")]
    best = best_tuple(own)
    tuples = sorted(own, key=lambda one: (one is not best, one.basic is not Basic.OPEN))[:MAX_RESOURCES]
    if not tuples:
        return {LONE_RESOURCE: _availability(presence, None, state, alone=False)}
    # COMPAT: Linphone closes its only tuple for "do not disturb"; the state says that it is there all the same.
    none_open = all(one.basic is not Basic.OPEN for one in tuples)
    annotated = any(one.show is not None or one.extended is not None for one in tuples)
    said: dict[str, Availability] = {}
    for name, service in resources_of(tuples).items():
        if service.basic is Basic.OPEN or none_open:
            alone = annotated and service is not best and speaks_for_itself(service)
            said[name] = _availability(presence, service, state, alone=alone)
        elif service.basic is Basic.CLOSED:
            said[name] = _farewell(presence, (service,), State.OFFLINE)
    return said


def _availability(presence: Presence, service: Tuple | None, state: State, *, alone: bool) -> Availability:
    """One available resource; ``alone``: what is said of the person is not said of it."""
    show = _show(service, state, alone=alone)
    activity = _activity(presence)
    statuses = _statuses(
        presence, service, state if not alone else STATE_OF_SHOW[show], activity, alone=alone
    )
    person = max(presence.persons, key=lambda one: as_utc(one.timestamp), default=None)
    stamp = service.timestamp if service is not None else None
    if stamp is None and person is not None and not alone:
        stamp = person.timestamp
    moods = next((one for one in presence.persons if one.moods), None)
    return Availability(
        show=show,
        statuses=statuses,
        priority=priority_from_sip(service.priority if service is not None else None),
        idle_since=idle_since(service, presence),
        stamp=stamp,
        activity=activity,
        mood=mood_from_rpid(moods.moods, moods.mood_note) if moods is not None else None,
    )


def _show(service: Tuple | None, state: State, *, alone: bool) -> Show | None:
    if service is not None and service.show is not None:
        return service.show
    return None if alone else SHOW_OF[state]


def _activity(presence: Presence) -> UserActivity | None:
    note = next((one.activity_note for one in presence.persons if one.activity_note), None)
    places = tuple(place for one in presence.persons for place in one.place_types)
    return activity_from_rpid(activities_of(presence), note, places)


def _statuses(
    presence: Presence, service: Tuple | None, state: State, activity: UserActivity | None, *, alone: bool
) -> tuple[tuple[str, str], ...]:
    """The text of a resource: the user's own words from where they are, else the activity in words."""
    places = [service.notes] if service is not None else []
    if not alone:
        places += [one.notes for one in presence.persons]
        places.append(presence.notes)
    for notes in places:
        found = _own_words(notes, state)
        if found:
            return statuses_of(found)
    if alone:
        return ()
    note = next((one.activity_note for one in presence.persons if one.activity_note), None)
    if note and activity is None:
        return (("", note),)
    words = next(filter(None, map(label_of, activities_of(presence))), "")
    return (("en", words),) if words else ()


def _own_words(notes: Iterable[Note], state: State) -> list[Note]:
    own = []
    for note in notes:
        text = note.text.strip().strip(GUARD).strip()
        if not is_default_text(text, state):
            own.append(note if text == note.text else Note(text=text, language=note.language))
    return own


def _farewell(presence: Presence, tuples: Iterable[Tuple], state: State) -> Availability:
    closed = tuple(tuples)
    for notes in (*(one.notes for one in closed), *(one.notes for one in presence.persons), presence.notes):
        found = _own_words(notes, state)
        if found:
            statuses = statuses_of(found)
            break
    else:
        statuses = ()
    stamps = [as_utc(one.timestamp) for one in closed if one.timestamp is not None]
    return Availability(available=False, statuses=statuses, stamp=max(stamps, default=None))


def differences(old: Mapping[str, Availability], new: Mapping[str, Availability]) -> dict[str, Availability]:
    """What must be said to a watcher who was shown ``old``, so that it sees ``new``.

    Every resource that vanished is unavailable.  What is new comes before what is gone, so that the contact does not
    seem to leave in between; a time of change alone is not a change.
    """
    changes = {name: said for name, said in new.items() if said.available and not _alike(old.get(name), said)}
    whole = new.get(WHOLE_CONTACT)
    if whole is None or whole.available:
        whole = Availability(available=False)
    shown = [name for name, said in old.items() if said.available]
    for name in shown:
        said = new.get(name, whole)
        if not said.available:
            changes[name] = said
    last = new.get(WHOLE_CONTACT)
    if not shown and last is not None and not last.available and not _alike(old.get(WHOLE_CONTACT), last):
        changes[WHOLE_CONTACT] = last
    return changes


def _alike(old: Availability | None, new: Availability) -> bool:
    if old is None or old.stamp == new.stamp:
        return old == new
    return replace(old, stamp=None) == replace(new, stamp=None)
