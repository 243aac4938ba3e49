"""Taking subscriptions up again after a restart, a few at a time and in random order.

Every watcher is told the current state soon, but not all in one burst: ``AT_ONCE / INTERVAL``, two thousand a second, so
that a hundred thousand take fifty seconds, and watchers of one domain come back spread over the whole time.  The groups
are so small that a request that arrives meanwhile waits for a few milliseconds at most.  A watcher that refreshes before
its turn is resumed by that.

Implements: RFC 6665 section 4.4.1 (a notifier that persists its dialogs goes on in them).
"""

import random
from collections import deque
from collections.abc import Iterable, Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.errors import BadAddress, NoSuchPresentity, Refused, TooMany, Unreachable
from sip2xmpp.events.economy import taken_up
from sip2xmpp.events.list_package import Lists
from sip2xmpp.events.package import EventPackage, package_of
from sip2xmpp.events.sending import Owner
from sip2xmpp.events.subscription import Subscription
from sip2xmpp.events.terms import Listing, Terms
from sip2xmpp.presence.watching import Notification, Reason, Standing
from sip2xmpp.sip.flow import Flow, Transport
from sip2xmpp.store.records import DialogRecord

AT_ONCE = 10
"""How many are resumed together."""
INTERVAL = 0.005
"""Seconds from one such group to the next."""


class Restoration:
    """Resumes each dormant subscription in its turn."""

    log = Logger()

    def __init__(self, *, clock: IReactorTime, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._dormant: deque[Subscription] = deque()

    def begin(self, dormant: Iterable[Subscription]) -> None:
        """Resume all of ``dormant``, none of them before this returns."""
        self._dormant.extend(dormant)
        self._rng.shuffle(self._dormant)
        if self._dormant:
            self.log.info("{count} subscriptions are taken up again", count=len(self._dormant))
            self._clock.callLater(0, self._resume_some)

    def _resume_some(self) -> None:
        group = [self._dormant.popleft() for _ in range(min(AT_ONCE, len(self._dormant)))]
        if self._dormant:
            self._clock.callLater(INTERVAL, self._resume_some)
        for subscription in group:
            resume(subscription)


def restored(
    owner: Owner, record: DialogRecord, packages: Mapping[str, EventPackage], lists: Lists | None = None
) -> Subscription | None:
    """The subscription of a stored dialog, not watching yet; None if its package is gone."""
    package = package_of(record.event, packages)
    if package is None:
        return None
    # A package that is one of lists itself needs no other beside it.
    if not isinstance(package, Listing) and record.terms and Terms.from_text(record.terms).listed:
        package = None if lists is None else lists.restored(package)
        if package is None:
            return None
    flow = Flow.from_text(record.flow)
    is_datagram = flow.transport is Transport.UDP
    form = package.form(record.accept, record.user_agent, datagram=is_datagram)
    if form is None:
        return None
    form, economy = taken_up(record, form, package)
    subscription = Subscription(
        owner,
        package=package,
        form=form,
        record=record,
        # A connection did not survive; the watcher is found by the route of the dialog.
        flow=flow if is_datagram else None,
        first_cseq=record.cseq_ceiling,
        economy=economy,
    )
    subscription.answered(is_known=economy is not None and economy.terms.condition != "")
    return subscription


def resume(subscription: Subscription) -> None:
    """Watch for a restored subscription, unless it has been brought back by a SUBSCRIBE, or is over."""
    if subscription.watch is not None or subscription.over:
        return
    try:
        subscription.watch = subscription.package.watch(subscription.record.presentity, subscription)
    except (NoSuchPresentity, BadAddress):
        subscription.end(Notification(standing=Standing.TERMINATED, reason=Reason.NORESOURCE))
    except (TooMany, Unreachable):
        subscription.end(Notification(standing=Standing.TERMINATED, reason=Reason.PROBATION))
    except Refused:
        subscription.end(Notification(standing=Standing.TERMINATED, reason=Reason.REJECTED))
