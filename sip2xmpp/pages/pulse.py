"""What makes the pages of operators change while somebody looks at them: a beat, and no more.

The overview shows numbers that change with every message, and long tables are made anew at each look; so neither is told of each
change.  Those who listen are told once a second of the first (topic ``panel``), and every third second of the second
(``panel-rows``), less often where tables are so long that a look is work.  Where nobody listens, only the legs are looked at, so that it is known since when one is as it is.
"""

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.pages.live import Live

BEAT: Final = 1.0
"""Seconds between two beats."""

ROWS: Final = 3
"""Beats between two looks at long tables."""


ROWS_A_BEAT: Final = 5_000
"""Rows that there may be for each beat between two looks: with a hundred thousand there is one every twenty seconds."""


class Pulse:
    """``look`` is called with every beat; ``rows`` tells how many there are in all tables."""

    def __init__(
        self, live: Live, clock: IReactorTime, look: Callable[[], object], rows: Callable[[], int]
    ) -> None:
        self._live = live
        self._clock = clock
        self._look = look
        self._rows = rows
        self._beats = 0
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """Beat from the next turn on: whatever is looked at may not be joined yet."""
        self._call = self._clock.callLater(0, self._beat)

    def stop(self) -> None:
        """Beat no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _beat(self) -> None:
        self._call = self._clock.callLater(BEAT, self._beat)
        self._beats += 1
        self._look()
        self._live.changed("panel")
        if self._beats >= max(ROWS, self._rows() // ROWS_A_BEAT):
            self._beats = 0
            self._live.changed("panel-rows")
