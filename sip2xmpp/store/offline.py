"""The state file without a reactor: for commands that look something up or change a few records.

Works beside a running gateway, which sees changes of accounts and verdicts within a second, and on a file that no
gateway has made yet.  Everything inside one ``with`` block is one transaction: it is in the file when the block has
ended, and nothing of it is when the block ends by an exception.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic

from sip2xmpp.errors import ConfigError, StorageFailed
from sip2xmpp.store.connection import connect, transaction
from sip2xmpp.store.interface import R
from sip2xmpp.store.opening import state_path
from sip2xmpp.store.records import (
    Account,
    Authorization,
    Binding,
    Card,
    DialogRecord,
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
        return None if row is None else self._record(row)

    def all(self) -> list[R]:
        """Every record, in order of first insertion."""
        return [self._record(row) for row in self._connection.execute(self._layout.select)]

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

    def _record(self, row: tuple[Any, ...]) -> R:
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
        # Only to be read: a running gateway does not look for changes of these.
        self.dialogs: OfflineTable[DialogRecord] = OfflineTable(connection, LAYOUTS["dialogs"])
        self.authorizations: OfflineTable[Authorization] = OfflineTable(connection, LAYOUTS["authorizations"])


@contextmanager
def offline(url: str) -> Iterator[OfflineStore]:
    """The store that ``gateway.state`` names, for one transaction; raises ``ConfigError`` or ``StorageFailed``."""
    path = state_path(url)
    if path is None:
        raise ConfigError(
            ["gateway.state: memory: keeps nothing; name a file, as in sqlite:/var/lib/sip2xmpp/state.db"]
        )
    connection = connect(path)
    try:
        prepare(connection)
        with transaction(connection):
            yield OfflineStore(connection)
    except sqlite3.Error as error:
        raise StorageFailed(f"{path}: {error}") from error
    finally:
        connection.close()
