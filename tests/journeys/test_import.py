"""Users of a Kamailio come over while the gateway runs: they register, find their lists, and are seen by whom they let."""

from pathlib import Path
from typing import Any

from tests.importing.test_dumps import DUMPS
from tests.journeys.conftest import GATEWAY_DOMAIN, SIP_DOMAIN
from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, presence
from tests.peers.sipclient import SipClient, pidf
from tests.peers.xcapclient import XcapClient

ALICE, BOB, ROMEO = f"alice@{SIP_DOMAIN}", f"bob@{SIP_DOMAIN}", "romeo@jabber.example"
DUMP = str(DUMPS / "kamailio.mysqldump.sql")


def test_users_of_another_server_go_on_here_without_a_new_password(tmp_path: Path) -> None:
    components = [SIP_DOMAIN, GATEWAY_DOMAIN]
    with Prosody(tmp_path / "xmpp", users={"romeo": "montague"}, components=components) as prosody:
        settings: dict[str, dict[str, Any]] = {
            "presence": {"default": "confirm"},
            "dns": {"domains": {"jabber.example": "xmpp"}},
        }
        with Gateway(
            tmp_path / "gateway", xmpp=prosody, gateway_domain=GATEWAY_DOMAIN, settings=settings
        ) as gateway:
            gateway.wait_for_leg("xmpp", "up")
            # juliet is of another domain, romeo has no password, and one document is broken
            told = gateway.run("import", "kamailio", DUMP, status=1)
            assert "users: 2 added, 0 replaced, 0 unchanged, 2 not kept" in told
            assert "documents: 3 added, 0 replaced, 0 unchanged, 2 not kept" in told
            again = gateway.run("import", "kamailio", DUMP, status=1)
            assert "documents: 0 added, 0 replaced, 3 unchanged, 2 not kept" in again
            # only the MD5 hash of bob's password is known
            for name, password, algorithm in (("alice", "rabbit", "MD5"), ("bob", "builder", "")):
                with SipClient(name, SIP_DOMAIN, gateway.sip, password="wrong") as stranger:
                    assert stranger.register().status == 401
                with SipClient(
                    name, SIP_DOMAIN, gateway.sip, password=password, algorithm=algorithm
                ) as phone:
                    assert phone.register().status == 200
                    assert phone.publish(pidf(phone.uri, "open", "away")).status == 200
            lists = XcapClient(gateway.http_port, ALICE, "rabbit").get("resource-lists")
            assert lists.status == 200 and "l'été".encode() in lists.octets
            # her rules, which came along, let romeo in
            with RawClient(f"{ROMEO}/orchard", "montague", prosody.c2s) as romeo:
                romeo.roster()
                romeo.available()
                romeo.befriend(ALICE)
                romeo.wait(
                    presence(sender=ALICE), "alice, without activities, which her rules do not provide"
                )
