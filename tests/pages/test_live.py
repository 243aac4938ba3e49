"""Events for pages that are being looked at, in memory."""

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sip2xmpp.pages import live
from sip2xmpp.pages.roles import Role
from tests.pages.scene import ALICE, BOB, Scene, Tab

SCRIPT = {"sec_fetch_site": "same-origin"}


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock, roles={BOB: Role.VIEWER})


class Listening:
    """A stream as a browser holds it open."""

    def __init__(self, tab: Tab, query: str) -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in tab.cookies.items())
        self.protocol, self.transport = tab.scene.connect(
            f"GET /live?{query} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode(), tab.peer
        )

    def end(self) -> None:
        """The browser goes away."""
        self.protocol.connectionLost(Failure(ConnectionDone()))

    @property
    def status(self) -> int:
        return int(self.transport.value().split()[1])

    @property
    def changes(self) -> int:
        return self.transport.value().count(b"event: changed")


def alice(scene: Scene) -> Tab:
    tab = scene.browser()
    tab.sign_in()
    return tab


def test_a_change_is_told_within_a_moment_and_several_at_once(scene: Scene, clock: Clock) -> None:
    stream = Listening(alice(scene), "topic=presence")
    assert stream.status == 200 and b"text/event-stream" in stream.transport.value()
    for _ in range(5):
        scene.live.changed("presence", ALICE)
    assert stream.changes == 0
    clock.advance(live.TOGETHER)
    assert stream.changes == 1
    scene.live.changed(f"presence {ALICE}")
    clock.advance(live.TOGETHER)
    assert stream.changes == 2


def test_nobody_hears_of_somebody_else(scene: Scene, clock: Clock) -> None:
    stream = Listening(alice(scene), "topic=presence")
    scene.live.changed("presence", BOB)
    scene.live.changed("watchers", ALICE)
    clock.advance(1)
    assert stream.changes == 0


@pytest.mark.parametrize(
    "query",
    [
        "",
        "topic=",
        "topic=panel",
        "topic=presence+bob@sip.example.org",
        "topic=Presence",
        "&".join(["topic=presence"] * 9),
        "topic=%FF",
    ],
)
def test_what_is_no_topic_of_ones_own_is_refused(scene: Scene, query: str) -> None:
    assert Listening(alice(scene), query).status == 403


def test_operators_hear_of_the_panel(scene: Scene, clock: Clock) -> None:
    tab = scene.browser()
    tab.sign_in(BOB)
    stream = Listening(tab, "topic=panel")
    scene.live.changed("panel")
    clock.advance(live.TOGETHER)
    assert stream.changes == 1


def test_strangers_and_other_sites_hear_nothing(scene: Scene) -> None:
    assert scene.browser().get("/live?topic=presence").status == 403
    tab = alice(scene)
    assert tab.get("/live?topic=presence", sec_fetch_site="cross-site").status == 403
    assert tab.ask("POST", "/live?topic=presence").status == 403


def test_who_does_not_take_what_is_told_is_told_no_more(scene: Scene, clock: Clock) -> None:
    stream = Listening(alice(scene), "topic=presence")
    producer = stream.transport.producer
    assert producer is not None
    producer.pauseProducing()
    scene.live.changed("presence", ALICE)
    clock.advance(live.TOGETHER)
    assert stream.changes == 0 and stream.transport.disconnected


def test_a_quiet_stream_has_a_comment_now_and_then(scene: Scene, clock: Clock) -> None:
    stream = Listening(alice(scene), "topic=presence")
    clock.pump([live.QUIET] * 3)
    assert stream.transport.value().count(b": still here") == 3
    assert not stream.transport.disconnecting


def test_streams_of_a_session_are_bounded(scene: Scene) -> None:
    tab = alice(scene)
    streams = [Listening(tab, "topic=presence") for _ in range(live.OF_SESSION)]
    assert Listening(tab, "topic=presence").status == 503
    streams[0].end()
    assert Listening(tab, "topic=presence").status == 200


def test_streams_of_a_user_are_bounded_however_often_he_signs_in(scene: Scene) -> None:
    tabs = [alice(scene) for _ in range(live.OF_USER // live.OF_SESSION)]
    streams = [Listening(tab, "topic=presence") for tab in tabs for _ in range(live.OF_SESSION)]
    another = alice(scene)
    assert Listening(another, "topic=presence").status == 503
    bob = scene.browser()
    bob.sign_in(BOB)
    assert Listening(bob, "topic=presence").status == 200
    streams[0].end()
    assert Listening(another, "topic=presence").status == 200


def test_a_stream_ends_with_its_session(scene: Scene, clock: Clock) -> None:
    stream = Listening(alice(scene), "topic=presence")
    scene.sessions.end_all(ALICE)
    assert len(scene.live) == 0
    assert stream.transport.value().endswith(b"0\r\n\r\n")
    scene.live.changed("presence", ALICE)
    clock.advance(1)
    assert stream.changes == 0


def test_a_stream_that_ends_while_something_changed_is_not_written_to(scene: Scene, clock: Clock) -> None:
    stream = Listening(alice(scene), "topic=presence")
    scene.live.changed("presence", ALICE)
    scene.live.close()
    clock.advance(live.TOGETHER)
    assert stream.changes == 0 and len(scene.live) == 0


def test_where_nobody_listens_a_change_does_nothing(scene: Scene, clock: Clock) -> None:
    scene.live.changed("presence", ALICE)
    assert not clock.getDelayedCalls() and not scene.live.is_heard("presence", ALICE)
