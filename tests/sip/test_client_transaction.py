"""RFC 3261 section 17.1.2, figure 6, over the network in memory."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.errors import Sip2XmppError, TransactionTimeout, TransportFailed
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.client_transaction import TimerValues
from sip2xmpp.sip.flow import Flow, Target, Transport
from sip2xmpp.sip.message import Request, Response, make_response
from tests.conftest import START
from tests.fakes import Host, Network, RawPeer, result_of
from tests.sip.scene import BOB, TO_BOB, US, our_request

UNTIL_T2 = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
"""When a request that nobody answers is sent (section 17.1.2.2)."""


class Sent:
    """One prepared request and what became of it."""

    def __init__(self, agent: UserAgent, flow: Flow = TO_BOB, request: Request | None = None) -> None:
        self.results: list[Response | Sip2XmppError] = []
        head, _, tail = (request or our_request()).to_bytes().partition(b"\r\n")
        agent.send_prepared(head + b"\r\n", tail, "NOTIFY", flow, self.results.append)

    @property
    def status(self) -> int:
        [result] = self.results
        assert isinstance(result, Response), result
        return result.status


def times_at(network: Network, bob: RawPeer) -> list[float]:
    """When datagrams to bob left, relative to the first."""
    times: list[float] = []

    def note(octets: bytes, source: object, goal: object) -> bool:
        if goal == bob.place:
            times.append(network.clock.seconds() - START)
        return False

    network.drops = note
    return times


def test_retransmission_follows_timer_e_until_timer_f(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    times = times_at(network, bob)
    sent = Sent(agent)
    network.drive(60)
    assert times == UNTIL_T2
    assert isinstance(sent.results[0], TransactionTimeout) and len(sent.results) == 1
    assert len(set(bob.arrived)) == 1
    assert agent.counters.timeouts == 1 and agent.counters.retransmitted == 10


def test_a_provisional_response_slows_retransmission_to_t2(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    times = times_at(network, bob)
    sent = Sent(agent)
    network.drive(0.1)
    bob.send(make_response(bob.requests[0], 100).to_bytes(), US)
    network.drive(60)
    assert times == [0.0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert isinstance(sent.results[0], TransactionTimeout)


@pytest.mark.parametrize("status", [200, 202, 302, 404, 489, 503, 603, 699])
def test_the_first_final_response_ends_it(
    network: Network, agent: UserAgent, bob: RawPeer, status: int
) -> None:
    sent = Sent(agent)
    network.drive(0.1)
    for _ in range(3):
        bob.send(make_response(bob.requests[0], status, "Whatever").to_bytes(), US)
    network.drive(60)
    assert sent.status == status
    assert len(bob.arrived) == 1
    assert agent.counters.dropped == 2
    assert agent.wheel.running() == 0


def test_each_request_has_its_own_branch(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    for _ in range(300):
        Sent(agent)
    network.drive(0.1)
    assert len({request.via.branch for request in bob.requests}) == 300
    assert all((request.via.branch or "").startswith("z9hG4bK") for request in bob.requests)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda octets: octets.replace(b"z9hG4bK", b"z9hG4bL"),
        lambda octets: octets.replace(b"NOTIFY", b"SUBSCRIBE"),
        lambda octets: octets.replace(b"SIP/2.0 200", b"SIP/2.0 099"),
        lambda octets: octets.replace(b"SIP/2.0 200", b"SIP/2.0 700"),
        lambda octets: octets.replace(b"SIP/2.0 200 OK", b"SIP/2.0 400 No").replace(b"CSeq", b"XSeq"),
    ],
)
def test_a_response_that_does_not_fit_is_dropped(
    network: Network, agent: UserAgent, bob: RawPeer, spoil: object
) -> None:
    sent = Sent(agent)
    network.drive(0.1)
    bob.send(spoil(make_response(bob.requests[0], 200).to_bytes()), US)  # type: ignore[operator]
    network.drive(0.1)
    assert not sent.results
    bob.send(make_response(bob.requests[0], 200).to_bytes(), US)
    network.drive(1)
    assert sent.status == 200


@pytest.mark.parametrize(
    "reshape",
    [
        lambda octets: octets.replace(b"SIP/2.0 200 OK", b"SIP/2.0 200 "),
        lambda octets: octets.replace(b"SIP/2.0 200 OK", b"SIP/2.0 200"),
        lambda octets: octets.replace(b"SIP/2.0 200 OK", b"sip/2.0 200 OK"),
        lambda octets: octets.replace(b"SIP/2.0 200 OK", "SIP/2.0 200 好".encode()),
        lambda octets: octets.replace(b"CSeq: 7 NOTIFY", b"CSeq:\t0007   NOTIFY  "),
        lambda octets: octets.replace(b"Via: SIP/2.0/UDP", b"v:  SIP / 2.0 / UDP"),
        lambda octets: octets.replace(b"Via:", b"X-Note: z9hG4bK0000000000000000\r\nVia:"),
    ],
)
def test_a_response_in_odd_dress_is_recognized(
    network: Network, agent: UserAgent, bob: RawPeer, reshape: object
) -> None:
    sent = Sent(agent)
    network.drive(0.1)
    bob.send(reshape(make_response(bob.requests[0], 200).to_bytes()), US)  # type: ignore[operator]
    network.drive(0.1)
    assert sent.status == 200


def test_a_response_is_parsed_when_somebody_looks(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    sent = Sent(agent)
    network.drive(0.1)
    octets = make_response(
        bob.requests[0], 200, headers=[("Server", "bob/2")], body=b"hm", content_type="a/b"
    ).to_bytes()
    bob.send(octets, US)
    network.drive(0.1)
    [response] = sent.results
    assert isinstance(response, Response)
    assert response.status == 200 and response.flow == TO_BOB
    assert response.headers.get("Server") == "bob/2" and response.body == b"hm" and response.reason == "OK"
    with pytest.raises(AttributeError):
        response.nonsense  # noqa: B018


def test_a_truncated_error_response_is_dropped(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    sent = Sent(agent)
    network.drive(0.1)
    octets = make_response(bob.requests[0], 404, body=b"0123456789", content_type="a/b").to_bytes()
    bob.send(octets[:-3], US)
    network.drive(0.1)
    assert not sent.results and agent.counters.malformed == 1


def test_on_a_stream_nothing_is_sent_twice(network: Network, agent: UserAgent) -> None:
    peer = network.stream_peer(BOB.host)
    flow = _open(network, agent)
    sent = Sent(agent, flow)
    network.drive(31.9)
    assert len(peer.arrived) == 1 and not sent.results
    network.drive(0.2)
    assert isinstance(sent.results[0], TransactionTimeout)


def test_what_waits_on_a_connection_fails_with_it(network: Network, agent: UserAgent) -> None:
    peer = network.stream_peer(BOB.host)
    flow = _open(network, agent)
    first, second = Sent(agent, flow), Sent(agent)
    network.drive(0.1)
    peer.wires[0].close()
    network.drive(0.1)
    assert isinstance(first.results[0], TransportFailed) and not second.results
    third = Sent(agent, flow)
    assert not third.results, "never from inside the call"
    network.drive(0.1)
    assert isinstance(third.results[0], TransportFailed)


class Cable(Host):
    """A host whose cable may be pulled."""

    plugged = True

    def send(self, octets: bytes, flow: Flow) -> None:
        if not self.plugged:
            raise TransportFailed("no network")
        super().send(octets, flow)


def test_a_network_that_goes_away_is_a_failure_at_the_next_repetition(network: Network, clock: Clock) -> None:
    host = Cable(network, "192.0.2.2", 5060, (Transport.UDP,))
    agent = UserAgent(transports=host, clock=clock, rng=random.Random(1))
    sent = Sent(agent)
    host.plugged = False
    network.drive(0.4)
    assert not sent.results
    network.drive(0.2)
    assert isinstance(sent.results[0], TransportFailed) and agent.wheel.running() == 0


def test_giving_up_is_silent_and_final(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    answer = agent.request(our_request(), flow=TO_BOB)
    network.drive(0.1)
    answer.addErrback(lambda failure: None)
    answer.cancel()
    bob.send(make_response(bob.requests[0], 200).to_bytes(), US)
    network.drive(60)
    assert len(bob.arrived) == 1 and agent.wheel.running() == 0


def test_a_request_may_have_less_time_than_timer_f(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    answer = agent.request(our_request(), flow=TO_BOB, timeout=2)
    network.drive(1.9)
    assert not answer.called
    network.drive(0.2)
    with pytest.raises(TransactionTimeout, match="2 seconds"):
        result_of(answer)
    assert agent.wheel.running() == 0


@given(st.integers(1, 8), st.integers(1, 64))
@settings(max_examples=30)
def test_other_timer_values_keep_the_shape(quarter: int, ratio: int) -> None:
    timers = TimerValues(t1=quarter / 4, t2=quarter / 4 * ratio)
    assert timers.give_up == 16 * quarter
    total, interval = 0.0, timers.t1
    while interval < timers.t2:
        total, interval = total + interval, interval * 2
    assert timers.until_slowest == total


def test_the_standard_values_allow_a_100_after_three_and_a_half_seconds() -> None:
    assert TimerValues().until_slowest == 3.5


def _open(network: Network, agent: UserAgent) -> Flow:
    opening = agent.transports.open(Target(transport=Transport.TCP, host=BOB.host, port=BOB.port))
    network.drive(0.1)
    flow = result_of(opening)
    assert isinstance(flow, Flow)
    return flow


def test_times_are_counted_from_the_sending(
    clock: Clock, network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    clock.advance(0.3)
    times = times_at(network, bob)
    Sent(agent)
    network.drive(2)
    assert [round(time - 0.3, 2) for time in times] == [0.0, 0.5, 1.5]


def test_a_stream_that_ends_fails_what_waits_on_it_and_nothing_else(
    network: Network, agent: UserAgent
) -> None:
    near, far = network.stream_peer(BOB.host), network.stream_peer("192.0.2.77")
    flows = []
    for host in (BOB.host, "192.0.2.77"):
        opening = agent.transports.open(Target(transport=Transport.TCP, host=host, port=5060))
        network.drive(0.1)
        flows.append(result_of(opening))
    doomed, other = [Sent(agent, flows[0]) for _ in range(2)], Sent(agent, flows[1])
    network.drive(0.1)
    assert len(near.requests) == 2 and len(far.requests) == 1
    near.wires[0].close()
    network.drive(0.1)
    assert [type(each.results[0]) for each in doomed] == [TransportFailed, TransportFailed]
    assert other.results == []
