"""What DNS says a domain speaks: the evidence from which the directory decides.

All questions about a domain are asked at once: NAPTR, the SRV records of SIP and of XMPP servers, and addresses.  A name server
that fails on one of them leaves the evidence of the others standing; only when nothing at all was learned is the trouble told.

Implements: RFC 3263 section 4.1 (NAPTR and SRV of SIP); RFC 6120 section 3.2.1 (SRV of XMPP servers); RFC 7247 section 4.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from sip2xmpp.preparation import ascii_domain
from sip2xmpp.presence.directory import Evidence
from sip2xmpp.sip.dns import AddressRecord, Dns, DnsFailed, Naptr, Srv

SIP_SERVICES = ("_sips._tcp", "_sip._tcp", "_sip._udp")
XMPP_SERVICES = ("_xmpps-server._tcp", "_xmpp-server._tcp")
NAPTR_PREFIXES = ("SIP+", "SIPS+")

LONGEST_TTL, NEGATIVE_TTL = 86_400, 300
"""Seconds: the most that any record is believed, and how long the absence of all of them is."""


async def discover(dns: Dns, domain: str) -> Evidence:
    """Ask everything about ``domain`` (U-labels are fine).  Raises ``Unreachable`` only as ``Dns`` does not answer at all."""
    name = ascii_domain(domain)
    services = SIP_SERVICES + XMPP_SERVICES
    questions: list[Deferred[Any]] = [
        dns.naptr(name),
        *(dns.srv(f"{service}.{name}") for service in services),
        dns.addresses(name),
    ]
    answers: list[tuple[bool, Any]] = await DeferredList(questions, consumeErrors=True)
    troubles = [failure.value for succeeded, failure in answers if not succeeded]
    for trouble in troubles:
        if not isinstance(trouble, DnsFailed):
            raise trouble
    records = [found if succeeded else () for succeeded, found in answers]
    naptrs, addresses = _naptrs(records[0]), records[-1]
    srvs = dict(zip(services, records[1:-1], strict=True))
    sip = naptrs + _servers(srvs, SIP_SERVICES, name)
    xmpp = _servers(srvs, XMPP_SERVICES, name)
    lifetimes = [record.ttl for found in records for record in found]
    return Evidence(
        sip=sip,
        xmpp=xmpp,
        addresses=tuple(_address(record) for record in addresses),
        ttl=min([*lifetimes, LONGEST_TTL]) if lifetimes else NEGATIVE_TTL,
        trouble=str(troubles[0]) if troubles and not (sip or xmpp) else "",
    )


def _naptrs(records: Sequence[Naptr]) -> tuple[str, ...]:
    ordered = sorted(records, key=lambda record: (record.order, record.preference))
    return tuple(
        f"NAPTR {record.order} {record.preference} {record.service} -> {record.replacement}"
        for record in ordered
        if record.service.upper().startswith(NAPTR_PREFIXES)
    )


def _servers(found: dict[str, Sequence[Srv]], services: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Readable lines; a target of ``.`` says that the service is not there (RFC 2782)."""
    return tuple(
        f"SRV {service}.{name} {record.priority} {record.weight} -> {record.target}:{record.port}"
        for service in services
        for record in sorted(found[service], key=lambda record: (record.priority, -record.weight))
        if record.target
    )


def _address(record: AddressRecord) -> str:
    return f"address {record.host}"
