"""Messages for our own users go to the contact that they prefer."""

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
    """Stands for the proxy and for the transaction."""

    def __init__(self) -> None:
        self.forwarded: list[tuple[Any, ...]] = []
        self.status = 0

    def forward_to_contact(self, transaction: Any, request: Any, *where: Any) -> None:
        self.forwarded.append(where)

    def reply(self, status: int, reason: str = "") -> None:
        self.status = status


class Scene:
    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.line = Line()
        self.users = RegisteredUsers(self.store, self.line)

    def bind(
        self, contact: str, q: float, *, flow: str = "", path: tuple[str, ...] = (), age: float = 0
    ) -> None:
        now = self.clock.seconds()
        self.store.bindings.put(
            Binding(
                aor=BOB, contact=contact, params="", q=q, call_id=contact, cseq=1, path=path, flow=flow,
                user_agent="", instance="", reg_id=0, registered_at=now - age, expires_at=now + 600,
            )
        )  # fmt: skip

    def send(self) -> None:
        transaction: Any = self.line
        request: Any = None
        self.users.deliver(transaction, request, BOB)


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_who_is_not_registered_cannot_be_reached_now(scene: Scene) -> None:
    scene.send()
    assert scene.line.status == 480 and scene.line.forwarded == []


def test_the_preferred_contact_gets_it_on_its_flow_and_path(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.8", 0.5)
    scene.bind("sip:bob@192.0.2.9", 0.9, flow=FLOW.to_text(), path=("<sip:edge;lr>",))
    scene.send()
    assert scene.line.forwarded == [("sip:bob@192.0.2.9", ("<sip:edge;lr>",), FLOW)]


def test_of_equals_the_newest_counts(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.8", 1.0, age=10)
    scene.bind("sip:bob@192.0.2.9", 1.0)
    scene.send()
    assert scene.line.forwarded == [("sip:bob@192.0.2.9", (), None)]


def test_without_an_xmpp_side_only_our_own_users_can_be_written_to(scene: Scene) -> None:
    scene.bind("sip:bob@192.0.2.9", 1.0)
    line: Any = scene.line
    scene.users.message_received(line, None, BOB, BOB, Leg.OWN)  # type: ignore[arg-type]
    assert len(line.forwarded) == 1
    scene.users.message_received(line, None, BOB, Address("romeo", "jabber.example"), Leg.XMPP)  # type: ignore[arg-type]
    assert line.status == 404
