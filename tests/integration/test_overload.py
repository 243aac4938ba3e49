"""A flood on a real UDP socket: the kernel tells how long datagrams wait, and users see what follows.

Only the pace of looking is the test's own: the beats are those of a virtual clock, and a wait of a nanosecond is long.  So
the outcome does not depend on how fast the machine is.
"""

import re
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import HostPort, Transport
from sip2xmpp.sip.overload import BEAT, QUIET, Level, Overload
from sip2xmpp.sip.transport import Transports
from sip2xmpp.sip.udp import DRAIN
from tests.events.gateway import Gateway
from tests.peers.gateway import Gateway as Process

reactor: Any = _reactor
LOOPBACK = "127.0.0.1"
ROUNDS = 20
"""Of the flood, at most."""


class RealTime:
    """The reactor's clock, which forgets what is still to come when the test is over."""

    def __init__(self) -> None:
        self.seconds = reactor.seconds
        self._calls: list[Any] = []

    def callLater(self, delay: float, call: Any, *args: Any) -> Any:
        self._calls.append(reactor.callLater(delay, call, *args))
        return self._calls[-1]

    def stop(self) -> None:
        for call in self._calls:
            if call.active():
                call.cancel()


class Loopback:
    """The network that a gateway is put on: real sockets."""

    def __init__(self) -> None:
        self.clock = RealTime()
        self.beats = Clock()
        counters = Counters()
        self.overload = Overload(self.beats, counters, late=1e-9)  # type: ignore[arg-type]
        self.transports = Transports(reactor, counters=counters, overload=self.overload)

    def host(self, *_: Any) -> Transports:
        self.place = self.transports.listen(Transport.UDP, LOOPBACK, 0)
        return self.transports


class Watcher:
    """One subscriber on a socket of its own; what it sends is written here and nowhere else."""

    def __init__(self, case: "OverloadTest", name: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        case.addCleanup(self.socket.close)
        self.socket.settimeout(10)
        self.socket.connect(case.network.place)
        self.here = HostPort(*self.socket.getsockname())
        self.name = name
        self.count = 0
        self.to_tag = ""

    def subscribe(self, expires: int = 600) -> bytes:
        """The next SUBSCRIBE: the first, or one in the dialog."""
        self.count += 1
        to = f";tag={self.to_tag}" if self.to_tag else ""
        return (
            "SUBSCRIBE sip:alice@sip.example.org SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.here};branch=z9hG4bK{self.name}{self.count};rport\r\n"
            f"From: <sip:{self.name}@sip.example.org>;tag=f\r\nTo: <sip:alice@sip.example.org>{to}\r\n"
            f"Call-ID: {self.name}@{self.here}\r\nCSeq: {self.count} SUBSCRIBE\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{self.name}@{self.here}>\r\nEvent: presence\r\nAccept: application/pidf+xml\r\n"
            f"Expires: {expires}\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    async def ask(self, octets: bytes) -> str:
        """Send a request; its final response.  NOTIFYs that come meanwhile are answered."""
        self.socket.send(octets)
        return await deferToThread(self._answer)

    async def notified(self) -> str:
        """The next NOTIFY."""
        return await deferToThread(self._notify)

    def _answer(self) -> str:
        while True:
            text = self.socket.recv(65536).decode()
            if text.startswith("SIP/2.0"):
                tag = re.search(r"\r\nTo:[^\r]*;tag=(\w+)", text)
                if text.startswith("SIP/2.0 2") and tag:
                    self.to_tag = tag[1]
                return text
            self._take(text)

    def _notify(self) -> str:
        while True:
            text = self.socket.recv(65536).decode()
            if text.startswith("NOTIFY"):
                self._take(text)
                return text

    def _take(self, text: str) -> None:
        head = text.partition("\r\n\r\n")[0].split("\r\n")
        echoed = [line for line in head if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
        self.socket.send("\r\n".join(["SIP/2.0 200 OK", *echoed, "Content-Length: 0", "", ""]).encode())


class OverloadTest(TestCase):
    def setUp(self) -> None:
        self.network = Loopback()
        self.gateway = Gateway(self.network)  # type: ignore[arg-type]
        self.stranger = Watcher(self, "stranger")

    async def tearDown(self) -> None:
        self.gateway.agent.stop()
        self.gateway.store.close()
        self.network.clock.stop()
        await self.network.transports.close()

    async def flood(self, until: Level) -> None:
        """More at once than a turn takes, again and again, a beat each time, until so much is refused."""
        for _ in range(ROUNDS):
            for _ in range(2 * DRAIN):
                self.stranger.socket.send(self.stranger.subscribe())
            await deferLater(reactor, 0.01, lambda: None)
            self.network.beats.advance(BEAT)
            if self.network.overload.level >= until:
                return
        raise AssertionError(f"no overload: {self.network.overload.report()}")

    async def test_who_is_there_stays_and_who_is_new_comes_later(self) -> None:
        bob, romeo = Watcher(self, "bob"), Watcher(self, "romeo")
        assert (await bob.ask(bob.subscribe())).startswith("SIP/2.0 200 ")
        assert "active;expires=600" in await bob.notified()
        await self.flood(until=Level.NEW)

        refused = await romeo.ask(romeo.subscribe())
        assert refused.startswith("SIP/2.0 503 ")
        assert 5 <= int(refused.partition("Retry-After: ")[2].partition("\r\n")[0]) < 15
        assert (await bob.ask(bob.subscribe(900))).startswith("SIP/2.0 200 ")
        assert "active;expires=900" in await bob.notified()
        counters = self.network.transports.counters
        assert counters.shed >= 1 and self.network.overload.report()["state"] == "shedding"

        self.network.beats.advance(BEAT)
        assert self.network.overload.level is Level.NONE
        assert (await romeo.ask(romeo.subscribe())).startswith("SIP/2.0 200 ")
        assert "active" in await romeo.notified()
        for _ in range(QUIET):
            self.network.beats.advance(BEAT)
        assert self.network.overload.report() == {"state": "none"}

    async def test_what_the_kernel_had_no_room_for_is_counted(self) -> None:
        port = self.network.transports._ports[0]
        port._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert self.network.transports.receive_buffer_drops() == 0
        for _ in range(100):
            self.stranger.socket.send(self.stranger.subscribe())
        drops = self.network.transports.receive_buffer_drops()
        assert drops is not None and 0 < drops < 100


def test_an_operator_sees_that_there_is_no_overload(tmp_path: Path) -> None:
    with Process(tmp_path, settings={"gateway": {"state": "memory:"}}) as gateway:
        report = gateway.health()
        assert report["status"] == "ok"
        sip = report["legs"]["sip"]
        assert sip["overload"] == {"state": "none"} and sip["receive_buffer_drops"] == 0
        assert sip["counters"]["shed"] == 0
        assert "overload state none" in gateway.run("status")
