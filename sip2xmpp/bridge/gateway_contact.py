"""The gateway as a contact: its own address in the rosters of those who registered.

A component domain subscribes to whoever registers with it, so that it learns who is online, and lets itself be seen by them
and by nobody else.  What is online is not stored: when a link comes up every registrant of that domain is told that the
gateway is there, and probed.

Implements: XEP-0100 sections 4.1, 4.3 to 4.5 and 4.9 (register, unregister, log in, log out, shut down); RFC 6121 section 3.
"""

from collections.abc import Callable, Iterable
from typing import Final

from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.registrants import Registrants
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Registrant
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.stanza_errors import StanzaRefused

MOST_RESOURCES: Final = 16
"""Resources of one registrant that are known; further ones are answered, but not remembered."""


class GatewayContact:
    """What Jabber users and the gateway's own addresses say to each other.  ``domain`` is a component domain everywhere.

    ``arrived`` is told of each registrant a client of whom has come.
    """

    def __init__(self, *, store: Store, registrants: Registrants, outbox: Outbox, pace: Pace) -> None:
        self._store = store
        self._registrants = registrants
        self._outbox = outbox
        self._pace = pace
        self._online: dict[tuple[str, str], dict[str, None]] = {}
        self.arrived: Callable[[Registrant], object] = _nobody

    def resources(self, jid: str, domain: str) -> list[str]:
        """The full JIDs of a registrant that are online, the first to come first."""
        return [f"{jid}/{resource}" for resource in self._online.get((jid, domain), ())]

    # From Jabber users

    def subscribe(self, jid: str, domain: str) -> None:
        """Somebody wants to see whether the gateway is there."""
        held = self._registrants.get(jid, domain)
        if held is None:
            raise StanzaRefused("registration-required", "Register with the gateway first")
        self._outbox.subscription("subscribed", domain, jid)
        self._greet(held, jid)

    def unsubscribe(self, jid: str, domain: str) -> None:
        """Somebody does not care any more."""
        if self._registrants.get(jid, domain) is not None:
            self._outbox.unavailable(domain, jid)
            self._outbox.subscription("unsubscribed", domain, jid)

    def unsubscribed(self, jid: str, domain: str) -> None:
        """We are not told any more who is online."""
        self._online.pop((jid, domain), None)

    def probe(self, sender: str, jid: str, domain: str, stanza_id: str | None) -> None:
        """A server asks for somebody who has just come."""
        held = self._registrants.get(jid, domain)
        if held is None:
            self._outbox.subscription("unsubscribed", domain, jid, stanza_id)
        else:
            self._greet(held, sender)

    def available(self, jid: str, resource: str, domain: str) -> None:
        """One resource is there: it is greeted when it comes, and not at each change of its state."""
        held = self._registrants.get(jid, domain)
        if held is None:
            return
        known = self._online.setdefault((jid, domain), {})
        if resource not in known and len(known) < MOST_RESOURCES:
            known[resource] = None
            self._greet(held, f"{jid}/{resource}" if resource else jid)
            self.arrived(held)

    def unavailable(self, jid: str, resource: str, domain: str) -> None:
        """One resource, or from the bare JID all of them, logs out; it is told that the gateway is gone for it."""
        known = self._online.get((jid, domain))
        if known is None:
            return
        if resource:
            known.pop(resource, None)
        if not resource or not known:
            del self._online[jid, domain]
        self._outbox.unavailable(domain, f"{jid}/{resource}" if resource else jid)

    # From ourselves

    def joined(self, held: Registrant) -> None:
        """Somebody registered, or changed the registration."""
        if (held.jid, held.domain) in self._online:
            self._greet(held, held.jid)
        else:
            self._outbox.subscription("subscribe", held.domain, held.jid)

    def left(self, held: Registrant) -> None:
        """Somebody is no longer registered: leave the roster."""
        self._online.pop((held.jid, held.domain), None)
        for kind in ("unsubscribe", "unsubscribed"):
            self._outbox.subscription(kind, held.domain, held.jid)
        self._outbox.unavailable(held.domain, held.jid)

    def link_up(self, domain: str) -> None:
        """The server has forgotten that the gateway was there, and may know of others who are."""
        for held in self._of(domain):
            self._online.pop((held.jid, held.domain), None)
            self._pace.run(lambda held=held: self._revive(held))  # type: ignore[misc]

    def farewell(self) -> None:
        """The gateway stops."""
        for jid, domain in self._online:
            self._outbox.unavailable(domain, jid)

    def _of(self, domain: str) -> Iterable[Registrant]:
        return [held for held in self._store.registrants.all() if held.domain == domain]

    def _revive(self, held: Registrant) -> None:
        if self._registrants.get(held.jid, held.domain) is not None:
            self._outbox.subscription("probe", held.domain, held.jid)

    def _greet(self, held: Registrant, to: str) -> None:
        sip = self._registrants.sip_of(held.jid)
        statuses = (("en", f"SIP account {sip}"),) if sip is not None else ()
        self._outbox.available(held.domain, to, "", Availability(statuses=statuses))


def _nobody(_: Registrant) -> None:
    pass
