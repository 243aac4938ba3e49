"""Contacts of either world as they stand in a Jabber user's roster: SIP users by their JIDs at the gateway, Jabber users by their own.

Of which world somebody is follows from the domain, as far as it is known; a few domains of which nothing is known can be
looked up before.  Who is in neither known world is taken for a SIP user.
"""

from collections.abc import Iterable
from typing import Final

from twisted.internet.defer import Deferred, DeferredList

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.outbox import domain_of
from sip2xmpp.bridge.rosters import GROUP, Wish
from sip2xmpp.errors import BadAddress
from sip2xmpp.presence.directory import Directory, Leg

LOOKUPS: Final = 10
"""Domains that are looked up at once."""


class Worlds:
    """What the configuration and the directory know."""

    def __init__(self, addressing: Addressing, directory: Directory) -> None:
        self._addressing = addressing
        self._directory = directory

    def wish(
        self,
        jid: str,
        address: Address,
        *,
        name: str = "",
        groups: tuple[str, ...] = (),
        is_jabber: bool = False,
    ) -> Wish | None:
        """How ``address`` stands in the roster of ``jid``; None where it cannot, or is the owner."""
        is_jabber = is_jabber or self._is_jabber(jid, address.domain) is True
        try:
            contact = address.jid() if is_jabber else self._addressing.jid_of(address)
        except BadAddress:
            return None
        if contact == jid or not address.local:
            return None
        return Wish(
            jid=contact, address=address, name=name, groups=groups or (GROUP,), is_behind=not is_jabber
        )

    async def learn(self, jid: str, domains: Iterable[str]) -> None:
        """Look up some of the domains of which nothing is known."""
        unknown = [domain for domain in dict.fromkeys(domains) if self._is_jabber(jid, domain) is None]
        await DeferredList(
            [Deferred.fromCoroutine(self._directory.settled(domain, Leg.SIP)) for domain in unknown[:LOOKUPS]]
        )

    def _is_jabber(self, jid: str, domain: str) -> bool | None:
        """Whether Jabber users live there; None: it is not known."""
        if domain == domain_of(jid):
            return True
        finding = self._directory.find(domain, Leg.SIP)
        return None if finding is None else finding.leg is Leg.XMPP
