"""The control panel in memory: every page, every role, every form, and what strangers write."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.errors import StorageFailed
from sip2xmpp.pages.panel_desk import Desk
from sip2xmpp.pages.panel_permissions import SIDES, STATES
from sip2xmpp.pages.panel_tokens import RIGHTS
from sip2xmpp.pages.panel_trace import DOMAIN_LEGS, GROUNDS
from sip2xmpp.pages.panel_users import HANDLINGS
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.portal.rows import MOST
from sip2xmpp.portal.tokens import Right
from sip2xmpp.presence.directory import Leg
from sip2xmpp.presence.policy import Ground, Handling
from sip2xmpp.store.records import Kind, Side, Waiting
from tests.certificates import Authority
from tests.fakes import result_of
from tests.pages.panel_scene import DOMAIN, EVIL, NOW, PEOPLE, Panel

ALICE = f"alice@{DOMAIN}"


@pytest.fixture
def panel(tmp_path: Path) -> Iterator[Panel]:
    panel = Panel(tmp_path)
    yield panel
    panel.pages.panel.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """For tests that change nothing."""
    panel = Panel(tmp_path_factory.mktemp("panel"))
    panel.fill()
    return panel


PLACES = {"{address}": f"alice@{DOMAIN}", "{name}": "weather"}
QUERIES = {
    "/panel/registrations/end": f"?address=alice@{DOMAIN}&contact=sip:alice@192.0.2.1",
    "/panel/publications/end": f"?address=alice@{DOMAIN}&id=tag",
    "/panel/dialogs/end": "?id=dialog1",
    "/panel/authorizations/end": "?watcher=a@b.example&contact=c@d.example",
}
NOT_IN_MEMORY = {"/panel/lists/{address}"}
"""Pages of things that are not there: they say so."""


def path_of(page: Page) -> str:
    path = page.path
    for place, value in PLACES.items():
        path = path.replace(place, value)
    return path + (QUERIES.get(page.path, "") if page.method == "GET" else "")


def test_every_page_is_for_those_with_its_role_and_is_not_there_for_others(shared: Panel) -> None:
    assert len(shared.table) > 30
    for page in shared.table:
        assert page.role is not None, page.path
        for name, role in PEOPLE.items():
            if page.method != "GET":
                continue
            answer = shared.get(path_of(page), name)
            if not role or not Role(role).includes(page.role):
                assert answer.status == 404, (page.path, name)
                assert "There is no such page." in answer.words
            elif page.path in NOT_IN_MEMORY:
                assert answer.status == 404
                assert "is no list" in answer.words
            else:
                assert answer.status == 200, (page.path, name, answer.words)


def test_every_form_is_refused_to_those_without_its_role_whatever_they_send(panel: Panel) -> None:
    panel.fill()
    before = {str(deed) for deed in panel.store.deeds.all()}
    form = {"address": ALICE, "contact": "", "id": "tag", "watcher": "juliet@jabber.example"}
    form |= {"handling": "allow", "name": "mallory", "password": "x", "presentity": ALICE}
    for page in panel.table:
        assert page.role is not None
        if page.method == "GET":
            continue
        for name, role in PEOPLE.items():
            if not role or not Role(role).includes(page.role):
                assert panel.post(path_of(page), form, name).status == 404, (page.path, name)
    assert {str(deed) for deed in panel.store.deeds.all()} == before
    assert panel.store.accounts.get(f"mallory@{DOMAIN}") is None


def test_no_form_is_taken_without_the_token_of_the_session(panel: Panel) -> None:
    panel.fill()
    for page in panel.table:
        if page.method == "POST":
            assert panel.post(path_of(page), {"address": ALICE}, csrf="wrong").status == 403, page.path


def test_nobody_sees_anything_without_signing_in(shared: Panel) -> None:
    for page in shared.table:
        if page.method == "GET":
            answer = shared.get(path_of(page), "")
            assert (answer.status, answer.location.partition("?")[0]) == (303, "/sign-in"), page.path


BUTTONS = {
    "/panel/users": ("helpdesk", "Add the user"),
    f"/panel/users/{ALICE}": ("helpdesk", "Set the password"),
    "/panel/registrations": ("operator", "End…"),
    "/panel/publications": ("operator", "Remove…"),
    "/panel/dialogs": ("operator", "End…"),
    "/panel/pending": ("operator", "Block politely"),
    "/panel/tokens": ("operator", "Make the token"),
    f"/panel/trace?watcher=romeo@jabber.example&presentity={ALICE}": ("operator", "Trace this pair"),
}


@pytest.mark.parametrize("path", BUTTONS)
def test_buttons_are_shown_to_those_only_who_may_press_them(shared: Panel, path: str) -> None:
    role, words = BUTTONS[path]
    for name, own in PEOPLE.items():
        if own:
            assert (words in shared.get(path, name).words) is Role(own).includes(Role(role)), name


def test_what_strangers_write_is_text(tmp_path: Path) -> None:
    panel = Panel(tmp_path)
    panel.fill(EVIL)
    Logger(namespace=EVIL).error("{what}", what=EVIL)
    panel.portal.audit.record(who=EVIL, by="page", what=EVIL, about=EVIL, peer=EVIL)
    shown = 0
    for page in panel.table:
        if page.method != "GET":
            continue
        names = ("q", "domain", "watcher", "after", "contact")
        for query in ("", *(urlencode({name: EVIL}) for name in names)):
            path = path_of(page)
            answer = panel.get(f"{path}{'&' if '?' in path else '?'}{query}" if query else path)
            assert "<script>alert" not in answer.html, path
            assert "<img" not in answer.html, path
            assert " style=" not in answer.html, path
            shown += "&lt;script&gt;alert(1)" in answer.html
    assert shown > 10


def test_notes_of_persons_are_on_no_page(shared: Panel) -> None:
    for page in shared.table:
        if page.method == "GET":
            assert "private note" not in shared.get(path_of(page)).html, page.path


# Users


def test_the_help_desk_adds_a_user_and_all_of_it_is_written_down(panel: Panel) -> None:
    answer = panel.post("/panel/users", {"name": "Carol", "domain": DOMAIN, "password": "secret"}, "hero")
    assert answer.location == f"/panel/users/carol@{DOMAIN}"
    assert f"carol@{DOMAIN} has an account now." in panel.follow(answer, "hero").words
    deed = panel.portal.audit.latest(1)[0]
    assert (deed.who, deed.by, deed.what) == (f"hero@{DOMAIN}", "page", "add the account")
    assert (deed.about, deed.peer) == (f"carol@{DOMAIN}", "127.0.0.1")
    assert "add the account" in panel.get("/panel/audit?q=carol", "viola").words


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"name": "alice", "domain": DOMAIN, "password": "x"}, "has an account already"),
        ({"name": "carol", "domain": "other.example", "password": "x"}, "is not in a domain of ours"),
        ({"name": "carol", "domain": DOMAIN, "password": ""}, "1 to 200 characters"),
        ({"name": "a:b", "domain": DOMAIN, "password": "x"}, "no user names with a colon"),
    ],
)
def test_an_account_that_cannot_be_is_refused_where_it_was_asked_for(
    panel: Panel, form: dict[str, str], why: str
) -> None:
    answer = panel.post("/panel/users", form)
    assert answer.location == "/panel/users"
    assert why in panel.follow(answer).words
    assert panel.portal.audit.latest(1) == []


def test_an_address_that_is_none_is_refused(panel: Panel) -> None:
    assert panel.post("/panel/users", {"name": "", "domain": DOMAIN, "password": "x"}).status == 422
    assert panel.get("/panel/users/nobody").status == 422
    assert panel.get(f"/panel/users/nobody@{DOMAIN}").status == 404


def test_a_user_is_disabled_and_enabled_with_a_question_before(panel: Panel) -> None:
    page = f"/panel/users/{ALICE}"
    assert "Nobody can sign in" in panel.get(f"{page}/disable", "hero").words
    assert "disabled" in panel.follow(panel.post(f"{page}/disable", who="hero"), "hero").words
    account = panel.store.accounts.get(ALICE)
    assert account is not None and account.disabled
    panel.follow(panel.post(f"{page}/enable", who="hero"), "hero")
    account = panel.store.accounts.get(ALICE)
    assert account is not None and not account.disabled


def test_a_removed_user_is_gone_with_everything(panel: Panel) -> None:
    panel.fill()
    page = f"/panel/users/{ALICE}"
    assert "cannot be undone" in panel.get(f"{page}/remove").words
    assert f"{ALICE} is removed." in panel.follow(panel.post(f"{page}/remove")).words
    assert panel.store.accounts.get(ALICE) is None
    assert panel.store.verdicts.select(ALICE) == ()
    assert panel.get(page).status == 404


def test_another_password_ends_the_sessions_of_the_user(panel: Panel) -> None:
    assert panel.get("/my", "alice").status == 200
    old = panel.store.accounts.get(ALICE)
    panel.follow(panel.post(f"/panel/users/{ALICE}/password", {"password": "another"}))
    new = panel.store.accounts.get(ALICE)
    assert old is not None and new is not None and old.ha1_sha256 != new.ha1_sha256
    assert panel.store.sessions.select(ALICE) == ()


@pytest.mark.parametrize("what", ["password", "disable", "enable", "remove", "sign-out"])
def test_the_help_desk_touches_no_account_with_more_rights(panel: Panel, what: str) -> None:
    bob = f"bob@{DOMAIN}"
    before = panel.store.accounts.get(bob)
    answer = panel.post(f"/panel/users/{bob}/{what}", {"password": "mine-now"}, "hero")
    assert answer.status == 403
    assert panel.store.accounts.get(bob) == before
    page = panel.get(f"/panel/users/{bob}", "hero").words
    assert "Set the password" not in page and "Remove…" not in page


def test_the_help_desk_makes_no_account_that_the_configuration_gave_more_rights(panel: Panel) -> None:
    panel.follow(panel.post(f"/panel/users/oliver@{DOMAIN}/remove"))
    answer = panel.post("/panel/users", {"name": "oliver", "domain": DOMAIN, "password": "mine"}, "hero")
    assert answer.status == 403
    assert panel.store.accounts.get(f"oliver@{DOMAIN}") is None


@pytest.mark.parametrize("what", ["disable", "remove"])
def test_nobody_locks_himself_out(panel: Panel, what: str) -> None:
    bob = f"bob@{DOMAIN}"
    assert panel.get(f"/panel/users/{bob}/{what}").status == 403
    assert panel.post(f"/panel/users/{bob}/{what}").status == 403
    account = panel.store.accounts.get(bob)
    assert account is not None and not account.disabled


def test_users_are_found_by_a_part_of_the_address(panel: Panel) -> None:
    found = panel.get("/panel/users?q=ALI").words
    assert ALICE in found and f"viola@{DOMAIN}" not in found
    assert "Nothing here holds “zzz”." in panel.get("/panel/users?q=zzz").words


# What devices keep


def test_an_operator_ends_a_registration_after_a_question(panel: Panel) -> None:
    panel.fill()
    listed = panel.get("/panel/registrations")
    assert "UDP 192.0.2.1:5062" in listed.words
    form = {"address": ALICE, "contact": "sip:alice@192.0.2.1;words"}
    asked = panel.get(f"/panel/registrations/end?address={ALICE}&contact=sip:alice@192.0.2.1%3Bwords")
    assert 'value="sip:alice@192.0.2.1;words"' in asked.html
    told = panel.follow(panel.post("/panel/registrations/end", form)).words
    assert f"The registration of {ALICE} is ended." in told
    again = panel.follow(panel.post("/panel/registrations/end", form)).words
    assert "is not registered" in again


def test_an_operator_removes_a_publication(panel: Panel) -> None:
    panel.fill()
    panel.follow(panel.post("/panel/publications/end", {"address": ALICE, "id": "tag"}))
    assert panel.store.publications.select(ALICE) == ()


def test_a_dialog_that_has_ended_meanwhile_is_said_to_have(panel: Panel) -> None:
    assert "has ended already." in panel.follow(panel.get("/panel/dialogs/end?id=gone")).words
    assert "has ended already." in panel.follow(panel.post("/panel/dialogs/end", {"id": "gone"})).words


# Who may watch


def test_an_operator_decides_for_an_owner_about_who_waits(panel: Panel) -> None:
    panel.fill()
    form = {"address": ALICE, "watcher": "juliet@jabber.example", "handling": "allow"}
    assert "It is decided" in panel.follow(panel.post("/panel/pending", form)).words
    verdict = panel.store.verdicts.get(f"{ALICE} juliet@jabber.example")
    assert verdict is not None and verdict.handling == "allow"
    assert panel.portal.audit.latest(1)[0].what == "allow juliet@jabber.example"
    assert "does not wait any more" in panel.follow(panel.post("/panel/pending", form)).words


def test_it_is_decided_about_who_waits_however_many_do(panel: Panel) -> None:
    panel.fill()
    for number in range(MOST + 1):
        watcher = Address(f"w{number:04}", "jabber.example")
        panel.store.waiting.put(
            Waiting(presentity=Address.parse(ALICE), watcher=watcher, package="presence", asked_at=1.0)
        )
    form = {"address": ALICE, "watcher": f"w{MOST:04}@jabber.example", "handling": "block"}
    assert "It is decided" in panel.follow(panel.post("/panel/pending", form)).words


def test_only_what_can_be_decided_is(panel: Panel) -> None:
    panel.fill()
    form = {"address": ALICE, "watcher": "juliet@jabber.example", "handling": "confirm"}
    assert panel.post("/panel/pending", form).status == 422
    stranger = {"address": ALICE, "watcher": "mallory@jabber.example", "handling": "allow"}
    assert "does not wait any more" in panel.follow(panel.post("/panel/pending", stranger)).words
    assert panel.store.verdicts.get(f"{ALICE} mallory@jabber.example") is None


def test_withdrawing_a_permission_that_is_not_there_says_so(panel: Panel) -> None:
    form = {"watcher": "romeo@jabber.example", "contact": ALICE}
    assert "has no authorization" in panel.follow(panel.post("/panel/authorizations/end", form)).words


# Tokens


TOKEN_FORM = [
    ("name", "weather"),
    ("addresses", f"weather@{DOMAIN}, *@{DOMAIN}"),
    ("may", "read"),
    ("lifetime", "86400"),
]


def secret_of(page: str) -> str:
    return page.partition('id="secret" readonly value="')[2].partition('"')[0]


def test_a_token_is_shown_once_works_and_is_revoked(panel: Panel) -> None:
    page = panel.follow(panel.post("/panel/tokens", TOKEN_FORM))
    secret = secret_of(page.html)
    assert len(secret) > 30
    assert secret_of(panel.get("/panel/tokens").html) == ""
    assert panel.ask_api(secret, f"/api/v1/presence/{ALICE}").status == 200
    assert secret not in str(list(panel.store.grants.all())) + str(panel.portal.audit.latest(9))
    assert "Revoke the token weather?" in panel.get("/panel/tokens/weather/revoke").words
    assert "is revoked" in panel.follow(panel.post("/panel/tokens/weather/revoke")).words
    assert panel.ask_api(secret, f"/api/v1/presence/{ALICE}").status == 401


def test_a_new_token_is_shown_to_nobody_else_and_not_for_long(panel: Panel) -> None:
    panel.post("/panel/tokens", TOKEN_FORM)
    assert secret_of(panel.get("/panel/tokens", "oliver").html) == ""
    panel.clock.advance(61)
    assert secret_of(panel.get("/panel/tokens").html) == ""


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("name", "two words", "A name has"),
        ("addresses", "weather", "is not a pattern"),
        ("may", "fly", "has a right at least"),
        ("lifetime", "7", "no lifetime"),
    ],
)
def test_a_token_that_cannot_be_is_refused(panel: Panel, name: str, value: str, why: str) -> None:
    form = [(field, value if field == name else held) for field, held in TOKEN_FORM]
    page = panel.follow(panel.post("/panel/tokens", form))
    assert why.lower() in page.words.lower()
    assert len(panel.store.grants) == 0


# Looking up and tracing


def test_a_look_up_shows_what_the_configuration_says(shared: Panel) -> None:
    words = shared.get("/panel/lookup?domain=romeo@jabber.example").words
    assert "Served by: XMPP" in words
    assert 'dns.domains has "jabber.example" = "xmpp"' in words
    assert "component link to 127.0.0.1:5347" in words


def test_what_is_no_domain_is_said_to_be_none(shared: Panel) -> None:
    answer = shared.get("/panel/lookup?domain=not+a+domain")
    assert answer.status == 200
    assert "is not a domain" in answer.words


def test_a_pair_that_is_none_is_said_to_be_none(shared: Panel) -> None:
    assert "the address is empty" in shared.get("/panel/trace?watcher=&presentity=bob").words
    assert "bob is no address" in shared.get(f"/panel/trace?watcher={ALICE}&presentity=bob").words


def test_an_operator_traces_a_pair_and_it_is_written_down(panel: Panel) -> None:
    pair = {"watcher": "romeo@jabber.example", "presentity": ALICE}
    page = panel.follow(panel.post("/panel/trace/begin", pair))
    assert "The pair is traced" in page.words
    assert "Nothing was said since the trace began." in page.words
    assert panel.portal.audit.latest(1)[0].what == f"trace romeo@jabber.example watching {ALICE}"
    assert "only operators may trace" in panel.get(page_path(pair), "viola").words
    assert "romeo@jabber.example watching" in panel.get("/panel/trace", "viola").words
    panel.follow(panel.post("/panel/trace/end", pair))
    assert "Pairs that are traced now" not in panel.get("/panel/trace").words


def page_path(pair: dict[str, str]) -> str:
    return f"/panel/trace?watcher={pair['watcher']}&presentity={pair['presentity']}"


def test_messages_of_a_trace_are_shown_to_operators_alone_and_as_text(panel: Panel) -> None:
    romeo, alice = Address("romeo", "jabber.example"), Address("alice", DOMAIN)
    pair = {"watcher": str(romeo), "presentity": ALICE}
    panel.follow(panel.post("/panel/trace/begin", pair))
    panel.say(romeo, alice, EVIL)
    page = panel.get(page_path(pair))
    assert EVIL in page.words and EVIL not in page.html
    assert "Before mapping" in page.words and "After mapping" in page.words
    seen = panel.get(page_path(pair), "viola")
    assert "alert(1)" not in seen.html


def test_a_viewer_who_looks_does_not_keep_a_trace_on(panel: Panel) -> None:
    pair = {"watcher": "romeo@jabber.example", "presentity": ALICE}
    panel.follow(panel.post("/panel/trace/begin", pair))
    panel.clock.advance(800)
    panel.get(page_path(pair), "viola")
    panel.clock.advance(200)
    assert "romeo@jabber.example watching" not in panel.get("/panel/trace").words


# The overview


def test_the_overview_says_what_is_wrong_since_when_and_what_to_do(panel: Panel) -> None:
    assert panel.parts.xmpp is not None
    for link in panel.parts.xmpp.links:
        link.why_down = "not-authorized"
    panel.clock.advance(125)
    words = panel.get("/panel", "viola").words
    assert "Something needs you" in words
    assert "XMPP gw.example.org : down since" in words
    assert "2 minutes ago" in words
    assert "What to do: the server refuses the secret" in words


def test_the_overview_shows_the_last_errors_of_the_log(panel: Panel) -> None:
    Logger(namespace="sip2xmpp.sip.udp").error("the socket broke")
    assert "the socket broke" in panel.get("/panel").words


def test_counters_are_charts_with_words_beside_them(panel: Panel) -> None:
    panel.parts.watching.history.start()
    page = panel.get("/panel/counters")
    assert "There are no numbers yet" in page.words
    for _ in range(3):
        panel.clock.advance(10)
    panel.fill()
    panel.clock.advance(10)
    page = panel.get("/panel/counters")
    assert 'role="img"' in page.html and "<polyline" in page.html
    assert "Now 1, between 0 and 1." in page.words
    assert "counts.accounts" in page.words
    assert "There are no numbers yet" in panel.get("/panel/counters?period=day").words


@pytest.mark.parametrize(("name", "status"), [("bob", 200), ("viola", 200), ("alice", 403), ("", 403)])
@pytest.mark.parametrize("topic", ["panel", "panel-rows"])
def test_only_who_may_see_the_panel_hears_that_it_changes(
    panel: Panel, topic: str, name: str, status: int
) -> None:
    assert panel.get(f"/live?topic={topic}", name).status == status


@pytest.mark.parametrize(("days", "told"), [(3, "ends soon"), (-1, "has ended"), (90, "")])
def test_a_certificate_that_ends_is_told_of_in_time(tmp_path: Path, days: int, told: str) -> None:
    authority = Authority(tmp_path)
    now = datetime.fromtimestamp(NOW, UTC)
    authority.valid = (now - timedelta(days=100), now + timedelta(days=days))
    certificate, key = authority.issue("sip", dns=[DOMAIN])
    panel = Panel(
        tmp_path,
        sip={
            "listen": ["tls:127.0.0.1:5061"],
            "certificate": str(certificate),
            "private_key": str(key),
        },
    )
    words = panel.get("/panel").words
    assert ("The certificate of sip/tls 127.0.0.1:5061" in words) is bool(told)
    assert told in words
    panel.pages.panel.stop()


def test_every_word_of_a_pair_is_one_that_the_page_knows() -> None:
    assert set(GROUNDS) == {ground.value for ground in Ground}
    assert set(HANDLINGS) == {handling.value for handling in Handling}
    assert set(DOMAIN_LEGS) == {"", *(leg.value for leg in Leg)}
    assert set(STATES) == {kind.value for kind in Kind}
    assert set(SIDES) == {side.value for side in Side}
    assert set(RIGHTS) == set(Right)


class FailingStore:
    """A store whose disk is full."""

    def committed(self) -> Deferred[None]:
        return fail(StorageFailed("the disk is full"))


def test_a_change_that_is_in_force_and_not_stored_is_written_down_and_told(panel: Panel) -> None:
    store: Any = FailingStore()
    desk = Desk(store, panel.portal.audit, lambda _: None)
    visit = panel.visit("bob", "/panel/users/carol")

    async def add() -> str:
        await store.committed()
        return "add the account"

    answer = result_of(
        Deferred.fromCoroutine(desk.does(visit, add(), about="carol", to="/panel/users", told="done"))
    )
    assert (answer.path, answer.told, answer.bad) == ("/panel/users", "the disk is full", True)
    assert "could not be stored yet" in panel.portal.audit.latest(1)[0].what
