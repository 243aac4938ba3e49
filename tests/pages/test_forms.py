"""Forms as browsers send them, and as those who mean harm do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadInput
from sip2xmpp.pages.forms import Form, read_form

MULTIPART = 'multipart/form-data; boundary="--a b"'


def parts(*each: bytes) -> bytes:
    return b"".join(b"----a b\r\n" + part + b"\r\n" for part in each) + b"----a b--\r\n"


def test_a_form_gives_the_last_value_of_a_name_and_all_of_them() -> None:
    form = read_form("application/x-www-form-urlencoded; charset=utf-8", b"a=1&b=%C3%A9+x&a=+2+&c")
    assert (form.text("a"), form.text("b"), form.text("c"), form.text("d", default="none")) == (
        "2",
        "\u00e9 x",
        "",
        "none",
    )
    assert form.all("a") == ["1", "2"] and "c" in form and "d" not in form


def test_a_form_with_a_file() -> None:
    picture = b"\x89PNG\r\n\x1a\n\r\n----a\r\n\x00"
    form = read_form(
        MULTIPART,
        parts(
            b'Content-Disposition: form-data; name="note"\r\n\r\n' + "a\r\nb \u00e9".encode(),
            b'Content-Disposition: form-data; name="picture"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
            + picture,
            b'Content-Disposition: form-data; name="empty"; filename=""\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n",
        ),
    )
    assert form.text("note", lines=True) == "a\nb \u00e9"
    file = form.file("picture")
    assert file is not None and (file.media, file.octets) == ("image/png", picture)
    assert form.file("empty") is None and form.file("note") is None


@pytest.mark.parametrize("value", ["a\x00b", "a\x1bb", "a\x85b", "a\u2028b", "a\ud800b", "a\nb", "a\tb"])
def test_a_text_has_no_control_characters(value: str) -> None:
    with pytest.raises(BadInput):
        Form([("a", value)]).text("a")


def test_a_text_may_have_lines_where_it_may() -> None:
    assert Form([("a", "one\r\ntwo\rthree ")]).text("a", lines=True) == "one\ntwo\nthree"


def test_a_text_has_a_length() -> None:
    with pytest.raises(BadInput):
        Form([("a", "x" * 11)]).text("a", most=10)
    assert Form([("a", "x" * 11)]).secret("a", most=10) == ""
    assert Form([("a", " x\ty ")]).secret("a") == " x\ty ", "a password is as it was typed"


@given(st.binary(max_size=300), st.sampled_from([MULTIPART, "application/x-www-form-urlencoded", "", "x"]))
def test_whatever_is_sent_is_a_form_or_is_none(octets: bytes, media: str) -> None:
    try:
        form = read_form(media, octets)
    except BadInput:
        return
    assert isinstance(form, Form)
