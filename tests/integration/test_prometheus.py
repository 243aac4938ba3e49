"""A real Prometheus reads a real gateway: its metrics, the alerts, and every panel of the dashboard."""

import json
from pathlib import Path

from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.prometheus import Prometheus
from tests.peers.sipclient import SipClient, pidf
from tests.peers.waiting import eventually

ETC = Path(__file__).resolve().parent.parent.parent / "etc"


def test_prometheus_reads_the_gateway_and_knows_how_it_is(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "gateway", users={"bob": "builder"})
    prometheus = Prometheus(
        tmp_path / "prometheus", (LOOPBACK, gateway.http_port), ETC / "prometheus-rules.yml"
    )
    with (
        gateway,
        prometheus,
        SipClient("bob", "sip.example.org", gateway.sip, password="builder") as bob,
    ):
        bob.register()
        bob.publish(pidf(bob.uri, "open"))
        eventually(
            lambda: [each for each in prometheus.query("sip2xmpp_registrations") if each["value"][1] == "1"],
            "the registration was read",
        )
        (up,) = prometheus.query('up{job="sip2xmpp"}')
        assert up["value"][1] == "1"
        (published,) = prometheus.query("sip2xmpp_publications")
        assert (published["metric"]["package"], published["value"][1]) == ("presence", "1")
        eventually(lambda: prometheus.query("rate(sip2xmpp_store_commit_seconds_count[5s])"), "two readings")
        dashboard = json.loads((ETC / "grafana-dashboard.json").read_text("utf-8"))
        targets = [
            (panel["title"], target["expr"])
            for panel in dashboard["panels"]
            for target in panel.get("targets", ())
        ]
        empty = set()
        for title, expression in targets:
            shown = (
                expression.replace("$__rate_interval", "5s").replace("$job", ".*").replace("$instance", ".*")
            )
            if not prometheus.query(shown):
                empty.add(title)
        # nothing has happened there: no XMPP, no watcher, no loss
        assert empty <= {
            "XMPP links",
            "Stanzas",
            "Links",
            "Authorizations",
            "Subscriptions",
            "Subscriptions by state",
            "How late NOTIFYs are",
            "What mapping loses",
            "Requests sent",
            "Answers other than 2xx",
            "Requests received",
        }
        rules = eventually(
            lambda: [rule for rule in prometheus.rules() if rule["health"] != "unknown"],
            "the rules were evaluated",
        )
        assert {rule["health"] for rule in rules} == {"ok"}
        assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
