"""RFC 3263: the choosing by itself, and whole look-ups over names in this process."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import NoRoute
from sip2xmpp.sip.dns import Naptr, Srv
from sip2xmpp.sip.flow import Transport
from sip2xmpp.sip.resolver import ALL, choose_services, locate, order_servers
from sip2xmpp.sip.uri import SipUri
from tests.fakes import Names, result_of

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


def found(
    uri: str, names: Names, *, speaks: tuple[Transport, ...] = ALL, reasons: list[str] | None = None
) -> list[str]:
    targets = result_of(
        locate(SipUri.parse(uri), names, rng=random.Random(1), speaks=speaks, reasons=reasons)
    )
    return [str(target) for target in targets]


def naptr(order: int, preference: int, service: str, replacement: str = "x", flags: str = "s") -> Naptr:
    return Naptr(order=order, preference=preference, flags=flags, service=service, replacement=replacement)


def srv(priority: int, weight: int, target: str) -> Srv:
    return Srv(priority=priority, weight=weight, port=5060, target=target)


RICH = Names(
    naptr={
        "example.com": [
            (50, 50, "SIP+D2U", "_sip._udp.example.com"),
            (50, 20, "SIP+D2T", "_sip._tcp.other.example"),
            (10, 90, "SIPS+D2T", "_sips._tcp.example.com"),
            (1, 1, "SIP+D2S", "_sip._sctp.example.com"),
        ]
    },
    srv={
        "_sip._udp.example.com": [(1, 0, 5070, "a.example.com")],
        "_sip._tcp.other.example": [(2, 0, 5060, "b.example.com"), (1, 0, 5060, "a.example.com")],
        "_sips._tcp.example.com": [(1, 0, 5061, "a.example.com")],
        "_sip._udp.plain.example": [(1, 0, 5070, "a.example.com")],
        "_sip._tcp.closed.example": [(0, 0, 0, "")],
    },
    addresses={
        "a.example.com": ["192.0.2.10", "2001:db8::10"],
        "b.example.com": ["192.0.2.11"],
        "bare.example": ["192.0.2.12"],
        "closed.example": ["192.0.2.13"],
    },
)


def test_services_are_taken_in_order_then_preference_and_foreign_ones_left_out() -> None:
    records = [
        naptr(2, 1, "SIP+D2U", "u"),
        naptr(1, 9, "SIP+D2T", "t"),
        naptr(1, 5, "sips+d2t", "s"),
        naptr(0, 0, "SIP+D2S"),
    ]
    assert choose_services(records, secure=False, speaks=ALL) == [(TLS, "s"), (TCP, "t"), (UDP, "u")]
    assert choose_services(records, secure=True, speaks=ALL) == [(TLS, "s")]
    assert choose_services(records, secure=False, speaks=[UDP]) == [(UDP, "u")]


def test_a_service_of_another_kind_is_none() -> None:
    assert not choose_services(
        [naptr(1, 1, "SIP+D2U", flags="u"), naptr(1, 1, "E2U+sip")], secure=False, speaks=ALL
    )
    assert not choose_services([naptr(1, 1, "SIP+D2U", "")], secure=False, speaks=ALL)


def test_priority_comes_before_weight() -> None:
    ordered = order_servers([srv(2, 100, "c"), srv(1, 0, "a"), srv(1, 0, "b")], random.Random(1))
    assert {one.target for one in ordered[:2]} == {"a", "b"} and ordered[2].target == "c"


def test_weights_are_the_odds() -> None:
    rng = random.Random(3261)
    firsts = Counter(
        order_servers([srv(1, 60, "much"), srv(1, 20, "some"), srv(1, 20, "also"), srv(1, 0, "none")], rng)[
            0
        ].target
        for _ in range(10_000)
    )
    assert 5700 < firsts["much"] < 6300 and 1700 < firsts["some"] < 2300 and 1700 < firsts["also"] < 2300
    assert 0 < firsts["none"] < 300


def test_servers_without_weight_share_evenly() -> None:
    rng = random.Random(3261)
    firsts = Counter(order_servers([srv(1, 0, "a"), srv(1, 0, "b")], rng)[0].target for _ in range(1000))
    assert min(firsts["a"], firsts["b"]) > 400


@given(
    st.lists(
        st.builds(srv, st.integers(0, 3), st.integers(0, 65535), st.text("abc", max_size=3)), max_size=12
    ),
    st.randoms(),
)
def test_ordering_loses_and_invents_nothing(records: list[Srv], rng: random.Random) -> None:
    ordered = order_servers(records, rng)
    assert Counter(ordered) == Counter(records)
    assert [one.priority for one in ordered] == sorted(one.priority for one in records)


def test_everything_a_domain_offers_is_tried_best_first() -> None:
    assert found("sip:bob@example.com", RICH) == [
        "tls:192.0.2.10:5061",
        "tls:[2001:db8::10]:5061",
        "tcp:192.0.2.10:5060",
        "tcp:[2001:db8::10]:5060",
        "tcp:192.0.2.11:5060",
        "udp:192.0.2.10:5070",
        "udp:[2001:db8::10]:5070",
    ]


def test_a_secure_uri_goes_over_tls_only_and_has_to_prove_its_own_domain() -> None:
    assert found("sips:bob@example.com", RICH) == ["tls:192.0.2.10:5061", "tls:[2001:db8::10]:5061"]
    [target, _] = result_of(locate(SipUri.parse("sips:bob@example.com"), RICH, rng=random.Random(1)))
    assert target.tls_name == "example.com"


def test_what_we_do_not_speak_is_not_returned() -> None:
    assert found("sip:bob@example.com", RICH, speaks=(UDP,)) == [
        "udp:192.0.2.10:5070",
        "udp:[2001:db8::10]:5070",
    ]
    with pytest.raises(NoRoute):
        found("sips:bob@example.com", RICH, speaks=(TCP, UDP))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:192.0.2.9", "udp:192.0.2.9:5060"),
        ("sip:192.0.2.9:5070", "udp:192.0.2.9:5070"),
        ("sip:192.0.2.9;transport=tcp", "tcp:192.0.2.9:5060"),
        ("sip:192.0.2.9;transport=TLS", "tls:192.0.2.9:5061"),
        ("sips:192.0.2.9", "tls:192.0.2.9:5061"),
        ("sips:192.0.2.9;transport=tcp", "tls:192.0.2.9:5061"),
        ("sip:[2001:db8::9]", "udp:[2001:db8::9]:5060"),
        ("sip:bob@example.com;maddr=192.0.2.77", "udp:192.0.2.77:5060"),
        ("sip:bare.example:5099", "udp:192.0.2.12:5099"),
        ("sips:bare.example:5099", "tls:192.0.2.12:5099"),
        ("sip:bare.example:5099;transport=tcp", "tcp:192.0.2.12:5099"),
        ("sip:bare.example", "udp:192.0.2.12:5060"),
        ("sips:bare.example", "tls:192.0.2.12:5061"),
        ("sip:bare.example;transport=tcp", "tcp:192.0.2.12:5060"),
        ("sip:BARE.example", "udp:192.0.2.12:5060"),
    ],
)
def test_one_server_is_found_for(uri: str, expected: str) -> None:
    assert found(uri, RICH) == [expected]


def test_a_port_skips_the_service_records() -> None:
    names = Names(addresses={"example.com": ["192.0.2.9"]})
    found("sip:example.com:5060", names)
    assert names.asked == ["A example.com"]


def test_a_transport_skips_naptr() -> None:
    assert found("sip:plain.example;transport=udp", RICH)[0] == "udp:192.0.2.10:5070"
    assert "NAPTR plain.example" not in RICH.asked


def test_without_naptr_the_services_of_all_transports_are_looked_for() -> None:
    assert found("sip:plain.example", RICH)[0] == "udp:192.0.2.10:5070"


def test_a_service_that_is_expressly_not_offered_is_not_looked_for_elsewhere() -> None:
    with pytest.raises(NoRoute):
        found("sip:closed.example;transport=tcp", RICH)
    assert found("sip:closed.example;transport=udp", RICH) == ["udp:192.0.2.13:5060"]


@pytest.mark.parametrize(
    "uri", ["sip:nowhere.example", "sip:a.example.com;transport=ws", "sips:x@bare.example;transport=udp"]
)
def test_there_may_be_no_way(uri: str) -> None:
    with pytest.raises(NoRoute):
        found(uri, RICH)


def test_a_server_that_fails_on_naptr_is_worked_around() -> None:
    names = Names(srv=RICH.servers, addresses=RICH.hosts)
    names.failing = {"plain.example"}
    assert found("sip:plain.example", names)[0] == "udp:192.0.2.10:5070"


def test_when_every_server_fails_there_is_no_way_and_it_says_so() -> None:
    names = Names()
    names.failing = {
        "example.com",
        *(f"{prefix}.example.com" for prefix in ("_sip._udp", "_sip._tcp", "_sips._tcp")),
    }
    reasons: list[str] = []
    with pytest.raises(NoRoute):
        found("sip:example.com", names, reasons=reasons)
    assert any("no server answers" in reason for reason in reasons)


def test_the_reasoning_can_be_read() -> None:
    reasons: list[str] = []
    found("sip:example.com", RICH, reasons=reasons)
    assert reasons == [
        "NAPTR example.com: 1 1 SIP+D2S _sip._sctp.example.com",
        "NAPTR example.com: 10 90 SIPS+D2T _sips._tcp.example.com",
        "NAPTR example.com: 50 20 SIP+D2T _sip._tcp.other.example",
        "NAPTR example.com: 50 50 SIP+D2U _sip._udp.example.com",
        "SRV _sips._tcp.example.com: 1 0 a.example.com:5061",
        "A/AAAA a.example.com: 192.0.2.10 2001:db8::10",
        "SRV _sip._tcp.other.example: 1 0 a.example.com:5060",
        "SRV _sip._tcp.other.example: 2 0 b.example.com:5060",
        "A/AAAA a.example.com: 192.0.2.10 2001:db8::10",
        "A/AAAA b.example.com: 192.0.2.11",
        "SRV _sip._udp.example.com: 1 0 a.example.com:5070",
        "A/AAAA a.example.com: 192.0.2.10 2001:db8::10",
    ]


def test_a_domain_cannot_make_us_ask_without_end() -> None:
    asked: list[str] = []

    class Hostile(Names):
        def srv(self, name: str):
            asked.append(name)
            return super().srv(name)

        def addresses(self, name: str):
            asked.append(name)
            return super().addresses(name)

    names = Hostile(
        naptr={"many.example": [(1, n, "SIP+D2U", f"_sip._udp.s{n}.example") for n in range(500)]},
        srv={
            f"_sip._udp.s{n}.example": [(1, 0, 5060, f"h{m}.s{n}.example") for m in range(500)]
            for n in range(500)
        },
        addresses={},
    )
    with pytest.raises(NoRoute):
        found("sip:many.example", names)
    assert len(asked) <= 12 + 12 * 32
    asked.clear()
    names = Hostile(
        srv={"_sip._udp.full.example": [(n, 0, 5060, f"h{n}.example") for n in range(500)]},
        addresses={f"h{n}.example": ["192.0.2.10"] for n in range(500)},
    )
    assert found("sip:full.example;transport=udp", names) == ["udp:192.0.2.10:5060"]
    assert len(asked) == 1 + 12
