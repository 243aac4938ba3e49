"""Which lists there are, at which addresses, and who is in them: kept up to date by the store's documents.

A user keeps lists in ``resource-lists`` documents and gives addresses to some of them in the ``rls-services`` document ``index``.
The operator's lists are in the document ``resource-lists/global/index``, for all our users: a list that is called ``sales`` there
is at the address ``sales`` in each of our domains.  A list is flattened
when somebody asks for its members, and kept until something that it was made of changes; who asked is told of that on the next
turn.  The work of a change is proportional to what changed.

An address is a service only in one of our domains, and only while no user or line has it: who has an account is never hidden
behind a list.  Where two documents claim one address the global tree goes first, then the one that came first.

Implements: RFC 4826 sections 3 and 4.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final, NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.documents import resource_lists, rls_services
from sip2xmpp.documents.resource_lists import Entry, ResourceList
from sip2xmpp.documents.xcap_tree import Element
from sip2xmpp.documents.xcap_uri import AttributeTest, NodeSelector, QName, Step, XcapUri
from sip2xmpp.errors import BadAddress, BadDocument
from sip2xmpp.presence.flattening import (
    LISTS_AUID,
    Addresses,
    Dependency,
    Expansion,
    Flattening,
    FlatteningLimits,
    ListService,
    Member,
)
from sip2xmpp.presence.list_library import ReadDocuments
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.interface import Change, ChangeKind, Store

__all__ = ["ListBook", "ListService", "Member", "reference_of"]

SERVICES_AUID: Final = "rls-services"
INDEX: Final = "index"

HELD_MEMBERS: Final = 500_000
"""Members of flattened lists that are kept; the list that was not asked for the longest is flattened again when it is."""

NAMED_MEMBERS: Final = 20_000
"""Members at least that a list has which a rule names, however few a subscription to it may have: who is the last of many is blocked too."""

LONGEST_TURN: Final = 0.02
"""Seconds for which changes are told of in one turn; whoever hears of one may want the list flattened."""

_log = Logger()


class _Key(NamedTuple):
    """What was flattened: the list of a service, or the one that a reference means to its owner."""

    service: Address | None
    owner: str = ""
    reference: str = ""


class ListBook:
    """All lists.

    ``domains`` are ours; ``reserved`` are addresses that are no services although they have no account, those of lines.
    """

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        *,
        addresses: Addresses,
        domains: AbstractSet[str],
        reserved: Collection[Address] = (),
        limits: FlatteningLimits | None = None,
    ) -> None:
        self._documents = store.documents
        self._accounts = store.accounts
        self._virtuals = store.virtuals
        self._clock = clock
        self._addresses = addresses
        self._domains = domains
        self._reserved = frozenset(reserved)
        self._limits = limits or FlatteningLimits()
        self._named_limits = replace(self._limits, members=max(NAMED_MEMBERS, self._limits.members))
        self._claims: dict[Address, dict[str, ListService]] = {}
        self._claimed_by: dict[str, dict[Address, ListService]] = {}
        self._dependents: dict[Dependency, dict[_Key, None]] = {}
        self._made_of: dict[_Key, frozenset[Dependency]] = {}
        self._held: OrderedDict[_Key, Expansion] = OrderedDict()
        self._held_members = 0
        self._library = ReadDocuments(store.documents)
        self._dirty: dict[_Key, None] = {}
        self._stale: set[_Key] = set()
        self._call: IDelayedCall | None = None
        self._listeners: list[Callable[[Address], None]] = []
        self._reference_listeners: list[Callable[[str, str], None]] = []
        for document in store.documents.all():
            self._claim(document)
        store.documents.listen(self._document_changed)
        store.accounts.listen(lambda change: self._user_changed(change.record.address))
        store.virtuals.listen(lambda change: self._user_changed(change.record.address))

    # questions

    def service(self, address: Address) -> ListService | None:
        """The service of an address; None if it is none."""
        claims = self._claims.get(address)
        if claims is None or self._is_taken(address):
            return None
        return next((each for each in claims.values() if each.is_global), next(iter(claims.values())))

    def addresses(self) -> list[Address]:
        """All addresses that somebody wants to be services, for operators."""
        return list(self._claims)

    def is_global(self, address: Address) -> bool:
        """Whether an address is that of a list of the operator, so that no user may have it for another."""
        service = self.service(address)
        return service is not None and service.is_global

    def members(self, service: ListService) -> tuple[Member, ...]:
        """Who is in the list of a service."""
        return self._expanded(_Key(service.address)).members

    def named(self, owner: str, name: str) -> tuple[Member, ...]:
        """Who is in the list that has this name in the document ``index`` of ``owner``; nobody if there is none."""
        return self._expanded(_Key(None, owner, reference_of(owner, name))).members

    def in_list(self, owner: str, reference: str, address: Address) -> bool:
        """Whether an address is in the list that a URI in a document of ``owner`` means."""
        return address in self._expanded(_Key(None, owner, reference)).addresses

    def ad_hoc(self, subscriber: Address, entries: Iterable[Entry]) -> tuple[Member, ...]:
        """Who is in a list that a subscriber sent; services are taken as they are now."""
        flattening = Flattening(self, self._addresses, self._limits, self._domain)
        flattening.entries(entries, str(subscriber))
        return flattening.expansion(f"of {subscriber}").members

    # changes

    def listen(self, changed: Callable[[Address], None]) -> None:
        """Call ``changed(address)`` on the turn after a service came, went, or may have other members than it was said to have."""
        self._listeners.append(changed)

    def listen_references(self, changed: Callable[[str, str], None]) -> None:
        """Call ``changed(owner, reference)`` when ``in_list`` or ``named`` may answer otherwise than before."""
        self._reference_listeners.append(changed)

    def domains_changed(self) -> None:
        """Other domains are ours: lists of the operator have other addresses, and those of users may be lists or not."""
        for document in self._documents.all():
            if document.auid in (SERVICES_AUID, LISTS_AUID):
                for address in self._claim(document):
                    self._service_changed(address)

    @property
    def _domain(self) -> str:
        """The domain of whoever is named without one."""
        return next(iter(self._domains), "")

    # for flattening

    def lists(self, key: str) -> Sequence[ResourceList] | None:
        return self._library.lists(key)

    def find(self, key: str, node: NodeSelector) -> Element | None:
        return self._library.find(key, node)

    def list_at(self, key: str, element: Element) -> ResourceList | None:
        return self._library.list_at(key, element)

    def resources(self, service: ListService) -> ResourceList | None:
        return self._library.service_lists(service.document).get(service.uri)

    def is_own(self, address: Address) -> bool:
        return address.domain in self._domains

    # the rest

    def _is_taken(self, address: Address) -> bool:
        if address in self._reserved or self._accounts.get(str(address)) is not None:
            return True
        return self._virtuals.get(str(address)) is not None

    def _expanded(self, key: _Key) -> Expansion:
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held
        limits = self._limits if key.service is not None else self._named_limits
        flattening = Flattening(self, self._addresses, limits, self._domain)
        if key.service is None:
            flattening.reference(key.reference, key.owner)
            label = key.reference
        else:
            service = self.service(key.service)
            label = str(key.service)
            if service is not None:
                flattening.service(service)
        expansion = flattening.expansion(label)
        if key.service is not None or expansion.dependencies:
            # what leads to another server, or to the documents of others, is nobody for ever
            self._hold(key, expansion)
        return expansion

    def _hold(self, key: _Key, expansion: Expansion) -> None:
        dependencies = expansion.dependencies
        if key.service is not None:
            dependencies |= {key.service}
        self._forget(key)
        self._made_of[key] = dependencies
        for each in dependencies:
            self._dependents.setdefault(each, {})[key] = None
        self._held[key] = expansion
        self._held_members += len(expansion.members) + 1
        while self._held_members > HELD_MEMBERS and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._held_members -= len(oldest.members) + 1

    def _forget(self, key: _Key) -> None:
        self._drop(key)
        self._stale.discard(key)
        for each in self._made_of.pop(key, ()):
            dependents = self._dependents[each]
            del dependents[key]
            if not dependents:
                del self._dependents[each]

    def _drop(self, key: _Key) -> None:
        expansion = self._held.pop(key, None)
        if expansion is not None:
            self._held_members -= len(expansion.members) + 1

    def _document_changed(self, change: Change[Document]) -> None:
        document = change.record
        if document.auid in (SERVICES_AUID, LISTS_AUID):
            for address in self._claim(document, is_there=change.kind is ChangeKind.PUT):
                self._service_changed(address)
            self._touch(document.key)

    def _claim(self, document: Document, *, is_there: bool = True) -> list[Address]:
        """Remember the services of a document in place of those that it had; gives the addresses that are others now."""
        key = document.key
        before = self._claimed_by.pop(key, {})
        after = self._claimed(document) if is_there else {}
        if after:
            self._claimed_by[key] = after
        for address in before:
            if address not in after:
                claims = self._claims[address]
                del claims[key]
                if not claims:
                    del self._claims[address]
        for address, service in after.items():
            self._claims.setdefault(address, {})[key] = service
        return [address for address in {**before, **after} if before.get(address) != after.get(address)]

    def _claimed(self, document: Document) -> dict[Address, ListService]:
        """The services that a document makes.  Those of users count only in the one document that RFC 4826 names."""
        if document.auid == SERVICES_AUID and (document.owner == GLOBAL or document.name == INDEX):
            make = self._services_of
        elif document.auid == LISTS_AUID and document.owner == GLOBAL and document.name == INDEX:
            make = self._departments_of
        else:
            return {}
        found: dict[Address, ListService] = {}
        try:
            for service in make(document):
                if service.address.local and service.address.domain in self._domains:
                    found.setdefault(service.address, service)
        except BadDocument as error:
            _log.error("the document {key} cannot be read: {error}", key=document.key, error=str(error))
        return found

    def _services_of(self, document: Document) -> Iterator[ListService]:
        for each in rls_services.read(document.octets, lists=False).services:
            try:
                address = address_from_sip(each.uri)
            except BadAddress:
                continue
            yield ListService(
                address=address,
                uri=each.uri,
                owner=document.owner,
                document=document.key,
                reference=each.reference,
                packages=each.packages,
            )

    def _departments_of(self, document: Document) -> Iterator[ListService]:
        """The lists of the operator that have a name: each is at the address of this name in all our domains."""
        for each in resource_lists.read(document.octets).lists:
            for domain in self._domains if each.name else ():
                try:
                    address = Address.parse(f"{each.name}@{domain}")
                except BadAddress:
                    continue
                yield ListService(
                    address=address,
                    uri=address.sip_uri(),
                    owner=GLOBAL,
                    document=document.key,
                    reference=reference_of(GLOBAL, each.name or ""),
                )

    def _user_changed(self, address: Address) -> None:
        """A user came or went: that hides a service, or uncovers it."""
        if address in self._claims:
            self._service_changed(address)

    def _service_changed(self, address: Address) -> None:
        """Another service is at this address now, or none."""
        self._mark(_Key(address))
        self._touch(address)

    def _touch(self, dependency: Dependency) -> None:
        for key in self._dependents.get(dependency, ()):
            # what it was made of is forgotten when this is told: there may be many, and each of many members
            self._drop(key)
            self._stale.add(key)
            self._mark(key)

    def _mark(self, key: _Key) -> None:
        self._dirty[key] = None
        if self._call is None:
            self._call = self._clock.callLater(0, self._tell)

    def _tell(self) -> None:
        """Tell of some changes, and of the others on later turns: one list of the operator may be in those of all users."""
        self._call = None
        try:
            began = self._clock.seconds()
            while self._dirty and self._clock.seconds() - began < LONGEST_TURN:
                key = next(iter(self._dirty))
                del self._dirty[key]
                if key in self._stale:
                    self._forget(key)
                if key.service is not None:
                    for changed in self._listeners:
                        changed(key.service)
                else:
                    for told in self._reference_listeners:
                        told(key.owner, key.reference)
        finally:
            # also after a listener failed: the reactor logs it, and the other lists are told of
            if self._dirty and self._call is None:
                self._call = self._clock.callLater(0, self._tell)


def reference_of(owner: str, name: str) -> str:
    """The URI, relative to the XCAP root, of the list that has this name in the document ``index`` of ``owner``."""
    step = Step(name=QName("", "list"), test=AttributeTest(QName("", "name"), name))
    return str(
        XcapUri(
            auid=LISTS_AUID,
            owner="" if owner == GLOBAL else f"sip:{owner}",
            name=INDEX,
            node=NodeSelector(steps=(Step(name=QName("", "resource-lists")), step)),
        )
    )
