"""A Jabber user watches SIP users: our own through the presence agent, others through their domain's server."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.journeys.conftest import GATEWAY_DOMAIN, SIP_DOMAIN, World
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, any_presence, child, condition, presence, text
from tests.peers.sipclient import pidf
from tests.peers.sipendpoint import Answer
from tests.peers.sipmessage import SipMessage
from tests.peers.sipserver import SipServer

BOB = f"bob@{SIP_DOMAIN}"
BOB_ENCAPSULATED = rf"bob\40{SIP_DOMAIN}@{GATEWAY_DOMAIN}"
ALICE_ELSEWHERE = rf"alice\40example.com@{GATEWAY_DOMAIN}"


def activity(stanza: Element) -> str:
    """The specific activity (XEP-0108) inside a presence."""
    said = child(stanza, "activity")
    return "" if said is None else said[0][0].tag.rpartition("}")[2]


def test_a_sip_user_of_ours_is_seen_and_followed(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    etag = bob.publish(pidf(bob.uri, "open", "away", note="Gone fishing")).get("sip-etag")
    romeo.befriend(BOB)
    away = romeo.wait(presence(sender=BOB, show="away"), "away")
    assert text(away, "status") == "Gone fishing"
    assert child(away, "c") is not None
    etag = bob.publish(pidf(bob.uri, "open", "on-the-phone", note="Sales call"), etag=etag).get("sip-etag")
    phone = romeo.wait(presence(sender=BOB, show="dnd"), "on the phone")
    assert text(phone, "status") == "Sales call"
    assert activity(phone) == "on_the_phone"
    etag = bob.publish(pidf(bob.uri, "open"), etag=etag).get("sip-etag")
    online = romeo.wait(presence(sender=BOB), "online")
    assert text(online, "show") is None
    bob.publish(etag=etag, expires=0)
    romeo.wait(presence("unavailable", sender=BOB), "offline")


@pytest.mark.parametrize(
    ("activities", "show"),
    [
        (("busy",), "dnd"),
        (("meeting",), "dnd"),
        (("vacation",), "xa"),
        (("meal",), "away"),
        (("playing",), None),
    ],
)
def test_sub_status_becomes_show(prosody_world: World, activities: tuple[str, ...], show: str | None) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    bob.publish(pidf(bob.uri, "open", *activities))
    romeo.befriend(BOB)
    seen = romeo.wait(presence(sender=BOB), "presence")
    assert text(seen, "show") == show


def test_subscribed_comes_before_presence(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    bob.publish(pidf(bob.uri, "open"))
    romeo.subscribe(BOB)
    first = romeo.wait(any_presence(BOB), "anything of bob")
    assert first.get("type") == "subscribed"
    assert "/" not in first.get("from", "")
    romeo.wait(presence(sender=BOB), "bob's presence")
    assert romeo.roster()[BOB][0] == "to"


def test_who_logs_in_again_sees_the_contact_by_probe(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    bob.publish(pidf(bob.uri, "open", "away"))
    romeo.befriend(BOB)
    romeo.wait(presence(sender=BOB, show="away"), "away")
    romeo.close()
    again = world.jabber("romeo", "balcony")
    again.wait(presence(sender=BOB, show="away"), "away after the next login")


def test_unsubscribing_ends_it_and_leaves_the_reverse_alone(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    watch = bob.subscribe("sip:romeo@jabber.example")
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    watch.wait_for_text("open")
    etag = bob.publish(pidf(bob.uri, "open")).get("sip-etag")
    romeo.befriend(BOB)
    romeo.wait(presence(sender=BOB), "online")
    romeo.unsubscribe(BOB)
    romeo.wait(lambda stanza: stanza.get("type") in {"unavailable", "unsubscribed"}, "the end")
    bob.publish(pidf(bob.uri, "open", "away"), etag=etag)
    romeo.expect_nothing(presence(sender=BOB, show="away"))
    count = len(watch.notifies)
    romeo.available("dnd", "Still visible")
    watch.wait_for_text("Still visible", after=count)


def test_both_forms_of_an_address_show_the_same_contact(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    bob.publish(pidf(bob.uri, "open", "away", note="The same"))
    for jid in (BOB, BOB_ENCAPSULATED):
        romeo.befriend(jid)
        assert text(romeo.wait(presence(sender=jid, show="away"), jid), "status") == "The same"


def test_nobody_is_told_of_a_user_who_does_not_exist(world: World) -> None:
    romeo = world.jabber("romeo")
    romeo.subscribe(f"nobody@{SIP_DOMAIN}")
    answer = romeo.wait(any_presence(f"nobody@{SIP_DOMAIN}"), "an answer")
    assert answer.get("type") in {"error", "unsubscribed"}


# other domains


class Elsewhere(SipServer):
    """The server of example.com; subscriptions of less than ``minimum`` seconds are too brief for it."""

    minimum = 0

    def answer(self, request: SipMessage) -> Answer | None:
        if request.method == "SUBSCRIBE" and 0 < int(request.get("expires")) < self.minimum:
            return 423, "Interval Too Brief", [("Min-Expires", str(self.minimum))], b""
        return super().answer(request)


@pytest.fixture
def elsewhere(prosody_world: World) -> Iterator[Elsewhere]:
    """The server of example.com, at a fixed place in the configuration."""
    with Elsewhere() as server:
        domains = prosody_world.gateway.settings["dns"]["domains"]
        domains["example.com"] = f"sip:{server.host}:{server.port}"
        prosody_world.gateway.restart()
        prosody_world.gateway.wait_for_leg("xmpp", "up")
        yield server


def test_a_user_of_another_sip_domain_is_asked_and_followed(
    prosody_world: World, elsewhere: Elsewhere
) -> None:
    romeo = prosody_world.jabber("romeo")
    elsewhere.first_state = "pending"
    romeo.subscribe(ALICE_ELSEWHERE)
    dialog = elsewhere.wait_for_watcher("sip:alice@example.com")
    assert dialog.watcher == "sip:romeo@jabber.example"
    romeo.expect_nothing(any_presence(ALICE_ELSEWHERE))
    elsewhere.notify(dialog, pidf("sip:alice@example.com", "open", "busy"))
    first = romeo.wait(any_presence(ALICE_ELSEWHERE), "approval")
    assert first.get("type") == "subscribed"
    romeo.wait(presence(sender=ALICE_ELSEWHERE, show="dnd"), "busy")
    elsewhere.notify(dialog, pidf("sip:alice@example.com", "closed"))
    romeo.wait(presence("unavailable", sender=ALICE_ELSEWHERE), "offline")
    romeo.unsubscribe(ALICE_ELSEWHERE)
    last = elsewhere.wait_for(
        lambda message: message.method == "SUBSCRIBE" and message.get("expires") == "0", "the last SUBSCRIBE"
    )
    assert last.call_id == dialog.first.call_id


@pytest.mark.parametrize("status", [403, 489, 603])
def test_a_refusal_elsewhere_withdraws_the_request(
    prosody_world: World, elsewhere: Elsewhere, status: int
) -> None:
    romeo = prosody_world.jabber("romeo")
    elsewhere.refuse["SUBSCRIBE"] = (status, "No", ())
    romeo.subscribe(ALICE_ELSEWHERE)
    romeo.wait(presence("unsubscribed", sender=ALICE_ELSEWHERE), "the refusal")
    romeo.expect_nothing(presence("subscribed", sender=ALICE_ELSEWHERE))


def test_a_rejected_watcher_is_told(prosody_world: World, elsewhere: Elsewhere) -> None:
    romeo = prosody_world.jabber("romeo")
    romeo.subscribe(ALICE_ELSEWHERE)
    dialog = elsewhere.wait_for_watcher("sip:alice@example.com")
    elsewhere.notify(dialog, pidf("sip:alice@example.com", "open"))
    romeo.wait(presence(sender=ALICE_ELSEWHERE), "online")
    elsewhere.notify(dialog, state="terminated;reason=rejected")
    romeo.wait(presence("unavailable", sender=ALICE_ELSEWHERE), "gone")
    romeo.wait(presence("unsubscribed", sender=ALICE_ELSEWHERE), "rejected")


def test_a_restart_elsewhere_withdraws_nothing(prosody_world: World, elsewhere: Elsewhere) -> None:
    romeo = prosody_world.jabber("romeo")
    romeo.subscribe(ALICE_ELSEWHERE)
    dialog = elsewhere.wait_for_watcher("sip:alice@example.com")
    elsewhere.notify(dialog, pidf("sip:alice@example.com", "open"))
    romeo.wait(presence(sender=ALICE_ELSEWHERE), "online")
    count = len(elsewhere.received)
    elsewhere.notify(dialog, state="terminated;reason=deactivated")
    again = elsewhere.wait_for(
        lambda message: message.method == "SUBSCRIBE" and message.call_id != dialog.first.call_id,
        "a new dialog",
        after=count,
    )
    assert again.get("expires") != "0"
    romeo.expect_nothing(presence("unsubscribed", sender=ALICE_ELSEWHERE))


def test_a_too_brief_interval_is_lengthened(prosody_world: World, elsewhere: Elsewhere) -> None:
    romeo = prosody_world.jabber("romeo")
    elsewhere.minimum = 7200
    romeo.subscribe(ALICE_ELSEWHERE)
    dialog = elsewhere.wait_for_watcher("sip:alice@example.com")
    assert dialog.expires == 7200


def test_a_jabber_address_cannot_be_watched_through_the_gateway(prosody_world: World) -> None:
    romeo = prosody_world.jabber("romeo")
    jid = rf"juliet\40jabber.example@{GATEWAY_DOMAIN}"
    romeo.subscribe(jid)
    answer = romeo.wait(any_presence(jid), "an answer")
    assert answer.get("type") == "error"
    assert condition(answer) == "item-not-found"


def test_a_jabber_domain_may_have_a_server_of_its_own(prosody_world: World, tmp_path: Path) -> None:
    gateway, bob = prosody_world.gateway, prosody_world.phone("bob")
    other = Prosody(
        tmp_path / "other",
        domain="example.net",
        users={"juliet": "capulet"},
        components=[SIP_DOMAIN, GATEWAY_DOMAIN],
    )
    host, port = other.component
    gateway.settings["dns"]["domains"]["example.net"] = f"{host}:{port}"
    with other:
        gateway.restart()
        gateway.wait_for_leg("xmpp", "up")
        bob.publish(pidf(bob.uri, "open", "away"))
        romeo = prosody_world.jabber("romeo")
        with RawClient("juliet@example.net/balcony", "capulet", other.c2s) as juliet:
            juliet.roster()
            juliet.available()
            for client in (romeo, juliet):
                client.befriend(BOB)
                client.wait(presence(sender=BOB, show="away"), "away")


def test_nothing_is_sent_where_the_operator_forbids_it(prosody_world: World, elsewhere: Elsewhere) -> None:
    prosody_world.gateway.settings["sip"] = {"forbidden_targets": ["127.0.0.0/8"]}
    prosody_world.gateway.restart()
    prosody_world.gateway.wait_for_leg("xmpp", "up")
    romeo = prosody_world.jabber("romeo")
    romeo.subscribe(ALICE_ELSEWHERE)
    answer = romeo.wait(any_presence(ALICE_ELSEWHERE), "an answer")
    assert answer.get("type") == "error"
    assert elsewhere.received == []
