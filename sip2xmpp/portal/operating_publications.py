"""What devices have published, of any event package, and the removal of it by an operator.

Who published learns of a removal when it refreshes: it is answered 412, and publishes anew.
"""

from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.portal.rows import Found, NoSuchRow, Wanted, found, rows_of
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationRow:
    """One publication; ``size`` is that of its document in octets."""

    id: str
    address: Address
    package: str
    content_type: str
    size: int
    source: str
    user_agent: str
    published_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WholePublication:
    """A publication with its document."""

    publication: PublicationRow
    document: str


def publication_row(publication: Publication) -> PublicationRow:
    """What is shown of a publication."""
    return PublicationRow(
        id=publication.key,
        address=publication.presentity,
        package=publication.package,
        content_type=publication.content_type,
        size=len(publication.document),
        source=publication.source,
        user_agent=publication.user_agent,
        published_at=publication.published_at,
        expires_at=publication.expires_at,
    )


class PublicationRows:
    """All of them."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock

    async def found(
        self, wanted: Wanted, *, address: Address | None = None, package: str = ""
    ) -> Found[PublicationRow]:
        """By address; ``match`` is looked for in address, package and User-Agent."""
        publications = self._store.publications
        records = await found(
            self._clock,
            rows_of(publications) if address is None else publications.select(str(address)),
            wanted,
            order=lambda one: f"{one.presentity} {one.key}",
            text=lambda one: f"{one.presentity} {one.package} {one.user_agent}",
            fits=lambda one: package in ("", one.package),
        )
        return Found(rows=tuple(map(publication_row, records.rows)), next=records.next)

    def one(self, address: Address, name: str) -> WholePublication:
        """The publication of an address with the id ``name``, and its document; raises ``NoSuchRow``."""
        publication = self._known(address, name)
        return WholePublication(
            publication=publication_row(publication), document=publication.document.decode("utf-8", "replace")
        )

    async def remove(self, address: Address, name: str) -> str:
        """Remove a publication."""
        publication = self._known(address, name)
        self._store.publications.remove(publication.key)
        await self._store.committed()
        return f"remove a publication of {publication.package}" + (
            f" by {publication.user_agent}" if publication.user_agent else ""
        )

    def _known(self, address: Address, name: str) -> Publication:
        publication = self._store.publications.get(name)
        if publication is None or publication.presentity != address:
            raise NoSuchRow(f"{address} has no publication {name}")
        return publication
