"""Changes of a resource with some time between them: the first is passed on at once, those that follow too soon together.

Event packages say how often a watcher is told at most.  Holding changes back where they arise costs one timer for a resource
that changes, whoever watches it; nothing is held for one that does not.

Implements: RFC 6665 section 5.4.9 (rate of notifications).
"""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address


class Spacing:
    """Calls ``pass_on(resource)`` no more often than once in ``interval`` seconds for a resource, and always after its last change."""

    def __init__(self, clock: IReactorTime, interval: float, pass_on: Callable[[Address], None]) -> None:
        self._clock = clock
        self._interval = interval
        self._pass_on = pass_on
        self._resting: dict[Address, bool] = {}

    def changed(self, resource: Address) -> None:
        """A change, to be passed on now or as soon as it may be."""
        if resource in self._resting:
            self._resting[resource] = True
        else:
            self._pass(resource)

    def _pass(self, resource: Address) -> None:
        self._resting[resource] = False
        self._clock.callLater(self._interval, self._rested, resource)
        self._pass_on(resource)

    def _rested(self, resource: Address) -> None:
        if self._resting.pop(resource):
            self._pass(resource)
