"""How often a watcher wants to be told: the rates of one subscription.

``Rates`` are what a watcher asks for in its Event header, in notifications a second, after the bounds below: they are what
is in force, and what Subscription-State says.  ``Pace`` remembers when NOTIFYs left and answers two questions: from when on
may the next news be told (``max-rate``), and when has something to be told even without news (``min-rate``).

A watcher may ask for less as it likes.  It may not ask for so much that it makes work: ``min-rate`` is brought down to one
NOTIFY in ``SHORTEST_SILENCE`` seconds, and a ``max-rate`` above one a second is brought down to it, because deadlines are
kept by the second.  What is not written by the grammar counts as absent.

Implements: RFC 6446 sections 4 (maximum), 5 (minimum), 6 (adaptive minimum) and 8.1 (grammar).
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import Final

SHORTEST_SILENCE: Final = 5.0
"""Seconds; the least that a minimum rate lets pass between two NOTIFYs (RFC 3856, section 6.10)."""
MOST_A_SECOND: Final = 1.0
PERIOD: Final = 600.0
"""Seconds over which the adaptive minimum counts NOTIFYs, if not ten times the wanted silence is longer."""
LONGEST_EVENT: Final = 512
"""Characters of an Event header that is searched for rates."""
COUNTED: Final = 128
"""NOTIFYs that are counted at most."""

_PART: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"'
    r"|;[ \t]*(max-rate|min-rate|adaptive-min-rate)[ \t]*=[ \t]*([0-9]{1,2}(?:\.[0-9]{1,10})?)[ \t]*(?=;|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Notifications a second, each None if there is no such bound."""

    maximum: float | None = None
    minimum: float | None = None
    adaptive: float | None = None

    def __bool__(self) -> bool:
        return self != NONE

    def __str__(self) -> str:
        """As parameters, each with its semicolon."""
        return "".join(
            f";{name}={_written(value)}"
            for name, value in (
                ("max-rate", self.maximum),
                ("min-rate", self.minimum),
                ("adaptive-min-rate", self.adaptive),
            )
            if value is not None
        )


NONE: Final = Rates()


def rates_of(event: str) -> Rates:
    """The rates that an Event header asks for, as they are adopted."""
    if len(event) > LONGEST_EVENT:
        return NONE
    asked = {
        name.lower(): float(value) for name, value in _PART.findall(event) if name and float(value) > 0.0
    }
    maximum = asked.get("max-rate")
    if maximum is not None:
        maximum = min(maximum, MOST_A_SECOND)
    most = min(1 / SHORTEST_SILENCE, maximum or MOST_A_SECOND)
    minimum, adaptive = asked.get("min-rate"), asked.get("adaptive-min-rate")
    return Rates(
        maximum=maximum,
        minimum=None if minimum is None else min(minimum, most),
        adaptive=None if adaptive is None else min(adaptive, most),
    )


def without_rates(event: str) -> str:
    """An Event header as it is echoed: the rates are not repeated in it, all the rest is as it was written."""
    if len(event) > LONGEST_EVENT:
        return event
    return _PART.sub(lambda found: "" if found[1] else found[0], event)


class Pace:
    """When the NOTIFYs of one subscription left, and when the next may and has to."""

    __slots__ = ("_last", "_times", "rates")

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self._last: float | None = None
        self._times: deque[float] = deque(maxlen=COUNTED)

    def sent(self, now: float) -> None:
        """A NOTIFY leaves."""
        self._last = now
        if self.rates.adaptive is not None:
            self._times.append(now)

    @property
    def allowed_at(self) -> float:
        """From when on news may be told."""
        if self._last is None or self.rates.maximum is None:
            return 0.0
        return self._last + 1 / self.rates.maximum

    def wanted_at(self, now: float) -> float | None:
        """When something is to be told even if nothing is new; None for never."""
        rates = self.rates
        if self._last is None or (rates.minimum is None and rates.adaptive is None):
            return None
        silence = 1 / rates.minimum if rates.minimum is not None else float("inf")
        if rates.adaptive is not None:
            silence = min(silence, self._adaptive(rates.adaptive, now))
        if rates.maximum is not None:
            silence = max(silence, 1 / rates.maximum)
        return self._last + max(silence, SHORTEST_SILENCE)

    def _adaptive(self, rate: float, now: float) -> float:
        """The silence that brings the average over the period to ``rate``: the more was sent lately, the longer."""
        period = max(PERIOD, 10 / rate)
        while self._times and self._times[0] <= now - period:
            self._times.popleft()
        return len(self._times) / (rate * rate * period)


def _written(rate: float) -> str:
    return f"{rate:.10f}".rstrip("0").rstrip(".")
