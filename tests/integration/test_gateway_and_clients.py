"""The gateway as a process, met by clients and servers that share no code with it: the shortest way through each leg."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.peers.gateway import Gateway
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.sipclient import SipClient, pidf

ALICE = "sip:alice@sip.example.org"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path / "gateway", settings={"sip": {"authentication": "none"}}) as gateway:
        yield gateway


@pytest.fixture(params=["udp", "tcp"])
def alice(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[SipClient]:
    with SipClient("alice", "sip.example.org", gateway.sip, transport=request.param) as client:
        yield client


@pytest.fixture
def bob(gateway: Gateway) -> Iterator[SipClient]:
    with SipClient("bob", "sip.example.org", gateway.sip) as client:
        yield client


def test_a_sip_user_sees_another_change_and_leave(alice: SipClient, bob: SipClient) -> None:
    watch = bob.subscribe(ALICE)
    assert watch.response.status == 200
    watch.wait_for_text("closed")
    assert alice.register().status == 200
    watch.wait_for_text("open")
    published = alice.publish(pidf(alice.uri, "open", "on-the-phone"))
    assert published.status == 200
    watch.wait_for_text("on-the-phone")
    count = len(watch.notifies)
    assert alice.publish(etag=published.get("sip-etag"), expires=0).status == 200
    watch.wait_for_text("closed", after=count)
    watch.unsubscribe()
    watch.wait_for_state("terminated")


def test_options_tells_what_is_spoken_and_a_required_path_is(alice: SipClient) -> None:
    told = alice.options()
    assert told.status == 200
    assert told.get("allow-events") == "presence, dialog, message-summary, reg, xcap-diff"
    assert told.get("supported") == "path, outbound, gruu, eventlist, recipient-list-subscribe"
    assert told.get("accept").split(", ")[0] == "application/pidf+xml"
    contact = [("Contact", alice.contact), ("Require", "path"), ("Supported", "path")]
    to = f"<{alice.uri}>"
    assert alice.request("REGISTER", alice.realm_uri, contact, to=to).status == 200
    assert alice.request("REGISTER", alice.realm_uri, [("Require", "timer")], to=to).status == 420


def test_softphones_show_a_sip_user(gateway: Gateway, bob: SipClient, tmp_path: Path) -> None:
    bob.publish(pidf(bob.uri, "open", "busy", "on-the-phone"))
    with (
        Linphone(
            tmp_path / "l", "alice", "sip.example.org", gateway.sip, friends=[("Bob", bob.uri)]
        ) as linphone,
        Baresip(
            tmp_path / "b", "romeo", "sip.example.org", gateway.sip, contacts=[("Bob", bob.uri)]
        ) as baresip,
    ):
        linphone.wait_for_state(bob.uri, "On the phone")
        baresip.wait_for_state(bob.uri, "Busy")


def test_the_component_links_come_up_and_survive_a_restart_of_the_server(tmp_path: Path) -> None:
    with (
        Prosody(tmp_path / "prosody", components=["sip.example.org", "gw.example.org"]) as prosody,
        Gateway(tmp_path / "gateway", xmpp=prosody, gateway_domain="gw.example.org") as gateway,
    ):
        gateway.wait_for_leg("xmpp", "up")
        prosody.stop()
        gateway.wait_for_leg("xmpp", "down")
        assert gateway.attempt("status").returncode == 1
        prosody.start()
        gateway.wait_for_leg("xmpp", "up", within=30)
        assert gateway.attempt("status").returncode == 0
