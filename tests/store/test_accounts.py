"""What is kept of a password."""

from dataclasses import replace

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.store.accounts import hashes_of, make_account, with_password
from sip2xmpp.store.memory import MemoryStore
from tests.store.engines import BOB

REALM = BOB.domain


@pytest.fixture
def accounts():
    table = MemoryStore(Clock()).accounts
    table.put(make_account(BOB, "secret"))
    return table


def pair(name: str, password: str = "secret") -> tuple[str, str]:
    return ha1(Algorithm.MD5, name, REALM, password), ha1(Algorithm.SHA256, name, REALM, password)


def test_a_name_with_and_without_domain_has_its_own_hashes(accounts):
    assert hashes_of(accounts, "bob", REALM) == pair("bob")
    assert hashes_of(accounts, "bob@sip.example.org", REALM) == pair("bob@sip.example.org")


@pytest.mark.parametrize(
    "name", ["alice", "Bob", "bob@example.com", "bob@", "@sip.example.org", "", "bob@SIP.example.org"]
)
def test_nobody_logs_in_by_another_name(accounts, name):
    assert hashes_of(accounts, name, REALM) is None


def test_nobody_logs_in_to_a_disabled_account_or_in_another_realm(accounts):
    assert hashes_of(accounts, "bob", "example.com") is None
    accounts.put(replace(make_account(BOB, "secret"), disabled=True))
    assert hashes_of(accounts, "bob", REALM) is None


def test_a_new_password_changes_the_hashes_and_nothing_else():
    disabled = replace(make_account(BOB, "secret"), disabled=True)
    changed = with_password(disabled, "other")
    assert changed == replace(make_account(BOB, "other"), disabled=True)
    assert (changed.ha1_md5, changed.ha1_sha256) == pair("bob", "other")


def test_the_password_itself_is_not_kept():
    assert "s3cr3t" not in repr(make_account(Address("alice", REALM), "s3cr3t"))
