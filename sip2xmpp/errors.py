"""One tree of errors, told apart by who is wrong; meaning, not protocol codes.

``BadInput``: the peer sent something wrong.  ``Refused``: the request is understood and declined.
``Unreachable``: the other side did not answer.  ``StorageFailed``: our own disk did not.  ``ConfigError``: the operator's
file is wrong.
Misuse by our own code is ``TypeError`` or ``AssertionError`` and never in this tree.  Only edges
translate: ``events`` to SIP status codes, ``bridge`` to stanza errors, ``portal`` to a page.  The text
of an exception is what an operator or a peer reads, so it says what is wrong, not where in the code.
"""

from collections.abc import Sequence
from typing import Any


class Sip2XmppError(Exception):
    """Base of everything this program raises on purpose."""


class BadInput(Sip2XmppError):
    """The peer is wrong."""


class BadMessage(BadInput):
    """A SIP message that cannot be processed; ``status_hint`` is the status code to answer with.

    ``request`` is the faulty ``sip.message.Request``, as far as it could be read, if it can be answered at all;
    None means that the message is dropped in silence.
    """

    def __init__(self, why: str, status_hint: int = 400, request: Any = None) -> None:
        super().__init__(why)
        self.status_hint = status_hint
        self.request = request


class BadDocument(BadInput):
    """A body that is not the document it claims to be."""


class BadAddress(BadInput):
    """An address that cannot be expressed in the other protocol, or is malformed."""


class Refused(Sip2XmppError):
    """The request is understood and declined."""


class NotAuthorized(Refused):
    """The sender may not do this."""


class NoSuchPresentity(Refused):
    """Nobody has this address, and nobody will."""


class IntervalTooBrief(Refused):
    """The requested lifetime is shorter than ``minimum`` seconds (RFC 3261, section 21.4.17)."""

    def __init__(self, minimum: int) -> None:
        super().__init__(f"the shortest lifetime accepted is {minimum} seconds")
        self.minimum = minimum


class TooMany(Refused):
    """A limit on stored state is reached; trying later may succeed."""


class Unreachable(Sip2XmppError):
    """The other side did not answer, or no way to it is known."""


class TransactionTimeout(Unreachable):
    """No final response before timer F (RFC 3261, section 17.1.2.2)."""


class TransportFailed(Unreachable):
    """The flow broke, or could not be opened."""


class NoRoute(Unreachable):
    """DNS and configuration give no usable server for the target."""


class LinkDown(Unreachable):
    """The component stream to the XMPP server is not up."""


class StorageFailed(Sip2XmppError):
    """A change could not be made durable: it is in force, but a restart may lose it; storing it is tried again."""


class ConfigError(Sip2XmppError):
    """The configuration has faults; ``faults`` lists every one, as ``key.path: why``."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)
