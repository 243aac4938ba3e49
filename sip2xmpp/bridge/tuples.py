"""One XMPP resource and one PIDF tuple, each in terms of the other.

A tuple made here says which resource it is in two places: its id is made from the resource, and its contact is the
resource's public GRUU.  Whoever finds both, in a document that carries ``show`` at all, may take what the tuple does not
say for unsaid: it is a resource speaking for itself, and not a device that shares what is said of the person.

Implements: RFC 8048 section 6 (tuple id, priority, note, show); RFC 7247 section 5.3 (resource <-> gr);
XEP-0203 and XEP-0319 <-> RFC 3863 timestamp and RFC 4480 user-input.
"""

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from math import floor
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.documents.identifiers import digest_id, fresh_id, id_of_resource
from sip2xmpp.documents.presence import Basic, Device, Note, Presence, Tuple, UserInput
from sip2xmpp.documents.uris import parameter
from sip2xmpp.errors import BadAddress
from sip2xmpp.escaping import percent_decode
from sip2xmpp.preparation import prepare_resource
from sip2xmpp.xmpp.availability import Availability

LONE_RESOURCE: Final = "sip"
"""The resource of a contact whose documents have one tuple, whatever its id: many phones invent a new id each time."""

_ID_OF_RESOURCE: Final = "ID-"
_STEPS: Final = 127


def priority_to_sip(priority: int) -> float | None:
    """The contact priority for an XMPP priority, three decimals; a negative one cannot be said (RFC 8048)."""
    return floor(priority * 1000 / _STEPS) / 1000 if 0 <= priority <= _STEPS else None


def priority_from_sip(priority: float | None) -> int:
    """The XMPP priority, 0 to 127, for a contact priority, 0.0 to 1.0; the inverse of ``priority_to_sip``."""
    return 0 if priority is None else round(min(1.0, max(0.0, priority)) * _STEPS)


def tuple_of(
    resource: str,
    said: Availability,
    contact: Address,
    taken: Container[str],
    *,
    extended: str | None = None,
) -> Tuple:
    """The open tuple of an available resource; ``taken`` are ids that are used already."""
    idle = said.idle_since
    wanted, uri = _names_of(contact, resource)
    return Tuple(
        id=fresh_id(wanted, taken),
        basic=Basic.OPEN,
        show=said.show,
        extended=extended,
        contact=uri,
        priority=priority_to_sip(said.priority),
        notes=notes_of(said.statuses),
        timestamp=said.stamp,
        user_input=UserInput(idle=True, last_input=idle) if idle is not None else None,
    )


@lru_cache(maxsize=4096)
def _names_of(contact: Address, resource: str) -> tuple[str, str]:
    """The id of a resource and its address; asked at each change of its presence."""
    return id_of_resource(resource), contact.sip_uri(gr=resource)


def notes_of(statuses: Iterable[tuple[str, str]]) -> tuple[Note, ...]:
    """One note for each status that is not empty."""
    return tuple(
        [Note(text=text.strip(), language=language or None) for language, text in statuses if text.strip()]
    )


def statuses_of(notes: Iterable[Note]) -> tuple[tuple[str, str], ...]:
    """One status for each language, the first note of it."""
    found: dict[str, tuple[str, str]] = {}
    for note in notes:
        language = note.language or ""
        found.setdefault(language.lower(), (language, note.text))
    return tuple(found.values())


def resources_of(tuples: Iterable[Tuple]) -> dict[str, Tuple]:
    """The resource that each tuple stands for, as stable from one document to the next as the tuples allow.

    In this order: the instance in its contact, the device, the resource in an id of ours, ``LONE_RESOURCE`` if it is
    the only tuple, its id.
    """
    listed = tuple(tuples)
    named: dict[str, Tuple] = {}
    for service in listed:
        named[fresh_id(_resource_of(service, alone=len(listed) == 1), named)] = service
    return named


def speaks_for_itself(service: Tuple) -> bool:
    """Whether the tuple is one that ``tuple_of``, or another gateway after RFC 8048, made of a resource."""
    instance = _instance(service)
    if instance is None:
        return False
    made = id_of_resource(instance)
    return service.id == made or service.id.startswith(f"{made}-")


def idle_since(service: Tuple | None, presence: Presence) -> datetime | None:
    """Since when the device of a tuple, or else the person, is idle, or None.

    Without a time of last input it is reckoned from the time of the document, if it has one.
    """
    device = _device_of(service, presence) if service is not None else None
    parts = (service, device, *presence.persons)
    for part in parts:
        stated = part.user_input if part is not None else None
        if stated is None:
            continue
        if not stated.idle:
            return None
        if stated.last_input is not None:
            return stated.last_input
        stamp = service.timestamp if service is not None else None
        stamp = stamp or next((person.timestamp for person in presence.persons if person.timestamp), None)
        if stamp is not None:
            return _earlier(stamp, stated.threshold or 0)
    return None


def _resource_of(service: Tuple, *, alone: bool) -> str:
    instance = _instance(service)
    if instance is not None:
        return instance
    if service.device_id:
        return _legal(service.device_id)
    if service.id.startswith(_ID_OF_RESOURCE) and len(service.id) > len(_ID_OF_RESOURCE):
        return _legal(service.id.removeprefix(_ID_OF_RESOURCE))
    return LONE_RESOURCE if alone else _legal(service.id)


def _instance(service: Tuple) -> str | None:
    """The ``gr`` value of the contact where it can be a resource."""
    value = parameter(service.contact, "gr") if service.contact is not None else None
    if value is None:
        return None
    try:
        return prepare_resource(percent_decode(value))
    except BadAddress:
        return None


def _legal(text: str) -> str:
    try:
        return prepare_resource(text)
    except BadAddress:
        return digest_id(text)


def _device_of(service: Tuple, presence: Presence) -> Device | None:
    if service.device_id is None:
        return None
    return next((device for device in presence.devices if device.device_id == service.device_id), None)


def _earlier(moment: datetime, seconds: int) -> datetime:
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:
        return moment
