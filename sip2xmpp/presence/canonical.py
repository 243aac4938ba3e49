"""A document as a watcher should get it: the same state, in the form its client reads.

``canonical`` first asks what state the document means and then builds the document for that state anew: the winning
tuple first and alone with ``extended``, exactly one person, activities in the form of the profile, one text in the
places where clients look for it.  So whatever a source wrote, no form leaves here that is known to be misread.  It is a
function of its arguments only: equal documents give equal results.

Implements: RFC 3863, RFC 4479 and RFC 4480 as profiled by ``presence.profiles``; RFC 8048 section 6.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sip2xmpp.documents.identifiers import digest_id, is_legal_id
from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Device,
    Note,
    Person,
    Presence,
    Tuple,
    UserInput,
    frozen_value,
)
from sip2xmpp.documents.times import from_unix
from sip2xmpp.documents.uris import address_of_record, parameter
from sip2xmpp.presence.profiles import EXTENDED, INTEROP, Keep, Profile
from sip2xmpp.presence.screening import passed
from sip2xmpp.presence.states import (
    ABSENT,
    AVAILABLE,
    DEFAULT_TEXT,
    NOTE_WORDS,
    SHOW_OF,
    State,
    activities_of,
    as_utc,
    best_tuple,
    fits,
    kind_of,
    newest_change,
    state_of,
)
from sip2xmpp.presence.texts import presentable, user_notes, words_of

_SPECIFIC_LIMIT = 6
_USUAL_ENTITY = re.compile(r"sip:([A-Za-z0-9._-]+)@[A-Za-z0-9.-]+")
_COARSE = frozenset(("away", "busy", "on-the-phone", "unknown", "available", "dnd", "do-not-disturb"))
"""Activities that say no more than a state."""


@frozen_value
class _Telling:
    """What is told to whom: the state, the form, and how the presentity is known to source and watcher.  ``person`` is the id of the person."""

    state: State
    profile: Profile
    known_as: str
    uri: str
    person: str
    changed: datetime | None
    notes: tuple[Note, ...]


def canonical(presence: Presence, *, profile: Profile = INTEROP, entity: str | None = None) -> Presence:
    """The document in the form of ``profile``; ``entity`` is the presentity's URI as the watcher knows it."""
    return next(canonical_forms(presence, (profile,), entity=entity))


def canonical_forms(
    presence: Presence, forms: Sequence[Profile], *, entity: str | None = None
) -> Iterator[Presence]:
    """The document in a profile and then in its ``smaller`` ones; what they have in common is found out once."""
    profile = forms[0]
    state = state_of(presence)
    uri = sip_entity(entity if entity is not None else presence.entity)
    changed = newest_change(presence)
    notes = user_notes(presence, state)
    if state in ABSENT and profile.basic.get(state) is not Basic.OPEN:
        offline = _offline(uri, presentable(notes, state), changed)
        yield from (offline for _ in forms)
        return
    activities = activities_of(presence)
    if state in AVAILABLE and not profile.true_to_rpid:
        notes = _with_words(notes, words_of(activities))
    notes = presentable(notes, state, is_only_sign=not profile.extended)
    root: tuple[Note, ...] = ()
    if state is State.ON_THE_PHONE:  # clients compare this note as a whole; the user's text goes beside it
        root, notes = notes, ()
    if not notes and DEFAULT_TEXT[state]:
        notes = (Note(text=DEFAULT_TEXT[state], language="en"),)
    winner, others = _order(presence)
    person = person_id(uri)
    for form in forms:
        telling = _Telling(
            state=state,
            profile=form,
            known_as=presence.entity,
            uri=uri,
            person=person,
            changed=changed,
            notes=notes,
        )
        yield Presence(
            entity=uri,
            tuples=(
                _winner(winner, telling),
                *[_lesser(other, telling) for other in others[: form.tuple_limit - 1]],
            ),
            notes=root,
            persons=_person(presence, _activities(activities, state, form), telling),
            devices=tuple([_device(device, telling) for device in presence.devices]) if form.foreign else (),
            extensions=passed(presence.extensions, form),
        )


def offline_document(entity: str, text: str = "", since: datetime | float | None = None) -> Presence:
    """The document of somebody who is not there, or must seem so; ``since`` may be a Unix time."""
    if since is not None and not isinstance(since, datetime):
        since = from_unix(since)
    notes = (Note(text=text, language=None),) if text else ()
    return _offline(sip_entity(entity), presentable(notes, State.OFFLINE), since)


def sip_entity(entity: str) -> str:
    """``sip:user@host`` without parameters.  COMPAT: Blink looks for ``sip:``, and Zoiper adds a transport."""
    scheme, colon, rest = entity.partition(":")
    if scheme == "sip" and ";" not in rest and "?" not in rest:
        return entity
    if not colon or "@" in scheme:
        scheme, rest = "sip", entity
    if scheme.lower() not in ("sip", "sips", "pres", "im"):
        return entity
    user, at, host = rest.rpartition("@")
    host = host.partition(";")[0].partition("?")[0]
    return f"sip:{user}{at}{host}"


def person_id(entity: str) -> str:
    """The id of the one person of a presentity: ``p-`` and the user part where that is a name."""
    usual = _USUAL_ENTITY.fullmatch(entity)
    if usual is not None:
        return f"p-{usual[1]}"
    user = address_of_record(entity).partition("@")[0]
    wanted = f"p-{user}"
    return wanted if is_legal_id(wanted) else f"p-{digest_id(user)}"


def _offline(uri: str, notes: tuple[Note, ...], since: datetime | None) -> Presence:
    return Presence(
        entity=uri,
        tuples=(
            Tuple(
                id="ID-offline",
                basic=Basic.CLOSED,
                extended=EXTENDED[State.OFFLINE],
                notes=notes,
                timestamp=since,
            ),
        ),
    )


def _order(presence: Presence) -> tuple[Tuple, list[Tuple]]:
    """The winner, opened or made up where the document names none, and the others, the more useful first."""
    best = best_tuple(presence.tuples)
    if best is None:
        return Tuple(id="ID-presence", basic=Basic.OPEN), []
    if len(presence.tuples) == 1:
        return best, []
    others = [other for other in presence.tuples if other is not best and other.basic is not None]
    others.sort(key=lambda other: other.basic is not Basic.OPEN)
    return best, others


def _winner(service: Tuple, telling: _Telling) -> Tuple:
    """The tuple that speaks for the whole, whatever it says itself."""
    profile, state = telling.profile, telling.state
    told = service.restated(
        basic=profile.basic.get(state, Basic.OPEN),
        show=SHOW_OF[state] if profile.show is not Keep.NONE else None,
        extended=EXTENDED[state] if profile.extended else None,
        contact=_contact(service, telling),
        priority=service.priority,
        notes=telling.notes,
        timestamp=service.timestamp or telling.changed,
        user_input=_user_input(service.user_input, telling),
        status_extensions=passed(service.status_extensions, profile),
        extensions=passed(service.extensions, profile),
    )
    return told if profile.foreign else _bare(told)


def _lesser(service: Tuple, telling: _Telling) -> Tuple:
    """A tuple that does not speak for the whole: nothing in it may be taken for the state of the whole."""
    profile = telling.profile
    is_open = service.basic is Basic.OPEN
    own = [note for note in service.notes if note.text.strip().lower() not in NOTE_WORDS]
    told = service.restated(
        basic=service.basic,
        show=service.show if profile.show is Keep.ALL and is_open else None,
        extended=None,
        # A closed contact with a priority would win in Jitsi.
        contact=_contact(service, telling) if is_open else None,
        priority=service.priority if is_open else None,
        notes=presentable(own, telling.state),
        timestamp=service.timestamp,
        user_input=_user_input(service.user_input, telling),
        status_extensions=passed(service.status_extensions, profile),
        extensions=passed(service.extensions, profile),
    )
    return told if profile.foreign else _bare(told)


def _bare(service: Tuple) -> Tuple:
    """The tuple without what is said of the service beyond its state."""
    return replace(
        service,
        device_id=None,
        service_class=None,
        relationship=None,
        class_=None,
        status_icon=None,
        capabilities=None,
        cipid=None,
    )


def contact_shown(contact: str, known_as: str, uri: str) -> str:
    """The presentity's own address ``uri``, with the instance where the source, which calls it ``known_as``, named one.

    Never the address of a device: it is nobody's business, and Jitsi skips a tuple with a contact it does not know.
    """
    instance = parameter(contact, "gr")
    if instance is None:
        return uri
    known = map(address_of_record, (known_as, uri))
    return f"{uri};gr={instance}" if address_of_record(contact) in known else uri


def _contact(service: Tuple, telling: _Telling) -> str | None:
    if service.contact is None or not telling.profile.contact:
        return None
    return contact_shown(service.contact, telling.known_as, telling.uri)


def _activities(stated: tuple[Activity, ...], state: State, profile: Profile) -> tuple[Activity, ...]:
    """The activities of the document: the form of the state, around what the user does in particular."""
    if profile.true_to_rpid:
        told = tuple(one for one in stated if fits(one, state) and kind_of(one) is not State.DND)
        kinds = {kind_of(one) for one in told}
        if state in AVAILABLE or state in kinds or (state is State.DND and State.BUSY in kinds):
            return told
    if state not in profile.forms:
        return ()
    before, after = profile.forms[state]
    if not profile.foreign:
        specific: tuple[Activity, ...] = ()
    else:
        specific = tuple([one for one in stated if _is_specific(one, state)])
        if len(specific) > 1:
            specific = tuple(dict.fromkeys(specific))[:_SPECIFIC_LIMIT]
    if not specific and before[-1:] == after[:1]:
        return after
    return before + specific + after


def _is_specific(activity: Activity, state: State) -> bool:
    """Whether an activity says more than its state and can be put between the coarse words."""
    if activity.name in _COARSE:
        return False
    if kind_of(activity) in (State.DND, State.OFFLINE):
        return False
    return fits(activity, state)


def _person(presence: Presence, activities: tuple[Activity, ...], telling: _Telling) -> tuple[Person, ...]:
    """The one person, or none when there is nothing to say about the human."""
    profile = telling.profile
    rich = _merged(presence.persons) if profile.foreign else Person(id="p")
    stated = [as_utc(one.timestamp) for one in presence.persons if one.timestamp is not None]
    person = rich.restated(
        name=telling.person,
        activities=activities,
        mood_note=rich.mood_note if profile.true_to_rpid else None,
        user_input=_user_input(rich.user_input, telling),
        notes=telling.notes,
        timestamp=max(stated, default=telling.changed),
        extensions=passed(rich.extensions, profile),
    )
    return (person,) if says_something(person) else ()


def says_something(person: Person) -> bool:
    """Whether there is more to a person than its id and a time."""
    if person.activities or person.notes:
        return True
    return replace(person, timestamp=None) != Person(id=person.id)


def _merged(persons: tuple[Person, ...]) -> Person:
    """One person from several: of each attribute the newest that is stated."""
    if len(persons) == 1:
        return persons[0]
    merged = Person(id="p")
    for person in sorted(persons, key=lambda one: as_utc(one.timestamp)):
        merged = newer_attributes(merged, person)
    return merged


def newer_attributes(older: Person, newer: Person) -> Person:
    """The older person with every attribute that the newer one states; activities and notes as in the newer one."""
    return replace(
        newer,
        moods=newer.moods or older.moods,
        mood_note=newer.mood_note if newer.moods else older.mood_note,
        place_types=newer.place_types or older.place_types,
        sphere=newer.sphere or older.sphere,
        class_=newer.class_ or older.class_,
        time_offset=newer.time_offset if newer.time_offset is not None else older.time_offset,
        status_icon=newer.status_icon or older.status_icon,
        user_input=newer.user_input or older.user_input,
        cipid=newer.cipid or older.cipid,
        extensions=tuple(dict.fromkeys(newer.extensions + older.extensions)),
    )


def _device(device: Device, telling: _Telling) -> Device:
    return replace(
        device,
        notes=device.notes if telling.profile.true_to_rpid else (),
        user_input=_user_input(device.user_input, telling),
        extensions=passed(device.extensions, telling.profile),
    )


def _user_input(stated: UserInput | None, telling: _Telling) -> UserInput | None:
    """Only that somebody is idle, and only where it cannot make an old Linphone say Away of somebody who is not.

    When a device was last used is disclosed to the minute or not at all (RFC 4480, section 3.15).
    """
    if stated is None or not stated.idle or telling.state in AVAILABLE or not telling.profile.foreign:
        return None
    last = stated.last_input if telling.profile.last_input else None
    return UserInput(
        idle=True, last_input=last.replace(second=0, microsecond=0) if last is not None else None
    )


def _with_words(notes: tuple[Note, ...], words: str) -> tuple[Note, ...]:
    """Put the activities of somebody available into the text: as an activity Linphone would show them as Busy."""
    if not words:
        return notes
    if not notes:
        return (Note(text=words, language="en"),)
    return tuple(
        note if words.lower() in note.text.lower() else replace(note, text=f"{note.text} ({words})")
        for note in notes
    )
