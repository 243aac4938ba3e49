"""Content that presence refers to, kept as a document: the picture of a user, and words about it.

A picture is what its own header says it is, whatever the document calls it; it is never decoded here.  What is larger than the
bounds, in octets or in pixels, is refused: a small file may be a picture that no screen and no memory can hold.

Implements: OMA Presence Content XDM (``application/vnd.oma.pres-content+xml``).
"""

import binascii
from base64 import encodebytes
from typing import Final

from sip2xmpp.documents.namespaces import XML_LANG
from sip2xmpp.documents.pictures import Picture, picture_of
from sip2xmpp.documents.presence import Note, frozen_value
from sip2xmpp.documents.xml import attribute, children, content, parse, text
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/vnd.oma.pres-content+xml"
NAMESPACE: Final = "urn:oma:xml:prs:pres-content"
SIZE_LIMIT: Final = 450_000
"""Octets of a document."""
PICTURE_LIMIT: Final = 307_200
"""Octets of a picture: 300 KiB."""
PIXELS: Final = 16_777_216
"""Of a picture as it is shown: 4096 by 4096."""

_Q: Final = f"{{{NAMESPACE}}}"


@frozen_value
class Content:
    """``octets`` are a picture of the kind ``picture.type``."""

    octets: bytes
    descriptions: tuple[Note, ...] = ()

    @property
    def picture(self) -> Picture:
        return picture_of(self.octets)


def read(octets: bytes) -> Content:
    """A document; raises ``BadDocument``, also for what is no picture, or too large a one."""
    root = parse(octets, limit=SIZE_LIMIT)
    if root.tag != f"{_Q}content":
        raise BadDocument("not a content document")
    inside = {child.tag: child for child in reversed(children(root))}
    encoding, data = inside.get(f"{_Q}encoding"), inside.get(f"{_Q}data")
    if data is None:
        raise BadDocument("the content has no data")
    if encoding is not None and content(encoding).lower() not in ("", "base64"):
        raise BadDocument("the encoding of the content is not base64")
    descriptions = [
        Note(text=content(child), language=child.get(XML_LANG))
        for child in children(root)
        if child.tag == f"{_Q}description" and content(child)
    ]
    return Content(octets=_picture(data.text or ""), descriptions=tuple(descriptions))


def write(document: Content) -> bytes:
    """A document as octets; raises ``BadDocument`` for what is no picture."""
    descriptions = "".join(
        f"<description{_language(note)}>{text(note.text)}</description>" for note in document.descriptions
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<content xmlns="{NAMESPACE}">'
        f"<mime-type>{document.picture.type}</mime-type><encoding>base64</encoding>{descriptions}"
        f"<data>{encodebytes(document.octets).decode('ascii')}</data></content>"
    ).encode()


def _language(note: Note) -> str:
    return f' xml:lang="{attribute(note.language)}"' if note.language else ""


def _picture(said: str) -> bytes:
    try:
        octets = binascii.a2b_base64("".join(said.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise BadDocument("the data are not base64") from None
    if len(octets) > PICTURE_LIMIT:
        raise BadDocument(f"a picture has {PICTURE_LIMIT} octets at most")
    picture = picture_of(octets)
    if picture.width * picture.height > PIXELS:
        raise BadDocument(f"a picture has {PIXELS} pixels at most")
    return octets
