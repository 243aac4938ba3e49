"""Whatever changes, and in whatever order: live watchers are shown what the rules of this moment say, and nobody else's."""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf, policy
from sip2xmpp.documents.permissions import EVERY, EVERYTHING, NOTHING, Permissions
from sip2xmpp.documents.policy import (
    AnonymousRequest,
    ExternalList,
    Identity,
    Many,
    One,
    OtherIdentity,
    Rule,
    Ruleset,
    Sphere,
    SubHandling,
    Validity,
)
from sip2xmpp.documents.presence import Activity, Basic, Person, Presence, Tuple
from sip2xmpp.errors import NotAuthorized
from sip2xmpp.presence.agent import NO_RESOURCE, PENDING, REJECTED, PresenceAgent
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.composition import settle
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.reconciliation import Reconciliation
from sip2xmpp.presence.revealing import reveal
from sip2xmpp.presence.rule_book import OMA_PRES_RULES, PRES_RULES, RESOURCE_LISTS, RuleBook
from sip2xmpp.presence.spheres import sphere_of
from sip2xmpp.presence.watching import Notification
from sip2xmpp.store.documents import Document, document_key
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication, Verdict
from tests.conftest import START

ALICE = Address.parse("alice@sip.example.org")
WATCHERS = [
    Address.parse(text)
    for text in (
        "bob@sip.example.org",
        "romeo@jabber.example",
        "juliet@jabber.example",
        "anonymous@anonymous.invalid",
    )
]
ACTIVITIES = Permissions(services=EVERY, persons=EVERY, attributes=frozenset({"activities"}))
DOCUMENTS = [(PRES_RULES, "index"), (PRES_RULES, "presrules"), (OMA_PRES_RULES, "index")]


class Ear:
    def __init__(self, address: Address) -> None:
        self.address = address
        self.heard: list[Notification] = []

    def notified(self, notification: Notification) -> None:
        self.heard.append(notification)


def says(notification: Notification, document: Presence) -> bool:
    """Whether a watcher was told this, perhaps with other times: a change of those alone is no news."""
    return settle(notification.document, document) is notification.document


def between(first: int, length: int) -> Validity:
    begin, end = (datetime.fromtimestamp(START + at, UTC) for at in (first, first + length))
    return Validity(periods=((begin, end),))


identities = st.one_of(
    st.sampled_from(WATCHERS).map(lambda one: Identity(any_of=(One(uri=one.sip_uri()),))),
    st.sampled_from([None, "jabber.example"]).map(lambda domain: Identity(any_of=(Many(domain=domain),))),
    st.just(ExternalList(references=("friends",))),
    st.just(OtherIdentity()),
    st.just(AnonymousRequest()),
)
circumstances = st.one_of(
    st.sampled_from(["work", "home"]).map(lambda name: Sphere(values=(name,))),
    st.builds(between, st.integers(0, 40), st.integers(1, 20)),
)
rules = st.builds(
    Rule,
    id=st.just("r"),
    conditions=st.one_of(
        st.tuples(identities),
        st.tuples(identities, circumstances),
        st.tuples(circumstances),
        st.just(()),
    ),
    handling=st.sampled_from([SubHandling.ALLOW, *SubHandling]),
    transformations=st.sampled_from([None, EVERYTHING, ACTIVITIES, NOTHING]),
)


class LiveRules(RuleBasedStateMachine):
    """An agent that is told of changes, beside one that looks at everything anew after each."""

    @initialize(default=st.sampled_from([Handling.CONFIRM, *Handling]))
    def begin(self, default: Handling) -> None:
        self.clock = Clock()
        self.clock.rightNow = START
        self.store = MemoryStore(self.clock)
        self.default = default
        self.friends: set[Address] = set()
        self.policy = self.make_policy()
        self.agent = PresenceAgent(
            store=self.store,
            clock=self.clock,
            judge=self.policy.judge,
            exists=lambda _: True,
            parse=self.parse,
        )
        self.policy.listen(self.agent.rules_changed)
        self.store.publications.listen(lambda _: self.book.sources_changed(ALICE))
        Reconciliation(self.store.verdicts, self.book)
        self.ears: dict[Address, Ear] = {}
        for watcher in WATCHERS:
            self.watch(watcher)

    def make_policy(self) -> Policy:
        self.book = RuleBook(
            self.store,
            self.clock,
            sphere=lambda presentity: sphere_of(self.agent.sources(presentity), self.clock.seconds()),
            in_list=lambda _owner, _reference, watcher: watcher in self.friends,
            held=1,
        )
        return Policy(self.store.verdicts, default=self.default, rules=self.book)

    def parse(self, publication: Publication) -> Presence:
        return pidf.read(publication.document, now=self.clock.seconds())

    @rule(which=st.sampled_from(DOCUMENTS), stated=st.lists(rules, min_size=1, max_size=3))
    def lay_down(self, which: tuple[str, str], stated: list[Rule]) -> None:
        self.keep(*which, policy.write(Ruleset(rules=tuple(stated))))

    @rule(which=st.sampled_from(DOCUMENTS))
    def damage(self, which: tuple[str, str]) -> None:
        self.keep(*which, b"<damaged")

    @rule(which=st.sampled_from(DOCUMENTS))
    def remove(self, which: tuple[str, str]) -> None:
        self.store.documents.remove(document_key(which[0], str(ALICE), which[1]))

    @rule(friends=st.sets(st.sampled_from(WATCHERS)))
    def edit_the_list(self, friends: set[Address]) -> None:
        self.friends = friends
        self.keep(RESOURCE_LISTS, "index", b"<resource-lists/>")

    @rule(watcher=st.sampled_from(WATCHERS), handling=st.sampled_from(Handling))
    def decide(self, watcher: Address, handling: Handling) -> None:
        self.store.verdicts.put(
            Verdict(presentity=ALICE, watcher=watcher, handling=handling.value, decided_at=0.0)
        )

    @rule(watcher=st.sampled_from(WATCHERS))
    def forget(self, watcher: Address) -> None:
        self.store.verdicts.remove(f"{ALICE} {watcher}")

    @rule(
        key=st.sampled_from(["e1", "e2"]),
        activity=st.sampled_from(["away", "busy"]),
        sphere=st.sampled_from([None, "work", "home"]),
        lasts=st.integers(1, 15),
    )
    def publish(self, key: str, activity: str, sphere: str | None, lasts: int) -> None:
        document = Presence(
            entity=ALICE.sip_uri(),
            tuples=(Tuple(id=key, basic=Basic.OPEN, contact=f"sip:{key}@192.0.2.1"),),
            persons=(Person(id="p1", activities=(Activity(activity),), sphere=sphere),),
        )
        now = self.clock.seconds()
        self.store.publications.put(
            Publication(
                presentity=ALICE,
                package="presence",
                etag=key,
                source="",
                content_type="application/pidf+xml",
                document=pidf.write(document),
                user_agent="",
                published_at=now,
                expires_at=now + lasts,
            )
        )

    @rule(watcher=st.sampled_from(WATCHERS))
    def watch_again(self, watcher: Address) -> None:
        self.watch(watcher)

    def watch(self, watcher: Address) -> None:
        ear = self.ears.get(watcher)
        if ear is None or ear.heard[-1] is REJECTED:
            ear = Ear(watcher)
            try:
                self.agent.watch(ALICE, ear)
            except NotAuthorized:
                assert self.policy.decide(ALICE, watcher) is Handling.BLOCK
                return
            self.ears[watcher] = ear
            self.settle()

    @rule(seconds=st.integers(1, 12))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def keep(self, auid: str, name: str, octets: bytes) -> None:
        self.store.documents.put(
            Document(auid=auid, owner=str(ALICE), name=name, octets=octets, etag="e", changed_at=0.0)
        )

    def settle(self) -> None:
        for _ in range(20):
            self.clock.advance(0)

    @invariant()
    def everybody_is_shown_what_the_rules_say_now(self) -> None:
        if not hasattr(self, "agent"):
            return
        self.settle()
        known = self.book
        anew = self.make_policy()
        self.book = known
        whole = self.agent.composed(ALICE)
        offline = offline_document(ALICE.sip_uri())
        for watcher, ear in self.ears.items():
            last, judgement = ear.heard[-1], anew.judge(ALICE, watcher)
            assert judgement == self.policy.judge(ALICE, watcher)
            assert last is not NO_RESOURCE
            if judgement.handling is Handling.BLOCK or last is REJECTED:
                assert last is REJECTED
            elif judgement.handling is Handling.CONFIRM:
                assert last is PENDING
            elif judgement.handling is Handling.POLITE_BLOCK:
                assert says(last, offline)
            elif judgement.permissions is None:
                assert says(last, whole)
            else:
                shown = reveal(whole, judgement.permissions)
                is_empty = whole == offline or not (shown.tuples or shown.persons)
                assert says(last, offline if is_empty else shown)


LiveRules.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
test_live_rules = LiveRules.TestCase
