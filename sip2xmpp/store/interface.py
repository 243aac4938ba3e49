"""What durable state looks like to the rest of the program.

A ``Table`` is a live view of one kind of record: reads are answered from memory, ``put`` and ``remove`` take effect
at once and are durable when what was given to ``Store.after_commit()`` after them is called.  Whoever acknowledges a
change to a peer waits for that.  Changes come back by the feed: ``listen`` tells of every change of a table, made
here, made by another node that shares the store, or made by time (``EXPIRED``).  State machines act on the feed, not
on their own calls, so that a networked engine can stand behind the same interface: it keeps the view of its shards up
to date from the engine's log, and nothing in the process is an authority of its own.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Generic, NamedTuple, Protocol, TypeVar

from twisted.internet.defer import Deferred

from sip2xmpp.errors import StorageFailed
from sip2xmpp.store.documents import Document
from sip2xmpp.store.followings import Following
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


class Record(Protocol):
    """What every row can say about itself."""

    @property
    def key(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def expires_at(self) -> float | None: ...


R = TypeVar("R", bound=Record)


class ChangeKind(Enum):
    """Why a change was made."""

    PUT = "put"
    REMOVED = "removed"
    EXPIRED = "expired"


class Change(NamedTuple, Generic[R]):
    """One change: ``record`` is the new one for PUT, else the one that is gone; ``previous`` what PUT replaced."""

    kind: ChangeKind
    record: R
    previous: R | None = None


class Table(Protocol[R]):
    """A live view of one kind of record."""

    def get(self, key: str) -> R | None:
        """The record, or None; never one that has expired."""

    def select(self, group: str) -> tuple[R, ...]:
        """Every live record of a group, in order of first insertion.

        After a restart, one that was removed and put again at the same moment may have its former place.
        """

    def all(self) -> Iterable[R]:
        """Every live record; for start-up and operators, never on a request's path."""

    def keys(self) -> list[str]:
        """The keys of all records; cheap enough to go through a large table in several turns."""

    def put(self, record: R) -> None:
        """Insert or replace by key."""

    def remove(self, key: str) -> None:
        """Remove if there."""

    def listen(self, listener: Callable[[Change[R]], None]) -> None:
        """Call ``listener`` after each change, in the order of changes."""

    def __len__(self) -> int: ...


Told = Callable[[StorageFailed | None], None]
"""Learns that changes are safe, or why they are not."""


class Store(Protocol):
    """All tables, and when their changes are safe."""

    measures: StoreMeasures

    accounts: Table[Account]
    publications: Table[Publication]
    dialogs: Table[DialogRecord]
    authorizations: Table[Authorization]
    bindings: Table[Binding]
    verdicts: Table[Verdict]
    spellings: Table[Spelling]
    threads: Table[Thread]
    secrets: Table[Secret]
    statements: Table[Statement]
    virtuals: Table[Virtual]
    waiting: Table[Waiting]
    seizures: Table[Seizure]
    cards: Table[Card]
    registrants: Table[Registrant]
    observations: Table[Observation]
    documents: Table[Document]
    followings: Table[Following]
    sessions: Table[Session]
    grants: Table[Grant]
    deeds: Table[Deed]

    def after_commit(self, call: Told) -> None:
        """``call(None)`` once every change made so far survives the death of the process.

        It is called exactly once, from the reactor's thread, in the order of these calls, and before this returns
        when nothing has to be waited for.  Its argument is ``StorageFailed`` if they could not be stored now: they
        are in force and storing them is tried again, but whoever asked for them is told that they are not safe.
        What it raises when it is called later is logged, and keeps nobody else from being called.
        """

    def committed(self) -> Deferred[None]:
        """``after_commit`` as a Deferred, for what is not on the path of every request."""

    def close(self) -> Deferred[None]:
        """Commit what is pending and release the files."""
