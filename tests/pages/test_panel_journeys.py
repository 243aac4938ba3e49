"""Operators in a real browser, beside a real Prosody, a real name server and phones: what happens is on the panel in a moment."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

import pytest

from tests.journeys.conftest import SIP_DOMAIN, World
from tests.pages.browser import DESK, PHONE, Browser, Scheme, Size, Visitor
from tests.peers.nsd import Nsd
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import presence
from tests.peers.sipclient import SipClient, pidf

ALICE = f"alice@{SIP_DOMAIN}"
SOON: Final = 8_000
"""Milliseconds in which a change has to be there: long tables are looked at every third second."""

ZONE = """
    @ IN NAPTR 20 50 "s" "SIP+D2U" "" _sip._udp.both.example.
    @ IN NAPTR 10 50 "s" "SIP+D2T" "" _sip._tcp.both.example.
    _sip._udp IN SRV 10 60 5070 a
    _sip._tcp IN SRV 10 60 5080 a
    _xmpp-server._tcp IN SRV 5 0 5269 chat
    a IN A 127.0.0.2
    chat IN A 127.0.0.4
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("world")
    with Nsd(directory / "nsd", {"both.example": ZONE}) as names:
        world = World(
            directory,
            Prosody,
            dns={"servers": [f"127.0.0.1:{names.port}"], "domains": {"jabber.example": "xmpp"}},
            http={"roles": {f"bob@{SIP_DOMAIN}": "operator"}},
        )
        try:
            world.open()
            yield world
        finally:
            world.close()


@pytest.fixture
def visit(world: World, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Bob, the operator, at a browser of some kind."""
    visitors: list[Visitor] = []

    def open_browser(size: Size = DESK, scheme: Scheme = "light", *, script: bool = True) -> Visitor:
        visitors.append(browser.visitor(world.gateway, size=size, scheme=scheme, script=script))
        return visitors[-1].sign_in("bob", "/panel")

    yield open_browser
    for visitor in visitors:
        visitor.close()


def see(visitor: Visitor, place: str, text: str) -> None:
    """Wait until a part of the page says something."""
    visitor.page.locator(place).filter(has_text=text).first.wait_for(timeout=SOON)


def test_a_user_whom_an_operator_adds_appears_with_phone_and_presence_as_it_happens(
    world: World, visit: Callable[..., Visitor]
) -> None:
    bob = visit()
    bob.page.get_by_role("link", name="Users", exact=True).first.click()
    bob.page.get_by_label("Name").fill("carol")
    bob.page.get_by_label("Password").fill("carols-secret")
    bob.press("Add the user")
    assert bob.path == f"/panel/users/carol@{SIP_DOMAIN}"
    see(bob, "[role=status]", "has an account now")
    see(bob, "#devices", "No device is registered")
    bob.wait_live()
    with SipClient("carol", SIP_DOMAIN, world.gateway.sip, password="carols-secret") as phone:
        assert phone.register().status == 200
        see(bob, "#devices", "sip:carol@127.0.0.1")
        see(bob, "#standing", "Available")
        phone.publish(pidf(phone.uri, "open", "away", note="<b>not for operators</b>"))
        see(bob, "#standing", "Away")
        see(bob, "#sources", "published: presence")
        assert "not for operators" not in bob.page.inner_text("main")
        bob.shot("panel-journey-user")
        bob.go("/panel/registrations?q=carol")
        bob.page.get_by_role("link", name=f"End the registration of carol@{SIP_DOMAIN}").click()
        bob.press("End the registration")
        see(bob, "[role=status]", "is ended")
        see(bob, "#rows", "No device is registered")
    bob.go("/panel/audit?q=carol")
    words = bob.page.inner_text("#rows")
    assert "add the account" in words and "end the registration" in words


def test_a_look_up_tells_step_by_step_what_dns_said(visit: Callable[..., Visitor]) -> None:
    bob = visit()
    bob.go("/panel/lookup")
    bob.page.get_by_label("Domain or address").fill("bill@both.example")
    bob.press("Look up")
    steps = bob.page.inner_text(".steps")
    assert "NAPTR 10 50 SIP+D2T -> _sip._tcp.both.example" in steps
    assert "SRV _xmpp-server._tcp.both.example 5 0 -> chat.both.example:5269" in steps
    assert "speaks both protocols; sip is preferred" in steps
    assert steps.index("127.0.0.2:5080") < steps.index("127.0.0.2:5070")
    assert "Served by: SIP" in bob.page.inner_text("main")
    bob.check_accessible()
    bob.shot("panel-journey-lookup")
    bob.page.get_by_label("a Jabber user").check()
    bob.press("Look up")
    assert "Served by: XMPP" in bob.page.inner_text("main")


def test_a_token_is_made_used_and_revoked(world: World, visit: Callable[..., Visitor]) -> None:
    bob = visit()
    bob.go("/panel/tokens")
    bob.page.get_by_label("Name").fill("weather")
    bob.page.get_by_label("For these addresses").fill(f"weather@{SIP_DOMAIN}")
    bob.press("Make the token")
    secret = bob.page.get_by_label("Copy it now").input_value()
    bob.check_accessible()
    bob.shot("panel-journey-token")
    assert state_weather(world, secret) == 200
    bob.go("/panel/tokens")
    assert secret not in bob.page.content()
    bob.page.get_by_role("link", name="Revoke the token weather").click()
    bob.press("Revoke the token")
    see(bob, "[role=status]", "is revoked")
    assert state_weather(world, secret) == 401


def state_weather(world: World, token: str) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{world.gateway.http_port}/api/v1/presence/weather@{SIP_DOMAIN}",
        json.dumps({"state": "online", "note": {"en": "17 degrees"}, "lifetime": 60}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_trace_shows_both_legs_and_the_mapping_between_them_as_it_happens(
    world: World, visit: Callable[..., Visitor]
) -> None:
    bob = visit()
    bob.go("/panel/trace")
    bob.page.get_by_label("Watcher").fill("romeo@jabber.example")
    bob.page.get_by_label("Who is watched").fill(ALICE)
    bob.press("Look")
    see(bob, "#permissions", "There is no permission")
    bob.press("Trace this pair")
    bob.wait_live()
    romeo, phone = world.jabber("romeo"), world.phone("alice")
    romeo.subscribe(ALICE)
    romeo.wait(presence("subscribed", sender=ALICE), "the approval")
    see(bob, "#permissions", "may watch")
    phone.publish(pidf(phone.uri, "open", "away", note="<i>in the garden</i>"))
    romeo.wait(presence(sender=ALICE, show="away"), "alice's presence")
    see(bob, "#messages", "<i>in the garden</i>")
    see(bob, "#messages", "After mapping")
    bob.check_accessible()
    bob.shot("panel-journey-trace")
    bob.press("End the trace and forget it")
    assert "in the garden" not in bob.page.inner_text("main")


def test_everything_works_without_script(visit: Callable[..., Visitor]) -> None:
    bob = visit(PHONE, script=False)
    assert "Everything works" in bob.page.inner_text("#verdict")
    bob.go("/panel/users")
    bob.page.get_by_label("Find a user").fill("ALI")
    bob.press("Search")
    assert ALICE in bob.page.inner_text("#rows") and f"bob@{SIP_DOMAIN}" not in bob.page.inner_text("#rows")
    bob.go(f"/panel/users/{ALICE}")
    bob.page.get_by_role("link", name="Disable…").click()
    bob.press("Disable the account")
    assert "disabled" in bob.page.inner_text("#standing")
    bob.press("Enable the account")
    assert "disabled" not in bob.page.inner_text("#standing")


def test_an_operator_goes_by_keyboard_alone(visit: Callable[..., Visitor]) -> None:
    bob = visit()
    keys = bob.page.keyboard
    keys.press("Tab")
    keys.press("Enter")
    assert bob.page.evaluate("document.activeElement.id") == "main"
    bob.go("/panel/users")
    bob.page.get_by_label("Find a user").focus()
    keys.type("alice")
    with bob.page.expect_navigation():
        keys.press("Enter")
    bob.page.get_by_label("Find a user").focus()
    for _ in range(8):
        keys.press("Tab")
        if bob.page.evaluate("document.activeElement.textContent") == ALICE:
            break
    with bob.page.expect_navigation():
        keys.press("Enter")
    assert unquote(bob.path) == f"/panel/users/{ALICE}"


PATHS = (
    "/panel",
    "/panel/users",
    f"/panel/users/{ALICE}",
    f"/panel/users/{ALICE}/remove",
    "/panel/registrations",
    "/panel/publications",
    "/panel/dialogs",
    "/panel/authorizations",
    "/panel/pending",
    "/panel/lists",
    "/panel/lookup",
    "/panel/tokens",
    f"/panel/trace?watcher=romeo@jabber.example&presentity={ALICE}",
    "/panel/audit",
    "/panel/counters",
)


def test_every_page_is_accessible_and_fits_by_day_at_a_desk_and_by_night_on_a_phone(
    world: World, visit: Callable[..., Visitor]
) -> None:
    phone = world.phone("alice")
    phone.publish(pidf(phone.uri, "open", "busy"))
    world.phone("bob").subscribe(f"sip:{ALICE}")
    bob = visit()
    for path in PATHS:
        name = f"panel{path.partition('?')[0].removeprefix('/panel').replace('/', '-')}"
        look(bob, PHONE, "dark")
        assert bob.go(path).status == 200
        bob.check_accessible()
        bob.check_fits()
        bob.shot(f"{name}-phone-dark")
        look(bob, DESK, "light")
        assert bob.page.evaluate(CONTRAST) == []
        bob.check_fits()
        bob.shot(f"{name}-desk-light")


def look(visitor: Visitor, size: Size, scheme: Scheme) -> None:
    """See the same page on another screen, by another light."""
    visitor.page.set_viewport_size({"width": size[0], "height": size[1]})
    visitor.page.emulate_media(color_scheme=scheme)


CONTRAST: Final = """async () => (await axe.run(document, {runOnly: ["color-contrast"]})).violations"""
"""All else that axe looks at is the same on both screens; it is there since it was asked about the first."""


def test_the_overview_says_within_seconds_that_prosody_is_gone_and_that_it_is_back(
    world: World, visit: Callable[..., Visitor]
) -> None:
    bob = visit()
    see(bob, "#verdict", "Everything works")
    bob.wait_live()
    world.server.stop()
    see(bob, "#verdict", "Something needs you")
    see(bob, "#verdict", "down since")
    see(bob, "#verdict", "What to do: nothing listens there")
    see(bob, "#last-troubles", "component link is down")
    bob.check_accessible()
    bob.shot("panel-journey-down")
    world.server.start()
    see(bob, "#verdict", "Everything works")
