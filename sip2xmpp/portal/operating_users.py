"""Our users, as operators see and change them: accounts, and addresses that are known because something was stated about them.

A password is kept as hashes only, so it can be replaced and not shown.  Who may not sign in any more, or not by the password that
he had, is signed out at once.  Every change returns what the audit log says of it, when it is safe.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.errors import BadInput
from sip2xmpp.portal.rows import AlreadyThere, Found, NoSuchRow, Wanted, found, rows_of
from sip2xmpp.presence.states import State
from sip2xmpp.store.accounts import make_account, with_password
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Account, Binding, Virtual
from sip2xmpp.store.removal import end_sessions, remove_user

LONGEST_PASSWORD: Final = 200
"""Characters."""


class UserKind(Enum):
    """Why an address of ours is one: it has an account, or only something that was stated about it."""

    ACCOUNT = "account"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """One user; ``state`` is how it is composed now, ``role`` empty for one who is a user only, ``devices`` how many are registered."""

    address: Address
    kind: UserKind
    disabled: bool
    role: str
    state: State
    devices: int
    publications: int
    sessions: int


class Users:
    """``serves`` is asked of a domain; ``state_of`` composes; ``role_of`` knows the configuration."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        *,
        serves: Callable[[str], bool],
        state_of: Callable[[Address], State],
        role_of: Callable[[Address], str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._serves = serves
        self._state_of = state_of
        self.role_of = role_of

    async def found(self, wanted: Wanted, *, domain: str = "") -> Found[UserRow]:
        """Users by domain and name, those of one domain only where it is named; ``match`` is looked for in the address and the role."""
        store = self._store

        def all_of_them() -> Iterator[Account | Virtual | None]:
            virtuals = (
                None if record is None or store.accounts.get(record.key) is not None else record
                for record in rows_of(store.virtuals)
            )
            yield from rows_of(store.accounts)
            yield from virtuals

        def order(record: Account | Virtual) -> str:
            return f"{record.address.domain} {record.address.local}"

        def text(record: Account | Virtual) -> str:
            return f"{record.key} {self.role_of(record.address)}"

        def fits(record: Account | Virtual) -> bool:
            return not domain or record.address.domain == domain

        records: Found[Account | Virtual] = await found(
            self._clock, all_of_them(), wanted, order=order, text=text, fits=fits
        )
        return Found(rows=tuple(self._row(record) for record in records.rows), next=records.next)

    def one(self, address: Address) -> UserRow:
        """One user; raises ``NoSuchRow``."""
        record = self._store.accounts.get(str(address)) or self._store.virtuals.get(str(address))
        if record is None:
            raise NoSuchRow(f"{address} has no account, and nothing was stated about it")
        return self._row(record)

    async def add(self, address: Address, password: str) -> str:
        """Add an account."""
        if not address.local or not self._serves(address.domain):
            raise BadInput(f"{address} is not in a domain of ours")
        if ":" in address.local:
            raise BadInput("digest has no user names with a colon")
        if self._store.accounts.get(str(address)) is not None:
            raise AlreadyThere(f"{address} has an account already")
        self._store.accounts.put(make_account(address, checked(password)))
        await self._store.committed()
        return "add the account"

    async def set_password(self, address: Address, password: str) -> str:
        """Set another password, and sign the user out."""
        account = self._account(address)
        self._store.accounts.put(with_password(account, checked(password)))
        end_sessions(self._store, address)
        await self._store.committed()
        return "set another password"

    async def set_disabled(self, address: Address, disabled: bool) -> str:
        """Let nobody use an account, or let it be used again."""
        account = self._account(address)
        self._store.accounts.put(replace(account, disabled=disabled))
        if disabled:
            end_sessions(self._store, address)
        await self._store.committed()
        return "disable the account" if disabled else "enable the account"

    async def remove(self, address: Address) -> str:
        """Remove a user with everything that is kept of him."""
        self.one(address)
        done = remove_user(self._store, address)
        await self._store.committed()
        return done

    async def end_sessions(self, address: Address) -> str:
        """Sign the user out wherever he is signed in to the pages."""
        self.one(address)
        many = end_sessions(self._store, address)
        await self._store.committed()
        return sessions_told(many)

    def _account(self, address: Address) -> Account:
        account = self._store.accounts.get(str(address))
        if account is None:
            raise NoSuchRow(f"{address} has no account")
        return account

    def _row(self, record: Account | Virtual) -> UserRow:
        address, key, store = record.address, record.key, self._store
        return UserRow(
            address=address,
            kind=UserKind.ACCOUNT if isinstance(record, Account) else UserKind.VIRTUAL,
            disabled=isinstance(record, Account) and record.disabled,
            role=self.role_of(address),
            state=self._state_of(address),
            devices=sum(map(is_live, store.bindings.select(key))),
            publications=len(store.publications.select(key)),
            sessions=len(store.sessions.select(key)),
        )


def sessions_told(many: int) -> str:
    """What the audit log says of so many sessions that were ended."""
    return f"end {many} session{'' if many == 1 else 's'}"


def is_live(binding: Binding) -> bool:
    """Whether a registration is one that nobody has ended."""
    return ContactEvent(binding.event).keeps


def checked(password: str) -> str:
    """A password that can be typed; raises ``BadInput``."""
    if not password or len(password) > LONGEST_PASSWORD:
        raise BadInput(f"a password has 1 to {LONGEST_PASSWORD} characters")
    if not password.isprintable():
        raise BadInput("a password has no control characters")
    return password
