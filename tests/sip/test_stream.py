"""Cutting a stream into messages."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.message import make_request, make_response, parse_message
from sip2xmpp.sip.stream import PING, StreamFramer


def message(body: bytes = b"", length: str = "Content-Length: %d") -> bytes:
    lines = [
        "MESSAGE sip:bob@example.org SIP/2.0",
        "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx",
        "From: <sip:alice@example.org>;tag=a",
        "To: <sip:bob@example.org>",
        "Call-ID: c",
        "CSeq: 1 MESSAGE",
        *([length % len(body) if "%" in length else length] if length else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def run(chunks: list[bytes], limit: int = 65_535) -> list[object]:
    """What comes out, the error last if there is one."""
    framer = StreamFramer(limit)
    seen: list[object] = []
    try:
        for chunk in chunks:
            seen.extend(framer.feed(chunk))
    except BadMessage as bad:
        seen.append((str(bad), bad.status_hint, bad.request is not None))
    return seen


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    return [octets[start:end] for start, end in pairwise(edges)]


pieces = st.sampled_from(
    [
        message(),
        message(b"a\r\n\r\nb"),
        b"\r\n\r\n",
        b"\r\n",
        b"\n",
        message(b"x" * 300, "l :\t%d"),
        message(length=""),
    ]
)


@given(st.lists(pieces, max_size=6).map(b"".join), st.lists(st.integers(0, 5000), max_size=12))
def test_how_the_stream_is_chunked_does_not_matter(octets: bytes, places: list[int]) -> None:
    whole = run([octets])
    assert run(cut(octets, places)) == whole
    assert run([octets[at : at + 1] for at in range(len(octets))]) == whole


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_octets_give_messages_or_one_error_however_chunked(octets: bytes, places: list[int]) -> None:
    assert run(cut(octets, places), limit=100) == run([octets], limit=100)


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_whatever_we_write_can_be_cut_and_read_again(bodies: list[bytes]) -> None:
    requests = [
        make_request(
            "MESSAGE", "sip:b@c", from_="<sip:a@b>;tag=1", to="<sip:b@c>", call_id="x", cseq=1, body=body
        )
        for body in bodies
    ]
    for one in requests:
        one.headers.prepend("Via", "SIP/2.0/TCP a;branch=z9hG4bKx")
    framed = run([b"".join(one.to_bytes() for one in requests)])
    assert [parse_message(one, stream=True).body for one in framed if isinstance(one, bytes)] == bodies


def test_a_double_line_end_is_a_ping_and_a_single_one_nothing() -> None:
    assert run([b"\r\n\r\n"]) == [PING]
    assert run([b"\r\n", b"\r", b"\n"]) == [PING]
    assert run([b"\r\n" + message()]) == [message()]
    assert run([message() + b"\r\n\r\n" + message()]) == [message(), PING, message()]


def test_nothing_comes_before_the_last_octet() -> None:
    octets = message(b"hello")
    assert run([octets[:-1]]) == []
    assert run([octets[:-1], octets[-1:]]) == [octets]


@pytest.mark.parametrize("length", ["", "Content-Length: x", "Content-Length:", "Content-Length: -1",
                                    "Content-Length: 5\r\nl: 6", "l: 5\r\nContent-Length: 5",
                                    "Content-Length: 99999999999", "X: y\r\n Content-Length: 5"])  # fmt: skip
def test_a_message_without_one_usable_length_ends_the_framing_with_an_answer(length: str) -> None:
    framer = StreamFramer()
    with pytest.raises(BadMessage) as caught:
        list(framer.feed(message(b"hello", length)))
    assert caught.value.status_hint == 400
    answer = make_response(caught.value.request, 400)
    assert answer.call_id == "c"
    with pytest.raises(BadMessage):
        list(framer.feed(message()))


def test_messages_before_a_broken_one_are_still_given() -> None:
    assert run([message() + message(length="")])[:1] == [message()]


def test_a_length_may_be_folded_and_written_in_any_case() -> None:
    octets = message(b"hello", "CONTENT-length\t:\r\n  %d")
    assert run([octets]) == [octets]
    assert parse_message(octets, stream=True).body == b"hello"


def test_a_bad_response_is_not_answered() -> None:
    assert run([b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a\r\nCSeq: 1 X\r\n\r\n"]) == [
        ("a message without one Content-Length", 400, False)
    ]


def test_what_is_larger_than_the_limit_ends_the_framing() -> None:
    assert run([message(b"x" * 200)], limit=300) == [("the message is too large", 513, True)]
    assert run([b"INVITE " + b"x" * 300], limit=300) == [("the headers are too long", 513, False)]


def test_feeding_octet_by_octet_takes_linear_time() -> None:
    start = time.perf_counter()
    framer = StreamFramer()
    octets = b"SUBSCRIBE x" * 5_000
    for at in range(len(octets)):
        assert not list(framer.feed(octets[at : at + 1]))
    flood = list(StreamFramer().feed(b"\r\n" * 200_001))
    assert len(flood) == 100_000
    assert time.perf_counter() - start < 5.0
