"""Jabber users as watchers: the front end through which they watch SIP users.

For every stored authorization "Jabber user U watches SIP contact C" there is one ``_JabberWatcher`` that holds a watch on
the seam and remembers what U was last shown, so that only differences are sent and every vanished tuple becomes
``unavailable``.  The table of interworking section 4.1 becomes short here, because the seam speaks its language: PENDING
says nothing to Jabber, the first ACTIVE is the approval (``subscribed``), TERMINATED with ``rejected`` ends the
authorization, and so does ``noresource`` from whoever can know: for a request, or about our own users.  Every other end is
somebody's restart or somebody's mistake: the authorization stays and the watch begins anew.

A change shown to ten of them costs about 210 us: 70 for the PUBLISH, 60 to read and compose, 25 for the one view of it and its
stanzas (``bridge.views``), 5 for each watcher.

Implements: RFC 8048 section 4 (XMPP watcher, SIP contact); RFC 6121 sections 3.1-3.3, 4.3.
"""

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass, field, replace

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.mapping import differences
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.traced import Mappings
from sip2xmpp.bridge.views import NOTHING, View, Views
from sip2xmpp.documents.presence import Presence, Show
from sip2xmpp.errors import NoSuchPresentity, Refused
from sip2xmpp.presence.watching import BackEnd, Notification, Reason, Standing, Watch
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Authorization, Kind, Side
from sip2xmpp.tracing import Tracer
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.prepared import recipient_of
from sip2xmpp.xmpp.stanza_errors import StanzaRefused

RETRY_SECONDS = 60
"""How long to wait before a watch that ended for a passing reason begins anew, if no other time was named."""

GRACE_SECONDS = 60
"""How long a contact whose watch ended for a passing reason is shown as it was: long enough for a restart."""

MOST_CONTACTS = 2_000
"""SIP users that one Jabber user may watch or be watched by; more would only be a way to fill the store."""

MISSING_SECONDS = 6 * 3_600
"""How long to wait before an authorized contact of another domain, of whom nothing is known there now, is asked for again."""


@dataclass(slots=True, eq=False)
class _JabberWatcher:
    """U, watching C; ``view`` is what U was shown, ``recipient`` how U stands in a stanza."""

    owner: "JabberWatchers"
    address: Address
    contact: Address
    watcher_jid: str
    contact_jid: str
    view: View = NOTHING
    watch: Watch | None = None
    retry: IDelayedCall | None = None
    fading: IDelayedCall | None = None
    told_trouble: bool = False
    told_anything: bool = False
    approving: bool = False
    unsaid: bool = False
    key: str = field(init=False)
    recipient: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.key = f"{self.watcher_jid} {self.contact_jid}"
        self.recipient = recipient_of(self.watcher_jid)

    def notified(self, notification: Notification) -> None:
        self.owner.notified(self, notification)


class JabberWatchers:
    """The front end.  Stanzas from Jabber users come in by the ``*_received`` methods, bare JIDs as addressed."""

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        outbox: Outbox,
        back_end: BackEnd,
        clock: IReactorTime,
        pace: Pace,
        is_ours: Callable[[str], bool] = lambda _: True,
        phone_show: Show = Show.DND,
        conceals: Callable[[Address, Address], bool] = lambda contact, watcher: False,  # noqa: ARG005
        tracer: Tracer | None = None,
        mappings: Mappings | None = None,
    ) -> None:
        """``is_ours`` says of a domain whether we are the authority on who lives there; ``phone_show`` is as in ``Views``.

        ``conceals(contact, watcher)``: whether a contact has a picture that this watcher is not to know of.
        """
        self._tracer = tracer or Tracer(clock)
        self._mappings = mappings or Mappings(self._tracer, clock)
        self._store = store
        self._outbox = outbox
        self._back_end = back_end
        self._clock = clock
        self._pace = pace
        self._is_ours = is_ours
        self._conceals = conceals
        self._watchers: dict[str, _JabberWatcher] = {}
        self._views = Views(phone_show)

    # From Jabber users

    def subscribe_received(
        self, watcher_jid: str, contact_jid: str, watcher: Address, contact: Address
    ) -> None:
        """U asks to watch C, or asks again."""
        key = f"{watcher_jid} {contact_jid}"
        record = self._store.authorizations.get(key)
        if record is not None and record.state is Kind.AUTHORIZED:
            held = self._watchers.get(key)
            if held is None or not held.approving:
                told = self._outbox.subscription("subscribed", contact_jid, watcher_jid)
                if held is not None:
                    held.unsaid = not told
            self.probe_received(watcher_jid, contact_jid)
            return
        if record is None:
            if len(self._store.authorizations.select(watcher_jid)) >= MOST_CONTACTS:
                raise StanzaRefused("resource-constraint", "Too many SIP contacts for one user")
            self._store.authorizations.put(
                Authorization(
                    side=Side.JABBER_WATCHES,
                    watcher=watcher,
                    contact=contact,
                    watcher_jid=watcher_jid,
                    contact_jid=contact_jid,
                    state=Kind.PENDING,
                    asked_at=self._clock.seconds(),
                )
            )
            self.log.info("{watcher} asks to watch {contact}", watcher=watcher, contact=contact)
        held = self._watchers.get(key)
        if held is None:
            held = self._watchers[key] = _JabberWatcher(self, watcher, contact, watcher_jid, contact_jid)
        if held.watch is None:
            self._begin(held)

    def unsubscribe_received(self, watcher_jid: str, contact_jid: str) -> None:
        """U watches no longer: the authorization is withdrawn, and U is told so."""
        key = f"{watcher_jid} {contact_jid}"
        held = self._watchers.get(key)
        if held is not None:
            self._end_watch(held)
            self._hide(held)
        if self._store.authorizations.get(key) is not None:
            self._store.authorizations.remove(key)
            self.log.info("{watcher} no longer watches {contact}", watcher=watcher_jid, contact=contact_jid)
            self._outbox.after_commit(
                lambda: self._outbox.subscription("unsubscribed", contact_jid, watcher_jid)
            )
        self._watchers.pop(key, None)

    def probe_received(
        self,
        watcher_jid: str,
        contact_jid: str,
        asked_from: str = "",
        stanza_id: str | None = None,
        resource: str = "",
    ) -> None:
        """U's server asks what C is now, or one device of C; answered from what is known, while the source is asked again."""
        key = f"{watcher_jid} {contact_jid}"
        held = self._watchers.get(key)
        record = self._store.authorizations.get(key)
        if record is None or record.state is not Kind.AUTHORIZED:
            if record is None:
                self._outbox.subscription("unsubscribed", contact_jid, watcher_jid, stanza_id)
            return
        if held is None:
            held = self._adopt(record)
        if held.approving:
            return
        if held.unsaid:
            self._approved(held)
        to = asked_from or watcher_jid
        available = {
            name: said for name, said in held.view.said.items() if said.available and resource in ("", name)
        }
        for name, said in available.items():
            self._tell(held, name, said, to)
        if not available:
            gone = f"{contact_jid}/{resource}" if resource else contact_jid
            self._outbox.unavailable(gone, to, stanza_id)
        if held.watch is None:
            self._begin(held)
        else:
            held.watch.refresh()

    # From the seam

    def notified(self, held: _JabberWatcher, notification: Notification) -> None:
        """The newest truth about C for U."""
        record = self._store.authorizations.get(held.key)
        if record is None:
            return
        if notification.standing is Standing.TERMINATED:
            self._ended(held, record, notification)
        elif notification.standing is Standing.PENDING:
            if record.state is Kind.AUTHORIZED:
                self._hide(held)
        else:
            held.told_trouble = False
            self._stay(held)
            approved = record.state is Kind.PENDING
            held.approving |= approved
            self._show(held, notification)
            if approved:
                now = self._clock.seconds()
                self._store.authorizations.put(replace(record, state=Kind.AUTHORIZED, decided_at=now))
                self.log.info(
                    "{contact} allows {watcher} to watch", contact=held.contact, watcher=held.address
                )
                self._outbox.after_commit(lambda: self._approved(held))

    def link_up(self, domain: str) -> None:
        """The XMPP server may have lost everything we said: begin every watch, and say every presence again."""
        for record in tuple(self._store.authorizations.all()):
            if record.side is Side.JABBER_WATCHES and record.contact_jid.endswith("@" + domain):
                self._pace.run(lambda record=record: self._revive(record))  # type: ignore[misc]

    def show_again(self, contact: Address, watchers: Iterable[Address]) -> None:
        """What goes with the presence of ``contact`` is another thing now: those who see somebody there are shown it again."""
        for watcher in watchers:
            for record in self._store.authorizations.select(watcher.jid()):
                if record.side is Side.JABBER_WATCHES and record.contact == contact:
                    self._views.forget(record.contact_jid)
                    self._pace.run(lambda key=record.key: self._say_again(key))  # type: ignore[misc]

    def seen(self, watcher_jid: str, contact_jid: str) -> Presence | None:
        """The document that a Jabber user is shown of a contact now."""
        held = self._watchers.get(f"{watcher_jid} {contact_jid}")
        return None if held is None else held.view.document

    def farewell(self) -> None:
        """The gateway stops: show every contact as gone, so that nobody looks at a ghost."""
        for held in tuple(self._watchers.values()):
            self._end_watch(held)
            self._hide(held)

    # Inside

    def _say_again(self, key: str) -> None:
        held = self._watchers.get(key)
        if held is not None and not held.approving and not held.unsaid:
            for name, said in held.view.said.items():
                if said.available:
                    self._tell(held, name, said)

    def _revive(self, record: Authorization) -> None:
        if self._store.authorizations.get(record.key) is None:
            return
        held = self._watchers.get(record.key) or self._adopt(record)
        if held.unsaid:
            self._approved(held)
        elif record.state is Kind.AUTHORIZED and not held.approving:
            for name, said in held.view.said.items():
                self._tell(held, name, said)
        if held.watch is None:
            self._begin(held)

    def _adopt(self, record: Authorization) -> _JabberWatcher:
        held = _JabberWatcher(self, record.watcher, record.contact, record.watcher_jid, record.contact_jid)
        self._watchers[record.key] = held
        return held

    def _begin(self, held: _JabberWatcher) -> None:
        if held.retry is not None and held.retry.active():
            held.retry.cancel()
        held.retry = None
        try:
            held.watch = self._back_end.watch(held.contact, held)
        except Refused as refused:
            reason = Reason.NORESOURCE if isinstance(refused, NoSuchPresentity) else Reason.REJECTED
            notification = Notification(standing=Standing.TERMINATED, reason=reason)
            held.retry = self._clock.callLater(0, self.notified, held, notification)

    def _approved(self, held: _JabberWatcher) -> None:
        """The approval is stored: say it, and only then what C is.  With the link down, it is said when that is up."""
        held.approving = False
        held.told_anything = True
        held.unsaid = not self._outbox.subscription("subscribed", held.contact_jid, held.watcher_jid)
        for name, said in held.view.said.items():
            self._tell(held, name, said)
        if not held.view.said:
            self._outbox.unavailable(held.contact_jid, held.watcher_jid)

    def _show(self, held: _JabberWatcher, notification: Notification) -> None:
        if notification.document is None:
            return
        before, now = held.view, self._clock.seconds()
        held.view = self._views.view(held.contact_jid, notification.document, now)
        if now >= self._mappings.at:
            self._mappings.to_xmpp(held.address, held.contact, notification.document, held.view.said)
        if held.approving:
            return
        news: Sized
        if self._conceals(held.contact, held.address):
            news = differences(before.said, held.view.said)
            for name, said in news.items():
                self._tell(held, name, said)
        else:
            news = held.view.news_since(before, self._outbox.prepared)
            for stanza in news:
                self._outbox.tell(stanza, held.recipient)
        if not held.told_anything and not news:
            self._outbox.unavailable(held.contact_jid, held.watcher_jid)
        held.told_anything = True

    def _tell(self, held: _JabberWatcher, name: str, said: Availability, to: str = "") -> None:
        """Say what one resource of C is; ``to`` is which of U's devices asked."""
        self._outbox.available(
            held.contact_jid,
            to or held.watcher_jid,
            name,
            said,
            is_faceless=self._conceals(held.contact, held.address),
        )

    def _stay(self, held: _JabberWatcher) -> None:
        """What is shown is true, or is gone already."""
        if held.fading is not None and held.fading.active():
            held.fading.cancel()
        held.fading = None

    def _hide(self, held: _JabberWatcher) -> None:
        self._stay(held)
        for name, said in held.view.said.items():
            if said.available:
                self._outbox.available(
                    held.contact_jid, held.watcher_jid, name, Availability(available=False)
                )
        held.view = NOTHING

    def _ended(self, held: _JabberWatcher, record: Authorization, notification: Notification) -> None:
        held.watch = None
        reason = notification.reason
        if reason is not None:
            self._tracer.trouble(held.address, held.contact, f"the watch ended: {reason.value}")
        if reason is not None and self._is_final(reason, record):
            self._hide(held)
            self._store.authorizations.remove(held.key)
            self._watchers.pop(held.key, None)
            self.log.info(
                "{contact} does not let {watcher} watch: {reason}",
                contact=held.contact,
                watcher=held.address,
                reason=reason.value,
            )
            missing = reason is Reason.NORESOURCE and record.state is Kind.PENDING
            self._outbox.after_commit(lambda: self._refused(held, missing=missing))
            return
        if reason is Reason.INVARIANT:
            return  # what is shown will never change, and asking again is not wanted (RFC 6665, section 4.1.3)
        passing = notification.reason in (Reason.PROBATION, Reason.GIVEUP)
        if record.state is Kind.PENDING and passing and not held.told_trouble:
            held.told_trouble = True
            self._outbox.error(held.contact_jid, held.watcher_jid, "remote-server-timeout")
        delay = notification.retry_after
        if reason is Reason.NORESOURCE:
            delay = MISSING_SECONDS
        elif delay is None:
            delay = 0 if notification.reason in (Reason.TIMEOUT, Reason.DEACTIVATED) else RETRY_SECONDS
        if held.fading is None and held.view.said:
            held.fading = self._clock.callLater(GRACE_SECONDS, self._hide, held)
        held.retry = self._clock.callLater(delay, self._begin, held)

    def _is_final(self, reason: Reason, record: Authorization) -> bool:
        """Whether an end withdraws the authorization; a domain's mistake must not cost a roster entry."""
        if reason is Reason.NORESOURCE:
            return record.state is Kind.PENDING or self._is_ours(record.contact.domain)
        return reason is Reason.REJECTED

    def _refused(self, held: _JabberWatcher, *, missing: bool) -> None:
        if missing:
            self._outbox.error(held.contact_jid, held.watcher_jid, "item-not-found")
        self._outbox.subscription("unsubscribed", held.contact_jid, held.watcher_jid)

    def _end_watch(self, held: _JabberWatcher) -> None:
        if held.retry is not None and held.retry.active():
            held.retry.cancel()
        held.retry = None
        if held.watch is not None:
            held.watch.stop()
            held.watch = None
