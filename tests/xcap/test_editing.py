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
