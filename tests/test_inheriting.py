"""Which sockets a process finds that it was started with, whatever its environment says."""

import os
import socket
from collections.abc import Iterator

import pytest

from sip2xmpp.inheriting import Inherited, inherited
from tests.peers.ports import LOOPBACK


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((LOOPBACK, 0))
        yield made


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.bind((LOOPBACK, 0))
        made.listen()
        yield made


def test_a_socket_is_found_by_kind_and_address_once(udp: socket.socket, tcp: socket.socket) -> None:
    held = Inherited([os.dup(udp.fileno()), os.dup(tcp.fileno())])
    assert held.take(socket.SOCK_STREAM, *udp.getsockname()) is None
    found = held.take(socket.SOCK_DGRAM, *udp.getsockname())
    assert found is not None
    with found:
        # one that blocks would stop the reactor, and one that is inherited further would never be closed
        assert not found.getblocking()
        assert not found.get_inheritable()
        assert found.getsockname() == udp.getsockname()
    assert held.take(socket.SOCK_DGRAM, *udp.getsockname()) is None
    assert held.close() == [f"tcp:{LOOPBACK}:{tcp.getsockname()[1]}"]


def test_what_was_waiting_is_read_by_whoever_takes_it(udp: socket.socket) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"early", udp.getsockname())
    found = Inherited([os.dup(udp.fileno())]).take(socket.SOCK_DGRAM, *udp.getsockname())
    assert found is not None
    with found:
        assert found.recv(100) == b"early"


def test_what_is_no_listening_internet_socket_is_named_and_closed(udp: socket.socket) -> None:
    reading, writing = os.pipe()
    unix, other = socket.socketpair()
    not_listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    twice = os.dup(udp.fileno())
    descriptors = [reading, writing, unix.detach(), not_listening.detach(), os.dup(udp.fileno()), twice]
    left = Inherited(descriptors).close()
    assert len(left) == len(descriptors)
    for each in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(each)
    other.close()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "3"},
        {"LISTEN_PID": "1", "LISTEN_FDS": "3"},
        {"LISTEN_PID": str(os.getpid())},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"},
    ],
)
def test_an_environment_that_is_not_for_us_gives_nothing(environment: dict[str, str]) -> None:
    assert inherited(environment).close() == []
