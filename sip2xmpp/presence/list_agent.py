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

from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.rlmi import Name
from sip2xmpp.presence.list_book import ListBook, Member
from sip2xmpp.presence.watching import Reason, Standing, StateWatcher, Told, Watch


class Row:
    """One member of a list as its subscriber sees it; to be left as it is.

    ``standing`` is None as long as nothing is known.  ``told`` is what the back end said last, its document included, and is None
    unless the member is active.  ``reason`` is only with TERMINATED.
    """

    __slots__ = ("member", "reason", "standing", "told")

    def __init__(
        self,
        member: Member,
        standing: Standing | None = None,
        reason: Reason | None = None,
        told: Told[Any] | None = None,
    ) -> None:
        self.member = member
        self.standing = standing
        self.reason = reason
        self.told = told

    @property
    def uri(self) -> str:
        return self.member.uri

    @property
    def names(self) -> tuple[Name, ...]:
        return self.member.names

    def __repr__(self) -> str:
        return f"Row({self.uri}, {self.standing}, {self.reason}, {self.told})"

    def __hash__(self) -> int:
        return hash((self.member, self.standing, self.reason))

    def __eq__(self, other: object) -> bool:
        """Whether they say the same, whatever was written from them."""
        if not isinstance(other, Row):
            return NotImplemented
        return self is other or (
            self.member == other.member
            and self.standing is other.standing
            and self.reason is other.reason
            and self._document() == other._document()
        )

    def _document(self) -> object:
        return None if self.told is None else self.told.document


@frozen_value
class ListState:
    """What a subscriber learns of a list.

    ``members`` is the same object in two states of one watch exactly if the list did not change in between; ``rows`` are then
    about the same members in the same order, and a row about which nothing changed is the same object.
    """

    members: tuple[Member, ...]
    rows: tuple[Row, ...]

    def changed_since(self, before: "ListState | None") -> tuple[Row, ...] | None:
        """The rows that are not those of ``before``; None if that was of another list, so that all have to be told."""
        if before is None or before.members is not self.members:
            return None
        return tuple([row for row, old in zip(self.rows, before.rows, strict=True) if row is not old])


@frozen_value
class ListLimits:
    """``window`` and ``first`` are seconds: between two states, and until the first one at the latest.

    ``lists`` and ``members`` are those that one subscriber may watch at once, ``turn`` is how many watches are begun, or rows
    told, in one turn of the reactor.
    """

    window: float = 0.1
    first: float = 0.5
    lists: int = 20
    members: int = 5_000
    turn: int = 50


class StateBackEnd(Protocol):
    """Who knows the state of members: that of presence, or of another event package."""

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch: ...


class ListAgent:
    """Watches of lists, of the state of one event package.

    ``back_end`` knows the members.  Whoever owns a service may watch it; the services of the global tree are for users of our
    ``domains``.
    """

    log = Logger()

    def __init__(
        self,
        book: ListBook,
        back_end: StateBackEnd,
        *,
        clock: IReactorTime,
        domains: frozenset[str],
        limits: ListLimits | None = None,
    ) -> None: ...

    def watch(self, address: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        """Begin to watch the list of a service, by the rules of the seam: ``watcher`` gets ``Told[ListState]``.

        Raises ``NoSuchPresentity``, ``NotAuthorized`` or ``TooMany``.
        """
        raise NotImplementedError

    def watch_members(
        self, members: tuple[Member, ...], watcher: StateWatcher, *, fetch: bool = False
    ) -> Watch:
        """Begin to watch a list that is in no document (``ListBook.ad_hoc``).  Raises ``TooMany``."""
        raise NotImplementedError
