"""What a mapping could not carry over, in sentences for a human.

Toward SIP the result is read back and compared with what was said, so that the sentences are true whatever profile made
the document.  Toward XMPP the document is searched for what a presence stanza has no place for.

Implements: the limits of RFC 8048 section 6 and of the tables in ``bridge.activities``.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

from sip2xmpp.bridge.activities import activity_from_rpid, label_of
from sip2xmpp.bridge.mapping import WHOLE_CONTACT, availabilities_from_presence
from sip2xmpp.documents.presence import Basic, Person, Presence, Tuple
from sip2xmpp.presence.states import SHOW_OF, STATE_OF_SHOW, State, activities_of, as_utc, state_of
from sip2xmpp.presence.texts import is_default_text
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood

_LONGEST_QUOTATION: Final = 60
_SAYS_NOTHING: Final = ("unknown", "other", "available")


class Kind(Enum):
    """What kind of thing is lost, for counting."""

    SHOW = "show"
    PRIORITY = "priority"
    STATUS = "status"
    TIME = "time"
    ACTIVITY = "activity"
    MOOD = "mood"
    TUPLE = "tuple"
    PERSON = "person"
    DEVICE = "device"
    UNKNOWN = "unknown-element"
    NOTE = "note"


class Loss(NamedTuple):
    """One thing that is lost; ``text`` is the sentence about it."""

    kind: Kind
    text: str


def lost_to_sip(resources: Mapping[str, Availability], document: Presence) -> list[str]:
    """The sentences of ``losses_to_sip``."""
    return [loss.text for loss in losses_to_sip(resources, document)]


def lost_to_xmpp(presence: Presence, said: Mapping[str, Availability], *, user_agent: str = "") -> list[str]:
    """The sentences of ``losses_to_xmpp``."""
    return [loss.text for loss in losses_to_xmpp(presence, said, user_agent=user_agent)]


def losses_to_sip(resources: Mapping[str, Availability], document: Presence) -> list[Loss]:
    """What ``resources`` said and ``document``, made from them, does not say."""
    back = availabilities_from_presence(document)
    found: list[Loss] = []
    for name, said in resources.items():
        prefix = f"resource {name}: " if len(resources) > 1 else ""
        kept = back.get(name)
        if kept is None and not said.available:
            kept = back.get(WHOLE_CONTACT)
        if kept is None and len(resources) == 1:
            kept = next(iter(back.values()))
        if kept is None:
            found.append(Loss(Kind.TUPLE, f"{prefix}there is no tuple for it"))
        else:
            found.extend(Loss(kind, prefix + text) for kind, text in _missing(said, kept))
    return found


def losses_to_xmpp(
    presence: Presence, said: Mapping[str, Availability], *, user_agent: str = ""
) -> list[Loss]:
    """What ``presence`` says and ``said``, made from it, does not say."""
    state = state_of(presence, user_agent=user_agent)
    found = list(_lost_activities(presence, state, said))
    untold = len(presence.tuples) - len(said)
    if untold > 0 and WHOLE_CONTACT not in said:
        found.append(Loss(Kind.TUPLE, f"{_count(untold, 'tuple')} without a resource"))
    for service in presence.tuples:
        found.extend(Loss(kind, f"tuple {service.id}: {text}") for kind, text in _lost_of_tuple(service))
    for person in presence.persons:
        found.extend(_lost_of_person(person))
    if presence.devices:
        found.append(Loss(Kind.DEVICE, f"{_count(len(presence.devices), 'device')}, except for idle times"))
    if presence.extensions:
        count = _count(len(presence.extensions), "unknown element")
        found.append(Loss(Kind.UNKNOWN, f"{count} of the document"))
    found.extend(Loss(Kind.NOTE, f"the note {_quoted(text)}") for text in _lost_notes(presence, state, said))
    return found


def _missing(said: Availability, kept: Availability) -> Iterator[Loss]:
    if said.show is not kept.show:
        yield Loss(Kind.SHOW, f"show {_show(said)} comes back as {_show(kept)}")
    if said.available and said.priority != kept.priority:
        yield Loss(Kind.PRIORITY, f"the priority {said.priority} comes back as {kept.priority}")
    texts = {text for _, text in kept.statuses}
    state = STATE_OF_SHOW[said.show] if said.available else State.OFFLINE
    for language, text in said.statuses:
        if text.strip() not in texts and not is_default_text(text, state):
            yield Loss(Kind.STATUS, f"the status {_quoted(text)}" + (f" in {language}" if language else ""))
    if said.idle_since is not None and not _same_time(said.idle_since, kept.idle_since):
        yield Loss(Kind.TIME, "since when the user is idle")
    if said.stamp is not None and not _same_time(said.stamp, kept.stamp):
        yield Loss(Kind.TIME, "the time of the change")
    if said.activity is not None and said.activity != kept.activity:
        changed = f"{_activity(said.activity)} comes back as {_activity(kept.activity)}"
        yield Loss(Kind.ACTIVITY, f"the activity {changed}")
    if said.mood is not None and said.mood != kept.mood:
        yield Loss(Kind.MOOD, f"the mood {_mood(said.mood)} comes back as {_mood(kept.mood)}")


def _lost_activities(presence: Presence, state: State, said: Mapping[str, Availability]) -> Iterator[Loss]:
    """Activities that became neither an XMPP activity, nor words, nor a show."""
    told = next((one.activity for one in said.values() if one.activity is not None), None)
    words = [text for one in said.values() for _, text in one.statuses]
    if told is not None:
        words.append(told.text or "")
    places = [place for person in presence.persons for place in person.place_types]
    for activity in dict.fromkeys(activities_of(presence)):
        label = label_of(activity)
        if not label:
            if activity.name not in _SAYS_NOTHING and SHOW_OF[state] is None:
                yield Loss(Kind.ACTIVITY, f"the activity {activity.name}")
            continue
        alone = activity_from_rpid((activity,), places=places)
        same = told is not None and alone is not None and _name(alone) == _name(told)
        if not same and not any(label in text for text in words):
            name = activity.text if activity.name == "other" else activity.name
            yield Loss(Kind.ACTIVITY, f"the activity {name}")


def _lost_of_tuple(service: Tuple) -> Iterator[Loss]:
    stated = {
        "relationship": service.relationship,
        "class": service.class_,
        "service-class": service.service_class,
        "status-icon": service.status_icon,
        "capabilities": service.capabilities,
        "contact information": service.cipid,
    }
    yield from (Loss(Kind.TUPLE, f"its {name}") for name, value in stated.items() if value is not None)
    unknown = len(service.extensions) + len(service.status_extensions)
    if unknown:
        yield Loss(Kind.UNKNOWN, _count(unknown, "unknown element"))
    if service.basic is not Basic.CLOSED and service.user_input is not None and service.user_input.threshold:
        yield Loss(Kind.TIME, "its idle threshold")


def _lost_of_person(person: Person) -> Iterator[Loss]:
    if len(person.moods) > 1:
        yield Loss(Kind.MOOD, _count(len(person.moods) - 1, "further mood"))
    stated = {
        "sphere": person.sphere,
        "class": person.class_,
        "time-offset": person.time_offset,
        "status-icon": person.status_icon,
        "contact information": person.cipid,
    }
    yield from (
        Loss(Kind.PERSON, f"the person's {name}") for name, value in stated.items() if value is not None
    )
    if person.place_types and not any(one.name == "in-transit" for one in person.activities):
        yield Loss(Kind.PERSON, f"the place {', '.join(person.place_types)}")
    if person.extensions:
        yield Loss(Kind.UNKNOWN, f"{_count(len(person.extensions), 'unknown element')} of the person")


def _lost_notes(presence: Presence, state: State, said: Mapping[str, Availability]) -> Iterator[str]:
    told = {text for one in said.values() for _, text in one.statuses}
    told |= {one.activity.text for one in said.values() if one.activity is not None and one.activity.text}
    parts: tuple[Tuple | Person | Presence, ...] = (*presence.tuples, *presence.persons, presence)
    for note in (note for part in parts for note in part.notes):
        text = note.text.strip()
        if text not in told and not is_default_text(text, state):
            told.add(text)
            yield text


def _same_time(one: datetime, other: datetime | None) -> bool:
    """To the second, which is all that a document says."""
    return other is not None and as_utc(one).replace(microsecond=0) == as_utc(other).replace(microsecond=0)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f'"{text}"' if len(text) <= _LONGEST_QUOTATION else f'"{text[:_LONGEST_QUOTATION]}…"'


def _show(said: Availability) -> str:
    if not said.available:
        return "unavailable"
    return said.show.value if said.show is not None else "none"


def _activity(activity: UserActivity | None) -> str:
    if activity is None:
        return "none"
    return f"{_name(activity)} {_quoted(activity.text)}" if activity.text else _name(activity)


def _name(activity: UserActivity) -> str:
    return f"{activity.general}/{activity.specific}" if activity.specific else activity.general


def _mood(mood: UserMood | None) -> str:
    if mood is None:
        return "none"
    return f"{mood.value} {_quoted(mood.text)}" if mood.text else mood.value
