"""Pictures of users as documents."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.pres_content import PICTURE_LIMIT, Content, read, write
from sip2xmpp.documents.presence import Note
from sip2xmpp.errors import BadDocument
from tests.documents.test_pictures import GIF, JPEG, PNG


def document(data: str, more: str = "", root: str = "content") -> bytes:
    return f'<{root} xmlns="urn:oma:xml:prs:pres-content">{more}<data>{data}</data></{root}>'.encode()


def encoded(octets: bytes) -> str:
    return b64encode(octets).decode()


def test_a_picture_is_what_it_is_whatever_it_is_called() -> None:
    content = read(document(encoded(GIF), "<mime-type>image/png</mime-type><encoding>BASE64</encoding>"))
    assert content.octets == GIF and content.picture.type == "image/gif"


def test_line_breaks_and_blanks_are_no_data() -> None:
    data = "\n  ".join([encoded(JPEG)[at : at + 8] for at in range(0, len(encoded(JPEG)), 8)])
    more = '<description xml:lang="en"> Me </description><description/>'
    assert read(document(data, more)) == Content(octets=JPEG, descriptions=(Note(text="Me", language="en"),))


@pytest.mark.parametrize(
    "octets",
    [
        b"<content", document("", root="other"), b'<content xmlns="urn:oma:xml:prs:pres-content"/>', b"<content><data/></content>",
        document("%%%"), document("AAA"), document(""), document(encoded(b"<svg/>")), document("&bomb;"),
        b'<!DOCTYPE a [<!ENTITY b "x">]>' + document(""), document(encoded(PNG), "<encoding>binary</encoding>"),
        document(encoded(PNG[:16] + b"\xff" * 8 + b"\x08\x02")), document(encoded(PNG + bytes(PICTURE_LIMIT))),
        document(encoded(PNG + bytes(PICTURE_LIMIT + 100_000))),
    ],
)  # fmt: skip
def test_other_things_are_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)


@given(
    st.sampled_from([PNG, GIF, JPEG]),
    st.binary(max_size=100),
    st.lists(
        st.builds(Note, text=st.sampled_from(["a", "b & <"]), language=st.sampled_from([None, "en"])),
        max_size=2,
    ),
)
def test_what_is_written_is_read(picture: bytes, more: bytes, notes: list[Note]) -> None:
    content = Content(octets=picture + more, descriptions=tuple(notes))
    assert read(write(content)) == content


@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda data: document(data).replace(b"\x00", b"")))
def test_nothing_does_harm(octets: bytes) -> None:
    try:
        read(octets)
    except BadDocument:
        pass
