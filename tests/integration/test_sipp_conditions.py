"""SIPp as a watcher that says what it has; it would fail over a NOTIFY that it does not expect."""

from pathlib import Path

from tests.peers.gateway import Gateway
from tests.peers.sipclient import SipClient, pidf
from tests.peers.sipp import Sipp

SCENARIO = Path(__file__).parent / "scenarios" / "conditional_watcher.xml"
DOMAIN = "sip.example.org"


def test_who_has_the_state_is_told_news_only(tmp_path: Path) -> None:
    trusting = {"sip": {"trusted_peers": ["127.0.0.1"]}}
    with (
        Gateway(tmp_path / "gateway", users={"alice": "rabbit"}, settings=trusting) as gateway,
        SipClient("alice", DOMAIN, gateway.sip, password="rabbit") as alice,
    ):
        etag = alice.publish(pidf(alice.uri, "open", "away")).get("sip-etag")
        with Sipp(tmp_path / "sipp", SCENARIO, gateway.sip, user="alice", domain=DOMAIN) as watcher:
            watcher.wait_for("has it")
            assert alice.publish(pidf(alice.uri, "open", "busy"), etag=etag).status == 200
            watcher.wait_for("has news")
            watcher.succeeds()
        assert gateway.health()["counts"]["subscriptions"] == 0
