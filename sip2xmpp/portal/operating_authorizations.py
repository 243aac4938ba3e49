"""Permanent permissions between SIP and Jabber users: who may watch whom, since when, and the withdrawal of one.

A Jabber user who watches one of ours is told ``unsubscribed`` and may ask again: to keep him from it, block him.  A SIP user who
watches a Jabber user gives up: the Jabber user is told ``unsubscribe``, and the dialogs of the SIP user end.  What a contact has
denied is only remembered for a while; to forget it lets the SIP user ask again.

Implements: RFC 6121 sections 3.2 and 3.3 (cancelling and unsubscribing).
"""

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.portal.rows import AlreadyThere, Found, NoSuchRow, Wanted, found, rows_of
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Authorization, Kind, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRow:
    """One pair; the JIDs are as they are used on the XMPP side.  ``asked_at`` and ``decided_at`` are null where that did not happen."""

    id: str
    side: Side
    watcher: Address
    contact: Address
    watcher_jid: str
    contact_jid: str
    state: Kind
    asked_at: float | None
    decided_at: float | None
    expires_at: float | None


def authorization_row(record: Authorization) -> AuthorizationRow:
    """What is shown of an authorization."""
    return AuthorizationRow(
        id=record.key,
        side=record.side,
        watcher=record.watcher,
        contact=record.contact,
        watcher_jid=record.watcher_jid,
        contact_jid=record.contact_jid,
        state=record.state,
        asked_at=record.asked_at or None,
        decided_at=record.decided_at or None,
        expires_at=record.expires_at,
    )


class AuthorizationRows:
    """``withdraw(record)`` does it on both sides, and says whether it could: not without an XMPP leg."""

    def __init__(
        self, store: Store, clock: IReactorTime, *, withdraw: Callable[[Authorization], bool]
    ) -> None:
        self._store = store
        self._clock = clock
        self._withdraw = withdraw

    async def found(
        self, wanted: Wanted, *, state: Kind | None = None, side: Side | None = None
    ) -> Found[AuthorizationRow]:
        """By the JIDs of watcher and contact; ``match`` is looked for in both addresses."""
        records = await found(
            self._clock,
            rows_of(self._store.authorizations),
            wanted,
            order=lambda record: record.key,
            text=lambda record: f"{record.watcher} {record.contact} {record.state.value}",
            fits=lambda record: state in (None, record.state) and side in (None, record.side),
        )
        return Found(rows=tuple(map(authorization_row, records.rows)), next=records.next)

    def one(self, watcher: str, contact: str) -> AuthorizationRow:
        """The authorization of the pair of these JIDs; raises ``NoSuchRow``."""
        return authorization_row(self._known(watcher, contact))

    async def withdraw(self, watcher: str, contact: str) -> str:
        """Withdraw it."""
        record = self._known(watcher, contact)
        if not self._withdraw(record):
            raise AlreadyThere("there is no XMPP leg, so nobody can be told")
        await self._store.committed()
        return f"withdraw the authorization of {record.watcher} to watch {record.contact}"

    def _known(self, watcher: str, contact: str) -> Authorization:
        record = self._store.authorizations.get(f"{watcher} {contact}")
        if record is None:
            raise NoSuchRow(f"{watcher[:200]} has no authorization to watch {contact[:200]}")
        return record
