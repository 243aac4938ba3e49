"""Where to send a request: from a SIP URI to a list of servers, best first.

The choosing is pure: ``choose_services`` orders NAPTR records, ``order_servers`` orders SRV records with their weights,
both over plain values.  ``locate`` asks DNS and puts the pieces together; it can write down in plain sentences what it
found and why it decided so, which ``sip2xmpp lookup`` shows.

What is returned has numeric hosts only.  Trying one after another, and remembering which of them failed, is for the
user agent.

Implements: RFC 3263 sections 4.1 and 4.2; RFC 2782 (weights); RFC 5922 section 4 (the domain that TLS must prove).
"""

import ipaddress
import random
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from twisted.internet.defer import Deferred

from sip2xmpp.errors import NoRoute
from sip2xmpp.sip.dns import AddressRecord, Dns, DnsFailed, Naptr, Srv
from sip2xmpp.sip.flow import Target, Transport
from sip2xmpp.sip.uri import SipUri

__all__ = ["ALL", "Target", "choose_services", "locate", "order_servers"]

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS
ALL: Final = (TLS, TCP, UDP)
"""The transports spoken, in the order in which services are looked for when a domain has no NAPTR records."""
MOST: Final = 12
"""Servers returned: whoever does not answer on a dozen does not answer."""
MOST_RECORDS: Final = 32
"""Records of one answer that are followed: each costs further questions, and whoever owns the domain says how many."""
SERVICES: Final = {"sip+d2u": UDP, "sip+d2t": TCP, "sips+d2t": TLS}
PREFIXES: Final = {UDP: "_sip._udp", TCP: "_sip._tcp", TLS: "_sips._tcp"}


def choose_services(
    records: Iterable[Naptr], *, secure: bool, speaks: Collection[Transport]
) -> list[tuple[Transport, str]]:
    """The usable services of a domain as (transport, name of its SRV records), best first (section 4.1)."""
    usable = [
        record
        for record in records
        if record.flags == "s"
        and record.replacement
        and (transport := SERVICES.get(record.service.lower())) in speaks
        and (transport is TLS or not secure)
    ]
    usable.sort(key=lambda record: (record.order, record.preference))
    return [(SERVICES[record.service.lower()], record.replacement) for record in usable]


def order_servers(records: Iterable[Srv], rng: random.Random) -> list[Srv]:
    """``records`` by priority; within one, drawn one after another with odds by weight (RFC 2782)."""
    ordered: list[Srv] = []
    shuffled = list(records)
    rng.shuffle(shuffled)
    for priority in sorted({record.priority for record in shuffled}):
        left = [record for record in shuffled if record.priority == priority]
        left.sort(key=lambda record: record.weight)
        while left:
            # those without weight come first in the sum, so they are drawn only when the dice show zero
            drawn = rng.randint(0, sum(record.weight for record in left))
            for record in left:
                drawn -= record.weight
                if drawn <= 0:
                    ordered.append(record)
                    left.remove(record)
                    break
    return ordered


def locate(
    uri: SipUri,
    dns: Dns,
    *,
    rng: random.Random,
    speaks: Sequence[Transport] = ALL,
    reasons: list[str] | None = None,
) -> "Deferred[list[Target]]":
    """The servers for ``uri``, best first; fails with NoRoute.

    ``speaks`` are the transports to be used, in order of liking; what is found out is appended to ``reasons``.
    """
    return Deferred.fromCoroutine(
        _Search(uri, dns, rng, speaks, reasons if reasons is not None else []).targets()
    )


def _numeric(host: str) -> str | None:
    """``host`` as a plain address, or None if it is a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


class _Search:
    """One look-up, step by step."""

    def __init__(
        self, uri: SipUri, dns: Dns, rng: random.Random, speaks: Sequence[Transport], reasons: list[str]
    ) -> None:
        self._uri = uri
        self._dns = dns
        self._rng = rng
        self._secure = uri.scheme == "sips"
        self._speaks = [one for one in speaks if one is TLS] if self._secure else list(speaks)
        self._say = reasons.append
        self._host = (uri.param("maddr") or uri.host).lower()

    async def targets(self) -> list[Target]:
        transport = self._asked_transport()
        port = self._uri.port
        address = _numeric(self._host)
        if address is not None:
            transport = transport or (TLS if self._secure else UDP)
            found = [self._target(transport, address, port or transport.default_port)]
            self._say(f"{self._host} is an address: {found[0]}")
        elif port is not None:
            transport = transport or (TLS if self._secure else UDP)
            self._say(f"the URI names port {port}: no service records are looked for")
            found = await self._by_address(transport, self._host, port)
        else:
            found = await self._by_service(transport)
        unique = list(dict.fromkeys(target for target in found if target.transport in self._speaks))
        if not unique:
            raise NoRoute(f"no server of {self._host} is known that we could talk to")
        return unique[:MOST]

    def _asked_transport(self) -> Transport | None:
        """The transport that the URI demands, if any (section 4.1)."""
        name = (self._uri.param("transport") or "").lower()
        if not name:
            return None
        try:
            transport = Transport(name)
        except ValueError:
            raise NoRoute(f"the transport {name} is not spoken here") from None
        if self._secure:
            if transport is UDP:
                raise NoRoute("a sips: URI cannot be reached over UDP")
            transport = TLS
        if transport not in self._speaks:
            raise NoRoute(f"the transport {name} is not available here")
        self._say(f"the URI demands {transport.value}")
        return transport

    async def _by_service(self, transport: Transport | None) -> list[Target]:
        """No port is named: services tell, and without any the address of the host itself (section 4.2)."""
        if transport is not None:
            services = [(transport, f"{PREFIXES[transport]}.{self._host}")]
        else:
            chosen = choose_services(await self._naptr(), secure=self._secure, speaks=self._speaks)
            services = chosen[:MOST] or [(one, f"{PREFIXES[one]}.{self._host}") for one in self._speaks]
        found: list[Target] = []
        offered = False
        asked = [(one, name, self._dns.srv(name)) for one, name in services]
        for one, name, answer in asked:
            servers = await self._servers(name, answer)
            offered = offered or bool(servers)
            for server in order_servers(servers[:MOST_RECORDS], self._rng):
                if server.target and len(found) < MOST:
                    found += await self._by_address(one, server.target, server.port)
        if not offered:
            transport = transport or (TLS if self._secure else UDP)
            self._say(f"no service records: {self._host} itself is asked on the usual port")
            found = await self._by_address(transport, self._host, transport.default_port)
        return found

    async def _naptr(self) -> tuple[Naptr, ...]:
        try:
            records = await self._dns.naptr(self._host)
        except DnsFailed as error:
            # COMPAT: name servers that fail on record types they do not know
            self._say(f"NAPTR {self._host}: {error}")
            return ()
        for record in sorted(records, key=lambda record: (record.order, record.preference)):
            self._say(
                f"NAPTR {self._host}: {record.order} {record.preference} {record.service} {record.replacement}"
            )
        if not records:
            self._say(f"NAPTR {self._host}: none")
        return records

    async def _servers(self, name: str, answer: "Deferred[tuple[Srv, ...]]") -> tuple[Srv, ...]:
        try:
            records = await answer
        except DnsFailed as error:
            self._say(f"SRV {name}: {error}")
            return ()
        for record in sorted(records, key=lambda record: (record.priority, -record.weight)):
            if record.target:
                self._say(f"SRV {name}: {record.priority} {record.weight} {record.target}:{record.port}")
            else:
                self._say(f"SRV {name}: the service is not offered")
        if not records:
            self._say(f"SRV {name}: none")
        return records

    async def _by_address(self, transport: Transport, name: str, port: int) -> list[Target]:
        numeric = _numeric(name)
        records: tuple[AddressRecord, ...]
        if numeric is not None:
            # COMPAT: zones with an address where a name belongs
            records = (AddressRecord(host=numeric),)
        else:
            try:
                records = await self._dns.addresses(name)
            except DnsFailed as error:
                self._say(f"A/AAAA {name}: {error}")
                return []
        self._say(f"A/AAAA {name}: {' '.join(record.host for record in records) or 'none'}")
        return [self._target(transport, record.host, port) for record in records]

    def _target(self, transport: Transport, host: str, port: int) -> Target:
        return Target(
            transport=transport, host=host, port=port, tls_name=self._uri.host if transport is TLS else ""
        )
