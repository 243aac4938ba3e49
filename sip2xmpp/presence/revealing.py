"""The part of a presence document that permissions show.

First tuples, devices and persons are selected, then attributes of what is left.  What nothing provides is withheld, also where it
says the same in another way: a sub-state is an activity, wherever it is written.

Implements: RFC 5025 sections 3.3.1, 3.3.2 and 5 (order of filtering).
"""

from dataclasses import replace

from sip2xmpp.documents.permissions import By, Permissions, Selected
from sip2xmpp.documents.presence import Person, Presence, Tuple


def reveal(document: Presence, permissions: Permissions) -> Presence:
    """What of ``document`` these permissions show; to reveal it again changes nothing."""
    return replace(
        document,
        tuples=tuple(
            [_service(each, permissions) for each in document.tuples if _selects(permissions.services)]
        ),
        persons=tuple(
            [_person(each, permissions) for each in document.persons if _selects(permissions.persons)]
        ),
        devices=document.devices if _selects(permissions.devices) else (),
        notes=(),
        extensions=(),
    )


def _selects(selected: frozenset[Selected]) -> bool:
    return any(each.by is By.ALL for each in selected)


def _service(service: Tuple, permissions: Permissions) -> Tuple:
    if permissions.all_attributes:
        return service
    return Tuple(id=service.id, basic=service.basic, contact=service.contact, timestamp=service.timestamp)


def _person(person: Person, permissions: Permissions) -> Person:
    if permissions.all_attributes:
        return person
    shown = Person(id=person.id, timestamp=person.timestamp)
    return replace(shown, activities=person.activities) if "activities" in permissions.attributes else shown
