"""The live view of one kind of record: what every engine answers reads from.

Rows are held by key and, in order of first insertion, by group.  A change costs a few dictionary operations whatever
the size of the table.  A record is gone for readers at the instant it expires; the ``EXPIRED`` change follows within
a second, when the deadline's bucket is told.  Whoever writes over an expired record before that gets the two changes
in the order in which they are true: first ``EXPIRED``, then ``PUT`` without a previous record.

Listeners are called after the change is visible.  A change that a listener makes is told when all listeners have
heard the one before, so that every listener hears every table's changes in the same order.

An engine learns what to make durable from ``note``, called with the key and the record, or with None for a removal.
``adopt`` and ``drop`` are changes that are durable already, because they came from there.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.store.documents import Document
from sip2xmpp.store.expiry import Deadlines
from sip2xmpp.store.followings import Following
from sip2xmpp.store.interface import Change, ChangeKind, R, Table, Told
from sip2xmpp.store.keeping import Deed, Grant, Session
from sip2xmpp.store.measures import StoreMeasures
from sip2xmpp.store.observations import Observation
from sip2xmpp.store.records import (
    Account,
    Authorization,
    Binding,
    Card,
    DialogRecord,
    Publication,
    Registrant,
    Secret,
    Spelling,
    Statement,
    Thread,
    Verdict,
    Virtual,
    Waiting,
)
from sip2xmpp.store.seizures import Seizure

_log = Logger()

Note = Callable[[str, R | None], None]
"""Told of each change that has to be made durable."""


class LiveTable(Generic[R]):
    """Implements ``Table`` in memory; every change is told to ``note``, where there is one."""

    __slots__ = ("_changes", "_clock", "_deadlines", "_groups", "_listeners", "_note", "_rows", "_telling")

    def __init__(self, clock: IReactorTime, note: Note[R] | None = None) -> None:
        self._clock = clock
        self._note = note
        self._rows: dict[str, R] = {}
        self._groups: dict[str, dict[str, R]] = {}
        self._deadlines = Deadlines(clock, self._lapse)
        self._listeners: list[Callable[[Change[R]], None]] = []
        self._changes: deque[Change[R]] = deque()
        self._telling = False

    def get(self, key: str) -> R | None:
        """The record, or None; never one that has expired."""
        record = self._rows.get(key)
        if record is None:
            return None
        at = record.expires_at
        return record if at is None or at > self._clock.seconds() else None

    def select(self, group: str) -> tuple[R, ...]:
        """Every live record of a group, in order of first insertion."""
        members = self._groups.get(group)
        if members is None:
            return ()
        now = self._clock.seconds()
        return tuple([r for r in members.values() if (at := r.expires_at) is None or at > now])

    def all(self) -> Iterator[R]:
        """Every live record as of the call, in order of first insertion."""
        now = self._clock.seconds()
        return iter([r for r in self._rows.values() if (at := r.expires_at) is None or at > now])

    def keys(self) -> list[str]:
        """The keys of all records, in order of first insertion; some may have expired."""
        return list(self._rows)

    def put(self, record: R) -> None:
        """Insert or replace by key."""
        self._put(record.key, record, self._note)

    def remove(self, key: str) -> None:
        """Remove if there; of a record that has just expired the feed says so instead."""
        record = self._rows.get(key)
        if record is not None:
            self._forget(key, record, self._note)

    def adopt(self, record: R) -> None:
        """Insert or replace by key what is durable already."""
        self._put(record.key, record, None)

    def drop(self, key: str) -> None:
        """Remove what is durably gone already."""
        record = self._rows.get(key)
        if record is not None:
            self._forget(key, record, None)

    def snapshot(self) -> dict[str, R]:
        """All records by key, those included that have just expired; any thread may ask."""
        return self._rows.copy()

    def listen(self, listener: Callable[[Change[R]], None]) -> None:
        """Call ``listener`` after each change, in the order of changes."""
        self._listeners.append(listener)

    def stop(self) -> None:
        """Expire nothing any more; leaves no timer behind."""
        self._deadlines.stop()

    def __len__(self) -> int:
        """How many records are held; one that expired less than a second ago may still count."""
        return len(self._rows)

    def _put(self, key: str, record: R, note: Note[R] | None) -> None:
        rows = self._rows
        previous = rows.get(key)
        if previous is not None and (at := previous.expires_at) is not None and at <= self._clock.seconds():
            self._forget(key, previous, None)
            previous = rows.get(key)
        at = record.expires_at
        old_at = None if previous is None else previous.expires_at
        if at is None:
            if old_at is not None:
                self._deadlines.discard(key, old_at)
        elif old_at is None:
            self._deadlines.add(key, at)
        elif old_at != at:
            self._deadlines.move(key, old_at, at)
        group = record.group
        members = self._groups.get(group)
        if previous is not None and (members is None or key not in members):
            self._leave(previous.group, key)
        if members is None:
            self._groups[group] = {key: record}
        else:
            members[key] = record
        rows[key] = record
        if note is not None:
            note(key, record)
        if self._listeners:
            self._tell(Change(ChangeKind.PUT, record, previous))

    def _forget(self, key: str, record: R, note: Note[R] | None) -> None:
        at = record.expires_at
        expired = at is not None and at <= self._clock.seconds()
        if at is not None:
            self._deadlines.discard(key, at)
        del self._rows[key]
        self._leave(record.group, key)
        if note is not None:
            note(key, None)
        if self._listeners:
            self._tell(Change(ChangeKind.EXPIRED if expired else ChangeKind.REMOVED, record))

    def _lapse(self, key: str) -> None:
        record = self._rows.get(key)
        if record is not None and (at := record.expires_at) is not None and at <= self._clock.seconds():
            self._forget(key, record, self._note)

    def _leave(self, group: str, key: str) -> None:
        members = self._groups[group]
        del members[key]
        if not members:
            del self._groups[group]

    def _tell(self, change: Change[R]) -> None:
        if self._telling:
            self._changes.append(change)
            return
        self._telling = True
        try:
            while True:
                for listener in self._listeners:
                    try:
                        listener(change)
                    except Exception:  # noqa: BLE001 - whatever it is, the others have to hear of the change
                        _log.failure("A listener of the store failed; the others go on")
                if not self._changes:
                    return
                change = self._changes.popleft()
        finally:
            self._telling = False


class Tables:
    """The tables of a ``Store``; ``note_for`` gives each its note by name."""

    def __init__(
        self, clock: IReactorTime, note_for: Callable[[str], Callable[..., None] | None] = lambda _: None
    ) -> None:
        self._live: dict[str, LiveTable[Any]] = {}
        self.measures = StoreMeasures()

        def table(name: str) -> LiveTable[Any]:
            made = self._live[name] = LiveTable[Any](clock, note_for(name))
            return made

        self.accounts: Table[Account] = table("accounts")
        self.publications: Table[Publication] = table("publications")
        self.dialogs: Table[DialogRecord] = table("dialogs")
        self.authorizations: Table[Authorization] = table("authorizations")
        self.bindings: Table[Binding] = table("bindings")
        self.verdicts: Table[Verdict] = table("verdicts")
        self.spellings: Table[Spelling] = table("spellings")
        self.threads: Table[Thread] = table("threads")
        self.secrets: Table[Secret] = table("secrets")
        self.statements: Table[Statement] = table("statements")
        self.virtuals: Table[Virtual] = table("virtuals")
        self.waiting: Table[Waiting] = table("waiting")
        self.seizures: Table[Seizure] = table("seizures")
        self.cards: Table[Card] = table("cards")
        self.registrants: Table[Registrant] = table("registrants")
        self.observations: Table[Observation] = table("observations")
        self.documents: Table[Document] = table("documents")
        self.followings: Table[Following] = table("followings")
        self.sessions: Table[Session] = table("sessions")
        self.grants: Table[Grant] = table("grants")
        self.deeds: Table[Deed] = table("deeds")

    @abstractmethod
    def after_commit(self, call: Told) -> None:
        """As in ``Store``; each engine has its own."""

    def committed(self) -> Deferred[None]:
        """Fires when ``after_commit`` calls; fails with ``StorageFailed``."""
        answer: Deferred[None] = Deferred()
        self.after_commit(
            lambda trouble: answer.callback(None) if trouble is None else answer.errback(trouble)
        )
        return answer
