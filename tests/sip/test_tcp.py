"""One connection in virtual time: how long it lives, and when it stops reading and writing."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from sip2xmpp.errors import BadMessage, TransportFailed
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.tcp import CHOKED, CONNECT, FIRST_WORD, IDLE, PLENTY, UNSENT, Connection
from sip2xmpp.sip.timers import TimerWheel
from tests.sip.scene import BOB, US, their_request

MESSAGE = their_request(Via=f"SIP/2.0/TCP {BOB};branch=z9hG4bK1").replace("\n", "\r\n").encode()


class Wire(StringTransport):
    """A transport that a connection may also tune and abort."""

    def __init__(self) -> None:
        super().__init__(IPv4Address("TCP", *US), IPv4Address("TCP", *BOB))
        self.aborted = False

    def setTcpNoDelay(self, on: bool) -> None: ...
    def setTcpKeepAlive(self, on: bool) -> None: ...

    def abortConnection(self) -> None:
        self.aborted = True


class Owner:
    idle = IDLE

    def __init__(self, clock: Clock) -> None:
        self.wheel = TimerWheel(clock)
        self.events: list[Any] = []
        self.faulty = False

    def opened(self, connection: Connection) -> None:
        self.events.append("opened")

    def received(self, octets: bytes, flow: Flow) -> None:
        self.events.append(octets)
        if self.faulty:
            raise RuntimeError("ours")

    def stirred(self) -> None:
        self.events.append("stirred")

    def pinged(self, flow: Flow) -> None:
        self.events.append("ping")

    def malformed(self, error: BadMessage, flow: Flow) -> None:
        self.events.append(error)

    def closed(self, connection: Connection, why: str) -> None:
        self.events.append("closed")


@pytest.fixture
def owner(clock: Clock) -> Owner:
    return Owner(clock)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def connection(owner: Owner, wire: Wire) -> Connection:
    """One that the peer opened."""
    made = Connection(owner, 7, Transport.TCP)
    made.makeConnection(wire)
    return made


def test_its_flow_says_all(connection: Connection) -> None:
    assert connection.flow == Flow(transport=Transport.TCP, local=US, peer=BOB, connection=7)


def test_whoever_says_nothing_is_hung_up_on(connection: Connection, wire: Wire, clock: Clock) -> None:
    connection.dataReceived(b"\r\n\r\nMESSAGE")
    clock.advance(FIRST_WORD - 1)
    assert not wire.aborted
    clock.advance(1.1)
    assert wire.aborted


def test_what_is_no_sip_is_hung_up_on_at_once(connection: Connection, wire: Wire, owner: Owner) -> None:
    connection.dataReceived(b"\x16\x03\x01\x00")
    assert wire.aborted and owner.events == ["opened"]


def test_a_silent_connection_is_closed_in_the_end_and_a_used_one_later(
    connection: Connection, wire: Wire, clock: Clock
) -> None:
    connection.dataReceived(MESSAGE)
    clock.advance(IDLE - 10)
    connection.write(b"x")
    clock.advance(IDLE - 10)
    assert not wire.disconnecting
    clock.advance(11)
    assert wire.disconnecting and not wire.aborted
    with pytest.raises(TransportFailed):
        connection.write(b"x")
    clock.advance(CHOKED + 1)
    assert wire.aborted, "the peer does not hang up either"


def test_a_peer_that_promised_to_say_something_is_gone_when_it_does_not(
    connection: Connection, wire: Wire, clock: Clock
) -> None:
    connection.dataReceived(MESSAGE)
    connection.limit_silence(135.0)
    for _ in range(4):
        clock.advance(100)
        connection.dataReceived(b"\r\n\r\n")
    clock.advance(100)
    connection.write(b"what we say does not count")
    assert not wire.aborted
    clock.advance(36)
    assert wire.aborted


def test_a_peer_that_does_not_read_is_not_read_from(connection: Connection, wire: Wire, clock: Clock) -> None:
    connection.dataReceived(MESSAGE)
    connection.pauseProducing()
    assert wire.producerState == "paused"
    connection.write(b"x" * (UNSENT - 1))
    connection.resumeProducing()
    assert wire.producerState == "producing"
    clock.advance(CHOKED + 1)
    assert not wire.aborted
    connection.write(b"x" * UNSENT)


def test_too_much_unread_ends_it(connection: Connection, wire: Wire) -> None:
    connection.pauseProducing()
    connection.write(b"x" * UNSENT)
    with pytest.raises(TransportFailed, match="does not read"):
        connection.write(b"x")
    assert wire.aborted


def test_too_long_unread_ends_it(connection: Connection, wire: Wire, clock: Clock) -> None:
    connection.dataReceived(MESSAGE)
    connection.pauseProducing()
    clock.advance(CHOKED + 0.1)
    assert wire.aborted


def test_a_fault_of_ours_does_not_lose_the_messages_behind_it(connection: Connection, owner: Owner) -> None:
    owner.faulty = True
    connection.dataReceived(MESSAGE + MESSAGE)
    assert owner.events.count(MESSAGE) == 2


def test_after_lost_framing_nothing_more_is_read(connection: Connection, wire: Wire, owner: Owner) -> None:
    connection.dataReceived(MESSAGE.replace(b"Content-Length: 5\r\n", b"") + MESSAGE)
    connection.dataReceived(MESSAGE)
    assert wire.disconnecting
    assert isinstance(owner.events[-1], BadMessage) and MESSAGE not in owner.events


def test_one_that_we_open_has_little_time_for_its_handshake(owner: Owner, wire: Wire, clock: Clock) -> None:
    ours = Connection(owner, 8, Transport.TLS, (Transport.TLS, HostPort(*BOB), "example.com"))
    ours.makeConnection(wire)
    assert not owner.events and not ours.is_usable
    clock.advance(CONNECT + 0.1)
    assert wire.aborted


def test_one_that_we_open_may_be_silent(owner: Owner, wire: Wire, clock: Clock) -> None:
    ours = Connection(owner, 8, Transport.TCP, (Transport.TCP, HostPort(*BOB), ""))
    ours.makeConnection(wire)
    clock.advance(FIRST_WORD * 10)
    assert not wire.aborted and ours.is_usable


def test_a_peer_that_sends_as_much_as_is_taken_at_once_is_told(connection: Connection, owner: Owner) -> None:
    connection.dataReceived(MESSAGE)
    assert "stirred" not in owner.events
    connection.dataReceived(MESSAGE * (PLENTY // len(MESSAGE) + 1))
    assert owner.events.count("stirred") == 1
