"""What a trace keeps of SIP: all that concerns the pair, and nothing that is secret."""

from functools import partial
from time import process_time

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.events.traced import SipTap, shown
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import parse_message
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.tracing import Trace, Tracer

ROMEO = Address("romeo", "jabber.example")
BOB = Address("bob", "sip.example.org")
ALICE = Address("alice", "sip.example.org")
FLOW = Flow(transport=Transport.UDP, local=HostPort("127.0.0.1", 5060), peer=HostPort("192.0.2.7", 5070))


def request(method: str, from_: str, to: str, *more: str, call_id: str = "one", body: str = "") -> bytes:
    lines = [
        f"{method} {to} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK1",
        f"From: <{from_}>;tag=a",
        f"To: <{to}>",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *more,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def response(status: int, method: str, call_id: str = "one") -> bytes:
    return (
        f"SIP/2.0 {status} Whatever\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\nFrom: <sip:x@y>;tag=a\r\n"
        f"To: <sip:z@y>;tag=b\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class Scene:
    def __init__(self) -> None:
        clock = Clock()
        self.tracer = Tracer(clock)
        addressing = Addressing(("sip.example.org",), "gw.example.org", MemoryStore(clock).spellings)
        self.tap = SipTap(self.tracer, partial(addressing.address_of_uri, remember=False))

    def kept(self, trace: Trace) -> list[str]:
        return [f"{message.way.value} {message.what}" for message in trace.kept]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_subscribe_its_challenge_and_its_notify_are_of_the_pair(scene: Scene) -> None:
    trace = scene.tracer.begin(ALICE, BOB)
    other = scene.tracer.begin(ROMEO, BOB)
    alice, bob = "sip:alice@sip.example.org", "sip:bob@sip.example.org"
    scene.tap(request("SUBSCRIBE", alice, bob), FLOW, True)
    scene.tap(response(401, "SUBSCRIBE"), FLOW, False)
    scene.tap(request("NOTIFY", bob, alice, call_id="restored"), FLOW, False)
    scene.tap(response(481, "NOTIFY", "restored"), FLOW, True)
    scene.tap(request("NOTIFY", "sip:other@example.com", alice, call_id="other"), FLOW, False)
    assert scene.kept(trace) == [
        "in SUBSCRIBE",
        "out 401 to SUBSCRIBE",
        "out NOTIFY",
        "in 481 to NOTIFY",
    ]
    assert trace.kept[0].peer == "udp:192.0.2.7:5070"
    assert scene.kept(other) == []


def test_encapsulated_names_mean_the_jabber_user(scene: Scene) -> None:
    trace = scene.tracer.begin(ALICE, ROMEO)
    scene.tap(
        request("SUBSCRIBE", "sip:alice@sip.example.org", "sip:romeo%40jabber.example@gw.example.org"),
        FLOW,
        True,
    )
    assert scene.kept(trace) == ["in SUBSCRIBE"]


def test_a_dialog_that_is_known_is_of_the_pair_whatever_names_it_bears(scene: Scene) -> None:
    trace = scene.tracer.begin(ALICE, BOB)
    trace.knows("asserted")
    anonymous = "sip:anonymous@anonymous.invalid"
    scene.tap(request("SUBSCRIBE", anonymous, "sip:bob@sip.example.org", call_id="asserted"), FLOW, True)
    assert scene.kept(trace) == ["in SUBSCRIBE"]


@pytest.mark.parametrize(
    ("local", "written"),
    [("bob", "BOB"), ("o'hara.bob", "o%27hara.bob"), ("bø", "b%C3%B8"), ("ø", "%C3%B8"), ("a+b", "a+b")],
)
def test_a_name_is_found_in_whatever_form_it_is_written(scene: Scene, local: str, written: str) -> None:
    trace = scene.tracer.begin(ALICE, Address(local, "sip.example.org"))
    uri = f"sip:{written}@SIP.example.org"
    scene.tap(request("SUBSCRIBE", "sip:alice@sip.example.org", uri), FLOW, True)
    assert scene.kept(trace) == ["in SUBSCRIBE"]


def test_a_dialog_is_known_by_the_short_name_of_its_call_id_too(scene: Scene) -> None:
    trace = scene.tracer.begin(ALICE, BOB)
    trace.knows("As-Written")
    octets = request("NOTIFY", "sip:x@example.com", "sip:y@example.com", call_id="As-Written")
    scene.tap(octets.replace(b"Call-ID:", b"i :"), FLOW, True)
    scene.tap(octets.replace(b"As-Written", b"as-written"), FLOW, True)
    assert scene.kept(trace) == ["in NOTIFY"]


def test_a_publish_is_of_every_pair_whose_presentity_it_is_about(scene: Scene) -> None:
    first, second = scene.tracer.begin(ALICE, BOB), scene.tracer.begin(ROMEO, BOB)
    backward = scene.tracer.begin(BOB, ALICE)
    bob = "sip:bob@sip.example.org"
    scene.tap(request("PUBLISH", bob, bob, body="<presence/>"), FLOW, True)
    scene.tap(response(412, "PUBLISH"), FLOW, False)
    assert scene.kept(first) == scene.kept(second) == ["in PUBLISH", "out 412 to PUBLISH"]
    assert first.kept[0].text.endswith("\n\n<presence/>")
    assert scene.kept(backward) == []


@pytest.mark.parametrize("method", ["MESSAGE", "REGISTER", "INVITE", "OPTIONS"])
def test_what_is_not_presence_is_not_kept(scene: Scene, method: str) -> None:
    trace = scene.tracer.begin(ALICE, BOB)
    trace.knows("one")
    scene.tap(
        request(method, "sip:alice@sip.example.org", "sip:bob@sip.example.org", body="a secret word"),
        FLOW,
        True,
    )
    scene.tap(response(200, method), FLOW, False)
    assert scene.kept(trace) == []


@pytest.mark.parametrize(
    "octets",
    [b"", b"\xff\xfe", b"SUBSCRIBE", b"SIP/2.0 200", request("SUBSCRIBE", "tel:", "sip:%zz@@")],
)
def test_what_cannot_be_read_is_left_to_those_who_answer_it(scene: Scene, octets: bytes) -> None:
    trace = scene.tracer.begin(ALICE, BOB)
    scene.tap(octets, FLOW, True)
    assert scene.kept(trace) == []


def test_credentials_and_challenges_are_left_out_however_they_are_written() -> None:
    secret = (
        'Authorization: Digest username="alice", nonce="abc", response="d41d8cd98f00b204e9800998ecf8427e"',
        'AUTHORIZATION : Digest username="alice",\r\n response="folded"\r\n\tcnonce="deeper"',
        "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0",
        'WWW-Authenticate: Digest realm="sip.example.org", nonce="challenge"',
        'Authentication-Info: rspauth="proof"',
        "Subject: kept",
    )  # fmt: skip
    text = shown(
        request("SUBSCRIBE", "sip:alice:password@sip.example.org", "sip:bob@sip.example.org", *secret)
    )
    for word in ("d41d8cd9", "abc", "folded", "deeper", "YWxpY2", "challenge", "proof", "password"):
        assert word not in text
    assert "Authorization: Digest (not shown)\n" in text
    assert "From: <sip:alice:(not shown)@sip.example.org>;tag=a\n" in text
    assert "Subject: kept\n" in text


@pytest.mark.parametrize(
    ("before", "field"),
    [
        ("\r\n\r\n", 'Authorization: Digest response="s3cr3t"'),
        ("\n\n", "Authorization: s3cr3t"),
        ("", 'Authorization\r\n : Digest response="s3cr3t"'),
        ("", 'Proxy-Authorization\r\n\t:\r\n Digest response="s3cr3t"'),
        ("", "y: eyJhbGciOiJFUzI1NiJ9.s3cr3t.s3cr3t;info=<https://example.org>"),
        ("", "Contact: <sip:alice;day=monday:s3cr3t@192.0.2.1>"),
    ],
)
def test_no_way_of_writing_that_is_understood_brings_credentials_into_a_trace(
    before: str, field: str
) -> None:
    octets = before.encode() + request(
        "SUBSCRIBE", "sip:alice@sip.example.org", "sip:bob@sip.example.org", field
    )
    parse_message(octets, stream=False)
    assert "s3cr3t" not in shown(octets)


@pytest.mark.parametrize("written", ["sip:a:", "sip:", "authorization\r\n ", "y:\r\n ", "sip:a@", ":@"])
def test_no_message_takes_long_to_be_shown(written: str) -> None:
    octets = request("PUBLISH", "sip:b@c", "sip:b@c", "X: " + written * (60_000 // len(written)))
    began = process_time()
    shown(octets)
    assert process_time() - began < 0.25


def test_nothing_is_kept_that_a_terminal_would_obey() -> None:
    text = shown(
        request("PUBLISH", "sip:b@c", "sip:b@c", "Subject: \x1b[2J\u202eevil", body="\x1b]0;title\x07")
    )
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x07" not in text
    assert "\ufffd[2J\ufffdevil" in text


def test_octets_that_are_no_text_are_shown_as_far_as_they_are() -> None:
    assert shown(b"PUBLISH sip:b@c SIP/2.0\r\n\r\n\x80\xff\x00").endswith("\n\n\ufffd\ufffd\ufffd")
