"""Messages for our own users go to the contacts that they prefer."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.events.registered import RegisteredUsers
from sip2xmpp.presence.directory import Leg
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding

BOB = Address("bob", "sip.example.org")
FLOW = Flow(transport=Transport.UDP, local=HostPort("192.0.2.1", 5060), peer=HostPort("192.0.2.9", 5060))


class Line:
    """Stands for the proxy, for the request and for the transaction."""

    def __init__(self) -> None:
        self.forks: list[Any] = []
        self.failed: Any = None
        self.status = 0
        self.uri = "sip:bob@sip.example.org"

    def forward_to_contacts(self, transaction: Any, request: Any, contacts: Any, failed: Any) -> None:
        self.forks.append(contacts)
        self.failed = failed

    def reply(self, status: int, reason: str = "") -> None:
        self.status = status

    @property
    def uris(self) -> list[list[list[str]]]:
        return [[[contact.uri for contact in branch] for branch in rank] for rank in self.forks[-1]]


class Scene:
    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.line = Line()
        self.ended: list[str] = []
        self.users = RegisteredUsers(
            self.store, self.line, lambda binding: self.ended.append(binding.contact)
        )

    def bind(self, contact: str, q: float = 1.0, *, age: float = 0, **more: Any) -> None:
        now = self.clock.seconds()
        facts = {"path": (), "flow": "", "instance": "", "reg_id": 0} | more
        self.store.bindings.put(
            Binding(
                aor=BOB, contact=contact, params="", q=q, call_id=contact, cseq=1, user_agent="",
                registered_at=now - age, expires_at=now + 600, **facts,
            )
        )  # fmt: skip

    def send(self) -> None:
        transaction: Any = self.line
        self.users.deliver(transaction, transaction, BOB)


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_who_is_not_registered_cannot_be_reached_now(scene: Scene) -> None:
    scene.send()
    assert scene.line.status == 480 and scene.line.forks == []


@pytest.mark.parametrize(("path", "flow"), [((), FLOW), (("<sip:edge;lr>",), None)])
def test_a_contact_gets_it_on_its_flow_or_along_its_path(
    scene: Scene, path: tuple[str, ...], flow: Flow | None
) -> None:
    scene.bind("sip:bob@192.0.2.9", flow=FLOW.to_text(), path=path)
    scene.send()
    ((contact,),) = scene.line.forks[-1][0]
    assert (contact.path, contact.flow, contact.only_by_flow) == (path, flow, False)


def test_contacts_of_equal_preference_get_it_at_once_and_others_after_them(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.7", 0.1)
    scene.bind("sip:bob@192.0.2.8", 0.9)
    scene.bind("sip:bob@192.0.2.9", 0.9)
    scene.send()
    first, second = scene.line.uris
    assert sorted(first) == [["sip:bob@192.0.2.8"], ["sip:bob@192.0.2.9"]]
    assert second == [["sip:bob@192.0.2.7"]]


def test_the_flows_of_a_device_are_one_place_the_newest_first(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.7", instance="<urn:a>", reg_id=1, age=50, direct=True)
    scene.bind("sip:bob@192.0.2.8", instance="<urn:a>", reg_id=2, age=10, direct=True)
    scene.send()
    assert scene.line.uris == [[["sip:bob@192.0.2.8", "sip:bob@192.0.2.7"]]]
    assert all(contact.only_by_flow for contact in scene.line.forks[-1][0][0])


def test_a_flow_that_failed_ends_its_binding(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.7", instance="<urn:a>", reg_id=1)
    scene.bind("sip:bob@192.0.2.8", 0.5)
    scene.send()
    for rank in scene.line.forks[-1]:
        scene.line.failed(rank[0][0])
    assert scene.ended == ["sip:bob@192.0.2.7"]


def test_a_request_for_one_device_goes_there_and_nowhere_else(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.7", instance="<urn:uuid:a>")
    scene.bind("sip:bob@192.0.2.8", instance="<urn:uuid:b>")
    scene.line.uri = "sip:bob@sip.example.org;gr=urn:uuid:b"
    scene.send()
    assert scene.line.uris == [[["sip:bob@192.0.2.8"]]]
    scene.line.uri = "sip:bob@sip.example.org;gr=urn:uuid:c"
    scene.send()
    assert scene.line.status == 480
    scene.line.uri = "sip:bob@sip.example.org;gr=%ff%fe"
    scene.send()
    assert scene.line.status == 404


def test_the_device_of_a_gruu_is_found_as_long_as_it_is_registered(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.7", instance="<urn:uuid:a>", flow=FLOW.to_text())
    found = scene.users.device_of("sip:bob@sip.example.org;gr=urn:uuid:a")
    assert found is not None and (found.uri, found.flow) == ("sip:bob@192.0.2.7", FLOW)
    for other in ("sip:bob@sip.example.org;gr=urn:uuid:b", "sip:bob@sip.example.org", "sip:%ff@x;gr=a"):
        assert scene.users.device_of(other) is None


def test_a_device_that_is_named_is_preferred_and_another_will_do(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.7", instance="<urn:uuid:a>")
    scene.bind("sip:bob@192.0.2.8", instance="<urn:uuid:b>")
    for device, uris in (("urn:uuid:a", 1), ("urn:uuid:c", 2), ("", 2)):
        assert len(scene.users.places_of(BOB, device)[0]) == uris


def test_who_is_registered_elsewhere_is_reached_through_the_registrar(scene: Scene) -> None:
    for number in (7, 8):
        scene.bind(f"sip:bob@192.0.2.{number}", registrar="sip:registrar.example.org")
    scene.send()
    (((contact,),),) = scene.line.forks[-1]
    assert (contact.uri, contact.server) == ("sip:bob@sip.example.org", "sip:registrar.example.org")


def test_without_an_xmpp_side_other_domains_have_no_way(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.9")
    transaction: Any = scene.line
    scene.users.message_received(transaction, transaction, BOB, BOB, Leg.OWN)
    assert len(scene.line.forks) == 1
    scene.users.message_received(transaction, transaction, BOB, BOB, Leg.XMPP)
    assert scene.line.status == 404


def test_of_whom_nothing_is_known_the_followed_registrar_knows(clock: Any) -> None:
    scene = Scene(clock)
    scene.users = RegisteredUsers(scene.store, scene.line, elsewhere=lambda _: "sip:registrar.example.net")
    scene.send()
    [[[place]]] = scene.line.forks[-1]
    assert (place.uri, place.server) == ("sip:bob@sip.example.org", "sip:registrar.example.net")
    scene.bind("sip:bob@192.0.2.9")
    scene.send()
    assert scene.line.uris == [[["sip:bob@192.0.2.9"]]], "it is known here"
