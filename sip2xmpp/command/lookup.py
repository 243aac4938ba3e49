"""``sip2xmpp lookup``: which leg serves a domain, and why.

The same functions decide here as in the gateway: the configuration first, then DNS by ``events.discovery``, then
``presence.directory``; for the SIP leg ``sip.resolver`` finds the servers and tells how.  Works without a configuration
file too, with the name servers of the system.  Exit status 0 says that a leg serves the domain, 1 that none does, 2 that DNS
did not answer.

Implements: RFC 7247 section 4 and RFC 3263 section 4, as the modules named do.
"""

import argparse
from collections.abc import Iterator
from typing import Any

from sip2xmpp.command.arguments import FAILED, NOT_AS_WISHED, OK, Subparsers, any_address
from sip2xmpp.command.parser import Group
from sip2xmpp.command.reacting import configuration_if_any, react
from sip2xmpp.command.screen import json_of, printable
from sip2xmpp.config import Config
from sip2xmpp.events.discovery import discover
from sip2xmpp.operating_side import known_of
from sip2xmpp.portal.operating_lookup import Known, LookUps, Report, report_told
from sip2xmpp.portal.operating_lookup import domain_of as written_domain
from sip2xmpp.presence.directory import Directory, Leg
from sip2xmpp.sip.name_servers import open_dns

_USERS = {Leg.SIP: "a SIP user", Leg.XMPP: "a Jabber user"}


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
    domain = domain_of(str(any_address(arguments.domain)) if "@" in arguments.domain else arguments.domain)
    asked_by = Leg(arguments.asked_by)
    report = react(lambda reactor: look_up(domain, asked_by, config, reactor))
    if arguments.json:
        print(json_of(report_told(report)))
    else:
        print("\n".join(lines(report)))
    if report.finding.leg is not None:
        return OK
    evidence = report.finding.evidence
    return FAILED if evidence is not None and evidence.trouble else NOT_AS_WISHED


def domain_of(text: str) -> str:
    """The domain in what the operator wrote, folded."""
    return written_domain(str(any_address(text)) if "@" in text else text)


async def look_up(written: str, asked_by: Leg, config: Config | None, reactor: Any) -> Report:
    """Ask as the gateway would."""
    dns = open_dns(reactor, config.dns.servers if config is not None else ())
    overrides = config.dns.domains if config is not None else {}
    directory = Directory(
        own_domains=frozenset(config.sip.domains) if config is not None else frozenset(),
        overrides=overrides,
        discover=lambda asked: discover(dns, asked),
        clock=reactor,
    )
    known = Known(overrides={}, read=False) if config is None else known_of(config)
    return await LookUps(directory, dns, known, reactor).look_up(written, asked_by)


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
