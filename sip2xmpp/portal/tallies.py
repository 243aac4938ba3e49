"""What is counted as it changes, because counting it when somebody asks would take as long as there are many."""

from collections import Counter
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.measuring import Histogram
from sip2xmpp.store.interface import Change, ChangeKind, Record, Table

R = TypeVar("R", bound=Record)

BEAT: Final = 1.0
"""Seconds between two appointments of the heartbeat."""


class TableTally(Generic[R]):
    """How many records of a table there are, by ``labels_of`` a record."""

    def __init__(self, table: Table[R], labels_of: Callable[[R], tuple[str, ...]]) -> None:
        self._labels_of = labels_of
        self.counts = Counter(map(labels_of, table.all()))
        table.listen(self._changed)

    def _changed(self, change: Change[R]) -> None:
        labels = self._labels_of(change.record)
        if change.kind is not ChangeKind.PUT:
            self.counts[labels] -= 1
            return
        if change.previous is not None:
            before = self._labels_of(change.previous)
            if before == labels:
                return
            self.counts[before] -= 1
        self.counts[labels] += 1


class Heartbeat:
    """How late the reactor is for an appointment in every second: everybody's messages wait as long."""

    def __init__(self, clock: IReactorTime) -> None:
        self.lateness = Histogram()
        self._clock = clock
        self._due = 0.0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Make the first appointment."""
        self._due = self._clock.seconds() + BEAT
        self._call = self._clock.callLater(BEAT, self._beat)

    def stop(self) -> None:
        """Make no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _beat(self) -> None:
        self.lateness.add(self._clock.seconds() - self._due)
        self.start()
