"""Rules as values, for Hypothesis: few names and moments, so that they often meet."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.documents.permissions import (
    ATTRIBUTES,
    EVERY,
    OMA_ATTRIBUTES,
    By,
    Permissions,
    Selected,
    UserInputDetail,
)
from sip2xmpp.documents.policy import (
    AnonymousRequest,
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
from tests.conftest import START

words = st.text("abcXYZ-_ .&<>\"'é\u200b/", min_size=1, max_size=12).map(str.strip).filter(bool)
uris = st.sampled_from(
    [
        "sip:romeo@example.com", "sips:romeo@example.com", "xmpp:juliet@jabber.example", "pres:juliet@example.org",
        "tel:+15551234", "sip:anonymous@anonymous.invalid", "no address",
    ]
)  # fmt: skip
domains = st.sampled_from(["example.com", "EXAMPLE.org", "jabber.example", "no domain"])
addresses = st.sampled_from(
    [
        "romeo@example.com",
        "juliet@example.com",
        "juliet@jabber.example",
        "juliet@example.org",
        "eve@evil.example",
    ]
).map(Address.parse)
excepts = st.builds(Except, uri=st.none() | uris, domain=st.none() | domains)
named = st.builds(One, uri=uris) | st.builds(
    Many, domain=st.none() | domains, excepts=st.lists(excepts, max_size=2).map(tuple)
)
moments = st.integers(-10, 50).map(
    lambda after: datetime.fromtimestamp(START, UTC) + timedelta(seconds=after)
)
conditions = st.one_of(
    st.builds(Identity, any_of=st.lists(named, max_size=3).map(tuple)),
    st.builds(Identity, any_of=st.lists(named, max_size=3).map(tuple)),
    st.builds(Sphere, values=st.lists(st.sampled_from(["home", "work", "travel"]), max_size=2).map(tuple)),
    st.builds(Validity, periods=st.lists(st.tuples(moments, moments), max_size=2).map(tuple)),
    st.builds(
        ExternalList, references=st.lists(st.sampled_from(["list-1", "list-2"]), max_size=2).map(tuple)
    ),
    st.just(OtherIdentity()),
    st.just(AnonymousRequest()),
    st.builds(UnknownCondition, name=st.sampled_from(["{urn:example}moon", "moon", "{urn:a&b}phase"])),
)


def _chosen(*kinds: By) -> st.SearchStrategy[frozenset[Selected]]:
    some = st.frozensets(st.builds(Selected, by=st.sampled_from(kinds), value=words), max_size=3)
    return st.just(EVERY) | some


permissions = st.builds(
    Permissions,
    services=_chosen(By.SERVICE_URI, By.SERVICE_URI_SCHEME, By.SERVICE_ID, By.CLASS, By.OCCURRENCE),
    devices=_chosen(By.DEVICE_ID, By.CLASS, By.OCCURRENCE),
    persons=_chosen(By.CLASS, By.OCCURRENCE),
    attributes=st.frozensets(st.sampled_from(sorted(ATTRIBUTES | OMA_ATTRIBUTES)), max_size=5),
    user_input=st.sampled_from(UserInputDetail),
    unknown=st.frozensets(st.tuples(words | st.just(""), st.sampled_from(["foo", "bar"])), max_size=2),
    all_attributes=st.booleans(),
)
rules = st.builds(
    Rule,
    id=st.sampled_from(["a", "b", "wp_prs_unlisted"]),
    conditions=st.lists(conditions, max_size=3).map(tuple),
    handling=st.none() | st.sampled_from(SubHandling),
    transformations=st.none() | permissions,
)
rulesets = st.builds(Ruleset, rules=st.lists(rules, max_size=5).map(tuple))
