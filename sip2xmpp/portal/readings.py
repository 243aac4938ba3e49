"""Which numbers of the gateway have which names: the table behind ``/metrics``, one function for each side.

Names follow the conventions of Prometheus: ``sip2xmpp_`` and what is counted, base units, ``_total`` for what only grows.  The texts
say what a number means and, where it is not plain, what to do when it grows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from sip2xmpp import __version__
from sip2xmpp.bridge.traced import Mappings
from sip2xmpp.events.notifier import Notifier
from sip2xmpp.events.subscriber import RemotePresentities
from sip2xmpp.portal.metrics import Metric, Values, counter, counters, gauge, gauges, histogram
from sip2xmpp.portal.tallies import Heartbeat, TableTally
from sip2xmpp.portal.traffic import Traffic
from sip2xmpp.presence.directory import Directory
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.counters import METHODS, OTHER, as_in_cseq
from sip2xmpp.sip.dns import CachingDns
from sip2xmpp.sip.transport import Transports
from sip2xmpp.store.interface import Store
from sip2xmpp.tracing import Tracer
from sip2xmpp.xmpp.link import ComponentLink

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "6xx")

_METHODS = (*METHODS, OTHER)


def presence_metrics(
    store: Store, notifier: Notifier, remote: RemotePresentities, tracer: Tracer, mappings: Mappings
) -> list[Metric]:
    """Who watches whom, and how well that goes."""
    publications = TableTally(store.publications, lambda record: (record.package,))
    authorizations = TableTally(store.authorizations, lambda record: (record.side.value, record.state.value))
    waiting = TableTally(store.waiting, lambda record: (record.package,))

    def dialogs() -> Values:
        for package, state, count in notifier.tally.states():
            yield ("notifier", package, state), count
        phases = Counter(remote.phases())
        for phase, count in phases.items():
            yield ("subscriber", "presence", phase.value), count

    return [
        gauges(
            "sip2xmpp_dialogs",
            "Subscriptions by the side that we are (notifier: SIP users watch here; subscriber: we watch elsewhere), event package, "
            "and what the watcher was told last (waiting: nothing yet).",
            ("role", "package", "state"),
            dialogs,
        ),
        histogram(
            "sip2xmpp_notify_latency_seconds",
            "From a change being known to its NOTIFY being given to the transport; what a watcher asked to be told later is not "
            "counted. Fan-outs are paced, so many watchers of one presentity make this grow.",
            lambda: notifier.tally.latency,
        ),
        gauges(
            "sip2xmpp_publications",
            "Publications that are in force, by event package.",
            ("package",),
            publications.counts.items,
        ),
        gauges(
            "sip2xmpp_authorizations",
            "Presence authorizations that involve a Jabber user, by which side watches and whether the other has agreed.",
            ("side", "state"),
            authorizations.counts.items,
        ),
        gauges(
            "sip2xmpp_waiting_watchers",
            "Watchers about whom the owner has not decided, by event package.",
            ("package",),
            waiting.counts.items,
        ),
        gauge("sip2xmpp_accounts", "SIP users of our domains.", lambda: len(store.accounts)),
        gauge("sip2xmpp_registrations", "Registered contacts.", lambda: len(store.bindings)),
        gauge(
            "sip2xmpp_statements",
            "Injected and permanent presence that is in force or will be.",
            lambda: len(store.statements),
        ),
        counters(
            "sip2xmpp_mappings_checked_total",
            "Presences that were compared with what became of them in the other world, by direction; at most one in a second is.",
            ("direction",),
            lambda: [((direction,), count) for direction, count in mappings.checked.items()],
        ),
        counters(
            "sip2xmpp_mapping_losses_total",
            "Compared presences that said something the other world has no place for, by direction and kind. Divide by "
            "sip2xmpp_mappings_checked_total; `sip2xmpp trace` shows what it was.",
            ("direction", "kind"),
            mappings.lost.items,
        ),
        gauge("sip2xmpp_traced_pairs", "Pairs that operators trace now.", lambda: len(tracer)),
    ]


def asking_metrics(counts: Callable[[], Mapping[str, int]]) -> list[Metric]:
    """Whom we ask by subscriptions of our own; ``counts`` are those of ``/health``."""
    return [
        gauge(
            "sip2xmpp_asked_phones",
            "Registered phones that we subscribe to, to know what they do not publish.",
            lambda: counts()["asked_phones"],
        ),
        gauge(
            "sip2xmpp_followed_users",
            "Users whose registrations another registrar tells us of.",
            lambda: counts()["followed_users"],
        ),
    ]


def sip_metrics(transports: Transports, agent: UserAgent) -> list[Metric]:
    """What is on the wire of SIP."""
    count = transports.counters

    def requests() -> Values:
        for method in _METHODS:
            yield ("in", method), count.incoming[method][0]
            yield ("out", method), count.outgoing[as_in_cseq(method)][0]

    def responses() -> Values:
        for method in _METHODS:
            for direction, row in (
                ("out", count.incoming[method]),
                ("in", count.outgoing[as_in_cseq(method)]),
            ):
                for number, name in enumerate(CLASSES, 1):
                    if row[number]:
                        yield (direction, method, name), row[number]

    def transactions() -> Values:
        of_ours, of_others = agent.transactions
        return [(("client",), of_ours), (("server",), of_others)]

    return [
        counters(
            "sip2xmpp_sip_messages_total",
            "SIP messages on the wire by direction, repetitions included.",
            ("direction",),
            lambda: [(("in",), count.received), (("out",), count.sent)],
        ),
        counters(
            "sip2xmpp_sip_requests_total",
            "Requests that began a transaction, by direction and method; repetitions and what was refused unread are not counted.",
            ("direction", "method"),
            requests,
        ),
        counters(
            "sip2xmpp_sip_responses_total",
            "Final responses by direction, method and class of the status.",
            ("direction", "method", "class"),
            responses,
        ),
        gauges(
            "sip2xmpp_sip_transactions",
            "Transactions that wait for their final response: client ones are our requests, server ones those of others.",
            ("side",),
            transactions,
        ),
        counter(
            "sip2xmpp_sip_retransmissions_total",
            "Messages that a timer or a repeated request made us send again. Growth means that datagrams are lost or peers are slow.",
            lambda: count.retransmitted,
        ),
        counter(
            "sip2xmpp_sip_absorbed_total",
            "Repeated requests that met their transaction: others did not hear our answer in time.",
            lambda: count.absorbed,
        ),
        counter(
            "sip2xmpp_sip_timeouts_total",
            "Our requests that never saw a final response.",
            lambda: count.timeouts,
        ),
        counter(
            "sip2xmpp_sip_dropped_total",
            "Messages that went nowhere: strays, unanswerable ones, what a full buffer refused.",
            lambda: count.dropped,
        ),
        counter(
            "sip2xmpp_sip_parse_failures_total",
            "Messages that are not SIP, whether answered or not.",
            lambda: count.malformed,
        ),
        counter("sip2xmpp_sip_keepalives_total", "Pings of any kind.", lambda: count.keepalives),
        counter(
            "sip2xmpp_sip_refused_total",
            "Requests and connections over a limit.",
            lambda: count.refused,
        ),
        counter(
            "sip2xmpp_sip_shed_total",
            "Requests answered 503 because of an overload.",
            lambda: count.shed,
        ),
        gauge(
            "sip2xmpp_sip_overload_level",
            "How much is refused now: 0 nothing, 1 what begins something, 2 changes as well, 3 everything.",
            lambda: int(transports.overload.level),
        ),
        counter(
            "sip2xmpp_sip_kernel_drops_total",
            "Datagrams that found no room in the receive buffer: raise net.core.rmem_max.",
            lambda: transports.receive_buffer_drops() or 0,
        ),
        gauge("sip2xmpp_sip_connections", "Open TCP and TLS connections.", transports.connections),
    ]


def xmpp_metrics(links: Callable[[], Iterable[tuple[str, ComponentLink]]]) -> list[Metric]:
    """The component links, each by the name that ``/health`` gives it."""

    def each(read: Callable[[ComponentLink], float]) -> Callable[[], Values]:
        return lambda: [((name,), read(link)) for name, link in links()]

    def stanzas() -> Values:
        for name, link in links():
            yield (name, "in"), link.counters.received
            yield (name, "out"), link.counters.sent

    return [
        gauges(
            "sip2xmpp_xmpp_link_up",
            "Whether the XMPP server takes stanzas of a component domain: 1 or 0. /health says why it does not.",
            ("domain",),
            each(lambda link: int(link.is_up)),
        ),
        counters(
            "sip2xmpp_xmpp_connects_total",
            "Times that a component link came up.",
            ("domain",),
            each(lambda link: link.counters.connected),
        ),
        counters(
            "sip2xmpp_xmpp_losses_total",
            "Times that a component link was lost.",
            ("domain",),
            each(lambda link: link.counters.lost),
        ),
        counters(
            "sip2xmpp_xmpp_stanzas_total",
            "Stanzas by component domain and direction.",
            ("domain", "direction"),
            stanzas,
        ),
        counters(
            "sip2xmpp_xmpp_unsent_total",
            "Stanzas that could not be said because the link was down; their states are said again when it is up.",
            ("domain",),
            each(lambda link: link.counters.unsent),
        ),
        counters(
            "sip2xmpp_xmpp_refused_total",
            "Stanzas that we did not send because the server would have ended the stream.",
            ("domain",),
            each(lambda link: link.counters.refused),
        ),
    ]


def store_metrics(store: Store) -> list[Metric]:
    """The state file."""
    measures = store.measures
    return [
        histogram(
            "sip2xmpp_store_commit_seconds",
            "How long transactions of the state file take; answers to PUBLISH, SUBSCRIBE and REGISTER wait for them.",
            lambda: measures.commits,
        ),
        histogram(
            "sip2xmpp_store_commit_changes",
            "How many changes share a transaction; it grows with the load.",
            lambda: measures.changes,
        ),
        counter(
            "sip2xmpp_store_failures_total",
            "Transactions that failed and are tried again: is the disk full?",
            lambda: measures.failures,
        ),
    ]


def dns_metrics(dns: CachingDns, directory: Directory) -> list[Metric]:
    """Names and what is remembered of them."""
    return [
        counters(
            "sip2xmpp_dns_questions_total",
            "Questions about names, by whether the cache could answer.",
            ("result",),
            lambda: [(("hit",), dns.hits), (("miss",), dns.misses)],
        ),
        counter(
            "sip2xmpp_dns_failures_total",
            "Questions that no name server could answer.",
            lambda: dns.failures,
        ),
        gauge("sip2xmpp_dns_cache_entries", "Answers that are remembered.", lambda: len(dns)),
        gauge(
            "sip2xmpp_domains_known",
            "Foreign domains of which it is remembered which protocol they speak.",
            lambda: len(directory),
        ),
    ]


def http_metrics(traffic: Traffic, store: Store) -> list[Metric]:
    """Pages and the API."""
    return [
        counters(
            "sip2xmpp_http_requests_total",
            "HTTP requests that were answered, by the first part of the path and the class of the status.",
            ("route", "class"),
            traffic.answered.items,
        ),
        gauge("sip2xmpp_sessions", "People who are signed in on the pages.", lambda: len(store.sessions)),
    ]


def process_metrics(heartbeat: Heartbeat, started_at: float) -> list[Metric]:
    """The process, beside what the library tells of it."""
    return [
        gauges(
            "sip2xmpp_info",
            "Which version this is; the value is 1.",
            ("version",),
            lambda: [((__version__,), 1)],
        ),
        gauge(
            "sip2xmpp_started_timestamp_seconds",
            "When the gateway began to serve, Unix time.",
            lambda: started_at,
        ),
        histogram(
            "sip2xmpp_event_loop_delay_seconds",
            "How late the reactor is for an appointment in every second; everybody's messages wait as long.",
            lambda: heartbeat.lateness,
        ),
    ]
