"""Times as XMPP writes them.

Implements: XEP-0082 (DateTime profile); reads XEP-0091 stamps too.
"""

from datetime import UTC, datetime

MAXIMUM = 40
"""No stamp is longer, in characters."""


def stamp(when: datetime) -> str:
    """Write an aware time in UTC, to the millisecond when it has a fraction."""
    plain = when.astimezone(UTC).replace(tzinfo=None)
    return plain.isoformat(timespec="milliseconds" if plain.microsecond else "seconds") + "Z"


def read_stamp(text: str) -> datetime | None:
    """Return the aware UTC time, or None when it is not one.

    COMPAT: a stamp without a zone is taken as UTC (XEP-0091 form of older servers and of transports).
    """
    if not 8 <= len(text) <= MAXIMUM:
        return None
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
