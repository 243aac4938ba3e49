"""Bodies of MESSAGE requests: what they mean, and that what we write is read back the same."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.bridge.content import (
    COMPOSING,
    CPIM,
    OLD_SECONDS,
    REFRESH,
    Unsupported,
    composing_body,
    envelope_body,
    read_body,
    report_body,
    text_body,
)
from sip2xmpp.bridge.correspondence import Asked
from sip2xmpp.documents import cpim, imdn
from sip2xmpp.documents.cpim import Envelope, Extension
from sip2xmpp.documents.imdn import Kind, Status
from sip2xmpp.documents.presence import Note
from sip2xmpp.errors import BadDocument, BadInput
from sip2xmpp.sip.message import Request, make_request
from tests.conftest import START

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
ALL = frozenset(imdn.Asked)


def request(body: bytes, content_type: str | None = None, **headers: str) -> Request:
    return make_request(
        "MESSAGE",
        "sip:romeo@jabber.example",
        from_="<sip:bob@sip.example.org>;tag=1",
        to="<sip:romeo@jabber.example>",
        call_id="c",
        cseq=1,
        headers=[(name.replace("_", "-"), value) for name, value in headers.items()],
        body=body,
        content_type=content_type,
    )


@given(text=WORDS, language=st.sampled_from(["", "de", "en-GB"]))
def test_a_text_comes_back(text: str, language: str) -> None:
    body = text_body(text, language)
    read = read_body(request(body.octets, body.content_type, **dict(body.headers)), START)
    assert (read.text, read.language, read.wrapped, read.wanted) == (text, language, False, frozenset())


@given(
    text=WORDS,
    language=st.sampled_from(["", "de"]),
    message_id=st.from_regex(r"[A-Za-z0-9\\ü:-]{1,20}", fullmatch=True),
)
def test_an_envelope_comes_back(text: str, language: str, message_id: str) -> None:
    body = envelope_body(
        text, language, sender="sip:r@jabber.example", recipient="sip:b@x", message_id=message_id, now=START
    )
    read = read_body(request(body.octets, body.content_type), START)
    assert (read.text, read.language, read.wrapped) == (text, language, True)
    assert read.message_id == message_id and read.when
    assert read.wanted == {imdn.Asked.POSITIVE_DELIVERY, imdn.Asked.NEGATIVE_DELIVERY}
    assert read.stamp is None


@pytest.mark.parametrize("active", [True, False])
def test_a_typing_notice_comes_back(active: bool) -> None:
    body = composing_body(active=active)
    read = read_body(request(body.octets, body.content_type), START)
    assert (body.content_type, read.composing, read.refresh) == (
        COMPOSING,
        active,
        REFRESH if active else None,
    )


@given(
    message_id=WORDS.filter(lambda text: text.strip() == text and text.isprintable() and text),
    when=st.just("2026-01-31T12:00:00+01:00"),
)
def test_a_report_comes_back(message_id: str, when: str) -> None:
    asked = Asked(message_id=message_id, when=when, wanted=ALL, sip_uri="sip:b@x", jabber_uri="sip:r@y")
    body = report_body(asked, Kind.DISPLAY, Status.DISPLAYED, report_id="r1", now=START)
    envelope = cpim.unwrap(body.octets)
    assert envelope.sender is not None and envelope.sender.uri == "sip:r@y"
    assert envelope.recipients[0].uri == "sip:b@x"
    assert envelope.extension(imdn.HEADER_NAMESPACE, imdn.DISPOSITION_NOTIFICATION) is None
    read = read_body(request(body.octets, body.content_type), START)
    assert read.report is not None
    assert (read.report.message_id, read.report.when) == (message_id, when)
    assert (read.report.kind, read.report.status) == (Kind.DISPLAY, Status.DISPLAYED)


@given(
    octets=st.binary(max_size=300),
    kind=st.sampled_from([CPIM, COMPOSING, imdn.CONTENT_TYPE, "text/plain", "multipart/mixed;boundary=b"]),
)
def test_whatever_comes_is_read_or_refused(octets: bytes, kind: str) -> None:
    try:
        read_body(request(octets, kind), START)
    except BadInput:
        pass


def test_a_body_without_a_type_is_text() -> None:
    bare = request(b"hi", "text/plain")
    bare.headers.remove("Content-Type")
    assert read_body(bare, START).text == "hi"


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16"])
def test_other_charsets_are_understood(charset: str) -> None:
    read = read_body(request("grüß".encode(charset), f"text/plain; charset={charset}"), START)
    assert read.text == "grüß"


def test_squeezed_bodies_are_understood_and_others_are_not() -> None:
    squeezed = request(zlib.compress(b"hi"), "text/plain", Content_Encoding="deflate")
    assert read_body(squeezed, START).text == "hi"
    with pytest.raises(Unsupported):
        read_body(request(b"hi", "text/plain", Content_Encoding="br"), START)


def test_the_first_part_that_is_text_counts() -> None:
    body = (
        b"--b\r\nContent-Type: text/html\r\n\r\n<b>hi</b>\r\n"
        b"--b\r\nContent-Type: text/plain\r\nContent-Language: fr\r\n\r\nsalut\r\n--b--\r\n"
    )
    read = read_body(request(body, "multipart/alternative;boundary=b", Content_Language="de"), START)
    assert (read.text, read.language) == ("salut", "fr")
    with pytest.raises(Unsupported):
        read_body(
            request(b"--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--", "multipart/mixed;boundary=b"), START
        )


@pytest.mark.parametrize(("age", "old"), [(OLD_SECONDS - 30, False), (OLD_SECONDS + 30, True)])
def test_what_was_sent_a_while_ago_is_stamped(age: float, old: bool) -> None:
    body = envelope_body("hi", "", sender="sip:a@x", recipient="sip:b@x", message_id="m", now=START - age)
    read = read_body(request(body.octets, CPIM), START)
    assert (read.stamp is not None) == old
    if read.stamp is not None:
        assert abs(read.stamp.timestamp() - (START - age)) < 1


def test_the_subject_of_an_envelope_is_read_and_reports_need_an_id() -> None:
    octets = cpim.wrap(
        Envelope(
            subjects=(Note(text="Lunch"),),
            extensions=(Extension(imdn.HEADER_NAMESPACE, imdn.DISPOSITION_NOTIFICATION, "display"),),
            body=b"hi",
        )
    )
    read = read_body(request(octets, CPIM), START)
    assert read.subject == "Lunch" and read.wanted == frozenset()


def test_an_envelope_holds_text_or_nothing_of_use() -> None:
    for inner in ("image/png", CPIM):
        octets = cpim.wrap(Envelope(content_type=inner, body=b"x"))
        with pytest.raises(Unsupported):
            read_body(request(octets, CPIM), START)
    with pytest.raises(BadDocument):
        read_body(request(b"no envelope", CPIM), START)
