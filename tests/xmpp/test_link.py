"""The component link against a server in memory, on a virtual clock."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.words.xish.domish import Element

from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.link import ADVICE, MAX_SENT, ComponentLink, Timing
from sip2xmpp.xmpp.links import Links
from sip2xmpp.xmpp.messages import ChatMessage
from sip2xmpp.xmpp.prepared import Prepared, prepared_presence, recipient_of
from sip2xmpp.xmpp.stanzas import message_stanza, presence_stanza
from tests.xmpp.memory import MemoryServer, settle

DOMAIN = "sip.example.org"
TIMING = Timing()
HELLO = presence_stanza(f"bob@{DOMAIN}", "juliet@jabber.example", type_="subscribe")


class Told:
    """A link listener that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []

    def link_up(self, domain: str) -> None:
        self.events.append(("up", domain))

    def link_down(self, domain: str, why: str) -> None:
        self.events.append(("down", domain, why))


class Rig:
    def __init__(self, clock: Clock, **options: Any) -> None:
        self.clock = clock
        self.server = MemoryServer(clock, {DOMAIN: "s3cret"})
        self.told = Told()
        self.stanzas: list[Element] = []
        options = {"domain": DOMAIN, "secret": "s3cret", "jitter": lambda: 1.0, **options}
        self.link = ComponentLink(endpoint=self.server.endpoint(), clock=clock, **options)
        self.link.attach(receive=self.stanzas.append, listener=self.told)
        self.service = self.link.service()

    def start(self) -> "Rig":
        self.service.startService()
        settle(self.clock)
        return self

    def advance(self, seconds: float) -> None:
        """Let time pass second by second, as a reactor would."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            settle(self.clock)


@pytest.fixture
def rig(clock: Clock) -> Rig:
    return Rig(clock)


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def errors_in(events: list[LogEvent]) -> list[LogEvent]:
    return [event for event in events if event["log_level"] >= LogLevel.error]


def test_a_link_comes_up_after_the_handshake_and_says_so(rig: Rig) -> None:
    assert not rig.link.is_up
    rig.start()
    assert rig.link.is_up
    assert rig.told.events == [("up", DOMAIN)]
    assert rig.server.components == {DOMAIN}


def test_stanzas_go_both_ways(rig: Rig) -> None:
    rig.start()
    assert rig.link.send(HELLO)
    rig.server.send(f"<presence from='juliet@jabber.example' to='bob@{DOMAIN}' type='subscribed'/>", DOMAIN)
    settle(rig.clock)
    assert [stanza["type"] for stanza in rig.server.received] == ["subscribe"]
    assert [stanza["type"] for stanza in rig.stanzas] == ["subscribed"]
    assert (rig.link.counters.sent, rig.link.counters.received) == (1, 1)


def test_nothing_is_queued_while_the_link_is_down(rig: Rig) -> None:
    assert not rig.link.send(HELLO)
    rig.start()
    rig.server.crash()
    settle(rig.clock)
    assert not rig.link.send(HELLO)
    rig.server.is_running = True
    rig.advance(5)
    assert rig.link.is_up
    assert not rig.server.received
    assert rig.link.counters.unsent == 2


def test_a_lost_connection_is_told_and_made_again(rig: Rig) -> None:
    rig.start()
    rig.server.pipes[0].loseConnection()
    settle(rig.clock)
    assert rig.told.events[1:] == [("down", DOMAIN, "the server closed the connection")]
    rig.advance(2)
    assert rig.told.events[2:] == [("up", DOMAIN)]
    assert rig.link.counters.connected == 2


def test_attempts_back_off_to_a_minute_and_start_anew_after_a_settled_link(rig: Rig) -> None:
    rig.server.is_running = False
    rig.start()
    rig.advance(400)
    waits = [
        later - earlier for earlier, later in zip(rig.server.attempts, rig.server.attempts[1:], strict=False)
    ]
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    rig.server.is_running = True
    rig.advance(60)
    assert rig.link.is_up
    rig.advance(TIMING.settled)
    rig.server.pipes[-1].loseConnection()
    settle(rig.clock)
    lost_at = rig.clock.seconds()
    rig.advance(2)
    assert rig.server.attempts[-1] - lost_at == 1


def test_a_server_that_accepts_and_drops_at_once_is_not_hammered(rig: Rig) -> None:
    rig.start()
    for _ in range(5):
        rig.server.pipes[-1].loseConnection()
        settle(rig.clock)
        rig.advance(40 if rig.link.is_up else 20)
        rig.server.pipes[-1].loseConnection()
        rig.advance(1)
    assert len(rig.server.attempts) <= 15


def test_jitter_shortens_a_wait_by_up_to_half(clock: Clock) -> None:
    rig = Rig(clock, jitter=lambda: 0.0)
    rig.server.is_running = False
    rig.start()
    clock.advance(0.5)
    assert len(rig.server.attempts) == 2


@pytest.mark.parametrize("condition", ["not-authorized", "host-unknown", "conflict"])
def test_a_refusal_is_reported_once_with_advice_and_retried_slowly(
    rig: Rig, logged: list[LogEvent], condition: str
) -> None:
    rig.server.stream_error = condition
    rig.start()
    assert rig.link.why_down == condition
    rig.advance(600)
    assert 5 <= len(rig.server.attempts) <= 11
    reports = errors_in(logged)
    assert [event["advice"] for event in reports] == [ADVICE[condition]]
    assert rig.told.events == []
    rig.server.stream_error = None
    rig.advance(121)
    assert rig.link.is_up and rig.link.why_down == ""


def test_a_wrong_secret_is_what_the_server_calls_not_authorized(clock: Clock, logged: list[LogEvent]) -> None:
    rig = Rig(clock, secret="wrong").start()
    assert rig.link.why_down == "not-authorized"
    assert not [event for event in logged if "wrong" in str(event)]


def test_a_refusal_after_the_link_was_up_is_reported_again(rig: Rig, logged: list[LogEvent]) -> None:
    rig.start()
    rig.server.end_stream(DOMAIN, "conflict")
    settle(rig.clock)
    assert rig.told.events[1:] == [("down", DOMAIN, "conflict")]
    assert rig.link.why_down == "conflict"
    assert len(errors_in(logged)) == 1
    rig.advance(60)
    assert len(rig.server.attempts) == 1


def test_it_knows_since_when_it_is_up_or_down(rig: Rig) -> None:
    begun = rig.clock.seconds()
    rig.clock.advance(5)
    assert rig.link.since == begun
    rig.start()
    assert rig.link.since == begun + 5
    rig.server.secrets.clear()
    rig.clock.advance(7)
    rig.server.end_stream(DOMAIN, "system-shutdown")
    rig.advance(20)
    assert not rig.link.is_up and begun + 12 <= rig.link.since <= begun + 13


def test_a_server_that_shuts_down_is_tried_again_soon(rig: Rig) -> None:
    rig.start()
    rig.server.end_stream(DOMAIN, "system-shutdown")
    rig.advance(2)
    assert rig.link.is_up
    assert rig.told.events[1] == ("down", DOMAIN, "system-shutdown")


def test_a_server_that_never_answers_the_handshake_is_given_up(rig: Rig) -> None:
    rig.server.answers_handshake = False
    rig.start()
    rig.advance(TIMING.handshake)
    assert rig.link.why_down == "the server does not answer the handshake"
    rig.server.answers_handshake = True
    rig.advance(5)
    assert rig.link.is_up


def test_a_quiet_line_is_pinged_and_the_answer_keeps_it(rig: Rig) -> None:
    rig.start()
    rig.advance(TIMING.keep_alive)  # the handshake was heard in the first minute
    assert rig.server.octets.endswith(b" ")
    rig.advance(TIMING.keep_alive)
    assert [stanza.firstChildElement().name for stanza in rig.stanzas] == ["ping"]
    rig.advance(600)
    assert rig.told.events == [("up", DOMAIN)]


def test_a_server_that_does_not_answer_a_ping_is_aborted(rig: Rig) -> None:
    rig.start()
    rig.server.pipes[0].reads = False
    rig.advance(2 * TIMING.keep_alive + TIMING.ping_timeout)
    assert rig.told.events[1] == ("down", DOMAIN, "the server does not answer")


def test_a_server_that_stops_reading_is_given_up_when_too_much_waits(rig: Rig) -> None:
    rig.start()
    rig.server.pipes[0].reads = False
    body = (("", "x" * 50_000),)
    stanza = message_stanza(
        ChatMessage(sender=f"bob@{DOMAIN}", recipient="juliet@jabber.example", bodies=body)
    )
    for _ in range(1000):
        rig.link.send(stanza)
    assert rig.link.is_up
    for _ in range(400):
        rig.link.send(stanza)
    settle(rig.clock)
    assert rig.told.events[1] == ("down", DOMAIN, "the server does not read")


def test_a_server_that_reads_again_gets_everything_in_order(rig: Rig) -> None:
    rig.start()
    rig.server.pipes[0].reads = False
    for number in range(2000):
        rig.link.send(
            presence_stanza(f"bob@{DOMAIN}", "juliet@jabber.example", type_="probe", id_=str(number))
        )
    rig.server.pipes[0].read_again()
    settle(rig.clock)
    assert [stanza["id"] for stanza in rig.server.received] == [str(number) for number in range(2000)]


@pytest.mark.parametrize(
    "xml",
    [
        "<presence from='bob@other.example' to='juliet@jabber.example'/>",
        "<presence from='bob@x.sip.example.org' to='juliet@jabber.example'/>",
        "<presence to='juliet@jabber.example'/>",
        "<presence to='juliet@jabber.example' from='bob@sip.example.org'/>",
        "<presence from='sip.example.org@other.example' to='juliet@jabber.example'/>",
        "<presence from='other.example/@sip.example.org' to='juliet@jabber.example'/>",
        f"<presence from='bob@{DOMAIN}' to='juliet@jabber.example'><status>\x01</status></presence>",
        f"<presence from='bob@{DOMAIN}' to='juliet@jabber.example'><status>\ud800</status></presence>",
        f"<message from='bob@{DOMAIN}' to='juliet@jabber.example'><body>{'x' * MAX_SENT}</body></message>",
        "",
    ],
)
def test_what_would_cost_the_stream_is_not_sent(rig: Rig, logged: list[LogEvent], xml: str) -> None:
    rig.start()
    assert not rig.link.send(xml)
    settle(rig.clock)
    assert rig.link.is_up and not rig.server.received
    assert rig.link.counters.refused == 1
    assert len(errors_in(logged)) == 1


def test_a_prepared_stanza_goes_to_each_recipient(rig: Rig) -> None:
    rig.start()
    stanza = prepared_presence(f"bob@{DOMAIN}/desk", DOMAIN, Availability())
    goals = ["juliet@jabber.example", "o'hara@jabber.example", "nurse@jabber.example"]
    assert all(rig.link.send_prepared(stanza, recipient_of(jid)) for jid in goals)
    settle(rig.clock)
    assert [received["to"] for received in rig.server.received] == goals
    assert rig.link.counters.sent == 3


@pytest.mark.parametrize(
    "stanza",
    [
        prepared_presence("bob@other.example", DOMAIN, Availability()),
        Prepared(DOMAIN, f"<presence from='bob@{DOMAIN}' to='".encode(), b"'>\x01</presence>"),
        Prepared(
            DOMAIN, f"<presence from='bob@{DOMAIN}' to='".encode(), b"'>%b</presence>" % (b"x" * MAX_SENT)
        ),
    ],
)
def test_a_prepared_stanza_is_looked_at_as_well(rig: Rig, logged: list[LogEvent], stanza: Prepared) -> None:
    rig.start()
    good = prepared_presence(f"bob@{DOMAIN}", DOMAIN, Availability())
    assert rig.link.send_prepared(good, b"juliet@jabber.example")
    assert not rig.link.send_prepared(stanza, b"juliet@jabber.example")
    assert not rig.link.send_prepared(stanza, b"juliet@jabber.example")
    settle(rig.clock)
    assert rig.link.is_up and len(rig.server.received) == 1
    assert rig.link.counters.refused == len(errors_in(logged)) == 2


@pytest.mark.parametrize("jid", [DOMAIN, f"{DOMAIN}/x@y", f"bob@{DOMAIN}", f"bob@{DOMAIN}/it's / @ me"])
def test_every_address_of_the_domain_may_send(rig: Rig, jid: str) -> None:
    rig.start()
    assert rig.link.send(presence_stanza(jid, "juliet@jabber.example", type_="probe"))
    settle(rig.clock)
    assert [stanza["from"] for stanza in rig.server.received] == [jid]


@pytest.mark.parametrize(
    "xml",
    [
        "<!-- x --><presence/>",
        "<?php x?><presence/>",
        "<presence>&unknown;</presence>",
        "<presence></message>",
        f"<message from='a@jabber.example' to='b@{DOMAIN}'><body>{'x' * 1_300_000}</body></message>",
    ],
)
def test_a_server_that_sends_what_xmpp_forbids_is_left(rig: Rig, xml: str) -> None:
    rig.start()
    rig.server.send(xml, DOMAIN)
    settle(rig.clock)
    assert rig.told.events[1][:2] == ("down", DOMAIN)
    assert "malformed XML" in rig.told.events[1][2]
    rig.advance(3)
    assert rig.link.is_up


def test_a_sender_of_too_many_elements_does_not_cost_all_others_the_link(rig: Rig) -> None:
    rig.start()
    flood = "<a/>" * 20_000
    rig.server.send(f"<message from='a@jabber.example' to='b@{DOMAIN}'>{flood}</message>", DOMAIN)
    rig.server.send(f"<message from='c@jabber.example' to='b@{DOMAIN}'><body>x</body></message>", DOMAIN)
    settle(rig.clock)
    assert rig.link.is_up and len(rig.told.events) == 1
    assert [stanza["from"] for stanza in rig.stanzas] == ["c@jabber.example"]


def test_a_document_type_is_refused_before_the_handshake(clock: Clock) -> None:
    rig = Rig(clock)
    rig.server.answers_handshake = False
    rig.service.startService()
    rig.server.pipes[0].write(b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>")
    settle(clock)
    assert "malformed XML" in rig.link.why_down


def test_stopping_ends_the_stream_in_order(rig: Rig) -> None:
    rig.start()
    stopped: list[object] = []
    rig.service.stopService().addCallback(stopped.append)
    assert not rig.link.send(HELLO)
    settle(rig.clock)
    assert stopped == [None]
    assert rig.server.octets.endswith(b"</stream:stream>")
    assert rig.told.events[1] == ("down", DOMAIN, "stopped")
    assert not rig.clock.getDelayedCalls()


def test_a_listener_that_fails_harms_neither_the_link_nor_its_end(rig: Rig, logged: list[LogEvent]) -> None:
    class Broken:
        def link_up(self, domain: str) -> None:
            raise KeyError(domain)

        def link_down(self, domain: str, why: str) -> None:
            raise KeyError(why)

    rig.link.attach(receive=rig.stanzas.append, listener=Broken())
    rig.start()
    assert rig.link.is_up
    stopped: list[object] = []
    rig.service.stopService().addCallback(stopped.append)
    settle(rig.clock)
    assert stopped == [None]
    assert [event["log_failure"].type for event in errors_in(logged)] == [KeyError, KeyError]


def test_stanzas_of_another_component_are_taken_and_reported_once(rig: Rig, logged: list[LogEvent]) -> None:
    rig.start()
    for _ in range(3):
        rig.server.send("<presence from='juliet@jabber.example' to='bob@gw.example.org'/>", DOMAIN)
    settle(rig.clock)
    assert len(rig.stanzas) == 3
    assert len([event for event in logged if "global_routes" in str(event["log_format"])]) == 1


def test_what_the_server_says_of_the_end_is_reported(rig: Rig, logged: list[LogEvent]) -> None:
    rig.start()
    rig.server.send(
        "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>too fast</text></stream:error>",
        DOMAIN,
    )
    settle(rig.clock)
    (event,) = [event for event in logged if event["log_level"] is LogLevel.warn]
    assert (event["why"], event["detail"]) == ("policy-violation", " (too fast)")


def test_stopping_does_not_wait_for_a_server_that_does_not_read(rig: Rig) -> None:
    rig.start()
    rig.server.pipes[0].reads = False
    stopped: list[object] = []
    rig.service.stopService().addCallback(stopped.append)
    rig.advance(TIMING.closing)
    assert stopped == [None]
    assert not rig.clock.getDelayedCalls()


def prepare_nothing(rig: Rig) -> None:
    """The link is up."""


def prepare_refused(rig: Rig) -> None:
    rig.server.is_running = False


def prepare_handshake(rig: Rig) -> None:
    rig.server.answers_handshake = False


def prepare_connecting(rig: Rig) -> None:
    rig.server.accepts = False


@pytest.mark.parametrize("prepare", [prepare_nothing, prepare_refused, prepare_handshake, prepare_connecting])
def test_stopping_leaves_no_timer_whatever_the_link_was_doing(
    rig: Rig, prepare: Callable[[Rig], None]
) -> None:
    prepare(rig)
    rig.start()
    stopped: list[object] = []
    rig.service.stopService().addCallback(stopped.append)
    settle(rig.clock)
    assert stopped == [None]
    assert not rig.clock.getDelayedCalls()


def test_a_service_starts_again_after_it_was_stopped(rig: Rig) -> None:
    rig.start()
    rig.service.stopService()
    settle(rig.clock)
    rig.start()
    assert rig.link.is_up


@pytest.fixture
def links(clock: Clock) -> tuple[Links, MemoryServer]:
    server = MemoryServer(clock, {"a.example.org": "s3cret", "b.example.org": "s3cret"})
    links = Links(
        ComponentLink(domain=domain, secret="s3cret", endpoint=server.endpoint(), clock=clock)
        for domain in server.secrets
    )
    links.service().startService()
    settle(clock)
    return links, server


def test_several_domains_have_a_link_each(links: tuple[Links, MemoryServer]) -> None:
    both, server = links
    assert both.domains == server.components == {"a.example.org", "b.example.org"}
    assert both.is_up("a.example.org") and both.is_up("b.example.org")
    assert {link.domain for link in both} == both.domains


def test_a_stanza_takes_the_link_of_its_domain(links: tuple[Links, MemoryServer], clock: Clock) -> None:
    both, server = links
    xml = presence_stanza("bob@b.example.org", "juliet@jabber.example", type_="probe")
    assert both.send(xml, "b.example.org")
    assert both.reply(xml) and not both.reply("<presence/>")
    assert not both.send(xml, "a.example.org")
    assert not both.send(xml, "c.example.org") and not both.is_up("c.example.org")
    prepared = prepared_presence("bob@a.example.org", "a.example.org", Availability())
    assert both.send_prepared(prepared, b"juliet@jabber.example")
    foreign = prepared_presence("bob@c.example.org", "c.example.org", Availability())
    assert not both.send_prepared(foreign, b"juliet@jabber.example")
    settle(clock)
    assert [stanza["from"][4:] for stanza in server.received] == ["b.example.org"] * 2 + ["a.example.org"]


def test_a_server_of_its_own_gets_the_stanzas_to_its_domain(
    links: tuple[Links, MemoryServer], clock: Clock
) -> None:
    both, server = links
    other = MemoryServer(clock, {"a.example.org": "s3cret"})
    link = ComponentLink(domain="a.example.org", secret="s3cret", endpoint=other.endpoint(), clock=clock)
    all_links = Links(list(both), {"other.example": Links([link])})
    link.service().startService()
    settle(clock)
    stanza = prepared_presence("bob@a.example.org", "a.example.org", Availability())
    assert all_links.send_prepared(stanza, b"romeo@other.example")
    assert all_links.send_prepared(stanza, b"romeo@jabber.example")
    settle(clock)
    assert [each["to"] for each in other.received] == ["romeo@other.example"]
    assert [each["to"] for each in server.received] == ["romeo@jabber.example"]


def test_a_tap_sees_every_stanza_while_it_is_set(rig: Rig) -> None:
    rig.start()
    seen: list[tuple[str, str, bool]] = []
    rig.link.send(HELLO)
    rig.link.tap = lambda xml, domain, is_incoming: seen.append((xml, domain, is_incoming))
    rig.link.send(HELLO)
    prepared = prepared_presence(f"bob@{DOMAIN}", DOMAIN, Availability())
    rig.link.send_prepared(prepared, recipient_of("juliet@jabber.example"))
    rig.link.send("<presence from='bob@elsewhere.example' to='x@y'/>")
    rig.server.send(f"<presence from='juliet@jabber.example' to='bob@{DOMAIN}'/>", DOMAIN)
    settle(rig.clock)
    assert [(domain, is_incoming) for _, domain, is_incoming in seen] == [
        (DOMAIN, False),
        (DOMAIN, False),
        (DOMAIN, True),
    ]
    assert seen[0][0] == HELLO
    assert "juliet@jabber.example" in seen[1][0]
    rig.link.tap = None
    rig.link.send(HELLO)
    assert len(seen) == 3
