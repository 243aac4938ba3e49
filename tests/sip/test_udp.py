"""A UDP port over a socket that misbehaves on demand."""

import errno
import socket
import struct
from typing import Any

import pytest
from twisted.python.failure import Failure

from sip2xmpp.errors import BadMessage, TransportFailed
from sip2xmpp.sip import udp
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.udp import UdpPort
from tests.sip.scene import BOB, US

Ancillary = list[tuple[int, int, bytes]]


class Socket:
    """A socket on which things are laid: errors to raise when sending, datagrams and errors to receive."""

    def __init__(self) -> None:
        self.refusals: list[OSError] = []
        self.sent: list[bytes] = []
        self.arriving: list[tuple[bytes, Any] | OSError] = []
        self.errors: list[tuple[bytes, Ancillary]] = []
        self.is_open = True

    def getsockname(self) -> tuple[str, int]:
        return US

    def fileno(self) -> int:
        return 7 if self.is_open else -1

    def close(self) -> None:
        self.is_open = False

    def sendto(self, octets: bytes, peer: object) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append(octets)

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        if not self.arriving:
            raise BlockingIOError
        arrived = self.arriving.pop(0)
        if isinstance(arrived, OSError):
            raise arrived
        return arrived

    def recvmsg(self, size: int, room: int, flags: int) -> tuple[bytes, Ancillary, int, Any]:
        if not self.errors:
            raise BlockingIOError
        octets, ancillary = self.errors.pop(0)
        return octets, ancillary, 0, None


class Reactor:
    def __init__(self) -> None:
        self.readers: set[object] = set()
        self.writers: set[object] = set()
        self.addReader, self.removeReader = self.readers.add, self.readers.discard
        self.addWriter, self.removeWriter = self.writers.add, self.writers.discard


class User:
    def __init__(self) -> None:
        self.got: list[tuple[bytes, Flow]] = []
        self.dead: list[tuple[bytes, str]] = []
        self.faulty = False

    def received(self, octets: bytes, flow: Flow) -> None:
        if self.faulty:
            raise RuntimeError("ours")
        self.got.append((octets, flow))

    def unreachable(self, octets: bytes, why: str) -> None:
        self.dead.append((octets, why))

    def malformed(self, error: BadMessage, flow: Flow) -> None: ...
    def lost(self, flow: Flow) -> None: ...


class Port:
    def __init__(self) -> None:
        self.socket, self.reactor, self.user, self.counters = Socket(), Reactor(), User(), Counters()
        self.port = UdpPort(self.reactor, self.socket, self.user, self.counters)  # type: ignore[arg-type]


@pytest.fixture
def it() -> Port:
    return Port()


def refused() -> tuple[bytes, Ancillary]:
    form = struct.pack("=IBBBBII", errno.ECONNREFUSED, 2, 3, 3, 0, 0, 0)
    return b"the datagram", [(socket.IPPROTO_IP, 11, form), (socket.SOL_SOCKET, 2, b"else")]


def test_what_the_kernel_has_no_room_for_waits_in_order(it: Port) -> None:
    it.socket.refusals = [BlockingIOError()]
    for octets in (b"1", b"2", b"3"):
        it.port.send(octets, BOB)
    assert not it.socket.sent and it.port in it.reactor.writers
    it.socket.refusals = [BlockingIOError()]
    it.port.doWrite()
    assert not it.socket.sent and it.port in it.reactor.writers
    it.port.doWrite()
    assert it.socket.sent == [b"1", b"2", b"3"] and not it.reactor.writers


def test_what_waits_has_a_bound(it: Port) -> None:
    it.socket.refusals = [BlockingIOError()]
    for _ in range(udp.QUEUE + 5):
        it.port.send(b"x", BOB)
    assert it.counters.dropped == 5


def test_what_waited_in_vain_is_dropped(it: Port) -> None:
    it.socket.refusals = [BlockingIOError()]
    it.port.send(b"1", BOB)
    it.port.send(b"2", BOB)
    it.socket.refusals = [OSError(errno.ENETUNREACH, "gone")]
    it.port.doWrite()
    assert it.socket.sent == [b"2"] and it.counters.dropped == 1


def test_the_error_of_an_earlier_datagram_does_not_stop_this_one(it: Port) -> None:
    it.socket.refusals = [ConnectionRefusedError()]
    it.socket.errors = [refused()]
    it.port.send(b"1", BOB)
    assert it.socket.sent == [b"1"]
    assert it.user.dead == [(b"the datagram", "Connection refused")]


def test_what_the_system_cannot_send_fails(it: Port) -> None:
    it.socket.refusals = [OSError(errno.ENETUNREACH, "no network")] * 2
    with pytest.raises(TransportFailed, match="no network"):
        it.port.send(b"1", BOB)


def test_an_error_between_datagrams_loses_none_of_them(it: Port) -> None:
    it.socket.arriving = [(b"one", BOB), ConnectionRefusedError(), (b"two", BOB)]
    it.socket.errors = [refused()]
    it.port.doRead()
    assert [octets for octets, _ in it.user.got] == [b"one", b"two"] and len(it.user.dead) == 1


def test_a_fault_of_ours_does_not_stop_the_reader(it: Port) -> None:
    it.user.faulty = True
    it.socket.arriving = [(b"one", BOB), (b"two", BOB)]
    it.port.doRead()
    assert not it.socket.arriving


def test_others_get_their_turn(it: Port) -> None:
    it.socket.arriving = [(b"x", BOB)] * (udp.DRAIN + 1)
    it.port.doRead()
    assert len(it.socket.arriving) == 1


def test_a_hang_up_that_is_an_error_is_survived(it: Port) -> None:
    it.socket.refusals = [BlockingIOError()]
    it.port.send(b"1", BOB)
    it.reactor.readers.clear()
    it.reactor.writers.clear()
    it.socket.errors = [refused()]
    it.port.connectionLost(Failure(ConnectionError()))
    assert it.reactor.readers == {it.port} and it.reactor.writers == {it.port} and it.user.dead
    it.port.close()
    it.port.connectionLost(Failure(ConnectionError()))
    assert not it.reactor.readers and not it.reactor.writers


def test_flows_are_made_once_and_not_without_bound(it: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "REMEMBERED", 2)
    it.socket.arriving = [(b"x", ("192.0.2.9", port)) for port in (1, 1, 2, 3, 3)]
    it.port.doRead()
    flows = [flow for _, flow in it.user.got]
    assert flows[0] is flows[1] and flows[3] is flows[4]
    assert [flow.peer.port for flow in flows] == [1, 1, 2, 3, 3]
