"""One document from many sources: what a human's phones, clients, calls and settings say together.

``compose`` is a pure function.  Sources are put into one order by their own values, so the order in which they are given
never matters.  The person's state is that of the most authoritative source that says anything about the person, the
newest among equals; the document then says it in every way ``state_of`` knows, so that ``presence.canonical`` finds the
same one again.

Where RFC 4479 leaves the policy open: a plain ``open`` says nothing about the person and so never replaces "away" from
another device; a call replaces what is milder than busy; a device that says closed hides what registrations and calls say;
what is permanent is heard where no device speaks, and before an idle keyboard is; what overrides is heard before all.

Implements: RFC 4479 section 3 (the merged view); RFC 3863 section 4.1.2 (unique tuple ids); RFC 3903 section 4.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import reduce
from operator import attrgetter, eq
from typing import Any

from sip2xmpp.documents.presence import Activity, Basic, Device, Note, Person, Presence, Tuple, UserInput
from sip2xmpp.presence.canonical import newer_attributes, offline_document, person_id, says_something
from sip2xmpp.presence.hearing import MANUAL, Heard, Rank, Source, hear
from sip2xmpp.presence.matching import Service, merge
from sip2xmpp.presence.precedence import (
    HIDDEN,
    STATED,
    in_precedence,
    is_hidden,
    priority_of,
    with_one_priority,
)
from sip2xmpp.presence.profiles import EXTENDED
from sip2xmpp.presence.states import (
    AVAILABLE,
    SHOW_OF,
    State,
    activities_of,
    as_utc,
    fits,
    is_in_use,
    kind_of,
    severity,
)
from sip2xmpp.presence.texts import user_notes

__all__ = ["Rank", "Source", "compose", "settle", "speaker"]

_MILDER_THAN_A_CALL = frozenset((State.ONLINE, State.CHAT, State.AWAY, State.XA))
SPEAKERS = MANUAL | {Rank.PERMANENT, Rank.OVERRIDE}
"""Sources that may say that somebody is offline."""

_RESOURCE_ORDER = (State.XA, State.AWAY, State.BUSY, State.ON_THE_PHONE, State.DND, State.ONLINE, State.CHAT)
_AWAY_KINDS = (State.AWAY, State.XA)
_CERTAIN = {
    State.BUSY: Activity("busy"),
    State.ON_THE_PHONE: Activity("on-the-phone"),
    State.DND: Activity("other", "dnd"),
    State.AWAY: Activity("away"),
    State.XA: Activity("away"),
}
"""The activity that says a state where the spokesman said it in another way."""


def compose(entity: str, sources: Iterable[Source], now: float) -> Presence:
    """The document of a presentity at ``now`` (Unix time), winner first.

    Without sources it is the offline document; when no source states anything it has no tuple, and its state is
    UNKNOWN.
    """
    living = [source for source in sources if source.expires_at is None or source.expires_at > now]
    if not living:
        return offline_document(entity)
    services, heard = _heard(living, entity)
    if not services:
        return Presence(entity=entity, changes_at=_next_change(living, now))
    spokesman, state = _spokesman([one for one in heard if one.is_open])
    if not any(service.tuple.basic is Basic.OPEN for service in services):
        spokesman, state = None, State.OFFLINE
    notes, worded_at = _notes(heard, spokesman)
    changed_at = spokesman.changed_at if spokesman is not None else worded_at
    return Presence(
        entity=entity,
        tuples=_tuples(services, state, notes),
        persons=()
        if state is State.OFFLINE
        else _person(entity, heard, _activities(heard, spokesman, state), notes, changed_at),
        devices=_devices(heard),
        extensions=_extensions(heard),
        changes_at=_next_change(living, now),
    )


def speaker(entity: str, sources: Iterable[Source], now: float) -> str | None:
    """The id of the source that speaks for the person in what ``compose`` makes of them; None where nobody does."""
    living = [source for source in sources if source.expires_at is None or source.expires_at > now]
    services, heard = _heard(living, entity)
    if not any(service.tuple.basic is Basic.OPEN for service in services):
        spokesman = _newest([one for one in heard if not one.is_open and one.source.rank in SPEAKERS])
    else:
        spokesman = _spokesman([one for one in heard if one.is_open])[0]
    return spokesman.source.id if spokesman is not None else None


def settle(previous: Presence | None, current: Presence) -> Presence:
    """``previous`` when ``current`` says the same but for ids and timestamps, else ``current``.

    Phones publish the same state again with fresh ids and times; watchers need not hear of that.
    """
    if previous is not None and _say_the_same(previous, current):
        if previous.changes_at == current.changes_at:
            return previous
        return replace(previous, changes_at=current.changes_at)
    return current


def _heard(living: list[Source], entity: str) -> tuple[list[Service], list[Heard]]:
    """What is heard of the sources that there are, and by what the person can be reached."""
    heard = [hear(source) for source in living]
    stated = False
    for source in living:
        if source.rank in STATED:
            heard, stated = in_precedence(heard), True
            break
    services, heard = merge(heard, entity)
    if stated:
        heard.sort(key=lambda one: (one.source.rank != Rank.PERMANENT, one.source.rank == Rank.OVERRIDE))
    if is_hidden(heard):
        heard = [one for one in heard if one.source.rank not in HIDDEN]
        services = [one for one in services if one.owner.source.rank not in HIDDEN]
    return services, heard


def _spokesman(heard: list[Heard]) -> tuple[Heard | None, State]:
    """Who speaks for the person, and what is said; nobody and ONLINE when devices are merely reachable."""
    if heard and heard[-1].source.rank == Rank.OVERRIDE:
        return heard[-1], heard[-1].state
    heard = _with_one_resource(heard)
    manual = _newest(with_one_priority([one for one in heard if one.speaks and one.source.rank in MANUAL]))
    call = _newest([one for one in heard if one.speaks and one.source.rank == Rank.DIALOG])
    if call is not None and (manual is None or manual.state in _MILDER_THAN_A_CALL):
        return call, call.state
    if manual is not None:
        return manual, manual.state
    other = _newest([one for one in heard if one.speaks and one.source.rank == Rank.REGISTERED])
    default = other or _newest([one for one in heard if one.speaks])
    idle = (
        _newest([one for one in heard if one.idle]) if default is None or default.state in AVAILABLE else None
    )
    if idle is not None and not any(is_in_use(one.source.document) for one in heard):
        return idle, State.AWAY
    return (default, default.state) if default is not None else (None, State.ONLINE)


def _newest(heard: Sequence[Heard]) -> Heard | None:
    """The newest; of several equally new the one with the more severe state."""
    if len(heard) < 2:
        return heard[0] if heard else None
    return max(
        heard,
        key=lambda one: (one.source.published_at, severity(one.state), one.source.rank, one.source.id),
        default=None,
    )


def _with_one_resource(heard: list[Heard]) -> list[Heard]:
    """Of the XMPP resources of one user only that with the highest priority counts; of equals the more reachable."""
    if len(heard) < 2:
        return heard
    resources = [one for one in heard if one.source.rank == Rank.RESOURCE]
    if len(resources) < 2:
        return heard
    best = max(resources, key=lambda one: (priority_of(one), _RESOURCE_ORDER.index(one.state), one.age_order))
    return [one for one in heard if one.source.rank != Rank.RESOURCE or one is best]


def _notes(heard: Sequence[Heard], spokesman: Heard | None) -> tuple[tuple[Note, ...], datetime | None]:
    """The text of the spokesman, else the newest there is; and when it, or the newest source, changed."""
    order = heard[::-1]
    if spokesman is not None:
        order = [spokesman, *(one for one in order if one is not spokesman and one.is_open)]
    for one in order:
        notes = user_notes(one.source.document, one.state)
        if notes:
            return notes, one.changed_at
    return (), order[0].changed_at if order else None


def _tuples(services: list[Service], state: State, notes: tuple[Note, ...]) -> tuple[Tuple, ...]:
    """All services, the winner first and marked with the state of the whole."""

    def standing(service: Service) -> tuple[bool, bool, bool, float, float, int, str]:
        return (
            service.tuple.basic is Basic.OPEN,
            service.tuple.show is SHOW_OF[state],
            service.owner.state is state,
            service.tuple.priority if service.tuple.priority is not None else -1.0,
            service.owner.source.published_at,
            service.owner.source.rank,
            service.tuple.id,
        )

    ordered = sorted(services, key=standing, reverse=True) if len(services) > 1 else services
    best = ordered[0].tuple
    winner = best.restated(
        basic=best.basic,
        show=SHOW_OF[state],
        extended=EXTENDED[state],
        contact=best.contact,
        priority=best.priority,
        notes=notes,
        timestamp=best.timestamp or ordered[0].owner.changed_at,
        user_input=best.user_input,
        status_extensions=best.status_extensions,
        extensions=best.extensions,
    )
    if len(ordered) == 1:
        return (winner,)
    return (winner, *[_timed(service) for service in ordered[1:]])


def _timed(service: Service) -> Tuple:
    """The tuple with a time as the winner has one, so that nobody knows the winner by it from whom the state is withheld."""
    if service.tuple.timestamp is not None:
        return service.tuple
    return replace(service.tuple, timestamp=service.owner.changed_at)


def _person(
    entity: str,
    heard: Sequence[Heard],
    activities: tuple[Activity, ...],
    notes: tuple[Note, ...],
    changed_at: datetime | None,
) -> tuple[Person, ...]:
    """The one person, with the newest of every attribute that is not the state itself; none if there is nothing to say."""
    stated = [person for one in heard for person in _oldest_first(one.source.document.persons)]
    if not (stated or activities or notes):
        return ()
    newest = reduce(newer_attributes, stated) if stated else Person(id="")
    person = newest.restated(
        name=person_id(entity),
        activities=activities,
        mood_note=newest.mood_note,
        user_input=_user_input(heard),
        notes=notes,
        timestamp=changed_at,
        extensions=newest.extensions,
    )
    return (person,) if says_something(person) else ()


def _oldest_first(persons: Sequence[Person]) -> Sequence[Person]:
    if len(persons) < 2:
        return persons
    return sorted(persons, key=lambda person: as_utc(person.timestamp))


def _activities(heard: Sequence[Heard], spokesman: Heard | None, state: State) -> tuple[Activity, ...]:
    """What the spokesman does, as far as it fits the state; one activity among them always says the state."""
    if spokesman is None:
        remarks = (activities_of(one.source.document) for one in reversed(heard) if one.is_open)
        return next((told for told in (_fitting(remark, state) for remark in remarks) if told), ())
    told = _fitting(activities_of(spokesman.source.document), state)
    if state in AVAILABLE:
        return told
    enough = _AWAY_KINDS if state in _AWAY_KINDS else (state,)
    if any(kind_of(activity) in enough for activity in told):
        return told
    return (*told, _CERTAIN[state])


def _fitting(activities: Iterable[Activity], state: State) -> tuple[Activity, ...]:
    return tuple([activity for activity in activities if fits(activity, state)])


def _user_input(heard: Sequence[Heard]) -> UserInput | None:
    """Of what persons say: active if one says so, else the newest idle."""
    stated = [
        person.user_input
        for one in reversed(heard)
        for person in one.source.document.persons
        if person.user_input is not None
    ]
    return next((one for one in stated if not one.idle), stated[0] if stated else None)


def _devices(heard: Sequence[Heard]) -> tuple[Device, ...]:
    """Every device once, by its URN, as the newest source describes it."""
    devices: dict[str, Device] = {}
    for one in reversed(heard):
        for device in one.source.document.devices:
            devices.setdefault(device.device_id, device)
    return tuple(devices.values())


def _extensions(heard: Sequence[Heard]) -> tuple[bytes, ...]:
    """Every extension of a document once, the newest source's first."""
    extensions: dict[bytes, None] = {}
    for one in reversed(heard):
        extensions.update(dict.fromkeys(one.source.document.extensions))
    return tuple(extensions)


def _next_change(sources: Iterable[Source], now: float) -> float | None:
    moments = [
        source.document.changes_at
        for source in sources
        if source.document.changes_at is not None and source.document.changes_at > now
    ]
    return min(moments, default=None)


def _say_the_same(one: Presence, other: Presence) -> bool:
    """Whether two documents differ at most in what changes when nothing changes."""
    return _whole(one) == _whole(other) and all(
        len(some) == len(others) and all(map(eq, map(said, some), map(said, others)))
        for some, others, said in (
            (one.tuples, other.tuples, _service),
            (one.persons, other.persons, _human),
            (one.devices, other.devices, _machine),
        )
    )


def _all_but(kind: type[Any], *unsaid: str) -> Callable[[Any], Any]:
    return attrgetter(*(field.name for field in fields(kind) if field.name not in unsaid))


_whole = _all_but(Presence, "tuples", "persons", "devices", "changes_at")
_service = _all_but(Tuple, "id", "timestamp")
_human = _all_but(Person, "id", "timestamp")
_machine = _all_but(Device, "id", "timestamp")
