"""Which leg serves a domain, and why: what the configuration says, what DNS said, which servers follow from it, and how.

The running gateway asks its own directory, so that what is remembered there is shown; the command makes one of the same
configuration.  The same functions decide as for every request: ``presence.directory`` for the leg, ``sip.resolver`` for the servers.
Each look-up may ask DNS a dozen questions, so they are counted.

Implements: RFC 7247 section 4 and RFC 3263 section 4, as the modules named do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import BadAddress, BadInput, NoRoute, TooMany
from sip2xmpp.metering import Attempts
from sip2xmpp.portal.rows import schema_of, told
from sip2xmpp.portal.shapes import Schema
from sip2xmpp.preparation import ascii_domain
from sip2xmpp.presence.directory import Directory, Evidence, Finding, Leg
from sip2xmpp.sip.dns import Dns
from sip2xmpp.sip.flow import Target, Transport
from sip2xmpp.sip.resolver import ALL, locate
from sip2xmpp.sip.uri import SipUri

LOOKUPS: Final = 30
LOOKUP_SECONDS: Final = 60.0
"""So many look-ups of one person or program within so many seconds, and five times as many of all together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the configuration says; ``xmpp_server`` is empty without an XMPP leg, ``read`` False where there is no configuration."""

    read: bool = True
    overrides: Mapping[str, str]
    outbound_proxy: str | None = None
    speaks: Sequence[Transport] = ALL
    xmpp_server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is told.  ``targets`` are the SIP servers in order, ``steps`` how they were found."""

    domain: str
    asked_by: Leg
    configuration: str
    finding: Finding
    way: str
    targets: tuple[Target, ...] = ()
    steps: tuple[str, ...] = ()


class LookUps:
    """Looks up domains as the gateway of this configuration does."""

    def __init__(self, directory: Directory, dns: Dns, known: Known, clock: IReactorTime) -> None:
        self._directory = directory
        self._dns = dns
        self.known = known
        self._by_one = Attempts(clock, most=LOOKUPS, seconds=LOOKUP_SECONDS)
        self._by_all = Attempts(clock, most=5 * LOOKUPS, seconds=LOOKUP_SECONDS)

    async def look_up(self, written: str, asked_by: Leg, *, who: str = "") -> Report:
        """Ask for ``who``; ``written`` is a domain or an address in it.  Raises ``BadInput`` or ``TooMany``."""
        domain = domain_of(written)
        if not (self._by_one.take(who) and self._by_all.take("")):
            raise TooMany("too many look-ups: try again in a minute")
        finding = await self._directory.settled(domain, asked_by)
        steps: list[str] = []
        targets: list[Target] = []
        if finding.leg is Leg.SIP:
            targets = await self._servers(domain, finding, steps)
        return Report(
            domain=domain,
            asked_by=asked_by,
            configuration=self._configured(domain),
            finding=finding,
            way=self._way(finding),
            targets=tuple(targets),
            steps=tuple(steps),
        )

    async def _servers(self, domain: str, finding: Finding, steps: list[str]) -> list[Target]:
        """Where a request for the domain would be sent (RFC 3263)."""
        proxy = self.known.outbound_proxy
        uri = finding.target or proxy or f"sip:{ascii_domain(domain)}"
        if uri == proxy:
            steps.append(f"everything goes to the outbound proxy {proxy}")
        try:
            return await locate(
                SipUri.parse(uri), self._dns, rng=SystemRandom(), speaks=self.known.speaks, reasons=steps
            )
        except NoRoute as error:
            steps.append(str(error))
            return []

    def _configured(self, domain: str) -> str:
        """What the configuration says of the domain."""
        if not self.known.read:
            return "no configuration is read"
        if domain in self._directory.own_domains:
            return "is in sip.domains"
        for name, value in self.known.overrides.items():
            if name == domain:
                return f'dns.domains has "{name}" = "{value}"'
        return "neither in sip.domains nor in dns.domains, so DNS is asked"

    def _way(self, finding: Finding) -> str:
        """What the gateway would do with a request for the domain."""
        match finding.leg:
            case Leg.OWN:
                return "answered by this gateway itself"
            case Leg.SIP:
                return "sent as SIP"
            case Leg.XMPP:
                if not self.known.read:
                    return "sent as stanzas over the component link"
                if not self.known.xmpp_server:
                    return "nowhere: there is no [xmpp] table"
                return (
                    f"sent as stanzas over the component link to {finding.target or self.known.xmpp_server}"
                )
            case None:
                failed = finding.evidence is not None and finding.evidence.trouble
                return "refused for now" if failed else "refused: nobody is there"


def speaks(transports: Sequence[Transport]) -> tuple[Transport, ...]:
    """The transports to send over: UDP only where the gateway listens for it, the others always."""
    if Transport.UDP in transports:
        return ALL
    return tuple(each for each in ALL if each is not Transport.UDP)


def domain_of(written: str) -> str:
    """The domain that somebody wrote, alone or in an address, folded; raises ``BadInput``."""
    bare = written.strip().rpartition("@")[2]
    try:
        domain = Address.parse(bare).domain
    except BadAddress as fault:
        raise BadAddress(f'"{written[:100]}" is not a domain: {fault}') from None
    if not domain or not ascii_domain(domain):
        raise BadInput("a domain is needed")
    return domain


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    transport: Transport
    host: str
    port: int
    tls_name: str | None


def report_told(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    finding = report.finding
    return {
        "domain": report.domain,
        "from": report.asked_by.value,
        "configuration": report.configuration,
        "leg": finding.leg.value if finding.leg is not None else None,
        "why": finding.why,
        "way": report.way,
        "target": finding.target or None,
        "evidence": told(finding.evidence),
        "servers": [
            {
                "transport": target.transport.value,
                "host": target.host,
                "port": target.port,
                "tls_name": target.tls_name or None,
            }
            for target in report.targets
        ],
        "steps": list(report.steps),
    }


_OR_NOT: Final[Schema] = {"type": ["string", "null"]}
_TEXT: Final[Schema] = {"type": "string"}
REPORT_SCHEMA: Final[Schema] = {
    "type": "object",
    "required": [
        "domain", "from", "configuration", "leg", "why", "way", "target", "evidence", "servers", "steps",
    ],
    "properties": {
        "domain": _TEXT,
        "from": {"type": "string", "enum": [Leg.SIP.value, Leg.XMPP.value]},
        "configuration": _TEXT,
        "leg": _OR_NOT,
        "why": _TEXT,
        "way": _TEXT,
        "target": _OR_NOT,
        "evidence": schema_of(Evidence | None),
        "servers": {"type": "array", "items": schema_of(_Server)},
        "steps": {"type": "array", "items": _TEXT},
    },
}  # fmt: skip
