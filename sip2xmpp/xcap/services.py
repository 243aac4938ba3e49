"""What a list service has to be beside a valid document: an address that nobody else has, and a list that its owner may give away.

The addresses of all services on the server are held by address, so that a new one costs a look-up however many there are.

Implements: RFC 4826 section 4.4.5 (data constraints) and 4.4.6.
"""

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from twisted.logger import Logger

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.documents.xcap_tree import Element, read
from sip2xmpp.documents.xcap_uri import (
    AttributeTest,
    NodeKind,
    NodeSelector,
    QName,
    Step,
    XcapUri,
    address_of_xui,
)
from sip2xmpp.errors import BadAddress, BadDocument, BadInput
from sip2xmpp.store.documents import Document
from sip2xmpp.store.interface import Change, ChangeKind, Table
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind, Exists
from sip2xmpp.xcap.usages import RESOURCE_LISTS, RLS_SERVICES

ALTERNATIVES: Final = 3
"""Addresses that are suggested in place of one that is taken."""


class ServiceConstraints:
    """A ``Constraint`` of ``rls-services`` documents.

    ``serves(domain)`` says whether a domain is ours, ``is_taken(address)`` whether somebody else has an address.  ``root`` is the
    URL that clients write before the selector of a document.
    """

    log = Logger()

    def __init__(
        self,
        documents: Table[Document],
        *,
        serves: Callable[[str], bool],
        is_taken: Callable[[Address], bool],
        root: str,
    ) -> None:
        self._serves = serves
        self._is_taken = is_taken
        self._root = f"{root}/"
        self._place, self._path = _split(self._root)
        self._served: dict[Address, str] = {}
        self._addresses: dict[str, list[Address]] = {}
        for document in documents.all():
            self._add(document)
        documents.listen(self._changed)

    def __call__(self, document: Document, root: Element) -> None:
        """Raises ``Conflict`` for services that may not be."""
        if document.auid != RLS_SERVICES.auid:
            return
        here: set[Address] = set()
        for service in _services(root):
            address = self._address(service.get("uri"))
            if address in here or self._is_somebody_elses(address, document.key):
                raise self._taken(service.get("uri"), address)
            here.add(address)
            for reference in service.all(RLS_SERVICES.namespace, "resource-list"):
                self._check_reference(reference.text.strip(), document.owner)

    def _address(self, uri: str) -> Address:
        try:
            address = address_from_sip(uri)
        except BadAddress as error:
            raise Conflict(ConflictKind.CONSTRAINT_FAILURE, f"the URI of a service: {error}") from None
        if not address.local or not self._serves(address.domain):
            raise Conflict(
                ConflictKind.CONSTRAINT_FAILURE, f"{address.domain} is not a domain in which services can be"
            )
        return address

    def _is_somebody_elses(self, address: Address, key: str) -> bool:
        return self._served.get(address, key) != key or self._is_taken(address)

    def _taken(self, uri: str, address: Address) -> Conflict:
        """What is told of an address that is taken: others like it that are free."""
        free = []
        for number in range(2, 100):
            candidate = Address(f"{address.local}-{number}", address.domain)
            if candidate not in self._served and not self._is_taken(candidate):
                free.append(candidate.sip_uri())
                if len(free) == ALTERNATIVES:
                    break
        name = QName("", "uri")
        field = NodeSelector(
            steps=(
                Step(name=QName("", "rls-services")),
                Step(name=QName("", "service"), test=AttributeTest(name, uri)),
            ),
            attribute=name,
        )
        return Conflict(
            ConflictKind.UNIQUENESS_FAILURE, "this address is taken", exists=[Exists(field.path, tuple(free))]
        )

    def _check_reference(self, url: str, owner: str) -> None:
        """A list on this server: the owner's own, or one of the global tree."""
        place, target = _split(url)
        if place != self._place or not target.startswith(self._path):
            raise Conflict(ConflictKind.CONSTRAINT_FAILURE, f"a list is named by a URL below {self._root}")
        try:
            named = XcapUri.parse(target.removeprefix(self._path))
            whose = "" if named.is_global else str(address_of_xui(named.owner))
        except BadInput as error:
            raise Conflict(ConflictKind.CONSTRAINT_FAILURE, f"the URL of a list: {error}") from None
        node = named.node
        if named.auid != RESOURCE_LISTS.auid or node is None or node.kind is not NodeKind.ELEMENT:
            raise Conflict(ConflictKind.CONSTRAINT_FAILURE, "a service is for a list in resource-lists")
        if node.steps[-1].name.local not in ("list", "*"):
            raise Conflict(ConflictKind.CONSTRAINT_FAILURE, "what a service is for is a list")
        if whose not in ("", owner):
            raise Conflict(ConflictKind.CONSTRAINT_FAILURE, "a service is for a list of its owner")

    # What is served

    def _changed(self, change: Change[Document]) -> None:
        self._remove(change.record)
        if change.kind is ChangeKind.PUT:
            self._add(change.record)

    def _add(self, document: Document) -> None:
        if document.auid != RLS_SERVICES.auid:
            return
        try:
            addresses = list(_addresses(read(document.octets)))
        except BadDocument as error:
            self.log.info("XCAP: {key} cannot be read: {error}", key=document.key, error=str(error))
            return
        self._addresses[document.key] = addresses
        for address in addresses:
            self._served.setdefault(address, document.key)

    def _remove(self, document: Document) -> None:
        for address in self._addresses.pop(document.key, ()):
            if self._served.get(address) == document.key:
                del self._served[address]


def _split(url: str) -> tuple[tuple[str, str, int] | None, str]:
    """Where a URL leads, None if that cannot be read; and to what there, as it is written."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None, ""
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or parts.hostname is None:
        return None, ""
    place = scheme, parts.hostname.lower(), port or (443 if scheme == "https" else 80)
    return place, f"{parts.path}?{parts.query}" if parts.query else parts.path


def _services(root: Element) -> list[Element]:
    return root.all(RLS_SERVICES.namespace, "service")


def _addresses(root: Element) -> Iterator[Address]:
    for service in _services(root):
        try:
            yield address_from_sip(service.get("uri"))
        except BadAddress:
            continue
