"""What is told about a decision is what was decided, whatever the rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Activity, Basic, Device, Note, Person, Presence, Tuple
from sip2xmpp.presence.call_policy import CallPolicy
from sip2xmpp.presence.explaining import Explaining, Explanation, removed
from sip2xmpp.presence.policy import Ground, Handling, Policy
from sip2xmpp.presence.revealing import reveal
from sip2xmpp.presence.rule_book import DIALOGS, RuleBook
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Verdict, Virtual
from tests.presence.privacy import ACTIVITIES, ALICE, BOB, EVERYTHING, ROMEO, keep, rule, ruleset

CAROL = Address("carol", "example.net")
WATCHERS = (ALICE, ROMEO, CAROL, BOB, Address("anonymous", "anonymous.invalid"))
DOCUMENT = Presence(
    entity=BOB.sip_uri(),
    tuples=(Tuple(id="t1", basic=Basic.OPEN, notes=(Note(text="secret"),)),),
    persons=(Person(id="p1", activities=(Activity("away"),), notes=(Note(text="private"),)),),
    devices=(Device(id="d1", device_id="urn:x"),),
    notes=(Note(text="to all"),),
)


class Desk:
    """Bob's rules, and whom they are explained to."""

    def __init__(self, default: Handling = Handling.CONFIRM, **options: object) -> None:
        clock = Clock()
        clock.rightNow = 1_800_000_000.0
        self.store = MemoryStore(clock)
        rules, call_rules = RuleBook(self.store, clock), RuleBook(self.store, clock, usages=DIALOGS)
        self.policy = Policy(
            self.store.verdicts,
            default=default,
            defaults={"example.net": Handling.BLOCK},
            virtuals=self.store.virtuals,
            virtual=Handling.ALLOW,
            rules=rules,
        )
        self.explaining = Explaining(
            policy=self.policy,
            rules=rules,
            calls=CallPolicy(
                self.store, calls=Policy(self.store.verdicts, rules=call_rules), presence=self.policy
            ),
            call_rules=call_rules,
            exists=lambda address: address == BOB,
            composed=lambda _: DOCUMENT,
        )

    def explain(self, watcher: Address = ALICE, presentity: Address = BOB) -> Explanation:
        return self.explaining.explain(presentity, watcher)


def test_what_decides_is_named() -> None:
    desk = Desk()
    assert desk.explain(BOB).presence.ground is Ground.OWNER
    assert desk.explain().presence.ground is Ground.DEFAULT
    assert desk.explain(presentity=CAROL).presence.ground is Ground.DOMAIN
    desk.store.virtuals.put(Virtual(address=ROMEO, since=0.0))
    assert desk.explain(presentity=ROMEO).presence.ground is Ground.VIRTUAL
    keep(desk.store.documents, ruleset(rule("allow", ALICE)))
    assert desk.explain().presence.ground is Ground.RULES
    assert desk.explain(CAROL).presence.ground is Ground.DEFAULT
    desk.store.verdicts.put(Verdict(presentity=BOB, watcher=ALICE, handling="block", decided_at=7.0))
    told = desk.explain().presence
    assert (told.ground, told.handling, told.decided_at) == (Ground.DECISION, Handling.BLOCK, 7.0)
    assert not desk.explain(presentity=CAROL).exists


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ('<cp:sphere value="work Home"/>', "sphere work home (it is not known)"),
        (
            "<cp:validity><cp:from>2020-01-01T00:00:00Z</cp:from><cp:until>2020-02-01T00:00:00Z</cp:until></cp:validity>",
            "validity 2020-01-01T00:00:00Z to 2020-02-01T00:00:00Z",
        ),
        ('<ocp:external-list><ocp:entry anc="here"/></ocp:external-list>', "external-list here"),
        ("<ocp:anonymous-request/>", "anonymous-request"),
        ('<x xmlns="urn:example"/>', "{urn:example}x is not known"),
        (
            '<cp:identity><cp:many domain="a.example"><cp:except id="sip:b@a.example"/></cp:many><cp:many/></cp:identity>',
            "identity anybody at a.example except sip:b@a.example, anybody",
        ),
    ],
)
def test_each_condition_is_told_in_words(conditions: str, told: str) -> None:
    desk = Desk()
    keep(desk.store.documents, ruleset(rule("allow", ALICE, conditions=conditions)))
    (one,) = desk.explain().presence.rules
    assert one.conditions[0].text == "identity sip:alice@sip.example.org" and one.conditions[0].holds
    assert one.conditions[1].text == told
    assert one.applies is one.conditions[1].holds


def test_other_identity_holds_for_those_alone_whom_no_rule_names() -> None:
    desk = Desk()
    keep(
        desk.store.documents,
        ruleset(rule("block", ALICE), rule("allow", conditions="<ocp:other-identity/>", name="others")),
    )
    assert [one.applies for one in desk.explain().presence.rules] == [True, False]
    others = desk.explain(CAROL).presence.rules[1]
    assert others.applies and others.conditions[0].holds
    assert not desk.explain().presence.rules[1].conditions[0].holds


def test_a_document_that_cannot_be_read_is_named() -> None:
    desk = Desk(Handling.ALLOW)
    keep(desk.store.documents, b"<broken")
    told = desk.explain().presence
    assert told.unreadable == ("pres-rules/index",) and told.handling is Handling.CONFIRM
    assert desk.explain().shown is None


def test_calls_are_explained_by_their_own_rules_where_there_are_any() -> None:
    desk = Desk()
    keep(desk.store.documents, ruleset(rule("allow", ALICE, name="p")))
    told = desk.explain()
    assert told.calls == told.presence
    keep(desk.store.documents, ruleset(rule("block", ALICE, name="c")), auid="org.openxcap.dialog-rules")
    told = desk.explain()
    assert (told.presence.handling, told.calls.handling) == (Handling.ALLOW, Handling.BLOCK)
    assert [one.id for one in told.calls.rules] == ["c"]


def test_what_is_left_out_is_named_part_by_part() -> None:
    desk = Desk()
    keep(desk.store.documents, ruleset(rule("allow", ALICE, provide=ACTIVITIES)))
    told = desk.explain()
    assert told.provides == ("all-services", "all-persons", "activities")
    assert set(told.removed) == {"tuple t1: notes", "person p1: notes", "device d1", "notes"}
    keep(desk.store.documents, ruleset(rule("polite-block", ALICE)))
    assert set(desk.explain().removed) == {"tuple t1", "person p1", "device d1", "notes"}
    keep(desk.store.documents, ruleset(rule("allow", ALICE)))
    assert desk.explain().removed == () and desk.explain().provides is None


RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from([handling.value for handling in Handling]),
        st.sampled_from([ALICE, ROMEO, CAROL, "<cp:many/>", '<cp:many domain="example.net"/>']),
        name=st.uuids().map(lambda one: f"r{one}"),
        provide=st.sampled_from(["", ACTIVITIES, EVERYTHING]),
        conditions=st.sampled_from(["", '<cp:sphere value="x"/>', "<ocp:other-identity/>"]),
    ),
    max_size=5,
)


@given(rules=RULES, watcher=st.sampled_from(WATCHERS), is_broken=st.booleans())
def test_what_is_told_is_what_holds(rules: list[str], watcher: Address, is_broken: bool) -> None:
    desk = Desk()
    if rules:
        keep(desk.store.documents, ruleset(*rules))
    if is_broken:
        keep(desk.store.documents, b"<", name="broken")
    told = desk.explain(watcher)
    judgement = desk.policy.judge(BOB, watcher)
    assert told.presence.handling is judgement.handling
    applying = [one for one in told.presence.rules if one.applies]
    assert all(condition.holds for one in applying for condition in one.conditions)
    if applying and watcher != BOB:
        order = [handling.value for handling in Handling]
        highest = max(order.index(one.handling) for one in applying)
        assert order[highest] == judgement.handling.value and told.presence.ground is Ground.RULES
    if judgement.handling is Handling.ALLOW and judgement.permissions is not None:
        assert told.shown == reveal(DOCUMENT, judgement.permissions)
    assert set(removed(DOCUMENT, told.shown)) == set(told.removed)
