"""Jabber users see who a SIP user is: card and picture, kept by the operator and published by the phone."""

from hashlib import sha1
from pathlib import Path
from xml.etree.ElementTree import Element

from tests.journeys.conftest import SIP_DOMAIN, World
from tests.peers.rawxmpp import any_presence, presence
from tests.peers.sipclient import pidf

BOB = f"bob@{SIP_DOMAIN}"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4)
UPDATE = "{vcard-temp:x:update}"
VCARD = "{vcard-temp}"


def hash_in(stanza: Element) -> str | None:
    return stanza.findtext(f"{UPDATE}x/{UPDATE}photo")


def picture_file(directory: Path, more: bytes = b"") -> tuple[str, str]:
    """A picture and the hash of it."""
    file = directory / "bob.png"
    file.write_bytes(PNG + more)
    return str(file), sha1(PNG + more).hexdigest()


def test_a_jabber_user_sees_card_and_picture_of_a_sip_user(world: World, tmp_path: Path) -> None:
    file, name = picture_file(tmp_path)
    world.gateway.run("card", BOB, "--name", "Bob", "--nickname", "Bobby", "--picture", file)
    bob, romeo, juliet = world.phone("bob"), world.jabber("romeo"), world.jabber("juliet")
    bob.publish(pidf(bob.uri, "open", "away"))
    alice = world.phone("alice").subscribe(bob.uri)
    alice.wait_for_text("display-name>Bob</")

    romeo.subscribe(BOB)
    shown = romeo.wait(presence(sender=BOB, show="away"), "bob's presence")
    assert hash_in(shown) == name
    card = romeo.iq("get", "<vCard xmlns='vcard-temp'/>", BOB)
    assert card.findtext(f".//{VCARD}FN") == "Bob"
    assert card.find(f".//{VCARD}PHOTO/{VCARD}BINVAL") is not None
    items = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{}'/></pubsub>"
    metadata = romeo.iq("get", items.format("urn:xmpp:avatar:metadata"), BOB)
    info = metadata.find(".//{urn:xmpp:avatar:metadata}info")
    assert info is not None and info.get("id") == name
    data = romeo.iq("get", items.format("urn:xmpp:avatar:data"), BOB)
    assert data.find(".//{urn:xmpp:avatar:data}data") is not None

    file, name = picture_file(tmp_path, b"another")
    world.gateway.run("card", BOB, "--picture", file)
    romeo.wait(lambda stanza: any_presence(BOB)(stanza) and hash_in(stanza) == name, "the new hash")

    bob.subscribe("sip:juliet@jabber.example")
    asked = juliet.wait(presence("subscribe", sender=BOB), "bob's request")
    assert asked.findtext("{http://jabber.org/protocol/nick}nick") == "Bobby"

    world.gateway.kill()
    romeo.drain(0.2)
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    romeo.wait(lambda stanza: any_presence(BOB)(stanza) and hash_in(stanza) == name, "the hash again")

    world.gateway.run("polite-block", BOB, "romeo@jabber.example")
    romeo.wait(presence("unavailable", sender=BOB), "bob gone")
    hidden = romeo.iq("get", "<vCard xmlns='vcard-temp'/>", BOB)
    nobody = romeo.iq("get", "<vCard xmlns='vcard-temp'/>", f"nobody@{SIP_DOMAIN}")
    for answer in (hidden, nobody):
        (card,) = answer
        assert answer.get("type") == "result" and len(card) == 0
