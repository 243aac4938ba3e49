"""Bad input of every kind from one side, while everybody else's presence goes on; the log tells of no surprise."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.journeys.conftest import SIP_DOMAIN, World
from tests.peers.prosody import SECRET
from tests.peers.rawxmpp import RawComponent, presence
from tests.peers.sipclient import Subscription, pidf
from tests.peers.sipmessage import parse, token

ROMEO, BOB = "sip:romeo@jabber.example", f"bob@{SIP_DOMAIN}"
TORTURE = Path(__file__).parent.parent / "sip" / "torture"

GARBAGE = [
    b"\0", b"\xff" * 1200, b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", b"SIP/2.0", b"SUBSCRIBE sip:a@b SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b" SIP/2.0\r\n:\r\n\r\n", b"NOTIFY sip:x SIP/2.0\r\nVia: SIP/2.0/UDP ;branch=\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:99999;branch=z9hG4bK1\r\nCSeq: 99999999999 OPTIONS\r\n\r\n",
    b"\0\x01\0\x08\x21\x12\xa4\x42" + bytes(20),
]  # fmt: skip

BAD_DOCUMENTS = [
    "", "<", "not XML at all", "<html/>", "<presence xmlns='urn:ietf:params:xml:ns:pidf'>", "\x00\x01\x02",
    "<?xml version='1.0' encoding='UTF-32'?><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'/>",
    "<!DOCTYPE p [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'>&b;</presence>",
    "<!DOCTYPE p SYSTEM 'file:///etc/passwd'><presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:a@b'/>",
    "<a>" * 5000 + "</a>" * 5000,
    "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:bob@sip.example.org'><tuple id='1'><status><basic>maybe</basic></status></tuple>",
]  # fmt: skip


@pytest.fixture
def scene(prosody_world: World) -> Iterator["Scene"]:
    """Bob and romeo, who must not notice anything."""
    scene = Scene(prosody_world)
    yield scene
    scene.lives_on()
    bad = [line for line in prosody_world.gateway.lines() if "Traceback" in line or " critical " in line]
    assert not bad, prosody_world.gateway.tail(60)


class Scene:
    def __init__(self, world: World) -> None:
        self.world = world
        self.romeo, self.bob = world.jabber("romeo"), world.phone("bob")
        self.watch: Subscription = self.bob.subscribe(ROMEO)
        self.romeo.wait(presence("subscribe", sender=BOB), "bob's request")
        self.romeo.subscribed(BOB)
        self.watch.wait_for_text("<basic>open</basic>")
        self.romeo.befriend(BOB)
        self.etag = self.bob.publish(pidf(self.bob.uri, "open")).get("sip-etag")
        self.romeo.wait(presence(sender=BOB), "bob online")

    def lives_on(self) -> None:
        """The same dialog, publication and authorizations still carry a change each way."""
        text = f"still here {token()}"
        self.romeo.available("away", text)
        self.watch.wait_for_text(text, within=5)
        self.says("busy")
        self.romeo.wait(presence(sender=BOB, show="dnd"), "bob busy", timeout=5)
        self.says()
        self.romeo.wait(presence(sender=BOB), "bob online again", timeout=5)

    def says(self, *activities: str) -> None:
        answer = self.bob.publish(pidf(self.bob.uri, "open", *activities), etag=self.etag)
        assert answer.status == 200, answer.start
        self.etag = answer.get("sip-etag")


def messages() -> list[bytes]:
    return [path.read_bytes() for path in sorted(TORTURE.rglob("*.sip"))] + GARBAGE


def test_datagrams_of_garbage(scene: Scene) -> None:
    where = scene.world.gateway.sip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(0.3)
        for octets in messages():
            stranger.sendto(octets, where)
        answers = []
        try:
            while True:
                answers.append(stranger.recv(65_535))
        except TimeoutError:
            pass
        for answer in answers:
            if answer[:7] == b"SIP/2.0":
                assert 400 <= parse(answer).status < 700 or parse(answer).status == 200, answer


def test_streams_of_garbage(scene: Scene) -> None:
    """Each on a connection of its own, some left open in the middle of a message."""
    with ExitStack() as half_open:
        for octets in messages():
            stream = half_open.enter_context(socket.create_connection(scene.world.gateway.sip, 5))
            stream.sendall(octets)
        for size in (1, 20, 200):
            stream = half_open.enter_context(socket.create_connection(scene.world.gateway.sip, 5))
            stream.sendall(messages()[0][:size])
        endless = half_open.enter_context(socket.create_connection(scene.world.gateway.sip, 5))
        endless.settimeout(5)
        try:
            for _ in range(200):
                endless.sendall(b"X-Filler: " + b"x" * 5000 + b"\r\n")
        except OSError:
            pass  # the gateway has heard enough
        for _ in range(100):
            half_open.enter_context(socket.create_connection(scene.world.gateway.sip, 5))
        scene.lives_on()


def test_a_huge_content_length_is_not_waited_for(scene: Scene) -> None:
    with socket.create_connection(scene.world.gateway.sip, 5) as stream:
        stream.sendall(
            b"PUBLISH sip:bob@sip.example.org SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
            b"From: <sip:bob@sip.example.org>;tag=1\r\nTo: <sip:bob@sip.example.org>\r\nCall-ID: huge\r\nCSeq: 1 PUBLISH\r\n"
            b"Content-Length: 999999999\r\n\r\n"
        )
        stream.settimeout(5)
        octets = stream.recv(65_535)
        assert not octets or parse(octets).status in {400, 413, 513}


@pytest.mark.parametrize("number", range(len(BAD_DOCUMENTS)))
def test_bad_documents(scene: Scene, number: int) -> None:
    body = BAD_DOCUMENTS[number]
    answer = (
        scene.bob.publish(body)
        if body
        else scene.bob.request(
            "PUBLISH", scene.bob.uri, [("Event", "presence"), ("Content-Type", "application/pidf+xml")]
        )
    )
    assert answer.status in {400, 415, 488}, answer.start


def test_what_a_client_does_wrong_has_its_status(scene: Scene) -> None:
    bob = scene.bob
    document = pidf(bob.uri)
    assert bob.publish(document, event="nonsense").status == 489
    assert bob.publish(document, content_type="text/plain").status == 415
    assert bob.publish(document, etag="nobody-made-this").status == 412
    assert bob.publish(document, expires=1).status == 423
    assert bob.subscribe(ROMEO, event="nonsense").response.status == 489
    assert bob.subscribe(ROMEO, accept="text/plain").response.status == 406
    assert bob.request("SUBSCRIBE", ROMEO, [("Event", "presence")]).status == 400
    assert bob.request("SUBSCRIBE", "sip:", [("Event", "presence"), ("Contact", bob.contact)]).status in {
        400,
        404,
        416,
    }
    assert (
        bob.request(
            "SUBSCRIBE", "http://example.org/", [("Event", "presence"), ("Contact", bob.contact)]
        ).status
        == 416
    )
    assert (
        bob.request(
            "SUBSCRIBE", ROMEO, [("Event", "presence"), ("Contact", bob.contact), ("Require", "telepathy")]
        ).status
        == 420
    )
    assert bob.request("INVITE", ROMEO, [("Contact", bob.contact)]).status == 405
    assert bob.request("JUMP", ROMEO).status in {405, 501}
    assert (
        bob.request("NOTIFY", bob.uri, [("Event", "presence"), ("Subscription-State", "active")]).status
        == 481
    )


def test_odd_stanzas(scene: Scene) -> None:
    """Everything that a server lets through to a component."""
    romeo, to = scene.romeo, BOB
    for stanza in (
        f"<presence to='{to}' type='nonsense'/>",
        f"<presence to='{to}'><show>sleeping</show><priority>9999</priority></presence>",
        f"<presence to='{to}'><show>away</show><show>dnd</show><status/><status xml:lang='!'>x</status></presence>",
        f"<presence to='{to}' type='error'/>",
        f"<presence to='{to}' type='error'><error type='x'><nonsense/></error></presence>",
        "<presence to='sip.example.org' type='subscribe'/>",
        "<presence to='sip.example.org' type='probe'/>",
        "<presence to='@sip.example.org' type='subscribe'/>",
        r"<presence to='\20@sip.example.org' type='subscribe'/>",
        r"<presence to='x\40y\40z@gw.example.org' type='subscribe'/>",
        "<presence to='nonsense@gw.example.org' type='subscribe'/>",
        f"<message to='{to}'/>",
        f"<message to='{to}' type='nonsense'><body/></message>",
        f"<message to='{to}' type='groupchat'><body>x</body></message>",
        f"<message to='{to}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items/></event></message>",
        f"<message to='{to}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/activity'><item><activity xmlns='http://jabber.org/protocol/activity'><nonsense/></activity></item></items></event></message>",
        f"<message to='{to}'><received xmlns='urn:xmpp:receipts'/></message>",
        f"<iq to='{to}' type='get' id='1'><query xmlns='jabber:iq:private'/></iq>",
        f"<iq to='{to}' type='set' id='2'/>",
        f"<iq to='{to}' type='result' id='3'/>",
        f"<iq to='{to}' type='nonsense' id='4'><x xmlns='y'/></iq>",
        f"<presence to='{to}'><status>{'x' * 20_000}</status></presence>",
        f"<presence to='{to}'>{'<a xmlns=' + chr(39) + 'b' + chr(39) + '>'}{'<c>' * 300}{'</c>' * 300}</a></presence>",
    ):  # fmt: skip
        romeo.send(stanza)
    assert romeo.iq("get", "<query xmlns='jabber:iq:version'/>", "sip.example.org").get("type") in {
        "result",
        "error",
    }
    scene.romeo.drain(0.2)


def test_a_stranger_with_our_secret_and_another_name_changes_nothing(scene: Scene) -> None:
    """Prosody refuses the second connection of a component; the first one goes on."""
    with pytest.raises(PermissionError):
        RawComponent(SIP_DOMAIN, SECRET, scene.world.server.component).close()
