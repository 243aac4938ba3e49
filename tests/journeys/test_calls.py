"""Calls are seen by everybody: bob's exchange publishes them as Kamailio's ``pua_dialoginfo`` does, in his name and one by one.

Alice's desk phone has lamps (``Event: dialog``) for bob and for romeo; her linphonec and romeo, a Jabber user, have bob
among their contacts.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from tests.journeys.conftest import GATEWAY_DOMAIN, PASSWORDS, SIP_DOMAIN, World
from tests.peers.ejabberd import Ejabberd
from tests.peers.exchange import CallingPhone
from tests.peers.exchange import Exchange as Kamailio
from tests.peers.linphone import Linphone
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import presence, text
from tests.peers.sipclient import SipClient, Subscription, pidf
from tests.peers.sipmessage import SipMessage
from tests.peers.waiting import eventually

BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
ROMEO = "sip:romeo@jabber.example"
ROMEO_ENCAPSULATED = f"sip:romeo%40jabber.example@{GATEWAY_DOMAIN}"
DIALOG_INFO = "application/dialog-info+xml"
EXCHANGE = "127.0.0.2"

PUBLISHED = """\
<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="00000000000" state="full" entity="sip:{user}">
  <dialog id="{call}" call-id="{call}" local-tag="l-{call}" remote-tag="r-{call}" direction="recipient">
    <state>{state}</state>
    <remote>
      <identity>sip:juliet@example.net</identity>
      <target uri="sip:juliet@example.net"/>
    </remote>
    <local>
      <identity>sip:{user}</identity>
      <target uri="sip:{user}"/>
    </local>
  </dialog>
</dialog-info>
"""


class Exchange:
    """The trusted peer that routes bob's calls; each call is a publication of its own."""

    def __init__(self, world: World) -> None:
        self.client = SipClient("bob", SIP_DOMAIN, world.gateway.sip)
        self.client.host = EXCHANGE
        world.stage.enter_context(self.client)
        self.etags: dict[str, str] = {}

    def call(self, state: str, name: str = "c1@192.0.2.7", *, expires: int = 600) -> None:
        """Bob's call is in this state now; when it is over its publication is taken back."""
        body = PUBLISHED.format(user=BOB, call=name, state=state)
        answer = self.client.publish(
            body, etag=self.etags.get(name, ""), expires=expires, event="dialog", content_type=DIALOG_INFO
        )
        assert answer.status == 200, answer.start
        self.etags[name] = answer.get("sip-etag")

    def over(self, name: str = "c1@192.0.2.7") -> None:
        self.call("terminated", name, expires=0)
        del self.etags[name]


def lamp(phone: SipClient, uri: str) -> Subscription:
    """A key of a desk phone."""
    watch = phone.subscribe(uri, event="dialog", accept=DIALOG_INFO)
    assert watch.response.status == 200, watch.response.start
    return watch


def shows(watch: Subscription, *wanted: str, within: float = 10.0) -> None:
    """The newest NOTIFY has dialogs in these states."""

    def states() -> list[str]:
        said = watch.notifies[-1].text if watch.notifies else ""
        return [part.partition("<")[0] for part in said.split("<state>")[1:]]

    eventually(lambda: states() == [*wanted], f"{watch.uri} {wanted}", within=within)


def available(stanza: Element) -> bool:
    """Bob is there, and nothing else is said."""
    return presence(sender=BOB)(stanza) and text(stanza, "show") is None


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """With Prosody, unless a journey asks for another server."""
    stage = World(tmp_path, getattr(request, "param", Prosody), sip={"trusted_peers": [EXCHANGE]})
    try:
        stage.open()
        yield stage
        assert not [line for line in stage.gateway.lines() if "Traceback" in line], stage.gateway.tail(60)
    finally:
        stage.close()


@pytest.mark.parametrize("world", [Prosody, Ejabberd], indirect=True, ids=["prosody", "ejabberd"])
def test_a_call_is_seen_by_everybody_until_it_ends_also_over_a_kill(world: World, tmp_path: Path) -> None:
    romeo, bob, alice = world.jabber("romeo"), world.phone("bob"), world.phone("alice")
    exchange = Exchange(world)
    assert bob.publish(pidf(bob.uri, "open", "away", note="Back at five")).status == 200
    key = lamp(alice, bob.uri)
    shows(key, "terminated")
    romeo.befriend(BOB)
    seen = romeo.wait(presence(sender=BOB, show="away"), "bob away")
    assert text(seen, "status") == "Back at five"
    linphone = Linphone(
        tmp_path / "linphone", "alice", SIP_DOMAIN, world.gateway.sip,
        password=PASSWORDS["alice"], friends=[("Bob", bob.uri)],
    )  # fmt: skip
    with linphone:
        linphone.wait_for_state(bob.uri, "Away")
        exchange.call("early")
        shows(key, "early")
        assert "juliet" not in key.notifies[-1].text and "c1@" not in key.notifies[-1].text
        exchange.call("confirmed")
        shows(key, "confirmed")
        linphone.wait_for_state(bob.uri, "On the phone")
        seen = romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone")
        assert text(seen, "status") == "Back at five"
        # a second call does not make the first one end
        exchange.call("early", "c2@192.0.2.7")
        shows(key, "confirmed", "early")
        exchange.over("c2@192.0.2.7")
        shows(key, "confirmed", "terminated")

        world.gateway.kill()
        told = len(key.notifies)
        romeo.drain()
        world.gateway.start()
        world.gateway.wait_for_leg("xmpp", "up")
        eventually(lambda: len(key.notifies) > told, "a word after the kill")
        shows(key, "confirmed")
        romeo.close()
        romeo = world.jabber("romeo")
        romeo.wait(presence(sender=BOB, show="dnd"), "bob still on the phone")

        exchange.over()
        shows(key, "terminated")
        romeo.wait(presence(sender=BOB, show="away"), "bob away again")
        linphone.wait_for_state(bob.uri, "Away")


def test_an_operator_shows_more_of_calls(tmp_path: Path) -> None:
    """A phone that rings counts, Jabber users see away, and everybody who may watch sees who calls."""
    shown = {"on_the_phone": "early", "on_the_phone_show": "away", "dialog_details": True}
    stage = World(tmp_path, Prosody, sip={"trusted_peers": [EXCHANGE]}, presence=shown)
    try:
        stage.open()
        romeo, alice, exchange = stage.jabber("romeo"), stage.phone("alice"), Exchange(stage)
        assert stage.phone("bob").publish(pidf(f"sip:{BOB}", "open")).status == 200
        key, watch = lamp(alice, f"sip:{BOB}"), alice.subscribe(f"sip:{BOB}")
        romeo.befriend(BOB)
        romeo.wait(presence(sender=BOB), "bob available")
        exchange.call("early")
        shows(key, "early")
        assert "sip:juliet@example.net" in key.notifies[-1].text and 'call-id="c1@' in key.notifies[-1].text
        seen = romeo.wait(presence(sender=BOB, show="away"), "bob's phone rings")
        assert text(seen, "status") == "Ringing"
        watch.wait_for_text("on-the-phone")
        exchange.over()
        shows(key, "terminated")
        seen = romeo.wait(presence(sender=BOB), "bob available again")
        assert text(seen, "show") is None and text(seen, "status") is None
    finally:
        stage.close()


def test_nobody_is_stuck_in_a_call_that_ended_while_the_gateway_was_dead(world: World) -> None:
    romeo, bob, alice = world.jabber("romeo"), world.phone("bob"), world.phone("alice")
    exchange = Exchange(world)
    assert bob.publish(pidf(bob.uri, "open")).status == 200
    exchange.call("confirmed", expires=2)
    key = lamp(alice, bob.uri)
    shows(key, "confirmed")
    romeo.befriend(BOB)
    seen = romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone")
    assert text(seen, "status") == "On the phone"
    world.gateway.kill()
    told = len(key.notifies)
    romeo.close()
    gone = time.monotonic() + 2
    eventually(lambda: time.monotonic() > gone, "the lifetime of the publication is over")
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    eventually(lambda: len(key.notifies) > told, "a word after the kill")
    shows(key, "terminated")
    romeo = world.jabber("romeo")
    romeo.wait(available, "bob available again")
    # a call that ends by itself, and is never said to
    exchange.etags.clear()
    exchange.call("confirmed", "c3@192.0.2.7", expires=2)
    romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone")
    shows(key, "terminated")
    romeo.wait(available, "bob available again")


@pytest.mark.parametrize("uri", [ROMEO, ROMEO_ENCAPSULATED])
def test_a_jabber_contact_lights_a_lamp(world: World, uri: str) -> None:
    romeo, alice = world.jabber("romeo"), world.phone("alice")
    key = lamp(alice, uri)
    romeo.wait(presence("subscribe", sender=ALICE), "alice's request")
    key.wait_for_state("pending")
    assert all(not notify.text for notify in key.notifies)
    romeo.subscribed(ALICE)
    shows(key, "terminated")
    for show, state in (("dnd", "confirmed"), ("away", "terminated"), ("dnd", "confirmed")):
        romeo.available(show)
        shows(key, state)
    world.gateway.kill()
    told = len(key.notifies)
    world.gateway.start()
    world.gateway.wait_for_leg("xmpp", "up")
    eventually(lambda: len(key.notifies) > told, "a word after the kill")
    shows(key, "confirmed", within=20)
    romeo.unavailable()
    shows(key, "terminated")
    assert key.notifies[-1].state == "active"
    romeo.unsubscribed(ALICE)
    key.wait_for_state("terminated")


def test_only_the_owner_and_the_exchange_say_which_calls_bob_has(world: World) -> None:
    alice = world.phone("alice")
    body = PUBLISHED.format(user=BOB, call="c9", state="confirmed")
    fields = [("Event", "dialog"), ("Expires", "600"), ("Content-Type", DIALOG_INFO)]
    assert alice.request("PUBLISH", f"sip:{BOB}", fields, body).status == 403
    key = lamp(alice, f"sip:{BOB}")
    shows(key, "terminated")


def test_a_real_exchange_publishes_the_calls_of_two_telephones(world: World, tmp_path: Path) -> None:
    """Kamailio tells of both sides; each publication is one call, and none is left when they hang up, whoever is dead then."""
    romeo, alice = world.jabber("romeo"), world.phone("alice")
    assert world.phone("bob").publish(pidf(f"sip:{BOB}", "open")).status == 200
    romeo.befriend(BOB)
    romeo.wait(presence(sender=BOB), "bob available")
    keys = [lamp(alice, f"sip:{BOB}"), lamp(alice, f"sip:{ALICE}")]
    called, caller = CallingPhone(f"sip:{BOB}"), CallingPhone(f"sip:{ALICE}")
    gateway = f"{world.gateway.sip[0]}:{world.gateway.sip[1]}"
    with called, caller:
        phone = f"{called.host}:{called.port}"
        with Kamailio(tmp_path / "kamailio", host=EXCHANGE, gateway=gateway, phone=phone) as kamailio:

            def both(state: str, within: float = 10.0) -> None:
                for key in keys:
                    shows(key, state, within=within)

            def call() -> SipMessage:
                """Alice calls bob, who answers."""
                before = len(called.received)
                caller.call(called.uri, kamailio.sip)
                called.wait_for_request("INVITE", after=before)
                called.respond(180, "Ringing")
                both("early")
                assert 'direction="recipient"' in keys[0].notifies[-1].text
                before = len(caller.received)
                called.respond(200, "OK")
                answer = caller.wait_for(lambda message: message.status == 200, "answered", after=before)
                caller.acknowledge(answer, kamailio.sip)
                both("confirmed")
                assert BOB in keys[1].notifies[-1].text.partition("<remote>")[2], "alice sees whom she called"
                romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone")
                return answer

            caller.hang_up(call(), kamailio.sip)
            both("terminated")
            romeo.wait(available, "bob available")

            caller.begin_anew()
            answer = call()
            world.gateway.kill()
            before = len(called.received)
            caller.hang_up(answer, kamailio.sip)
            called.wait_for_request("BYE", after=before)
            romeo.close()
            world.gateway.start()
            world.gateway.wait_for_leg("xmpp", "up")
            both("terminated", within=20)
            romeo = world.jabber("romeo")
            romeo.wait(available, "bob available")
