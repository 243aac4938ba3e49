"""The state file as commands see it."""

import sqlite3

import pytest

from sip2xmpp.errors import ConfigError, StorageFailed
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Account
from tests.store.engines import ALICE, BOB, JULIET, Engine, sqlite_url, verdict


def account() -> Account:
    return Account(address=BOB, realm=BOB.domain, ha1_md5="0" * 32, ha1_sha256="0" * 64)


def test_a_file_that_no_gateway_has_made_is_made(tmp_path):
    with offline(sqlite_url(tmp_path)) as store:
        store.accounts.put(account())
    engine = Engine(sqlite_url(tmp_path))
    assert list(engine.store.accounts.all()) == [account()]
    engine.close()


def test_a_running_gateway_is_read_and_sees_what_is_written(sqlite):
    sqlite.store.verdicts.put(verdict(ALICE))
    sqlite.commit()
    with offline(sqlite.url) as store:
        assert store.verdicts.all() == [verdict(ALICE)]
        assert store.verdicts.get(verdict(ALICE).key) == verdict(ALICE)
        assert store.verdicts.get("nobody") is None
        assert store.verdicts.select(str(BOB)) == [verdict(ALICE)]
        assert store.verdicts.select(str(ALICE)) == []
        store.verdicts.remove(verdict(ALICE).key)
        store.verdicts.put(verdict(JULIET))
    sqlite.clock.advance(1)
    sqlite.clock.take_call()
    assert list(sqlite.store.verdicts.all()) == [verdict(JULIET)]


class ChangeOfMind(Exception):
    pass


def change_and_fail(url: str) -> None:
    with offline(url) as store:
        store.accounts.put(account())
        raise ChangeOfMind


def test_nothing_is_written_when_the_block_fails(tmp_path):
    with pytest.raises(ChangeOfMind):
        change_and_fail(sqlite_url(tmp_path))
    with offline(sqlite_url(tmp_path)) as store:
        assert store.accounts.all() == []


def test_a_store_without_a_file_is_a_fault_of_the_setting():
    with pytest.raises(ConfigError, match="keeps nothing"), offline("memory:"):
        pass


def add_account(url: str) -> None:
    with offline(url) as store:
        store.accounts.put(account())


def read_accounts(url: str) -> list[Account]:
    with offline(url) as store:
        return store.accounts.all()


def run_sql(url: str, *statements: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:")) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_fault_of_the_file_is_told_with_its_name(tmp_path):
    url = sqlite_url(tmp_path)
    assert read_accounts(url) == []
    run_sql(url, "CREATE TRIGGER full BEFORE INSERT ON accounts BEGIN SELECT RAISE(ABORT, 'no room'); END")
    with pytest.raises(StorageFailed, match=r"/state\.db: no room"):
        add_account(url)


def test_a_row_that_makes_no_sense_is_told(tmp_path):
    url = sqlite_url(tmp_path)
    add_account(url)
    run_sql(url, "UPDATE accounts SET address = x'ff'")
    with pytest.raises(StorageFailed, match="a row of accounts makes no sense"):
        read_accounts(url)


def test_a_table_without_a_column_that_has_no_default_is_refused(tmp_path):
    url = sqlite_url(tmp_path)
    add_account(url)
    run_sql(url, "ALTER TABLE accounts DROP COLUMN realm")
    with pytest.raises(ConfigError, match="accounts has no column realm"):
        read_accounts(url)
