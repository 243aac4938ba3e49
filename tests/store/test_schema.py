"""The file: columns that operators can read, records that come back as they were, versions."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.errors import ConfigError
from sip2xmpp.store.connection import connect
from sip2xmpp.store.records import Binding
from sip2xmpp.store.schema import LAYOUTS, MIGRATIONS, Layout, prepare, storable
from tests.store.engines import Engine, dialog

any_text = st.text(st.characters(exclude_categories=()))  # NUL and lone surrogates too
any_float = st.floats(allow_nan=False, allow_infinity=False)
domains = st.text(st.characters(exclude_categories=(), exclude_characters="@"), min_size=1)


def memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def records(layout: Layout[Any]) -> st.SearchStrategy[Any]:
    st.register_type_strategy(Address, st.builds(Address, any_text, domains))
    simple = {str: any_text, int: st.integers(), float: any_float, float | None: st.none() | any_float}
    hints = get_type_hints(layout.kind)
    return st.builds(
        layout.kind, **{name: simple.get(hints[name], st.from_type(hints[name])) for name in layout.names}
    )


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_record_comes_back_as_it_was(layout):
    connection = memory()
    layout.prepare(connection)

    @given(records(layout))
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def check(record: Any) -> None:
        connection.execute(layout.upsert(1), [storable(value) for value in layout.row(record)])
        (row,) = connection.execute(layout.select_one, (storable(record.key),)).fetchall()
        assert layout.record(row) == record
        connection.execute(layout.delete(1), (storable(record.key),))
        assert connection.execute(layout.select).fetchall() == []

    check()


def test_an_operator_can_read_the_columns():
    connection = memory()
    prepare(connection)
    layout = LAYOUTS["dialogs"]
    connection.execute(layout.upsert(1), layout.row(dialog(7)))
    row = connection.execute(
        "SELECT key, watcher, presentity, route_set, cseq_ceiling FROM dialogs"
    ).fetchone()
    assert row == (
        "l7",
        "alice@sip.example.org",
        "bob@sip.example.org",
        '["<sip:proxy.example.org;lr>"]',
        1,
    )


def test_a_new_file_has_the_present_version_and_is_left_alone_when_opened_again():
    connection = memory()
    prepare(connection)
    before = connection.total_changes
    prepare(connection)
    assert connection.total_changes == before
    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(1 + len(MIGRATIONS),)]


def test_dialogs_of_a_first_file_are_found_by_their_tag():
    connection = memory()
    prepare(connection, migrations=())
    layout = LAYOUTS["dialogs"]
    _, *values = layout.row(dialog(7))
    connection.execute(layout.upsert(1), ["notifier 7@phone.example.org l7", *values])
    prepare(connection)
    (row,) = connection.execute(layout.select_one, (dialog(7).key,)).fetchall()
    assert layout.record(row) == dialog(7)
    assert connection.execute("SELECT count(*) FROM dialogs").fetchall() == [(1,)]


def test_flows_of_one_device_in_an_older_file_are_found_by_their_keys():
    connection = memory()
    prepare(connection, migrations=MIGRATIONS[:1])
    layout = LAYOUTS["bindings"]
    held = [
        Binding(
            aor=Address("alice", "sip.example.org"),
            contact=f"sip:alice@192.0.2.{reg_id}",
            params="",
            q=1.0,
            call_id="c",
            cseq=1,
            path=(),
            flow="",
            user_agent="",
            instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>",
            reg_id=reg_id,
            registered_at=0.0,
            expires_at=1.0,
        )
        for reg_id in (0, 1)
    ]
    for each in held:
        _, *values = layout.row(each)
        connection.execute(layout.upsert(1), [f"{each.aor} {each.contact}", *values])
    prepare(connection)
    rows = [connection.execute(layout.select_one, (each.key,)).fetchone() for each in held]
    assert [layout.record(row) for row in rows] == held


def test_what_many_records_have_alike_is_one_object_when_loaded():
    connection = memory()
    layout = LAYOUTS["dialogs"]
    layout.prepare(connection)
    for number in (1, 2):
        connection.execute(layout.upsert(1), layout.row(dialog(number)))
    first, second = (layout.record(row) for row in connection.execute(layout.select))
    assert first.presentity is second.presentity
    for name in ("role", "event", "local_uri", "accept", "user_agent"):
        assert getattr(first, name) is getattr(second, name)


def test_migrations_run_in_order_and_once():
    connection = memory()
    prepare(connection, migrations=())
    ran: list[int] = []
    migrations = [lambda _, n=n: ran.append(n) for n in (1, 2, 3)]
    prepare(connection, migrations[:1])
    assert ran == [1]
    prepare(connection, migrations)
    prepare(connection, migrations)
    assert ran == [1, 2, 3]
    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(4,)]


def test_a_new_file_needs_no_migration():
    connection = memory()
    prepare(connection, [lambda _: pytest.fail("ran on a new file")])
    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(2,)]


def test_a_failing_migration_changes_nothing():
    def first(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (done)")

    def second(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE nothing RENAME TO something")

    connection = memory()
    prepare(connection, ())
    with pytest.raises(sqlite3.OperationalError):
        prepare(connection, (first, second))
    assert connection.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
    assert connection.execute("SELECT * FROM sqlite_master WHERE name = 'half'").fetchall() == []


def test_a_file_of_a_later_release_is_refused_with_both_versions(tmp_path: Path):
    path = tmp_path / "state.db"
    connection = connect(path)
    prepare(connection, [lambda _: None] * 6)
    connection.close()
    with pytest.raises(ConfigError, match=r"gateway\.state: .* schema version 7, .* up to 3;"):
        Engine(f"sqlite:{path}")


def test_a_database_of_another_program_is_refused(tmp_path: Path):
    path = tmp_path / "mail.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mail (body)")
    connection.close()
    with pytest.raises(ConfigError, match="another program"):
        Engine(f"sqlite:{path}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """A record as an earlier release had it."""

    name: str
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return self.name

    @property
    def group(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrighterLamp(Lamp):
    """The same with fields that came later."""

    colour: str = "it's red"
    watts: float = 4.5
    lit: bool = True
    raw: bytes = b"\x00\xff"
    rooms: tuple[str, ...] = ("hall",)
    owner: float | None = None


def test_a_field_with_a_default_is_added_to_an_old_file_and_an_old_program_goes_on_with_it():
    connection = memory()
    old, new = Layout("lamps", Lamp), Layout("lamps", BrighterLamp)
    old.prepare(connection)
    connection.execute(old.upsert(1), old.row(Lamp(name="a")))
    new.prepare(connection)
    connection.execute(new.upsert(1), new.row(BrighterLamp(name="b", colour="blue")))
    connection.execute(old.upsert(1), old.row(Lamp(name="c")))
    assert [new.record(row) for row in connection.execute(new.select)] == [
        BrighterLamp(name="a"),
        BrighterLamp(name="b", colour="blue"),
        BrighterLamp(name="c"),
    ]
    assert [old.record(row).name for row in connection.execute(old.select)] == ["a", "b", "c"]


def test_a_row_that_makes_no_sense_is_left_alone_and_the_others_are_read(tmp_path: Path):
    engine = Engine(f"sqlite:{tmp_path / 'state.db'}")
    for number in (1, 2):
        engine.store.dialogs.put(dialog(number))
    engine.commit()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE dialogs SET route_set = 'nonsense' WHERE key = ?", (dialog(1).key,))
    connection.close()
    engine.reopen()
    assert [record.key for record in engine.store.dialogs.all()] == [dialog(2).key]
    engine.reopen()
    engine.close()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        assert connection.execute("SELECT count(*) FROM dialogs").fetchone() == (2,)
    connection.close()
