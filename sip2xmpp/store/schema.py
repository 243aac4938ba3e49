"""The tables of the SQLite file, generated from the records, and the versions of the file.

Every kind of record has one table with its ``key`` and a typed column a field, so that an operator can read it with any
SQLite tool: addresses and enumerations are their text, tuples are JSON arrays.  Rows keep their ``rowid`` when they
are replaced; reading in its order gives the order of first insertion back.

A table or a field with a default that the file does not have yet is added when the file is opened and needs no new
version, because an older program goes on reading and writing such a file correctly.  Every other change of a record
is a function at the end of ``MIGRATIONS``: the version of a file counts those that were run on it, from 1 for none.
A file of a later version is refused, since nobody can know what it means.

A value that SQLite cannot hold in its column's type (a surrogate that came in with bad UTF-8, an integer beyond 64
bits) is kept as a blob in that column and read back as what it was.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from sys import intern
from types import NoneType, UnionType
from typing import Any, Generic, get_args, get_origin, get_type_hints

from sip2xmpp.address import Address
from sip2xmpp.errors import ConfigError
from sip2xmpp.store.connection import transaction
from sip2xmpp.store.documents import Document
from sip2xmpp.store.followings import Following
from sip2xmpp.store.interface import R
from sip2xmpp.store.keeping import Deed, Grant, Session
from sip2xmpp.store.observations import Observation
from sip2xmpp.store.records import (
    Account,
    Authorization,
    Binding,
    Card,
    Common,
    DialogRecord,
    Publication,
    Registrant,
    Secret,
    Spelling,
    Statement,
    Thread,
    Verdict,
    Virtual,
    Waiting,
)
from sip2xmpp.store.seizures import Seizure

Migration = Callable[[sqlite3.Connection], None]


def _dialogs_by_tag(connection: sqlite3.Connection) -> None:
    """The key of a dialog was role, Call-ID and local tag; the tag alone does, in a third of the space."""
    connection.execute('UPDATE OR REPLACE dialogs SET "key" = local_tag')


def _flows_apart(connection: sqlite3.Connection) -> None:
    """The key of a binding that is one of several flows of its device was without the device and the flow."""
    connection.execute(
        """UPDATE OR REPLACE bindings SET "key" = aor || ' ' || contact || ' ' || instance || ' ' || reg_id WHERE reg_id > 0"""
    )


MIGRATIONS: tuple[Migration, ...] = (_dialogs_by_tag, _flows_apart)
"""Each turns a file of version n, its index plus one, into one of version n + 1; run inside a transaction."""


def _text(value: str | bytes) -> str:
    return value if value.__class__ is str else str(value, "utf-8", "surrogatepass")  # type: ignore[arg-type]


@lru_cache(maxsize=65_536)
def _address(value: str | bytes) -> Address:
    """The address a column holds; cached, so that the dialogs of one presentity share one object."""
    local, _, domain = _text(value).rpartition("@")
    return Address(local, intern(domain))


def _common(value: str | bytes) -> str:
    return intern(_text(value))


def _texts(value: str | bytes) -> tuple[str, ...]:
    return () if value == "[]" else tuple(json.loads(value))


def _texts_as_json(value: tuple[str, ...]) -> str:
    return json.dumps(value) if value else "[]"


def _enum_value(value: Enum) -> Any:
    return value.value


SIMPLE: dict[Any, tuple[str, Callable[[Any], Any] | None, Callable[[Any], Any] | None]] = {
    str: ("TEXT", None, _text),
    Common: ("TEXT", None, _common),
    bytes: ("BLOB", None, None),
    int: ("INTEGER", None, int),
    bool: ("INTEGER", None, bool),
    float: ("REAL", None, None),
    Address: ("TEXT", str, _address),
    tuple[str, ...]: ("TEXT", _texts_as_json, _texts),
}
"""Field type -> column type, how it is written and how it is read; None leaves the value as it is."""


def _column(hint: Any) -> tuple[str, Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
    if get_origin(hint) is UnionType and NoneType in get_args(hint):
        (inner,) = (part for part in get_args(hint) if part is not NoneType)
        sql, write, read = _column(inner)
        return sql, write and _unless_none(write), read and _unless_none(read)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "TEXT", _enum_value, hint
    return SIMPLE[hint]


def _unless_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _quoted(name: str) -> str:
    return f'"{name}"'


class Layout(Generic[R]):
    """How the records of one kind lie in their table."""

    def __init__(self, table: str, kind: type[R]) -> None:
        self.table = table
        self.kind = kind
        hints = get_type_hints(kind, include_extras=True)
        members: Sequence[Any] = fields(kind)  # type: ignore[arg-type]
        self.names = [member.name for member in members]
        columns = [_column(hints[name]) for name in self.names]
        self.types = [sql for sql, _, _ in columns]
        self._defaults = {m.name: m.default for m in members if m.default is not MISSING}
        self._raw = attrgetter("key", *self.names)
        self._writes = [(i, write) for i, (_, write, _) in enumerate(columns, 1) if write is not None]
        self._reads = [(i, read) for i, (_, _, read) in enumerate(columns) if read is not None]
        self._upserts: dict[int, str] = {}
        self._deletes: dict[int, str] = {}

    def row(self, record: R) -> list[Any]:
        """The values of all columns, the key first."""
        values = list(self._raw(record))
        for index, write in self._writes:
            values[index] = write(values[index])
        return values

    def record(self, row: Iterable[Any]) -> R:
        """The record of what ``select`` gave; raises ValueError or TypeError when it makes no sense."""
        values = list(row)
        for index, read in self._reads:
            values[index] = read(values[index])
        return self.kind(**dict(zip(self.names, values, strict=True)))

    @property
    def select(self) -> str:
        """All rows in order of first insertion; ``record`` understands them."""
        return f"{self._select_from} ORDER BY rowid"

    @property
    def select_one(self) -> str:
        """The row of one key."""
        return f'{self._select_from} WHERE "key" = ?'

    @property
    def select_keys(self) -> str:
        """The keys of all rows."""
        return f'SELECT "key" FROM {_quoted(self.table)}'  # noqa: S608

    @property
    def _select_from(self) -> str:
        return f"SELECT {', '.join(map(_quoted, self.names))} FROM {_quoted(self.table)}"  # noqa: S608

    def upsert(self, count: int) -> str:
        """A statement that inserts or replaces ``count`` rows of different keys."""
        statement = self._upserts.get(count)
        if statement is None:
            columns = ["key", *self.names]
            row = f"({', '.join('?' * len(columns))})"
            statement = self._upserts[count] = (
                f"INSERT INTO {_quoted(self.table)} ({', '.join(map(_quoted, columns))})"  # noqa: S608
                f" VALUES {', '.join([row] * count)}"
                f' ON CONFLICT ("key") DO UPDATE SET {", ".join(f"{_quoted(n)} = excluded.{_quoted(n)}" for n in self.names)}'
            )
        return statement

    def delete(self, count: int) -> str:
        """A statement that removes ``count`` keys."""
        statement = self._deletes.get(count)
        if statement is None:
            statement = self._deletes[count] = (
                f'DELETE FROM {_quoted(self.table)} WHERE "key" IN ({", ".join("?" * count)})'  # noqa: S608
            )
        return statement

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Create the table, or add the fields that have come since."""
        present = {row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(self.table)})")}
        if not present:
            columns = ", ".join(f"{_quoted(n)} {t}" for n, t in zip(self.names, self.types, strict=True))
            connection.execute(f'CREATE TABLE {_quoted(self.table)} ("key" TEXT PRIMARY KEY, {columns})')
            return
        for index, name in enumerate(self.names):
            if name not in present and name not in self._defaults:
                raise ConfigError(
                    [f"gateway.state: the state file is damaged: {self.table} has no column {name}"]
                )
            if name not in present:
                default = self._written_default(index, name)
                connection.execute(
                    f"ALTER TABLE {_quoted(self.table)} ADD COLUMN {_quoted(name)} {self.types[index]} DEFAULT {default}"
                )

    def _written_default(self, index: int, name: str) -> str:
        value = self._defaults[name]
        for position, write in self._writes:
            if position == index + 1:
                value = write(value)
        if value is None:
            return "NULL"
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value + 0)


LAYOUTS: dict[str, Layout[Any]] = {
    layout.table: layout
    for layout in (
        Layout("accounts", Account),
        Layout("publications", Publication),
        Layout("dialogs", DialogRecord),
        Layout("authorizations", Authorization),
        Layout("bindings", Binding),
        Layout("verdicts", Verdict),
        Layout("spellings", Spelling),
        Layout("threads", Thread),
        Layout("secrets", Secret),
        Layout("statements", Statement),
        Layout("virtuals", Virtual),
        Layout("waiting", Waiting),
        Layout("seizures", Seizure),
        Layout("cards", Card),
        Layout("registrants", Registrant),
        Layout("observations", Observation),
        Layout("documents", Document),
        Layout("followings", Following),
        Layout("sessions", Session),
        Layout("grants", Grant),
        Layout("deeds", Deed),
    )
}


def storable(value: Any) -> Any:
    """The value, or the blob that stands for one its column cannot hold."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        return b"%d" % value
    return value


def forget_addresses() -> None:
    """Keep no address for further records to share; for when a whole file was read."""
    _address.cache_clear()


def prepare(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring a file, new or old, to the present version; all or nothing."""
    current = 1 + len(migrations)
    with transaction(connection):
        found = _version(connection)
        if found is None:
            connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            connection.execute("INSERT INTO schema_version VALUES (?)", (current,))
        elif found > current:
            why = (
                f"the state file has schema version {found}, this program knows up to {current};"
                " run the newer release, or restore a backup made before the upgrade"
            )
            raise ConfigError([f"gateway.state: {why}"])
        elif found < current:
            for migrate in migrations[found - 1 :]:
                migrate(connection)
            connection.execute("UPDATE schema_version SET version = ?", (current,))
        for layout in LAYOUTS.values():
            layout.prepare(connection)


def _version(connection: sqlite3.Connection) -> int | None:
    """The version of the file, or None if it is empty."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    row = None
    if "schema_version" in tables:
        row = connection.execute("SELECT version FROM schema_version").fetchone()
    if row is None:
        raise ConfigError(["gateway.state: the file is an SQLite database of another program"])
    version: int = row[0]
    return version
