"""Documents of lists, read: those that were needed last are kept, because the lists of many are made of the same few.

A document is read anew when its octets are others.  One that cannot be read is logged when that is found, and counts as absent.

Implements: RFC 4826 sections 3 and 4 (reading only).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from twisted.logger import Logger

from sip2xmpp.documents import resource_lists, rls_services, xcap_tree
from sip2xmpp.documents.namespaces import RESOURCE_LISTS
from sip2xmpp.documents.resource_lists import ResourceList
from sip2xmpp.documents.xcap_tree import Element, Name, find, find_upto
from sip2xmpp.documents.xcap_uri import ANY, NodeSelector
from sip2xmpp.errors import BadDocument
from sip2xmpp.store.documents import Document
from sip2xmpp.store.interface import Table

KEPT: Final = 16
"""Documents that are kept read; one may be some megabytes then."""

WAYS: Final = 1_000
"""Things that are kept of one document."""

T = TypeVar("T")

_log = Logger()


class _Read:
    """What was made of the octets of a document, by the name of the way it was read."""

    __slots__ = ("made", "octets")

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.made: dict[object, Any] = {}


class ReadDocuments:
    """The documents of a store, read."""

    def __init__(self, documents: Table[Document]) -> None:
        self._documents = documents
        self._kept: OrderedDict[str, _Read] = OrderedDict()

    def lists(self, key: str) -> Sequence[ResourceList] | None:
        """All lists of a document; None if there is none that can be read."""
        return self._made(key, "lists", lambda octets: resource_lists.read(octets).lists)

    def find(self, key: str, node: NodeSelector) -> Element | None:
        """The element of a document that is selected; None if it is not exactly one.

        Children that are told apart by an attribute are found without looking at their siblings each time.
        """
        tree = self._made(key, "tree", xcap_tree.read)
        if tree is None:
            return None
        above, last = node.steps[:-1], node.steps[-1]
        if not above or last.test is None or last.position is not None:
            return find(tree, node, RESOURCE_LISTS)
        parent = self._made(
            key,
            ("parent", above, node.prefixes),
            lambda _: find_upto(tree, node, len(above), RESOURCE_LISTS),
        )
        if parent is None:
            return None
        attribute = node.namespace_of(last.test.name, None), last.test.name.local
        kind = None if last.name == ANY else (node.namespace_of(last.name, RESOURCE_LISTS), last.name.local)
        index = self._made(
            key, ("children", parent.start, kind, attribute), lambda _: _by_value(parent, kind, attribute)
        )
        return None if index is None else index.get(last.test.value)

    def list_at(self, key: str, element: Element) -> ResourceList | None:
        """The list that is an element of the tree of a document; None if it cannot be read."""
        return self._made(
            key, element.start, lambda _: resource_lists.read_list(element.octets, element.namespaces)
        )

    def service_lists(self, key: str) -> Mapping[str, ResourceList]:
        """The lists that stand in a document of services, by the URI of the service."""
        return self._made(key, "services", _service_lists) or {}

    def _made(self, key: str, way: object, make: Callable[[bytes], T]) -> T | None:
        document = self._documents.get(key)
        if document is None:
            self._kept.pop(key, None)
            return None
        kept = self._kept.get(key)
        if kept is None or kept.octets is not document.octets:
            kept = self._kept[key] = _Read(document.octets)
        self._kept.move_to_end(key)
        if way not in kept.made:
            if len(kept.made) >= WAYS:
                kept.made.clear()
            try:
                kept.made[way] = make(document.octets)
            except BadDocument as error:
                _log.error("the document {key} cannot be read: {error}", key=key, error=str(error))
                kept.made[way] = None
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        made: T | None = kept.made[way]
        return made


def _by_value(parent: Element, kind: Name | None, attribute: Name) -> dict[str, Element | None]:
    """The children of a kind by the value of an attribute; None for a value that several have."""
    found: dict[str, Element | None] = {}
    for child in parent.children:
        value = child.attributes.get(attribute) if kind in (None, child.name) else None
        if value is not None:
            found[value] = None if value in found else child
    return found


def _service_lists(octets: bytes) -> dict[str, ResourceList]:
    services = rls_services.read(octets).services
    return {each.uri: each.resources for each in services if each.resources is not None}
