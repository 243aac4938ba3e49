"""The state file without a reactor: for commands that look something up or change a few records.

Works beside a running gateway, which sees changes of accounts and verdicts within a second, and on a file that no
gateway has made yet.  Everything inside one ``with`` block is one transaction: it is in the file when the block has
ended, and nothing of it is when the block ends by an exception.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import ConfigError, StorageFailed
from sip2xmpp.store.connection import connect, transaction
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.interface import R
from sip2xmpp.store.keeping import Deed, Grant, Session
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.opening import state_path
from sip2xmpp.store.records import (
    Account,
    Authorization,
    Binding,
    Card,
    DialogRecord,
    Publication,
    Secret,
    Statement,
    Verdict,
    Virtual,
    Waiting,
)
from sip2xmpp.store.schema import LAYOUTS, Layout, prepare, storable


class OfflineTable(Generic[R]):
    """One table of the file, read and written directly."""

    def __init__(self, connection: sqlite3.Connection, layout: Layout[R]) -> None:
        self._connection = connection
        self._layout = layout

    def get(self, key: str) -> R | None:
        """The record, or None."""
        row = self._connection.execute(self._layout.select_one, (storable(key),)).fetchone()
        return None if row is None else self.record(row)

    def all(self) -> list[R]:
        """Every record, in order of first insertion."""
        return [self.record(row) for row in self._connection.execute(self._layout.select)]

    def select(self, group: str) -> list[R]:
        """Every record of a group, in order of first insertion."""
        return [record for record in self.all() if record.group == group]

    def put(self, record: R) -> None:
        """Insert or replace by key."""
        self._connection.execute(
            self._layout.upsert(1), [storable(value) for value in self._layout.row(record)]
        )

    def remove(self, key: str) -> None:
        """Remove if there."""
        self._connection.execute(self._layout.delete(1), (storable(key),))

    def record(self, row: tuple[Any, ...]) -> R:
        """The record of a row; raises ``StorageFailed`` when it makes no sense."""
        try:
            return self._layout.record(row)
        except (ValueError, TypeError) as error:
            raise StorageFailed(f"a row of {self._layout.table} makes no sense: {error}") from error


class OfflineStore:
    """What a command may change while a gateway runs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.accounts: OfflineTable[Account] = OfflineTable(connection, LAYOUTS["accounts"])
        self.verdicts: OfflineTable[Verdict] = OfflineTable(connection, LAYOUTS["verdicts"])
        self.statements: OfflineTable[Statement] = OfflineTable(connection, LAYOUTS["statements"])
        self.virtuals: OfflineTable[Virtual] = OfflineTable(connection, LAYOUTS["virtuals"])
        self.waiting: OfflineTable[Waiting] = OfflineTable(connection, LAYOUTS["waiting"])
        self.bindings: OfflineTable[Binding] = OfflineTable(connection, LAYOUTS["bindings"])
        self.cards: OfflineTable[Card] = OfflineTable(connection, LAYOUTS["cards"])
        self.grants: OfflineTable[Grant] = OfflineTable(connection, LAYOUTS["grants"])
        self.deeds: OfflineTable[Deed] = OfflineTable(connection, LAYOUTS["deeds"])
        # Of these a running gateway sees only that records were removed.
        self.documents: OfflineTable[Document] = OfflineTable(connection, LAYOUTS["documents"])
        self.publications: OfflineTable[Publication] = OfflineTable(connection, LAYOUTS["publications"])
        self.sessions: OfflineTable[Session] = OfflineTable(connection, LAYOUTS["sessions"])
        # Of these it sees nothing.
        self.authorizations: OfflineTable[Authorization] = OfflineTable(connection, LAYOUTS["authorizations"])
        self.dialogs: OfflineTable[DialogRecord] = OfflineTable(connection, LAYOUTS["dialogs"])
        self.secrets: OfflineTable[Secret] = OfflineTable(connection, LAYOUTS["secrets"])


KNOWN_BY_ADDRESS: Final = (
    "accounts",
    "publications",
    "bindings",
    "verdicts",
    "spellings",
    "statements",
    "virtuals",
    "seizures",
    "cards",
    "observations",
    "documents",
)
"""The tables of which ``extract`` takes rows: those that say something about an address, and not who watches it."""


def extract(url: str, address: Address, clock: IReactorTime) -> MemoryStore:
    """What the file holds about one address now, as a store of its own: for asking what a gateway would make of it.

    The documents of the global tree are about everybody.
    """
    made = MemoryStore(clock)
    named, now = str(address), clock.seconds()
    with _opened(url) as connection:
        for name in KNOWN_BY_ADDRESS:
            layout = LAYOUTS[name]
            for row in connection.execute(layout.select):
                if named in row or (name == "documents" and GLOBAL in row):
                    record = OfflineTable(connection, layout).record(row)
                    if record.expires_at is None or record.expires_at > now:
                        getattr(made, name).put(record)
    return made


@contextmanager
def offline(url: str) -> Iterator[OfflineStore]:
    """The store that ``gateway.state`` names, for one transaction; raises ``ConfigError`` or ``StorageFailed``."""
    with _opened(url) as connection:
        yield OfflineStore(connection)


@contextmanager
def _opened(url: str) -> Iterator[sqlite3.Connection]:
    path = state_path(url)
    if path is None:
        raise ConfigError(
            ["gateway.state: memory: keeps nothing; name a file, as in sqlite:/var/lib/sip2xmpp/state.db"]
        )
    connection = connect(path)
    try:
        prepare(connection)
        with transaction(connection):
            yield connection
    except sqlite3.Error as error:
        raise StorageFailed(f"{path}: {error}") from error
    finally:
        connection.close()
