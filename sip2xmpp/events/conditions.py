"""What stands in the end of a NOTIFY, and the tag by which a watcher says that it has just that.

A *block* is everything from SIP-ETag on: the tag, Content-Type, Content-Length and the body.  It is written once for all
watchers who get the same, so the tag costs one hash a document and nothing a NOTIFY.  The tag is made of the content and of
what the content is of, and of nothing else: the same state has the same tag in another dialog, and after a restart.  A body
that counts (``Form.numbered``) is tagged by the full state that it brings its reader to.

Implements: RFC 5839 sections 6.1 to 6.3, 7 and 8 (SIP-ETag, Suppress-If-Match).
"""

from hashlib import blake2b
from typing import Final

from sip2xmpp.events.package import Body
from sip2xmpp.sip.dialog import body_block

NO_BODY: Final = body_block(None, b"")
ALWAYS: Final = "*"
"""The condition that is true whatever the state is."""
LONGEST_TAG: Final = 128
"""Characters of a Suppress-If-Match that could be a tag; none of ours is longer."""

_NAME: Final = b"SIP-ETag: "
_DIGEST: Final = 10
"""Octets of the hash: nobody gains by two documents of one tag but who wrote both."""
_TAG: Final = slice(len(_NAME), len(_NAME) + 2 * _DIGEST)


def block(body: Body | None, key: str) -> bytes:
    """The end of a NOTIFY with ``body``; ``key`` is what package, form and entity the body is of."""
    if body is None:
        return NO_BODY
    tag = blake2b(body.octets, digest_size=_DIGEST, key=_key(key)).hexdigest()
    return b"%b%b\r\n%b" % (_NAME, tag.encode(), body_block(body.content_type, body.octets))


def tag_in(written: bytes) -> str:
    """The tag of a block; empty if it has none."""
    return written[_TAG].decode("ascii") if written.startswith(_NAME) else ""


def tagged(body: Body | None, tag: str) -> bytes:
    """The end of a NOTIFY with ``body``, which is not what the tag was made of."""
    return _head(tag) + (NO_BODY if body is None else body_block(body.content_type, body.octets))


def bare(tag: str) -> bytes:
    """The end of a NOTIFY to a watcher who has the body already."""
    return _head(tag) + NO_BODY


def taken_apart(written: bytes) -> tuple[list[tuple[str, str]], str | None, bytes]:
    """The headers, the content type (None without a body) and the body of a block."""
    head, _, octets = written.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode("utf-8", "surrogateescape").split("\r\n"))
    headers = [("SIP-ETag", lines["SIP-ETag"])] if "SIP-ETag" in lines else []
    return headers, lines.get("Content-Type"), octets


def condition_in(value: str | None) -> str:
    """The tag or ``*`` of a Suppress-If-Match; empty for none, or for what can be no tag of ours."""
    value = (value or "").strip()
    return value if len(value) <= LONGEST_TAG and value.isascii() and value.isprintable() else ""


def holds(condition: str, tag: str) -> bool:
    """Whether a condition is true of the state that has this tag; tags are compared octet by octet."""
    return condition == ALWAYS or (condition != "" and condition == tag)


def _head(tag: str) -> bytes:
    return b"%b%b\r\n" % (_NAME, tag.encode()) if tag else b""


def _key(key: str) -> bytes:
    octets = key.encode("utf-8", "surrogateescape")
    return octets if len(octets) <= blake2b.MAX_KEY_SIZE else blake2b(octets).digest()
