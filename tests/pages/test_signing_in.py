"""Signing in by the form, in memory: whom it lets in, what it tells strangers, and how sessions end."""

import hashlib
from dataclasses import replace
from ipaddress import ip_network
from urllib.parse import urlencode

import pytest
from twisted.internet.task import Clock

from sip2xmpp.pages import passwords, sessions
from sip2xmpp.pages.paths import own_path
from sip2xmpp.pages.roles import Role
from sip2xmpp.store.accounts import make_account, with_password
from sip2xmpp.store.records import Account
from tests.pages.scene import ALICE, BOB, PASSWORDS, Scene, Tab

HOUR = 3_600.0


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def account(scene: Scene) -> Account:
    held = scene.store.accounts.get(str(ALICE))
    assert held is not None
    return held


def test_the_address_and_the_password_of_an_account_let_in(scene: Scene) -> None:
    tab = scene.browser()
    assert tab.get("/").location == "/sign-in"
    assert tab.get("/my").location == "/sign-in?next=/my"
    reply = tab.sign_in()
    assert (reply.status, reply.location) == (303, "/my")
    page = tab.get("/my")
    assert page.status == 200 and "alice@sip.example.org" in page.text
    assert tab.get("/").location == "/my"


def test_an_account_that_came_from_another_server_lets_in_by_its_md5_hash(scene: Scene) -> None:
    def known(password: str) -> Account:
        return replace(make_account(ALICE, password), ha1_sha256="", ha1_sha256_address="")

    scene.store.accounts.put(known("rabbit"))
    assert scene.browser().post("/sign-in", {"name": "alice", "password": "wrong"}).status != 303
    assert scene.browser().post("/sign-in", {"name": "alice", "password": ""}).status != 303
    tab = scene.browser()
    assert tab.sign_in().status == 303 and tab.get("/my").status == 200
    scene.store.accounts.put(known("another"))
    assert tab.get("/my").location == "/sign-in?next=/my"


@pytest.mark.parametrize("name", ["alice", "ALICE@sip.example.org", "sip:alice@sip.example.org", " alice "])
def test_a_user_may_be_named_in_several_ways(scene: Scene, name: str) -> None:
    assert scene.browser().post("/sign-in", {"name": name, "password": "rabbit"}).status == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("", ""),
        ("nobody", "rabbit"),
        ("alice@jabber.example", "rabbit"),
        ("@sip.example.org", "rabbit"),
        ("alice", "0" * 64),
        ("alice" * 90, "rabbit"),
    ],
)
def test_everything_else_gets_one_and_the_same_answer(scene: Scene, name: str, password: str) -> None:
    tab = scene.browser()
    reply = tab.post("/sign-in", {"name": name, "password": password})
    assert reply.status == 403
    assert "do not belong together" in reply.text and "session" not in tab.cookies


def test_a_disabled_account_is_refused_in_the_same_words(scene: Scene) -> None:
    scene.store.accounts.put(replace(account(scene), disabled=True))
    reply = scene.browser().sign_in()
    assert reply.status == 403 and "do not belong together" in reply.text


def test_nothing_of_a_password_is_written_into_the_page(scene: Scene) -> None:
    reply = scene.browser().post("/sign-in", {"name": "alice", "password": "my-secret-words"})
    assert "my-secret-words" not in reply.text
    assert 'value="alice"' in reply.text


def test_wrong_passwords_are_few_for_a_peer_and_a_name(scene: Scene, clock: Clock) -> None:
    tab = scene.browser("127.0.0.2")
    for _ in range(passwords.OF_PEER_AND_NAME):
        assert tab.sign_in(password="wrong").status == 403
    assert tab.sign_in().status == 429
    assert tab.sign_in(BOB).status == 303
    assert scene.browser("127.0.0.3").sign_in().status == 303
    clock.advance(passwords.SECONDS + 1)
    assert scene.browser("127.0.0.2").sign_in().status == 303


def test_wrong_passwords_are_few_for_a_peer_whatever_the_names(scene: Scene) -> None:
    tab = scene.browser("127.0.0.2")
    for number in range(passwords.OF_PEER):
        assert tab.post("/sign-in", {"name": f"user{number}", "password": "x"}).status == 403
    assert tab.sign_in().status == 429


def test_nobody_locks_out_a_user_at_a_place_where_that_user_has_signed_in(scene: Scene) -> None:
    assert scene.browser("127.0.0.2").sign_in().status == 303
    for number in range(passwords.OF_NAME):
        assert scene.browser(f"127.0.1.{number}").sign_in(password="wrong").status == 403
    assert scene.browser("127.0.0.9").sign_in().status == 429
    assert scene.browser("127.0.0.2").sign_in().status == 303


def test_the_cookie_is_for_this_site_and_no_script(scene: Scene) -> None:
    reply = scene.browser().sign_in()
    cookie = next(cookie for cookie in reply.cookies if cookie.startswith("session="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    assert "Secure" not in cookie, "on this machine without TLS"


def test_behind_tls_the_cookie_is_bound_to_the_host(clock: Clock) -> None:
    scene = Scene(clock, trusted_proxies=[ip_network("192.0.2.1/32")])
    tab = scene.browser("192.0.2.1")
    tab.headers = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    reply = tab.sign_in()
    cookie = next(cookie for cookie in reply.cookies if "session=" in cookie)
    assert cookie.startswith("__Host-session=") and cookie.endswith("; Secure")
    assert tab.get("/my").status == 200


def test_a_form_from_before_a_restart_or_from_another_tab_leads_on(scene: Scene) -> None:
    form = {"name": str(ALICE), "password": "rabbit"}
    tab = scene.browser()
    body = urlencode({**form, "csrf": tab.get("/sign-in").csrf}).encode()
    tab.cookies["stranger"] = "x" * 24
    reply = tab.ask("POST", "/sign-in", body)
    assert reply.status == 403 and "session" not in tab.cookies
    assert "This form was too old." in reply.text and reply.csrf
    tab.sign_in()
    again = tab.ask("POST", "/sign-in", body)
    assert again.location == "/my" and tab.get("/my").status == 200, "who is signed in stays so"


def test_only_a_digest_of_the_cookie_is_kept(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    (held,) = scene.store.sessions.all()
    assert held.digest == hashlib.sha256(tab.cookies["session"].encode()).hexdigest()
    assert tab.cookies["session"] not in repr(held) and account(scene).ha1_sha256 not in repr(held)


def test_signing_in_gives_another_session(scene: Scene) -> None:
    tab = scene.browser()
    tab.cookies["session"] = "x" * 43
    tab.sign_in()
    first = tab.cookies["session"]
    assert first != "x" * 43
    tab.ask("POST", "/sign-out", f"csrf={tab.get('/my').csrf}".encode())
    tab.sign_in()
    assert tab.cookies["session"] != first


@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8::7"])
def test_over_plain_http_from_elsewhere_nobody_is_asked_for_a_password(scene: Scene, peer: str) -> None:
    tab = scene.browser(peer)
    for path in ("/sign-in", "/my", "/"):
        reply = tab.get(path)
        assert reply.status == 403
        assert "https://" in reply.text and 'type="password"' not in reply.text


def test_a_proxy_that_is_not_known_does_not_make_a_stranger_local(scene: Scene) -> None:
    tab = scene.browser()
    tab.headers = {"X-Forwarded-For": "198.51.100.7"}
    assert tab.get("/sign-in").status == 403
    tab.headers = {"Forwarded": "for=198.51.100.7"}
    assert tab.get("/sign-in").status == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("presence.example.org", 403),
        ("localhost.example.org", 403),
        ("[::1", 200),
        ("", 403),
    ],
)
def test_a_proxy_that_says_nothing_of_itself_is_known_by_the_name_it_passes_on(
    scene: Scene, host: str, status: int
) -> None:
    tab = scene.browser()
    tab.headers = {"Host": host}
    assert tab.get("/sign-in").status == status


def test_a_session_that_is_stolen_is_no_good_over_plain_http(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    tab.peer = "192.0.2.7"
    assert tab.get("/my").status == 403


def test_a_session_ends_when_it_is_not_used(scene: Scene, clock: Clock) -> None:
    tab = scene.browser()
    tab.sign_in()
    for _ in range(3):
        clock.advance(sessions.OF_USERS.idle - HOUR)
        assert tab.get("/my").status == 200
    clock.advance(sessions.OF_USERS.idle + sessions.SEEN + 1)
    assert tab.get("/my").status == 303


def test_a_session_ends_however_much_it_is_used(scene: Scene, clock: Clock) -> None:
    tab = scene.browser()
    tab.sign_in()
    for _ in range(int(sessions.OF_USERS.longest / (12 * HOUR)) - 1):
        clock.advance(12 * HOUR)
        assert tab.get("/my").status == 200
    clock.advance(12 * HOUR)
    assert tab.get("/my").status == 303


def test_a_session_of_an_operator_ends_sooner(clock: Clock) -> None:
    scene = Scene(clock, roles={ALICE: Role.VIEWER})
    tab = scene.browser()
    tab.sign_in()
    clock.advance(sessions.OF_OPERATORS.idle + sessions.SEEN + 1)
    assert tab.get("/my").status == 303


def test_a_page_that_is_only_left_open_does_not_use_its_session(clock: Clock) -> None:
    scene = Scene(clock, roles={ALICE: Role.VIEWER})
    tab = scene.browser()
    tab.sign_in()
    for _ in range(2):
        clock.advance(HOUR)
        assert tab.get("/my", x_live="1").status == 200
        tab.get("/live?topic=presence")
    clock.advance(sessions.SEEN + 1)
    assert tab.get("/my", x_live="1").status == 303


def test_a_domain_that_is_ours_no_more_takes_its_sessions_along(scene: Scene) -> None:
    tab, other = scene.browser(), scene.browser()
    tab.sign_in()
    other.sign_in()
    scene.domains.clear()
    assert tab.get("/my").status == 303
    scene.sessions.check(ALICE)
    assert not list(scene.store.sessions.all())


def test_another_password_ends_all_sessions(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    scene.store.accounts.put(with_password(account(scene), "another"))
    assert tab.get("/my").status == 303
    assert not list(scene.store.sessions.all())


def test_the_same_account_stored_again_ends_none(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    scene.store.accounts.put(account(scene))
    assert tab.get("/my").status == 200


def test_disabling_and_removing_end_all_sessions(scene: Scene) -> None:
    tab, other = scene.browser(), scene.browser()
    tab.sign_in()
    other.sign_in(BOB)
    scene.store.accounts.put(replace(account(scene), disabled=True))
    scene.store.accounts.remove(str(BOB))
    assert tab.get("/my").status == 303 and other.get("/my").status == 303


def test_what_changed_while_the_gateway_was_stopped_counts(scene: Scene, clock: Clock) -> None:
    tab = scene.browser()
    tab.sign_in()
    (held,) = scene.store.sessions.all()
    scene.store.accounts.remove(str(ALICE))
    scene.store.accounts.put(make_account(ALICE, "another"))
    scene.store.sessions.put(held)
    assert tab.get("/my").status == 303
    scene.store.sessions.put(held)
    sessions.Sessions(scene.store, clock)
    assert not list(scene.store.sessions.all())


def test_signing_out_ends_the_session_and_not_only_the_cookie(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    kept = dict(tab.cookies)
    reply = tab.ask("POST", "/sign-out", f"csrf={tab.get('/my').csrf}".encode())
    assert reply.location == "/sign-in?out=1" and "session" not in tab.cookies
    assert "You are signed out." in tab.get("/sign-in?out=1").text
    tab.cookies = kept
    assert tab.get("/my").status == 303


def test_one_may_sign_out_everywhere_else(scene: Scene) -> None:
    tabs = [scene.browser(f"127.0.0.{number}") for number in range(1, 4)]
    for tab in tabs:
        tab.sign_in()
    page = tabs[0].get("/my/sessions").text
    assert all(f"127.0.0.{number}" in page for number in range(1, 4)) and "This one" in page
    one = next(held for held in scene.store.sessions.all() if held.peer == "127.0.0.2")
    assert tabs[0].post("/my/sessions", {"session": one.digest}).status == 303
    assert "Signed out." in tabs[0].get("/my/sessions").text
    assert [tab.get("/my").status for tab in tabs] == [200, 303, 200]
    tabs[0].post("/my/sessions", {})
    assert [tab.get("/my").status for tab in tabs] == [200, 303, 303]


def test_nobody_ends_a_session_of_somebody_else(scene: Scene) -> None:
    alice, bob = scene.browser(), scene.browser()
    alice.sign_in()
    bob.sign_in(BOB)
    other = next(held for held in scene.store.sessions.all() if held.address == str(ALICE))
    bob.post("/my/sessions", {"session": other.digest})
    assert alice.get("/my").status == 200


def test_sessions_of_one_user_are_bounded(scene: Scene, clock: Clock) -> None:
    first = scene.browser()
    first.sign_in()
    for _ in range(sessions.OF_USER):
        clock.advance(1)
        scene.browser().sign_in()
    assert len(scene.store.sessions.select(str(ALICE))) == sessions.OF_USER
    assert first.get("/my").status == 303


def test_signing_in_is_in_the_audit_log(scene: Scene) -> None:
    scene.browser("127.0.0.5").sign_in()
    (deed,) = scene.audit.latest(1)
    assert (deed.who, deed.by, deed.what, deed.peer) == (str(ALICE), "page", "signs in", "127.0.0.5")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/my",
        "/\\evil.example",
        "/my\\..\\",
        "/api/v1",
        "/sign-out",
        "javascript:alert(1)",
        "/my\r\nSet-Cookie: x=y",
        "http:/my",
        "/mything",
        "/my/" + "x" * 2_000,
        "//[/my",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(wanted: str) -> None:
    assert own_path(wanted) == "/my"


@pytest.mark.parametrize("wanted", ["/my", "/my/watchers?sort=name", "/panel", "/panel/users/alice%40x"])
def test_signing_in_leads_where_somebody_wanted_to_go(scene: Scene, wanted: str) -> None:
    assert own_path(wanted) == wanted
    reply = scene.browser().post("/sign-in", {"name": "alice", "password": "rabbit", "next": wanted})
    assert reply.location == wanted


def test_a_form_for_signing_in_from_another_site_is_refused(scene: Scene) -> None:
    tab: Tab = scene.browser()
    token = tab.get("/sign-in").csrf
    body = b"name=alice&password=rabbit&csrf="
    assert tab.ask("POST", "/sign-in", body).status == 403
    assert tab.ask("POST", "/sign-in", body + b"0" * 64).status == 403
    stranger = scene.browser()
    assert stranger.ask("POST", "/sign-in", body + token.encode()).status == 403
    assert tab.ask("POST", "/sign-in", body + token.encode(), sec_fetch_site="cross-site").status == 403
    assert tab.ask("POST", "/sign-in", body + token.encode(), sec_fetch_site="same-site").status == 403
    assert tab.ask("POST", "/sign-in", body + token.encode(), origin="http://evil.example").status == 403
    assert tab.ask("POST", "/sign-in", body + token.encode(), origin="null").status == 403
    assert PASSWORDS[ALICE] == "rabbit"
    assert tab.ask("POST", "/sign-in", body + token.encode(), origin="http://localhost").status == 303
