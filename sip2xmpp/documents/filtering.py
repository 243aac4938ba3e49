"""Applying a watcher's filters to documents, as octets: what is left of one, and whether a change is of interest.

What the schema of a presence document demands stays whatever a filter says: the root, the ids, the status of a tuple.  A
document that is too large to be filtered within limits stays whole and pulls every trigger, because the watcher may see all
of it anyway.

Implements: RFC 4661 sections 3.5 and 3.6 (what, trigger); RFC 4660 section 5.3 (the content of a notification).
"""

from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from sip2xmpp.documents import xml
from sip2xmpp.documents.event_filter import Change, Choice, Filter
from sip2xmpp.documents.namespaces import DATA_MODEL, PIDF
from sip2xmpp.documents.selectors import Attribute, Item, Looks, TooLong

__all__ = ["is_pulled", "kept"]

_MANDATORY_ATTRIBUTES: Final = frozenset(("id", "entity", "version"))
_MANDATORY: Final = {
    f"{{{PIDF}}}tuple": (f"{{{PIDF}}}status",),
    f"{{{DATA_MODEL}}}device": (f"{{{DATA_MODEL}}}deviceID",),
}
"""Children that an element cannot be without."""


def kept(octets: bytes, filters: tuple[Filter, ...]) -> bytes:
    """What the filters leave of a document; several leave what any of them does."""
    wanted = [each for each in filters if each.include or each.exclude]
    if len(wanted) < len(filters) or not wanted:
        return octets  # one that chooses nothing wants everything
    root = xml.parse(octets, limit=len(octets))
    looks = Looks()
    try:
        left = _Left()
        for each in wanted:
            left.add(_wanted(root, each, looks))
    except TooLong:
        return octets
    _prune(root, left)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="UTF-8")


def is_pulled(before: bytes | None, after: bytes, filters: tuple[Filter, ...]) -> bool:
    """Whether a trigger fires; a filter without triggers fires at everything."""
    if before is None or any(not each.triggers for each in filters):
        return True
    looks = Looks()
    old, new = xml.parse(before, limit=len(before)), xml.parse(after, limit=len(after))
    try:
        return any(
            all(_happened(change, old, new, looks) for change in trigger)
            for each in filters
            for trigger in each.triggers
        )
    except TooLong:
        return True


# what is left


@dataclass(slots=True)
class _Left:
    """Elements and attributes that are kept."""

    elements: set[xml.Element] = field(default_factory=set)
    attributes: set[tuple[xml.Element, str]] = field(default_factory=set)

    def add(self, other: "_Left") -> None:
        self.elements |= other.elements
        self.attributes |= other.attributes

    def add_whole(self, element: xml.Element, looks: Looks) -> None:
        for inner in element.iter("*"):
            looks.take()
            self.elements.add(inner)
            self.attributes.update((inner, str(name)) for name in inner.attrib)

    def take_away(self, element: xml.Element, looks: Looks) -> None:
        for inner in element.iter("*"):
            looks.take()
            self.elements.discard(inner)


def _wanted(root: xml.Element, filter_: Filter, looks: Looks) -> _Left:
    """What one filter wants, with the way to it."""
    left = _Left()
    if not filter_.include:
        left.add_whole(root, looks)
    for choice in filter_.include:
        for item in _selected(choice, root, looks):
            element = item.element if isinstance(item, Attribute) else item
            if isinstance(item, Attribute):
                left.elements.add(element)
                left.attributes.add((element, item.name))
            else:
                left.add_whole(element, looks)
            for above in element.iterancestors("*"):
                looks.take()
                left.elements.add(above)
    for choice in filter_.exclude:
        for item in _selected(choice, root, looks):
            if isinstance(item, Attribute):
                left.attributes.discard((item.element, item.name))
            else:
                left.take_away(item, looks)
    return left


def _selected(choice: Choice, root: xml.Element, looks: Looks) -> list[Item]:
    if choice.selector is not None:
        return choice.selector.select(root, looks)
    found: list[Item] = []
    for each in root.iter("*"):
        looks.take()
        if each.tag.startswith(f"{{{choice.namespace}}}"):
            found.append(each)
    return found


def _prune(element: xml.Element, left: _Left) -> None:
    """Take away what is not kept, from an element that is."""
    for name in list(map(str, element.attrib)):
        if name not in _MANDATORY_ATTRIBUTES and (element, name) not in left.attributes:
            del element.attrib[name]
    mandatory = _MANDATORY.get(element.tag, ())
    for child in list(element):
        if child in left.elements or child.tag in mandatory:
            _prune(child, left)
        else:
            element.remove(child)


# what has changed


def _happened(change: Change, old: xml.Element, new: xml.Element, looks: Looks) -> bool:
    before = {_place(item, old, looks): item for item in change.selector.select(old, looks)}
    after = {_place(item, new, looks): item for item in change.selector.select(new, looks)}
    if change.kind == "added":
        return any(place not in before for place in after)
    if change.kind == "removed":
        return any(place not in after for place in before)
    pairs = [(before[place], item) for place, item in after.items() if place in before]
    gone = [item for place, item in before.items() if place not in after]
    come = [item for place, item in after.items() if place not in before]
    pairs += zip(gone, come, strict=False)
    if any(_has_changed(change, _text(one), _text(other)) for one, other in pairs):
        return True
    # what was not there had no value, and now has one
    unpaired = come[len(gone) :]
    return (
        change.before is None
        and change.by is None
        and any(change.after is None or _text(item) == change.after for item in unpaired)
    )


def _has_changed(change: Change, before: str, after: str) -> bool:
    if before == after or change.before not in (None, before) or change.after not in (None, after):
        return False
    if change.by is None:
        return True
    try:
        return abs(float(after) - float(before)) >= change.by
    except ValueError:
        return False


def _place(item: Item, root: xml.Element, looks: Looks) -> tuple[object, ...]:
    """Where something stands: the names on the way to it, each with its id, or else its number among those of its name."""
    element, last = (item.element, f"@{item.name}") if isinstance(item, Attribute) else (item, "")
    way: list[object] = [last]
    while element is not root:
        parent = element.getparent()
        if parent is None:
            break
        looks.take(len(parent))
        name = element.get("id") or parent.findall(element.tag).index(element)
        way.append((element.tag, name))
        element = parent
    return tuple(way)


def _text(item: Item) -> str:
    if isinstance(item, Attribute):
        return item.text
    return xml.content(item) if len(item) == 0 else xml.canonical_octets(item).decode()
