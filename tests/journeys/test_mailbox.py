"""A voicemail server at a trusted address, and the owner's telephone, whose lamp nobody else sees."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN
from tests.peers.gateway import Gateway
from tests.peers.sipclient import SipClient

SUMMARY = "application/simple-message-summary"
MAILBOX = f"sip:alice@{SIP_DOMAIN}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    users = {name: PASSWORDS[name] for name in ("alice", "bob")}
    with Gateway(tmp_path / "gateway", users=users) as gateway:
        yield gateway


def phone(gateway: Gateway, name: str) -> SipClient:
    return SipClient(name, SIP_DOMAIN, gateway.sip, password=PASSWORDS[name])


def publish(client: SipClient, body: str) -> int:
    """Publish about alice's mailbox; the status of the answer."""
    fields = [("Event", "message-summary"), ("Expires", "600"), ("Content-Type", SUMMARY)]
    return client.request("PUBLISH", MAILBOX, fields, body).status


def test_only_the_owner_sees_and_tells_what_waits(gateway: Gateway) -> None:
    with phone(gateway, "alice") as alice, phone(gateway, "bob") as bob:
        for client in (alice, bob):
            assert client.register().status == 200
        lamp = alice.subscribe(MAILBOX, event="message-summary", accept=SUMMARY)
        lamp.wait_for_text("Messages-Waiting: no")
        assert bob.subscribe(MAILBOX, event="message-summary", accept=SUMMARY).response.status == 403
        assert publish(bob, "Messages-Waiting: yes\r\n") == 403
        assert publish(alice, "Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n") == 200
        seen = lamp.wait_for_text("Messages-Waiting: yes")
        assert "Voice-Message: 2/8 (0/2)" in seen.text


def test_a_trusted_voicemail_server_tells_what_waits(gateway: Gateway) -> None:
    with phone(gateway, "alice") as alice:
        assert alice.register().status == 200
        lamp = alice.subscribe(MAILBOX, event="message-summary", accept=SUMMARY)
        lamp.wait()
        gateway.kill()
        gateway.settings["sip"] = {"trusted_peers": ["127.0.0.1"]}
        gateway.start()
        with SipClient("voicemail", SIP_DOMAIN, gateway.sip) as server:
            answer = publish(server, "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n")
        assert answer == 200
        lamp.wait_for_text("Voice-Message: 1/0")
