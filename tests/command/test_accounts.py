import json
import os
import pty
import subprocess
import sys

import pytest

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.store.documents import Document
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Account, Authorization, Card, Kind, Side, Verdict, Waiting
from tests.command.conftest import Operator
from tests.command.test_registrations import bind, events
from tests.store.engines import ALICE, BOB, Engine


def accounts(operator: Operator) -> dict[str, Account]:
    with offline(operator.url) as store:
        return {account.key: account for account in store.accounts.all()}


def test_an_account_is_added_with_hashes_of_one_line_of_standard_input(operator):
    assert operator("user", "add", "bob@sip.example.org", answers="s3cr3t\nmore\n") == (
        0,
        "bob@sip.example.org added\n",
        "",
    )
    (account,) = accounts(operator).values()
    assert account.ha1_md5 == ha1(Algorithm.MD5, "bob", "sip.example.org", "s3cr3t")
    assert account.ha1_sha256 == ha1(Algorithm.SHA256, "bob", "sip.example.org", "s3cr3t")
    assert account.realm == "sip.example.org"
    assert not account.disabled


def test_the_address_may_be_written_as_a_uri_and_in_any_case(operator):
    assert operator("user", "add", "sip:Bob@SIP.Example.ORG;transport=tcp", answers="x\n")[0] == 0
    assert list(accounts(operator)) == ["bob@sip.example.org"]


def test_an_account_is_not_added_twice(operator):
    operator("user", "add", "bob@sip.example.org", answers="first\n")
    before = accounts(operator)
    status, out, err = operator("user", "add", "bob@sip.example.org", answers="second\n")
    assert (status, out) == (2, "")
    assert err == (
        "sip2xmpp: bob@sip.example.org has an account already;"
        " to set its password: user password bob@sip.example.org\n"
    )
    assert accounts(operator) == before


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (
            "bob@jabber.example",
            "jabber.example is not a domain of ours; sip.domains: sip.example.org, example.com",
        ),
        ("sip.example.org", "sip.example.org names a domain and nobody in it"),
        ("a:b@sip.example.org", "digest has no user names with a colon"),
        (r"xmpp:a\3ab@sip.example.org/desk", "digest has no user names with a colon"),
    ],
)
def test_an_address_that_can_have_no_account_is_refused_in_one_line(operator, address, why):
    assert operator("user", "add", address, answers="x\n") == (2, "", f"sip2xmpp: {why}\n")


def test_without_a_password_nothing_is_added(operator):
    status, out, err = operator("user", "add", "bob@sip.example.org")
    assert (status, out) == (2, "")
    assert err == "sip2xmpp: a password is needed\n"
    assert accounts(operator) == {}


def test_a_password_is_replaced_and_the_rest_stays(operator):
    operator("user", "add", "bob@sip.example.org", answers="old\n")
    operator("user", "disable", "bob@sip.example.org")
    assert operator("user", "password", "bob@sip.example.org", answers="new\n")[0] == 0
    (account,) = accounts(operator).values()
    assert account.ha1_md5 == ha1(Algorithm.MD5, "bob", "sip.example.org", "new")
    assert account.disabled


def test_an_account_is_disabled_and_enabled(operator):
    operator("user", "add", "bob@sip.example.org", answers="x\n")
    before = accounts(operator)
    assert operator("user", "disable", "bob@sip.example.org") == (0, "bob@sip.example.org disabled\n", "")
    assert accounts(operator)["bob@sip.example.org"].disabled
    assert operator("user", "enable", "bob@sip.example.org")[0] == 0
    assert accounts(operator) == before


def test_a_removed_account_takes_its_decisions_along(operator):
    for name in ("bob", "alice"):
        operator("user", "add", f"{name}@sip.example.org", answers="x\n")
    with offline(operator.url) as store:
        for presentity, watcher in ((BOB, ALICE), (ALICE, BOB)):
            store.verdicts.put(
                Verdict(presentity=presentity, watcher=watcher, handling="block", decided_at=1)
            )
    assert operator("user", "remove", "bob@sip.example.org") == (0, "bob@sip.example.org removed\n", "")
    assert list(accounts(operator)) == ["alice@sip.example.org"]
    with offline(operator.url) as store:
        assert [verdict.presentity for verdict in store.verdicts.all()] == [ALICE]


def test_the_next_owner_of_an_address_inherits_nothing(operator):
    operator("user", "add", "bob@sip.example.org", answers="x\n")
    operator("card", "bob@sip.example.org", "--phone", "+1 555 0100")
    operator("permanent", "bob@sip.example.org", "xa")
    bind(operator, BOB, "sip:bob@192.0.2.9")
    with offline(operator.url) as store:
        store.waiting.put(Waiting(presentity=BOB, watcher=ALICE, package="presence", asked_at=1.0))
        for watcher in (BOB, ALICE):
            store.authorizations.put(
                Authorization(
                    side=Side.SIP_WATCHES,
                    watcher=watcher,
                    contact=Address.parse("juliet@jabber.example"),
                    watcher_jid=str(watcher),
                    contact_jid="juliet@jabber.example",
                    state=Kind.AUTHORIZED,
                )
            )
        for owner in (BOB, ALICE):
            store.documents.put(
                Document(
                    auid="pres-rules",
                    owner=str(owner),
                    name="index",
                    octets=b"<ruleset/>",
                    etag="a",
                    changed_at=1.0,
                )
            )
    operator("user", "remove", "bob@sip.example.org")
    assert events(operator) == {"sip:bob@192.0.2.9": "rejected"}
    with offline(operator.url) as store:
        assert store.cards.all() == [Card(address=BOB)]
        assert not store.statements.all() and not store.waiting.all()
        assert [document.owner for document in store.documents.all()] == [str(ALICE)]
        assert [held.watcher for held in store.authorizations.all()] == [ALICE]


@pytest.mark.parametrize("verb", ["password", "disable", "enable", "remove"])
def test_who_has_no_account_cannot_be_changed(operator, verb):
    status, out, err = operator("user", verb, "bob@sip.example.org", answers="x\n")
    assert (status, out, err) == (2, "", "sip2xmpp: bob@sip.example.org has no account\n")


def test_accounts_are_listed_for_people_and_for_programs(operator):
    for address in ("bob@sip.example.org", "alice@sip.example.org", "romeo@example.com"):
        operator("user", "add", address, answers="x\n")
    operator("user", "disable", "bob@sip.example.org")
    assert operator("user", "list")[1].splitlines() == [
        "romeo@example.com",
        "alice@sip.example.org",
        "bob@sip.example.org disabled",
    ]
    listed = json.loads(operator("user", "list", "--json")[1])
    assert listed[2] == {"address": "bob@sip.example.org", "disabled": True, "devices": 0, "role": ""}
    assert len(listed) == 3
    assert "ha1" not in json.dumps(listed)


def test_a_running_gateway_sees_the_account(operator):
    gateway = Engine(operator.url)
    operator("user", "add", "bob@sip.example.org", answers="x\n")
    gateway.clock.advance(1)
    gateway.clock.take_call()
    assert gateway.store.accounts.get("bob@sip.example.org") is not None
    gateway.close()


def test_a_store_in_memory_has_no_accounts_to_change(operator):
    operator.config.write_text('[gateway]\nstate = "memory:"\n[sip]\ndomains = ["sip.example.org"]\n')
    status, _, err = operator("user", "list")
    assert status == 2
    assert err.startswith("sip2xmpp: gateway.state: memory: keeps nothing")


@pytest.mark.parametrize(("again", "status"), [("s3cr3t", 0), ("s3cret", 2)])
def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(operator, again, status):
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sip2xmpp.command.main",
            "--config",
            str(operator.config),
            "user",
            "add",
            str(BOB),
        ],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    for prompt, given in ((b"Password of bob@sip.example.org: ", "s3cr3t"), (b"Again: ", again)):
        while not shown.endswith(prompt):
            shown += os.read(ours, 1024)
        os.write(ours, given.encode() + b"\n")
    assert command.wait(timeout=30) == status
    shown += os.read(ours, 1024)
    os.close(ours)
    assert b"s3cr" not in shown
    assert (b"differ" in shown) == (status == 2)
    assert len(accounts(operator)) == (status == 0)
