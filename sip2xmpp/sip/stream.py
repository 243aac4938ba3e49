"""Cutting a byte stream into messages.

The end of the headers is searched from where the last search stopped, Content-Length is read once for each message,
and the rest is counting: time is linear in the octets, however they are chunked.  Between messages a double CRLF is a
keep-alive ping, which the transport has to answer with one CRLF; single CRLFs are skipped (pongs, and the padding that
RFC 3261 allows).  After a :class:`BadMessage` the framing is lost and the connection has to be closed.

Implements: RFC 3261, sections 7.5, 18.3 and 18.4; RFC 5626, section 4.4.1 (CRLF keep-alive).
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, Literal

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.message import Request, parse_message
from sip2xmpp.sip.splitting import MAX_MESSAGE


class Ping(Enum):
    """The type of :data:`PING`."""

    PING = b"\r\n\r\n"


#   A keep-alive that wants one CRLF in return.
PING: Final = Ping.PING

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:(?:[ \t]|\r\n[ \t])*([^\r\n]*)", re.IGNORECASE)


class StreamFramer:
    """The messages of one connection.  ``limit`` is the size of the largest message taken, in octets."""

    __slots__ = ("_broken", "_buffer", "_limit", "_searched", "_size")

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._searched = 0
        self._size = 0
        self._broken: BadMessage | None = None

    def feed(self, data: bytes) -> Iterator[bytes | Literal[Ping.PING]]:
        """Take what was received and give, in order, each whole message and each ping.

        To be run to its end.  It raises :class:`BadMessage`, behind the last good message, when the framing is lost;
        its ``request`` is set if an answer can be sent before closing.
        """
        self._buffer += data
        return self._cut()

    def _cut(self) -> Iterator[bytes | Literal[Ping.PING]]:
        if self._broken is not None:
            raise self._broken
        buffer = self._buffer
        while buffer:
            if not self._size:
                if buffer[0] in b"\r\n":
                    if buffer.startswith(PING.value):
                        del buffer[:4]
                        yield PING
                    elif len(buffer) < 4 and PING.value.startswith(bytes(buffer)):
                        return
                    else:
                        del buffer[: 2 if buffer.startswith(b"\r\n") else 1]
                    continue
                self._size = self._measure()
            if not self._size or len(buffer) < self._size:
                return
            message = bytes(buffer[: self._size])
            del buffer[: self._size]
            self._size = self._searched = 0
            yield message

    def _measure(self) -> int:
        """The size of the message at the front, 0 if its headers have not all come yet."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(buffer) > self._limit:
                raise self._lost(BadMessage("the headers are too long", 513))
            self._searched = max(0, len(buffer) - 3)
            return 0
        head = bytes(buffer[: end + 4])
        lengths = _LENGTH.findall(head)
        digits = lengths[0].strip(b" \t") if len(lengths) == 1 else b""
        if not digits.isdigit() or len(digits) > 10:
            raise self._lost(BadMessage("a message without one Content-Length", 400, _answerable(head)))
        size = end + 4 + int(digits)
        if size > self._limit:
            raise self._lost(BadMessage("the message is too large", 513, _answerable(head)))
        return size

    def _lost(self, bad: BadMessage) -> BadMessage:
        self._broken = bad
        self._buffer.clear()
        return bad


def _answerable(head: bytes) -> Request | None:
    """The request of which ``head`` is the head, if it is one and can be answered."""
    try:
        message = parse_message(head)
    except BadMessage as bad:
        request: Request | None = bad.request
        return request
    return message if isinstance(message, Request) and message.is_answerable else None
