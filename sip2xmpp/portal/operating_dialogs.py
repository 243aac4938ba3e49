"""Notification dialogs of both roles: who watches whom by SIP, and which subscriptions we have elsewhere.

A subscription of a watcher is ended politely, by the last NOTIFY: with ``deactivated`` the watcher may come back at once, with
``rejected`` it should not.  One that we made for a watcher is left by a SUBSCRIBE with a lifetime of zero; whoever watches by it
hears that it is over and begins anew, or does not.  Those to phones and registrars follow from the configuration, and come back
as long as that says so: they are shown and not ended.

Implements: RFC 6665 section 4.1.3 (reasons).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.portal.rows import AlreadyThere, Found, NoSuchRow, Wanted, found, rows_of
from sip2xmpp.presence.watching import Notification, Reason, Standing
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import DialogRecord

NOTIFIER: Final = "notifier"
SUBSCRIBER: Final = "subscriber"


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogRow:
    """One dialog; ``state`` is as in ``DialogReport``, empty where it is not known; ``event`` is the package with its parameters."""

    id: str
    role: str
    presentity: Address
    watcher: Address
    package: str
    event: str
    state: str
    call_id: str
    remote_target: str
    flow: str
    accept: str
    user_agent: str
    terms: str
    expires_at: float


class Endable(Protocol):
    """A subscription of a watcher."""

    def report(self) -> DialogReport: ...

    def end(self, final: Notification) -> None: ...


def dialog_row(record: DialogRecord, state: str = "") -> DialogRow:
    """What is shown of a dialog."""
    return DialogRow(
        id=record.key,
        role=record.role,
        presentity=record.presentity,
        watcher=record.watcher,
        package=record.event.partition(";")[0].strip().lower(),
        event=record.event,
        state=state,
        call_id=record.call_id,
        remote_target=record.remote_target,
        flow=record.flow,
        accept=record.accept,
        user_agent=record.user_agent,
        terms=record.terms,
        expires_at=record.expires_at,
    )


class DialogRows:
    """``notifying(id)`` is the live subscription of a watcher; ``leave(record, reason)`` leaves one of ours, and says whether it could."""

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        *,
        notifying: Callable[[str], Endable | None],
        leave: Callable[[DialogRecord, Reason], bool],
    ) -> None:
        self._store = store
        self._clock = clock
        self._notifying = notifying
        self._leave = leave

    async def found(self, wanted: Wanted, *, role: str = "", package: str = "") -> Found[DialogRow]:
        """By who is watched; ``match`` is looked for in both addresses, the package and the User-Agent."""

        def fits(record: DialogRecord) -> bool:
            return role in ("", record.role) and package in (
                "",
                record.event.partition(";")[0].strip().lower(),
            )

        records = await found(
            self._clock,
            rows_of(self._store.dialogs),
            wanted,
            order=lambda record: f"{record.presentity} {record.watcher} {record.key}",
            text=lambda record: (
                f"{record.presentity} {record.watcher} {record.role} {record.event} {record.user_agent}"
            ),
            fits=fits,
        )
        return Found(rows=tuple(map(self._row, records.rows)), next=records.next)

    def one(self, name: str) -> DialogRow:
        """The dialog with the id ``name``; raises ``NoSuchRow``."""
        return self._row(self._known(name))

    async def end(self, name: str, *, forbidden: bool = False) -> str:
        """End a dialog politely; with ``forbidden`` the watcher is told not to come back."""
        record = self._known(name)
        reason = Reason.REJECTED if forbidden else Reason.DEACTIVATED
        subscription = self._notifying(name) if record.role == NOTIFIER else None
        if subscription is not None:
            subscription.end(Notification(standing=Standing.TERMINATED, reason=reason))
        elif not self._leave(record, reason):
            raise AlreadyThere(
                f"a subscription of the role {record.role} lasts as long as the configuration says"
            )
        await self._store.committed()
        package = record.event.partition(";")[0].strip()
        return f"end the {package} subscription of {record.watcher}" + (" for good" if forbidden else "")

    def _known(self, name: str) -> DialogRecord:
        record = self._store.dialogs.get(name)
        if record is None:
            raise NoSuchRow(f"there is no dialog {name[:100]}")
        return record

    def _row(self, record: DialogRecord) -> DialogRow:
        subscription = self._notifying(record.key) if record.role == NOTIFIER else None
        return dialog_row(record, "" if subscription is None else subscription.report().state)
