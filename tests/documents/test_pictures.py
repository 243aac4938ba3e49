"""What kind of picture a file is, by its header."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sip2xmpp.documents.pictures import Picture, picture_of
from sip2xmpp.errors import BadDocument

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4) + b"\x08\x02"
GIF = b"GIF89a" + (32).to_bytes(2, "little") + (16).to_bytes(2, "little")
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(10) + b"\xff\xff\xfe\x00\x04ok"
    b"\xff\xc2\x00\x11\x08" + (48).to_bytes(2) + (64).to_bytes(2) + bytes(10)
)


@pytest.mark.parametrize(
    ("octets", "picture"),
    [
        (PNG, Picture("image/png", 64, 48)),
        (GIF, Picture("image/gif", 32, 16)),
        (JPEG, Picture("image/jpeg", 64, 48)),
        (JPEG[:30], Picture("image/jpeg", 0, 0)),
    ],
)
def test_a_picture_is_known_by_its_content(octets: bytes, picture: Picture) -> None:
    assert picture_of(octets) == picture


@pytest.mark.parametrize(
    "octets", [b"", b"<svg/>", b"GIF", PNG[:20], b"\xff\xd8", b"BM" + bytes(60), b"RIFF0000WEBP"]
)
def test_other_files_are_no_pictures(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        picture_of(octets)


@given(st.sampled_from([PNG, GIF, JPEG, b"\xff\xd8\xff"]), st.binary(max_size=200))
@example(b"\xff\xd8\xff", b"\xff" * 200)
@example(b"\xff\xd8\xff", b"\xe0\x00\x00" * 60)
def test_whatever_follows_a_header_it_ends(head: bytes, rest: bytes) -> None:
    picture = picture_of(head + rest)
    assert picture.width >= 0 and picture.height >= 0
