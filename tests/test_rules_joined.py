"""Rules of owners in the whole of what knows about our users: whatever they depend on, a watcher hears of it at once."""

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.config import read
from sip2xmpp.documents import pidf, policy
from sip2xmpp.documents.permissions import EVERYTHING, Permissions
from sip2xmpp.documents.policy import (
    Condition,
    ExternalList,
    Identity,
    One,
    OtherIdentity,
    Rule,
    Ruleset,
    Sphere,
    SubHandling,
)
from sip2xmpp.documents.presence import Activity, Basic, Person, Presence, Tuple
from sip2xmpp.own_side import OwnSide, own_side
from sip2xmpp.presence.watching import Notification, Standing
from sip2xmpp.store.documents import Document
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication, Verdict

ALICE = Address.parse("alice@sip.example.org")
ROMEO = Address.parse("romeo@jabber.example")
FRIENDS = "http://127.0.0.1:8080/xcap/resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list%5B@name=%22friends%22%5D"


class Ear:
    address = ROMEO

    def __init__(self) -> None:
        self.heard: list[Notification] = []

    def notified(self, notification: Notification) -> None:
        self.heard.append(notification)

    @property
    def standing(self) -> Standing:
        return self.heard[-1].standing

    @property
    def activities(self) -> list[str]:
        document = self.heard[-1].document
        assert document is not None
        return [activity.name for person in document.persons for activity in person.activities]


class Joined:
    def __init__(self, clock: Clock, **presence: Any) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        config = read(
            {"sip": {"domains": ["sip.example.org"], "authentication": "none"}, "presence": presence},
            Path(),
            {},
        )
        self.own: OwnSide = own_side(config, self.store, clock)
        self.settle()

    def settle(self) -> None:
        self.clock.advance(0.2)

    def watch(self) -> Ear:
        ear = Ear()
        self.own.presence.watch(ALICE, ear)
        self.settle()
        return ear

    def lay_down(self, *conditions: Condition, shows: Permissions | None = EVERYTHING) -> None:
        rules = [Rule(id="r", conditions=conditions, handling=SubHandling.ALLOW, transformations=shows)]
        rules.append(Rule(id="o", conditions=(OtherIdentity(),), handling=SubHandling.CONFIRM))
        self.keep("pres-rules", policy.write(Ruleset(rules=tuple(rules))))

    def keep(self, auid: str, octets: bytes) -> None:
        self.store.documents.put(
            Document(
                auid=auid,
                owner=str(ALICE),
                name="index",
                octets=octets,
                etag="e",
                changed_at=self.clock.seconds(),
            )
        )
        self.settle()

    def publish(self, sphere: str | None) -> None:
        document = Presence(
            entity=ALICE.sip_uri(),
            tuples=(Tuple(id="t1", basic=Basic.OPEN),),
            persons=(Person(id="p1", activities=(Activity("meeting"),), sphere=sphere),),
        )
        now = self.clock.seconds()
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
                expires_at=now + 60,
            )
        )
        self.settle()


def lists(*members: str) -> bytes:
    entries = "".join(f'<entry uri="{member}"/>' for member in members)
    return (
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
        f'<list name="friends">{entries}</list></resource-lists>'
    ).encode()


@pytest.fixture
def joined(clock: Clock) -> Joined:
    return Joined(clock)


def test_a_watcher_is_let_in_while_the_owner_is_in_the_sphere_of_a_rule(joined: Joined) -> None:
    joined.publish("home")
    joined.lay_down(Identity(any_of=(One(uri="xmpp:romeo@jabber.example"),)), Sphere(values=("work",)))
    ear = joined.watch()
    assert (
        ear.standing is Standing.PENDING
    )  # by default: the rule names the watcher, so that of the others does not count
    joined.publish("work")
    assert ear.standing is Standing.ACTIVE
    assert "meeting" in ear.activities
    joined.publish("home")
    assert ear.standing is Standing.PENDING
    joined.publish("work")
    joined.clock.advance(61)
    joined.settle()
    assert ear.standing is Standing.PENDING


def test_a_watcher_is_let_in_while_it_is_a_member_of_a_list_that_a_rule_names(joined: Joined) -> None:
    joined.publish(None)
    joined.keep("resource-lists", lists("sip:juliet@jabber.example"))
    joined.lay_down(ExternalList(references=(FRIENDS,)))
    ear = joined.watch()
    assert ear.standing is Standing.PENDING
    joined.keep("resource-lists", lists("sip:juliet@jabber.example", "xmpp:romeo@jabber.example"))
    assert ear.standing is Standing.ACTIVE
    joined.keep("resource-lists", lists())
    assert ear.standing is Standing.PENDING


def test_rules_about_a_watcher_overtake_a_decision_about_it(joined: Joined) -> None:
    joined.publish(None)
    joined.store.verdicts.put(
        Verdict(presentity=ALICE, watcher=ROMEO, handling="polite-block", decided_at=0.0)
    )
    ear = joined.watch()
    offline = ear.heard[-1]
    joined.lay_down(Identity(any_of=(One(uri="sip:romeo@jabber.example"),)))
    assert ear.heard[-1] is not offline
    assert "meeting" in ear.activities


@pytest.mark.parametrize("bare_allow", [False, True])
def test_the_operator_says_what_a_bare_allow_means(clock: Clock, bare_allow: bool) -> None:
    joined = Joined(clock, bare_allow=bare_allow)
    joined.publish(None)
    joined.lay_down(Identity(any_of=(One(uri="sip:romeo@jabber.example"),)), shows=None)
    ear = joined.watch()
    assert ear.standing is Standing.ACTIVE
    assert ear.activities == (["meeting"] if bare_allow else [])
