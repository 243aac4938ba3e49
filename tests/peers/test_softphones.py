"""Do the real SIP clients register, show what a notifier tells them, and publish?  Against the tests' own SIP server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.peers.sipclient import pidf
from tests.peers.sipserver import SipServer
from tests.peers.waiting import eventually

JULIET = "sip:juliet@jabber.example"


@pytest.fixture
def server() -> Iterator[SipServer]:
    with SipServer() as server:
        server.documents[JULIET] = pidf(JULIET)
        yield server


def test_linphone_shows_what_it_is_told(server: SipServer, tmp_path: Path) -> None:
    friends = [("Juliet", JULIET)]
    server.accounts["bob"] = "secret"
    with Linphone(
        tmp_path, "bob", "sip.example.org", server.address, password="secret", friends=friends
    ) as phone:
        phone.wait_for_state(JULIET, "Online")
        dialog = server.wait_for_watcher(JULIET)
        server.notify(dialog, pidf(JULIET, "open", "busy", "on-the-phone"))
        phone.wait_for_state(JULIET, "On the phone")
        server.notify(dialog, pidf(JULIET, "closed"))
        phone.wait_for_state(JULIET, "Offline")
    assert phone.status == 0


def test_linphone_publishes(server: SipServer, tmp_path: Path) -> None:
    with Linphone(tmp_path, "bob", "sip.example.org", server.address, publishes=True) as phone:
        eventually(lambda: server.published, "linphone publishes")
        assert phone.uri in server.published[0].text
        assert "<basic>open</basic>" in server.published[0].text


def test_baresip_shows_what_it_is_told(server: SipServer, tmp_path: Path) -> None:
    contacts = [("Juliet", JULIET)]
    server.accounts["bob"] = "secret"
    with Baresip(
        tmp_path, "bob", "sip.example.org", server.address, password="secret", contacts=contacts
    ) as phone:
        phone.wait_for_state(JULIET, "Online")
        dialog = server.wait_for_watcher(JULIET)
        server.notify(dialog, pidf(JULIET, "open", "busy"))
        phone.wait_for_state(JULIET, "Busy")
        server.notify(dialog, pidf(JULIET, "closed"))
        phone.wait_for_state(JULIET, "Offline")


def test_baresip_publishes(server: SipServer, tmp_path: Path) -> None:
    with Baresip(tmp_path, "bob", "sip.example.org", server.address, publishes=True) as phone:
        phone.wait_until_registered()
        phone.go_online()
        eventually(
            lambda: [each for each in server.published if "open" in each.text], "baresip publishes open"
        )
        phone.go_offline()
        eventually(
            lambda: [each for each in server.published if "closed" in each.text], "baresip publishes closed"
        )
