"""Pairs and their traces by the API: who may look, what is told, what the audit log has."""

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.portal.api import Api
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.history import History, Kind, Line
from sip2xmpp.portal.openapi import description
from sip2xmpp.portal.pairs import Pairs, jids_of
from sip2xmpp.portal.site import BODY, site
from sip2xmpp.portal.tokens import EVERYBODY, Right, Token, Tokens, digest_of
from sip2xmpp.portal.watching_operations import WatchingOperations
from sip2xmpp.presence.directory import Directory
from sip2xmpp.presence.explaining import Explaining
from sip2xmpp.store.records import Authorization, Side
from sip2xmpp.store.records import Kind as State
from sip2xmpp.tracing import PAIRS, Leg, Tracer, Way
from tests.portal.scene import BOB, Answer, Scene

OPERATOR = "operator-token-0123456789"
VIEWER = "viewer-token-0123456789ab"
ROMEO = Address("romeo", "jabber.example")
PAIR = "romeo@jabber.example/bob@sip.example.org"
TRACE = f"/api/v1/operator/trace/{PAIR}"


class Watched(Scene):
    """A gateway whose dialogs are those in ``dialogs``."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        clock.advance(1_700_000_000)
        self.dialogs: list[DialogReport] = []
        self.links: Mapping[str, Any] = {"sip.example.org": {"state": "down", "why": "the server is away"}}
        self.tracer = Tracer(clock)
        explaining: Explaining = self.explaining
        addressing = Addressing(["sip.example.org"], "gw.example.org", self.store.spellings)
        self.pairs = Pairs(
            tracer=self.tracer,
            store=self.store,
            directory=Directory(
                own_domains=frozenset({"sip.example.org"}),
                overrides={"jabber.example": "xmpp"},
                discover=_nobody,
                clock=clock,
            ),
            explaining=explaining,
            exists=self.exists,
            reports=[lambda watcher, presentity: [
                each for each in self.dialogs if (each.watcher, each.presentity) == (watcher, presentity)
            ]],
            forms=lambda address: jids_of(address, addressing.jid_of),
            links=lambda: self.links,
            now=clock.seconds,
        )  # fmt: skip
        self.count = 0.0
        line = Line(name="x", title="X", unit="1/s", kind=Kind.RATE, read=lambda: self.count)
        self.history = History([line], clock)
        tokens = [
            Token(name=name, digest=digest_of(secret), addresses=(EVERYBODY,), may=frozenset(may))
            for name, secret, may in (
                ("operator", OPERATOR, {Right.OBSERVE, Right.OPERATE}),
                ("viewer", VIEWER, {Right.OBSERVE}),
            )
        ]
        self.operations = WatchingOperations(self.pairs, self.history).operations()
        self.audit = Audit(self.store, clock)
        api = Api(
            self.operations,
            Tokens(tokens, clock, a_minute=1000),
            serves=lambda domain: domain == "sip.example.org",
            body=BODY,
            audit=self.audit,
        )
        self.site = site(Health(clock, dict, dict), api, clock=clock)

    def do(self, method: str, path: str, body: object = None, token: str = OPERATOR) -> Answer:
        return self.ask(method, path, body, token=token)


async def _nobody(domain: str) -> Any:
    raise AssertionError(f"nobody asks for {domain}")


@pytest.fixture
def watched() -> Watched:
    return Watched(Clock())


def dialog(**more: Any) -> DialogReport:
    return DialogReport(
        **{
            "role": "notifier",
            "watcher": ROMEO,
            "presentity": BOB,
            "event": "presence",
            "state": "active",
            "call_id": "one",
            "expires_at": 1_700_000_600.0,
            "next_what": "expires unless the watcher refreshes",
            "next_at": 1_700_000_600.0,
            "local_cseq": 7,
            "remote_cseq": 2,
            "flow": "udp 127.0.0.1 5060 192.0.2.7 5070",
            "remote_target": "sip:romeo@192.0.2.7",
            **more,
        }
    )


def test_how_a_pair_stands_is_told_without_tracing_it(watched: Watched) -> None:
    watched.dialogs = [dialog(), dialog(watcher=BOB)]
    watched.tracer.trouble(ROMEO, BOB, "NOTIFY was not taken: 481 Gone")
    watched.store.authorizations.put(
        Authorization(
            side=Side.JABBER_WATCHES,
            watcher=ROMEO,
            contact=BOB,
            watcher_jid="romeo@jabber.example",
            contact_jid="bob@sip.example.org",
            state=State.AUTHORIZED,
            decided_at=1_600_000_000.0,
        )
    )
    told = watched.do("GET", f"/api/v1/operator/pairs/{PAIR}", token=VIEWER).json
    (one,) = told["dialogs"]
    assert (one["state"], one["local_cseq"], one["next"]["at"]) == ("active", 7, "2023-11-14T22:23:20Z")
    (authorization,) = told["authorizations"]
    assert (authorization["state"], authorization["since"]) == ("authorized", "2020-09-13T12:26:40Z")
    assert told["judgement"] == {"handling": "confirm", "decided_by": "default", "decided_at": None}
    assert [(each["domain"], each["leg"]) for each in told["domains"]] == [
        ("jabber.example", "xmpp"),
        ("sip.example.org", "own"),
    ]
    assert told["links"] == watched.links
    assert told["trouble"] == {"at": "2023-11-14T22:13:20Z", "what": "NOTIFY was not taken: 481 Gone"}
    assert "messages" not in told


def test_a_pair_of_strangers_is_told_as_unknown(watched: Watched) -> None:
    told = watched.do("GET", "/api/v1/operator/pairs/a@unknown.example/b@unknown.example").json
    assert told["dialogs"] == told["authorizations"] == []
    assert told["judgement"] is None
    assert told["trouble"] is None
    assert told["domains"] == [
        {"domain": "unknown.example", "leg": None, "why": "was not looked up yet", "target": ""}
    ]


def test_messages_are_followed_by_number(watched: Watched) -> None:
    assert watched.do("GET", TRACE).json["trace"] is None
    watched.dialogs = [dialog()]
    begun = watched.do("POST", TRACE)
    assert (begun.status, begun.json["seconds"], begun.json["count"]) == (200, 900, 0)
    trace = watched.tracer.of(ROMEO, BOB)
    assert trace is not None
    assert watched.tracer.by_call("one") == [trace]
    watched.tracer.keep(trace, Leg.SIP, Way.IN, "SUBSCRIBE", "first", peer="udp:192.0.2.7:5070")
    watched.tracer.keep(trace, Leg.MAPPING, Way.OUT, "PIDF", "before", after="after", lost=["a note"])
    first, second = watched.do("GET", TRACE).json["messages"]
    assert first["at"] == "2023-11-14T22:13:20.000Z"
    assert (first["number"], first["leg"], first["way"], first["text"]) == (1, "sip", "in", "first")
    assert (second["after"], second["lost"], second["cut"]) == ("after", ["a note"], False)
    assert [each["number"] for each in watched.do("GET", f"{TRACE}?after=1").json["messages"]] == [2]
    (listed,) = watched.do("GET", "/api/v1/operator/trace").json
    assert (listed["watcher"], listed["count"]) == ("romeo@jabber.example", 2)
    assert watched.do("DELETE", TRACE).status == 204
    assert watched.do("DELETE", TRACE).status == 404
    assert not watched.tracer.on


def test_looking_keeps_a_trace_on_and_nothing_else_does(watched: Watched) -> None:
    watched.do("POST", TRACE, {"seconds": 60})
    for _ in range(3):
        watched.clock.advance(50)
        assert watched.do("GET", TRACE).json["trace"]["seconds"] == 60
    watched.clock.advance(50)
    watched.do("GET", f"/api/v1/operator/pairs/{PAIR}")
    watched.clock.advance(20)
    assert watched.do("GET", TRACE).json["trace"] is None


def test_who_may_only_look_does_not_read_messages(watched: Watched) -> None:
    assert watched.do("POST", TRACE, token=VIEWER).status == 403
    assert watched.do("GET", TRACE, token=VIEWER).status == 403
    assert watched.do("DELETE", TRACE, token=VIEWER).status == 403
    assert watched.do("GET", "/api/v1/operator/trace", token=VIEWER).status == 200
    assert watched.do("GET", TRACE, token="wrong-token-0123456789ab").status == 401


def test_that_somebody_reads_along_is_in_the_audit_log(watched: Watched) -> None:
    watched.do("POST", TRACE, {"seconds": 60})
    watched.do("DELETE", TRACE)
    assert [(deed.who, deed.what) for deed in watched.audit.latest(5, "bob@sip.example.org")] == [
        (
            "token operator",
            "traces the messages of romeo@jabber.example and bob@sip.example.org no longer",
        ),
        (
            "token operator",
            "traces the messages of romeo@jabber.example and bob@sip.example.org for 60 s",
        ),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"seconds": 5}, 400),
        ({"seconds": 901}, 400),
        ({"seconds": "60"}, 400),
        ({"hours": 1}, 400),
        ([], 400),
        (b"{", 400),
        ({}, 200),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(watched: Watched, body: object, status: int) -> None:
    assert watched.do("POST", TRACE, body).status == status


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "1&after=2"])
def test_so_is_a_number_that_is_none(watched: Watched, after: str) -> None:
    assert watched.do("GET", f"{TRACE}?after={after}").status == 400


def test_more_pairs_than_are_good_are_refused(watched: Watched) -> None:
    for number in range(PAIRS):
        watched.tracer.begin(Address(f"user{number}", "sip.example.org"), BOB)
    answer = watched.do("POST", TRACE)
    assert (answer.status, answer.json["detail"]) == (
        409,
        f"{PAIRS} pairs are traced already; end one of them first",
    )


def test_the_history_is_told_by_period(watched: Watched) -> None:
    watched.history.start()
    watched.count = 20
    watched.clock.advance(10)
    told = watched.do("GET", "/api/v1/operator/counters/history", token=VIEWER).json
    assert (told["period"], told["every"], told["ended_at"]) == ("hour", 10, "2023-11-14T22:13:30Z")
    assert told["lines"] == [{"name": "x", "title": "X", "unit": "1/s", "kind": "rate", "values": [2.0]}]
    assert watched.do("GET", "/api/v1/operator/counters/history?period=day").json["lines"][0]["values"] == []
    assert watched.do("GET", "/api/v1/operator/counters/history?period=year").status == 400


def test_the_description_has_every_operation(watched: Watched) -> None:
    paths = description(watched.operations)["paths"]
    assert "/api/v1/operator/trace/{watcher}/{presentity}" in paths
    assert len(watched.operations) == 6
