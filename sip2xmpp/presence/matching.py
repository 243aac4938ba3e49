"""Which tuples of different sources are about the same thing, and what is left when they are merged.

Two tuples of different sources are the same when they run on the same device (``deviceID``), or have the same contact
and that is more than the address of record all devices share.  The higher rank and then the newer source wins; the other
one only adds what describes the device, never a state.  A call has no address of its own: it is one more way to reach somebody
only where there is no other.

Implements: RFC 4479 sections 3.3 and 3.4 (device identity); RFC 5627 (GRUU as instance).
"""

from collections.abc import Sequence
from dataclasses import replace

from sip2xmpp.documents.identifiers import fresh_id
from sip2xmpp.documents.presence import Basic, Tuple, frozen_value
from sip2xmpp.documents.uris import address_of_record, parameter
from sip2xmpp.presence.hearing import Heard, Rank


@frozen_value
class Service:
    """A tuple and the source it came from."""

    tuple: Tuple
    owner: Heard


def merge(heard: Sequence[Heard], entity: str) -> tuple[list[Service], list[Heard]]:
    """The services of all sources with unique ids, oldest source first; and the sources still to be listened to.

    A source whose every tuple was taken over by a newer one of the same rank is the same device before a restart: it
    is not listened to any more.
    """
    if len(heard) == 1:
        one = heard[0]
        return _with_unique_ids([Service(tuple=service, owner=one) for service in one.tuples]), list(heard)
    by_authority = sorted(heard, key=lambda one: (one.source.rank, one.age_order), reverse=True)
    kept: dict[str, list[Service]] = {one.source.id: [] for one in by_authority}
    by_thing: dict[tuple[str, str], tuple[str, int]] = {}
    replaced: set[str] = set()
    for one in by_authority:
        mine: dict[tuple[str, str], tuple[str, int]] = {}
        taken_by: list[Heard] = []
        for service in one.tuples:
            things = _things(service, entity)
            place = next((by_thing[thing] for thing in things if thing in by_thing), None)
            if place is not None:
                newer = kept[place[0]][place[1]]
                kept[place[0]][place[1]] = Service(tuple=_described(newer.tuple, service), owner=newer.owner)
                taken_by.append(newer.owner)
                continue
            kept[one.source.id].append(Service(tuple=service, owner=one))
            for thing in things:
                mine.setdefault(thing, (one.source.id, len(kept[one.source.id]) - 1))
        by_thing.update(mine)
        if taken_by and len(taken_by) == len(one.tuples):
            same_kind = all(newer.source.rank == one.source.rank for newer in taken_by)
            replaced.update([one.source.id] if same_kind else [])
    listened = sorted((one for one in heard if one.source.id not in replaced), key=lambda one: one.age_order)
    return _with_unique_ids(
        _without_calls([service for one in listened for service in kept[one.source.id]])
    ), listened


def _without_calls(services: list[Service]) -> list[Service]:
    """The services but those of calls, unless nothing else is open."""
    others = [service for service in services if service.owner.source.rank != Rank.DIALOG]
    if len(others) < len(services) and any(service.tuple.basic is Basic.OPEN for service in others):
        return others
    return services


def _things(service: Tuple, entity: str) -> list[tuple[str, str]]:
    """What the tuple is about, as keys that equal things share."""
    things = []
    if service.device_id:
        things.append(("device", service.device_id))
    contact = service.contact
    if contact and (parameter(contact, "gr") or address_of_record(contact) != address_of_record(entity)):
        things.append(("contact", contact))
    return things


def _described(newer: Tuple, older: Tuple) -> Tuple:
    """The newer tuple; what it does not say about the device is taken from the older one."""
    return replace(
        newer,
        contact=newer.contact or older.contact,
        priority=newer.priority if newer.priority is not None else older.priority,
        device_id=newer.device_id or older.device_id,
        service_class=newer.service_class or older.service_class,
        relationship=newer.relationship or older.relationship,
        class_=newer.class_ or older.class_,
        status_icon=newer.status_icon or older.status_icon,
        capabilities=newer.capabilities or older.capabilities,
        cipid=newer.cipid or older.cipid,
    )


def _with_unique_ids(services: list[Service]) -> list[Service]:
    """The id of the later of two is changed; no tuple is dropped for its id."""
    if len(services) < 2:
        return services
    ids: set[str] = set()
    unique: list[Service] = []
    for service in services:
        made = fresh_id(service.tuple.id, ids)
        ids.add(made)
        unique.append(
            service
            if made == service.tuple.id
            else Service(tuple=replace(service.tuple, id=made), owner=service.owner)
        )
    return unique
