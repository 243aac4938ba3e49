"""A phone that registers and knows nothing of presence is online as long as its binding is there, and not a moment more or less."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sip2xmpp.address import Address
from sip2xmpp.config import read
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Basic, Presence, Tuple
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.events.bindings import Changes
from sip2xmpp.events.registrar import FlowRules
from sip2xmpp.own_side import own_side
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.registrations import Registrations
from sip2xmpp.sip.flow import Transport
from sip2xmpp.store.memory import MemoryStore
from tests.documents.miniclients import SCHEMA
from tests.events.gateway import Gateway
from tests.events.phone import SERVER, Line, Phone
from tests.events.test_registrar import ALICE, DOMAIN, INSTANCE, Desk
from tests.fakes import Network, Wire, result_of

BOB = "sip:bob@sip.example.org"
CONTACT = "<sip:alice@192.0.2.10:5060>"
URN = "urn:uuid:00000000-0000-1000-8000-000A95A0E128"


class Scene:
    """Bob watches alice, who has decided that he may."""

    def __init__(self, clock: Clock, *, debounce: float = 0.0, flows: FlowRules | None = None) -> None:
        self.network = Network(clock)
        self.debounce = debounce
        self.flows = flows
        self.gateway = self.begin()
        self.gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.ALLOW)
        self.desk = Desk(self.network, self.gateway)
        self.bob = Phone(self.network, "192.0.2.20", BOB)
        self.line = self.bob.subscribe(ALICE)
        self.network.drive(1)

    def begin(self, kept: MemoryStore | None = None) -> Gateway:
        clock: Any = self.network.clock
        return Gateway(
            self.network,
            kept=kept,
            flows=self.flows,
            feeds=lambda store: [Registrations(store, clock, debounce=self.debounce)],
        )

    def stream(self) -> Wire:
        peer = self.network.stream_peer("192.0.2.30", 5060, Transport.TCP)
        answer = peer.connect(SERVER)
        self.network.drive(0.1)
        wire: Wire = result_of(answer)
        return wire

    @property
    def shown(self) -> Presence:
        octets = self.line.last.body
        SCHEMA.assertValid(etree.fromstring(octets))
        return pidf.read(octets)

    @property
    def composed(self) -> Presence:
        """All of it, before it is made to fit a datagram."""
        return self.gateway.presence.composed(Address.parse("alice@sip.example.org"))

    @property
    def is_online(self) -> bool:
        return any(service.basic is Basic.OPEN for service in self.shown.tuples)


def document(basic: Basic) -> bytes:
    return pidf.write(Presence(entity=ALICE, tuples=(Tuple(id="published", basic=basic),)))


def register_over(
    wire: Wire, *, cseq: int = 1, expires: int = 600, via: str = "", headers: str = "", more: str = ""
) -> None:
    """REGISTER by TCP; its contact is where nobody listens, as behind an address translator."""
    wire.write(
        (
            f"REGISTER {DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bKt{cseq}\r\n{via}"
            f"Max-Forwards: 70\r\nFrom: <{ALICE}>;tag=t\r\nTo: <{ALICE}>\r\nCall-ID: tcp1\r\n"
            f"CSeq: {cseq} REGISTER\r\nContact: <sip:alice@10.0.0.5;transport=tcp>{more}\r\n"
            f"User-Agent: Phone/1.0\r\nExpires: {expires}\r\n{headers}Content-Length: 0\r\n\r\n"
        ).encode()
    )


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_a_phone_that_registers_is_online_with_its_contact_and_device(scene: Scene) -> None:
    assert not scene.is_online
    now = scene.network.clock.seconds()
    scene.desk.register(f"{CONTACT};q=0.7;{INSTANCE}", expires=600)
    assert scene.is_online
    (service,), (device,) = scene.composed.tuples, scene.composed.devices
    assert service.contact == ALICE and service.priority == 0.7 and service.device_id == URN
    assert service.timestamp is not None and abs(service.timestamp.timestamp() - now) <= 1
    assert device.device_id == URN and [note.text for note in device.notes] == ["Phone/1.0"]


def test_who_asked_for_a_uri_of_its_own_is_reached_there(scene: Scene) -> None:
    scene.desk.register(f"{CONTACT};{INSTANCE}", expires=600, headers="Supported: gruu\r\n")
    assert scene.shown.tuples[0].contact == f"{ALICE};gr={URN}"


def test_a_device_with_two_contacts_is_one_device(scene: Scene) -> None:
    contacts = [f"<sip:alice@192.0.2.10;transport={each}>;{INSTANCE}" for each in ("udp", "tcp")]
    scene.desk.register(*contacts, expires=600)
    assert scene.is_online and len(scene.composed.tuples) == 1
    told = len(scene.line.notifies)
    for _ in range(3):
        scene.network.drive(50)
        scene.desk.register(*contacts, expires=600)
    scene.network.drive(5)
    assert len(scene.line.notifies) == told
    scene.desk.register(contacts[0], expires=0)
    assert scene.is_online


def test_a_refresh_changes_nothing_and_tells_nobody(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    told = len(scene.line.notifies)
    for _ in range(5):
        scene.network.drive(50)
        scene.desk.register(CONTACT, expires=600)
    scene.network.drive(5)
    assert len(scene.line.notifies) == told and scene.is_online


def test_it_is_online_for_the_whole_of_its_registration_and_no_longer(scene: Scene) -> None:
    # A publication made for it by Kamailio's and OpenSIPS's pua_usrloc ended up to 100 seconds early (opensips#3125).
    scene.desk.register(CONTACT, expires=300)
    scene.network.drive(299)
    assert scene.is_online
    scene.network.drive(3)
    assert not scene.is_online


def test_unregistering_is_going_offline_at_once(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    assert scene.is_online
    scene.desk.register("*", expires=0)
    assert not scene.is_online


def test_whatever_ends_a_binding_ends_the_presence(scene: Scene) -> None:
    # kamailio#3273: what the registrar ended by itself, for want of keep-alives, stayed online.
    scene.desk.register(CONTACT, expires=600)
    assert scene.is_online
    scene.gateway.registrar.end(scene.desk.bindings[0], ContactEvent.PROBATION)
    scene.network.drive(1)
    assert not scene.is_online and scene.desk.bindings == ()


def test_one_of_two_phones_may_go(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    Desk(scene.network, scene.gateway, "192.0.2.11", "boot2").register(
        "<sip:alice@192.0.2.11>;q=0.1", expires=600
    )
    assert len(scene.shown.tuples) == 2
    scene.desk.register(CONTACT, expires=0)
    assert [service.priority for service in scene.shown.tuples] == [0.1]


def test_the_end_of_the_connection_is_the_end_of_the_binding(scene: Scene) -> None:
    wire = scene.stream()
    register_over(wire)
    scene.network.drive(1)
    assert scene.is_online
    wire.close()
    scene.network.drive(0.2)
    assert not scene.is_online and scene.desk.bindings == ()


def test_a_connection_that_was_replaced_in_time_takes_nothing_with_it(scene: Scene) -> None:
    first = scene.stream()
    register_over(first)
    scene.network.drive(1)
    peer = scene.network.stream_peer("192.0.2.31", 5060, Transport.TCP)
    answer = peer.connect(SERVER)
    scene.network.drive(0.1)
    second = result_of(answer)
    register_over(second, cseq=2)
    scene.network.drive(1)
    first.close()
    scene.network.drive(1)
    assert scene.is_online
    second.close()
    scene.network.drive(1)
    assert not scene.is_online


@pytest.mark.parametrize(
    "more",
    [
        {"via": "Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKc\r\n"},
        {"headers": "Path: <sip:edge.example.org;lr>\r\nSupported: path\r\n"},
    ],
)
def test_the_connection_of_a_proxy_is_not_that_of_the_phone(scene: Scene, more: dict[str, Any]) -> None:
    wire = scene.stream()
    register_over(wire, **more)
    scene.network.drive(1)
    wire.close()
    scene.network.drive(1)
    assert scene.is_online


def test_bindings_may_be_kept_without_their_connections(clock: Clock) -> None:
    scene = Scene(clock, flows=FlowRules(bound=False))
    wire = scene.stream()
    register_over(wire)
    scene.network.drive(1)
    wire.close()
    scene.network.drive(1)
    assert scene.is_online


@pytest.mark.parametrize("grace", [150.0, 0.0])
def test_after_a_restart_phones_on_connections_have_a_while_to_come_back(clock: Clock, grace: float) -> None:
    scene = Scene(clock, flows=FlowRules(grace=grace))
    register_over(scene.stream(), expires=3600)
    scene.network.drive(1)
    assert scene.is_online
    scene.gateway = scene.begin(scene.gateway.killed())
    scene.network.drive(100)
    assert scene.is_online is bool(grace)
    scene.network.drive(60)
    assert not scene.is_online


def test_the_connections_that_we_close_when_we_stop_end_no_bindings(scene: Scene) -> None:
    wire = scene.stream()
    register_over(wire, expires=3600)
    scene.network.drive(1)
    scene.gateway.agent.stop()
    wire.close()
    scene.network.drive(1)
    assert len(scene.desk.bindings) == 1


def test_after_a_restart_a_phone_that_comes_back_stays_online(clock: Clock) -> None:
    scene = Scene(clock)
    register_over(scene.stream(), expires=3600)
    scene.network.drive(1)
    scene.gateway = scene.begin(scene.gateway.killed())
    scene.network.drive(20)
    told = len(scene.line.notifies)
    peer = scene.network.stream_peer("192.0.2.31", 5060, Transport.TCP)
    answer = peer.connect(SERVER)
    scene.network.drive(0.1)
    register_over(result_of(answer), cseq=2, expires=3600)
    scene.network.drive(400)
    assert scene.is_online and len(scene.line.notifies) == told


def test_a_phone_by_datagram_is_not_touched_by_a_restart(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    scene.gateway = scene.begin(scene.gateway.killed())
    scene.network.drive(500)
    assert scene.is_online


def test_what_a_phone_publishes_takes_the_place_of_its_registration(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    closed = document(Basic.CLOSED)
    published = scene.desk.phone.publish(closed)
    scene.network.drive(1)
    assert not scene.is_online, "a phone that says closed is not shown as online because it is registered"
    assert len(scene.composed.tuples) == 1
    scene.desk.phone.publish(document(Basic.OPEN), etag=published.responses[0]["SIP-ETag"], expires=60)
    scene.network.drive(1)
    assert scene.is_online
    told = len(scene.line.notifies)
    scene.network.drive(63)
    assert scene.is_online and len(scene.line.notifies) > told, (
        "it is registered, and that is all that is known"
    )


def test_a_phone_that_takes_back_what_it_published_is_gone_until_it_starts_anew(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    published = scene.desk.phone.publish(document(Basic.OPEN))
    scene.network.drive(1)
    assert scene.is_online
    scene.desk.phone.publish(etag=published.responses[0]["SIP-ETag"], expires=0)
    scene.network.drive(1)
    assert not scene.is_online
    scene.desk.register(CONTACT, expires=600)
    assert not scene.is_online
    scene.gateway = scene.begin(scene.gateway.killed())
    scene.network.drive(5)
    assert not scene.is_online
    scene.desk.call_id, scene.desk.cseq = "boot2", 0
    scene.desk.register(CONTACT, expires=600)
    assert scene.is_online


def test_a_phone_that_publishes_again_is_registered_when_that_is_over(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    published = scene.desk.phone.publish(document(Basic.OPEN))
    scene.network.drive(1)
    scene.desk.phone.publish(etag=published.responses[0]["SIP-ETag"], expires=0)
    scene.network.drive(1)
    assert not scene.is_online
    scene.desk.phone.publish(document(Basic.CLOSED), expires=60)
    scene.network.drive(1)
    assert not scene.is_online
    scene.network.drive(63)
    assert scene.is_online


def test_the_publication_of_one_phone_leaves_the_others_alone(scene: Scene) -> None:
    scene.desk.register(f"{CONTACT};{INSTANCE}", expires=600)
    Desk(scene.network, scene.gateway, "192.0.2.11", "boot2").register(
        "<sip:alice@192.0.2.11>;q=0.1", expires=600
    )
    # another socket and program name, but the same device
    twin = Phone(scene.network, "192.0.2.12", ALICE, agent="Twin/2")
    twin.publish(document(Basic.OPEN), headers=f"Contact: <sip:alice@192.0.2.12>;{INSTANCE}\r\n")
    scene.network.drive(1)
    assert [service.id == "published" for service in scene.composed.tuples] == [False, True]
    assert len(scene.composed.devices) == 1


def test_a_phone_that_restarts_may_be_given_a_moment(clock: Clock) -> None:
    scene = Scene(clock, debounce=2.0)
    scene.desk.register(f"{CONTACT};{INSTANCE}", expires=600)
    told = len(scene.line.notifies)
    scene.desk.register("*", expires=0)
    scene.network.drive(1)
    assert scene.is_online and len(scene.line.notifies) == told
    scene.desk.call_id, scene.desk.cseq = "boot2", 0
    scene.desk.register(f"<sip:alice@192.0.2.10:6060>;{INSTANCE}", expires=600)
    scene.network.drive(5)
    assert scene.is_online
    scene.desk.register("*", expires=0)
    scene.network.drive(1.5)
    assert scene.is_online
    scene.network.drive(2)
    assert not scene.is_online


def test_an_expired_registration_is_given_no_moment(clock: Clock) -> None:
    scene = Scene(clock, debounce=30.0)
    scene.desk.register(CONTACT, expires=60)
    scene.network.drive(63)
    assert not scene.is_online


def test_the_presence_of_registrations_may_be_switched_off(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    alice = Address.parse("alice@sip.example.org")
    for presence, heard in (("true", 1), ("false", 0)):
        text = f'[sip]\ndomains = ["sip.example.org"]\n[registrar]\npresence = {presence}\n'
        config = read(tomllib.loads(text), Path(), {})
        own = own_side(config, scene.gateway.store, scene.network.clock)
        assert len(own.presence.sources(alice)) == heard


def test_who_was_sent_away_is_given_no_moment(clock: Clock) -> None:
    scene = Scene(clock, debounce=30.0)
    scene.desk.register(CONTACT, expires=600)
    scene.gateway.registrar.end(scene.desk.bindings[0], ContactEvent.REJECTED)
    scene.network.drive(1)
    assert not scene.is_online


def test_what_lingers_is_limited(clock: Clock) -> None:
    scene = Scene(clock, debounce=60.0)
    for number in range(30):
        scene.desk.register(f"<sip:alice@192.0.2.10:{6000 + number}>", expires=600)
    scene.desk.register("*", expires=0)
    for number in range(30):
        scene.desk.register(f"<sip:alice{number}@192.0.2.10>", expires=600)
        scene.desk.register(f"<sip:alice{number}@192.0.2.10>", expires=0)
    assert len(scene.composed.tuples) <= 20


def test_nothing_is_kept_of_phones_that_are_gone(clock: Clock) -> None:
    scene = Scene(clock, debounce=2.0)
    feed = Registrations(scene.gateway.store, clock, debounce=2.0)
    wire = scene.stream()
    for round_ in range(20):
        register_over(wire, cseq=2 * round_ + 1)
        scene.network.drive(0.5)
        register_over(wire, cseq=2 * round_ + 2, expires=0)
        scene.network.drive(0.5)
    wire.close()
    scene.network.drive(10)
    assert feed._lingering == {} and scene.gateway.registrar._over == {}
    assert scene.gateway.registrar._connections == {}


def test_who_may_not_see_learns_nothing_of_a_registration(scene: Scene) -> None:
    eve = Phone(scene.network, "192.0.2.66", "sip:eve@sip.example.org")
    scene.gateway.decide("alice@sip.example.org", "eve@sip.example.org", Handling.POLITE_BLOCK)
    line: Line = eve.subscribe(ALICE)
    scene.network.drive(1)
    before = line.last.body
    told = len(line.notifies)
    scene.desk.register(CONTACT, expires=600)
    scene.network.drive(1)
    assert len(line.notifies) == told and line.last.body == before


def test_a_phone_with_outbound_is_asked_for_keep_alives_on_its_connection(clock: Clock) -> None:
    scene = Scene(clock, flows=FlowRules(timer=120))
    limits: list[float] = []
    scene.gateway.registrar._limit_silence = lambda _, seconds: limits.append(seconds)
    peer = scene.network.stream_peer("192.0.2.30", 5060, Transport.TCP)
    answer = peer.connect(SERVER)
    scene.network.drive(0.1)
    wire = result_of(answer)
    register_over(wire)
    scene.network.drive(1)
    assert "Flow-Timer" not in peer.responses[-1].headers and limits == []
    register_over(wire, cseq=2, more=f";{INSTANCE};reg-id=1", headers="Supported: outbound, path\r\n")
    scene.network.drive(1)
    assert peer.responses[-1].headers.get("Flow-Timer") == "120" and limits == [135.0]
    scene.desk.register(f"{CONTACT};{INSTANCE};reg-id=2", expires=600, headers="Supported: outbound\r\n")
    assert limits == [135.0], "datagrams have no connection"


def test_what_could_not_be_stored_leaves_the_connection_of_before(scene: Scene) -> None:
    wire = scene.stream()
    register_over(wire)
    scene.network.drive(1)
    registrar = scene.gateway.registrar
    before = dict(registrar._connections)
    binding = scene.desk.bindings[0]
    transaction: Any = _Silent()
    registrar._not_stored(transaction, Changes(gone=(binding,), new=(binding,)), before, Failure(OSError()))
    assert registrar._connections == before
    wire.close()
    scene.network.drive(1)
    assert not scene.is_online


def test_what_could_not_be_stored_does_not_bring_back_a_connection_that_ended_meanwhile(scene: Scene) -> None:
    wire = scene.stream()
    register_over(wire)
    scene.network.drive(1)
    registrar, table = scene.gateway.registrar, scene.gateway.store.bindings
    (old,) = scene.desk.bindings
    before = dict(registrar._connections)
    register_over(wire, cseq=2)
    scene.network.drive(0.1)
    (new,) = scene.desk.bindings
    wire.close()
    scene.network.drive(1)
    transaction: Any = _Silent()
    registrar._not_stored(transaction, Changes(gone=(old,), new=(new,)), before, Failure(OSError()))
    assert new.cseq == 2 and table.get(old.key) is None and not registrar._connections


class _Silent:
    """A transaction that nobody listens to."""

    def reply(self, status: int) -> None:
        assert status == 500
