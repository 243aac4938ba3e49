"""The part of a presence document that permissions show.

First tuples, devices and persons are selected, then attributes of what is left.  What nothing provides is withheld, also where it
says the same in another way.  Documents here say the state of the human in many places, because clients read it in many:
``show`` and ``extended`` of a tuple are activities, and so is a note that is nothing but the word of a state; they are
shown with the activities and with a person or not at all.  The text of a human stands in tuples too: where no person is shown, no text
is.  Even the order of tuples depends on the state, so where that is withheld they are put into another.

What is always shown of a selected element: contact and its priority, service class, basic status and time of a tuple, id and time
of a device, time of a person.  A document of which nothing is left is written, toward either side, octet for octet as that of somebody offline.

Implements: RFC 5025 sections 3.3.1 and 3.3.2; OMA Presence XDM (``service-id``, ``provide-willingness`` and others).
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from sip2xmpp.documents.namespaces import AG_PROJECTS, CAPS, CIPID
from sip2xmpp.documents.permissions import (
    ATTRIBUTES,
    OMA_ATTRIBUTES,
    By,
    Permissions,
    Selected,
    UserInputDetail,
)
from sip2xmpp.documents.presence import Basic, Cipid, Device, Note, Person, Presence, Tuple, UserInput
from sip2xmpp.presence.states import NOTE_WORDS
from sip2xmpp.presence.texts import GUARD

JABBER: Final = "jabber:client"
OMA_PIDF: Final = "urn:oma:xml:prs:pidf:oma-pres"
_PIDF_FAMILY: Final = "urn:ietf:params:xml:ns:pidf"
"""How the namespaces of RPID and of its forerunners begin."""
_GEOPRIV: Final = "urn:ietf:params:xml:ns:pidf:geopriv10"

_CIPID_NAMES: Final = {
    "card": "card",
    "display_name": "display-name",
    "homepage": "homepage",
    "icon": "icon",
    "map": "map",
    "sound": "sound",
}
_STATE_WORDS: Final = frozenset(NOTE_WORDS) | {"ringing"}
_REMARK: Final = re.compile(r"\([^()]*\)\Z")
"""What is added to a word, as in "On the phone (1 of 2 lines in use)"."""


def reveal(document: Presence, permissions: Permissions) -> Presence:
    """What of ``document`` these permissions show.

    To reveal it again changes nothing, unless elements are selected by something that is itself withheld.
    """
    persons = tuple([each for each in document.persons if _selects_person(permissions, each)])
    # Of whom no person is known a rule can only have meant everything that is said of persons.
    shows_human = bool(persons) if document.persons else _EVERYTHING in permissions.persons
    shown = _Shown(permissions, shows_human)
    tuples = [shown.service(each) for each in document.tuples if _selects_service(permissions, each)]
    if not shown.state and len(tuples) > 1:
        tuples.sort(key=_plain_order)
    return Presence(
        entity=document.entity,
        tuples=tuple(tuples),
        notes=shown.texts(document.notes) if shows_human else (),
        persons=tuple([shown.person(each) for each in persons]),
        devices=tuple(
            [shown.device(each) for each in document.devices if _selects_device(permissions, each)]
        ),
    )


# selecting

_EVERYTHING: Final = Selected(by=By.ALL)


def _selects_service(permissions: Permissions, service: Tuple) -> bool:
    for each in permissions.services:
        match each.by:
            case By.ALL:
                return True
            case By.SERVICE_URI:
                chosen = service.contact is not None and _comparable(service.contact) == _comparable(
                    each.value
                )
            case By.SERVICE_URI_SCHEME:
                scheme, colon, _ = (service.contact or "").partition(":")
                chosen = bool(colon) and scheme.strip().lower() == each.value.lower().removesuffix(":")
            case By.SERVICE_ID:
                chosen = any(_service_id(octets) == each.value for octets in service.extensions)
            case _:
                chosen = _is_called(each, service.class_, service.id)
        if chosen:
            return True
    return False


def _selects_device(permissions: Permissions, device: Device) -> bool:
    return any(
        each.by is By.ALL
        or (each.by is By.DEVICE_ID and each.value.lower() == device.device_id.lower())
        or _is_called(each, device.class_, device.id)
        for each in permissions.devices
    )


def _selects_person(permissions: Permissions, person: Person) -> bool:
    return any(
        each.by is By.ALL or _is_called(each, person.class_, person.id) for each in permissions.persons
    )


def _is_called(selected: Selected, class_: str | None, id_: str) -> bool:
    if selected.by is By.CLASS:
        return selected.value == class_
    return selected.by is By.OCCURRENCE and selected.value == id_


_SIP_URI: Final = re.compile(r"(sips?):(?:([^@]*)@)?([^;?]*)([^?]*)", re.IGNORECASE)


def _comparable(uri: str) -> str:
    """A URI in a form that equal ones mostly share: what is written too strictly selects less, never more."""
    scheme, colon, rest = uri.strip().partition(":")
    match = _SIP_URI.fullmatch(uri.strip())
    if match is None:
        return f"{scheme.lower()}{colon}{rest}"
    _, user, host, parameters = match.groups(default="")
    ordered = ";".join(sorted(each.lower() for each in parameters.split(";") if each))
    return f"{scheme.lower()}:{user}@{host.lower()};{ordered}"


_SERVICE_ID: Final = re.compile(rb"<(?:[\w.-]+:)?service-id(?:\s[^<>]*)?>([^<]*)</")


def _service_id(octets: bytes) -> str | None:
    """The ``service-id`` of a service description (OMA Presence SIMPLE); None of any other element."""
    if _name_of(octets) != (OMA_PIDF, "service-description"):
        return None
    found = _SERVICE_ID.search(octets)
    return found[1].decode("utf-8", "replace").strip() if found is not None else None


# attributes


class _Shown:
    """What permissions show of selected elements; ``state``: whether the sub-state of the human is shown."""

    __slots__ = ("_all", "_attributes", "_has_notes", "_unknown", "_user_input", "state")

    def __init__(self, permissions: Permissions, shows_human: bool) -> None:
        self._all = permissions.all_attributes
        self._attributes = permissions.attributes
        self._unknown = permissions.unknown
        self._user_input = UserInputDetail.FULL if self._all else permissions.user_input
        self.state = shows_human and self._provides("activities")
        self._has_notes = shows_human and self._provides("note")

    def service(self, service: Tuple) -> Tuple:
        return Tuple(
            id=service.id,
            basic=service.basic,
            show=service.show if self.state or (JABBER, "show") in self._unknown else None,
            extended=service.extended if self.state or (AG_PROJECTS, "extended") in self._unknown else None,
            contact=service.contact,
            priority=service.priority,
            notes=self.texts(service.notes) if self._has_notes else (),
            timestamp=service.timestamp,
            device_id=service.device_id if self._provides("deviceID") else None,
            user_input=self._use(service.user_input),
            service_class=service.service_class,
            relationship=service.relationship if self._provides("relationship") else None,
            class_=service.class_ if self._provides("class") else None,
            status_icon=service.status_icon if self._provides("status-icon") else None,
            capabilities=service.capabilities if self._all or (CAPS, "servcaps") in self._unknown else None,
            cipid=self._contact_information(service.cipid),
            status_extensions=self._extensions(service.status_extensions),
            extensions=self._extensions(service.extensions),
        )

    def person(self, person: Person) -> Person:
        has_mood = self._provides("mood")
        return Person(
            id=person.id,
            activities=person.activities if self.state else (),
            moods=person.moods if has_mood else (),
            mood_note=person.mood_note if has_mood else None,
            activity_note=person.activity_note if self.state else None,
            place_types=person.place_types if self._provides("place-type") else (),
            sphere=person.sphere if self._provides("sphere") else None,
            class_=person.class_ if self._provides("class") else None,
            time_offset=person.time_offset if self._provides("time-offset") else None,
            status_icon=person.status_icon if self._provides("status-icon") else None,
            user_input=self._use(person.user_input),
            cipid=self._contact_information(person.cipid),
            notes=self.texts(person.notes),
            timestamp=person.timestamp,
            extensions=self._extensions(person.extensions),
        )

    def device(self, device: Device) -> Device:
        return Device(
            id=device.id,
            device_id=device.device_id,
            user_input=self._use(device.user_input),
            class_=device.class_ if self._provides("class") else None,
            notes=self.texts(device.notes),
            timestamp=device.timestamp,
            extensions=self._extensions(device.extensions),
        )

    def texts(self, notes: tuple[Note, ...]) -> tuple[Note, ...]:
        """Notes, as far as they are provided and are not the state in a word."""
        if not notes or not self._provides("note"):
            return ()
        return notes if self.state else tuple([note for note in notes if not _is_state(note.text)])

    def _provides(self, attribute: str) -> bool:
        return self._all or attribute in self._attributes

    def _use(self, stated: UserInput | None) -> UserInput | None:
        if stated is None or not self._user_input:
            return None
        if self._user_input is UserInputDetail.FULL:
            return stated
        has_threshold = self._user_input is UserInputDetail.THRESHOLDS
        return UserInput(idle=stated.idle, threshold=stated.threshold if has_threshold else None)

    def _contact_information(self, stated: Cipid | None) -> Cipid | None:
        if stated is None or self._all:
            return stated
        withheld = [field for field, name in _CIPID_NAMES.items() if (CIPID, name) not in self._unknown]
        shown = replace(stated, **dict.fromkeys(withheld))
        return shown if shown != Cipid() else None

    def _extensions(self, extensions: Iterable[bytes]) -> tuple[bytes, ...]:
        if not extensions or self._all:
            return tuple(extensions)
        return tuple([octets for octets in extensions if self._shows(_name_of(octets))])

    def _shows(self, name: tuple[str, str]) -> bool:
        if name in self._unknown:
            return True
        attribute = _attribute_of(*name)
        if attribute in _OF_HUMANS and not self.state:
            return False
        return attribute in self._attributes


_OF_HUMANS: Final = frozenset(("activities", "note"))
"""Attributes that tell of the human wherever they stand, and of which the words are not looked at in elements without a field."""


def _attribute_of(namespace: str, local: str) -> str | None:
    """Which attribute with a permission of its own an element is that no value has a field for."""
    if namespace == OMA_PIDF:
        name = local.removeprefix("overriding-")
        return name if name in OMA_ATTRIBUTES else None
    if namespace == _GEOPRIV:
        return local if local == "geopriv" else None
    return local if namespace.startswith(_PIDF_FAMILY) and local in ATTRIBUTES else None


_START: Final = re.compile(rb'<(?:([^\s:/>]+):)?([^\s/>]+)((?: xmlns(?::[^=\s]+)?="[^"]*")*)')
_BINDING: Final = re.compile(rb' xmlns(?::([^=\s]+))?="([^"]*)"')


_LONGEST_NAME: Final = 1024
"""Octets in which the name of an element is looked for with its bindings; nobody can ask for a longer one."""


def _name_of(octets: bytes) -> tuple[str, str]:
    """Namespace and local name of an element in canonical form, in which bindings come first; empty if it is in none."""
    return _expanded_name(octets[:_LONGEST_NAME])


@lru_cache(maxsize=2048)
def _expanded_name(start: bytes) -> tuple[str, str]:
    match = _START.match(start)
    if match is None:
        return "", ""
    prefix, local, bindings = match[1], match[2], match[3]
    bound = {each[1]: each[2] for each in _BINDING.finditer(bindings)}
    namespace = bound.get(prefix, b"").replace(b"&amp;", b"&")
    return namespace.decode("utf-8", "replace"), local.decode("utf-8", "replace")


def _is_state(text: str) -> bool:
    """Whether a note is the word of a state, as phones write it that have no other way to say it."""
    word = text.replace(GUARD, "").strip().strip(".!…").strip().lower()
    return word in _STATE_WORDS or _REMARK.sub("", word).strip() in _STATE_WORDS


def _plain_order(service: Tuple) -> tuple[bool, float, str]:
    """Tuples ordered by what is always shown of them."""
    return (
        service.basic is not Basic.OPEN,
        -service.priority if service.priority is not None else 1.0,
        service.id,
    )
