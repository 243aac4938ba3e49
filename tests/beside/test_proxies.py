"""A SIP proxy in front: calls and registrations stay there, presence and messages reach the gateway and Jabber users."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.beside.samples import (
    GATEWAY_DOMAIN,
    JABBER_DOMAIN,
    PASSWORDS,
    PROXY,
    SIP_DOMAIN,
    SampleGateway,
    SampleKamailio,
    SampleOpenSips,
)
from tests.beside.standin import StandInOpenSips
from tests.peers.exchange import CallingPhone
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, message, presence, text
from tests.peers.sipclient import PIDF, SipClient, pidf
from tests.peers.sipmessage import SipMessage, authorization

BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
PHONES = "127.0.0.3"
"""Where telephones are: the proxy tells the gateway from them by its address."""
ROMEO = f"romeo@{JABBER_DOMAIN}"


Proxy = type[SampleKamailio] | type[SampleOpenSips] | type[StandInOpenSips]
PROXIES: tuple[Proxy, ...] = (
    SampleKamailio,
    SampleOpenSips if SampleOpenSips.is_installed() else StandInOpenSips,
)


class Site:
    """A proxy, the gateway behind it, and Prosody."""

    def __init__(self, directory: Path, kind: Proxy) -> None:
        neighbour = kind.name
        self.stage = ExitStack()
        self.prosody = Prosody(
            directory / "prosody",
            domain=JABBER_DOMAIN,
            users={"romeo": PASSWORDS["romeo"]},
            components=[SIP_DOMAIN, GATEWAY_DOMAIN],
        )
        port, proxy_port = free_port(), free_port()
        self.proxy = kind(directory / neighbour, (LOOPBACK, port), port=proxy_port)
        self.gateway = SampleGateway(directory / "gateway", neighbour, {}, users=())
        self.gateway.sip_port = port
        self.gateway.changes = {
            "192.0.2.20:5060": f"{LOOPBACK}:{port}",
            "192.0.2.10:5060": f"{PROXY}:{proxy_port}",
            "192.0.2.10": PROXY,
            "127.0.0.1:5347": f"{LOOPBACK}:{self.prosody.component_port}",
            "127.0.0.1:8080": f"{LOOPBACK}:{self.gateway.http_port}",
        }

    def open(self) -> None:
        self.stage.enter_context(self.prosody)
        self.stage.enter_context(self.proxy)
        # the users of the proxy, as its own database has them: by their hashes
        self.gateway.prepare()
        told = self.gateway.run("import", self.proxy.name, str(self.proxy.directory / "dbtext"))
        assert "users: 2 added, 0 replaced, 0 unchanged, 0 not kept" in told
        self.stage.enter_context(self.gateway)
        self.gateway.wait_for_leg("xmpp", "up")

    def phone(self, name: str) -> SipClient:
        """A telephone that knows the proxy alone."""
        client = SipClient(name, SIP_DOMAIN, self.proxy.sip, password=PASSWORDS[name])
        client.host = PHONES
        self.stage.enter_context(client)
        return client

    def romeo(self) -> RawClient:
        client = self.stage.enter_context(RawClient(f"{ROMEO}/orchard", PASSWORDS["romeo"], self.prosody.c2s))
        client.roster()
        client.available()
        return client


@pytest.fixture(params=PROXIES, ids=lambda kind: kind.name)
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    site = Site(tmp_path, request.param)
    try:
        site.open()
        yield site
        assert not [line for line in site.gateway.lines() if "Traceback" in line], site.gateway.tail(60)
    finally:
        site.stage.close()


def test_presence_crosses_and_calls_stay_at_the_proxy(site: Site) -> None:
    """One scene for all of it, since it takes longer to build than to play."""
    romeo, bob, alice = site.romeo(), site.phone("bob"), site.phone("alice")
    assert site.gateway.run("allow", BOB, ROMEO)
    romeo.befriend(BOB)

    # registered at the proxy is online
    assert bob.register().status == 200
    romeo.wait(presence(sender=BOB), "bob registered")

    # what the phone publishes through the proxy
    published = bob.publish(pidf(bob.uri, "open", "away", note="At lunch"))
    assert published.status == 200
    seen = romeo.wait(presence(sender=BOB, show="away"), "bob away")
    assert text(seen, "status") == "At lunch"

    # and back: the NOTIFYs come through the proxy
    watch = bob.subscribe(f"sip:{ROMEO}")
    assert watch.response.status == 200, watch.response.start
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.subscribed(BOB)
    romeo.available("dnd")
    watch.wait_for_text("busy")
    assert watch.notifies[-1].source == site.proxy.sip

    # messages both ways
    assert bob.message(f"sip:{ROMEO}", "Hello romeo").status in (200, 202)
    romeo.wait(message(sender=BOB, body="Hello romeo"), "bob's message")
    romeo.send(f"<message to='{BOB}' type='chat'><body>Hello bob</body></message>")
    bob.wait_for_message("Hello bob")

    # nobody speaks for another
    fields = [("Event", "presence"), ("Expires", "600"), ("Content-Type", PIDF)]
    asserted = [("P-Asserted-Identity", f"<{bob.uri}>")]
    assert alice.request("PUBLISH", bob.uri, [*fields, *asserted], pidf(bob.uri)).status == 403

    # whoever is on the phone is busy for Jabber users
    back = bob.publish(pidf(bob.uri, "open"), etag=published.get("sip-etag"))
    assert back.status == 200
    romeo.wait(available, "bob back from lunch")
    assert bob.register(0).status == 200
    called, caller = CallingPhone(f"sip:{BOB}"), CallingPhone(f"sip:{ALICE}")
    called.host = caller.host = PHONES
    with called, caller:
        assert bob.register(contact=f"<sip:bob@{called.host}:{called.port}>").status == 200
        caller.call(called.uri, site.proxy.sip)
        challenge = caller.wait_for(lambda answer: answer.status == 407, "who calls?")
        caller.credentials = [("Proxy-Authorization", proof(challenge, called.uri))]
        caller.cseq = 2
        caller.call(called.uri, site.proxy.sip)
        assert called.wait_for_request("INVITE").source == site.proxy.sip
        called.respond(180, "Ringing")
        called.respond(200, "OK")
        answer = caller.wait_for(lambda answer: answer.status == 200, "answered")
        caller.acknowledge(answer, site.proxy.sip)
        seen = romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone")
        assert text(seen, "status") == "On the phone"
        ended = len(called.received)
        caller.hang_up(answer, site.proxy.sip)
        called.wait_for_request("BYE", after=ended)
        romeo.wait(available, "bob again")


def available(stanza: Element) -> bool:
    """Bob is there, and nothing else is said."""
    return presence(sender=BOB)(stanza) and text(stanza, "show") is None


def proof(challenge: SipMessage, uri: str) -> str:
    """What alice's telephone answers when a call is challenged."""
    offered = challenge.get("proxy-authenticate")
    return authorization(
        offered, username="alice", password=PASSWORDS["alice"], method="INVITE", uri=uri, nc=1
    )
