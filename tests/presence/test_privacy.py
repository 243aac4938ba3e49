"""However many watch somebody, a change of the rules is in force at once and blocks nobody else."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.presence.agent import JUDGEMENTS, PresenceAgent
from sip2xmpp.presence.policy import Handling, Judgement, Policy
from sip2xmpp.presence.rule_book import RuleBook
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watcher_info import Event, Status, WatcherInfo
from sip2xmpp.presence.watching import Notification, Reason, Standing
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication, Verdict
from tests.presence.privacy import ACTIVITIES, ALICE, BOB, ROMEO, discard, keep, rule, ruleset
from tests.presence.test_agent import document

MANY = 2_000


class Ear:
    """A watcher who remembers."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.heard: list[Notification] = []

    def notified(self, notification: Notification) -> None:
        self.heard.append(notification)

    @property
    def sees(self) -> str:
        last = self.heard[-1]
        if last.standing is not Standing.ACTIVE:
            return last.standing.value
        assert last.document is not None
        return "away" if last.document.persons else "offline"


class House:
    """Bob's agent, obeying his rules, with a count of how often anything is judged."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.policy = Policy(self.store.verdicts, rules=RuleBook(self.store, clock))
        self.judged = 0
        self.agent = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=self.judge,
            exists=lambda _: True,
            parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
        )
        self.policy.listen(self.agent.rules_changed)

    def judge(self, presentity: Address, watcher: Address) -> Judgement:
        self.judged += 1
        return self.policy.judge(presentity, watcher)

    def publish(self, activity: str = "away") -> None:
        now = self.clock.seconds()
        self.store.publications.put(
            Publication(
                presentity=BOB,
                package="presence",
                etag="e",
                source="",
                content_type="application/pidf+xml",
                document=document(activity),
                user_agent="",
                published_at=now,
                expires_at=now + 3600,
            )
        )

    def watch(self, address: Address = ALICE) -> Ear:
        ear = Ear(address)
        self.agent.watch(BOB, ear)
        return ear

    def rules(self, *rules: str) -> None:
        keep(self.store.documents, ruleset(*rules))

    def turn(self) -> None:
        """What is due now, and not what that puts off to the next turn."""
        calls = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]
        for call in calls:
            self.clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


@pytest.fixture
def house(clock: Clock) -> House:
    return House(clock)


@pytest.fixture
def crowd(house: House) -> list[Ear]:
    """Many who see bob away."""
    house.publish()
    ears = [house.watch(Address(f"w{number}", "jabber.example")) for number in range(MANY)]
    house.clock.advance(0)
    assert {ear.sees for ear in ears} == {"away"}
    return ears


def test_many_are_judged_anew_in_bounded_turns(house: House, crowd: list[Ear]) -> None:
    house.judged = 0
    house.rules(rule("polite-block"))
    assert house.judged <= JUDGEMENTS
    turns = 0
    while any(ear.sees == "away" for ear in crowd):
        before = house.judged
        house.turn()
        turns += 1
        assert house.judged - before <= JUDGEMENTS
    assert turns <= MANY / JUDGEMENTS + 1
    assert house.judged == MANY
    assert {len(ear.heard) for ear in crowd} == {2}


def test_nobody_is_told_anything_by_rules_that_are_no_more(house: House, crowd: list[Ear]) -> None:
    house.rules(rule("block"))
    house.publish("meeting")
    house.clock.advance(0)
    for ear in crowd:
        assert [told.standing for told in ear.heard] == [Standing.ACTIVE, Standing.TERMINATED]
        assert ear.heard[-1].reason is Reason.REJECTED


def test_who_asks_again_is_judged_before_he_is_answered(house: House, crowd: list[Ear]) -> None:
    last = crowd[-1]
    late = house.watch(last.address)
    house.clock.advance(0)
    watch = next(each for each in house.agent._presentities[BOB].watches if each.watcher is late)
    house.rules(rule("polite-block"))
    watch.refresh()
    house.publish("meeting")
    house.turn()
    assert late.sees == "offline"


def test_a_decision_about_one_watcher_waits_for_nobody(house: House, crowd: list[Ear]) -> None:
    house.rules(rule("allow"), rule("polite-block", "<cp:many/>"))
    house.store.verdicts.put(
        Verdict(presentity=BOB, watcher=crowd[-1].address, handling="block", decided_at=0.0)
    )
    house.turn()
    assert crowd[-1].sees == "terminated"
    house.clock.advance(0)
    assert {ear.sees for ear in crowd[:-1]} == {"away"}


def test_rules_that_change_while_many_are_judged_count_as_they_are_at_the_end(
    house: House, crowd: list[Ear]
) -> None:
    for handling in ("polite-block", "confirm", "allow", "polite-block", "confirm"):
        house.rules(rule(handling))
        house.turn()
    house.clock.advance(0)
    assert {ear.sees for ear in crowd} == {"pending"}
    discard(house.store.documents)
    house.clock.advance(0)
    assert {ear.sees for ear in crowd} == {"away"}


def test_whoever_leaves_before_he_is_judged_is_left_alone(house: House, crowd: list[Ear]) -> None:
    watches = list(house.agent._presentities[BOB].watches)
    house.rules(rule("block"))
    for watch in watches[1000:]:
        watch.stop()
    house.clock.advance(0)
    assert {ear.sees for ear in crowd[:1000]} == {"terminated"}
    assert {len(ear.heard) for ear in crowd[1000:]} == {1}


def test_the_rules_of_many_owners_that_change_at_once_share_a_turn(house: House) -> None:
    owners = [Address(f"o{number}", "sip.example.org") for number in range(40)]
    for owner in owners:
        for number in range(10):
            house.agent.watch(owner, Ear(Address(f"w{number}", "jabber.example")))
    house.clock.advance(0)
    house.judged = 0
    for owner in owners:
        keep(house.store.documents, ruleset(rule("confirm")), owner=owner)
    assert house.judged == JUDGEMENTS
    house.clock.advance(0)
    assert house.judged == 400
    assert all(handling is Handling.CONFIRM for owner in owners for _, handling in house.agent.watches(owner))


def test_watchers_of_other_state_are_judged_in_bounded_turns_too(clock: Clock) -> None:
    handling, judged = Handling.ALLOW, 0

    def decide(_: Address, watcher: Address) -> Handling:
        nonlocal judged
        judged += 1
        return handling

    state = "one"
    agent = StateAgent[str](
        clock=clock,
        compute=lambda _: state,
        neutral=lambda _: "nothing",
        decide=decide,
        exists=lambda _: True,
    )
    ears = [Ear(Address(f"w{number}", "jabber.example")) for number in range(300)]
    for ear in ears:
        agent.watch(BOB, ear)
    clock.advance(0)
    assert {ear.heard[-1].document for ear in ears} == {"one"}
    handling, judged, state = Handling.POLITE_BLOCK, 0, "two"
    agent.rules_changed(BOB)
    assert judged == JUDGEMENTS
    agent.changed(BOB)
    clock.advance(0)
    assert judged == len(ears)
    assert {tuple(told.document for told in ear.heard) for ear in ears} == {("one", "nothing")}
    handling = Handling.BLOCK
    agent.rules_changed(BOB)
    clock.advance(0)
    assert {ear.heard[-1].reason for ear in ears} == {Reason.REJECTED}
    assert not agent.is_watched(BOB)


def test_who_was_let_in_by_a_rule_is_remembered_as_such(house: House) -> None:
    house.rules(rule("confirm", ALICE), rule("allow", ROMEO))
    info = WatcherInfo(
        store=house.store,
        agent=house.agent,
        policy=house.policy,
        exists=lambda _: True,
        clock=house.clock,
    )
    house.watch(ALICE)
    house.watch(ROMEO)
    house.rules(rule("allow", ALICE), rule("allow", ROMEO))
    assert {row.watcher: row.event for row in info.rows(BOB)} == {
        ALICE: Event.APPROVED,
        ROMEO: Event.SUBSCRIBE,
    }
    assert {row.status for row in info.rows(BOB)} == {Status.ACTIVE}
    house.rules(rule("allow", ALICE, provide=ACTIVITIES), rule("allow", ROMEO))
    assert {row.watcher: row.event for row in info.rows(BOB)}[ALICE] is Event.APPROVED
