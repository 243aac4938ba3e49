"""The embedded engine: live tables, journalled to one SQLite file by one writer thread.

Reads never touch the file after start-up.  Writes go through ``Journal``; the writer thread owns the connection and
writes many rows by one statement, because each statement may have to wait for the interpreter while the reactor is
busy.  What expired while the program was down is loaded as it is, so that its ``EXPIRED`` change is told to those who
listen by then.

The operator's command changes a few tables (``SHARED``) in the same file.  SQLite counts foreign commits
(``data_version``); the writer thread looks once per second, and after one it re-reads those tables, and compares them
with the live ones there, so that the reactor only sees the difference; it becomes changes of the feed.  A key that has
a change of our own under way keeps it: ours will be the later write.
"""

import gc
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from sip2xmpp.errors import ConfigError
from sip2xmpp.store.connection import Claim, transaction
from sip2xmpp.store.interface import Record, Told
from sip2xmpp.store.journal import Changes, Journal
from sip2xmpp.store.schema import LAYOUTS, Layout, forget_addresses, prepare, storable
from sip2xmpp.store.tables import Tables

_log = Logger()

LOOK_SECONDS = 1.0
"""How often foreign commits are looked for."""

SHARED = ("accounts", "verdicts", "statements", "virtuals", "waiting", "cards", "bindings", "grants", "deeds")
"""The tables that the operator's command writes."""

ERASED = ("documents", "publications", "sessions")
"""Those of which it removes rows and does nothing else: of large records only the keys are looked at."""

ROWS_PER_STATEMENT = (256, 64, 16, 4, 1)

MISFITS = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    AttributeError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What is wrong with a record, while other faults are of the disk and may pass."""

Differences = dict[str, dict[str, Record | None]]
"""Table name -> key -> the record in the file, or None where it has none; for keys that differ from the live table."""


class SqliteStore(Tables):
    """A ``Store`` in a file.  Takes the connection and the claim over; raises ``ConfigError``."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        claim: Claim,
        *,
        clock: IReactorTime,
        threads: IReactorFromThreads,
    ) -> None:
        self._connection = connection
        self._claim = claim
        self._clock = clock
        self._threads = threads
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._journal = Journal(clock=clock, threads=threads, writer=self._writer, write=self._write)
        super().__init__(clock, self._journal.note_for)
        self.measures = self._journal.measures
        try:
            prepare(connection)
            # Before anything is read: what is committed while we read will be looked for.
            self._version = self._data_version()
            with _without_collection():
                for layout in LAYOUTS.values():
                    self._load(layout)
            forget_addresses()
        except sqlite3.Error as error:
            self._stop()
            raise ConfigError([f"gateway.state: the state file cannot be used: {error}"]) from error
        self._looking: IDelayedCall | None = clock.callLater(LOOK_SECONDS, self._look)

    def after_commit(self, call: Told) -> None:
        """``call(None)`` when every change made so far is in the file, or ``call(StorageFailed)``."""
        self._journal.after_commit(call)

    def close(self) -> Deferred[None]:
        """Commit what is pending and release the file."""
        self._stop()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        return self._journal.close().addCallback(self._release)

    def _stop(self) -> None:
        for table in self._live.values():
            table.stop()

    def _release(self, _: None) -> None:
        self._writer.shutdown()
        self._connection.close()
        self._claim.release()

    def _load(self, layout: Layout[Any]) -> None:
        adopt = self._live[layout.table].adopt
        for record in _records(self._connection, layout):
            adopt(record)

    def _look(self) -> None:
        self._looking = None
        future = self._writer.submit(self._foreign)
        future.add_done_callback(partial(self._threads.callFromThread, self._looked))

    def _looked(self, future: Future[Differences]) -> None:
        if self._journal.is_closed:
            return
        self._looking = self._clock.callLater(LOOK_SECONDS, self._look)
        error = future.exception()
        if error is not None:
            _log.warn("The state file cannot be read: {error}; looking again in a second", error=error)
            return
        now = self._clock.seconds()
        for name, records in future.result().items():
            table = self._live[name]
            for key, record in records.items():
                if self._journal.is_ahead(name, key):
                    continue
                if record is None:
                    table.drop(key)
                elif (record.expires_at is None or record.expires_at > now) and table.get(key) != record:
                    table.adopt(record)

    # On the writer thread from here on; during start-up, before there is one, on the reactor thread.

    def _data_version(self) -> int:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def _foreign(self) -> Differences:
        """What somebody else has changed in the shared tables of the file."""
        version = self._data_version()
        if version == self._version:
            return {}
        self._connection.execute("BEGIN")
        try:
            differences = {name: self._differences(name) for name in SHARED}
            differences |= {name: self._erased(name) for name in ERASED}
        finally:
            self._connection.execute("ROLLBACK")
        self._version = version
        return differences

    def _differences(self, name: str) -> dict[str, Record | None]:
        """The reactor may change the live table meanwhile: each key of the result has to be looked at again."""
        live = self._live[name].snapshot()
        differences: dict[str, Record | None] = {}
        for record in _records(self._connection, LAYOUTS[name]):
            if live.pop(record.key, None) != record:
                differences[record.key] = record
        return differences | dict.fromkeys(live)

    def _erased(self, name: str) -> dict[str, Record | None]:
        """The keys that the file does not have any more, or not yet: each has to be looked at again."""
        gone = self._live[name].snapshot()
        for (key,) in self._connection.execute(LAYOUTS[name].select_keys):
            gone.pop(key, None)
        return dict.fromkeys(gone)

    def _write(self, changes: Changes) -> list[str]:
        try:
            with transaction(self._connection):
                for name, records in changes.items():
                    _write_table(self._connection, LAYOUTS[name], records)
        except MISFITS:
            return self._write_one_by_one(changes)
        return []

    def _write_one_by_one(self, changes: Changes) -> list[str]:
        """Some value does not fit its column: write the rest as usual, and that as a blob."""
        unstorable = []
        with transaction(self._connection):
            for name, records in changes.items():
                layout = LAYOUTS[name]
                for key, record in records.items():
                    try:
                        if record is None:
                            self._connection.execute(layout.delete(1), (storable(key),))
                        else:
                            self._connection.execute(layout.upsert(1), [*map(storable, layout.row(record))])
                    except MISFITS as error:
                        _log.critical(
                            "A record of {table} cannot be stored: {error}", table=name, error=error
                        )
                        unstorable.append(name)
        return unstorable


@contextmanager
def _without_collection() -> Iterator[None]:
    """Nothing that is loaded is garbage, and looking for some would take half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _records(connection: sqlite3.Connection, layout: Layout[Any]) -> Any:
    for row in connection.execute(layout.select):
        try:
            yield layout.record(row)
        except (ValueError, TypeError) as error:
            _log.error(
                "A row of {table} makes no sense and is left alone: {error}", table=layout.table, error=error
            )


def _write_table(connection: sqlite3.Connection, layout: Layout[Any], changes: dict[str, Any]) -> None:
    gone = [key for key, record in changes.items() if record is None]
    kept = [layout.row(record) for record in changes.values() if record is not None]
    at = 0
    for count in ROWS_PER_STATEMENT:
        while len(kept) - at >= count:
            connection.execute(layout.upsert(count), [*chain.from_iterable(kept[at : at + count])])
            at += count
    at = 0
    for count in ROWS_PER_STATEMENT:
        while len(gone) - at >= count:
            connection.execute(layout.delete(count), gone[at : at + count])
            at += count
