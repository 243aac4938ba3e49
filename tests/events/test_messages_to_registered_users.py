"""A MESSAGE for one of our users on the wire: it reaches the phones where they are, and one answer comes back."""

import random
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.events.registered import RegisteredUsers
from sip2xmpp.sip.flow import Transport
from sip2xmpp.sip.message import make_response
from sip2xmpp.sip.proxy import ForwardingProxy
from tests.events.gateway import Gateway, Method, NoNames
from tests.events.phone import SERVER, Exchange, Phone
from tests.events.test_phones_that_only_register import register_over
from tests.events.test_registrar import ALICE, INSTANCE, OUTBOUND, Desk
from tests.fakes import Network, RawStreamPeer, Wire, result_of

BOB = "sip:bob@sip.example.org"


class Scene:
    def __init__(self, clock: Clock) -> None:
        self.network = Network(clock)
        self.gateway = Gateway(self.network)
        proxy = ForwardingProxy(
            agent=self.gateway.agent,
            dns=NoNames(),
            rng=random.Random(5),
            secret=b"s" * 32,
            is_ourselves=lambda host: host == "sip.example.org",
        )
        users = RegisteredUsers(self.gateway.store, proxy, self.gateway.registrar.end)
        alice = Address.parse("alice@sip.example.org")
        self.gateway.agent.serve("MESSAGE", Method(lambda t, r: users.deliver(t, r, alice)))
        self.bob = Phone(self.network, "192.0.2.20", BOB)

    def desk(self, number: int, contact: str = "", **more: Any) -> Desk:
        desk = Desk(self.network, self.gateway, f"192.0.2.{number}", f"boot{number}")
        assert desk.register(contact or f"<sip:alice@192.0.2.{number}>", expires=600, **more).status == 200
        return desk

    def says(self, uri: str = ALICE, wait: float = 1.0) -> Exchange:
        exchange = self.bob.request("MESSAGE", uri, headers="Content-Type: text/plain\r\n", body=b"hi")
        self.network.drive(wait)
        return exchange


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def heard(desk: Desk) -> int:
    """MESSAGEs that a phone got; it answers 481, as to everything outside of its dialogs."""
    return len({text.branch for text in desk.phone.strays if text.method == "MESSAGE"})


def test_all_phones_of_equal_preference_get_it(scene: Scene) -> None:
    desks = [scene.desk(30), scene.desk(31)]
    exchange = scene.says()
    assert [heard(desk) for desk in desks] == [1, 1] and exchange.status == 481
    assert len([text for text in exchange.responses if text.status >= 200]) == 1


def test_a_less_preferred_phone_gets_it_when_the_others_have_failed(scene: Scene) -> None:
    first, second = scene.desk(30), scene.desk(31, "<sip:alice@192.0.2.31>;q=0.5")
    scene.says()
    assert [heard(first), heard(second)] == [1, 1]


def test_a_silent_phone_is_not_waited_for_as_long_as_the_sender_waits(scene: Scene) -> None:
    first, second = scene.desk(30), scene.desk(31, "<sip:alice@192.0.2.31>;q=0.5")
    scene.network.unbind(first.phone.place)
    exchange = scene.says(wait=10)
    assert heard(second) == 1 and exchange.status == 481


def test_nobody_gets_it_when_the_sender_has_stopped_waiting(scene: Scene) -> None:
    desks = [scene.desk(30 + i, f"<sip:alice@192.0.2.{30 + i}>;q=0.{9 - i}") for i in range(6)]
    for silent in desks[:5]:
        scene.network.unbind(silent.phone.place)
    exchange = scene.says(wait=60)
    assert heard(desks[5]) == 0 and exchange.final is None


def test_one_that_refuses_for_all_does_not_hide_one_that_never_answers(scene: Scene) -> None:
    refusing, silent = scene.desk(30), scene.desk(31)
    scene.network.unbind(silent.phone.place)
    scene.network.unbind(refusing.phone.place)
    peer = scene.network.peer("192.0.2.30")
    exchange = scene.says()
    (message, *_) = peer.requests
    peer.send(make_response(message, 603, to_tag="x").to_bytes(), SERVER)
    scene.network.drive(31)
    assert exchange.status == 603


def test_it_goes_over_the_connection_that_a_phone_registered_on(scene: Scene) -> None:
    peer = scene.network.stream_peer("192.0.2.40", 5060, Transport.TCP)
    wire = _connected(scene, peer)
    register_over(wire)
    scene.network.drive(0.5)
    scene.says()
    (request,) = [message for message in peer.requests if message.method == "MESSAGE"]
    assert request.uri == "sip:alice@10.0.0.5;transport=tcp" and request.body == b"hi"


def test_it_goes_along_the_path(scene: Scene) -> None:
    edge = scene.network.peer("192.0.2.50")
    scene.desk(30, headers="Supported: path\r\nPath: <sip:192.0.2.50;lr>\r\n")
    scene.network.drive(1)
    binding = scene.gateway.store.bindings.select("alice@sip.example.org")[0]
    assert binding.path == ("<sip:192.0.2.50;lr>",) and not binding.direct
    scene.says()
    assert [request.route for request in edge.requests[:1]] == [["<sip:192.0.2.50;lr>"]]


def test_a_uri_of_one_device_leads_to_that_device(scene: Scene) -> None:
    first = scene.desk(30, f"<sip:alice@192.0.2.30>;{INSTANCE}", headers="Supported: gruu\r\n")
    second = scene.desk(31)
    scene.says(f"{ALICE};gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128")
    assert [heard(first), heard(second)] == [1, 0]
    assert scene.says(f"{ALICE};gr=urn:uuid:elsewhere").status == 480


def test_a_device_with_two_flows_gets_it_once(scene: Scene) -> None:
    first = scene.desk(30, f"<sip:alice@192.0.2.30>;{INSTANCE};reg-id=1", headers=OUTBOUND)
    second = scene.desk(31, f"<sip:alice@192.0.2.31>;{INSTANCE};reg-id=2", headers=OUTBOUND)
    scene.says()
    assert heard(first) + heard(second) == 1


def test_a_message_to_nobody_is_480(scene: Scene) -> None:
    assert scene.says().status == 480


def _connected(scene: Scene, peer: RawStreamPeer) -> Wire:
    answer = peer.connect(SERVER)
    scene.network.drive(0.1)
    wire: Wire = result_of(answer)
    return wire
