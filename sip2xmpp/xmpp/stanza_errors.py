"""Stanza errors as values, and the exception by which a listener asks for one.

Implements: RFC 6120 section 8.3.
"""

from dataclasses import dataclass
from typing import Final

from sip2xmpp.errors import Refused

DEFAULT_TYPES: Final = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}
"""Every defined condition with the type that fits it when nothing else is said."""

TYPES: Final = frozenset({"auth", "cancel", "continue", "modify", "wait"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StanzaError:
    """One error: ``condition`` and ``type`` of RFC 6120; ``uri`` is the new address of gone and redirect, ``own`` an application-specific condition as XML."""

    condition: str
    type: str
    text: str = ""
    language: str = ""
    uri: str = ""
    by: str = ""
    own: str = ""


def stanza_error(
    condition: str, text: str = "", *, type_: str | None = None, uri: str = "", own: str = ""
) -> StanzaError:
    """Return an error with the default type of its condition, in English."""
    return StanzaError(
        condition=condition,
        type=type_ or DEFAULT_TYPES[condition],
        text=text,
        language="en" if text else "",
        uri=uri,
        own=own,
    )


class StanzaRefused(Refused):
    """Raised by a listener: answer this stanza with ``error``."""

    def __init__(self, condition: str, text: str = "", *, type_: str | None = None, own: str = "") -> None:
        super().__init__(text or condition)
        self.error = stanza_error(condition, text, type_=type_, own=own)
