"""Telephones that publish nothing are asked, and a Jabber user sees what they say; so it is with users who register elsewhere.

baresip without PUBLISH, linphonec, and a raw telephone that tells of its calls, all on Prosody; Kamailio as the registrar of users
who do not register here.  The gateway is killed in the middle.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World, _play
from tests.peers import kamailio_registrar
from tests.peers.baresip import Baresip
from tests.peers.kamailio_registrar import KamailioRegistrar
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, message, presence
from tests.peers.sipclient import PIDF, SipClient, Subscription, pidf
from tests.peers.sipendpoint import Answer
from tests.peers.sipmessage import SipMessage, build, token, uri_in
from tests.peers.waiting import eventually

BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
DIALOG_INFO = "application/dialog-info+xml"

needs_kamailio = pytest.mark.skipif(
    not kamailio_registrar.is_installed(), reason="kamailio-presence-modules is not installed"
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    asking = {"ask_contacts": True, "ask_dialogs": True}
    yield from _play(World(tmp_path, Prosody, registrar=asking))


class AskedPhone(SipClient):
    """A telephone that answers who asks it; ``states`` is what it tells, by event."""

    def __init__(self, user: str, world: World) -> None:
        super().__init__(user, SIP_DOMAIN, world.gateway.sip, password=PASSWORDS[user])
        self.states: dict[str, tuple[str, str]] = {}
        self.asked: list[SipMessage] = []
        self._tags: dict[str, str] = {}
        self._told = 0

    def answer(self, request: SipMessage) -> Answer | None:
        if request.method != "SUBSCRIBE":
            return super().answer(request)
        if request.get("event") not in self.states:
            return 489, "Bad Event", (), b""
        self.asked.append(request)
        self._tags.setdefault(request.call_id, token())
        return 200, "OK", [("Expires", request.get("expires")), ("Contact", self.contact)], b""

    def tag_for(self, request: SipMessage) -> str:
        return self._tags.get(request.call_id) or token()

    def after(self, request: SipMessage) -> None:
        if request.method == "SUBSCRIBE" and request.get("event") in self.states:
            self.send(self._notify(request), self.server)

    def tell(self, event: str, content_type: str, body: str) -> None:
        """Be in another state, and tell whoever asked."""
        self.states[event] = content_type, body
        asked = next((each for each in reversed(self.asked) if each.get("event") == event), None)
        if asked is not None:
            assert self.transact(self._notify(asked), self.server).status == 200

    def _notify(self, asked: SipMessage) -> bytes:
        content_type, body = self.states[asked.get("event")]
        self._told += 1
        over = asked.get("expires") == "0"
        headers = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            ("From", f"<{self.uri}>;tag={self._tags[asked.call_id]}"),
            ("To", asked.get("from")),
            ("Call-ID", asked.call_id),
            ("CSeq", f"{self._told} NOTIFY"),
            ("Contact", self.contact),
            ("Event", asked.get("event")),
            ("Subscription-State", "terminated;reason=timeout" if over else "active;expires=3600"),
            ("Content-Type", content_type),
        ]
        return build(f"NOTIFY {uri_in(asked.get('contact'))} SIP/2.0", headers, body.encode())


def calls(version: int, state: str = "") -> str:
    call = f'<dialog id="d1" direction="recipient"><state>{state}</state></dialog>' if state else ""
    return (
        f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="full"'
        f' entity="sip:{BOB}">{call}</dialog-info>'
    )


def watching(world: World, *contacts: str) -> RawClient:
    romeo = world.jabber("romeo")
    for contact in contacts:
        romeo.befriend(contact)
    romeo.drain(0.5)
    return romeo


def again(world: World) -> None:
    world.gateway.kill()
    world.gateway.restart()
    world.gateway.wait_for_leg("xmpp", "up")


def test_what_a_baresip_answers_is_seen_also_over_a_kill(world: World, tmp_path: Path) -> None:
    romeo = watching(world, ALICE)
    baresip = Baresip(
        tmp_path / "baresip", "alice", SIP_DOMAIN, world.gateway.sip, password=PASSWORDS["alice"]
    )
    with baresip:
        romeo.wait(presence(sender=ALICE), "alice online, since she is registered")
        baresip.go_offline()
        romeo.wait(presence("unavailable", sender=ALICE), "alice offline, as her telephone says")
        again(world)
        romeo.expect_nothing(presence(sender=ALICE), 1.0)
        baresip.go_online()
        romeo.wait(presence(sender=ALICE), "alice online again, in the same dialog")
        baresip.kill()
        assert not baresip.is_running


def test_a_linphone_that_knows_who_asks_answers(world: World, tmp_path: Path) -> None:
    watcher = world.phone("bob")
    linphone = Linphone(
        tmp_path / "linphone", "alice", SIP_DOMAIN, world.gateway.sip,
        password=PASSWORDS["alice"], friends=[("Me", f"sip:{ALICE}")],
    )  # fmt: skip
    with linphone:
        watch = watcher.subscribe(f"sip:{ALICE}")
        eventually(lambda: _is_told_by_the_phone(watch), "what linphonec answered", within=15)


def _is_told_by_the_phone(watch: Subscription) -> bool:
    """Whether the one open tuple has the telephone's own id, and so took the place of that made of its registration."""
    body = watch.notifies[-1].text if watch.notifies else ""
    return body.count("<tuple") == 1 and '<tuple id="IDx-' not in body and "<basic>open</basic>" in body


def test_state_and_calls_of_a_telephone_that_is_asked(world: World) -> None:
    romeo = watching(world, BOB)
    bob = AskedPhone("bob", world)
    bob.tell("presence", PIDF, pidf(bob.uri, "open", "away"))
    bob.tell("dialog", DIALOG_INFO, calls(0))
    with bob:
        assert bob.register().status == 200
        romeo.wait(presence(sender=BOB, show="away"), "bob away, as his telephone says")
        bob.tell("dialog", DIALOG_INFO, calls(1, "confirmed"))
        romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone")
        again(world)
        romeo.expect_nothing(presence("unavailable", sender=BOB), 0.5)
        bob.tell("dialog", DIALOG_INFO, calls(2))
        romeo.wait(presence(sender=BOB, show="away"), "bob away again")
        # one that publishes is left alone
        etag = bob.publish(pidf(bob.uri, "open", "busy")).get("sip-etag")
        romeo.wait(presence(sender=BOB, show="dnd"), "bob busy, as his telephone publishes")
        eventually(
            lambda: any(each.get("event") == "presence" and each.get("expires") == "0" for each in bob.asked),
            "it is asked no more",
        )
        assert etag
        bob.register(0)


@needs_kamailio
def test_who_registers_with_kamailio_is_online_and_gets_messages(tmp_path: Path) -> None:
    with KamailioRegistrar(tmp_path / "kamailio", SIP_DOMAIN) as kamailio:
        following = {"follow": {SIP_DOMAIN: kamailio.uri}}
        world = World(tmp_path, Prosody, registrar=following)
        for _ in _play(world):
            _registered_elsewhere(world, kamailio)


def _registered_elsewhere(world: World, kamailio: KamailioRegistrar) -> None:
    romeo = watching(world, BOB)
    bob = SipClient("bob", SIP_DOMAIN, kamailio.sip)
    mobile = SipClient("bob", SIP_DOMAIN, kamailio.sip)
    with bob, mobile:
        assert bob.register().status == 200
        romeo.wait(presence(sender=BOB), "bob online, as Kamailio tells")
        assert mobile.register().status == 200
        romeo.message(BOB, "Where are you?")
        eventually(
            lambda: any("Where are you?" in each.text for phone in (bob, mobile) for each in phone.received),
            "the message, by way of Kamailio",
        )
        world.gateway.kill()
        assert bob.register(0).status == 200
        world.gateway.restart()
        world.gateway.wait_for_leg("xmpp", "up")
        romeo.expect_nothing(presence("unavailable", sender=BOB), 1.0)
        eventually(
            lambda: bob.contact.strip("<>") not in world.gateway.run("registrations", BOB),
            "what happened meanwhile is known",
        )
        assert mobile.register(0).status == 200
        romeo.wait(presence("unavailable", sender=BOB), "bob offline")
        juliet = world.jabber("juliet")
        juliet.message(BOB, "Nobody there?")
        juliet.wait(message(sender=BOB, type_="error"), "Kamailio knows nobody")
