"""What holds for every document, every selector and every body."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sip2xmpp.documents.xcap_tree import Element, find, read
from sip2xmpp.documents.xcap_uri import ANY, AttributeTest, NodeSelector, QName, Step
from sip2xmpp.errors import BadDocument
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind
from sip2xmpp.xcap.editing import delete, put, selected
from tests.documents.xcap_strategies import (
    ATTRIBUTES,
    NAMES,
    NAMESPACE,
    OTHER,
    STEPS,
    documents,
    element,
    everything,
    selector_of,
)

T = TypeVar("T")

FRAGMENTS = element(depth=3).map(str.encode)
"""Elements whose prefixes are those that every document binds."""
ENDS = st.one_of(
    st.none(), st.builds(QName, st.sampled_from(["", "", "o"]), st.sampled_from([*ATTRIBUTES, "new"]))
)
VALUES = st.text(st.sampled_from("abc é\"'>\n;&#"), max_size=6)


BODIES = st.tuples(FRAGMENTS, VALUES.map(str.encode))
"""An element and the value of an attribute, of which one is put."""


def _tried(change: Callable[[], T]) -> T | ConflictKind:
    try:
        return change()
    except Conflict as conflict:
        return conflict.kind


@given(documents(), st.lists(STEPS, min_size=1, max_size=3), ENDS, BODIES)
def test_what_is_put_is_what_is_found_and_all_else_stays(
    octets: bytes, steps: list[Step], attribute: QName | None, bodies: tuple[bytes, bytes]
) -> None:
    node = NodeSelector(steps=tuple(steps), attribute=attribute, prefixes=(("o", OTHER),))
    _put_and_look(octets, node, bodies)


@given(documents(), st.data(), st.lists(STEPS, max_size=1), ENDS, BODIES)
def test_what_is_put_below_an_element_that_exists_is_what_is_found(
    octets: bytes, data: st.DataObject, more: list[Step], attribute: QName | None, bodies: tuple[bytes, bytes]
) -> None:
    parent = data.draw(st.sampled_from(everything(read(octets))))
    _put_and_look(octets, selector_of(parent, *more, attribute=attribute), bodies)


def _put_and_look(octets: bytes, node: NodeSelector, bodies: tuple[bytes, bytes]) -> None:
    body = bodies[node.attribute is not None]
    before = selected(octets, node, NAMESPACE)
    edited = _tried(lambda: put(octets, node, body, NAMESPACE))
    if isinstance(edited, ConflictKind):
        assert edited is not ConflictKind.NOT_UTF8
        assert edited is not ConflictKind.NOT_XML_ATTRIBUTE_VALUE or node.attribute is not None
        # Below the root element all prefixes are bound.
        assert edited is not ConflictKind.NOT_XML_FRAGMENT or len(node.steps) == 1
        return
    assert selected(edited.octets, node, NAMESPACE) == body
    assert edited.created == (before is None)
    assert put(edited.octets, node, body, NAMESPACE) == (edited.octets, False)
    if before is not None:
        if node.attribute is None:
            assert put(edited.octets, node, before, NAMESPACE).octets == octets
        return
    left = delete(edited.octets, node, NAMESPACE)
    assert left is not None
    assert selected(left, node, NAMESPACE) is None
    parent = find(read(octets), node.upto(len(node.steps) - 1), NAMESPACE) if len(node.steps) > 1 else None
    if node.attribute is None and parent is not None and parent.is_empty_tag:
        opened = octets[: parent.end - 2] + b">"
        assert left == opened + b"</" + parent.qname.encode() + b">" + octets[parent.end :]
    else:
        assert left == octets


@given(documents(), st.data(), st.sampled_from(NAMES), st.sampled_from([None, 1, 2, 3]), st.booleans())
def test_a_new_element_stands_where_its_position_says(
    octets: bytes, data: st.DataObject, local: str, position: int | None, is_any: bool
) -> None:
    found = data.draw(st.sampled_from(everything(read(octets))))
    parent = found.element
    name = ANY if is_any else QName("", local)
    step = Step(name=name, position=position, test=AttributeTest(QName("", "new"), "1"))
    body = f'<{local} xmlns="{NAMESPACE}" new="1"/>'.encode()
    node = selector_of(found, step)
    alike = list(parent.children) if is_any and position else parent.all(NAMESPACE, local)
    if position is not None and position > len(alike) + 1:
        with pytest.raises(Conflict):
            put(octets, node, body, NAMESPACE)
        return
    after = find(read(put(octets, node, body, NAMESPACE).octets), selector_of(found), NAMESPACE)
    assert after is not None
    among = list(after.children) if is_any and position else after.all(NAMESPACE, local)
    wanted = len(alike) if position is None else position - 1
    assert [each.get("new") == "1" for each in among].index(True) == wanted
    assert [each.octets for each in among[:wanted]] == [each.octets for each in alike[:wanted]]


@given(documents(), st.data())
def test_what_is_removed_is_one_element_and_nothing_else(octets: bytes, data: st.DataObject) -> None:
    found = data.draw(st.sampled_from(everything(read(octets))))
    assume(len(found.path) > 1)
    gone = found.element
    left = _tried(lambda: delete(octets, selector_of(found), NAMESPACE))
    if isinstance(left, ConflictKind):
        assert left is ConflictKind.CANNOT_DELETE
        assert _has_later_twin(found.path[-2], gone)
        return
    assert left == octets[: gone.start] + octets[gone.end :]


def _has_later_twin(parent: Element, gone: Element) -> bool:
    among = list(parent.children) if gone.namespace is None else parent.all(*gone.name)
    return among.index(gone) < len(among) - 1


@given(documents(), st.data(), st.binary(max_size=12))
def test_any_octets_as_a_body_are_one_element_or_refused(
    octets: bytes, data: st.DataObject, body: bytes
) -> None:
    found = data.draw(st.sampled_from(everything(read(octets))))
    for node in (
        selector_of(found),
        selector_of(found, Step(name=QName("", "a"))),
        selector_of(found, attribute=QName("", "x")),
    ):
        try:
            edited = put(octets, node, body, NAMESPACE)
        except Conflict:
            continue
        read(edited.octets)
        assert body.strip(b" \t\r\n").removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n") in edited.octets


@given(st.binary(max_size=40), st.lists(STEPS, min_size=1, max_size=2))
def test_a_document_that_is_none_is_refused_as_one(octets: bytes, steps: list[Step]) -> None:
    node = NodeSelector(steps=tuple(steps), prefixes=(("o", OTHER),))
    with suppress(BadDocument, Conflict):
        selected(octets, node, NAMESPACE)
    with suppress(BadDocument, Conflict):
        put(octets, node, b"<a/>", NAMESPACE)
    with suppress(BadDocument, Conflict):
        delete(octets, node, NAMESPACE)


HOSTILE = [
    b"<a>" * 20_000,
    b"<" * 60_000,
    b"<a>" + b"<b/>" * 15_000 + b"</a>",
    b"<a " + b"x='" * 20_000,
    b"<a x='" + b"&amp;" * 12_000 + b"'/>",
    b"&" * 60_000,
    b"</around>" * 6_000,
    b"\xff" * 60_000,
    b"<a/>" + b" " * 60_000 + b"<a/>",
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_body_takes_no_more_than_its_length(body: bytes) -> None:
    start = f'<a xmlns="{NAMESPACE}">'.encode() + b"<b x='1'/>" * 6_000 + b"</a>"
    steps = (Step(name=QName("", "a")), Step(name=QName("", "b"), position=3_000))
    began = time.process_time()
    for node in (
        NodeSelector(steps=steps),
        NodeSelector(steps=steps, attribute=QName("", "x")),
        NodeSelector(steps=(*steps, Step(name=QName("", "a")))),
    ):
        with suppress(Conflict):
            put(start, node, body, NAMESPACE)
    assert time.process_time() - began < 2
