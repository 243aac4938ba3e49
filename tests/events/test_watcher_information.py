"""Package presence.winfo: what an owner is told about watchers."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.events.watcher_information import INTERVAL, WatcherInformation
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.store.memory import MemoryStore
from tests.documents.winfo_consumer import Consumer
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone
from tests.fakes import Network

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"
ROMEO = "sip:romeo@sip.example.org"
ACCEPT = "Accept: application/watcherinfo+xml\r\n"


class Scene:
    """A gateway with watcher information, its owner and two who want to watch her."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lives = 0
        self.clock.advance(1_000_000)
        self.network = Network(self.clock, random.Random(3858))
        self.gateway = self.start()
        self.alice = Phone(self.network, "192.0.2.20", ALICE)
        self.bob = Phone(self.network, "192.0.2.21", BOB)
        self.romeo = Phone(self.network, "192.0.2.22", ROMEO)

    def start(self, kept: MemoryStore | None = None) -> Gateway:
        users = {"alice", "bob", "romeo"}

        def exists(address: Address) -> bool:
            return address.local in users

        def packages(gateway: Gateway) -> list[WatcherInformation]:
            self.info = WatcherInfo(
                store=gateway.store,
                agent=gateway.presence,
                policy=gateway.policy,
                exists=exists,
                clock=gateway.clock,  # type: ignore[arg-type]
            )
            self.users = users
            self.package = WatcherInformation(
                self.info,
                exists=exists,
                uri_of=Address.sip_uri,
                clock=gateway.clock,  # type: ignore[arg-type]
            )
            return [self.package]

        self.lives += 1
        return Gateway(self.network, seed=self.lives, kept=kept, users=exists, packages=packages)

    @property
    def statuses(self) -> dict[str, str]:
        """What is so."""
        rows = self.info.rows(Address.parse("alice@sip.example.org"))
        return {row.watcher.sip_uri(): row.status.value for row in rows}

    def winfo(self, phone: Phone | None = None, target: str = ALICE, event: str = "presence.winfo") -> Line:
        line = (phone or self.alice).subscribe(target, event=event, headers=ACCEPT)
        self.network.drive(1)
        return line

    def decide(self, watcher: str, handling: Handling) -> None:
        self.gateway.decide("alice@sip.example.org", watcher, handling)
        self.network.drive(0.1)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def taken(line: Line, consumer: Consumer) -> list[str]:
    """Apply what came since; gives the kinds of documents."""
    kinds = [consumer.take(notify.body) for notify in line.notifies]
    line.notifies.clear()
    return kinds


def test_the_first_document_is_a_whole_one_with_version_0(scene: Scene) -> None:
    line = scene.winfo()
    assert line.status == 200
    (notify,) = line.notifies
    assert notify.state == "active" and notify["Event"] == "presence.winfo"
    assert notify["Content-Type"] == "application/watcherinfo+xml"
    consumer = Consumer(ALICE)
    assert consumer.take(notify.body) == "full"
    assert consumer.version == 0 and consumer.rows == {}


@pytest.mark.parametrize("who", ["bob", "romeo"])
def test_nobody_but_the_owner_may_subscribe(scene: Scene, who: str) -> None:
    line = scene.winfo(getattr(scene, who))
    assert line.status == 403 and line.notifies == []


def test_watchers_of_watcher_information_are_no_package(scene: Scene) -> None:
    line = scene.winfo(event="presence.winfo.winfo")
    assert line.status == 489
    assert "winfo" not in line.response["Allow-Events"]


def test_it_cannot_be_published(scene: Scene) -> None:
    exchange = scene.alice.publish(
        b"<watcherinfo/>", event="presence.winfo", content_type="application/watcherinfo+xml"
    )
    scene.network.drive(1)
    assert exchange.status == 489


def test_another_kind_of_body_is_not_acceptable(scene: Scene) -> None:
    line = scene.alice.subscribe(ALICE, event="presence.winfo", headers="Accept: application/pidf+xml\r\n")
    scene.network.drive(1)
    assert line.status == 406


def test_a_life_of_watchers_is_told_in_parts(scene: Scene) -> None:
    scene.decide("bob@sip.example.org", Handling.CONFIRM)
    line, consumer = scene.winfo(), Consumer(ALICE)
    assert taken(line, consumer) == ["full"]
    scene.network.drive(2 * INTERVAL)

    pending = scene.bob.subscribe(ALICE)
    scene.network.drive(INTERVAL)
    assert taken(line, consumer) == ["partial"] and consumer.statuses == {BOB: "pending"}
    (row,) = consumer.rows.values()
    assert row["event"] == "subscribe" and int(row["duration-subscribed"]) <= 5
    assert 590 <= int(row["expiration"]) <= 600

    scene.network.drive(2 * INTERVAL)
    pending.unsubscribe()
    scene.network.drive(INTERVAL)
    assert taken(line, consumer) == ["partial"] and consumer.statuses == {BOB: "waiting"}

    scene.network.drive(2 * INTERVAL)
    scene.bob.subscribe(ALICE)
    scene.network.drive(INTERVAL)
    assert taken(line, consumer) == ["partial"] and consumer.statuses == {BOB: "pending"}

    scene.network.drive(2 * INTERVAL)
    scene.decide("bob@sip.example.org", Handling.ALLOW)
    scene.network.drive(INTERVAL)
    assert taken(line, consumer) == ["partial"] and consumer.statuses == {BOB: "active"}
    assert next(iter(consumer.rows.values()))["event"] == "approved"
    assert list(consumer.rows) == [row["id"]], "the id is the same all the time"

    scene.network.drive(2 * INTERVAL)
    scene.decide("bob@sip.example.org", Handling.BLOCK)
    scene.network.drive(INTERVAL)
    assert taken(line, consumer) == ["partial"]
    assert consumer.statuses == {} and consumer.ended == [(BOB, "rejected")]


def test_who_ended_is_told_once(scene: Scene) -> None:
    line, consumer = scene.winfo(), Consumer(ALICE)
    scene.network.drive(INTERVAL)
    watching = scene.bob.subscribe(ALICE)
    scene.network.drive(INTERVAL)
    watching.unsubscribe()
    scene.network.drive(INTERVAL)
    scene.romeo.subscribe(ALICE)
    scene.network.drive(INTERVAL)
    assert taken(line, consumer) == ["full", "partial", "partial", "partial"]
    assert consumer.ended == [(BOB, "timeout")] and consumer.statuses == {ROMEO: "active"}


def test_each_subscribe_is_answered_with_everything(scene: Scene) -> None:
    line, consumer = scene.winfo(), Consumer(ALICE)
    scene.network.drive(INTERVAL)
    scene.bob.subscribe(ALICE)
    scene.network.drive(1)
    line.send(600, headers=ACCEPT)
    scene.network.drive(1)
    assert taken(line, consumer) == ["full", "partial", "full"]
    assert consumer.statuses == {BOB: "active"} and consumer.version == 2
    line.unsubscribe()
    scene.network.drive(1)
    assert taken(line, consumer) == ["full"] and consumer.version == 3


def test_a_fetch_is_answered_with_everything(scene: Scene) -> None:
    scene.bob.subscribe(ALICE)
    line = scene.alice.subscribe(ALICE, 0, event="presence.winfo", headers=ACCEPT)
    scene.network.drive(2)
    consumer = Consumer(ALICE)
    assert taken(line, consumer) == ["full"] and consumer.statuses == {BOB: "active"}


def test_many_changes_are_told_together_and_not_too_often(scene: Scene) -> None:
    line, consumer = scene.winfo(), Consumer(ALICE)
    scene.network.drive(INTERVAL)
    line.notifies, consumer.version = [], 0
    for _ in range(10):
        watching = scene.bob.subscribe(ALICE)
        scene.network.drive(0.2)
        watching.unsubscribe()
        scene.romeo.subscribe(ALICE)
        scene.network.drive(0.2)
    scene.network.drive(INTERVAL)
    assert len(line.notifies) <= 3
    taken(line, consumer)
    assert consumer.statuses == {ROMEO: "active"}


def test_the_owner_as_asserted_by_a_trusted_peer_is_the_owner(scene: Scene) -> None:
    """Who the sender is has been settled before; another device of the owner may subscribe as well."""
    second = Phone(scene.network, "192.0.2.30", ALICE)
    assert scene.winfo(second).status == 200


def test_it_goes_on_after_kill_9(scene: Scene) -> None:
    scene.decide("bob@sip.example.org", Handling.CONFIRM)
    scene.bob.subscribe(ALICE)
    line, consumer = scene.winfo(), Consumer(ALICE)
    assert taken(line, consumer) == ["full"] and consumer.statuses == {BOB: "pending"}
    scene.gateway = scene.start(scene.gateway.killed())
    scene.network.drive(30)
    kinds = taken(line, consumer)
    assert kinds[0] == "full" and consumer.statuses == {BOB: "pending"}
    scene.decide("bob@sip.example.org", Handling.ALLOW)
    scene.network.drive(INTERVAL)
    assert taken(line, consumer)[-1] == "partial" and consumer.statuses == {BOB: "active"}


def test_an_owner_who_is_removed_hears_the_end(scene: Scene) -> None:
    line = scene.winfo()
    scene.users.remove("alice")
    scene.package.existence_changed(Address.parse("alice@sip.example.org"))
    scene.network.drive(1)
    assert (line.last.state, line.last.reason) == ("terminated", "noresource")


def test_a_list_that_is_too_long_for_a_datagram_is_cut_and_told_as_a_whole(scene: Scene) -> None:
    for number in range(300):
        Phone(scene.network, "192.0.2.40", f"sip:w{number}@sip.example.org", port=10_000 + number).subscribe(
            ALICE
        )
    scene.network.drive(2)
    scene.decide("bob@sip.example.org", Handling.CONFIRM)
    line, consumer = scene.winfo(), Consumer(ALICE)
    assert taken(line, consumer) == ["full"]
    assert 100 < len(consumer.rows) < 300
    scene.network.drive(INTERVAL)
    scene.bob.subscribe(ALICE)
    scene.network.drive(INTERVAL)
    assert taken(line, consumer) == ["full"]
    assert consumer.statuses[BOB] == "pending", "who needs a decision is always listed"


class Lives(RuleBasedStateMachine):
    """Whatever watchers and the owner do: a consumer that applies every document knows what is so."""

    @initialize()
    def begin(self) -> None:
        self.scene = Scene()
        self.line, self.consumer = self.scene.winfo(), Consumer(ALICE)
        self.watching: dict[str, Line] = {}

    @rule(who=st.sampled_from(["bob", "romeo"]))
    def subscribe(self, who: str) -> None:
        self.watching[who] = getattr(self.scene, who).subscribe(ALICE)
        self.scene.network.drive(0.3)

    @rule(who=st.sampled_from(["bob", "romeo"]))
    def unsubscribe(self, who: str) -> None:
        line = self.watching.pop(who, None)
        if line is not None and line.status == 200:
            line.unsubscribe()
            self.scene.network.drive(0.3)

    @rule(who=st.sampled_from(["bob", "romeo"]), handling=st.sampled_from(Handling))
    def decide(self, who: str, handling: Handling) -> None:
        self.scene.decide(f"{who}@sip.example.org", handling)

    @rule(who=st.sampled_from(["bob", "romeo"]))
    def forget(self, who: str) -> None:
        self.scene.gateway.store.verdicts.remove(f"alice@sip.example.org {who}@sip.example.org")

    @rule()
    def refresh(self) -> None:
        self.line.send(600, headers=ACCEPT)
        self.scene.network.drive(0.3)

    @rule(seconds=st.sampled_from([1, 6, 20]))
    def wait(self, seconds: int) -> None:
        self.scene.network.drive(seconds)

    @rule()
    def kill(self) -> None:
        self.scene.gateway = self.scene.start(self.scene.gateway.killed())
        self.scene.network.drive(40)

    @invariant()
    def consumer_knows(self) -> None:
        if not hasattr(self, "scene"):
            return
        self.scene.network.drive(INTERVAL + 1)
        taken(self.line, self.consumer)
        assert self.consumer.statuses == self.scene.statuses


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
