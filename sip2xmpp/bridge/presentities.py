"""Jabber ids as presentities: the back end behind which SIP users watch Jabber users.

State is held per *pair* of one SIP watcher and one Jabber contact, because only the contact's server knows who may see
what: what it sends to one watcher is never shown to another.  Only where several are sent the very same is it mapped, and
later written, once for them all.  All of a watcher's dialogs join the same pair.  A pair's authorization is a stored record;
its end is the contact's word (``unsubscribed``) or that the watcher's account is removed, never the end of a dialog.  What the contact's resources said is a cache
that the server refreshes; after a reconnect every pair is probed again, and what has not been said again within
``PROBE_SECONDS`` is gone.

A change of one resource costs about 50 us until its NOTIFY was answered: 12 to parse the stanza, 5 to read and admit it, 5 for
the pair, 5 to map it, 5 to put it into the form written before (``presence.wording``), 14 for the NOTIFY and 4 for its 200.

Implements: RFC 8048 section 5 (SIP watcher, XMPP contact); RFC 6121 sections 3.1, 4.3.
"""

from dataclasses import replace

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.pairs import Pair, PairWatch
from sip2xmpp.bridge.traced import Mappings
from sip2xmpp.errors import BadAddress, NoSuchPresentity, NotAuthorized
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watcher
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Account, Authorization, Kind, Side
from sip2xmpp.tracing import Tracer
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.stanzas import PepKind

PROBE_SECONDS = 10.0
"""How long a probed server has to say again what is still true."""

FETCH_SECONDS = 5.0
"""How long a poll waits for a probe before it is answered with what is known."""

ASK_AGAIN_SECONDS = 86_400.0
"""An unanswered request is sent again when a watcher asks and this much time has passed."""

PENDING_SECONDS = 30 * 86_400.0
"""A request that nobody answered, and that no watcher has renewed for this long, is forgotten."""

HOLD_DOWN_SECONDS = 3_600.0
"""After a denial the contact is not asked again by the same watcher for this long."""

GHOST_SECONDS = 6 * 3_600.0
"""A refreshed dialog probes again when the last probe is older: a server may have died without a word."""

RESOURCES = 16
"""Resources kept of one contact; more would only be a way to fill memory."""

GONE = frozenset({"item-not-found", "gone", "jid-malformed"})
"""Presence errors that say the contact does not exist."""


class XmppPresentities:
    """The back end.  Presence stanzas from contacts come in by the ``*_received`` methods, bare JIDs as addressed."""

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        outbox: Outbox,
        addressing: Addressing,
        clock: IReactorTime,
        pace: Pace,
        tracer: Tracer | None = None,
        mappings: Mappings | None = None,
    ) -> None:
        self._tracer = tracer or Tracer(clock)
        self._mappings = mappings or Mappings(self._tracer, clock)
        self._store = store
        self._outbox = outbox
        self._addressing = addressing
        self._clock = clock
        self._pace = pace
        self._pairs: dict[str, Pair] = {}
        self._departed: set[Address] = set()
        store.accounts.listen(self._account_changed)

    # The seam

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> PairWatch:
        """Join the pair, asking the contact for authorization if nobody has.

        Raises ``NotAuthorized`` while a denial is fresh, ``NoSuchPresentity`` when either side has no JID.
        """
        pair = self._pair_of(watcher.address, presentity)
        record = self._store.authorizations.get(pair.key)
        if record is not None and record.state is Kind.DENIED:
            raise NotAuthorized(f"{presentity} has denied {watcher.address}")
        unasked = record is None or (record.state is Kind.PENDING and self._is_stale(record))
        if unasked and not fetch:
            self._ask(pair)
        watch = PairWatch(pair, watcher, fetch)
        pair.watches.append(watch)
        self._pairs[pair.key] = pair
        if record is not None and record.state is Kind.AUTHORIZED and not pair.known:
            if pair.probe_ends is None:
                self._probe(pair)
            if fetch:
                watch.waiting = self._clock.callLater(FETCH_SECONDS, self._tell, watch)
                return watch
        watch.waiting = self._clock.callLater(0, self._tell, watch)
        return watch

    def stopped(self, watch: PairWatch) -> None:
        """A front end left; the last one of a pair tells the contact that its watcher is not looking any more."""
        pair = watch.pair
        if watch.waiting is not None and watch.waiting.active():
            watch.waiting.cancel()
        if watch in pair.watches:
            pair.watches.remove(watch)
        if not pair.watches and not watch.fetch and self._state(pair) is Kind.AUTHORIZED:
            self._outbox.unavailable(pair.watcher_jid, pair.contact_jid)
        if not pair.watches and not pair.resources and not pair.known:
            self._pairs.pop(pair.key, None)

    def refreshed(self, watch: PairWatch) -> None:
        """A dialog was refreshed: say again what is known, and look for ghosts from time to time."""
        pair = watch.pair
        record = self._store.authorizations.get(pair.key)
        if record is not None and record.state is Kind.PENDING and self._is_stale(record):
            self._ask(pair)
        if self._state(pair) is Kind.AUTHORIZED:
            stale = self._clock.seconds() - pair.probed_at >= GHOST_SECONDS
            if (stale or not pair.known) and pair.probe_ends is None:
                self._probe(pair)
        if watch.waiting is None or not watch.waiting.active():
            watch.waiting = self._clock.callLater(0, self._tell, watch)

    # From the contact

    def subscribed_received(self, watcher_jid: str, contact_jid: str) -> None:
        """The contact approved; ask for its presence, which only now may be shown."""
        pair = self._known_pair(watcher_jid, contact_jid)
        record = self._store.authorizations.get(pair.key)
        if record is None or record.state is not Kind.PENDING:
            return
        now = self._clock.seconds()
        self._store.authorizations.put(
            replace(record, state=Kind.AUTHORIZED, decided_at=now, expires_at=None)
        )
        self.log.info("{contact} allows {watcher} to watch", contact=pair.contact, watcher=pair.watcher)
        self._tell_all(pair)
        self._probe(pair)

    def unsubscribed_received(self, watcher_jid: str, contact_jid: str) -> None:
        """The contact denied, or withdrew: final for every dialog of this watcher, and remembered for a while."""
        pair = self._known_pair(watcher_jid, contact_jid)
        record = self._store.authorizations.get(pair.key)
        if record is None or record.state is Kind.DENIED:
            return
        now = self._clock.seconds()
        self._store.authorizations.put(
            replace(record, state=Kind.DENIED, decided_at=now, expires_at=now + HOLD_DOWN_SECONDS)
        )
        self.log.info(
            "{contact} does not allow {watcher} to watch", contact=pair.contact, watcher=pair.watcher
        )
        self._end(pair, Reason.REJECTED)

    def available_received(
        self, watcher_jid: str, contact_jid: str, resource: str, said: Availability
    ) -> None:
        """One resource said what it is; ignored unless the contact has authorized this watcher."""
        pair = self._known_pair(watcher_jid, contact_jid)
        if self._state(pair) is not Kind.AUTHORIZED:
            return
        pair.unconfirmed.discard(resource)
        if resource not in pair.resources and len(pair.resources) >= RESOURCES:
            return
        if pair.known and pair.resources.get(resource) == said:
            return
        pair.known = True
        pair.farewell = None
        pair.resources[resource] = said
        if pair.watches:
            self._tell_all(pair, pair.presence())

    def unavailable_received(
        self, watcher_jid: str, contact_jid: str, resource: str, said: Availability
    ) -> None:
        """One resource is gone, or all of them if it came from the bare JID."""
        pair = self._known_pair(watcher_jid, contact_jid)
        if self._state(pair) is not Kind.AUTHORIZED:
            return
        if resource:
            pair.unconfirmed.discard(resource)
            if pair.resources.pop(resource, None) is None and pair.resources:
                return
        else:
            pair.resources.clear()
            pair.unconfirmed.clear()
        if pair.known and pair.farewell is not None and not pair.resources and not said.statuses:
            return
        pair.known = True
        if not pair.resources:
            pair.farewell = said
            pair.mood = pair.activity = None
        self._tell_all(pair)

    def feeling_received(
        self, watcher_jid: str, contact_jid: str, kind: PepKind, value: UserMood | UserActivity | str | None
    ) -> None:
        """A personal event (XEP-0163): a mood, an activity or a nickname; None withdraws it."""
        pair = self._pairs.get(f"{watcher_jid} {contact_jid}")
        if pair is None or self._state(pair) is not Kind.AUTHORIZED:
            return
        before = (pair.mood, pair.activity, pair.nickname)
        if kind is PepKind.MOOD:
            pair.mood = value if isinstance(value, UserMood) else None
        elif kind is PepKind.ACTIVITY:
            pair.activity = value if isinstance(value, UserActivity) else None
        else:
            pair.nickname = value if isinstance(value, str) else None
        if (pair.mood, pair.activity, pair.nickname) != before and pair.resources:
            self._tell_all(pair)

    def error_received(self, watcher_jid: str, contact_jid: str, condition: str) -> None:
        """The contact's server could not deliver: a dead server hides presence, a missing contact ends the request."""
        pair = self._pairs.get(f"{watcher_jid} {contact_jid}")
        if pair is None:
            return
        self._tracer.trouble(pair.watcher, pair.contact, f"the contact's server answered {condition}")
        state = self._state(pair)
        if state is Kind.PENDING and (condition in GONE or condition == "service-unavailable"):
            self._store.authorizations.remove(pair.key)
            self._end(pair, Reason.NORESOURCE)
        elif state is Kind.AUTHORIZED and (pair.resources or not pair.known):
            pair.resources.clear()
            pair.unconfirmed.clear()
            pair.known = True
            self._tell_all(pair)

    def link_up(self, domain: str) -> None:
        """After a reconnect the cache is hearsay: probe every pair that somebody watches.

        An approval may have been lost as well, so every open request is made again, whether or not anybody looks now.
        """
        for pair in [pair for pair in self._pairs.values() if pair.watcher_jid.endswith("@" + domain)]:
            self._pace.run(lambda pair=pair: self._revive(pair))  # type: ignore[misc]
        for record in tuple(self._store.authorizations.all()):
            ours = record.side is Side.SIP_WATCHES and record.watcher_jid.endswith("@" + domain)
            if ours and record.state is Kind.PENDING:
                self._pace.run(lambda key=record.key: self._remind(key))  # type: ignore[misc]

    def link_down(self, domain: str) -> None:
        """Answers to a probe will not come: what is known stands."""
        for pair in self._pairs.values():
            if pair.probe_ends is not None and pair.watcher_jid.endswith("@" + domain):
                pair.probe_ends.cancel()
                pair.probe_ends = None
                pair.unconfirmed.clear()

    # Inside

    def _account_changed(self, change: Change[Account]) -> None:
        if change.kind is not ChangeKind.PUT:
            if not self._departed:
                self._pace.run(self._depart)
            self._departed.add(change.record.address)

    def _depart(self) -> None:
        """Whoever gets the address next is another one, who has to ask: contacts did not permit him to watch."""
        departed, self._departed = self._departed, set()
        for record in tuple(self._store.authorizations.all()):
            if record.side is Side.SIP_WATCHES and record.watcher in departed:
                watcher, contact = record.watcher_jid, record.contact_jid
                pair = self._known_pair(watcher, contact)
                self._store.authorizations.remove(record.key)
                self._end(pair, Reason.REJECTED)
                self._outbox.after_commit(
                    lambda watcher=watcher, contact=contact: self._outbox.subscription(  # type: ignore[misc]
                        "unsubscribe", watcher, contact
                    )
                )

    def _revive(self, pair: Pair) -> None:
        if self._state(pair) is Kind.AUTHORIZED:
            self._probe(pair)

    def _remind(self, key: str) -> None:
        record = self._store.authorizations.get(key)
        if record is None or record.state is not Kind.PENDING:
            return
        if self._outbox.subscription("subscribe", record.watcher_jid, record.contact_jid):
            self._store.authorizations.put(replace(record, asked_at=self._clock.seconds()))

    def _pair_of(self, watcher: Address, contact: Address) -> Pair:
        try:
            watcher_jid, contact_jid = self._addressing.jid_of(watcher), contact.jid()
        except BadAddress as bad:
            raise NoSuchPresentity(str(bad)) from bad
        held = self._pairs.get(f"{watcher_jid} {contact_jid}")
        return held if held is not None else Pair(self, watcher, contact, watcher_jid, contact_jid)

    def _known_pair(self, watcher_jid: str, contact_jid: str) -> Pair:
        key = f"{watcher_jid} {contact_jid}"
        pair = self._pairs.get(key)
        if pair is None:
            address_of = self._addressing.address_of_jid
            pair = Pair(self, address_of(watcher_jid), address_of(contact_jid), watcher_jid, contact_jid)
            if self._store.authorizations.get(key) is not None:
                self._pairs[key] = pair
        return pair

    def _state(self, pair: Pair) -> Kind:
        record = self._store.authorizations.get(pair.key)
        return record.state if record is not None else Kind.NONE

    def _is_stale(self, record: Authorization) -> bool:
        return self._clock.seconds() - record.asked_at >= ASK_AGAIN_SECONDS

    def _ask(self, pair: Pair) -> None:
        self._store.authorizations.put(
            Authorization(
                side=Side.SIP_WATCHES,
                watcher=pair.watcher,
                contact=pair.contact,
                watcher_jid=pair.watcher_jid,
                contact_jid=pair.contact_jid,
                state=Kind.PENDING,
                asked_at=self._clock.seconds(),
                expires_at=self._clock.seconds() + PENDING_SECONDS,
            )
        )
        self.log.info("{watcher} asks to watch {contact}", watcher=pair.watcher, contact=pair.contact)
        self._outbox.after_commit(lambda: self._say_asked(pair))

    def _say_asked(self, pair: Pair) -> None:
        """The request is stored: make it, or note that it was not made, so that the next watch makes it."""
        if self._outbox.subscription("subscribe", pair.watcher_jid, pair.contact_jid):
            return
        record = self._store.authorizations.get(pair.key)
        if record is not None and record.state is Kind.PENDING:
            self._store.authorizations.put(replace(record, asked_at=0.0))

    def _probe(self, pair: Pair) -> None:
        if not self._outbox.subscription("probe", pair.watcher_jid, pair.contact_jid):
            return
        pair.probed_at = self._clock.seconds()
        pair.unconfirmed = set(pair.resources)
        if pair.probe_ends is not None and pair.probe_ends.active():
            pair.probe_ends.cancel()
        pair.probe_ends = self._clock.callLater(PROBE_SECONDS, self._probe_ended, pair)

    def _probe_ended(self, pair: Pair) -> None:
        pair.probe_ends = None
        if not pair.unconfirmed:
            return
        for resource in pair.unconfirmed:
            pair.resources.pop(resource, None)
        pair.unconfirmed = set()
        self._tell_all(pair)

    def _tell_all(self, pair: Pair, notification: Notification | None = None) -> None:
        """Tell every watch what is so now, which is looked up unless it is known."""
        if not pair.watches:
            return
        if notification is None:
            notification = self._notification(pair)
        notification.known_at = self._clock.seconds()
        for watch in tuple(pair.watches):
            if watch.told or watch.fetch:
                self._give(watch, notification)

    def _tell(self, watch: PairWatch) -> None:
        self._give(watch, self._notification(watch.pair))

    def _give(self, watch: PairWatch, notification: Notification) -> None:
        if watch.stopped:
            return
        if watch.waiting is not None and watch.waiting.active():
            watch.waiting.cancel()
        watch.waiting = None
        watch.told = True
        mappings = self._mappings
        if self._clock.seconds() >= mappings.at:
            pair = watch.pair
            mappings.to_sip(pair.watcher, pair.contact, pair.resources, notification.document)
        watch.watcher.notified(notification)

    def _notification(self, pair: Pair) -> Notification:
        state = self._state(pair)
        if state is Kind.AUTHORIZED:
            return pair.presence()
        if state is Kind.DENIED:
            return Notification(standing=Standing.TERMINATED, reason=Reason.REJECTED)
        return Notification(standing=Standing.PENDING)

    def _end(self, pair: Pair, reason: Reason) -> None:
        pair.resources.clear()
        pair.known = False
        pair.farewell = pair.mood = pair.activity = pair.nickname = None
        watches, pair.watches = tuple(pair.watches), []
        self._pairs.pop(pair.key, None)
        notification = Notification(standing=Standing.TERMINATED, reason=reason)
        for watch in watches:
            self._give(watch, notification)
            watch.stopped = True
