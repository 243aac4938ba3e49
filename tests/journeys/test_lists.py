"""Alice's telephone watches lists: of a user here, one at another SIP server and one in Jabber, kept by XCAP; and Linphone's own."""

import email
import re
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.gateway import Gateway
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import presence
from tests.peers.sipclient import SipClient, Subscription, pidf
from tests.peers.sipmessage import SipMessage
from tests.peers.sipserver import SipServer
from tests.peers.waiting import eventually
from tests.peers.xcapclient import XcapClient

FRIENDS = f"sip:friends@{SIP_DOMAIN}"
BOB, JULIET, ELSEWHERE = f"sip:bob@{SIP_DOMAIN}", "sip:juliet@jabber.example", "sip:alice@example.com"
ALICE = f"alice@{SIP_DOMAIN}"
ACCEPT = "multipart/related, application/rlmi+xml, application/pidf+xml"
SUPPORTED = [("Supported", "eventlist")]
RLMI = "{urn:ietf:params:xml:ns:rlmi}"


def services(*uris: str) -> str:
    entries = "".join(f'<rl:entry uri="{uri}"/>' for uri in uris)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">'
        f'<service uri="{FRIENDS}"><list>{entries}</list><packages><package>presence</package></packages></service>'
        "</rls-services>"
    )


def brought(*uris: str) -> str:
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    return f'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>{entries}</list></resource-lists>'


class Table:
    """What a client makes of the NOTIFYs of a list (RFC 4662, section 5.6); knows nothing of the product."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.versions: list[int] = []
        self.full: list[bool] = []
        self.rows: dict[str, str] = {}
        self._read = 0

    def read(self) -> dict[str, str]:
        """Each member and what is known: a document, a state with a reason, or nothing."""
        for notify in self.subscription.notifies[self._read :]:
            self._read += 1
            self._take(notify)
        return self.rows

    def _take(self, notify: SipMessage) -> None:
        head = f"Content-Type: {notify.get('content-type')}\r\n\r\n".encode()
        made: Message = email.message_from_bytes(head + notify.body)
        parts = made.get_payload()
        assert isinstance(parts, list)
        documents = {str(part["content-id"]).strip("<>"): str(part.get_payload()) for part in parts}
        root = ET.fromstring(str(parts[0].get_payload()))
        version = int(root.attrib["version"])
        assert not self.versions or version > self.versions[-1]
        self.versions.append(version)
        self.full.append(root.attrib["fullState"] == "true")
        if self.full[-1]:
            self.rows = {}
        for resource in root.iter(f"{RLMI}resource"):
            said = ""
            for instance in resource.iter(f"{RLMI}instance"):
                state = instance.attrib["state"]
                said = documents[instance.attrib["cid"]] if state == "active" else state
                said = f"{said} {instance.get('reason', '')}".strip()
            self.rows[resource.attrib["uri"]] = said

    def wait(self, *wanted: tuple[str, str], within: float = 10.0) -> None:
        """Until each of these members is shown with this text."""
        eventually(
            lambda: all(text in self.read().get(uri, "-") for uri, text in wanted),
            f"a list with {wanted}",
            within=within,
            every=0.02,
        )


@pytest.fixture
def elsewhere() -> Iterator[SipServer]:
    with SipServer() as server:
        server.documents[ELSEWHERE] = pidf(ELSEWHERE, "open", "meeting")
        yield server


@pytest.fixture
def world(tmp_path: Path, elsewhere: SipServer) -> Iterator[World]:
    domains = {"jabber.example": "xmpp", "example.com": f"sip:127.0.0.1:{elsewhere.port}"}
    world = World(tmp_path, Prosody, dns={"domains": domains})
    try:
        world.open()
        yield world
        bad = [line for line in world.gateway.lines() if "Traceback" in line or " critical " in line]
        assert not bad, world.gateway.tail(60)
    finally:
        world.close()


def subscribe(client: SipClient, uri: str = FRIENDS, **options: object) -> Table:
    watch = client.subscribe(uri, accept=ACCEPT, headers=SUPPORTED, **options)  # type: ignore[arg-type]
    assert watch.response.status == 200
    assert watch.response.get("require") == "eventlist"
    return Table(watch)


def test_one_list_of_three_worlds_over_changes_and_a_kill(world: World, elsewhere: SipServer) -> None:
    gateway, alice, bob, juliet = (
        world.gateway,
        world.phone("alice"),
        world.phone("bob"),
        world.jabber("juliet"),
    )
    assert bob.publish(pidf(bob.uri, "open", "away")).status == 200
    xcap = XcapClient(gateway.http_port, ALICE, PASSWORDS["alice"])
    assert xcap.put("rls-services", services(BOB, JULIET, ELSEWHERE)).status == 201
    friends = subscribe(alice)
    friends.wait((BOB, "<rpid:away/>"), (JULIET, "pending"), (ELSEWHERE, "<rpid:meeting/>"))
    assert elsewhere.wait_for_watcher(ELSEWHERE).watcher == alice.uri
    # the Jabber user is asked, and seen from then on
    juliet.wait(presence("subscribe", sender=ALICE), "alice's request")
    juliet.subscribed(ALICE)
    friends.wait((JULIET, "<basic>open</basic>"))
    juliet.available("dnd")
    friends.wait((JULIET, "<rpid:busy/>"))
    assert friends.full[-1] is False
    # another list in the document
    assert xcap.put("rls-services", services(JULIET, BOB)).status == 200
    eventually(lambda: set(friends.read()) == {JULIET, BOB}, "the list without the third", within=5)
    assert friends.full[-1] is True
    assert xcap.put("rls-services", services(JULIET, BOB, ELSEWHERE)).status == 200
    friends.wait((ELSEWHERE, "<rpid:meeting/>"))
    # what is told after a kill goes on where it ended
    before = len(friends.versions)
    gateway.kill()
    gateway.start()
    gateway.wait_for_leg("xmpp", "up")
    friends.wait((BOB, "<rpid:away/>"), (JULIET, "<rpid:busy/>"), (ELSEWHERE, "<rpid:meeting/>"))
    eventually(lambda: bool(friends.read()) and len(friends.versions) > before, "something after the kill")
    assert friends.full[before] is True
    assert bob.publish(pidf(bob.uri, "open", "on-the-phone")).status == 200
    friends.wait((BOB, "<rpid:on-the-phone/>"))
    assert friends.subscription.unsubscribe().status == 200
    friends.subscription.wait_for_state("terminated")


def test_linphone_shows_the_friends_of_its_own_list_over_a_kill(world: World, tmp_path: Path) -> None:
    bob, juliet = world.phone("bob"), world.jabber("juliet")
    assert bob.publish(pidf(bob.uri, "open", "away")).status == 200
    linphone = Linphone(
        tmp_path / "linphone", "alice", SIP_DOMAIN, world.gateway.sip,
        password=PASSWORDS["alice"], friends=[("Bob", BOB), ("Juliet", JULIET)],
        options=f"rls_uri=sip:rls@{SIP_DOMAIN}",
    )  # fmt: skip
    with linphone:
        linphone.wait_for_state(BOB, "Away")
        juliet.wait(presence("subscribe", sender=ALICE), "alice's request")
        juliet.subscribed(ALICE)
        linphone.wait_for_state(JULIET, "Online")
        assert bob.publish(pidf(bob.uri, "open", "on-the-phone")).status == 200
        linphone.wait_for_state(BOB, "On the phone")
        juliet.available("dnd")
        linphone.wait_for_state(JULIET, "Busy")
        # what it is told after a kill goes on where it ended
        world.gateway.kill()
        world.gateway.start()
        assert bob.publish(pidf(bob.uri, "open", "away")).status == 200
        linphone.wait_for_state(BOB, "Away")
        asked = (linphone.directory / "linphone.log").read_text("utf-8", "replace")
    assert set(re.findall(r"^SUBSCRIBE (\S+@\S+)", asked, re.MULTILINE)) == {f"sip:rls@{SIP_DOMAIN}"}


def test_a_thousand_members_over_tcp_and_a_kill(tmp_path: Path) -> None:
    uris = [f"sip:user{number}@{SIP_DOMAIN}" for number in range(999)]
    settings = {"sip": {"authentication": "none"}}
    with (
        Gateway(tmp_path / "gateway", settings=settings) as gateway,
        SipClient("alice", SIP_DOMAIN, gateway.sip, transport="tcp") as alice,
        SipClient("bob", SIP_DOMAIN, gateway.sip) as bob,
    ):
        assert bob.publish(pidf(bob.uri, "open", "away")).status == 200
        recipients = (
            ("Content-Type", "application/resource-lists+xml"),
            ("Content-Disposition", "recipient-list"),
        )
        watch = alice.subscribe(
            f"sip:rls@{SIP_DOMAIN}",
            accept=ACCEPT,
            headers=[*SUPPORTED, *recipients],
            body=brought(*uris, BOB),
        )
        assert watch.response.status == 200
        table = Table(watch)
        table.wait((BOB, "<rpid:away/>"), *((uri, "<basic>closed</basic>") for uri in uris))
        assert table.full == [True] + [False] * (len(table.full) - 1)
        assert bob.publish(pidf(bob.uri, "open", "on-the-phone")).status == 200
        table.wait((BOB, "<rpid:on-the-phone/>"))
        before = len(table.versions)
        gateway.kill()
        gateway.start()
        eventually(lambda: bool(table.read()) and len(table.versions) > before, "something after the kill")
        table.wait((BOB, "<rpid:on-the-phone/>"), *((uri, "<basic>closed</basic>") for uri in uris))
        assert table.full[before:] == [True] + [False] * (len(table.full) - before - 1)
        assert max(len(notify.body) for notify in watch.notifies) <= 32_768
