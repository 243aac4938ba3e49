"""The embedded engine: what survives, what is shared with the command line, what a bad disk does."""

import fcntl
import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest

from sip2xmpp.address import Address
from sip2xmpp.errors import ConfigError, StorageFailed
from sip2xmpp.store.connection import Claim, connect, holder_of
from sip2xmpp.store.documents import Document
from sip2xmpp.store.interface import ChangeKind
from sip2xmpp.store.journal import BUSY, ENOUGH, INTERVAL, SLICE
from sip2xmpp.store.keeping import Session
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Account
from sip2xmpp.store.removal import end_sessions
from sip2xmpp.store.schema import LAYOUTS
from sip2xmpp.store.sqlite import SqliteStore
from tests.store.engines import (
    ALICE,
    BOB,
    JULIET,
    START,
    Engine,
    dialog,
    publication,
    verdict,
)


def rows(engine: Engine, table: str = "dialogs") -> list[str]:
    """The keys in the file, as another process sees them."""
    connection = sqlite3.connect(engine.url.removeprefix("sqlite:"))
    found = [row[0] for row in connection.execute(f"SELECT key FROM {table} ORDER BY rowid")]
    connection.close()
    return found


def account(address: Address = BOB, secret: str = "0" * 32) -> Account:
    return Account(address=address, realm=address.domain, ha1_md5=secret, ha1_sha256="0" * 64)


def write_as_another_process(engine: Engine, table: str, record) -> None:
    layout = LAYOUTS[table]
    connection = connect(Path(engine.url.removeprefix("sqlite:")))
    connection.execute(layout.upsert(1), layout.row(record))
    connection.close()


def look(engine: Engine) -> None:
    """Let a second pass, and wait for what the writer thread saw."""
    engine.clock.advance(1)
    engine.clock.take_call()


# -- durability --


def test_what_is_committed_is_there_after_a_restart(sqlite):
    records = [dialog(number) for number in range(200)]
    for record in records:
        sqlite.store.dialogs.put(record)
    sqlite.store.dialogs.remove(records[7].key)
    sqlite.commit()
    sqlite.reopen()
    assert list(sqlite.store.dialogs.all()) == records[:7] + records[8:]
    assert sqlite.store.dialogs.select(str(BOB))[0] == records[0]


def test_closing_commits_what_nobody_waited_for(sqlite):
    sqlite.store.dialogs.put(dialog(1))
    sqlite.reopen()
    assert len(sqlite.store.dialogs) == 1


def test_nothing_is_acknowledged_before_it_is_in_the_file(sqlite):
    sqlite.store.dialogs.put(dialog(1))
    waiting = sqlite.store.committed()
    assert not waiting.called
    assert rows(sqlite) == []
    sqlite.clock.run_until(waiting)
    assert rows(sqlite) == [dialog(1).key]


def test_nobody_is_called_before_what_was_changed_is_in_the_file(sqlite):
    told = []
    sqlite.store.dialogs.put(dialog(1))
    sqlite.store.after_commit(lambda trouble: told.append((trouble, rows(sqlite))))
    assert told == []
    sqlite.commit()
    assert told == [(None, [dialog(1).key])]


def test_changes_nobody_waits_for_are_written_a_turn_later(sqlite):
    sqlite.store.dialogs.put(dialog(1))
    sqlite.clock.advance(0)
    sqlite.clock.take_call()
    assert rows(sqlite) == [dialog(1).key]


def test_who_comes_while_a_batch_is_written_waits_for_it_and_who_changes_something_for_the_next(sqlite):
    store = sqlite.store
    store.dialogs.put(dialog(1))
    first = store.committed()
    sqlite.clock.advance(0)
    late = store.committed()
    store.dialogs.put(dialog(2))
    second = store.committed()
    sqlite.clock.take_call()
    assert first.called and late.called and not second.called
    sqlite.clock.run_until(second)
    assert rows(sqlite) == [dialog(1).key, dialog(2).key]


LOAD = 2 * BUSY


def busy(sqlite, told):
    """Put ``LOAD`` changes that somebody waits for and have them written; numbers from 100 on."""
    for number in range(100, 100 + LOAD):
        sqlite.store.dialogs.put(dialog(number))
        sqlite.store.after_commit(told.append)
    sqlite.clock.advance(0)
    sqlite.clock.take_call()
    sqlite.clock.advance(1.5 * INTERVAL)


def test_who_is_alone_waits_for_no_interval(sqlite):
    clock, store = sqlite.clock, sqlite.store
    for number in (1, 2, 3):
        store.dialogs.put(dialog(number))
        clock.advance(0)
        clock.take_call()
        assert len(rows(sqlite)) == number


def test_under_load_transactions_begin_an_interval_apart_and_after_a_rest_at_once(sqlite):
    clock, store = sqlite.clock, sqlite.store
    told = []
    busy(sqlite, told)
    store.dialogs.put(dialog(1))
    clock.advance(0)
    clock.take_call()
    store.dialogs.put(dialog(2))
    clock.advance(INTERVAL / 2)
    store.dialogs.put(dialog(3))
    assert len(rows(sqlite)) == LOAD + 1 and len(told) == LOAD
    clock.advance(INTERVAL)
    clock.take_call()
    assert len(rows(sqlite)) == LOAD + 3
    clock.advance(INTERVAL)
    store.dialogs.put(dialog(4))
    clock.advance(0)
    clock.take_call()
    assert len(rows(sqlite)) == LOAD + 4


def test_a_transaction_begins_early_when_enough_are_waiting(sqlite):
    clock, store = sqlite.clock, sqlite.store
    told = []
    busy(sqlite, told)
    store.dialogs.put(dialog(1))
    clock.advance(0)
    clock.take_call()
    told.clear()
    for number in range(200, 200 + ENOUGH):
        store.dialogs.put(dialog(number))
        store.after_commit(told.append)
    clock.advance(0)
    clock.take_call()
    assert told == [None] * ENOUGH and len(rows(sqlite)) == LOAD + 1 + ENOUGH


def test_thousands_who_wait_for_one_commit_are_called_in_slices_and_in_order(sqlite):
    told = []
    sqlite.store.dialogs.put(dialog(1))
    for number in range(2 * SLICE + 1):
        sqlite.store.after_commit(lambda trouble, number=number: told.append((number, trouble)))
    sqlite.clock.advance(0)
    sqlite.clock.take_call()
    assert len(told) == SLICE
    sqlite.store.after_commit(lambda trouble: told.append(("late", trouble)))
    sqlite.clock.callLater(0, told.append, "something else")
    sqlite.clock.advance(0)
    expected = [(number, None) for number in range(2 * SLICE + 1)]
    assert told == [*expected[: 2 * SLICE], "something else", *expected[2 * SLICE :], ("late", None)]


def test_closing_calls_all_who_still_wait_and_leaves_no_timer(sqlite):
    told = []
    sqlite.store.dialogs.put(dialog(1))
    for _ in range(3 * SLICE):
        sqlite.store.after_commit(told.append)
    sqlite.clock.advance(0)
    sqlite.clock.take_call()
    sqlite.store.dialogs.put(dialog(2))
    sqlite.store.after_commit(told.append)
    sqlite.close()
    assert told == [None] * (3 * SLICE + 1)
    assert sqlite.clock.getDelayedCalls() == []


def test_only_the_last_of_several_writes_to_a_key_reaches_the_file(sqlite):
    path = Path(sqlite.url.removeprefix("sqlite:"))
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE seen (cseq)")
    for verb in ("INSERT", "UPDATE"):
        connection.execute(
            f"CREATE TRIGGER t{verb} AFTER {verb} ON dialogs BEGIN INSERT INTO seen VALUES (new.cseq_ceiling); END"
        )
    connection.commit()
    for cseq in range(50):
        sqlite.store.dialogs.put(dialog(1, cseq=cseq))
    sqlite.store.dialogs.put(dialog(2))
    sqlite.store.dialogs.remove(dialog(2).key)
    sqlite.commit()
    assert connection.execute("SELECT cseq FROM seen").fetchall() == [(49,)]
    connection.close()


@pytest.mark.parametrize("count", [1, 3, 4, 5, 16, 63, 64, 65, 100, 149])
def test_batches_of_every_size_are_written_and_removed(sqlite, count):
    for number in range(count):
        sqlite.store.dialogs.put(dialog(number))
    sqlite.commit()
    assert rows(sqlite) == [dialog(number).key for number in range(count)]
    for number in range(count):
        sqlite.store.dialogs.remove(dialog(number).key)
    sqlite.commit()
    assert rows(sqlite) == []


def test_expiry_reaches_the_file(sqlite):
    sqlite.store.dialogs.put(dialog(1, ends=START + 5))
    sqlite.commit()
    sqlite.clock.advance(5)
    sqlite.commit()
    assert rows(sqlite) == []


def test_what_expired_while_the_program_was_down_is_told_to_those_who_listen_after_the_start(sqlite):
    sqlite.store.dialogs.put(dialog(1, ends=START + 5))
    sqlite.store.dialogs.put(dialog(2, ends=START + 500))
    sqlite.reopen(after=60)
    told = []
    sqlite.store.dialogs.listen(lambda change: told.append((change.kind, change.record)))
    assert sqlite.store.dialogs.get(dialog(1).key) is None
    sqlite.clock.advance(0)
    assert told == [(ChangeKind.EXPIRED, dialog(1, ends=START + 5))]
    assert list(sqlite.store.dialogs.all()) == [dialog(2, ends=START + 500)]


def test_a_closed_store_refuses_to_promise_anything(sqlite):
    sqlite.close()
    with pytest.raises(StorageFailed, match="closed"):
        sqlite.commit()


def test_closing_waits_for_the_transaction_that_is_running(sqlite):
    sqlite.store.dialogs.put(dialog(1))
    first = sqlite.store.committed()
    sqlite.clock.advance(0)
    sqlite.store.dialogs.put(dialog(2))
    second = sqlite.store.committed()
    sqlite.close()
    assert first.called and second.called
    assert rows(sqlite) == [dialog(1).key, dialog(2).key]


# -- the command line beside the gateway --


def kept_document(owner, name):
    return Document(
        auid="pres-rules", owner=str(owner), name=name, octets=b"<ruleset/>", etag=name, changed_at=1.0
    )


def test_an_account_that_another_process_adds_changes_or_removes_is_seen_within_a_second(sqlite):
    told = []
    sqlite.store.accounts.listen(lambda change: told.append((change.kind, change.record)))
    write_as_another_process(sqlite, "accounts", account())
    look(sqlite)
    write_as_another_process(sqlite, "accounts", account(secret="1" * 32))
    look(sqlite)
    assert sqlite.store.accounts.get(str(BOB)) == account(secret="1" * 32)
    with sqlite3.connect(sqlite.url.removeprefix("sqlite:")) as connection:
        connection.execute("DELETE FROM accounts")
    connection.close()
    look(sqlite)
    assert told == [
        (ChangeKind.PUT, account()),
        (ChangeKind.PUT, account(secret="1" * 32)),
        (ChangeKind.REMOVED, account(secret="1" * 32)),
    ]


def test_a_verdict_of_another_process_is_seen_and_unchanged_ones_are_not_told_again(sqlite):
    sqlite.store.verdicts.put(verdict(ALICE))
    sqlite.commit()
    told = []
    sqlite.store.verdicts.listen(lambda change: told.append(change.record))
    write_as_another_process(sqlite, "verdicts", verdict(JULIET, "block"))
    look(sqlite)
    look(sqlite)
    assert told == [verdict(JULIET, "block")]


def test_documents_that_another_process_removes_are_gone_although_their_account_is_there_again(sqlite):
    kept, gone, fresh = (kept_document(owner, name) for owner, name in ((ALICE, "a"), (BOB, "b"), (BOB, "c")))
    for document in (kept, gone):
        sqlite.store.documents.put(document)
    sqlite.store.accounts.put(account())
    sqlite.commit()
    told = []
    sqlite.store.documents.listen(lambda change: told.append((change.kind, change.record)))
    with offline(sqlite.url) as store:
        store.accounts.remove(str(BOB))
        for document in store.documents.select(str(BOB)):
            store.documents.remove(document.key)
    write_as_another_process(sqlite, "accounts", account(secret="1" * 32))
    sqlite.clock.advance(1)
    sqlite.store.documents.put(fresh)
    sqlite.commit()
    assert told == [(ChangeKind.PUT, fresh), (ChangeKind.REMOVED, gone)]
    sqlite.reopen()
    assert sorted(each.name for each in sqlite.store.documents.all()) == ["a", "c"]


def test_who_is_signed_out_by_another_process_is_signed_out(sqlite):
    for digest, address in (("d1", BOB), ("d2", ALICE)):
        sqlite.store.sessions.put(
            Session(digest=digest, address=str(address), csrf="", began_at=0, seen_at=0, expires_at=None)
        )
    sqlite.commit()
    with offline(sqlite.url) as store:
        assert end_sessions(store, BOB) == 1
    look(sqlite)
    assert [each.digest for each in sqlite.store.sessions.all()] == ["d2"]


def test_what_another_process_wrote_is_not_written_back(sqlite):
    write_as_another_process(sqlite, "accounts", account())
    look(sqlite)
    assert sqlite.store.committed().called


def test_a_change_of_our_own_that_is_under_way_wins_over_one_from_outside(sqlite):
    write_as_another_process(sqlite, "verdicts", verdict(ALICE, "block"))
    write_as_another_process(sqlite, "verdicts", verdict(JULIET, "block"))
    sqlite.clock.advance(1)
    sqlite.store.verdicts.put(verdict(ALICE, "allow"))
    sqlite.store.verdicts.put(verdict(JULIET, "allow"))
    sqlite.store.verdicts.remove(verdict(JULIET).key)
    sqlite.commit()
    assert list(sqlite.store.verdicts.all()) == [verdict(ALICE, "allow")]
    sqlite.reopen()
    assert list(sqlite.store.verdicts.all()) == [verdict(ALICE, "allow")]


def test_a_verdict_from_outside_that_has_expired_already_is_no_change(sqlite):
    told = []
    sqlite.store.verdicts.listen(told.append)
    write_as_another_process(sqlite, "verdicts", verdict(ALICE, ends=START - 5))
    look(sqlite)
    assert told == []


def test_a_second_gateway_on_the_same_file_is_refused_and_told_which_process_has_it(sqlite):
    path = Path(sqlite.url.partition(":")[2])
    assert holder_of(path) == os.getpid()
    with pytest.raises(ConfigError, match=rf"in use by another gateway, process {os.getpid()}"):
        Engine(sqlite.url)
    assert holder_of(path.with_name("another.db")) is None
    path.with_name("left.db.lock").write_text("1\n")
    assert holder_of(path.with_name("left.db")) is None
    sqlite.store.dialogs.put(dialog(1))
    sqlite.reopen()
    assert len(sqlite.store.dialogs) == 1


def test_whoever_looks_whether_there_is_a_gateway_keeps_none_from_starting(tmp_path):
    """The command looks again and again while a gateway starts anew."""
    path = tmp_path / "state.db"
    Claim(path).release()
    with path.with_name("state.db.lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        timer = Timer(0.05, fcntl.flock, (looking, fcntl.LOCK_UN))
        timer.start()
        Claim(path).release()
        timer.join()


# -- a bad disk --


def engine_with(tmp_path: Path, *, busy_seconds: float = 5.0, pages: int | None = None) -> Engine:
    """An engine over a connection with a short patience, or with a disk of so many pages."""
    path = tmp_path / "state.db"
    connection = connect(path, busy_seconds=busy_seconds)
    engine = Engine("memory:")
    engine.url = f"sqlite:{path}"
    engine.store = SqliteStore(connection, Claim(path), clock=engine.clock, threads=engine.clock)
    if pages is not None:
        connection.execute(f"PRAGMA max_page_count={pages}")
    return engine


def test_a_full_disk_fails_those_who_wait_and_all_is_stored_when_there_is_room_again(tmp_path):
    engine = engine_with(tmp_path, pages=40)
    kept, large = publication("kept"), publication("large", text="x" * 400_000)
    engine.store.publications.put(kept)
    engine.commit()
    engine.store.publications.put(large)
    engine.store.publications.put(replace(kept, document=b"newer"))
    with pytest.raises(StorageFailed, match="full"):
        engine.commit()
    assert engine.store.publications.get("large") is large
    assert rows(engine, "publications") == ["kept"]
    engine.store.publications.put(publication("other"))
    waiting = engine.store.committed()
    engine.clock.advance(1)
    with pytest.raises(StorageFailed, match="full"):
        engine.clock.run_until(waiting)
    engine.store.publications.remove("large")
    waiting = engine.store.committed()
    engine.clock.advance(1)
    engine.clock.run_until(waiting)
    assert rows(engine, "publications") == ["kept", "other"]
    engine.reopen()
    assert engine.store.publications.get("kept").document == b"newer"
    engine.close()


def test_a_file_locked_by_another_program_is_tried_again(tmp_path):
    engine = engine_with(tmp_path, busy_seconds=0.05)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine.store.dialogs.put(dialog(1))
    told = []
    engine.store.after_commit(told.append)
    with pytest.raises(StorageFailed, match="locked"):
        engine.commit()
    assert isinstance(told[0], StorageFailed)
    other.execute("COMMIT")
    other.close()
    engine.clock.advance(1)
    engine.commit()
    assert rows(engine) == [dialog(1).key]
    assert len(told) == 1
    engine.close()


def test_closing_while_the_file_is_locked_ends_and_says_that_changes_are_lost(tmp_path):
    engine = engine_with(tmp_path, busy_seconds=0.05)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine.store.dialogs.put(dialog(1))
    waiting = engine.store.committed()
    engine.close()
    with pytest.raises(StorageFailed, match="locked"):
        engine.clock.run_until(waiting)
    other.close()


def test_closing_tries_once_more_what_failed_before(tmp_path):
    engine = engine_with(tmp_path, busy_seconds=0.05)
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine.store.dialogs.put(dialog(1))
    with pytest.raises(StorageFailed, match="locked"):
        engine.commit()
    other.execute("COMMIT")
    other.close()
    engine.close()
    assert rows(engine) == [dialog(1).key]
    assert engine.clock.getDelayedCalls() == []


def test_a_damaged_file_is_a_fault_of_the_setting_and_leaves_no_timer(sqlite):
    for number in range(1000):
        sqlite.store.dialogs.put(dialog(number))
    sqlite.close()
    path = Path(sqlite.url.removeprefix("sqlite:"))
    octets = path.read_bytes()
    path.write_bytes(octets[: len(octets) // 2] + b"\xff" * (len(octets) - len(octets) // 2))
    with pytest.raises(ConfigError, match="the state file cannot be used: "):
        sqlite.reopen()
    assert sqlite.clock.getDelayedCalls() == []


def test_a_record_that_cannot_be_stored_fails_its_turn_but_not_the_next_nor_its_neighbours(sqlite):
    wrong = replace(account(), realm=object())
    sqlite.store.accounts.put(wrong)
    sqlite.store.dialogs.put(dialog(1))
    with pytest.raises(StorageFailed):
        sqlite.commit()
    sqlite.store.dialogs.put(dialog(2))
    sqlite.commit()
    assert rows(sqlite) == [dialog(1).key, dialog(2).key]


def test_text_that_is_no_unicode_survives(sqlite):
    strange = [
        replace(dialog(n), user_agent="\udcff", call_id=f"\ud800{n}", remote_cseq=2**70) for n in range(3)
    ]
    for record in strange:
        sqlite.store.dialogs.put(record)
    sqlite.commit()
    sqlite.store.dialogs.remove(strange[1].key)
    sqlite.reopen()
    assert list(sqlite.store.dialogs.all()) == [strange[0], strange[2]]


# -- the operator's setting --


def test_the_file_is_readable_by_its_owner_only(sqlite):
    path = Path(sqlite.url.removeprefix("sqlite:"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.glob("state.db*")} == {0o600}


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "sqlite:", "postgres://x", "/var/lib/state.db"])
def test_a_setting_that_names_no_engine_is_refused(url):
    with pytest.raises(ConfigError, match=r"gateway\.state: .* neither memory: nor sqlite:"):
        Engine(url)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"gateway\.state: the directory .*/missing does not exist"):
        Engine(f"sqlite:{tmp_path}/missing/state.db")


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match="is a directory"):
        Engine(f"sqlite:{tmp_path}")


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("To do: nothing. " * 100)
    with pytest.raises(ConfigError, match="not a database"):
        Engine(f"sqlite:{path}")
    assert path.read_text() == "To do: nothing. " * 100


def test_a_directory_that_takes_no_new_files_is_refused():
    with pytest.raises(ConfigError, match=r"/proc/state\.db cannot be created: "):
        Engine("sqlite:/proc/state.db")


# -- measures --


def test_commits_are_measured_with_what_they_hold(sqlite):
    before = sqlite.store.measures.commits.count
    for number in range(7):
        sqlite.store.dialogs.put(dialog(number))
    sqlite.commit()
    measures = sqlite.store.measures
    assert measures.commits.count == before + 1
    assert dict(measures.changes.cumulative())[5.0] == before
    assert dict(measures.changes.cumulative())[10.0] == before + 1
    assert measures.failures == 0
