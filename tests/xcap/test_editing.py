"""One node of a document read, written and removed, octet by octet."""

import pytest

from sip2xmpp.documents.xcap_uri import NodeSelector
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind
from sip2xmpp.xcap.editing import delete, put, selected

NAMESPACE = "test-app"
FIRST = b'\n<el1 att="first"/>'
SECOND = b'\n<el1 att="second"/>'
COMMENT = b"\n<!-- comment -->"
OTHER = b'\n<el2 att="first"/>'
OPEN, CLOSE = b'<root xmlns="test-app">', b"\n</root>"
START = OPEN + FIRST + SECOND + COMMENT + OTHER + CLOSE

THIRD, FOURTH = b'<el1 att="third"/>', b'<el1 att="fourth"/>'
TWO = b'<el2 att="2"/>'
NEW = b'<el3 att="first"/>'


def node(text: str, query: str = "") -> NodeSelector:
    return NodeSelector.parse(text, query)


def kind_of(octets: bytes, selector: NodeSelector, body: bytes, namespace: str = NAMESPACE) -> ConflictKind:
    with pytest.raises(Conflict) as caught:
        put(octets, selector, body, namespace)
    return caught.value.kind


AFTER_SECOND = OPEN + FIRST + SECOND + b"%s" + COMMENT + OTHER + CLOSE
AT_THE_END = OPEN + FIRST + SECOND + COMMENT + OTHER + b"\n%s</root>"
AFTER_OTHER = OPEN + FIRST + SECOND + COMMENT + OTHER + b"%s" + CLOSE
AFTER_FIRST = OPEN + FIRST + b"%s" + SECOND + COMMENT + OTHER + CLOSE
BEFORE_OTHER = OPEN + FIRST + SECOND + COMMENT + b'\n%s<el2 att="first"/>' + CLOSE
BEFORE_ALL = OPEN + b'\n%s<el1 att="first"/>' + SECOND + COMMENT + OTHER + CLOSE


@pytest.mark.parametrize(
    ("selector", "body", "result"),
    [
        ('root/el1[@att="third"]', THIRD, AFTER_SECOND),
        ('root/el1[3][@att="third"]', THIRD, AFTER_SECOND),
        ('root/*[3][@att="third"]', THIRD, AFTER_SECOND),
        ("root/el3", NEW, AT_THE_END),
        ('root/el3[1][@att="first"]', NEW, AT_THE_END),
        ('root/el2[@att="2"]', TWO, AFTER_OTHER),
        ('root/el2[2][@att="2"]', TWO, AFTER_OTHER),
        ('root/*[2][@att="2"]', TWO, AFTER_FIRST),
        ('root/el2[1][@att="2"]', TWO, BEFORE_OTHER),
        ('root/*[1][@att="2"]', TWO, BEFORE_ALL),
        ('root/*[@att="2"]', b'<el1 att="2"/>', AFTER_SECOND),
        ('root/*[@att="2"]', TWO, AFTER_OTHER),
        ('root/*[@att="2"]', b'<el3 att="2"/>', AT_THE_END),
    ],
)
def test_a_new_element_goes_where_it_belongs_and_removing_it_restores_every_octet(
    selector: str, body: bytes, result: bytes
) -> None:
    where = node(selector)
    assert selected(START, where, NAMESPACE) is None
    edited = put(START, where, body, NAMESPACE)
    assert edited == (result.replace(b"%s", body), True)
    assert selected(edited.octets, where, NAMESPACE) == body
    assert put(edited.octets, where, body, NAMESPACE) == (edited.octets, False)
    assert delete(edited.octets, where, NAMESPACE) == START


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        ('root/el1[4][@att="third"]', THIRD),
        ('root/*[0][@att="third"]', THIRD),
        ('root/el1[@att="third"]', FOURTH),
        ('root/el1[3][@att="third"]', FOURTH),
        ('root/*[3][@att="third"]', FOURTH),
        ('root/el1[@att="first"]', THIRD),
        ('root/el1[1][@att="first"]', THIRD),
        ('root/*[1][@att="first"]', THIRD),
        ("root/el1", THIRD),
        ("root/*", THIRD),
        ("root/el3", THIRD),
        ("other", b"<other/>"),
    ],
)
def test_what_would_not_be_found_where_it_is_put_is_refused(selector: str, body: bytes) -> None:
    assert kind_of(START, node(selector), body) is ConflictKind.CANNOT_INSERT


@pytest.mark.parametrize("selector", ["root/el1[1]", "root/*[1]"])
def test_an_element_is_replaced_in_its_place(selector: str) -> None:
    edited = put(START, node(selector), THIRD, NAMESPACE)
    assert edited == (START.replace(b'<el1 att="first"/>', THIRD), False)


# Elements


def test_the_root_element_is_replaced_in_its_place() -> None:
    octets = b"<?xml version='1.0'?>\n<!-- a -->\n<root xmlns='test-app'><a/></root>\n"
    edited = put(octets, node("root"), b"<root xmlns='test-app'/>", NAMESPACE)
    assert edited == (b"<?xml version='1.0'?>\n<!-- a -->\n<root xmlns='test-app'/>\n", False)
    assert kind_of(octets, node("root"), b"<root/>") is ConflictKind.CANNOT_INSERT


def test_a_parent_of_one_tag_is_opened_for_a_child() -> None:
    octets = b'<root xmlns="test-app"><p:a xmlns:p="urn:p" x="/>" /></root>'
    selector = node("root/p:a/b", "xmlns(p=urn:p)")
    edited = put(octets, selector, b"<b/>", NAMESPACE)
    assert edited.octets == b'<root xmlns="test-app"><p:a xmlns:p="urn:p" x="/>" ><b/></p:a></root>'
    left = delete(edited.octets, selector, NAMESPACE)
    assert left == b'<root xmlns="test-app"><p:a xmlns:p="urn:p" x="/>" ></p:a></root>'
    assert put(b"<root xmlns='test-app'/>", node("root/b[1]"), b"<b/>", NAMESPACE).octets == (
        b"<root xmlns='test-app'><b/></root>"
    )
    assert kind_of(octets, node("root/*[1]/b[2]"), b"<b/>") is ConflictKind.CANNOT_INSERT


def test_an_element_behind_trailing_text_is_the_last_child() -> None:
    octets = b'<root xmlns="test-app"><a/>text<!-- c --></root>'
    edited = put(octets, node("root/b"), b"<b/>", NAMESPACE)
    assert edited.octets == b'<root xmlns="test-app"><a/>text<!-- c --><b/></root>'


def test_siblings_of_one_name_are_told_by_namespace_not_by_prefix() -> None:
    octets = b'<root xmlns="test-app" xmlns:t="test-app" xmlns:o="urn:o"><t:a/><o:a/></root>'
    edited = put(octets, node("root/a[@n='1']"), b"<a n='1'/>", NAMESPACE)
    assert edited.octets.endswith(b"<t:a/><a n='1'/><o:a/></root>")
    edited = put(octets, node("root/x:a[2]", "xmlns(x=urn:o)"), b"<o:a/>", NAMESPACE)
    assert edited.octets.endswith(b"<t:a/><o:a/><o:a/></root>")


def test_prefixes_of_a_body_are_those_in_scope_where_it_goes() -> None:
    octets = b'<root xmlns="test-app" xmlns:o="urn:o"><a xmlns:i="urn:i"/></root>'
    edited = put(octets, node("root/a/b"), b"<b><i:c/><o:d o:e='1'/></b>", NAMESPACE)
    assert b"<i:c/>" in edited.octets
    assert kind_of(octets, node("root/b"), b"<b><i:c/></b>") is ConflictKind.NOT_XML_FRAGMENT
    own = b"<b xmlns:i='urn:j'><i:c/></b>"
    assert put(octets, node("root/b"), own, NAMESPACE).octets.count(own) == 1


def test_a_body_of_the_wrong_namespace_is_refused() -> None:
    octets = b'<o:root xmlns:o="test-app"/>'
    assert kind_of(octets, node("root/a"), b"<a/>") is ConflictKind.CANNOT_INSERT
    assert put(octets, node("root/a"), b"<o:a/>", NAMESPACE).created


def test_blanks_around_a_body_are_not_part_of_it() -> None:
    edited = put(START, node("root/el3"), b"\xef\xbb\xbf \r\n<el3/>\n", NAMESPACE)
    assert edited.octets == AT_THE_END.replace(b"%s", b"<el3/>")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"text",
        b"<el3>",
        b"<el3></el4>",
        b"<el3/><el3/>",
        b"<el3/>text",
        b"text<el3/>",
        b"<!-- c --><el3/>",
        b"<el3/><?pi?>",
        b"<?xml version='1.0'?><el3/>",
        b"<!DOCTYPE el3><el3/>",
        b"</around><el3/><around>",
        b"<el3/></around><around>",
        b"<el3/></around><!--",
        b"<el3>&entity;</el3>",
        b"<p:el3/>",
        b"<el3 a='<'/>",
        b"<![CDATA[<el3/>]]>",
        b"<el3>\x00</el3>",
    ],
)
def test_a_body_that_is_not_one_element_is_refused(body: bytes) -> None:
    assert kind_of(START, node("root/el3"), body) is ConflictKind.NOT_XML_FRAGMENT


def test_a_body_that_is_not_utf_8_is_refused() -> None:
    assert kind_of(START, node("root/el3"), b"<el3>\xff</el3>") is ConflictKind.NOT_UTF8
    assert kind_of(START, node("root/el2/@att"), b"\xff") is ConflictKind.NOT_UTF8


def test_a_body_that_makes_too_much_of_a_document_is_refused() -> None:
    deep = b"<a>" * 70 + b"</a>" * 70
    assert kind_of(START, node("root/a"), deep) is ConflictKind.CONSTRAINT_FAILURE
    many = b"<a>" + b"<b/>" * 15_000 + b"</a>"
    octets = put(START, node("root/a"), many, NAMESPACE).octets
    assert kind_of(octets, node("root/a[2]"), many) is ConflictKind.CONSTRAINT_FAILURE


@pytest.mark.parametrize(
    ("selector", "ancestor"),
    [
        ("other/el1/x", ""),
        ("root/other/x", "root"),
        ("root/el1/x", "root"),
        ("root/el1%5B2%5D/a/b/c", "root/el1%5B2%5D"),
        ("root/other/@x", "root"),
        ("root/el1/@x", "root"),
        ("other/@x", ""),
    ],
)
def test_a_missing_parent_is_told_with_the_deepest_ancestor_there_is(selector: str, ancestor: str) -> None:
    with pytest.raises(Conflict) as caught:
        put(START, node(selector), b"<x/>", NAMESPACE)
    assert caught.value.kind is ConflictKind.NO_PARENT
    assert caught.value.ancestor == ancestor


def test_a_missing_parent_is_told_before_a_bad_body() -> None:
    assert kind_of(START, node("root/none/x"), b"<") is ConflictKind.NO_PARENT


def test_an_ancestor_is_told_with_the_prefixes_that_it_needs() -> None:
    octets = b'<root xmlns="urn:o"/>'
    with pytest.raises(Conflict) as caught:
        put(octets, node("o:root/p:a/b", "xmlns(o=urn:o)xmlns(p=urn:p)"), b"<b/>", NAMESPACE)
    assert caught.value.ancestor == "o:root?xmlns(o=urn:o)"


# Removing


def test_what_is_not_there_is_not_removed() -> None:
    for selector in ("other", "root/el1", "root/el4", "root/el1[3]", "root/el2/@other", "root/none/@att"):
        assert delete(START, node(selector), NAMESPACE) is None


def test_blanks_around_what_is_removed_stay() -> None:
    left = delete(START, node("root/el1[2]"), NAMESPACE)
    assert left == START.replace(b'<el1 att="second"/>', b"")


@pytest.mark.parametrize("selector", ["root/el1[1]", "root/*[1]", "root/*[2]", "root", "*"])
def test_what_would_be_replaced_by_another_node_is_not_removed(selector: str) -> None:
    with pytest.raises(Conflict) as caught:
        delete(START, node(selector), NAMESPACE)
    assert caught.value.kind is ConflictKind.CANNOT_DELETE


def test_two_of_three_alike_are_not_told_apart_by_removing_one() -> None:
    octets = b'<root xmlns="test-app"><a/><a x="1"/></root>'
    assert delete(octets, node("root/a[@x='1']"), NAMESPACE) == b'<root xmlns="test-app"><a/></root>'
    assert delete(octets, node("root/a[2]"), NAMESPACE) == b'<root xmlns="test-app"><a/></root>'


# Attributes


def test_an_attribute_is_read_as_it_stands() -> None:
    octets = b"<root xmlns='test-app' a='x&amp;&quot;' b = \"1\n2\"/>"
    assert selected(octets, node("root/@a"), NAMESPACE) == b"x&amp;&quot;"
    assert selected(octets, node("root/@b"), NAMESPACE) == b"1\n2"
    assert selected(octets, node("root/@c"), NAMESPACE) is None
    assert selected(octets, node("root/@xmlns"), NAMESPACE) is None


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b"new", b'"new"'),
        (b"", b'""'),
        (b"it's", b'"it\'s"'),
        (b'say "hi"', b"'say \"hi\"'"),
        (b"&lt;&#233;&amp;", b'"&lt;&#233;&amp;"'),
        ("é>".encode(), '"é>"'.encode()),
        (b" a\n", b'" a\n"'),
        (b"x' y='1", b"\"x' y='1\""),
    ],
)
def test_an_attribute_is_written_between_quotes_that_it_does_not_have(body: bytes, written: bytes) -> None:
    octets = b"<root xmlns='test-app'><a  x = 'old' /></root>"
    replaced = put(octets, node("root/a/@x"), body, NAMESPACE)
    assert replaced == (b"<root xmlns='test-app'><a  x = %s /></root>" % written, False)
    assert selected(replaced.octets, node("root/a/@x"), NAMESPACE) == body
    created = put(octets, node("root/a/@y"), body, NAMESPACE)
    assert created == (b"<root xmlns='test-app'><a  x = 'old' y=%s /></root>" % written, True)
    assert delete(created.octets, node("root/a/@y"), NAMESPACE) == octets


@pytest.mark.parametrize("body", [b"<", b"&", b"&foo;", b"a&b", b"&#0;", b"\"'", b"\x01", b"' \"", b"&lt"])
def test_what_is_no_value_of_an_attribute_is_refused(body: bytes) -> None:
    assert kind_of(START, node("root/el2/@att"), body) is ConflictKind.NOT_XML_ATTRIBUTE_VALUE


def test_an_attribute_by_which_its_element_is_selected_keeps_its_value() -> None:
    selector = node("root/el1[@att='second']/@att")
    assert kind_of(START, selector, b"third") is ConflictKind.CANNOT_INSERT
    assert put(START, selector, b"second", NAMESPACE) == (START, False)
    left = delete(START, selector, NAMESPACE)
    assert left == START.replace(b'<el1 att="second"/>', b"<el1/>")
    assert delete(left, selector, NAMESPACE) is None


def test_an_attribute_of_a_namespace_needs_a_prefix_in_scope() -> None:
    octets = b"<root xmlns='test-app' xmlns:i='urn:i' xmlns:j='test-app'><a/></root>"
    selector = node("root/a/@x:n", "xmlns(x=urn:i)")
    edited = put(octets, selector, b"1", NAMESPACE)
    assert edited.octets == octets.replace(b"<a/>", b'<a i:n="1"/>')
    assert delete(edited.octets, selector, NAMESPACE) == octets
    assert put(octets, node("root/a/@xml:lang"), b"en", NAMESPACE).octets == octets.replace(
        b"<a/>", b'<a xml:lang="en"/>'
    )
    unbound = node("root/a/@x:n", "xmlns(x=urn:unknown)")
    assert kind_of(octets, unbound, b"1") is ConflictKind.CANNOT_INSERT
    default = node("root/a/@x:n", "xmlns(x=test-app)")
    assert put(octets, default, b"1", NAMESPACE).octets == octets.replace(b"<a/>", b'<a j:n="1"/>')


def test_declarations_are_not_written_as_attributes() -> None:
    assert kind_of(START, node("root/el2/@xmlns"), b"urn:x") is ConflictKind.CANNOT_INSERT


# Namespaces


def test_the_namespaces_in_scope_are_those_of_an_empty_element() -> None:
    octets = (
        b"<root xmlns='test-app' xmlns:o='urn:a&amp;&quot;b'><o:a xmlns:i='urn:i'><b xmlns=''/></o:a></root>"
    )
    assert selected(octets, node("root/namespace::*"), NAMESPACE) == (
        b'<root xmlns="test-app" xmlns:o="urn:a&amp;&quot;b"/>'
    )
    selector = node("root/x:a/namespace::*", "xmlns(x=urn:a%26%22b)")
    assert selected(octets, selector, NAMESPACE) == (
        b'<o:a xmlns="test-app" xmlns:o="urn:a&amp;&quot;b" xmlns:i="urn:i"/>'
    )
    assert selected(octets, node("root/*/*/namespace::*"), NAMESPACE) == (
        b'<b xmlns="" xmlns:o="urn:a&amp;&quot;b" xmlns:i="urn:i"/>'
    )
    assert selected(octets, node("root/none/namespace::*"), NAMESPACE) is None


def test_the_name_of_a_namespace_is_told_with_all_its_characters() -> None:
    octets = b"<root xmlns='test-app' xmlns:o=' urn:o&#10;&lt; '><o:a/></root>"
    selector = node("root/namespace::*")
    told = selected(octets, selector, NAMESPACE)
    assert told == b'<root xmlns="test-app" xmlns:o=" urn:o&#10;&lt; "/>'
    assert selected(told, selector, NAMESPACE) == told
    assert put(octets, node("root/*[2]"), b"<o:b/>", NAMESPACE).octets == octets.replace(
        b"<o:a/>", b"<o:a/><o:b/>"
    )


def test_namespaces_are_neither_written_nor_removed() -> None:
    with pytest.raises(TypeError):
        put(START, node("root/namespace::*"), b"<root/>", NAMESPACE)
    with pytest.raises(TypeError):
        delete(START, node("root/namespace::*"), NAMESPACE)
