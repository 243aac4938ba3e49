"""The live state of contacts, for as long as somebody has them on the screen.

A page that shows contacts looks at a *view* of one user: his own list, one contact of it, or a list of the operator.  A view is one watch of its members
over the seam, in the user's own name, so that what is shown is what each contact's rules or server let this user see, and no
more.  All tabs and devices of a user share it.  It goes on while a page of its kind listens for changes, and for ``LINGERING`` seconds
after that at most; then it ends, which never ends an authorization.

When the members of a view are others the new watch begins before the old one ends, so that nobody is asked twice.

Implements: RFC 4662 section 4.5 for people instead of subscribers.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import TooMany
from sip2xmpp.presence.list_agent import ListAgent
from sip2xmpp.presence.list_book import Member
from sip2xmpp.presence.list_state import ListState, Row
from sip2xmpp.presence.watching import Standing, Told, Watch

LINGERING: Final = 30.0
"""Seconds that a view goes on after it was looked at: a page without script is perhaps loaded again."""

VIEWS: Final = 2_000
"""Views at a time, of all users."""

VIEWS_OF_ONE: Final = 5
"""Views of one user; that which was looked at the longest time ago ends for another one."""

IN_USE: Final = 5.0
"""Seconds in which a view that was looked at does not end for another one: many open pages must not take turns."""

PATIENCE: Final = 1.0
"""Seconds that a page waits for the first state; the agent of lists tells one sooner than that."""


Name = tuple[str, str]
"""Of which kind a view is, and which one."""


class Buddies:
    """All views.

    ``changed(kind, user)`` is called when what a user is shown may be another thing; ``is_heard(kind, user)`` says whether a page
    listens for that.
    """

    def __init__(
        self,
        agent: ListAgent,
        clock: IReactorTime,
        *,
        changed: Callable[[str, Address], None],
        is_heard: Callable[[str, Address], bool],
        most: int = VIEWS,
    ) -> None:
        self.agent = agent
        self.clock = clock
        self.changed = changed
        self._is_heard = is_heard
        self._most = most
        self._views: dict[Address, dict[Name, _View]] = {}
        self._number = 0

    def __len__(self) -> int:
        return self._number

    async def look(
        self, user: Address, kind: str, members: tuple[Member, ...], which: str = ""
    ) -> Mapping[Address, Row] | None:
        """What is known of the members of a view by their addresses; None where nothing more can be watched now."""
        name = kind, which
        view = self._view(user, name)
        if view is None:
            return None
        view.looked_at = self.clock.seconds()
        self._linger(user, name, view)
        try:
            view.show(members)
        except TooMany:
            self._end(user, name)
            return None
        await view.settled()
        return view.rows

    def _view(self, user: Address, name: Name) -> "_View | None":
        """The view of a name, as the last one that was looked at; None if there may be no other one."""
        views = self._views.get(user, {})
        view = views.pop(name, None)
        if view is None:
            if len(views) >= VIEWS_OF_ONE:
                oldest = next(iter(views))
                if self.clock.seconds() - views[oldest].looked_at < IN_USE:
                    return None
                self._end(user, oldest)
            if self._number >= self._most:
                return None
            view = _View(self, user, name[0])
            self._number += 1
        self._views.setdefault(user, views)[name] = view
        return view

    def _linger(self, user: Address, name: Name, view: "_View") -> None:
        if view.timer is not None and view.timer.active():
            view.timer.cancel()
        view.timer = self.clock.callLater(LINGERING, self._passed, user, name, view)

    def _passed(self, user: Address, name: Name, view: "_View") -> None:
        if self._is_heard(name[0], user):
            self._linger(user, name, view)
        else:
            self._end(user, name)

    def _end(self, user: Address, name: Name) -> None:
        view = self._views[user].pop(name)
        self._number -= 1
        view.end()
        if not self._views[user]:
            del self._views[user]


class _View:
    """One watch of members."""

    def __init__(self, owner: Buddies, user: Address, kind: str) -> None:
        self._owner = owner
        self._user = user
        self._kind = kind
        self._members: tuple[Member, ...] | None = None
        self._watcher: _Watcher | None = None
        self._waiting: list[Deferred[None]] = []
        self._told = False
        self.rows: Mapping[Address, Row] = {}
        self.timer: IDelayedCall | None = None
        self.looked_at = 0.0

    def show(self, members: tuple[Member, ...]) -> None:
        """Let these be the members.  Raises ``TooMany``."""
        if members == self._members:
            return
        before = self._watcher
        watcher = _Watcher(self, self._user)
        watcher.watch = self._owner.agent.watch_members(members, watcher)
        self._watcher, self._members, self._told = watcher, members, False
        if before is not None:
            before.stop()

    async def settled(self) -> None:
        """Wait for the first state of the members, but not long."""
        if not self._told:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            late = self._owner.clock.callLater(PATIENCE, self._answer)
            await waiting
            if late.active():
                late.cancel()

    def told(self, watcher: "_Watcher", notification: Told[Any]) -> None:
        """The agent of lists said something."""
        if watcher is not self._watcher:
            return
        if notification.standing is Standing.TERMINATED:
            self._members = None
        elif isinstance(notification.document, ListState):
            self.rows = {row.member.address: row for row in notification.document.rows}
        is_first, self._told = not self._told, True
        if is_first and self._waiting:
            self._answer()
        else:
            self._owner.changed(self._kind, self._user)

    def end(self) -> None:
        """Watch nobody any more."""
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self.timer = None
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher = None
        self._answer()

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)


class _Watcher:
    """The user as the watcher of one watch."""

    def __init__(self, view: _View, user: Address) -> None:
        self._view = view
        self._user = user
        self.watch: Watch | None = None

    @property
    def address(self) -> Address:
        return self._user

    def notified(self, notification: Told[Any]) -> None:
        self._view.told(self, notification)

    def stop(self) -> None:
        """Hear no more."""
        if self.watch is not None:
            self.watch.stop()
            self.watch = None
