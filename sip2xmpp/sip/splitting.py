"""Cutting octets into start line, header lines and body: the part of parsing that every message pays for.

A well-formed message takes one ``str.split`` and one ``partition`` a line.  Whatever is odd (bare LF, folded
lines, stray CR) is seen by counting, and only then takes a slower way.  A fault does not stop the cutting: it is
returned with all that could be read, so that the request can still be answered.

Limits, all larger than anything that real networks produce:
a message of 65,535 octets is the largest a datagram can hold, and streams are held to the same;
a line of 16,384 octets holds the longest identity assertions and route sets seen (web servers stop at 8,190);
400 header lines are 70 hops with a Via and a Record-Route each, and 260 to spare.

Implements: RFC 3261, sections 7.3.1 (folding), 7.5 (framing), 18.3 (Content-Length).
"""

import re

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.fields import SINGLE, SPELLINGS, Field, Headers, written_name
from sip2xmpp.sip.grammar import LWS, shown

MAX_MESSAGE = 65_535
MAX_LINE = 16_384
MAX_LINES = 400

_FOLD = re.compile(r"\r\n[ \t]+")
_LINE_END = re.compile(rb"\r\n|\n")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")

#   Start line, headers, body, and the first thing found wrong.
Split = tuple[str, Headers, bytes, BadMessage | None]


def split_message(octets: bytes, stream: bool) -> Split:
    """Start line, headers, body and fault of one message.  Raises :class:`BadMessage` only for what is no message at all."""
    head, blank, body = octets.partition(b"\r\n\r\n")
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    count = len(lines) - 1
    if (
        not blank
        or len(head) > MAX_LINE
        or count > MAX_LINES
        # a CR or LF that is not half of a line end
        or not text.count("\n") == text.count("\r") == count
    ):
        return _split_carefully(octets, stream)
    start_line = lines[0]
    del lines[0]
    spellings = SPELLINGS
    first: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name in spellings:
            first[spellings[name]] = value
        else:
            written = written_name(name)
            if written is None:
                return _split_carefully(octets, stream)
            first[written] = value
    #   A line without a colon left an empty value.
    if not start_line or len(first) != count or "" in first.values():
        return _split_carefully(octets, stream)
    declared = first.get("Content-Length")
    if declared is None or declared != f" {len(body)}":
        body, fault = _sized(body, declared, stream)
        return start_line, Headers.from_lines(first), body, fault
    return start_line, Headers.from_lines(first), body, None


def _split_carefully(octets: bytes, stream: bool) -> Split:
    """The same for any octets: repeated headers, folded lines, odd line ends, and all that is wrong."""
    head, body, fault = _find_blank_line(octets)
    if len(head) > MAX_LINE:
        fault = fault or _too_long(head)
    text = head.decode("utf-8", "surrogateescape")
    if text.count("\n") != text.count("\r\n") or text.count("\r") != text.count("\r\n"):
        text, odd = _repair_line_ends(text, stream)
        fault = fault or odd
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    start_line, *lines = text.split("\r\n")
    if len(lines) > MAX_LINES:
        fault = fault or BadMessage("too many header lines", 513)
        del lines[MAX_LINES:]
    fields: list[Field] = []
    for line in lines:
        name, colon, value = line.partition(":")
        written = written_name(name) if colon else None
        if written is None:
            fault = fault or BadMessage(f"not a header line: {shown(line)}")
        else:
            fields.append((written, value))
    headers = Headers.from_fields(fields)
    body, wrong = _sized(body, headers.raw("Content-Length"), stream)
    return start_line, headers, body, fault or _duplicate(fields) or wrong


def _sized(body: bytes, declared: str | None, stream: bool) -> tuple[bytes, BadMessage | None]:
    """``body`` cut to the declared Content-Length, and what is wrong with that."""
    if declared is None:
        return body, BadMessage("a message on a stream needs a Content-Length") if stream else None
    declared = declared.strip(LWS)
    if not (declared.isascii() and declared.isdigit()) or len(declared) > 10:
        return body, BadMessage(f"not a Content-Length: {shown(declared)}")
    length = int(declared)
    if length > len(body):
        return body, BadMessage("the body is shorter than its Content-Length")
    return body[:length], None


def _find_blank_line(octets: bytes) -> tuple[bytes, bytes, BadMessage | None]:
    """Head, body and fault; whatever ends its lines, and behind leading line ends, which are no message yet."""
    octets = octets.lstrip(b"\r\n")
    if not octets:
        raise BadMessage("an empty message")
    found = _BLANK_LINE.search(octets)
    if found is None:
        return octets.rstrip(b"\r\n"), b"", BadMessage("no blank line ends the headers")
    return octets[: found.start()], octets[found.end() :], None


def _repair_line_ends(text: str, stream: bool) -> tuple[str, BadMessage | None]:
    """``text`` with CRLF line ends only, and what was wrong with it."""
    fault = None
    #   COMPAT: bare LF as line end in datagrams, from hand-written test clients and a few door phones.
    if stream and text.count("\n") != text.count("\r\n"):
        fault = BadMessage("a line that does not end in CRLF")
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        fault = BadMessage("a CR that ends no line")
        text = text.replace("\r", " ")
    return text.replace("\n", "\r\n"), fault


def _too_long(head: bytes) -> BadMessage | None:
    if len(head) > MAX_MESSAGE:
        return BadMessage("the headers are too long", 513)
    if max(map(len, _LINE_END.split(head))) > MAX_LINE:
        return BadMessage("a header line is too long", 513)
    return None


def _duplicate(fields: list[Field]) -> BadMessage | None:
    seen = set()
    for name, _ in fields:
        if name in SINGLE:
            if name in seen:
                return BadMessage(f"more than one {name} header")
            seen.add(name)
    return None
