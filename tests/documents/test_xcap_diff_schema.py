"""What is told of documents of an XCAP server is valid by its schema, whatever has become of them."""

from pathlib import Path

import pytest
from hypothesis import given
from lxml import etree

from sip2xmpp.documents import xml, xml_patch
from sip2xmpp.documents.xcap_diff import (
    NAMESPACE,
    AttributeState,
    Change,
    DocumentChange,
    ElementState,
    XcapDiff,
    write,
)
from tests.documents.xcap_strategies import documents

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "xcap-diff.xsd"))
ROOT = "https://xcap.example.org/xcap/"
SEL = "resource-lists/users/sip:juliet@example.org/index"


def check(*changes: Change) -> None:
    SCHEMA.assertValid(etree.fromstring(write(XcapDiff(root=ROOT, changes=changes))))


@given(documents(), documents())
def test_operations_are_valid_whatever_was_changed(old: bytes, new: bytes) -> None:
    patch = xml_patch.operations(xml.parse(old), xml.parse(new), known={None: NAMESPACE})
    check(DocumentChange(sel=SEL, previous_etag="a", new_etag="b", patch=tuple(patch or ())))


@pytest.mark.parametrize(
    "change",
    [
        DocumentChange(sel=SEL, new_etag="b"),
        DocumentChange(sel=SEL, previous_etag="a"),
        DocumentChange(sel=SEL, previous_etag="a", new_etag="b"),
        DocumentChange(sel=SEL, previous_etag="a", new_etag="b", is_same=True),
        ElementState(sel=f"{SEL}/~~/resource-lists/list%5B1%5D", content=b'<list xmlns="urn:x"/>'),
        ElementState(sel=f"{SEL}/~~/resource-lists/list%5B1%5D", mark="abc"),
        ElementState(sel=f"{SEL}/~~/resource-lists/list%5B1%5D", exists=False),
        AttributeState(sel=f"{SEL}/~~/resource-lists/list%5B1%5D/@name", value="a & b"),
        AttributeState(sel=f"{SEL}/~~/resource-lists/list%5B1%5D/@name"),
    ],
)
def test_every_kind_of_news_is_valid(change: Change) -> None:
    check(change)
    check(change, change)
