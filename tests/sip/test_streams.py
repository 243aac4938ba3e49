"""How many connections there may be, and who has to go."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sip2xmpp.errors import BadMessage, ConfigError, TransportFailed
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import Flow, Target, Transport
from sip2xmpp.sip.streams import RECENT, Streams, words_of
from sip2xmpp.sip.tcp import Connection
from tests.fakes import result_of
from tests.sip.scene import BOB
from tests.sip.test_tcp import MESSAGE, Wire


class User:
    def __init__(self) -> None:
        self.got: list[Flow] = []
        self.lost_flows: list[Flow] = []

    def received(self, octets: bytes, flow: Flow) -> None:
        self.got.append(flow)

    def malformed(self, error: BadMessage, flow: Flow) -> None: ...
    def unreachable(self, octets: bytes, why: str) -> None: ...

    def lost(self, flow: Flow) -> None:
        self.lost_flows.append(flow)


class PeerWire(Wire):
    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.peerAddr = IPv4Address("TCP", host, port)


@pytest.fixture
def user() -> User:
    return User()


@pytest.fixture
def streams(clock: Clock, user: User) -> Streams:
    return Streams(clock, user, Counters(), None, limit=16)


def call(streams: Streams, host: str, port: int = 1) -> tuple[Connection | None, Any]:
    connection = streams.accepted(Transport.TCP, host)
    wire = PeerWire(host, port)
    if connection is not None:
        connection.makeConnection(wire)
        connection.dataReceived(MESSAGE)
    return connection, wire


def test_one_host_cannot_have_them_all(streams: Streams) -> None:
    made = [call(streams, "192.0.2.66", port)[0] for port in range(6)]
    assert [one is not None for one in made] == [True] * 4 + [False] * 2
    first = made[0]
    assert first is not None
    first.connectionLost()
    assert call(streams, "192.0.2.66")[0] is not None


def test_at_the_bound_the_most_silent_makes_room(streams: Streams, clock: Clock) -> None:
    wires = []
    for number in range(16):
        wires.append(call(streams, f"192.0.2.{number}")[1])
        clock.advance(1)
    assert call(streams, "198.51.100.1")[0] is None
    clock.advance(RECENT)
    assert call(streams, "198.51.100.1")[0] is not None
    assert [wire.aborted for wire in wires] == [True] + [False] * 15


def test_a_flow_dies_with_its_connection(streams: Streams, user: User) -> None:
    connection, wire = call(streams, BOB.host, BOB.port)
    assert connection is not None and connection.flow is not None
    streams.send(b"one", connection.flow)
    anew = Flow.from_text(connection.flow.to_text())
    streams.send(b"two", anew)
    assert wire.value() == b"onetwo"
    connection.connectionLost()
    assert user.lost_flows == [connection.flow]
    for flow in (connection.flow, anew):
        with pytest.raises(TransportFailed):
            streams.send(b"three", flow)


def test_a_connection_that_a_peer_opened_is_used_to_reach_it(streams: Streams) -> None:
    connection, _ = call(streams, BOB.host, BOB.port)
    assert connection is not None
    opened = streams.open(Target(transport=Transport.TCP, host=BOB.host, port=BOB.port))
    assert result_of(opened) == connection.flow


def test_tls_is_not_spoken_without_what_it_needs(streams: Streams) -> None:
    assert streams.speaks == (Transport.TCP,)
    with pytest.raises(TransportFailed):
        result_of(streams.open(Target(transport=Transport.TLS, host=BOB.host, port=BOB.port)))
    with pytest.raises(ConfigError):
        streams.listen(Transport.TLS, "127.0.0.1", 0)


def test_closing_waits_for_the_connections_but_not_for_ever(streams: Streams, clock: Clock) -> None:
    connection, wire = call(streams, BOB.host)
    ended: list[None] = []
    streams.close().addCallback(ended.append)
    assert connection is not None and wire.disconnecting and not ended
    assert streams.accepted(Transport.TCP, "192.0.2.1") is None
    with pytest.raises(TransportFailed):
        result_of(streams.open(Target(transport=Transport.TCP, host="192.0.2.2", port=1)))
    clock.advance(3)
    assert wire.aborted
    connection.connectionLost()
    assert ended == [None] and not clock.getDelayedCalls()


def test_why_a_connection_was_not_made_is_one_line() -> None:
    lost = Failure(ConnectionLost("Connection lost."))
    assert "Traceback" in str(Failure(ConnectError(string=lost)).value)
    words = words_of(Failure(ConnectError(string=lost)))
    assert "non-clean" in words
    assert "Traceback" not in words and "\n" not in words
