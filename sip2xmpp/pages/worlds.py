"""Which protocol somebody speaks whom a user is about to add, found before it is done and told with its reason.

The configuration and what is remembered answer at once.  DNS is asked for other domains, a few a minute for one user and for all:
what a form makes the gateway ask is up to whoever sends it.  Where the configuration leads is a matter of the operator and not told.

Implements: RFC 7247 section 4 (the order of look-ups).
"""

from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.metering import Attempts
from sip2xmpp.pages.faults import Said
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.visit import Visit
from sip2xmpp.presence.directory import Directory, Finding, Leg

LOOKUPS: Final = 20
LOOKUP_SECONDS: Final = 60.0
"""So many domains may one user have looked up within so many seconds, and ten times as many all users together."""

PROTOCOLS: Final = {Leg.OWN: "SIP", Leg.SIP: "SIP", Leg.XMPP: "Jabber", None: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where somebody is: ``protocol`` is empty where that is not known, and ``reason`` a sentence."""

    leg: Leg | None
    protocol: str
    reason: str
    details: tuple[str, ...] = ()


class Worlds:
    """Asks the directory that serves everybody."""

    def __init__(self, directory: Directory, clock: IReactorTime) -> None:
        self._directory = directory
        self._by_one = Attempts(clock, most=LOOKUPS, seconds=LOOKUP_SECONDS)
        self._by_all = Attempts(clock, most=10 * LOOKUPS, seconds=LOOKUP_SECONDS)

    async def of(self, visit: Visit, address: Address) -> World:
        """The world of an address.  Raises ``Said``."""
        finding = self._directory.find(address.domain, Leg.SIP)
        if finding is None or finding.is_unsure:
            if not (self._by_one.take(visit.me) and self._by_all.take("")):
                raise Said(visit.translate("Too many domains were looked up. Try again in a minute."))
            finding = await self._directory.settled(address.domain, Leg.SIP)
        evidence = finding.evidence
        return World(
            leg=finding.leg,
            protocol=PROTOCOLS[finding.leg],
            reason=visit.translate(_reason(finding), domain=address.domain),
            details=() if evidence is None else (*evidence.sip, *evidence.xmpp),
        )

    def known(self, address: Address) -> str:
        """The protocol as far as it is known without asking."""
        finding = self._directory.find(address.domain, Leg.SIP)
        return "" if finding is None else PROTOCOLS[finding.leg]


def _reason(finding: Finding) -> str:
    evidence = finding.evidence
    if finding.leg is Leg.OWN:
        return N_("%(domain)s is served here: it speaks SIP.")
    if evidence is None:
        if finding.leg is Leg.XMPP:
            return N_("%(domain)s speaks Jabber (the operator of this gateway says so).")
        return N_("%(domain)s speaks SIP (the operator of this gateway says so).")
    if finding.is_unsure:
        return N_("DNS does not answer for %(domain)s at present, so it is not known what it speaks.")
    if finding.leg is None:
        return N_("%(domain)s speaks neither SIP nor Jabber: there are no service records and no address.")
    if evidence.sip and evidence.xmpp:
        return N_("%(domain)s speaks both SIP and Jabber (SRV records of both found). SIP is taken.")
    if evidence.sip:
        return N_("%(domain)s speaks SIP (SRV record found).")
    if evidence.xmpp:
        return N_("%(domain)s speaks Jabber (SRV record found).")
    return N_("%(domain)s has an address and no service records, so it is taken for SIP.")
