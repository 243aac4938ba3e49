"""A resource-lists document as people see it: groups, with contacts in them.

The groups of a document are told in the order of the document, each with its path from the outermost group to itself, so that
a group inside another one follows it.  What is not a contact is not told, only that it is there: references to other lists, and
what clients keep in namespaces of their own.  ``contact_writing`` makes a document say something else and leaves all of that.

Implements: RFC 4826 section 3.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from sip2xmpp.documents.namespaces import RESOURCE_LISTS
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.xcap_tree import Element
from sip2xmpp.documents.xcap_tree import read as read_tree
from sip2xmpp.documents.xml import clean
from sip2xmpp.errors import BadDocument, BadInput, Refused

NEW_GROUP: Final = "Contacts"
"""The group of a contact for which none is named where there is no group yet."""

MOST_NAMES: Final = 1_000_000
"""Characters that the ids of all groups may have together: a long name stands in the id of each group inside it."""

CONVENTIONS: Final = ("oma_", "sipsimple_", "dialog_")
"""COMPAT: OMA clients and Blink keep lists of their own, under names that begin so, which no person means."""
_BUDDIES: Final = "oma_buddylist"


class Taken(Refused):
    """There is such a contact or group already."""


class Unknown(Refused):
    """There is no such contact or group."""


@frozen_value
class Contact:
    """An entry: ``name`` is what its owner calls it."""

    uri: str
    name: str = ""


@frozen_value
class Group:
    """A list.  ``path`` has the names of the groups around it and its own, empty for a list without name.

    ``id`` is how a document calls it, empty for one that is not in there yet; ``references`` are lists and entries elsewhere that
    it takes in, and ``holds_more`` says that there is something in it of another namespace.
    """

    path: tuple[str, ...]
    id: str = ""
    display_name: str = ""
    contacts: tuple[Contact, ...] = ()
    references: tuple[str, ...] = ()
    holds_more: bool = False

    @property
    def name(self) -> str:
        return self.path[-1]


Groups = tuple[Group, ...]
Means = Callable[[str], bool]
"""Whether a URI is that of a contact that somebody means."""


# Reading


def read(octets: bytes) -> Groups:
    """The groups of a document.  Raises ``BadDocument``."""
    root = read_tree(octets)
    if root.name != (RESOURCE_LISTS, "resource-lists"):
        raise BadDocument("not a resource-lists document")
    return tuple(_group(element, id_, path) for element, id_, path in lists_in(root))


def lists_in(root: Element) -> Iterator[tuple[Element, str, tuple[str, ...]]]:
    """Every list in a document, in its order, with its id and its path.  Raises ``BadDocument``."""
    left = MOST_NAMES
    for each in _lists_in(root, "", ()):
        left -= len(each[1])
        if left < 0:
            raise BadDocument("the names of its groups are too long")
        yield each


def _lists_in(
    parent: Element, id_: str, path: tuple[str, ...]
) -> Iterator[tuple[Element, str, tuple[str, ...]]]:
    used = set()
    for number, child in enumerate(parent.all(RESOURCE_LISTS, "list"), 1):
        name = child.get("name")
        segment = name.replace("~", "~0").replace("/", "~1")
        if not segment or segment in used:
            segment = f"~.{number}"
        used.add(segment)
        own = f"{id_}/{segment}" if id_ else segment
        yield child, own, (*path, name)
        yield from _lists_in(child, own, (*path, name))


def entries_in(parent: Element) -> list[Element]:
    """The entries directly in a list that name somebody."""
    return [child for child in parent.all(RESOURCE_LISTS, "entry") if child.get("uri").strip()]


def display_name(element: Element) -> str:
    """The display name directly in an entry or a list, on one line."""
    child = element.first(RESOURCE_LISTS, "display-name")
    return "" if child is None else " ".join(child.text.split())


def _group(element: Element, id_: str, path: tuple[str, ...]) -> Group:
    references = [child.get("ref") for child in element.all(RESOURCE_LISTS, "entry-ref")]
    references += [child.get("anchor") for child in element.all(RESOURCE_LISTS, "external")]
    return Group(
        id=id_,
        path=path,
        display_name=display_name(element),
        contacts=tuple(
            Contact(uri=entry.get("uri").strip(), name=display_name(entry)) for entry in entries_in(element)
        ),
        references=tuple(references),
        holds_more=any(child.namespace != RESOURCE_LISTS for child in element.children),
    )


# Changes


def default_group(groups: Groups) -> Group | None:
    """The group for a contact where nobody says which; None: a new one, called ``NEW_GROUP``."""
    plain = [each for each in groups if len(each.path) == 1 and each.name]
    buddies = [each for each in plain if each.name == _BUDDIES]
    return next(iter([*buddies, *(each for each in plain if not each.name.startswith(CONVENTIONS))]), None)


def found(groups: Groups, wanted: str) -> Group | None:
    """The group of this id, else the first one at the top that is called so."""
    of_id = next((each for each in groups if each.id == wanted), None)
    return of_id or next(
        (each for each in groups if len(each.path) == 1 and wanted in (each.name, each.display_name)), None
    )


def known(groups: Groups, wanted: str) -> Group:
    """The same; raises ``Unknown``."""
    group = found(groups, wanted)
    if group is None:
        raise Unknown(f"there is no group {wanted[:100]}")
    return group


def contacts(groups: Iterable[Group], means: Means) -> list[tuple[Group, Contact]]:
    """Where a contact is."""
    return [(group, each) for group in groups for each in group.contacts if means(each.uri)]


def with_contact(
    groups: Groups, contact: Contact, means: Means, wanted: Sequence[str] | None, *, named: bool
) -> Groups:
    """The groups with a contact in those that are ``wanted`` and in no others.

    None leaves it where it is, or puts a new one into the default group; a group at the top that is not there yet is made.
    ``named`` says that the name is to be that of ``contact``, else the one it has stays.  Raises ``BadInput`` for a group that
    cannot be called so.
    """
    here = contacts(groups, means)
    if wanted is None:
        first = default_group(groups)
        goals = [group for group, _ in here] or [first if first is not None else Group(path=(NEW_GROUP,))]
    else:
        goals = [found(groups, each) or _new(groups, each) for each in wanted]
    before = {id(group) for group in groups}
    made = dict.fromkeys(group for group in goals if id(group) not in before)
    there = {id(group) for group in goals}
    if here and not named:
        contact = replace(contact, name=here[0][1].name)
    changed = []
    for group in (*groups, *made):
        mine = [each for each in group.contacts if means(each.uri)]
        if id(group) in there:
            kept = tuple(
                replace(each, name=contact.name) if named and means(each.uri) else each
                for each in group.contacts
            )
            changed.append(replace(group, contacts=kept if mine else (*kept, _as(contact, here))))
        elif mine:
            changed.append(without(group, means))
        else:
            changed.append(group)
    return tuple(changed)


def _new(groups: Groups, name: str) -> Group:
    """The group that is called so as XML can say it: one that is there, or another one at the top."""
    called = " ".join(clean(name).split())
    if not called:
        raise BadInput("a group has a name")
    return found(groups, called) or Group(path=(called,))


def without(group: Group, means: Means) -> Group:
    """A group without a contact."""
    return replace(group, contacts=tuple(each for each in group.contacts if not means(each.uri)))


def _as(contact: Contact, here: Sequence[tuple[Group, Contact]]) -> Contact:
    """A contact that moves keeps the URI it had."""
    return replace(contact, uri=here[0][1].uri) if here else contact


def with_group(groups: Groups, name: str, display: str, parent: str | None) -> Groups:
    """The groups with one more.  Raises ``Taken`` or ``Unknown``."""
    around = known(groups, parent).path if parent is not None else ()
    path = (*around, name)
    if any(each.path == path for each in groups):
        raise Taken(f"there is a group {name[:100]} already")
    return _after(
        groups,
        known(groups, parent) if parent is not None else None,
        [Group(path=path, display_name=display)],
    )


def changed_group(
    groups: Groups, group: Group, *, name: str | None, display: str | None, parent: str | None
) -> Groups:
    """The groups with another name, display name or parent of one; ``parent`` is empty for the top, None as it is.

    Raises ``Taken``, ``Unknown``, or ``BadInput`` for a group that would be inside itself.
    """
    inner = inside(groups, group)
    goal = known(groups, parent) if parent else None
    if goal is not None and goal in (group, *inner):
        raise BadInput("a group cannot be inside itself")
    around = group.path[:-1] if parent is None else () if goal is None else goal.path
    path = (*around, group.name if name is None else name)
    going = {id(each) for each in (group, *inner)}
    others = [each for each in groups if id(each) not in going]
    if path != group.path and any(each.path == path for each in others):
        raise Taken(f"there is a group {path[-1][:100]} already")
    moved = [replace(each, path=(*path, *each.path[len(group.path) :])) for each in (group, *inner)]
    if display is not None:
        moved[0] = replace(moved[0], display_name=display)
    if parent is None or around == group.path[:-1]:
        at = groups.index(group)
        return (*groups[:at], *moved, *groups[at + len(moved) :])
    return _after(tuple(others), goal, moved)


def without_group(groups: Groups, group: Group) -> Groups:
    """The groups without one, and without what is inside it."""
    gone = {each.id for each in (group, *inside(groups, group))}
    return tuple(each for each in groups if each.id not in gone)


def inside(groups: Groups, group: Group) -> Groups:
    """The groups inside one."""
    at = groups.index(group) + 1
    end = at
    while end < len(groups) and len(groups[end].path) > len(group.path):
        end += 1
    return groups[at:end]


def _after(groups: Groups, parent: Group | None, more: Sequence[Group]) -> Groups:
    """The groups with more at the end of one of them, or of all."""
    if parent is None:
        return (*groups, *more)
    at = groups.index(parent) + 1 + len(inside(groups, parent))
    return (*groups[:at], *more, *groups[at:])
