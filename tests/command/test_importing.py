"""``sip2xmpp import``: from the tables of other servers to accounts, documents and decisions of ours."""

import json
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from sip2xmpp.command.deeds import login_name
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.store.accounts import make_account, proves
from sip2xmpp.store.connection import Claim
from sip2xmpp.store.documents import Document
from sip2xmpp.store.offline import offline
from sip2xmpp.store.opening import state_path
from sip2xmpp.store.records import Account, Verdict
from tests.command.conftest import Operator
from tests.importing.test_dumps import DUMPS, FILES
from tests.store.engines import ALICE, BOB

ALICES, BOBS = "alice@sip.example.org", "bob@sip.example.org"
SYSTEM_OF = {name: name.partition(".")[0] for name in FILES}


def accounts(operator: Operator) -> dict[str, Account]:
    with offline(operator.url) as store:
        return {account.key: account for account in store.accounts.all()}


def documents(operator: Operator) -> dict[str, Document]:
    with offline(operator.url) as store:
        return {
            f"{document.owner} {document.auid}/{document.name}": document
            for document in store.documents.all()
        }


def imported(operator: Operator, name: str, *more: str) -> tuple[int, str, str]:
    return operator("import", SYSTEM_OF[name], str(DUMPS / name), *more)


@pytest.mark.parametrize("name", FILES)
def test_users_documents_and_watchers_come_over(operator: Operator, name: str) -> None:
    status, told, fault = imported(operator, name)
    assert (status, fault) == (1, "")
    held = accounts(operator)
    assert set(held) == {ALICES, BOBS}
    # of a password in clear everything is known, of a hash no more than that
    assert held[ALICES] == make_account(ALICE, "rabbit")
    assert proves(held[BOBS], "builder") and not held[BOBS].ha1_sha256
    assert bool(held[BOBS].ha1_md5_address) == name.startswith("kamailio")
    kept = documents(operator)
    assert set(kept) == {
        f"{ALICES} resource-lists/index",
        f"{ALICES} pres-rules/index",
        f"{BOBS} org.openmobilealliance.pres-rules/{'pres-rules'}",
    }
    assert "Freunde \\ l'été" in kept[f"{ALICES} resource-lists/index"].octets.decode()
    with offline(operator.url) as store:
        (waits,) = store.waiting.all()
        # alice and bob keep rules, which decide about those who were active and rejected
        assert store.verdicts.all() == []
        (deed,) = store.deeds.all()
    assert (waits.presentity, waits.watcher) == (BOB, ALICE)
    what = f"import {SYSTEM_OF[name]}: 2 users, 3 documents, 1 watchers"
    assert (deed.who, deed.by, deed.what, deed.about) == (login_name(), "command", what, "")
    lines = told.splitlines()
    assert lines[-3:] == [
        "users: 2 added, 0 replaced, 0 unchanged, 2 not kept",
        "documents: 3 added, 0 replaced, 0 unchanged, 2 not kept",
        "watchers: 1 added, 0 replaced, 3 unchanged, 0 not kept",
    ]
    reasons = {line.split(": ", 1)[1].split(" (")[0]: line.rpartition("): ")[2] for line in lines[:-3]}
    assert reasons["user juliet@elsewhere.example"] == "elsewhere.example is not in sip.domains"
    assert (
        reasons["user romeo@sip.example.org"] == "there is neither a password nor a hash that is known here"
    )
    assert any(
        "bob@sip.example.org resource-lists/index" in each and "mismatch" in why
        for each, why in reasons.items()
    )
    assert len(reasons) == 4


def test_doing_it_again_changes_nothing(operator: Operator) -> None:
    imported(operator, "kamailio.mysqldump.sql")
    with offline(operator.url) as store:
        (deed,) = store.deeds.all()
    before = accounts(operator), documents(operator)
    status, told, _ = imported(operator, "kamailio.mysqldump.sql", "--json")
    assert (accounts(operator), documents(operator)) == before
    with offline(operator.url) as store:
        assert store.deeds.all() == [deed]
    report = json.loads(told)
    assert status == 1
    assert report["users"] == {"added": 0, "replaced": 0, "unchanged": 2, "not_kept": 2}
    assert report["documents"] == {"added": 0, "replaced": 0, "unchanged": 3, "not_kept": 2}
    assert report["watchers"]["added"] == 0
    assert {each["kind"] for each in report["not_kept"]} == {"user", "document"}
    assert all(each["place"].startswith("line ") and each["reason"] for each in report["not_kept"])


def test_a_dry_run_tells_the_same_and_does_nothing(operator: Operator) -> None:
    status, told, _ = imported(operator, "openxcap.mysqldump.sql", "--dry-run", "--json")
    dry = json.loads(told)
    assert accounts(operator) == {} and documents(operator) == {}
    with offline(operator.url) as store:
        assert store.waiting.all() == [] and store.deeds.all() == []
    assert (status, dry.pop("dry_run")) == (1, True)
    done = json.loads(imported(operator, "openxcap.mysqldump.sql", "--json")[1])
    # Without documents there are no rules yet that would decide about watchers.
    assert done.pop("dry_run") is False
    for report in (dry, done):
        report.pop("watchers")
    assert dry == done


def test_what_is_here_stays_unless_it_shall_be_replaced(operator: Operator) -> None:
    operator("user", "add", BOBS, answers="another\n")
    operator("user", "disable", BOBS)
    operator("allow", ALICES, BOBS)
    with offline(operator.url) as store:
        store.documents.put(
            Document(
                auid="pres-rules", owner=ALICES, name="index", octets=b"<old/>", etag="e", changed_at=1.0
            )
        )
    _, told, _ = imported(operator, "kamailio.mysqldump.sql")
    assert (
        "another one here, which stays" in told
        and "users: 1 added, 0 replaced, 0 unchanged, 3 not kept" in told
    )
    assert (
        accounts(operator)[BOBS].ha1_sha256
        and documents(operator)[f"{ALICES} pres-rules/index"].octets == b"<old/>"
    )
    _, told, _ = imported(operator, "kamailio.mysqldump.sql", "--replace")
    held = accounts(operator)[BOBS]
    assert held.ha1_md5 == ha1(Algorithm.MD5, "bob", "sip.example.org", "builder") and held.disabled
    assert b"ruleset" in documents(operator)[f"{ALICES} pres-rules/index"].octets
    # nobody keeps documents while his account is disabled
    assert "documents: 0 added, 1 replaced, 1 unchanged, 3 not kept" in told


def test_decisions_are_taken_where_no_rules_decide(operator: Operator) -> None:
    status, told, _ = imported(operator, "opensips.sqlite.sql", "--only", "watcher")
    assert status == 1 and "there is no user alice@sip.example.org" in told
    with offline(operator.url) as store:
        assert store.verdicts.all() == []
    for user in (ALICES, BOBS):
        operator("user", "add", user, answers="secret\n")
    status, told, _ = imported(operator, "opensips.sqlite.sql", "--only", "watcher")
    assert (status, told) == (0, "watchers: 3 added, 0 replaced, 1 unchanged, 0 not kept\n")
    with offline(operator.url) as store:
        assert {
            (str(each.presentity), str(each.watcher)): each.handling for each in store.verdicts.all()
        } == {
            (ALICES, BOBS): "allow",
            (BOBS, "romeo@jabber.example"): "block",
        }
        store.verdicts.put(Verdict(presentity=ALICE, watcher=BOB, handling="block", decided_at=1.0))
    _, told, _ = imported(operator, "opensips.sqlite.sql", "--only", "watcher")
    assert f"not kept: watcher {ALICES} {BOBS} (line " in told
    imported(operator, "opensips.sqlite.sql", "--only", "watcher", "--replace")
    with offline(operator.url) as store:
        decided = store.verdicts.get(f"{ALICES} {BOBS}")
        assert decided is not None and decided.handling == "allow"


DUMP = "INSERT INTO subscriber (username, domain, password, ha1, ha1_sha256) VALUES {};\n"


@pytest.mark.parametrize(
    ("row", "more", "told"),
    [
        ("('bob', '', 'builder', '', '')", (), "it has no domain; say which by --domain"),
        (
            "('Bob', 'sip.example.org', '', '0123456789abcdef0123456789abcdef', '')",
            (),
            "a new password is needed",
        ),
        ("('b:b', 'sip.example.org', 'x', '', '')", (), "no user names with a colon"),
        ("('', 'sip.example.org', 'x', '', '')", (), "no address: the local part is empty"),
        ("('bob', 'sip.example.org', '', 'builder', '')", (), "neither a password nor a hash"),
        ("('b b b@b', 'sip.example.org@', 'x', '', '')", (), ""),
        ("('\udcff', 'sip.example.org', 'x', '', '')", (), ""),
    ],
)
def test_an_account_that_nobody_could_use_is_not_kept(
    operator: Operator, tmp_path: Path, row: str, more: tuple[str, ...], told: str
) -> None:
    (tmp_path / "dump.sql").write_bytes(DUMP.format(row).encode("utf-8", "surrogateescape"))
    status, out, _ = operator("import", "opensips", str(tmp_path / "dump.sql"), *more)
    assert status == 1 and out.startswith("not kept: user ") and told in out
    assert accounts(operator) == {}


@pytest.mark.parametrize(
    ("row", "note"),
    [
        ("('Bob', 'sip.example.org', 'builder', '', '')", ""),
        ("('bob', '', 'builder', '', '')", ""),
        ("('bob', 'sip.example.org', '', '{md5}', '{sha256}')", ""),
        ("('bob', 'sip.example.org', '', '{sha256}', '')", ""),
        ("('bob', 'sip.example.org', 'old', '{md5}', '')", "another one than that of the hash"),
        ("('bob', 'sip.example.org', 'builder', '{md5}', '')", ""),
    ],
)
def test_an_account_proves_its_password_whatever_is_known_of_it(
    operator: Operator, tmp_path: Path, row: str, note: str
) -> None:
    hashes = {
        name: ha1(algorithm, "bob", "sip.example.org", "builder")
        for name, algorithm in (("md5", Algorithm.MD5), ("sha256", Algorithm.SHA256))
    }
    (tmp_path / "dump.sql").write_text(DUMP.format(row.format(**hashes)))
    status, out, _ = operator("import", "opensips", str(tmp_path / "dump.sql"), "--domain", "sip.example.org")
    assert status == 0, out
    assert note in out and ("note: " in out) == bool(note)
    account = accounts(operator)[BOBS]
    assert proves(account, "builder") and not proves(account, "old")


def test_a_hash_that_is_known_better_now_completes_the_account(operator: Operator, tmp_path: Path) -> None:
    imported(operator, "kamailio.mysqldump.sql")
    (tmp_path / "dump.sql").write_text(DUMP.format("('bob', 'sip.example.org', 'builder', '', '')"))
    assert operator("import", "opensips", str(tmp_path / "dump.sql"))[0] == 0
    assert accounts(operator)[BOBS] == make_account(BOB, "builder")


@pytest.mark.parametrize("time", ["1e999", "nan", "-1e30", "1e20"])
def test_a_time_that_no_clock_shows_is_none(operator: Operator, tmp_path: Path, time: str) -> None:
    (tmp_path / "dump.sql").write_text(
        DUMP.format("('bob', 'sip.example.org', 'x', '', '')")
        + "INSERT INTO watchers (presentity_uri, watcher_username, watcher_domain, event, status, inserted_time)"
        f" VALUES ('sip:bob@sip.example.org', 'romeo', 'jabber.example', 'presence', 1, '{time}');\n"
    )
    assert operator("import", "opensips", str(tmp_path / "dump.sql"))[0] == 0
    with offline(operator.url) as store:
        (verdict,) = store.verdicts.all()
    assert 1.7e9 < verdict.decided_at < 1e11
    assert operator("watchers", BOBS)[0] == 0


def test_what_was_kept_before_something_failed_is_in_the_audit_log(operator: Operator) -> None:
    with operator.config.open("a") as file:
        file.write('[http]\nlisten = "127.0.0.1:1"\n')
    operator("user", "list")
    path = state_path(operator.url)
    assert path is not None
    claim = Claim(path)
    try:
        assert imported(operator, "kamailio.mysqldump.sql")[0] == 2
    finally:
        claim.release()
    with offline(operator.url) as store:
        (deed,) = store.deeds.all()
    assert deed.what == "import kamailio: 2 users"


def test_standard_input_is_read_and_emptiness_told(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = (DUMPS / "kamailio.pg_dump.sql").read_bytes()

    def given(octets: bytes) -> None:
        operator.type_in = lambda _: monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(octets)))

    given(octets)
    assert operator("import", "kamailio", "-")[0] == 1
    assert set(accounts(operator)) == {ALICES, BOBS}
    given(b"SELECT 1;\n")
    status, _, fault = operator("import", "kamailio", "-")
    assert status == 2 and "standard input has no rows of subscriber, xcap, watchers" in fault


def test_hostile_names_are_told_harmlessly(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "dump.sql").write_text(DUMP.format("('\x1b[31mbob', 'evil.example', 'x', '', '')"))
    _, out, _ = operator("import", "opensips", str(tmp_path / "dump.sql"))
    assert "\x1b" not in out and "control character" in out


def test_a_running_gateway_without_a_web_port_takes_no_documents(operator: Operator) -> None:
    path = state_path(operator.url)
    assert path is not None
    operator("user", "list")
    claim = Claim(path)
    try:
        status, _, fault = imported(operator, "kamailio.mysqldump.sql")
        assert status == 2 and "stop it while documents are imported" in fault
        assert accounts(operator) == {}
        status, told, _ = imported(operator, "kamailio.mysqldump.sql", "--only", "user")
        assert status == 1 and "users: 2 added" in told
        # nobody is asked in a dry run
        assert "documents: 3 added" in imported(operator, "kamailio.mysqldump.sql", "--dry-run")[1]
    finally:
        claim.release()
