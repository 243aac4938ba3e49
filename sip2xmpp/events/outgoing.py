"""One subscription that we made: the subscriber's side of a notification dialog, of any event package.

The machine's states and what moves it (RFC 6665, section 4.1.2, with Timer N of section 4.1.2.4):

===========  =====================================================================================================
ASKING       SUBSCRIBE sent, no NOTIFY yet.  A 2xx keeps the state; Timer N (64*T1) without a NOTIFY is a failure.
LIVE         a NOTIFY made the dialog; refreshed before it expires, a failed refresh is tried until it does.
LEAVING      SUBSCRIBE with Expires 0 sent; the last NOTIFY, or Timer N, ends it.
OVER         forgotten; every NOTIFY is answered 481.
===========  =====================================================================================================

The dialog is made by the first NOTIFY, which may overtake the 2xx; NOTIFYs of other forks are answered 481, because one
SUBSCRIBE for presence, dialog or reg makes one dialog (RFC 3856, section 6.9).  An active NOTIFY without a body leaves the document as it
was.  ``Owner.told`` gets what the watcher may know; ``Owner.over`` gets the end with its reason and the time to wait.
Which package it is, and what a body means in it, is said by an ``AskedPackage``.

Implements: RFC 6665 section 4.1; RFC 3856 section 6; RFC 8048 section 4 (which ends are transient).
"""

import re
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.errors import BadDocument, BadMessage, Sip2XmppError
from sip2xmpp.events.asked import AskedPackage, event_of
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.presence.watching import Reason
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dialog import Dialog, route_set_of
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.headers import SubscriptionState
from sip2xmpp.sip.message import Request, Response
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri

D = TypeVar("D")

TIMER_N = 32.0
"""Seconds to wait for a NOTIFY: 64*T1."""

CSEQ_BLOCK = 100
"""The stored CSeq ceiling is raised by this much, so that a refresh does not need a write of its own."""

REFUSED = frozenset({403, 405, 406, 489, 501, 603})
"""Final answers that mean "never": the authorization is withdrawn."""

MISSING = frozenset({404, 410, 416, 484, 604})
"""Final answers that mean "nobody is called that"."""

FIRST_RETRY, LONGEST_RETRY = 30, 86_400
"""Seconds before a failed subscription is tried again: doubled each time, a day at most."""

SHORTEST_LIFETIME = 5.0
"""Seconds between two refreshes at least: a notifier that grants less is asked anew by the rules for failures."""

_FINAL = frozenset({Reason.REJECTED, Reason.NORESOURCE, Reason.INVARIANT})
_DELTA_SECONDS = re.compile("[0-9]{1,9}")


class Phase(Enum):
    """The states of the machine."""

    ASKING = "asking"
    LIVE = "live"
    LEAVING = "leaving"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class News(Generic[D]):
    """What a NOTIFY said: whether the watcher is authorized, and the package's document if there was one."""

    active: bool
    document: D | None


class Owner(Protocol[D]):
    """Who holds the subscription."""

    def told(self, subscription: "Outgoing[D]", news: News[D]) -> None: ...

    def over(self, subscription: "Outgoing[D]", reason: Reason, retry_after: int) -> None: ...

    def changed(self, subscription: "Outgoing[D]") -> None:
        """The dialog changed in a way that must survive a restart."""


def backoff(failures: int, rng: Random) -> int:
    """Seconds to wait after the n-th failure in a row: doubling from half a minute to a day, with jitter."""
    return int(min(FIRST_RETRY * 2 ** min(failures, 20) * rng.uniform(0.75, 1.25), LONGEST_RETRY))


class Outgoing(Generic[D]):
    """One SUBSCRIBE dialog of ``watcher`` to ``presentity``.

    ``established``: ``dialog`` is a stored one, to be resumed.  With ``flow`` every SUBSCRIBE goes over that and nowhere
    else; it may be set anew when the peer comes back over another.  ``refused`` is the status that ended it, if one did.
    """

    log = Logger()

    def __init__(
        self,
        *,
        owner: Owner[D],
        package: AskedPackage[D],
        agent: UserAgent,
        clock: IReactorTime,
        rng: Random,
        watcher: Address,
        presentity: Address,
        dialog: Dialog,
        next_hop: SipUri | None = None,
        flow: Flow | None = None,
        established: bool = False,
        fetch: bool = False,
    ) -> None:
        self._owner = owner
        self.package = package
        self._agent = agent
        self._clock = clock
        self._rng = rng
        self.watcher = watcher
        self.presentity = presentity
        self.dialog = dialog
        self._next_hop = next_hop
        self.flow = flow
        self.refused = 0
        self._fetch = fetch
        self._asked_expires = 0 if fetch else package.expires
        self.phase = Phase.LIVE if established else Phase.ASKING
        self.expires_at = self._granted_until = clock.seconds() + package.expires
        self._timer_n: IDelayedCall | None = None
        self._refresh: IDelayedCall | None = None
        self._asking = False
        self._owed = False

    def begin(self) -> None:
        """Send the first SUBSCRIBE, or refresh a resumed dialog."""
        self._send(self._asked_expires)

    def leave(self) -> None:
        """Unsubscribe; the authorization is not ours to touch."""
        if self.phase is Phase.LIVE:
            self.phase = Phase.LEAVING
            self._send(0)
        elif self.phase is Phase.ASKING:
            self._finish()

    def drop(self) -> None:
        """Forget it without a word, as when the only way to the peer is gone."""
        if self.phase is not Phase.OVER:
            self._finish()

    def refresh(self) -> None:
        """Ask again now, as a watcher that came back may want; not while an answer is on its way."""
        if self.phase is Phase.LIVE and not self._asking:
            self._send(self._asked_expires)

    def report(self) -> DialogReport:
        """For operators."""
        timer, what = self._refresh, "SUBSCRIBE refreshes it"
        if timer is None:
            timer, what = self._timer_n, "given up unless a NOTIFY comes"
        dialog, flow = self.dialog, self.flow
        return DialogReport(
            role="subscriber",
            watcher=self.watcher,
            presentity=self.presentity,
            event=self.package.event,
            state=self.phase.value,
            call_id=dialog.call_id,
            expires_at=self.expires_at,
            next_what=what if timer is not None else "expires",
            next_at=timer.getTime() if timer is not None else self.expires_at,
            local_cseq=dialog.local_cseq,
            remote_cseq=max(dialog.remote_cseq, 0),
            flow="" if flow is None else flow.to_text(),
            remote_target=dialog.remote_target,
            under_way=self._asking,
        )

    # SUBSCRIBE out

    def _send(self, expires: int) -> None:
        headers = [
            ("Event", self.package.event),
            ("Accept", self.package.accept),
            ("Expires", str(expires)),
        ]
        request = self.dialog.next_request("SUBSCRIBE", headers=headers)
        self._cancel_refresh()
        self._asking = self._owed = True
        if expires:
            self._granted_until = self._clock.seconds() + expires
        if self.phase is not Phase.LIVE:
            self._start_timer_n()
        self._owner.changed(self)
        Deferred.fromCoroutine(self._converse(request, expires)).addErrback(
            lambda failure: self.log.failure(
                "subscribing to {presentity} failed", failure, presentity=self.presentity
            )
        )

    async def _converse(self, request: Request, expires: int) -> None:
        try:
            response = await self._agent.request(request, flow=self.flow, next_hop=self._next_hop)
        except Sip2XmppError as failure:
            self._asking = False
            self._failed(str(failure))
            return
        self._asking = False
        if self.phase is Phase.OVER:
            return
        if 200 <= response.status < 300:
            self.refused = 0
            self._accepted(response, expires)
        elif self.phase is Phase.LEAVING:
            self._finish()
        else:
            self._declined(response)

    def _accepted(self, response: Response, asked: int) -> None:
        granted = response.expires if response.expires is not None else asked
        if asked:
            self._granted_until = self._clock.seconds() + min(granted, asked)
            self._lives_until(self._granted_until)
            self._owner.changed(self)
        if self._owed and self.phase is Phase.LIVE:
            self._start_timer_n()

    def _declined(self, response: Response) -> None:
        status = self.refused = response.status
        if status == 423:
            minimum = _seconds(response.headers.get("Min-Expires"))
            if minimum > self._asked_expires and not self._fetch:
                self._asked_expires = minimum
                self._send(self._asked_expires)
                return
        if status == 481 and self.phase is Phase.LIVE:
            self._end(Reason.DEACTIVATED, 0)
        elif status in REFUSED:
            self._end(Reason.REJECTED, 0)
        elif status in MISSING and self.phase is Phase.ASKING:
            self._end(Reason.NORESOURCE, 0)
        else:
            self._failed(f"{status} {response.reason}", _seconds(response.headers.get("Retry-After")))

    def _failed(self, why: str, retry_after: int = 0) -> None:
        """A passing failure: a live dialog is good until it expires, a new one is given up for now."""
        if self.phase is Phase.LEAVING:
            self._finish()
        elif self.phase is Phase.LIVE and self._clock.seconds() < self.expires_at:
            left = self.expires_at - self._clock.seconds()
            self._cancel_timer_n()
            self._refresh = self._clock.callLater(min(left, max(retry_after, 30.0)), self._refresh_due)
        elif self.phase is not Phase.OVER:
            self.log.info(
                "{watcher} cannot watch {presentity} now: {why}",
                watcher=self.watcher,
                presentity=self.presentity,
                why=why,
            )
            self._end(Reason.PROBATION, retry_after)

    # NOTIFY in

    def notify_received(self, transaction: ServerTransaction, request: Request) -> None:
        """Take a NOTIFY that carries our Call-ID and tag, and answer it."""
        remote_tag = request.from_.tag or ""
        if self.phase is Phase.OVER or (self.dialog.remote_tag and self.dialog.remote_tag != remote_tag):
            transaction.reply(481)
            return
        if not self.package.is_meant(event_of(request.event_value)):
            transaction.reply(489, headers=[("Allow-Events", self.package.type)])
            return
        if len(request.body) > self.package.limit:
            transaction.reply(413)
            return
        try:
            state = request.subscription_state
            if state is None:
                raise BadMessage("A NOTIFY needs Subscription-State")
            document = self._document(request)
        except (BadMessage, BadDocument) as bad:
            transaction.reply(400, str(bad))
            return
        if self.dialog.remote_tag and not self.dialog.accept_cseq(request.cseq.number):
            transaction.reply(500, "This NOTIFY is older than the last one")
            return
        if self.dialog.remote_tag:
            self.dialog.update_target(request)
        elif "Contact" in request.headers:
            self.dialog = Dialog.from_notify(request, local_cseq=self.dialog.local_cseq)
        else:
            # COMPAT: Linphone's NOTIFY has no Contact; the peer is where the SUBSCRIBE reached it.
            self.dialog.remote_tag = remote_tag
            self.dialog.remote_uri = request.from_.uri
            self.dialog.route_set = route_set_of(request)
            self.dialog.remote_cseq = request.cseq.number
        if request.body and document is None:
            transaction.reply(415, headers=[("Accept", self.package.accept)])
            return
        transaction.reply(200)
        self._owed = False
        self._cancel_timer_n()
        self._understood(state, document)

    def _document(self, request: Request) -> D | None:
        if not request.body:
            return None
        kind = request.headers.get("Content-Type") or ""
        if not self.package.takes(kind):
            return None
        encoding = request.headers.get("Content-Encoding") or ""
        return self.package.read(kind, request.body, encoding, self._clock.seconds())

    def _understood(self, state: SubscriptionState, document: D | None) -> None:
        if state.state == "terminated":
            reason = _reason(state.reason)
            if document is not None and self._fetch and reason not in _FINAL:
                # the one NOTIFY that answers a poll; elsewhere the document of an end is no approval
                self._owner.told(self, News(active=True, document=document))
            if self.phase is Phase.LEAVING:
                self._finish()
            elif self.phase is not Phase.OVER:
                self._end(reason, min(state.retry_after or 0, LONGEST_RETRY))
            return
        if self.phase is Phase.LEAVING:
            self._start_timer_n()
            return
        self.phase = Phase.LIVE
        if state.expires is not None:
            # a notifier may shorten, and never lengthen (COMPAT: Linphone says the same number in every NOTIFY)
            at = min(self._clock.seconds() + state.expires, self._granted_until)
            if self._refresh is None or at < self.expires_at - 1:
                self._lives_until(at)
        self._owner.changed(self)
        self._owner.told(self, News(active=state.state == "active", document=document))

    # Time

    def _lives_until(self, at: float) -> None:
        """Refresh at 80 to 90 % of the lifetime; the shorter of what 2xx and NOTIFY say is in force."""
        self.expires_at = at
        self._cancel_refresh()
        left = at - self._clock.seconds()
        delay = max(left * self._rng.uniform(0.8, 0.9), SHORTEST_LIFETIME)
        self._refresh = self._clock.callLater(delay, self._refresh_due)

    def _refresh_due(self) -> None:
        self._refresh = None
        if self.phase is not Phase.LIVE:
            return
        if self._clock.seconds() >= self.expires_at:
            self._end(Reason.PROBATION, 0)
        else:
            self._send(self._asked_expires)

    def _start_timer_n(self) -> None:
        self._cancel_timer_n()
        self._timer_n = self._clock.callLater(TIMER_N, self._no_notify)

    def _no_notify(self) -> None:
        self._timer_n = None
        if self.phase is Phase.ASKING:
            self._failed("no NOTIFY came")
        elif self.phase is Phase.LIVE:
            self._end(Reason.DEACTIVATED, 0)
        else:
            self._finish()

    def _cancel_timer_n(self) -> None:
        if self._timer_n is not None:
            self._timer_n.cancel()
            self._timer_n = None

    def _cancel_refresh(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            self._refresh = None

    def _finish(self) -> None:
        self.phase = Phase.OVER
        self._cancel_timer_n()
        self._cancel_refresh()
        self._owner.changed(self)

    def _end(self, reason: Reason, retry_after: int) -> None:
        self._finish()
        self._owner.over(self, reason, retry_after)


def _seconds(value: str | None) -> int:
    """The number that a Retry-After or Min-Expires begins with, a day at most; 0 if it has none."""
    number = _DELTA_SECONDS.match(value or "")
    return min(int(number[0]), LONGEST_RETRY) if number is not None else 0


def _reason(text: str | None) -> Reason:
    """The reason of a terminated NOTIFY; an unknown one means "at any time" (RFC 6665, section 4.1.3)."""
    try:
        return Reason(text) if text else Reason.TIMEOUT
    except ValueError:
        return Reason.TIMEOUT
