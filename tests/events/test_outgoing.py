"""The subscriber's machine by itself: what moves it from one phase to the next, and what it tells its owner."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.asked import PRESENCE, AskedPackage, asked_package
from sip2xmpp.events.outgoing import SHORTEST_LIFETIME, TIMER_N, News, Outgoing, Phase
from sip2xmpp.presence.watching import Reason
from sip2xmpp.sip.dialog import Dialog
from sip2xmpp.sip.flow import UDP, Flow, HostPort
from sip2xmpp.sip.uri import SipUri
from tests.events.elsewhere import OPEN, US, Elsewhere, Subscriber
from tests.events.gateway import Method
from tests.fakes import Network


@dataclass
class Owner:
    """Writes down what it is told, and the phase at every change."""

    news: list[News[Any]] = field(default_factory=list)
    ends: list[tuple[Reason, int]] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)

    def told(self, subscription: Outgoing[Any], news: News[Any]) -> None:
        self.news.append(news)

    def over(self, subscription: Outgoing[Any], reason: Reason, retry_after: int) -> None:
        self.ends.append((reason, retry_after))

    def changed(self, subscription: Outgoing[Any]) -> None:
        self.phases.append(subscription.phase)


class Scene:
    def __init__(self, clock: Clock, package: AskedPackage = PRESENCE) -> None:
        self.package = package
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
            package=self.package,
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


# other packages


def shared_line() -> AskedPackage[bytes]:
    """A package told apart from ``dialog`` by its parameter, whose documents are octets."""

    def read(octets: bytes) -> bytes:
        if octets == b"bad":
            raise BadDocument("bad")
        return octets

    return asked_package("dialog;sla", "application/dialog-info+xml", read, expires=600, limit=100)


@pytest.fixture
def line(clock: Clock) -> Scene:
    scene = Scene(clock, shared_line())
    scene.begin()
    return scene


def said(scene: Scene, body: bytes, event: str = "dialog;sla", **more: Any) -> int:
    return scene.them.notify(
        "active", body, event=event, content_type="application/dialog-info+xml", **more
    ).status


def test_a_package_says_its_event_its_bodies_and_its_lifetime(line: Scene) -> None:
    assert line.them.last.event_value == "dialog;sla"
    assert line.them.last.accept == ["application/dialog-info+xml"]
    assert line.them.expires == [600]


def test_a_package_reads_its_own_documents(line: Scene) -> None:
    assert said(line, b"one") == 200
    assert line.owner.news == [News(active=True, document=b"one")]


@pytest.mark.parametrize("event", ["dialog;sla", "Dialog;SLA", "dialog; sla", "DIALOG;sla;id=7"])
def test_the_event_of_a_notify_is_compared_without_case(line: Scene, event: str) -> None:
    assert said(line, b"one", event) == 200


@pytest.mark.parametrize("event", ["dialog", "dialog;ma", "presence", "presence;sla", "", "@"])
def test_a_notify_of_another_package_is_refused_and_says_nothing(line: Scene, event: str) -> None:
    assert said(line, b"one", event) in (400, 489)
    assert line.owner.news == [] and line.outgoing.phase is Phase.ASKING


def test_a_body_is_bounded_before_and_after_it_is_inflated(line: Scene) -> None:
    assert said(line, b"x" * 101) == 413
    assert said(line, b"x" * 100) == 200
    assert said(line, b"bad") == 400
    assert [news.document for news in line.owner.news] == [b"x" * 100]


def test_a_body_of_another_type_is_refused(line: Scene) -> None:
    answer = line.them.notify("active", b"one", event="dialog;sla", content_type="text/plain")
    assert answer.status == 415 and answer.headers.get("Accept") == "application/dialog-info+xml"


def test_a_flow_is_the_only_way(scene: Scene) -> None:
    flow = Flow(transport=UDP, local=US, peer=HostPort("192.0.2.9", 5060))
    scene.outgoing = scene.made(flow=flow)
    scene.outgoing.dialog.remote_target = "sip:bob@10.0.0.1:9"
    scene.begin()
    assert scene.them.last.uri == "sip:bob@10.0.0.1:9"


def test_what_is_dropped_says_nothing_and_leaves_no_timer(scene: Scene) -> None:
    scene.begin()
    scene.them.notify("active", OPEN)
    scene.outgoing.drop()
    scene.outgoing.drop()
    scene.network.drive(4000)
    assert scene.them.expires == [3600] and scene.owner.ends == []


def test_the_status_that_ended_it_is_known(scene: Scene) -> None:
    scene.them.refusals = [(489, [])]
    scene.begin()
    assert scene.outgoing.refused == 489 and scene.owner.ends == [(Reason.REJECTED, 0)]


def test_a_notify_without_contact_leaves_the_target_as_it_was(scene: Scene) -> None:
    scene.begin()
    scene.them.contact = ""
    assert scene.them.notify("active;expires=100", OPEN).status == 200
    assert scene.outgoing.phase is Phase.LIVE and scene.outgoing.dialog.remote_tag == "n1"
    assert scene.them.notify("active;expires=100", OPEN, cseq=0).status == 500, "older"
    scene.network.drive(95)
    assert scene.them.last.uri == "sip:192.0.2.9" and scene.them.last.to.tag == "n1"


def test_no_notify_makes_it_longer_than_was_granted(scene: Scene) -> None:
    scene.them.granted = 600
    scene.begin()
    for _ in range(6):
        scene.them.notify("active;expires=600", OPEN)
        scene.network.drive(100)
    assert len(scene.them.subscribes) == 2, "refreshed before ten minutes were over"
    scene.them.notify("active;expires=86400", OPEN)
    scene.network.drive(600)
    assert len(scene.them.subscribes) == 3


def test_a_notify_makes_it_shorter(scene: Scene) -> None:
    scene.begin()
    scene.them.notify("active;expires=100", OPEN)
    scene.network.drive(95)
    assert len(scene.them.subscribes) == 2


def test_whoever_notifies_all_the_time_does_not_put_the_refresh_off(scene: Scene) -> None:
    scene.them.granted = 60
    scene.begin()
    for _ in range(58):
        scene.them.notify("active;expires=60", OPEN)
        scene.network.drive(0.9)
    assert len(scene.them.subscribes) == 2 and scene.owner.ends == []
