"""What the answer to a NOTIFY means for the subscription.

Implements: RFC 6665 section 4.2.2; RFC 5057 section 5.1; RFC 3261 section 21.5.4 (Retry-After).
"""

from enum import Enum, auto

from twisted.python.failure import Failure

from sip2xmpp.errors import Sip2XmppError, TransactionTimeout
from sip2xmpp.sip.headers import seconds
from sip2xmpp.sip.message import Response

CHALLENGES = frozenset((401, 407))
GONE_STATUSES = frozenset((404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604))
LONGEST_PAUSE = 3600
"""Seconds; a longer Retry-After is cut."""


class Outcome(Enum):
    """What became of a NOTIFY."""

    TAKEN = auto()
    """The watcher has it."""
    CHALLENGED = auto()
    """Something on the way asks for credentials."""
    LOST = auto()
    """It could not be sent, or nobody was found to send it to."""
    DELAYED = auto()
    """The watcher wants to be left alone for a while."""
    GONE = auto()
    """The watcher has no such subscription (any more), or is not there."""
    REFUSED = auto()
    """This NOTIFY was not liked; the subscription stays (RFC 5057, section 5.1)."""


def outcome_of(answer: Response | Sip2XmppError) -> Outcome:
    """The meaning of a final response, or of its absence."""
    if not isinstance(answer, Response):
        return Outcome.GONE if isinstance(answer, TransactionTimeout) else Outcome.LOST
    status = answer.status
    if status < 300:
        return Outcome.TAKEN
    if status in CHALLENGES:
        return Outcome.CHALLENGED
    if status in GONE_STATUSES:
        return Outcome.GONE
    if status == 503 and retry_after(answer) is not None:
        return Outcome.DELAYED
    return Outcome.REFUSED


def retry_after(response: Response) -> int | None:
    """Retry-After in seconds, cut to ``LONGEST_PAUSE``; a comment or parameters behind the number are ignored."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    delay = seconds(value.partition(";")[0].partition("(")[0].strip())
    return None if delay is None else min(delay, LONGEST_PAUSE)


def as_outcome(failure: Failure) -> Sip2XmppError:
    """What kept a request from being answered; anything but that is raised again."""
    error = failure.value
    if not isinstance(error, Sip2XmppError):
        failure.raiseException()
    return error
