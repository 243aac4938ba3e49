"""The ``reg`` package: owners learn of their contacts, in full and in part, valid and not too often."""

from typing import Any

import pytest
from lxml import etree
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import reginfo
from sip2xmpp.documents.reginfo import Contact, ContactEvent, Registration, RegistrationState
from sip2xmpp.events.registrar import FlowRules
from sip2xmpp.events.registration_events import RegistrationEvents
from sip2xmpp.sip.flow import Transport
from sip2xmpp.store.memory import MemoryStore
from tests.documents.test_reginfo import SCHEMA
from tests.events.gateway import Gateway
from tests.events.phone import SERVER, Line, Phone, Text
from tests.events.test_phones_that_only_register import register_over
from tests.events.test_registrar import ALICE, INSTANCE, Desk
from tests.fakes import Network, result_of

MONITOR = "sip:monitor@sip.example.org"
CONTACT = "<sip:alice@192.0.2.10:5060>"


class Scene:
    def __init__(self, clock: Clock) -> None:
        self.network = Network(clock)
        self.gateway = self.begin()
        self.desk = Desk(self.network, self.gateway)
        self.phone = Phone(self.network, "192.0.2.20", ALICE)

    def begin(self, kept: MemoryStore | None = None) -> Gateway:
        clock: Any = self.network.clock
        return Gateway(
            self.network,
            kept=kept,
            flows=FlowRules(grace=100.0),
            packages=lambda gateway: [
                RegistrationEvents(
                    store=gateway.store,
                    clock=clock,
                    exists=lambda address: True,
                    watchers=[Address.parse("monitor@sip.example.org")],
                )
            ],
        )

    def subscribe(self, *, phone: Phone | None = None, expires: int = 3600, headers: str = "") -> Line:
        line = (phone or self.phone).subscribe(ALICE, expires, event="reg", headers=headers)
        self.network.drive(1)
        return line


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def said(notify: Text) -> Registration:
    assert notify["Content-Type"] == "application/reginfo+xml"
    SCHEMA.assertValid(etree.fromstring(notify.body))
    (registration,) = reginfo.read(notify.body).registrations
    return registration


def only(notify: Text) -> Contact:
    (contact,) = said(notify).contacts
    return contact


def versions(line: Line) -> list[tuple[int, bool]]:
    documents = [reginfo.read(notify.body) for notify in line.notifies]
    return [(document.version, document.full) for document in documents]


def test_an_address_without_contacts_is_in_its_first_state(scene: Scene) -> None:
    line = scene.subscribe()
    assert said(line.last).state is RegistrationState.INIT and said(line.last).contacts == ()
    assert said(line.last).aor == ALICE and versions(line) == [(0, True)]
    assert line.response["Expires"] == "3600"


def test_the_default_lifetime_is_that_of_the_rfc(scene: Scene) -> None:
    line = scene.phone.subscribe(ALICE, None, event="reg", headers="")
    scene.network.drive(1)
    assert line.response["Expires"] == "3761"


def test_a_contact_is_told_with_all_that_is_known(scene: Scene) -> None:
    scene.desk.register(f'"Alice" {CONTACT};q=0.5;{INSTANCE};audio;mobility="fixed"', expires=600)
    scene.network.drive(10)
    contact = only(scene.subscribe().last)
    assert contact.active and contact.event is ContactEvent.REGISTERED
    assert (contact.uri, contact.q, contact.display_name) == ("sip:alice@192.0.2.10:5060", 0.5, "Alice")
    assert (contact.call_id, contact.cseq) == ("boot1", 1)
    assert contact.expires in (589, 590) and contact.duration_registered == 10
    assert ("audio", "") in contact.unknown_params and ("mobility", '"fixed"') in contact.unknown_params
    assert dict(contact.unknown_params)["+sip.instance"] == INSTANCE.partition("=")[2]


def test_who_knows_of_gruus_is_told_with_it(scene: Scene) -> None:
    scene.desk.register(f"{CONTACT};{INSTANCE}", expires=600, headers="Supported: gruu\r\n")
    gruu = only(scene.subscribe().last).public_gruu
    assert gruu == f"{ALICE};gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128"


def test_a_contact_that_comes_is_refreshed_and_goes(scene: Scene) -> None:
    line = scene.subscribe()
    events = []
    for expires in (600, 600, 0):
        scene.network.drive(6)
        scene.desk.register(CONTACT, expires=expires)
        scene.network.drive(1)
        events.append((only(line.last).event, only(line.last).active, said(line.last).state))
    assert events == [
        (ContactEvent.REGISTERED, True, RegistrationState.ACTIVE),
        (ContactEvent.REFRESHED, True, RegistrationState.ACTIVE),
        (ContactEvent.UNREGISTERED, False, RegistrationState.TERMINATED),
    ]
    assert versions(line) == [(0, True), (1, False), (2, False), (3, False)]
    assert len({only(notify).id for notify in line.notifies[1:]}) == 1
    assert len({said(notify).id for notify in line.notifies}) == 1
    line.send()
    scene.network.drive(1)
    assert said(line.last).state is RegistrationState.INIT and versions(line)[-1] == (4, True)


def test_only_what_is_new_is_told(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    line = scene.subscribe()
    scene.network.drive(6)
    Desk(scene.network, scene.gateway, "192.0.2.11", "boot2").register("<sip:alice@192.0.2.11>", expires=600)
    scene.network.drive(1)
    assert only(line.last).uri == "sip:alice@192.0.2.11"
    scene.network.drive(6)
    scene.desk.register(CONTACT, expires=0)
    scene.network.drive(1)
    gone = only(line.last)
    assert (gone.uri, gone.active) == ("sip:alice@192.0.2.10:5060", False)
    assert said(line.last).state is RegistrationState.ACTIVE


def test_a_contact_that_is_not_refreshed_has_expired(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=60)
    line = scene.subscribe()
    scene.network.drive(62)
    assert only(line.last).event is ContactEvent.EXPIRED


def test_an_operator_says_why(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    line = scene.subscribe()
    scene.network.drive(6)
    scene.gateway.registrar.end(scene.desk.bindings[0], ContactEvent.REJECTED)
    scene.network.drive(1)
    assert only(line.last).event is ContactEvent.REJECTED


def test_who_is_not_ours_any_more_is_not_registered_any_more(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    scene.gateway.registrar.existence_changed(Address.parse("alice@sip.example.org"))
    assert len(scene.desk.bindings) == 1
    scene.gateway.registrar._exists = lambda _: False
    scene.gateway.registrar.existence_changed(Address.parse("alice@sip.example.org"))
    assert scene.desk.bindings == ()


def test_a_lost_connection_asks_for_another_registration(scene: Scene) -> None:
    peer = scene.network.stream_peer("192.0.2.30", 5060, Transport.TCP)
    answer = peer.connect(SERVER)
    scene.network.drive(0.1)
    wire = result_of(answer)
    register_over(wire)
    scene.network.drive(1)
    line = scene.subscribe()
    scene.network.drive(6)
    wire.close()
    scene.network.drive(1)
    assert only(line.last).event is ContactEvent.DEACTIVATED


def test_after_a_restart_all_is_told_and_what_was_shortened_is_said_so(scene: Scene) -> None:
    peer = scene.network.stream_peer("192.0.2.30", 5060, Transport.TCP)
    answer = peer.connect(SERVER)
    scene.network.drive(0.1)
    register_over(result_of(answer))
    scene.desk.register(CONTACT, expires=600)
    line = scene.subscribe()
    scene.gateway = scene.begin(scene.gateway.killed())
    scene.network.drive(3)
    line.send()
    scene.network.drive(3)
    row = said(line.last)
    assert [contact.event for contact in row.contacts] == [ContactEvent.SHORTENED, ContactEvent.REGISTERED]
    assert row.contacts[0].expires is not None and row.contacts[0].expires <= 100
    numbers = [version for version, _ in versions(line)]
    assert numbers == sorted(set(numbers)) and versions(line)[-1][1]


def test_not_more_often_than_once_in_five_seconds(scene: Scene) -> None:
    line = scene.subscribe()
    for number in range(20):
        scene.desk.register(f"<sip:alice{number}@192.0.2.10>", expires=600)
        scene.desk.register(f"<sip:alice{number}@192.0.2.10>", expires=0 if number % 2 else 600)
    scene.network.drive(1)
    assert len(line.notifies) <= 3
    scene.network.drive(5)
    uris = {contact.uri for notify in line.notifies for contact in said(notify).contacts}
    assert uris >= {f"sip:alice{number}@192.0.2.10" for number in range(0, 20, 2)}
    assert len(line.notifies) <= 4


def test_a_subscribe_is_answered_at_once(scene: Scene) -> None:
    line = scene.subscribe()
    scene.desk.register(CONTACT, expires=600)
    scene.desk.register(CONTACT, expires=600)
    line.send()
    scene.network.drive(0.5)
    assert only(line.last).cseq == 2


def test_nobody_else_learns_where_somebody_is_registered(scene: Scene) -> None:
    eve = Phone(scene.network, "192.0.2.66", "sip:eve@sip.example.org")
    line = scene.subscribe(phone=eve)
    assert line.status == 403 and line.notifies == []


def test_whom_the_operator_named_may_know(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    line = scene.subscribe(phone=Phone(scene.network, "192.0.2.67", MONITOR))
    assert line.status == 200 and only(line.last).uri == "sip:alice@192.0.2.10:5060"


@pytest.mark.parametrize(
    ("accept", "status"), [("", 200), ("Accept: */*\r\n", 200), ("Accept: application/pidf+xml\r\n", 406)]
)
def test_there_is_one_form(scene: Scene, accept: str, status: int) -> None:
    assert scene.subscribe(headers=accept).status == status


def test_a_fetch_gets_all_and_ends(scene: Scene) -> None:
    scene.desk.register(CONTACT, expires=600)
    line = scene.subscribe(expires=0)
    assert only(line.last).active and line.last.state == "terminated"


def test_nothing_is_kept_for_who_is_gone(scene: Scene) -> None:
    line = scene.subscribe()
    package = scene.gateway.notifier._packages["reg"]
    for _ in range(3):
        scene.desk.register(CONTACT, expires=600)
        scene.desk.register(CONTACT, expires=0)
    line.unsubscribe()
    scene.network.drive(10)
    assert package._gone == {}  # type: ignore[attr-defined]


def test_nothing_is_kept_for_who_was_sent_away(scene: Scene) -> None:
    line = scene.subscribe()
    scene.desk.register(CONTACT, expires=600)
    scene.desk.register(CONTACT, expires=0)
    package: Any = scene.gateway.notifier._packages["reg"]
    assert package._gone
    package._states._exists = lambda _: False
    package.existence_changed(Address.parse("alice@sip.example.org"))
    scene.network.drive(10)
    assert line.last.state == "terminated" and package._gone == {}


def test_registrations_cannot_be_published(scene: Scene) -> None:
    exchange = scene.phone.publish(b"<reginfo/>", event="reg", content_type="application/reginfo+xml")
    scene.network.drive(1)
    assert exchange.status == 489
