"""Watchers who may see different parts of one presentity: who hears what, and how often."""

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.permissions import EVERY, NOTHING, Permissions
from sip2xmpp.documents.presence import Activity, Basic, Person, Presence, Tuple
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.policy import PLAIN, Handling, Judgement
from sip2xmpp.presence.watched import VIEWS
from sip2xmpp.presence.watching import Notification
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication

ALICE = Address.parse("alice@sip.example.org")
BOB = Address.parse("bob@sip.example.org")
ROMEO = Address.parse("romeo@jabber.example")
JULIET = Address.parse("juliet@jabber.example")

SERVICES = Permissions(services=EVERY)
ACTIVITIES = Permissions(services=EVERY, persons=EVERY, attributes=frozenset({"activities"}))


class Ear:
    def __init__(self, address: Address) -> None:
        self.address = address
        self.heard: list[Notification] = []

    def notified(self, notification: Notification) -> None:
        self.heard.append(notification)

    @property
    def shown(self) -> Presence:
        document = self.heard[-1].document
        assert document is not None
        return document


class Home:
    """An agent whose owner lets each watcher see what ``rules`` says."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.rules: dict[Address, Judgement] = {}
        self.agent = PresenceAgent(
            store=self.store,
            clock=self.clock,
            judge=lambda _, watcher: self.rules[watcher],
            exists=lambda address: address == ALICE,
            parse=lambda publication: pidf.read(publication.document, now=self.clock.seconds()),
        )

    def allow(self, watcher: Address, permissions: Permissions | None) -> None:
        self.rules[watcher] = Judgement(handling=Handling.ALLOW, permissions=permissions)
        self.agent.rules_changed(ALICE)

    def watch(self, watcher: Address) -> Ear:
        ear = Ear(watcher)
        self.agent.watch(ALICE, ear)
        self.settle()
        return ear

    def settle(self) -> None:
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)

    def publish(self, activity: str, *, basic: Basic = Basic.OPEN) -> None:
        now = self.clock.seconds()
        document = Presence(
            entity=ALICE.sip_uri(),
            tuples=(Tuple(id="t1", basic=basic, contact=ALICE.sip_uri()),),
            persons=(Person(id="p1", activities=(Activity(activity),)),),
        )
        self.store.publications.put(
            Publication(
                presentity=ALICE,
                package="presence",
                etag="e1",
                source="",
                content_type="application/pidf+xml",
                document=pidf.write(document),
                user_agent="",
                published_at=now,
                expires_at=now + 3600,
            )
        )
        self.settle()


@pytest.fixture
def home() -> Home:
    return Home()


def activities(document: Presence) -> list[str]:
    return [activity.name for person in document.persons for activity in person.activities]


def test_each_watcher_is_shown_what_it_may_see(home: Home) -> None:
    for watcher, permissions in ((BOB, None), (ROMEO, ACTIVITIES), (JULIET, SERVICES)):
        home.allow(watcher, permissions)
    home.publish("meeting")
    bob, romeo, juliet = (home.watch(watcher) for watcher in (BOB, ROMEO, JULIET))
    assert "meeting" in activities(bob.shown)
    assert "meeting" in activities(romeo.shown)
    assert activities(juliet.shown) == []
    assert juliet.shown.tuples[0].basic is Basic.OPEN


def test_a_change_of_what_is_withheld_is_no_news(home: Home) -> None:
    home.allow(BOB, None)
    home.allow(JULIET, SERVICES)
    home.publish("meeting")
    bob, juliet = home.watch(BOB), home.watch(JULIET)
    home.publish("meal")
    assert "meal" in activities(bob.shown)
    assert len(juliet.heard) == 1


def test_watchers_who_may_see_the_same_are_given_the_same_object(home: Home) -> None:
    for watcher in (ROMEO, JULIET):
        home.allow(watcher, SERVICES)
    home.publish("meeting")
    romeo, juliet = home.watch(ROMEO), home.watch(JULIET)
    assert romeo.heard[-1] is juliet.heard[-1]


@pytest.mark.parametrize(("first", "then"), [(None, SERVICES), (SERVICES, None), (ACTIVITIES, SERVICES)])
def test_a_rule_that_changes_what_is_shown_is_obeyed_at_once(
    home: Home, first: Permissions | None, then: Permissions | None
) -> None:
    home.allow(BOB, first)
    home.publish("meeting")
    bob = home.watch(BOB)
    home.allow(BOB, then)
    home.settle()
    assert len(bob.heard) == 2
    assert ("meeting" in activities(bob.shown)) is (then is None)


def test_a_rule_that_changes_nothing_visible_is_no_news(home: Home) -> None:
    home.allow(BOB, SERVICES)
    home.publish("meeting")
    bob = home.watch(BOB)
    home.allow(BOB, Permissions(services=EVERY, attributes=frozenset({"mood"})))
    home.settle()
    assert len(bob.heard) == 1


def test_however_many_kinds_of_watchers_there_are_few_views_are_kept(home: Home) -> None:
    home.publish("meeting")
    made: Callable[[int], Permissions] = lambda number: Permissions(  # noqa: E731 - read once, below
        services=EVERY, unknown=frozenset({("urn:example", f"x{number}")})
    )
    ears = []
    for number in range(3 * VIEWS):
        watcher = Address.parse(f"romeo{number}@jabber.example")
        home.rules[watcher] = Judgement(handling=Handling.ALLOW, permissions=made(number))
        ears.append(home.watch(watcher))
    home.publish("meal", basic=Basic.CLOSED)
    assert all(ear.shown.tuples[0].basic is Basic.CLOSED for ear in ears)


def test_who_is_politely_blocked_and_who_sees_an_offline_person_are_given_equal_documents(home: Home) -> None:
    home.rules[BOB] = PLAIN[Handling.POLITE_BLOCK]
    home.allow(ROMEO, None)
    bob, romeo = home.watch(BOB), home.watch(ROMEO)
    assert bob.heard[-1] is romeo.heard[-1]


@pytest.mark.parametrize("permissions", [NOTHING, SERVICES])
def test_who_is_politely_blocked_and_who_may_see_a_part_of_an_offline_person_are_told_the_same(
    home: Home, permissions: Permissions
) -> None:
    home.rules[BOB] = PLAIN[Handling.POLITE_BLOCK]
    home.allow(ROMEO, permissions)
    bob, romeo = home.watch(BOB), home.watch(ROMEO)
    assert bob.heard[-1] is romeo.heard[-1]


def test_who_is_allowed_but_shown_nothing_is_told_what_the_politely_blocked_are_and_hears_of_no_change(
    home: Home,
) -> None:
    home.rules[BOB] = PLAIN[Handling.POLITE_BLOCK]
    home.allow(ROMEO, NOTHING)
    home.publish("meeting")
    romeo, bob = home.watch(ROMEO), home.watch(BOB)
    home.publish("meal")
    home.publish("meal", basic=Basic.CLOSED)
    assert romeo.heard == bob.heard
    assert romeo.heard[0] is bob.heard[0]


def test_the_time_of_a_change_that_is_withheld_is_no_news(home: Home) -> None:
    home.allow(JULIET, SERVICES)
    home.publish("meeting")
    juliet = home.watch(JULIET)
    home.clock.advance(60)
    home.publish("meal")
    later = home.watch(JULIET)
    assert len(juliet.heard) == 1
    assert later.heard[-1] is juliet.heard[-1]


def test_who_was_away_in_between_is_shown_since_the_return(home: Home) -> None:
    home.allow(BOB, None)
    home.allow(JULIET, SERVICES)
    bob, juliet = home.watch(BOB), home.watch(JULIET)
    home.publish("meeting")
    home.clock.advance(60)
    for each in tuple(home.store.publications.all()):
        home.store.publications.remove(each.key)
    home.settle()
    home.clock.advance(60)
    home.publish("meeting")
    assert len(juliet.heard) == len(bob.heard) == 4
    assert juliet.shown.tuples[0].timestamp == bob.shown.tuples[0].timestamp


def test_the_time_of_a_withheld_change_is_no_news_however_many_kinds_of_watchers_there_are(
    home: Home,
) -> None:
    home.publish("meeting")
    ears = []
    for number in range(VIEWS + 20):
        watcher = Address(f"w{number}", "jabber.example")
        home.allow(watcher, Permissions(services=EVERY, unknown=frozenset({("urn:example", f"n{number}")})))
        ears.append(home.watch(watcher))
    home.clock.advance(60)
    home.publish("meal")
    assert {len(ear.heard) for ear in ears} == {1}
    home.publish("meal", basic=Basic.CLOSED)
    assert {len(ear.heard) for ear in ears} == {2}
