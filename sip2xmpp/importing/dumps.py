"""The rows of a few tables in a dump of an SQL database, whichever program wrote it.

What is understood is what dump programs write, and no more of SQL: ``INSERT`` with lists of literals (mysqldump, mariadb-dump,
pg_dump --inserts, the .dump of SQLite), ``COPY ... FROM stdin`` (pg_dump), and of ``CREATE TABLE`` the names of the columns, for
``INSERT`` without any.  Everything else is skipped, statement by statement, without being held.  A dump is read once, line by line,
so it may come through a pipe and be larger than memory; only one statement is held at a time.

Text is text, with octets that are not UTF-8 as surrogates; what is written as hexadecimal digits is octets.  Where a backslash
escapes depends on who wrote the dump: in MySQL it does, as a heading or names in grave accents show.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sip2xmpp.errors import BadInput

Value = str | bytes | None
"""What stands in a column; numbers are text."""

LONGEST: Final = 64 * 1024 * 1024
"""Characters of one statement, which mysqldump makes a mebibyte long, and octets of one line or value."""

DEEPEST: Final = 8
"""How many functions may be in one another, as the .dump of SQLite writes line ends."""

_NAME = r"(?:`(?:[^`]|``)+`|\"(?:[^\"]|\"\")+\"|[A-Za-z_][\w$]*)"
_TABLE = rf"(?:{_NAME}\s*\.\s*)?(?P<table>{_NAME})"
_INSERT = re.compile(
    rf"\s*(?:INSERT(?:\s+(?:OR\s+\w+|IGNORE|DELAYED))?|REPLACE)\s+INTO\s+{_TABLE}"
    rf"\s*(?:\((?P<columns>[^()]*)\))?\s*(?:OVERRIDING\s+SYSTEM\s+VALUE\s*)?VALUES\s*",
    re.IGNORECASE,
)
_COPY = re.compile(rf"\s*COPY\s+{_TABLE}\s*\((?P<columns>[^()]*)\)\s+FROM\s+stdin\s*;?\s*$", re.IGNORECASE)
_CREATE = re.compile(rf"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_TABLE}\s*\(", re.IGNORECASE)
_COLUMN = re.compile(rf"\s*(?P<name>{_NAME})")
_NO_COLUMN = frozenset(
    ("PRIMARY", "UNIQUE", "KEY", "CONSTRAINT", "INDEX", "FOREIGN", "CHECK", "FULLTEXT", "SPATIAL", "EXCLUDE")
)
_WRITTEN_BY_MYSQL = re.compile(r"-- (?:MySQL|MariaDB) dump|/\*M?!")
_NAMED_AS_IN_MYSQL = re.compile(r"\s*(?:INSERT|REPLACE|CREATE)\b[^'\"(]*`", re.IGNORECASE)
_BEGUN = re.compile(r"\s*(?:INSERT|REPLACE|CREATE\s+TABLE)\b", re.IGNORECASE)
_IGNORED = re.compile(r"\s*(?:--|#|\\|$)")

_MARK = re.compile(r"--[^\n]*|/\*|\b[Ee]'|['\"`;]|\$(?:[A-Za-z_]\w*)?\$")
"""What may change how the rest of a statement is to be read."""
_BACKSLASHED = re.compile(r"(?:[^'\\]|\\.)*+'", re.DOTALL)

_STRING = re.compile(r"(?P<kind>_\w+\s*|[NnEeXx])?'(?P<text>(?:[^']|'')*+)'", re.DOTALL)
_ESCAPED_STRING = re.compile(r"(?P<kind>_\w+\s*|[NnEeXx])?'(?P<text>(?:[^'\\]|\\.|'')*+)'", re.DOTALL)
_OTHER = re.compile(
    r"(?P<hex>0[xX][0-9A-Fa-f]+)|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])"
    r"|(?P<word>NULL|TRUE|FALSE|DEFAULT)\b|(?P<function>[A-Za-z_]\w*)\s*\(",
    re.IGNORECASE,
)
_CAST = re.compile(r"\s*::\s*[\w .\"]+(?:\(\d+\))?")
_SPACE = re.compile(r"\s*")
_MYSQL_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)
_MYSQL_ESCAPES: Final = {
    "0": "\0",
    "b": "\b",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "Z": "\x1a",
    "%": "\\%",
    "_": "\\_",
}
_C_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_C_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_UNISTR = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4})|(\\))")


class BadDump(BadInput):
    """A statement for a table that is wanted cannot be read; the text says in which line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row.  ``values`` are by the names of columns in lower case; ``place`` is where it was found, for people."""

    table: str
    values: Mapping[str, Value]
    place: str


def read_dump(lines: Iterable[bytes], tables: Collection[str]) -> Iterator[Row]:
    """The rows of these tables, their names in lower case, in the order of the dump; raises ``BadDump``."""
    return _Reader(tables).rows(enumerate(lines, start=1))


class _Lines:
    """The lines of a dump as text, each with its number."""

    def __init__(self, lines: Iterator[tuple[int, bytes]]) -> None:
        self._lines = lines
        self._number = 0
        self._rest = ""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> tuple[int, str]:
        if self._rest:
            rest, self._rest = self._rest, ""
            return self._number, rest
        self._number, octets = next(self._lines)
        return self._number, octets.decode("utf-8", "surrogateescape")

    def put_back(self, rest: str) -> None:
        """What follows a statement on its line."""
        self._rest = rest if rest.strip() else ""


@dataclass(slots=True)
class _Reader:
    """What is known of a dump so far."""

    tables: Collection[str]
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    escapes: bool = False

    def rows(self, numbered: Iterator[tuple[int, bytes]]) -> Iterator[Row]:
        lines = _Lines(numbered)
        for number, line in lines:
            if _WRITTEN_BY_MYSQL.match(line):
                self.escapes = True
            if _IGNORED.match(line):
                continue
            copied = _COPY.match(line)
            if copied is not None:
                yield from self._copied(copied, lines)
                continue
            escapes = self.escapes or _NAMED_AS_IN_MYSQL.match(line) is not None
            statement = self._statement(line, number, lines, escapes=escapes)
            yield from self._stated(statement, number, escapes=escapes)

    def _statement(self, line: str, number: int, lines: "_Lines", *, escapes: bool) -> str:
        """The whole statement that begins with a line; nothing if nobody wants it."""
        begun = _INSERT.match(line) or _CREATE.match(line)
        # Where the table is named only on a line below, the statement is held to be looked at.
        wanted = _plain(begun["table"]) in self.tables if begun else _BEGUN.match(line) is not None
        parts, length, inside = [], 0, ""
        while True:
            end, inside = _scan(line, inside, escapes=escapes)
            if wanted:
                parts.append(line if end is None else line[:end])
                length += len(line)
                if length > LONGEST:
                    raise BadDump(f"line {number}: a statement of more than {LONGEST} characters")
            if end is not None:
                lines.put_back(line[end:])
                break
            following = next(lines, None)
            if following is None:
                if wanted and inside:
                    raise BadDump(f"line {number}: the dump ends inside of a statement")
                break
            line = following[1]
        return "".join(parts)

    def _stated(self, statement: str, number: int, *, escapes: bool) -> Iterator[Row]:
        created = _CREATE.match(statement)
        if created is not None:
            table = _plain(created["table"])
            if table in self.tables:
                self.columns[table] = tuple(_columns_of(statement[created.end() :]))
            return
        inserted = _INSERT.match(statement)
        if inserted is None or (table := _plain(inserted["table"])) not in self.tables:
            return
        columns = self._columns(table, inserted["columns"], number)
        literals = _Literals(statement, inserted.end(), number, escapes=escapes)
        for values in literals.tuples():
            yield self._row(table, columns, values, number)

    def _copied(self, copied: re.Match[str], lines: Iterator[tuple[int, str]]) -> Iterator[Row]:
        table = _plain(copied["table"])
        wanted = table in self.tables
        columns = self._columns(table, copied["columns"], 0)
        for number, text in lines:
            line = text.rstrip("\r\n")
            if line == "\\.":
                return
            if wanted:
                values = [None if each == "\\N" else _c_text(each) for each in line.split("\t")]
                yield self._row(table, columns, values, number)

    def _columns(self, table: str, written: str | None, number: int) -> tuple[str, ...]:
        if written is not None:
            return tuple(_plain(name.strip()) for name in written.split(","))
        if table not in self.columns:
            raise BadDump(
                f"line {number}: the columns of {table} are not known: dump the definition of the table too"
            )
        return self.columns[table]

    @staticmethod
    def _row(table: str, columns: tuple[str, ...], values: Sequence[Value], number: int) -> Row:
        if len(values) != len(columns):
            raise BadDump(f"line {number}: {len(values)} values for {len(columns)} columns of {table}")
        return Row(table=table, values=dict(zip(columns, values, strict=True)), place=f"line {number}")


@dataclass(slots=True)
class _Literals:
    """The literals of one INSERT, from behind VALUES on."""

    text: str
    at: int
    number: int
    escapes: bool = field(kw_only=True)

    def tuples(self) -> Iterator[list[Value]]:
        while True:
            self._take("(")
            values = [self._value(0)]
            while self._is_next(","):
                values.append(self._value(0))
            self._take(")")
            yield values
            if not self._is_next(","):
                break

    def _value(self, depth: int) -> Value:
        self._skip()
        value = self._string()
        if value is _NOTHING:
            value = self._other(depth)
        while cast := _CAST.match(self.text, self.at):
            self.at = cast.end()
        assert not isinstance(value, _Nothing)
        return value

    def _string(self) -> "Value | _Nothing":
        found = (_ESCAPED_STRING if self.escapes else _STRING).match(self.text, self.at)
        if found is None:
            return _NOTHING
        kind = (found["kind"] or "").strip().lower()
        if kind == "e" and not self.escapes:
            found = _ESCAPED_STRING.match(self.text, self.at) or found
        self.at = found.end()
        text = found["text"]
        if kind == "x":
            return self._octets(text)
        if kind == "e":
            return _c_text(text.replace("''", "'"))
        return _MYSQL_ESCAPE.sub(_mysql, text) if self.escapes else text.replace("''", "'")

    def _other(self, depth: int) -> Value:
        found = _OTHER.match(self.text, self.at)
        if found is None or depth > DEEPEST:
            raise self._fault()
        self.at = found.end()
        if found["hex"]:
            return self._octets(found["hex"][2:])
        if found["number"]:
            return found["number"]
        if found["word"]:
            return {"true": "1", "false": "0"}.get(found["word"].lower())
        arguments = [self._value(depth + 1)]
        while self._is_next(","):
            arguments.append(self._value(depth + 1))
        self._take(")")
        function = _FUNCTIONS.get(found["function"].lower())
        texts = [each for each in arguments if isinstance(each, str)]
        if function is None or len(texts) != len(arguments):
            raise self._fault()
        try:
            made = function(texts)
            made.encode("utf-8", "surrogateescape")
            return made
        except (ValueError, OverflowError):
            raise self._fault() from None

    def _octets(self, digits: str) -> bytes:
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise self._fault() from None

    def _skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        assert space is not None
        self.at = space.end()

    def _is_next(self, mark: str) -> bool:
        self._skip()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _take(self, mark: str) -> None:
        if not self._is_next(mark):
            raise self._fault()

    def _fault(self) -> BadDump:
        shown = self.text[self.at : self.at + 30].encode("utf-8", "replace").decode()
        return BadDump(f"line {self.number}: no value that is understood: {shown!r}")


class _Nothing:
    """No value, which NULL is."""


_NOTHING: Final = _Nothing()


def _replace(arguments: list[str]) -> str:
    text, old, new = arguments
    return text.replace(old, new)


def _unistr(arguments: list[str]) -> str:
    (text,) = arguments

    def char(found: re.Match[str]) -> str:
        digits = found[1] or found[2] or found[3] or found[4]
        return chr(int(digits, 16)) if digits else "\\"

    return _UNISTR.sub(char, text)


_FUNCTIONS: Final[Mapping[str, Callable[[list[str]], str]]] = {
    "replace": _replace,
    "char": lambda arguments: "".join(chr(int(each)) for each in arguments),
    "unistr": _unistr,
}
"""What the .dump of SQLite writes where there are line ends and control characters."""


def _plain(name: str) -> str:
    """A name without quotes, in lower case: no server has two that differ in case."""
    if name[:1] in ('"', "`"):
        name = name[1:-1].replace(name[0] * 2, name[0])
    return name.lower()


def _scan(line: str, inside: str, *, escapes: bool) -> tuple[int | None, str]:
    """Behind which character a statement ends, None: not on this line; and inside of which quotes the line ends.

    ``inside`` is where the line began.
    """
    at = 0
    while True:
        if inside:
            end = _closed(line, at, inside, escapes=escapes)
            if end is None:
                return None, inside
            at, inside = end, ""
        mark = _MARK.search(line, at)
        if mark is None:
            return None, ""
        at = mark.end()
        if mark[0] == ";":
            return at, ""
        if mark[0].lower() == "e'":
            inside = "e'"
        elif not mark[0].startswith("--"):
            inside = "*/" if mark[0] == "/*" else mark[0]


def _closed(line: str, at: int, inside: str, *, escapes: bool) -> int | None:
    """Where quotes end that are open at ``at``; None: not on this line."""
    if inside == "e'" or (inside == "'" and escapes):
        closed = _BACKSLASHED.match(line, at)
        return None if closed is None else closed.end()
    found = line.find(inside, at)
    return None if found < 0 else found + len(inside)


def _columns_of(body: str) -> Iterator[str]:
    """The names of the columns in a CREATE TABLE, from behind the parenthesis on."""
    depth, at, begins = 0, 0, True
    while at < len(body):
        char = body[at]
        if begins and (found := _COLUMN.match(body, at)):
            if found["name"].upper() not in _NO_COLUMN:
                yield _plain(found["name"])
            at, begins = found.end(), False
            continue
        if char in "'\"`":
            at = body.find(char, at + 1)
            if at < 0:
                return
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return
        elif char == "," and depth == 0:
            begins = True
        at += 1


def _mysql(found: re.Match[str]) -> str:
    char = found[1]
    return "'" if char is None else _MYSQL_ESCAPES.get(char, char)


def _c_text(text: str) -> str:
    """Text with the escapes of COPY, which are those of E'' as well."""
    if "\\" not in text:
        return text
    # Octets are escaped one by one, and may be a character together.
    return _C_ESCAPE.sub(_c_char, text).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _c_char(found: re.Match[str]) -> str:
    octal, digits, char = found.groups()
    if octal or digits:
        octet = int(octal, 8) if octal else int(digits, 16)
        return bytes([octet & 0xFF]).decode("utf-8", "surrogateescape")
    return "'" if char is None else _C_ESCAPES.get(char, char)
