"""How long soft state lives: what is asked for, within the operator's bounds.

Implements: RFC 6665 section 4.2.1.1, RFC 3903 section 6 step 4, RFC 3261 section 10.3 step 7 (423 and its conditions).
"""

from sip2xmpp.errors import IntervalTooBrief

HOUR = 3600


def granted(asked: int | None, *, default: int, least: int, most: int) -> int:
    """The lifetime in seconds, never longer than ``asked``; 0 means the end of it.

    Raises ``IntervalTooBrief`` for less than ``least``; who asks for an hour or more is never told that it is too
    brief, whatever the operator configured.
    """
    if asked is None:
        return default
    if 0 < asked < least and asked < HOUR:
        raise IntervalTooBrief(least)
    return min(asked, most)


def too_brief(brief: IntervalTooBrief) -> list[tuple[str, str]]:
    """The headers of a 423."""
    return [("Min-Expires", str(brief.minimum))]
