"""Getting a request to whoever serves it: fail-over, challenges and the size rule."""

import random
from dataclasses import dataclass, field

import pytest
from twisted.internet.task import Clock

from sip2xmpp.errors import NoRoute, TransactionTimeout, TransportFailed
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.contact import Contact
from sip2xmpp.sip.delivery import NO_STREAM, PASSED_OVER, next_hop_of
from sip2xmpp.sip.flow import Flow, Transport
from sip2xmpp.sip.headers import CSeq
from sip2xmpp.sip.message import Request, Response, make_response
from sip2xmpp.sip.uri import SipUri
from tests.fakes import Names, Network, RawPeer, RawStreamPeer, result_of
from tests.sip.scene import BOB, TO_BOB, US, our_request

URI = "sip:bob@example.com"


def answering(peer: RawPeer | RawStreamPeer, status: int, **headers: str) -> None:
    given = [(name.replace("_", "-"), value) for name, value in headers.items()]
    peer.answers = lambda request: make_response(request, status, headers=given).to_bytes()


@pytest.fixture
def names() -> Names:
    return Names(
        srv={"_sip._udp.example.com": [(1, 0, 5060, "a.example.com"), (2, 0, 5060, "b.example.com")]},
        addresses={
            "a.example.com": ["192.0.2.10"],
            "b.example.com": ["192.0.2.11"],
            "c.example.com": ["192.0.2.12"],
        },
    )


@pytest.fixture
def a(network: Network) -> RawPeer:
    return network.peer("192.0.2.10")


@pytest.fixture
def b(network: Network) -> RawPeer:
    return network.peer("192.0.2.11")


def test_the_best_server_gets_it(network: Network, agent: UserAgent, a: RawPeer, b: RawPeer) -> None:
    answering(a, 404)
    answer = agent.request(our_request(uri=URI))
    network.drive(1)
    assert result_of(answer).status == 404 and not b.arrived
    assert a.requests[0].user_agent == "us/1"


def test_the_uri_of_a_device_leads_to_where_it_is_or_to_the_registrar_that_knows(
    network: Network, agent: UserAgent, a: RawPeer, b: RawPeer
) -> None:
    gruu = "sip:bob@sip.example.org;gr=urn:uuid:1"
    places = [
        Contact(key="", uri="sip:bob@192.0.2.10"),
        Contact(key="", uri="sip:bob@sip.example.org", server="sip:192.0.2.11"),
    ]
    agent.know_devices(lambda _: places.pop(0))
    for _ in range(2):
        agent.request(our_request(uri=gruu))
    network.drive(0.1)
    assert [a.requests[0].uri, b.requests[0].uri] == ["sip:bob@192.0.2.10", gruu]


def test_a_silent_server_is_followed_by_the_next_with_a_new_branch(
    network: Network, agent: UserAgent, a: RawPeer, b: RawPeer
) -> None:
    answering(b, 200)
    answer = agent.request(our_request(uri=URI))
    network.drive(33)
    assert result_of(answer).status == 200
    assert a.requests[0].via.branch != b.requests[0].via.branch
    assert (a.requests[0].call_id, a.requests[0].cseq) == (b.requests[0].call_id, b.requests[0].cseq)


def test_a_server_that_failed_is_tried_last_for_a_while(
    network: Network, agent: UserAgent, a: RawPeer, b: RawPeer
) -> None:
    answering(a, 503)
    answering(b, 200)
    assert not agent.request(our_request(uri=URI)).called
    network.drive(1)
    agent.request(our_request(uri=URI))
    network.drive(1)
    assert len(a.arrived) == 1 and len(b.arrived) == 2
    network.drive(PASSED_OVER)
    answering(a, 200)
    agent.request(our_request(uri=URI))
    network.drive(1)
    assert len(a.arrived) == 2 and len(b.arrived) == 2


def test_if_all_say_503_that_is_the_answer(
    network: Network, agent: UserAgent, a: RawPeer, b: RawPeer
) -> None:
    answering(a, 503)
    answering(b, 503)
    answer = agent.request(our_request(uri=URI))
    network.drive(1)
    assert result_of(answer).status == 503 and a.arrived and b.arrived


def test_if_none_answers_that_is_the_failure(
    network: Network, agent: UserAgent, a: RawPeer, b: RawPeer
) -> None:
    answer = agent.request(our_request(uri=URI))
    network.drive(65)
    with pytest.raises(TransactionTimeout):
        result_of(answer)
    assert a.arrived and b.arrived


def test_a_dead_server_is_passed_at_once_where_the_network_tells(
    network: Network, agent: UserAgent, b: RawPeer
) -> None:
    network.tells = True
    answering(b, 200)
    answer = agent.request(our_request(uri=URI))
    network.drive(0.1)
    assert result_of(answer).status == 200


def test_a_peer_that_can_only_be_reached_one_way_is_waited_for(network: Network, agent: UserAgent) -> None:
    network.tells = True
    answer = agent.request(our_request(), flow=TO_BOB)
    network.drive(10)
    assert not answer.called
    answering(network.peer(BOB.host), 200)
    network.drive(4)
    assert result_of(answer).status == 200


def test_if_there_is_no_server_there_is_no_route(network: Network, agent: UserAgent) -> None:
    with pytest.raises(NoRoute):
        result_of(agent.request(our_request(uri="sip:bob@nowhere.example")))


def test_without_names_only_flows_lead_anywhere(network: Network, clock: Clock) -> None:
    agent = UserAgent(transports=network.host("192.0.2.2"), clock=clock, rng=random.Random(1))
    with pytest.raises(NoRoute):
        result_of(agent.request(our_request(uri=URI)))


def test_a_refused_connection_leads_to_the_next_server(
    network: Network, agent: UserAgent, names: Names
) -> None:
    names.servers["_sip._tcp.example.com"] = [(1, 0, 5060, "a.example.com"), (2, 0, 5060, "b.example.com")]
    peer = network.stream_peer("192.0.2.11")
    answering(peer, 200)
    answer = agent.request(our_request(uri=URI + ";transport=tcp"))
    network.drive(1)
    assert result_of(answer).status == 200 and peer.requests[0].via.transport == "TCP"


def test_the_next_hop_is_the_loose_route_or_the_proxy_or_the_uri() -> None:
    request = our_request(uri=URI)
    proxy = SipUri.parse("sip:proxy.example.org")
    assert str(next_hop_of(request, None)) == URI
    assert next_hop_of(request, proxy) == proxy
    request.headers.add("Route", "<sip:route.example.org;lr>")
    assert str(next_hop_of(request, proxy)) == "sip:route.example.org;lr"
    request.headers.set("Route", "<sip:last.example.org>")
    assert str(next_hop_of(request, proxy)) == URI


def test_a_caller_may_name_the_next_hop_and_an_operator_the_proxy(
    network: Network, clock: Clock, names: Names, a: RawPeer, b: RawPeer
) -> None:
    agent = UserAgent(
        transports=network.host("192.0.2.2"),
        dns=names,
        clock=clock,
        rng=random.Random(1),
        outbound_proxy="sip:192.0.2.11",
    )
    agent.request(our_request(uri="sip:bob@nowhere.example"))
    agent.request(our_request(uri="sip:bob@nowhere.example"), next_hop=SipUri.parse("sip:192.0.2.10"))
    network.drive(0.1)
    assert len(a.arrived) == 1 and len(b.arrived) == 1
    assert a.requests[0].uri == "sip:bob@nowhere.example"


@dataclass
class Purse:
    """Credentials that answer the first ``good_for`` challenges."""

    good_for: int = 1
    challenges: list[Response] = field(default_factory=list)

    def answer(self, request: Request, response: Response) -> Request | None:
        self.challenges.append(response)
        if len(self.challenges) > self.good_for:
            return None
        again = Request(
            method=request.method, uri=request.uri, headers=request.headers.copy(), body=request.body
        )
        again.headers.set("CSeq", str(CSeq(number=request.cseq.number + 1, method=request.method)))
        again.headers.add("Authorization", f"answer {len(self.challenges)}")
        return again

    def preempt(self, request: Request) -> Request:
        request.headers.add("X-Preempted", "yes")
        return request


def with_purse(network: Network, clock: Clock, names: Names, purse: Purse) -> UserAgent:
    return UserAgent(
        transports=network.host("192.0.2.2"), dns=names, clock=clock, rng=random.Random(1), credentials=purse
    )


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered_at_the_same_server(  # noqa: PLR0917
    network: Network, clock: Clock, names: Names, a: RawPeer, b: RawPeer, status: int
) -> None:
    agent = with_purse(network, clock, names, Purse())
    a.answers = lambda request: make_response(
        request, 200 if "Authorization" in request.headers else status
    ).to_bytes()
    answer = agent.request(our_request(uri=URI))
    network.drive(1)
    assert result_of(answer).status == 200 and not b.arrived
    first, second = a.requests
    assert second.cseq.number == first.cseq.number + 1 and second.via.branch != first.via.branch
    assert first.call_id == second.call_id and first.from_ == second.from_
    assert "X-Preempted" in first.headers


def test_what_the_credentials_give_up_on_is_the_answer(
    network: Network, clock: Clock, names: Names, a: RawPeer
) -> None:
    purse = Purse(good_for=2)
    agent = with_purse(network, clock, names, purse)
    answering(a, 401)
    answer = agent.request(our_request(uri=URI))
    network.drive(1)
    assert result_of(answer).status == 401 and len(purse.challenges) == 3


def test_a_server_that_never_stops_asking_does_not_keep_us(
    network: Network, clock: Clock, names: Names, a: RawPeer
) -> None:
    agent = with_purse(network, clock, names, Purse(good_for=100))
    answering(a, 401)
    answer = agent.request(our_request(uri=URI))
    network.drive(5)
    assert result_of(answer).status == 401 and len(a.arrived) == 5


def test_no_challenge_is_answered_when_that_is_not_wanted(
    network: Network, clock: Clock, names: Names, a: RawPeer
) -> None:
    purse = Purse()
    agent = with_purse(network, clock, names, purse)
    answering(a, 401)
    answer = agent.request(our_request(uri=URI), authenticate=False)
    network.drive(1)
    assert result_of(answer).status == 401 and not purse.challenges


LARGE = b"x" * 1300


def test_a_large_request_goes_by_tcp_and_says_so_in_its_via(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    peer = network.stream_peer(BOB.host)
    answering(peer, 200)
    answer = agent.request(our_request(body=LARGE), flow=TO_BOB)
    network.drive(1)
    assert result_of(answer).status == 200 and not bob.arrived
    assert peer.requests[0].via.transport == "TCP" and peer.requests[0].via.rport is None


def test_a_peer_without_tcp_gets_large_requests_by_udp_and_is_remembered(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    answering(bob, 200)
    for _ in range(2):
        answer = agent.request(our_request(body=LARGE), flow=TO_BOB)
        network.drive(1)
        assert result_of(answer).status == 200
    assert [request.via.transport for request in bob.requests] == ["UDP", "UDP"]
    peer = network.stream_peer(BOB.host)
    agent.request(our_request(body=LARGE), flow=TO_BOB)
    network.drive(1)
    assert len(bob.arrived) == 3 and not peer.arrived
    network.drive(NO_STREAM)
    agent.request(our_request(body=LARGE), flow=TO_BOB)
    network.drive(1)
    assert peer.arrived


def test_a_firewall_that_swallows_the_attempt_does_not_hold_it_up_for_long(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    network.latency = 0.01
    answering(bob, 200)
    network.swallowed.add((Transport.TCP, BOB))
    answer = agent.request(our_request(body=LARGE), flow=TO_BOB)
    network.drive(2.5)
    assert result_of(answer).status == 200


def test_a_connection_that_breaks_at_once_is_no_reason_to_give_up(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    peer = network.stream_peer(BOB.host)
    answering(bob, 200)
    answer = agent.request(our_request(body=LARGE), flow=TO_BOB)
    network.drive(0.015)
    peer.wires[0].close()
    network.drive(1)
    assert result_of(answer).status == 200 and len(bob.arrived) == 1


def test_a_large_prepared_request_does_the_same(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    results: list[object] = []
    head, _, tail = our_request(body=LARGE).to_bytes().partition(b"\r\n")
    answering(bob, 200)
    agent.send_prepared(head + b"\r\n", tail, "NOTIFY", TO_BOB, results.append)
    network.drive(1)
    peer = network.stream_peer(BOB.host)
    answering(peer, 200)
    network.drive(NO_STREAM)
    agent.send_prepared(head + b"\r\n", tail, "NOTIFY", TO_BOB, results.append)
    network.drive(1)
    assert [getattr(result, "status", result) for result in results] == [200, 200]
    assert len(bob.arrived) == 1 and len(peer.arrived) == 1
    network.refuse(Transport.TCP, BOB)
    peer.wires[0].close()
    network.drive(1)
    agent.send_prepared(head + b"\r\n", tail, "NOTIFY", TO_BOB, results.append)
    network.drive(1)
    assert len(bob.arrived) == 2


def test_small_requests_stay_where_they_are(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    network.stream_peer(BOB.host)
    answering(bob, 200)
    answer = agent.request(our_request(body=b"x" * 800), flow=TO_BOB)
    network.drive(1)
    assert result_of(answer).status == 200 and len(bob.arrived) == 1


def test_a_dead_connection_fails_what_is_to_go_over_it(network: Network, agent: UserAgent) -> None:
    flow = Flow(transport=Transport.TCP, local=US, peer=BOB, connection=99)
    with pytest.raises(TransportFailed):
        result_of(agent.request(our_request(), flow=flow))
