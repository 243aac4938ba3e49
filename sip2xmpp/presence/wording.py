"""A document that differs from one written before in its text at most: the text is put into the form of the other.

Jabber users change their status text more often than anything else, and to find out what a document means, to shape and to
write it costs five times as much as to put a text into two places.  So the form of a document, which is all of it but the
text, is made once with a stand-in for the text, by ``canonical`` and the writer as always.  That is right for *ordinary* texts
only, which are written as they are and never looked at: not the words that ``states`` and ``texts`` read or guard, nothing to
be cleaned or cut; and only for documents in which nothing else hangs on the text.  The rest takes the long way.

What states more than that is left out: a time, because it is never the same twice, and what is rare.  Forms are found by all
they hold, so only what is equal is shared.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, Final

from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Note, Person, Presence, Tuple
from sip2xmpp.documents.xml import text
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.presence.profiles import Profile
from sip2xmpp.presence.states import NOTE_WORDS
from sip2xmpp.presence.texts import NOTE_LIMIT

FORMS: Final = 4096
"""Forms remembered; when there are so many all are forgotten."""

LONGEST: Final = 2048
"""Octets of a form that is remembered."""

STAND_IN: Final = "Text~Of~The~User"
"""What no part of a document is made into, unless it is that already."""

_TUPLE_FORM: Final = ("id", "basic", "show", "extended", "contact", "priority")
"""What the form of a tuple is made of; nothing else is stated."""


def all_but(kind: type[Any], *names: str) -> Callable[[Any], Any]:
    """What gives all fields of a value but those named, as one tuple."""
    return attrgetter(*(field.name for field in fields(kind) if field.name not in names))


_form_of_tuple: Final = attrgetter(*_TUPLE_FORM)
_rest_of_tuple: Final = all_but(Tuple, "notes", *_TUPLE_FORM)
_rest_of_person: Final = all_but(Person, "notes", "id")
_rest_of_document: Final = all_but(Presence, "entity", "tuples", "persons")
_NO_TUPLE: Final = _rest_of_tuple(Tuple(id=""))
_NO_PERSON: Final = _rest_of_person(Person(id=""))
_NO_DOCUMENT: Final = _rest_of_document(Presence(entity=""))

_forms: Final[dict[tuple[Any, ...], tuple[bytes, ...]]] = {}


def reworded(document: Presence, entity: str, profile: Profile) -> bytes | None:
    """The octets of the document in a profile of PIDF, if they can be had cheaply; ``entity`` as for ``canonical``."""
    if len(document.tuples) != 1 or _rest_of_document(document) != _NO_DOCUMENT:
        return None
    service = document.tuples[0]
    notes = service.notes
    if _rest_of_tuple(service) != _NO_TUPLE or not _is_plain(document.persons, notes):
        return None
    human = (document.persons[0].id, notes[0].language) if notes else None
    key = (profile.name, entity, document.entity, human, *_form_of_tuple(service))
    form = _forms.get(key)
    if form is None:
        form = _form(document, entity, profile)
        if sum(map(len, form)) > LONGEST or STAND_IN in repr(key):
            return None
        if len(_forms) >= FORMS:
            _forms.clear()
        _forms[key] = form
    octets = (text(notes[0].text) if notes else "").encode().join(form)
    return octets if profile.size_goal is None or len(octets) <= profile.size_goal else None


def is_ordinary(words: str) -> bool:
    """Whether a text is written as it is, beside any state."""
    if len(words) > NOTE_LIMIT or not words.isprintable() or words != words.strip():
        return False
    word = words.lower()
    return bool(word) and word not in NOTE_WORDS and not word.startswith("ring")


def _is_plain(persons: tuple[Person, ...], notes: tuple[Note, ...]) -> bool:
    """Whether the human is said to have one ordinary text, the tuple's, or nothing is said of the human at all."""
    if not notes or not persons:
        return not notes and not persons
    if len(persons) > 1 or len(notes) > 1 or persons[0].notes != notes:
        return False
    return _rest_of_person(persons[0]) == _NO_PERSON and is_ordinary(notes[0].text)


def _form(document: Presence, entity: str, profile: Profile) -> tuple[bytes, ...]:
    """What stands before, between and after the text; all of it if there is none."""
    if document.persons:
        (service,), (person,) = document.tuples, document.persons
        notes = (Note(text=STAND_IN, language=service.notes[0].language),)
        document = replace(
            document, tuples=(replace(service, notes=notes),), persons=(replace(person, notes=notes),)
        )
    return tuple(pidf.write(canonical(document, profile=profile, entity=entity)).split(STAND_IN.encode()))
