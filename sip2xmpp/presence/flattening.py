"""What a list comes down to: its members as addresses, in order, each once, whatever lists it is made of.

Entries, lists inside, references to entries and to other lists, and members that are list services of ours are walked in the
order in which they are written.  References go only to documents that the owner of the list may read, the own ones and those of
the global tree, on this server; every other one is skipped.  No list is walked twice, so that lists that contain one another
end; depth, members and references are bounded.  What was looked at on the way, found or not, is the list's *dependencies*: only
a change of one of these can make it another one.

Implements: RFC 4826 section 4.4.1 (flattening) and section 3.2 (references); RFC 4662 section 4.5 (loops).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.namespaces import RESOURCE_LISTS
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.resource_lists import Entry, EntryRef, External, ResourceList
from sip2xmpp.documents.rlmi import Name
from sip2xmpp.documents.xcap_tree import Element
from sip2xmpp.documents.xcap_uri import NodeKind, NodeSelector, XcapUri, address_of_xui
from sip2xmpp.errors import BadAddress, BadInput
from sip2xmpp.store.documents import GLOBAL, document_key

LISTS_AUID: Final = "resource-lists"
WHOLE: Final = -1
"""Stands for all lists of a document, where one list is known by its place."""

SEEN: Final = 10
"""How many members are looked at for each that a list may have: one may be there many times."""

Dependency = str | Address

_log = Logger()


@frozen_value
class Member:
    """One member of a list: ``uri`` as it was written, the address that it names, and what it is called."""

    uri: str
    address: Address
    names: tuple[Name, ...] = ()


@frozen_value
class ListService:
    """An address that stands for a list.

    ``owner`` is the address, as text, of the user whose document it is in, or ``GLOBAL``; ``document`` is the key of that
    document, in which ``uri`` is how the address is written.  ``reference`` is the URI of the list, empty where the list stands in
    the document itself.  ``packages`` None: whatever event package.
    """

    address: Address
    uri: str
    owner: str
    document: str
    reference: str = ""
    packages: tuple[str, ...] | None = None

    @property
    def is_global(self) -> bool:
        return self.owner == GLOBAL

    def serves(self, package: str) -> bool:
        """Whether subscriptions to this event package are taken."""
        return self.packages is None or package in self.packages


@frozen_value
class FlatteningLimits:
    """``depth`` of lists inside one another, ``members`` of a list, ``references`` that are followed for one list."""

    depth: int = 10
    members: int = 1_000
    references: int = 500


class Expansion:
    """A list that was flattened; ``dependencies`` are keys of documents, and addresses at which a service may be."""

    __slots__ = ("addresses", "dependencies", "members")

    def __init__(self, members: tuple[Member, ...], dependencies: frozenset[Dependency]) -> None:
        self.members = members
        self.addresses = frozenset([member.address for member in members])
        self.dependencies = dependencies


class Shelf(Protocol):
    """Where the documents are.  What it reads it may remember, because the lists of many are made of the same few."""

    def lists(self, key: str) -> Sequence[ResourceList] | None:
        """All lists of the document with this key; None if there is none that can be read."""

    def find(self, key: str, node: NodeSelector) -> Element | None:
        """The element of the same document that is selected; None if it is not exactly one."""

    def list_at(self, key: str, element: Element) -> ResourceList | None:
        """The list that is that element; None if it cannot be read."""

    def resources(self, service: ListService) -> ResourceList | None:
        """The list that stands in the document of a service; None if it cannot be read."""

    def service(self, address: Address) -> ListService | None:
        """The service of an address."""

    def is_own(self, address: Address) -> bool:
        """Whether a service may have this address."""


class Addresses:
    """Which address a URI in a list names, and which document a reference means.

    ``address_of_uri(uri, default_domain=...)`` and ``address_of_jid(jid)`` are those of the gateway, and raise ``BadAddress``.
    ``roots`` are the absolute URIs by which this XCAP server is known.
    """

    def __init__(
        self,
        *,
        address_of_uri: Callable[..., Address],
        address_of_jid: Callable[[str], Address],
        roots: Collection[str] = (),
    ) -> None:
        self._address_of_uri = address_of_uri
        self._address_of_jid = address_of_jid
        self._roots = tuple(root for root in map(_root, roots) if root is not None)

    def member(self, uri: str, domain: str) -> Address | None:
        """The address of a member; None if nobody can subscribe to it.  Numbers without a domain are of ``domain``."""
        scheme = uri.partition(":")[0].lower()
        try:
            if scheme == "xmpp":
                address = self._address_of_jid(unquote(uri[5:].lstrip("/").partition("?")[0]))
            elif ":" not in uri:
                # COMPAT: lists kept by hand have plain user@domain, also with an XMPP resource behind it.
                address = self._address_of_jid(uri)
            else:
                address = self._address_of_uri(uri, default_domain=domain, remember=False)
        except BadAddress:
            return None
        return address if address.local else None

    def located(self, reference: str, owner: str) -> tuple[str, XcapUri] | None:
        """The key of the document and what is meant inside, if it is of this server and ``owner`` may read it."""
        text = self._below_root(reference.strip())
        if text is None:
            return None
        try:
            uri = XcapUri.parse(text)
            whose = GLOBAL if uri.is_global else str(address_of_xui(uri.owner, default_domain=_domain(owner)))
        except BadInput:
            return None
        if uri.auid != LISTS_AUID or whose not in (GLOBAL, owner):
            return None
        if uri.node is not None and uri.node.kind is not NodeKind.ELEMENT:
            return None
        return document_key(uri.auid, whose, uri.name), uri

    def _below_root(self, reference: str) -> str | None:
        """The part of a reference below the XCAP root; None for that of another server."""
        if not reference.lower().startswith(("http:", "https:")):
            relative = reference.removeprefix("./")
            return relative if relative and not relative.startswith("/") else None
        found = _split(reference)
        if found is None:
            return None
        place, path = found
        for root_place, root_path in self._roots:
            if place == root_place and path.startswith(root_path):
                return path[len(root_path) :]
        return None


class Flattening:
    """One list being flattened, for its ``owner``."""

    def __init__(
        self, shelf: Shelf, addresses: Addresses, limits: FlatteningLimits, domain: str = ""
    ) -> None:
        self._shelf = shelf
        self._addresses = addresses
        self._limits = limits
        self._domain = domain
        self._members: dict[Address, Member] = {}
        self._dependencies: set[Dependency] = set()
        self._services: set[Address] = set()
        self._walked: set[tuple[str, int]] = set()
        self._references = 0
        self._seen = 0
        self._skipped: dict[str, None] = {}

    def expansion(self, label: object) -> Expansion:
        """What was found; ``label`` names the list in the log."""
        if self._skipped:
            _log.info(
                "list {list}: {count} members are skipped, the first because {why}",
                list=str(label),
                count=len(self._skipped),
                why=next(iter(self._skipped)),
            )
        return Expansion(tuple(self._members.values()), frozenset(self._dependencies))

    def service(self, service: ListService, depth: int = 1) -> None:
        """Everybody in the list of a service."""
        if service.address in self._services:
            return
        self._services.add(service.address)
        self._members.pop(service.address, None)
        self._dependencies.add(service.address)
        self._dependencies.add(service.document)
        if service.reference:
            self.reference(service.reference, service.owner, depth)
            return
        resources = self._shelf.resources(service)
        if resources is not None:
            self._list(resources, service.owner, depth)

    def reference(self, reference: str, owner: str, depth: int = 1) -> bool:
        """Everybody in the list, or in all lists of the document, that a URI means; whether there is such a thing."""
        located = self._located(reference, owner)
        if located is None:
            return False
        key, uri = located
        if uri.node is None:
            return self._document(key, owner, depth)
        element = self._element(key, uri)
        if element is None or element.name != (RESOURCE_LISTS, "list"):
            return False
        if (key, element.start) not in self._walked:
            self._walked.add((key, element.start))
            resources = self._shelf.list_at(key, element)
            if resources is None:
                return False
            self._list(resources, owner, depth)
        return True

    def entries(self, entries: Iterable[Entry], owner: str) -> None:
        """Everybody in a list that stands in no document."""
        self._list(ResourceList(members=tuple(entries)), owner, 1)

    def _document(self, key: str, owner: str, depth: int) -> bool:
        lists = self._shelf.lists(key)
        if lists is None:
            return False
        if (key, WHOLE) not in self._walked:
            self._walked.add((key, WHOLE))
            for each in lists:
                self._list(each, owner, depth)
        return True

    def _list(self, resources: ResourceList, owner: str, depth: int) -> None:
        if depth > self._limits.depth:
            self._skip(f"there are more than {self._limits.depth} lists inside one another")
            return
        for member in resources.members:
            self._seen += 1
            if len(self._members) >= self._limits.members or self._seen > SEEN * self._limits.members:
                self._skip(f"there are more than {self._limits.members}")
                return
            if isinstance(member, Entry):
                self._entry(member.uri, member.display_name, member.language, owner, depth)
            elif isinstance(member, ResourceList):
                self._list(member, owner, depth + 1)
            elif isinstance(member, External):
                if not self.reference(member.anchor, owner, depth + 1):
                    self._skip("a list that one refers to is not here")
            else:
                self._entry_ref(member, owner, depth)

    def _entry_ref(self, member: EntryRef, owner: str, depth: int) -> None:
        located = self._located(member.ref, owner)
        element = self._element(*located) if located is not None else None
        if element is None or element.name != (RESOURCE_LISTS, "entry"):
            self._skip("an entry that one refers to is not here")
            return
        name, language = member.display_name, member.language
        inner = element.first(RESOURCE_LISTS, "display-name")
        if not name and inner is not None:
            name = inner.text.strip()
            language = inner.attributes.get(("http://www.w3.org/XML/1998/namespace", "lang"))
        self._entry(element.get("uri").strip(), name, language, owner, depth)

    def _entry(self, uri: str, name: str, language: str | None, owner: str, depth: int) -> None:
        address = self._addresses.member(uri, _domain(owner) or self._domain)
        if address is None:
            self._skip("nobody can subscribe to its URI")
            return
        if address in self._members or address in self._services:
            return
        if self._shelf.is_own(address):
            self._dependencies.add(address)
            service = self._shelf.service(address)
            if service is not None and (service.is_global or service.owner == owner):
                if depth < self._limits.depth:
                    self.service(service, depth + 1)
                return
        names = (Name(text=name, language=language),) if name else ()
        self._members[address] = Member(uri=uri, address=address, names=names)

    def _located(self, reference: str, owner: str) -> tuple[str, XcapUri] | None:
        self._references += 1
        if self._references > self._limits.references:
            self._skip(f"there are more than {self._limits.references} references")
            return None
        located = self._addresses.located(reference, owner)
        if located is not None:
            self._dependencies.add(located[0])
        return located

    def _element(self, key: str, uri: XcapUri) -> Element | None:
        """The element that is meant; None if there is not exactly one."""
        return None if uri.node is None else self._shelf.find(key, uri.node)

    def _skip(self, why: str) -> None:
        self._skipped[why] = None


def _domain(owner: str) -> str:
    return owner.rpartition("@")[2]


def _split(uri: str) -> tuple[tuple[str, str, int], str] | None:
    """Where an HTTP URI leads, and its path with its query."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or not parts.hostname:
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return (scheme, parts.hostname.lower(), port or (443 if scheme == "https" else 80)), path


def _root(uri: str) -> tuple[tuple[str, str, int], str] | None:
    found = _split(uri)
    return None if found is None else (found[0], found[1].rstrip("/") + "/")
