import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge import addressing
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.errors import BadAddress
from sip2xmpp.escaping import escape_node, percent_encode
from sip2xmpp.preparation import ascii_domain
from sip2xmpp.store.records import Spelling
from sip2xmpp.store.tables import LiveTable

COMPONENTS = ["sip.example.org", "Bücher.example"]
GATEWAY = "gw.example.org"


def make(gateway: str | None = GATEWAY, components: list[str] = COMPONENTS) -> Addressing:
    return Addressing(components, gateway, LiveTable[Spelling](Clock()))


def test_a_contact_of_a_component_domain_is_its_own_jid() -> None:
    names = make()
    assert names.jid_of(Address("bob", "sip.example.org")) == "bob@sip.example.org"
    assert names.jid_of(Address("o'malley", "bücher.example")) == r"o\27malley@bücher.example"
    assert names.jid_of(Address("", "sip.example.org")) == "sip.example.org"


def test_any_other_contact_stands_inside_the_gateway_domain() -> None:
    names = make()
    assert names.jid_of(Address("bob", "example.com")) == r"bob\40example.com@gw.example.org"
    assert names.jid_of(Address("bob", "faß.example")) == r"bob\40xn--fa-hia.example@gw.example.org"


@pytest.mark.parametrize(
    "jid",
    [
        "bob@sip.example.org",
        r"bob\40sip.example.org@gw.example.org",
        r"BOB\40SIP.example.org@GW.example.org/x",
    ],
)
def test_both_forms_of_a_jid_name_the_same_contact(jid: str) -> None:
    assert make().address_of_jid(jid) == Address("bob", "sip.example.org")


@pytest.mark.parametrize(
    "uri",
    [
        "sip:juliet@jabber.example",
        "sip:juliet%40jabber.example@gw.example.org",
        "sip:Juliet%40Jabber.example@gw.example.org:5070;transport=tcp",
        "pres:juliet@jabber.example",
    ],
)
def test_both_forms_of_a_uri_name_the_same_contact(uri: str) -> None:
    assert make().address_of_uri(uri) == Address("juliet", "jabber.example")


@pytest.mark.parametrize(
    "jid",
    [
        "bob@gw.example.org", r"bob\40@gw.example.org", r"\40example.com@gw.example.org",
        r"bob\40gw.example.org@gw.example.org", r"bob\40a..b@gw.example.org", "bob@@gw.example.org",
    ],
)  # fmt: skip
def test_an_encapsulated_jid_must_hold_another_whole_address(jid: str) -> None:
    with pytest.raises(BadAddress):
        make().address_of_jid(jid)


@pytest.mark.parametrize(
    "user", ["bob", "bob%40", "%40example.com", "bob%40gw.example.org", "bob%40x%00.org"]
)
def test_an_encapsulated_uri_must_hold_another_whole_address(user: str) -> None:
    with pytest.raises(BadAddress):
        make().address_of_uri(f"sip:{user}@gw.example.org")


def test_the_gateway_domain_itself_has_an_address() -> None:
    assert make().address_of_jid(GATEWAY) == Address("", GATEWAY)


def test_an_encapsulated_domain_never_becomes_another_one() -> None:
    names = make()
    assert names.address_of_uri("sip:bob%40xn--fa-hia.example@gw.example.org") == Address(
        "bob", "faß.example"
    )
    assert names.address_of_uri("sip:bob%40b%C3%BCcher.example@gw.example.org") == Address(
        "bob", "bücher.example"
    )
    assert names.address_of_uri("sip:bob%40fa%C3%9F.example@gw.example.org") == Address("bob", "faß.example")


def test_without_a_gateway_domain_only_component_domains_have_jids() -> None:
    names = make(gateway=None)
    assert names.address_of_jid(r"bob\40example.com@gw.example.org") == Address("bob@example.com", GATEWAY)
    with pytest.raises(BadAddress, match=r"no component stands for example\.com"):
        names.jid_of(Address("bob", "example.com"))


@pytest.mark.parametrize(
    "address", [Address("", "example.com"), Address("bob", GATEWAY), Address("b" * 1020, "x.org")]
)
def test_what_has_no_encapsulated_form_is_refused(address: Address) -> None:
    with pytest.raises(BadAddress):
        make().jid_of(address)


def test_one_domain_can_serve_both_forms() -> None:
    names = make(gateway="sip.example.org")
    assert names.jid_of(Address("bob", "sip.example.org")) == "bob@sip.example.org"
    assert names.jid_of(Address("bob", "example.com")) == r"bob\40example.com@sip.example.org"
    assert names.address_of_jid("bob@sip.example.org") == Address("bob", "sip.example.org")
    assert names.address_of_jid(r"bob\40example.com@sip.example.org") == Address("bob", "example.com")
    with pytest.raises(BadAddress):
        names.jid_of(Address("bob@example.com", "sip.example.org"))


def test_the_spelling_first_seen_is_used_toward_sip() -> None:
    names = make()
    assert names.address_of_uri("sip:Alice@example.com") == Address("alice", "example.com")
    assert names.address_of_uri("sip:ALICE@example.com") == Address("alice", "example.com")
    assert names.uri_of(Address("alice", "example.com")) == "sip:Alice@example.com"
    assert names.uri_of(Address("bob", "bücher.example")) == "sip:bob@xn--bcher-kva.example"


def test_the_spelling_inside_the_gateway_domain_counts_too() -> None:
    names = make()
    names.address_of_uri("sip:Bob%40Example.com@gw.example.org")
    assert names.uri_of(Address("bob", "example.com")) == "sip:Bob@example.com"


def test_a_spelling_is_not_remembered_on_demand() -> None:
    names = make()
    names.address_of_uri("sip:Alice@example.com", remember=False)
    assert names.uri_of(Address("alice", "example.com")) == "sip:alice@example.com"
    names.address_of_uri("sip:Alice@example.com")
    assert names.uri_of(Address("alice", "example.com")) == "sip:Alice@example.com"


def test_strangers_cannot_fill_the_table_of_spellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addressing, "MAX_SPELLINGS", 2)
    table = LiveTable[Spelling](Clock())
    names = Addressing(COMPONENTS, GATEWAY, table)
    for number in range(5):
        names.address_of_uri(f"sip:Alice{number}@example.com")
    assert len(table) == 2


def test_the_names_of_our_components_are_known_in_every_spelling() -> None:
    names = make()
    for domain in (
        "sip.example.org",
        "SIP.example.org",
        "gw.example.org.",
        "xn--bcher-kva.example",
        "bücher.example",
    ):
        assert names.is_ours(domain)
    for domain in ("jabber.example", "", "a..b", "example.org", "\x00"):
        assert not names.is_ours(domain)


def test_a_telephone_number_needs_a_domain() -> None:
    found = make().address_of_uri("tel:+44-123", default_domain="sip.example.org")
    assert found == Address("+44123", "sip.example.org")


def test_a_long_uri_is_understood_too() -> None:
    uri = "sip:Bob@example.com;" + ";".join(f"p{n}={n}" for n in range(100))
    assert make().address_of_uri(uri) == Address("bob", "example.com")


texts = st.text(st.characters(codec="utf-8"), max_size=20) | st.text(
    alphabet="\\ \"&'/:<>@2034567acef.%;", max_size=12
)
domains = st.sampled_from(
    ["sip.example.org", "bücher.example", "example.com", "faß.example", "אבג.example", "[::1]"]
)


@given(texts, domains)
def test_every_contact_comes_back_from_every_form(user: str, domain: str) -> None:
    names = make()
    try:
        address = names.address_of_uri(f"sip:{percent_encode(user)}@{domain}", remember=False)
    except BadAddress:
        return
    if address.local:
        if address.local.isascii():  # nodeprep cannot mix right-to-left letters with the letters of a domain
            assert names.address_of_jid(names.jid_of(address)) == address
        inside = f"{address.local}@{ascii_domain(address.domain)}"
        assert names.address_of_uri(f"sip:{percent_encode(inside)}@{GATEWAY}") == address
    assert names.address_of_uri(names.uri_of(address)) == address


@given(texts)
def test_hostile_names_raise_nothing_else(text: str) -> None:
    names = make()
    for read in (names.address_of_jid, names.address_of_uri):
        for form in (
            text,
            f"{text}@{GATEWAY}",
            f"a@{text}",
            f"{escape_node(text)}@{GATEWAY}",
            f"sip:{text}@{GATEWAY}",
        ):
            try:
                address = read(form)
            except BadAddress:
                continue
            try:
                names.jid_of(address)
            except BadAddress:
                continue
