"""SIPp as a telephone with a mailbox lamp and as a voicemail server, over a kill -9 of the gateway."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.gateway import Gateway
from tests.peers.sipp import Sipp

SCENARIOS = Path(__file__).parent / "scenarios"
DOMAIN = "sip.example.org"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    trusting = {"sip": {"trusted_peers": ["127.0.0.1"]}}
    with Gateway(tmp_path / "gateway", users={"alice": "rabbit"}, settings=trusting) as gateway:
        yield gateway


def played(gateway: Gateway, directory: Path, name: str, **keys: str) -> Sipp:
    return Sipp(directory, SCENARIOS / f"{name}.xml", gateway.sip, user="alice", domain=DOMAIN, **keys)


def published(gateway: Gateway, directory: Path, waiting: str, voice: str, condition: str) -> str:
    """Publish about alice's mailbox, and the entity tag of that."""
    with played(
        gateway, directory, "mailbox_server", waiting=waiting, voice=voice, condition=condition
    ) as server:
        server.succeeds()
        found = re.search(r"tag=\s*(\S+)", server.log.read_text())
        assert found is not None
        return found[1]


def test_a_lamp_goes_on_survives_the_server_and_goes_out(gateway: Gateway, tmp_path: Path) -> None:
    with played(gateway, tmp_path / "phone", "mailbox_phone") as phone:
        phone.wait_for("empty")
        tag = published(gateway, tmp_path / "first", "yes", "2/8 (0/2)", "Subject: new messages")
        phone.wait_for("lamp on")
        gateway.kill()
        gateway.start()
        phone.wait_for("lamp stays on")
        published(gateway, tmp_path / "second", "no", "0/10", f"SIP-If-Match: {tag}")
        phone.succeeds()
