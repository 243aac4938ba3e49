"""SIP status codes and XMPP stanza error conditions, each in terms of the other.

The two tables are those of RFC 7247 and not inverses of each other.  Where the RFC leaves a choice, it is made once, in
the functions: a global failure (6xx) would end parallel forks that had nothing to do with the Jabber user, so its 4xx twin
is used unless asked for; a challenge that nobody can answer becomes 403; 491 means glare of INVITEs, so 400 stands for it.

Implements: RFC 7247 section 6 (both tables); RFC 6120 section 8.3 (conditions and types).
"""

from typing import Final

from sip2xmpp.errors import (
    BadAddress,
    BadInput,
    IntervalTooBrief,
    LinkDown,
    NoSuchPresentity,
    NotAuthorized,
    Refused,
    Sip2XmppError,
    TooMany,
    TransactionTimeout,
    Unreachable,
)
from sip2xmpp.xmpp.stanza_errors import DEFAULT_TYPES

STATUS_OF: Final = {
    "bad-request": (400, 400),
    "conflict": (400, 400),
    "feature-not-implemented": (405, 501),
    "forbidden": (403, 603),
    "gone": (410, 410),
    "internal-server-error": (500, 500),
    "item-not-found": (404, 604),
    "jid-malformed": (400, 400),
    "not-acceptable": (406, 606),
    "not-allowed": (403, 403),
    "not-authorized": (401, 401),
    "policy-violation": (403, 403),
    "recipient-unavailable": (480, 600),
    "redirect": (302, 302),
    "registration-required": (407, 407),
    "remote-server-not-found": (404, 404),
    "remote-server-timeout": (408, 408),
    "resource-constraint": (500, 500),
    "service-unavailable": (403, 403),
    "subscription-required": (400, 400),
    "undefined-condition": (400, 400),
    "unexpected-request": (491, 491),
}
"""Condition -> (status when a full JID was addressed, status when a bare one was)."""

GONE_WITH_ADDRESS: Final = 301
"""What ``gone`` becomes when it names the new address."""

TWINS: Final = {600: 480, 603: 403, 604: 404, 606: 406}
"""A global failure and what says the same about one destination."""

_UNCHALLENGED: Final = 403
_NO_GLARE: Final = {491: 400}

CONDITION_OF: Final = {
    300: "redirect",
    301: "gone",
    302: "redirect",
    305: "redirect",
    380: "not-acceptable",
    400: "bad-request",
    401: "not-authorized",
    402: "bad-request",
    403: "forbidden",
    404: "item-not-found",
    405: "feature-not-implemented",
    406: "not-acceptable",
    407: "registration-required",
    408: "remote-server-timeout",
    410: "gone",
    413: "policy-violation",
    414: "policy-violation",
    415: "not-acceptable",
    416: "not-acceptable",
    420: "feature-not-implemented",
    421: "not-acceptable",
    423: "resource-constraint",
    430: "recipient-unavailable",
    439: "feature-not-implemented",
    440: "policy-violation",
    480: "recipient-unavailable",
    481: "item-not-found",
    482: "not-acceptable",
    483: "not-acceptable",
    484: "item-not-found",
    485: "item-not-found",
    486: "recipient-unavailable",
    487: "recipient-unavailable",
    488: "not-acceptable",
    489: "policy-violation",
    491: "unexpected-request",
    493: "bad-request",
    500: "internal-server-error",
    501: "feature-not-implemented",
    502: "remote-server-not-found",
    503: "internal-server-error",
    504: "remote-server-timeout",
    505: "not-acceptable",
    513: "policy-violation",
    600: "recipient-unavailable",
    603: "recipient-unavailable",
    604: "item-not-found",
    606: "not-acceptable",
}
"""Status -> condition; what is not here follows its class."""

CONDITION_OF_CLASS: Final = {
    3: "redirect",
    4: "bad-request",
    5: "internal-server-error",
    6: "recipient-unavailable",
}

_CONDITION_OF_ERROR: Final[tuple[tuple[type[Sip2XmppError], str], ...]] = (
    (BadAddress, "jid-malformed"),
    (BadInput, "bad-request"),
    (NotAuthorized, "forbidden"),
    (NoSuchPresentity, "item-not-found"),
    (TooMany, "resource-constraint"),
    (IntervalTooBrief, "resource-constraint"),
    (Refused, "not-allowed"),
    (TransactionTimeout, "remote-server-timeout"),
    (LinkDown, "remote-server-timeout"),
    (Unreachable, "remote-server-not-found"),
)
"""The first row whose class fits counts."""


def status_of_condition(
    condition: str,
    *,
    full: bool,
    moved: bool = False,
    global_failures: bool = False,
    can_challenge: bool = False,
) -> int:
    """The SIP status that answers a request after a stanza error.

    ``full``: a full JID was addressed.  ``moved``: the error names a new address.  ``global_failures``: 6xx may be used.
    ``can_challenge``: a challenge can be sent along with 401 and 407.  An unknown condition counts as undefined.
    """
    status = STATUS_OF.get(condition, STATUS_OF["undefined-condition"])[0 if full else 1]
    if condition == "gone" and moved:
        return GONE_WITH_ADDRESS
    if status in (401, 407) and not can_challenge:
        return _UNCHALLENGED
    if not global_failures:
        status = TWINS.get(status, status)
    return _NO_GLARE.get(status, status)


def condition_of_status(status: int, *, retry_after: bool = False) -> tuple[str, str]:
    """The condition and error type for a final failure, 300 to 699; otherwise ValueError.

    ``retry_after``: the response said when to try again, so the error is a temporary one.
    """
    condition = CONDITION_OF.get(status) or CONDITION_OF_CLASS.get(status // 100)
    if condition is None:
        raise ValueError(f"{status} is not a failure")
    return condition, "wait" if retry_after else DEFAULT_TYPES[condition]


def condition_of_error(error: Sip2XmppError) -> tuple[str, str]:
    """The condition and error type for what went wrong without a SIP response."""
    for kind, condition in _CONDITION_OF_ERROR:
        if isinstance(error, kind):
            return condition, DEFAULT_TYPES[condition]
    return "internal-server-error", DEFAULT_TYPES["internal-server-error"]
