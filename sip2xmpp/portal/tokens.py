"""Who may use the API: bearer tokens, each with a name, rights, and patterns of addresses.

A token is compared with every one there is, by digests and in constant time.  Requests of one token are metered, and so
are wrong tokens from one peer address; what is metered is bounded.

Implements: RFC 6750 section 2.1 (bearer tokens in the Authorization field); RFC 6585 section 4 (429).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.metering import Meter
from sip2xmpp.portal.problems import Problem
from sip2xmpp.store.interface import Table
from sip2xmpp.store.keeping import Grant

WRONG_A_MINUTE: Final = 20
"""Wrong tokens that one peer address may try in a minute before it is told to wait."""

TOKENS: Final = 2_000
"""Tokens that are metered at a time."""

PEERS: Final = 10_000
"""Peer addresses that are metered at a time."""


EVERYBODY: Final = "*@*"
"""The pattern of all addresses."""

COMMAND: Final = "command"
"""The name of the token of the operator's command, which is made of a secret in the state file."""

TYPIST: Final = "sip2xmpp-user"
"""The header field in which the command says who types it."""


class Right(Enum):
    """What a token may do with the addresses it is for; ``OBSERVE`` is to see what operators see, ``OPERATE`` to do what they do."""

    PUBLISH = "publish"
    READ = "read"
    DECIDE = "decide"
    DOCUMENTS = "documents"
    OBSERVE = "observe"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """``digest`` is the SHA-256 of the token; ``addresses`` are patterns with ``*`` and ``?``."""

    name: str
    digest: bytes
    addresses: tuple[str, ...]
    may: frozenset[Right]

    def check(self, right: Right, address: Address) -> None:
        """Raises ``Problem`` 403 unless the token has the right to do this with the address."""
        self._check_right(right)
        if not any(_fits(address, pattern) for pattern in self.addresses):
            raise Problem(403, f"the token {self.name} is not for {address}")

    def check_everywhere(self, right: Right) -> None:
        """Raises ``Problem`` 403 unless the token has the right to do this with every address there is."""
        self._check_right(right)
        if EVERYBODY not in self.addresses:
            raise Problem(403, f"the token {self.name} is not for all addresses, {EVERYBODY}")

    def _check_right(self, right: Right) -> None:
        if right not in self.may:
            raise Problem(403, f"the token {self.name} has no right to {right.value}")


def _fits(address: Address, pattern: str) -> bool:
    """Local part and domain one by one: an ``@`` in a local part is not where the domain begins."""
    parts = pattern.replace("[", "[[]").rpartition("@")
    return fnmatchcase(address.local, parts[0]) and fnmatchcase(address.domain, parts[2])


def _token_of(grant: Grant) -> Token:
    known = {right.value: right for right in Right}
    return Token(
        name=grant.name,
        digest=bytes.fromhex(grant.digest),
        addresses=grant.addresses,
        may=frozenset(known[word] for word in grant.may if word in known),
    )


def digest_of(secret: str) -> bytes:
    """What is kept of a token."""
    return sha256(secret.encode()).digest()


def command_token(secret: bytes) -> str:
    """The token of the operator's command: whoever can read the state file can make it."""
    return sha256(b"command " + secret).hexdigest()


class Tokens:
    """All tokens, and how much they are used; ``a_minute`` is the number of requests of one token.

    Those of the configuration and that of the command are ``fixed`` until the configuration is read again; ``grants`` are those that
    operators make meanwhile.
    """

    def __init__(
        self,
        fixed: Sequence[Token],
        clock: IReactorTime,
        *,
        a_minute: int,
        grants: Table[Grant] | None = None,
    ) -> None:
        self._fixed = tuple(fixed)
        self._grants = grants
        self._tokens = self._fixed
        self._used = Meter(clock, a_minute, TOKENS)
        self._wrong = Meter(clock, WRONG_A_MINUTE, PEERS)
        if grants is not None:
            grants.listen(lambda _: self._join())
        self._join()

    def replace(self, fixed: Sequence[Token], *, a_minute: int | None = None) -> None:
        """The configuration was read again."""
        self._fixed = tuple(fixed)
        if a_minute is not None:
            self._used.allow(a_minute)
        self._join()

    def fixed(self) -> Sequence[Token]:
        """Those of the configuration, and that of the command."""
        return self._fixed

    def names(self) -> list[str]:
        """The names of those that are fixed."""
        return [token.name for token in self._fixed]

    def _join(self) -> None:
        """A token of the configuration goes before a grant of its name."""
        names = set(self.names())
        grants = () if self._grants is None else self._grants.all()
        self._tokens = (*self._fixed, *(_token_of(grant) for grant in grants if grant.name not in names))

    def of(self, authorization: str | None, peer: str) -> Token:
        """The token of a request; raises ``Problem`` 401 or 429."""
        scheme, _, secret = (authorization or "").partition(" ")
        presented = digest_of(secret.strip()) if scheme.lower() == "bearer" else b""
        found = None
        for token in self._tokens:
            if compare_digest(token.digest, presented):
                found = token
        if found is not None:
            self._wait(self._used.take(found.name), "too many requests with this token")
            return found
        if authorization is None:
            raise Problem(
                401, "a bearer token is needed", headers={"WWW-Authenticate": 'Bearer realm="sip2xmpp"'}
            )
        self._wait(self._wrong.take(peer), "too many wrong tokens from this address")
        raise Problem(
            401,
            "this token is not known",
            headers={"WWW-Authenticate": 'Bearer realm="sip2xmpp", error="invalid_token"'},
        )

    @staticmethod
    def _wait(seconds: int, why: str) -> None:
        if seconds:
            raise Problem(429, why, headers={"Retry-After": str(seconds)})
