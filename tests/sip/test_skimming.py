"""Refusing without parsing: the same answer as ever, for a fraction of the cost."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sip2xmpp.sip.flow import UDP, Flow, HostPort, Transport
from sip2xmpp.sip.hop import Hop
from sip2xmpp.sip.message import Request, Response, make_response, parse_message
from sip2xmpp.sip.skimming import SOONEST, SPREAD, Skimmed, refusal, retry_after, skim
from tests.sip.scene import BOB, TO_BOB, US, their_request

NAT = Flow(transport=UDP, local=US, peer=HostPort("198.51.100.7", 1024))
IPV6 = Flow(transport=UDP, local=HostPort("2001:db8::1", 5060), peer=HostPort("2001:db8::9", 5060))
STREAM = Flow(transport=Transport.TCP, local=US, peer=BOB, connection=1)
ECHOED = ("From", "Call-ID", "CSeq")


def octets(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def skimmed(text: str, flow: Flow = TO_BOB) -> Skimmed:
    seen = skim(octets(text), flow)
    assert seen is not None
    return seen


def hops(response: Response) -> list[object]:
    """The Vias; the order of their parameters says nothing."""
    return [(via.transport, via.host, via.port, sorted(via.params, key=str)) for via in response.vias]


def same_as_parsed(text: str, flow: Flow) -> None:
    """What is skimmed of a request is what parsing it finds, and so is the answer."""
    seen = skimmed(text, flow)
    request = parse_message(octets(text))
    assert isinstance(request, Request)
    hop = Hop(request, flow)
    assert seen.method == request.method.encode()
    assert seen.key == hop.key(request.method)
    assert seen.is_inside_dialog == (request.to.tag is not None)
    assert seen.is_conditional == ("SIP-If-Match" in request.headers)
    assert seen.back == hop.stamp()
    expected = make_response(request, 503)
    answer = parse_message(refusal(seen))
    assert isinstance(answer, Response) and answer.status == 503 and answer.reason == expected.reason
    assert hops(answer) == hops(expected)
    for name in ECHOED:
        assert answer.headers.all(name) == expected.headers.all(name)
    assert answer.to.uri == request.to.uri and answer.to.tag == (request.to.tag or answer.to.tag) is not None
    assert answer.body == b"" and answer.headers.get("Content-Length") == "0"
    assert SOONEST <= int(answer.headers.get("Retry-After") or 0) < SOONEST + SPREAD


@pytest.mark.parametrize(
    ("via", "flow"),
    [
        (f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport", TO_BOB),
        (f"SIP/2.0/UDP {BOB};rport;branch=z9hG4bK1", NAT),
        (f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport;alias", NAT),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", TO_BOB),
        ("SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1", NAT),
        ("SIP/2.0/UDP pc.example.com;branch=z9hG4bK1", TO_BOB),
        ("SIP/2.0/UDP 192.0.2.9:65535;branch=z9hG4bK1", TO_BOB),
        ("SIP/2.0/UDP [2001:db8::9];branch=z9hG4bK1;rport", IPV6),
        ("SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bK1", IPV6),
        ("SIP/2.0/UDP [2001:db8::8];branch=z9hG4bK1", IPV6),
        (f"SIP/2.0/TCP {BOB};branch=z9hG4bK1;rport", STREAM),
        (f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK0", TO_BOB),
        (f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport\nv: SIP/2.0/UDP a.example, SIP/2.0/UDP b.example", TO_BOB),
    ],
)
def test_the_answer_is_that_of_a_parsed_request_and_goes_to_the_same_place(via: str, flow: Flow) -> None:
    same_as_parsed(their_request(Via=via), flow)


@pytest.mark.parametrize(
    "to",
    [
        "<sip:alice@sip.example.org>;tag=a1",
        "sip:alice@sip.example.org;tag=a1",
        '"x;tag=1" <sip:alice@sip.example.org;tag=2>',
        "sip:alice@sip.example.org",
        "<sip:alice@sip.example.org> ; Tag = a1",
        "<sip:alice@sip.example.org>;xtag=1",
        '"Ä" <sip:alice@sip.example.org>  ',
    ],
)
def test_a_dialog_is_told_by_the_tag_of_the_to_and_nothing_else(to: str) -> None:
    same_as_parsed(their_request(To=to), TO_BOB)


def test_compact_names_are_names_and_conditions_are_seen() -> None:
    text = their_request("PUBLISH", SIP_If_Match="abc")
    same_as_parsed(text, TO_BOB)
    for name, short in (("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i")):
        text = text.replace(f"\n{name}:", f"\n{short}:")
    same_as_parsed(text, TO_BOB)


@given(
    branch=st.text("abcXYZ012-.!%*_+`'~", min_size=1, max_size=30),
    host=st.sampled_from(["192.0.2.9", "pc.example.com", "a-b.example"]),
    port=st.one_of(st.none(), st.integers(1, 65535)),
    before=st.sampled_from(["", ";rport", ";alias", ";x=1;rport", ";keep"]),
    after=st.sampled_from(["", ";rport", ";ob", ";rport;x", ";maddr=224.2.0.1"]),
    flow=st.sampled_from([TO_BOB, NAT, STREAM]),
)
def test_any_usual_via_is_read_and_stamped_as_ever(
    *, branch: str, host: str, port: int | None, before: str, after: str, flow: Flow
) -> None:
    assume("rport" not in before or "rport" not in after)
    place = host if port is None else f"{host}:{port}"
    same_as_parsed(their_request(Via=f"SIP/2.0/UDP {place}{before};branch=z9hG4bK{branch}{after}"), flow)


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0 200 OK\nCSeq: 1 PUBLISH\n\n",
        "garbage",
        "MESSAGE sip:alice@sip.example.org SIP/2.0\n",
        their_request().replace("SIP/2.0\nVia", "SIP/3.0\nVia"),
        their_request("FROB-NICATE"),
        their_request(From=None),
        their_request(To="<sip:alice@sip.example.org>\nTo: <sip:alice@sip.example.org>;tag=1"),
        their_request(From="<sip:bob@example.com>\n ;tag=b1"),
        their_request().replace("From:", "fROM:"),
        their_request().replace("From:", "From :"),
        their_request(Subject="x\nvIA: SIP/2.0/UDP evil.example;branch=z9hG4bK0"),
        their_request(Via=f"SIP/2.0/UDP {BOB};branch=1"),
        their_request(Via=f"SIP / 2.0 / UDP {BOB};branch=z9hG4bK1"),
        their_request(Via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;received=203.0.113.1"),
        their_request(Via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport=7"),
        their_request(Via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;branch=z9hG4bK2"),
        their_request(Via="SIP/2.0/UDP 192.0.2.9:70000;branch=z9hG4bK1"),
        their_request(Via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK1, SIP/2.0/UDP b.example"),
        their_request(Via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;x={'y' * 300}"),
    ],
)
def test_what_is_odd_is_left_to_the_parser(text: str) -> None:
    assert skim(octets(text), TO_BOB) is None


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\0"])
def test_no_line_end_but_our_own_gets_into_an_answer(end: bytes) -> None:
    spoiled = octets(their_request()).replace(b"tag=b1", b"tag=b1" + end + b"X-Evil: 1")
    assert skim(spoiled, TO_BOB) is None


@given(st.binary(max_size=400))
def test_no_octets_are_too_odd(noise: bytes) -> None:
    skim(noise, TO_BOB)
    skim(octets(their_request()).replace(b"call-1", noise), TO_BOB)


def test_a_repeated_request_gets_the_same_answer_and_others_come_back_at_other_times() -> None:
    assert refusal(skimmed(their_request())) == refusal(skimmed(their_request()))
    requests = [skimmed(their_request(branch=str(number))) for number in range(200)]
    assert len({refusal(seen).partition(b"Retry-After: ")[2] for seen in requests}) == SPREAD
    assert {int(retry_after(seen.key)) for seen in requests} == set(range(SOONEST, SOONEST + SPREAD))
