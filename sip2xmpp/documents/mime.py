"""Bodies made of parts, and bodies that were squeezed: to find the one part that is meant.

Implements: RFC 2046 section 5.1 (multipart); RFC 2045 sections 5 and 6; RFC 5621 (bodies in SIP); RFC 1950 (deflate).
"""

import binascii
import quopri
import re
import zlib
from base64 import b64decode
from codecs import lookup
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sip2xmpp.errors import BadDocument

PART_LIMIT: Final = 32
DEPTH_LIMIT: Final = 4
SIZE_LIMIT: Final = 262_144

_NO_CHARSETS: Final = frozenset(
    ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "mbcs", "oem")
)
"""Codecs of Python that are no charsets of text."""

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_PARAMETER = re.compile(r"""\s*;\s*([^\s=;]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One body: its Content-Type as written, its other headers with names in lower case, its octets decoded."""

    content_type: str
    headers: Mapping[str, str]
    body: bytes


def media_type(content_type: str) -> tuple[str, dict[str, str]]:
    """``type/subtype`` in lower case, and parameters with names in lower case."""
    name, semicolon, rest = content_type.partition(";")
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(semicolon + rest):
        quoted = match[2]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3] or ""
        parameters.setdefault(match[1].lower(), value)
    return name.strip().lower(), parameters


def parts(
    content_type: str, body: bytes, *, limit: int = PART_LIMIT, size: int = SIZE_LIMIT
) -> tuple[Part, ...]:
    """The parts of a ``multipart`` body, ``limit`` of them at most; ``size`` in octets.  Raises ``BadDocument``."""
    if len(body) > size:
        raise BadDocument(f"the body is larger than {size} octets")
    boundary = media_type(content_type)[1].get("boundary", "")
    if not boundary:
        raise BadDocument("a multipart body without boundary")
    mark = re.compile(
        rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("utf-8", "replace")) + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    )
    found: list[Part] = []
    start: int | None = None
    for match in mark.finditer(body):
        if start is not None:
            found.append(_part(body[start : match.start()]))
            if len(found) > limit:
                raise BadDocument(f"more than {limit} parts")
        start = match.end()
        if match[1] is not None:
            return tuple(found)
    # COMPAT: senders that forget the closing delimiter; what is there so far counts.
    if start is not None and body[start:].strip():
        found.append(_part(body[start:]))
    return tuple(found)


def first_part(content_type: str, body: bytes, wanted: Collection[str]) -> Part | None:
    """The first body of a wanted media type, looked for inside ``multipart`` bodies as well; None when there is none.

    ``wanted`` are in lower case.  Raises ``BadDocument`` for a multipart body that cannot be taken apart.
    """
    return _first(Part(content_type=content_type, headers={}, body=body), wanted, DEPTH_LIMIT)


def text_of(part: Part) -> str:
    """A text body as text, by its charset (UTF-8 when not stated).  Raises ``BadDocument``."""
    charset = media_type(part.content_type)[1].get("charset", "utf-8") or "utf-8"
    try:
        if lookup(charset).name in _NO_CHARSETS:
            raise BadDocument(f"{charset} is not a charset")
        return part.body.decode(charset)
    except (UnicodeDecodeError, LookupError, ValueError):
        raise BadDocument(f"the text is not {charset}, or that is not known") from None


def inflated(body: bytes, encoding: str, *, limit: int = SIZE_LIMIT) -> bytes:
    """A body without its Content-Encoding; ``limit`` in octets.  Raises ``BadDocument``.

    COMPAT: Linphone sends lists and documents deflated.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("deflate", "gzip", "x-gzip"):
        raise BadDocument(f"the content encoding {encoding[:40]} is not known")
    squeezed = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        octets = squeezed.decompress(body, limit + 1)
    except zlib.error:
        raise BadDocument(f"the body is not {encoding}") from None
    if len(octets) > limit:
        raise BadDocument(f"the body is larger than {limit} octets")
    if not squeezed.eof:
        raise BadDocument(f"the {encoding} body ends too early")
    return octets


def _first(part: Part, wanted: Collection[str], depth: int) -> Part | None:
    name, _ = media_type(part.content_type)
    if name in wanted:
        return part
    if not name.startswith("multipart/") or depth == 0:
        return None
    for inner in parts(part.content_type, part.body):
        found = _first(inner, wanted, depth - 1)
        if found is not None:
            return found
    return None


def _part(octets: bytes) -> Part:
    """A part from what stands between two delimiters; it begins with the line end of the first."""
    head, body = b"", octets
    if not octets.startswith((b"\r\n\r\n", b"\n\n")):
        split = _BLANK_LINE.search(octets)
        head, body = (octets, b"") if split is None else (octets[: split.start()], octets[split.end() :])
    else:
        body = octets[4:] if octets.startswith(b"\r\n") else octets[2:]
    headers: dict[str, str] = {}
    last = ""
    for line in head.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if line[:1] in (" ", "\t") and last:
            headers[last] += f" {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if colon:
            last = name.strip().lower()
            headers.setdefault(last, value.strip())
    content_type = headers.pop("content-type", "text/plain")
    return Part(
        content_type=content_type,
        headers=headers,
        body=_decoded(body, headers.get("content-transfer-encoding", "")),
    )


def _decoded(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding != "base64":
        return body
    try:
        return b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadDocument("a part is not base64") from None
