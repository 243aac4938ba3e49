"""Lists in the body of a SUBSCRIBE, whatever strangers write there: taken or refused, and never for a high price."""

import gzip
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.events.list_package import BODY_LIMIT, ENTRIES, list_in
from sip2xmpp.events.terms import BadTerms
from sip2xmpp.sip.message import Request, parse_message
from tests.events.listing import body_of

MINE = "application/resource-lists+xml"


def request(body: bytes, *, kind: str = MINE, encoding: str = "") -> Request:
    encoded = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    head = (
        "SUBSCRIBE sip:lists@sip.example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        "From: <sip:alice@sip.example.org>;tag=1\r\nTo: <sip:lists@sip.example.org>\r\nCall-ID: 1\r\nCSeq: 1 SUBSCRIBE\r\n"
        f"{typed}{encoded}Content-Length: {len(body)}\r\n\r\n"
    )
    parsed = parse_message(head.encode() + body)
    assert isinstance(parsed, Request)
    return parsed


def status(body: bytes, **options: str) -> int:
    """0 if the list is taken."""
    try:
        assert list_in(request(body, **options), ENTRIES)
    except BadTerms as bad:
        return bad.status
    return 0


uris = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_characters="<&"), min_size=1
).map(lambda text: f"sip:{text}@sip.example.org")


@given(st.lists(uris, unique=True, max_size=20), st.sampled_from(["", "deflate", "gzip", "identity"]))
def test_the_same_list_is_the_same_however_it_is_sent(members, encoding):
    squeeze = {"deflate": zlib.compress, "gzip": gzip.compress}.get(encoding, bytes)
    plain = list_in(request(body_of(*members)), ENTRIES)
    assert list_in(request(squeeze(body_of(*members)), encoding=encoding), ENTRIES) == plain


@given(
    st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(zlib.compress)),
    st.sampled_from(["", "deflate", "gzip", "br", "deflate, gzip"]),
)
def test_what_is_no_list_is_refused(body, encoding):
    if body:
        assert status(body, encoding=encoding) in (400, 415)


@given(st.data())
def test_a_list_that_was_damaged_is_taken_or_refused(data):
    octets = bytearray(body_of("sip:bob@sip.example.org", "sip:juliet@sip.example.org"))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    assert status(bytes(octets)) in (0, 400)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/simple-filter+xml", "multipart/mixed;boundary=b"]
)
def test_bodies_of_another_kind_are_refused(kind):
    assert status(b"<x/>", kind=kind) == 415


def test_a_body_that_swells_is_given_up_early():
    bomb = zlib.compress(b"\0" * 100_000_000, 9)
    assert len(bomb) < BODY_LIMIT
    began = time.process_time()
    assert status(bomb, encoding="deflate") == 400
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "inside",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>',
        "<list>" * 5_000,
        "<list>" + '<entry uri="sip:a@b"/>' * 10_000,
    ],
)
def test_hostile_xml_is_refused_soon(inside):
    began = time.process_time()
    assert status(f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">{inside}'.encode()) == 400
    assert time.process_time() - began < 0.5
