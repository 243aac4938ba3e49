"""RFC 3261 section 17.2.1, figure 7, as far as a refusal goes; and CANCEL, section 9.2."""

import pytest

from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.message import Response
from tests.conftest import START
from tests.fakes import Network, RawPeer, result_of
from tests.sip.scene import BOB, US, Echo, Patient, their_request


def ack(response: Response, branch: str = "a1") -> str:
    return their_request("ACK", branch=branch, To=str(response.to))


def test_a_call_is_refused_with_what_is_allowed(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    agent.serve("SUBSCRIBE", Echo())
    bob.send(their_request("INVITE"), US)
    network.drive(0.1)
    [response] = bob.responses
    assert response.status == 405 and response.headers.get("Allow") == "OPTIONS, SUBSCRIBE"
    assert response.to.tag


def test_the_refusal_is_repeated_by_timer_g_until_timer_h(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    times: list[float] = []
    network.drops = lambda octets, source, goal: (
        goal == BOB and times.append(network.clock.seconds() - START) is not None
    )
    bob.send(their_request("INVITE"), US)
    network.drive(60)
    assert [round(time, 1) for time in times] == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert agent.wheel.running() == 0


def test_the_ack_ends_that_and_is_absorbed(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    bob.send(their_request("INVITE"), US)
    network.drive(0.1)
    for _ in range(3):
        bob.send(ack(bob.responses[0]), US)
        network.drive(0.1)
    network.drive(3)
    bob.send(their_request("INVITE"), US)
    network.drive(60)
    assert len(bob.arrived) == 1
    assert agent.wheel.running() == 0


def test_an_invite_again_gets_the_same_refusal_again(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    for _ in range(3):
        bob.send(their_request("INVITE"), US)
    network.drive(0.1)
    assert len(bob.arrived) == 3 and len(set(bob.arrived)) == 1


def test_an_old_client_without_a_branch_is_understood(
    network: Network, agent: UserAgent, bob: RawPeer
) -> None:
    via = f"SIP/2.0/UDP {BOB}"
    bob.send(their_request("INVITE", Via=via), US)
    network.drive(0.1)
    bob.send(their_request("ACK", Via=via, To=str(bob.responses[0].to)), US)
    network.drive(60)
    assert len(bob.arrived) == 1


def test_a_stray_ack_is_never_answered(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    bob.send(their_request("ACK"), US)
    bob.send(their_request("ACK", From="nonsense"), US)
    network.drive(1)
    assert not bob.arrived and agent.counters.dropped >= 1


def test_on_a_stream_the_refusal_is_sent_once(network: Network, agent: UserAgent) -> None:
    peer = network.stream_peer(BOB.host)
    connecting = peer.connect(US)
    network.drive(0.1)
    wire = result_of(connecting)
    via = f"SIP/2.0/TCP {BOB};branch=z9hG4bK1"
    wire.write(their_request("INVITE", Via=via).replace("\n", "\r\n").encode())
    network.drive(10)
    assert len(peer.arrived) == 1
    wire.write(their_request("ACK", Via=via, To=str(peer.responses[0].to)).replace("\n", "\r\n").encode())
    network.drive(0.1)
    assert agent.wheel.running() == 0


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_cancelling_what_is_known_is_acknowledged_and_changes_nothing(
    network: Network, agent: UserAgent, bob: RawPeer, method: str
) -> None:
    agent.serve("MESSAGE", Patient())
    bob.send(their_request(method), US)
    network.drive(0.1)
    before = len(bob.arrived)
    bob.send(their_request("CANCEL"), US)
    bob.send(their_request("CANCEL"), US)
    network.drive(0.1)
    assert [response.status for response in bob.responses][before:] == [200, 200]


def test_cancelling_what_is_not_known_is_481(network: Network, agent: UserAgent, bob: RawPeer) -> None:
    bob.send(their_request("INVITE", branch="other"), US)
    bob.send(their_request("CANCEL"), US)
    network.drive(0.1)
    assert [response.status for response in bob.responses] == [405, 481]
