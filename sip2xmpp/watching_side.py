"""What watches the gateway while it works, built and joined: traces of pairs, metrics, the history of counters; see ``assembly``.

``Watching`` comes before everything that is watched, ``watching_side`` after it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sip2xmpp.bridge.traced import Mappings, StanzaTap
from sip2xmpp.config import Config
from sip2xmpp.events.tally import Tally
from sip2xmpp.events.traced import SipTap
from sip2xmpp.operating_side import Seen
from sip2xmpp.own_side import OwnSide
from sip2xmpp.portal.history import History, Line
from sip2xmpp.portal.history import Kind as LineKind
from sip2xmpp.portal.metrics import Metrics, MetricsPage
from sip2xmpp.portal.operations import Operation
from sip2xmpp.portal.pairs import Pairs, jids_of
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
from sip2xmpp.portal.tallies import Heartbeat
from sip2xmpp.portal.tokens import Tokens
from sip2xmpp.portal.traffic import Traffic
from sip2xmpp.portal.watching_operations import WatchingOperations
from sip2xmpp.presence.directory import Directory
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.transport import Transports
from sip2xmpp.store.interface import Store
from sip2xmpp.tracing import Tracer
from sip2xmpp.xmpp.link import ComponentLink


class Watching:
    """What those who are watched are given."""

    def __init__(self, reactor: Any) -> None:
        self.tracer = Tracer(reactor)
        self.mappings = Mappings(self.tracer, reactor)
        self.tally = Tally(self.tracer)


@dataclass(slots=True, kw_only=True)
class WatchingSide:
    """What operators and their machines look at."""

    tracer: Tracer
    pairs: Pairs
    metrics: Metrics
    page: MetricsPage
    history: History
    traffic: Traffic
    heartbeat: Heartbeat

    def operations(self) -> list[Operation]:
        """What the API has of it."""
        return WatchingOperations(self.pairs, self.history).operations()

    def start(self) -> None:
        """Begin to measure in time."""
        self.heartbeat.start()
        self.history.start()

    def stop(self) -> None:
        """Measure no more, trace nothing."""
        self.heartbeat.stop()
        self.history.stop()
        self.tracer.stop()


def watching_side(
    config: Config,
    store: Store,
    reactor: Any,
    watching: Watching,
    *,
    own: OwnSide,
    directory: Directory,
    transports: Transports,
    agent: UserAgent,
    tokens: Tokens,
    seen: Seen,
) -> WatchingSide:
    """Join what is watched with those who look."""
    tracer, addressing = watching.tracer, own.policies.addressing
    xmpp = seen.xmpp

    def links() -> Iterator[tuple[str, ComponentLink]]:
        if xmpp is None:
            return
        for number, link in enumerate(xmpp.links):
            name = link.domain
            yield (f"{name} #{number}" if number >= len(xmpp.links.domains) else name), link

    _tap(
        tracer,
        transports,
        links,
        SipTap(tracer, partial(addressing.address_of_uri, remember=False)),
        StanzaTap(tracer, addressing.address_of_jid),
    )
    traffic, heartbeat = Traffic(), Heartbeat(reactor)
    metrics = Metrics(
        [
            *process_metrics(heartbeat, reactor.seconds()),
            *presence_metrics(store, seen.notifier, seen.remote, tracer, watching.mappings),
            *asking_metrics(seen.counts),
            *sip_metrics(transports, agent),
            *xmpp_metrics(links),
            *store_metrics(store),
            *dns_metrics(seen.dns, directory),
            *http_metrics(traffic, store),
        ]
    )
    return WatchingSide(
        tracer=tracer,
        pairs=Pairs(
            tracer=tracer,
            store=store,
            directory=directory,
            explaining=own.explaining,
            exists=own.addresses.exists,
            reports=[seen.notifier.reports, seen.remote.reports],
            forms=partial(jids_of, jid_of=addressing.jid_of),
            links=lambda: seen.legs()["xmpp"].get("links", {}),
            now=reactor.seconds,
        ),
        metrics=metrics,
        page=MetricsPage(metrics, tokens, () if config.http is None else config.http.metrics),
        history=History(lines_of(metrics), reactor),
        traffic=traffic,
        heartbeat=heartbeat,
    )


def _tap(tracer: Tracer, transports: Transports, links: Any, sip: SipTap, stanzas: StanzaTap) -> None:
    """Nobody looks at messages while nothing is traced."""

    def switched(on: bool) -> None:
        transports.tap = sip if on else None
        for _, link in links():
            link.tap = stanzas if on else None

    tracer.listen(switched)


_LINES: Final[Sequence[tuple[str, str, str, LineKind, str, Mapping[str, str]]]] = (
    ("dialogs", "Subscriptions", "", LineKind.LEVEL, "sip2xmpp_dialogs", {"role": "notifier"}),
    ("publications", "Publications", "", LineKind.LEVEL, "sip2xmpp_publications", {}),
    ("registrations", "Registrations", "", LineKind.LEVEL, "sip2xmpp_registrations", {}),
    ("subscribe", "SUBSCRIBE received", "1/s", LineKind.RATE, "sip2xmpp_sip_requests_total", {"direction": "in", "method": "SUBSCRIBE"}),
    ("publish", "PUBLISH received", "1/s", LineKind.RATE, "sip2xmpp_sip_requests_total", {"direction": "in", "method": "PUBLISH"}),
    ("notify", "NOTIFY sent", "1/s", LineKind.RATE, "sip2xmpp_sip_requests_total", {"direction": "out", "method": "NOTIFY"}),
    ("sip_in", "SIP messages received", "1/s", LineKind.RATE, "sip2xmpp_sip_messages_total", {"direction": "in"}),
    ("sip_out", "SIP messages sent", "1/s", LineKind.RATE, "sip2xmpp_sip_messages_total", {"direction": "out"}),
    ("retransmissions", "SIP retransmissions", "1/s", LineKind.RATE, "sip2xmpp_sip_retransmissions_total", {}),
    ("shed", "Requests refused by overload", "1/s", LineKind.RATE, "sip2xmpp_sip_shed_total", {}),
    ("stanzas_in", "XMPP stanzas received", "1/s", LineKind.RATE, "sip2xmpp_xmpp_stanzas_total", {"direction": "in"}),
    ("stanzas_out", "XMPP stanzas sent", "1/s", LineKind.RATE, "sip2xmpp_xmpp_stanzas_total", {"direction": "out"}),
    ("commits", "Store commits", "1/s", LineKind.RATE, "sip2xmpp_store_commit_seconds", {}),
    ("http", "HTTP requests", "1/s", LineKind.RATE, "sip2xmpp_http_requests_total", {}),
)  # fmt: skip
"""The lines of the charts: name, title, unit, kind, and the metric with the labels that count."""


def lines_of(metrics: Metrics) -> list[Line]:
    """The lines that are read from ``metrics``."""
    return [
        Line(name=name, title=title, unit=unit, kind=kind, read=partial(metrics.value, metric, **labels))
        for name, title, unit, kind, metric, labels in _LINES
    ]
