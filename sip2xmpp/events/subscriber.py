"""Presentities of other SIP domains: the back end that subscribes to them.

Each (watcher, presentity) pair has a subscription of its own, in the watcher's name: another watcher may be shown another
document, so nothing is shared between them (RFC 4662, section 5.4, says the same for lists).  Several watches of one pair
share its dialog.  A dialog is stored once it exists; after a restart the pair's next watch resumes it by a refresh instead
of asking the remote user again.

A subscription that ends for a passing reason ends the pair's watches with that reason and the time to wait, which doubles
with every failure in a row; the front end decides whether to come back.

Implements: RFC 6665 section 4.1 (subscriber); RFC 3856; RFC 8048 section 4.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadAddress, NoSuchPresentity
from sip2xmpp.events.asked import PRESENCE
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.events.kept_dialogs import KeptDialogs, dialog_of
from sip2xmpp.events.outgoing import News, Outgoing, Phase, backoff
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watcher
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dialog import Dialog
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri
from sip2xmpp.store.interface import Store
from sip2xmpp.tracing import Tracer

ROLE = "subscriber"

REMEMBERED_FAILURES = 10_000
"""Pairs whose failures are counted; more means that the network, not a pair, is in trouble."""


@dataclass(slots=True, eq=False)
class _Watch:
    """One front end's watch on a pair."""

    pair: "_Pair"
    watcher: Watcher
    stopped: bool = False

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.pair.owner.stopped(self)

    def refresh(self) -> None:
        if not self.stopped:
            self.pair.owner.refreshed(self)


@dataclass(slots=True, eq=False)
class _Pair:
    """What one watcher knows of one remote presentity."""

    owner: "RemotePresentities"
    watcher: Address
    presentity: Address
    subscription: Outgoing[Presence] | None = None
    watches: list[_Watch] = field(default_factory=list)
    standing: Standing | None = None
    document: Presence | None = None

    @property
    def key(self) -> tuple[Address, Address]:
        return (self.watcher, self.presentity)


class RemotePresentities:
    """The back end.  ``uri_of`` writes an address for the SIP side, ``next_hop_of`` gives a domain's configured server."""

    log = Logger()

    def __init__(
        self,
        *,
        agent: UserAgent,
        store: Store,
        clock: IReactorTime,
        rng: Random,
        uri_of: Callable[[Address], str],
        next_hop_of: Callable[[str], SipUri | None],
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer or Tracer(clock)
        self._agent = agent
        self._kept = KeptDialogs(store, ROLE)
        self._clock = clock
        self._rng = rng
        self._uri_of = uri_of
        self._next_hop_of = next_hop_of
        self._pairs: dict[tuple[Address, Address], _Pair] = {}
        self._dialogs: dict[str, _Pair] = {}
        self._failures: dict[tuple[Address, Address], int] = {}

    def __len__(self) -> int:
        """Subscriptions held."""
        return len(self._dialogs)

    def phases(self) -> Iterator[Phase]:
        """How each subscription is."""
        for pair in self._dialogs.values():
            if pair.subscription is not None:
                yield pair.subscription.phase

    def reports(self, watcher: Address, presentity: Address) -> list[DialogReport]:
        """The subscription of a pair, if there is one, for operators."""
        pair = self._pairs.get((watcher, presentity))
        return [] if pair is None or pair.subscription is None else [pair.subscription.report()]

    def leave(self, watcher: Address, presentity: Address, reason: Reason) -> bool:
        """Unsubscribe a pair for an operator, and tell whoever watches by it why; False if there is no such subscription."""
        pair = self._pairs.get((watcher, presentity))
        if pair is None or pair.subscription is None:
            return False
        watches, pair.watches = pair.watches, []
        self._pairs.pop(pair.key, None)
        pair.subscription.leave()
        notification = Notification(standing=Standing.TERMINATED, reason=reason)
        for watch in watches:
            if not watch.stopped:
                watch.stopped = True
                watch.watcher.notified(notification)
        return True

    # The seam

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> _Watch:
        """Join the pair's subscription, or make it."""
        key = (watcher.address, presentity)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair(self, watcher.address, presentity)
        watch = _Watch(pair, watcher)
        pair.watches.append(watch)
        if pair.subscription is None:
            self._subscribe(pair, fetch=fetch)
        elif pair.standing is not None:
            self._clock.callLater(0, self._tell, watch)
        return watch

    def stopped(self, watch: _Watch) -> None:
        """The last watch of a pair unsubscribes."""
        pair = watch.pair
        if watch in pair.watches:
            pair.watches.remove(watch)
        if not pair.watches:
            self._pairs.pop(pair.key, None)
            if pair.subscription is not None:
                pair.subscription.leave()

    def refreshed(self, watch: _Watch) -> None:
        """Say again what is known and ask the remote side."""
        if watch.pair.standing is not None:
            self._clock.callLater(0, self._tell, watch)
        if watch.pair.subscription is not None:
            watch.pair.subscription.refresh()

    # From the SIP side

    def notify_received(self, transaction: ServerTransaction, request: Request) -> bool:
        """Take a NOTIFY if it belongs to a subscription of ours; False if it does not."""
        pair = self._dialogs.get(request.call_id)
        subscription = pair.subscription if pair is not None else None
        if subscription is None or subscription.dialog.local_tag != request.to.tag:
            return False
        subscription.notify_received(transaction, request)
        return True

    def told(self, subscription: Outgoing[Presence], news: News[Presence]) -> None:
        """A NOTIFY said something; without a document the last one stands."""
        pair = self._dialogs[subscription.dialog.call_id]
        self._failures.pop(pair.key, None)
        pair.standing = Standing.ACTIVE if news.active else Standing.PENDING
        if not news.active:
            pair.document = None
        elif news.document is not None:
            pair.document = news.document
        notification = Notification(
            standing=pair.standing, document=pair.document, known_at=self._clock.seconds()
        )
        for watch in tuple(pair.watches):
            if not watch.stopped:
                watch.watcher.notified(notification)

    def over(self, subscription: Outgoing[Presence], reason: Reason, retry_after: int) -> None:
        """The subscription ended by itself."""
        pair = self._dialogs.pop(subscription.dialog.call_id)
        pair.subscription = None
        self._pairs.pop(pair.key, None)
        answer = f" ({subscription.refused} to SUBSCRIBE)" if subscription.refused else ""
        self._tracer.trouble(pair.watcher, pair.presentity, f"the subscription ended: {reason.value}{answer}")
        final = reason in (Reason.REJECTED, Reason.NORESOURCE, Reason.INVARIANT)
        delay = None if final else max(retry_after, self._wait(pair, reason))
        notification = Notification(standing=Standing.TERMINATED, reason=reason, retry_after=delay)
        watches, pair.watches = pair.watches, []
        for watch in watches:
            if not watch.stopped:
                watch.stopped = True
                watch.watcher.notified(notification)

    def changed(self, subscription: Outgoing[Presence]) -> None:
        """Keep the stored dialog true: there from the first NOTIFY on, gone with the subscription."""
        self._kept.keep(subscription)
        if subscription.phase is Phase.OVER:
            call_id = subscription.dialog.call_id
            pair = self._dialogs.get(call_id)
            if pair is not None and not pair.watches:
                del self._dialogs[call_id]

    # Inside

    def _wait(self, pair: _Pair, reason: Reason) -> int:
        """Zero for the first restart of a peer, growing with every failure in a row."""
        failures = self._failures.get(pair.key, 0)
        if len(self._failures) < REMEMBERED_FAILURES:
            self._failures[pair.key] = failures + 1
        if failures == 0 and reason in (Reason.DEACTIVATED, Reason.TIMEOUT):
            return 0
        return backoff(failures, self._rng)

    def _subscribe(self, pair: _Pair, *, fetch: bool) -> None:
        try:
            local_uri, remote_uri = self._uri_of(pair.watcher), self._uri_of(pair.presentity)
        except BadAddress as bad:
            self._pairs.pop(pair.key, None)
            raise NoSuchPresentity(str(bad)) from bad
        dialog = self._stored_dialog(pair)
        established = dialog is not None
        if dialog is None:
            dialog = Dialog(
                call_id=f"{self._rng.getrandbits(128):032x}",
                local_tag=f"{self._rng.getrandbits(64):016x}",
                remote_tag="",
                local_uri=local_uri,
                remote_uri=remote_uri,
                remote_target=remote_uri,
            )
        pair.subscription = Outgoing(
            owner=self,
            package=PRESENCE,
            agent=self._agent,
            clock=self._clock,
            rng=self._rng,
            watcher=pair.watcher,
            presentity=pair.presentity,
            dialog=dialog,
            next_hop=self._next_hop_of(pair.presentity.domain),
            established=established,
            fetch=fetch,
        )
        self._dialogs[dialog.call_id] = pair
        pair.subscription.begin()

    def _stored_dialog(self, pair: _Pair) -> Dialog | None:
        """The dialog of an earlier life of this process, if the remote side may still have it."""
        for record in self._kept.of(str(pair.presentity)):
            if record.watcher == pair.watcher and record.call_id not in self._dialogs:
                return dialog_of(record, record.cseq_ceiling)
        return None

    def _tell(self, watch: _Watch) -> None:
        pair = watch.pair
        if not watch.stopped and pair.standing is not None:
            watch.watcher.notified(Notification(standing=pair.standing, document=pair.document))
