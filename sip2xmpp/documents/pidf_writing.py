"""The strict half of the PIDF codec.

One form only: PIDF as default namespace, fixed prefixes declared on the root, elements in the order of the schemas, no
blanks between them, ids that are names and unique, nothing said that is not in the value.  It is string building: a
tree would cost ten times as much, and byte-identity for equal values is what de-duplication of NOTIFYs rests on.
What the *value* says is the business of ``presence.canonical``.

Implements: RFC 3863 section 4; RFC 4479 section 3; RFC 4480 sections 3 and 5; RFC 8048 section 6.
"""

import re
from functools import lru_cache
from operator import attrgetter
from typing import Final

from sip2xmpp.documents.caps import write_servcaps
from sip2xmpp.documents.cipid import write_cipid
from sip2xmpp.documents.identifiers import fresh_id, legal_id
from sip2xmpp.documents.namespaces import (
    AG_PROJECTS,
    CAPS,
    CIPID,
    DATA_MODEL,
    LOCATION_TYPE,
    PIDF,
    RPID,
)
from sip2xmpp.documents.presence import Basic, Device, Note, Person, Presence, Show, Tuple
from sip2xmpp.documents.rpid import (
    write_activities,
    write_moods,
    write_place_types,
    write_relationship,
    write_service_class,
    write_sphere,
    write_user_input,
)
from sip2xmpp.documents.times import write_time
from sip2xmpp.documents.uris import absolute_uri, legal_uri
from sip2xmpp.documents.xml import text

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<presence xmlns="{PIDF}" xmlns:dm="{DATA_MODEL}" xmlns:rpid="{RPID}"'
)
_SOMETIMES: Final = (
    ("<agp-pidf:", f' xmlns:agp-pidf="{AG_PROJECTS}"'),
    ("<c:", f' xmlns:c="{CIPID}"'),
    ("<caps:", f' xmlns:caps="{CAPS}"'),
    ("<lt:", f' xmlns:lt="{LOCATION_TYPE}"'),
)
"""Prefixes that are declared only where they are used: a NOTIFY over UDP has no octet to spare."""

_BASIC: Final = {basic: f"<basic>{basic.value}</basic>" for basic in Basic} | {None: ""}
_SHOW: Final = {show: f'<show xmlns="jabber:client">{show.value}</show>' for show in Show}

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


def write(presence: Presence) -> bytes:
    """The canonical document; equal values give equal octets.  Never fails."""
    ids: set[str] = set()
    parts: list[str] = []
    for service in presence.tuples:
        _tuple(parts, service, ids)
    for note in presence.notes:
        _note(parts, "note", note)
    for person in presence.persons:
        _person(parts, person, ids)
    for device in presence.devices:
        _device(parts, device, ids)
    parts.extend(map(bytes.decode, presence.extensions))
    body = "".join(parts)
    head = _HEAD
    for prefix, declaration in _SOMETIMES:
        if prefix in body:
            head += declaration
    return f'{head} entity="{_escaped(legal_uri(presence.entity))}">{body}</presence>'.encode()


@lru_cache(maxsize=1024)
def write_priority(priority: float) -> str:
    """``qvalue`` with at most three decimals; out of range is clamped (RFC 3863, section 4.1.5)."""
    return f"{min(1.0, max(0.0, priority)):.3f}".rstrip("0").rstrip(".")


def _tuple(parts: list[str], service: Tuple, ids: set[str]) -> None:
    parts.append(f'<tuple id="{_id(service.id, ids)}"><status>{_BASIC[service.basic]}')
    if service.extended is not None:
        words = text(service.extended)
        if words:
            parts.append(f"<agp-pidf:extended>{words}</agp-pidf:extended>")
    if service.show is not None:
        parts.append(_SHOW[service.show])
    if service.status_extensions:
        parts.extend(map(bytes.decode, service.status_extensions))
    parts.append("</status>")
    if _ABOUT_SERVICE(service) != _NOTHING:
        _about_service(parts, service)
    if service.extensions:
        parts.extend(map(bytes.decode, service.extensions))
    if service.contact is not None:
        uri = absolute_uri(service.contact)
        if uri is not None:
            if service.priority is None:
                parts.append(f"<contact>{_escaped(uri)}</contact>")
            else:
                parts.append(
                    f'<contact priority="{write_priority(service.priority)}">{_escaped(uri)}</contact>'
                )
    for note in service.notes:
        _note(parts, "note", note)
    if service.timestamp is not None:
        parts.append(f"<timestamp>{write_time(service.timestamp)}</timestamp>")
    parts.append("</tuple>")


_ABOUT_SERVICE: Final = attrgetter(
    "class_",
    "device_id",
    "relationship",
    "service_class",
    "status_icon",
    "user_input",
    "capabilities",
    "cipid",
)
_NOTHING: Final = (None,) * 8


def _about_service(parts: list[str], service: Tuple) -> None:
    """The extension elements of a tuple that are modelled; most tuples have none."""
    if service.class_ is not None:
        _element(parts, "rpid:class", service.class_)
    if service.device_id is not None:
        _uri(parts, "dm:deviceID", service.device_id)
    if service.relationship is not None:
        parts.append(write_relationship(service.relationship))
    if service.service_class is not None:
        parts.append(write_service_class(service.service_class))
    if service.status_icon is not None:
        _uri(parts, "rpid:status-icon", service.status_icon)
    if service.user_input is not None:
        parts.append(write_user_input(service.user_input))
    if service.capabilities is not None:
        parts.append(write_servcaps(service.capabilities))
    if service.cipid is not None:
        parts.append(write_cipid(service.cipid))


def _person(parts: list[str], person: Person, ids: set[str]) -> None:
    parts.append(f'<dm:person id="{_id(person.id, ids)}">')
    if person.activities:
        parts.append(write_activities(person.activities))
    if person.class_ is not None:
        _element(parts, "rpid:class", person.class_)
    if person.moods:
        parts.append(write_moods(person.moods, person.mood_note))
    if person.place_types:
        parts.append(write_place_types(person.place_types))
    if person.sphere is not None:
        parts.append(write_sphere(person.sphere))
    if person.status_icon is not None:
        _uri(parts, "rpid:status-icon", person.status_icon)
    if person.time_offset is not None:
        parts.append(f"<rpid:time-offset>{person.time_offset}</rpid:time-offset>")
    if person.user_input is not None:
        parts.append(write_user_input(person.user_input))
    if person.cipid is not None:
        parts.append(write_cipid(person.cipid))
    if person.extensions:
        parts.extend(map(bytes.decode, person.extensions))
    for note in person.notes:
        _note(parts, "dm:note", note)
    if person.timestamp is not None:
        parts.append(f"<dm:timestamp>{write_time(person.timestamp)}</dm:timestamp>")
    parts.append("</dm:person>")


def _device(parts: list[str], device: Device, ids: set[str]) -> None:
    urn = absolute_uri(device.device_id)
    if urn is None:
        return
    parts.append(f'<dm:device id="{_id(device.id, ids)}">')
    if device.class_ is not None:
        _element(parts, "rpid:class", device.class_)
    if device.user_input is not None:
        parts.append(write_user_input(device.user_input))
    parts.extend(map(bytes.decode, device.extensions))
    parts.append(f"<dm:deviceID>{_escaped(urn)}</dm:deviceID>")
    for note in device.notes:
        _note(parts, "dm:note", note)
    if device.timestamp is not None:
        parts.append(f"<dm:timestamp>{write_time(device.timestamp)}</dm:timestamp>")
    parts.append("</dm:device>")


def _note(parts: list[str], name: str, note: Note) -> None:
    words = text(note.text)
    if not words:
        return
    if note.language and (note.language == "en" or _LANGUAGE.fullmatch(note.language)):
        parts.append(f'<{name} xml:lang="{note.language}">{words}</{name}>')
    else:
        parts.append(f"<{name}>{words}</{name}>")


def _element(parts: list[str], name: str, value: str) -> None:
    words = text(value)
    if words:
        parts.append(f"<{name}>{words}</{name}>")


def _uri(parts: list[str], name: str, value: str) -> None:
    uri = absolute_uri(value)
    if uri is not None:
        parts.append(f"<{name}>{_escaped(uri)}</{name}>")


def _escaped(uri: str) -> str:
    """A URI as markup; of what is special there, legal URIs only have the ampersand."""
    return uri.replace("&", "&amp;")


def _id(wanted: str, ids: set[str]) -> str:
    made = legal_id(wanted)
    if made in ids:
        made = fresh_id(made, ids)
    ids.add(made)
    return made
