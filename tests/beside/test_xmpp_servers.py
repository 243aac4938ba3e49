"""The samples beside Prosody and ejabberd: a Jabber user watches a SIP user, and back."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.beside.samples import (
    GATEWAY_DOMAIN,
    JABBER_DOMAIN,
    LOOPBACK,
    PASSWORDS,
    SIP_DOMAIN,
    SampleEjabberd,
    SampleGateway,
    SampleProsody,
)
from tests.peers.rawxmpp import RawClient, message, presence, text
from tests.peers.sipclient import SipClient, pidf

BOB, ROMEO = f"bob@{SIP_DOMAIN}", f"romeo@{JABBER_DOMAIN}"


@pytest.mark.parametrize(
    ("kind", "neighbour"),
    [(SampleProsody, "prosody"), (SampleEjabberd, "ejabberd")],
    ids=["prosody", "ejabberd"],
)
def test_users_of_both_sides_watch_each_other(
    tmp_path: Path, kind: type[SampleProsody] | type[SampleEjabberd], neighbour: str
) -> None:
    names = {"romeo": PASSWORDS["romeo"]}
    components = [SIP_DOMAIN, GATEWAY_DOMAIN]
    server = kind(tmp_path / "xmpp", domain=JABBER_DOMAIN, users=names, components=components)
    gateway = SampleGateway(tmp_path / "gateway", neighbour, {})
    gateway.changes = {
        "192.0.2.20:5060": f"{LOOPBACK}:{gateway.sip_port}",
        "127.0.0.1:5347": f"{LOOPBACK}:{server.component_port}",
        "127.0.0.1:8080": f"{LOOPBACK}:{gateway.http_port}",
    }
    with ExitStack() as stage:
        stage.enter_context(server)
        stage.enter_context(gateway)
        gateway.wait_for_leg("xmpp", "up")
        romeo = stage.enter_context(RawClient(f"{ROMEO}/orchard", PASSWORDS["romeo"], server.c2s))
        romeo.roster()
        romeo.available("away")
        bob = stage.enter_context(SipClient("bob", SIP_DOMAIN, gateway.sip, password=PASSWORDS["bob"]))
        assert bob.register().status == 200
        assert bob.publish(pidf(bob.uri, "open", "on-the-phone")).status == 200
        gateway.run("allow", BOB, ROMEO)
        romeo.befriend(BOB)
        seen = romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone")
        assert text(seen, "status") == "On the phone"
        watch = bob.subscribe(f"sip:{ROMEO}")
        romeo.wait(presence("subscribe", sender=BOB), "bob's request")
        romeo.subscribed(BOB)
        watch.wait_for_text("away")
        assert bob.message(f"sip:{ROMEO}", "Hello romeo").status in (200, 202)
        romeo.wait(message(sender=BOB, body="Hello romeo"), "bob's message")
        # an address of another domain is shown as a contact of the gateway domain
        romeo.subscribe(f"bob\\40{SIP_DOMAIN}@{GATEWAY_DOMAIN}")
        romeo.wait(presence(sender=f"bob\\40{SIP_DOMAIN}@{GATEWAY_DOMAIN}", show="dnd"), "bob, encapsulated")
