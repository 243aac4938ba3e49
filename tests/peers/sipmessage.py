"""SIP messages for test peers, written from the RFCs without a look at the product: parse, build, digest.

Tolerant where a test wants to see what really came, and literal where it wants to send something odd.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

Headers = Iterable[tuple[str, str]]

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "e": "content-encoding", "k": "supported", "o": "event", "u": "allow-events", "s": "subject", "r": "refer-to",
}  # fmt: skip

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass(frozen=True, kw_only=True)
class SipMessage:
    """One message; ``source`` is where it came from, "" in ``method`` marks a response and 0 in ``status`` a request."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    source: tuple[str, int] = ("", 0)
    raw: bytes = field(default=b"", repr=False)

    @property
    def method(self) -> str:
        return "" if self.start.startswith("SIP/2.0") else self.start.split(" ")[0]

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def reason(self) -> str:
        return self.start.split(" ", 2)[2]

    def all(self, name: str) -> list[str]:
        """The values of every line of this header, not split at commas."""
        return [value for known, value in self.headers if known == name.lower()]

    def get(self, name: str) -> str:
        """The first value, or nothing."""
        return next(iter(self.all(name)), "")

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def call_id(self) -> str:
        return self.get("call-id")

    @property
    def cseq(self) -> int:
        return int(self.get("cseq").split()[0])

    @property
    def cseq_method(self) -> str:
        return self.get("cseq").split()[1]

    @property
    def branch(self) -> str:
        return parameter(self.get("via"), "branch")

    @property
    def from_tag(self) -> str:
        return parameter(self.get("from"), "tag")

    @property
    def to_tag(self) -> str:
        return parameter(self.get("to"), "tag")

    @property
    def state(self) -> str:
        """The word of Subscription-State."""
        return self.get("subscription-state").partition(";")[0].strip()

    def state_parameter(self, name: str) -> str:
        return parameter(self.get("subscription-state"), name)


def parse(raw: bytes, source: tuple[str, int] = ("", 0)) -> SipMessage:
    """The message in a datagram, or one that was cut out of a stream."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        lower = name.strip().lower()
        headers.append((_COMPACT.get(lower, lower), value.strip()))
    length = next((int(value) for name, value in headers if name == "content-length"), len(body))
    return SipMessage(start=lines[0], headers=tuple(headers), body=body[:length], source=source, raw=raw)


def build(start: str, headers: Headers, body: bytes = b"") -> bytes:
    """A message of exactly these headers, and Content-Length."""
    lines = [start, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def cut(buffer: bytes) -> tuple[bytes, bytes]:
    """The first whole message of a stream and the rest; nothing and all when it is not there yet."""
    buffer = buffer.lstrip(b"\r\n")
    head, blank, rest = buffer.partition(b"\r\n\r\n")
    if not blank:
        return b"", buffer
    found = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
    length = int(found[1]) if found else 0
    if len(rest) < length:
        return b"", buffer
    return head + blank + rest[:length], rest[length:]


def parameter(value: str, name: str) -> str:
    """A header parameter; "" when it is absent, its own name when it has no value."""
    found = re.search(
        rf"(?i);[ \t]*{re.escape(name)}[ \t]*(?:=[ \t]*\"?([^;,\"\s]*))?", re.sub(r"<[^>]*>", "", value)
    )
    return "" if not found else found[1] if found[1] is not None else name


def uri_in(value: str) -> str:
    """The URI of a From, To, Contact or Route value."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.partition(";")[0].strip()


def token(prefix: str = "") -> str:
    """A fresh branch, tag or Call-ID."""
    return prefix + secrets.token_hex(8)


def challenge_fields(value: str) -> dict[str, str]:
    """The parameters of a Digest challenge or of credentials."""
    found = re.findall(r'(\w[\w-]*)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', value)
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def digest_response(fields: dict[str, str], *, username: str, password: str, method: str, uri: str) -> str:
    """The ``response`` of RFC 7616, section 3.4.1, from the fields of a challenge with ``nc`` and ``cnonce`` added."""
    algorithm = HASHES[fields.get("algorithm", "MD5").upper()]

    def hashed(*parts: str) -> str:
        return algorithm(":".join(parts).encode()).hexdigest()

    ha1 = hashed(username, fields["realm"], password)
    ha2 = hashed(method, uri)
    if "qop" not in fields:
        return hashed(ha1, fields["nonce"], ha2)
    return hashed(ha1, fields["nonce"], fields["nc"], fields["cnonce"], "auth", ha2)


def authorization(challenge: str, *, username: str, password: str, method: str, uri: str, nc: int = 1) -> str:
    """The value of Authorization that answers a challenge."""
    fields = challenge_fields(challenge)
    if "qop" in fields:
        fields |= {"nc": f"{nc:08x}", "cnonce": token()}
    response = digest_response(fields, username=username, password=password, method=method, uri=uri)
    parts = [
        f'username="{username}"',
        f'realm="{fields["realm"]}"',
        f'nonce="{fields["nonce"]}"',
        f'uri="{uri}"',
    ]
    parts.append(f'response="{response}"')
    if "algorithm" in fields:
        parts.append(f"algorithm={fields['algorithm']}")
    if "opaque" in fields:
        parts.append(f'opaque="{fields["opaque"]}"')
    if "qop" in fields:
        parts.append(f'qop=auth, nc={fields["nc"]}, cnonce="{fields["cnonce"]}"')
    return "Digest " + ", ".join(parts)
