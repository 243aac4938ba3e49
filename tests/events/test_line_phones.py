"""Phones of a shared line that wait to be asked: the server subscribes, and they notify."""

import random
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import CONTENT_TYPE
from sip2xmpp.events.line_phones import EXPIRES, LinePhones
from sip2xmpp.presence.lines import Lines
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding, Publication
from tests.events.gateway import TABLES, Method, NoNames
from tests.events.notifying import US, Notifying
from tests.events.test_contact_subscriptions import bound
from tests.events.test_lines import BOB, LINE, dialog, dialog_info
from tests.fakes import Network

SALES = Address.parse("sales@sip.example.org")


class Scene:
    """A line, and phones that are registered for it."""

    def __init__(self, clock: Clock) -> None:
        self.network = Network(clock)
        self.start(MemoryStore(self.network.clock))  # type: ignore[arg-type]

    def start(self, store: MemoryStore) -> None:
        clock: Any = self.network.clock
        self.store = store
        self.host = self.network.host(US.host, US.port)
        rng = random.Random(5)
        agent = UserAgent(transports=self.host, dns=NoNames(), clock=clock, rng=rng)
        self.lines = Lines(store=store, clock=clock, lines={SALES: LINE})
        self.phones = LinePhones(agent=agent, store=store, clock=clock, rng=rng, lines=[SALES])
        self.agent = agent
        agent.serve("NOTIFY", Method(self._notify))
        self.network.drive(1)

    def _notify(self, transaction: ServerTransaction, request: Request) -> None:
        if not self.phones.notify_received(transaction, request):
            transaction.reply(481)

    def restart(self) -> None:
        self.host.vanish()
        self.host.send = lambda octets, flow: None  # type: ignore[method-assign]
        self.agent.stop()
        kept = MemoryStore(self.network.clock)  # type: ignore[arg-type]
        for name in TABLES:
            for record in getattr(self.store, name).all():
                getattr(kept, name).put(record)
        self.start(kept)

    def phone(self, host: str, body: bytes = dialog_info()) -> tuple[Notifying, Binding]:
        """A phone that registers for the line."""
        phone = Notifying(self.network, host, state=body, content_type=CONTENT_TYPE)
        binding = bound(SALES, host, contact=f"sip:sales@{host}:5060", source=f"socket={host}:5060:x")
        self.store.bindings.put(binding)
        self.network.drive(0.5)
        return phone, binding

    def tells(self, phone: Notifying, body: bytes) -> None:
        phone.tell(body)
        self.network.drive(0.5)

    @property
    def shown(self) -> list[str]:
        return [f"{one.number} {one.call.id} {one.call.state.value}" for one in self.lines.in_use(SALES)]


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_a_phone_of_a_line_is_asked_and_what_it_tells_is_known(scene: Scene) -> None:
    phone, _ = scene.phone("192.0.2.30")
    request = phone.last
    assert request.event_value == "dialog;sla" and request.expires == EXPIRES
    assert request.from_.uri == request.to.uri == "sip:sales@sip.example.org"
    scene.tells(phone, dialog_info(dialog("a", 1, "trying")))
    assert scene.shown == ["1 a trying"] and phone.statuses == [200, 200]
    scene.tells(phone, dialog_info(dialog("a", 1, "terminated")))
    assert scene.shown == []


def test_of_two_who_claim_the_same_the_first_has_it(scene: Scene) -> None:
    first, _ = scene.phone("192.0.2.30")
    second, _ = scene.phone("192.0.2.31")
    scene.tells(first, dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    scene.tells(second, dialog_info(dialog("b", 1, "confirmed", friend=BOB)))
    assert scene.shown == ["1 a confirmed"]
    scene.tells(first, dialog_info())
    assert scene.shown == ["1 b confirmed"]


def test_changes_alone_are_put_together(scene: Scene) -> None:
    phone, _ = scene.phone("192.0.2.30", dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    change = dialog_info(dialog("b", 2, "trying"), state="partial").replace(b'version="0"', b'version="1"')
    scene.tells(phone, change)
    assert scene.shown == ["1 a confirmed", "2 b trying"]
    asked = len(phone.subscribes)
    late = dialog_info(dialog("b", 2, "terminated"), state="partial").replace(b'version="0"', b'version="7"')
    scene.tells(phone, late)
    assert len(phone.subscribes) == asked + 1, "one was lost in between"


def test_a_phone_that_adds_too_much_keeps_what_it_had(scene: Scene) -> None:
    phone, _ = scene.phone("192.0.2.30", dialog_info(dialog("a" * 25_000, 1, "confirmed", friend=BOB)))
    change = dialog_info(dialog("b" * 40_000, 2, "trying"), state="partial")
    scene.tells(phone, change.replace(b'version="0"', b'version="1"'))
    assert [line[:3] for line in scene.shown] == ["1 a"]


def test_a_phone_that_vanished_lights_no_lamp_for_long(scene: Scene) -> None:
    phone, _ = scene.phone("192.0.2.30", dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    phone.deaf = True
    scene.network.drive(EXPIRES + 100)
    assert scene.shown == []


def test_a_phone_that_stays_is_asked_again_and_again(scene: Scene) -> None:
    phone, _ = scene.phone("192.0.2.30", dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    phone.subscription = f"active;expires={EXPIRES}"
    scene.tells(phone, phone.state)
    scene.network.drive(4 * EXPIRES)
    assert scene.shown == ["1 a confirmed"] and len(phone.subscribes) >= 4


def test_a_phone_that_thinks_it_is_asked_for_longer_is_asked_all_the_same(scene: Scene) -> None:
    phone, _ = scene.phone("192.0.2.30", dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    phone.subscription = "active;expires=36000"
    scene.network.drive(10 * EXPIRES)
    assert scene.shown == ["1 a confirmed"]


def test_unregistering_puts_its_lamps_out(scene: Scene) -> None:
    phone, binding = scene.phone("192.0.2.30", dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    scene.store.bindings.remove(binding.key)
    scene.network.drive(1)
    assert scene.shown == [] and phone.last.expires == 0


def test_what_was_told_is_known_after_a_restart(scene: Scene) -> None:
    phone, _ = scene.phone("192.0.2.30", dialog_info(dialog("a", 1, "confirmed", friend=BOB)))
    _, gone = scene.phone("192.0.2.31", dialog_info(dialog("b", 2, "confirmed", friend=BOB)))
    scene.restart()
    assert scene.shown == ["1 a confirmed", "2 b confirmed"]
    scene.tells(phone, dialog_info())
    assert scene.shown == ["2 b confirmed"] and phone.statuses[-1] == 200
    scene.store.bindings.remove(gone.key)
    scene.restart()
    assert scene.shown == [] and len(scene.store.publications) == 1


def test_a_phone_that_publishes_is_not_asked(scene: Scene) -> None:
    phone, binding = scene.phone("192.0.2.30", dialog_info(dialog("a", 1, "trying")))
    now = scene.network.clock.seconds()
    published = Publication(
        presentity=SALES,
        package="dialog;sla",
        etag="abc.1",
        source=binding.source,
        content_type=CONTENT_TYPE,
        document=dialog_info(dialog("a", 1, "confirmed", friend=BOB)),
        user_agent="",
        published_at=now,
        expires_at=now + 60,
    )
    scene.store.publications.put(published)
    scene.network.drive(1)
    assert phone.last.expires == 0 and scene.shown == ["1 a confirmed"]
    scene.store.publications.remove(published.key)
    scene.network.drive(1)
    assert phone.last.expires == EXPIRES and scene.shown == ["1 a trying"]


def test_phones_of_other_addresses_are_left_alone(scene: Scene) -> None:
    phone = Notifying(scene.network, "192.0.2.30")
    scene.store.bindings.put(bound(Address.parse("bob@sip.example.org"), "192.0.2.30"))
    scene.network.drive(1)
    assert phone.subscribes == [] and len(scene.phones) == 0
