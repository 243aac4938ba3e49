"""Digest access authentication, for SIP, XCAP and the web alike.

Everything about a password that is kept is HA1, the hash of ``user:realm:password``; who has it can answer as the user
in this realm and nowhere else.  ``Challenge`` and ``Credentials`` are the header values, ``expected`` the arithmetic.

A server that is asked often must not remember every nonce it gave away, so a nonce proves its own origin and age: it
holds the time, some random octets and an HMAC over both and over whom it was made for.  Remembered are only the counts
of nonces that were used with the right password (``Nonces.accept``), so that no request can be played again.

Implements: RFC 7616 section 3; RFC 8760 sections 2.1 to 2.4; RFC 2617 section 3.2.2.1 (without qop).
"""

import hashlib
import hmac
import re
import secrets
import struct
from binascii import a2b_base64, b2a_base64
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.errors import BadInput

AUTH: Final = "auth"
"""The only quality of protection spoken here; ``auth-int`` would forbid any proxy to touch the body."""


class Algorithm(Enum):
    """The hash functions, under their registered names."""

    MD5 = "MD5"
    SHA256 = "SHA-256"
    SHA512_256 = "SHA-512-256"


STRONGEST_FIRST: Final = (Algorithm.SHA512_256, Algorithm.SHA256, Algorithm.MD5)

_HASHES: dict[Algorithm, Callable[[bytes], Any]] = {
    Algorithm.MD5: partial(hashlib.md5, usedforsecurity=False),
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA512_256: partial(hashlib.new, "sha512_256"),
}
_NAMES: dict[str, tuple[Algorithm, bool]] = {"": (Algorithm.MD5, False)}
for _algorithm in Algorithm:
    _NAMES[_algorithm.value.lower()] = (_algorithm, False)
    _NAMES[f"{_algorithm.value.lower()}-sess"] = (_algorithm, True)

_SCHEME: Final = re.compile(r"[ \t]*([^ \t,=\"]+)(?:[ \t]+|$)")
#   Possessive throughout: nothing is looked at twice, however a hostile value ends.
_PARAMETER: Final = re.compile(
    r"""[ \t,]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)[ \t]*+=[ \t]*+"""
    r"""(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"|([^ \t,"]*+))[ \t]*+(?=,|$)""",
    re.DOTALL,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_COUNT: Final = re.compile(r"[0-9A-Fa-f]{1,8}")
_LINE_ENDS: Final = re.compile("[\r\n\0]")


def algorithm_named(token: str) -> tuple[Algorithm, bool] | None:
    """What an ``algorithm`` parameter means and whether it is a ``-sess`` one; None if it is unknown here."""
    return _NAMES.get(token.lower())


def hashed(algorithm: Algorithm, text: str) -> str:
    """The hash in lower-case hex of the UTF-8 of ``text``."""
    digest: str = _HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()
    return digest


def ha1(algorithm: Algorithm, username: str, realm: str, password: str) -> str:
    """What stands for the password from here on."""
    return hashed(algorithm, f"{username}:{realm}:{password}")


def parameters(text: str) -> dict[str, str]:
    """``name=value`` pairs separated by commas, names in lower case; a name given twice is ``BadInput``."""
    found: dict[str, str] = {}
    at = 0
    end = len(text.rstrip(" \t,"))
    while at < end:
        match = _PARAMETER.match(text, at)
        if match is None:
            raise BadInput("digest parameters cannot be read")
        name, quoted, plain = match.groups()
        name = name.lower()
        if name in found:
            raise BadInput(f"the digest parameter {name} is given twice")
        found[name] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted) if "\\" in quoted else quoted
        at = match.end()
    return found


def digest_parameters(value: str) -> dict[str, str] | None:
    """The parameters of a challenge or of credentials; None if the scheme is not Digest."""
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[1].lower() != "digest":
        return None
    return parameters(value[scheme.end() :])


def quoted(text: str) -> str:
    """A quoted-string; ``BadInput`` for what no header can hold."""
    if _LINE_ENDS.search(text):
        raise BadInput("a digest parameter cannot hold line ends")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _required(found: dict[str, str], *names: str) -> list[str]:
    missing = [name for name in names if name not in found]
    if missing:
        raise BadInput(f"digest without {', '.join(missing)}")
    return [found[name] for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """The value of WWW-Authenticate or Proxy-Authenticate.  An empty ``algorithm`` or ``qop`` is an absent one."""

    realm: str
    nonce: str
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @staticmethod
    def parse(value: str) -> "Challenge | None":
        """The challenge, or None if it is of another scheme; raises ``BadInput``."""
        found = digest_parameters(value)
        if found is None:
            return None
        realm, nonce = _required(found, "realm", "nonce")
        return Challenge(
            realm=realm,
            nonce=nonce,
            algorithm=found.get("algorithm", ""),
            qop=tuple(option.strip().lower() for option in found.get("qop", "").split(",") if option.strip()),
            opaque=found.get("opaque"),
            stale=found.get("stale", "").lower() == "true",
        )

    def __str__(self) -> str:
        parts = [f"Digest realm={quoted(self.realm)}, nonce={quoted(self.nonce)}"]
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f"qop={quoted(','.join(self.qop))}")
        if self.opaque is not None:
            parts.append(f"opaque={quoted(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The value of Authorization or Proxy-Authorization.  ``nc`` is as written: it is part of what is hashed."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = ""
    qop: str = ""
    cnonce: str = ""
    nc: str = ""
    opaque: str | None = None

    @staticmethod
    def parse(value: str) -> "Credentials | None":
        """The credentials, or None if they are of another scheme; raises ``BadInput``."""
        found = digest_parameters(value)
        if found is None:
            return None
        username, realm, nonce, uri, response = _required(
            found, "username", "realm", "nonce", "uri", "response"
        )
        qop = found.get("qop", "").lower()
        cnonce, nc = _required(found, "cnonce", "nc") if qop else (found.get("cnonce", ""), "")
        if qop and not _COUNT.fullmatch(nc):
            raise BadInput("the nonce count of a digest is not a hexadecimal number")
        return Credentials(
            username=username,
            realm=realm,
            nonce=nonce,
            uri=uri,
            response=response,
            algorithm=found.get("algorithm", ""),
            qop=qop,
            cnonce=cnonce,
            nc=nc,
            opaque=found.get("opaque"),
        )

    def __str__(self) -> str:
        parts = [
            f"Digest username={quoted(self.username)}, realm={quoted(self.realm)}, nonce={quoted(self.nonce)}",
            f"uri={quoted(self.uri)}, response={quoted(self.response)}",
        ]
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.cnonce:
            parts.append(f"cnonce={quoted(self.cnonce)}")
        if self.opaque is not None:
            parts.append(f"opaque={quoted(self.opaque)}")
        if self.qop:
            parts.append(f"qop={self.qop}, nc={self.nc}")
        return ", ".join(parts)

    @property
    def count(self) -> int | None:
        """The nonce count, or None without qop."""
        return int(self.nc, 16) if self.nc else None

    def expected(self, method: str, ha1: str) -> str:
        """The response that somebody who knows HA1 gives; the algorithm must be known and qop ``auth`` or empty."""
        named = algorithm_named(self.algorithm)
        assert named is not None
        assert self.qop in ("", AUTH)
        algorithm, session = named
        if session:
            ha1 = hashed(algorithm, f"{ha1}:{self.nonce}:{self.cnonce}")
        ha2 = hashed(algorithm, f"{method}:{self.uri}")
        if self.qop:
            return hashed(algorithm, f"{ha1}:{self.nonce}:{self.nc}:{self.cnonce}:{self.qop}:{ha2}")
        return hashed(algorithm, f"{ha1}:{self.nonce}:{ha2}")

    def is_right(self, method: str, ha1: str) -> bool:
        """Whether the response is the expected one, in a time that does not tell how much of it is."""
        given = self.response.lower().encode("utf-8", "surrogateescape")
        return hmac.compare_digest(self.expected(method, ha1).encode(), given)


def answer(
    challenge: Challenge, *, username: str, ha1: str, method: str, uri: str, count: int = 1, cnonce: str = ""
) -> Credentials:
    """Credentials for a challenge whose algorithm is known and whose qop, if any, includes ``auth``."""
    named = algorithm_named(challenge.algorithm)
    assert named is not None
    with_qop = AUTH in challenge.qop
    parts: dict[str, Any] = {
        "username": username,
        "realm": challenge.realm,
        "nonce": challenge.nonce,
        "uri": uri,
        "algorithm": challenge.algorithm,
        "qop": AUTH if with_qop else "",
        "cnonce": cnonce if with_qop or named[1] else "",
        "nc": f"{count:08x}" if with_qop else "",
        "opaque": challenge.opaque,
    }
    response = Credentials(response="", **parts).expected(method, ha1)
    return Credentials(response=response, **parts)


_STAMP: Final = struct.Struct(">Q7s")  # time in microseconds, random octets: 15 octets are 20 characters
_MAC_LENGTH: Final = 18
_NONCE: Final = re.compile(r"[A-Za-z0-9+/]{44}")
WINDOW: Final = 64
"""How far a nonce count may lie behind the highest one seen; requests overtake each other on their way."""


class Nonces:
    """Makes nonces, knows its own, and accepts each (nonce, count) once.

    ``scope`` is whom a nonce is for, such as realm and source address.  A nonce lives ``lifetime`` seconds.  Counts of
    at most ``limit`` nonces are remembered; when one is forgotten early, all that are older and unknown go with it.
    """

    def __init__(
        self, secret: bytes, clock: IReactorTime, *, lifetime: float = 3600.0, limit: int = 100_000
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._lifetime = lifetime
        self._limit = limit
        self._used: OrderedDict[str, tuple[float, int, int]] = OrderedDict()
        self._horizon = float("-inf")

    def mint(self, scope: str) -> str:
        """A new nonce."""
        stamp = _STAMP.pack(int(self._clock.seconds() * 1e6), secrets.token_bytes(7))
        return b2a_base64(stamp + self._mac(stamp, scope), newline=False).decode()

    def fresh_since(self, nonce: str, scope: str) -> float | None:
        """When we made it, as Unix time; None if we did not, or not for this scope, or too long ago."""
        if _NONCE.fullmatch(nonce) is None:
            return None
        octets = a2b_base64(nonce)
        stamp = octets[: _STAMP.size]
        if not hmac.compare_digest(octets[_STAMP.size :], self._mac(stamp, scope)):
            return None
        minted: float = _STAMP.unpack(stamp)[0] / 1e6
        return minted if minted + self._lifetime > self._clock.seconds() else None

    def accept(self, nonce: str, minted: float, count: int | None) -> bool:
        """Whether this is the first use of the count; None (no qop) allows a single use of the nonce.

        ``minted`` is what ``fresh_since`` said.  To be asked after the password was found right: only this is
        remembered.
        """
        self._forget()
        known = self._used.get(nonce)
        if known is None:
            if minted <= self._horizon:
                return False
            if len(self._used) >= self._limit:
                _, (oldest, _, _) = self._used.popitem(last=False)
                self._horizon = max(self._horizon, oldest)
            self._used[nonce] = (minted, 0 if count is None else count, 1)
            return True
        _, highest, seen = known
        if count is None or count <= highest - WINDOW:
            return False
        if count > highest:
            seen = (seen << min(count - highest, WINDOW) | 1) & (1 << WINDOW) - 1
            self._used[nonce] = (minted, count, seen)
            return True
        bit = 1 << highest - count
        if seen & bit:
            return False
        self._used[nonce] = (minted, highest, seen | bit)
        return True

    def _mac(self, stamp: bytes, scope: str) -> bytes:
        return hmac.digest(self._secret, stamp + scope.encode("utf-8", "surrogateescape"), "sha256")[
            :_MAC_LENGTH
        ]

    def _forget(self) -> None:
        """Drop what has expired; the first used is nearly the first made."""
        ended = self._clock.seconds() - self._lifetime
        while self._used:
            nonce, (minted, _, _) = next(iter(self._used.items()))
            if minted > ended:
                break
            del self._used[nonce]
