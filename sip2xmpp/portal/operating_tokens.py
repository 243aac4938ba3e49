"""Tokens of the API: those of the configuration, and those that operators make while the gateway runs.

A token is 32 random octets, shown once to whoever makes it; of it, only the SHA-256 is kept, so nobody can show it again.  What it may
do is checked as the configuration checks it.  One that is revoked, or whose time has passed, is not known any more at once.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import BadInput, TooMany
from sip2xmpp.portal.rows import AlreadyThere, NoSuchRow
from sip2xmpp.portal.tokens import Right, Token, digest_of
from sip2xmpp.preparation import fold_domain
from sip2xmpp.store.interface import Store
from sip2xmpp.store.keeping import Grant

GRANTS: Final = 200
"""Tokens that may be made: every request is compared with all of them."""

PATTERNS: Final = 50
"""Patterns of addresses of one token."""

LONGEST: Final = 366 * 86_400
"""Seconds that a token with a lifetime may live."""

OCTETS: Final = 32
"""Random octets of a token."""

NAME: Final = r"[A-Za-z0-9._-]{1,40}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One token; ``configured`` ones cannot be revoked here, and nobody knows when they were made."""

    name: str
    addresses: tuple[str, ...]
    may: tuple[str, ...]
    configured: bool
    made_by: str
    made_at: float | None
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token as it is shown once; ``secret`` is what a program sends."""

    token: TokenRow
    secret: str


class TokenRows:
    """``fixed`` are those of the configuration."""

    def __init__(self, store: Store, clock: IReactorTime, *, fixed: Callable[[], Sequence[Token]]) -> None:
        self._store = store
        self._clock = clock
        self._fixed = fixed

    def all(self) -> list[TokenRow]:
        """By name; those of the configuration first."""
        grants = sorted(self._store.grants.all(), key=lambda grant: grant.name)
        return [*map(_configured_row, self._fixed()), *map(token_row, grants)]

    async def make(
        self,
        name: str,
        *,
        addresses: Sequence[str],
        may: Collection[Right],
        made_by: str,
        lifetime: int | None = None,
    ) -> NewToken:
        """Make a token; ``lifetime`` in seconds, None for as long as nobody revokes it.  Raises ``BadInput``, ``AlreadyThere``, ``TooMany``."""
        grants = self._store.grants
        if grants.get(name) is not None or name in {token.name for token in self._fixed()}:
            raise AlreadyThere(f"there is a token {name} already")
        if len(grants) >= GRANTS:
            raise TooMany(f"{GRANTS} tokens were made already; revoke one that nobody needs")
        grant, secret = make_grant(
            self._clock.seconds(), name, addresses=addresses, may=may, made_by=made_by, lifetime=lifetime
        )
        grants.put(grant)
        await self._store.committed()
        return NewToken(token=token_row(grant), secret=secret)

    async def revoke(self, name: str) -> str:
        """Let a token be known no more; raises ``NoSuchRow``, or ``AlreadyThere`` for one of the configuration."""
        if self._store.grants.get(name) is None:
            if name in {token.name for token in self._fixed()}:
                raise AlreadyThere(f"the token {name} is in the configuration: remove it there, and reload")
            raise NoSuchRow(f"there is no token {name[:100]}")
        self._store.grants.remove(name)
        await self._store.committed()
        return revoking_told(name)


def make_grant(
    now: float,
    name: str,
    *,
    addresses: Sequence[str],
    may: Collection[Right],
    made_by: str,
    lifetime: int | None = None,
) -> tuple[Grant, str]:
    """What is kept of a new token, and the token itself; raises ``BadInput``."""
    if lifetime is not None and not 1 <= lifetime <= LONGEST:
        raise BadInput(f"a token lives for 1 to {LONGEST} seconds, or until it is revoked")
    if not 1 <= len(addresses) <= PATTERNS:
        raise BadInput(f"a token is for 1 to {PATTERNS} addresses or patterns of addresses")
    if not may:
        raise BadInput("a token has a right at least")
    secret = token_urlsafe(OCTETS)
    grant = Grant(
        name=token_name(name),
        digest=digest_of(secret).hex(),
        addresses=tuple(dict.fromkeys(map(address_pattern, addresses))),
        may=tuple(right.value for right in Right if right in may),
        made_by=made_by,
        made_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    return grant, secret


def token_row(grant: Grant) -> TokenRow:
    """What is shown of a token that was made."""
    return TokenRow(
        name=grant.name,
        addresses=grant.addresses,
        may=grant.may,
        configured=False,
        made_by=grant.made_by,
        made_at=grant.made_at,
        expires_at=grant.expires_at,
    )


def _configured_row(token: Token) -> TokenRow:
    return TokenRow(
        name=token.name,
        addresses=token.addresses,
        may=tuple(right.value for right in Right if right in token.may),
        configured=True,
        made_by="",
        made_at=None,
        expires_at=None,
    )


def token_name(name: str) -> str:
    """The name of a token; raises ``BadInput``."""
    if not re.fullmatch(NAME, name):
        raise BadInput("a name has 1 to 40 letters, digits, dots, hyphens and underscores")
    return name


def address_pattern(pattern: str) -> str:
    """An address in which ``*`` and ``?`` stand for anything; its domain is folded as domains are.  Raises ``BadInput``."""
    local, at, name = pattern.rpartition("@")
    if not at or not local or not name or not pattern.isprintable() or len(pattern) > 1_000:
        raise BadInput(
            f'"{pattern[:100]}" is not a pattern of addresses, as in weather@sip.example.org or *@sip.example.org'
        )
    if not set(pattern) & set("*?"):
        return str(Address.parse(pattern))
    return f"{local.lower()}@{name.lower() if set(name) & set('*?') else fold_domain(name)}"


def making_told(row: TokenRow) -> str:
    """What the audit log says."""
    return f"make the token {row.name}: {', '.join(row.may)} for {', '.join(row.addresses)}"


def revoking_told(name: str) -> str:
    """What the audit log says."""
    return f"revoke the token {name}"
