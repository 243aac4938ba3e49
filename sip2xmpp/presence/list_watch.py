"""What the agent of lists holds while somebody watches: each list with its members, and what every subscriber has of the limits.

Implements: RFC 4662 section 4.5 (one list, many members).
"""

from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.errors import TooMany
from sip2xmpp.presence.flattening import Member
from sip2xmpp.presence.list_state import ListState, Row
from sip2xmpp.presence.watching import StateWatcher, Told, Watch


@frozen_value
class ListLimits:
    """``window`` and ``first`` are seconds: between two states, and until the first one at the latest.

    For one who hears nothing but the first that is ``fetch``, in which also those may answer who have to be asked elsewhere.
    ``lists`` and ``members`` are those that one subscriber may watch at once.  ``turn`` is how many watches of members are begun
    or ended, and how many rows are told, in one turn of the reactor.  Members of other domains, each of which means a request to
    somebody else, are begun ``foreign`` times a second at most, and twice ``members`` in ten minutes for one subscriber.
    """

    window: float = 0.1
    first: float = 0.5
    fetch: float = 6.0
    lists: int = 20
    members: int = 5_000
    turn: int = 50
    foreign: float = 500.0


ASKED_WITHIN: Final = 600
"""Seconds in which a subscriber may ask twice as many members of other domains as he may watch; what was not used is not saved up."""

FORGETTING: Final = 1_000
"""Subscribers who asked; when there are more, those for whom it is long ago are forgotten."""


class Shares:
    """What subscribers have of the limits, over all event packages."""

    def __init__(self, *, lists: int, members: int) -> None:
        self._lists = lists
        self._members = members
        self._taken: dict[Address, tuple[int, int]] = {}
        self._paid_until: dict[Address, float] = {}
        self._forgetting = FORGETTING

    def begin(self, watcher: Address, members: int) -> None:
        """Take a list; raises ``TooMany``."""
        lists, before = self._taken.get(watcher, (0, 0))
        if lists >= self._lists:
            raise TooMany(f"{watcher} watches {lists} lists already")
        if before + members > self._members:
            raise TooMany(f"{watcher} would watch {before + members} members of lists")
        self._taken[watcher] = lists + 1, before + members

    def resize(self, watcher: Address, before: int, after: int) -> int:
        """A list has changed; how many members of it may be watched now."""
        lists, members = self._taken[watcher]
        granted = min(after, max(before, self._members - (members - before)))
        self._taken[watcher] = lists, members - before + granted
        return granted

    def end(self, watcher: Address, members: int) -> None:
        """Give a list back."""
        lists, before = self._taken[watcher]
        if lists == 1:
            del self._taken[watcher]
        else:
            self._taken[watcher] = lists - 1, before - members

    def asks(self, watcher: Address, now: float) -> bool:
        """Whether one more member of another domain may be asked in the name of a subscriber now; it is counted then."""
        until = max(now, self._paid_until.get(watcher, now)) + ASKED_WITHIN / (2 * self._members)
        if until > now + ASKED_WITHIN:
            return False
        self._paid_until[watcher] = until
        if len(self._paid_until) > self._forgetting:
            self._paid_until = {who: at for who, at in self._paid_until.items() if at > now}
            self._forgetting = max(FORGETTING, 2 * len(self._paid_until))
        return True


class Agent(Protocol):
    """What watches need of their agent."""

    def forget(self, watch: "ListWatch") -> None:
        """Drop a watch."""

    def refresh(self, watch: "ListWatch") -> None:
        """Tell again."""

    def member_told(self, member: "MemberWatch", told: Told[Any]) -> None:
        """A back end said something about a member."""


class MemberWatch:
    """The watch of one member, as its back end sees it: a watcher with the identity of the subscriber."""

    __slots__ = ("answered", "attempts", "gone", "of", "place", "retry", "watch")

    def __init__(self, of: "ListWatch", place: int) -> None:
        self.of = of
        self.place = place
        self.watch: Watch | None = None
        self.answered = False
        self.gone = False
        self.attempts = 0
        self.retry: tuple[str, float] | None = None

    @property
    def address(self) -> Address:
        return self.of.watcher.address

    def notified(self, notification: Told[Any]) -> None:
        if not self.gone:
            self.of.agent.member_told(self, notification)


class ListWatch:
    """The watch of one list.

    ``view`` is the state that was made last, ``told`` the one that the watcher has.  ``dirty`` counts the rows that changed since.
    """

    __slots__ = (
        "agent",
        "dirty",
        "end",
        "fetch",
        "members",
        "outdated",
        "queued",
        "rows",
        "service",
        "stopped",
        "timer",
        "told",
        "told_at",
        "unanswered",
        "view",
        "watcher",
        "watches",
    )

    def __init__(
        self, agent: "Agent", service: Address | None, watcher: StateWatcher, *, fetch: bool
    ) -> None:
        self.agent = agent
        self.service = service
        self.watcher = watcher
        self.fetch = fetch
        self.members: tuple[Member, ...] = ()
        self.watches: dict[Address, MemberWatch] = {}
        self.rows: list[Row] = []
        self.unanswered = 0
        self.dirty = 0
        self.view: Told[ListState] | None = None
        self.told: Told[ListState] | None = None
        self.told_at: float | None = None
        self.end: Told[ListState] | None = None
        self.timer: IDelayedCall | None = None
        self.queued = False
        self.outdated = False
        self.stopped = False

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            if self.end is None:
                self.agent.forget(self)

    def refresh(self) -> None:
        if not self.stopped and self.end is None:
            self.agent.refresh(self)
