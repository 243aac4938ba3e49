"""``sip2xmpp lookup``: which leg serves a domain, and why.

The same functions decide here as in the gateway: the configuration first, then DNS by ``events.discovery``, then
``presence.directory``; for the SIP leg ``sip.resolver`` finds the servers and tells how.  Works without a configuration
file too, with the name servers of the system.  Exit status 0 says that a leg serves the domain, 1 that none does, 2 that DNS
did not answer.

Implements: RFC 7247 section 4 and RFC 3263 section 4, as the modules named do.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import SystemRandom
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.command.arguments import FAILED, NOT_AS_WISHED, OK, Subparsers, any_address
from sip2xmpp.command.parser import Group
from sip2xmpp.command.reacting import configuration_if_any, react
from sip2xmpp.command.screen import printable
from sip2xmpp.config import Config
from sip2xmpp.errors import BadInput, NoRoute
from sip2xmpp.events.discovery import discover
from sip2xmpp.preparation import ascii_domain
from sip2xmpp.presence.directory import Directory, Finding, Leg
from sip2xmpp.sip.dns import Dns
from sip2xmpp.sip.flow import Target, Transport
from sip2xmpp.sip.name_servers import open_dns
from sip2xmpp.sip.resolver import ALL, locate
from sip2xmpp.sip.uri import SipUri

_USERS = {Leg.SIP: "a SIP user", Leg.XMPP: "a Jabber user"}


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


def add_parser(subparsers: Subparsers) -> None:
    """Add ``lookup``."""
    parser = subparsers.add_parser(
        "lookup",
        help="show which leg serves a domain, and why",
        group=Group.LOOKING,
        description="Shows what the configuration and DNS say of a domain, whether it is asked by SIP or by XMPP, and which servers "
        "are tried in which order. Decides as the gateway does, and works without it.",
        examples=(
            ("sip2xmpp lookup example.net", "as for a SIP user who watches somebody there"),
            ("sip2xmpp lookup juliet@jabber.example --from xmpp", "as for a Jabber user; an address will do"),
        ),
        no="no leg serves the domain",
    )
    parser.add_argument(
        "domain", metavar="DOMAIN", help="as in example.net; an address stands for its domain"
    )
    parser.add_argument(
        "--from",
        dest="asked_by",
        choices=[Leg.SIP.value, Leg.XMPP.value],
        default=Leg.SIP.value,
        help="whose user asks, which decides for a domain that speaks both (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look up and print."""
    config = configuration_if_any(arguments)
    domain = domain_of(arguments.domain)
    asked_by = Leg(arguments.asked_by)
    report = react(lambda reactor: look_up(domain, asked_by, config, reactor))
    if arguments.json:
        print(json.dumps(as_json(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(report)))
    if report.finding.leg is not None:
        return OK
    evidence = report.finding.evidence
    return FAILED if evidence is not None and evidence.trouble else NOT_AS_WISHED


def domain_of(text: str) -> str:
    """The domain in what the operator wrote, folded."""
    if "@" in text:
        return any_address(text).domain
    domain = Address.parse(text).domain
    if not ascii_domain(domain):
        raise BadInput("a domain is needed")
    return domain


async def look_up(domain: str, asked_by: Leg, config: Config | None, reactor: Any) -> Report:
    """Ask as the gateway would."""
    dns = open_dns(reactor, config.dns.servers if config is not None else ())
    overrides = config.dns.domains if config is not None else {}
    directory = Directory(
        own_domains=frozenset(config.sip.domains) if config is not None else frozenset(),
        overrides=overrides,
        discover=lambda asked: discover(dns, asked),
        clock=reactor,
    )
    finding = await directory.settled(domain, asked_by)
    steps: list[str] = []
    targets: list[Target] = []
    if finding.leg is Leg.SIP:
        targets = await _servers(domain, finding, config, dns, steps)
    return Report(
        domain=domain,
        asked_by=asked_by,
        configuration=_configured(domain, config),
        finding=finding,
        way=_way(finding, config),
        targets=tuple(targets),
        steps=tuple(steps),
    )


async def _servers(
    domain: str, finding: Finding, config: Config | None, dns: Dns, steps: list[str]
) -> list[Target]:
    """Where a request for the domain would be sent (RFC 3263)."""
    proxy = config.sip.outbound_proxy if config is not None else None
    uri = finding.target or proxy or f"sip:{ascii_domain(domain)}"
    if uri == proxy:
        steps.append(f"everything goes to the outbound proxy {proxy}")
    try:
        return await locate(SipUri.parse(uri), dns, rng=SystemRandom(), speaks=_speaks(config), reasons=steps)
    except NoRoute as error:
        steps.append(str(error))
        return []


def _speaks(config: Config | None) -> tuple[Transport, ...]:
    """The transports to send over: UDP only where the gateway listens for it, the others always."""
    if config is None or any(each.transport is Transport.UDP for each in config.sip.listen):
        return ALL
    return tuple(each for each in ALL if each is not Transport.UDP)


def _configured(domain: str, config: Config | None) -> str:
    """What the configuration says of the domain."""
    if config is None:
        return "no configuration is read"
    if domain in config.sip.domains:
        return "is in sip.domains"
    for name, value in config.dns.domains.items():
        if name == domain:
            return f'dns.domains has "{name}" = "{value}"'
    return "neither in sip.domains nor in dns.domains, so DNS is asked"


def _way(finding: Finding, config: Config | None) -> str:
    """What the gateway would do with a request for the domain."""
    match finding.leg:
        case Leg.OWN:
            return "answered by this gateway itself"
        case Leg.SIP:
            return "sent as SIP"
        case Leg.XMPP:
            if config is None:
                return "sent as stanzas over the component link"
            if config.xmpp is None:
                return "nowhere: there is no [xmpp] table"
            return f"sent as stanzas over the component link to {finding.target or config.xmpp.server}"
        case None:
            failed = finding.evidence is not None and finding.evidence.trouble
            return "refused for now" if failed else "refused: nobody is there"


def lines(report: Report) -> Iterator[str]:
    """The report as a person reads it."""
    finding, evidence = report.finding, report.finding.evidence
    yield f"{report.domain}, asked by {_USERS[report.asked_by]}"
    yield f"  configuration  {report.configuration}"
    if evidence is not None:
        for name, found in (
            ("SIP", evidence.sip),
            ("XMPP", evidence.xmpp),
            ("addresses", evidence.addresses),
        ):
            for index, each in enumerate(found or ("none",)):
                yield f"  {name if not index else '':<13}  {printable(each)}"
        if evidence.trouble:
            yield f"  trouble        {printable(evidence.trouble)}"
        yield f"  remembered     {evidence.ttl} s"
    yield f"  verdict        {printable(finding.why)}"
    yield f"  leg            {finding.leg.value if finding.leg is not None else 'none'}: {report.way}"
    if finding.leg is Leg.SIP:
        for index, target in enumerate(report.targets):
            proved = f", proved by a certificate for {target.tls_name}" if target.tls_name else ""
            yield f"  {'' if index else 'SIP servers':<13}  {index + 1}. {target}{proved}"
        if not report.targets:
            yield "  SIP servers    none"
        for index, step in enumerate(report.steps):
            yield f"  {'' if index else 'found by':<13}  {printable(step)}"


def as_json(report: Report) -> dict[str, Any]:
    """The report as scripts get it."""
    finding = report.finding
    return {
        "domain": report.domain,
        "from": report.asked_by.value,
        "configuration": report.configuration,
        "leg": finding.leg.value if finding.leg is not None else None,
        "why": finding.why,
        "way": report.way,
        "target": finding.target or None,
        "evidence": asdict(finding.evidence) if finding.evidence is not None else None,
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
