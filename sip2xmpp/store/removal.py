"""Who is removed leaves nothing behind: the next owner of the address starts with nothing of this one.

The same for the tables of a running gateway and for those of the file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from sip2xmpp.address import Address
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.store.documents import Document
from sip2xmpp.store.keeping import Grant, Session
from sip2xmpp.store.records import Account, Binding, Card, Publication, Statement, Verdict, Virtual, Waiting

R = TypeVar("R")


class Rows(Protocol[R]):
    """What a table of either store can do."""

    def get(self, key: str) -> R | None: ...
    def all(self) -> Iterable[R]: ...
    def select(self, group: str) -> Sequence[R]: ...
    def put(self, record: R) -> None: ...
    def remove(self, key: str) -> None: ...


class Owned(Protocol):
    """The tables that hold something of a user."""

    @property
    def accounts(self) -> Rows[Account]: ...
    @property
    def virtuals(self) -> Rows[Virtual]: ...
    @property
    def verdicts(self) -> Rows[Verdict]: ...
    @property
    def waiting(self) -> Rows[Waiting]: ...
    @property
    def statements(self) -> Rows[Statement]: ...
    @property
    def documents(self) -> Rows[Document]: ...
    @property
    def bindings(self) -> Rows[Binding]: ...
    @property
    def publications(self) -> Rows[Publication]: ...
    @property
    def sessions(self) -> Rows[Session]: ...
    @property
    def grants(self) -> Rows[Grant]: ...
    @property
    def cards(self) -> Rows[Card]: ...


def remove_user(store: Owned, address: Address) -> str:
    """Remove the account of an address, or what was stated about it, and everything that is kept of its owner.

    All here: a gateway that is stopped, or the next owner who comes within a second, would not notice the gap.  Answers what
    the audit log says.
    """
    key = str(address)
    done = "remove the address"
    if store.accounts.get(key) is not None:
        done = f"remove the account{_without_tokens(store, key)}"
    store.accounts.remove(key)
    tables: tuple[Rows[Any], ...] = (
        store.verdicts,
        store.waiting,
        store.statements,
        store.documents,
        store.publications,
        store.sessions,
    )
    for table in tables:
        _empty(table, key)
    store.virtuals.remove(key)
    for binding in store.bindings.select(key):
        store.bindings.put(replace(binding, event=ContactEvent.REJECTED.value))
    # Emptied and not removed: clients have to learn that the picture is gone.
    if store.cards.get(key) is not None:
        store.cards.put(Card(address=address))
    return done


def end_sessions(store: Owned, address: Address) -> int:
    """Sign a user out wherever he is signed in; how many sessions that were."""
    return _empty(store.sessions, str(address))


def _without_tokens(store: Owned, key: str) -> str:
    """Let tokens that name an address be for it no more: they are in the hands of its owner, who is to have nothing of the next."""
    named = [grant for grant in store.grants.all() if key in grant.addresses]
    for grant in named:
        others = tuple(address for address in grant.addresses if address != key)
        if others:
            store.grants.put(replace(grant, addresses=others))
        else:
            store.grants.remove(grant.key)
    return f", also from the tokens {', '.join(grant.name for grant in named)}" if named else ""


def _empty(table: Rows[Any], group: str) -> int:
    records = table.select(group)
    for record in records:
        table.remove(record.key)
    return len(records)
