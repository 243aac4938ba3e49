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


def test_what_this_program_has_opened_itself_is_not_taken_for_what_it_was_started_with(
    udp: socket.socket,
) -> None:
    """Whoever says that there are more than there are would have the state file closed."""
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(udp.fileno())}
    assert inherited(environment).take(socket.SOCK_DGRAM, *udp.getsockname()) is None
    os.fstat(udp.fileno())


def test_an_address_is_found_in_whatever_form_it_is_written() -> None:
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.bind(("::1", 0))
    port = made.getsockname()[1]
    with made:
        found = Inherited([os.dup(made.fileno())]).take(socket.SOCK_DGRAM, "0:0:0:0:0:0:0:1", port)
        assert found is not None
        found.close()


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
