"""Metrics: what is written, who may read it, and that the dashboard and the alerts ask for what there is."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock

from sip2xmpp.bridge.traced import Mappings
from sip2xmpp.events.notifier import Notifier
from sip2xmpp.events.subscriber import RemotePresentities
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.metrics import Kind, Metrics, MetricsPage, counters, gauge, histogram
from sip2xmpp.portal.readings import (
    asking_metrics,
    dns_metrics,
    http_metrics,
    presence_metrics,
    process_metrics,
    sip_metrics,
    store_metrics,
    xmpp_metrics,
)
from sip2xmpp.portal.site import site
from sip2xmpp.portal.tallies import Heartbeat, TableTally
from sip2xmpp.portal.tokens import EVERYBODY, Right, Token, Tokens, digest_of
from sip2xmpp.portal.traffic import Traffic
from sip2xmpp.presence.directory import Directory
from sip2xmpp.presence.watching import Standing
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dns import CachingDns
from sip2xmpp.sip.transport import Transports
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Authorization, Publication, Side
from sip2xmpp.store.records import Kind as State
from sip2xmpp.tracing import Tracer
from sip2xmpp.xmpp.link import ComponentLink
from tests.portal.scene import BOB, Answer, Scene

ETC = Path(__file__).resolve().parent.parent.parent / "etc"
OBSERVER = "observer-token-0123456789"
OF_PROCESS = {
    "process_cpu_seconds_total": set(),
    "process_resident_memory_bytes": set(),
    "process_open_fds": set(),
    "process_max_fds": set(),
    "python_gc_collections_total": {"generation"},
    "up": set(),
}
"""What comes from the library, or from Prometheus itself, with its labels."""


class Gateway:
    """Everything that is read, at rest: nothing is sent, no socket is open."""

    def __init__(self) -> None:
        clock = self.clock = Clock()
        clock.advance(1_700_000_000)
        self.store = MemoryStore(clock)
        self.transports = Transports(clock)
        self.agent = UserAgent(transports=self.transports, clock=clock, rng=Random(1))
        self.tracer = Tracer(clock)
        self.mappings = Mappings(self.tracer, clock)
        self.notifier = Notifier(agent=self.agent, store=self.store, clock=clock, rng=Random(1), packages=[])
        remote = RemotePresentities(
            agent=self.agent,
            store=self.store,
            clock=clock,
            rng=Random(1),
            uri_of=str,
            next_hop_of=lambda _: None,
        )
        link = ComponentLink(domain="sip.example.org", secret="x", endpoint=None, clock=clock)
        self.traffic, self.heartbeat = Traffic(), Heartbeat(clock)
        directory = Directory(own_domains=frozenset(), overrides={}, discover=_nobody, clock=clock)
        self.metrics = Metrics(
            [
                *process_metrics(self.heartbeat, clock.seconds()),
                *presence_metrics(self.store, self.notifier, remote, self.tracer, self.mappings),
                *asking_metrics(lambda: {"asked_phones": 2, "followed_users": 0}),
                *sip_metrics(self.transports, self.agent),
                *xmpp_metrics(lambda: [("sip.example.org", link)]),
                *store_metrics(self.store),
                *dns_metrics(CachingDns(clock, _nobody), directory),
                *http_metrics(self.traffic, self.store),
            ]
        )


async def _nobody(*_: object) -> Any:
    raise AssertionError("nobody is asked")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


def families(octets: bytes) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(octets.decode())}


def test_what_is_written_is_read_again_in_both_formats(gateway: Gateway) -> None:
    gateway.transports.counters.incoming["SUBSCRIBE"][0] = 3
    gateway.transports.counters.incoming["SUBSCRIBE"][4] = 1
    gateway.notifier.tally.sent(1.0, 1.0004)
    gateway.notifier.tally.sent(1.0, 1.3)
    octets, media = gateway.metrics.exposition()
    assert media.startswith("text/plain; version=0.0.4")
    found = families(octets)
    requests = {tuple(each.labels.values()): each.value for each in found["sip2xmpp_sip_requests"].samples}
    assert requests["in", "SUBSCRIBE"] == 3
    (answers,) = found["sip2xmpp_sip_responses"].samples
    assert answers.labels == {"direction": "out", "method": "SUBSCRIBE", "class": "4xx"}
    late = {
        each.labels.get("le", each.name): each.value
        for each in found["sip2xmpp_notify_latency_seconds"].samples
    }
    assert (late["0.0005"], late["0.25"], late["0.5"], late["+Inf"]) == (1, 1, 2, 2)
    assert late["sip2xmpp_notify_latency_seconds_count"] == 2
    octets, media = gateway.metrics.exposition("application/openmetrics-text; version=1.0.0")
    assert media.startswith("application/openmetrics-text")
    assert {family.name for family in open_metrics(octets.decode())} >= {"sip2xmpp_sip_requests"}


def test_every_metric_follows_the_conventions_and_teaches(gateway: Gateway) -> None:
    for metric in gateway.metrics:
        assert re.fullmatch(r"sip2xmpp_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)
        assert len(metric.help) > 10
        assert metric.help.endswith((".", "?", "1 or 0. /health says why it does not."))
        assert not set(metric.labels) & {"le", "job", "instance"}
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=gateway.metrics.exposition()[0],
        capture_output=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_there_are_few_values_of_each_label_whatever_strangers_say(gateway: Gateway) -> None:
    for number in range(1000):
        gateway.traffic.count(b"/%d/secret?x" % number, 404)
        gateway.traffic.count(b"", 200)
    assert sum(gateway.traffic.answered.values()) == 2000
    assert len(gateway.traffic.answered) == 2
    assert gateway.metrics.value("sip2xmpp_http_requests_total", route="other") == 2000
    assert all(len(list(metric.read())) < 100 for metric in gateway.metrics)


def test_values_are_summed_over_the_labels_that_are_not_named() -> None:
    rows = [(("in", "NOTIFY"), 1.0), (("in", "PUBLISH"), 2.0), (("out", "NOTIFY"), 4.0)]
    metrics = Metrics([counters("x_total", "Rows.", ("direction", "method"), lambda: rows)])
    assert metrics.value("x_total") == 7
    assert metrics.value("x_total", direction="in") == 3
    assert metrics.value("x_total", method="NOTIFY", direction="out") == 4
    assert metrics.value("x_total", method="BYE") == 0


def test_a_table_is_counted_as_it_changes() -> None:
    clock = Clock()
    store = MemoryStore(clock)

    def publication(etag: str, expires_at: float) -> Publication:
        return Publication(
            presentity=BOB,
            package="presence",
            etag=etag,
            source="",
            content_type="",
            document=b"",
            user_agent="",
            published_at=0.0,
            expires_at=expires_at,
        )

    store.publications.put(publication("before", 50.0))
    tally = TableTally(store.publications, lambda record: (record.package,))
    store.publications.put(publication("a~1", 100.0))
    store.publications.put(publication("a~2", 100.0))
    assert tally.counts == {("presence",): 2}
    clock.advance(60)
    assert tally.counts == {("presence",): 1}
    store.publications.remove("a")
    assert tally.counts == {("presence",): 0}
    states = TableTally(store.authorizations, lambda record: (record.side.value, record.state.value))
    for state in (State.PENDING, State.AUTHORIZED):
        store.authorizations.put(_authorization(state))
    assert states.counts == {
        ("jabber-watches", "pending"): 0,
        ("jabber-watches", "authorized"): 1,
    }


def _authorization(state: State) -> Authorization:
    return Authorization(
        side=Side.JABBER_WATCHES,
        watcher=BOB,
        contact=BOB,
        watcher_jid="romeo@jabber.example",
        contact_jid="bob@sip.example.org",
        state=state,
    )


def test_the_heartbeat_measures_how_late_the_reactor_is() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    heartbeat.start()
    clock.advance(1.0)
    clock.advance(1.4)
    assert heartbeat.lateness.count == 2
    assert heartbeat.lateness.total == pytest.approx(0.4)
    heartbeat.stop()
    assert clock.getDelayedCalls() == []


# who may read


class Page(Scene):
    """A site with metrics, from which this machine and one network may read."""

    def __init__(self, clock: Clock, proxies: tuple[str, ...] = ()) -> None:
        super().__init__(clock)
        tokens = [
            Token(name=name, digest=digest_of(secret), addresses=(addresses,), may=frozenset({right}))
            for name, secret, addresses, right in (
                ("observer", OBSERVER, EVERYBODY, Right.OBSERVE),
                ("reader", "reader-token-0123456789x", EVERYBODY, Right.READ),
                ("local", "local-token-0123456789abc", "*@sip.example.org", Right.OBSERVE),
            )
        ]
        networks = [ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("192.0.2.0/28")]
        metrics = Metrics([gauge("sip2xmpp_accounts", "SIP users of our domains.", lambda: 1)])
        health = Health(clock, dict, dict)
        self.site = site(
            health,
            self.api,
            metrics=MetricsPage(metrics, Tokens(tokens, clock, a_minute=100), networks),
            trusted_proxies=[ip_network(each) for each in proxies],
            clock=clock,
        )

    def read(self, peer: str, token: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", "/metrics", token=token, peer=peer, headers=headers)


def test_this_machine_reads_without_a_token_and_others_do_not() -> None:
    page = Page(Clock())
    answer = page.read("127.0.0.1")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["content-type"].startswith("text/plain")
    assert b"sip2xmpp_accounts 1.0" in answer.body
    assert page.read("192.0.2.15").status == 200
    stranger = page.read("192.0.2.16")
    assert (stranger.status, stranger.json["detail"]) == (401, "a bearer token is needed")
    assert "bearer" in stranger.headers["www-authenticate"].lower()
    assert page.ask("POST", "/metrics", token=None, peer="127.0.0.1").status == 405


def test_how_long_it_would_be_is_told_without_telling_it() -> None:
    page = Page(Clock())
    head = page.ask("HEAD", "/metrics", token=None, peer="127.0.0.1")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 100


def test_a_token_has_to_observe_everywhere() -> None:
    page = Page(Clock())
    assert page.read("203.0.113.1", OBSERVER).status == 200
    assert page.read("203.0.113.1", "reader-token-0123456789x").status == 403
    assert page.read("203.0.113.1", "local-token-0123456789abc").status == 403
    assert page.read("203.0.113.1", "wrong-token-0123456789abc").status == 401


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_a_web_server_on_this_machine_does_not_open_it_to_the_world(name: str) -> None:
    page = Page(Clock())
    assert page.read("127.0.0.1", headers={name: "203.0.113.1"}).status == 401
    assert page.read("127.0.0.1", OBSERVER, headers={name: "203.0.113.1"}).status == 200


def test_a_trusted_web_server_says_who_asks() -> None:
    page = Page(Clock(), proxies=("127.0.0.1/32",))
    assert page.read("127.0.0.1", headers={"X-Forwarded-For": "203.0.113.1"}).status == 401
    assert page.read("127.0.0.1", headers={"X-Forwarded-For": "192.0.2.3"}).status == 200


def test_wrong_tokens_are_metered_here_too() -> None:
    page = Page(Clock())
    statuses = [page.read("203.0.113.1", f"wrong-token-{number:020}").status for number in range(30)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


# the dashboard and the alerts


def expressions() -> Iterator[tuple[str, str]]:
    """Where, and what is asked for there."""
    dashboard = json.loads((ETC / "grafana-dashboard.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def known(gateway: Gateway) -> dict[str, set[str]]:
    """Every series with its labels."""
    found: dict[str, set[str]] = {name: set(labels) for name, labels in OF_PROCESS.items()}
    for metric in gateway.metrics:
        if metric.kind is Kind.HISTOGRAM:
            for suffix in ("_bucket", "_sum", "_count"):
                found[metric.name + suffix] = {*metric.labels, *(["le"] if suffix == "_bucket" else [])}
        else:
            found[metric.name] = set(metric.labels)
    return found


def asked(expression: str) -> Iterator[tuple[str, set[str]]]:
    """The series that an expression names, and the labels that it names with each, or anywhere."""
    grouped = {
        label.strip()
        for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression)
        for label in labels.split(",")
    }
    for name, selector in re.findall(
        r"\b([a-z][a-z0-9]*_[a-z0-9_]+|up)\b\s*(\{[^}]*\})?", re.sub(r'"[^"]*"', '""', expression)
    ):
        if name in {"histogram_quantile", "group_left"} or name.startswith("$"):
            continue
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) | grouped


def check(where: str, expression: str, series: Mapping[str, set[str]]) -> None:
    names = list(asked(expression))
    assert names, f"{where}: {expression} names no metric"
    for name, _ in names:
        assert name in series, f"{where}: there is no {name}"
    everywhere = {"job", "instance"}.union(*(series[name] for name, _ in names))
    for name, labels in names:
        assert labels <= everywhere, f"{where}: {name} has no {labels - everywhere}"


def test_the_dashboard_asks_for_what_there_is(gateway: Gateway) -> None:
    series = known(gateway)
    for where, expression in expressions():
        check(where, expression, series)
    shown = {name for _, expression in expressions() for name, _ in asked(expression)}
    assert (
        not {name for name in series if not name.endswith(("_sum", "_count", "_bucket"))}
        - shown
        - {"process_max_fds"}
    )


def test_the_dashboard_can_be_imported_and_explains_itself() -> None:
    dashboard = json.loads((ETC / "grafana-dashboard.json").read_text("utf-8"))
    (source, *_) = dashboard["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    panels = dashboard["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Overview",
        "SIP",
        "XMPP",
        "Store",
        "Process",
    ]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"


def test_prometheus_understands_the_alerts_and_every_expression_of_the_dashboard(
    gateway: Gateway, tmp_path: Path
) -> None:
    asked_for = tmp_path / "dashboard.yml"
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, (_, expression) in enumerate(expressions())
    ]
    asked_for.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    alerts = ETC / "prometheus-rules.yml"
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", str(alerts), str(asked_for)],
        capture_output=True,
        check=False,
        timeout=20,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    series = known(gateway)
    folded = re.sub(r"\n {10,}", " ", alerts.read_text("utf-8").replace(">-", ""))
    found = re.findall(r"alert: (\w+)\n\s+expr:\s+(.+)", folded)
    assert len(found) == 12
    for where, expression in found:
        check(where, expression, series)


def test_what_is_told_of_states_adds_up(gateway: Gateway) -> None:
    class Package:
        name = "presence"

    class Subscription:
        package = Package()
        stated: Standing | None = None

    tally = gateway.notifier.tally
    first, second = Subscription(), Subscription()
    tally.begun(first)
    tally.begun(second)
    tally.told(first, Standing.PENDING)
    tally.told(first, Standing.ACTIVE)
    assert gateway.metrics.value("sip2xmpp_dialogs", state="active") == 1
    assert gateway.metrics.value("sip2xmpp_dialogs", state="waiting") == 1
    tally.ended(first)
    tally.ended(second)
    assert gateway.metrics.value("sip2xmpp_dialogs") == 0
    tally.sent(1.0, 1e6)
    assert gateway.metrics.value("sip2xmpp_notify_latency_seconds") == 0


def test_a_histogram_has_a_bucket_for_everything(gateway: Gateway) -> None:
    metric = histogram("sip2xmpp_x_seconds", "Nothing.", lambda: gateway.notifier.tally.latency)
    gateway.notifier.tally.sent(1.0, 60.0)
    ((_, value),) = metric.read()
    assert value.cumulative()[-1] == (float("inf"), 1)
