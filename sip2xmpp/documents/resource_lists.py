"""Lists of resources: what a client keeps in an XCAP document, and what it sends in the body of a SUBSCRIBE.

A list has members of four kinds, in the order in which they were written: entries, references to one entry of another list,
references to a whole list, and lists inside.  What the reader does not know is kept where the schema allows it (attributes and
elements of other namespaces), so that a document that was read and written back has lost nothing; what is not allowed, as an
entry without URI, is left out.  Nesting and number of members are bounded, so that no document is worth more work than its size.

Implements: RFC 4826 section 3 (``application/resource-lists+xml``); RFC 5367 section 5 and RFC 5875 section 4.3 (lists in the
body of a SUBSCRIBE).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from sip2xmpp.documents.namespaces import RESOURCE_LISTS, XML_LANG
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.xml import Element, attribute, canonical_octets, children, content, parse, text
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/resource-lists+xml"

SIZE_LIMIT: Final = 1_048_576
"""Octets of a document; a list of ten thousand members fits."""
DEPTH_LIMIT: Final = 16
"""Lists inside one another, in one document."""
MEMBER_LIMIT: Final = 20_000
"""Members of all lists of one document."""

_Q: Final = f"{{{RESOURCE_LISTS}}}"
_DISPLAY_NAME: Final = f"{_Q}display-name"
XML_NAMESPACE: Final = XML_LANG[1:].partition("}")[0]

Attributes = tuple[tuple[str, str], ...]
"""Attributes of other namespaces, named in the notation of lxml."""


@frozen_value
class Entry:
    """One resource; ``extensions`` are elements of other namespaces, each self-contained."""

    uri: str
    display_name: str = ""
    language: str | None = None
    attributes: Attributes = ()
    extensions: tuple[bytes, ...] = ()


@frozen_value
class EntryRef:
    """The entry that ``ref`` selects, a reference relative to the XCAP root."""

    ref: str
    display_name: str = ""
    language: str | None = None
    attributes: Attributes = ()
    extensions: tuple[bytes, ...] = ()


@frozen_value
class External:
    """The list that ``anchor`` selects, an HTTP URI; empty where the element has none."""

    anchor: str
    display_name: str = ""
    language: str | None = None
    attributes: Attributes = ()
    extensions: tuple[bytes, ...] = ()


@frozen_value
class ResourceList:
    """A list; ``name`` tells it from its siblings, and is None where it has none."""

    name: str | None = None
    display_name: str = ""
    language: str | None = None
    members: "tuple[ListMember, ...]" = ()
    attributes: Attributes = ()
    extensions: tuple[bytes, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of the list itself, without those of lists inside."""
        return tuple([member for member in self.members if isinstance(member, Entry)])

    @property
    def lists(self) -> "tuple[ResourceList, ...]":
        """The lists directly inside."""
        return tuple([member for member in self.members if isinstance(member, ResourceList)])


ListMember = Entry | EntryRef | External | ResourceList


@frozen_value
class ResourceLists:
    """A document."""

    lists: tuple[ResourceList, ...] = ()

    def named(self, name: str) -> ResourceList | None:
        """The first list of this name at the top."""
        return next((each for each in self.lists if each.name == name), None)


def read(octets: bytes) -> ResourceLists:
    """A document; raises ``BadDocument``."""
    root = parse(octets, limit=SIZE_LIMIT)
    if root.tag != f"{_Q}resource-lists":
        raise BadDocument("not a resource-lists document")
    budget = _Budget()
    return ResourceLists(
        lists=tuple([_list(child, budget, 1) for child in children(root) if child.tag == f"{_Q}list"])
    )


def read_list(octets: bytes, namespaces: Mapping[str, str]) -> ResourceList:
    """One ``list`` element out of a document, where ``namespaces`` are in scope (the default one under the empty prefix).

    Raises ``BadDocument``.
    """
    scope = "".join(
        f' xmlns{":" if prefix else ""}{prefix}="{attribute(uri)}"'
        for prefix, uri in namespaces.items()
        if prefix != "xml" and (uri or not prefix)
    )
    root = parse(b"".join((f"<scope{scope}>".encode(), octets, b"</scope>")), limit=SIZE_LIMIT + 65_536)
    inside = children(root)
    if len(inside) != 1 or inside[0].tag != f"{_Q}list":
        raise BadDocument("not a list")
    return list_of(inside[0])


def list_of(element: Element) -> ResourceList:
    """A ``list``, in whatever element it was found.  Raises ``BadDocument`` for too many members."""
    return _list(element, _Budget(), 1)


def read_flat(octets: bytes) -> tuple[Entry, ...]:
    """The entries of all lists in a body, in order, each URI once; references are not followed.  Raises ``BadDocument``."""
    found: dict[str, Entry] = {}
    for entry in _entries(read(octets).lists):
        found.setdefault(entry.uri, entry)
    return tuple(found.values())


def write(document: ResourceLists) -> bytes:
    """A document as octets."""
    inside = "".join([_written(each, "  ") for each in document.lists])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<resource-lists xmlns="{RESOURCE_LISTS}">\n{inside}</resource-lists>\n'
    ).encode()


def write_flat(uris: Iterable[str]) -> bytes:
    """The body of a SUBSCRIBE to these resources."""
    return write(ResourceLists(lists=(ResourceList(members=tuple([Entry(uri=uri) for uri in uris])),)))


def written_list(resources: ResourceList, indent: str, prefix: str) -> str:
    """A list as text, for a document in which the list itself is an element without prefix, and what is inside has one."""
    return _written(resources, indent, "", prefix)


class _Budget:
    """How many members may still be read."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MEMBER_LIMIT

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise BadDocument(f"more than {MEMBER_LIMIT} members")


def _list(element: Element, budget: _Budget, depth: int) -> ResourceList:
    if depth > DEPTH_LIMIT:
        raise BadDocument(f"more than {DEPTH_LIMIT} lists inside one another")
    members: list[ListMember] = []
    for child in children(element):
        tag = child.tag
        if tag == f"{_Q}list":
            budget.spend()
            members.append(_list(child, budget, depth + 1))
        elif tag in _KINDS:
            budget.spend()
            member = _member(child, *_KINDS[tag])
            if member is not None:
                members.append(member)
    return ResourceList(name=element.get("name"), members=tuple(members), **_common(element))


_KINDS: Final[Mapping[str, tuple[Callable[..., ListMember], str]]] = {
    f"{_Q}entry": (Entry, "uri"),
    f"{_Q}entry-ref": (EntryRef, "ref"),
    f"{_Q}external": (External, "anchor"),
}
"""Members that are no lists, and the attribute that says what each stands for."""


def _member(element: Element, kind: Callable[..., ListMember], key: str) -> ListMember | None:
    """A member that is no list; None for one that stands for nothing."""
    target = (element.get(key) or "").strip()
    if not target:
        return None
    if len(element) == 0 and len(element.attrib) == 1:
        return kind(**{key: target})
    return kind(**{key: target}, **_common(element))


def _common(element: Element) -> dict[str, Any]:
    """What every member may have: a display name, its language, and attributes and elements of other namespaces."""
    found: dict[str, Any] = {}
    extensions: list[bytes] = []
    for child in children(element):
        tag = child.tag
        if tag == _DISPLAY_NAME:
            found["display_name"], found["language"] = content(child), child.get(XML_LANG)
        elif tag[:1] == "{" and not tag.startswith(_Q):
            extensions.append(canonical_octets(child))
    foreign = [(str(name), str(value)) for name, value in element.attrib.items() if str(name)[:1] == "{"]
    return {**found, "attributes": tuple(foreign), "extensions": tuple(extensions)}


def _entries(lists: Iterable[ResourceList]) -> Iterator[Entry]:
    for each in lists:
        for member in each.members:
            if isinstance(member, Entry):
                yield member
            elif isinstance(member, ResourceList):
                yield from _entries((member,))


def _written(member: ListMember, indent: str, outer: str = "", inner: str = "") -> str:
    """A member as text; ``outer`` and ``inner`` are the prefixes of its own element and of those inside, with their colons."""
    name, attributes = _head(member)
    inside = indent + "  "
    parts: list[str] = []
    if member.display_name:
        language = f' xml:lang="{attribute(member.language)}"' if member.language else ""
        parts.append(
            f"{inside}<{inner}display-name{language}>{text(member.display_name)}</{inner}display-name>\n"
        )
    if isinstance(member, ResourceList):
        parts.extend([_written(each, inside, inner, inner) for each in member.members])
    parts.extend([f"{inside}{octets.decode()}\n" for octets in member.extensions])
    head = f"{indent}<{outer}{name}{attributes}{foreign_attributes(member.attributes)}"
    return f"{head}>\n{''.join(parts)}{indent}</{outer}{name}>\n" if parts else f"{head}/>\n"


def _head(member: ListMember) -> tuple[str, str]:
    """The name of the element, and its own attributes as text."""
    if isinstance(member, Entry):
        return "entry", f' uri="{attribute(member.uri)}"'
    if isinstance(member, EntryRef):
        return "entry-ref", f' ref="{attribute(member.ref)}"'
    if isinstance(member, External):
        return "external", f' anchor="{attribute(member.anchor)}"'
    return "list", "" if member.name is None else f' name="{attribute(member.name)}"'


def foreign_attributes(attributes: Attributes) -> str:
    """Attributes of other namespaces as text, each with a declaration where it needs one."""
    written = ""
    for number, (name, value) in enumerate(attributes):
        namespace, _, local = name[1:].partition("}")
        if namespace == XML_NAMESPACE:
            written += f' xml:{local}="{attribute(value)}"'
        else:
            written += f' xmlns:a{number}="{attribute(namespace)}" a{number}:{local}="{attribute(value)}"'
    return written
