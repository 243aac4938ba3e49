"""A SIP user watches a Jabber id: pending, approved, every sub-status, gone, denied, withdrawn."""

import pytest

from tests.journeys.conftest import SIP_DOMAIN, World
from tests.peers.rawxmpp import RawClient, any_presence, presence
from tests.peers.sipclient import SipClient, Subscription

ROMEO = "sip:romeo@jabber.example"
BOB = f"bob@{SIP_DOMAIN}"


def approved(bob: SipClient, romeo: RawClient) -> Subscription:
    """Bob's watch on romeo, which romeo has approved."""
    watch = bob.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    watch.wait_for_text("<basic>open</basic>")
    return watch


def test_nothing_is_told_before_the_jabber_user_approves(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    romeo.available("away", "Not for everybody")
    watch = bob.subscribe(ROMEO)
    assert watch.response.status == 200
    pending = watch.wait_for_state("pending")
    assert pending.body == b""
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.available("dnd", "Still not")
    watch.refresh()
    watch.wait_for_state("pending")
    assert all(b"presence" not in notify.body for notify in watch.notifies)


def test_approval_shows_the_presence_at_once(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    romeo.available("away", "Gone fishing")
    watch = bob.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    notify = watch.wait_for_text("Gone fishing")
    assert notify.get("subscription-state").startswith("active")
    assert notify.get("content-type") == "application/pidf+xml"
    assert b"<rpid:away/>" in notify.body
    assert b'entity="sip:romeo@jabber.example"' in notify.body


@pytest.mark.parametrize(
    ("show", "status", "expected"),
    [
        (None, None, "<basic>open</basic>"),
        ("chat", None, "Free for chat"),
        ("away", "In der Mittagspause", "In der Mittagspause"),
        ("xa", None, "Extended away"),
        ("dnd", None, "Do not disturb"),
    ],
)
def test_every_show_reaches_the_sip_watcher(
    prosody_world: World, show: str | None, status: str | None, expected: str
) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    romeo.available("away", "something else first")
    watch = approved(bob, romeo)
    watch.wait_for_text("something else first")
    count = len(watch.notifies)
    romeo.available(show, status)
    watch.wait_for_text(expected, after=count)


def test_mood_and_activity_of_a_mutual_contact_reach_the_sip_watcher(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    watch = approved(bob, romeo)
    romeo.befriend(BOB)
    bob.publish('<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@sip.example.org">'
                '<tuple id="a"><status><basic>open</basic></status></tuple></presence>')  # fmt: skip
    romeo.wait(presence(sender=BOB), "bob's presence")
    romeo.publish(
        "http://jabber.org/protocol/mood", "<mood xmlns='http://jabber.org/protocol/mood'><happy/></mood>"
    )
    watch.wait_for_text("<rpid:happy/>")


def test_logging_out_turns_the_contact_offline(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    watch = approved(bob, romeo)
    romeo.unavailable("Good night")
    closed = watch.wait_for_text("<basic>closed</basic>")
    assert b"rpid" not in closed.body.replace(b"xmlns:rpid", b"").replace(b"pidf:rpid", b"")


def test_two_resources_are_two_tuples_and_the_stronger_speaks(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    watch = approved(bob, romeo)
    phone = prosody_world.jabber("romeo", "phone", online=False)
    phone.available("dnd", "In a duel", priority=10)
    both = watch.wait_for_text("In a duel")
    assert both.body.count(b"<tuple ") == 2
    assert both.body.index(b"ID-phone") < both.body.index(b"ID-orchard")
    phone.vanish()
    alone = watch.wait(
        lambda notify: notify.body.count(b"<tuple ") == 1, "one tuple", after=watch.notifies.index(both)
    )
    assert b"In a duel" not in alone.body


def test_a_denial_ends_the_subscription_and_is_remembered(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    watch = bob.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.unsubscribed(BOB)
    ended = watch.wait_for_state("terminated")
    assert "reason=rejected" in ended.get("subscription-state")
    assert ended.body == b""
    assert bob.subscribe(ROMEO).response.status == 403
    romeo.expect_nothing(presence("subscribe", sender=BOB))


def test_withdrawing_an_approval_ends_the_subscription(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    watch = approved(bob, romeo)
    romeo.unsubscribed(BOB)
    assert "reason=rejected" in watch.wait_for_state("terminated").get("subscription-state")
    count = len(watch.notifies)
    romeo.available("away", "secret")
    bob.options()
    assert len(watch.notifies) == count


def test_the_end_of_a_dialog_does_not_end_the_authorization(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    watch = approved(bob, romeo)
    watch.unsubscribe()
    assert "reason=timeout" in watch.wait_for_state("terminated").get("subscription-state")
    romeo.wait(presence("unavailable", sender=BOB), "bob looking away")
    again = bob.subscribe(ROMEO)
    again.wait_for_text("<basic>open</basic>")
    romeo.expect_nothing(presence("subscribe", sender=BOB))
    romeo.expect_nothing(presence("unsubscribe", sender=BOB), 0.0)


def test_a_poll_is_answered_once(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    watch = approved(bob, romeo)
    romeo.available("xa", "On a journey")
    watch.wait_for_text("On a journey")
    poll = bob.subscribe(ROMEO, expires=0)
    ended = poll.wait_for_state("terminated")
    assert "reason=timeout" in ended.get("subscription-state")
    poll.wait_for_text("On a journey")


def test_what_one_watcher_is_shown_is_not_shown_to_another(world: World) -> None:
    romeo, bob, alice = world.jabber("romeo"), world.phone("bob"), world.phone("alice")
    watch = approved(bob, romeo)
    other = alice.subscribe(ROMEO)
    other.wait_for_state("pending")
    romeo.available("dnd", "Only for bob", to=BOB)
    watch.wait_for_text("Only for bob")
    romeo.wait(presence("subscribe", sender=f"alice@{SIP_DOMAIN}"), "alice's request")
    romeo.subscribed(f"alice@{SIP_DOMAIN}")
    other.wait_for_text("<basic>open</basic>")
    romeo.available("away", "Only for alice", to=f"alice@{SIP_DOMAIN}")
    other.wait_for_text("Only for alice")
    assert all(b"Only for bob" not in notify.body for notify in other.notifies)
    assert all(b"Only for alice" not in notify.body for notify in watch.notifies)


def test_an_encapsulated_address_is_the_same_contact(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    approved(bob, romeo)
    romeo.available("away", "Whichever way")
    uri = "sip:romeo%40jabber.example@gw.example.org"
    watch = bob.subscribe(uri)
    notify = watch.wait_for_text("Whichever way")
    assert f'entity="{uri}"'.encode() in notify.body
    romeo.expect_nothing(presence("subscribe", sender=BOB))


def test_nobody_watches_without_proof_of_identity(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob", registered=False)
    bob.password = "wrong"
    assert bob.subscribe(ROMEO).response.status in {401, 403}
    romeo.expect_nothing(any_presence(BOB))
