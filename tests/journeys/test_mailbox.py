"""A real telephone shows how many messages wait, whatever happens to the server meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN
from tests.peers.baresip import Baresip
from tests.peers.gateway import Gateway
from tests.peers.sipclient import SipClient

SUMMARY = "application/simple-message-summary"


class MailboxBaresip(Baresip):
    """baresip with its module for message waiting indications."""

    def prepare(self) -> None:
        super().prepare()
        config = self.directory / "config"
        config.write_text(config.read_text("utf-8") + "module_app mwi.so\n", "utf-8")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    users = {name: PASSWORDS[name] for name in ("alice", "bob")}
    with Gateway(tmp_path / "gateway", users=users) as gateway:
        yield gateway


def test_baresip_shows_new_messages_over_a_kill(gateway: Gateway, tmp_path: Path) -> None:
    phone = MailboxBaresip(
        tmp_path / "baresip", "alice", SIP_DOMAIN, gateway.sip, password=PASSWORDS["alice"]
    )
    server = SipClient("alice", SIP_DOMAIN, gateway.sip, password=PASSWORDS["alice"])
    with phone, server:
        phone.wait_for_line("Messages-Waiting: no", within=20)
        body = "Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n"
        answer = server.publish(body, event="message-summary", content_type=SUMMARY)
        assert answer.status == 200
        phone.wait_for_line(r"Voice-Message: 2/8 \(0/2\)")

        seen = len(phone.lines())
        gateway.kill()
        gateway.start()
        phone.wait_for_line(r"Voice-Message: 2/8 \(0/2\)", after=seen)
        body = "Messages-Waiting: no\r\nVoice-Message: 0/10\r\n"
        etag = answer.get("sip-etag")
        answer = server.publish(body, event="message-summary", content_type=SUMMARY, etag=etag)
        assert answer.status == 200
        phone.wait_for_line("Voice-Message: 0/10", after=seen)


def test_nobody_else_sees_how_many_messages_wait(gateway: Gateway) -> None:
    with SipClient("bob", SIP_DOMAIN, gateway.sip, password=PASSWORDS["bob"]) as bob:
        assert bob.register().status == 200
        watch = bob.subscribe(f"sip:alice@{SIP_DOMAIN}", event="message-summary", accept=SUMMARY)
        assert watch.response.status == 403
