"""What Jabber users see when the gateway ends, and when it starts anew."""

import signal
from xml.etree.ElementTree import Element

from tests.journeys.conftest import SIP_DOMAIN, World
from tests.peers.rawxmpp import presence, text
from tests.peers.sipclient import pidf
from tests.peers.waiting import eventually

BOB = f"bob@{SIP_DOMAIN}"


def test_starting_anew_makes_nobody_flap_and_a_stop_says_farewell(prosody_world: World) -> None:
    romeo, bob, gateway = prosody_world.jabber("romeo"), prosody_world.phone("bob"), prosody_world.gateway
    etag = bob.publish(pidf(bob.uri, "open", "away", note="at lunch")).get("sip-etag")
    romeo.befriend(BOB)
    romeo.wait(presence(sender=BOB, show="away"), "away")

    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGUSR2)
    eventually(lambda: gateway.output.read_text().count("is serving") == 2, "the next one serves", within=20)
    gateway.wait_for_leg("xmpp", "up")
    gone: list[Element] = []

    def is_back(stanza: Element) -> bool:
        if presence("unavailable", sender=BOB)(stanza):
            gone.append(stanza)
        return presence(sender=BOB)(stanza) and text(stanza, "status") == "back again"

    assert bob.publish(pidf(bob.uri, "open", note="back again"), etag=etag).status == 200
    romeo.wait(is_back, "bob is back, and was never away")
    assert not gone

    gateway.stop()
    romeo.wait(presence("unavailable", sender=BOB), "a stop says farewell")
