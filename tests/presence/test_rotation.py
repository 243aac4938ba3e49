"""Several who have much to begin each have their share, and others their time."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.presence.rotation import Rotation


class Begun:
    """A rotation of things, and those that were begun, with the time."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        self.clock = clock
        self.start = clock.seconds()
        self.things: list[str] = []
        self.times: list[float] = []
        self.rotation: Rotation[str] = Rotation(clock, self.begin, **options)  # type: ignore[arg-type]

    def begin(self, thing: str) -> None:
        self.things.append(thing)
        self.times.append(round(self.clock.seconds() - self.start, 3))
        if thing == "bad":
            raise RuntimeError(thing)
        if thing == "more":
            self.rotation.add("a", "later")

    def add(self, owner: str, things: str) -> None:
        for thing in things.split():
            self.rotation.add(owner, thing)


def test_owners_take_turns(clock: Clock) -> None:
    begun = Begun(clock, at_once=10, share=2)
    begun.add("a", "a1 a2 a3 a4 a5")
    begun.add("b", "b1 b2 b3")
    assert begun.things == [] and len(begun.rotation) == 8
    clock.advance(0)
    assert begun.things == ["a1", "a2", "b1", "b2", "a3", "a4", "b3", "a5"]
    assert len(begun.rotation) == 0 and not clock.getDelayedCalls()


def test_turns_are_apart(clock: Clock) -> None:
    begun = Begun(clock, at_once=2, share=1, interval=0.5)
    begun.add("a", "1 2 3 4 5")
    for _ in range(4):
        clock.advance(0.5)
    assert begun.times == [0.5, 0.5, 1.0, 1.0, 1.5]
    begun.add("a", "6 7 8")
    clock.advance(0)
    assert begun.times[-2:] == [2.0, 2.0]
    clock.advance(0.25)
    assert len(begun.things) == 7
    clock.advance(0.25)
    assert len(begun.things) == 8


def test_what_is_forgotten_is_not_begun(clock: Clock) -> None:
    begun = Begun(clock, at_once=2, share=2)
    begun.add("a", "a1 a2 a3")
    begun.add("b", "b1")
    begun.rotation.forget("a")
    begun.rotation.forget("c")
    clock.advance(0)
    assert begun.things == ["b1"]


def test_one_that_fails_keeps_no_other_from_its_turn(clock: Clock) -> None:
    begun = Begun(clock, at_once=5, share=2)
    begun.add("a", "bad a2")
    begun.add("b", "b1")
    with pytest.raises(RuntimeError):
        clock.advance(0)
    clock.advance(0)
    assert sorted(begun.things) == ["a2", "b1", "bad"]


def test_what_is_added_while_others_are_begun_comes_after_them(clock: Clock) -> None:
    begun = Begun(clock, at_once=5, share=1)
    begun.add("a", "more a2")
    clock.advance(0)
    assert begun.things == ["more", "a2", "later"]
