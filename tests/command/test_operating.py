"""What operators see and do from a shell, with the gateway stopped."""

import json
import os
import subprocess
import sys
import time

import pytest

from sip2xmpp.address import Address
from sip2xmpp.command.deeds import login_name
from sip2xmpp.portal.operating_tokens import GRANTS
from sip2xmpp.portal.tokens import digest_of
from sip2xmpp.store.keeping import Grant, Session
from sip2xmpp.store.offline import offline
from sip2xmpp.store.records import Authorization, DialogRecord, Kind, Publication, Side, Waiting
from tests.command.conftest import Operator
from tests.command.test_registrations import bind
from tests.store.engines import ALICE, BOB

JULIET = Address("juliet", "jabber.example")


def fill(operator: Operator) -> None:
    """One of each."""
    now = time.time()
    with offline(operator.url) as store:
        store.dialogs.put(
            DialogRecord(
                role="notifier",
                call_id="c",
                local_tag="d1",
                remote_tag="r",
                watcher=ALICE,
                presentity=BOB,
                event="presence;id=1",
                local_uri="sip:bob@sip.example.org",
                remote_uri="sip:alice@sip.example.org",
                remote_target="sip:alice@192.0.2.7",
                route_set=(),
                cseq_ceiling=1,
                remote_cseq=1,
                flow="udp 127.0.0.1 5060 192.0.2.7 5060",
                accept="application/pidf+xml",
                user_agent="Phone \x1b[31m 1.0",
                expires_at=now + 600,
            )
        )
        store.publications.put(
            Publication(
                presentity=BOB,
                package="presence",
                etag="p1~3",
                source="phone",
                content_type="application/pidf+xml",
                document=b"<presence>\n \x1b[31m</presence>",
                user_agent="Phone",
                published_at=now,
                expires_at=now + 600,
            )
        )
        store.authorizations.put(
            Authorization(
                side=Side.JABBER_WATCHES,
                watcher=JULIET,
                contact=BOB,
                watcher_jid="juliet@jabber.example",
                contact_jid="bob@sip.example.org",
                state=Kind.AUTHORIZED,
                asked_at=now,
            )
        )
        store.waiting.put(Waiting(presentity=BOB, watcher=JULIET, package="presence", asked_at=now))


def deeds(operator: Operator) -> list[tuple[str, str]]:
    with offline(operator.url) as store:
        made = sorted(store.deeds.all(), key=lambda deed: deed.at)
    assert all(deed.by == "command" and deed.who == login_name() for deed in made)
    return [(deed.what, deed.about) for deed in made]


@pytest.mark.parametrize(
    ("words", "held"),
    [
        ("dialogs list", ["WATCHER", "alice@sip.example.org", "presence", "notifier", "d1"]),
        ("publications list", ["ADDRESS", "bob@sip.example.org", "presence", "p1"]),
        ("authorizations list", ["juliet@jabber.example", "bob@sip.example.org", "authorized"]),
        ("pending", ["bob@sip.example.org", "juliet@jabber.example", "for ever"]),
    ],
)
def test_what_is_held_is_a_table_that_obeys_nobody(operator: Operator, words: str, held: list[str]) -> None:
    fill(operator)
    status, out, _ = operator(*words.split())
    assert status == 0 and all(word in out for word in held) and "\x1b" not in out
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize("words", ["dialogs list", "publications list", "authorizations list", "pending"])
def test_scripts_get_every_row_whole_and_an_empty_array_for_none(operator: Operator, words: str) -> None:
    assert operator(*words.split(), "--json")[:2] == (0, "[]\n")
    fill(operator)
    (row,) = json.loads(operator(*words.split(), "--json")[1])
    assert {"bob@sip.example.org"} <= set(map(str, row.values()))


def test_rows_are_chosen_by_any_text_in_them(operator: Operator) -> None:
    fill(operator)
    assert "d1" in operator("dialogs", "list", "PHONE")[1]
    assert operator("dialogs", "list", "nobody@x.example")[1] == "nobody watches\n"
    assert operator("dialogs", "list", "--package", "dialog")[1] == "nobody watches\n"
    assert operator("authorizations", "list", "--state", "pending")[1] == "nobody may watch anybody\n"
    assert operator("pending", "alice@sip.example.org")[1] == "nobody waits\n"
    (row,) = json.loads(operator("pending", "bob@sip.example.org", "--json")[1])
    assert row["watches"] is True


def test_a_document_is_shown_and_obeyed_by_no_terminal(operator: Operator) -> None:
    fill(operator)
    assert operator("publications", "show", "p1")[:2] == (0, "<presence>\n[31m</presence>\n")
    assert json.loads(operator("publications", "show", "p1", "--json")[1])["publication"]["id"] == "p1"
    assert operator("publications", "show", "p2")[0] == 1


@pytest.mark.parametrize(
    "words", ["dialogs end d1", "publications remove p1", "domains", "lists", "counters"]
)
def test_what_needs_the_gateway_says_so(operator: Operator, words: str) -> None:
    fill(operator)
    status, out, err = operator(*words.split())
    assert (status, out) == (2, "") and "http: is not configured" in err


# tokens


def test_a_token_is_printed_once_and_only_its_hash_is_kept(operator: Operator) -> None:
    words = (
        "token",
        "add",
        "roof",
        "--may",
        "publish",
        "--for",
        "Weather@SIP.example.org",
        "--lifetime",
        "30d",
    )
    status, out, _ = operator(*words)
    secret = out.strip()
    assert status == 0 and len(secret) == 43
    with offline(operator.url) as store:
        (grant,) = store.grants.all()
    assert grant.digest == digest_of(secret).hex() and secret not in repr(grant)
    assert grant.addresses == ("weather@sip.example.org",) and grant.may == ("publish",)
    assert grant.expires_at is not None and abs(grant.expires_at - time.time() - 30 * 86_400) < 60
    assert grant.made_by == f"{login_name()} (command)"
    listed = operator("token", "list")[1]
    assert "roof" in listed and secret not in listed
    assert deeds(operator) == [("make the token roof: publish for weather@sip.example.org", "")]


def test_a_token_is_revoked_once(operator: Operator) -> None:
    operator("token", "add", "roof", "--may", "read", "--may", "publish", "--for", "*@*")
    assert operator("token", "revoke", "roof")[:2] == (0, "roof revoked\n")
    assert operator("token", "revoke", "roof")[:2] == (1, "the token roof was not made\n")
    assert operator("token", "list", "--json")[1] == "[]\n"
    assert deeds(operator)[-1] == ("revoke the token roof", "")


def test_tokens_of_the_configuration_are_listed_and_stay(operator: Operator) -> None:
    with operator.config.open("a") as file:
        file.write(
            '[http]\n[http.tokens.station]\ntoken = "0123456789abcdefghijk"\naddresses = ["*@sip.example.org"]\n'
        )
    (row,) = json.loads(operator("token", "list", "--json")[1])
    assert row["configured"] is True and row["made_at"] is None and "0123456789" not in json.dumps(row)
    status, out, _ = operator("token", "revoke", "station")
    assert status == 1 and "remove it there" in out
    assert operator("token", "add", "station", "--may", "read", "--for", "*@*")[0] == 2
    assert not deeds(operator)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("../roof --may read --for *@*", "a name has"),
        ("roof --may read --for nobody", "is not a pattern of addresses"),
        ("roof --may read --for *@* --lifetime soon", "soon is not a span of time"),
        ("roof --may read --for *@* --lifetime 400d", "a token lives for"),
        ("command --may read --for *@*", "there is a token command already"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(operator: Operator, words: str, why: str) -> None:
    status, out, err = operator("token", "add", *words.split())
    assert (status, out) == (2, "") and why in err and not deeds(operator)


def test_there_is_a_bound_on_tokens_here_too(operator: Operator) -> None:
    with offline(operator.url) as store:
        for number in range(GRANTS):
            store.grants.put(
                Grant(name=f"t{number}", digest="00", addresses=("*@*",), may=(), made_by="x", made_at=0.0)
            )
    assert "revoke one" in operator("token", "add", "roof", "--may", "read", "--for", "*@*")[2]


# the audit log


def test_what_commands_change_is_in_the_audit_log(operator: Operator) -> None:
    bob = "bob@sip.example.org"
    operator("user", "add", bob, answers="x\n")
    bind(operator, BOB, "sip:bob@192.0.2.9")
    operator("user", "password", bob, answers="y\n")
    operator("user", "disable", bob)
    operator("user", "enable", bob)
    operator("allow", bob, "juliet@jabber.example")
    operator("forget", bob, "juliet@jabber.example")
    operator("forget", bob, "juliet@jabber.example")
    operator("deregister", bob, "--forbid")
    operator("deregister", bob)
    operator("card", bob, "--name", "Bob")
    operator("permanent", bob, "away")
    operator("user", "remove", bob)
    operator("user", "remove", bob)
    assert [what for what, about in deeds(operator) if about == bob] == [
        "add the account",
        "set another password",
        "disable the account",
        "enable the account",
        "allow juliet@jabber.example",
        "forget juliet@jabber.example",
        "end 1 registration for good",
        "change the card",
        "permanent states",
        "remove the account",
    ]


def test_the_audit_log_is_shown_the_newest_first(operator: Operator) -> None:
    assert operator("audit")[:2] == (1, "nothing was changed\n")
    for name in ("alice", "bob"):
        operator("user", "add", f"{name}@sip.example.org", answers="x\n")
    _, out, _ = operator("audit")
    heading, first, second = out.splitlines()
    assert heading.split()[:3] == ["WHEN", "(UTC)", "WHO"] and "bob@" in first and "alice@" in second
    (row,) = json.loads(operator("audit", "--about", "alice@sip.example.org", "--json")[1])
    assert row["what"] == "add the account" and row["at"].endswith("Z")
    assert len(operator("audit", "--most", "1")[1].splitlines()) == 2
    assert operator("audit", "--who", "nobody")[0] == 1
    assert operator("audit", "--most", "0")[0] == 2


def test_who_is_removed_or_has_another_password_is_signed_out(operator: Operator) -> None:
    bob = "bob@sip.example.org"
    operator("user", "add", bob, answers="x\n")
    for words in (("password", bob), ("disable", bob), ("remove", bob)):
        with offline(operator.url) as store:
            store.sessions.put(
                Session(digest="d", address=bob, csrf="", began_at=0, seen_at=0, expires_at=time.time() + 60)
            )
        assert operator("user", *words, answers="y\n")[0] == 0
        with offline(operator.url) as store:
            assert not store.sessions.all()


def test_somebody_is_signed_out_everywhere(operator: Operator) -> None:
    bob = "bob@sip.example.org"
    operator("user", "add", bob, answers="x\n")
    assert operator("user", "sign-out", bob)[:2] == (1, "bob@sip.example.org was not signed in\n")
    with offline(operator.url) as store:
        for digest in ("d1", "d2"):
            store.sessions.put(
                Session(
                    digest=digest, address=bob, csrf="", began_at=0, seen_at=0, expires_at=time.time() + 60
                )
            )
    assert operator("user", "sign-out", bob)[:2] == (0, "bob@sip.example.org signed out\n")
    assert deeds(operator)[-1] == ("end 2 sessions", bob)
    assert operator("user", "sign-out", "nobody@sip.example.org")[0] == 2


def test_accounts_are_listed_with_devices_and_roles_for_scripts(operator: Operator) -> None:
    with operator.config.open("a") as file:
        file.write('[http]\n[http.roles]\n"bob@sip.example.org" = "helpdesk"\n')
    operator("user", "add", "bob@sip.example.org", answers="x\n")
    bind(operator, BOB, "sip:bob@192.0.2.9")
    bind(operator, BOB, "sip:bob@192.0.2.8", left=-1.0)
    (row,) = json.loads(operator("user", "list", "--json")[1])
    assert row == {"address": "bob@sip.example.org", "disabled": False, "devices": 1, "role": "helpdesk"}
    assert operator("user", "list")[1] == "bob@sip.example.org\n"


def test_somebody_without_a_name_has_a_number() -> None:
    code = "from sip2xmpp.command.deeds import login_name; print(login_name())"
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=bare, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip()
