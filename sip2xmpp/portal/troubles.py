"""The last warnings and errors of the log, for those who do not read it.

It is an observer of the log.  What is said again and again is one line that counts, so one broken phone cannot push everything
else out.  Nothing here outlives the process: the log itself does.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from twisted.logger import LogLevel, formatEvent

KEPT: Final = 100
"""Different troubles that are kept."""

LONGEST: Final = 500
"""Characters of one that are kept."""

_BAD: Final = frozenset({LogLevel.warn, LogLevel.error, LogLevel.critical})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """``what`` was said by ``part`` of the program, last ``at`` this Unix time, and ``times`` times since ``first``."""

    part: str
    what: str
    is_error: bool
    first: float
    at: float
    times: int = 1


class Troubles:
    """Remembers them; an observer for ``twisted.logger``."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], Trouble] = OrderedDict()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Twisted's hook for an event of the log."""
        level = event.get("log_level")
        if level not in _BAD:
            return
        part = str(event.get("log_namespace", "")).removeprefix("sip2xmpp.")
        what = formatEvent(dict(event))
        failure = event.get("log_failure")
        if failure is not None:
            what = f"{what}: {failure.getErrorMessage()}"
        what = what[:LONGEST]
        at = float(event.get("log_time", 0.0))
        before = self._held.pop((part, what), None)
        self._held[part, what] = (
            Trouble(part=part, what=what, is_error=level is not LogLevel.warn, first=at, at=at)
            if before is None
            else replace(before, at=at, times=before.times + 1)
        )
        while len(self._held) > KEPT:
            self._held.popitem(last=False)

    def latest(self, most: int = KEPT) -> list[Trouble]:
        """The newest first."""
        return list(reversed(self._held.values()))[:most]
