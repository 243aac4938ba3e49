"""The rules of owners as the store has them: asked about watchers, and heard of at the moment at which they say something else."""

from datetime import UTC, datetime

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import policy
from sip2xmpp.documents.permissions import EVERY, EVERYTHING, NOTHING, Permissions
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
    Validity,
)
from sip2xmpp.documents.presence import Person, Presence
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.presence.policy import PLAIN, Handling, Judgement, Policy
from sip2xmpp.presence.reconciliation import Reconciliation
from sip2xmpp.presence.rule_book import (
    DIALOG_RULES,
    DIALOGS,
    OMA_PRES_RULES,
    PRES_RULES,
    RESOURCE_LISTS,
    RuleBook,
)
from sip2xmpp.presence.spheres import UNKNOWN, SphereNow, sphere_of
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Verdict
from tests.conftest import START

ALICE = Address.parse("alice@sip.example.org")
BOB = Address.parse("bob@sip.example.org")
ROMEO = Address.parse("romeo@jabber.example")
JULIET = Address.parse("juliet@jabber.example")


def rule(
    *conditions: Condition, handling: SubHandling = SubHandling.ALLOW, shows: Permissions | None = EVERYTHING
) -> Rule:
    return Rule(id="r", conditions=conditions, handling=handling, transformations=shows)


def one(address: Address) -> Identity:
    return Identity(any_of=(One(uri=address.sip_uri()),))


def between(begin: float, end: float) -> Validity:
    return Validity(periods=((datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)),))


class Study:
    """A book of rules beside a store, with a sphere and lists that a test sets."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        self.sphere = UNKNOWN
        self.spheres_asked = 0
        self.listed: set[tuple[str, str, Address]] = set()
        self.book = self.make_book()
        self.heard: list[Address] = []
        self.book.listen(self.heard.append)

    def make_book(self, **options: object) -> RuleBook:
        return RuleBook(
            self.store,
            self.clock,
            sphere=self.find_sphere,
            in_list=lambda owner, reference, watcher: (owner, reference, watcher) in self.listed,
            **options,  # type: ignore[arg-type]
        )

    def find_sphere(self, _presentity: Address) -> SphereNow:
        self.spheres_asked += 1
        return self.sphere

    def put(self, *rules: Rule, owner: Address = ALICE, auid: str = PRES_RULES, name: str = "index") -> None:
        self.put_octets(policy.write(Ruleset(rules=rules)), owner=str(owner), auid=auid, name=name)

    def put_octets(
        self, octets: bytes, *, owner: str = str(ALICE), auid: str = PRES_RULES, name: str = "index"
    ) -> None:
        self.store.documents.put(
            Document(auid=auid, owner=owner, name=name, octets=octets, etag="e", changed_at=START)
        )

    def remove(self, auid: str = PRES_RULES, name: str = "index") -> None:
        self.store.documents.remove(document_key(auid, str(ALICE), name))

    def handling(self, watcher: Address = ROMEO) -> Handling | None:
        judgement = self.book.judge(ALICE, watcher)
        return None if judgement is None else judgement.handling

    def decide(self, watcher: Address, handling: Handling) -> None:
        self.store.verdicts.put(
            Verdict(presentity=ALICE, watcher=watcher, handling=handling.value, decided_at=START)
        )

    def verdict(self, watcher: Address) -> str | None:
        found = self.store.verdicts.get(f"{ALICE} {watcher}")
        return None if found is None else found.handling


@pytest.fixture
def study(clock: Clock) -> Study:
    return Study(clock)


def test_of_whom_there_is_no_document_no_rule_says_anything(study: Study) -> None:
    assert study.book.judge(ALICE, ROMEO) is None
    study.put(rule())
    study.put(rule(), owner=BOB, auid=RESOURCE_LISTS)
    assert study.book.judge(BOB, ROMEO) is None


def test_a_document_counts_from_its_first_moment_to_its_last(study: Study) -> None:
    assert study.handling() is None
    study.put(rule(one(ROMEO)))
    assert study.handling() is Handling.ALLOW
    study.put(rule(one(ROMEO), handling=SubHandling.BLOCK))
    assert study.handling() is Handling.BLOCK
    study.remove()
    assert study.handling() is None
    assert study.heard == [ALICE] * 3


def test_the_rules_of_all_documents_count_whatever_they_are_called(study: Study) -> None:
    activities = Permissions(persons=EVERY, attributes=frozenset({"activities"}))
    mood = Permissions(persons=EVERY, attributes=frozenset({"mood"}))
    study.put(rule(one(ROMEO), handling=SubHandling.CONFIRM, shows=NOTHING))
    study.put(rule(one(ROMEO), shows=activities), name="presrules")
    study.put(rule(shows=mood), auid=OMA_PRES_RULES, name="other")
    assert study.book.judge(ALICE, ROMEO) == Judgement(handling=Handling.ALLOW, permissions=activities | mood)
    study.remove(name="presrules")
    assert study.book.judge(ALICE, ROMEO) == Judgement(handling=Handling.ALLOW, permissions=mood)


def test_rules_of_calls_and_documents_of_others_do_not_count(study: Study) -> None:
    study.put(rule(), auid=DIALOG_RULES)
    study.put(rule(), owner=BOB)
    study.put_octets(policy.write(Ruleset(rules=(rule(),))), owner=GLOBAL)
    assert study.handling() is None
    assert study.heard == [BOB]
    calls = study.make_book(usages=DIALOGS)
    assert calls.judge(ALICE, ROMEO) == PLAIN[Handling.ALLOW]


def test_a_bare_allow_shows_everything_only_where_clients_mean_that(study: Study) -> None:
    study.put(rule(one(ROMEO), shows=None))
    assert study.book.judge(ALICE, ROMEO) == Judgement(handling=Handling.ALLOW, permissions=NOTHING)
    lenient = study.make_book(usages={PRES_RULES: True, OMA_PRES_RULES: True})
    assert lenient.judge(ALICE, ROMEO) == PLAIN[Handling.ALLOW]
    study.remove()
    study.put(rule(one(ROMEO), shows=None), auid=OMA_PRES_RULES)
    assert study.book.judge(ALICE, ROMEO) == PLAIN[Handling.ALLOW]


def test_a_document_that_cannot_be_read_lets_nobody_in_by_mistake(study: Study) -> None:
    study.put(rule(one(ROMEO)), rule(OtherIdentity()))
    study.put_octets(b"<damaged", name="second")
    assert study.handling(ROMEO) is Handling.ALLOW
    assert study.handling(JULIET) is Handling.CONFIRM
    assert [rules is None for _, rules in study.book.consulted(ALICE)] == [False, True]


def test_a_list_of_jitsi_that_has_nobody_is_not_for_everybody(study: Study) -> None:
    """What it writes for a user without contacts who rejects one."""
    white = (
        b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">'
        b'<rule id="presence_allow"><conditions/><actions><pr:sub-handling>allow</pr:sub-handling></actions><transformations>'
        b"<pr:provide-devices><pr:all-devices/></pr:provide-devices><pr:provide-persons><pr:all-persons/></pr:provide-persons>"
        b"<pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-all-attributes/></transformations></rule>"
        b'<rule id="presence_block"><conditions><identity><one id="sip:romeo@jabber.example"/></identity></conditions>'
        b"<actions><pr:sub-handling>block</pr:sub-handling></actions></rule></ruleset>"
    )
    study.put_octets(white, name="presrules")
    assert study.handling(ROMEO) is Handling.BLOCK
    assert study.handling(JULIET) is None
    study.remove(name="presrules")
    study.put_octets(white)  # in the document of another client it is
    assert study.handling(ROMEO) is Handling.ALLOW


def test_more_owners_are_asked_about_than_are_kept(study: Study) -> None:
    book = study.make_book(held=2)
    owners = [Address.parse(f"user{number}@sip.example.org") for number in range(5)]
    for owner in owners:
        study.put(rule(one(ROMEO)), owner=owner)
    for _ in range(2):
        assert all(book.judge(owner, ROMEO) == PLAIN[Handling.ALLOW] for owner in owners)


# Validity.


def test_the_ends_of_validity_are_told_in_their_second(study: Study) -> None:
    study.put(rule(one(ROMEO), between(START + 10, START + 20)))
    study.heard.clear()
    assert study.handling() is None
    study.clock.advance(9)
    assert study.heard == []
    study.clock.advance(1)
    assert study.heard == [ALICE]
    assert study.handling() is Handling.ALLOW
    study.clock.advance(10)
    assert study.heard == [ALICE] * 2
    assert study.handling() is None
    assert study.clock.getDelayedCalls() == []


def test_the_ends_of_validity_are_told_also_of_owners_who_are_not_kept(study: Study) -> None:
    book = study.make_book(held=1)
    heard: list[Address] = []
    book.listen(heard.append)
    study.put(rule(one(ROMEO), between(START, START + 5)))
    study.put(rule(one(ROMEO)), owner=BOB)
    assert book.judge(ALICE, ROMEO) is not None
    assert book.judge(BOB, ROMEO) is not None
    heard.clear()
    study.clock.advance(5)
    assert heard == [ALICE]
    assert book.judge(ALICE, ROMEO) is None


def test_a_document_that_is_gone_has_no_ends(study: Study) -> None:
    study.put(rule(between(START + 10, START + 20)))
    study.put(rule(between(START + 30, START + 40)))
    study.heard.clear()
    study.clock.advance(15)
    assert study.heard == []
    study.remove()
    study.heard.clear()
    study.clock.advance(100)
    assert study.heard == []


# Spheres.


def test_a_rule_for_a_sphere_is_in_force_while_the_owner_is_there(study: Study) -> None:
    study.put(rule(one(ROMEO), Sphere(values=("work",))))
    study.heard.clear()
    assert study.handling() is None
    study.sphere = SphereNow(name="work")
    study.book.sources_changed(ALICE)
    assert study.heard == [ALICE]
    assert study.handling() is Handling.ALLOW
    study.book.sources_changed(ALICE)
    assert study.heard == [ALICE]
    study.sphere = SphereNow(name="home")
    study.book.sources_changed(ALICE)
    assert study.handling() is None


def test_nobody_asks_for_a_sphere_that_no_rule_looks_at(study: Study) -> None:
    study.put(rule(one(ROMEO)))
    study.book.judge(ALICE, ROMEO)
    study.book.sources_changed(ALICE)
    study.book.sources_changed(BOB)
    assert study.spheres_asked == 0


def test_a_sphere_that_ends_by_itself_is_looked_for_again(study: Study) -> None:
    study.sphere = SphereNow(name="work", changes_at=START + 60)
    study.put(rule(one(ROMEO), Sphere(values=("work",))))
    assert study.handling() is Handling.ALLOW
    study.heard.clear()
    study.sphere = SphereNow(name="home")
    study.clock.advance(60)
    assert study.heard == [ALICE]
    assert study.handling() is None


def source(sphere: str | None, *, expires_at: float | None = None, changes_at: float | None = None) -> Source:
    person = Person(id="p", sphere=sphere)
    return Source(
        id=f"{sphere} {expires_at}",
        rank=Rank.PUBLISHED,
        published_at=START,
        document=Presence(entity=ALICE.sip_uri(), persons=(person,), changes_at=changes_at),
        expires_at=expires_at,
    )


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        ([], None),
        ([source(None)], None),
        ([source("Work ")], "work"),
        ([source("work"), source("work"), source(None)], "work"),
        ([source("work"), source("home")], None),
        ([source("work"), source("home", expires_at=START)], "work"),
    ],
)
def test_the_sphere_is_the_one_that_nobody_contradicts(sources: list[Source], name: str | None) -> None:
    assert sphere_of(sources, START).name == name


def test_the_sphere_is_looked_for_again_when_a_source_says_something_else_by_itself() -> None:
    sources = [source("work", changes_at=START + 9), source("work", changes_at=START - 1), source("work")]
    assert sphere_of(sources, START) == SphereNow(name="work", changes_at=START + 9)


# Lists.

FRIENDS = (
    "/resource-lists/users/sip:alice@sip.example.org/index/~~/resource-lists/list%5B@name=%22friends%22%5D"
)


def test_members_of_a_list_are_let_in_until_they_are_none(study: Study) -> None:
    study.put(rule(ExternalList(references=(FRIENDS,))))
    study.listed.add((str(ALICE), FRIENDS, ROMEO))
    assert study.handling(ROMEO) is Handling.ALLOW
    assert study.handling(JULIET) is None
    study.heard.clear()
    study.listed.clear()
    study.put_octets(b"<resource-lists/>", auid=RESOURCE_LISTS)
    assert study.heard == [ALICE]
    assert study.handling(ROMEO) is None


def test_a_change_of_a_list_elsewhere_is_told_of_those_whose_rules_name_it(study: Study) -> None:
    study.put(rule(ExternalList(references=(FRIENDS,))))
    study.put(rule(one(ROMEO)), owner=BOB)
    assert study.handling() is None
    study.heard.clear()
    study.book.lists_changed(str(BOB), FRIENDS)
    study.book.lists_changed(str(ALICE), "/another")
    study.put_octets(b"<resource-lists/>", owner=str(BOB), auid=RESOURCE_LISTS)
    study.put_octets(b"<resource-lists/>", owner=GLOBAL, auid=RESOURCE_LISTS)
    assert study.heard == []
    study.book.lists_changed(str(ALICE), FRIENDS)
    assert study.heard == [ALICE]


# Decisions and rules.


@pytest.fixture
def reconciled(study: Study) -> Study:
    study.reconciliation = Reconciliation(study.store.verdicts, study.book)  # type: ignore[attr-defined]
    return study


def test_rules_that_handle_a_watcher_otherwise_take_the_decision_about_it_back(reconciled: Study) -> None:
    reconciled.decide(ROMEO, Handling.BLOCK)
    reconciled.decide(JULIET, Handling.BLOCK)
    reconciled.put(rule(one(ROMEO)))
    assert reconciled.verdict(ROMEO) is None
    assert reconciled.verdict(JULIET) == "block"


def test_a_decision_after_the_rules_stands_until_they_say_something_else(reconciled: Study) -> None:
    reconciled.put(rule(one(ROMEO)))
    reconciled.decide(ROMEO, Handling.BLOCK)
    reconciled.put(rule(one(ROMEO)), rule(one(JULIET)))
    reconciled.put(rule(one(ROMEO), shows=NOTHING))
    assert reconciled.verdict(ROMEO) == "block"
    reconciled.put(rule(one(ROMEO), handling=SubHandling.CONFIRM))
    assert reconciled.verdict(ROMEO) is None


@pytest.mark.parametrize("decided", [Handling.ALLOW, Handling.BLOCK])
def test_the_removal_of_the_rule_about_a_watcher_is_a_word_too(reconciled: Study, decided: Handling) -> None:
    reconciled.put(rule(one(ROMEO), handling=SubHandling.POLITE_BLOCK))
    reconciled.decide(ROMEO, decided)
    reconciled.remove()
    assert reconciled.verdict(ROMEO) is None


@pytest.mark.parametrize("decided", [Handling.BLOCK, Handling.CONFIRM, Handling.POLITE_BLOCK])
def test_nobody_who_was_kept_out_is_let_in_because_the_rule_is_gone_that_let_him_in(
    reconciled: Study, decided: Handling
) -> None:
    reconciled.put(rule(one(ROMEO)))
    reconciled.decide(ROMEO, decided)
    reconciled.put(rule(one(JULIET)))
    assert reconciled.verdict(ROMEO) == decided.value
    reconciled.put(rule(one(ROMEO), between(START + 10, START + 20)))
    reconciled.put(rule(OtherIdentity()))
    assert reconciled.verdict(ROMEO) == decided.value
    reconciled.remove()
    assert reconciled.verdict(ROMEO) == decided.value


@pytest.mark.parametrize(
    ("decided", "general", "left"),
    [
        (Handling.BLOCK, SubHandling.ALLOW, "block"),
        (Handling.BLOCK, SubHandling.CONFIRM, "block"),
        (Handling.POLITE_BLOCK, SubHandling.ALLOW, "polite-block"),
        (Handling.POLITE_BLOCK, SubHandling.CONFIRM, None),
        (Handling.ALLOW, SubHandling.CONFIRM, None),
        (Handling.ALLOW, SubHandling.BLOCK, None),
    ],
)
def test_a_rule_for_everybody_lets_nobody_in_who_was_kept_out(
    reconciled: Study, decided: Handling, general: SubHandling, left: str | None
) -> None:
    reconciled.decide(ROMEO, decided)
    reconciled.put(rule(OtherIdentity(), handling=general))
    assert reconciled.verdict(ROMEO) == left


def test_to_move_a_contact_from_one_list_to_another_is_a_word(reconciled: Study) -> None:
    reconciled.put(rule(ExternalList(references=(FRIENDS,))), auid=OMA_PRES_RULES)
    reconciled.decide(ROMEO, Handling.BLOCK)
    reconciled.listed.add((str(ALICE), FRIENDS, ROMEO))
    reconciled.put_octets(b"<resource-lists/>", auid=RESOURCE_LISTS)
    assert reconciled.verdict(ROMEO) is None


def test_what_rules_say_by_themselves_leaves_decisions_alone(reconciled: Study) -> None:
    reconciled.put(rule(one(ROMEO), between(START + 10, START + 20)))
    reconciled.decide(ROMEO, Handling.BLOCK)
    for _ in range(3):
        reconciled.clock.advance(10)
        assert reconciled.verdict(ROMEO) == "block"
    reconciled.put(rule(one(ROMEO), between(START + 10, START + 20)), rule(one(JULIET)))
    assert reconciled.verdict(ROMEO) == "block"


def test_decisions_from_before_a_restart_are_compared_with_the_rules_of_then(study: Study) -> None:
    study.put(rule(one(ROMEO)))
    study.decide(ROMEO, Handling.BLOCK)
    Reconciliation(study.store.verdicts, study.book)
    study.put(rule(one(ROMEO)), rule(one(JULIET)))
    assert study.verdict(ROMEO) == "block"
    study.put(rule(one(ROMEO), handling=SubHandling.CONFIRM))
    assert study.verdict(ROMEO) is None


def test_whoever_holds_a_decision_hears_of_the_last_word_with_it(reconciled: Study) -> None:
    policies = Policy(reconciled.store.verdicts, rules=reconciled.book)
    told: list[tuple[Address, Address | None]] = []
    policies.listen(lambda presentity, watcher: told.append((presentity, watcher)))
    reconciled.decide(ROMEO, Handling.BLOCK)
    reconciled.put(rule(one(ROMEO)))
    assert policies.decide(ALICE, ROMEO) is Handling.ALLOW
    assert told == [(ALICE, ROMEO), (ALICE, ROMEO), (ALICE, None)]
