"""Bodies of parts, squeezed bodies, and presence in any of them."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.bodies import is_presence_type, read_presence
from sip2xmpp.documents.mime import Part, first_part, inflated, media_type, parts, text_of
from sip2xmpp.errors import BadDocument

DOCUMENT = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"/>'


def multipart(*bodies: bytes, boundary: str = "tok", end: bool = True) -> bytes:
    inside = b"".join(b"--" + boundary.encode() + b"\r\n" + body + b"\r\n" for body in bodies)
    return inside + (b"--" + boundary.encode() + b"--\r\n" if end else b"")


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello"
XML = b"Content-Type: application/pidf+xml\r\nContent-ID: <1@b>\r\n\r\n" + DOCUMENT


@pytest.mark.parametrize("head", [b"", b"\r\n", b"a preamble\r\n"])
@pytest.mark.parametrize(
    "content_type", ["multipart/mixed;boundary=tok", 'Multipart/Related; type="x"; BOUNDARY="tok"']
)
@pytest.mark.parametrize("end", [True, False])
def test_a_body_is_taken_apart(head: bytes, content_type: str, end: bool) -> None:
    first, second = parts(content_type, head + multipart(TEXT, XML, end=end))
    assert (first.content_type, first.body) == ("text/plain; charset=utf-8", b"hello")
    assert second.body.rstrip() == DOCUMENT
    assert second.headers == {"content-id": "<1@b>"}


def test_parts_without_headers_are_plain_text() -> None:
    (part,) = parts("multipart/mixed; boundary=tok", multipart(b"\r\nhello\r\n\r\nworld"))
    assert (part.content_type, part.body) == ("text/plain", b"hello\r\n\r\nworld")


def test_line_feeds_alone_will_do() -> None:
    body = multipart(TEXT, XML).replace(b"\r\n", b"\n")
    assert [part.body.strip() for part in parts("multipart/mixed; boundary=tok", body)] == [
        b"hello",
        DOCUMENT,
    ]


def test_encoded_parts_are_decoded() -> None:
    body = multipart(
        b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=",
        b"Content-Transfer-Encoding: Quoted-Printable\r\n\r\nh=65llo",
        b"Content-Transfer-Encoding: 8bit\r\nContent-Type: text/plain;\r\n charset=latin-1\r\n\r\nh\xe9",
    )
    first, second, third = parts("multipart/mixed; boundary=tok", body)
    assert first.body == second.body == b"hello"
    assert text_of(third) == "hé"
    with pytest.raises(BadDocument):
        parts("multipart/mixed; boundary=tok", multipart(b"Content-Transfer-Encoding: base64\r\n\r\n!"))


def test_the_wanted_part_is_found_inside_other_multiparts() -> None:
    inner = b"Content-Type: multipart/alternative; boundary=in\r\n\r\n" + multipart(TEXT, XML, boundary="in")
    part = first_part("multipart/mixed; boundary=tok", multipart(inner), ("application/pidf+xml",))
    assert part is not None and part.body == DOCUMENT
    assert first_part("multipart/mixed; boundary=tok", multipart(inner), ("image/png",)) is None
    assert first_part("text/plain;x=y", b"hi", ("text/plain",)) == Part(
        content_type="text/plain;x=y", headers={}, body=b"hi"
    )


def test_nesting_has_an_end() -> None:
    body = XML
    for depth in range(10):
        body = f"Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n".encode() + multipart(
            body, boundary=f"b{depth}"
        )
    assert first_part("multipart/mixed; boundary=tok", multipart(body), ("application/pidf+xml",)) is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/mixed", multipart(TEXT)),
        ("multipart/mixed; boundary=", multipart(TEXT)),
        ("multipart/mixed; boundary=tok", multipart(*[TEXT] * 100)),
        ("multipart/mixed; boundary=tok", b"x" * 300_000),
    ],
    ids=["no boundary", "empty boundary", "many parts", "large"],
)
def test_bodies_that_cannot_be_taken_apart_are_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(BadDocument):
        parts(content_type, body)


@given(st.text(max_size=40), st.binary(max_size=120))
def test_no_body_raises_anything_but_bad_document(parameter: str, body: bytes) -> None:
    for content_type in (f"multipart/mixed; boundary={parameter}", "multipart/mixed;boundary=tok", parameter):
        try:
            first_part(content_type, multipart(body) + body, ("text/plain",))
            read_presence(content_type, body)
        except BadDocument:
            continue


def test_media_types_are_taken_apart() -> None:
    assert media_type(' Text/Plain ; Charset="UT\\F-8" ; flag;x= y') == (
        "text/plain",
        {"charset": "UTF-8", "flag": "", "x": "y"},
    )
    assert media_type("") == ("", {})


@pytest.mark.parametrize("charset", ["klingon", "hex", "unicode_escape", "idna", "undefined", "a\x00b", "é"])
def test_unknown_charsets_are_refused(charset: str) -> None:
    with pytest.raises(BadDocument):
        text_of(Part(content_type=f"text/plain; charset={charset}", headers={}, body=b"hello"))


def test_texts_are_decoded_by_their_charset() -> None:
    assert text_of(Part(content_type="text/plain", headers={}, body="é".encode())) == "é"
    assert text_of(Part(content_type="text/plain;charset=windows-1252", headers={}, body=b"\x80")) == "€"
    with pytest.raises(BadDocument):
        text_of(Part(content_type="text/plain", headers={}, body=b"\xff"))


@pytest.mark.parametrize(
    ("encoding", "squeeze"),
    [
        ("deflate", zlib.compress),
        ("gzip", gzip.compress),
        ("X-GZIP ", gzip.compress),
        ("identity", bytes),
        ("", bytes),
    ],
)
def test_squeezed_bodies_are_inflated(encoding: str, squeeze: type[bytes]) -> None:
    assert inflated(squeeze(DOCUMENT), encoding) == DOCUMENT


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("deflate", b"not deflated"),
        ("deflate", zlib.compress(b"x" * 10_000_000)),
        ("deflate", zlib.compress(DOCUMENT)[:-8]),
        ("gzip", b""),
        ("br", b"x"),
    ],
    ids=["garbage", "bomb", "cut off", "empty", "unknown"],
)
def test_bad_squeezed_bodies_are_refused(encoding: str, body: bytes) -> None:
    with pytest.raises(BadDocument):
        inflated(body, encoding)


def test_presence_is_found_in_every_kind_of_body() -> None:
    for content_type, octets, encoding in (
        ("application/pidf+xml", DOCUMENT, ""),
        ("application/cpim-pidf+xml;charset=UTF-8", DOCUMENT, ""),
        ("application/pidf+xml", zlib.compress(DOCUMENT), "deflate"),
        ("multipart/mixed;boundary=tok", multipart(TEXT, XML), ""),
        ("application/xpidf+xml", b'<presence><presentity uri="sip:a@b;method=SUBSCRIBE"/></presence>', ""),
    ):
        assert is_presence_type(content_type)
        assert read_presence(content_type, octets, encoding=encoding).entity == "sip:a@b"
    assert not is_presence_type("text/plain")
    with pytest.raises(BadDocument):
        read_presence("multipart/mixed;boundary=tok", multipart(TEXT))
