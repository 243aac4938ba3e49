"""The notifier: SUBSCRIBE requests from SIP watchers, for any event package.

Requests arrive proved and routed.  Each is checked in the order of RFC 6665, section 4.2.1, then handed to its
``Subscription``: a new one, or the one whose dialog it names by our tag.  The 2xx leaves when the dialog record is
durable, and the NOTIFY follows it.  A SUBSCRIBE with a lifetime of zero outside of a dialog is a fetch: it lives until
its one NOTIFY and is never stored.

Nothing here has a timer of its own: the store tells what has expired, and pauses and watchers whose back end says
nothing wait in two ``Deadlines``.  After a restart ``restore`` takes every stored dialog up again, at a pace
(``events.restoration``).

Implements: RFC 6665 sections 4.2.1 (SUBSCRIBE), 4.4.2, 7.2 (489), 8.2.2 (Allow-Events); RFC 3261 section 12.2.2.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sys import intern

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.errors import (
    BadAddress,
    IntervalTooBrief,
    Refused,
    StorageFailed,
    Unreachable,
)
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.events.economy import NEVER, Economy
from sip2xmpp.events.forms import Portioned
from sip2xmpp.events.lifetimes import granted, too_brief
from sip2xmpp.events.list_package import Lists
from sip2xmpp.events.package import EventPackage, announced, is_same_event, package_of
from sip2xmpp.events.rates import without_rates
from sip2xmpp.events.restoration import Restoration, restored, resume
from sip2xmpp.events.sending import CSEQ_BLOCK, Sender
from sip2xmpp.events.subscription import TIMED_OUT, Subscription
from sip2xmpp.events.tally import Tally, refusal
from sip2xmpp.events.terms import BadTerms, Listing, asks, terms_of
from sip2xmpp.presence.watching import Notification, Standing
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dialog import route_set_of, target_of
from sip2xmpp.sip.flow import Flow, Transport
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.expiry import Deadlines
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import DialogRecord

ROLE = "notifier"
PATIENCE = 2.0
"""Seconds after which a watcher is told that it is pending, if the back end has said nothing."""
FETCH_PATIENCE = 8.0
"""Seconds after which a fetch is answered with nothing."""

KNOWN = "known"
"""What became of a SUBSCRIBE whose sender has what it would be told: 204, and no NOTIFY."""
UNDECIDED = Notification(standing=Standing.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLimits:
    """Lifetimes in seconds, and how many subscriptions one watcher may have at a time."""

    min_expires: int = 60
    max_expires: int = 7200
    per_watcher: int = 1000


DEFAULT_LIMITS = SubscriptionLimits()


class Notifier:
    """Subscriptions of SIP watchers, by our dialog tag.

    ``lists`` knows which SUBSCRIBEs are for a list.  ``tells`` is whether each change of one is logged (at level debug): asking
    the log would cost more than knowing.
    """

    log = Logger()

    def __init__(
        self,
        *,
        agent: UserAgent,
        store: Store,
        clock: IReactorTime,
        rng: random.Random,
        packages: Iterable[EventPackage],
        limits: SubscriptionLimits = DEFAULT_LIMITS,
        lists: Lists | None = None,
        tells: bool = True,
        tally: Tally | None = None,
    ) -> None:
        self.agent = agent
        self.tally = tally or Tally()
        self.store = store
        self.clock = clock
        self._packages = {package.name: package for package in packages}
        self.allow_events = announced(self._packages)
        """The Allow-Events header: the packages that may be subscribed to."""
        self.limits = limits
        self._lists = lists
        self.tells = tells
        self._subscriptions: dict[str, Subscription] = {}
        self._per_watcher: Counter[Address] = Counter()
        self._restoration = Restoration(clock=clock, rng=rng)
        self._silent = Deadlines(clock, self._back_end_silent)
        self._paused = Deadlines(clock, self._pause_over)
        self._looks = Deadlines(clock, self._look)
        store.dialogs.listen(self._dialog_changed)

    def __len__(self) -> int:
        return len(self._subscriptions)

    def __iter__(self) -> Iterator[Subscription]:
        """The subscriptions there are now, for operators."""
        return iter(list(self._subscriptions.values()))

    def live(self, name: str) -> Subscription | None:
        """The subscription that our tag names, for operators."""
        return self._subscriptions.get(name)

    def reports(self, watcher: Address, presentity: Address) -> list[DialogReport]:
        """The subscriptions of a pair, for operators."""
        held = (
            self._subscriptions.get(record.local_tag)
            for record in self.store.dialogs.select(str(presentity))
            if record.watcher == watcher
        )
        return [subscription.report() for subscription in held if subscription is not None]

    # SUBSCRIBE

    def subscribe_received(
        self, transaction: ServerTransaction, request: Request, watcher: Address, presentity: Address
    ) -> None:
        """Answer a SUBSCRIBE of ``watcher``, whose identity is proved, for ``presentity``."""
        package = package_of(request.event_value, self._packages)
        if package is None:
            transaction.reply(489, headers=[("Allow-Events", self.allow_events)])
            return
        try:
            if request.ends.to_tag is None:
                self._begin(transaction, request, watcher, presentity, package)
            else:
                self._go_on(transaction, request, watcher, package)
        except IntervalTooBrief as brief:
            transaction.reply(423, headers=too_brief(brief))
        except BadTerms as bad:
            transaction.reply(bad.status, str(bad), headers=bad.headers)

    def _begin(
        self,
        transaction: ServerTransaction,
        request: Request,
        watcher: Address,
        presentity: Address,
        package: EventPackage,
    ) -> None:
        """A SUBSCRIBE outside of a dialog (RFC 6665, section 4.1.2.1)."""
        if self._lists is not None:
            package = self._lists.package_for(request, watcher, presentity, package)
        expires = self._granted(request, package)
        flow, accept, user_agent = _flow_of(request), request.accept_value, request.user_agent
        form = package.form(accept, user_agent, datagram=flow.transport is Transport.UDP)
        if form is None:
            transaction.reply(406)
            return
        if expires and self._per_watcher[watcher] >= self.limits.per_watcher:
            transaction.reply(403, "Too Many Subscriptions")
            return
        ends, event, economy = request.ends, request.event_value or "", None
        if isinstance(package, Listing) or asks(request, event):
            terms = terms_of(request, package)
            event = without_rates(event)
            form = terms.shaped(form, package, presentity, ends.to_uri)
            economy = Economy(terms, form)
        record = DialogRecord(
            role=ROLE,
            call_id=ends.call_id,
            local_tag=transaction.local_tag,
            remote_tag=ends.from_tag or "",
            watcher=watcher,
            presentity=presentity,
            # what many watchers have alike is held once
            event=intern(event),
            local_uri=intern(ends.to_uri),
            remote_uri=ends.from_uri,
            remote_target=target_of(request),
            route_set=tuple(route_set_of(request)),
            cseq_ceiling=CSEQ_BLOCK,
            remote_cseq=ends.cseq,
            flow=flow.to_text(),
            accept=intern(accept),
            user_agent=intern(user_agent),
            expires_at=self.clock.seconds() + expires,
            terms="" if economy is None else intern(economy.terms.to_text()),
        )
        fetch = expires == 0
        subscription = Subscription(
            self, package=package, form=form, record=record, flow=flow, fetch=fetch, economy=economy
        )
        try:
            subscription.watch = package.watch(presentity, subscription, fetch=fetch)
        except (BadAddress, Refused, Unreachable) as refused:
            self.tally.trouble(record, f"SUBSCRIBE was refused: {refused}")
            transaction.reply(refusal(refused), str(refused))
        else:
            self._add(subscription)
            if not fetch:
                self.store.dialogs.put(record)
            self._answer(transaction, subscription, expires, "" if fetch else "created")

    def _go_on(
        self, transaction: ServerTransaction, request: Request, watcher: Address, package: EventPackage
    ) -> None:
        """A SUBSCRIBE inside a dialog (RFC 6665, sections 4.1.2.2 and 4.1.2.3)."""
        subscription = self._named(request)
        if subscription is None or subscription.over:
            transaction.reply(481)
            return
        record = subscription.record
        if not is_same_event(request.event_value, record.event, self._packages):
            transaction.reply(481)
            return
        if watcher != record.watcher:
            transaction.reply(403, "This subscription belongs to somebody else")
            return
        if request.ends.cseq < record.remote_cseq:
            transaction.reply(500, "CSeq out of order")
            return
        package = subscription.package
        expires = self._granted(request, package)
        terms = held = None
        if subscription.economy is not None or asks(request, request.event_value or ""):
            if subscription.economy is not None:
                held = subscription.economy.terms
            terms = terms_of(request, package, held)
        if expires == 0:
            if terms is not None and subscription.is_known(terms.condition):
                subscription.left()
                self._answer(transaction, subscription, 0, KNOWN)
            else:
                subscription.unsubscribed(terms)
                self._answer(transaction, subscription, 0, "")
            return
        flow, accept = _flow_of(request), request.accept_value or record.accept
        user_agent = request.user_agent or record.user_agent
        form = package.form(accept, user_agent, datagram=flow.transport is Transport.UDP)
        if form is None:
            transaction.reply(406)
            return
        if terms is not None:
            form = terms.shaped(form, package, record.presentity, record.local_uri)
        record = record.refreshed(
            remote_target=target_of(request) if "Contact" in request.headers.first else record.remote_target,
            remote_cseq=request.ends.cseq,
            flow=flow.to_text(),
            accept=accept,
            user_agent=user_agent,
            expires_at=self.clock.seconds() + expires,
            terms="" if terms is None else intern(terms.to_text()),
        )
        is_known = subscription.refreshed(record, flow, form, terms)
        if held is not None and terms is not None and terms.listed != held.listed:
            subscription.begun_anew()
        self.store.dialogs.put(record)
        self._answer(transaction, subscription, expires, KNOWN if is_known else "refreshed")

    def _named(self, request: Request) -> Subscription | None:
        """The subscription whose dialog ``request`` belongs to."""
        ends = request.ends
        subscription = self._subscriptions.get(ends.to_tag or "")
        if subscription is None:
            return None
        record = subscription.record
        if record.call_id != ends.call_id or record.remote_tag != (ends.from_tag or ""):
            return None
        return subscription

    def _granted(self, request: Request, package: EventPackage) -> int:
        limits = self.limits
        return granted(
            request.expires,
            default=package.default_expires,
            least=limits.min_expires,
            most=limits.max_expires,
        )

    # The answer, when it is durable

    def _answer(
        self, transaction: ServerTransaction, subscription: Subscription, expires: int, what: str
    ) -> None:
        if subscription.fetch:
            self._accept(transaction, subscription, expires, what)
            return

        def stored(trouble: StorageFailed | None) -> None:
            if trouble is None:
                self._accept(transaction, subscription, expires, what)
            else:
                self._not_stored(transaction, subscription, what, trouble)

        self.store.after_commit(stored)

    def _accept(
        self, transaction: ServerTransaction, subscription: Subscription, expires: int, what: str
    ) -> None:
        is_known = what == KNOWN
        if subscription.over and expires and (is_known or what == "refreshed"):
            transaction.reply(481)
            return
        request, record, form = transaction.request, subscription.record, subscription.form
        headers = [
            ("Expires", str(expires)),
            ("Contact", self.agent.contact_uri(_flow_of(request))),
            ("Allow-Events", self.allow_events),
        ]
        if "Record-Route" in request.headers.first:
            headers += [("Record-Route", route) for route in request.record_route]
        if isinstance(form, Portioned):
            headers.append(("Require", form.requires))
        transaction.reply(204 if is_known else 200, headers=headers)
        if what and self.tells:
            self.log.debug(
                "subscription {what}: {watcher} -> {presentity} ({event}, {expires} s)",
                what=what,
                watcher=record.watcher,
                presentity=record.presentity,
                event=record.event,
                expires=expires,
            )
        subscription.answered(is_known=is_known)
        if subscription.watch is None:
            resume(subscription)
        elif is_known or what == "refreshed":
            # also for one who has what is known: that may be a ghost
            subscription.watch.refresh()
        if subscription.is_silent:
            patience = FETCH_PATIENCE if subscription.fetch else PATIENCE
            self._silent.add(record.local_tag, self.clock.seconds() + patience)

    def _not_stored(
        self, transaction: ServerTransaction, subscription: Subscription, what: str, trouble: StorageFailed
    ) -> None:
        """A subscription that was there before goes on as it was, or ends as its watcher wants."""
        self.log.error("a subscription could not be stored: {trouble}", trouble=trouble)
        self.tally.trouble(subscription.record, f"the subscription could not be stored: {trouble}")
        transaction.reply(500)
        if what == "created":
            subscription.withdraw()
        elif subscription.over:
            subscription.answered()
        else:
            resume(subscription)

    # What subscriptions need

    def pause(self, subscription: Sender, until: float) -> None:
        """Call ``resumed`` at ``until``, Unix time."""
        self._paused.add(subscription.record.local_tag, until)

    def look_again(self, subscription: Sender, old: float, at: float) -> None:
        """Call ``looked_at`` at ``at`` and no longer at ``old``, Unix times or ``NEVER``."""
        tag = subscription.record.local_tag
        if old != NEVER:
            self._looks.discard(tag, old)
        if at != NEVER:
            self._looks.add(tag, at)

    def ended(self, subscription: Sender, why: str) -> None:
        """Forget a subscription; its last NOTIFY may still be under way."""
        record = subscription.record
        if self._subscriptions.pop(record.local_tag, None) is None:
            return
        self.tally.ended(subscription)
        self._per_watcher[record.watcher] -= 1
        if not self._per_watcher[record.watcher]:
            del self._per_watcher[record.watcher]
        if self.tells and not subscription.fetch:
            self.log.debug(
                "subscription ended: {watcher} -> {presentity} ({event}), {why}",
                watcher=record.watcher,
                presentity=record.presentity,
                event=record.event,
                why=why,
            )

    def _add(self, subscription: Subscription) -> None:
        self._subscriptions[subscription.record.local_tag] = subscription
        self.tally.begun(subscription)
        self._per_watcher[subscription.record.watcher] += 1

    def _back_end_silent(self, tag: str) -> None:
        subscription = self._subscriptions.get(tag)
        if subscription is not None and subscription.is_silent:
            subscription.notified(UNDECIDED)

    def _pause_over(self, tag: str) -> None:
        subscription = self._subscriptions.get(tag)
        if subscription is not None:
            subscription.resumed()

    def _look(self, tag: str) -> None:
        subscription = self._subscriptions.get(tag)
        if subscription is not None:
            subscription.looked_at()

    def _dialog_changed(self, change: Change[DialogRecord]) -> None:
        if change.kind is ChangeKind.EXPIRED and change.record.role == ROLE:
            subscription = self._subscriptions.get(change.record.local_tag)
            if subscription is not None:
                # what was held back for a watcher who wanted to hear less is told now or never
                subscription.end(TIMED_OUT, with_state=subscription.economy is not None)

    # After a restart

    def restore(self) -> None:
        """Take up every stored dialog again; to be called once, before requests are served."""
        dormant = []
        for record in self.store.dialogs.all():
            if record.role == ROLE:
                subscription = restored(self, record, self._packages, self._lists)
                if subscription is None:
                    self.store.dialogs.remove(record.key)
                else:
                    self._add(subscription)
                    dormant.append(subscription)
        self._restoration.begin(dormant)


def _flow_of(request: Request) -> Flow:
    assert request.flow is not None, "a request that was received has a flow"
    return request.flow
