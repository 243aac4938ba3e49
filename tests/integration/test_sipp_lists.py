"""SIPp as a watcher that brings a list; it would fail over an answer or a NOTIFY that it does not expect."""

from pathlib import Path

from tests.peers.gateway import Gateway
from tests.peers.sipclient import SipClient, pidf
from tests.peers.sipp import Sipp

SCENARIO = Path(__file__).parent / "scenarios" / "list_watcher.xml"
DOMAIN = "sip.example.org"


def test_a_list_in_a_subscribe_is_told_as_the_standard_says(tmp_path: Path) -> None:
    trusting = {"sip": {"trusted_peers": ["127.0.0.1"]}}
    users = {"alice": "rabbit", "bob": "builder"}
    with (
        Gateway(tmp_path / "gateway", users=users, settings=trusting) as gateway,
        SipClient("bob", DOMAIN, gateway.sip, password="builder") as bob,
    ):
        etag = bob.publish(pidf(bob.uri, "open", "away")).get("sip-etag")
        with Sipp(tmp_path / "sipp", SCENARIO, gateway.sip, user="bob", domain=DOMAIN) as watcher:
            watcher.wait_for("has all")
            assert bob.publish(pidf(bob.uri, "open", "busy"), etag=etag).status == 200
            watcher.wait_for("has news")
            watcher.succeeds()
        assert gateway.health()["counts"]["subscriptions"] == 0
