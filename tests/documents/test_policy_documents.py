"""Rule documents, as clients write them and as nobody should."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import policy
from sip2xmpp.documents.permissions import (
    ATTRIBUTES,
    EVERY,
    EVERYTHING,
    NOTHING,
    OMA_ATTRIBUTES,
    By,
    Permissions,
    Selected,
    UserInputDetail,
)
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
    Ruleset,
    Sphere,
    SubHandling,
    UnknownCondition,
    Validity,
)
from sip2xmpp.documents.policy_reading import RULES, SIZE_LIMIT, TERMS
from sip2xmpp.errors import BadDocument
from tests.documents.rulesets import rulesets

OPENED = (
    '<cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"'
    ' xmlns:cr="urn:ietf:params:xml:ns:common-policy" xmlns:ocp="urn:oma:xml:xdm:common-policy"'
    ' xmlns:op="urn:oma:xml:prs:pres-rules">'
)


def read(inside: str) -> Rule:
    document = f'{OPENED}<cr:rule id="r">{inside}</cr:rule></cr:ruleset>'
    return policy.read(document.encode()).rules[0]


def condition(inside: str) -> Condition:
    return read(f"<cr:conditions>{inside}</cr:conditions>").conditions[0]


def shown(inside: str) -> Permissions | None:
    return read(f"<cr:transformations>{inside}</cr:transformations>").transformations


def test_the_example_of_the_rfc_is_read() -> None:
    """RFC 5025, section 4."""
    rule = read(
        '<cr:conditions><cr:identity><cr:one id="sip:user@example.com"/></cr:identity></cr:conditions>'
        "<cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions>"
        "<cr:transformations><pr:provide-services><pr:service-uri-scheme>sip</pr:service-uri-scheme>"
        "<pr:service-uri-scheme>mailto</pr:service-uri-scheme></pr:provide-services>"
        "<pr:provide-persons><pr:all-persons/></pr:provide-persons>"
        "<pr:provide-activities>true</pr:provide-activities><pr:provide-user-input>bare</pr:provide-user-input>"
        '<pr:provide-unknown-attribute ns="urn:vendor-specific:foo-namespace" name="foo">true</pr:provide-unknown-attribute>'
        "</cr:transformations>"
    )
    assert rule == Rule(
        id="r",
        conditions=(Identity(any_of=(One(uri="sip:user@example.com"),)),),
        handling=SubHandling.ALLOW,
        transformations=Permissions(
            services=frozenset(
                Selected(by=By.SERVICE_URI_SCHEME, value=scheme) for scheme in ("sip", "mailto")
            ),
            persons=EVERY,
            attributes=frozenset({"activities"}),
            user_input=UserInputDetail.BARE,
            unknown=frozenset({("urn:vendor-specific:foo-namespace", "foo")}),
        ),
    )


def test_the_rules_of_blink_are_read() -> None:
    """What it lays down for its granted contacts: no word of what they are shown."""
    ruleset = policy.read(
        b"<?xml version='1.0' encoding='UTF-8'?>\n"
        b'<cp:ruleset xmlns:pr="urn:ietf:params:xml:ns:pres-rules" xmlns:cp="urn:ietf:params:xml:ns:common-policy">'
        b'<cp:rule id="wp_prs_grantedcontacts"><cp:conditions><ocp:external-list xmlns:ocp="urn:oma:xml:xdm:common-policy">'
        b'<ocp:entry anc="https://xcap.example.org/xcap-root/resource-lists/users/sip:alice@example.org/index/~~/resource-lists/'
        b'list%5B@name=%22oma_grantedcontacts%22%5D"/></ocp:external-list></cp:conditions>'
        b"<cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions></cp:rule>"
        b'<cp:rule id="wp_prs_block_anonymous"><cp:conditions><ocp:anonymous-request xmlns:ocp="urn:oma:xml:xdm:common-policy"/>'
        b"</cp:conditions><cp:actions><pr:sub-handling>block</pr:sub-handling></cp:actions></cp:rule>"
        b'<cp:rule id="wp_prs_unlisted"><cp:conditions><ocp:other-identity xmlns:ocp="urn:oma:xml:xdm:common-policy"/>'
        b"</cp:conditions><cp:actions><pr:sub-handling>confirm</pr:sub-handling></cp:actions></cp:rule></cp:ruleset>"
    )
    granted, anonymous, unlisted = ruleset.rules
    assert isinstance(granted.conditions[0], ExternalList)
    assert (
        granted.conditions[0]
        .references[0]
        .endswith("/~~/resource-lists/list%5B@name=%22oma_grantedcontacts%22%5D")
    )
    assert granted.transformations is None
    assert anonymous.conditions == (AnonymousRequest(),)
    assert unlisted.conditions == (OtherIdentity(),)
    assert [rule.handling for rule in ruleset.rules] == [
        SubHandling.ALLOW,
        SubHandling.BLOCK,
        SubHandling.CONFIRM,
    ]


def test_the_rules_of_older_clients_are_read_with_common_policy_as_default_namespace() -> None:
    ruleset = policy.read(
        b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"'
        b' xmlns:cp="www.counterpath.com/privacy-lists"><rule id="pres_whitelist"><conditions><identity>'
        b'<one id="sip:a@example.org"/><one id="sip:b@example.org"/></identity></conditions>'
        b"<actions><pr:sub-handling>allow</pr:sub-handling></actions><transformations><pr:provide-services><pr:all-services/>"
        b"</pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-devices><pr:all-devices/>"
        b"</pr:provide-devices><pr:provide-all-attributes/></transformations></rule>"
        b'<rule id="pres_blacklist"><conditions/><actions><pr:sub-handling>block</pr:sub-handling></actions><transformations/></rule>'
        b"</ruleset>"
    )
    white, black = ruleset.rules
    assert white.conditions == (
        Identity(any_of=(One(uri="sip:a@example.org"), One(uri="sip:b@example.org"))),
    )
    assert white.transformations == EVERYTHING
    assert black == Rule(id="pres_blacklist", handling=SubHandling.BLOCK, transformations=NOTHING)


def test_rules_of_calls_have_the_same_form() -> None:
    ruleset = policy.read(
        b'<cr:ruleset xmlns:cr="urn:ietf:params:xml:ns:common-policy" xmlns:dr="http://openxcap.org/ns/dialog-rules">'
        b'<cr:rule id="x"><cr:actions><dr:sub-handling>polite-block</dr:sub-handling></cr:actions></cr:rule></cr:ruleset>'
    )
    assert ruleset.rules[0].handling is SubHandling.POLITE_BLOCK


# Conditions.


def test_identities_are_read_with_their_exceptions() -> None:
    assert condition(
        '<cr:identity><cr:many domain="example.com"><cr:except id="sip:a@example.com"/><cr:except domain="b.example.com"/>'
        '</cr:many><cr:many/><cr:one id=" sip:c@example.com "/></cr:identity>'
    ) == Identity(
        any_of=(
            Many(
                domain="example.com",
                excepts=(Except(uri="sip:a@example.com"), Except(domain="b.example.com")),
            ),
            Many(),
            One(uri="sip:c@example.com"),
        )
    )


@pytest.mark.parametrize(
    "inside", ["<cr:except/>", '<cr:except id=" "/>', '<x:only xmlns:x="urn:x"/>', "<only/>"]
)
def test_what_is_not_understood_in_many_excepts_everybody(inside: str) -> None:
    assert condition(f"<cr:identity><cr:many>{inside}</cr:many></cr:identity>") == Identity(
        any_of=(Many(excepts=(Except(),)),)
    )


@pytest.mark.parametrize(
    "inside", ["", "<cr:one/>", '<x:group xmlns:x="urn:x" id="sip:a@b"/>', "<one id='sip:a@b'/>"]
)
def test_what_is_not_understood_in_an_identity_names_nobody(inside: str) -> None:
    assert condition(f"<cr:identity>{inside}</cr:identity>") == Identity(any_of=())


def test_a_sphere_is_any_of_its_words() -> None:
    assert condition('<cr:sphere value=" Work\thome "/>') == Sphere(values=("work", "home"))
    assert condition("<cr:sphere/>") == Sphere(values=())


def test_times_are_compared_whatever_their_zone() -> None:
    assert condition(
        "<cr:validity><cr:from>2026-01-01T01:30:00+01:30</cr:from><cr:until>2025-12-31T24:00:00Z</cr:until>"
        "<cr:from>2026-06-01T00:00:00.999-12:00</cr:from><cr:until>2026-06-02T12:00:00.5</cr:until></cr:validity>"
    ) == Validity(
        periods=(
            (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
            (datetime(2026, 6, 1, 12, 0, 1, tzinfo=UTC), datetime(2026, 6, 2, 12, tzinfo=UTC)),
        )
    )


@pytest.mark.parametrize(
    "moment",
    ["", "now", "2026-01-01", "20260101T000000Z", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "99999-01-01T00:00:00Z",
     "0001-01-01T00:00:00+14:00", "9999-12-31T24:00:00Z", "2026-01-01 00:00:00Z", "٢٠٢٦-01-01T00:00:00Z", "-2026-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_period_that_cannot_be_read_never_is(moment: str) -> None:
    good = "<cr:from>2026-01-01T00:00:00Z</cr:from>"
    for inside in (
        f"{good}<cr:until>{moment}</cr:until>",
        f"<cr:from>{moment}</cr:from>{good.replace('from', 'until')}",
    ):
        assert condition(f"<cr:validity>{inside}</cr:validity>") == Validity(periods=())


@pytest.mark.parametrize(
    "inside",
    [
        "<cr:until>2026-01-01T00:00:00Z</cr:until>",
        "<cr:from>2026-01-01T00:00:00Z</cr:from>",
        "<cr:until>2027-01-01T00:00:00Z</cr:until><cr:from>2026-01-01T00:00:00Z</cr:from>",
    ],
)
def test_half_a_period_is_none(inside: str) -> None:
    assert condition(f"<cr:validity>{inside}</cr:validity>") == Validity(periods=())


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        ('<x:moon xmlns:x="urn:x" phase="full"/>', "{urn:x}moon"),
        ('<identity xmlns=""/>', "identity"),
        ("<identity/>", "{urn:ietf:params:xml:ns:pres-rules}identity"),
        ("<cr:other-identity/>", "{urn:ietf:params:xml:ns:common-policy}other-identity"),
    ],
)
def test_an_unknown_condition_is_kept_as_one(inside: str, name: str) -> None:
    assert condition(inside) == UnknownCondition(name=name)


# Actions and transformations.


@pytest.mark.parametrize(
    ("inside", "handling"),
    [
        ("<sub-handling> allow </sub-handling>", SubHandling.ALLOW),
        (
            "<sub-handling>polite-block</sub-handling><sub-handling>block</sub-handling>",
            SubHandling.POLITE_BLOCK,
        ),
        ("<sub-handling>welcome</sub-handling>", None),
        ("<sub-handling/>", None),
        ('<x:sub-handling xmlns:x="urn:x">allow</x:sub-handling>', None),
        ("<cr:sub-handling>allow</cr:sub-handling>", None),
        ('<x:sing xmlns:x="urn:x"/>', None),
    ],
)
def test_only_known_actions_count(inside: str, handling: SubHandling | None) -> None:
    assert read(f"<cr:actions>{inside}</cr:actions>").handling is handling


@pytest.mark.parametrize("name", sorted(ATTRIBUTES))
@pytest.mark.parametrize(("word", "is_shown"), [("true", True), ("1", True), (" true ", True), ("false", False), ("0", False), ("", False), ("yes", False)])  # fmt: skip
def test_each_attribute_is_provided_by_a_true(name: str, word: str, is_shown: bool) -> None:
    expected = Permissions(attributes=frozenset({name} if is_shown else ()))
    assert shown(f"<provide-{name}>{word}</provide-{name}>") == expected


@pytest.mark.parametrize("name", sorted(OMA_ATTRIBUTES))
def test_each_attribute_of_the_open_mobile_alliance_is_provided(name: str) -> None:
    word = "full" if name == "geopriv" else "true"
    assert shown(f"<op:provide-{name}>{word}</op:provide-{name}>") == Permissions(
        attributes=frozenset({name})
    )
    assert shown(f"<op:provide-{name}>false</op:provide-{name}>") == NOTHING
    assert shown(f"<provide-{name}>{word}</provide-{name}>") == NOTHING


def test_elements_are_selected_by_what_belongs_to_them() -> None:
    assert shown(
        "<provide-services><service-uri>sip:a@b</service-uri><class>c</class><occurrence-id>o</occurrence-id>"
        "<deviceID>urn:x</deviceID><op:service-id>org.example</op:service-id><class/></provide-services>"
        "<provide-devices><deviceID>urn:x</deviceID><all-persons/></provide-devices>"
        "<provide-persons><class>c</class><service-uri>sip:a@b</service-uri></provide-persons>"
    ) == Permissions(
        services=frozenset(
            (
                Selected(by=By.SERVICE_URI, value="sip:a@b"),
                Selected(by=By.CLASS, value="c"),
                Selected(by=By.OCCURRENCE, value="o"),
                Selected(by=By.SERVICE_ID, value="org.example"),
            )
        ),
        devices=frozenset((Selected(by=By.DEVICE_ID, value="urn:x"),)),
        persons=frozenset((Selected(by=By.CLASS, value="c"),)),
    )
    everything = shown("<provide-services><class>c</class><all-services/></provide-services>")
    assert everything == Permissions(services=EVERY)


@pytest.mark.parametrize(
    ("word", "detail"),
    [
        ("false", UserInputDetail.NONE),
        ("bare", UserInputDetail.BARE),
        ("thresholds", UserInputDetail.THRESHOLDS),
        ("full", UserInputDetail.FULL),
        ("true", UserInputDetail.NONE),
    ],
)
def test_user_input_is_provided_in_four_steps(word: str, detail: UserInputDetail) -> None:
    assert shown(f"<provide-user-input>{word}</provide-user-input>") == Permissions(user_input=detail)


@pytest.mark.parametrize(
    "inside", ["<provide-everything>true</provide-everything>", "<x:provide-mood xmlns:x='urn:x'>true</x:provide-mood>", "<!-- c -->",
               "<provide-unknown-attribute ns='urn:x'>true</provide-unknown-attribute>", "<provide-x/>words"]
)  # fmt: skip
def test_unknown_transformations_show_nothing(inside: str) -> None:
    assert shown(inside) == NOTHING


# Hostile ones.


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<",
        b"<ruleset/>",
        b'<rule xmlns="urn:ietf:params:xml:ns:common-policy"/>',
        b'<!DOCTYPE r [<!ENTITY a "b">]><ruleset xmlns="urn:ietf:params:xml:ns:common-policy"/>',
        b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">'
        + b"<a>" * 400
        + b"</a>" * 400
        + b"</ruleset>",
        b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">' + b" " * SIZE_LIMIT + b"</ruleset>",
        b"\xff\xfe<\x00r\x00/\x00>\x00",
    ],
)
def test_what_is_no_ruleset_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        policy.read(octets)


def test_there_may_not_be_too_many_rules_nor_names() -> None:
    policy.read(f"{OPENED}{'<cr:rule/>' * RULES}</cr:ruleset>".encode())
    with pytest.raises(BadDocument):
        policy.read(f"{OPENED}{'<cr:rule/>' * (RULES + 1)}</cr:ruleset>".encode())
    spheres = f'<cr:sphere value="{"a " * (TERMS + 1)}"/>'
    with pytest.raises(BadDocument):
        read(f"<cr:conditions>{spheres}</cr:conditions>")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_is_read_is_refused_or_a_ruleset(octets: bytes) -> None:
    for document in (octets, OPENED.encode() + octets + b"</cr:ruleset>"):
        try:
            assert isinstance(policy.read(document), Ruleset)
        except BadDocument:
            pass


# Writing.


@given(rulesets)
def test_what_is_written_is_read_as_it_was(ruleset: Ruleset) -> None:
    octets = policy.write(ruleset)
    assert policy.read(octets) == ruleset
    assert policy.write(policy.read(octets)) == octets
