"""Documents as trees that know where in the octets each element and attribute stands."""

import gc
import time
from contextlib import suppress
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sip2xmpp.documents import xcap_tree
from sip2xmpp.documents.xcap_tree import (
    ATTRIBUTES,
    BINDINGS,
    DEPTH,
    ELEMENTS,
    Element,
    NotAccepted,
    NotUtf8,
    NotWellFormed,
    find,
    read,
)
from sip2xmpp.documents.xcap_uri import ANY, XML_NAMESPACE, NodeSelector, Step
from sip2xmpp.errors import BadDocument
from tests.documents.xcap_strategies import NAMESPACE, OTHER, STEPS, documents, everything, selector_of

START = b"""<root xmlns="test-app">
<el1 att="first"/>
<el1 att="second"/>
<!-- comment -->
<el2 att="first"/>
</root>"""


def found(octets: bytes, text: str, query: str = "", namespace: str | None = "test-app") -> bytes | None:
    element = find(read(octets), NodeSelector.parse(text, query), namespace)
    return None if element is None else element.octets


def test_an_element_knows_its_places() -> None:
    root = read(b"<?xml version='1.0'?>\n<a><b x='1'>t</b ><c\n/></a>\n")
    b, c = root.children
    assert root.octets == b"<a><b x='1'>t</b ><c\n/></a>"
    assert b.octets == b"<b x='1'>t</b >"
    assert b.source[b.content_start : b.content_end] == b"t"
    assert not b.is_empty_tag
    assert c.octets == b"<c\n/>"
    assert c.is_empty_tag
    assert c.content_start == c.content_end == c.end
    assert (root.line, b.line, c.line) == (2, 2, 2)
    assert b.text == "t"


@pytest.mark.parametrize(
    "tag",
    [
        b"<a x='1'/>",
        b"<a x='1'></a>",
        b'<a\n x = "1"\t/>',
        b"<a y='>' x='1' z='/>'/>",
        b"<a y='x=\"2\"' x='1'/>",
        b'<a y="x=\'2\'" x="1"></a>',
        b"<a xmlns='urn:1' xmlns:p='urn:2' p:x='2' x='1'/>",
        b"<a xx='2' x='1'/>",
    ],
)
def test_an_attribute_knows_its_places(tag: bytes) -> None:
    element = read(tag)
    span = element.attribute_spans[None, "x"]
    assert tag[span.value_start : span.value_end] == b"1"
    assert tag[span.start : span.end].split(b"=")[0].strip() == b"x"
    assert tag[span.start : span.start + 1].isspace()
    assert set(element.attribute_spans) == set(element.attributes)


def test_declarations_of_namespaces_are_no_attributes() -> None:
    element = read(b"<p:a xmlns='urn:1' xmlns:p='urn:2' p:b='3' xml:lang='en'><c/></p:a>")
    assert element.name == ("urn:2", "a")
    assert element.qname == "p:a"
    assert element.attributes == {("urn:2", "b"): "3", (XML_NAMESPACE, "lang"): "en"}
    assert set(element.attribute_spans) == set(element.attributes)
    assert element.namespaces == {"": "urn:1", "p": "urn:2", "xml": XML_NAMESPACE}
    assert element.children[0].name == ("urn:1", "c")


def test_a_default_namespace_can_be_taken_back() -> None:
    root = read(b"<a xmlns='urn:1'><b xmlns=''><c/></b></a>")
    assert root.children[0].name == (None, "b")
    assert root.children[0].children[0].name == (None, "c")


def test_a_new_attribute_goes_behind_the_last_one() -> None:
    for tag in (b"<a x='1' />", b"<a xmlns='urn:1' ></a>", b"<a></a>", b"<a\n/>"):
        element = read(tag)
        at = element.attributes_end
        assert read(tag[:at] + b' new="2"' + tag[at:]).get("new") == "2"


def test_values_are_as_xml_readers_see_them() -> None:
    root = read(b"<a x='&lt;&#65;\n&#10;' y='\xc3\xa9'>a&amp;b<b/><![CDATA[<c>]]></a>")
    assert root.get("x") == "<A \n"
    assert root.get("y") == "é"
    assert root.get("z", "none") == "none"
    assert root.text == "a&b<c>"


def test_children_are_found_by_name() -> None:
    root = read(b"<a xmlns='urn:1'><b n='1'/><c/><b n='2'/></a>")
    assert [each.get("n") for each in root.all("urn:1", "b")] == ["1", "2"]
    first = root.first("urn:1", "b")
    assert first is not None and first.get("n") == "1"
    assert root.first(None, "b") is None


@pytest.mark.parametrize(
    "inside", [b"/>", b"a/>", b"<![CDATA[/>]]>", b"<!-- /> -->", b"<?pi />?>", b"<b/>", b"", b" ", b"/>&gt;"]
)
def test_what_looks_like_the_end_of_a_tag_does_not_close_an_element(inside: bytes) -> None:
    octets = b"<x><a>" + inside + b"</a><a y='/>'></a></x>"
    first, second = read(octets).children
    assert (first.octets, second.octets) == (b"<a>" + inside + b"</a>", b"<a y='/>'></a>")
    assert octets[first.content_start : first.content_end] == inside
    assert not first.is_empty_tag
    assert second.content_start == second.content_end
    assert not second.is_empty_tag


def test_a_tree_goes_with_its_last_use() -> None:
    gc.collect()
    gc.disable()
    try:
        read(b"<a><b/></a>")
        with suppress(NotWellFormed):
            read(b"<a>")
        assert not [each for each in gc.get_objects() if isinstance(each, xcap_tree._Reading)]
    finally:
        gc.enable()


def test_a_byte_order_mark_does_not_move_anything() -> None:
    root = read(b"\xef\xbb\xbf<a><b/></a>")
    assert root.children[0].octets == b"<b/>"


@pytest.mark.parametrize(
    "octets",
    [
        b"<a>\xff</a>",
        b"<a>\xc3</a>",
        b"<a>\xed\xa0\x80</a>",
        b"<a>\xc0\xaf</a>",
        b"\xff\xfe<\x00a\x00/\x00>\x00",
        "<a/>".encode("utf-16-be"),
        "<a/>".encode("utf-16-le"),
        "<a/>".encode("utf-32"),
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        b"<?xml version='1.0' encoding='UTF-16'?><a/>",
        b"<?xml version='1.0' encoding='us-ascii'?><a/>",
    ],
)
def test_only_utf_8_is_accepted(octets: bytes) -> None:
    with pytest.raises(NotUtf8):
        read(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b" ",
        b"text",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>text",
        b"</a>",
        b"<a b/>",
        b"<a b=1/>",
        b"<a b='<'/>",
        b"<a b='1' b='2'/>",
        b"<a>&nbsp;</a>",
        b"<a>&</a>",
        b"<a>&#0;</a>",
        b"<a>]]></a>",
        b"<a><!-- -- --></a>",
        b" <?xml version='1.0'?><a/>",
        b"<p:a/>",
        b"<a p:b='1'/>",
        b"<a:b:c xmlns:a='urn:1'/>",
        b"<:a/>",
        b"<a xmlns:p=''/>",
        b"<a xmlns:xmlns='urn:1'/>",
        b"<a xmlns:xml='urn:1'/>",
        b"<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        b"<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        b"<a xmlns:p='urn:1' xmlns:q='urn:1' p:b='1' q:b='2'/>",
        b"<a>\x00</a>",
        b"<a>\x01</a>",
        b"<a \xc3\x97='1'/>",
    ],
)
def test_what_is_not_xml_with_namespaces_is_refused(octets: bytes) -> None:
    with pytest.raises(NotWellFormed):
        read(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"<!DOCTYPE a><a/>",
        b"<!DOCTYPE a SYSTEM 'http://example.org/a.dtd'><a/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<!DOCTYPE a [<!ENTITY a0 'x'>%s]><a>&a9;</a>"
        % b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)),
        b"<a>" * (DEPTH + 1) + b"</a>" * (DEPTH + 1),
        b"<a>" * 30_000,
        b"<a>" + b"<b/>" * ELEMENTS + b"</a>",
        b"<a %s/>" % b" ".join(b"a%d=''" % n for n in range(ATTRIBUTES + 1)),
        b"<a %s/>" % b" ".join(b"xmlns:a%d='urn:1'" % n for n in range(BINDINGS)),
        b"<a>%s</a>" % (b" " * xcap_tree.SIZE_LIMIT),
    ],
    ids=range(10),
)
def test_what_a_stranger_could_hurt_with_is_refused(octets: bytes) -> None:
    with pytest.raises(NotAccepted):
        read(octets)


def test_what_is_just_small_enough_is_accepted() -> None:
    read(b"<a>" * DEPTH + b"</a>" * DEPTH)
    read(b"<a>" + b"<b/>" * (ELEMENTS - 1) + b"</a>")
    read(b"<a/>", limit=4)
    with pytest.raises(NotAccepted):
        read(b"<a/>", limit=3)


def test_what_is_wrong_is_told_with_its_line() -> None:
    with pytest.raises(NotWellFormed, match=r"^line 3: mismatched tag$"):
        read(b"<a>\n<b>\n</a>")
    with pytest.raises(NotWellFormed, match=r"^line 2: the prefix p is not bound"):
        read(b"<a>\n<p:b/></a>")


# Selecting


@pytest.mark.parametrize(
    ("selector", "octets"),
    [
        ("root", START),
        ("*", START),
        ("root[1]", START),
        ("root[2]", None),
        ("other", None),
        ("root/el2", b'<el2 att="first"/>'),
        ("root/el1", None),
        ("root/el1[1]", b'<el1 att="first"/>'),
        ("root/el1[2]", b'<el1 att="second"/>'),
        ("root/el1[3]", None),
        ("root/el1[0]", None),
        ("root/*", None),
        ("root/*[3]", b'<el2 att="first"/>'),
        ("root/*[4]", None),
        ("root/el1[@att='second']", b'<el1 att="second"/>'),
        ("root/el1[@att='third']", None),
        ("root/el1[@other='first']", None),
        ("root/*[@att='second']", b'<el1 att="second"/>'),
        ("root/*[@att='first']", None),
        ("root/el1[1][@att='first']", b'<el1 att="first"/>'),
        ("root/el1[2][@att='first']", None),
        ("root/*[3][@att='first']", b'<el2 att="first"/>'),
        ("root[@xmlns='test-app']", None),
        ("root/el2/el3", None),
        ("root/el1/el3", None),
    ],
)
def test_each_step_selects_exactly_one_element(selector: str, octets: bytes | None) -> None:
    assert found(START, selector) == octets


def test_every_step_has_to_be_unambiguous_even_if_the_last_one_would_be() -> None:
    octets = b"<a xmlns='test-app'><b><c/></b><b/></a>"
    assert found(octets, "a/b/c") is None
    assert found(octets, "a/b[1]/c") == b"<c/>"


def test_names_are_compared_by_namespace_whatever_their_prefixes() -> None:
    octets = b"<x:a xmlns:x='test-app' xmlns:y='urn:1'><y:b y:c='1' c='2'/><b xmlns='urn:1'/><b/></x:a>"
    assert found(octets, "a/n:b[1]", "xmlns(n=urn:1)") == b"<y:b y:c='1' c='2'/>"
    assert found(octets, "a/n:b[@n:c='1']", "xmlns(n=urn:1)") == b"<y:b y:c='1' c='2'/>"
    assert found(octets, "a/n:b[@c='1']", "xmlns(n=urn:1)") is None
    assert found(octets, "a/n:b[@c='2']", "xmlns(n=urn:1)") == b"<y:b y:c='1' c='2'/>"
    assert found(octets, "a/b") is None
    assert found(octets, "a/b", namespace=None) is None
    assert found(b"<a/>", "a", namespace=None) == b"<a/>"


def test_values_are_compared_as_xml_readers_see_them() -> None:
    octets = b"<a xmlns='test-app'><b c='&quot;&#233;\n'/></a>"
    assert found(octets, "a/b[@c='%22%C3%A9%20']") is not None
    assert found(octets, "a/b[@c='&quot;&%23233;%0A']") is not None
    assert found(octets, "a/b[@c='%22%C3%A9']") is None


# Properties

READER = etree.XMLParser(remove_comments=True, remove_pis=True, strip_cdata=True)


def _compare(ours: Element, theirs: etree._Element) -> None:
    assert theirs.tag == (f"{{{ours.namespace}}}{ours.local}" if ours.namespace else ours.local)
    assert dict(theirs.attrib) == {
        (f"{{{namespace}}}{local}" if namespace else local): value
        for (namespace, local), value in ours.attributes.items()
    }
    assert ours.text == (theirs.text or "") + "".join(each.tail or "" for each in theirs)
    assert len(ours.children) == len(theirs)
    for each, other in zip(ours.children, theirs, strict=True):
        _compare(each, other)


@given(documents())
def test_a_document_is_read_as_other_readers_do(octets: bytes) -> None:
    _compare(read(octets), etree.fromstring(octets, READER))


@given(documents())
def test_places_are_those_of_tags_and_values(octets: bytes) -> None:
    root = read(octets)
    for each in everything(root):
        element = each.element
        assert octets[element.start : element.start + 1] == b"<"
        assert octets[element.end - 1 : element.end] == b">"
        if not element.is_empty_tag:
            assert octets.startswith(b"</", element.content_end)
        spans = element.attribute_spans
        assert set(spans) == set(element.attributes)
        for name, span in spans.items():
            raw = octets[span.value_start : span.value_end].decode()
            assert unescape(raw.replace("\n", " ").replace("\t", " ")) == element.attributes[name]
            read(octets[: span.start] + octets[span.end :])
        assert find(root, selector_of(each), NAMESPACE) is element


def _by_xpath(octets: bytes, steps: list[Step]) -> etree._Element | None:
    """What another implementation of XPath selects, asked step by step so that each selects exactly one."""
    namespaces = {"d": NAMESPACE, "o": OTHER}
    found: etree._Element | etree._ElementTree = etree.ElementTree(etree.fromstring(octets, READER))
    for step in steps:
        path = "*" if step.name == ANY else f"{step.name.prefix or 'd'}:{step.name.local}"
        if step.position is not None:
            path += f"[{step.position}]"
        if step.test is not None:
            path += f"[@{step.test.name}=$value]"
        root = found.getroot() if isinstance(found, etree._ElementTree) else None
        if root is None:
            chosen = found.xpath(path, namespaces=namespaces, value=step.test.value if step.test else "")
        else:
            chosen = root.xpath(f"/{path}", namespaces=namespaces, value=step.test.value if step.test else "")
        if len(chosen) != 1:
            return None
        (found,) = chosen
    return found


@given(documents(), st.data())
def test_a_selector_selects_what_xpath_does_step_by_step(octets: bytes, data: st.DataObject) -> None:
    root = read(octets)
    parent = data.draw(st.sampled_from(everything(root)))
    steps = [*selector_of(parent).steps, *data.draw(st.lists(STEPS, min_size=1, max_size=2))]
    if data.draw(st.booleans()):
        steps = data.draw(st.lists(STEPS, min_size=1, max_size=3))
    ours = find(root, NodeSelector(steps=tuple(steps), prefixes=(("o", OTHER),)), NAMESPACE)
    theirs = _by_xpath(octets, steps)
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        _compare(ours, theirs)


@given(st.one_of(st.binary(max_size=60), documents()), st.integers(0, 200), st.binary(max_size=4))
def test_whatever_is_sent_is_read_or_refused(octets: bytes, at: int, more: bytes) -> None:
    octets = octets[:at] + more + octets[at:]
    try:
        root = read(octets)
    except BadDocument:
        return
    assert root.octets in octets


@pytest.mark.parametrize(
    "octets",
    [
        b"<" * 60_000,
        b"<a>" * 20_000,
        b"<a " + b"b='" * 20_000,
        b"<a b='" + b">" * 60_000 + b"'/>",
        b"<a>" + b"<b c='\"' d=\"'\">" * 4_000,
        b"<a>" + b"<b></b>" * 8_500 + b"</a>",
        b"<a>" + b"<b/>x" * 12_000 + b"</a>",
        b"<a %s>" % b" ".join(b"xmlns:a%d='u'" % n for n in range(60)) + b"<b xmlns:z='u'/>" * 3_600 + b"</a>",
        b"<a>" + b"<b %s/>" % b" ".join(b"a%d=''" % n for n in range(250)) * 25 + b"</a>",
        b"<a>" + b"&#65;" * 12_000 + b"</a>",
        b"<a>" + b"]" * 60_000 + b"</a>",
        b"<!--" + b"-" * 60_000,
        b"<a>" + b"<![CDATA[" * 6_000,
        b"<" + b"a" * 60_000 + b"/>",
        b"<a" + b" " * 60_000 + b"/>",
    ],
    ids=range(15),
)  # fmt: skip
def test_a_hostile_document_takes_no_more_than_its_length(octets: bytes) -> None:
    began = time.process_time()
    try:
        root = read(octets)
    except BadDocument:
        pass
    else:
        for each in (root, *root.children):
            each.attribute_spans  # noqa: B018
    assert time.process_time() - began < 1
