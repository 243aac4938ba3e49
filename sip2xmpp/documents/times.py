"""Points in time as presence documents write them: ``xs:dateTime``, always UTC with ``Z`` when we write.

Implements: RFC 3863 section 4.1.7 (timestamp); RFC 3339.
"""

from datetime import UTC, datetime


def read_time(text: str | None) -> datetime | None:
    """An aware UTC time to the second, or None when the text is not a time that can be represented."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not UTC:
            # COMPAT: phones without a configured zone write local-looking times; taken as UTC.
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment.replace(microsecond=0) if moment.microsecond else moment
    except (ValueError, OverflowError):
        return None


def write_time(moment: datetime) -> str:
    """``2026-01-31T12:00:00Z``.  A time without zone is taken as UTC."""
    if moment.tzinfo is not None and moment.tzinfo is not UTC:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            moment = (datetime.min if moment.year < 5000 else datetime.max).replace(tzinfo=UTC)
    return moment.isoformat()[:19] + "Z"


def from_unix(seconds: float) -> datetime:
    """The aware UTC time, to the second, of a Unix time."""
    return datetime.fromtimestamp(int(seconds), UTC)
