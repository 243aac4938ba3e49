"""The document that tells a client why its change was refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sip2xmpp.documents.xcap_tree import read
from sip2xmpp.xcap.conflicts import NAMESPACE, Conflict, ConflictKind, Exists
from sip2xmpp.xcap.validation import check_schema

BASE = "http://xcap.example.org/xcap/resource-lists/users/sip:juliet@example.org/index"


def only(conflict: Conflict, base: str = "") -> etree._Element:
    octets = conflict.document(base)
    check_schema(octets)
    root = etree.fromstring(octets)
    assert root.tag == f"{{{NAMESPACE}}}xcap-error"
    (child,) = root
    return child


@pytest.mark.parametrize("kind", ConflictKind)
@pytest.mark.parametrize("phrase", ["", 'It is "not" <so> & so.\x00\n'])
def test_every_conflict_is_one_element_that_is_valid(kind: ConflictKind, phrase: str) -> None:
    exists = [Exists("a/b/@c")] if kind is ConflictKind.UNIQUENESS_FAILURE else []
    child = only(Conflict(kind, phrase, exists=exists))
    assert child.tag == f"{{{NAMESPACE}}}{kind.value}"
    if kind is ConflictKind.EXTENSION:
        assert not child.attrib
        (oma,) = child
        assert oma.tag == "{urn:oma:xml:xdm:xcap-error}local-constraint-failure"
    else:
        assert child.get("phrase", "") == ('It is "not" <so> & so.' if phrase else "")


def test_an_ancestor_is_told_below_the_document() -> None:
    conflict = Conflict(ConflictKind.NO_PARENT, ancestor="a/b?xmlns(p=urn:1)")
    (ancestor,) = only(conflict, BASE)
    assert ancestor.text == f"{BASE}/~~/a/b?xmlns(p=urn:1)"
    (ancestor,) = only(Conflict(ConflictKind.NO_PARENT, ancestor=""), BASE)
    assert ancestor.text == BASE
    assert len(only(Conflict(ConflictKind.NO_PARENT))) == 0


def test_what_exists_is_told_with_what_would_be_free() -> None:
    conflict = Conflict(
        ConflictKind.UNIQUENESS_FAILURE,
        exists=[Exists("a/list%5B2%5D/@name", ("friends-2", "friends & co")), Exists("a/list%5B3%5D/@name")],
    )
    first, second = only(conflict)
    assert first.get("field") == "a/list%5B2%5D/@name"
    assert [each.text for each in first] == ["friends-2", "friends & co"]
    assert second.get("field") == "a/list%5B3%5D/@name"
    assert len(second) == 0


def test_the_text_of_a_conflict_is_for_people() -> None:
    assert str(Conflict(ConflictKind.CANNOT_INSERT, "why")) == "why"
    assert str(Conflict(ConflictKind.CANNOT_INSERT)) == "cannot-insert"


@given(st.sampled_from(ConflictKind), st.text(), st.text(), st.lists(st.text(), max_size=2))
def test_whatever_is_told_is_well_formed(
    kind: ConflictKind, phrase: str, field: str, values: list[str]
) -> None:
    conflict = Conflict(kind, phrase, exists=[Exists(field, tuple(values))])
    root = read(conflict.document(BASE))
    assert len(root.children) == 1
