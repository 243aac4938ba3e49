"""What kind of picture some octets are, and how large, as their header says; nothing is ever decoded.

Only the formats that XMPP clients show as avatars are known.  A file that merely begins like one is passed on as such: whoever
shows it decodes it, as with every picture from anywhere.

Implements: PNG (third edition) section 11.2.1; GIF89a section 18; JPEG (ITU-T T.81) annex B as far as sizes go.
"""

from dataclasses import dataclass
from typing import Final

from sip2xmpp.errors import BadDocument

_PNG: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_JPEG: Final = b"\xff\xd8\xff"
_GIF: Final = (b"GIF87a", b"GIF89a")
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG that begin a frame, with its size."""
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
"""Markers of JPEG without a length."""
_MOST_SEGMENTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Picture:
    """``type`` is a media type; ``width`` and ``height`` are pixels, 0 where the header does not tell."""

    type: str
    width: int
    height: int


def picture_of(octets: bytes) -> Picture:
    """What ``octets`` are, by their content; raises ``BadDocument`` unless they are a PNG, JPEG or GIF."""
    if octets.startswith(_PNG) and len(octets) >= 24:
        return Picture("image/png", int.from_bytes(octets[16:20]), int.from_bytes(octets[20:24]))
    if octets.startswith(_GIF) and len(octets) >= 10:
        return Picture(
            "image/gif", int.from_bytes(octets[6:8], "little"), int.from_bytes(octets[8:10], "little")
        )
    if octets.startswith(_JPEG):
        return Picture("image/jpeg", *_jpeg_size(octets))
    raise BadDocument("the picture is neither PNG, JPEG nor GIF")


def _jpeg_size(octets: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        while octets[at : at + 2] == b"\xff\xff":  # padding
            at += 1
        if at + 4 > len(octets) or octets[at] != 0xFF:
            break
        marker = octets[at + 1]
        if marker in _ALONE:
            at += 2
            continue
        if marker in _FRAMES and at + 9 <= len(octets):
            return int.from_bytes(octets[at + 7 : at + 9]), int.from_bytes(octets[at + 5 : at + 7])
        at += 2 + max(int.from_bytes(octets[at + 2 : at + 4]), 2)
    return 0, 0
