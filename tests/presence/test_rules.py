"""What rules say about a watcher; each leak that is known of other servers has a test here."""

import tracemalloc
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.documents.permissions import EVERY, EVERYTHING, NOTHING, Permissions, UserInputDetail
from sip2xmpp.documents.policy import (
    AnonymousRequest,
    Condition,
    Except,
    ExternalList,
    Identity,
    Many,
    One,
    OtherIdentity,
    Rule,
    Sphere,
    SubHandling,
    UnknownCondition,
    Validity,
)
from sip2xmpp.presence.policy import PLAIN, Handling, Judgement
from sip2xmpp.presence.rule_index import RuleIndex
from sip2xmpp.presence.rules import (
    Facts,
    ReadyRule,
    address_of,
    applying,
    holds,
    identities_of,
    is_anonymous,
)
from sip2xmpp.store.memory import MemoryStore
from tests.conftest import START
from tests.documents.rulesets import addresses, permissions, rules

ALLOW, POLITE, CONFIRM, BLOCK = (
    SubHandling.ALLOW,
    SubHandling.POLITE_BLOCK,
    SubHandling.CONFIRM,
    SubHandling.BLOCK,
)
ACTIVITIES = Permissions(persons=EVERY, attributes=frozenset({"activities"}))


def rule(
    *conditions: Condition, handling: SubHandling | None = ALLOW, shows: Permissions | None = EVERYTHING
) -> Rule:
    return Rule(id="r", conditions=conditions, handling=handling, transformations=shows)


def one(*uris: str) -> Identity:
    return Identity(any_of=tuple(One(uri=uri) for uri in uris))


def many(domain: str | None = None, *excepts: Except) -> Identity:
    return Identity(any_of=(Many(domain=domain, excepts=excepts),))


def facts(watcher: str = "", *, now: float = START, sphere: str | None = None) -> Facts:
    return Facts(identities=identities_of(Address.parse(watcher)) if watcher else (), now=now, sphere=sphere)


def evaluate(stated: Iterable[Rule], given_facts: Facts, *, bare_allow: bool = False) -> Judgement | None:
    return RuleIndex([(each, bare_allow) for each in stated], given_facts.names).judge(given_facts)


def matching(stated: Iterable[Rule], given_facts: Facts) -> list[Rule]:
    ready = [ReadyRule(each, given_facts.names) for each in stated]
    return [each.rule for each in applying(ready, given_facts)]


def changes_at(stated: Iterable[Rule], now: float) -> float | None:
    return RuleIndex([(each, False) for each in stated], address_of).changes_at(now)


def handling(watcher: str, *stated: Rule) -> Handling | None:
    judgement = evaluate(stated, facts(watcher))
    return None if judgement is None else judgement.handling


# Identities.


@pytest.mark.parametrize(
    "uri",
    [
        "sip:juliet@example.com", "sips:juliet@example.com", "SIP:JULIET@Example.COM:5061;transport=tls",
        "pres:juliet@example.com", "im:juliet@example.com", "xmpp:juliet@example.com", "xmpp:Juliet@example.com/balcony",
        "xmpp://juliet@example.com", "juliet@example.com", "sip:%6auliet@example.com",
    ],
)  # fmt: skip
def test_every_uri_of_an_address_names_the_same_watcher(uri: str) -> None:
    assert handling("juliet@example.com", rule(one(uri))) is Handling.ALLOW
    assert handling("juliet@example.org", rule(one(uri))) is None
    assert handling("romeo@example.com", rule(one(uri))) is None


@pytest.mark.parametrize("uri", ["xmpp:d\\27artagnan@gascon.example", "sip:d'artagnan@gascon.example"])
def test_each_world_escapes_in_its_own_way(uri: str) -> None:
    assert handling("d'artagnan@gascon.example", rule(one(uri))) is Handling.ALLOW


def test_an_address_inside_the_gateway_domain_is_the_one_it_stands_for() -> None:
    addressing = Addressing(["sip.example.org"], "gw.example.org", MemoryStore(Clock()).spellings)

    def names(uri: str) -> Address | None:
        return address_of(
            uri,
            from_uri=lambda each: addressing.address_of_uri(each, remember=False),
            from_jid=addressing.address_of_jid,
        )

    romeo = Facts(identities=(Address.parse("romeo@jabber.example"),), now=START, names=names)
    assert evaluate([rule(one("sip:romeo%40jabber.example@gw.example.org"))], romeo) is not None
    assert evaluate([rule(one("xmpp:romeo\\40jabber.example@gw.example.org"))], romeo) is not None
    assert evaluate([rule(one("sip:juliet%40jabber.example@gw.example.org"))], romeo) is None
    everybody = rule(many(None, Except(uri="sip:romeo%40jabber.example@gw.example.org")))
    assert evaluate([everybody], romeo) is None


@pytest.mark.parametrize(
    "uri", ["tel:+15551234", "", "sip:", "mailto:+15551234@sip.example.org", "\x00", "sip:a@b@c d"]
)
def test_what_is_no_address_of_a_watcher_names_nobody(uri: str) -> None:
    assert handling("+15551234@sip.example.org", rule(one(uri))) is None


def test_an_international_domain_is_the_same_in_either_writing() -> None:
    watcher = "juliet@bücher.example"
    assert handling(watcher, rule(many("BÜCHER.example"))) is Handling.ALLOW
    assert handling(watcher, rule(many("xn--bcher-kva.example"))) is Handling.ALLOW
    assert handling(watcher, rule(one("sip:juliet@xn--bcher-kva.example"))) is Handling.ALLOW
    assert handling(watcher, rule(many(None, Except(domain="xn--bcher-kva.example")))) is None


def test_another_domain_of_the_same_length_does_not_match() -> None:
    assert handling("eve@evil.example", rule(many("good.example"))) is None
    assert handling("eve@good.example", rule(many(None, Except(domain="evil.example")))) is Handling.ALLOW


@pytest.mark.parametrize(
    "domain", ["good.example.com", "od.example", "ood.example", "xgood.example", "", "a b"]
)
def test_neither_a_part_nor_more_of_a_domain_matches(domain: str) -> None:
    assert handling("juliet@good.example", rule(many(domain))) is None


def test_what_is_too_long_for_a_domain_is_not_remembered() -> None:
    tracemalloc.start()
    try:
        for number in range(200):
            assert handling("juliet@good.example", rule(many(f"{number}" * 20_000))) is None
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_exceptions_except() -> None:
    friends = rule(
        many("example.com", Except(uri="sip:romeo@example.com"), Except(domain="example.org")),
    )
    assert handling("juliet@example.com", friends) is Handling.ALLOW
    assert handling("romeo@example.com", friends) is None
    everybody = rule(many(None, Except(domain="example.org"), Except(uri="xmpp:romeo@example.com")))
    assert handling("juliet@example.com", everybody) is Handling.ALLOW
    assert handling("romeo@example.com", everybody) is None
    assert handling("juliet@example.org", everybody) is None


@pytest.mark.parametrize("excepted", [Except(), Except(uri="not an address"), Except(domain="no domain")])
def test_an_exception_that_cannot_be_read_excepts_everybody(excepted: Except) -> None:
    assert handling("juliet@example.com", rule(many(None, excepted))) is None


def test_a_telephone_number_excepts_nobody() -> None:
    assert handling("juliet@example.com", rule(many(None, Except(uri="tel:+15551234")))) is Handling.ALLOW


def test_identities_in_one_element_are_alternatives_and_several_elements_are_not() -> None:
    assert (
        handling("juliet@example.com", rule(one("sip:romeo@example.com", "sip:juliet@example.com")))
        is not None
    )
    both = rule(one("sip:juliet@example.com"), many("example.com"))
    assert handling("juliet@example.com", both) is not None
    assert handling("romeo@example.com", both) is None
    assert handling("juliet@example.com", rule(one("sip:juliet@example.com"), many("example.org"))) is None


def test_a_watcher_with_several_identities_is_named_by_any_of_them() -> None:
    two = Facts(identities=(Address.parse("a@example.com"), Address.parse("b@example.org")), now=START)
    for stated in (rule(one("sip:b@example.org")), rule(many("example.com")), rule(many())):
        assert evaluate([stated], two) is not None


def test_all_rules_are_looked_at_and_not_only_the_first() -> None:
    first = rule(one("sip:romeo@example.com"), handling=BLOCK)
    assert handling("juliet@example.com", first, rule(one("sip:juliet@example.com"))) is Handling.ALLOW


# Those who are not named.


@pytest.mark.parametrize(
    "watcher",
    ["anonymous@anonymous.invalid", "anonymous@example.com", "unavailable@unknown.invalid", "x@invalid"],
)
def test_an_anonymous_watcher_matches_no_identity(watcher: str) -> None:
    assert is_anonymous(Address.parse(watcher))
    for condition in (many(), one(f"sip:{watcher}"), OtherIdentity(), ExternalList(references=("x",))):
        assert handling(watcher, rule(condition)) is None
    assert handling(watcher, rule()) is Handling.ALLOW
    assert handling(watcher, rule(AnonymousRequest())) is Handling.ALLOW
    assert handling(watcher, rule(AnonymousRequest(), many())) is None


def test_who_is_named_makes_no_anonymous_request() -> None:
    assert handling("juliet@example.com", rule(AnonymousRequest())) is None
    assert not is_anonymous(Address.parse("anonymouse@example.com"))


def test_other_identity_is_for_those_whom_no_rule_names() -> None:
    others = rule(OtherIdentity(), handling=CONFIRM)
    romeo = rule(one("sip:romeo@example.com"), handling=BLOCK)
    everybody = rule(handling=POLITE)
    assert handling("romeo@example.com", others, romeo) is Handling.BLOCK
    assert handling("juliet@example.com", others, romeo) is Handling.CONFIRM
    assert handling("juliet@example.com", others, romeo, everybody) is Handling.POLITE_BLOCK
    assert handling("juliet@example.com", others, rule(many("example.com"), handling=BLOCK)) is Handling.BLOCK


def test_a_rule_that_is_not_in_force_names_whom_it_names() -> None:
    others = rule(OtherIdentity())
    for dormant in (Sphere(values=("home",)), UnknownCondition(name="{urn:x}y"), Validity(periods=())):
        assert handling("romeo@example.com", others, rule(one("sip:romeo@example.com"), dormant)) is None


def test_members_of_an_external_list_are_named() -> None:
    member, stranger = Address.parse("romeo@example.com"), Address.parse("juliet@example.com")
    asked: list[str] = []

    def in_list(reference: str, identity: Address) -> bool:
        asked.append(reference)
        return identity == member and reference.endswith("friends")

    stated = [
        rule(ExternalList(references=("/x/foes", "/x/friends"))),
        rule(OtherIdentity(), handling=CONFIRM),
    ]
    of_member = evaluate(stated, Facts(identities=(member,), now=START, in_list=in_list))
    of_stranger = evaluate(stated, Facts(identities=(stranger,), now=START, in_list=in_list))
    assert of_member == PLAIN[Handling.ALLOW]
    assert of_stranger == PLAIN[Handling.CONFIRM]
    assert set(asked) == {"/x/foes", "/x/friends"}


# Other conditions.


def test_a_rule_without_conditions_is_for_everybody() -> None:
    assert handling("juliet@example.com", rule()) is Handling.ALLOW
    assert handling("", rule()) is Handling.ALLOW


def test_an_unknown_condition_never_holds() -> None:
    assert handling("juliet@example.com", rule(UnknownCondition(name="{urn:x}y"))) is None
    assert (
        handling("juliet@example.com", rule(one("sip:juliet@example.com"), UnknownCondition(name="x")))
        is None
    )


def test_a_sphere_is_compared_with_that_of_the_presentity() -> None:
    work = rule(Sphere(values=("work", "travel")))
    assert evaluate([work], facts("juliet@example.com", sphere="work")) is not None
    assert evaluate([work], facts("juliet@example.com", sphere="travel")) is not None
    assert evaluate([work], facts("juliet@example.com", sphere="home")) is None
    assert evaluate([work], facts("juliet@example.com")) is None
    assert evaluate([rule(Sphere(values=()))], facts("juliet@example.com", sphere="work")) is None


def period(begin: float, end: float) -> tuple[datetime, datetime]:
    return datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)


def test_validity_is_from_the_first_moment_until_just_before_the_last() -> None:
    stated = [rule(Validity(periods=(period(START, START + 10), period(START + 20, START + 30))))]

    def is_in_force(after: float) -> bool:
        return evaluate(stated, facts("juliet@example.com", now=START + after)) is not None

    assert [is_in_force(after) for after in (-1, 0, 9.9, 10, 19.9, 20, 29, 30)] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert [changes_at(stated, START + after) for after in (-1, 0, 15, 30)] == [
        START,
        START + 10,
        START + 20,
        None,
    ]


def test_several_validities_all_have_to_hold() -> None:
    stated = rule(
        Validity(periods=(period(START, START + 10),)), Validity(periods=(period(START + 5, START + 20),))
    )
    assert evaluate([stated], facts("juliet@example.com", now=START + 2)) is None
    assert evaluate([stated], facts("juliet@example.com", now=START + 7)) is not None


# Combining.


def test_the_example_of_the_rfc() -> None:
    """RFC 4745, section 10.2: permissions of the rules that match are a maximum of numbers and a union of sets."""
    stated = [
        rule(one("sip:bob@example.com"), shows=Permissions(attributes=frozenset({"mood"}))),
        rule(many("example.com"), handling=CONFIRM, shows=Permissions(user_input=UserInputDetail.BARE)),
        rule(many("example.org"), shows=EVERYTHING),
    ]
    assert evaluate(stated, facts("bob@example.com")) == Judgement(
        handling=Handling.ALLOW,
        permissions=Permissions(attributes=frozenset({"mood"}), user_input=UserInputDetail.BARE),
    )


def test_a_block_takes_nothing_back() -> None:
    assert (
        handling("romeo@example.com", rule(), rule(one("sip:romeo@example.com"), handling=BLOCK))
        is Handling.ALLOW
    )


def test_a_rule_that_does_not_say_how_to_handle_a_subscription_blocks_it() -> None:
    assert handling("romeo@example.com", rule(handling=None)) is Handling.BLOCK
    assert (
        handling("romeo@example.com", rule(handling=None, shows=ACTIVITIES), rule(shows=NOTHING))
        is Handling.ALLOW
    )


def test_a_bare_allow_shows_nothing_unless_it_is_said_to_mean_everything() -> None:
    bare = rule(shows=None)
    assert evaluate([bare], facts("romeo@example.com")) == Judgement(
        handling=Handling.ALLOW, permissions=NOTHING
    )
    assert evaluate([bare], facts("romeo@example.com"), bare_allow=True) == PLAIN[Handling.ALLOW]
    empty = rule(shows=NOTHING)
    assert evaluate([empty], facts("romeo@example.com"), bare_allow=True) == Judgement(
        handling=Handling.ALLOW, permissions=NOTHING
    )
    confirm = rule(shows=None, handling=CONFIRM)
    assert evaluate([confirm, empty], facts("romeo@example.com"), bare_allow=True) == Judgement(
        handling=Handling.ALLOW, permissions=NOTHING
    )


# Laws, also against a reading of the same rules that is as plain as can be.


def said_plainly(stated: Sequence[Rule], given_facts: Facts) -> tuple[SubHandling, Permissions] | None:
    """RFC 4745 word by word."""

    def is_named(each: Rule) -> bool:
        naming = [one for one in each.conditions if isinstance(one, Identity | ExternalList)]
        return (
            bool(naming)
            and not any(isinstance(one, OtherIdentity) for one in each.conditions)
            and all(holds(one, given_facts) for one in naming)
        )

    named = any(is_named(each) for each in stated)
    found = [
        each
        for each in stated
        if all(
            holds(one, given_facts) and not (isinstance(one, OtherIdentity) and named)
            for one in each.conditions
        )
    ]
    if not found:
        return None
    shown = NOTHING
    for each in found:
        shown |= each.transformations or NOTHING
    return max(each.handling or BLOCK for each in found), shown


def as_told(judgement: Judgement | None) -> tuple[Handling, Permissions] | None:
    if judgement is None:
        return None
    if judgement.handling is not Handling.ALLOW:
        return judgement.handling, NOTHING
    return judgement.handling, EVERYTHING if judgement.permissions is None else judgement.permissions


WORDS = {
    ALLOW: Handling.ALLOW,
    POLITE: Handling.POLITE_BLOCK,
    CONFIRM: Handling.CONFIRM,
    BLOCK: Handling.BLOCK,
}
LISTED = {("list-1", Address.parse("romeo@example.com")), ("list-2", Address.parse("juliet@jabber.example"))}
all_facts = st.builds(
    Facts,
    identities=st.lists(addresses, max_size=2).map(tuple),
    now=st.integers(-10, 50).map(lambda after: START + after),
    sphere=st.sampled_from([None, "home", "work"]),
    in_list=st.just(lambda reference, identity: (reference, identity) in LISTED),
)
rulesets = st.lists(rules, max_size=6)


@given(rulesets, all_facts)
def test_the_index_says_what_the_words_of_the_rfc_say(stated: list[Rule], given_facts: Facts) -> None:
    plain = said_plainly(stated, given_facts)
    told = as_told(evaluate(stated, given_facts))
    if plain is None:
        assert told is None
    else:
        assert told == (WORDS[plain[0]], plain[1].reduced() if plain[0] is ALLOW else NOTHING)


@given(rulesets, all_facts, st.randoms(use_true_random=False))
def test_the_order_of_rules_and_documents_never_matters(
    stated: list[Rule], given_facts: Facts, chance: object
) -> None:
    shuffled = list(stated)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert evaluate(shuffled, given_facts) == evaluate(stated, given_facts)
    assert sorted(map(repr, matching(shuffled, given_facts))) == sorted(
        map(repr, matching(stated, given_facts))
    )


@given(rulesets, rules, all_facts)
def test_another_rule_never_reveals_less(stated: list[Rule], another: Rule, given_facts: Facts) -> None:
    """But for ``other-identity``, which is about there being no other rule."""
    stated = [each for each in stated if not any(isinstance(one, OtherIdentity) for one in each.conditions)]
    before, after = evaluate(stated, given_facts), evaluate([*stated, another], given_facts)
    if before is None:
        return
    assert after is not None
    order = [Handling.BLOCK, Handling.CONFIRM, Handling.POLITE_BLOCK, Handling.ALLOW]
    assert order.index(after.handling) >= order.index(before.handling)
    if before.handling is Handling.ALLOW and after.permissions is not None:
        assert before.permissions is not None
        assert (before.permissions | after.permissions).reduced() == after.permissions


@given(permissions, permissions, permissions)
def test_the_union_of_permissions_is_one(one: Permissions, two: Permissions, three: Permissions) -> None:
    assert one | one == one
    assert one | two == two | one
    assert (one | two) | three == one | (two | three)
    assert one | NOTHING == one
    assert (one | two).reduced() == (one.reduced() | two.reduced()).reduced()


@given(rulesets, all_facts)
def test_between_two_boundaries_nothing_changes(stated: list[Rule], given_facts: Facts) -> None:
    moment = changes_at(stated, given_facts.now)
    later = given_facts.now + 5 if moment is None else moment - 0.5
    told = Facts(
        identities=given_facts.identities,
        now=max(later, given_facts.now),
        sphere=given_facts.sphere,
        in_list=given_facts.in_list,
    )
    assert evaluate(stated, told) == evaluate(stated, given_facts)


@given(rulesets, all_facts)
def test_a_document_that_cannot_be_read_never_reveals_more(stated: list[Rule], given_facts: Facts) -> None:
    """Whatever it held; the rest of the rules say what they say but for ``other-identity``."""
    whole = evaluate(stated, given_facts)
    damaged = RuleIndex([(each, False) for each in stated], address_of, is_damaged=True).judge(given_facts)
    assert damaged is not None
    if damaged.handling is Handling.ALLOW:
        assert whole is not None
        assert whole.handling is Handling.ALLOW
        more, less = as_told(whole), as_told(damaged)
        assert more is not None
        assert less is not None
        assert (more[1] | less[1]).reduced() == more[1]
