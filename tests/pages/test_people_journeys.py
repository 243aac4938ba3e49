"""People, phones and Jabber clients in one story: what is decided in a browser is what the others see, and the other way round."""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Final

import pytest

from sip2xmpp.documents.pictures import picture_of
from tests.journeys.conftest import SIP_DOMAIN, World
from tests.pages.browser import DESK, PHONE, Browser, Visitor
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import any_presence, presence
from tests.peers.sipclient import pidf

ALICE = f"alice@{SIP_DOMAIN}"
VCARD = "{vcard-temp}"
SOON: Final = 3_000
"""Milliseconds in which a change has to be there; it is a fraction of one second where nothing else runs."""

PICTURE = Path(__file__).with_name("alice.png")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Prosody with romeo and juliet, and a gateway where nobody sees anybody before the owner has said so."""
    world = World(tmp_path_factory.mktemp("world"), Prosody, presence={"default": "confirm"})
    try:
        world.open()
        yield world
    finally:
        world.close()


@pytest.fixture
def alice(world: World, browser: Browser) -> Iterator[Visitor]:
    visitor = browser.visitor(world.gateway).sign_in("alice")
    yield visitor
    visitor.close()


def see(visitor: Visitor, name: str, text: str, within: str = "main") -> float:
    """Wait until a row about somebody says something; the seconds that it took."""
    began = monotonic()
    row = visitor.page.locator(f"{within} li.person").filter(has_text=name).filter(has_text=text)
    row.first.wait_for(timeout=SOON)
    return monotonic() - began


def test_who_asks_appears_by_himself_and_sees_what_alice_decides(world: World, alice: Visitor) -> None:
    romeo, phone = world.jabber("romeo"), world.phone("alice")
    phone.publish(pidf(phone.uri, "open", "away", note="Back at five"))
    alice.go("/my/watchers")
    alice.wait_live()
    assert "Nobody waits for your decision." in alice.page.inner_text("#pending")
    romeo.subscribe(ALICE)
    see(alice, "romeo@jabber.example", "waits", "#pending")
    romeo.expect_nothing(any_presence(ALICE), 0.1)
    alice.press("Allow: romeo@jabber.example")
    romeo.wait(presence("subscribed", sender=ALICE), "the approval")
    romeo.wait(presence(sender=ALICE, show="away"), "alice's presence")
    see(alice, "romeo@jabber.example", "Away", "#active")
    assert "Back at five" in alice.page.inner_text("#active")
    alice.wait_live()
    phone.publish(pidf(phone.uri, "open", "busy"))
    see(alice, "romeo@jabber.example", "Busy", "#active")

    alice.press("Show me as offline: romeo@jabber.example")
    romeo.wait(presence("unavailable", sender=ALICE), "alice gone")
    see(alice, "romeo@jabber.example", "Offline", "#active")
    alice.page.get_by_label("Address").fill("romeo@jabber.example")
    alice.press("Show")
    assert alice.path == "/my/watchers/seen"
    assert "Offline" in alice.page.inner_text("#seen") and "Busy" not in alice.page.inner_text("#seen")
    assert "sees you as offline, whatever you are" in alice.page.inner_text("#why")
    alice.check_accessible()
    alice.shot("seen-desk-light")
    log = world.gateway.run("watchers", ALICE)
    assert "polite-block" in log
    alice.press("Allow: romeo@jabber.example")
    romeo.wait(presence(sender=ALICE, show="dnd"), "alice again")


def test_a_jabber_contact_is_added_by_address_and_seen_live(world: World, alice: Visitor) -> None:
    juliet = world.jabber("juliet")
    alice.go("/my/contacts")
    alice.page.get_by_label("Address").fill("juliet@jabber.example")
    alice.press("Look up")
    assert "jabber.example speaks Jabber" in alice.page.inner_text("#found")
    alice.check_accessible()
    alice.shot("contact-add-desk-light")
    alice.page.get_by_label("Name").fill("Juliet")
    alice.page.get_by_label("A new group").fill("Verona")
    alice.press("Add the contact")
    see(alice, "Juliet", "Asked, and not answered yet")
    juliet.wait(presence("subscribe", sender=ALICE), "alice's request")
    juliet.subscribed(ALICE)
    see(alice, "Juliet", "Available")
    alice.wait_live()
    juliet.available(show="away", status="On the balcony")
    see(alice, "Juliet", "Away")
    assert "On the balcony" in alice.page.inner_text("#groups")
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    juliet.available(show="dnd", status=evil)
    see(alice, "Juliet", "Do not disturb")
    assert evil in alice.page.inner_text("#groups")
    assert "Verona" in alice.page.inner_text("#groups")
    listed = world.gateway.run("contacts", ALICE)
    assert "juliet@jabber.example" in listed and "Verona" in listed

    # another device changes the list while a form is open
    alice.page.get_by_role("link", name="Juliet").click()
    alice.page.get_by_label("Name").fill("Capulet")
    world.gateway.run("contacts", ALICE, "add", f"sip:bob@{SIP_DOMAIN}", "--name", "Bob")
    alice.press("Save")
    assert "changed by another device" in alice.page.inner_text("main")
    alice.page.get_by_label("Name").fill("Capulet")
    alice.press("Save")
    assert {"Capulet", "Bob"} <= set(alice.page.inner_text("#groups").split())
    see(alice, "Bob", "Asked, and not answered yet")
    alice.wait_live()
    world.gateway.run("allow", f"bob@{SIP_DOMAIN}", ALICE)
    see(alice, "Bob", "Offline")


def test_a_picture_is_uploaded_and_seen_on_the_jabber_side(world: World, alice: Visitor) -> None:
    world.gateway.run("allow", ALICE, "romeo@jabber.example")
    romeo = world.jabber("romeo", "garden")
    phone = world.phone("alice")
    phone.publish(pidf(phone.uri, "open"))
    romeo.subscribe(ALICE)
    alice.go("/my/card")
    alice.page.get_by_label("Name", exact=True).fill("Alice Liddell")
    alice.press("Save")
    alice.page.get_by_label("Choose a picture").set_input_files(PICTURE)
    alice.press("Upload")
    shown = alice.page.get_by_alt_text("Your picture")
    shown.wait_for()
    assert shown.evaluate("image => image.naturalWidth") == picture_of(PICTURE.read_bytes()).width
    alice.check_accessible()
    alice.shot("card-desk-light")
    romeo.wait(any_presence(ALICE), "alice's presence")
    card = romeo.iq("get", "<vCard xmlns='vcard-temp'/>", ALICE)
    assert card.findtext(f".//{VCARD}FN") == "Alice Liddell"
    octets = card.findtext(f".//{VCARD}PHOTO/{VCARD}BINVAL")
    assert octets is not None and b64decode(octets) == PICTURE.read_bytes()


def test_every_page_fits_and_can_be_used_by_everybody(world: World, browser: Browser) -> None:
    visitor = browser.visitor(world.gateway).sign_in("alice")
    for path, shot in (
        ("/my/watchers", "watchers"),
        ("/my/watchers/seen?who=romeo@jabber.example", "seen"),
        ("/my/contacts", "contacts"),
        ("/my/contacts/add?contact=bob@jabber.example", "contact-add"),
        (f"/my/contacts/contact?uri=sip:bob@{SIP_DOMAIN}", "contact"),
        ("/my/contacts/group?id=Verona", "group"),
        ("/my/card", "card"),
    ):
        visitor.go(path)
        for size, scheme in ((PHONE, "light"), (PHONE, "dark"), (DESK, "dark"), (DESK, "light")):
            visitor.page.set_viewport_size({"width": size[0], "height": size[1]})
            visitor.page.emulate_media(color_scheme=scheme)
            if (size == PHONE) == (scheme == "light"):
                visitor.check_accessible()
            visitor.check_fits()
            visitor.shot(f"{shot}-{'phone' if size == PHONE else 'desk'}-{scheme}")
    visitor.close()


def test_everything_works_without_script_and_by_keyboard(world: World, browser: Browser) -> None:
    visitor = browser.visitor(world.gateway, script=False).sign_in("bob")
    visitor.go("/my/contacts")
    field = visitor.page.get_by_label("Address")
    field.focus()
    visitor.page.keyboard.type(ALICE)
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    assert f"{SIP_DOMAIN} is served here" in visitor.page.inner_text("#found")
    visitor.page.get_by_role("button", name="Add the contact").focus()
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    assert ALICE in visitor.page.inner_text("#groups")
    visitor.go("/my/watchers")
    visitor.page.get_by_label("Address").focus()
    visitor.page.keyboard.type("juliet@jabber.example")
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    visitor.page.get_by_role("button", name="Block: juliet@jabber.example").focus()
    with visitor.page.expect_navigation():
        visitor.page.keyboard.press("Enter")
    assert "juliet@jabber.example sees nothing, and is told that you refused." in visitor.page.inner_text(
        "#why"
    )
    visitor.close()
