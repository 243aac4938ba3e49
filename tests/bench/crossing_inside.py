"""What one delivery costs the gateway itself: ``python -m tests.bench.crossing_inside [--profile]``.

The whole gateway in this process, without a reactor and without an XMPP server: requests are handed to the transport layer,
octets of the component stream to the stream's parser, time is virtual, and what is sent ends in a list.  So the figures are
microseconds of processor time that the gateway spends on a delivery and nothing else, and can be compared from one version to
the next on a machine that is busy with other things: the best of several rounds counts.
"""

import argparse
import cProfile
import gc
import pstats
import socket
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from twisted.internet.task import Clock
from twisted.words.protocols.jabber.xmlstream import Authenticator

from sip2xmpp.assembly import assemble
from sip2xmpp.config import read
from sip2xmpp.sip.flow import UDP, Flow, HostPort
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.xmpp.stream import ComponentStream
from tests.bench.crossing_messages import DOCUMENT, PUBLISH, SUBSCRIBE, taken

DOMAIN: Final = "sip.example.org"
JABBER: Final = "jabber.example"
CONFIGURATION: Final = {
    "gateway": {"state": "memory:"},
    "sip": {"domains": [DOMAIN], "listen": ["udp:127.0.0.1:5060"], "authentication": "none"},
    "xmpp": {"server": "127.0.0.1:5347", "secret": "s3cret", "domains": [DOMAIN]},
    "dns": {"domains": {JABBER: "xmpp"}},
    "presence": {"default": "allow"},
}
HEADER: Final = (
    f"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
    f"xmlns='jabber:component:accept' from='{DOMAIN}' id='1'>"
)
EXTRAS: Final = (
    "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>"
    "<x xmlns='vcard-temp:x:update'><photo>01b87fcd030b72895ff8e88db57ec525450f000d</photo></x>"
)
"""What clients send with every presence."""
START: Final = 1_800_000_000.0
PRESENTITIES: Final = 20
CLIENTS: Final = 10
BATCH: Final = 16
"""Changes that arrive together."""


class Time(Clock):
    """Virtual time that also takes descriptors, and never looks at them."""

    rightNow = START

    def addReader(self, _: object) -> None: ...

    def removeReader(self, _: object) -> None: ...

    def addWriter(self, _: object) -> None: ...

    def removeWriter(self, _: object) -> None: ...

    def turns(self) -> None:
        """Let everything happen that is due now."""
        while any(call.getTime() <= self.rightNow for call in self.calls):
            self.advance(0)


class Line:
    """The transport of the component stream: what was written, in the portions in which it was."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, octets: bytes) -> None:
        self.written.append(octets)

    def writeSequence(self, many: list[bytes]) -> None:
        self.written.append(b"".join(many))

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def take(self) -> bytes:
        taken, self.written = b"".join(self.written), []
        return taken


class Inside:
    """A gateway whose component link is up, and a UDP socket that plays all SIP users."""

    def __init__(self) -> None:
        self.time = Time()
        clock: Any = self.time
        self.parts = assemble(read(CONFIGURATION, Path(), {}), MemoryStore(clock), clock, Random(1))
        local = self.parts.transports.listen(UDP, "127.0.0.1", 0)
        self._phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        self._phone.bind(("127.0.0.1", 0))
        self._phone.setblocking(False)
        here = HostPort(*self._phone.getsockname())
        self.here = f"{here.host}:{here.port}".encode()
        self._flow = Flow(transport=UDP, local=local, peer=here)
        self.line = Line()
        self.stream: Any = ComponentStream(Authenticator())  # type: ignore[no-untyped-call]
        self.stream.makeConnection(self.line)  # type: ignore[no-untyped-call]
        self.stream.dataReceived(HEADER.encode())
        assert self.parts.xmpp is not None
        (link,) = self.parts.xmpp.links
        link.makeConnection(self.stream)
        link.connectionInitialized()
        self.line.take()
        self._number = 0
        self.spent = 0.0
        self.profile: cProfile.Profile | None = None

    def work(self, what: Callable[[], None]) -> None:
        """Do this and all that follows from it, and count the processor time; then 10 ms pass."""
        if self.profile is not None:
            self.profile.enable()
        began = time.process_time()
        what()
        self.time.turns()
        self.spent += time.process_time() - began
        if self.profile is not None:
            self.profile.disable()
        self.time.advance(0.01)

    def sip(self, requests: list[bytes]) -> None:
        """So many datagrams arrive."""
        received = self.parts.transports.received
        for octets in requests:
            received(octets, self._flow)

    def datagrams(self) -> list[bytes]:
        """What was sent to the SIP users since the last time."""
        found = []
        while True:
            try:
                found.append(self._phone.recv(65536))
            except BlockingIOError:
                return found

    def settle(self) -> list[bytes]:
        """Answer NOTIFYs until none comes any more; returns them."""
        notifies = []
        while came := [octets for octets in self.datagrams() if octets.startswith(b"NOTIFY")]:
            notifies += came
            answers = [taken(octets) for octets in came]
            self.work(lambda answers=answers: self.sip(answers))  # type: ignore[misc]
        return notifies

    def number(self) -> int:
        self._number += 1
        return self._number

    def publish(self, presentity: bytes) -> bytes:
        """An initial PUBLISH that replaces what the same device published before."""
        number = self.number()
        body = DOCUMENT % {b"presentity": presentity, b"change": number}
        return PUBLISH % {
            b"presentity": presentity,
            b"here": self.here,
            b"number": number,
            b"condition": b"",
            b"length": len(body),
            b"body": body,
        }

    def subscribe(self, presentity: bytes, watcher: int) -> bytes:
        return SUBSCRIBE % {
            b"presentity": presentity,
            b"watcher": b"sip:watcher-%06d@%b" % (watcher, DOMAIN.encode()),
            b"here": self.here,
            b"number": self.number(),
            b"index": watcher,
        }


def presentity(index: int) -> bytes:
    """The URI of a SIP user."""
    return b"sip:watched-%06d@%b" % (index, DOMAIN.encode())


def to_jabber(inside: Inside, rounds: int, clients: int) -> Callable[[], float]:
    """20 SIP users, each watched by so many Jabber users; the result measures microseconds of one PUBLISH."""
    users = [presentity(100 * clients + index) for index in range(PRESENTITIES)]
    inside.work(lambda: inside.sip([inside.publish(user) for user in users]))
    asks = [
        f"<presence type='subscribe' from='juliet-{number:03d}@{JABBER}' to='{user.decode()[4:]}'/>"
        for user in users
        for number in range(clients)
    ]
    inside.work(lambda: inside.stream.dataReceived("".join(asks).encode()))
    inside.line.take()

    def measure() -> float:
        inside.spent = 0.0
        for first in range(rounds):
            batch = [inside.publish(users[(first + each) % len(users)]) for each in range(BATCH)]
            inside.work(lambda batch=batch: inside.sip(batch))  # type: ignore[misc]
            said = inside.line.take().count(b"<status")
            assert said == BATCH * clients, f"{said} deliveries"
            inside.datagrams()
        return inside.spent / (rounds * BATCH) * 1e6

    return measure


def to_sip(inside: Inside, rounds: int, users: int, watchers: int, first: int) -> Callable[[], float]:
    """So many Jabber users, each watched by so many SIP users; the result measures microseconds of one NOTIFY with its 200."""
    names = [f"romeo-{first + number:05d}@{JABBER}" for number in range(users)]
    pairs: list[tuple[str, str]] = []
    for name in names:
        for number in range(watchers):
            pairs.append((name, f"watcher-{first + number:06d}@{DOMAIN}"))
            octets = inside.subscribe(f"sip:{name}".encode(), first + number)
            octets = octets.replace(b"Call-ID: ", b"Call-ID: %b-" % name.encode())
            inside.work(lambda octets=octets: inside.sip([octets]))  # type: ignore[misc]
    inside.settle()
    approvals = [f"<presence type='subscribed' from='{name}' to='{to}'/>" for name, to in pairs]
    inside.work(lambda: inside.stream.dataReceived("".join(approvals).encode()))
    inside.settle()

    def measure() -> float:
        inside.spent = 0.0
        for _ in range(rounds):
            mark = inside.number()
            octets = "".join(
                f"<presence from='{name}/load' to='{to}' xml:lang='en'><show>{'away' if mark % 2 else 'dnd'}</show>"
                f"<status>change-{mark:09d}</status><priority>0</priority>{EXTRAS}</presence>"
                for name, to in pairs
            ).encode()
            inside.work(lambda octets=octets: inside.stream.dataReceived(octets))  # type: ignore[misc]
            told = len(inside.settle())
            assert told == len(pairs), f"{told} NOTIFYs"
        return inside.spent / (rounds * len(pairs)) * 1e6

    return measure


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=["to-jabber", "to-sip", "to-sip-50"], help="where the time goes")
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    inside = Inside()
    # nothing that a run keeps is garbage
    gc.disable()
    phases = {
        "publish": to_jabber(inside, 20, 0),
        "to-jabber": to_jabber(inside, 20, CLIENTS),
        "to-sip": to_sip(inside, 30, 10, 1, 1000),
        "to-sip-50": to_sip(inside, 6, 1, 50, 2000),
    }
    if chosen.profile is not None:
        inside.profile = cProfile.Profile()
        phases[chosen.profile]()
        pstats.Stats(inside.profile).sort_stats("tottime").print_stats(45)
        return
    best = dict.fromkeys(phases, float("inf"))
    for _ in range(chosen.rounds):
        for name, measure in phases.items():
            best[name] = min(best[name], measure())
    delivery = (best["to-jabber"] - best["publish"]) / CLIENTS
    print(f"PUBLISH, nobody watching      {best['publish']:8.1f} us")
    print(
        f"  with {CLIENTS} Jabber watchers     {best['to-jabber']:8.1f} us, so {delivery:.1f} us a delivery"
    )
    print(f"stanza -> NOTIFY, 200         {best['to-sip']:8.1f} us, one watcher a user")
    print(f"                              {best['to-sip-50']:8.1f} us, 50 watchers of one user")


if __name__ == "__main__":
    main()
