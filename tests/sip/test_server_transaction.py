"""RFC 3261 section 17.2.2, figure 8, and RFC 4320, over the network in memory."""

import random

import pytest
from twisted.internet.task import Clock

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import HostPort
from sip2xmpp.sip.message import Request, make_response
from sip2xmpp.sip.server_transaction import ServerTransaction
from tests.fakes import Network, RawPeer, result_of
from tests.sip.scene import BOB, US, Echo, Patient, their_request


@pytest.fixture
def patient(agent: UserAgent) -> Patient:
    patient = Patient()
    agent.serve("MESSAGE", patient)
    return patient


def statuses(bob: RawPeer) -> list[int]:
    return [response.status for response in bob.responses]


def test_trying_discards_repetitions(
    network: Network, agent: UserAgent, bob: RawPeer, patient: Patient
) -> None:
    for _ in range(3):
        bob.send(their_request(), US)
        network.drive(0.5)
    assert len(patient.waiting) == 1 and not bob.arrived
    assert agent.counters.absorbed == 2


def test_the_answer_is_sent_once_and_again_for_each_repetition(
    network: Network, agent: UserAgent, bob: RawPeer, patient: Patient
) -> None:
    bob.send(their_request(), US)
    network.drive(1)
    patient.waiting[0].reply(200)
    patient.waiting[0].reply(500)
    patient.waiting[0].respond(make_response(patient.waiting[0].request, 404))
    network.drive(1)
    for _ in range(3):
        bob.send(their_request(), US)
        network.drive(1)
    assert statuses(bob) == [200] * 4 and len(set(bob.arrived)) == 1
    assert agent.counters.retransmitted == 3


def test_the_answer_is_kept_for_timer_j_and_no_longer(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    echo = Echo()
    agent.serve("MESSAGE", echo)
    bob.send(their_request(), US)
    network.drive(31.5)
    bob.send(their_request(), US)
    network.drive(2)
    assert len(echo.requests) == 1
    bob.send(their_request(), US)
    network.drive(1)
    assert len(echo.requests) == 2


def test_no_100_before_the_client_has_slowed_down_and_one_then(
    network: Network, bob: RawPeer, patient: Patient
) -> None:
    """RFC 4320, section 4.1."""
    bob.send(their_request(), US)
    network.drive(3.4)
    assert not bob.arrived
    network.drive(0.2)
    assert statuses(bob) == [100]
    bob.send(their_request(), US)
    network.drive(0.2)
    assert statuses(bob) == [100, 100]
    assert bob.responses[0].to.tag is None
    patient.waiting[0].reply(200)
    network.drive(0.1)
    bob.send(their_request(), US)
    network.drive(0.1)
    assert statuses(bob) == [100, 100, 200, 200]


def test_no_other_provisional_response_leaves(network: Network, bob: RawPeer, patient: Patient) -> None:
    bob.send(their_request(), US)
    network.drive(0.1)
    patient.waiting[0].reply(183)
    network.drive(0.1)
    assert not bob.arrived and not patient.waiting[0].answered


def test_what_is_never_answered_is_forgotten_without_a_408(
    network: Network, agent: UserAgent, bob: RawPeer, patient: Patient
) -> None:
    """RFC 4320, section 4.2."""
    bob.send(their_request(), US)
    network.drive(32.1)
    patient.waiting[0].reply(200)
    network.drive(1)
    assert statuses(bob) == [100]
    assert agent.wheel.running() == 0
    bob.send(their_request(), US)
    network.drive(1)
    assert len(patient.waiting) == 2


def test_all_answers_of_a_transaction_have_one_tag_and_the_dialogs_if_it_has_one(
    network: Network, bob: RawPeer, patient: Patient
) -> None:
    bob.send(their_request(branch="1", Call_ID="1"), US)
    bob.send(their_request(branch="2", Call_ID="2"), US)
    bob.send(their_request(branch="3", Call_ID="3", To="<sip:alice@sip.example.org>;tag=theirs"), US)
    network.drive(0.1)
    first, second, third = patient.waiting
    expected = first.local_tag
    first.reply(200)
    second.reply(200, to_tag="dialog")
    third.reply(481)
    network.drive(0.1)
    assert [response.to.tag for response in bob.responses] == [expected, "dialog", "theirs"]


def test_a_response_copies_what_it_must_and_says_who_answers(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    agent.serve("MESSAGE", Echo())
    bob.send(
        their_request(
            Via=f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport\nVia: SIP/2.0/TCP far.example;branch=z9hG4bK2;x"
        ),
        US,
    )
    network.drive(0.1)
    [response] = bob.responses
    assert [via.branch for via in response.vias] == ["z9hG4bK1", "z9hG4bK2"]
    assert response.headers.get("Server") == "us/1"
    assert (response.call_id, str(response.cseq)) == ("call-1", "1 MESSAGE")
    assert response.from_.tag == "b1"


def test_answers_go_to_the_port_that_the_request_wants(network: Network, agent: UserAgent) -> None:
    agent.serve("MESSAGE", Echo())
    bound = network.peer("198.51.100.7", 1024)
    announced = network.peer("198.51.100.7", 5070)
    bound.send(
        their_request(branch="1", Call_ID="1", Via="SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport"), US
    )
    bound.send(their_request(branch="2", Call_ID="2", Via="SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK2"), US)
    network.drive(0.1)
    assert len(bound.arrived) == 1 and len(announced.arrived) == 1
    assert bound.responses[0].via.rport == "1024" and bound.responses[0].via.received == "198.51.100.7"
    assert announced.responses[0].via.received == "198.51.100.7"


def test_a_request_of_an_rfc_2543_client_is_recognized_again(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    echo = Echo()
    agent.serve("MESSAGE", echo)
    old = {"Via": f"SIP/2.0/UDP {BOB}", "From": "<sip:bob@example.com>", "Max_Forwards": None}
    for number in (1, 1, 2):
        bob.send(their_request(**old, CSeq=f"{number} MESSAGE"), US)
        network.drive(0.1)
    assert len(echo.requests) == 2 and statuses(bob) == [200, 200, 200]


def test_a_request_that_came_two_ways_is_served_once(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    """RFC 3261, section 8.2.2.2."""
    echo = Echo()
    agent.serve("MESSAGE", echo)
    bob.send(their_request(branch="one"), US)
    bob.send(their_request(branch="two"), US)
    bob.send(their_request(branch="two"), US)
    network.drive(0.1)
    assert statuses(bob) == [200, 482, 482] and len(echo.requests) == 1


def test_the_same_request_for_somebody_else_is_a_spiral_and_no_copy(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    agent.serve("MESSAGE", Echo())
    bob.send(their_request(branch="one"), US)
    bob.send(their_request(branch="two", uri="sip:juliet@sip.example.org"), US)
    network.drive(0.1)
    assert statuses(bob) == [200, 200]


def test_requests_of_a_dialog_are_never_copies_of_each_other(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    agent.serve("MESSAGE", Echo())
    for branch in ("one", "two"):
        bob.send(their_request(branch=branch, To="<sip:alice@sip.example.org>;tag=a1"), US)
    network.drive(0.1)
    assert statuses(bob) == [200, 200]


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenged_client_may_forget_to_count(
    network: Network, agent: UserAgent, bob: RawPeer, status: int
) -> None:
    patient = Patient()
    agent.serve("MESSAGE", patient)
    bob.send(their_request(branch="one"), US)
    network.drive(0.1)
    patient.waiting[0].reply(status)
    bob.send(their_request(branch="two"), US)
    network.drive(0.1)
    assert statuses(bob) == [status] and len(patient.waiting) == 2


def test_merging_is_forgotten_with_the_transaction(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    agent.serve("MESSAGE", Echo())
    bob.send(their_request(branch="one"), US)
    network.drive(34)
    bob.send(their_request(branch="two"), US)
    network.drive(0.1)
    assert statuses(bob) == [200, 200]


def test_a_fault_of_ours_is_a_500_and_a_fault_of_theirs_what_it_says(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    class Faulty:
        def request_received(self, transaction: ServerTransaction, request: Request) -> None:
            raise RuntimeError("ours")

    class Strict:
        def request_received(self, transaction: ServerTransaction, request: Request) -> None:
            raise BadMessage("unreadable event", 489)

    agent.serve("MESSAGE", Faulty())
    agent.serve("PUBLISH", Strict())
    bob.send(their_request(branch="1"), US)
    bob.send(their_request("PUBLISH", branch="2"), US)
    network.drive(0.1)
    assert [(response.status, response.reason) for response in bob.responses] == [
        (500, "Server Internal Error"),
        (489, "unreadable event"),
    ]


def test_beyond_the_limit_of_unanswered_requests_there_is_only_503(
    network: Network, clock: Clock, bob: RawPeer
) -> None:
    agent = UserAgent(
        transports=network.host("192.0.2.2"), clock=clock, rng=random.Random(1), unanswered_limit=3
    )
    patient = Patient()
    agent.serve("MESSAGE", patient)
    there = HostPort("192.0.2.2", 5060)
    for number in range(5):
        bob.send(their_request(branch=str(number), Call_ID=str(number)), there)
    network.drive(0.1)
    assert statuses(bob) == [503, 503] and bob.responses[0].headers.get("Retry-After")
    assert agent.counters.refused == 2
    patient.waiting[0].reply(200)
    bob.send(their_request(branch="late", Call_ID="late"), there)
    network.drive(0.1)
    assert len(patient.waiting) == 4


def test_on_a_stream_nothing_is_kept(network: Network, agent: UserAgent) -> None:
    echo = Echo()
    agent.serve("MESSAGE", echo)
    peer = network.stream_peer(BOB.host)
    connecting = peer.connect(US)
    network.drive(0.1)
    wire = result_of(connecting)
    request = their_request(Via=f"SIP/2.0/TCP {BOB};branch=z9hG4bK1").replace("\n", "\r\n").encode()
    for _ in range(2):
        wire.write(request)
        network.drive(0.1)
    assert [response.status for response in peer.responses] == [200, 200]
    assert len(echo.requests) == 2 and agent.wheel.running() == 0


def test_if_the_stream_is_gone_the_answer_goes_over_a_new_one(network: Network, agent: UserAgent) -> None:
    patient = Patient()
    agent.serve("MESSAGE", patient)
    peer = network.stream_peer(BOB.host, 5070)
    connecting = peer.connect(US)
    network.drive(0.1)
    wire = result_of(connecting)
    wire.write(their_request(Via="SIP/2.0/TCP 10.1.1.1:5070;branch=z9hG4bK1").replace("\n", "\r\n").encode())
    network.drive(0.1)
    wire.close()
    network.drive(0.1)
    patient.waiting[0].reply(200)
    network.drive(0.1)
    assert [response.status for response in peer.responses] == [200] and len(peer.wires) == 2


def test_if_nobody_listens_for_the_answer_it_is_dropped(network: Network, agent: UserAgent) -> None:
    patient = Patient()
    agent.serve("MESSAGE", patient)
    peer = network.stream_peer(BOB.host, 5070)
    connecting = peer.connect(US)
    network.drive(0.1)
    wire = result_of(connecting)
    wire.write(their_request(Via="SIP/2.0/TCP 10.1.1.1:9;branch=z9hG4bK1").replace("\n", "\r\n").encode())
    network.drive(0.1)
    wire.close()
    network.drive(0.1)
    patient.waiting[0].reply(200)
    network.drive(0.1)
    assert not peer.arrived and agent.counters.dropped == 1
