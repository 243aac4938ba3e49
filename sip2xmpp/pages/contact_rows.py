"""Contacts as a page shows them: the groups of a list with what is known of each contact now, and the lists of the operator."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.buddies import title
from sip2xmpp.documents import resource_lists
from sip2xmpp.errors import BadDocument
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.looks import Look, look_of
from sip2xmpp.presence.list_book import INDEX, ListBook, Member
from sip2xmpp.presence.list_state import Row
from sip2xmpp.presence.watching import Reason, Standing
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from sip2xmpp.store.interface import Table
from sip2xmpp.xcap.contact_list import CONVENTIONS, Group

STANDINGS: Final = {
    "asked": N_("Asked, and not answered yet"),
    "asking": N_("Asking…"),
    "many": N_("Not watched: there are too many"),
    "nobody": N_("Nobody is called so there"),
    "none": N_("Has no presence"),
    "refused": N_("Does not let you see"),
    "unreachable": N_("Cannot be reached now, and is asked again"),
}
"""Why there is no state of a contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactShown:
    """One contact in one group.  Where ``look`` is None ``standing`` says why."""

    id: str
    uri: str
    name: str
    address: str
    protocol: str
    look: Look | None
    standing: str

    @property
    def title(self) -> str:
        """What to call it."""
        return self.name or self.address or self.uri


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupShown:
    """One group; ``id`` is that of the list, ``anchor`` that on the page, and ``others`` is how many lists elsewhere it takes in."""

    id: str
    anchor: str
    title: str
    depth: int
    contacts: tuple[ContactShown, ...]
    others: int = 0
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """A list of the operator."""

    name: str
    title: str
    count: int


def group_title(group: Group) -> str:
    """What people call a group; empty for one that nobody gave a name, as the lists that clients make for themselves."""
    return group.display_name or ("" if group.name.startswith(CONVENTIONS) else group.name)


def anchor(*names: str) -> str:
    """An id for an element of a page."""
    return "k" + sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def standing_of(row: Row | None, *, is_watched: bool) -> tuple[Look | None, str]:
    """What is shown of somebody, or why nothing is."""
    if not is_watched:
        return None, "many"
    if row is None:
        return None, "asking"
    if row.standing is Standing.PENDING:
        return None, "asked"
    if row.standing is Standing.TERMINATED:
        ended = {Reason.REJECTED: "refused", Reason.NORESOURCE: "nobody"}
        return None, ended.get(row.reason, "unreachable") if row.reason is not None else "unreachable"
    if row.told is None or row.told.document is None:
        return None, "asking"
    return look_of(row.told.document), ""


def members_of(addresses: Iterable[tuple[str, Address | None]]) -> tuple[Member, ...]:
    """Members to watch, each address once."""
    found: dict[Address, Member] = {}
    for uri, address in addresses:
        if address is not None:
            found.setdefault(address, Member(uri=uri, address=address))
    return tuple(found.values())


def of_department(
    name: str, members: Iterable[Member], rows: Mapping[Address, Row] | None, protocol: Mapping[Address, str]
) -> Iterator[ContactShown]:
    """The members of a list of the operator."""
    for member in members:
        found = None if rows is None else rows.get(member.address)
        look, standing = standing_of(found, is_watched=rows is not None)
        yield ContactShown(
            id=anchor("department", name, member.uri),
            uri=member.uri,
            name=member.names[0].text if member.names else "",
            address=str(member.address),
            protocol=protocol.get(member.address, ""),
            look=look,
            standing=standing,
        )


class Departments:
    """The lists of the operator by name, read when their document is another one."""

    log = Logger()

    def __init__(self, documents: Table[Document], book: ListBook) -> None:
        self._documents = documents
        self._book = book
        self._read: Document | None = None
        self._titles: Mapping[str, str] = {}

    def all(self) -> list[Department]:
        """Every list that has a name."""
        document = self._documents.get(document_key("resource-lists", GLOBAL, INDEX))
        if document is not self._read:
            self._read, self._titles = document, self._titles_in(document)
        return [
            Department(name=name, title=called, count=len(self.members(name)))
            for name, called in self._titles.items()
        ]

    def members(self, name: str) -> tuple[Member, ...]:
        """Who is in one of them."""
        return self._book.named(GLOBAL, name)

    def _titles_in(self, document: Document | None) -> Mapping[str, str]:
        if document is None:
            return {}
        try:
            lists = resource_lists.read(document.octets).lists
        except BadDocument as error:
            self.log.info("the lists of the operator cannot be read: {error}", error=error)
            return {}
        return {each.name: title(each) or each.name for each in lists if each.name}
