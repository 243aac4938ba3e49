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
from sip2xmpp.sip.message import parse_message
from sip2xmpp.sip.splitting import MAX_MESSAGE


class Ping(Enum):
    """The type of :data:`PING`."""

    PING = b"\r\n\r\n"


#   A keep-alive that wants one CRLF in return.
PING: Final = Ping.PING

_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:(?:[ \t]|\r\n[ \t])*([^\r\n]*)", re.IGNORECASE)


class StreamFramer:
    """The messages of one connection.  ``limit`` is the size of the largest message taken, in octets."""

    __slots__ = ("_buffer", "_limit", "_searched", "_size")

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._searched = 0
        self._size = 0

    def feed(self, data: bytes) -> Iterator[bytes | Literal[Ping.PING]]:
        """Take what was received and give, in order, each whole message and each ping.

        To be run to its end.  It raises :class:`BadMessage`, behind the last good message, when the framing is lost;
        its ``request`` is set if an answer can be sent before closing.
        """
        self._buffer += data
        return self._cut()

    def _cut(self) -> Iterator[bytes | Literal[Ping.PING]]:
        buffer = self._buffer
        while buffer:
            if not self._size:
                if buffer[0] in b"\r\n":
                    if buffer[:4] == b"\r\n\r\n":
                        del buffer[:4]
                        yield PING
                        continue
                    if len(buffer) < 4 and b"\r\n\r\n".startswith(buffer):
                        return
                    del buffer[: 2 if buffer[:2] == b"\r\n" else 1]
                    continue
                self._size = self._measure()
                if not self._size:
                    return
            if len(buffer) < self._size:
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
                raise BadMessage("the headers are too long", 513)
            self._searched = max(0, len(buffer) - 3)
            return 0
        head = bytes(buffer[: end + 4])
        found = _LENGTH.search(head)
        digits = found[1].strip() if found else b""
        if not digits.isdigit() or len(digits) > 10:
            parse_message(head, stream=True)
            raise BadMessage("a message without a usable Content-Length")
        size = end + 4 + int(digits)
        if size > self._limit:
            raise BadMessage("the message is too large", 513)
        return size
