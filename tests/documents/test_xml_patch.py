"""Patches of any document, applied by a reader that knows nothing of how they were found."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sip2xmpp.documents import xml, xml_patch
from tests.documents.patching import patch

LISTS = "urn:ietf:params:xml:ns:resource-lists"
DIFF = "urn:ietf:params:xml:ns:xcap-diff"


def document(inside: str, declared: str = "") -> bytes:
    return f'<resource-lists xmlns="{LISTS}"{declared}>{inside}</resource-lists>'.encode()


def said(before: bytes, after: bytes) -> list[str] | None:
    old, new = (xml.parse(each, whole=True, limit=1_000_000) for each in (before, after))
    return xml_patch.operations(old, new, known={None: DIFF})


def canonical(tree: etree._ElementTree) -> bytes:
    """With comments, and with every namespace in scope."""
    root = tree.getroot()
    return etree.tostring(etree.ElementTree(etree.fromstring(etree.tostring(root))), method="c14n")


def applied(before: bytes, after: bytes) -> list[str] | None:
    """The operations, after they were seen to lead from one document to the other."""
    operations = said(before, after)
    if operations is not None:
        tree = etree.ElementTree(etree.fromstring(before))
        for operation in etree.fromstring(f'<x xmlns="{DIFF}">{"".join(operations)}</x>'):
            patch(tree, operation)
        assert canonical(tree) == canonical(etree.ElementTree(etree.fromstring(after))), operations
    return operations


INDENTED = '\n <list name="a">\n  <entry uri="sip:bob@example.com"/>\n  <entry uri="sip:eve@example.com"/>\n </list>\n'
BOB, EVE = '\n  <entry uri="sip:bob@example.com"/>', '\n  <entry uri="sip:eve@example.com"/>'
IN_LIST = "*/*[1]"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (INDENTED, []),
        (INDENTED.replace(BOB, ""), [f'<remove sel="{IN_LIST}/*[1]" ws="before"/>']),
        (INDENTED.replace(EVE, ""), [f'<remove sel="{IN_LIST}/*[2]" ws="before"/>']),
        (
            INDENTED.replace(EVE, f"{EVE}{EVE.replace('eve', 'joe')}"),
            [f'<add sel="{IN_LIST}/*[2]" pos="after">\n  <entry xmlns="{LISTS}" uri="sip:joe@example.com"/></add>'],
        ),
        (
            INDENTED.replace(BOB, f"{BOB.replace('bob', 'joe')}{BOB}"),
            [f'<add sel="{IN_LIST}" pos="prepend">\n  <entry xmlns="{LISTS}" uri="sip:joe@example.com"/></add>'],
        ),
        (INDENTED.replace("bob", "joe"), [f'<replace sel="{IN_LIST}/*[1]/@uri">sip:joe@example.com</replace>']),
        (INDENTED.replace('name="a"', 'name="b"'), [f'<replace sel="{IN_LIST}/@name">b</replace>']),
        (INDENTED.replace(' name="a"', ""), [f'<remove sel="{IN_LIST}/@name"/>']),
        (INDENTED.replace(' name="a"', ' name="a" x="&lt;"'), [f'<add sel="{IN_LIST}" type="@x">&lt;</add>']),
        (INDENTED.replace("\n </list>", "</list>"), [f'<remove sel="{IN_LIST}/text()[3]"/>']),
        (INDENTED.replace("\n </list>", "<!--x-->\n </list>"), [f'<add sel="{IN_LIST}/*[2]" pos="after"><!--x--></add>']),
        ("", None),
    ],
)  # fmt: skip
def test_usual_changes_are_one_operation(after: str, expected: list[str] | None) -> None:
    made = applied(document(INDENTED), document(after))
    assert made is not None and (expected is None or made == expected)


def test_text_is_replaced_where_it_stands() -> None:
    before = document("<list><display-name>A long enough name</display-name><!--a--> <!--b--> end</list>")
    after = before.replace(b"A long enough name", b"Another").replace(b"--> end", b"-->END")
    assert applied(before, after) == [
        '<replace sel="*/*[1]/text()[2]">END</replace>',
        '<replace sel="*/*[1]/*[1]/text()[1]">Another</replace>',
    ]


def test_a_root_of_another_name_or_scope_has_no_patch() -> None:
    assert said(document(""), b"<other/>") is None
    assert said(document(""), document("", ' xmlns:x="urn:x"')) is None
    assert said(document(""), document("", ' a="1"')) == ['<add sel="*" type="@a">1</add>']
    prefixed = document("", ' xmlns:x="urn:x"')
    assert said(prefixed, document("", ' xmlns:x="urn:x" x:a="1"')) is None


def test_elements_without_a_namespace_stay_without() -> None:
    before, after = b"<a><b/></a>", b"<a><b/><c d='/'/><e>f</e></a>"
    assert applied(before, after) == [
        '<add sel="*/*[1]" pos="after"><c xmlns="" d="/"/><e xmlns="">f</e></add>'
    ]


def test_a_namespace_declared_inside_makes_another_element() -> None:
    before, after = document('<list name="a"/>'), document('<list xmlns:x="urn:x" name="a"/>')
    made = applied(before, after)
    assert made is not None and made[0].startswith('<replace sel="*/*[1]">')


def test_moved_members_are_taken_out_and_put_in() -> None:
    entries = [f'<entry uri="sip:user{number}@example.com"/>' for number in range(30)]
    moved = [*entries[5:], *entries[:5]]
    made = applied(
        document("<list>" + "".join(entries) + "</list>"), document("<list>" + "".join(moved) + "</list>")
    )
    assert made is not None and len(made) == 6


@pytest.mark.parametrize("distinct", [1, 2, 5_000])
def test_large_documents_cost_little_whatever_is_in_them(distinct: int) -> None:
    def of(numbers: range) -> bytes:
        return document(
            "<list>" + "".join([f"<a b='{number % distinct}'/><c/>" for number in numbers]) + "</list>"
        )

    begun = time.process_time()
    applied(of(range(4_000)), of(range(4_000, 0, -1)))
    applied(of(range(4_000)), of(range(1_000, 5_000)))
    assert time.process_time() - begun < 8


def test_deep_documents_are_compared_to_the_bottom() -> None:
    depth = 200
    before, after = (
        document("<list>" * depth + text + "</list>" * depth) for text in ("one", "two, which is longer")
    )
    assert len(applied(before, after) or ()) == 1


texts = st.sampled_from(["", "", " ", "\n  ", "a", "b & <", "\t"])
names = st.sampled_from(["a", "b", "x:a", "y:c"])
attributes = st.dictionaries(
    st.sampled_from(["id", "uri", "k", "x:k", "xml:lang"]), st.sampled_from(["1", "2", "&\n"]), max_size=2
)
declared = st.sampled_from(["", "", "", ' xmlns:z="urn:z"', ' xmlns="urn:other"', ' xmlns=""'])
others = st.sampled_from(["<!--c-->", "<!--d-->", "<?p q?>", "<?p?>"])


def quoted(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "&#10;")


def element(name: str, held: dict[str, str], scope: str, inside: list[str]) -> str:
    said = "".join(f' {key}="{quoted(value)}"' for key, value in held.items())
    return f"<{name}{scope}{said}>{''.join(inside)}</{name}>"


nodes = st.recursive(
    others | texts.map(quoted) | st.builds(element, names, attributes, declared, st.just([])),
    lambda inner: st.builds(element, names, attributes, declared, st.lists(inner, max_size=5)),
    max_leaves=12,
)
roots = st.lists(nodes, max_size=6).map(
    lambda inside: document("".join(inside), ' xmlns:x="urn:x" xmlns:y="urn:y"')
)


@given(roots, roots)
def test_any_document_can_be_made_of_any_other(before: bytes, after: bytes) -> None:
    assert applied(before, after) is not None


@given(roots)
def test_a_document_differs_in_nothing_from_itself(octets: bytes) -> None:
    assert applied(octets, octets) == []
