"""A UDP port over a socket that misbehaves on demand."""

import errno
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sip2xmpp.errors import BadMessage, TransportFailed
from sip2xmpp.sip import udp
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.overload import Overload
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
        self.said: Ancillary = []
        """What the kernel says about a datagram when it is asked."""
        self.drops: int | None = 0
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

    def recvmsg(self, size: int, room: int, flags: int = 0) -> tuple[bytes, Ancillary, int, Any]:
        if not flags:
            octets, address = self.recvfrom(size)
            return octets, self.said, 0, address
        if not self.errors:
            raise BlockingIOError
        octets, ancillary = self.errors.pop(0)
        return octets, ancillary, 0, None

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        if self.drops is None:
            raise OSError(errno.ENOPROTOOPT, "not here")
        return struct.pack("=9I", *range(8), self.drops)


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
        self.does: Callable[[bytes, Flow], None] = lambda *_: None
        """What it does with what it gets."""

    def received(self, octets: bytes, flow: Flow) -> None:
        if self.faulty:
            raise RuntimeError("ours")
        self.got.append((octets, flow))
        self.does(octets, flow)

    def unreachable(self, octets: bytes, why: str) -> None:
        self.dead.append((octets, why))

    def malformed(self, error: BadMessage, flow: Flow) -> None: ...
    def lost(self, flow: Flow) -> None: ...


class Watched(Overload):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(Clock(), Counters())
        self.waits: list[float] = []
        self.losses = 0

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def lost(self) -> None:
        self.losses += 1


class Port:
    def __init__(self) -> None:
        self.socket, self.reactor, self.user, self.counters = Socket(), Reactor(), User(), Counters()
        self.overload = Watched()
        self.port = UdpPort(self.reactor, self.socket, self.user, self.counters, self.overload)  # type: ignore[arg-type]


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


def test_a_full_send_buffer_does_not_hold_up_others_when_it_has_room_again(it: Port) -> None:
    it.socket.refusals = [BlockingIOError()]
    numbers = [b"%d" % number for number in range(2 * udp.DRAIN + 1)]
    for octets in numbers:
        it.port.send(octets, BOB)
    for turn in (1, 2):
        it.port.doWrite()
        assert len(it.socket.sent) == turn * udp.DRAIN and it.port in it.reactor.writers
        it.port.send(b"late", BOB)
    it.port.doWrite()
    assert it.socket.sent == [*numbers, b"late", b"late"] and not it.reactor.writers


# how long datagrams wait


def stamped(seconds_ago: float) -> Ancillary:
    at = time.time() - seconds_ago
    return [
        (socket.SOL_SOCKET, 35, struct.pack("@ll", int(at), int(at % 1 * 1e9))),
        (socket.SOL_SOCKET, 2, b""),
    ]


def test_who_takes_what_there_is_measures_nothing(it: Port) -> None:
    it.socket.said = stamped(9.0)
    it.socket.arriving = [(b"x", BOB)] * (udp.DRAIN - 1)
    it.port.doRead()
    assert not it.overload.waits


def test_when_there_is_more_than_a_turn_takes_the_next_one_tells_how_long_it_has_waited(it: Port) -> None:
    it.socket.said = stamped(2.5)
    it.socket.arriving = [(b"%d" % number, BOB) for number in range(2 * udp.DRAIN + 5)]
    for _ in range(3):
        it.port.doRead()
    first, second, emptied = it.overload.waits
    assert 2.5 <= first < 60 and 2.5 <= second < 60 and emptied == 0.0
    assert [octets for octets, _ in it.user.got] == [b"%d" % number for number in range(2 * udp.DRAIN + 5)]
    it.port.doRead()
    assert len(it.overload.waits) == 3


def test_where_the_kernel_keeps_no_time_nothing_is_invented(it: Port) -> None:
    it.socket.drops = None
    it.socket.arriving = [(b"x", BOB)] * (udp.DRAIN + 5)
    it.port.doRead()
    it.port.doRead()
    assert it.overload.waits == [0.0] and not it.overload.losses and it.port.drops() is None


def test_an_error_instead_of_the_datagram_that_is_timed_loses_none(it: Port) -> None:
    it.socket.arriving = [(b"x", BOB)] * udp.DRAIN + [ConnectionRefusedError(), (b"y", BOB)]
    it.socket.errors = [refused()]
    it.socket.said = stamped(1.0)
    it.port.doRead()
    it.port.doRead()
    assert it.user.got[-1][0] == b"y" and it.user.dead and len(it.overload.waits) == 2


def test_many_datagrams_that_found_no_room_are_told_and_a_few_are_not(it: Port) -> None:
    it.socket.arriving = [(b"x", BOB)] * (4 * udp.DRAIN + 5)
    it.port.doRead()
    for drops, losses in ((udp.LOSSES, 1), (2 * udp.LOSSES - 1, 1), (3 * udp.LOSSES - 1, 2)):
        it.socket.drops = drops
        it.port.doRead()
        assert it.overload.losses == losses and it.port.drops() == drops


# Answering while reading


def test_answers_go_out_together_and_in_order_and_none_waits_for_the_next_turn(it: Port) -> None:
    it.user.does = lambda octets, flow: it.port.send(octets, flow.peer)
    numbers = [b"%d" % number for number in range(2 * udp.TOGETHER + 3)]
    it.socket.arriving = [(octets, BOB) for octets in numbers]
    sent = []
    receive = it.socket.recvfrom

    def noting(size: int) -> tuple[bytes, Any]:
        sent.append(len(it.socket.sent))
        return receive(size)

    it.socket.recvfrom = noting  # type: ignore[method-assign]
    it.port.doRead()
    assert it.socket.sent == numbers
    assert sorted(set(sent)) == [0, udp.TOGETHER, 2 * udp.TOGETHER]


def test_who_cannot_be_sent_an_answer_is_told_as_unreachable_and_costs_nobody_else(it: Port) -> None:
    it.user.does = lambda octets, flow: it.port.send(octets, flow.peer)
    it.socket.arriving = [(b"one", BOB), (b"two", BOB)]
    it.socket.refusals = [OSError(errno.ENETUNREACH, "no way"), OSError(errno.ENETUNREACH, "no way")]
    it.port.doRead()
    assert [octets for octets, _ in it.user.dead] == [b"one"] and it.counters.dropped == 1
    assert it.socket.sent == [b"two"]


def test_what_was_not_sent_when_the_port_closed_is_forgotten(it: Port) -> None:
    def answer_and_close(octets: bytes, flow: Flow) -> None:
        it.port.send(octets, flow.peer)
        it.port.close()

    it.user.does = answer_and_close
    it.socket.arriving = [(b"one", BOB)]
    it.port.doRead()
    assert it.socket.sent == [] and it.user.dead == []


def test_a_socket_gives_way_to_others_as_soon_as_its_time_is_up(
    it: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp, "SPELL", -1.0)
    it.socket.arriving = [(b"x", BOB)] * (2 * udp.LOOK)
    it.port.doRead()
    assert len(it.user.got) == udp.LOOK
    it.port.doRead()
    assert len(it.user.got) == 2 * udp.LOOK
