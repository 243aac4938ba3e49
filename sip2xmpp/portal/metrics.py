"""``GET /metrics``: the numbers of the gateway for a monitoring system.

A ``Metric`` is one row of a table: a name, what it means, and where the numbers are read when somebody asks.  What is counted is
counted in plain integers by whoever does the work; only here are they given names and written down, so a scrape costs something
and a message hardly anything.  Labels have few values, and none that strangers choose.

Networks that the operator names may read without a token, the machine itself by default; everybody else needs a token that may
``observe``.  Who comes through a web server in between that is not trusted needs one as well: every request of such a server comes
from the machine itself.

Implements: Prometheus text format 0.0.4 and OpenMetrics 1.0.0 as prometheus_client writes them; RFC 9110 (GET and HEAD).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Any, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from twisted.web.resource import Resource
from twisted.web.server import Request

from sip2xmpp.measuring import Histogram
from sip2xmpp.portal.bounds import Networks, is_within
from sip2xmpp.portal.problems import PROBLEM, Problem
from sip2xmpp.portal.tokens import Right, Tokens

BETWEEN: Final = ("forwarded", "x-forwarded-for", "via", "x-real-ip")
"""Header fields of a request that a web server has passed on."""

Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]


class Kind(Enum):
    """What may be done with a number."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One name with all its values; ``read`` gives the values of the ``labels`` and the number, or the ``Histogram``."""

    name: str
    help: str
    kind: Kind
    labels: Labels
    read: Callable[[], Iterable[tuple[Labels, Any]]]


def gauge(name: str, about: str, read: Callable[[], float]) -> Metric:
    """A level."""
    return Metric(name=name, help=about, kind=Kind.GAUGE, labels=(), read=lambda: [((), read())])


def gauges(name: str, about: str, labels: Labels, read: Callable[[], Values]) -> Metric:
    """Levels, told apart by labels."""
    return Metric(name=name, help=about, kind=Kind.GAUGE, labels=labels, read=read)


def counter(name: str, about: str, read: Callable[[], float]) -> Metric:
    """What only grows; the name ends in ``_total``."""
    return Metric(name=name, help=about, kind=Kind.COUNTER, labels=(), read=lambda: [((), read())])


def counters(name: str, about: str, labels: Labels, read: Callable[[], Values]) -> Metric:
    """The same, told apart by labels."""
    return Metric(name=name, help=about, kind=Kind.COUNTER, labels=labels, read=read)


def histogram(name: str, about: str, read: Callable[[], Histogram]) -> Metric:
    """How many were how long or large."""
    return Metric(name=name, help=about, kind=Kind.HISTOGRAM, labels=(), read=lambda: [((), read())])


class Metrics(Collector):
    """All of them, and those of the process that the library knows."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = {metric.name: metric for metric in metrics}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        for of_process in (ProcessCollector, PlatformCollector, GCCollector):
            of_process(registry=self._registry)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._metrics.values())

    def collect(self) -> Iterator[Family]:
        """The library's name for reading everything."""
        return map(_family, self._metrics.values())

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Everything in the form that is wanted, and its media type."""
        encode, media = choose_encoder(accept)
        return encode(self._registry), media

    def value(self, name: str, **labels: str) -> float:
        """The sum of the values of a metric that have these labels; of a histogram, how many there were."""
        metric = self._metrics[name]
        places = [(metric.labels.index(label), value) for label, value in labels.items()]
        found = (
            value
            for present, value in metric.read()
            if all(present[place] == wanted for place, wanted in places)
        )
        return float(sum(each.count if isinstance(each, Histogram) else each for each in found))


def _family(metric: Metric) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        made = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in metric.read():
            buckets = [(_bound(bound), count) for bound, count in value.cumulative()]
            made.add_metric(labels, buckets, value.total)
        return made
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in metric.read():
        family.add_metric(labels, value)
    return family


def _bound(bound: float) -> str:
    return "+Inf" if bound == inf else str(bound)


class MetricsPage(Resource):
    """The resource.  ``networks`` may read without a token."""

    isLeaf = True

    def __init__(self, metrics: Metrics, tokens: Tokens, networks: Networks) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.networks = networks
        self._metrics = metrics
        self._tokens = tokens

    def render(self, request: Request) -> bytes:
        """Twisted's name for answering any method."""
        try:
            if request.method not in (b"GET", b"HEAD"):
                raise Problem(405, "only GET and HEAD can be done here", headers={"Allow": "GET, HEAD"})
            self._admit(request)
        except Problem as problem:
            request.setResponseCode(problem.status)
            for name, value in problem.headers.items():
                request.setHeader(name, value)  # type: ignore[no-untyped-call]
            return _typed(request, problem.octets(), PROBLEM)
        accept = (request.getHeader(b"accept") or b"").decode("latin-1")
        return _typed(request, *self._metrics.exposition(accept))

    def _admit(self, request: Request) -> None:
        client = request.getClientAddress()  # type: ignore[no-untyped-call]
        peer = str(getattr(client, "host", ""))
        between = any(request.requestHeaders.hasHeader(name) for name in BETWEEN)
        # What a trusted web server said was believed already, and the client is another address then.
        is_direct = not between or client != request.client
        if is_direct and is_within(peer, self.networks):
            return
        said = request.getHeader(b"authorization")
        authorization = None if said is None else said.decode("latin-1")
        self._tokens.of(authorization, peer).check_everywhere(Right.OBSERVE)


def _typed(request: Request, octets: bytes, media: str) -> bytes:
    request.setHeader("content-type", media)  # type: ignore[no-untyped-call]
    request.setHeader("cache-control", "no-store")  # type: ignore[no-untyped-call]
    request.setHeader("x-content-type-options", "nosniff")  # type: ignore[no-untyped-call]
    request.setHeader("content-length", str(len(octets)))  # type: ignore[no-untyped-call]
    return b"" if request.method == b"HEAD" else octets
