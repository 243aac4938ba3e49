"""The user agent on real loopback sockets: UDP, TCP and TLS."""

import contextlib
import random
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sip2xmpp.errors import ConfigError, TransportFailed
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import Flow, HostPort, Target, Transport
from sip2xmpp.sip.message import Request, Response, make_request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.tls import Tls
from sip2xmpp.sip.transport import Transports
from tests.certificates import Authority
from tests.fakes import Names
from tests.peers.ports import free_port

reactor: Any = _reactor
UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS
LOOPBACK = "127.0.0.1"

OPTIONS = (
    "OPTIONS sip:sip.example.org SIP/2.0\r\n"
    "Via: SIP/2.0/{transport} 127.0.0.1:{port};branch=z9hG4bK{branch};rport\r\n"
    "From: <sip:bob@example.com>;tag=b1\r\n"
    "To: <sip:sip.example.org>\r\n"
    "Call-ID: {branch}\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\n"
    "Content-Length: 0\r\n"
    "\r\n"
)


def options(branch: str, transport: str = "UDP", port: int = 9) -> bytes:
    return OPTIONS.format(branch=branch, transport=transport, port=port).encode()


def message(body: bytes = b"hello", method: str = "MESSAGE") -> Request:
    return make_request(
        method,
        "sip:bob@127.0.0.1",
        from_="<sip:alice@sip.example.org>;tag=a1",
        to="<sip:bob@example.com>",
        call_id="c1",
        cseq=1,
        body=body,
        content_type="text/plain",
    )


class Echo:
    def __init__(self) -> None:
        self.requests: list[Request] = []

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        self.requests.append(request)
        transaction.reply(200, body=request.body, content_type="text/plain")


def pause(seconds: float) -> "Deferred[None]":
    return deferLater(reactor, seconds, lambda: None)


class SocketsCase(TestCase):
    """Two agents that close their sockets behind them."""

    def setUp(self) -> None:
        self.made: list[tuple[Transports, UserAgent]] = []

    async def tearDown(self) -> None:
        for transports, agent in self.made:
            agent.stop()
            await transports.close()

    def agent(
        self, *listen: Transport, tls: Tls | None = None, interface: str = LOOPBACK
    ) -> tuple[UserAgent, Echo]:
        transports = Transports(reactor, tls=tls)
        agent = UserAgent(transports=transports, clock=reactor, rng=random.Random())
        for transport in listen:
            transports.listen(transport, interface, 0)
        echo = Echo()
        agent.serve("MESSAGE", echo)
        self.made.append((transports, agent))
        return agent, echo

    async def flow(
        self, agent: UserAgent, other: UserAgent, transport: Transport, tls_name: str = ""
    ) -> Flow:
        place = other.transports.listening(transport)
        assert place is not None
        return await agent.transports.open(
            Target(transport=transport, host=place.host, port=place.port, tls_name=tls_name)
        )

    def client(self, place: HostPort | None, kind: socket.SocketKind) -> socket.socket:
        assert place is not None
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        made = socket.socket(family, kind)
        self.addCleanup(made.close)
        made.settimeout(5)
        made.connect(place)
        return made


class UdpTest(SocketsCase):
    async def test_a_request_and_its_response_cross_between_two_agents(self) -> None:
        ours, _ = self.agent(UDP)
        theirs, echo = self.agent(UDP)
        response = await ours.request(message(), flow=await self.flow(ours, theirs, UDP))
        assert response.status == 200 and response.body == b"hello"
        assert len(echo.requests) == 1

    async def test_a_datagram_of_the_largest_size_is_taken(self) -> None:
        ours, echo = self.agent(UDP)
        head = options("big", port=9).replace(b"OPTIONS", b"MESSAGE").partition(b"Content-Length")[0]
        room = 65_507 - len(head) - len(b"Content-Length: 65000\r\n\r\n")
        peer = self.client(ours.transports.listening(UDP), socket.SOCK_DGRAM)
        body = b"x" * room
        peer.send(head + b"Content-Length: %d\r\n\r\n" % room + body)
        await pause(0.05)
        assert echo.requests[0].body == body

    async def test_pings_are_swallowed_and_never_answered_with_400(self) -> None:
        ours, _ = self.agent(UDP)
        peer = self.client(ours.transports.listening(UDP), socket.SOCK_DGRAM)
        for ping in (b"\r\n\r\n", b"\0", b"\0\0\0\0", b"\r\n", b"", b"  "):
            peer.send(ping)
        peer.send(b"\r\n\r\n" + options("after"))
        answer = await deferToThread(peer.recv, 65536)
        assert answer.startswith(b"SIP/2.0 200 ")
        await pause(0.05)
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(1)
        assert ours.counters.keepalives == 6 and ours.counters.malformed == 0

    async def test_a_stun_binding_request_is_told_where_it_came_from(self) -> None:
        ours, _ = self.agent(UDP)
        peer = self.client(ours.transports.listening(UDP), socket.SOCK_DGRAM)
        peer.send(struct.pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!"))
        answer = await deferToThread(peer.recv, 65536)
        kind, length, cookie, transaction = struct.unpack_from("!HHI12s", answer)
        assert (kind, length, cookie, transaction) == (0x0101, 20, 0x2112A442, b"transaction!")
        port, address = struct.unpack_from("!H4s", answer, 26)
        assert port ^ 0x2112 == peer.getsockname()[1]
        assert bytes(a ^ b for a, b in zip(address, b"\x21\x12\xa4\x42", strict=True)) == b"\x7f\0\0\x01"

    async def test_garbage_is_counted_and_the_next_datagram_is_served(self) -> None:
        ours, _ = self.agent(UDP)
        peer = self.client(ours.transports.listening(UDP), socket.SOCK_DGRAM)
        rng = random.Random(1)
        for _ in range(200):
            peer.send(b"A" + rng.randbytes(rng.randrange(400)))
        peer.send(b"SIP/2.0 999 No\r\n\r\n")
        # garbage that waits for a busy processor is overload, and that is another matter
        while ours.counters.malformed < 200:
            await pause(0.02)
        peer.send(options("fine"))
        answer = await deferToThread(peer.recv, 65536)
        assert answer.startswith(b"SIP/2.0 200 ")

    async def test_a_wildcard_listener_says_a_real_address_of_itself(self) -> None:
        ours, _ = self.agent(UDP, interface="0.0.0.0")
        theirs, echo = self.agent(UDP)
        place = theirs.transports.listening(UDP)
        assert place is not None
        flow = await ours.transports.open(Target(transport=UDP, host=place.host, port=place.port))
        assert flow.local.host == LOOPBACK
        assert (await ours.request(message(), flow=flow)).status == 200
        assert echo.requests[0].via.host == LOOPBACK
        contact = ours.contact_uri(UDP)
        assert "0.0.0.0" not in contact

    async def test_ipv6_works_like_ipv4(self) -> None:
        ours, _ = self.agent(UDP, interface="::1")
        theirs, echo = self.agent(UDP, interface="::1")
        assert (await ours.request(message(), flow=await self.flow(ours, theirs, UDP))).status == 200
        assert echo.requests[0].via.host == "[::1]" and echo.requests[0].via.received == "::1"

    async def test_a_flow_of_an_earlier_run_finds_a_socket(self) -> None:
        ours, _ = self.agent(UDP)
        theirs, _ = self.agent(UDP)
        flow = await self.flow(ours, theirs, UDP)
        old = Flow.from_text(flow.to_text().replace(str(flow.local.port), "1"))
        assert (await ours.request(message(), flow=old)).status == 200

    async def test_a_server_that_is_not_there_is_found_out_at_once(self) -> None:
        ours, _ = self.agent(UDP)
        theirs, echo = self.agent(UDP)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((LOOPBACK, 0))
            dead = probe.getsockname()[1]
        place = theirs.transports.listening(UDP)
        assert place is not None
        names = Names(
            srv={"_sip._udp.example.com": [(1, 0, dead, "a.example"), (2, 0, place.port, "a.example")]},
            addresses={"a.example": [LOOPBACK]},
        )
        asking = UserAgent(transports=ours.transports, dns=names, clock=reactor, rng=random.Random())
        request = message()
        request.uri = "sip:bob@example.com"
        started = reactor.seconds()
        assert (await asking.request(request)).status == 200
        assert reactor.seconds() - started < 2 and len(echo.requests) == 1
        asking.stop()

    async def test_a_family_without_a_socket_cannot_be_reached(self) -> None:
        ours, _ = self.agent(UDP)
        target = Target(transport=UDP, host="::1", port=5060)
        with pytest.raises(TransportFailed):
            await ours.transports.open(target)
        with pytest.raises(TransportFailed):
            ours.transports.send(b"x", Flow(transport=UDP, local=HostPort("::1", 1), peer=target.peer))

    async def test_many_prepared_requests_are_all_answered(self) -> None:
        ours, _ = self.agent(UDP)
        theirs, echo = self.agent(UDP)
        flow = await self.flow(ours, theirs, UDP)
        results: list[object] = []
        head, _, tail = message().to_bytes().partition(b"\r\n")
        for number in range(500):
            ours.send_prepared(
                head + b"\r\n", tail.replace(b"c1", b"c%d" % number), "MESSAGE", flow, results.append
            )
        for _ in range(100):
            if len(results) == 500:
                break
            await pause(0.02)
        assert len(echo.requests) == 500
        assert {result.status for result in results if isinstance(result, Response)} == {200}


class TcpTest(SocketsCase):
    async def test_a_connection_is_opened_once_and_used_again(self) -> None:
        ours, _ = self.agent(UDP, TCP)
        theirs, echo = self.agent(TCP)
        first = await self.flow(ours, theirs, TCP)
        assert (await ours.request(message(), flow=first)).status == 200
        assert await self.flow(ours, theirs, TCP) == first
        assert (await ours.request(message(), flow=first)).status == 200
        assert len(echo.requests) == 2
        place = ours.transports.listening(TCP)
        assert echo.requests[0].via.port == (place and place.port)
        assert echo.requests[0].flow is not None and echo.requests[0].flow.connection is not None

    async def test_requests_go_back_over_the_connection_they_came_on(self) -> None:
        ours, our_echo = self.agent(TCP)
        theirs, echo = self.agent(TCP)
        await ours.request(message(), flow=await self.flow(ours, theirs, TCP))
        assert (await theirs.request(message(), flow=echo.requests[0].flow)).status == 200
        assert len(our_echo.requests) == 1
        assert self.made[0][0].connections() == 1

    async def test_a_request_too_large_for_a_datagram_goes_by_tcp(self) -> None:
        ours, _ = self.agent(UDP)
        theirs = Transports(reactor)
        agent = UserAgent(transports=theirs, clock=reactor, rng=random.Random())
        self.made.append((theirs, agent))
        place = theirs.listen(UDP, LOOPBACK, free_port())
        theirs.listen(TCP, LOOPBACK, place.port)
        echo = Echo()
        agent.serve("MESSAGE", echo)
        flow = await ours.transports.open(Target(transport=UDP, host=place.host, port=place.port))
        assert (await ours.request(message(b"x" * 1400), flow=flow)).status == 200
        assert echo.requests[0].via.transport == "TCP"

    async def test_without_tcp_at_the_peer_a_large_request_goes_by_udp_after_all(self) -> None:
        ours, _ = self.agent(UDP)
        theirs, echo = self.agent(UDP)
        response = await ours.request(message(b"x" * 1400), flow=await self.flow(ours, theirs, UDP))
        assert response.status == 200 and echo.requests[0].via.transport == "UDP"

    async def test_a_ping_is_answered_with_one_line_end(self) -> None:
        ours, _ = self.agent(TCP)
        peer = self.client(ours.transports.listening(TCP), socket.SOCK_STREAM)
        peer.sendall(b"\r\n\r\n")
        assert await deferToThread(peer.recv, 100) == b"\r\n"
        assert ours.counters.keepalives == 1

    async def test_messages_arrive_however_they_are_cut(self) -> None:
        ours, _ = self.agent(TCP)
        peer = self.client(ours.transports.listening(TCP), socket.SOCK_STREAM)
        octets = options("one", "TCP") + b"\r\n\r\n" + options("two", "TCP")
        for at in range(0, len(octets), 37):
            peer.sendall(octets[at : at + 37])
            await pause(0)
        answer = b""
        while answer.count(b"SIP/2.0 200") < 2:
            answer += await deferToThread(peer.recv, 65536)
        assert b"\r\n\r\n\r\nSIP/2.0 200" in answer

    async def test_lost_framing_is_answered_with_400_and_the_connection_closed(self) -> None:
        ours, _ = self.agent(TCP)
        peer = self.client(ours.transports.listening(TCP), socket.SOCK_STREAM)
        peer.sendall(options("x", "TCP").replace(b"Content-Length: 0\r\n", b""))
        answer = b""
        while chunk := await deferToThread(peer.recv, 65536):
            answer += chunk
        assert answer.startswith(b"SIP/2.0 400 ")
        assert ours.counters.malformed == 1

    async def test_a_refused_connection_fails_at_once(self) -> None:
        ours, _ = self.agent(UDP)
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        with pytest.raises(TransportFailed):
            await ours.transports.open(Target(transport=TCP, host=LOOPBACK, port=port))

    async def test_a_request_whose_connection_breaks_fails_at_once(self) -> None:
        ours, _ = self.agent(UDP)
        with socket.create_server((LOOPBACK, 0)) as server:
            flow = await ours.transports.open(
                Target(transport=TCP, host=LOOPBACK, port=server.getsockname()[1])
            )
            answer = ours.request(message(), flow=flow)
            taken, _ = await deferToThread(server.accept)
            taken.close()
            with pytest.raises(TransportFailed):
                await answer
            with pytest.raises(TransportFailed):
                await ours.request(message(), flow=flow)

    async def test_a_late_response_finds_its_way_over_a_new_connection(self) -> None:
        ours, _ = self.agent(TCP)
        held: list[ServerTransaction] = []

        class Slow:
            def request_received(self, transaction: ServerTransaction, request: Request) -> None:
                held.append(transaction)

        ours.serve("PUBLISH", Slow())
        with socket.create_server((LOOPBACK, 0)) as server:
            peer = self.client(ours.transports.listening(TCP), socket.SOCK_STREAM)
            request = options("late", "TCP", server.getsockname()[1]).replace(b"OPTIONS", b"PUBLISH")
            peer.sendall(request)
            await pause(0.05)
            peer.close()
            await pause(0.05)
            held[0].reply(200)
            taken, _ = await deferToThread(server.accept)
            with taken:
                assert (await deferToThread(taken.recv, 65536)).startswith(b"SIP/2.0 200 ")

    async def flood(self, ours: UserAgent, flow: Flow) -> None:
        for _ in range(2000):
            ours.transports.send(b"x" * 60_000, flow)
            await pause(0)

    async def test_a_peer_that_does_not_read_is_given_up(self) -> None:
        ours, _ = self.agent(TCP)
        with socket.create_server((LOOPBACK, 0)) as server:
            flow = await ours.transports.open(
                Target(transport=TCP, host=LOOPBACK, port=server.getsockname()[1])
            )
            taken, _ = await deferToThread(server.accept)
            with taken, pytest.raises(TransportFailed):
                await self.flood(ours, flow)
            await pause(0.05)
            assert self.made[0][0].connections() == 0


class TlsTest(SocketsCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.authority = Authority(self.directory)

    def tls(self, authority: Authority | None = None, **names: Any) -> Tls:
        certificate, key = (authority or self.authority).issue("server", **names)
        return Tls(certificate=certificate, private_key=key, authorities=self.authority.file)

    async def test_a_server_that_proves_its_domain_is_talked_to(self) -> None:
        theirs, echo = self.agent(TLS, tls=self.tls(uris=["sip:example.com"]))
        ours, _ = self.agent(UDP, tls=Tls(authorities=self.authority.file))
        flow = await self.flow(ours, theirs, TLS, "example.com")
        assert (await ours.request(message(b"y" * 5000), flow=flow)).status == 200
        assert echo.requests[0].via.transport == "TLS"
        assert await self.flow(ours, theirs, TLS, "example.com") == flow

    async def test_a_server_that_proves_another_domain_is_not(self) -> None:
        theirs, echo = self.agent(TLS, tls=self.tls(dns=["other.example"]))
        ours, _ = self.agent(UDP, tls=Tls(authorities=self.authority.file))
        with pytest.raises(TransportFailed, match=r"not for example\.com"):
            await self.flow(ours, theirs, TLS, "example.com")
        assert not echo.requests

    async def test_a_server_of_a_foreign_authority_is_not(self) -> None:
        stranger = Authority(self.directory, "Stranger")
        theirs, _ = self.agent(TLS, tls=self.tls(stranger, dns=["example.com"]))
        ours, _ = self.agent(UDP, tls=Tls(authorities=self.authority.file))
        with pytest.raises(TransportFailed):
            await self.flow(ours, theirs, TLS, "example.com")

    async def test_plain_octets_at_a_tls_port_do_no_harm(self) -> None:
        theirs, _ = self.agent(TLS, tls=self.tls(dns=["example.com"]))
        peer = self.client(theirs.transports.listening(TLS), socket.SOCK_STREAM)
        peer.sendall(options("plain", "TLS"))
        with contextlib.suppress(ConnectionError):
            while await deferToThread(peer.recv, 1000):
                pass
        ours, _ = self.agent(UDP, tls=Tls(authorities=self.authority.file))
        flow = await self.flow(ours, theirs, TLS, "example.com")
        assert (await ours.request(message(), flow=flow)).status == 200

    async def test_a_server_that_speaks_no_tls_fails_soon(self) -> None:
        theirs, _ = self.agent(TCP)
        ours, _ = self.agent(UDP, tls=Tls(authorities=self.authority.file))
        place = theirs.transports.listening(TCP)
        assert place is not None
        with pytest.raises(TransportFailed):
            await ours.transports.open(
                Target(transport=TLS, host=place.host, port=place.port, tls_name="example.com")
            )

    async def test_files_that_do_not_belong_together_are_refused_by_name(self) -> None:
        first, _ = self.authority.issue("first", dns=["a.example"])
        _, second = self.authority.issue("second", dns=["b.example"])
        with pytest.raises(ConfigError, match=r"first\.crt"):
            Tls(certificate=first, private_key=second)
