"""Making a resources-list document say which groups and contacts there are, touching nothing else.

What is wanted is compared with what is there.  A list or an entry that stays is changed where it says something else and nowhere
else; one that moves takes its octets along, with the bindings of prefixes that it needs; a new one is written with the prefix and
the indentation of its neighbours.  Everything that is not a list, an entry or a display name keeps its octets and its place.

Implements: RFC 4826 section 3.1 (the order of what may be in a list).
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sip2xmpp.documents.namespaces import RESOURCE_LISTS
from sip2xmpp.documents.xcap_tree import Element
from sip2xmpp.documents.xcap_tree import read as read_tree
from sip2xmpp.documents.xml import attribute, text
from sip2xmpp.errors import BadDocument, BadInput
from sip2xmpp.xcap.contact_list import MOST_NAMES, Contact, Group, display_name, entries_in, lists_in

EMPTY: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<resource-lists xmlns="{RESOURCE_LISTS}">\n</resource-lists>\n'
).encode()
"""A document without groups."""

_BLANKS_BEFORE: Final = re.compile(rb"\r?\n[ \t]*\Z")
_LONGEST_INDENT: Final = 400
_DECLARATION: Final = re.compile(rb"""\sxmlns(?::([^\s=]+))?\s*=|"[^"]*"|'[^']*'""")
"""The beginning of a declaration; or a value, in which there is none."""


class Splice(NamedTuple):
    """Octets in the place of others."""

    start: int
    end: int
    octets: bytes


@dataclass(slots=True, eq=False)
class _Node:
    """A group that is wanted, with those inside it and the list that it was; ``entries`` are those that its contacts were."""

    group: Group
    inside: "list[_Node]" = field(default_factory=list)
    element: Element | None = None
    entries: list[Element | None] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Wanted:
    """A child that is wanted: a contact or a group, and what it was."""

    element: Element | None
    contact: Contact | None = None
    node: _Node | None = None


def written(octets: bytes, groups: Sequence[Group]) -> bytes:
    """The document with these groups in it.

    Raises ``BadDocument`` for octets that are none, ``BadInput`` for groups that cannot be: one outside the group it is inside.
    """
    root = read_tree(octets)
    if root.name != (RESOURCE_LISTS, "resource-lists"):
        raise BadDocument("not a resource-lists document")
    top = _tree(groups)
    writing = _Writing(root)
    writing.find(top)
    return _spliced(octets, 0, len(octets), writing.inner(root, None, top))


def _tree(groups: Sequence[Group]) -> list[_Node]:
    top: list[_Node] = []
    open_: list[_Node] = []
    # in an id each character of a name may be two, and a name that is none is a number
    if sum(2 * len(name) + 9 for group in groups for name in group.path) > MOST_NAMES:
        raise BadInput("the names of the groups are too long")
    for group in groups:
        while open_ and open_[-1].group.path != group.path[:-1]:
            open_.pop()
        if len(open_) != len(group.path) - 1:
            raise BadInput(f"the group around {'/'.join(group.path)[:200]} is not told before it")
        node = _Node(group)
        (open_[-1].inside if open_ else top).append(node)
        open_.append(node)
    return top


class _Writing:
    """One document being changed."""

    def __init__(self, root: Element) -> None:
        self._source = root.source
        self._lists = {id_: element for element, id_, _ in lists_in(root)}
        self._by_path: dict[tuple[str, ...], Element] = {}
        for element, _, path in lists_in(root):
            self._by_path.setdefault(path, element)
        self._parents: dict[int, Element] = {}
        for parent in (root, *self._lists.values()):
            for child in parent.children:
                self._parents[id(child)] = parent

    # What is what

    def find(self, top: Sequence[_Node]) -> None:
        """Say of each group and each contact what it was: first where it is, then what would be gone elsewhere."""
        nodes = list(_all(top))
        claimed: set[int] = set()
        for by_id in (True, False):
            for node in nodes:
                element = self._lists.get(node.group.id) if by_id else self._by_path.get(node.group.path)
                if node.element is None and element is not None and id(element) not in claimed:
                    node.element = element
                    claimed.add(id(element))
        for node in nodes:
            mine = defaultdict(list)
            for entry in entries_in(node.element) if node.element is not None else ():
                mine[entry.get("uri").strip()].append(entry)
            for contact in node.group.contacts:
                same = mine[contact.uri]
                node.entries.append(same.pop(0) if same else None)
        taken = {id(entry) for node in nodes for entry in node.entries if entry is not None}
        free = defaultdict(list)
        for element in self._lists.values():
            for entry in entries_in(element):
                if id(entry) not in taken:
                    free[entry.get("uri").strip()].append(entry)
        for node in nodes:
            for index, contact in enumerate(node.group.contacts):
                if node.entries[index] is None and free[contact.uri]:
                    node.entries[index] = free[contact.uri].pop(0)

    # What changes

    def inner(self, element: Element, node: _Node | None, inside: Sequence[_Node]) -> list[Splice]:
        """What changes in the root, or in a list that is in the document."""
        splices: list[Splice] = []
        inserts: list[tuple[int, bytes]] = []
        if node is not None:
            splices += _renamed(element, node.group.name)
            self._title(element, node.group.display_name, splices, inserts)
            entries = [
                _Wanted(entry, contact=contact)
                for contact, entry in zip(node.group.contacts, node.entries, strict=True)
            ]
            self._children(element, entries_in(element), entries, splices, inserts)
        groups = [_Wanted(each.element, node=each) for each in inside]
        self._children(element, element.all(RESOURCE_LISTS, "list"), groups, splices, inserts)
        return splices + self._inserted(element, inserts)

    def _children(
        self,
        parent: Element,
        present: Sequence[Element],
        wanted: Sequence[_Wanted],
        splices: list[Splice],
        inserts: list[tuple[int, bytes]],
    ) -> None:
        """The children of one kind: who stays, goes and comes."""
        places = {id(child): index for index, child in enumerate(present)}
        here = [
            (places[id(each.element)], each)
            for each in wanted
            if each.element is not None and id(each.element) in places
        ]
        staying = {id(present[index]) for index in _longest([index for index, _ in here])}
        splices += [self._gone(child) for child in present if id(child) not in staying]
        ours = [each for each in parent.children if each.namespace == RESOURCE_LISTS]
        first = next((each.element for each in wanted if id(each.element) in staying), None)
        if first is not None:
            at = first.start - len(self._before(first))
        else:
            at = ours[-1].end if ours else parent.content_start
        for each in wanted:
            element = each.element
            if element is not None and id(element) in staying:
                at = element.end
                splices += self._changes(each)
            else:
                indent = self._indent(parent)
                inserts.append((at, indent + self._rendered(each, parent.prefix, parent.namespaces, indent)))

    def _changes(self, wanted: _Wanted) -> list[Splice]:
        """What changes inside a child that is in the document."""
        element = wanted.element
        assert element is not None
        if wanted.node is not None:
            return self.inner(element, wanted.node, wanted.node.inside)
        assert wanted.contact is not None
        splices: list[Splice] = []
        inserts: list[tuple[int, bytes]] = []
        self._title(element, wanted.contact.name, splices, inserts)
        return splices + self._inserted(element, inserts)

    def _title(
        self, element: Element, wanted: str, splices: list[Splice], inserts: list[tuple[int, bytes]]
    ) -> None:
        """Another display name."""
        if display_name(element) == wanted:
            return
        child = element.first(RESOURCE_LISTS, "display-name")
        if child is None:
            inserts.append(
                (element.content_start, self._indent(element) + _name_element(element.prefix, wanted))
            )
        elif not wanted:
            splices.append(self._gone(child))
        elif child.is_empty_tag:
            end = f">{text(wanted)}</{child.qname}>".encode()
            splices.append(Splice(child.content_start - 2, child.content_start, end))
        else:
            splices.append(Splice(child.content_start, child.content_end, text(wanted).encode()))

    def _inserted(self, parent: Element, inserts: Sequence[tuple[int, bytes]]) -> list[Splice]:
        if not inserts:
            return []
        closing = self._before(parent) or (b"\n" if id(parent) not in self._parents else b"")
        if parent.is_empty_tag:
            inside = b"".join(octets for _, octets in inserts)
            whole = b"".join((b">", inside, closing, f"</{parent.qname}>".encode()))
            return [Splice(parent.content_start - 2, parent.content_start, whole)]
        made = [Splice(at, at, octets) for at, octets in inserts]
        if parent.content_start == parent.content_end and closing:
            made.append(Splice(parent.content_end, parent.content_end, closing))
        return made

    # What is written

    def _rendered(self, wanted: _Wanted, prefix: str, scope: Mapping[str, str], indent: bytes) -> bytes:
        """A child where it is not yet: with its octets if it has some."""
        if wanted.element is not None:
            return self._moved(wanted, scope)
        if wanted.contact is not None:
            return _entry(wanted.contact, prefix, indent)
        node = wanted.node
        assert node is not None
        deeper = indent + b"  " if indent else b""
        inside = [_name_element(prefix, node.group.display_name)] if node.group.display_name else []
        pairs = zip(node.group.contacts, node.entries, strict=True)
        children = [_Wanted(entry, contact=contact) for contact, entry in pairs]
        children += [_Wanted(each.element, node=each) for each in node.inside]
        inside += [self._rendered(each, prefix, scope, deeper) for each in children]
        name = f' name="{attribute(node.group.name)}"' if node.group.name else ""
        tag = _tag(prefix, "list")
        if not inside:
            return f"<{tag}{name}/>".encode()
        content = b"".join(deeper + each for each in inside)
        return f"<{tag}{name}>".encode() + content + indent + f"</{tag}>".encode()

    def _moved(self, wanted: _Wanted, scope: Mapping[str, str]) -> bytes:
        """The octets of what is somewhere else, changed as it has to be, and with its prefixes bound as they were."""
        element = wanted.element
        assert element is not None
        own = {
            (match[1] or b"").decode()
            for match in _DECLARATION.finditer(self._source, element.start, element.content_start)
            if match[0][:1].isspace()
        }
        missing = [
            (prefix, uri)
            for prefix, uri in element.namespaces.items()
            if prefix not in own and prefix != "xml" and scope.get(prefix) != uri
        ]
        if scope.get("") and "" not in element.namespaces:
            missing.append(("", ""))
        declared = "".join(
            f' xmlns{":" if prefix else ""}{prefix}="{attribute(uri)}"' for prefix, uri in missing
        )
        splices = self._changes(wanted)
        if declared:
            splices.append(Splice(element.attributes_end, element.attributes_end, declared.encode()))
        return _spliced(self._source, element.start, element.end, splices)

    def _gone(self, element: Element) -> Splice:
        return Splice(element.start - len(self._before(element)), element.end, b"")

    # Where it stands

    def _before(self, element: Element) -> bytes:
        """The end of line and the blanks before an element, if it begins a line."""
        match = _BLANKS_BEFORE.search(self._source, max(0, element.start - _LONGEST_INDENT), element.start)
        return match[0] if match is not None else b""

    def _indent(self, parent: Element) -> bytes:
        """What goes before a child of ``parent``: what goes before the others."""
        if parent.children:
            return self._before(parent.children[0])
        if id(parent) not in self._parents:
            return b"\n  "
        before = self._before(parent)
        return before + b"  " if before else b""


def _all(nodes: Sequence[_Node]) -> "Sequence[_Node]":
    found: list[_Node] = []
    for node in nodes:
        found.append(node)
        found += _all(node.inside)
    return found


def _longest(indexes: Sequence[int]) -> list[int]:
    """The longest part of a sequence of different numbers that goes up."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for index in indexes:
        at = bisect_left(ends, index)
        before[index] = ends[at - 1] if at else None
        ends[at : at + 1] = [index]
    chain: list[int] = []
    last = ends[-1] if ends else None
    while last is not None:
        chain.append(last)
        last = before[last]
    return chain[::-1]


def _renamed(element: Element, name: str) -> list[Splice]:
    """Another ``name`` of a list."""
    if element.get("name") == name:
        return []
    span = element.attribute_spans.get((None, "name"))
    if span is None:
        at = element.attributes_end
        return [Splice(at, at, f' name="{attribute(name)}"'.encode())]
    return [Splice(span.value_start, span.value_end, attribute(name).replace("'", "&apos;").encode())]


def _spliced(source: bytes, start: int, end: int, splices: Sequence[Splice]) -> bytes:
    """A part of the source with other octets in some places; what is put in comes before what is taken out there."""
    made: list[bytes] = []
    at = start
    for splice in sorted(splices, key=lambda each: (each.start, each.end)):
        made += (source[at : splice.start], splice.octets)
        at = splice.end
    made.append(source[at:end])
    return b"".join(made)


def _tag(prefix: str, local: str) -> str:
    return f"{prefix}:{local}" if prefix else local


def _name_element(prefix: str, name: str) -> bytes:
    tag = _tag(prefix, "display-name")
    return f"<{tag}>{text(name)}</{tag}>".encode()


def _entry(contact: Contact, prefix: str, indent: bytes) -> bytes:
    tag = _tag(prefix, "entry")
    start = f'<{tag} uri="{attribute(contact.uri)}"'.encode()
    if not contact.name:
        return start + b"/>"
    deeper = indent + b"  " if indent else b""
    inside = deeper + _name_element(prefix, contact.name) + indent
    return start + b">" + inside + f"</{tag}>".encode()
