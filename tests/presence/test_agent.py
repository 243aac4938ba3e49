"""The presence agent: who is told what, when, and how often."""

import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import NoSuchPresentity, NotAuthorized
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watch
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication, Verdict

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
ROMEO = Address("romeo", "jabber.example")
JULIET = Address("juliet", "jabber.example")
STRANGER = Address("nobody", "sip.example.org")

TEMPLATE = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf"'
    ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"'
    ' entity="sip:alice@sip.example.org"><tuple id="{id}"><status><basic>{basic}</basic></status></tuple>'
    "{person}</presence>"
)


def document(activity: str = "", basic: str = "open", tuple_id: str = "t1", window: str = "") -> bytes:
    person = (
        f'<dm:person id="p1"><r:activities{window}><r:{activity}/></r:activities></dm:person>'
        if activity
        else ""
    )
    return TEMPLATE.format(id=tuple_id, basic=basic, person=person).encode()


class Ear:
    """A watcher that remembers what it was told."""

    def __init__(self, address: Address, order: list["Ear"] | None = None) -> None:
        self.address = address
        self.heard: list[Notification] = []
        self.order = order

    def notified(self, notification: Notification) -> None:
        self.heard.append(notification)
        if self.order is not None:
            self.order.append(self)

    @property
    def last(self) -> Notification:
        return self.heard[-1]

    @property
    def state(self) -> State:
        assert self.last.document is not None
        return state_of(self.last.document)


class House:
    """An agent with its store and policy."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.policy = Policy(self.store.verdicts)
        self.served = {ALICE, BOB}
        self.parsed = 0
        self.agent = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=self.policy.judge,
            exists=lambda address: address in self.served,
            parse=self.parse,
        )
        self.policy.listen(self.agent.rules_changed)
        self.made = 0

    def parse(self, publication: Publication) -> Presence:
        self.parsed += 1
        return pidf.read(publication.document, now=self.clock.seconds())

    def watch(self, watcher: Address, presentity: Address = ALICE) -> tuple[Ear, Watch]:
        ear = Ear(watcher)
        return ear, self.agent.watch(presentity, ear)

    def settle(self) -> None:
        """Let everything happen that is due now."""
        for _ in range(10_000):
            calls = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]
            if not calls:
                return
            self.clock.advance(0)
        raise AssertionError("a livelock")

    def publish(
        self,
        octets: bytes,
        *,
        etag: str = "",
        presentity: Address = ALICE,
        expires: float = 3600,
        source: str = "",
    ) -> str:
        self.made += 1
        etag = etag or f"e{self.made}"
        now = self.clock.seconds()
        self.store.publications.put(
            Publication(
                presentity=presentity,
                package="presence",
                etag=etag,
                source=source,
                content_type="application/pidf+xml",
                document=octets,
                user_agent="",
                published_at=now,
                expires_at=now + expires,
            )
        )
        return etag

    def rule(self, watcher: Address, handling: Handling, presentity: Address = ALICE) -> None:
        self.store.verdicts.put(
            Verdict(presentity=presentity, watcher=watcher, handling=handling.value, decided_at=0.0)
        )


@pytest.fixture
def house(clock: Clock) -> House:
    return House(clock)


def test_nothing_is_told_from_inside_watch_and_something_always_soon_after(house: House) -> None:
    ear, _ = house.watch(BOB)
    assert ear.heard == []
    house.settle()
    assert len(ear.heard) == 1


def test_of_whom_nothing_is_known_the_watcher_gets_the_offline_document(house: House) -> None:
    ear, _ = house.watch(BOB)
    house.settle()
    assert ear.last.standing is Standing.ACTIVE
    assert ear.last.document == offline_document("sip:alice@sip.example.org")


def test_an_address_that_we_do_not_serve_is_refused_at_once(house: House) -> None:
    with pytest.raises(NoSuchPresentity):
        house.watch(BOB, STRANGER)


def test_a_publication_is_told_to_who_watches(house: House) -> None:
    ear, _ = house.watch(BOB)
    house.publish(document("away"))
    house.settle()
    assert ear.state is State.AWAY


def test_what_was_published_before_is_told_first(house: House) -> None:
    house.publish(document("busy"))
    ear, _ = house.watch(BOB)
    house.settle()
    assert [state_of(n.document) for n in ear.heard if n.document] == [State.BUSY]


def test_nothing_is_composed_while_nobody_watches(house: House) -> None:
    house.publish(document("away"))
    house.settle()
    assert house.parsed == 0 and len(house.agent) == 0


def test_all_watchers_of_one_version_get_one_object(house: House) -> None:
    ears = [house.watch(Address(f"w{n}", "sip.example.org"))[0] for n in range(5)]
    house.publish(document("away"))
    house.settle()
    assert len({id(ear.last) for ear in ears}) == 1
    assert house.parsed == 1


def test_a_refresh_of_the_same_document_is_told_to_nobody_and_read_by_nobody(house: House) -> None:
    ear, _ = house.watch(BOB)
    etag = house.publish(document("away"), source="phone")
    house.settle()
    told, parsed = len(ear.heard), house.parsed
    held = house.store.publications.get(etag)
    assert held is not None
    house.store.publications.put(replace(held, etag="new", expires_at=held.expires_at + 100))
    house.store.publications.remove(etag)
    house.settle()
    assert (len(ear.heard), house.parsed) == (told, parsed)


def test_the_same_state_with_another_id_is_told_to_nobody(house: House) -> None:
    house.publish(document("away", tuple_id="t1"), etag="a")
    bob, _ = house.watch(BOB)
    house.settle()
    heard = len(bob.heard)
    house.clock.advance(10)
    house.publish(document("away", tuple_id="t2"), etag="a")
    house.settle()
    assert len(bob.heard) == heard
    house.publish(document("busy", tuple_id="t3"), etag="a")
    house.settle()
    assert len(bob.heard) == heard + 1 and bob.state is State.BUSY


def test_changes_of_one_turn_are_told_once(house: House) -> None:
    ear, _ = house.watch(BOB)
    house.settle()
    for activity in ("away", "busy", "on-the-phone"):
        house.publish(document(activity), etag="same")
    house.settle()
    assert len(ear.heard) == 2 and ear.state is State.ON_THE_PHONE


def test_a_removed_publication_leaves_the_offline_document(house: House) -> None:
    ear, _ = house.watch(BOB)
    etag = house.publish(document("away"))
    house.settle()
    house.store.publications.remove(etag)
    house.settle()
    assert ear.last.document == offline_document("sip:alice@sip.example.org")


def test_an_expired_publication_is_taken_back_by_the_feed(house: House, clock: Clock) -> None:
    ear, _ = house.watch(BOB)
    house.publish(document("away"), expires=60)
    house.settle()
    clock.advance(61)
    house.settle()
    assert ear.state is State.OFFLINE


def test_two_publications_are_composed(house: House) -> None:
    ear, _ = house.watch(BOB)
    house.publish(document("away", tuple_id="phone"), source="a")
    house.clock.advance(1)
    house.publish(document("busy", tuple_id="desk"), source="b")
    house.settle()
    assert ear.last.document is not None
    assert len(ear.last.document.tuples) == 2 and ear.state is State.BUSY


def test_a_publication_of_another_package_changes_nothing(house: House) -> None:
    ear, _ = house.watch(BOB)
    etag = house.publish(document("away"))
    house.settle()
    held = house.store.publications.get(etag)
    assert held is not None
    house.store.publications.put(replace(held, etag="d", package="dialog", document=b"<dialog-info/>"))
    house.settle()
    assert len(ear.heard) == 2 - 1 and ear.state is State.AWAY


def test_an_unreadable_publication_does_not_hide_the_others(house: House) -> None:
    ear, _ = house.watch(BOB)
    house.publish(b"no document", source="a")
    house.publish(document("away"), source="b")
    house.settle()
    assert ear.state is State.AWAY


def test_what_is_valid_until_a_time_ends_at_that_time(house: House, clock: Clock) -> None:
    ear, _ = house.watch(BOB)
    # The virtual clock starts at 2027-01-15T08:00:00Z.
    house.publish(document("away", window=' until="2027-01-15T08:05:00Z"'))
    house.settle()
    assert ear.state is State.AWAY
    clock.advance(301)
    house.settle()
    assert ear.state is State.ONLINE


# Rules


def test_a_blocked_watcher_is_refused(house: House) -> None:
    house.rule(ROMEO, Handling.BLOCK)
    with pytest.raises(NotAuthorized):
        house.watch(ROMEO)


def test_an_undecided_watcher_is_pending_and_learns_nothing(house: House) -> None:
    house.rule(ROMEO, Handling.CONFIRM)
    ear, _ = house.watch(ROMEO)
    house.publish(document("away"))
    house.settle()
    house.publish(document("busy"))
    house.settle()
    assert [(n.standing, n.document) for n in ear.heard] == [(Standing.PENDING, None)]


def test_a_politely_blocked_watcher_cannot_tell_it_from_offline(house: House) -> None:
    offline, _ = house.watch(JULIET, BOB)
    house.rule(ROMEO, Handling.POLITE_BLOCK, BOB)
    blocked, _ = house.watch(ROMEO, BOB)
    house.settle()
    assert blocked.last is offline.last
    house.publish(document("away"), presentity=BOB)
    house.settle()
    assert len(blocked.heard) == 1 and len(offline.heard) == 2


def test_approval_makes_a_pending_watcher_active_with_the_full_state(house: House) -> None:
    house.rule(ROMEO, Handling.CONFIRM)
    house.publish(document("away"))
    ear, _ = house.watch(ROMEO)
    house.settle()
    house.rule(ROMEO, Handling.ALLOW)
    house.settle()
    assert [n.standing for n in ear.heard] == [Standing.PENDING, Standing.ACTIVE] and ear.state is State.AWAY


def test_a_change_of_rules_to_block_ends_the_watch_as_rejected(house: House) -> None:
    house.publish(document("away"))
    ear, watch = house.watch(ROMEO)
    house.settle()
    house.rule(ROMEO, Handling.BLOCK)
    house.publish(document("busy"))
    house.settle()
    assert (ear.last.standing, ear.last.reason, ear.last.document) == (
        Standing.TERMINATED,
        Reason.REJECTED,
        None,
    )
    assert len(ear.heard) == 2 and len(house.agent) == 0
    watch.stop()


def test_a_change_of_rules_hides_what_was_shown(house: House) -> None:
    house.publish(document("away"))
    ear, _ = house.watch(ROMEO)
    house.settle()
    house.rule(ROMEO, Handling.POLITE_BLOCK)
    house.publish(document("busy"))
    house.settle()
    assert [state_of(n.document) for n in ear.heard if n.document] == [State.AWAY, State.OFFLINE]


def test_a_change_of_rules_concerns_its_own_watcher_only(house: House) -> None:
    romeo, _ = house.watch(ROMEO)
    juliet, _ = house.watch(JULIET)
    house.settle()
    house.rule(ROMEO, Handling.BLOCK)
    house.settle()
    assert len(romeo.heard) == 2 and len(juliet.heard) == 1


def test_the_watchers_of_a_removed_user_learn_that_there_is_nobody(house: House) -> None:
    ear, _ = house.watch(ROMEO)
    house.settle()
    house.served.remove(ALICE)
    house.agent.existence_changed(ALICE)
    house.settle()
    assert ear.last.reason is Reason.NORESOURCE


# The life of a watch


def test_a_refreshed_watch_is_told_again(house: House) -> None:
    ear, watch = house.watch(BOB)
    house.settle()
    watch.refresh()
    house.settle()
    assert len(ear.heard) == 2 and ear.heard[0] is ear.heard[1]


def test_after_stop_nothing_is_told(house: House) -> None:
    ear, watch = house.watch(BOB)
    watch.stop()
    house.publish(document("away"))
    house.settle()
    watch.stop()
    watch.refresh()
    house.settle()
    assert ear.heard == [] and len(house.agent) == 0


def test_a_watcher_that_fails_does_not_keep_the_news_from_others(house: House) -> None:
    class Broken(Ear):
        def notified(self, notification: Notification) -> None:
            super().notified(notification)
            raise RuntimeError("a bug of this watcher")

    before = [house.watch(Address(f"a{n}", "sip.example.org"))[0] for n in range(40)]
    broken = [Broken(ROMEO), Broken(ROMEO)]
    for ear in broken:
        house.agent.watch(ALICE, ear)
    after = [house.watch(Address(f"b{n}", "sip.example.org"))[0] for n in range(40)]
    settle_despite_failures(house)
    for activity in ("away", "busy"):
        house.publish(document(activity), etag="e")
        settle_despite_failures(house)
    assert {ear.state for ear in before + after} == {State.BUSY}
    assert {len(ear.heard) for ear in before + broken + after} == {3}


def settle_despite_failures(house: House) -> None:
    """The reactor logs what a delayed call raises and goes on; the virtual clock lets it through."""
    for _ in range(10):
        with suppress(RuntimeError):
            house.settle()


# Many watchers


def turn(clock: Clock) -> bool:
    """One reactor turn: the calls that are due now, but not those that they make; False if there is none."""
    due = [call for call in clock.getDelayedCalls() if call.getTime() <= clock.seconds()]
    for call in due:
        if call in clock.calls:
            clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)
    return bool(due)


def turns_until_quiet(house: House) -> int:
    """How many reactor turns it takes until nothing is due."""
    turns = 0
    while turn(house.clock):
        turns += 1
        assert turns < 1000
    return turns


def test_ten_thousand_watchers_are_told_in_slices_and_others_get_through_in_between(house: House) -> None:
    order: list[Ear] = []
    crowd = [Ear(Address(f"w{n}", "sip.example.org"), order) for n in range(10_000)]
    for ear in crowd:
        house.agent.watch(ALICE, ear)
    lone = Ear(ROMEO, order)
    house.agent.watch(BOB, lone)
    house.settle()
    order.clear()
    house.publish(document("away"))
    turn(house.clock)
    first_slice = len(order)
    house.publish(document("busy"), presentity=BOB)
    turn(house.clock)
    assert 0 < first_slice <= 200
    assert lone in order and len(order) <= 400
    turns = turns_until_quiet(house)
    assert turns >= 45 and len(order) == 10_001
    assert {len(ear.heard) for ear in crowd} == {2} and len({id(ear.last) for ear in crowd}) == 1


def test_a_change_during_a_fan_out_overtakes_it(house: House) -> None:
    crowd = [Ear(Address(f"w{n}", "sip.example.org")) for n in range(1000)]
    for ear in crowd:
        house.agent.watch(ALICE, ear)
    house.settle()
    house.publish(document("away"), etag="e")
    turn(house.clock)
    house.publish(document("busy"), etag="e")
    house.settle()
    assert {ear.state for ear in crowd} == {State.BUSY}
    counts = [len(ear.heard) for ear in crowd]
    assert counts.count(3) <= 400 and counts.count(2) >= 600


def test_a_new_watcher_does_not_wait_for_a_fan_out(house: House) -> None:
    for n in range(5000):
        house.agent.watch(ALICE, Ear(Address(f"w{n}", "sip.example.org")))
    house.settle()
    house.publish(document("away"))
    turn(house.clock)
    ear, _ = house.watch(ROMEO)
    turn(house.clock)
    assert ear.state is State.AWAY


# Any order of events


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: when it is quiet, each watcher has its view, and never had another's."""

    watches = Bundle("watches")

    def __init__(self) -> None:
        super().__init__()
        clock = Clock()
        clock.rightNow = 1_800_000_000.0
        self.house = House(clock)
        self.ears: dict[int, tuple[Ear, Watch, Address]] = {}
        self.count = 0
        self.rng = random.Random(1)

    @rule(target=watches, who=st.sampled_from([ROMEO, JULIET]), whom=st.sampled_from([ALICE, BOB]))
    def watch(self, who: Address, whom: Address) -> int:
        self.count += 1
        try:
            ear, watch = self.house.watch(who, whom)
        except NotAuthorized:
            assert self.house.policy.decide(whom, who) is Handling.BLOCK
            return self.count
        self.ears[self.count] = (ear, watch, whom)
        return self.count

    @rule(which=consumes(watches))
    def stop(self, which: int) -> None:
        if which in self.ears:
            ear, watch, _ = self.ears.pop(which)
            heard = len(ear.heard)
            watch.stop()
            self.house.settle()
            assert len(ear.heard) == heard

    @rule(which=watches)
    def refresh(self, which: int) -> None:
        if which in self.ears:
            self.ears[which][1].refresh()

    @rule(
        whom=st.sampled_from([ALICE, BOB]),
        etag=st.sampled_from(["1", "2"]),
        activity=st.sampled_from(["away", "busy", ""]),
        expires=st.integers(1, 100),
    )
    def publish(self, whom: Address, etag: str, activity: str, expires: int) -> None:
        self.house.publish(
            document(activity, tuple_id="t" + etag), etag=f"{whom}{etag}", presentity=whom, expires=expires
        )

    @rule(whom=st.sampled_from([ALICE, BOB]), etag=st.sampled_from(["1", "2"]))
    def unpublish(self, whom: Address, etag: str) -> None:
        self.house.store.publications.remove(f"{whom}{etag}")

    @rule(
        whom=st.sampled_from([ALICE, BOB]),
        who=st.sampled_from([ROMEO, JULIET]),
        handling=st.sampled_from(list(Handling)),
    )
    def decide(self, whom: Address, who: Address, handling: Handling) -> None:
        self.house.rule(who, handling, whom)

    @rule(seconds=st.integers(0, 120))
    def wait(self, seconds: int) -> None:
        self.house.clock.advance(seconds)

    @rule()
    def one_turn(self) -> None:
        turn(self.house.clock)

    @invariant()
    def nobody_saw_what_was_not_allowed(self) -> None:
        for ear, _, whom in self.ears.values():
            if ear.heard and ear.last.document is not None:
                assert str(whom) in ear.last.document.entity

    @rule()
    def all_is_true_when_it_is_quiet(self) -> None:
        self.house.settle()
        for key, (ear, _, whom) in list(self.ears.items()):
            handling = self.house.policy.decide(whom, ear.address)
            if ear.last.standing is Standing.TERMINATED:
                assert ear.last.reason is Reason.REJECTED
                del self.ears[key]
                continue
            published = self.house.store.publications.select(str(whom))
            if handling is Handling.CONFIRM:
                assert ear.last.standing is Standing.PENDING and ear.last.document is None
            elif handling is Handling.POLITE_BLOCK or not published:
                assert ear.state is State.OFFLINE
            else:
                assert handling is Handling.ALLOW and ear.state is not State.OFFLINE


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
