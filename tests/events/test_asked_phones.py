"""Phones that do not publish are asked, and what they say is presence and calls, also over a restart of ours."""

import random
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import CONTENT_TYPE, DialogInfo
from sip2xmpp.documents.presence import Basic
from sip2xmpp.events.asked_phones import LARGEST, AskedPhones
from sip2xmpp.presence.feeds import Feed
from sip2xmpp.presence.observed import ObservedCalls, ObservedSources
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.registrations import Registrations
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.store.memory import MemoryStore
from tests.events.gateway import Gateway, Method
from tests.events.notifying import Notifying
from tests.events.phone import SERVER, Phone
from tests.fakes import Network

BOB = Address("bob", "sip.example.org")
URI = "sip:bob@sip.example.org"


def document(state: str = "open", activity: str = "", device: str = "") -> bytes:
    """What a phone answers; ``device`` is its own name for itself."""
    person = (
        f'<dm:person id="p"><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>'
        if activity
        else ""
    )
    named = f"<dm:deviceID>{device}</dm:deviceID>" if device else ""
    return (
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{URI}"><tuple id="t"><status><basic>{state}</basic>'
        f"</status>{named}</tuple>{person}</presence>"
    ).encode()


def calls(version: int, state: str = "full", **dialogs: str) -> bytes:
    said = "".join(f'<dialog id="{name}"><state>{value}</state></dialog>' for name, value in dialogs.items())
    return (
        f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="{state}"'
        f' entity="{URI}">{said}</dialog-info>'
    ).encode()


class Scene:
    """A gateway that asks phones."""

    def __init__(
        self, network: Network, *, kept: MemoryStore | None = None, identity: str | None = None, **more: bool
    ) -> None:
        self.network = network
        wants: dict[str, bool] = {"presence": True, "dialogs": False, **more}
        clock: Any = network.clock
        self.calls: dict[str, DialogInfo] = {}
        self.told: list[str] = []
        observed: list[ObservedSources] = []

        def feeds(store: MemoryStore) -> list[Feed]:
            if wants["presence"]:
                observed.append(ObservedSources(store, clock))
            return [Registrations(store, clock), *observed]

        self.gateway = Gateway(network, feeds=feeds, kept=kept, seed=2 if kept is not None else 1)
        self.store = self.gateway.store
        self.asking = AskedPhones(
            agent=self.gateway.agent,
            store=self.store,
            clock=clock,
            rng=random.Random(5),
            sources=observed[0] if observed else None,
            calls=ObservedCalls(self.store, clock, self._observed) if wants["dialogs"] else None,
            identity=identity,
        )
        self.gateway.agent.serve("NOTIFY", Method(self._notify))

    def _notify(self, transaction: Any, request: Any) -> None:
        if not self.asking.notify_received(transaction, request):
            transaction.reply(481)

    def _observed(self, presentity: Address, key: str, document: DialogInfo | None) -> None:
        assert presentity == BOB
        if document is None:
            self.calls.pop(key, None)
        else:
            self.calls[key] = document
        self.told.append(
            "gone" if document is None else " ".join(f"{c.id}={c.state.value}" for c in document.calls)
        )

    @property
    def state(self) -> State:
        return state_of(self.gateway.presence.composed(BOB))


def phone(
    network: Network, state: bytes, host: str = "192.0.2.30", content_type: str = "application/pidf+xml"
) -> Notifying:
    return Notifying(network, host, state=state, content_type=content_type)


def register(
    scene: Scene, one: Notifying, *, cseq: int = 1, expires: int = 3600, params: str = "", more: str = ""
) -> None:
    """Register from the phone's own socket."""
    place = one.place
    head = (
        f"REGISTER sip:sip.example.org SIP/2.0\r\nVia: SIP/2.0/UDP {place};branch=z9hG4bKr{place.host}{cseq};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <{URI}>;tag=r\r\nTo: <{URI}>\r\nCall-ID: reg@{place.host}\r\nCSeq: {cseq} REGISTER\r\n"
        f"User-Agent: Softphone/1\r\nContact: <sip:bob@{place}>{params}\r\nExpires: {expires}\r\n{more}Content-Length: 0\r\n\r\n"
    )
    one.peer.send(head, SERVER)
    scene.network.drive(0.5)
    assert any(
        answer.status == 200 and "REGISTER" in str(answer.headers.get("CSeq"))
        for answer in one.peer.responses
    )


def publish(
    scene: Scene,
    one: Notifying,
    body: bytes,
    *,
    event: str = "presence",
    content_type: str = "application/pidf+xml",
    expires: int = 600,
    etag: str = "",
) -> str:
    """Publish from the phone's own socket; the new entity tag."""
    place, number = one.place, len(one.peer.arrived)
    match = f"SIP-If-Match: {etag}\r\n" if etag else ""
    kind = f"Content-Type: {content_type}\r\n" if body else ""
    head = (
        f"PUBLISH {URI} SIP/2.0\r\nVia: SIP/2.0/UDP {place};branch=z9hG4bKp{number};rport\r\nMax-Forwards: 70\r\n"
        f"From: <{URI}>;tag=p\r\nTo: <{URI}>\r\nCall-ID: pub{number}\r\nCSeq: 1 PUBLISH\r\nUser-Agent: Softphone/1\r\n"
        f"Event: {event}\r\nExpires: {expires}\r\n{match}{kind}Content-Length: {len(body)}\r\n\r\n"
    )
    one.peer.send(head.encode() + body, SERVER)
    scene.network.drive(0.5)
    answers = [a for a in one.peer.responses if a.call_id == f"pub{number}"]
    assert answers[-1].status == 200
    return answers[-1].headers.get("SIP-ETag") or ""


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


# presence


def test_what_a_registered_phone_says_is_its_users_presence(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    scene.gateway.decide(str(BOB), "alice@sip.example.org", Handling.ALLOW)
    alice = Phone(network, "192.0.2.10", "sip:alice@sip.example.org")
    line = alice.subscribe(URI)
    network.drive(1)
    register(scene, bob)
    assert scene.state is State.BUSY
    assert b"busy" in line.last.body
    bob.tell(document("open", "on-the-phone"))
    network.drive(6)
    assert scene.state is State.ON_THE_PHONE and b"on-the-phone" in line.last.body
    assert bob.last.event_value == "presence" and bob.last.from_.uri == URI == bob.last.to.uri


def test_a_phone_is_one_device_however_it_is_known(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "away"))
    register(scene, bob)
    (service,) = scene.gateway.presence.composed(BOB).tuples
    assert service.basic is Basic.OPEN
    register(scene, bob, cseq=2, params=';+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>"')
    network.drive(1)
    assert len(scene.gateway.presence.composed(BOB).tuples) == 1
    bob.tell(document("open", "busy", device="urn:x-its:own"))
    network.drive(1)
    assert scene.state is State.BUSY and len(scene.gateway.presence.composed(BOB).tuples) == 1


def test_a_phone_that_says_closed_is_offline_though_registered(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("closed"))
    register(scene, bob)
    assert scene.state is State.OFFLINE
    bob.tell(document("open"))
    network.drive(1)
    assert scene.state is State.ONLINE


def test_a_phone_that_answers_nothing_is_what_its_registration_says(network: Network) -> None:
    scene, bob = Scene(network), phone(network, b"")
    bob.refusals = [489]
    register(scene, bob)
    assert scene.state is State.ONLINE and len(bob.subscribes) == 1
    register(scene, bob, cseq=2)
    assert len(bob.subscribes) == 1


def test_a_phone_that_publishes_is_not_asked(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    etag = publish(scene, bob, document("open", "away"))
    register(scene, bob)
    assert bob.subscribes == [] and scene.state is State.AWAY
    publish(scene, bob, b"", expires=0, etag=etag)
    assert bob.expires == [3600] and scene.state is State.BUSY
    publish(scene, bob, document("open", "away"))
    assert bob.expires == [3600, 0] and scene.state is State.AWAY
    assert len(scene.store.observations) == 0


def test_unregistering_is_the_end(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    register(scene, bob)
    register(scene, bob, cseq=2, expires=0)
    assert scene.state is State.OFFLINE and bob.expires == [3600, 0] and len(scene.store.observations) == 0


def test_a_contact_told_by_another_registrar_is_not_asked(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    bob.refusals = [480]
    register(scene, bob)
    (binding,) = scene.store.bindings.all()
    scene.store.bindings.put(replace(binding, registrar="sip:192.0.2.9"))
    network.drive(1000)
    assert len(bob.subscribes) == 1


def test_a_device_with_several_flows_is_asked_over_one(network: Network) -> None:
    scene, first, second = (
        Scene(network),
        phone(network, document("open", "busy")),
        phone(network, document("open", "busy"), "192.0.2.31"),
    )
    flow = ';+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>";reg-id='
    register(scene, first, params=f"{flow}1", more="Supported: outbound, path\r\n")
    register(scene, second, params=f"{flow}2", more="Supported: outbound, path\r\n")
    assert len(scene.store.bindings) == 2
    assert len(first.subscribes) == 1 and second.subscribes == []
    register(scene, first, cseq=2, expires=0, params=f"{flow}1", more="Supported: outbound, path\r\n")
    network.drive(1)
    assert second.expires == [3600] and scene.state is State.BUSY


def test_phones_are_asked_in_the_configured_name(network: Network) -> None:
    scene, bob = Scene(network, identity="sip:presence@sip.example.org"), phone(network, document())
    register(scene, bob)
    assert bob.last.from_.uri == "sip:presence@sip.example.org" and bob.last.to.uri == URI


def test_an_older_form_of_document_is_understood(network: Network) -> None:
    xpidf = (
        b'<?xml version="1.0"?><presence><presentity uri="sip:bob@sip.example.org;method=SUBSCRIBE"/>'
        b'<atom id="a"><address uri="sip:bob@192.0.2.30" priority="0.8"><status status="inuse"/>'
        b'<msnsubstatus substatus="onthephone"/></address></atom></presence>'
    )
    scene, bob = Scene(network), phone(network, xpidf, content_type="application/xpidf+xml")
    register(scene, bob)
    assert scene.state is State.ON_THE_PHONE


@pytest.mark.parametrize("body", [b"<", b"<x/>", b"<presence>" * 2000, b"\0" * 100, b"x" * (LARGEST + 1)])
def test_nonsense_says_nothing(network: Network, body: bytes) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    register(scene, bob)
    (dialog,) = bob.dialogs.values()
    if len(body) < 60_000:
        bob.notify(dialog, "active", body=body)
        network.drive(1)
        assert bob.statuses[-1] in (400, 413)
    assert scene.state is State.BUSY


def test_the_same_is_known_after_a_restart_before_the_phone_was_asked(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    register(scene, bob)
    again = Scene(network, kept=scene.gateway.killed())
    assert again.state is State.BUSY
    bob.state = document("open", "away")
    network.drive(1)
    assert again.state is State.AWAY
    assert [request.to.tag is None for request in bob.subscribes] == [True, False]


def test_a_phone_that_went_while_we_were_away_is_forgotten(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    register(scene, bob, expires=60)
    kept = scene.gateway.killed()
    network.drive(100)
    again = Scene(network, kept=kept)
    assert again.state is State.OFFLINE and len(again.store.observations) == 0


def test_a_phone_that_does_not_answer_any_more_is_only_registered(network: Network) -> None:
    scene, bob = Scene(network), phone(network, document("open", "busy"))
    register(scene, bob, expires=7200)
    bob.deaf = True
    network.drive(3700)
    assert scene.state is State.ONLINE


# calls


def test_a_phones_calls_are_told(network: Network) -> None:
    scene = Scene(network, presence=False, dialogs=True)
    bob = phone(network, calls(0), content_type=CONTENT_TYPE)
    register(scene, bob)
    assert bob.last.event_value == "dialog" and bob.last.accept == [CONTENT_TYPE]
    bob.tell(calls(1, a="confirmed"))
    network.drive(1)
    bob.tell(calls(2))
    network.drive(1)
    assert scene.told == ["", "a=confirmed", ""] and len(bob.subscribes) == 1
    register(scene, bob, cseq=2, expires=0)
    assert scene.told[-1] == "gone" and scene.calls == {}


def test_changes_are_put_together(network: Network) -> None:
    scene = Scene(network, presence=False, dialogs=True)
    bob = phone(network, calls(0, a="early"), content_type=CONTENT_TYPE)
    register(scene, bob)
    bob.tell(calls(1, "partial", b="confirmed"))
    network.drive(1)
    bob.tell(calls(2, "partial", a="terminated"))
    network.drive(1)
    assert scene.told == ["a=early", "a=early b=confirmed", "a=terminated b=confirmed"]
    bob.tell(calls(2, "partial", c="confirmed"))
    network.drive(1)
    assert len(scene.told) == 3, "told already"


def test_a_missing_change_is_asked_for_and_not_over_and_over(network: Network) -> None:
    scene = Scene(network, presence=False, dialogs=True)
    bob = phone(network, calls(0), content_type=CONTENT_TYPE)
    register(scene, bob)
    bob.state = calls(7, b="confirmed", c="early")
    (dialog,) = bob.dialogs.values()
    bob.notify(dialog, "active", body=calls(5, "partial", b="confirmed"))
    network.drive(1)
    assert len(bob.subscribes) == 2 and scene.told[-1] == "b=confirmed c=early"
    bob.state = calls(99, "partial", b="confirmed")
    for _ in range(10):
        bob.tell()
        network.drive(1)
    assert len(bob.subscribes) == 2, "a phone that cannot count is not asked all the time"


def test_calls_are_known_after_a_restart_and_lamps_do_not_stay_on(network: Network) -> None:
    scene = Scene(network, presence=False, dialogs=True)
    bob = phone(network, calls(3, a="confirmed"), content_type=CONTENT_TYPE)
    register(scene, bob)
    kept = scene.gateway.killed()
    bob.restart()
    bob.state = calls(0)
    again = Scene(network, kept=kept, presence=False, dialogs=True)
    assert again.told == ["a=confirmed"]
    network.drive(1)
    assert again.told == ["a=confirmed", "gone", ""]


def test_both_are_asked_for_in_dialogs_of_their_own(network: Network) -> None:
    scene, bob = Scene(network, dialogs=True), phone(network, document("open", "busy"))
    bob.body = lambda told: document("open", "busy") if told.request.event_value == "presence" else b""  # type: ignore[method-assign]
    register(scene, bob)
    assert sorted(request.event_value or "" for request in bob.subscribes) == ["dialog", "presence"]
    assert scene.state is State.BUSY and len(scene.asking) == 2
