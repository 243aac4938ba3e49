"""What holds for every page: who may see it, what a form has to prove, which headers go with it, and what strangers cannot do."""

import re
from urllib.parse import urlencode

import pytest
from twisted.internet.task import Clock

from sip2xmpp.errors import BadInput, StorageFailed, TooMany
from sip2xmpp.pages.answers import Answer, Moved, Refused, Sent, Shown
from sip2xmpp.pages.rendering import link_of
from sip2xmpp.pages.resource import A_MINUTE, FORM, HEADERS, POLICY, zone_of
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.sheets import PLACE
from sip2xmpp.pages.visit import Visit
from tests.pages.scene import ALICE, BOB, Scene

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


async def _echo(visit: Visit) -> Answer:
    return Sent("text/plain", repr((dict(visit.places), dict(visit.query))).encode())


async def _done(visit: Visit) -> Answer:
    return Moved("/my", visit.form.text("told", most=200), bad="bad" in visit.form)


async def _refused(visit: Visit) -> Answer:
    return Refused(409, HOSTILE)


async def _fails(visit: Visit) -> Answer:
    kinds = {"input": BadInput, "many": TooMany, "storage": StorageFailed}
    raise kinds[visit.places["kind"]](HOSTILE)


async def _breaks(visit: Visit) -> Answer:
    raise KeyError("nobody expects this")


async def _unrendered(visit: Visit) -> Answer:
    return Shown("presence", {})


PAGES = [
    Page(method="GET", path="/my/echo/{what}/{who}", serve=_echo, name="echo"),
    Page(method="POST", path="/my/done", serve=_done, name="done"),
    Page(method="GET", path="/my/refused", serve=_refused, name="refused"),
    Page(method="GET", path="/my/fails/{kind}", serve=_fails, name="fails"),
    Page(method="GET", path="/my/breaks", serve=_breaks, name="breaks"),
    Page(method="GET", path="/my/unrendered", serve=_unrendered, name="unrendered"),
    Page(method="GET", path="/panel", serve=_echo, name="panel", role=Role.VIEWER, label="Overview"),
    Page(method="GET", path="/panel/keys", serve=_echo, name="keys", role=Role.OPERATOR, label="Keys"),
]


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock, pages=PAGES, roles={BOB: Role.HELPDESK})


@pytest.mark.parametrize("path", ["/sign-in", "/my", "/my/nothing", "/static/live.js", "/live", "/nothing"])
def test_every_answer_keeps_browsers_from_mischief(scene: Scene, path: str) -> None:
    tab = scene.browser()
    tab.sign_in()
    reply = tab.get(path)
    for name, value in HEADERS.items():
        assert reply.headers[name] == value
    assert "unsafe" not in POLICY and "default-src 'none'" in POLICY


def test_no_template_has_script_or_style_inside(scene: Scene) -> None:
    tab = scene.browser()
    pages = [tab.get("/sign-in").text]
    tab.sign_in()
    pages += [tab.get(path).text for path in ("/my", "/my/holiday", "/my/sessions", "/my/refused")]
    for text in pages:
        assert re.findall(r"<script[^>]*>", text) == re.findall(r'<script src="/static/[^"]*" defer>', text)
        assert "<style" not in text and not re.search(r"<[^>]+\s(style|on\w+)=", text)


def test_a_file_that_is_asked_for_by_its_hash_may_be_kept(scene: Scene) -> None:
    tab = scene.browser()
    (url,) = re.findall(r'href="(/static/sip2xmpp\.css[^"]*)"', tab.get("/sign-in").text)
    assert tab.get(url).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert tab.get(url).headers["content-type"].startswith("text/css")
    assert tab.get("/static/sip2xmpp.css").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["../answers.py", "..%2fanswers.py", "nothing.css", "", "%00", "live.js/"])
def test_only_files_of_the_pages_are_sent(scene: Scene, name: str) -> None:
    assert scene.browser().get(f"/static/{name}").status == 404


def test_a_page_is_only_for_those_who_are_signed_in(scene: Scene) -> None:
    tab = scene.browser()
    assert tab.get("/my/echo/a/b?x=1").location == "/sign-in?next=/my/echo/a/b%3Fx%3D1"
    assert tab.ask("POST", "/my/done", b"told=x").status == 401
    tab.cookies["session"] = "a" * 43
    assert tab.get("/my").status == 303
    tab.cookies["session"] = "\u00e9" * 43
    assert tab.get("/my").status == 303


def test_what_somebody_may_not_see_is_not_there(scene: Scene) -> None:
    alice, bob = scene.browser(), scene.browser()
    alice.sign_in()
    bob.sign_in(BOB)
    assert alice.get("/panel").status == 404
    assert "Control panel" not in alice.get("/my").text
    assert bob.get("/panel").status == 200
    assert bob.get("/panel/keys").status == 404, "a help desk is no operator"
    assert "Control panel" in bob.get("/my").text


def test_a_page_gets_what_stands_in_its_path_and_query(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    reply = tab.get("/my/echo/a%2Fb/alice%40sip.example.org?x=1&x=2&y=%C3%A9&z=%01")
    assert reply.text == repr(({"what": "a/b", "who": "alice@sip.example.org"}, {"x": "2", "y": "\u00e9"}))
    for path in ("/my/echo/a%00/b", "/my/echo/a%ff/b", "/my/echo/a/" + "b" * 1_100, "/my/echo//b"):
        assert tab.get(path).status == 404
    assert tab.get("/my/echo/a/b?" + "&".join(f"n{number}=1" for number in range(40))).status == 200


def test_a_place_in_a_long_table_may_be_as_long_as_two_addresses(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    place = "x" * PLACE
    assert place in tab.get(f"/my/echo/a/b?after={place}").text
    assert place not in tab.get(f"/my/echo/a/b?after={place}x").text


def test_what_was_written_is_not_lost_with_the_session(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    form = {"csrf": tab.get("/my").csrf, "told": f"half a sentence {HOSTILE}", "password": "my own secret"}
    body = urlencode(form).encode()
    scene.sessions.end_all(ALICE)
    lost = tab.ask("POST", "/my/done", body)
    tab.sign_in()
    stale = tab.ask("POST", "/my/done", body)
    assert (lost.status, stale.status) == (401, 403)
    for reply in (lost, stale):
        assert "half a sentence &lt;script&gt;" in reply.text and "<img" not in reply.text
        assert "my own secret" not in reply.text and form["csrf"] not in reply.text
    for other in (tab, scene.browser()):
        assert "half" not in other.ask("POST", "/my/done", body, sec_fetch_site="cross-site").text


def test_whoever_asks_for_too_much_has_to_wait_and_nobody_else_has(scene: Scene, clock: Clock) -> None:
    alice, bob = scene.browser(), scene.browser()
    alice.sign_in()
    bob.sign_in(BOB)
    asked, status = 0, 403
    while status == 403 and asked < A_MINUTE:
        status, asked = alice.ask("POST", "/my/done", b"").status, asked + 1
        scene.site.connections = 0
    page = alice.get("/my")
    assert status == page.status == 429 and int(page.headers["retry-after"]) >= 1
    assert asked > A_MINUTE / (2 * FORM)
    assert bob.get("/my").status == scene.browser().get("/sign-in").status == 200
    clock.advance(1)
    assert alice.get("/my").status == 200


def test_a_form_needs_the_token_of_its_session(scene: Scene) -> None:
    alice, bob = scene.browser(), scene.browser()
    alice.sign_in()
    bob.sign_in(BOB)
    token, other = alice.get("/my").csrf, bob.get("/my").csrf
    assert token and token != other
    for body in (b"", b"csrf=", f"csrf={other}".encode(), b"csrf=%C3%A9"):
        assert alice.ask("POST", "/my/done", body).status == 403
    assert alice.ask("POST", "/my/done", f"csrf={token}".encode()).status == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "same-origin"}, 303),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"origin": "http://localhost"}, 303),
        ({"origin": "https://localhost"}, 403),
        ({"origin": "http://localhost.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "http://localhost"}, 403),
    ],
)
def test_a_form_has_to_come_from_a_page_of_this_site(
    scene: Scene, headers: dict[str, str], status: int
) -> None:
    tab = scene.browser()
    tab.sign_in()
    body = f"csrf={tab.get('/my').csrf}".encode()
    assert tab.ask("POST", "/my/done", body, **headers).status == status


def test_what_was_done_is_told_once_to_the_one_who_did_it(scene: Scene) -> None:
    alice, bob = scene.browser(), scene.browser()
    alice.sign_in()
    bob.sign_in(BOB)
    token = alice.get("/my").csrf
    alice.ask("POST", "/my/done", urlencode({"csrf": token, "told": HOSTILE, "bad": "1"}).encode())
    assert "onerror" not in bob.get("/my").text
    assert "onerror" not in alice.get("/my", x_live="1").text, "the script fetches, and nobody reads"
    page = alice.get("/my").text
    assert 'class="told bad"' in page and "&lt;img src=x onerror=alert(2)&gt;" in page and "<img" not in page
    assert "onerror" not in alice.get("/my").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/my/refused", 409),
        ("/my/fails/input", 422),
        ("/my/fails/many", 409),
        ("/my/fails/storage", 503),
        ("/my/nothing", 404),
        ("/nothing", 404),
        ("/my/done", 405),
    ],
)
def test_what_cannot_be_is_said_on_a_page_of_the_same_looks(scene: Scene, path: str, status: int) -> None:
    tab = scene.browser()
    tab.sign_in()
    reply = tab.get(path)
    assert reply.status == status
    assert "<h1" in reply.text and "/static/sip2xmpp.css" in reply.text
    assert "<script>alert" not in reply.text and "<img" not in reply.text


@pytest.mark.parametrize("path", ["/my/breaks", "/my/unrendered"])
def test_a_fault_of_ours_is_told_without_its_details(scene: Scene, path: str) -> None:
    tab = scene.browser()
    tab.sign_in()
    reply = tab.get(path)
    assert reply.status == 500
    assert "nobody expects" not in reply.text and "Traceback" not in reply.text and "fault" in reply.text


def test_a_request_for_the_head_gets_no_body(scene: Scene) -> None:
    reply = scene.browser().ask("HEAD", "/sign-in")
    assert reply.status == 200 and reply.body == b"" and int(reply.headers["content-length"]) > 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_do_nothing(scene: Scene, method: str) -> None:
    tab = scene.browser()
    tab.sign_in()
    assert tab.ask(method, "/my").status == 405


def test_a_body_that_is_too_long_is_refused(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in()
    body = f"csrf={tab.get('/my').csrf}&told=".encode() + b"x" * 70_000
    assert tab.ask("POST", "/my/done", body).status == 409


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"csrf=%FF"),
        ("application/x-www-form-urlencoded", "csrf=\u00e9".encode()),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 3_000)),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nno end--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a" * 5_000 + b"\r\n\r\nx\r\n--x--"),
    ],
)
def test_what_is_no_form_is_refused(scene: Scene, media: str, body: bytes) -> None:
    tab = scene.browser()
    tab.sign_in()
    assert tab.ask("POST", "/my/done", body, media=media).status == 422


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"])
def test_times_are_of_the_zone_that_the_browser_is_in(name: str) -> None:
    assert str(zone_of(name)) == name


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "Europe/Nowhere", "x" * 100, "/etc/localtime", "a\\b"]
)
def test_a_zone_that_is_none_is_ours(name: str) -> None:
    assert zone_of(name) is zone_of("")


@pytest.mark.parametrize(
    ("url", "may_be_followed"),
    [
        ("https://sip.example.org/a?b", True),
        ("http://sip.example.org", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//evil.example", False),
        ("https:", False),
        ("https://[", False),
        ("https://a\nb", False),
    ],
)
def test_only_web_addresses_of_others_become_links(url: str, may_be_followed: bool) -> None:
    assert (link_of(url) == url) is may_be_followed
    assert may_be_followed or link_of(url) is None


def test_a_user_agent_cannot_script(scene: Scene) -> None:
    tab = scene.browser()
    tab.sign_in(user_agent=HOSTILE)
    page = tab.get("/my/sessions").text
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page and "<img" not in page
    assert str(ALICE) in page
