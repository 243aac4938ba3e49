"""The back end of lists: one watch of a list is a watch of each of its members, with the identity of the subscriber.

Every member is asked for at the back end that knows it, ours, remote SIP or Jabber, as the subscriber himself, so that the rules
of its owner and the authorizations of Jabber hold as if he had asked for this member alone; nothing is shared between the
watches of two subscribers.  What comes back is put into rows, and told as a ``ListState``.

Watches are begun, and states told, in turns of a bounded size, lists in rotation.  The first state is told when every member has
answered, or a short while after the beginning; who did not answer by then is a row without a state.  After that a change is told on
the next turn if nothing was told lately, else at the end of a window, together with all others of that time.

A member that refuses, or does not exist, stays as a terminated row, and is asked again when the subscriber refreshes.  One whose
watch ends for a passing reason is asked again after a while.  When the list itself changes, members that came are watched, those
that went are left, and the next state has other ``members`` than the one before: its reader has to be told everything.

Implements: RFC 4662 sections 4.5 to 4.8, 5.5 and 7 (with the state of members from the seam, not from subscriptions of its own).
"""

from collections import deque
from collections.abc import Set as AbstractSet
from itertools import count
from math import inf
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import BadInput, NoSuchPresentity, NotAuthorized, Refused, TooMany, Unreachable
from sip2xmpp.presence.list_book import ListBook, ListService, Member
from sip2xmpp.presence.list_state import ListState, Row
from sip2xmpp.presence.list_watch import ListLimits, ListWatch, MemberWatch, Shares
from sip2xmpp.presence.rotation import Rotation
from sip2xmpp.presence.watching import Reason, Standing, StateWatcher, Told, Watch
from sip2xmpp.store.expiry import Deadlines

__all__ = ["ListAgent", "ListLimits", "ListState", "Row", "Shares", "StateBackEnd"]

SHARE: Final = 25
"""How many members of one list are begun before the next list has its share."""

FOREIGN_AT_ONCE: Final = 10
"""How many members of other domains are begun at a time."""

MEMBERS_CHANGED: Final = 1_000
"""Members of lists that changed, before and after, which are looked at in one turn."""

SETTLING: Final = 0.1
"""Seconds after a change of a list in which those who came may answer; then it is told however long the window is."""

SHORTEST_RETRY: Final = {
    Reason.DEACTIVATED: 1,
    Reason.TIMEOUT: 1,
    Reason.PROBATION: 30,
    Reason.GIVEUP: 300,
    None: 30,
}
"""Seconds until a member is asked again, by the reason for which its watch ended; for others it is not."""

LONGEST_RETRY: Final = 3_600
LONGEST_DOUBLING: Final = 9
"""How often the wait is doubled for a member whose watch ends time after time."""


class StateBackEnd(Protocol):
    """Who knows the state of members: that of presence, or of another event package."""

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch: ...


class ListAgent:
    """Watches of lists, of the state of one event package.

    ``back_end`` knows the members.  Whoever owns a service may watch it; the services of the global tree are for users of our
    ``domains``.  ``shares`` are those that agents of several packages have in common.
    """

    def __init__(
        self,
        book: ListBook,
        back_end: StateBackEnd,
        *,
        clock: IReactorTime,
        domains: AbstractSet[str],
        package: str = "presence",
        limits: ListLimits | None = None,
        shares: Shares | None = None,
    ) -> None:
        self._book = book
        self._back_end = back_end
        self._clock = clock
        self._domains = domains
        self._package = package
        self._limits = limits = limits or ListLimits()
        self._shares = shares or Shares(lists=limits.lists, members=limits.members)
        self._watches: dict[Address, dict[ListWatch, None]] = {}
        self._leaving: deque[Watch] = deque()
        self._changing: deque[ListWatch] = deque()
        self._telling: deque[ListWatch] = deque()
        self._call: IDelayedCall | None = None
        self._refused: dict[Address, dict[MemberWatch, None]] = {}
        self._retrying: dict[str, MemberWatch] = {}
        self._retries = Deadlines(clock, self._try_again)
        self._numbers = count()
        self._own = Rotation(clock, self._begin_member, at_once=limits.turn, share=SHARE)
        self._foreign = Rotation(
            clock,
            self._begin_member,
            at_once=FOREIGN_AT_ONCE,
            share=1,
            interval=FOREIGN_AT_ONCE / limits.foreign,
        )
        book.listen(self._list_changed)

    def watch(self, address: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        """Begin to watch the list of a service, by the rules of the seam: ``watcher`` gets ``Told[ListState]``.

        Raises ``NoSuchPresentity``, ``NotAuthorized`` or ``TooMany``.
        """
        service = self._book.service(address)
        if service is None or not service.serves(self._package):
            raise NoSuchPresentity(f"no list is called {address}")
        if not self._may(watcher.address, service):
            raise NotAuthorized(f"{watcher.address} may not watch the list {address}")
        return self._begin(address, self._book.members(service), watcher, fetch)

    def watch_members(
        self, members: tuple[Member, ...], watcher: StateWatcher, *, fetch: bool = False
    ) -> Watch:
        """Begin to watch a list that is in no document (``ListBook.ad_hoc``).  Raises ``TooMany``."""
        return self._begin(None, members, watcher, fetch)

    def forget(self, watch: ListWatch) -> None:
        """Leave all members; the rest of it is done on coming turns."""
        if watch.service is not None:
            watches = self._watches.get(watch.service, {})
            if watches.pop(watch, watch) is None and not watches:
                del self._watches[watch.service]
        self._shares.end(watch.watcher.address, len(watch.members))
        self._cancel(watch)
        for address, each in watch.watches.items():
            self._leave(each, address)
        watch.watches = {}
        self._own.forget(watch)
        self._foreign.forget(watch)

    def refresh(self, watch: ListWatch) -> None:
        """Tell again what is known, and ask those members again that refused."""
        for place, member in enumerate(watch.members):
            if watch.rows[place].standing is Standing.TERMINATED:
                self._ask_again(watch.watches[member.address])
        if watch.told_at is not None:
            watch.told = None
            self._queue(watch)

    def member_told(self, member: MemberWatch, told: Told[Any]) -> None:
        """A back end said something about a member."""
        if told.standing is Standing.TERMINATED:
            member.watch = None
            self._ended(member, told.reason, told.retry_after)
            return
        member.attempts = 0
        document = told.document
        if told.standing is Standing.ACTIVE and document is None:
            self._put(member, None, None, None)
        else:
            is_active = told.standing is Standing.ACTIVE
            self._put(member, told.standing, None, told if is_active else None)

    def rules_changed(self, presentity: Address, watcher: Address | None = None) -> None:
        """Ask a member again, at once, that refused a subscriber, or whoever it was: it may allow it now."""
        for member in tuple(self._refused.get(presentity, ())):
            if watcher is None or member.address == watcher:
                self._ask_again(member)

    def existence_changed(self, presentity: Address) -> None:
        """Ask for a member again that nobody was."""
        self.rules_changed(presentity)

    # beginning

    def _may(self, watcher: Address, service: ListService) -> bool:
        if service.is_global:
            return watcher.domain in self._domains and bool(watcher.local)
        return service.owner == str(watcher)

    def _begin(
        self, service: Address | None, members: tuple[Member, ...], watcher: StateWatcher, fetch: bool
    ) -> Watch:
        self._shares.begin(watcher.address, len(members))
        watch = ListWatch(self, service, watcher, fetch=fetch)
        if service is not None:
            self._watches.setdefault(service, {})[watch] = None
        self._populate(watch, members)
        patience = self._limits.fetch if fetch else self._limits.first
        watch.timer = self._clock.callLater(patience, self._passed, watch)
        if not members:
            self._queue(watch)
        return watch

    def _populate(self, watch: ListWatch, members: tuple[Member, ...]) -> None:
        """Let the watch have these members: begin with those that came, leave those that went."""
        before, rows = watch.watches, watch.rows
        watch.members, watch.watches, watch.rows = members, {}, []
        for place, member in enumerate(members):
            held = before.pop(member.address, None)
            if held is None:
                held = MemberWatch(watch, place)
                watch.unanswered += 1
                watch.rows.append(Row(member))
                self._queue_member(held)
            else:
                row = rows[held.place]
                if row.member != member:
                    row = Row(member, row.standing, row.reason, row.told)
                held.place = place
                watch.rows.append(row)
            watch.watches[member.address] = held
        for address, gone in before.items():
            if not gone.answered:
                watch.unanswered -= 1
            self._leave(gone, address)

    def _queue_member(self, member: MemberWatch) -> None:
        domain = member.of.members[member.place].address.domain
        (self._own if domain in self._domains else self._foreign).add(member.of, member)

    def _begin_member(self, member: MemberWatch) -> None:
        if member.gone or member.watch is not None:
            return
        watch = member.of
        address = watch.members[member.place].address
        if address.domain not in self._domains and not self._shares.asks(
            watch.watcher.address, self._clock.seconds()
        ):
            self._ended(member, Reason.PROBATION)
            return
        try:
            member.watch = self._back_end.watch(address, member, fetch=watch.fetch)
        except (NoSuchPresentity, BadInput):
            self._ended(member, Reason.NORESOURCE)
        except (TooMany, Unreachable):
            self._ended(member, Reason.PROBATION)
        except Refused:
            self._ended(member, Reason.REJECTED)

    def _leave(self, member: MemberWatch, address: Address) -> None:
        member.gone = True
        self._wait_no_more(member, address)
        if member.watch is not None:
            self._leaving.append(member.watch)
            member.watch = None
            self._wake()

    # members that ended

    def _ended(self, member: MemberWatch, reason: Reason | None, retry_after: int | None = None) -> None:
        address = member.of.members[member.place].address
        self._wait_no_more(member, address)
        shortest = SHORTEST_RETRY.get(reason)
        if shortest is None:
            self._refused.setdefault(address, {})[member] = None
        else:
            wait = max(retry_after or 0, shortest << min(member.attempts, LONGEST_DOUBLING))
            member.attempts += 1
            member.retry = str(next(self._numbers)), self._clock.seconds() + min(wait, LONGEST_RETRY)
            self._retrying[member.retry[0]] = member
            self._retries.add(*member.retry)
        self._put(member, Standing.TERMINATED, reason or Reason.PROBATION, None)

    def _ask_again(self, member: MemberWatch) -> None:
        """Begin once more with a member that refused, unless that is to be done already."""
        address = member.of.members[member.place].address
        if member in self._refused.get(address, ()):
            self._wait_no_more(member, address)
            self._queue_member(member)

    def _try_again(self, key: str) -> None:
        member = self._retrying.pop(key, None)
        if member is not None:
            member.retry = None
            self._queue_member(member)

    def _wait_no_more(self, member: MemberWatch, address: Address) -> None:
        """Forget that a member refused, or that it is to be asked again."""
        refused = self._refused.get(address)
        if refused is not None:
            refused.pop(member, None)
            if not refused:
                del self._refused[address]
        if member.retry is not None:
            self._retrying.pop(member.retry[0], None)
            self._retries.discard(*member.retry)
            member.retry = None

    # changes

    def _put(
        self, member: MemberWatch, standing: Standing | None, reason: Reason | None, told: Told[Any] | None
    ) -> None:
        """Another row for a member, unless it says the same."""
        watch = member.of
        if not member.answered:
            member.answered = True
            watch.unanswered -= 1
        before = watch.rows[member.place]
        row = Row(before.member, standing, reason, told)
        if row != before:
            watch.rows[member.place] = row
            watch.dirty += 1
            # who withdraws what a subscriber may see does not wait for a long window
            self._schedule(watch, within=SETTLING if standing is Standing.TERMINATED else inf)
        elif watch.told_at is None:
            self._schedule(watch)

    def _schedule(self, watch: ListWatch, *, after: float = 0.0, within: float = inf) -> None:
        """Tell the state when it may be told, but ``after`` and ``within`` so many seconds."""
        if watch.told_at is None:
            if not watch.unanswered:
                self._queue(watch)
            return
        if watch.queued:
            return
        now = self._clock.seconds()
        wait = max(after, min(within, watch.told_at + self._limits.window - now))
        if watch.timer is not None:
            if watch.timer.getTime() - now > wait:
                watch.timer.reset(wait)
        elif wait > 0:
            watch.timer = self._clock.callLater(wait, self._passed, watch)
        else:
            self._queue(watch)

    def _passed(self, watch: ListWatch) -> None:
        watch.timer = None
        self._queue(watch)

    def _queue(self, watch: ListWatch) -> None:
        if not watch.queued:
            watch.queued = True
            self._telling.append(watch)
            self._wake()

    def _cancel(self, watch: ListWatch) -> None:
        if watch.timer is not None:
            watch.timer.cancel()
            watch.timer = None

    def _list_changed(self, address: Address) -> None:
        """A service has, or may have, another list than before, or is none any more."""
        for watch in self._watches.get(address, ()):
            if not watch.outdated:
                watch.outdated = True
                self._changing.append(watch)
                self._wake()

    def _change(self, watch: ListWatch) -> None:
        """Bring one watch up to date with its list."""
        watch.outdated = False
        if watch.stopped or watch.end is not None or watch.service is None:
            return
        service = self._book.service(watch.service)
        if service is None or not service.serves(self._package):
            self._end(watch, Reason.NORESOURCE)
            return
        if not self._may(watch.watcher.address, service):
            self._end(watch, Reason.REJECTED)
            return
        members = self._book.members(service)
        if watch.members != members:
            granted = self._shares.resize(watch.watcher.address, len(watch.members), len(members))
            self._populate(watch, members[:granted])
            watch.dirty += 1
            # who came from our own domains answers before the next state is told
            moment = min(self._limits.window, SETTLING)
            self._schedule(watch, after=moment, within=moment)

    def _end(self, watch: ListWatch, reason: Reason) -> None:
        self.forget(watch)
        watch.end = Told(standing=Standing.TERMINATED, reason=reason)
        self._queue(watch)

    # turns

    def _wake(self) -> None:
        if self._call is None:
            self._call = self._clock.callLater(0, self._turn)

    def _turn(self) -> None:
        self._call = None
        try:
            self._work(self._limits.turn)
        finally:
            # Also after somebody failed: the reactor logs the failure and the others go on.
            if self._leaving or self._changing or self._telling:
                self._wake()

    def _work(self, budget: int) -> None:
        for _ in range(min(budget, len(self._leaving))):
            self._leaving.popleft().stop()
        places = MEMBERS_CHANGED
        while self._changing and places > 0:
            watch = self._changing.popleft()
            before = len(watch.members)
            self._change(watch)
            places -= before + len(watch.members) + 1
        while self._telling and budget > 0:
            watch = self._telling.popleft()
            budget -= watch.dirty + 1
            self._tell(watch)

    def _tell(self, watch: ListWatch) -> None:
        watch.queued = False
        if watch.end is not None:
            if not watch.stopped:
                watch.stopped = True
                watch.watcher.notified(watch.end)
            return
        if watch.stopped:
            return
        self._cancel(watch)
        watch.dirty = 0
        watch.told_at = self._clock.seconds()
        rows, view = tuple(watch.rows), watch.view
        state = None if view is None else view.document
        if state is None or state.members is not watch.members or state.rows != rows:
            view = watch.view = Told(
                standing=Standing.ACTIVE, document=ListState(members=watch.members, rows=rows)
            )
        else:
            # what changed has changed back: nobody learns of it
            watch.rows = list(state.rows)
        if view is not None and view is not watch.told:
            watch.told = view
            watch.watcher.notified(view)
