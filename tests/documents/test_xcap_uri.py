"""Addresses below an XCAP root: what they mean, how they are written, and what is refused."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.documents.xcap_uri import (
    ANY,
    LONGEST,
    STEPS,
    XML_NAMESPACE,
    AttributeTest,
    BadXcapUri,
    NodeKind,
    NodeSelector,
    QName,
    Step,
    UndefinedPrefix,
    UnknownTree,
    XcapUri,
    address_of_xui,
)
from sip2xmpp.errors import BadAddress

LISTS = "resource-lists/users/sip:juliet@example.org/index"


def node(text: str) -> NodeSelector:
    selector = XcapUri.parse(f"{LISTS}/~~/{text}").node
    assert selector is not None
    return selector


def last(text: str) -> Step:
    return node(text).steps[-1]


def test_a_document_of_a_user_is_told_by_usage_user_and_name() -> None:
    uri = XcapUri.parse("/resource-lists/users/sip%3Ajuliet%40example.org/index")
    assert uri == XcapUri(auid="resource-lists", owner="sip:juliet@example.org", name="index")
    assert not uri.is_global
    assert str(uri) == LISTS


def test_a_document_of_all_is_told_by_usage_and_name() -> None:
    uri = XcapUri.parse("xcap-caps/global/index")
    assert uri == XcapUri(auid="xcap-caps", name="index")
    assert uri.is_global


def test_a_document_may_be_in_a_folder() -> None:
    uri = XcapUri.parse("org.openmobilealliance.pres-content/users/sip:a@b/oma_status-icon/index")
    assert uri.name == "oma_status-icon/index"


def test_a_slash_behind_a_document_or_a_step_is_overlooked() -> None:
    assert XcapUri.parse(f"{LISTS}/") == XcapUri.parse(LISTS)
    assert node("resource-lists/list/") == node("resource-lists/list")


def test_a_user_part_may_hold_an_encoded_slash_and_question_mark() -> None:
    uri = XcapUri.parse("resource-lists/users/sip:a%2Fb%3Fc@example.org/index")
    assert uri.owner == "sip:a/b?c@example.org"
    assert XcapUri.parse(str(uri)) == uri


def test_a_collection_is_understood_only_where_it_may_be() -> None:
    text = "resource-lists/users/sip:juliet@example.org/"
    uri = XcapUri.parse(text, collections=True)
    assert uri.is_collection
    assert str(uri) == text
    assert XcapUri.parse("resource-lists/global/", collections=True).is_collection
    with pytest.raises(BadXcapUri, match="no document"):
        XcapUri.parse(text)
    with pytest.raises(BadXcapUri, match="no document"):
        XcapUri.parse("resource-lists/users/sip:juliet@example.org/~~/a", collections=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "resource-lists",
        "resource-lists/",
        "resource-lists/users",
        "resource-lists/users/",
        "resource-lists/global",
        "resource-lists/users//index",
        "//users/a@b/index",
        "resource-lists/users/a@b//",
        "resource-lists/users/a@b/../index",
        "resource-lists/users/../index",
        "resource-lists/users/a@b/%2E%2e",
        "resource-lists/users/a@b/./index",
        "resource-lists/users/a@b/a%2Fb",
        "resource-lists/users/a@b/a%00b",
        "resource-lists/users/a%00@b/index",
        "resource-lists/users/a@b/a%5Cb",
        "resource-lists/users/a@b/a\\b",
        "resource-lists/users/a@b/a%0Ab",
        "resource-lists/users/a@b/%",
        "resource-lists/users/a@b/%4",
        "resource-lists/users/a@b/%ff",
        "resource-lists/users/a@b/%EF%BF%BF",
        "resource-lists/users/a@b/1/2/3/4/5/6/7/8/9",
        "a%2Fb/users/a@b/index",
        "../users/a@b/index",
        f"{LISTS}/{'x' * LONGEST}",
        f"{LISTS}/\ud800",
    ],
)
def test_what_names_no_document_or_leads_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(BadXcapUri):
        XcapUri.parse(text)


def test_a_tree_that_does_not_exist_is_told_apart_from_bad_grammar() -> None:
    with pytest.raises(UnknownTree):
        XcapUri.parse("resource-lists/everybody/index")


@pytest.mark.parametrize("separator", ["~~", "%7E%7E", "%7e~", "~%7E"])
def test_a_node_selector_begins_behind_the_first_separator(separator: str) -> None:
    uri = XcapUri.parse(f"{LISTS}/{separator}/resource-lists/list%5B@name=%22a/~~/b%22%5D")
    assert uri.name == "index"
    assert uri.node is not None
    assert uri.node.steps[-1].test == AttributeTest(QName("", "name"), "a/~~/b")
    assert uri.document == XcapUri.parse(LISTS)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("list", Step(name=QName("", "list"))),
        ("*", Step(name=ANY)),
        ("list[2]", Step(name=QName("", "list"), position=2)),
        ("list[002]", Step(name=QName("", "list"), position=2)),
        ("*[0]", Step(name=ANY, position=0)),
        ('list[@name="a"]', Step(name=QName("", "list"), test=AttributeTest(QName("", "name"), "a"))),
        ("list%5b@name='a'%5d", Step(name=QName("", "list"), test=AttributeTest(QName("", "name"), "a"))),
        (
            "list%5B3%5D%5B@name=%22a%20b%22%5D",
            Step(name=QName("", "list"), position=3, test=AttributeTest(QName("", "name"), "a b")),
        ),
    ],
)  # fmt: skip
def test_a_step_is_a_name_then_a_position_then_an_attribute(text: str, step: Step) -> None:
    assert last(f"resource-lists/{text}") == step


@pytest.mark.parametrize(
    ("quoted", "value"),
    [
        ("%22a/b%22", "a/b"),
        ("%22a%2Fb%22", "a/b"),
        ('"a]b[1]"', "a]b[1]"),
        ("'say \"hi\"'", 'say "hi"'),
        ("%22it's%22", "it's"),
        ("%22%22", ""),
        ("%22&quot;&amp;&lt;&gt;&apos;%22", "\"&<>'"),
        ("%22&%2365;&%23x42;%22", "AB"),
        ("%22sip:a@b;x=1&y=2%22", "sip:a@b;x=1&y=2"),
        ("%22&unknown;%22", "&unknown;"),
        ("%22a%0Ab%09c%22", "a b c"),
        ("%22&%2310;%22", "\n"),
        ("%22%2525%22", "%25"),
        ("%22%C3%A9%22", "é"),
        ('"é"', "é"),
    ],
)
def test_a_value_is_decoded_once_and_read_as_xml_does_it(quoted: str, value: str) -> None:
    step = last(f"resource-lists/list[@name={quoted}]")
    assert step.test == AttributeTest(QName("", "name"), value)


def test_the_end_of_a_selector_may_be_an_attribute_or_the_namespaces() -> None:
    assert node("a/b").kind is NodeKind.ELEMENT
    assert node("a/b/@name").kind is NodeKind.ATTRIBUTE
    assert node("a/b/@name").attribute == QName("", "name")
    assert node("a/namespace::*").kind is NodeKind.NAMESPACES
    assert node("a/%40name").attribute == QName("", "name")


def test_prefixes_are_bound_by_the_query() -> None:
    selector = node("a/p:b[@q:c='1']/@xml:lang?xmlns(p=urn:1)%20xmlns(q%3Durn:2)")
    assert selector.prefixes == (("p", "urn:1"), ("q", "urn:2"))
    assert selector.namespace_of(QName("p", "b"), "urn:0") == "urn:1"
    assert selector.namespace_of(QName("", "b"), "urn:0") == "urn:0"
    assert selector.namespace_of(QName("xml", "lang"), None) == XML_NAMESPACE


@pytest.mark.parametrize(
    ("query", "uri"),
    [
        ("xmlns(p=urn:1)xmlns(p=urn:2)", "urn:2"),
        ("xmlns(p=urn:1)xpointer(a^(b)xmlns(z=urn:3)", "urn:1"),
        ("xmlns(%20p%20=%20urn:1%20)", "urn:1"),
        ("xmlns(p=urn:a^(b^)^^)", "urn:a(b)^"),
        ("xmlns(p=urn:a%2528)", "urn:a%28"),
        ("xmlns(p=http://example.org/?q)", "http://example.org/?q"),
    ],
)
def test_pointers_of_a_query_are_read_one_after_the_other(query: str, uri: str) -> None:
    assert node(f"p:a?{query}").prefixes == (("p", uri),)


@pytest.mark.parametrize("text", ["p:a", "p:a?xmlns(q=urn:1)", "a/@p:b", "a[@p:b='1']", "p:a?"])
def test_a_prefix_that_is_not_bound_is_refused(text: str) -> None:
    with pytest.raises(UndefinedPrefix):
        node(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/a",
        "//a",
        "a//b",
        "a/ /b",
        "@a",
        "namespace::*",
        "a/namespace::*/b",
        "a/namespace::p",
        "a/@b/c",
        "a/@*",
        "a/@",
        "a[]",
        "a[-1]",
        "a[1",
        "a[1][2]",
        "a[1234567890]",
        "a[last()]",
        "a[@b]",
        "a[@b=c]",
        "a[@b='c]",
        "a[@b='c\"]",
        "a[@b='c'][1]",
        "a[@b='c'][@d='e']",
        "a[ @b='c']",
        "a[@b = 'c']",
        "a[b='c']",
        "a[.='c']",
        "a['c']",
        "p:*?xmlns(p=urn:1)",
        ":a",
        "a:",
        "a:b:c?xmlns(a=urn:1)",
        "1a",
        "..",
        ".",
        "text()",
        "comment()",
        "a|b",
        "a b",
        "a[@b='&#0;']",
        "a[@b='&%23xD800;']",
        "a?foo",
        "a?xmlns",
        "a?xmlns(",
        "a?xmlns(p)",
        "a?xmlns(p=)",
        "a?xmlns(=urn:1)",
        "a?xmlns(xmlns=urn:1)",
        "a?xmlns(p=urn:1)&x=1",
        "/".join("a" * (STEPS + 1)),
    ],
)
def test_what_the_grammar_of_nodes_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(BadXcapUri):
        node(text)


def test_a_separator_with_nothing_behind_it_is_refused() -> None:
    for text in ("~~", "~~/"):
        with pytest.raises(BadXcapUri, match="empty"):
            XcapUri.parse(f"{LISTS}/{text}")


@pytest.mark.parametrize(
    ("xui", "address"),
    [
        ("sip:juliet@example.org", "juliet@example.org"),
        ("juliet@example.org", "juliet@example.org"),
        ("sip:Juliet@EXAMPLE.org", "juliet@example.org"),
        ("sips:juliet@example.org;user=x", "juliet@example.org"),
    ],
)
def test_an_xui_is_an_address_of_record(xui: str, address: str) -> None:
    assert address_of_xui(xui) == Address.parse(address)


def test_an_xui_without_domain_is_of_the_default_domain() -> None:
    assert address_of_xui("juliet", default_domain="example.org") == Address.parse("juliet@example.org")
    assert address_of_xui("sip:juliet", default_domain="example.org") == Address.parse("juliet@example.org")


@pytest.mark.parametrize("xui", ["", "sip:example.org", "juliet", "sip:@example.org", "http://a@b", "sip:"])
def test_an_xui_that_names_no_user_is_refused(xui: str) -> None:
    with pytest.raises(BadAddress):
        address_of_xui(xui)


# Properties

LEGAL = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff").filter(
    lambda each: ord(each) & 0xFFFE != 0xFFFE or ord(each) > 0xFFFF
)
SEGMENTS = st.text(LEGAL, min_size=1, max_size=12).filter(
    lambda each: each not in (".", "..", "~~") and "\\" not in each
)
LOCALS = st.one_of(
    st.sampled_from(["list", "entry", "a", "_x", "é-1", "日本", "namespace"]),
    st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,8}\Z"),
)
QNAMES = st.builds(QName, st.sampled_from(["", "p", "q-1", "xml"]), LOCALS)
VALUES = st.text(st.one_of(LEGAL, st.sampled_from("\t\n\r'\"&<>/[]@~%#?")), max_size=12)
TESTS = st.builds(AttributeTest, QNAMES, VALUES)
URIS = st.text(LEGAL, min_size=1, max_size=12).filter(lambda each: each == each.strip())


@st.composite
def selectors(draw: st.DrawFn) -> NodeSelector:
    steps = draw(
        st.lists(
            st.builds(
                Step,
                name=st.one_of(st.just(ANY), QNAMES),
                position=st.one_of(st.none(), st.integers(0, 999_999_999)),
                test=st.one_of(st.none(), TESTS),
            ),
            min_size=1,
            max_size=5,
        )
    )
    attribute = draw(st.one_of(st.none(), QNAMES))
    names = [step.name for step in steps] + [step.test.name for step in steps if step.test]
    used = {name.prefix for name in (*names, *([attribute] if attribute else []))} - {"", "xml"}
    return NodeSelector(
        steps=tuple(steps),
        attribute=attribute,
        is_namespaces=attribute is None and draw(st.booleans()),
        prefixes=tuple((prefix, draw(URIS)) for prefix in sorted(used)),
    )


@given(
    st.builds(
        XcapUri,
        auid=SEGMENTS.filter(lambda each: "/" not in each),
        owner=st.one_of(st.just(""), SEGMENTS),
        name=st.lists(SEGMENTS.filter(lambda each: "/" not in each), min_size=1, max_size=3).map("/".join),
        node=st.one_of(st.none(), selectors()),
    )
)
def test_what_is_written_is_read_as_the_same(uri: XcapUri) -> None:
    text = str(uri)
    assert text.isascii()
    assert not set(text) & set(' "<>[]{}|\\^`')
    assert XcapUri.parse(text) == uri
    assert str(XcapUri.parse(text)) == text
    assert uri.node is None or NodeSelector.parse(uri.node.path, uri.node.query) == uri.node


PIECES = st.lists(
    st.sampled_from(
        [
            "resource-lists",
            "/",
            "users",
            "global",
            "a@b",
            "index",
            "~~",
            "%7E%7E",
            "*",
            "[",
            "]",
            "@",
            "=",
            '"',
            "'",
            "%22",
            "%5B",
            "%5D",
            "%",
            "%2F",
            "..",
            "%00",
            "&",
            "&amp;",
            "&#",
            "namespace::*",
            "?",
            "xmlns(",
            ")",
            "p=",
            "p:",
            "^",
            "1",
            "\\",
            "é",
            "\x00",
        ]
    ),
    max_size=30,
)


@given(st.one_of(st.text(max_size=60), PIECES.map("".join), PIECES.map(lambda p: f"{LISTS}/~~/{''.join(p)}")))
def test_whatever_is_sent_is_understood_or_refused(text: str) -> None:
    try:
        uri = XcapUri.parse(text, collections=True)
    except BadXcapUri:
        return
    assert XcapUri.parse(str(uri), collections=True) == uri
    assert ".." not in uri.name.split("/")
    assert "\x00" not in uri.owner + uri.name + uri.auid


@pytest.mark.parametrize(
    "text",
    [
        "a" * 60_000,
        "a/" * 30_000,
        "a[" * 30_000,
        "%22" * 20_000,
        "*[@a='" * 10_000,
        "a?" + "xmlns(" * 10_000,
        "a?xmlns(p=" + "^(" * 30_000,
        "a?" + " " * 60_000 + "x",
        "a[1]" * 15_000,
        "&" * 60_000,
    ],
)
def test_a_hostile_selector_costs_nothing(text: str) -> None:
    began = time.process_time()
    with suppress(BadXcapUri):
        node(text[: LONGEST - 200])
    with pytest.raises(BadXcapUri):
        node(text)
    assert time.process_time() - began < 0.5


def test_a_binding_of_blanks_costs_nothing() -> None:
    began = time.process_time()
    for _ in range(20):
        with pytest.raises(BadXcapUri):
            NodeSelector.parse("a", f"xmlns(p={' ' * 4_000})")
    assert time.process_time() - began < 0.2
