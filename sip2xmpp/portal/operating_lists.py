"""Lists that have an address: departments of the operator, and services of users; who is in them and how many subscribe to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.portal.rows import Found, NoSuchRow, Wanted, found, rows_of, unhurried
from sip2xmpp.presence.list_book import ListBook, ListService, Member
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Kind

DEPARTMENT: Final = ""
"""The owner of a list of the operator."""

LISTS: Final = 4
"""Lists that are flattened in one turn of the reactor: each may have a hundred members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow:
    """One list; ``owner`` is empty for a department.  ``packages`` is empty for every event package; ``subscribers`` watch it now."""

    address: Address
    owner: str
    members: int
    subscribers: int
    reference: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """Somebody in a list; ``uri`` is as it was written there, ``names`` are what the list calls it."""

    address: Address
    uri: str
    names: tuple[str, ...]


class ListRows:
    """All of them."""

    def __init__(self, book: ListBook, store: Store, clock: IReactorTime) -> None:
        self._book = book
        self._store = store
        self._clock = clock

    async def found(self, wanted: Wanted) -> Found[ListRow]:
        """By address; ``match`` is looked for in the address and its owner."""
        services = await found(
            self._clock,
            self._services(),
            wanted,
            order=lambda service: str(service.address),
            text=lambda service: f"{service.address} {_owner(service)}",
        )
        return Found(rows=tuple(await self._rows(services.rows)), next=services.next)

    async def one(self, address: Address) -> ListRow:
        """The list of an address; raises ``NoSuchRow``."""
        (row,) = await self._rows([self._known(address)])
        return row

    async def members(self, address: Address, wanted: Wanted) -> Found[MemberRow]:
        """Who is in it."""
        members = await found(
            self._clock,
            self._book.members(self._known(address)),
            wanted,
            order=lambda member: str(member.address),
            text=lambda member: str(member.address),
        )
        return Found(rows=tuple(map(_member, members.rows)), next=members.next)

    def _services(self) -> Iterator[ListService | None]:
        return (self._book.service(address) for address in self._book.addresses())

    def _known(self, address: Address) -> ListService:
        service = self._book.service(address)
        if service is None:
            raise NoSuchRow(f"{address} is no list")
        return service

    async def _rows(self, services: Sequence[ListService]) -> list[ListRow]:
        """The rows of services; Jabber users who watch one are found by going through all authorizations."""
        jabber = dict.fromkeys([service.address for service in services], 0)
        authorized = rows_of(self._store.authorizations) if services else ()
        async for record in unhurried(self._clock, authorized):
            if record.contact in jabber and record.state is Kind.AUTHORIZED:
                jabber[record.contact] += 1
        return [
            ListRow(
                address=service.address,
                owner=_owner(service),
                members=len(self._book.members(service)),
                subscribers=len(self._store.dialogs.select(str(service.address))) + jabber[service.address],
                reference=service.reference,
                packages=service.packages or (),
            )
            async for service in unhurried(self._clock, services, turn=LISTS)
        ]


def _member(member: Member) -> MemberRow:
    return MemberRow(address=member.address, uri=member.uri, names=tuple(name.text for name in member.names))


def _owner(service: ListService) -> str:
    return DEPARTMENT if service.is_global else service.owner
