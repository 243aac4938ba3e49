"""The subscriber's machine by itself: what moves it from one phase to the next, and what it tells its owner."""

import random
from dataclasses import dataclass, field

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.events.outgoing import SHORTEST_LIFETIME, TIMER_N, News, Outgoing, Phase
from sip2xmpp.presence.watching import Reason
from sip2xmpp.sip.dialog import Dialog
from sip2xmpp.sip.uri import SipUri
from tests.events.elsewhere import OPEN, Elsewhere, Subscriber
from tests.events.gateway import Method
from tests.fakes import Network


@dataclass
class Owner:
    """Writes down what it is told, and the phase at every change."""

    news: list[News] = field(default_factory=list)
    ends: list[tuple[Reason, int]] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)

    def told(self, subscription: Outgoing, news: News) -> None:
        self.news.append(news)

    def over(self, subscription: Outgoing, reason: Reason, retry_after: int) -> None:
        self.ends.append((reason, retry_after))

    def changed(self, subscription: Outgoing) -> None:
        self.phases.append(subscription.phase)


class Scene:
    def __init__(self, clock: Clock) -> None:
        self.network = Network(clock)
        self.us = Subscriber(self.network)
        self.them = Elsewhere(self.network)
        self.owner = Owner()
        self.outgoing = self.made()
        self.us.agent.serve("NOTIFY", Method(self._notify))

    def made(self, **more: object) -> Outgoing:
        dialog = Dialog(
            call_id="c", local_tag="l", remote_tag="n1" if more.get("established") else "",
            local_uri="sip:romeo@jabber.example", remote_uri="sip:bob@example.com",
            remote_target="sip:192.0.2.9",
        )  # fmt: skip
        return Outgoing(
            owner=self.owner,
            agent=self.us.agent,
            clock=self.network.clock,
            rng=random.Random(1),
            watcher=Address("romeo", "jabber.example"),
            presentity=Address("bob", "example.com"),
            dialog=dialog,
            next_hop=SipUri.parse("sip:192.0.2.9"),
            **more,
        )

    def _notify(self, transaction, request) -> None:
        self.outgoing.notify_received(transaction, request)

    def begin(self) -> None:
        self.outgoing.begin()
        self.network.drive(0.1)


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_a_2xx_changes_nothing_and_a_notify_makes_it_live(scene: Scene) -> None:
    scene.begin()
    assert scene.outgoing.phase is Phase.ASKING and scene.owner.news == []
    scene.them.notify("pending")
    assert scene.outgoing.phase is Phase.LIVE
    scene.them.notify("active", OPEN)
    assert [(news.active, news.document is not None) for news in scene.owner.news] == [
        (False, False),
        (True, True),
    ]
    assert scene.outgoing.dialog.remote_tag == "n1"


def test_leaving_while_asking_is_over_at_once(scene: Scene) -> None:
    scene.begin()
    scene.outgoing.leave()
    assert scene.outgoing.phase is Phase.OVER and scene.owner.ends == []
    scene.outgoing.refresh()
    scene.outgoing.leave()
    scene.network.drive(2 * TIMER_N)
    assert scene.them.expires == [3600]
    assert scene.them.notify("active", OPEN).status == 481


def test_leaving_while_live_waits_for_the_last_notify(scene: Scene) -> None:
    scene.begin()
    scene.them.notify("active", OPEN)
    scene.outgoing.leave()
    scene.network.drive(0.1)
    assert scene.outgoing.phase is Phase.LEAVING
    scene.outgoing.leave()
    scene.outgoing.refresh()
    scene.network.drive(1)
    assert scene.them.expires == [3600, 0]
    scene.them.notify("terminated")
    assert scene.outgoing.phase is Phase.OVER
    assert scene.owner.ends == [], "the owner ended it itself"


def test_no_last_notify_comes(scene: Scene) -> None:
    scene.begin()
    scene.them.notify("active", OPEN)
    scene.outgoing.leave()
    scene.network.drive(TIMER_N - 1)
    assert scene.outgoing.phase is Phase.LEAVING
    scene.network.drive(2)
    assert scene.outgoing.phase is Phase.OVER and scene.owner.ends == []


def test_nothing_is_left_to_do_when_it_is_over(scene: Scene) -> None:
    scene.begin()
    scene.them.notify("active;expires=100", OPEN)
    scene.them.notify("terminated;reason=giveup;retry-after=7")
    assert scene.owner.ends == [(Reason.GIVEUP, 7)]
    scene.network.drive(40)
    assert [
        call
        for call in scene.network.clock.getDelayedCalls()
        if call.getTime() < scene.network.clock.seconds() + 4000
    ] == []


def test_a_resumed_dialog_is_live_from_the_start(scene: Scene) -> None:
    scene.outgoing = scene.made(established=True)
    scene.begin()
    assert scene.outgoing.phase is Phase.LIVE
    assert scene.them.last.to.tag == "n1"
    assert scene.them.notify("active", OPEN, tag="n2").status == 481
    assert scene.them.notify("active", OPEN).status == 200


def test_a_resumed_dialog_that_is_silent_ends(scene: Scene) -> None:
    scene.outgoing = scene.made(established=True)
    scene.begin()
    scene.network.drive(TIMER_N + 1)
    assert scene.owner.ends == [(Reason.DEACTIVATED, 0)]


def test_what_expires_before_it_can_be_refreshed_ends(scene: Scene) -> None:
    scene.begin()
    scene.them.notify("active;expires=2", OPEN)
    scene.network.drive(SHORTEST_LIFETIME + 1)
    assert scene.owner.ends == [(Reason.PROBATION, 0)]
    assert len(scene.them.subscribes) == 1


def test_the_contact_of_a_notify_is_the_next_target(scene: Scene) -> None:
    scene.begin()
    scene.them.notify("active;expires=100", OPEN)
    assert scene.outgoing.dialog.remote_target == "sip:192.0.2.9:5060"
    scene.network.drive(95)
    assert scene.them.last.uri == "sip:192.0.2.9:5060"
