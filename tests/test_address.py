import contextlib
import string
import timeit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sip2xmpp.address import (
    Address,
    address_from_jid,
    address_from_sip,
    escape_node,
    percent_decode,
    percent_encode,
    resource_of,
    spelling_of,
    unescape_node,
)
from sip2xmpp.errors import BadAddress

RFC_7247 = [
    ("sip:f%C3%BC@sip.example", "fü@sip.example"),
    ("sip:o'malley@sip.example", r"o\27malley@sip.example"),
    ("sip:foo@sip.example;gr=bar", "foo@sip.example/bar"),
    ("sip:m&m@xmpp.example", r"m\26m@xmpp.example"),
    ("sip:tsch%C3%BCss@xmpp.example", "tschüss@xmpp.example"),
]

# XEP-0106 section 3.3 and the further examples of section 5, without the gateway's domain.
XEP_0106 = [
    ("space cadet", r"space\20cadet"),
    ('call me "ishmael"', r"call\20me\20\22ishmael\22"),
    ("at&t guy", r"at\26t\20guy"),
    ("d'artagnan", r"d\27artagnan"),
    ("/.fanboy", r"\2f.fanboy"),
    ("::foo::", r"\3a\3afoo\3a\3a"),
    ("<foo>", r"\3cfoo\3e"),
    ("user@host", r"user\40host"),
    (r"c:\net", r"c\3a\net"),
    (r"c:\\net", r"c\3a\\net"),
    (r"c:\cool stuff", r"c\3a\cool\20stuff"),
    (r"c:\5commas", r"c\3a\5c5commas"),
    ("treville", "treville"),
    (r"\2plus\2is\4", r"\2plus\2is\4"),
    (r"\5c40", r"\5c5c40"),
    (r"\2F", r"\2F"),
]

texts = st.text(st.characters(codec="utf-8"), max_size=40)
awkward = st.text(alphabet="\\ \"&'/:<>@2034567acef.%;?#A", max_size=12)
anything = st.text(max_size=60) | st.text(
    alphabet=string.ascii_letters + "@/:;?%.[]\\-_=+ äß\u0660א\u3002\udc80\x00", max_size=40
)
domains = st.sampled_from(
    ["sip.example.org", "xmpp.example", "bücher.example", "faß.example", "[::1]", "10.0.0.1"]
)


@pytest.mark.parametrize(("uri", "jid"), RFC_7247)
def test_the_examples_of_rfc_7247_hold_both_ways(uri: str, jid: str) -> None:
    address, resource = address_from_jid(jid)
    assert address_from_sip(uri) == address
    assert resource_of(uri) == resource
    assert address.sip_uri(gr=resource) == uri
    assert address.jid() + (f"/{resource}" if resource else "") == jid


@pytest.mark.parametrize(("text", "node"), XEP_0106)
def test_the_examples_of_xep_0106_hold_both_ways(text: str, node: str) -> None:
    assert escape_node(text) == node
    assert unescape_node(node) == text


@given(awkward | texts)
def test_escaping_a_node_can_be_undone(text: str) -> None:
    assert unescape_node(escape_node(text)) == text


@given(awkward | texts)
def test_an_escaped_node_holds_no_forbidden_character(text: str) -> None:
    assert not set(escape_node(text)) & set(" \"&'/:<>@")


@given(awkward | texts)
def test_percent_encoding_can_be_undone(text: str) -> None:
    encoded = percent_encode(text)
    assert encoded.isascii() and percent_decode(encoded) == text
    assert not set(encoded) & set(' "<>@:[]\\^{}|`#')


@pytest.mark.parametrize("text", ["100%", "%zz", "%4", "%ff", "%C3%28"])
def test_a_broken_percent_escape_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        percent_decode(text)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:alice@example.org", "alice@example.org"),
        ("SIPS:alice@example.org", "alice@example.org"),
        ("pres:alice@example.org", "alice@example.org"),
        ("im:alice@example.org?subject=x", "alice@example.org"),
        ("alice@example.org", "alice@example.org"),
        ("sip:Alice@EXAMPLE.org", "alice@example.org"),
        ("sip:alice:secret@example.org:5080;transport=tcp;lr?Subject=a", "alice@example.org"),
        ("sip:alice;day=tue@example.org", "alice;day=tue@example.org"),
        ("sip:a/b?c@example.org", "a/b?c@example.org"),
        ("sip:%61lice@example.org", "alice@example.org"),
        ("sip:alice@example.org.", "alice@example.org"),
        ("sip:example.org", "example.org"),
        ("sip:alice@[2001:DB8::1]:5060", "alice@[2001:db8::1]"),
        ("sip:alice@192.0.2.1:5060", "alice@192.0.2.1"),
        ("sip:alice@xn--bcher-kva.example", "alice@bücher.example"),
        ("sip:alice@XN--BCHER-KVA.example", "alice@bücher.example"),
        ("sip:alice@bücher.example", "alice@bücher.example"),
        ("sip:juliet%40jabber.example@gw.example.org", "juliet@jabber.example@gw.example.org"),
    ],
)
def test_a_uri_names_an_address(uri: str, expected: str) -> None:
    assert str(address_from_sip(uri)) == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("tel:+44-20-7946-0018", "+442079460018@sip.example.org"),
        ("tel:7042;phone-context=example.com", "7042@sip.example.org"),
        ("TEL:(020).7946", "0207946@sip.example.org"),
        ("sip:+44-123@gw.example.org;user=phone", "+44123@gw.example.org"),
        ("sip:+44(0)123;ext=5@gw.example.org;USER=Phone", "+440123@gw.example.org"),
        ("sip:alice.b@gw.example.org;user=phone", "alice.b@gw.example.org"),
        ("sip:+44-123@gw.example.org", "+44-123@gw.example.org"),
    ],
)
def test_telephone_numbers_lose_what_is_only_for_the_eye(uri: str, expected: str) -> None:
    assert str(address_from_sip(uri, default_domain="sip.example.org")) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "", "sip:", "sip:@", "sip:@example.org", "sip::pw@example.org", "sip:alice@", "sip:alice@b@example.org",
        "http://example.org", "tel:+44123", "tel:alice", "sip:alice@exa mple.org", "sip:alice@-x.org",
        "sip:alice@a..b", "sip:alice@.", "sip:alice@xn--a", "sip:alice@xn--", "sip:alice@[::1", "sip:alice@[::g]",
        "sip:alice@[fe80::1%25eth0]", "sip:alice@h:port", "sip:%00@example.org", "sip:%20@example.org",
        "sip:a%20@example.org", "sip:%0Aa@example.org", "sip:%ED%A0%80@example.org", "sip:%@example.org",
        "sip:" + "a" * 1024 + "@example.org", "sip:a@" + "b" * 64 + ".org", "sip:a@" + "b." * 127 + "org",
        "sip:" + "a" * 10_000, "sip:%C2%AD@example.org", "sip:\U0001f600@example.org", "sip:a\udc80@example.org",
        "alice:x@example.org", "localhost:5060",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(BadAddress):
        address_from_sip(uri)


@pytest.mark.parametrize(
    ("jid", "address", "resource"),
    [
        ("juliet@jabber.example", "juliet@jabber.example", ""),
        ("Juliet@Jabber.Example/Balcony 1/@x", "juliet@jabber.example", "Balcony 1/@x"),
        ("jabber.example", "jabber.example", ""),
        ("jabber.example/r@x", "jabber.example", "r@x"),
        (r"bob\40example.com@gw.example.org/x", "bob@example.com@gw.example.org", "x"),
        (r"bob\40Example.com@gw.example.org", "bob@example.com@gw.example.org", ""),
        (r"d\27artagnan@jabber.example", "d'artagnan@jabber.example", ""),
        (r"D\2FA@jabber.example", "d/a@jabber.example", ""),
        ("juliet@xn--bcher-kva.example", "juliet@bücher.example", ""),
        ("ﬁ@jabber.example", "fi@jabber.example", ""),
    ],
)
def test_a_jid_names_an_address_and_a_resource(jid: str, address: str, resource: str) -> None:
    found = address_from_jid(jid)
    assert (str(found[0]), found[1]) == (address, resource)


@pytest.mark.parametrize(
    "jid",
    [
        "", "@", "/", "@x.example", "a@", "a@/r", "a@b/", "a@b@c", "a b@c", "a'b@c", "a@b..c", "a\x00@b", "a@b/\x01",
        r"\20a@b", r"a\20@b", r"a\5cb@c", "a" * 1024 + "@b", "a@b/" + "r" * 1024, "a@b/\ud800", "\u05d0a@b", "a@[v1]",
        "\\3c\u0338@b",
    ],
)  # fmt: skip
def test_what_is_no_jid_is_refused(jid: str) -> None:
    with pytest.raises(BadAddress):
        address_from_jid(jid)


def test_an_upper_case_escape_of_a_sip_user_stays_what_it_is() -> None:
    address = address_from_sip("sip:a%5C2Fb@example.org")
    assert address.local == r"a\2fb"
    assert address.jid() == r"a\5c2fb@example.org"
    assert address_from_jid(address.jid())[0] == address


def test_two_accounts_of_one_server_never_share_an_address() -> None:
    assert address_from_jid(r"a\b@jabber.example")[0].local == r"a\b"
    with pytest.raises(BadAddress):
        address_from_jid(r"a\5cb@jabber.example")


@given(awkward | texts, domains)
@example("ẞ", "xmpp.example")
@example("<\u0338", "xmpp.example")
@example("א 1", "xmpp.example")
def test_every_address_from_sip_comes_back_from_both_sides(user: str, domain: str) -> None:
    try:
        address = address_from_sip(f"sip:{percent_encode(user)}@{domain}")
    except BadAddress:
        return
    assert address_from_sip(address.sip_uri()) == address
    assert address_from_jid(address.jid()) == (address, "")
    assert Address.parse(str(address)) == address
    assert address.sip_uri().isascii()


@given(texts, domains)
def test_every_address_from_a_jid_comes_back_from_both_sides(node: str, domain: str) -> None:
    try:
        address, _ = address_from_jid(f"{node}@{domain}")
    except BadAddress:
        return
    assert address_from_sip(address.sip_uri()) == address
    assert address_from_jid(address.jid()) == (address, "")


@given(awkward, domains)
def test_sip_to_jid_to_sip_changes_nothing_but_case(user: str, domain: str) -> None:
    uri = f"sip:{percent_encode(user)}@{domain}"
    try:
        address = address_from_sip(uri)
    except BadAddress:
        return
    back = address_from_jid(address.jid())[0].sip_uri()
    if user:
        assert percent_decode(back.partition("@")[0]) == "sip:" + user.lower()
    assert address.sip_uri(spelling_of(uri)).partition("@")[0] == uri.partition("@")[0]


@given(anything)
@example("sip:a@\u3002")
@example("sip:a@\u3002b")
@example("sip:a@xn--\u0660")
@example("a@b\u200d")
def test_hostile_input_raises_nothing_else(text: str) -> None:
    for read in (address_from_sip, address_from_jid, Address.parse, spelling_of, resource_of):
        for form in (text, "sip:" + text, f"a@{text}", f"sip:{text}@b", f"sip:a@b;{text}", f"a@b/{text}"):
            with contextlib.suppress(BadAddress):
                read(form)


@given(anything)
def test_a_domain_is_a_fixed_point_of_its_own_folding(text: str) -> None:
    try:
        address = address_from_sip(f"sip:a@{text}.example")
    except BadAddress:
        return
    assert address_from_jid(address.jid())[0] == address
    assert address_from_sip(address.sip_uri()) == address


def test_the_spelling_is_kept_apart_from_the_address() -> None:
    assert spelling_of("sip:O'Mall%C3%8By@Example.org;lr") == "O'MallËy"
    assert spelling_of("sip:example.org") == ""
    assert address_from_sip("sip:Alice@example.org").sip_uri("Alice") == "sip:Alice@example.org"


def test_only_a_public_gruu_names_a_resource() -> None:
    assert resource_of("sip:a@b;gr=x%2Fy%20z;lr") == "x/y z"
    assert resource_of("sip:a@b;gr") == ""
    assert resource_of("sip:a@b") == ""
    assert Address("a", "b").sip_uri(gr="x y;z=ü") == "sip:a@b;gr=x%20y%3Bz%3D%C3%BC"


def test_addresses_have_an_order_and_a_text_with_an_inverse() -> None:
    assert min(Address("b", "a"), Address("a", "b"), Address("a", "a")) == Address("a", "a")
    assert Address.parse("Bob@Corp@Example.ORG") == Address("bob@corp", "example.org")
    assert Address.parse("example.org") == Address("", "example.org")
    for text in ("", "@", "@example.org", "bob@"):
        with pytest.raises(BadAddress):
            Address.parse(text)


def test_long_addresses_do_not_stay_in_memory() -> None:
    uri = "sip:" + "a" * 300 + "@example.org"
    assert address_from_sip(uri) is not address_from_sip(uri)
    assert address_from_sip("sip:a@example.org") is address_from_sip("sip:a@example.org")


def test_a_remembered_address_costs_next_to_nothing() -> None:
    for read, text in (
        (address_from_sip, "sip:bob@sip.example.org"),
        (address_from_jid, "bob@sip.example.org/x"),
    ):
        read(text)
        best = min(timeit.repeat(lambda read=read, text=text: read(text), number=10_000, repeat=5)) / 10_000
        assert best < 2e-6
