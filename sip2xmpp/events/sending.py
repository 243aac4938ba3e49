"""The NOTIFYs of one subscription on their way: the part of a ``Subscription`` that sends, and hears what became of it.

One NOTIFY is under way at a time.  It goes out on the flow that the last SUBSCRIBE came in on, which is the one way that is
known to reach the watcher; when that flow is gone, or asks for credentials, it is routed by the dialog instead.  CSeq
numbers are persisted in blocks: no NOTIFY leaves with a number that is not below a committed ceiling, and a restarted process
goes on above it, so that the watcher never sees a number twice.

Implements: RFC 6665 sections 4.2.2 and 4.4.1; RFC 5057 section 5.1 (which failures end the usage).
"""

from abc import abstractmethod
from dataclasses import replace
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.errors import Sip2XmppError, StorageFailed, TransportFailed
from sip2xmpp.events.conditions import NO_BODY
from sip2xmpp.events.economy import Economy
from sip2xmpp.events.outcomes import Outcome, as_outcome, outcome_of, retry_after
from sip2xmpp.events.package import EventPackage, Form
from sip2xmpp.events.tally import Tally
from sip2xmpp.events.writing import Writer
from sip2xmpp.presence.watching import Standing, Told, Watch
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.message import Response
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import DialogRecord

CSEQ_BLOCK = 1000
"""How many NOTIFYs are sent between two writes of the CSeq ceiling."""
LOST_PAUSE = 10.0
"""Seconds before a watcher that could not be reached is tried again, doubled each time."""
LOST_TRIES = 4
"""Failures of the way to a watcher in succession before its subscription is given up."""


class Owner(Protocol):
    """What a subscription needs of its notifier."""

    agent: UserAgent
    store: Store
    clock: IReactorTime
    tally: Tally

    def pause(self, subscription: "Sender", until: float) -> None:
        """Call ``resumed`` at ``until``, Unix time."""

    def look_again(self, subscription: "Sender", old: float, at: float) -> None:
        """Call ``looked_at`` at ``at`` and no longer at ``old``, Unix times or ``NEVER``."""

    def ended(self, subscription: "Sender", why: str) -> None:
        """The subscription takes no more SUBSCRIBEs; a final NOTIFY may still be under way."""


class Sender(Writer):
    """Sends in the dialog of ``record``.  ``_proceed``, which decides what is next, is called whenever the way is free."""

    __slots__ = (
        "_busy",
        "_by_route",
        "_cseq",
        "_ending",
        "_failures",
        "_is_asked",
        "_newest",
        "_owed",
        "_part",
        "_paused_until",
        "_ready",
        "_told",
        "fetch",
        "over",
        "owner",
        "stated",
        "watch",
    )

    log = Logger()

    def __init__(
        self,
        owner: Owner,
        *,
        package: EventPackage,
        form: Form,
        record: DialogRecord,
        flow: Flow | None,
        fetch: bool = False,
        first_cseq: int = 0,
        economy: Economy | None = None,
    ) -> None:
        super().__init__(owner.agent, package=package, form=form, record=record, flow=flow, economy=economy)
        self.owner = owner
        self.fetch = fetch
        self.watch: Watch | None = None
        self.over = False
        self.stated: Standing | None = None
        self._cseq = first_cseq
        self._newest: Told[Any] | None = None
        self._told: Told[Any] | None = None
        self._ending: Told[Any] | None = None
        self._part: tuple[Told[Any], Told[Any]] | None = None
        self._owed = False
        self._ready = False
        self._busy = False
        self._paused_until = 0.0
        self._by_route = False
        self._is_asked = False
        self._failures = 0

    # What the subscription itself knows

    @abstractmethod
    def _proceed(self) -> None:
        """Send what has to be sent now, if anything."""

    @abstractmethod
    def _look_again(self) -> None:
        """The deadline of the watcher's terms may be another one."""

    @abstractmethod
    def _heed(self, economy: Economy, event: str | None) -> None:
        """The watcher may ask for other rates in its answer."""

    @abstractmethod
    def _close(self, why: str) -> None:
        """The subscription takes no more SUBSCRIBEs."""

    # On the way

    def _send(self, notification: Told[Any]) -> None:
        number = self._cseq + 1
        if number >= self.record.cseq_ceiling and not self.over:
            self._raise_ceiling()
            return
        flow = self.flow
        if flow is None or self._by_route or self._is_asked:
            self._send_by_route(notification, number)
            return
        prepared = self._prepared or self._prepare(number)
        newest = self._newest
        if newest is None:
            content = NO_BODY
        elif self.economy is not None or self.form.numbered:
            content = self._content_for(newest, None if self._owed else self._told, number)
        else:
            content = self._content(newest)
        now = self.owner.clock.seconds()
        head, tail = prepared.render(number, self._state(notification, now), content)
        known_at = notification.known_at
        if known_at and not self._owed and self.economy is None:
            # what is said again, or held back because the watcher wants it so, is not late
            tally = self.owner.tally
            if known_at == tally.known_at and now < tally.until:
                tally.batch += 1
            else:
                tally.sent(known_at, now)
        self._sending(notification, number)
        self.owner.agent.send_prepared(head, tail, "NOTIFY", flow, self._sent)

    def _send_by_route(self, notification: Told[Any], number: int) -> None:
        """The slow way: by the route set and target of the dialog, with whatever credentials the way asks for."""
        try:
            before = None if self._owed else self._told
            request = self._request(notification, self._newest, before, number, self.owner.clock.seconds())
        except TransportFailed as error:
            # Nothing listens any more for the transport that the watcher came in on.
            self._gone(str(error))
            return
        self._sending(notification, number)
        self._by_route = True
        answer = self.owner.agent.request(request)
        answer.addErrback(as_outcome).addCallback(self._sent).addErrback(self._broken)

    def _sending(self, notification: Told[Any], number: int) -> None:
        """Everything is written, nothing can fail any more before ``_sent``."""
        self._cseq = number
        self._busy = True
        self._owed = False
        self._told = notification
        if notification.standing is not self.stated and not self.over:
            self.owner.tally.told(self, notification.standing)
        if self._portion is not None:
            if notification is not self._ending:
                self._part = self._portion, notification
                self._told = self._portion
            self._portion = None
        if self.economy is not None:
            self.economy.sent(self.owner.clock.seconds())
            self._look_again()

    def _raise_ceiling(self) -> None:
        """Reserve the next block of CSeq numbers; nothing is sent until that is durable."""
        self._store(replace(self.record, cseq_ceiling=self._cseq + CSEQ_BLOCK))

    def _store(self, record: DialogRecord) -> None:
        """Send nothing before ``record`` is durable."""
        self._busy, self.record = True, record
        self.owner.store.dialogs.put(record)
        self.owner.store.committed().addCallback(self._stored).addErrback(self._broken)

    def _stored(self, _: None) -> None:
        self._busy = False
        self._proceed()

    # What became of it

    def _sent(self, answer: Response | Sip2XmppError) -> None:
        self._busy = False
        by_route, self._by_route = self._by_route, False
        outcome = outcome_of(answer)
        if outcome is not Outcome.TAKEN:
            self._numbered = -1
            self._is_asked = outcome is Outcome.CHALLENGED and not by_route
            if self._part is not None and self._told is self._part[0]:
                # who does not take a part does not get the next one at once
                self._told = self._part[1]
            self._not_taken(outcome, answer, by_route=by_route)
        elif by_route:
            self._adopt(answer)
        else:
            self._failures = 0
        self._part = None
        if self.economy is not None and outcome is Outcome.TAKEN and isinstance(answer, Response):
            self._heed(self.economy, answer.headers.get("Event"))
        if self._told is self._ending and not self._owed:
            self._ending = self._newest = None
        self._proceed()

    def _not_taken(self, outcome: Outcome, answer: Response | Sip2XmppError, *, by_route: bool) -> None:
        if outcome is not Outcome.CHALLENGED or by_route:
            why = f"{answer.status} {answer.reason}" if isinstance(answer, Response) else str(answer)
            self.owner.tally.trouble(self.record, f"NOTIFY was not taken: {why}")
        if outcome is Outcome.GONE:
            self._gone(str(answer.status) if isinstance(answer, Response) else "no answer")
        elif outcome is Outcome.CHALLENGED and not by_route:
            self._owed = self._by_route = True
        elif outcome is Outcome.LOST and not by_route:
            self.flow = self._prepared = None
            self._owed = True
        elif outcome is Outcome.LOST:
            self._failures += 1
            if self._failures >= LOST_TRIES:
                self._gone(str(answer))
            else:
                self._pause(LOST_PAUSE * 2 ** (self._failures - 1))
        elif outcome is Outcome.DELAYED and isinstance(answer, Response):
            self._pause(float(retry_after(answer) or 0))

    def _adopt(self, answer: Response | Sip2XmppError) -> None:
        """Stay on the way that worked; what it carried once more, with credentials, has a number of its own."""
        self._failures = 0
        if isinstance(answer, Response):
            again = max(0, answer.cseq.number - self._cseq)
            self._cseq += again
            self._repeated += again
            self._numbered += again
            self.flow = answer.flow or self.flow
            self._prepared = None

    def _pause(self, delay: float) -> None:
        if not self.over:
            self._owed = True
            self._paused_until = self.owner.clock.seconds() + delay
            self.owner.pause(self, self._paused_until)

    def _gone(self, why: str) -> None:
        """The watcher has no such subscription, so nothing is said to it."""
        self._ending = self._newest = None
        if not self.over:
            self._close(f"gone: {why}")

    def _broken(self, failure: Failure) -> None:
        self._busy = False
        self.log.failure("NOTIFY to {watcher} failed", failure, watcher=self.record.watcher)
        if isinstance(failure.value, StorageFailed):
            self._pause(LOST_PAUSE)
