"""Taking subscriptions up again after a restart, a few at a time and in random order.

Every watcher is told the current state soon, but not all in one burst: ``AT_ONCE / INTERVAL``, two thousand a second, so
that a hundred thousand take fifty seconds, and watchers of one domain come back spread over the whole time.  The groups
are so small that a request that arrives meanwhile waits for a few milliseconds at most.  A watcher that refreshes before
its turn is resumed by that.

Implements: RFC 6665 section 4.4.1 (a notifier that persists its dialogs goes on in them).
"""

import random
from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.events.subscription import Subscription

AT_ONCE = 10
"""How many are resumed together."""
INTERVAL = 0.005
"""Seconds from one such group to the next."""


class Restoration:
    """Calls ``resume`` with each dormant subscription in its turn."""

    log = Logger()

    def __init__(
        self, *, clock: IReactorTime, rng: random.Random, resume: Callable[[Subscription], None]
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._resume = resume
        self._dormant: deque[Subscription] = deque()

    def begin(self, dormant: Iterable[Subscription]) -> None:
        """Resume all of ``dormant``, none of them before this returns."""
        self._dormant.extend(dormant)
        self._rng.shuffle(self._dormant)
        if self._dormant:
            self.log.info("{count} subscriptions are taken up again", count=len(self._dormant))
            self._clock.callLater(0, self._resume_some)

    def _resume_some(self) -> None:
        group = [self._dormant.popleft() for _ in range(min(AT_ONCE, len(self._dormant)))]
        if self._dormant:
            self._clock.callLater(INTERVAL, self._resume_some)
        for subscription in group:
            self._resume(subscription)
