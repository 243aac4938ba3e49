"""Which protocol a domain speaks, asked of a real name server: nobody has told the gateway anything about these domains."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import GATEWAY_DOMAIN, SIP_DOMAIN, World
from tests.peers.nsd import Nsd
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import any_presence, condition, presence
from tests.peers.sipclient import pidf
from tests.peers.sipserver import SipServer

ROMEO, ALICE, BOTH = "sip:romeo@jabber.example", "sip:alice@example.com", "sip:alice@example.net"
BOB = f"bob@{SIP_DOMAIN}"


class Country:
    """Prosody, the gateway, another SIP server, and the name server that tells of them."""

    def __init__(self, directory: Path) -> None:
        self.elsewhere = SipServer()
        port = self.elsewhere.port
        zones = {
            "jabber.example": "_xmpp-server._tcp IN SRV 0 5 5269 xmpp\nxmpp IN A 127.0.0.1",
            "example.com": f"""
                @ IN NAPTR 10 50 "s" "SIP+D2U" "" _sip._udp.servers.example.com.
                _sip._udp.servers IN SRV 10 60 {port} a
                a IN A 127.0.0.1
            """,
            "example.net": f"""
                _sip._udp IN SRV 10 60 {port} a
                _xmpp-server._tcp IN SRV 0 5 5269 a
                a IN A 127.0.0.1
            """,
            "empty.example": "other IN A 127.0.0.1",
        }
        self.names = Nsd(directory / "dns", zones)
        host, port = self.names.address
        self.world = World(directory, Prosody, dns={"servers": [f"{host}:{port}"]})


@pytest.fixture
def country(tmp_path: Path) -> Iterator[Country]:
    country = Country(tmp_path)
    with country.elsewhere, country.names:
        try:
            country.world.open()
            yield country
        finally:
            country.world.close()
    gateway = country.world.gateway
    bad = [line for line in gateway.lines() if "Traceback" in line or " critical " in line]
    assert not bad, gateway.tail(60)


def test_a_domain_with_xmpp_records_goes_to_the_component(country: Country) -> None:
    romeo, bob = country.world.jabber("romeo"), country.world.phone("bob")
    watch = bob.subscribe(ROMEO)
    assert watch.response.status == 200
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    watch.wait_for_text("<basic>open</basic>")
    assert not country.elsewhere.received


@pytest.mark.parametrize("uri", [ALICE, BOTH], ids=["NAPTR", "SRV of both protocols"])
def test_sip_stays_sip(country: Country, uri: str) -> None:
    """The proxy stays in the path of the dialog, and shows nobody's credentials to the other domain."""
    bob, elsewhere = country.world.phone("bob"), country.elsewhere
    elsewhere.documents[uri] = pidf(uri, "open", "meeting")
    watch = bob.subscribe(uri)
    assert watch.response.status == 200
    watch.wait_for_text("<rpid:meeting/>")
    dialog = elsewhere.wait_for_watcher(uri)
    assert dialog.watcher == bob.uri
    assert dialog.first.call_id == watch.call_id
    assert not dialog.first.all("authorization")
    assert not dialog.first.all("proxy-authorization")
    answer = elsewhere.notify(dialog, pidf(uri, "open", "on-the-phone"))
    assert answer is not None
    assert answer.status == 200
    watch.wait_for_text("<rpid:on-the-phone/>")
    assert watch.refresh().status == 200
    assert len(dialog.requests) == 2
    assert watch.unsubscribe().status == 200
    watch.wait_for_state("terminated")
    assert bob.message(uri, "Through the proxy").status == 200
    elsewhere.wait_for(
        lambda message: message.method == "MESSAGE" and "Through" in message.text, "the MESSAGE"
    )


def test_the_gateway_is_no_open_relay(country: Country) -> None:
    bob = country.world.phone("bob", registered=False)
    bob.password = ""
    assert bob.message(ALICE, "Anonymous").status in {401, 407}
    assert not country.elsewhere.received


def test_a_jabber_user_finds_a_sip_domain(country: Country) -> None:
    romeo, elsewhere = country.world.jabber("romeo"), country.elsewhere
    jid = rf"alice\40example.com@{GATEWAY_DOMAIN}"
    elsewhere.documents[ALICE] = pidf(ALICE, "open", "busy")
    romeo.befriend(jid)
    romeo.wait(presence(sender=jid, show="dnd"), "alice busy")


def test_a_jabber_user_is_not_led_to_a_domain_that_xmpp_reaches_itself(country: Country) -> None:
    """Where both protocols are spoken, a Jabber user's own server is the way; the gateway offers no second one."""
    romeo = country.world.jabber("romeo")
    jid = rf"alice\40example.net@{GATEWAY_DOMAIN}"
    romeo.subscribe(jid)
    answer = romeo.wait(any_presence(jid), "an answer")
    assert answer.get("type") == "error"
    assert condition(answer) == "item-not-found"
    assert not country.elsewhere.received


@pytest.mark.parametrize("domain", ["empty.example", "nowhere.empty.example"])
def test_a_domain_that_speaks_neither_is_not_found(country: Country, domain: str) -> None:
    bob = country.world.phone("bob")
    assert bob.subscribe(f"sip:alice@{domain}").response.status == 404


def test_a_dead_name_server_hurts_only_unknown_domains(country: Country) -> None:
    bob, alice = country.world.phone("bob"), country.world.phone("alice")
    country.elsewhere.documents[ALICE] = pidf(ALICE)
    for uri in (ROMEO, ALICE):
        assert bob.subscribe(uri).response.status == 200
    country.names.kill()
    slow = alice.subscribe("sip:alice@empty.example", within=15)
    assert slow.response.status == 480, slow.response.start
    begun = time.monotonic()
    assert bob.subscribe(ROMEO).response.status == 200
    assert bob.subscribe(ALICE).response.status == 200
    assert bob.subscribe(alice.uri).response.status == 200
    assert bob.publish(pidf(bob.uri)).status == 200
    assert time.monotonic() - begun < 2.0
    country.names.start()
    assert alice.subscribe("sip:alice@nowhere.empty.example").response.status == 404


def test_a_failing_name_server_withdraws_no_authorization(country: Country) -> None:
    """Two Jabber users watch two SIP users of a domain; the gateway restarts while its name server is dead."""
    world, elsewhere = country.world, country.elsewhere
    romeo, juliet = world.jabber("romeo"), world.jabber("juliet")
    jids = [rf"{name}\40example.com@{GATEWAY_DOMAIN}" for name in ("alice", "bob")]
    for client in (romeo, juliet):
        for jid in jids:
            client.befriend(jid)
    country.names.kill()
    world.gateway.restart()
    world.gateway.wait_for_leg("xmpp", "up")
    for client in (romeo, juliet):
        client.close()
    again = [world.jabber("romeo"), world.jabber("juliet")]
    for client in again:
        client.expect_nothing(presence("unsubscribed"), 5.0)
    third = world.jabber("romeo", "balcony")
    third.expect_nothing(presence("unsubscribed"), 1.0)
    assert {each[0] for each in third.roster().values()} == {"to"}
    assert elsewhere.watched
