"""The user agent over a network in memory, in virtual time."""

import random

import pytest
from twisted.internet.task import Clock

from sip2xmpp.errors import TransactionTimeout
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import Request, make_request, make_response
from sip2xmpp.sip.server_transaction import ServerTransaction
from tests.fakes import Network, RawPeer, result_of

US = HostPort("192.0.2.1", 5060)
BOB = HostPort("192.0.2.9", 5060)
FLOW = Flow(transport=Transport.UDP, local=US, peer=BOB)


class Echo:
    """Answers each request with 200 and its body."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        self.requests.append(request)
        transaction.reply(200, body=request.body, content_type="text/plain")


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


@pytest.fixture
def agent(network: Network, clock: Clock) -> UserAgent:
    return UserAgent(transports=network.host(US.host), clock=clock, rng=random.Random(1))


@pytest.fixture
def bob(network: Network) -> RawPeer:
    return network.peer(BOB.host)


def message_request(branch: str = "z9hG4bKa1", **changes: str) -> str:
    lines = {
        "Via": f"SIP/2.0/UDP {BOB};branch={branch};rport",
        "From": "<sip:bob@example.com>;tag=b1",
        "To": "<sip:alice@sip.example.org>",
        "Call-ID": "call-1",
        "CSeq": "1 MESSAGE",
        "Max-Forwards": "70",
        "Content-Length": "5",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    text = "".join(f"{name}: {value}\n" for name, value in lines.items())
    return f"MESSAGE sip:alice@sip.example.org SIP/2.0\n{text}\nhello"


def our_request(method: str = "NOTIFY", body: bytes = b"") -> Request:
    return make_request(
        method,
        "sip:bob@192.0.2.9",
        from_="<sip:alice@sip.example.org>;tag=a1",
        to="<sip:bob@example.com>;tag=b1",
        call_id="call-2",
        cseq=7,
        body=body,
    )


def test_a_request_is_given_to_the_user_of_its_method_and_answered(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    echo = Echo()
    agent.serve("MESSAGE", echo)
    bob.send(message_request(), US)
    network.drive(0.1)
    [response] = bob.responses
    assert response.status == 200 and response.body == b"hello"
    assert response.to.tag and response.via.received == BOB.host and response.via.rport == str(BOB.port)
    assert echo.requests[0].flow == FLOW


def test_a_repeated_request_gets_the_same_octets_and_is_not_served_twice(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    echo = Echo()
    agent.serve("MESSAGE", echo)
    for _ in range(3):
        bob.send(message_request(), US)
        network.drive(0.5)
    assert len(echo.requests) == 1
    assert len(bob.arrived) == 3 and len(set(bob.arrived)) == 1


def test_our_request_is_repeated_until_it_is_answered(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    answer = agent.request(our_request(), flow=FLOW)
    network.drive(1.6)
    assert len(bob.arrived) == 3 and len(set(bob.arrived)) == 1
    bob.send(make_response(bob.requests[0], 200).to_bytes(), US)
    network.drive(40)
    assert result_of(answer).status == 200
    assert len(bob.arrived) == 3


def test_our_request_times_out_after_timer_f(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    answer = agent.request(our_request(), flow=FLOW)
    network.drive(31.9)
    assert not answer.called
    network.drive(0.2)
    with pytest.raises(TransactionTimeout):
        result_of(answer)
    assert len(bob.arrived) == 11
