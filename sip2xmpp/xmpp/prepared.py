"""A presence that goes to many, written once: only whom it is for is put in for each.

Escaping and encoding are done when it is made, the check of the link once for as long as the same one is sent, so that a
recipient costs three octet strings put together.

Implements: RFC 6121 section 4.4.2 (the same presence to every subscriber).
"""

from dataclasses import dataclass

from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.stanzas import presence_content
from sip2xmpp.xmpp.texts import quote


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The octets before and after the recipient; ``domain`` is the one that it is from."""

    domain: str
    head: bytes
    tail: bytes

    def to(self, recipient: bytes) -> bytes:
        """The stanza; ``recipient`` is what ``recipient_of`` gave."""
        return self.head + recipient + self.tail


def prepared_presence(sender: str, domain: str, availability: Availability, *, caps: str = "") -> Prepared:
    """What ``presence_stanza`` would write, but for the recipient; ``domain`` is the sender's."""
    content = presence_content(availability, caps=caps)
    type_ = "" if availability.available else " type='unavailable'"
    tail = f"'{type_}>{content}</presence>" if content else f"'{type_}/>"
    return Prepared(domain, f"<presence from='{quote(sender)}' to='".encode(), tail.encode())


def recipient_of(jid: str) -> bytes:
    """A JID as it stands in a stanza."""
    return quote(jid).encode()
