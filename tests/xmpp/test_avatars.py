"""Cards and pictures as Jabber clients ask for them."""

from base64 import b64decode
from hashlib import sha1
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.avatars import NO_PICTURE, Avatar, items
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.vcards import URL_LIMIT, VCard, vcard4_element, vcard_element

OCTETS = b"\x89PNG-like"
AVATAR = Avatar(OCTETS, "image/png", 64, 48)
CARD = VCard(
    full_name="Bob & Co",
    nickname="Bob",
    url="https://bob.example.org/",
    email="bob@example.org",
    phone="+1 555 0100",
    organization="Builders",
    title="Builder",
    description="Can we fix it?",
    photo=OCTETS,
    photo_type="image/png",
)
NAME = sha1(OCTETS).hexdigest()
words = st.text(max_size=300)


def test_a_presence_carries_the_hash() -> None:
    assert AVATAR.update == f"<x xmlns='vcard-temp:x:update'><photo>{NAME}</photo></x>"
    assert NO_PICTURE == "<x xmlns='vcard-temp:x:update'><photo/></x>"


def test_the_picture_is_in_the_card() -> None:
    root = ET.fromstring(vcard_element(CARD))
    assert root.findtext(f"{{{ns.VCARD}}}PHOTO/{{{ns.VCARD}}}TYPE") == "image/png"
    assert b64decode(root.findtext(f"{{{ns.VCARD}}}PHOTO/{{{ns.VCARD}}}BINVAL") or "") == OCTETS


def test_a_picture_elsewhere_is_named_and_not_fetched() -> None:
    card = VCard(photo_url="https://bob.example.org/me.png?a&b")
    assert vcard_element(card) == (
        "<vCard xmlns='vcard-temp'><PHOTO><EXTVAL>https://bob.example.org/me.png?a&amp;b</EXTVAL></PHOTO></vCard>"
    )
    assert "<photo><uri>https://bob.example.org/me.png?a&amp;b</uri></photo>" in vcard4_element(card)


def test_a_url_is_passed_on_whole_or_not_at_all() -> None:
    card = VCard(url="https://" + "a" * URL_LIMIT, photo_url="https://" + "b" * URL_LIMIT)
    assert "a" * 9 not in vcard_element(card) + vcard4_element(card)
    assert "b" * 9 not in vcard_element(card) + vcard4_element(card)


def test_the_newer_card_says_the_same() -> None:
    root = ET.fromstring(vcard4_element(CARD))

    def said(path: str) -> str | None:
        return root.findtext("/".join(f"{{{ns.VCARD4}}}{name}" for name in path.split("/")))

    assert said("fn/text") == "Bob & Co" and said("nickname/text") == "Bob"
    assert said("tel/text") == "+1 555 0100" and said("email/text") == "bob@example.org"
    assert said("url/uri") == "https://bob.example.org/"
    uri = said("photo/uri") or ""
    assert uri.startswith("data:image/png;base64,") and b64decode(uri.partition(",")[2]) == OCTETS
    assert vcard4_element(None) == f"<vcard xmlns='{ns.VCARD4}'/>"


@given(
    st.builds(
        VCard,
        full_name=words,
        nickname=words,
        url=words,
        email=words,
        phone=words,
        organization=words,
        title=words,
        description=words,
        photo=st.binary(max_size=20),
        photo_type=st.sampled_from(["image/png", "image/gif"]),
        photo_url=words,
    )
)
def test_whatever_a_card_holds_is_well_formed(card: VCard) -> None:
    ET.fromstring(vcard_element(card))
    ET.fromstring(vcard4_element(card))
    ET.fromstring(items(ns.VCARD4_NODE, None, card, None))


def test_the_nodes_have_one_item_each() -> None:
    metadata = ET.fromstring(items(ns.AVATAR_METADATA, None, CARD, AVATAR))
    (info,) = metadata.iter(f"{{{ns.AVATAR_METADATA}}}info")
    assert info.attrib == {
        "id": NAME,
        "bytes": str(len(OCTETS)),
        "type": "image/png",
        "width": "64",
        "height": "48",
    }
    data = ET.fromstring(items(ns.AVATAR_DATA, NAME, CARD, AVATAR))
    (item,) = data.iter(f"{{{ns.PUBSUB}}}item")
    assert item.attrib["id"] == NAME
    assert b64decode(item.findtext(f"{{{ns.AVATAR_DATA}}}data") or "") == OCTETS
    assert "<nick xmlns='http://jabber.org/protocol/nick'>Bob</nick>" in items(ns.NICK, None, CARD, None)


@pytest.mark.parametrize(
    ("node", "wanted", "card", "avatar"),
    [
        (ns.AVATAR_METADATA, None, CARD, None),
        (ns.AVATAR_DATA, "0" * 40, CARD, AVATAR),
        (ns.VCARD4_NODE, None, None, None),
        (ns.NICK, None, VCard(full_name="Bob"), None),
        ("urn:xmpp:bookmarks:1", None, CARD, AVATAR),
        ("", None, CARD, AVATAR),
    ],
)
def test_what_there_is_not_is_not_found(
    node: str, wanted: str | None, card: VCard | None, avatar: Avatar | None
) -> None:
    with pytest.raises(StanzaRefused) as refused:
        items(node, wanted, card, avatar)
    assert refused.value.error.condition == "item-not-found"


def test_a_picture_of_unknown_size_says_none() -> None:
    assert "width" not in Avatar(OCTETS, "image/jpeg").metadata
