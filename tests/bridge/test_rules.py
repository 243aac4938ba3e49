"""Rules of an owner are obeyed for Jabber watchers at once: what each change of them says to one who watches."""

from itertools import product

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.documents import pidf
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.rule_book import RuleBook
from sip2xmpp.store.records import Kind, Publication
from tests.bridge.scene import BOB, JULIET, ROMEO, SlowStore, Wire
from tests.presence.privacy import ACTIVITIES, EVERYTHING, discard, keep, rule, ruleset
from tests.presence.test_agent import document

SERVICES = "<provide-services><all-services/></provide-services>"
DESK = f"{BOB}/sip"


class Scene:
    """Bob, whose rules count, and Jabber users who watch him."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = SlowStore(clock)
        self.wire = Wire()
        policy = Policy(self.store.verdicts, default=Handling.CONFIRM, rules=RuleBook(self.store, clock))
        self.agent = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=policy.judge,
            exists=lambda _: True,
            parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
        )
        policy.listen(self.agent.rules_changed)
        self.watchers = JabberWatchers(
            store=self.store,
            outbox=Outbox(self.wire, self.store),  # type: ignore[arg-type]
            back_end=self.agent,
            clock=clock,
            pace=Pace(clock),
        )

    def publish(self, activity: str = "away") -> None:
        now = self.clock.seconds()
        self.store.publications.put(
            Publication(
                presentity=Address.parse(BOB),
                package="presence",
                etag="e1",
                source="",
                content_type="application/pidf+xml",
                document=document(activity),
                user_agent="",
                published_at=now,
                expires_at=now + 3600,
            )
        )
        self.soon()

    def go(self) -> None:
        """Bob switches his phone off."""
        for each in tuple(self.store.publications.all()):
            self.store.publications.remove(each.key)
        self.soon()

    def handle(self, handling: Handling, *who: str, provide: str = EVERYTHING) -> None:
        named = [Address.parse(each) for each in who or (ROMEO,)]
        keep(self.store.documents, ruleset(rule(handling.value, *named, provide=provide)))
        self.soon()

    def subscribe(self, who: str = ROMEO) -> None:
        self.watchers.subscribe_received(who, BOB, Address.parse(who), Address.parse(BOB))
        self.soon()

    def soon(self) -> None:
        self.clock.advance(0)

    def state(self, who: str = ROMEO) -> Kind | None:
        record = self.store.authorizations.get(f"{who} {BOB}")
        return None if record is None else record.state


@pytest.fixture
def scene(clock: Clock) -> Scene:
    made = Scene(clock)
    made.publish()
    return made


FIRST = {
    Handling.BLOCK: [f"unsubscribed {BOB}"],
    Handling.CONFIRM: [],
    Handling.POLITE_BLOCK: [f"subscribed {BOB}", f"unavailable {BOB}"],
    Handling.ALLOW: [f"subscribed {BOB}", f"available {DESK} away"],
}
CHANGES = {
    (Handling.CONFIRM, Handling.BLOCK): [f"unsubscribed {BOB}"],
    (Handling.CONFIRM, Handling.POLITE_BLOCK): FIRST[Handling.POLITE_BLOCK],
    (Handling.CONFIRM, Handling.ALLOW): FIRST[Handling.ALLOW],
    (Handling.POLITE_BLOCK, Handling.BLOCK): [f"unsubscribed {BOB}"],
    (Handling.POLITE_BLOCK, Handling.CONFIRM): [],
    (Handling.POLITE_BLOCK, Handling.ALLOW): [f"available {DESK} away"],
    (Handling.ALLOW, Handling.BLOCK): [f"unavailable {DESK}", f"unsubscribed {BOB}"],
    (Handling.ALLOW, Handling.CONFIRM): [f"unavailable {DESK}"],
    (Handling.ALLOW, Handling.POLITE_BLOCK): [f"unavailable {DESK}"],
}


@pytest.mark.parametrize("handling", list(Handling), ids=lambda handling: handling.value)
def test_who_asks_is_answered_by_the_rules(scene: Scene, handling: Handling) -> None:
    scene.handle(handling)
    scene.subscribe()
    assert scene.wire.brief() == FIRST[handling]


@pytest.mark.parametrize(
    ("before", "after"),
    [pair for pair in product(Handling, repeat=2) if pair[0] is not Handling.BLOCK],
    ids=lambda handling: handling.value,
)
def test_every_change_is_told_once_and_at_once(scene: Scene, before: Handling, after: Handling) -> None:
    scene.handle(before)
    scene.subscribe()
    scene.wire.take()
    scene.handle(after)
    assert scene.wire.brief() == CHANGES.get((before, after), [])
    if after is Handling.BLOCK:
        assert scene.state() is None
    elif before is not Handling.CONFIRM:
        assert scene.state() is Kind.AUTHORIZED
    scene.clock.advance(100)
    assert scene.wire.brief() == []


def test_an_authorization_outlives_a_time_of_indecision(scene: Scene) -> None:
    scene.handle(Handling.ALLOW)
    scene.subscribe()
    scene.handle(Handling.CONFIRM)
    scene.wire.take()
    scene.publish("busy")
    scene.watchers.probe_received(ROMEO, BOB, f"{ROMEO}/balcony")
    scene.soon()
    assert scene.wire.brief() == [f"unavailable {BOB}"]
    scene.handle(Handling.ALLOW)
    assert scene.wire.brief() == [f"available {DESK} dnd"]
    assert scene.state() is Kind.AUTHORIZED


def test_a_change_of_what_is_provided_is_shown_at_once(scene: Scene) -> None:
    scene.handle(Handling.ALLOW, provide=SERVICES)
    scene.subscribe()
    assert scene.wire.brief() == [f"subscribed {BOB}", f"available {DESK}"]
    scene.handle(Handling.ALLOW, provide=ACTIVITIES)
    assert scene.wire.brief() == [f"available {DESK} away"]
    scene.handle(Handling.ALLOW, provide=SERVICES)
    assert scene.wire.brief() == [f"available {DESK}"]
    scene.handle(Handling.ALLOW, provide="")
    assert scene.wire.brief() == [f"unavailable {DESK}"]


def test_the_removal_of_the_document_returns_to_the_default(scene: Scene) -> None:
    scene.handle(Handling.ALLOW)
    scene.subscribe()
    scene.wire.take()
    discard(scene.store.documents)
    scene.soon()
    assert scene.wire.brief() == [f"unavailable {DESK}"]
    assert scene.state() is Kind.AUTHORIZED


def everything_said(scene: Scene, change: str) -> list[str]:
    """All octets to romeo from a change on: bob goes, or blocks him politely and then lives on."""
    scene.handle(Handling.ALLOW)
    scene.subscribe()
    scene.wire.take()
    if change == "goes":
        scene.go()
    else:
        scene.handle(Handling.POLITE_BLOCK)
        for activity in ("busy", "meeting", "on-the-phone"):
            scene.publish(activity)
            scene.clock.advance(60)
        scene.go()
        scene.publish("away")
    scene.watchers.probe_received(ROMEO, BOB, f"{ROMEO}/balcony", "p1")
    scene.soon()
    scene.watchers.probe_received(ROMEO, BOB, f"{ROMEO}/balcony", "p2", "sip")
    scene.subscribe()
    scene.watchers.link_up("sip.example.org")
    scene.clock.advance(100)
    return scene.wire.xml


def test_a_polite_block_is_said_like_going_offline(clock: Clock) -> None:
    gone, blocked = Scene(clock), Scene(clock)
    for scene in (gone, blocked):
        scene.publish()
    assert everything_said(gone, "goes") == everything_said(blocked, "is blocked")


def test_one_who_is_blocked_politely_from_the_start_meets_somebody_offline(clock: Clock) -> None:
    offline, blocked = Scene(clock), Scene(clock)
    blocked.publish()
    offline.handle(Handling.ALLOW)
    blocked.handle(Handling.POLITE_BLOCK)
    said = []
    for scene in (offline, blocked):
        scene.subscribe()
        scene.watchers.probe_received(ROMEO, BOB, f"{ROMEO}/balcony", "p1")
        scene.watchers.unsubscribe_received(ROMEO, BOB)
        scene.soon()
        said.append(scene.wire.xml)
    assert said[0] == said[1]


def test_one_is_blocked_while_another_sees_on(scene: Scene) -> None:
    for who in (ROMEO, JULIET):
        scene.handle(Handling.ALLOW, ROMEO, JULIET)
        scene.subscribe(who)
    scene.wire.take()
    keep(
        scene.store.documents,
        ruleset(rule("allow", Address.parse(JULIET)), rule("block", Address.parse(ROMEO))),
    )
    scene.soon()
    assert [(said.kind, said.recipient) for said in scene.wire.take()] == [
        ("unavailable", ROMEO),
        ("unsubscribed", ROMEO),
    ]
    scene.publish("busy")
    assert [(said.show, said.recipient) for said in scene.wire.take()] == [("dnd", JULIET)]
