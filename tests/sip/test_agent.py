"""What every method has in common: the checks of RFC 3261 section 8.2, in their order."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.errors import TransportFailed
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import Request, make_response
from sip2xmpp.sip.server_transaction import ServerTransaction
from tests.fakes import Network, RawPeer, result_of
from tests.sip.scene import BOB, TO_BOB, US, Echo, our_request, their_request


def statuses(bob: RawPeer) -> list[int]:
    return [response.status for response in bob.responses]


def test_a_request_is_given_to_the_user_of_its_method(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    echo = Echo()
    agent.serve("MESSAGE", echo)
    bob.send(their_request(), US)
    network.drive(0.1)
    [response] = bob.responses
    assert response.status == 200 and response.body == b"hello"
    assert echo.requests[0].flow == TO_BOB


def test_options_tells_what_we_can_do(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    agent.serve("SUBSCRIBE", Echo())
    agent.announce(
        accept=["application/pidf+xml"], supported=["eventlist", "path"], allow_events=["presence"]
    )
    agent.announce(accept=["application/pidf+xml", "text/plain"])
    bob.send(their_request("OPTIONS", Max_Forwards="0"), US)
    network.drive(0.1)
    [response] = bob.responses
    told = {
        name: response.headers.get(name)
        for name in ("Allow", "Accept", "Supported", "Allow-Events", "Accept-Encoding")
    }
    assert response.status == 200 and told == {
        "Allow": "OPTIONS, SUBSCRIBE",
        "Accept": "application/pidf+xml, text/plain",
        "Supported": "eventlist, path",
        "Allow-Events": "presence",
        "Accept-Encoding": "identity",
    }


@pytest.mark.parametrize(
    ("method", "status"), [("BYE", 405), ("UPDATE", 405), ("SUBSCRIBE", 405), ("FROBNICATE", 501)]
)
def test_a_method_that_nobody_serves_is_refused(
    network: Network, agent: UserAgent, bob: RawPeer, method: str, status: int
) -> None:
    bob.send(their_request(method), US)
    network.drive(0.1)
    assert statuses(bob) == [status] and bob.responses[0].headers.get("Allow") == "OPTIONS"


def test_what_is_required_and_not_understood_is_named(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    echo = Echo()
    agent.serve("MESSAGE", echo)
    agent.announce(supported=["path"])
    bob.send(their_request(branch="1", Call_ID="1", Require="path, frob, 100rel"), US)
    bob.send(their_request(branch="2", Call_ID="2", Require="path"), US)
    network.drive(0.1)
    assert statuses(bob) == [420, 200]
    assert bob.responses[0].headers.get("Unsupported") == "frob, 100rel"


def test_a_first_look_may_take_anything_but_cancel_and_calls(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    class Door:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def takes(self, transaction: ServerTransaction, request: Request) -> bool:
            self.seen.append(request.method)
            if request.method == "MESSAGE":
                return False
            transaction.reply(403)
            return True

    door = Door()
    agent.look_first(door)
    agent.serve("MESSAGE", Echo())
    for number, method in enumerate(("MESSAGE", "FROBNICATE", "OPTIONS", "CANCEL", "INVITE", "ACK")):
        bob.send(their_request(method, branch=str(number), Call_ID=str(number), Require="frob"), US)
        network.drive(0.1)
    assert door.seen == ["MESSAGE", "FROBNICATE", "OPTIONS"]
    assert statuses(bob)[:3] == [420, 403, 403]


@pytest.mark.parametrize(
    ("spoiled", "status"),
    [
        (their_request(CSeq="1 PUBLISH"), 400),
        (their_request(CSeq="99999999999 MESSAGE"), 400),
        (their_request(From=None), 400),
        (their_request(Call_ID=None), 400),
        (their_request(Content_Length="6"), 400),
        (their_request(Max_Forwards="256"), 400),
        (their_request().replace("SIP/2.0\nVia", "SIP/7.0\nVia"), 505),
        (their_request(To='"no end <sip:alice@sip.example.org>'), 400),
    ],
)
def test_what_is_wrong_is_answered_with_its_status_and_leaves_nothing_behind(
    network: Network, agent: UserAgent, bob: RawPeer, spoiled: str, status: int
) -> None:
    agent.serve("MESSAGE", Echo())
    bob.send(spoiled, US)
    network.drive(0.1)
    assert statuses(bob) == [status]
    assert agent.counters.malformed == 1 and agent.wheel.running() == 0


@pytest.mark.parametrize(
    "spoiled",
    [
        "nonsense",
        their_request(Via=None),
        their_request(Via="nonsense"),
        their_request("ACK", CSeq="x"),
        "SIP/2.0 200 OK\n\n",
        "SIP/2.0 800 Odd\nVia: x\n\n",
        "sip/2.0 200 OK\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\nCSeq: 1 NOTIFY\n\n",
    ],
)
def test_what_cannot_be_answered_is_dropped_in_silence(
    network: Network, agent: UserAgent, bob: RawPeer, spoiled: str
) -> None:
    bob.send(spoiled, US)
    network.drive(1)
    assert not bob.arrived
    assert agent.counters.malformed + agent.counters.dropped >= 1


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_datagram_is_survived(octets: bytes) -> None:
    clock = Clock()
    network = Network(clock)
    agent = UserAgent(transports=network.host(US.host), clock=clock, rng=random.Random(1))
    for start in (
        b"",
        b"SIP/2.0 ",
        b"MESSAGE sip:a SIP/2.0\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK",
    ):
        agent.received(start + octets, TO_BOB)


@given(st.data())
@settings(max_examples=200)
def test_a_request_with_some_octets_changed_is_answered_or_dropped(data: st.DataObject) -> None:
    clock = Clock()
    network = Network(clock)
    agent = UserAgent(transports=network.host(US.host), clock=clock, rng=random.Random(1))
    agent.serve("MESSAGE", Echo())
    octets = bytearray(their_request().replace("\n", "\r\n").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    agent.received(bytes(octets), TO_BOB)
    sent = [datagram for datagram, _, _ in network.datagrams]
    assert len(sent) <= 1 and all(datagram.startswith(b"SIP/2.0 ") for datagram in sent)


@pytest.mark.parametrize("fault", ["CSeq", "XSeq"])
def test_a_via_that_cannot_be_written_again_is_dropped(fault: str, clock: Clock) -> None:
    network = Network(clock)
    agent = UserAgent(transports=network.host(US.host), clock=clock, rng=random.Random(1))
    text = their_request().replace("\n", "\r\n").replace("branch=z9hG4bK", "branch=\0z9hG4bK")
    agent.received(text.replace("CSeq", fault).encode(), TO_BOB)
    assert network.datagrams == []


def test_our_contact_and_via_name_the_place_where_we_listen(network: Network, clock: Clock) -> None:
    agent = UserAgent(
        transports=network.host("192.0.2.2", 5070, (Transport.UDP, Transport.TCP, Transport.TLS)),
        clock=clock,
        rng=random.Random(1),
    )
    assert agent.contact_uri(Transport.UDP) == "<sip:192.0.2.2:5070>"
    assert agent.contact_uri(Transport.TCP) == "<sip:192.0.2.2:5070;transport=tcp>"
    assert agent.contact_uri(Transport.TLS) == "<sip:192.0.2.2:5071;transport=tls>"
    ours = Flow(transport=Transport.TCP, local=HostPort("192.0.2.2", 40123), peer=BOB, connection=1)
    assert agent.contact_uri(ours) == "<sip:192.0.2.2:5070;transport=tcp>"


def test_there_is_no_contact_where_nothing_listens(network: Network, clock: Clock) -> None:
    agent = UserAgent(
        transports=network.host("192.0.2.2", transports=(Transport.UDP,)), clock=clock, rng=random.Random(1)
    )
    with pytest.raises(TransportFailed):
        agent.contact_uri(Transport.TLS)


def test_a_user_agent_that_names_itself_is_not_renamed(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    request = our_request()
    request.headers.add("User-Agent", "bob/1")
    agent.request(request, flow=TO_BOB)
    network.drive(0.1)
    assert bob.requests[0].headers.all("User-Agent") == ["bob/1"]


def test_the_request_given_is_not_changed(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    request = our_request()
    before = request.to_bytes()
    bob.answers = lambda arrived: make_response(arrived, 200).to_bytes()
    answer = agent.request(request, flow=TO_BOB)
    network.drive(0.1)
    assert result_of(answer).status == 200 and request.to_bytes() == before


def test_two_agents_understand_each_other(network: Network, agent: UserAgent, clock: Clock) -> None:
    other = UserAgent(transports=network.host(BOB.host), clock=clock, rng=random.Random(2))
    other.serve("NOTIFY", Echo())
    answer = agent.request(our_request(body=b"hm"), flow=TO_BOB)
    network.drive(0.1)
    assert result_of(answer).body == b"hm"


def test_after_stop_no_timer_is_left(network: Network, agent: UserAgent, bob: RawPeer, clock: Clock) -> None:
    agent.request(our_request(), flow=TO_BOB)
    bob.send(their_request("INVITE"), US)
    network.drive(0.1)
    agent.stop()
    before = len(bob.arrived)
    network.drive(60)
    assert len(bob.arrived) == before
