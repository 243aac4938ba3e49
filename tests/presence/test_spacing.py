"""Changes with some time between them."""

from typing import Any

from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.presence.spacing import Spacing

ALICE, BOB = Address.parse("alice@sip.example.org"), Address.parse("bob@sip.example.org")


def test_the_first_change_is_passed_on_at_once_and_the_rest_together_later() -> None:
    clock: Any = Clock()
    passed: list[tuple[float, Address]] = []
    spacing = Spacing(clock, 1.0, lambda resource: passed.append((clock.seconds(), resource)))
    for _ in range(5):
        spacing.changed(ALICE)
        clock.advance(0.1)
    spacing.changed(BOB)
    assert passed == [(0.0, ALICE), (0.5, BOB)]
    clock.advance(0.5)
    assert passed[2:] == [(1.0, ALICE)]
    clock.advance(5)
    assert len(passed) == 3 and not clock.getDelayedCalls()
    spacing.changed(ALICE)
    assert passed[3:] == [(6.0, ALICE)]


def test_a_change_in_time_is_held_back_from_the_one_that_was_passed_on_late() -> None:
    clock: Any = Clock()
    passed: list[float] = []
    spacing = Spacing(clock, 1.0, lambda _: passed.append(clock.seconds()))
    for step in range(12):
        if step in (0, 2, 5):
            spacing.changed(ALICE)
        clock.advance(0.25)
    assert passed == [0.0, 1.0, 2.0]
