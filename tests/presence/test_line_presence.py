"""Shared lines as presence."""

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.documents.dialog_info import Call, CallState, Direction
from sip2xmpp.presence.composition import compose
from sip2xmpp.presence.line_presence import LinePresence, is_in_use
from sip2xmpp.presence.lines import Lines
from sip2xmpp.presence.states import State, state_of
from tests.presence.test_lines import ALICE, FRIEND, LINE, SALES, Scene, off_hook, talk


@pytest.mark.parametrize(
    ("call", "used"),
    [
        (off_hook(1), False),
        (talk(1), True),
        (Call(id="1", state=CallState.EARLY, direction=Direction.RECIPIENT, remote=FRIEND), False),
        (Call(id="1", state=CallState.TRYING, direction=Direction.INITIATOR, remote=FRIEND), True),
    ],
)
def test_a_line_is_in_use_while_somebody_talks_or_calls(call: Call, used: bool) -> None:
    assert is_in_use(call) is used


def test_the_same_is_said_by_the_same_source(clock: Clock) -> None:
    scene: Any = Scene(clock)
    feed = LinePresence(scene.lines, scene.clock)
    changed: list[object] = []
    feed.listen(changed.append)
    assert feed.sources(SALES, ()) == () or not feed.sources(SALES, ())
    scene.tells("a", talk(1, "a"))
    (source,) = feed.sources(SALES, ())
    scene.tells("a", replace(talk(1, "a"), duration=9))
    assert feed.sources(SALES, ()) == [source] and changed == [SALES, SALES]
    assert state_of(source.document) is State.ON_THE_PHONE
    assert feed.sources(ALICE, ()) == ()


def test_a_line_that_is_always_open_is_available_when_idle(clock: Clock) -> None:
    scene: Any = Scene(clock)
    lines = Lines(store=scene.store, clock=scene.clock, lines={SALES: replace(LINE, always_open=True)})
    feed = LinePresence(lines, scene.clock)
    states = []
    for calls in ((), (talk(1, "a"),), ()):
        scene.tells("a", *calls)
        document = compose(SALES.sip_uri(), feed.sources(SALES, ()), scene.clock.seconds())
        states.append(state_of(document))
    assert states == [State.ONLINE, State.ON_THE_PHONE, State.ONLINE]
