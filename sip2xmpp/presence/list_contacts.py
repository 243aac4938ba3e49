"""A list of the operator as one contact, for front ends that cannot watch lists: how many of its members are available.

What the contact says is made of what *this* watcher may see of each member, by a watch of each with the watcher's own identity, so
that two watchers may be told different numbers, and somebody who is blocked counts as one who is away.  A member who has not
answered, or refuses, is one of the whole and not available.

Who may not know the lists is told what is told of an address that nobody has.  That is looked at again with every change, and
when ``reconsider`` says so.

Implements: RFC 4662 section 4.8 (the state of a list as a whole) for watchers that have no lists.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Note, Presence
from sip2xmpp.errors import NoSuchPresentity, Refused
from sip2xmpp.presence.list_agent import ListAgent
from sip2xmpp.presence.list_book import ListBook, ListService
from sip2xmpp.presence.list_state import ListState
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.watching import BackEnd, Notification, Reason, Standing, Told, Watch, Watcher

PRESENT = frozenset({State.ONLINE, State.CHAT})
"""Who is there, of those who are available."""


class ListContacts:
    """A back end that knows the lists, in front of ``others``, which knows everybody else.

    ``agent`` watches members as somebody; ``permits`` says whether an address may know the lists.
    """

    log = Logger()

    def __init__(
        self,
        book: ListBook,
        agent: ListAgent,
        others: BackEnd,
        *,
        permits: Callable[[Address], bool],
        clock: IReactorTime,
    ) -> None:
        self._book = book
        self._agent = agent
        self._others = others
        self.permits = permits
        self.clock = clock
        self._watches: dict[Address, dict[_Summary, None]] = {}
        book.listen(self._changed)

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> Watch:
        """As ``BackEnd``."""
        service = self._contact(presentity)
        if service is None:
            return self._others.watch(presentity, watcher, fetch=fetch)
        if not self.permits(watcher.address):
            raise NoSuchPresentity(f"nobody is called {presentity}")
        summary = _Summary(self, presentity, watcher)
        summary.begin(self._agent, self._book, service, fetch=fetch)
        self._watches.setdefault(presentity, {})[summary] = None
        return summary

    def reconsider(self, watcher: Address) -> None:
        """Somebody may know the lists no more."""
        if not self.permits(watcher):
            for watches in tuple(self._watches.values()):
                for summary in [each for each in watches if each.address == watcher]:
                    self._end(summary)

    def forget(self, summary: "_Summary") -> None:
        """A watch has ended."""
        watches = self._watches.get(summary.presentity, {})
        watches.pop(summary, None)
        if not watches:
            self._watches.pop(summary.presentity, None)

    def _contact(self, presentity: Address) -> ListService | None:
        """The list at an address, if that is one of the operator's and about presence."""
        service = self._book.service(presentity)
        return service if service is not None and service.is_global and service.serves("presence") else None

    def _changed(self, presentity: Address) -> None:
        """The list has other members, or is none any more."""
        service = self._contact(presentity)
        for summary in tuple(self._watches.get(presentity, ())):
            if service is None or not self.permits(summary.address):
                self._end(summary)
                continue
            try:
                summary.begin(self._agent, self._book, service, fetch=False)
            except Refused as error:
                self.log.info("{watcher}: {error}", watcher=summary.address, error=error)
                self._end(summary)

    def _end(self, summary: "_Summary") -> None:
        summary.leave()
        self.clock.callLater(0, summary.ended)


class _Summary:
    """One watch: hears of the members, and tells how many are there."""

    def __init__(self, owner: ListContacts, presentity: Address, watcher: Watcher) -> None:
        self._owner = owner
        self.presentity = presentity
        self._watcher = watcher
        self._watch: Watch | None = None
        self._said: Telling | None = None
        self._document: Presence | None = None
        self._stopped = False

    @property
    def address(self) -> Address:
        return self._watcher.address

    def begin(self, agent: ListAgent, book: ListBook, service: ListService, *, fetch: bool) -> None:
        """Watch the members that there are now, in place of those of before."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        self._watch = agent.watch_members(book.members(service), self, fetch=fetch)

    def notified(self, notification: Told[Any]) -> None:
        """Something about the members."""
        if self._watch is None:
            return
        if notification.standing is Standing.TERMINATED:
            self._owner.forget(self)
            self._watcher.notified(
                Notification(
                    standing=Standing.TERMINATED,
                    reason=notification.reason,
                    retry_after=notification.retry_after,
                )
            )
        elif isinstance(notification.document, ListState):
            telling = summed_up(notification.document)
            if telling != self._said or self._document is None:
                self._said = telling
                self._document = document_of(telling, self.presentity.sip_uri(), source="list")
            self._watcher.notified(Notification(standing=Standing.ACTIVE, document=self._document))

    def leave(self) -> None:
        """Hear no more."""
        self._owner.forget(self)
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def ended(self) -> None:
        """It is over: for the watcher there is no such contact."""
        if not self._stopped:
            self._watcher.notified(Notification(standing=Standing.TERMINATED, reason=Reason.NORESOURCE))

    def stop(self) -> None:
        """As ``Watch``."""
        self._stopped = True
        self.leave()

    def refresh(self) -> None:
        """As ``Watch``."""
        if self._watch is not None:
            self._watch.refresh()


def summed_up(state: ListState) -> Telling:
    """What a list says as a whole: there if somebody is, away if those who are available are all away or busy."""
    states = [
        State.OFFLINE if row.told is None or row.told.document is None else state_of(row.told.document)
        for row in state.rows
    ]
    available = [each for each in states if each not in (State.OFFLINE, State.UNKNOWN)]
    sum_of_all = State.OFFLINE if not available else State.AWAY
    if PRESENT.intersection(available):
        sum_of_all = State.ONLINE
    note = Note(text=f"{len(available)} of {len(states)} available", language="en")
    return Telling(state=sum_of_all, notes=(note,))
