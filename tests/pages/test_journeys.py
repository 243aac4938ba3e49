"""Journeys of a user in a real browser beside real SIP phones."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.certificates import Authority
from tests.pages.browser import PHONE, Browser, Visitor
from tests.pages.conftest import USERS
from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.process import is_listening
from tests.peers.sipclient import SipClient, pidf

ALICE = "sip:alice@sip.example.org"
Open = Callable[..., Visitor]
SwitchOn = Callable[[str], SipClient]

HOSTILE = (
    "<script>window.scripted = 1</script><img src=x onerror='window.scripted = 2'>"
    "<a href='javascript:window.scripted=3'>x</a>\"><svg/onload=alert(4)>{{7*7}}{% raw %}"
)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@pytest.fixture
def alice(visit: Open) -> Visitor:
    return visit().sign_in("alice")


def test_what_is_said_on_the_page_is_what_a_phone_is_told(alice: Visitor, phone: SwitchOn) -> None:
    watching = phone("bob").subscribe(ALICE)
    watching.wait_for_state("active")
    page = alice.page
    page.get_by_label("Away", exact=True).check()
    page.get_by_label("Text", exact=True).fill("Gone for a walk")
    page.get_by_label("How long").select_option("For one hour")
    alice.press("Show me like this")
    expect(page.get_by_role("status").first).to_contain_text("You are shown like that now.")
    expect(page.locator("#shown")).to_contain_text("Away")
    notify = watching.wait_for_text("Gone for a walk")
    assert "away" in notify.text
    alice.press("Take back what I said")
    expect(page.locator("#shown")).to_contain_text("Offline")
    watching.wait_for_text("closed", after=len(watching.notifies) - 1)


def test_what_a_phone_says_appears_by_itself_within_a_second(alice: Visitor, phone: SwitchOn) -> None:
    alice.wait_live()
    alice.page.evaluate("() => { window.stayed = true; }")
    client = phone("alice")
    expect(alice.page.locator("#shown")).to_contain_text("Available")
    taken: list[float] = []
    for number in range(3):
        at = time.monotonic()
        note = f"Counting sheep: {number}"
        assert client.publish(pidf(ALICE, "open", "busy", note=note)).status == 200
        alice.page.get_by_text(note).first.wait_for(timeout=5_000)
        taken.append(time.monotonic() - at)
    assert min(taken) < 1.0, "on a machine that is busy with other tests as well"
    expect(alice.page.locator("#shown")).to_contain_text("Busy")
    expect(alice.page.locator("#sources")).to_contain_text("Heard")
    assert alice.page.evaluate("() => window.stayed"), "and the page was not loaded again"


def test_what_somebody_is_writing_is_not_taken_away(alice: Visitor, phone: SwitchOn) -> None:
    alice.wait_live()
    text = alice.page.get_by_label("Text", exact=True)
    text.fill("half a sen")
    text.focus()
    client = phone("alice")
    client.publish(pidf(ALICE, "open", "away", note="Changed meanwhile"))
    alice.page.get_by_text("Changed meanwhile").first.wait_for()
    expect(text).to_have_value("half a sen")
    expect(text).to_be_focused()


def test_who_is_signed_out_while_writing_loses_nothing(visit: Open) -> None:
    one, other = visit().sign_in("bob"), visit().sign_in("bob")
    one.wait_live()
    one.page.get_by_label("Text", exact=True).fill("half a sentence")
    other.go("/my/sessions")
    other.press("Sign out everywhere else")
    expect(one.page.get_by_role("status")).to_contain_text("You are not signed in any more.")
    expect(one.page.get_by_label("Text", exact=True)).to_have_value("half a sentence")
    tab = one.tab()
    tab.goto(f"{one.base}/sign-in?next=/my/sessions")
    tab.get_by_label("SIP address").fill("bob")
    tab.get_by_label("Password", exact=True).fill(USERS["bob"])
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url(f"{one.base}/my/sessions")
    one.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(one.page.locator(".live-lost")).to_be_empty()
    one.press("Show me like this")
    expect(one.page.locator("#shown")).to_contain_text("half a sentence")
    one.press("Take back what I said")


def test_only_the_row_that_changed_is_put_in_place_anew(alice: Visitor, phone: SwitchOn) -> None:
    for contact in ("bob@sip.example.org", "ghost@sip.example.org"):
        alice.go(f"/my/contacts/add?contact={contact}")
        alice.press("Add the contact")
    alice.wait_live()
    page = alice.page
    expect(page.locator("#groups")).to_contain_text("Nobody is called so there")
    page.evaluate(
        "() => document.querySelectorAll('#groups, #groups [data-live]').forEach((one) => { one.old = true; })"
    )
    phone("bob").publish(pidf("sip:bob@sip.example.org", "open", "away", note="One row only"))
    page.get_by_text("One row only").first.wait_for()
    rows = "Array.from(document.querySelectorAll('#groups, #groups [data-live]')).filter((one) => !one.old)"
    assert page.evaluate(f"() => {rows}.map((one) => one.tagName)") == ["LI"]


def test_whoever_presses_a_button_twice_means_it_once(visit: Open) -> None:
    bob = visit().sign_in("bob", "/my/contacts")
    bob.page.locator("#group-name").fill("Verona")
    with bob.page.expect_navigation():
        bob.page.get_by_role("button", name="Add the group").dblclick()
    expect(bob.page.locator(".told")).to_contain_text("There is a group Verona now.")
    expect(bob.page.get_by_role("heading", name="Verona")).to_have_count(1)


def test_the_keyboard_goes_on_where_something_is_told(alice: Visitor) -> None:
    alice.page.get_by_label("How long").select_option("at")
    alice.press("Show me like this")
    expect(alice.page.get_by_label("Until")).to_be_focused()
    alice.go("/my")
    alice.press("Show me like this")
    expect(alice.page.locator(".told")).to_be_focused()
    alice.press("Take back what I said")


def test_the_keyboard_stays_where_it_is_when_something_changes(alice: Visitor, phone: SwitchOn) -> None:
    alice.wait_live()
    link = alice.page.get_by_role("link", name="Who sees you")
    link.focus()
    phone("alice").publish(pidf(ALICE, "open", "away", note="Changed around it"))
    alice.page.get_by_text("Changed around it").first.wait_for()
    expect(link).to_be_focused()


def test_what_was_filled_in_wrongly_stays(alice: Visitor, phone: SwitchOn) -> None:
    page = alice.page
    page.get_by_label("How long").select_option("at")
    page.get_by_label("Text", exact=True).fill("Not lost")
    alice.press("Show me like this")
    expect(page.get_by_text("Say when.")).to_be_visible()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Not lost")
    assert page.evaluate("() => document.documentElement.dataset.live") is None


def test_everything_works_without_script(visit: Open, phone: SwitchOn) -> None:
    visitor = visit(script=False).sign_in("alice")
    page = visitor.page
    page.get_by_label("Do not disturb").check()
    page.get_by_label("Text", exact=True).fill("Without a script")
    visitor.press("Show me like this")
    expect(page.locator("#shown")).to_contain_text("Do not disturb")
    expect(page.locator("#shown")).to_contain_text("Without a script")
    page.get_by_role("link", name="Holiday").click()
    page.get_by_label("Extended away").check()
    page.get_by_label("Until").fill("2035-01-01T09:00")
    visitor.press("Keep this")
    expect(page.locator("#kept")).to_contain_text("Your holiday")
    visitor.press("Take back: Your holiday")
    expect(page.locator("#kept")).to_have_count(0)
    visitor.go("/my")
    visitor.press("Take back what I said")
    expect(page.locator("#shown")).to_contain_text("Offline")
    visitor.press("Sign out")
    assert visitor.path == "/sign-in"


def test_a_page_can_be_used_by_keyboard_alone(alice: Visitor) -> None:
    page = alice.page
    keys = page.keyboard
    keys.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_label("Available").focus()
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    expect(page.get_by_label("Away", exact=True)).to_be_checked()
    keys.press("Tab")
    keys.type("By keyboard")
    with page.expect_navigation():
        keys.press("Enter")
    expect(page.locator("#shown")).to_contain_text("By keyboard")
    alice.press("Take back what I said")


def test_words_of_hostile_clients_are_only_words(alice: Visitor, phone: SwitchOn) -> None:
    alice.wait_live()
    client = phone("alice")
    document = pidf(ALICE, "open", "away", note=escaped(HOSTILE))
    response = client.publish(document, headers=[("User-Agent", HOSTILE)])
    assert response.status == 200
    alice.page.locator("#shown").get_by_text("window.scripted = 1").first.wait_for()
    alice.go("/my")
    shown = alice.page.locator("#shown .quote")
    assert shown.inner_text().startswith("<script>window.scripted = 1</script>")
    assert alice.page.evaluate(
        "() => [window.scripted, document.querySelectorAll('main img, main a[href^=j]').length]"
    ) == [
        None,
        0,
    ]
    alice.check_accessible()


def test_what_gets_past_everything_else_is_stopped_by_the_policy(browser: Browser, gateway: Gateway) -> None:
    visitor = browser.visitor(gateway).sign_in("alice")
    visitor.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.scripted = 1";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src='http://127.0.0.1:9/x' onerror='window.scripted = 2'>");
        }"""
    )
    visitor.page.wait_for_timeout(200)
    assert visitor.page.evaluate("() => window.scripted") is None
    assert any("Content Security Policy" in complaint for complaint in visitor.complaints)
    visitor.complaints.clear()
    visitor.close()


def test_a_small_screen_and_large_letters_do(visit: Open, phone: SwitchOn) -> None:
    client = phone("alice")
    client.publish(pidf(ALICE, "open", "away", note="W" * 200), headers=[("User-Agent", "U" * 150)])
    for name, size in {"narrow": (320, 640), "zoomed": (640, 450)}.items():
        visitor = visit(size=size).sign_in("alice")
        visitor.check_fits()
        visitor.shot(f"my-{name}")


@pytest.fixture
def own_gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path, users=USERS) as gateway:
        yield gateway


def test_after_a_kill_the_session_holds_and_the_page_lives_on(browser: Browser, own_gateway: Gateway) -> None:
    visitor = browser.visitor(own_gateway, size=PHONE).sign_in("alice")
    visitor.wait_live()
    own_gateway.kill()
    lost = visitor.page.locator(".live-lost")
    expect(lost).to_contain_text("The connection to the gateway is lost")
    own_gateway.start()
    expect(lost).to_have_text("", timeout=15_000)
    with SipClient("alice", "sip.example.org", own_gateway.sip, password=USERS["alice"]) as client:
        assert client.register().status == 200
        client.publish(pidf(ALICE, "open", "away", note="Back again"))
        visitor.page.get_by_text("Back again").first.wait_for()
    visitor.go("/my")
    assert visitor.path == "/my", "still signed in"
    visitor.close()


class SecureGateway(Gateway):
    """One that speaks TLS on its port for HTTP."""

    def is_up(self) -> bool:
        return is_listening(self.http_port)


def test_by_tls_the_cookie_is_for_this_host_alone(browser: Browser, tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("gateway", ips=[LOOPBACK])
    settings = {"http": {"certificate": str(certificate), "private_key": str(key)}}
    with SecureGateway(tmp_path / "gateway", users=USERS, settings=settings) as gateway:
        visitor = browser.visitor(gateway, ignore_https_errors=True).sign_in("alice")
        visitor.wait_live()
        (cookie,) = [each for each in visitor.context.cookies() if each.get("name", "").endswith("session")]
        assert cookie["name"] == "__Host-session"
        assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax"
        visitor.page.get_by_label("Away", exact=True).check()
        visitor.press("Show me like this")
        expect(visitor.page.locator("#shown")).to_contain_text("Away")
        visitor.close()


def test_who_is_signed_out_elsewhere_is_asked_again(visit: Open) -> None:
    one, other = visit().sign_in("bob"), visit().sign_in("bob")
    one.wait_live()
    other.go("/my/sessions")
    other.press("Sign out everywhere else")
    expect(one.page.get_by_role("heading", name="Sign in")).to_be_visible()
