"""Registered phones are asked themselves: one subscription a binding, whatever phones and networks do."""

import random
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from sip2xmpp.address import Address
from sip2xmpp.errors import BadDocument, TransportFailed
from sip2xmpp.events.asked import AskedPackage, asked_package
from sip2xmpp.events.contact_subscriptions import ATTEMPTS, SOON, AskingLimits, ContactSubscriptions
from sip2xmpp.events.outgoing import TIMER_N
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import UDP, Flow, HostPort, Transport
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding
from tests.events.gateway import TABLES, Method, NoNames
from tests.events.notifying import US, Notifying
from tests.fakes import Network

BOB, ALICE = Address("bob", "sip.example.org"), Address("alice", "sip.example.org")
PHONE = "192.0.2.30"


def text_package() -> AskedPackage[str]:
    """A package whose documents are text."""

    def read(octets: bytes) -> str:
        if octets == b"bad":
            raise BadDocument("bad")
        return octets.decode()

    return asked_package("dialog;sla", "application/dialog-info+xml", read, expires=3600)


def phone(network: Network, host: str = PHONE, state: bytes = b"idle") -> Notifying:
    return Notifying(network, host, state=state, content_type="application/dialog-info+xml")


def bound(
    aor: Address = BOB,
    host: str = PHONE,
    *,
    contact: str = "",
    agent: str = "phone/1",
    call_id: str = "boot1",
    **more: Any,
) -> Binding:
    flow = Flow(transport=UDP, local=US, peer=HostPort(host, 5060)).to_text()
    values: dict[str, Any] = {
        "aor": aor, "contact": contact or f"sip:{aor.local}@10.0.0.1:5070", "params": "", "q": 1.0,
        "call_id": call_id, "cseq": 1, "path": (), "flow": flow, "user_agent": agent, "instance": "",
        "reg_id": 0, "registered_at": 0.0, "expires_at": 1_900_000_000.0,
    }  # fmt: skip
    return Binding(**values | more)


class Asking:
    """One process of ours; ``kept`` is the store of the process before it."""

    def __init__(
        self,
        network: Network,
        *,
        seed: int = 1,
        kept: MemoryStore | None = None,
        limits: AskingLimits | None = None,
    ) -> None:
        clock: Any = network.clock
        self.network = network
        self.store = MemoryStore(clock)
        if kept is not None:
            for name in TABLES:
                for record in getattr(kept, name).all():
                    getattr(self.store, name).put(record)
        self.host = network.host(US.host, US.port)
        rng = random.Random(seed)
        self.agent = UserAgent(transports=self.host, dns=NoNames(), clock=clock, rng=rng)
        self.wanted = True
        self.known: dict[str, str] = {}
        self.told: list[tuple[str, str]] = []
        self.asking = ContactSubscriptions(
            agent=self.agent,
            store=self.store,
            clock=clock,
            rng=rng,
            package=text_package(),
            role="line",
            qualifies=lambda binding: self.wanted,
            identity=lambda binding: "sip:sales@sip.example.org",
            told=self._told,
            gone=self._gone,
            limits=limits or AskingLimits(),
        )
        self.agent.serve("NOTIFY", Method(self._notify))

    def _told(self, binding: Binding, document: str) -> None:
        self.known[binding.key] = document
        self.told.append((binding.key, document))

    def _gone(self, binding: Binding) -> None:
        self.known.pop(binding.key, None)
        self.told.append((binding.key, "gone"))

    def _notify(self, transaction: ServerTransaction, request: Request) -> None:
        if not self.asking.notify_received(transaction, request):
            transaction.reply(481)

    def register(self, binding: Binding) -> Binding:
        self.store.bindings.put(binding)
        self.network.drive(0.5)
        return binding

    @property
    def states(self) -> list[str]:
        return list(self.known.values())

    def killed(self) -> MemoryStore:
        """End the process as kill -9 does."""
        self.host.vanish()
        self.host.send = lambda octets, flow: None  # type: ignore[method-assign]
        self.agent.stop()
        for call in self.network.clock.getDelayedCalls():
            owner = getattr(call.func, "__self__", None)
            if owner is self.asking or type(owner).__name__ == "Outgoing":
                call.cancel()
        kept = MemoryStore(self.network.clock)  # type: ignore[arg-type]
        for name in TABLES:
            for record in getattr(self.store, name).all():
                getattr(kept, name).put(record)
        return kept


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


@pytest.fixture
def us(network: Network) -> Asking:
    return Asking(network)


@pytest.fixture(autouse=True)
def no_failures():
    """Nothing of all this may end in a traceback."""
    events = []

    def observe(event):
        if event.get("log_level") in (LogLevel.critical, LogLevel.error):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield
    globalLogPublisher.removeObserver(observe)
    assert [event.get("log_failure") or event.get("log_format") for event in events] == []


# a binding and its subscription


def test_a_registered_phone_is_asked_over_its_flow(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    request = bob.last
    assert request.uri == "sip:bob@10.0.0.1:5070", "the contact, which only the flow leads to"
    assert request.to.uri == "sip:bob@sip.example.org" and request.from_.uri == "sip:sales@sip.example.org"
    assert request.event_value == "dialog;sla" and request.accept == ["application/dialog-info+xml"]
    assert us.states == ["idle"] and bob.statuses == [200]


def test_it_goes_along_the_path(network: Network, us: Asking) -> None:
    edge = phone(network)
    us.register(bound(path=("<sip:edge.example.org;lr>",)))
    assert edge.last.route == ["<sip:edge.example.org;lr>"]


def test_what_the_phone_says_later_is_told(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    bob.tell(b"ringing")
    network.drive(0.1)
    bob.tell(b"")
    network.drive(0.1)
    assert us.states == ["ringing"], "no body says nothing"


def test_whoever_does_not_qualify_is_left_alone(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.wanted = False
    us.register(bound())
    assert bob.subscribes == []
    us.wanted = True
    us.asking.reconsider("bob@sip.example.org")
    network.drive(0.5)
    assert us.states == ["idle"]
    us.wanted = False
    us.asking.reconsider("bob@sip.example.org")
    network.drive(0.5)
    assert us.states == [] and bob.expires == [3600, 0] and len(us.asking) == 0


def test_unregistering_ends_it(network: Network, us: Asking) -> None:
    bob = phone(network)
    binding = us.register(bound())
    us.store.bindings.remove(binding.key)
    assert us.told[-1] == (binding.key, "gone"), "at once"
    network.drive(0.5)
    assert bob.expires == [3600, 0] and bob.statuses == [200, 200] and len(us.store.dialogs) == 0


def test_whoever_lets_the_registration_run_out_is_not_spoken_to(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound(expires_at=network.clock.seconds() + 100))
    network.drive(200)
    assert bob.expires == [3600] and us.states == [] and len(us.store.dialogs) == 0
    bob.tell(b"ringing")
    network.drive(0.5)
    assert bob.statuses[-1] == 481 and us.states == []


def test_it_is_refreshed_as_long_as_the_binding_lives(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    network.drive(10_000)
    assert len(bob.subscribes) >= 3 and len(bob.dialogs) == 1 and us.states == ["idle"]


def test_a_dead_connection_ends_it_without_a_word(network: Network, us: Asking) -> None:
    bob = phone(network)
    binding = us.register(bound())

    def fail(octets: bytes, flow: Flow) -> None:
        raise TransportFailed("gone")

    us.host.send = fail  # type: ignore[method-assign]
    us.store.bindings.remove(binding.key)
    network.drive(100)
    assert us.states == [] and bob.expires == [3600] and len(us.store.dialogs) == 0


# what phones do


def test_a_phone_that_restarts_is_asked_anew(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    bob.restart()
    bob.state = b"fresh"
    us.register(bound(call_id="boot2", cseq=2))
    assert [request.to.tag is None for request in bob.subscribes] == [True, False, True]
    assert us.states == ["fresh"] and len(bob.dialogs) == 1 and len(us.store.dialogs) == 1


def test_a_phone_that_comes_back_over_another_flow_is_reached_there(network: Network, us: Asking) -> None:
    old, new = phone(network), phone(network, "192.0.2.31")
    us.register(bound())
    new.dialogs = old.dialogs
    us.register(bound(host="192.0.2.31", call_id="boot2"))
    assert len(old.subscribes) == 1 and len(new.subscribes) == 1 and us.states == ["idle"]


def test_481_to_a_refresh_begins_again(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    bob.restart()
    network.drive(3600)
    assert us.states == ["idle"] and [told for _, told in us.told] == ["idle", "gone", "idle"]


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 406, 481, 489, 501, 603])
def test_a_phone_that_does_not_know_it_is_not_asked_again(network: Network, us: Asking, status: int) -> None:
    bob = phone(network)
    bob.refusals = [status]
    binding = us.register(bound())
    for cseq in range(2, 6):
        network.drive(3600)
        us.register(replace(binding, cseq=cseq))
    assert len(bob.subscribes) == 1 and us.told == [] and len(us.store.dialogs) == 0
    us.register(replace(binding, user_agent="phone/2"))
    assert len(bob.subscribes) == 2 and us.states == ["idle"]


def test_the_same_device_is_not_asked_again_after_its_restart(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.refusals = [489]
    binding = us.register(bound(instance="<urn:uuid:1>"))
    us.register(replace(binding, call_id="boot2"))
    assert len(bob.subscribes) == 1


@pytest.mark.parametrize("status", [408, 480, 486, 500, 503])
def test_a_passing_failure_is_tried_later_and_not_for_ever(network: Network, us: Asking, status: int) -> None:
    bob = phone(network)
    bob.refusals = [status] * 99
    us.register(bound())
    network.drive(100_000)
    assert len(bob.subscribes) == ATTEMPTS
    us.register(bound(call_id="boot2"))
    assert len(bob.subscribes) == ATTEMPTS + 1, "another registration"


def test_423_is_met(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.refusals = [423]
    us.register(bound())
    network.drive(60)
    assert us.states == ["idle"], "without Min-Expires it is a passing failure"


def test_a_phone_that_answers_nothing_is_given_up(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.deaf = True
    us.register(bound())
    network.drive(10_000)
    bob.deaf = False
    sent = len({request.via.branch for request in bob.peer.requests})
    assert sent == ATTEMPTS and us.told == []


def test_a_phone_that_never_notifies_is_given_up(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.mute = True
    us.register(bound())
    network.drive(TIMER_N - 1)
    assert len(bob.subscribes) == 1
    network.drive(10_000)
    assert len(bob.subscribes) == ATTEMPTS and us.told == []


def test_the_notify_may_overtake_the_200(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.early = True
    us.register(bound())
    assert us.states == ["idle"]


def test_another_fork_is_not_believed(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    (dialog,) = bob.dialogs.values()
    bob.notify(dialog, "active", tag="fork", body=b"forged")
    network.drive(0.5)
    assert bob.statuses == [200, 481] and us.states == ["idle"]


def test_a_phone_cannot_send_us_elsewhere(network: Network, us: Asking) -> None:
    bob, victim = phone(network), phone(network, "192.0.2.77")
    bob.contact = "<sip:192.0.2.77:5060>"
    us.register(bound(contact="sip:192.0.2.77:5060"))
    network.drive(4000)
    us.store.bindings.remove(bound(contact="sip:192.0.2.77:5060").key)
    network.drive(100)
    assert victim.peer.arrived == [] and bob.expires == [3600, 3600, 0]
    assert bob.last.uri == "sip:192.0.2.77:5060"


def test_a_phone_on_a_connection_is_asked_over_it_and_over_no_other(network: Network, us: Asking) -> None:
    bob = network.stream_peer("192.0.2.40")
    bob.connect(US)
    network.drive(0.1)
    (wire,) = bob.wires
    flow = Flow(transport=Transport.TCP, local=US, peer=wire.local)
    binding = us.register(bound(contact="sip:bob@192.0.2.40;transport=tcp", flow=flow.to_text()))
    (request,) = bob.requests
    assert request.method == "SUBSCRIBE" and "TCP" in str(request.via)
    wire.close()
    network.drive(0.1)
    us.store.bindings.remove(binding.key)
    network.drive(1000)
    assert len(bob.wires) == 1 and len(bob.requests) == 1, "nothing is opened toward a phone"


def test_nobody_else_is_believed(network: Network, us: Asking) -> None:
    bob, mallory = phone(network), phone(network, "192.0.2.66")
    us.register(bound())
    (dialog,) = bob.dialogs.values()
    for name, value in (("From", "<sip:x@y>;tag=other"), ("Call-ID", "other")):
        stolen = dialog.request
        headers = stolen.headers.copy()
        headers.remove(name)
        headers.add(name, value)
        guess = Request(method="SUBSCRIBE", uri=stolen.uri, headers=headers, body=b"")
        told = type(dialog)(guess, dialog.tag)
        mallory.notify(told, "active", body=b"forged")
        network.drive(0.5)
    assert mallory.statuses == [481, 481] and us.states == ["idle"]


@pytest.mark.parametrize("reason", ["rejected", "noresource"])
def test_an_owner_who_refuses_is_not_asked_again(network: Network, us: Asking, reason: str) -> None:
    bob = phone(network)
    us.register(bound())
    bob.tell(subscription=f"terminated;reason={reason}")
    network.drive(20_000)
    assert len(bob.subscribes) == 1 and us.states == []


def test_a_phone_that_ends_it_at_once_makes_no_storm(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.subscription = "terminated;reason=timeout"
    us.register(bound())
    network.drive(20_000)
    assert len(bob.subscribes) == ATTEMPTS


def test_the_owner_has_not_decided(network: Network, us: Asking) -> None:
    bob = phone(network, state=b"")
    bob.subscription = "pending;expires=600"
    us.register(bound())
    assert us.told == []
    bob.subscription = "active;expires=600"
    bob.tell(b"busy")
    network.drive(0.5)
    assert us.states == ["busy"]
    bob.tell(b"", subscription="pending")
    network.drive(0.5)
    assert us.states == []


def test_a_body_that_cannot_be_read_says_nothing(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    bob.tell(b"bad")
    network.drive(0.5)
    assert bob.statuses == [200, 400] and us.states == ["idle"]


# many


def test_one_user_has_only_so_many_asked(network: Network) -> None:
    us = Asking(network, limits=AskingLimits(per_user=3))
    bob = phone(network)
    keys = [us.register(bound(contact=f"sip:bob@10.0.0.1:{5070 + n}")).key for n in range(20)]
    assert len(bob.subscribes) == 3 == len(us.asking)
    us.store.bindings.remove(keys[0])
    network.drive(0.5)
    assert len(us.asking) == 3 and len(us.known) == 3, "another has its place"


def test_only_so_many_are_asked_in_all_and_at_a_pace(network: Network) -> None:
    us = Asking(network, limits=AskingLimits(total=30, pace=10))
    bob = phone(network)
    for n in range(100):
        us.store.bindings.put(bound(Address(f"user{n}", "sip.example.org")))
    network.drive(SOON + 1.05)
    assert 9 <= len(bob.subscribes) <= 12
    network.drive(10)
    assert len(bob.subscribes) == 30 and len(us.known) == 30


def test_registering_over_and_over_is_asking_at_a_pace(network: Network) -> None:
    us = Asking(network, limits=AskingLimits(pace=10))
    bob = phone(network)
    for n in range(200):
        us.store.bindings.put(bound(call_id=f"boot{n}", cseq=n))
        us.store.bindings.remove(bound().key)
        network.drive(0.01)
    assert len(bob.subscribes) <= 2 * 22


@pytest.mark.parametrize(
    "contact",
    ["tel:+15551234", "sip:", "sip:bob@10.0.0.1?Replaces=1", "sip:bob@10.0.0.1;method=INVITE", "\0"],
)
def test_a_contact_that_nobody_can_send_to_is_left_alone(network: Network, us: Asking, contact: str) -> None:
    bob = phone(network)
    us.register(bound(contact=contact))
    network.drive(1000)
    assert bob.subscribes == [] and len(us.store.dialogs) == 0


def test_a_path_that_nobody_can_follow_is_left_alone(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound(path=("nonsense",)))
    assert bob.subscribes == []


# after a restart of ours


def test_a_restarted_process_goes_on_in_the_dialogs(network: Network, us: Asking) -> None:
    bob = phone(network)
    binding = us.register(bound())
    bob.state = b"ringing"
    again = Asking(network, seed=2, kept=us.killed())
    assert again.told == [], "what was kept of it holds"
    network.drive(0.5)
    assert [request.to.tag is None for request in bob.subscribes] == [True, False]
    assert again.known == {binding.key: "ringing"} and len(bob.dialogs) == 1


def test_a_notify_is_taken_before_the_dialog_is_refreshed(network: Network) -> None:
    us = Asking(network)
    alice, bob = phone(network, "192.0.2.31"), phone(network)
    us.register(bound(ALICE, "192.0.2.31"))
    us.register(bound())
    again = Asking(network, seed=2, kept=us.killed(), limits=AskingLimits(pace=0.01))
    bob.tell(b"ringing")
    network.drive(0.5)
    assert bob.statuses[-1] == 200 and "ringing" in again.states
    assert len(alice.subscribes) == 2 and len(bob.subscribes) == 1, "its turn is to come"


def test_a_phone_that_restarted_meanwhile_is_asked_anew(network: Network, us: Asking) -> None:
    bob = phone(network)
    us.register(bound())
    kept = us.killed()
    bob.restart()
    bob.state = b"fresh"
    again = Asking(network, seed=2, kept=kept)
    network.drive(0.5)
    assert [told for _, told in again.told] == ["gone", "fresh"] and len(again.store.dialogs) == 1


def test_a_dialog_that_was_not_there_yet_is_asked_anew(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.mute = True
    binding = us.register(bound())
    bob.mute = False
    again = Asking(network, seed=2, kept=us.killed())
    assert again.told == [(binding.key, "gone")], "whoever kept something of it forgets it"
    network.drive(0.5)
    assert again.states == ["idle"] and len(again.store.dialogs) == 1


def test_dialogs_of_bindings_that_are_gone_are_forgotten(network: Network, us: Asking) -> None:
    bob = phone(network)
    binding = us.register(bound())
    kept = us.killed()
    kept.bindings.remove(binding.key)
    again = Asking(network, seed=2, kept=kept)
    network.drive(0.5)
    assert len(again.store.dialogs) == 0 and len(bob.subscribes) == 1
    bob.tell(b"ringing")
    network.drive(0.5)
    assert bob.statuses[-1] == 481


def test_a_phone_that_refused_is_not_asked_after_a_restart_either(network: Network, us: Asking) -> None:
    bob = phone(network)
    bob.refusals = [489]
    binding = us.register(bound())
    again = Asking(network, seed=2, kept=us.killed())
    network.drive(10)
    again.register(replace(binding, cseq=2))
    assert len(bob.subscribes) == 1 and again.told == [(binding.key, "gone")]
    again.register(replace(binding, user_agent="phone/2"))
    assert len(bob.subscribes) == 2 and again.states == ["idle"] and len(again.store.observations) == 0


def test_what_is_kept_of_refusals_goes_with_the_binding(network: Network, us: Asking) -> None:
    bob, alice = phone(network), phone(network, "192.0.2.31")
    bob.refusals, alice.refusals = [489], [489]
    binding, other = us.register(bound()), us.register(bound(ALICE, "192.0.2.31"))
    assert len(us.store.observations) == 2
    us.store.bindings.remove(binding.key)
    assert len(us.store.observations) == 1
    kept = us.killed()
    kept.bindings.remove(other.key)
    assert len(Asking(network, seed=2, kept=kept).store.observations) == 0


def test_a_phone_that_refused_is_not_asked_because_it_does_not_qualify_for_a_while(
    network: Network, us: Asking
) -> None:
    bob = phone(network)
    bob.refusals = [489]
    us.register(bound())
    for us.wanted in (False, True):
        us.asking.reconsider(str(BOB))
        network.drive(10)
    assert len(bob.subscribes) == 1


# a bad network


@pytest.mark.parametrize("seed", range(8))
def test_all_is_known_in_the_end_on_a_bad_network(clock: Clock, seed: int) -> None:
    network = Network(clock, random.Random(seed), jitter=0.3, loss=0.2, duplication=0.1)
    us = Asking(network)
    phones = [phone(network, f"192.0.2.{30 + n}", b"0") for n in range(4)]
    for n in range(4):
        us.store.bindings.put(bound(Address(f"user{n}", "sip.example.org"), f"192.0.2.{30 + n}"))
    chance = random.Random(seed)
    network.drive(60)
    for step in range(12):
        one = phones[chance.randrange(4)]
        what = chance.randrange(4)
        if what == 0:
            one.restart()
        elif what == 1:
            us = Asking(network, seed=100 + step, kept=us.killed())
        else:
            one.tell(b"%d" % step)
        network.drive(chance.choice([1, 40, 2000]))
    network.loss = 0.0
    for n, one in enumerate(phones):
        one.state = b"last"
        us.store.bindings.put(
            bound(Address(f"user{n}", "sip.example.org"), f"192.0.2.{30 + n}", call_id="later")
        )
    network.drive(100)
    for one in phones:
        one.tell()
    network.drive(100)
    assert us.states == ["last"] * 4
    assert [len(one.dialogs) for one in phones] == [1] * 4
