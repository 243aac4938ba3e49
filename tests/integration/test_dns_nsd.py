"""Looking up servers at a real name server: NAPTR, SRV, aliases, truncation, silence."""

import random
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as _reactor
from twisted.trial.unittest import TestCase

from sip2xmpp.errors import NoRoute
from sip2xmpp.sip.dns import AddressRecord, DnsFailed
from sip2xmpp.sip.flow import HostPort
from sip2xmpp.sip.name_servers import open_dns
from sip2xmpp.sip.resolver import locate
from sip2xmpp.sip.uri import SipUri
from tests.peers.nsd import Nsd

reactor: Any = _reactor

MANY = "\n".join(
    f"_sip._tcp IN SRV {number} 0 {6000 + number} host-with-a-long-name-{number}" for number in range(60)
)

ZONES = {
    "example.net": f"""
        @ IN NAPTR 20 50 "s" "SIP+D2U" "" _sip._udp.example.net.
        @ IN NAPTR 10 50 "s" "SIP+D2T" "" _sip._tcp.few.example.net.
        @ IN NAPTR 10 60 "s" "SIPS+D2T" "" _sips._tcp.example.net.
        _sip._udp IN SRV 10 60 5070 a
        _sip._tcp.few IN SRV 10 60 5080 a
        _sips._tcp IN SRV 10 60 5081 b
        a IN A 192.0.2.10
        a IN AAAA 2001:db8::10
        b IN CNAME a
        outside IN CNAME www.example.com.
        {MANY}
    """,
    "plain.example": """
        @ IN A 192.0.2.20
        _sip._udp IN SRV 0 0 0 .
    """,
}


class NsdTest(TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.server = Nsd(Path(directory.name), ZONES)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.dns = open_dns(reactor, [HostPort(*self.server.address)])

    async def found(self, uri: str) -> list[str]:
        targets = await locate(SipUri.parse(uri), self.dns, rng=random.Random(1))
        return [str(target) for target in targets]

    async def test_a_domain_with_naptr_records_is_followed_in_their_order(self) -> None:
        assert await self.found("sip:bob@example.net") == [
            "tcp:192.0.2.10:5080",
            "tcp:[2001:db8::10]:5080",
            "tls:192.0.2.10:5081",
            "tls:[2001:db8::10]:5081",
            "udp:192.0.2.10:5070",
            "udp:[2001:db8::10]:5070",
        ]

    async def test_a_domain_without_service_records_is_itself_the_server(self) -> None:
        assert await self.found("sip:bob@plain.example;transport=tcp") == ["tcp:192.0.2.20:5060"]

    async def test_a_service_that_is_not_offered_is_not_used(self) -> None:
        with pytest.raises(NoRoute):
            await self.found("sip:bob@plain.example;transport=udp")

    async def test_a_name_that_does_not_exist_has_nothing(self) -> None:
        with pytest.raises(NoRoute):
            await self.found("sip:bob@nowhere.example.net")
        assert await self.dns.naptr("nowhere.example.net") == ()

    async def test_an_alias_leads_to_its_addresses(self) -> None:
        assert [record.host for record in await self.dns.addresses("b.example.net")] == [
            "192.0.2.10",
            "2001:db8::10",
        ]

    async def test_an_alias_out_of_reach_is_a_failure_and_not_a_name_without_addresses(self) -> None:
        with pytest.raises(DnsFailed):
            await self.dns.addresses("outside.example.net")

    async def test_an_answer_too_large_for_a_datagram_comes_whole(self) -> None:
        records = await self.dns.srv("_sip._tcp.example.net")
        assert len(records) == 60
        assert {record.priority for record in records} == set(range(60))

    async def test_a_zone_that_is_not_served_is_a_failure(self) -> None:
        with pytest.raises(DnsFailed, match="DNSQueryRefusedError"):
            await self.dns.naptr("example.com")

    async def test_a_dead_server_is_passed_over(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            dns = open_dns(reactor, [HostPort(*silent.getsockname()), HostPort(*self.server.address)])
            started = reactor.seconds()
            assert await dns.addresses("a.example.net") == (
                AddressRecord(host="192.0.2.10", ttl=60),
                AddressRecord(host="2001:db8::10", ttl=60),
            )
            assert 0.9 < reactor.seconds() - started < 3
            started = reactor.seconds()
            await dns.srv("_sip._udp.example.net")
            assert reactor.seconds() - started < 0.5

    async def test_what_was_asked_is_known_when_the_server_is_gone(self) -> None:
        before = await self.found("sip:bob@example.net")
        self.server.kill()
        assert await self.found("sip:bob@example.net") == before
