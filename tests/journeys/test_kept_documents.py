"""What a user keeps on the XCAP server: other devices hear of it, and watchers of both sides see it."""

from base64 import b64encode
from hashlib import sha1
from typing import Any
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.rawxmpp import any_presence, presence
from tests.peers.sipclient import Subscription, pidf
from tests.peers.sipmessage import SipMessage
from tests.peers.xcapclient import XcapClient

BOB = f"bob@{SIP_DOMAIN}"
DIFF = "{urn:ietf:params:xml:ns:xcap-diff}"
LISTS = "resource-lists"
SELECTED = f"{LISTS}/users/sip:{BOB}/index"
BODY = (
    '<?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>'
    f'<entry uri="{SELECTED}"/><entry uri="pres-rules/users/sip:{BOB}/"/></list></resource-lists>'
)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (64).to_bytes(4) + (48).to_bytes(4)
ICON = (
    '<content xmlns="urn:oma:xml:prs:pres-content"><mime-type>image/png</mime-type><encoding>base64</encoding>'
    f"<data>{b64encode(PNG).decode()}</data></content>"
)


def friends(*names: str) -> str:
    entries = "".join([f'\n <entry uri="sip:{name}@example.com"/>' for name in names])
    return f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="friends">{entries}</list></resource-lists>'


def told(notify: SipMessage) -> list[dict[str, str]]:
    """The documents in a NOTIFY, each with the names of what is in it."""
    root = ET.fromstring(notify.text)
    assert root.tag == f"{DIFF}xcap-diff" and root.get("xcap-root", "").endswith("/xcap/")
    return [
        {**dict(each.attrib), **{child.tag.removeprefix(DIFF): child.get("sel", "") for child in each}}
        for each in root
    ]


def hears(line: Subscription, **wanted: Any) -> list[dict[str, str]]:
    """The first NOTIFY that tells of the document with these entity tags."""
    named = {key.replace("_", "-"): value for key, value in wanted.items()}
    found = line.wait(
        lambda notify: any(named.items() <= each.items() for each in told(notify)), f"NOTIFY with {named}"
    )
    return told(found)


def test_devices_hear_of_documents_and_watchers_see_what_is_in_them(prosody_world: World) -> None:
    world = prosody_world
    phone, alice, romeo = world.phone("bob"), world.phone("alice"), world.jabber("romeo")
    computer = XcapClient(world.gateway.http_port, BOB, PASSWORDS["bob"])

    # a phone hears what the computer does
    line = phone.subscribe(
        phone.uri,
        event="xcap-diff;diff-processing=aggregate",
        accept="application/xcap-diff+xml",
        headers=[("Content-Type", "application/resource-lists+xml")],
        body=BODY,
    )
    assert line.response.status == 200 and told(line.wait()) == []
    first = computer.put(LISTS, friends("joe", "eve", "juliet", "mercutio")).etag.strip('"')
    assert hears(line, new_etag=first) == [{"sel": SELECTED, "new-etag": first}]
    assert alice.subscribe(phone.uri, event="xcap-diff", accept="").response.status == 403

    world.gateway.kill()
    line.forget()
    world.gateway.start()
    assert hears(line, new_etag=first) == [{"sel": SELECTED, "new-etag": first}]
    second = computer.put(LISTS, friends("joe", "eve", "juliet")).etag.strip('"')
    (changed,) = hears(line, previous_etag=first)
    assert changed["new-etag"] == second and changed["remove"] == "*/*[1]/*[4]"

    # what is kept about the user is seen on both sides
    world.gateway.wait_for_leg("xmpp", "up")
    phone.publish(pidf(phone.uri))
    desk = alice.subscribe(phone.uri)
    romeo.subscribe(BOB)
    romeo.wait(presence(sender=BOB), "bob's presence")
    holiday = pidf(phone.uri, "open", "vacation", note="On an island")
    assert computer.put("pidf-manipulation", holiday).status == 201
    desk.wait_for_text("On an island")
    romeo.wait(presence(sender=BOB, show="xa"), "bob on holiday")
    assert computer.put("org.openmobilealliance.pres-content", ICON, "oma_status-icon/index").status == 201
    update = "{vcard-temp:x:update}"

    def has_picture(stanza: Element) -> bool:
        return stanza.findtext(f"{update}x/{update}photo") == sha1(PNG).hexdigest()

    romeo.wait(lambda stanza: any_presence(BOB)(stanza) and has_picture(stanza), "bob's picture")

    world.gateway.kill()
    desk.forget()
    romeo.drain(0.2)
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    desk.wait_for_text("On an island")
    shown = romeo.wait(presence(sender=BOB, show="xa"), "bob on holiday again")
    assert has_picture(shown)
    assert computer.delete("pidf-manipulation").status == 200
    romeo.wait(lambda stanza: any_presence(BOB)(stanza) and stanza.find("{jabber:client}show") is None, "bob")
    desk.wait(lambda notify: "On an island" not in notify.text, "bob without the note", after=1)
