"""Everybody who waits for the decision of somebody else, and deciding for the owner.

Who asked is noted until the owner decides, or for as many days as the operator configured; see ``presence.watcher_info``.
"""

from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.watcherinfo import Status
from sip2xmpp.portal.rows import Found, Wanted, found, rows_of, unhurried
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Waiting

DECIDED: Final = 10
"""Rows of which it is looked up in one turn of the reactor whether the watcher is there: it is decided about all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRow:
    """``watcher`` waits for ``address``; ``watches`` is whether it does now, or only did when it asked."""

    address: Address
    watcher: Address
    package: str
    watches: bool
    asked_at: float
    expires_at: float | None


class PendingRows:
    """All of them; to decide, see ``portal.deciding``."""

    def __init__(self, store: Store, watchers: WatcherInfo, clock: IReactorTime) -> None:
        self._store = store
        self._watchers = watchers
        self._clock = clock

    async def found(self, wanted: Wanted) -> Found[PendingRow]:
        """By who is asked; ``match`` is looked for in both addresses."""
        records = await found(
            self._clock,
            rows_of(self._store.waiting),
            wanted,
            order=lambda note: note.key,
            text=lambda note: f"{note.presentity} {note.watcher}",
        )
        live: dict[Address, set[Address]] = {}
        async for note in unhurried(self._clock, records.rows, turn=DECIDED):
            if note.presentity not in live:
                live[note.presentity] = self._live(note.presentity)
        return Found(
            rows=tuple(
                pending_row(note, watches=note.watcher in live[note.presentity]) for note in records.rows
            ),
            next=records.next,
        )

    def _live(self, address: Address) -> set[Address]:
        return {row.watcher for row in self._watchers.rows(address) if row.status is Status.PENDING}


def pending_row(note: Waiting, *, watches: bool) -> PendingRow:
    """What is shown of who waits."""
    return PendingRow(
        address=note.presentity,
        watcher=note.watcher,
        package=note.package,
        watches=watches,
        asked_at=note.asked_at,
        expires_at=note.expires_at,
    )
