"""Points in time as people write them into a form: ``2h``, ``17:30``, ``2027-01-05``, ``2027-01-05T09:00+01:00``.

What has no zone is UTC.  A day stands for its beginning, or where an end is asked for, for its end.

Implements: RFC 3339 as far as people write it.
"""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from sip2xmpp.documents.times import from_unix, write_time
from sip2xmpp.errors import BadInput

LONGEST_SECONDS: Final = 10 * 366 * 86_400
"""Nothing is planned for longer."""

_SPAN: Final = re.compile(r"\+?([0-9]{1,6}) ?(s|m|min|h|d|w)", re.IGNORECASE)
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def moment(written: str, now: float, *, is_end: bool = True) -> float | None:
    """The Unix time; None for nothing.  ``is_end``: a day means its end, and it must not be over.  Raises ``BadInput``."""
    words = written.strip()
    if not words:
        return None
    try:
        at = _read(words, now, is_end=is_end)
        read = written_moment(at)
    except (ValueError, OverflowError):
        raise BadInput(
            f'"{words[:40]}" is not a time, as in 2h, 17:30, 2027-01-05 or 2027-01-05T09:00'
        ) from None
    if is_end and at <= now:
        raise BadInput(f"{read} is over")
    if at > now + LONGEST_SECONDS:
        raise BadInput(f'"{words[:40]}" is too far away')
    return at


def written_moment(at: float) -> str:
    """``2027-01-05T09:00:00Z``."""
    return write_time(from_unix(at))


def _read(words: str, now: float, *, is_end: bool) -> float:
    span = _SPAN.fullmatch(words)
    if span is not None:
        return now + int(span[1]) * _UNITS[span[2].lower()]
    today = datetime.fromtimestamp(now, UTC)
    clock = _CLOCK.fullmatch(words)
    if clock is not None:
        at = datetime.combine(today.date(), time(int(clock[1]), int(clock[2])), UTC)
        return (at if at > today else at + timedelta(days=1)).timestamp()
    at = datetime.fromisoformat(words)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if is_end and _DAY.fullmatch(words):
        at += timedelta(days=1)
    return at.timestamp()
