"""The owner of a SIP address decides who may watch it: pending until allowed, ended when blocked, on both sides at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import SIP_DOMAIN, World
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import any_presence, presence
from tests.peers.sipclient import pidf

BOB = f"bob@{SIP_DOMAIN}"


@pytest.fixture
def shy_world(tmp_path: Path) -> Iterator[World]:
    """Nobody sees anybody before the owner has said so."""
    world = World(tmp_path, Prosody, presence={"default": "confirm"})
    try:
        world.open()
        yield world
    finally:
        world.close()


def test_a_jabber_user_waits_for_the_owner(shy_world: World) -> None:
    romeo, bob = shy_world.jabber("romeo"), shy_world.phone("bob")
    bob.publish(pidf(bob.uri, "open", "away"))
    romeo.subscribe(BOB)
    romeo.expect_nothing(any_presence(BOB))
    shy_world.gateway.run("allow", BOB, "romeo@jabber.example")
    first = romeo.wait(any_presence(BOB), "the approval")
    assert first.get("type") == "subscribed"
    romeo.wait(presence(sender=BOB, show="away"), "bob's presence")
    shy_world.gateway.run("block", BOB, "romeo@jabber.example")
    romeo.wait(presence("unavailable", sender=BOB), "bob gone")
    romeo.wait(presence("unsubscribed", sender=BOB), "the withdrawal")


def test_a_sip_user_waits_for_the_owner(shy_world: World) -> None:
    alice, bob = shy_world.phone("alice"), shy_world.phone("bob")
    bob.publish(pidf(bob.uri, "open", "away"))
    watch = alice.subscribe(bob.uri)
    assert watch.wait_for_state("pending").body == b""
    shy_world.gateway.run("allow", BOB, f"alice@{SIP_DOMAIN}")
    watch.wait_for_text("away")
    shy_world.gateway.run("block", BOB, f"alice@{SIP_DOMAIN}")
    assert "reason=rejected" in watch.wait_for_state("terminated").get("subscription-state")
    assert alice.subscribe(bob.uri).response.status == 403


def test_who_is_blocked_politely_sees_somebody_offline(shy_world: World) -> None:
    alice, bob = shy_world.phone("alice"), shy_world.phone("bob")
    shy_world.gateway.run("polite-block", BOB, f"alice@{SIP_DOMAIN}")
    watch = alice.subscribe(bob.uri)
    watch.wait_for_text("closed")
    bob.publish(pidf(bob.uri, "open"))
    watch.refresh()
    assert all(b"open" not in notify.body for notify in watch.notifies)
