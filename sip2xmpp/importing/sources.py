"""Where rows come from: an SQLite file, a dump of any database, packed by gzip or not, in a file or on standard input, or a folder.

What a file is shows at its beginning.  An SQLite file is only read, also while the other server uses it.  A folder is a database of
``db_text``, as Kamailio and OpenSIPS have it: a file for each table, whose first line names the columns, and then a line for each row, the
values separated by colons.

Whatever it is, a line and a value have a bound, since what is packed may be a thousand times as long as it looks.
"""

import gzip
import re
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from sip2xmpp.errors import BadInput
from sip2xmpp.importing.dumps import LONGEST, Row, Value, read_dump

STANDARD_INPUT: Final = "-"
_SQLITE: Final = b"SQLite format 3\0"
_GZIP: Final = b"\x1f\x8b"
_PG_CUSTOM: Final = b"PGDMP"

_TEXT_FIELD: Final = re.compile(r":((?:[^:\\]|\\.)*+)")
_TEXT_ESCAPE: Final = re.compile(r"\\(.)")
_TEXT_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def rows_of(source: str, tables: Collection[str], standard_input: Callable[[], IO[bytes]]) -> Iterator[Row]:
    """The rows of these tables in what an operator names: a path, or ``-``; raises ``BadInput``."""
    if source == STANDARD_INPUT:
        yield from _dumped(standard_input(), tables)
        return
    path = Path(source)
    try:
        if path.is_dir():
            yield from _folder(path, tables)
            return
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                yield from _stored(path, tables)
                return
            file.seek(0)
            yield from _dumped(file, tables)
    except OSError as error:
        raise BadInput(f"{source}: cannot be read: {error.strerror or error}") from None


def _dumped(file: IO[bytes], tables: Collection[str]) -> Iterator[Row]:
    """The rows of a dump; what was packed or is of another kind shows in its first octets."""
    first = file.readline(LONGEST + 1)
    if first.startswith(_PG_CUSTOM):
        raise BadInput("this is a dump in PostgreSQL's custom format: pg_restore -f - FILE writes it as SQL")
    if first.startswith(_GZIP):
        if not file.seekable():
            raise BadInput("unpack what comes on standard input: gunzip -c FILE | sip2xmpp import ...")
        file.seek(0)
        with gzip.open(file) as unpacked:
            try:
                yield from read_dump(_lines(unpacked), tables)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise BadInput(f"the packed dump is broken: {error}") from None
        return

    yield from read_dump(_lines(file, first), tables)


def _lines(file: IO[bytes] | gzip.GzipFile, first: bytes = b"") -> Iterator[bytes]:
    """The lines of a file, behind one that was read already; raises ``BadInput`` for one that is too long to be held."""
    number, line = 1, first or file.readline(LONGEST + 1)
    while line:
        if len(line) > LONGEST:
            raise BadInput(
                f"line {number} has more than {LONGEST:,} octets: dump only the tables that are wanted"
            )
        yield line
        number, line = number + 1, file.readline(LONGEST + 1)


def _stored(path: Path, tables: Collection[str]) -> Iterator[Row]:
    """The rows of an SQLite file."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
            # What is no UTF-8 is somebody's octets all the same.
            connection.text_factory = lambda octets: octets.decode("utf-8", "surrogateescape")
            known = {
                name.lower(): name
                for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            for table in sorted(set(tables) & set(known)):
                quoted = known[table].replace('"', '""')
                cursor = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - a name quoted as SQL wants it
                columns = [each[0].lower() for each in cursor.description]
                for number, values in enumerate(cursor, start=1):
                    named = {name: _value(each) for name, each in zip(columns, values, strict=True)}
                    yield Row(table=table, values=named, place=f"{table} row {number}")
    except sqlite3.Error as error:
        raise BadInput(f"{path}: {error}") from None


def _folder(path: Path, tables: Collection[str]) -> Iterator[Row]:
    """The rows of a database of db_text."""
    for table in sorted(tables):
        file = path / table
        if not file.is_file():
            continue
        with file.open("rb") as opened:
            lines = _lines(opened)
            columns = [
                each.partition(b"(")[0].decode("utf-8", "replace").lower()
                for each in next(lines, b"").split()
            ]
            for number, octets in enumerate(lines, start=2):
                line = octets.decode("utf-8", "surrogateescape").rstrip("\r\n")
                if not line:
                    continue
                values = [_TEXT_ESCAPE.sub(_unescaped, each) for each in _TEXT_FIELD.findall(f":{line}")]
                if len(values) != len(columns):
                    raise BadInput(f"{file} line {number}: {len(values)} values for {len(columns)} columns")
                named = dict(zip(columns, values, strict=True))
                yield Row(table=table, values=named, place=f"{table} line {number}")


def _unescaped(found: re.Match[str]) -> str:
    return _TEXT_ESCAPES.get(found[1], found[1])


def _value(held: object) -> Value:
    return held if held is None or isinstance(held, str | bytes) else str(held)
