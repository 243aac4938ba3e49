"""Who is signed in: sessions, of which the browser has a random cookie and the store only its digest.

A session ends when its user signs out, has not used it for a while, has had it for very long, gets another password, is
disabled or removed, is of a domain that is ours no more, or signs in so often that it is the oldest of too many.  What operators
use ends sooner.  A session has a print of the account's hash: one that was changed behind our back proves nothing any more.
A page that brings itself up to date is not used by that.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import TooMany
from sip2xmpp.pages.roles import Role
from sip2xmpp.store.accounts import print_of as hash_print
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.keeping import Session
from sip2xmpp.store.records import Account

OF_USER: Final = 20
"""Sessions of one user; one more ends the one that was used the longest time ago."""

IN_ALL: Final = 50_000
"""Sessions of all users."""

SEEN: Final = 300.0
"""Seconds in which the use of a session is written down once."""

USER_AGENT_LIMIT: Final = 200
"""Characters of a User-Agent that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Seconds that a session is good for without being used, and in all."""

    idle: float
    longest: float


OF_USERS: Final = Lifetimes(idle=86_400.0, longest=30 * 86_400.0)
OF_OPERATORS: Final = Lifetimes(idle=2 * 3_600.0, longest=12 * 3_600.0)


class Sessions:
    """The sessions; ``role_of`` says what a user is beside being one, ``serves`` whether a domain is ours."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        role_of: Callable[[Address], Role | None] = lambda _: None,
        *,
        serves: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._store = store
        self._sessions = store.sessions
        self._clock = clock
        self._ended: list[Callable[[Session], None]] = []
        self.role_of = role_of
        self._serves = serves
        store.accounts.listen(lambda change: self.check(change.record.address))
        store.sessions.listen(self._session_changed)
        for held in tuple(store.sessions.all()):
            if not self._is_proved(held):
                self._sessions.remove(held.key)

    def listen(self, ended: Callable[[Session], None]) -> None:
        """Call ``ended(session)`` when one is over."""
        self._ended.append(ended)

    def begin(self, account: Account, peer: str, user_agent: str) -> str:
        """Sign in; what the cookie has to have.  It is safe with the next commit.  Raises ``TooMany``."""
        address = str(account.address)
        held = sorted(self._sessions.select(address), key=lambda each: each.seen_at)
        for oldest in held[: max(0, len(held) - OF_USER + 1)]:
            self._sessions.remove(oldest.key)
        if len(self._sessions) >= IN_ALL:
            raise TooMany(f"{IN_ALL} are signed in already")
        value, now = secrets.token_urlsafe(32), self._clock.seconds()
        self._sessions.put(
            Session(
                digest=digest_of(value),
                address=address,
                csrf=secrets.token_urlsafe(24),
                began_at=now,
                seen_at=now,
                expires_at=self._end_of(account.address, now, now),
                peer=peer,
                user_agent=user_agent[:USER_AGENT_LIMIT],
                proof=print_of(account),
            )
        )
        return value

    def of(self, value: str, *, is_used: bool = True) -> Session | None:
        """The session of a cookie, which is used by that, unless a page asks by itself."""
        if not 32 <= len(value) <= 64:
            return None
        held = self._sessions.get(digest_of(value))
        if held is None:
            return None
        if not self._is_proved(held):
            self._sessions.remove(held.key)
            return None
        return self._seen(held, is_used=is_used)

    def held_by(self, address: Address) -> list[Session]:
        """The sessions of one user, the one last used first."""
        return sorted(self._sessions.select(str(address)), key=lambda each: -each.seen_at)

    def end(self, session: Session) -> None:
        """Sign out."""
        self._sessions.remove(session.key)

    def end_all(self, address: Address, *, but: Session | None = None) -> int:
        """Sign a user out everywhere, or everywhere else; how many sessions that were."""
        ended = [each for each in self._sessions.select(str(address)) if but is None or each.key != but.key]
        for each in ended:
            self._sessions.remove(each.key)
        return len(ended)

    def check(self, address: Address) -> None:
        """End the sessions of a user who may not have any now."""
        for held in self._sessions.select(str(address)):
            if not self._is_proved(held):
                self._sessions.remove(held.key)

    def _seen(self, held: Session, *, is_used: bool) -> Session | None:
        """A role may have come since it began: the end is computed anew, whatever is stored."""
        now = self._clock.seconds()
        end = self._end_of(Address.parse(held.address), held.began_at, held.seen_at)
        if end <= now:
            self._sessions.remove(held.key)
            return None
        if not is_used or now - held.seen_at < SEEN:
            return held
        end = self._end_of(Address.parse(held.address), held.began_at, now)
        seen = replace(held, seen_at=now, expires_at=end)
        self._sessions.put(seen)
        return seen

    def _end_of(self, address: Address, began: float, seen: float) -> float:
        lifetimes = OF_USERS if self.role_of(address) is None else OF_OPERATORS
        # So long may its last use be over without being written down.
        return min(seen + lifetimes.idle + SEEN, began + lifetimes.longest)

    def _is_proved(self, held: Session) -> bool:
        account = self._store.accounts.get(held.address)
        return (
            account is not None
            and not account.disabled
            and held.proof == print_of(account)
            and self._serves(account.address.domain)
        )

    def _session_changed(self, change: Change[Session]) -> None:
        if change.kind is not ChangeKind.PUT:
            for ended in self._ended:
                ended(change.record)


def digest_of(value: str) -> str:
    """What is kept of a cookie."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def print_of(account: Account) -> str:
    """What a session shows that the account has the same password still; nothing can be made of it."""
    return hash_print(account, "session ")
