"""Telephones that know nothing of presence are online as long as they are registered: a Jabber user and an owner look on.

linphonec and baresip with their presence switched off, and a raw client; by datagrams and over connections; the telephone
killed, the gateway killed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World, _play
from tests.peers.baresip import Baresip
from tests.peers.ejabberd import Ejabberd
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, message, presence, text
from tests.peers.sipclient import SipClient, Subscription, pidf
from tests.peers.waiting import eventually

BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
ROMEO = "sip:romeo@jabber.example"
GRACE = 4
"""Seconds that registrations over connections stay after a restart."""


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """With Prosody, unless a journey asks for another server."""
    settings = {"presence": {"default": "allow"}, "registrar": {"restart_grace": GRACE}}
    yield from _play(World(tmp_path, getattr(request, "param", Prosody), **settings))


def online(romeo: RawClient, who: str, within: float = 10.0) -> None:
    romeo.wait(presence(sender=who), f"{who} online", within)


def offline(romeo: RawClient, who: str, within: float = 10.0) -> None:
    romeo.wait(presence("unavailable", sender=who), f"{who} offline", within)


def watching(world: World, *contacts: str) -> RawClient:
    """Romeo, with these on his roster, all offline."""
    romeo = world.jabber("romeo")
    for contact in contacts:
        romeo.befriend(contact)
    romeo.drain(0.5)
    return romeo


@pytest.mark.parametrize("world", [Prosody, Ejabberd], indirect=True, ids=["prosody", "ejabberd"])
def test_a_linphone_and_a_baresip_without_presence_are_seen(world: World, tmp_path: Path) -> None:
    romeo = watching(world, BOB, ALICE)
    linphone = Linphone(
        tmp_path / "linphone", "bob", SIP_DOMAIN, world.gateway.sip, password=PASSWORDS["bob"]
    )
    baresip = Baresip(
        tmp_path / "baresip", "alice", SIP_DOMAIN, world.gateway.sip,
        password=PASSWORDS["alice"], transport="tcp",
    )  # fmt: skip
    with linphone, baresip:
        online(romeo, BOB)
        online(romeo, ALICE)
        romeo.expect_nothing(presence("unavailable"), 1.0)
        # the telephone over a connection dies: nobody unregisters, and it is offline at once
        baresip.kill()
        offline(romeo, ALICE, 2.0)
        # the other one says goodbye, which it does not by itself when it ends
        linphone.say("unregister")
        offline(romeo, BOB, 5.0)


def test_registrations_outlive_the_gateway_as_far_as_they_can(world: World, tmp_path: Path) -> None:
    romeo = watching(world, BOB, ALICE)
    bob = world.phone("bob")
    baresip = Baresip(
        tmp_path / "baresip", "alice", SIP_DOMAIN, world.gateway.sip,
        password=PASSWORDS["alice"], transport="tcp",
    )  # fmt: skip
    with baresip:
        online(romeo, BOB)
        online(romeo, ALICE)
        world.gateway.kill()
        baresip.kill()
        world.gateway.restart()
        world.gateway.wait_for_leg("xmpp", "up")
        # whose connection is gone has a while to come back, and does not
        offline(romeo, ALICE, GRACE + 3)
        romeo.expect_nothing(presence("unavailable", sender=BOB), 0.5)
        bob.register(0)
        offline(romeo, BOB, 2.0)


def test_what_a_telephone_publishes_replaces_its_registration(world: World) -> None:
    romeo = watching(world, BOB)
    bob = world.phone("bob", transport="tcp")
    online(romeo, BOB)
    etag = bob.publish(pidf(bob.uri, "open", "away")).get("sip-etag")
    away = romeo.wait(presence(sender=BOB, show="away"), "away")
    assert text(away, "show") == "away"
    etag = bob.publish(pidf(bob.uri, "closed"), etag=etag).get("sip-etag")
    offline(romeo, BOB)
    etag = bob.publish(pidf(bob.uri, "open"), etag=etag).get("sip-etag")
    online(romeo, BOB)
    # what it takes back is not made up for by its registration
    bob.publish(etag=etag, expires=0)
    offline(romeo, BOB)
    romeo.expect_nothing(presence(sender=BOB), 0.5)


def test_telephones_that_publish_are_not_shown_twice(world: World, tmp_path: Path) -> None:
    gateway = world.gateway.sip
    watcher = world.phone("bob")
    linphone = Linphone(
        tmp_path / "linphone", "bob", SIP_DOMAIN, gateway, password=PASSWORDS["bob"], publishes=True
    )
    baresip = Baresip(
        tmp_path / "baresip", "alice", SIP_DOMAIN, gateway,
        password=PASSWORDS["alice"], publishes=True, transport="tcp",
    )  # fmt: skip
    watcher.register(0)
    with linphone, baresip:
        baresip.wait_until_registered()
        baresip.go_online()
        for uri in (linphone.uri, baresip.uri):
            watch = watcher.subscribe(uri)
            eventually(lambda watch=watch: _as_published(watch), f"{uri} is shown as it publishes")


def test_a_message_of_a_jabber_user_reaches_all_telephones(world: World) -> None:
    romeo = world.jabber("romeo")
    desk, mobile = world.phone("bob"), world.phone("bob", transport="tcp")
    romeo.message(BOB, "Wherever you are")
    desk.wait_for_message("Wherever you are")
    mobile.wait_for_message("Wherever you are")
    assert mobile.message(ROMEO, "Here").status == 200
    romeo.wait(message(sender=BOB, body="Here"), "the answer")


def test_a_linphone_on_a_connection_watches_by_its_gruu_and_is_gone_with_it(
    world: World, tmp_path: Path
) -> None:
    romeo = world.jabber("romeo")
    linphone = Linphone(
        tmp_path / "linphone", "bob", SIP_DOMAIN, world.gateway.sip,
        password=PASSWORDS["bob"], friends=[("Romeo", ROMEO)], transport="tcp",
    )  # fmt: skip
    with linphone:
        romeo.wait(presence("subscribe", sender=BOB), "bob's request")
        romeo.subscribed(BOB)
        linphone.wait_for_state(ROMEO, "Online")
        romeo.befriend(BOB)
        online(romeo, BOB)
        romeo.available("away")
        linphone.wait_for_state(ROMEO, "Away")
        assert ";gr=urn:uuid:" in linphone.logs()[1].read_text("utf-8", "replace")
        linphone.kill()
        offline(romeo, BOB, 2.0)


def test_an_operator_ends_a_registration(world: World) -> None:
    romeo = watching(world, BOB)
    bob = world.phone("bob")
    online(romeo, BOB)
    watch: Subscription = bob.subscribe(bob.uri, event="reg", accept="application/reginfo+xml")
    watch.wait_for_text('event="registered"')
    assert bob.contact.strip("<>") in world.gateway.run("registrations", BOB)
    world.gateway.run("deregister", BOB)
    offline(romeo, BOB, 5.0)
    _said(watch, lambda body: 'event="deactivated"' in body, 8.0)
    assert world.gateway.run("registrations", BOB) == ""


def test_an_owner_follows_his_registrations(world: World) -> None:
    bob = world.phone("bob")
    watch: Subscription = bob.subscribe(bob.uri, event="reg", accept="application/reginfo+xml")
    watch.wait_for_text('event="registered"')
    mobile = world.phone("bob", transport="tcp", registered=False)
    assert mobile.register().status == 200
    _said(watch, lambda body: f":{mobile.port};transport=tcp</uri>" in body and 'state="partial"' in body)
    world.gateway.kill()
    world.gateway.restart()
    mobile.drop_streams()
    _said(watch, lambda body: 'event="expired"' in body, GRACE + 8)
    assert (
        _alice(world).subscribe(bob.uri, event="reg", accept="application/reginfo+xml").response.status == 403
    )


def _alice(world: World) -> SipClient:
    return world.phone("alice")


def _said(watch: Subscription, wanted: Callable[[str], bool], within: float = 10.0) -> None:
    eventually(lambda: any(wanted(notify.text) for notify in watch.notifies), "a NOTIFY", within=within)


def _as_published(watch: Subscription) -> bool:
    """Whether the last word is one open tuple that is not made of a registration."""
    body = watch.notifies[-1].text if watch.notifies else ""
    return body.count("<tuple") == 1 and "IDx-" not in body and "<basic>open</basic>" in body
