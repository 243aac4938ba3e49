"""The neutral model of presence: PIDF with the data model, RPID, CIPID and capabilities as frozen values.

Every front end and back end speaks in these values; ``documents.pidf`` reads and writes them.  A value says
what was *stated*: an attribute that is None or an empty tuple means nothing was said, never "no".  Activities
and moods keep document order, because clients differ in which one they take.  Unknown extension elements are
kept as canonical XML octets and written back where they stood.

Several of these values are made at every change of anybody's presence, and the large ones are copied with a few fields
changed.  So they are frozen for the type checker only: to refuse assignments would cost more than half of making one.

Implements: RFC 3863 (PIDF), RFC 4479 (data model), RFC 4480 (RPID), RFC 4482 (CIPID), RFC 8048 section 6 (show).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen_value(kind: type[T]) -> type[T]:
    """A dataclass that nothing changes once it is made."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)


class Basic(Enum):
    """Whether communication by this tuple's contact is possible (RFC 3863, section 4.1.4)."""

    __hash__ = object.__hash__  # as they are compared, and at a fifth of the price

    OPEN = "open"
    CLOSED = "closed"


class Show(Enum):
    """The XMPP sub-state, carried inside PIDF as ``<show xmlns='jabber:client'>`` (RFC 8048)."""

    __hash__ = object.__hash__

    CHAT = "chat"
    AWAY = "away"
    XA = "xa"
    DND = "dnd"


@frozen_value
class Note:
    """Human-readable text; ``language`` is an RFC 5646 tag or None when none was stated."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """One RPID activity: its element name and its text, which only ``other`` should have (RFC 4480, section 3.2)."""

    name: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Mood:
    """One RPID mood: its element name, and the text when the name is ``other`` (RFC 4480, section 3.4)."""

    name: str
    text: str = ""


@frozen_value
class UserInput:
    """Recent use of the device (RFC 4480, section 3.15); ``threshold`` in seconds."""

    idle: bool
    last_input: datetime | None = None
    threshold: int | None = None


@frozen_value
class Cipid:
    """Contact information (RFC 4482): URIs, except ``display_name``."""

    card: str | None = None
    display_name: str | None = None
    homepage: str | None = None
    icon: str | None = None
    map: str | None = None
    sound: str | None = None


@frozen_value
class Capabilities:
    """The boolean media and the method lists of RFC 5196 ``servcaps`` that this program uses."""

    audio: bool | None = None
    video: bool | None = None
    text: bool | None = None
    message: bool | None = None
    methods: tuple[str, ...] = ()
    event_packages: tuple[str, ...] = ()


@frozen_value
class Tuple:
    """One way to reach the presentity (RFC 3863, section 4.1.2).

    ``id`` is an xs:ID, unique in the document; ``priority`` is 0.0 to 1.0; ``timestamp`` is the aware UTC time
    of the last change; ``extended`` is the AG Projects state word; ``status_extensions`` and ``extensions`` are
    unknown elements inside and after ``status``.
    """

    id: str
    basic: Basic | None = None
    show: Show | None = None
    extended: str | None = None
    contact: str | None = None
    priority: float | None = None
    notes: tuple[Note, ...] = ()
    timestamp: datetime | None = None
    device_id: str | None = None
    user_input: UserInput | None = None
    service_class: str | None = None
    relationship: str | None = None
    class_: str | None = None
    status_icon: str | None = None
    capabilities: Capabilities | None = None
    cipid: Cipid | None = None
    status_extensions: tuple[bytes, ...] = ()
    extensions: tuple[bytes, ...] = ()

    def restated(
        self,
        *,
        basic: Basic | None,
        show: Show | None,
        extended: str | None,
        contact: str | None,
        priority: float | None,
        notes: tuple[Note, ...],
        timestamp: datetime | None,
        user_input: UserInput | None,
        status_extensions: tuple[bytes, ...],
        extensions: tuple[bytes, ...],
    ) -> "Tuple":
        """The tuple in another state; ``dataclasses.replace`` does the same in twice as long."""
        return Tuple(
            id=self.id,
            basic=basic,
            show=show,
            extended=extended,
            contact=contact,
            priority=priority,
            notes=notes,
            timestamp=timestamp,
            device_id=self.device_id,
            user_input=user_input,
            service_class=self.service_class,
            relationship=self.relationship,
            class_=self.class_,
            status_icon=self.status_icon,
            capabilities=self.capabilities,
            cipid=self.cipid,
            status_extensions=status_extensions,
            extensions=extensions,
        )


@frozen_value
class Person:
    """The human (RFC 4479, section 3.2) with RPID attributes.

    ``activities`` and ``moods`` empty means nothing stated; ``place_types`` are RFC 4589 tokens or free text;
    ``time_offset`` is minutes from UTC.
    """

    id: str
    activities: tuple[Activity, ...] = ()
    moods: tuple[Mood, ...] = ()
    mood_note: str | None = None
    activity_note: str | None = None
    place_types: tuple[str, ...] = ()
    sphere: str | None = None
    class_: str | None = None
    time_offset: int | None = None
    status_icon: str | None = None
    user_input: UserInput | None = None
    cipid: Cipid | None = None
    notes: tuple[Note, ...] = ()
    timestamp: datetime | None = None
    extensions: tuple[bytes, ...] = ()

    def restated(
        self,
        *,
        name: str,
        activities: tuple[Activity, ...],
        mood_note: str | None,
        user_input: UserInput | None,
        notes: tuple[Note, ...],
        timestamp: datetime | None,
        extensions: tuple[bytes, ...],
    ) -> "Person":
        """The person with the id ``name`` in another state, and no note in its activities."""
        return Person(
            id=name,
            activities=activities,
            moods=self.moods,
            mood_note=mood_note,
            place_types=self.place_types,
            sphere=self.sphere,
            class_=self.class_,
            time_offset=self.time_offset,
            status_icon=self.status_icon,
            user_input=user_input,
            cipid=self.cipid,
            notes=notes,
            timestamp=timestamp,
            extensions=extensions,
        )


@frozen_value
class Device:
    """A device (RFC 4479, section 3.3)."""

    id: str
    device_id: str
    user_input: UserInput | None = None
    class_: str | None = None
    notes: tuple[Note, ...] = ()
    timestamp: datetime | None = None
    extensions: tuple[bytes, ...] = ()


@frozen_value
class Presence:
    """A whole document.  ``entity`` is the presentity's URI as written (``sip:``, ``pres:``, ...).

    ``changes_at`` (Unix time) is when reading the same octets again would give another value, because the validity
    of some element begins or ends then (RFC 4480, section 3.1); it is never written.
    """

    entity: str
    tuples: tuple[Tuple, ...] = ()
    notes: tuple[Note, ...] = ()
    persons: tuple[Person, ...] = ()
    devices: tuple[Device, ...] = ()
    extensions: tuple[bytes, ...] = ()
    changes_at: float | None = None
