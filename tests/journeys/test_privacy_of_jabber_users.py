"""What a Jabber user blocks (XEP-0191) or withdraws is obeyed on the SIP side, and cannot be fetched around."""

from tests.journeys.conftest import GATEWAY_DOMAIN, SIP_DOMAIN, World
from tests.peers.rawxmpp import RawClient, presence
from tests.peers.sipclient import SipClient, Subscription

ROMEO = "sip:romeo@jabber.example"
ENCAPSULATED = f"sip:romeo%40jabber.example@{GATEWAY_DOMAIN}"
BOB = f"bob@{SIP_DOMAIN}"
OPEN = "<basic>open</basic>"
CLOSED = "<basic>closed</basic>"
SECRET = "not for bob"


def approved(bob: SipClient, romeo: RawClient) -> Subscription:
    """Bob's watch on romeo, which romeo has approved."""
    watch = bob.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    watch.wait_for_text(OPEN)
    return watch


def blocking(romeo: RawClient, what: str) -> None:
    """``block`` or ``unblock`` bob."""
    answer = romeo.iq("set", f"<{what} xmlns='urn:xmpp:blocking'><item jid='{BOB}'/></{what}>")
    assert answer.get("type") == "result"


def test_a_blocked_sip_user_sees_nothing_until_he_is_unblocked(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    watch = approved(bob, romeo)
    blocking(romeo, "block")
    watch.wait_for_text(CLOSED)
    count = len(watch.notifies)
    romeo.available("dnd", SECRET)
    # nor by asking again, once only, by another name, or with another phone
    watch.refresh()
    fetched = [bob.subscribe(uri, expires=0) for uri in (ROMEO, ENCAPSULATED)]
    second = prosody_world.phone("bob").subscribe(ROMEO)
    second.wait_for_text(CLOSED)
    for each in fetched:
        each.wait_for_state("terminated")
    shown = [notify.body for each in (*fetched, second) for notify in each.notifies]
    shown += [notify.body for notify in watch.notifies[count:]]
    assert all(OPEN.encode() not in body and SECRET.encode() not in body for body in shown)
    blocking(romeo, "unblock")
    watch.wait_for_text(SECRET)
    second.wait_for_text(SECRET)


def test_a_block_outlives_the_gateway(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    watch = approved(bob, romeo)
    blocking(romeo, "block")
    watch.wait_for_text(CLOSED)
    romeo.available("dnd", SECRET)
    prosody_world.gateway.kill()
    prosody_world.gateway.start()
    prosody_world.gateway.wait_for_leg("xmpp", "up")
    again = bob.subscribe(ROMEO)
    again.wait_for_state("active")
    romeo.available("away", SECRET)
    again.refresh()
    assert all(SECRET.encode() not in notify.body for each in (watch, again) for notify in each.notifies)
    blocking(romeo, "unblock")
    again.wait_for_text(SECRET)


def test_a_withdrawn_approval_cannot_be_fetched_around(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    watch = approved(bob, romeo)
    romeo.unsubscribed(BOB)
    assert "reason=rejected" in watch.wait_for_state("terminated").get("subscription-state")
    for uri in (ROMEO, ENCAPSULATED):
        for expires in (0, 600):
            assert bob.subscribe(uri, expires=expires).response.status == 403
            assert prosody_world.phone("bob").subscribe(uri, expires=expires).response.status == 403
