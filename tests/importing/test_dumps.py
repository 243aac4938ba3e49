"""The rows of a dump: those that real programs wrote, those that could be written, and those that nobody should."""

import gzip
import io
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadInput
from sip2xmpp.importing.dumps import LONGEST, BadDump, Row, Value, read_dump
from sip2xmpp.importing.findings import TABLES
from sip2xmpp.importing.sources import rows_of

DUMPS = Path(__file__).parent / "dumps"
FILES = sorted(file.name for file in DUMPS.iterdir())
"""Made by the programs that their names tell, of tables that the servers' own scripts created."""

PASSWORDS = [("alice", "rabbit"), ("bob", ""), ("juliet", "capulet"), ("romeo", "")]


def rows(text: str | bytes, *tables: str) -> list[Row]:
    octets = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return list(read_dump(io.BytesIO(octets), tables or TABLES))


def values(text: str | bytes) -> list[list[Value]]:
    return [list(row.values.values()) for row in rows(text, "t")]


# What real programs wrote


@pytest.mark.parametrize("name", FILES)
def test_every_real_dump_has_the_same_rows(name: str) -> None:
    found = list(rows_of(str(DUMPS / name), TABLES, io.BytesIO))
    users = [row.values for row in found if row.table == "subscriber"]
    assert [(row["username"], row["password"]) for row in users] == PASSWORDS
    documents = [row.values["doc"] for row in found if row.table == "xcap"]
    octets = [each if isinstance(each, bytes) else str(each).encode() for each in documents]
    if "pg_dump" in name:
        octets = [bytes.fromhex(each.decode().removeprefix("\\x")) for each in octets]
    assert len(octets) == 5
    assert 'Freunde \\ l\'été; "ok"'.encode() in octets[0] and octets[0].count(b"\n") == 8
    assert len([row for row in found if row.table == "watchers"]) == 5


def test_the_same_comes_through_a_pipe_and_packed(tmp_path: Path) -> None:
    octets = (DUMPS / FILES[0]).read_bytes()
    whole = rows(octets)
    assert list(rows_of("-", TABLES, lambda: io.BytesIO(octets))) == whole
    packed = tmp_path / "dump.sql.gz"
    packed.write_bytes(gzip.compress(octets))
    assert list(rows_of(str(packed), TABLES, io.BytesIO)) == whole
    packed.write_bytes(gzip.compress(octets)[:-200])
    with pytest.raises(BadInput, match="broken"):
        list(rows_of(str(packed), TABLES, io.BytesIO))


def test_an_sqlite_file_is_read_as_its_dump_is(tmp_path: Path) -> None:
    text = (DUMPS / "opensips.sqlite.sql").read_text("utf-8")
    file = tmp_path / "opensips.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(text)
    connection.close()
    stored = list(rows_of(str(file), TABLES, io.BytesIO))
    by_table = sorted(stored, key=lambda row: row.table)
    assert [row.values for row in by_table] == [
        row.values for row in sorted(rows(text), key=lambda row: row.table)
    ]
    assert stored[0].place == "subscriber row 1"


def text_field(value: str) -> str:
    escapes = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", ":": "\\:", "\0": "\\0"}
    return "".join(escapes.get(char, char) for char in value)


@given(
    st.lists(st.tuples(st.text("ab:\\\n\r\t\0é'", max_size=8), st.text(max_size=8)), min_size=1, max_size=4)
)
def test_a_folder_of_db_text_is_read(table: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = ["id(int,auto) username(string) HA1(string,null)"]
        lines += [f"{number}:{text_field(a)}:{text_field(b)}" for number, (a, b) in enumerate(table)]
        Path(folder, "subscriber").write_bytes("\n".join([*lines, ""]).encode())
        found = list(rows_of(folder, TABLES, io.BytesIO))
    assert [(row.values["username"], row.values["ha1"]) for row in found] == table
    assert found[0].place == "subscriber line 2"


def test_a_folder_of_db_text_that_is_broken_is_told(tmp_path: Path) -> None:
    (tmp_path / "subscriber").write_text("id(int) username(string)\n1:bob:more\n")
    with pytest.raises(BadInput, match="line 2: 3 values for 2 columns"):
        list(rows_of(str(tmp_path), TABLES, io.BytesIO))


@pytest.mark.parametrize("made", [b"PGDMP\x01\x0e", b"SQLite format 3\0broken"])
def test_what_is_no_sql_is_told(made: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(made)
    with pytest.raises(BadInput):
        list(rows_of(str(file), TABLES, io.BytesIO))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        list(rows_of(str(tmp_path / "missing"), TABLES, io.BytesIO))


# What could be written

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40) | st.text(
    "ab'\"\\`;-/*$\n\r\t,()xnNE{}", max_size=40
)
VALUES = st.none() | TEXTS | st.binary(max_size=20)
TABLE = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=5)


def mysql_literal(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"0x{value.hex()}" if value else "''"
    escapes = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z"}
    return "'" + "".join(escapes.get(char, char) for char in value) + "'"


def plain_literal(value: Value) -> str:
    if value is None:
        return "NULL"
    return f"X'{value.hex()}'" if isinstance(value, bytes) else "'" + value.replace("'", "''") + "'"


def escaped_literal(value: Value) -> str:
    if not isinstance(value, str):
        return plain_literal(value)
    return "E'" + value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n") + "'"


def copied(value: Value) -> str:
    if value is None:
        return "\\N"
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    for char, escape in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v")):
        text = text.replace(char, escape)
    return text


def expected(table: Iterable[Sequence[Value]], *, octets: bool = True) -> list[list[Value]]:
    def of(value: Value) -> Value:
        if isinstance(value, bytes) and not octets:
            return value.decode("latin-1")
        return value

    return [[of(value) for value in row] for row in table]


@given(TABLE)
def test_what_mysqldump_writes_is_read(table: list[tuple[Value, Value]]) -> None:
    tuples = ",\n".join(f"({mysql_literal(a)},{mysql_literal(b)})" for a, b in table)
    wanted = [["" if value == b"" else value for value in row] for row in expected(table)]
    for heading, mark in (("", "`"), ("-- MariaDB dump 10.19\n", "")):
        columns = (
            f"  {mark}a{mark} text,\n  {mark}b{mark} blob DEFAULT ',(',\n  PRIMARY KEY ({mark}a{mark})\n"
        )
        text = f"CREATE TABLE {mark}t{mark} (\n{columns});\nINSERT INTO {mark}t{mark} VALUES {tuples};\n"
        assert values(heading + text) == wanted


@given(TABLE)
def test_standard_strings_are_read(table: list[tuple[Value, Value]]) -> None:
    for literal in (plain_literal, escaped_literal):
        tuples = ", ".join(f"({literal(a)}, {literal(b)}::text)" for a, b in table)
        assert values(f'INSERT INTO public.t ("A", b) VALUES {tuples};') == expected(table)


@given(TABLE)
def test_what_copy_writes_is_read(table: list[tuple[Value, Value]]) -> None:
    lines = "".join(f"{copied(a)}\t{copied(b)}\n" for a, b in table)
    text = f"COPY other (x) FROM stdin;\n';\n\\.\nCOPY public.t (a, b) FROM stdin;\n{lines}\\.\n"
    # Only line feeds end lines.
    assert values(text) == expected(table, octets=False)


@given(TABLE)
def test_what_sqlite_dumps_is_read(table: list[tuple[Value, Value]]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a, \"b\" CHAR(255) DEFAULT 'x)' NOT NULL)".replace(" NOT NULL", ""))
    connection.executemany("INSERT INTO t VALUES (?, ?)", table)
    assert values("\n".join(connection.iterdump())) == expected(table)
    connection.close()


@given(
    st.binary(max_size=300)
    | st.text("INSERT INTO t (a) VALUES ('x');\nCOPY`\"\\$-*/", max_size=300).map(str.encode)
)
def test_whatever_comes_is_rows_or_a_fault(octets: bytes) -> None:
    for before in (b"", b"INSERT INTO t (a) VALUES (", b"CREATE TABLE t (", b"COPY t (a) FROM stdin;\n"):
        try:
            rows(before + octets, "t")
        except BadDump:
            continue


# What nobody should


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("INSERT INTO t VALUES (1);", "columns of t are not known"),
        ("INSERT INTO t (a, b) VALUES (1);", "1 values for 2 columns"),
        ("INSERT INTO t (a) VALUES (load_file('/etc/passwd'));", "no value that is understood"),
        ("INSERT INTO t (a) VALUES ((SELECT 1));", "no value that is understood"),
        ("INSERT INTO t (a) VALUES ('x", "ends inside"),
        ("INSERT INTO t (a) VALUES (X'0');", "no value that is understood"),
        ("INSERT INTO t (a) VALUES (" + "replace(" * 1000 + "'');", "no value that is understood"),
        ("INSERT INTO t (a) VALUES (char(55296));", "no value that is understood"),
        ("COPY t (a) FROM stdin;\n1\t2\n\\.", "2 values for 1 columns"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(BadDump, match=told) as fault:
        rows("-- a comment\n" + text, "t")
    assert "line " in str(fault.value)


def test_a_packed_dump_that_is_broken_inside_is_told(tmp_path: Path) -> None:
    octets = bytearray(gzip.compress(b"INSERT INTO subscriber (username) VALUES ('bob');\n" * 2000))
    octets[30:60] = bytes(each ^ 0xFF for each in octets[30:60])
    (tmp_path / "dump.sql.gz").write_bytes(octets)
    with pytest.raises(BadInput, match="broken"):
        list(rows_of(str(tmp_path / "dump.sql.gz"), TABLES, io.BytesIO))


def test_a_packed_line_without_end_is_not_held(tmp_path: Path) -> None:
    bomb, mebibyte = tmp_path / "bomb.sql.gz", b"a" * 2**20
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(LONGEST // 2**20 * 3):
            file.write(mebibyte)
    with pytest.raises(BadInput, match="line 1 has more than"):
        list(rows_of(str(bomb), TABLES, io.BytesIO))


def test_a_value_that_is_too_long_is_not_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "long.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE subscriber (username TEXT, password AS (zeroblob(200000000)))")
        connection.execute("INSERT INTO subscriber VALUES ('bob')")
        connection.commit()
    with pytest.raises(BadInput, match="too big"):
        list(rows_of(str(file), TABLES, io.BytesIO))


def test_several_statements_may_stand_on_one_line() -> None:
    text = "BEGIN; INSERT INTO t (a) VALUES (1); INSERT INTO t (a) VALUES ('2'); -- it's over\nCOMMIT;"
    assert values(text) == [["1"], ["2"]]


def test_what_is_of_other_tables_is_not_looked_at() -> None:
    text = (
        "INSERT INTO acc (a) VALUES (whatever('; INSERT INTO t (a) VALUES (9);'));\n"
        "CREATE FUNCTION f() RETURNS text AS $_$SELECT ';' || '$_$ LANGUAGE sql;\n"
        "/*!50003 CREATE TRIGGER x BEFORE INSERT ON t */;\n"
        "INSERT INTO t (a) VALUES (1);\n"
    )
    assert values(text) == [["1"]]
