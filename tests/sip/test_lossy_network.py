"""Transactions over a network that loses, delays, reorders and repeats datagrams, by seeded random numbers."""

import random
from collections import Counter

import pytest
from twisted.internet.task import Clock

from sip2xmpp.errors import Sip2XmppError
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import Flow, Transport
from sip2xmpp.sip.message import Request, Response
from sip2xmpp.sip.server_transaction import ServerTransaction
from tests.fakes import Network
from tests.sip.scene import BOB, TO_BOB, US, our_request

REQUESTS = 200
TO_US = Flow(transport=Transport.UDP, local=BOB, peer=US)


class Slow:
    """Counts requests by body, and answers after a while that differs from request to request."""

    def __init__(self, clock: Clock, rng: random.Random, longest: float) -> None:
        self.clock = clock
        self.rng = rng
        self.longest = longest
        self.seen: Counter[bytes] = Counter()

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        self.seen[request.body] += 1
        self.clock.callLater(
            self.longest * self.rng.random(), transaction.reply, 200, body=request.body, content_type="a/b"
        )


def agents(network: Network, clock: Clock) -> tuple[UserAgent, UserAgent]:
    return (
        UserAgent(transports=network.host(US.host), clock=clock, rng=random.Random(1)),
        UserAgent(transports=network.host(BOB.host), clock=clock, rng=random.Random(2)),
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("longest", [0.0, 0.4, 6.0])
@pytest.mark.parametrize(
    ("loss", "jitter", "duplication"), [(0.3, 0.0, 0.0), (0.0, 0.7, 0.0), (0.0, 0.0, 1.0), (0.2, 0.7, 0.3)]
)
def test_every_request_is_served_once_and_answered_once(  # noqa: PLR0917
    clock: Clock, seed: int, longest: float, loss: float, jitter: float, duplication: float
) -> None:
    network = Network(clock, random.Random(seed), loss=loss, jitter=jitter, duplication=duplication)
    ours, theirs = agents(network, clock)
    slow = Slow(clock, random.Random(seed), longest)
    theirs.serve("MESSAGE", slow)
    results: dict[int, list[Response | Sip2XmppError]] = {}
    for number in range(REQUESTS):
        body = b"%d" % number
        request = our_request("MESSAGE", body=body)
        request.headers.set("Call-ID", f"c{number}")
        head, _, tail = request.to_bytes().partition(b"\r\n")
        results[number] = []
        ours.send_prepared(head + b"\r\n", tail, "MESSAGE", TO_BOB, results[number].append)
        network.drive(0.01)
    network.drive_bounded(lambda: all(results.values()), steps=200_000)
    network.drive(70)
    assert all(len(got) == 1 for got in results.values())
    answered = {
        number: got[0].body
        for number, got in results.items()
        if isinstance(got[0], Response) and got[0].status == 200
    }
    # eleven attempts at three tenths: hardly one request in a hundred thousand is lost
    assert len(answered) >= REQUESTS - 1
    assert all(body == b"%d" % number for number, body in answered.items())
    assert set(slow.seen.values()) == {1} and len(slow.seen) >= REQUESTS - 1
    assert ours.wheel.running() == 0 and theirs.wheel.running() == 0


def test_a_network_that_is_down_ends_in_timeouts_and_nothing_else(clock: Clock) -> None:
    network = Network(clock, loss=1.0)
    ours, _ = agents(network, clock)
    results: list[Response | Sip2XmppError] = []
    for number in range(50):
        request = our_request("MESSAGE")
        request.headers.set("Call-ID", f"c{number}")
        head, _, tail = request.to_bytes().partition(b"\r\n")
        ours.send_prepared(head + b"\r\n", tail, "MESSAGE", TO_BOB, results.append)
    network.drive(33)
    assert len(results) == 50 and not any(isinstance(result, Response) for result in results)
    assert ours.wheel.running() == 0 and ours.counters.timeouts == 50


def test_both_sides_may_be_clients_at_once(clock: Clock) -> None:
    network = Network(clock, random.Random(9), loss=0.2, jitter=0.3, duplication=0.2)
    ours, theirs = agents(network, clock)
    counts = Slow(clock, random.Random(1), 0.1), Slow(clock, random.Random(1), 0.1)
    ours.serve("MESSAGE", counts[0])
    theirs.serve("MESSAGE", counts[1])
    results: list[Response | Sip2XmppError] = []
    for number in range(100):
        for agent, flow in ((ours, TO_BOB), (theirs, TO_US)):
            request = our_request("MESSAGE", body=b"%d" % number)
            request.headers.set("Call-ID", f"{number}@{flow.local.host}")
            agent.request(request, flow=flow).addBoth(results.append)
    network.drive(80)
    assert len(results) == 200
    assert all(set(count.seen.values()) == {1} for count in counts)
