"""What is kept of a password."""

from dataclasses import replace

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.store.accounts import (
    hashes_of,
    make_account,
    offered_by,
    print_of,
    proves,
    with_password,
)
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


def with_md5_alone(password: str = "secret", who: Address = BOB):
    """An account as another server knows it."""
    return replace(make_account(who, password), ha1_sha256="", ha1_sha256_address="")


def test_a_password_is_proved_by_the_best_hash_that_is_known():
    for account in (make_account(BOB, "secret"), with_md5_alone()):
        assert proves(account, "secret")
        assert not proves(account, "Secret")
        assert not proves(account, "")
        assert not proves(replace(account, disabled=True), "secret")
    # MD5 does not count where SHA-256 is known: it may be an older password's
    assert not proves(replace(make_account(BOB, "new"), ha1_md5=with_md5_alone("old").ha1_md5), "old")


def test_nobody_and_an_account_without_hashes_prove_nothing():
    nothing = replace(make_account(BOB, "secret"), ha1_md5="", ha1_sha256="")
    for password in ("", "secret"):
        assert not proves(None, password)
        assert not proves(nothing, password)


def test_a_print_is_another_one_after_each_change_of_the_password():
    accounts = [
        make_account(BOB, "one"),
        make_account(BOB, "two"),
        with_md5_alone("one"),
        with_md5_alone("two"),
    ]
    assert len({print_of(account, "page:") for account in accounts}) == 4
    assert print_of(accounts[0], "page:") != print_of(accounts[0], "registrant:")


def test_a_realm_offers_what_all_its_accounts_can_do():
    accounts = MemoryStore(Clock()).accounts
    accounts.put(make_account(BOB, "secret"))
    offered = offered_by(accounts)
    both = [Algorithm.SHA256, Algorithm.MD5]
    assert list(offered(REALM)) == both
    alice = Address("alice", REALM)
    accounts.put(with_md5_alone(who=alice))
    assert list(offered(REALM)) == [Algorithm.MD5]
    assert list(offered("example.com")) == both
    # a new password makes all hashes known
    accounts.put(with_password(accounts.get(str(alice)), "other"))
    assert list(offered(REALM)) == both
    accounts.put(with_md5_alone(who=alice))
    accounts.remove(str(alice))
    assert list(offered(REALM)) == both
    # whoever has no hash at all never logs in
    accounts.put(replace(make_account(alice, "x"), ha1_md5="", ha1_sha256=""))
    assert list(offered(REALM)) == both


def test_a_realm_whose_accounts_have_nothing_in_common_offers_all():
    accounts = MemoryStore(Clock()).accounts
    accounts.put(with_md5_alone())
    accounts.put(replace(make_account(Address("alice", REALM), "x"), ha1_md5="", ha1_md5_address=""))
    assert list(offered_by(accounts)(REALM)) == [Algorithm.SHA256, Algorithm.MD5]
