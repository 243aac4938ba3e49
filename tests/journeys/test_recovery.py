"""What a restart, a kill or a lost connection leaves: everything that was acknowledged, and nobody's roster changed."""

import random
import threading
from collections.abc import Iterator

import pytest

from tests.journeys.conftest import PASSWORDS, SIP_DOMAIN, World
from tests.peers.gateway import Gateway
from tests.peers.rawxmpp import RawClient, presence, text
from tests.peers.sipclient import SipClient, Subscription, pidf

ROMEO = "sip:romeo@jabber.example"
BOB, ALICE = f"bob@{SIP_DOMAIN}", f"alice@{SIP_DOMAIN}"
SUBSCRIPTION_TYPES = ("subscribe", "subscribed", "unsubscribe", "unsubscribed")


class Friends:
    """Romeo (Jabber) and bob (SIP), who see each other; bob is away."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.romeo, self.bob = world.jabber("romeo"), world.phone("bob")
        self.etag = self.bob.publish(pidf(self.bob.uri, "open", "away")).get("sip-etag")
        self.watch = self.bob.subscribe(ROMEO)
        self.romeo.wait(presence("subscribe", sender=BOB), "bob's request")
        self.romeo.subscribed(BOB)
        self.watch.wait_for_text("<basic>open</basic>")
        self.romeo.befriend(BOB)
        self.romeo.wait(presence(sender=BOB, show="away"), "bob away")

    def says(self, *activities: str) -> None:
        """Bob publishes another state in the place of the last."""
        answer = self.bob.publish(pidf(self.bob.uri, "open", *activities), etag=self.etag)
        assert answer.status == 200, answer.start
        self.etag = answer.get("sip-etag")

    def come_back(self) -> RawClient:
        """Romeo logs in again."""
        self.romeo.close()
        self.romeo = self.world.jabber("romeo")
        return self.romeo


def cseqs_rise(*watches: Subscription) -> None:
    for watch in watches:
        numbers = [notify.cseq for notify in watch.notifies]
        assert numbers == sorted(set(numbers)), numbers


def subscription_stanzas(client: RawClient, seconds: float = 0.5) -> list[str]:
    """The types of all subscription stanzas in the inbox, and of those that come soon; taken out."""
    types = [stanza.get("type", "") for stanza in client.drain(seconds)]
    return [type_ for type_ in types if type_ in SUBSCRIPTION_TYPES]


def calm(gateway: Gateway) -> None:
    """The gateway's log tells of nothing that nobody thought of."""
    bad = [line for line in gateway.lines() if "Traceback" in line or " critical " in line]
    assert not bad, gateway.tail(60)


@pytest.fixture(autouse=True)
def composure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every journey here ends with a look at the log."""
    names = {"world", "prosody_world"} & set(request.fixturenames)
    worlds: list[World] = [request.getfixturevalue(name) for name in names]
    yield
    for world in worlds:
        calm(world.gateway)


# the XMPP server


def test_the_xmpp_server_restarts(world: World) -> None:
    friends = Friends(world)
    before = len(friends.watch.notifies)
    world.server.stop()
    world.gateway.wait_for_leg("xmpp", "down")
    friends.says("on-the-phone")
    world.server.start()
    world.gateway.wait_for_leg("xmpp", "up", within=30)
    friends.watch.wait_for_text("<basic>closed</basic>", after=before, within=20)
    romeo = friends.come_back()
    romeo.wait(presence(sender=BOB, show="dnd"), "bob on the phone, after the next login")
    friends.watch.wait_for_text("<basic>open</basic>", after=before)
    assert romeo.roster()[BOB] == ("both", False)
    romeo.available("away", "Back again")
    friends.watch.wait_for_text("Back again", after=before)
    friends.says()
    online = romeo.wait(
        lambda stanza: presence(sender=BOB)(stanza) and text(stanza, "show") is None, "bob online"
    )
    assert "/" in online.get("from", "")
    assert subscription_stanzas(romeo) == []
    cseqs_rise(friends.watch)


def test_a_request_survives_the_restart_of_the_xmpp_server(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    watch = bob.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=BOB), "bob's request")
    romeo.close()
    world.server.restart()
    world.gateway.wait_for_leg("xmpp", "up", within=30)
    romeo = world.jabber("romeo")
    romeo.wait(presence("subscribe", sender=BOB), "bob's request again")
    assert watch.notifies[-1].state == "pending"
    romeo.subscribed(BOB)
    watch.wait_for_text("<basic>open</basic>")


# the gateway


def test_the_gateway_is_killed_at_random_moments_while_bob_publishes(prosody_world: World) -> None:
    friends, gateway = Friends(prosody_world), prosody_world.gateway
    romeo, bob, alice = friends.romeo, friends.bob, prosody_world.phone("alice")
    own = alice.subscribe(bob.uri)
    own.wait_for_text("away")
    rng = random.Random(22)
    number = 0

    def publish(within: float) -> int:
        document = pidf(bob.uri, "open", "away", note=f"Note {number}.")
        answer = bob.publish(document, etag=friends.etag, within=within)
        friends.etag = answer.get("sip-etag") or friends.etag
        return answer.status

    assert publish(within=10) == 200
    for _ in range(4):
        stored, unanswered = f"Note {number}.", ""
        killer = threading.Timer(rng.uniform(0.0, 0.2), gateway.kill)
        killer.start()
        while not unanswered:
            number += 1
            try:
                status = publish(within=0.3)
            except AssertionError:  # no answer
                unanswered = f"Note {number}."
            else:
                assert status == 200
                stored = f"Note {number}."
        killer.join()
        count, count_of_romeo = len(own.notifies), len(friends.watch.notifies)
        romeo.drain()
        gateway.start()
        gateway.wait_for_leg("xmpp", "up")
        # what was not answered may have been stored or not
        seen = own.wait(
            lambda notify, wanted=(stored, unanswered): any(note in notify.text for note in wanted),  # type: ignore[misc]
            f"{stored} or {unanswered}",
            after=count,
        )
        shown = romeo.wait(presence(sender=BOB, show="away"), "bob, after the restart")
        assert text(shown, "status") in {stored, unanswered}
        friends.watch.wait_for_text("<basic>open</basic>", after=count_of_romeo)
        number += 1
        status = publish(within=10)
        if status == 412:
            # stored, but its 200 was lost: the telephone begins anew, and replaces what it published before
            assert unanswered in seen.text
            friends.etag = ""
            status = publish(within=10)
        assert status == 200
    cseqs_rise(own, friends.watch)
    assert romeo.roster()[BOB] == ("both", False)
    assert not set(subscription_stanzas(romeo)) & {"unsubscribed", "unsubscribe", "subscribe"}


def test_the_gateway_is_killed_while_people_ask_and_approve(prosody_world: World) -> None:
    """Each round both ask anew; wherever the gateway was killed, what had been decided stands and the rest can go on."""
    gateway = prosody_world.gateway
    rng = random.Random(23)
    names = [f"alice{round_}" for round_ in range(5)]
    gateway.users |= dict.fromkeys(names, PASSWORDS["alice"])
    gateway.restart()
    gateway.wait_for_leg("xmpp", "up")
    watch: Subscription | None = None
    for round_, name in enumerate(names):
        alice = prosody_world.stage.enter_context(
            SipClient(name, SIP_DOMAIN, gateway.sip, password=PASSWORDS["alice"])
        )
        jid = f"{name}@{SIP_DOMAIN}"
        assert alice.publish(pidf(alice.uri, "open", "busy")).status == 200
        romeo = prosody_world.jabber("romeo", f"round{round_}")
        killer = threading.Timer(rng.uniform(0.0, 0.04), gateway.kill)
        killer.start()
        romeo.subscribe(jid)
        watch = None
        try:
            watch = alice.subscribe(ROMEO, within=0.3)
            romeo.wait(presence("subscribe", sender=jid), "the request", timeout=0.3)
            romeo.subscribed(jid)
        except AssertionError:
            pass  # the gateway was faster dead
        killer.join()
        romeo.close()
        gateway.start()
        gateway.wait_for_leg("xmpp", "up")
        romeo = prosody_world.jabber("romeo", f"after{round_}")
        # what was lost on the way to a dead component the server says again at the next login, or romeo has to
        if romeo.roster().get(jid, ("none", False))[0] not in {"to", "both"}:
            romeo.subscribe(jid)
        romeo.wait(presence(sender=jid, show="dnd"), "alice busy")
        if watch is None or watch.response.status != 200:
            watch = alice.subscribe(ROMEO)
        if romeo.roster()[jid][0] != "both":
            romeo.wait(presence("subscribe", sender=jid), "the request again")
            romeo.subscribed(jid)
        romeo.available("away", f"Round {round_}.")
        watch.wait_for_text(f"Round {round_}.")
        assert romeo.roster()[jid] == ("both", False)
        assert not set(subscription_stanzas(romeo, 0.0)) & {"unsubscribed", "unsubscribe"}
        cseqs_rise(watch)


def test_a_graceful_stop_hides_contacts_and_ends_no_dialog(world: World) -> None:
    friends, gateway = Friends(world), world.gateway
    romeo = friends.romeo
    gateway.stop()
    romeo.wait(presence("unavailable", sender=BOB), "bob gone with the gateway")
    before = len(friends.watch.notifies)
    assert all(notify.state != "terminated" for notify in friends.watch.notifies)
    gateway.start()
    gateway.wait_for_leg("xmpp", "up", within=30)
    romeo.wait(presence(sender=BOB, show="away"), "bob back with the gateway")
    friends.watch.wait_for_text("<basic>open</basic>", after=before)
    romeo.available("dnd", "After the restart")
    friends.watch.wait_for_text("After the restart", after=before)
    friends.says("busy")
    romeo.wait(presence(sender=BOB, show="dnd"), "bob busy")
    assert friends.watch.refresh().status == 200
    assert romeo.roster()[BOB] == ("both", False)
    assert subscription_stanzas(romeo) == []
    cseqs_rise(friends.watch)


def test_what_happens_while_the_gateway_is_away_is_caught_up(world: World) -> None:
    """A new state, an approval and a request that could not be delivered."""
    friends, gateway = Friends(world), world.gateway
    romeo, juliet, alice = friends.romeo, world.jabber("juliet"), world.phone("alice")
    asked = alice.subscribe(ROMEO)
    romeo.wait(presence("subscribe", sender=ALICE), "alice's request")
    asked.wait_for_state("pending")
    counts = len(friends.watch.notifies), len(asked.notifies)
    gateway.kill()
    romeo.available("dnd", "In the meantime")
    romeo.subscribed(ALICE)
    romeo.roster()
    gateway.start()
    gateway.wait_for_leg("xmpp", "up", within=30)
    friends.watch.wait_for_text("In the meantime", after=counts[0])
    asked.wait_for_text("In the meantime", after=counts[1])
    juliet.befriend(BOB)
    juliet.wait(presence(sender=BOB, show="away"), "bob away")
    assert set(subscription_stanzas(romeo)) <= {"subscribe"}
    cseqs_rise(friends.watch, asked)
