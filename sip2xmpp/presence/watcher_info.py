"""Who watches one of our users and who waits to, whatever protocol they come by.

Nothing is kept here: a row is made from what the presence agent knows of live watches and what the store knows of those who
wait.  There is one row for each watcher, however many of its devices watch.

A watcher about whom the owner has not decided is written down when it asks, so that the owner learns of it days later, when
it is gone itself and the gateway was restarted.  The note is taken away when the owner decides, when the watcher withdraws
its request, or when its time has passed.  Who asks again while it is noted is not noted twice; who asks while there is no
room (so many wait for one owner, or for all) is not noted, but is a pending watcher as long as it watches.

==========  =================================================  =====================================
status      who                                                event
==========  =================================================  =====================================
active      watches, and is shown something (or offline)       ``approved`` where decided, else ``subscribe``
pending     watches, and is shown nothing until it is decided  ``subscribe``
waiting     watched, and it was not decided                    ``timeout``
terminated  none of these any more                             ``why_ended``
==========  =================================================  =====================================

Implements: RFC 3857 section 4.7.1 (the state machine of a watcher).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.watcherinfo import Event, Status
from sip2xmpp.presence.agent import PACKAGE, PresenceAgent
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Authorization, Kind, Side, Waiting

__all__ = [
    "DAY",
    "PACKAGE",
    "Event",
    "Status",
    "WaitingLimits",
    "WatcherInfo",
    "WatcherRow",
    "row_id",
    "waiting_key",
]

DAY = 86_400.0
LOGGED_IN_A_ROW = 20
"""So many who ask are named in the log before only their number is told, for ``LOG_INTERVAL`` seconds."""
LOG_INTERVAL = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherRow:
    """One watcher.  ``id`` is the same as long as presentity and watcher are; ``since`` is Unix time, None if unknown.

    ``handling`` is what is decided about it now, by the owner or by default.
    """

    id: str
    watcher: Address
    status: Status
    event: Event
    handling: Handling
    since: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLimits:
    """How long somebody waits, in seconds; and how many for one owner, and altogether."""

    kept: float = 30 * DAY
    per_presentity: int = 200
    total: int = 50_000


DEFAULT_LIMITS = WaitingLimits()


class WatcherInfo:
    """Watchers of our own presentities; ``exists`` says who is one.

    ``rows(presentity)`` is the answer for a page, an API, a command or an event package; the caller makes sure that it goes to
    the owner or an operator.  ``listen`` tells of every presentity whose rows may have changed.  To decide, put a ``Verdict``
    into ``store.verdicts`` (``allow``, ``confirm``, ``polite-block``, ``block``), or remove one: everything else follows.
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        agent: PresenceAgent,
        policy: Policy,
        exists: Callable[[Address], bool],
        clock: IReactorTime,
        limits: WaitingLimits = DEFAULT_LIMITS,
    ) -> None:
        self._store = store
        self._agent = agent
        self._decide = policy.decide
        self._exists = exists
        self._clock = clock
        self.limits = limits
        self._listeners: list[Callable[[Address], None]] = []
        self._logged = 0
        self._silent_until = 0.0
        for waiting in tuple(store.waiting.all()):
            # Decided, or removed, while nobody was here to see it.
            self._settle(waiting)
        agent.listen(self._watch_changed)
        policy.listen(self._decided)
        store.waiting.listen(self._waiting_changed)
        store.authorizations.listen(self._authorization_changed)
        store.accounts.listen(lambda change: self._decided(change.record.address, None))
        store.virtuals.listen(lambda change: self._decided(change.record.address, None))

    def listen(self, listener: Callable[[Address], None]) -> None:
        """Call ``listener(presentity)`` when its rows may be others than before."""
        self._listeners.append(listener)

    def rows(self, presentity: Address) -> list[WatcherRow]:
        """Everybody who watches ``presentity`` or waits to: who needs a decision first, else in order of arrival.

        The owner is not listed among the own watchers.
        """
        noted = {note.watcher: note for note in self._notes(presentity)}
        since = self._since(presentity)
        live: dict[Address, Handling] = dict(self._agent.watches(presentity))
        live.pop(presentity, None)
        approved = self._agent.approved(presentity)
        rows = []
        for watcher, handling in live.items():
            note = noted.pop(watcher, None)
            undecided = handling is Handling.CONFIRM
            rows.append(
                WatcherRow(
                    id=row_id(presentity, watcher),
                    watcher=watcher,
                    status=Status.PENDING if undecided else Status.ACTIVE,
                    event=Event.SUBSCRIBE if undecided else self._how_begun(presentity, watcher, approved),
                    handling=handling,
                    since=note.asked_at if note is not None else since.get(watcher),
                )
            )
        rows.extend(
            WatcherRow(
                id=row_id(presentity, watcher),
                watcher=watcher,
                status=Status.WAITING,
                event=Event.TIMEOUT,
                handling=Handling.CONFIRM,
                since=note.asked_at,
            )
            for watcher, note in noted.items()
        )
        return sorted(rows, key=lambda row: row.status is Status.ACTIVE)

    def why_ended(self, presentity: Address, row: WatcherRow) -> Event:
        """Why a row that there was is no more."""
        if not self._exists(presentity):
            return Event.NORESOURCE
        handling = self._decide(presentity, row.watcher)
        if handling is Handling.BLOCK:
            return Event.REJECTED
        if row.status is not Status.ACTIVE:
            return Event.GIVEUP if handling is Handling.CONFIRM else Event.APPROVED
        return Event.TIMEOUT

    def expirations(self, presentity: Address) -> Mapping[Address, float]:
        """When the subscriptions of SIP watchers end unless they are refreshed, the last of each watcher; Unix time."""
        ends: dict[Address, float] = {}
        for dialog in self._store.dialogs.select(str(presentity)):
            if dialog.role == "notifier" and dialog.event.partition(";")[0].strip().lower() == PACKAGE:
                ends[dialog.watcher] = max(dialog.expires_at, ends.get(dialog.watcher, 0.0))
        return ends

    # What is so

    def _notes(self, presentity: Address) -> list[Waiting]:
        return [note for note in self._store.waiting.select(str(presentity)) if note.package == PACKAGE]

    def _how_begun(self, presentity: Address, watcher: Address, approved: Collection[Address]) -> Event:
        is_decided = self._store.verdicts.get(f"{presentity} {watcher}") is not None
        return Event.APPROVED if is_decided or watcher in approved else Event.SUBSCRIBE

    def _since(self, presentity: Address) -> Mapping[Address, float]:
        """Since when Jabber users are authorized, whose authorizations are permanent."""
        return {
            watcher: record.decided_at
            for watcher, _ in self._agent.watches(presentity)
            for record in self._store.authorizations.select(watcher.jid())
            if record.side is Side.JABBER_WATCHES and record.contact == presentity and record.decided_at
        }

    # Who waits

    def _watch_changed(self, presentity: Address, watcher: Address, handling: Handling) -> None:
        if handling is Handling.CONFIRM:
            self._note(presentity, watcher)
        self._changed(presentity)

    def _note(self, presentity: Address, watcher: Address) -> None:
        """Write down who asked; who is noted already is kept for longer, but that is written once a day at most."""
        limits, table, now = self.limits, self._store.waiting, self._clock.seconds()
        note = Waiting(
            presentity=presentity,
            watcher=watcher,
            package=PACKAGE,
            asked_at=now,
            expires_at=now + limits.kept,
        )
        held = table.get(note.key)
        if held is None:
            if len(table) < limits.total and len(self._notes(presentity)) < limits.per_presentity:
                table.put(note)
                self._tell_of(note, now)
        elif (held.expires_at or 0.0) < now + limits.kept - DAY:
            table.put(replace(held, expires_at=note.expires_at))

    def _tell_of(self, note: Waiting, now: float) -> None:
        """A line for the owner who has no other way to learn of it: the operator can tell him."""
        if now >= self._silent_until:
            self._logged, self._silent_until = 0, now + LOG_INTERVAL
        self._logged += 1
        if self._logged <= LOGGED_IN_A_ROW:
            self.log.info(
                "{watcher} waits to be allowed to watch {presentity}",
                watcher=note.watcher,
                presentity=note.presentity,
            )
        elif self._logged == LOGGED_IN_A_ROW + 1:
            self.log.info("more wait to be allowed to watch; `sip2xmpp watchers` lists them")

    def _settle(self, note: Waiting) -> None:
        if (
            not self._exists(note.presentity)
            or self._decide(note.presentity, note.watcher) is not Handling.CONFIRM
        ):
            self._store.waiting.remove(note.key)

    def _decided(self, presentity: Address, watcher: Address | None) -> None:
        for note in self._store.waiting.select(str(presentity)):
            if watcher is None or note.watcher == watcher:
                self._settle(note)

    def _waiting_changed(self, change: Change[Waiting]) -> None:
        note = change.record
        if change.kind is ChangeKind.EXPIRED:
            live = dict(self._agent.watches(note.presentity))
            if live.get(note.watcher) is Handling.CONFIRM:
                self._note(note.presentity, note.watcher)
        self._changed(note.presentity)

    def _authorization_changed(self, change: Change[Authorization]) -> None:
        """A Jabber user who takes a request back does not wait any more; a SIP user can only stop to watch."""
        record = change.record
        if (
            change.kind is ChangeKind.REMOVED
            and record.side is Side.JABBER_WATCHES
            and record.state is Kind.PENDING
        ):
            self._store.waiting.remove(waiting_key(record.contact, record.watcher))

    def _changed(self, presentity: Address) -> None:
        for listener in self._listeners:
            listener(presentity)


def waiting_key(presentity: Address, watcher: Address) -> str:
    """The key of the note that ``watcher`` waits."""
    return f"{presentity} {PACKAGE} {watcher}"


def row_id(presentity: Address, watcher: Address) -> str:
    """An id that stays the same over restarts and says nothing."""
    return "w" + sha256(f"{presentity} {watcher}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
