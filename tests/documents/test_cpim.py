"""The envelope of messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import imdn
from sip2xmpp.documents.cpim import SIZE_LIMIT, Envelope, Extension, Party, unwrap, wrap
from sip2xmpp.documents.presence import Note
from sip2xmpp.errors import BadDocument

ASKING = (
    b"From: Alice <im:alice@example.org>\r\nTo: Bob <im:bob@example.com>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
    b"imdn.Message-ID: 34jk324j\r\nDateTime: 2026-01-31T12:16:49-05:00\r\n"
    b"imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n"
    b"Content-type: text/plain; charset=utf-8\r\nContent-length: 12\r\n\r\nHello World\n"
)


def test_a_message_that_asks_for_notifications_is_unwrapped() -> None:
    envelope = unwrap(ASKING)
    assert envelope.sender == Party("im:alice@example.org", "Alice")
    assert envelope.recipients == (Party("im:bob@example.com", "Bob"),)
    assert envelope.when == "2026-01-31T12:16:49-05:00"
    assert envelope.extension(imdn.HEADER_NAMESPACE, "message-id") == "34jk324j"
    asked = envelope.extension(imdn.HEADER_NAMESPACE, imdn.DISPOSITION_NOTIFICATION)
    assert asked is not None
    assert imdn.read_asked(asked) == {imdn.Asked.POSITIVE_DELIVERY, imdn.Asked.NEGATIVE_DELIVERY}
    assert envelope.content_type == "text/plain; charset=utf-8"
    assert envelope.content_headers == {"content-length": "12"}
    assert envelope.body == b"Hello World\n"


def test_bare_line_feeds_are_accepted() -> None:
    assert unwrap(ASKING.replace(b"\r\n", b"\n")) == unwrap(ASKING)


def test_the_example_of_the_rfc_is_unwrapped() -> None:
    envelope = unwrap(
        b"From: MR SANDERS <im:piglet@100akerwood.com>\r\nTo: Depressed Donkey <im:eeyore@100akerwood.com>\r\n"
        b"DateTime: 2000-12-13T13:40:00-08:00\r\nSubject: the weather will be fine today\r\n"
        b"Subject:;lang=fr beau temps prevu pour aujourd'hui\r\nNS: MyFeatures <mid:MessageFeatures@id.foo.com>\r\n"
        b"Require: MyFeatures.VitalMessageOption\r\nMyFeatures.VitalMessageOption: Confirmation-requested\r\n"
        b"MyFeatures.WackyMessageOption: Use-silly-font\r\nOther.Thing: unbound\r\n\r\n"
        b"Content-type: text/xml; charset=utf-8\r\nContent-ID: <1234567890@foo.com>\r\n\r\n<body>\r\n\r\nx</body>"
    )
    assert envelope.subjects == (
        Note(text="the weather will be fine today"),
        Note(text="beau temps prevu pour aujourd'hui", language="fr"),
    )
    assert envelope.extensions == (
        Extension("mid:MessageFeatures@id.foo.com", "VitalMessageOption", "Confirmation-requested"),
        Extension("mid:MessageFeatures@id.foo.com", "WackyMessageOption", "Use-silly-font"),
    )
    assert envelope.content_headers == {"content-id": "<1234567890@foo.com>"}
    assert envelope.body == b"<body>\r\n\r\nx</body>"


def test_an_envelope_is_written() -> None:
    octets = wrap(
        Envelope(
            sender=Party("im:juliet@example.com", 'Ju"liet'),
            recipients=(Party("sip:bob@sip.example.org"),),
            copies=(Party("sip:alice@example.org"),),
            when="2026-01-31T12:00:00Z",
            subjects=(Note(text="a\r\nb", language="en"),),
            extensions=(
                Extension(imdn.HEADER_NAMESPACE, "Message-ID", "abc"),
                Extension("urn:other", "Thing", "1"),
                Extension(imdn.HEADER_NAMESPACE, "bad name", "no"),
            ),
            content_type="message/imdn+xml",
            content_headers={"content-disposition": "notification"},
            body=b"<imdn/>",
        )
    )
    assert octets == (
        b'From: "Ju\\"liet" <im:juliet@example.com>\r\nTo: <sip:bob@sip.example.org>\r\n'
        b"cc: <sip:alice@example.org>\r\nDateTime: 2026-01-31T12:00:00Z\r\nSubject:;lang=en a\\r\\nb\r\n"
        b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: abc\r\nNS: x1 <urn:other>\r\nx1.Thing: 1\r\n\r\n"
        b"Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n<imdn/>"
    )


lines = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
parties = st.builds(Party, st.just("sip:a@b"), lines.map(str.strip))
envelopes = st.builds(
    Envelope,
    sender=st.none() | parties,
    recipients=st.lists(parties, max_size=2).map(tuple),
    copies=st.lists(parties, max_size=2).map(tuple),
    when=st.sampled_from(["", "2026-01-31T12:00:00Z"]),
    subjects=st.lists(
        st.builds(Note, text=lines.map(str.strip), language=st.sampled_from([None, "en"])), max_size=2
    ).map(tuple),
    extensions=st.lists(
        st.builds(
            Extension,
            st.sampled_from(["urn:ietf:params:imdn", "urn:x"]),
            st.just("Name"),
            lines.map(str.strip),
        ),
        max_size=3,
    ).map(tuple),
    content_type=st.just("text/plain"),
    content_headers=st.dictionaries(st.sampled_from(["content-id", "content-language"]), st.just("x y")),
    body=st.binary(max_size=40),
)


@given(envelopes)
def test_what_is_wrapped_can_be_unwrapped(envelope: Envelope) -> None:
    assert unwrap(wrap(envelope)) == envelope


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda junk: ASKING[:60] + junk + ASKING[60:]))
def test_no_octets_raise_anything_but_bad_document(octets: bytes) -> None:
    try:
        unwrap(octets)
    except BadDocument:
        return


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Hello",
        b"From: <a:b>\r\n\r\nContent-Type: text/plain\r\n",
        b"no header\r\n\r\nContent-Type: text/plain\r\n\r\nx",
        b"From: <a:b>\r\n\r\nno header\r\n\r\nx",
        b"From: \xff\r\n\r\nContent-Type: text/plain\r\n\r\nx",
        b"A: b\r\n" * 200 + b"\r\nContent-Type: text/plain\r\n\r\nx",
        b"x" * (SIZE_LIMIT + 1),
    ],
    ids=range(8),
)
def test_what_is_no_envelope_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        unwrap(octets)
