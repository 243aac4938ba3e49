"""Who is registered where: the document of the ``reg`` event package, read strictly and written.

The values say exactly what the document says.  Which documents apply to what is known already (``version``, ``full``) is
for whoever follows a registrar to decide.  Reading is strict where a mistake would make a phone reachable or not: names
of the namespace, required attributes and the words of states and events.  What other namespaces add is ignored.

Implements: RFC 3680 sections 5.2 to 5.4 (``application/reginfo+xml``); RFC 5628 section 5.2 (public GRUU).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from sip2xmpp.documents.namespaces import GRUU_INFORMATION, REGISTRATION_INFORMATION, XML_LANG
from sip2xmpp.documents.uris import legal_uri
from sip2xmpp.documents.xml import Element, attribute, children, content, local_name, parse, text
from sip2xmpp.errors import BadDocument

E = TypeVar("E", bound=Enum)

CONTENT_TYPE: Final = "application/reginfo+xml"
SIZE_LIMIT: Final = 262_144

LARGEST: Final = 2**64 - 1
"""The greatest number that an ``xs:unsignedLong`` holds; versions are not limited further when they are read."""

_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_DECIMAL = re.compile(r"[0-9]{0,3}(?:\.[0-9]{0,6})?")


class RegistrationState(Enum):
    """Where the state machine of an address of record is: INIT without contacts, TERMINATED when the last one just went."""

    INIT = "init"
    ACTIVE = "active"
    TERMINATED = "terminated"


class ContactEvent(Enum):
    """What brought a contact into the state it has (RFC 3680, section 5.2)."""

    REGISTERED = "registered"
    CREATED = "created"
    REFRESHED = "refreshed"
    SHORTENED = "shortened"
    EXPIRED = "expired"
    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    UNREGISTERED = "unregistered"
    REJECTED = "rejected"

    @property
    def keeps(self) -> bool:
        """Whether the contact is there after it."""
        return self in _KEEPING


_KEEPING: Final = frozenset(
    (ContactEvent.REGISTERED, ContactEvent.CREATED, ContactEvent.REFRESHED, ContactEvent.SHORTENED)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One contact of an address of record.  ``id`` stays the same as long as the contact is spoken of.

    ``expires``, ``retry_after`` and ``duration_registered`` are seconds.  ``unknown_params`` are the parameters of the
    Contact header that the document has no place for, by name; the value is empty for a parameter without one.
    """

    id: str
    uri: str
    active: bool
    event: ContactEvent
    expires: int | None = None
    retry_after: int | None = None
    duration_registered: int | None = None
    q: float | None = None
    call_id: str | None = None
    cseq: int | None = None
    display_name: str | None = None
    display_language: str | None = None
    unknown_params: tuple[tuple[str, str], ...] = ()
    public_gruu: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The contacts of one address of record ``aor``, a URI."""

    aor: str
    id: str
    state: RegistrationState
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationInformation:
    """One document.  Not ``full``: contacts and registrations that it does not name are as they were."""

    version: int
    full: bool
    registrations: tuple[Registration, ...] = ()


def read(octets: bytes) -> RegistrationInformation:
    """The value of a document.  Raises ``BadDocument``, and nothing else."""
    root = parse(octets, limit=SIZE_LIMIT)
    if root.tag != f"{{{REGISTRATION_INFORMATION}}}reginfo":
        raise BadDocument("the root element is not reginfo")
    version = _number(root, "version")
    if version is None:
        raise BadDocument("reginfo without version")
    state = _required(root, "state")
    if state not in {"full", "partial"}:
        raise BadDocument("the state of reginfo is neither full nor partial")
    return RegistrationInformation(
        version=version,
        full=state == "full",
        registrations=tuple([_registration(element) for element in _named(root, "registration")]),
    )


def write(information: RegistrationInformation) -> bytes:
    """The document."""
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<reginfo xmlns="{REGISTRATION_INFORMATION}"',
        f' version="{information.version}" state="{"full" if information.full else "partial"}">',
    ]
    for registration in information.registrations:
        parts.append(
            f'<registration aor="{_uri_attribute(registration.aor)}" id="{attribute(registration.id)}"'
            f' state="{registration.state.value}">'
        )
        for contact in registration.contacts:
            _write_contact(parts, contact)
        parts.append("</registration>")
    parts.append("</reginfo>")
    return "".join(parts).encode()


def _write_contact(parts: list[str], contact: Contact) -> None:
    parts.append(
        f'<contact id="{attribute(contact.id)}" state="{"active" if contact.active else "terminated"}"'
        f' event="{contact.event.value}"'
    )
    for name, number in (
        ("expires", contact.expires),
        ("retry-after", contact.retry_after),
        ("duration-registered", contact.duration_registered),
        ("cseq", contact.cseq),
    ):
        if number is not None:
            parts.append(f' {name}="{min(max(number, 0), LARGEST)}"')
    if contact.q is not None:
        parts.append(f' q="{contact.q:.3f}"')
    if contact.call_id is not None:
        parts.append(f' callid="{attribute(contact.call_id)}"')
    parts.append(f"><uri>{text(legal_uri(contact.uri))}</uri>")
    if contact.display_name is not None:
        language = f' xml:lang="{attribute(contact.display_language)}"' if contact.display_language else ""
        parts.append(f"<display-name{language}>{text(contact.display_name)}</display-name>")
    for name, value in contact.unknown_params:
        parts.append(f'<unknown-param name="{attribute(name)}">{text(value)}</unknown-param>')
    if contact.public_gruu is not None:
        uri = _uri_attribute(contact.public_gruu)
        parts.append(f'<pub-gruu xmlns="{GRUU_INFORMATION}" uri="{uri}"/>')
    parts.append("</contact>")


def _uri_attribute(uri: str) -> str:
    return attribute(legal_uri(uri))


def _registration(element: Element) -> Registration:
    return Registration(
        aor=_required(element, "aor"),
        id=_required(element, "id"),
        state=_word(element, "state", _STATES),
        contacts=tuple([_contact(child) for child in _named(element, "contact")]),
    )


def _contact(element: Element) -> Contact:
    state = _required(element, "state")
    if state not in {"active", "terminated"}:
        raise BadDocument("the state of a contact is neither active nor terminated")
    uri = next((content(child) for child in _named(element, "uri")), "")
    if not uri:
        raise BadDocument("a contact without uri")
    name = next(_named(element, "display-name"), None)
    language = name.get(XML_LANG) if name is not None else None
    gruu = next(
        (child.get("uri") for child in children(element) if child.tag == f"{{{GRUU_INFORMATION}}}pub-gruu"),
        None,
    )
    return Contact(
        id=_required(element, "id"),
        uri=uri,
        active=state == "active",
        event=_word(element, "event", _EVENTS),
        expires=_number(element, "expires"),
        retry_after=_number(element, "retry-after"),
        duration_registered=_number(element, "duration-registered"),
        q=_preference(element.get("q")),
        call_id=element.get("callid"),
        cseq=_number(element, "cseq"),
        display_name=content(name) if name is not None else None,
        display_language=language or None,
        unknown_params=tuple(
            [(_required(child, "name"), content(child)) for child in _named(element, "unknown-param")]
        ),
        public_gruu=gruu or None,
    )


def _named(element: Element, name: str) -> Iterator[Element]:
    return (child for child in children(element) if child.tag == f"{{{REGISTRATION_INFORMATION}}}{name}")


def _required(element: Element, name: str) -> str:
    value = (element.get(name) or "").strip()
    if not value:
        raise BadDocument(f"{local_name(element)} without {name}")
    return value


def _number(element: Element, name: str) -> int | None:
    value = element.get(name)
    if value is None:
        return None
    if _NUMBER.fullmatch(value.strip()) is None or int(value) > LARGEST:
        raise BadDocument(f"{name} is not a number")
    return int(value)


def _preference(value: str | None) -> float | None:
    """The q-value.  COMPAT: Kamailio may write a negative one for a contact that stated none; it counts as not stated."""
    value = (value or "").strip()
    if not value or _DECIMAL.fullmatch(value) is None or value == ".":
        return None
    q = float(value)
    return q if q <= 1.0 else None


_STATES: Final = {state.value: state for state in RegistrationState}
_EVENTS: Final = {event.value: event for event in ContactEvent}


def _word(element: Element, name: str, words: dict[str, E]) -> E:
    word = _required(element, name)
    if word not in words:
        raise BadDocument(f"{word[:40]} is no {name} of a {local_name(element)}")
    return words[word]
