"""A published document written into a stencil: the octets of its kind, with gaps for what is its own.

Most publications are alike but for the user's address, an id, a text and two times: one service, the person doing one of a
few things, nothing rare.  What such a document means, how it is shaped for a profile and written is found out once for each
kind, by ``canonical`` and the writer as always, from a document with stand-ins in these places; then it takes a fifth of
the time.  The kind is all the rest of the document, so documents of one kind differ in nothing else; and a text must be
*ordinary* (``wording``), so that nothing hangs on it.  Whatever is not of this sort is left to the long way.

Only what is chosen from the lists of the RFCs makes a kind, so there are some hundreds of them among any number of users.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sip2xmpp.documents import pidf
from sip2xmpp.documents.identifiers import legal_id
from sip2xmpp.documents.presence import Activity, Basic, Note, Person, Presence, Tuple
from sip2xmpp.documents.rpid import ACTIVITIES, MOODS, PLACE_TYPES, SPHERES
from sip2xmpp.documents.times import write_time
from sip2xmpp.documents.uris import absolute_uri, legal_uri
from sip2xmpp.documents.xml import text
from sip2xmpp.presence.canonical import canonical_forms, contact_shown, person_id, sip_entity
from sip2xmpp.presence.profiles import Profile, smaller
from sip2xmpp.presence.states import EXTENDED_WORDS
from sip2xmpp.presence.texts import words_of
from sip2xmpp.presence.wording import all_but, is_ordinary

KINDS: Final = 2048
"""Kinds remembered; when there are so many all are forgotten."""

_USER: Final = "sip:Stand~In~User@stand-in.invalid"
_SINCE: Final = datetime(1901, 2, 3, 4, 5, 6, tzinfo=UTC)
_PERSON_SINCE: Final = datetime(1902, 3, 4, 5, 6, 7, tzinfo=UTC)
_TEXT: Final = "Stand~In~Text"
_ID: Final = "Stand-In-Id"

_DO_NOT_DISTURB: Final = Activity("other", "dnd")
"""As ``composition`` says it; beside "busy" nothing hangs on its words."""

_GAPS: Final = (
    (f"{_USER};gr=Stand-In", "%(contact)s"),
    (_USER, "%(user)s"),
    (f'"{person_id(_USER)}"', '"%(person)s"'),
    (_ID, "%(id)s"),
    (_TEXT, "%(text)s"),
    (write_time(_SINCE), "%(since)s"),
    (write_time(_PERSON_SINCE), "%(person_since)s"),
)
"""What stands in for what, in the order in which it is looked for."""


_rest_of_tuple: Final = all_but(
    Tuple, "id", "basic", "show", "extended", "contact", "priority", "notes", "timestamp"
)
_rest_of_person: Final = all_but(
    Person, "id", "notes", "timestamp", "activities", "moods", "place_types", "sphere"
)
_NO_TUPLE: Final = _rest_of_tuple(Tuple(id=""))
_NO_PERSON: Final = _rest_of_person(Person(id=""))

_stencils: Final[dict[tuple[Any, ...], tuple[str, ...]]] = {}
"""Kind and profile -> the document and its ever smaller forms; none where a kind has none."""


def filled(document: Presence, entity: str, profile: Profile) -> bytes | None:
    """The octets of the document in a profile of PIDF, if they can be had cheaply; ``entity`` as for ``canonical``."""
    if len(document.tuples) != 1 or document.notes or document.devices or document.extensions:
        return None
    service = document.tuples[0]
    if service.timestamp is None or service.basic is not Basic.OPEN or _rest_of_tuple(service) != _NO_TUPLE:
        return None
    person: Person | None = None
    doing: tuple[Any, ...] | None = None
    if document.persons:
        person = document.persons[0]
        if len(document.persons) > 1 or person.timestamp is None or person.notes != service.notes:
            return None
        if _rest_of_person(person) != _NO_PERSON:
            return None
        doing = (person.activities, person.moods, person.place_types, person.sphere)
    words, language = "", None
    if service.notes:
        words, language = service.notes[0].text, service.notes[0].language
        if len(service.notes) > 1 or not is_ordinary(words):
            return None
    key = (
        profile.name,
        service.show,
        service.extended,
        service.priority,
        service.contact is None,
        words == "",
        language,
        doing,
    )
    stencils = _stencils.get(key)
    if stencils is None:
        if not _is_of_the_lists(service, person):
            return None
        if len(_stencils) >= KINDS:
            _stencils.clear()
        stencils = _stencils[key] = _cut(document, profile)
    user = sip_entity(entity)
    own, whose = legal_id(service.id), person_id(user)
    contact = (
        "" if service.contact is None else absolute_uri(contact_shown(service.contact, document.entity, user))
    )
    if contact is None or own == whose:
        return None
    gaps = {
        "user": legal_uri(user).replace("&", "&amp;"),
        "contact": contact.replace("&", "&amp;"),
        "person": whose,
        "id": own,
        "text": text(words),
        "since": write_time(service.timestamp),
        "person_since": "" if person is None or person.timestamp is None else write_time(person.timestamp),
    }
    octets = None
    for stencil in stencils:
        octets = (stencil % gaps).encode()
        if profile.size_goal is None or len(octets) <= profile.size_goal:
            break
    return octets


def _is_of_the_lists(service: Tuple, person: Person | None) -> bool:
    """Whether everything that makes the kind is one of few, and is written whatever the text."""
    if service.extended is not None and service.extended not in EXTENDED_WORDS:
        return False
    if any(note.language is not None and len(note.language) > 8 for note in service.notes):
        return False
    activities = person.activities if person is not None else ()
    if service.extended == "busy":
        activities = tuple([one for one in activities if one != _DO_NOT_DISTURB])
    return person is None or (
        all(one.name in ACTIVITIES and not one.text for one in activities)
        and not words_of(activities)
        and all(one.name in MOODS and not one.text for one in person.moods)
        and PLACE_TYPES.issuperset(person.place_types)
        and (person.sphere is None or person.sphere in SPHERES)
    )


def _cut(document: Presence, profile: Profile) -> tuple[str, ...]:
    """The stencils of a document's kind; none where the state hides whose document it is."""
    (service,) = document.tuples
    notes = tuple([Note(text=_TEXT, language=note.language) for note in service.notes])
    contact = None if service.contact is None else f"{_USER};gr=Stand-In"
    stand_in = replace(
        document,
        entity=_USER,
        tuples=(replace(service, id=_ID, contact=contact, notes=notes, timestamp=_SINCE),),
        persons=tuple([replace(one, notes=notes, timestamp=_PERSON_SINCE) for one in document.persons]),
    )
    sizes = (profile,) if profile.size_goal is None else (profile, *smaller(profile))
    stencils = []
    for shaped in canonical_forms(stand_in, sizes, entity=_USER):
        stencil = pidf.write(shaped).decode().replace("%", "%%")
        if f'"{_ID}"' not in stencil:
            return ()
        for stands_in, gap in _GAPS:
            stencil = stencil.replace(stands_in, gap)
        stencils.append(stencil)
    return tuple(stencils)
