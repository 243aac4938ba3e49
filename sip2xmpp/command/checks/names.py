"""DNS: do the names of our domains lead here, are components found by other XMPP servers, does it contradict overrides?

An address is one of this machine if a socket can be bound to it; where the machine is behind a translator of addresses, DNS rightly
leads to that one, so what leads elsewhere is a warning and no fault.

Implements: RFC 3263 section 4 and RFC 6120 section 3.2.1, as the modules that the gateway uses do.
"""

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from random import SystemRandom
from typing import Final

from twisted.internet.defer import Deferred, gatherResults

from sip2xmpp.command.checks.findings import Finding, Scene, Topic
from sip2xmpp.errors import NoRoute, Unreachable
from sip2xmpp.events.discovery import discover
from sip2xmpp.preparation import ascii_domain
from sip2xmpp.sip.dns import Dns
from sip2xmpp.sip.flow import Target
from sip2xmpp.sip.resolver import locate
from sip2xmpp.sip.uri import SipUri

topic = Topic(name="DNS")

MOST: Final = 50
"""Names that are looked up at most, of each kind."""


async def look(scene: Scene) -> list[Finding]:
    """Ask for every name at once."""
    config, xmpp = scene.config, scene.config.xmpp
    questions = [_sip_domain(scene, domain) for domain in config.sip.domains[:MOST]]
    if xmpp is not None:
        components = [*xmpp.domains, *([xmpp.gateway_domain] if xmpp.gateway_domain else [])]
        questions += [_component(scene, domain) for domain in components[:MOST]]
    questions += [_override(scene, *each) for each in list(config.dns.domains.items())[:MOST]]
    answers = await gatherResults([Deferred.fromCoroutine(each) for each in questions], consumeErrors=True)
    found = [finding for answer in answers for finding in answer]
    if not found:
        return [topic.fine("dns", "there are no names to look up")]
    return list(dict.fromkeys(found))


def _silent(error: Unreachable) -> Finding:
    return topic.fault(
        "dns.servers",
        f"DNS does not answer: {error}",
        "name servers that do, in dns.servers or /etc/resolv.conf; without one no foreign domain is reached",
    )


async def _sip_domain(scene: Scene, domain: str) -> list[Finding]:
    """Do the servers of one of our SIP domains lead here?"""
    try:
        evidence = await discover(scene.dns, domain)
    except Unreachable as error:
        return [_silent(error)]
    if evidence.trouble:
        return [_silent(Unreachable(evidence.trouble))]
    if not evidence.sip and not evidence.addresses:
        return [
            topic.warning(
                domain,
                "has neither NAPTR, SRV nor an address: phones and SIP servers elsewhere do not find it",
                f"publish _sip._udp.{ascii_domain(domain)} SRV with this machine, unless every phone has its address typed in",
            )
        ]
    try:
        targets = await locate(SipUri.parse(f"sip:{ascii_domain(domain)}"), scene.dns, rng=SystemRandom())
    except NoRoute as error:
        return [topic.warning(domain, f"leads nowhere: {error}", "mend its SRV records or their targets")]
    return list(_targets(scene, domain, targets))


def _targets(scene: Scene, domain: str, targets: list[Target]) -> Iterator[Finding]:
    for target in targets:
        if not is_ours(target.host):
            yield topic.warning(
                domain,
                f"leads to {target}, which is no address of this machine",
                "right if a proxy or a translator of addresses there passes it on; else mend the records",
            )
        elif _is_listened_at(scene, target):
            yield topic.fine(domain, f"leads here: {target}")
        else:
            yield topic.fault(
                domain,
                f"leads to {target} here, and nothing in sip.listen is there",
                f'add "{target}" to sip.listen, or take the record away',
            )


def _is_listened_at(scene: Scene, target: Target) -> bool:
    wanted = ip_address(target.host)
    return any(
        each.transport is target.transport
        and each.port == target.port
        and (ip_address(each.interface) == wanted or ip_address(each.interface).is_unspecified)
        for each in scene.config.sip.listen
    )


def is_ours(host: str) -> bool:
    """Whether an address is one of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


async def _component(scene: Scene, domain: str) -> list[Finding]:
    """Do other XMPP servers find the one that a component is connected to?"""
    xmpp = scene.config.xmpp
    assert xmpp is not None
    name = ascii_domain(domain)
    try:
        records = await scene.dns.srv(f"_xmpp-server._tcp.{name}")
        hosts = [record.target for record in records if record.target] or [name]
        found = {address for host in hosts for address in await _addresses(scene.dns, host)}
        server = set(await _addresses(scene.dns, xmpp.server.host))
    except Unreachable as error:
        return [_silent(error)]
    if not found:
        return [
            topic.warning(
                domain,
                "is not found by other XMPP servers; users of your own are not affected",
                f"publish _xmpp-server._tcp.{name} SRV with your XMPP server, if users of others shall reach it",
            )
        ]
    local = any(ip_address(address).is_loopback for address in server)
    if found & server or (local and any(map(is_ours, found))):
        return [topic.fine(domain, "leads other XMPP servers to yours")]
    return [
        topic.warning(
            domain,
            f"leads other XMPP servers to {', '.join(sorted(found))}, and the component is connected to {xmpp.server}",
            "right if that is the same server by another address; else mend the record",
        )
    ]


async def _addresses(dns: Dns, host: str) -> list[str]:
    try:
        return [str(ip_address(host))]
    except ValueError:
        return [record.host for record in await dns.addresses(ascii_domain(host))]


async def _override(scene: Scene, domain: str, value: str) -> list[Finding]:
    """Does DNS say otherwise than the configuration?"""
    about = f'dns.domains."{domain}"'
    try:
        evidence = await discover(scene.dns, domain)
    except Unreachable as error:
        return [_silent(error)]
    if evidence.trouble:
        return [_silent(Unreachable(evidence.trouble))]
    sip = value == "sip" or value.lower().startswith(("sip:", "sips:"))
    said, others = (evidence.sip, evidence.xmpp) if sip else (evidence.xmpp, evidence.sip)
    if others and not said:
        speaks = "XMPP" if sip else "SIP"
        return [
            topic.warning(
                about,
                f'is "{value}", and DNS knows only {speaks} of it: {others[0]}',
                "take the override away, if the domain has changed",
            )
        ]
    return [topic.fine(about, f'is "{value}", which DNS does not contradict')]
