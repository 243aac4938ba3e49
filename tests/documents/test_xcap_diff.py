"""What has become of documents on an XCAP server, written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import xml, xml_patch
from sip2xmpp.documents.xcap_diff import (
    NAMESPACE,
    AttributeState,
    Change,
    DocumentChange,
    ElementState,
    XcapDiff,
    read,
    write,
)
from sip2xmpp.errors import BadDocument

RFC_EXAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<d:xcap-diff xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:d="urn:ietf:params:xml:ns:xcap-diff"
 xmlns:x="urn:x" xcap-root="http://xcap.example.com/base/">
 <d:document new-etag="7ahggs" sel="resource-lists/users/sip:joe@example.com/coworkers" previous-etag="8a77f8d">
  <d:add sel="*/list[1]"><entry uri="sip:bob@example.com"/></d:add>
  <d:remove sel="*/x:gone"/>
 </d:document>
 <d:document previous-etag="1" new-etag="2" sel="a"><d:body-not-changed/></d:document>
 <d:element sel="b/~~/list"><list/></d:element>
 <d:element sel="c/~~/list" exists="0"/>
 <d:attribute sel="d/~~/list/@name" exists="1"> ok </d:attribute>
 <x:other/>
</d:xcap-diff>"""


def test_documents_of_others_are_read() -> None:
    diff = read(RFC_EXAMPLE)
    assert diff.root == "http://xcap.example.com/base/"
    changed, same, there, gone, attribute = diff.changes
    assert isinstance(changed, DocumentChange)
    assert (changed.previous_etag, changed.new_etag) == ("8a77f8d", "7ahggs")
    assert [each.partition(" ")[0] for each in changed.patch] == ["<d:add", "<d:remove"]
    assert same == DocumentChange(sel="a", previous_etag="1", new_etag="2", is_same=True)
    assert there == ElementState(
        sel="b/~~/list", content=b'<list xmlns="urn:ietf:params:xml:ns:resource-lists"></list>'
    )
    assert gone == ElementState(sel="c/~~/list", exists=False)
    assert attribute == AttributeState(sel="d/~~/list/@name", value=" ok ")
    assert read(write(diff)) == diff


sels = st.text(st.sampled_from("ab/~[]@=\"'&<>é"), min_size=1, max_size=12)
etags = st.none() | st.text(st.sampled_from("abc123&\"'<"), min_size=1, max_size=6)
values = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=10)
elements = st.sampled_from(
    [b"<a></a>", b'<a xmlns="urn:x" b="1">c<d></d></a>', b'<p:a xmlns:p="urn:p"></p:a>']
).map(lambda octets: xml.canonical_octets(xml.parse(octets)))
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(DocumentChange, sel=sels, previous_etag=etags, new_etag=etags, is_same=st.booleans()),
    st.builds(ElementState, sel=sels, content=st.none() | elements),
    st.builds(ElementState, sel=sels, exists=st.just(False)),
    st.builds(AttributeState, sel=sels, value=st.none() | values),
)


@given(values.map(str.strip), st.lists(changes, max_size=5))
def test_what_is_written_is_read(root: str, said: list[Change]) -> None:
    diff = XcapDiff(root=root, changes=tuple(said))
    assert read(write(diff)) == diff


def test_a_patch_means_the_same_when_it_was_read() -> None:
    old, new = (
        xml.parse(octets, whole=True)
        for octets in (b"<a><b c='1'/>x</a>", b"<a xml:lang='en'><b c='2'/>y<!--z--><d/></a>")
    )
    patch = xml_patch.operations(old, new, known={None: NAMESPACE})
    assert patch is not None
    once = read(write(XcapDiff(root="r", changes=(DocumentChange(sel="s", patch=tuple(patch)),))))
    assert read(write(once)) == once


def test_what_is_left_out_leaves_a_mark() -> None:
    one, other = (write(XcapDiff(root="r", changes=(ElementState(sel="s", mark=mark),))) for mark in "ab")
    assert one != other and read(one) == read(other)


@pytest.mark.parametrize(
    "octets", [b"", b"<xcap-diff/>", b"<a", f'<!DOCTYPE a><xcap-diff xmlns="{NAMESPACE}"/>'.encode()]
)
def test_other_things_are_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)
