"""Presence stanzas from Jabber users, sorted by what they mean for the pair they are about.

The nine states of RFC 6121 appendix A are not stored: they follow from the two authorizations of a pair, one in each
direction.  The chart decides whether an incoming subscription stanza is acted upon; the acting is ``JabberWatchers``'s where
the Jabber user watches, and ``XmppPresentities``'s where a SIP user does.
A request to a device is one to its user; other subscription stanzas to a device are ignored.

Refused here: senders of domains that the operator does not serve, and stanzas in the name of our own component domains, which
would be a loop.  What is said to a component's own address is for ``GatewayContact``.

Implements: RFC 6121 section 3 and appendix A; RFC 7247 section 3 (loops); RFC 8048 section 8 (one realm of trust).
"""

from collections.abc import Callable, Collection
from functools import lru_cache

from sip2xmpp.address import CACHE_SIZE, CACHED_LENGTH, Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.authorization import Chart, Subscription, chart_of, inbound
from sip2xmpp.bridge.gateway_contact import GatewayContact
from sip2xmpp.bridge.outbox import domain_of
from sip2xmpp.bridge.presentities import XmppPresentities
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.store.interface import Store
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.stanza_errors import StanzaError, StanzaRefused
from sip2xmpp.xmpp.stanzas import PepKind


def bare(jid: str) -> str:
    """A JID without its resource."""
    return jid.partition("/")[0]


class Realm:
    """Which Jabber users are served: those of ``domains``, or all if it is empty; never our own component domains."""

    def __init__(self, domains: Collection[str], addressing: Addressing) -> None:
        self._addressing = addressing
        self.serve(domains)

    def serve(self, domains: Collection[str]) -> None:
        """Serve the users of these domains, or all."""
        self._domains = frozenset(domains)
        self._remembered = lru_cache(CACHE_SIZE)(self._examine)

    @property
    def is_closed(self) -> bool:
        """Whether only the users of domains that the operator named are served."""
        return bool(self._domains)

    def admit(self, jid: str) -> Address:
        """The sender's address.  Raises ``StanzaRefused``, or ``BadAddress`` for a JID that is none."""
        sender = bare(jid)
        return self._remembered(sender) if len(sender) <= CACHED_LENGTH else self._examine(sender)

    def _examine(self, jid: str) -> Address:
        domain = domain_of(jid)
        if self._addressing.is_ours(domain):
            raise StanzaRefused("not-allowed", "This gateway does not talk to itself")
        if self._domains and domain not in self._domains:
            raise StanzaRefused("forbidden", f"This gateway does not serve {domain}")
        return self._addressing.address_of_jid(jid)


class Contacts:
    """The presence listener of every component link."""

    def __init__(
        self,
        *,
        store: Store,
        realm: Realm,
        addressing: Addressing,
        watchers: JabberWatchers,
        presentities: XmppPresentities,
        gateway: GatewayContact | None = None,
        lost: Callable[[str], object] = lambda _: None,
    ) -> None:
        """``lost`` is told of a domain whose link is down."""
        self._lost = lost
        self._gateway = gateway
        self._store = store
        self._realm = realm
        self._addressing = addressing
        self._watchers = watchers
        self._presentities = presentities

    def subscribe(
        self, sender: str, recipient: str, *, stanza_id: str | None, status: str, nickname: str
    ) -> None:
        """A request while one is pending, or after an approval, is a reminder: it is acted upon again, not ignored."""
        watcher, contact = self._realm.admit(sender), self._contact(recipient)
        if not contact.local:
            if self._gateway is None:
                raise StanzaRefused("service-unavailable", "Subscribe to people, not to the gateway")
            self._gateway.subscribe(watcher.jid(), contact.domain)
            return
        self._watchers.subscribe_received(bare(sender), bare(recipient), watcher, contact)

    def unsubscribe(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        jabber, sip = self._realm.admit(sender), self._contact(recipient)
        if "/" in recipient:
            return
        if self._gateway is not None and not sip.local:
            self._gateway.unsubscribe(jabber.jid(), sip.domain)
            return
        if inbound(self._chart(sender, recipient), Subscription.UNSUBSCRIBE).delivers:
            self._watchers.unsubscribe_received(bare(sender), bare(recipient))

    def subscribed(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        self._realm.admit(sender)
        if "/" in recipient:
            return
        if inbound(self._chart(sender, recipient), Subscription.SUBSCRIBED).delivers:
            self._presentities.subscribed_received(bare(recipient), bare(sender))

    def unsubscribed(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        jabber, sip = self._realm.admit(sender), self._contact(recipient)
        if "/" in recipient:
            return
        if self._gateway is not None and not sip.local:
            self._gateway.unsubscribed(jabber.jid(), sip.domain)
            return
        if inbound(self._chart(sender, recipient), Subscription.UNSUBSCRIBED).delivers:
            self._presentities.unsubscribed_received(bare(recipient), bare(sender))

    def probe(self, sender: str, recipient: str, *, stanza_id: str | None) -> None:
        watcher, contact = self._realm.admit(sender), self._contact(recipient)
        if contact.local:
            resource = recipient.partition("/")[2]
            self._watchers.probe_received(bare(sender), bare(recipient), sender, stanza_id, resource)
        elif self._gateway is not None:
            self._gateway.probe(sender, watcher.jid(), contact.domain, stanza_id)

    def available(self, sender: str, recipient: str, availability: Availability) -> None:
        jabber = self._realm.admit(sender)
        contact, _, resource = sender.partition("/")
        watcher = bare(recipient)
        sip = self._contact(watcher)
        if sip.local:
            self._presentities.available_received(watcher, contact, resource, availability)
        elif self._gateway is not None:
            self._gateway.available(jabber.jid(), resource, sip.domain)

    def unavailable(self, sender: str, recipient: str, availability: Availability) -> None:
        jabber = self._realm.admit(sender)
        contact, _, resource = sender.partition("/")
        watcher = bare(recipient)
        sip = self._contact(watcher)
        if sip.local:
            self._presentities.unavailable_received(watcher, contact, resource, availability)
        elif self._gateway is not None:
            self._gateway.unavailable(jabber.jid(), resource, sip.domain)

    def error(self, sender: str, recipient: str, error: StanzaError, *, stanza_id: str | None) -> None:
        self._presentities.error_received(bare(recipient), bare(sender), error.condition)

    def pep(
        self, sender: str, recipient: str, kind: PepKind, value: UserMood | UserActivity | str | None
    ) -> None:
        self._realm.admit(sender)
        self._presentities.feeling_received(bare(recipient), bare(sender), kind, value)

    def link_up(self, domain: str) -> None:
        """A component stream is up: whatever its server knew of us is void."""
        self._presentities.link_up(domain)
        self._watchers.link_up(domain)
        if self._gateway is not None:
            self._gateway.link_up(domain)

    def link_down(self, domain: str, why: str) -> None:
        """What SIP watchers were shown stands: the XMPP server was lost, not its users."""
        self._presentities.link_down(domain)
        self._lost(domain)

    def _contact(self, recipient: str) -> Address:
        return self._addressing.address_of_jid(bare(recipient))

    def _chart(self, jabber: str, sip: str) -> Chart:
        records = self._store.authorizations
        sip_watches = records.get(f"{bare(sip)} {bare(jabber)}")
        jabber_watches = records.get(f"{bare(jabber)} {bare(sip)}")
        return chart_of(
            sip_watches=sip_watches.state if sip_watches is not None else None,
            jabber_watches=jabber_watches.state if jabber_watches is not None else None,
        )
