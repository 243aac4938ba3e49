"""A watcher that hears no more often than once in so many seconds, except when it has asked.

It stands between a watcher and the back end.  What comes too early waits, and only the newest of it; the end never waits.

Implements: RFC 6665 section 5.4.10 (rate of notifications).
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.presence.watching import Standing, StateWatcher, Told, Watch


class PacedWatch:
    """Watcher of the back end, and watch of the front end.  ``ended`` is called when it is stopped or the back end ends it."""

    def __init__(
        self, watcher: StateWatcher, clock: IReactorTime, interval: float, ended: Callable[[], None]
    ) -> None:
        self._watcher = watcher
        self._clock = clock
        self._interval = interval
        self._ended = ended
        self._inner: Watch | None = None
        self._asked = True
        self._next_at = 0.0
        self._held: Told[Any] | None = None
        self._timer: IDelayedCall | None = None

    def begin(self, inner: Watch) -> "PacedWatch":
        """Stand before ``inner``, which tells this."""
        self._inner = inner
        return self

    @property
    def address(self) -> Address:
        """Who watches."""
        return self._watcher.address

    def notified(self, notification: Told[Any]) -> None:
        """Pass it on, now or when it is time."""
        wait = self._next_at - self._clock.seconds()
        if self._asked or wait <= 0 or notification.standing is Standing.TERMINATED:
            self._pass(notification)
            return
        self._held = notification
        if self._timer is None:
            self._timer = self._clock.callLater(wait, self._due)

    def refresh(self) -> None:
        """The watcher asks: what comes now does not wait."""
        self._asked = True
        if self._inner is not None:
            self._inner.refresh()

    def stop(self) -> None:
        self._forget()
        if self._inner is not None:
            self._inner.stop()
        self._ended()

    def _due(self) -> None:
        self._timer = None
        if self._held is not None:
            self._pass(self._held)

    def _pass(self, notification: Told[Any]) -> None:
        self._forget()
        self._asked = False
        self._next_at = self._clock.seconds() + self._interval
        self._watcher.notified(notification)
        if notification.standing is Standing.TERMINATED:
            # nobody stops what has ended by itself
            self._ended()

    def _forget(self) -> None:
        self._held = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
