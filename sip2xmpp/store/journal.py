"""Group commit: what changed in one reactor turn becomes durable in one transaction.

The reactor thread notes changes, one per key: a later one supersedes an earlier one that was not written yet.  A turn
later they go to the writer thread as a batch.  What is changed while that batch is being written forms the next one, so
batches grow with the load and nobody waits for more than two transactions.  A transaction costs as much as thirty
changes, in system calls and in handing the interpreter over, so under load they begin some milliseconds apart.

Those who wait for ``after_commit`` are called from the reactor thread after the COMMIT, in slices between which the
reactor serves others: after a disk that was slow for a moment there may be thousands.

A batch that fails (disk full, file locked) fails those who wait for it, and is tried again every second together with
what has changed since: the live tables are ahead of the file until it succeeds.  Meanwhile new waits take part in the
next attempt.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from sip2xmpp.errors import StorageFailed
from sip2xmpp.store.interface import Told
from sip2xmpp.store.measures import StoreMeasures

_log = Logger()
failing_waiter = _log.failureHandler("What waited for a commit failed; the others go on")

RETRY_SECONDS = 1.0
INTERVAL = 0.004
"""Seconds from the beginning of a transaction to that of the next under load, unless ``ENOUGH`` wait."""
BUSY = 8
"""Under load: so many waiters come in an interval.  A transaction costs as much for changing threads as for twenty rows."""
ENOUGH = 60
"""So many waiters, about what one turn of a socket brings, are worth a transaction of their own."""
SLICE = 100
"""How many waiters are called in one reactor turn."""

Changes = dict[str, dict[str, Any]]
"""Table name -> key -> the record to write, or None to remove it."""


class Journal:
    """Collects changes and has ``write`` called with them on the thread of ``writer``, one batch at a time.

    ``write`` raises when nothing was written and a later attempt may succeed.  It returns what can never be written.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        threads: IReactorFromThreads,
        writer: ThreadPoolExecutor,
        write: Callable[[Changes], list[str]],
    ) -> None:
        self.measures = StoreMeasures()
        self._clock = clock
        self._threads = threads
        self._writer = writer
        self._write = write
        self._changes: Changes = {}
        self._waiting: list[Told] = []
        self._writing: Changes = {}
        self._waiting_for_writing: list[Told] = []
        self._told: deque[tuple[Told, StorageFailed | None]] = deque()
        self._telling: IDelayedCall | None = None
        self._resting = True
        self._began = 0.0
        self._is_pausing = False
        self._is_busy = False
        self._came = 0
        self._counting_since = 0.0
        self._timer: IDelayedCall | None = None
        self._failing_since: float | None = None
        self._closed: Deferred[None] | None = None

    def note_for(self, table: str) -> Callable[[str, Any], None]:
        """The function that notes a change of a table: the key, and the record or None."""

        def note(key: str, record: Any) -> None:
            changes = self._changes.get(table)
            if changes is None:
                changes = self._changes[table] = {}
            changes[key] = record
            if self._resting:
                self._resting = False
                self._begin_soon()

        return note

    def is_ahead(self, table: str, key: str) -> bool:
        """Whether the live record differs from the file because its change is still to be written."""
        return key in self._changes.get(table, ()) or key in self._writing.get(table, ())

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed is not None

    def after_commit(self, call: Told) -> None:
        """``call(None)`` when what was noted so far is in the file, ``call(StorageFailed)`` if this attempt fails."""
        if self._closed is not None:
            call(StorageFailed("the store is closed"))
        elif self._changes:
            self._waiting.append(call)
            self._came += 1
            if len(self._waiting) == ENOUGH and self._is_pausing and self._timer is not None:
                self._timer.reset(0)
        elif self._writing:
            self._waiting_for_writing.append(call)
        elif self._told:
            self._told.append((call, None))
        else:
            call(None)

    def close(self) -> Deferred[None]:
        """Write what is left, one attempt, and note nothing any more; fires when the writer is at rest."""
        assert self._closed is None, "closed twice"
        self._closed = Deferred()
        closed = self._closed
        if not self._writing:
            self._begin()
        return closed

    def _begin_soon(self) -> None:
        """A turn later; under load when the last transaction is long enough ago, or enough are waiting."""
        self._is_pausing = True
        now = self._clock.seconds()
        counted = now - self._counting_since
        if not 0 <= counted < INTERVAL:
            self._is_busy = self._came * INTERVAL >= BUSY * counted
            self._came, self._counting_since = 0, now
        passed = now - self._began
        pause = INTERVAL - passed if self._is_busy and 0 <= passed < INTERVAL else 0
        self._timer = self._clock.callLater(pause, self._begin)

    def _begin(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        self._is_pausing = False
        if not self._changes:
            self._rest()
            return
        self._resting = False
        self._began = self._clock.seconds()
        self._writing, self._changes = self._changes, {}
        self._waiting_for_writing, self._waiting = self._waiting, []
        future = self._writer.submit(self._write, self._writing)
        future.add_done_callback(partial(self._threads.callFromThread, self._ended))

    def _ended(self, future: Future[list[str]]) -> None:
        written, self._writing = self._writing, {}
        waiting, self._waiting_for_writing = self._waiting_for_writing, []
        error = future.exception()
        self.measures.commits.add(self._clock.seconds() - self._began)
        self.measures.changes.add(sum(map(len, written.values())))
        if error is None:
            self._note_recovery()
            if self._changes and self._closed is None:
                self._begin_soon()
            else:
                self._begin()
            unstorable = future.result()
            self._tell(
                waiting, StorageFailed("a change of this turn cannot be stored") if unstorable else None
            )
            return
        self.measures.failures += 1
        self._note_failure(error)
        for table, changes in written.items():
            self._changes[table] = changes | self._changes.get(table, {})
        if self._closed is None:
            self._timer = self._clock.callLater(RETRY_SECONDS, self._begin)
        else:
            _log.critical("{count} changes are lost", count=sum(map(len, self._changes.values())))
            self._changes = {}
            self._rest()
        self._tell(waiting, StorageFailed(f"the change could not be stored: {error}"))

    def _rest(self) -> None:
        self._resting = self._closed is None
        if self._closed is not None and not self._closed.called:
            waiting, self._waiting = self._waiting, []
            self._tell(waiting, StorageFailed("the store is closed"))
            self._closed.callback(None)

    def _tell(self, waiting: list[Told], trouble: StorageFailed | None) -> None:
        self._told.extend([(call, trouble) for call in waiting])
        if self._telling is None or self._closed is not None:
            self._tell_some()

    def _tell_some(self) -> None:
        if self._telling is not None and self._telling.active():
            self._telling.cancel()
        self._telling = None
        told = self._told
        for _ in range(len(told) if self._closed is not None else min(SLICE, len(told))):
            call, trouble = told.popleft()
            with failing_waiter:
                call(trouble)
        if told:
            self._telling = self._clock.callLater(0, self._tell_some)

    def _note_failure(self, error: BaseException) -> None:
        if self._failing_since is None:
            self._failing_since = self._clock.seconds()
            _log.error("Changes cannot be stored: {error}; trying again every second", error=error)

    def _note_recovery(self) -> None:
        if self._failing_since is not None:
            seconds = round(self._clock.seconds() - self._failing_since)
            self._failing_since = None
            _log.warn("Changes are stored again, after {seconds} s", seconds=seconds)
