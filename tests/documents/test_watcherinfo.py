"""Watcher information on the wire."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sip2xmpp.address import Address
from sip2xmpp.documents.watcherinfo import OVERHEAD, Event, Status, WatcherElement, write
from tests.documents.winfo_consumer import NAME, SCHEMA

words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=40)
elements = st.builds(
    WatcherElement,
    id=st.from_regex("w[0-9a-f]{16}", fullmatch=True),
    uri=words.map(lambda user: Address(user, "jabber.example").sip_uri()),
    status=st.sampled_from(Status),
    event=st.sampled_from(Event),
    display_name=st.just("") | words,
    expiration=st.none() | st.integers(0, 2**32),
    duration=st.none() | st.integers(0, 2**32),
)


def read(octets: bytes) -> list[WatcherElement]:
    def whole(value: str | None) -> int | None:
        return None if value is None else int(value)

    return [
        WatcherElement(
            id=row.attrib["id"],
            uri=row.text or "",
            status=Status(row.attrib["status"]),
            event=Event(row.attrib["event"]),
            display_name=row.attrib.get("display-name", ""),
            expiration=whole(row.attrib.get("expiration")),
            duration=whole(row.attrib.get("duration-subscribed")),
        )
        for row in ET.fromstring(octets).iter(f"{NAME}watcher")
    ]


@given(st.lists(elements, max_size=5), st.integers(0, 2**31), st.booleans())
def test_what_is_written_is_valid_and_read_back(
    watchers: list[WatcherElement], version: int, full: bool
) -> None:
    octets = write(
        watchers, version=version, full=full, resource="sip:alice@sip.example.org", package="presence"
    )
    root = etree.fromstring(octets)
    SCHEMA.assertValid(root)
    assert (root.get("version"), root.get("state")) == (str(version), "full" if full else "partial")
    assert read(octets) == watchers


@given(elements)
def test_an_element_needs_no_more_room_than_is_reckoned_with(watcher: WatcherElement) -> None:
    def size(*given: WatcherElement) -> int:
        return len(write(given, version=1, full=True, resource="sip:a@b", package="presence"))

    escaped = len(watcher.uri.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode())
    name = etree.tostring(etree.Element("a", n=watcher.display_name), encoding="utf-8")
    assert size(watcher) - size() <= OVERHEAD + escaped + len(name)


def test_an_empty_list_is_a_list() -> None:
    octets = write([], version=0, full=True, resource="sip:alice@sip.example.org", package="presence")
    SCHEMA.assertValid(etree.fromstring(octets))
    assert b'<watcher-list resource="sip:alice@sip.example.org" package="presence">' in octets
