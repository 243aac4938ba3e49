"""By what a device is known again: marks in its requests, stable over its restarts.

A device that publishes and registers, or publishes again after it has forgotten what it published, is the same device if the
two requests share a mark.  Marks are blank separated and hold hashes, so that they are short and say nothing about anybody.

Implements: RFC 5626 section 4.1 (instance ids).
"""

import re
from functools import lru_cache
from zlib import crc32

from sip2xmpp.sip.message import Request

LONGEST_REMEMBERED = 512
"""Characters of a User-Agent whose hash is remembered."""

_PLAIN_VIA = re.compile(r" ?SIP/2\.0/[A-Z]+ ([a-z0-9.-]+)(?::([1-9][0-9]*))?;[^,]*\Z")
"""A line with one Via, host and port as they are compared."""
_RECEIVED = re.compile(r";received=([^;\s]+)")


def marks_of(request: Request, instance: str | None = None, document: str = "") -> str:
    """The marks of the device that sent ``request``: its instance id, its socket, and a name from what it publishes.

    The latter two count together with the User-Agent, the host that the device says it is, and where it was seen to be: many
    networks have the same addresses inside.
    """
    marks = []
    if instance:
        marks.append(f"instance={_hash(instance)}")
    host, port = _own_hop(request)
    user_agent = request.user_agent
    agent = _agent_hash(user_agent) if len(user_agent) <= LONGEST_REMEMBERED else _hash(user_agent)
    marks.append(f"socket={host}:{port}:{agent}")
    if document:
        marks.append(f"document={_hash(document)}:{host}:{agent}")
    return " ".join(marks)


def without_socket(marks: str) -> str:
    """The marks but that of the socket, where several devices, or one for several things, use the same."""
    return " ".join([mark for mark in marks.split() if not mark.startswith("socket=")])


def _own_hop(request: Request) -> tuple[str, str]:
    """Host and port (empty if none is written) of the hop that the device itself wrote; a proxy in between does not change it.

    A host that was seen under another address has that behind ``@``.
    """
    if request.headers.are_single:
        line = request.headers.first["Via"]
        found = _PLAIN_VIA.match(line)
        if found is not None:
            seen = _RECEIVED.search(line)
            return _seen_at(found[1], seen[1] if seen is not None else None), found[2] or ""
    hop = request.vias[-1]
    return _seen_at(hop.host, hop.received), str(hop.port or "")


def _seen_at(host: str, received: str | None) -> str:
    return host if received is None or received == host else f"{host}@{received}"


def _hash(text: str) -> str:
    return f"{crc32(text.encode('utf-8', 'surrogateescape')):08x}"


_agent_hash = lru_cache(maxsize=1024)(_hash)
