"""What changed between two documents, applied by a reader that knows nothing of how it was found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import pidf, pidf_diff
from sip2xmpp.documents.presence import Presence
from tests.documents.patching import Reader, canonical
from tests.documents.strategies import crowds, documents

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" '
    'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" entity="sip:juliet@example.com">'
)
TUPLE = '<tuple id="{id}"><status><basic>{basic}</basic></status>{rest}</tuple>'


def written(inside: str) -> bytes:
    return f"{HEAD}{inside}</presence>".encode()


def a_tuple(name: str = "a", basic: str = "open", rest: str = "") -> str:
    return TUPLE.format(id=name, basic=basic, rest=rest)


def applied(before: bytes, after: bytes) -> bytes | None:
    """The diff, after it was seen to lead from one document to the other; None where there is none."""
    reader = Reader()
    reader.read(pidf_diff.full(before, 7))
    assert reader.document == canonical(before)
    said = pidf_diff.operations(before, after)
    if said is None:
        return None
    diff = pidf_diff.diff(said, 8)
    reader.read(diff)
    assert reader.document == canonical(after) and not reader.stale
    return diff


CHANGES = [
    (a_tuple(), a_tuple(basic="closed"), b"*/*[1]/*[1]/*[1]/text()"),
    (a_tuple(), a_tuple() + a_tuple("b"), b'<p:add sel="*/*[1]" pos="after"><tuple id="b">'),
    (a_tuple(), a_tuple("b") + a_tuple(), b'<p:add sel="*" pos="prepend"><tuple id="b">'),
    (a_tuple() + a_tuple("b"), a_tuple("b"), b'<p:remove sel="*/*[1]"/>'),
    (a_tuple() + a_tuple("b"), "", b'<p:remove sel="*/*[2]"/><p:remove sel="*/*[1]"/>'),
    ("", a_tuple(), b'<p:add sel="*" pos="prepend">'),
    (a_tuple() + a_tuple("b"), a_tuple("b") + a_tuple(), b"add"),
    (a_tuple(rest="<note>a</note>"), a_tuple(rest='<note xml:lang="de">a</note>'), b'type="@xml:lang"'),
    (a_tuple(rest='<note xml:lang="en">the same in both</note>'), a_tuple(rest="<note>the same in both</note>"), b"/@xml:lang"),
    (a_tuple(rest='<contact priority="0.1">sip:a</contact>'), a_tuple(rest='<contact priority="0.5">sip:a</contact>'), b"/@priority"),
    (a_tuple(rest="<note>a &lt; b</note>"), a_tuple(rest="<note>a &amp; b</note>"), b"a &amp; b"),
    (a_tuple(rest="<x><y/></x>"), a_tuple(rest="<x>text</x>"), b"<x>text</x>"),
    (a_tuple(rest="<x>text</x>"), a_tuple(rest="<x/>"), b"<p:remove"),
    (a_tuple(rest="<x/>"), a_tuple(rest="<x>text</x>"), b"<p:add"),
    (a_tuple(rest="<x>one <y/> two</x>"), a_tuple(rest="<x>one <y/> three</x>"), b"<p:replace"),
    (a_tuple(rest='<x xmlns:q="urn:q" q:a="1"/>'), a_tuple(rest='<x xmlns:q="urn:q" q:a="2"/>'), b"<p:replace"),
    (a_tuple(rest='<x xmlns="urn:one"/>'), a_tuple(rest='<x xmlns="urn:two"/>'), b"urn:two"),
    (a_tuple(), a_tuple() + '<dm:person id="p"><dm:note>x</dm:note></dm:person>', b'<dm:person id="p">'),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "said"), CHANGES)
def test_each_kind_of_change_has_its_operation(before: str, after: str, said: bytes) -> None:
    diff = applied(written(before), written(after))
    assert diff is not None and said in diff


def test_namespaces_of_the_root_are_not_repeated_in_what_is_added() -> None:
    diff = applied(written(a_tuple()), written(a_tuple() + '<dm:person id="p"/>'))
    assert diff is not None and diff.count(b"xmlns") == 3


def test_no_change_is_no_operation() -> None:
    same = written(a_tuple())
    said = pidf_diff.operations(same, same)
    assert said is not None and said.endswith(b">") and b"<p:" not in said
    assert applied(same, same) is not None


def test_another_entity_has_no_diff() -> None:
    assert applied(written(""), written("").replace(b"juliet", b"romeo")) is None


def test_an_empty_document_may_be_told_in_full() -> None:
    octets = (HEAD.removesuffix(">") + "/>").encode()
    reader = Reader()
    reader.read(pidf_diff.full(octets, 2**32 + 1))
    assert reader.version == 1 and reader.document == canonical(octets)
    assert applied(octets, written(a_tuple())) is not None
    assert applied(written(a_tuple()), octets) is not None


@given(documents | crowds, documents | crowds)
def test_any_document_can_be_made_of_any_other(one: Presence, other: Presence) -> None:
    applied(pidf.write(one), pidf.write(other))


small = st.lists(
    st.builds(
        a_tuple,
        st.sampled_from("abc"),
        st.sampled_from(["open", "closed"]),
        st.sampled_from(
            ["", "<note>x</note>", "<note>y</note><note>x</note>", '<c p="1"/>', '<c p="2">z</c>']
        ),
    ),
    max_size=6,
).map("".join)


@given(small, small)
def test_any_list_can_be_made_of_any_other(one: str, other: str) -> None:
    assert applied(written(one), written(other)) is not None
