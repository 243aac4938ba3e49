"""Owners learn who waits, also when they were away, and what they decide holds at once on both sides."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.winfo_consumer import Consumer
from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import any_presence, presence
from tests.peers.sipclient import Subscription, pidf
from tests.peers.waiting import eventually

BOB = f"bob@{SIP_DOMAIN}"
ROMEO = "sip:romeo@jabber.example"


@pytest.fixture
def shy_world(tmp_path: Path) -> Iterator[World]:
    """Nobody sees anybody before the owner has said so."""
    world = World(tmp_path, Prosody, presence={"default": "confirm"})
    try:
        world.open()
        yield world
    finally:
        world.close()


class Owner:
    """The watcher information of a SIP user, as a strict client keeps it."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.consumer = Consumer(subscription.client.uri)
        self.taken = 0
        self.bodies: set[bytes] = set()

    def wait_for(self, watcher: str, status: str | None) -> None:
        """Until the table says so; None is for somebody who is not in it."""

        def is_so(_: object) -> bool:
            for notify in self.subscription.notifies[self.taken :]:
                self.taken += 1
                if notify.body not in self.bodies:  # a repeated NOTIFY is not news
                    self.bodies.add(notify.body)
                    self.consumer.take(notify.body)
            return self.consumer.statuses.get(watcher) == status

        self.subscription.wait(is_so, f"{watcher} {status}")


def watch_watchers(world: World, name: str) -> Owner:
    phone = world.phone(name)
    subscription = phone.subscribe(phone.uri, event="presence.winfo", accept="application/watcherinfo+xml")
    assert subscription.response.status == 200
    return Owner(subscription)


def listed(world: World) -> dict[str, str]:
    """Bob's watchers and where they stand, as the command line says."""
    told = json.loads(world.gateway.run("watchers", BOB, "--json"))
    return {one["watcher"]: one["status"] for one in told}


def test_an_owner_learns_of_a_jabber_user_and_lets_him_in(shy_world: World) -> None:
    romeo, owner = shy_world.jabber("romeo"), watch_watchers(shy_world, "bob")
    owner.subscription.client.publish(pidf(owner.subscription.client.uri, "open", "away"))
    owner.wait_for(ROMEO, None)
    romeo.subscribe(BOB)
    owner.wait_for(ROMEO, "pending")
    assert listed(shy_world) == {"romeo@jabber.example": "pending"}
    shy_world.gateway.run("allow", BOB, "romeo@jabber.example")
    assert romeo.wait(any_presence(BOB), "the approval").get("type") == "subscribed"
    romeo.wait(presence(sender=BOB, show="away"), "bob's presence")
    owner.wait_for(ROMEO, "active")
    alice = shy_world.phone("alice")
    refused = alice.subscribe(
        owner.subscription.client.uri, event="presence.winfo", accept="application/watcherinfo+xml"
    )
    assert refused.response.status == 403


def test_who_asked_and_left_is_remembered_over_kill_9_and_let_in_when_it_comes_back(shy_world: World) -> None:
    alice = shy_world.phone("alice")
    bob_uri = f"sip:{BOB}"
    watch = alice.subscribe(bob_uri)
    watch.wait_for_state("pending")
    watch.unsubscribe()
    romeo = shy_world.jabber("romeo")
    romeo.subscribe(BOB)
    eventually(lambda: len(listed(shy_world)) == 2, "two who wait")
    shy_world.gateway.kill()
    assert listed(shy_world) == {"alice@sip.example.org": "waiting", "romeo@jabber.example": "pending"}
    shy_world.gateway.run("allow", BOB, f"alice@{SIP_DOMAIN}")
    shy_world.gateway.start()
    shy_world.gateway.wait_for_leg("xmpp", "up")

    owner = watch_watchers(shy_world, "bob")
    owner.wait_for(ROMEO, "pending")
    assert owner.consumer.statuses == {ROMEO: "pending"}
    owner.subscription.client.publish(pidf(owner.subscription.client.uri, "open", "away"))
    alice.subscribe(bob_uri).wait_for_text("away")
    owner.wait_for("sip:alice@sip.example.org", "active")
    shy_world.gateway.run("allow", BOB, "romeo@jabber.example")
    shy_world.gateway.run("block", BOB, f"alice@{SIP_DOMAIN}")
    romeo.wait(presence(sender=BOB, show="away"), "bob's presence")
    owner.wait_for(ROMEO, "active")
    owner.wait_for("sip:alice@sip.example.org", None)
    assert owner.consumer.ended[-1] == ("sip:alice@sip.example.org", "rejected")


def test_a_phone_that_knows_nothing_of_it_is_not_disturbed_and_the_operator_decides(
    shy_world: World, tmp_path: Path
) -> None:
    """linphonec is owner and watcher here: it never asks for watcher information, so the log says who waits."""
    alice = f"alice@{SIP_DOMAIN}"
    bob, romeo = shy_world.phone("bob"), shy_world.jabber("romeo")
    bob.publish(pidf(bob.uri, "open", "away"))
    shy_world.gateway.run("card", BOB, "--name", "Bob", "--url", "https://bob.example/")
    with Linphone(
        tmp_path / "linphone",
        "alice",
        SIP_DOMAIN,
        shy_world.gateway.sip,
        password=PASSWORDS["alice"],
        friends=[("Bob", bob.uri)],
        publishes=True,
    ) as linphone:
        romeo.subscribe(alice)
        for watcher, presentity in ((alice, BOB), ("romeo@jabber.example", alice)):
            shy_world.gateway.wait_for_line(f"{watcher} waits to be allowed to watch {presentity}")
            shy_world.gateway.run("allow", presentity, watcher)
        linphone.wait_for_state(bob.uri, "Away")
        romeo.wait(presence("subscribed", sender=alice), "the approval")
        romeo.wait(presence(sender=alice), "alice's presence")
        assert listed(shy_world) == {alice: "active"}
