"""The lenient half of the PIDF codec.

Nothing but ill-formed XML and a foreign root element is refused: what cannot be understood is left out, what is not
known is kept as canonical octets.  Elements are recognised by local name, because servers use at least four namespaces
for the same activities.  Ids are made legal and unique, so that the values can be written again.

Implements: RFC 3863 section 4; RFC 4479 section 3; RFC 4480 section 3; RFC 8048 section 6.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from sip2xmpp.documents import rpid
from sip2xmpp.documents.caps import read_servcaps
from sip2xmpp.documents.cipid import is_cipid, read_cipid
from sip2xmpp.documents.identifiers import digest_id, fresh_id, legal_id
from sip2xmpp.documents.namespaces import DATA_MODEL, PIDF, XML_LANG
from sip2xmpp.documents.presence import Activity, Basic, Device, Note, Person, Presence, Show, Tuple
from sip2xmpp.documents.times import read_time
from sip2xmpp.documents.xml import LOCAL_PARTS, Element, canonical_octets, children, content, parse
from sip2xmpp.errors import BadDocument

Fields = dict[str, Any]


def well_formed(octets: bytes) -> None:
    """Check, without reading it, that a document can be read.  Raises ``BadDocument``."""
    _root(octets)


def read(octets: bytes, *, now: float | None = None) -> Presence:
    """The value of a PIDF document.  Raises ``BadDocument`` when it is not well-formed or not ``presence``.

    With ``now`` (Unix time) elements outside their ``from``/``until`` window are left out, and ``changes_at`` of the
    value says when reading again would give something else.
    """
    return _Reading(now if now is not None and rpid.bounds(octets) else None).document(_root(octets))


def _root(octets: bytes) -> Element:
    """The tree of a document, which stays as it is: what is published is checked at once and read soon after."""
    return _lately_parsed(octets) if len(octets) <= _KEPT_SIZE else _parsed(octets)


def _parsed(octets: bytes) -> Element:
    root = parse(octets)
    if LOCAL_PARTS[root.tag] != "presence":
        raise BadDocument("the root element is not presence")
    return root


_KEPT_SIZE: Final = 4096
"""Octets of a document whose tree is kept for a while: ten times as much memory."""
#   More trees than a processor has near at hand cost each check more than they save.
_lately_parsed = lru_cache(maxsize=64)(_parsed)


class _Reading:
    """One pass over one document."""

    __slots__ = ("_ids", "_misplaced", "_window")

    def __init__(self, now: float | None) -> None:
        self._window = rpid.Window(now) if now is not None else None
        self._ids: set[str] = set()
        self._misplaced: list[Activity] = []

    def document(self, root: Element) -> Presence:
        tuples: list[Tuple] = []
        notes: list[Note] = []
        persons: list[Person] = []
        devices: list[Device] = []
        extensions: list[bytes] = []
        # COMPAT: baresip and Asterisk write person or note before the tuple; the order is not looked at.
        for child in children(root):
            name = LOCAL_PARTS[child.tag]
            if name == "tuple":
                service = self._tuple(child)
                if service is not None:
                    tuples.append(service)
            elif name == "person":
                persons.append(self._person(child))
            elif name == "note":
                _add_note(notes, child)
            elif name == "device":
                device = self._device(child)
                if device is not None:
                    devices.append(device)
            else:
                _add_extension(extensions, child)
        return Presence(
            entity=(root.get("entity") or "").strip(),
            tuples=tuple(tuples),
            notes=tuple(notes),
            persons=self._with_misplaced(persons),
            devices=tuple(devices),
            extensions=tuple(extensions),
            changes_at=self._window.changes_at if self._window is not None else None,
        )

    def _tuple(self, element: Element) -> Tuple | None:
        fields: Fields = {}
        notes: list[Note] = []
        extensions: list[bytes] = []
        cipid: dict[str, str] = {}
        for child in children(element):
            name = LOCAL_PARTS[child.tag]
            if name == "status":
                if not self._status(child, fields, notes):
                    return None
            elif name == "note":
                _add_note(notes, child)
            elif name == "contact":
                fields["contact"] = content(child) or None
                fields["priority"] = _read_priority(child.get("priority"))
            elif name == "timestamp":
                fields["timestamp"] = read_time(child.text)
            elif not self._known(child, name, _TUPLE_FIELDS, fields, cipid):
                if _must_understand(child):
                    return None
                _add_extension(extensions, child)
        if "im" in fields:
            word = fields.pop("im")
            notes = [note for note in notes if note is not word] or notes
        if cipid:
            fields["cipid"] = read_cipid(cipid)
        # COMPAT: Kamailio's pua_xmpp sends tuples without id, Asterisk ids that are no names.
        wanted = (element.get("id") or "").strip()
        wanted = legal_id(wanted) if wanted else digest_id(fields.get("contact") or "tuple")
        return Tuple(id=self._id(wanted), notes=tuple(notes), extensions=tuple(extensions), **fields)

    def _status(self, element: Element, fields: Fields, notes: list[Note]) -> bool:
        """Read a status; False when it says that it must not be used."""
        extensions: list[bytes] = []
        for child in children(element):
            name = LOCAL_PARTS[child.tag]
            if name == "basic":
                # COMPAT: old phones write "Open", or blanks around it; baresip "?" for what it does not know.
                words = child.text or ""
                fields["basic"] = _BASIC.get(words) or _BASIC.get(words.strip().lower())
            elif name == "show":
                words = child.text or ""
                fields["show"] = _SHOW.get(words) or _SHOW.get(words.strip().lower())
            elif name == "extended":
                fields["extended"] = content(child) or None
            elif name == "im":
                # COMPAT: Snom puts the word of its state here, sometimes without a note.
                count = len(notes)
                _add_note(notes, child)
                if len(notes) > count:
                    fields["im"] = notes[-1]
            elif not self._activities_inside(child):
                if _must_understand(child):
                    return False
                _add_extension(extensions, child)
        if extensions:
            fields["status_extensions"] = tuple(extensions)
        return True

    def _person(self, element: Element) -> Person:
        fields: Fields = {}
        notes: list[Note] = []
        extensions: list[bytes] = []
        cipid: dict[str, str] = {}
        activities: list[Activity] = []
        for child in children(element):
            name = LOCAL_PARTS[child.tag]
            if name == "activities":
                if self._window is None or self._window.covers(child):
                    found, note = rpid.read_activities(child)
                    activities.extend(found)
                    fields.setdefault("activity_note", note)
            elif name == "note":
                _add_note(notes, child)
            elif name == "mood":
                if "moods" not in fields and (self._window is None or self._window.covers(child)):
                    moods, fields["mood_note"] = rpid.read_moods(child)
                    fields["moods"] = tuple(moods)
            elif name == "timestamp":
                fields["timestamp"] = read_time(child.text)
            elif not self._known(child, name, _PERSON_FIELDS, fields, cipid):
                _add_extension(extensions, child)
        if cipid:
            fields["cipid"] = read_cipid(cipid)
        # COMPAT: CUCM and Kamailio send persons without id.
        return Person(
            id=self._id(legal_id((element.get("id") or "").strip() or "p1")),
            activities=tuple(activities),
            notes=tuple(notes),
            extensions=tuple(extensions),
            **fields,
        )

    def _device(self, element: Element) -> Device | None:
        fields: Fields = {}
        notes: list[Note] = []
        extensions: list[bytes] = []
        for child in children(element):
            name = LOCAL_PARTS[child.tag]
            if name == "note":
                _add_note(notes, child)
            elif not self._known(child, name, _DEVICE_FIELDS, fields, {}):
                _add_extension(extensions, child)
        if not fields.get("device_id"):
            return None
        wanted = legal_id((element.get("id") or "").strip() or digest_id(fields["device_id"]))
        return Device(id=self._id(wanted), notes=tuple(notes), extensions=tuple(extensions), **fields)

    def _known(
        self,
        child: Element,
        name: str,
        table: dict[str, tuple[str, Callable[[Element], Any]]],
        fields: Fields,
        cipid: dict[str, str],
    ) -> bool:
        """Whether the element is understood, or outside its window; its value goes to ``fields``, the first wins."""
        if self._window is not None and name != "timed-status" and not self._window.covers(child):
            return True
        entry = table.get(name)
        if entry is not None:
            field, reading = entry
            if fields.get(field) is None:
                fields[field] = reading(child)
            return True
        if is_cipid(child):
            cipid.setdefault(name, content(child))
            return True
        return self._activities_inside(child)

    def _activities_inside(self, element: Element) -> bool:
        """COMPAT: activities in a status (chan_sip, CUCM) or straight in a tuple are about the person all the same."""
        found = False
        for inner in element.iter("{*}activities"):
            found = True
            if self._window is None or self._window.covers(inner):
                self._misplaced.extend(rpid.read_activities(inner)[0])
        return found

    def _with_misplaced(self, persons: list[Person]) -> tuple[Person, ...]:
        if not self._misplaced:
            return tuple(persons)
        if not persons:
            return (Person(id=self._id("p1"), activities=tuple(dict.fromkeys(self._misplaced))),)
        stated = {activity for person in persons for activity in person.activities}
        added = tuple(dict.fromkeys(extra for extra in self._misplaced if extra not in stated))
        return (replace(persons[0], activities=persons[0].activities + added), *persons[1:])

    def _id(self, wanted: str) -> str:
        """COMPAT: Kamailio concatenates publications, ids included; the later of two equal ids is changed."""
        made = wanted if wanted not in self._ids else fresh_id(wanted, self._ids)
        self._ids.add(made)
        return made


_IN_PIDF: Final = "{" + PIDF + "}"
_OURS: Final = (_IN_PIDF, "{" + DATA_MODEL + "}")
_BASIC: Final = {"open": Basic.OPEN, "closed": Basic.CLOSED}
_SHOW: Final = {show.value: show for show in Show}
_TUPLE_FIELDS: Final[dict[str, tuple[str, Callable[[Element], Any]]]] = {
    "deviceID": ("device_id", lambda element: content(element) or None),
    "class": ("class_", lambda element: content(element) or None),
    "user-input": ("user_input", rpid.read_user_input),
    "relationship": ("relationship", rpid.read_choice),
    "service-class": ("service_class", rpid.read_choice),
    "status-icon": ("status_icon", lambda element: content(element) or None),
    "servcaps": ("capabilities", read_servcaps),
    # COMPAT: some XMPP gateways put show beside the status instead of inside it.
    "show": ("show", lambda element: _SHOW.get(content(element).lower())),
}
_PERSON_FIELDS: Final[dict[str, tuple[str, Callable[[Element], Any]]]] = {
    "class": ("class_", lambda element: content(element) or None),
    "place-type": ("place_types", rpid.read_place_types),
    "sphere": ("sphere", rpid.read_choice),
    "time-offset": ("time_offset", lambda element: rpid.read_integer(element.text)),
    "status-icon": ("status_icon", lambda element: content(element) or None),
    "user-input": ("user_input", rpid.read_user_input),
}
_DEVICE_FIELDS: Final[dict[str, tuple[str, Callable[[Element], Any]]]] = {
    "timestamp": ("timestamp", lambda element: read_time(element.text)),
    "deviceID": ("device_id", lambda element: content(element) or None),
    "class": ("class_", lambda element: content(element) or None),
    "user-input": ("user_input", rpid.read_user_input),
}


def _add_note(notes: list[Note], element: Element) -> None:
    words = (element.text or "").strip()
    if words:  # COMPAT: many clients send an empty note for "no text"
        notes.append(Note(text=words, language=element.get(XML_LANG) or None))


def _add_extension(extensions: list[bytes], element: Element) -> None:
    """Keep an element of a foreign namespace; the schemas allow no others, unknown ones of their own neither.

    One that has no canonical form is left out.
    """
    if element.tag[0] == "{" and not element.tag.startswith(_OURS):
        with suppress(BadDocument):
            extensions.append(canonical_octets(element))


def _read_priority(words: str | None) -> float | None:
    """COMPAT: priorities such as "1.5" and ".5" are seen; clamped to 0..1 and three decimals."""
    if not words:
        return None
    try:
        value = float(words)
    except ValueError:
        return None
    if 0.0 <= value <= 1.0:
        return round(value, 3)
    return None if math.isnan(value) else (1.0 if value > 1.0 else 0.0)


def _must_understand(element: Element) -> bool:
    """Whether an element we do not know forbids to use what contains it (RFC 3863, section 4.2.1)."""
    value = element.get(_IN_PIDF + "mustUnderstand") or element.get("mustUnderstand")
    return value is not None and value.strip() in ("true", "1")
