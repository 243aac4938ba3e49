"""What the bridge says on the XMPP side, one method per thing said.

Every method takes JIDs as they are used on the wire and returns whether the stanza was written; with the link down it is
not, and is not kept either: whoever owns the state says it again when the link is up.  ``after_commit`` runs a statement
only when the change behind it is safe, so that nobody is told of an authorization that a crash would undo.

Implements: RFC 6121 sections 3 and 4 (what is sent from bare and what from full JIDs).
"""

from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.store.interface import Store
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.avatars import NO_PICTURE
from sip2xmpp.xmpp.links import Links
from sip2xmpp.xmpp.prepared import Prepared, prepared_presence
from sip2xmpp.xmpp.stanza_errors import stanza_error
from sip2xmpp.xmpp.stanzas import error_stanza, presence_stanza

UNAVAILABLE = Availability(available=False)


def domain_of(jid: str) -> str:
    """The domain of a bare or full JID."""
    return jid.partition("/")[0].rpartition("@")[2]


class Face(Protocol):
    """What goes with a contact's presence beside its state, by the bare JID of the contact; empty for nothing."""

    def mark(self, contact_jid: str) -> str:
        """An element for every available presence."""

    def nickname(self, contact_jid: str) -> str:
        """The name to ask for a subscription with (XEP-0172)."""


class _Faceless:
    """Nobody has a card."""

    def mark(self, contact_jid: str) -> str:  # noqa: ARG002
        return ""

    def nickname(self, contact_jid: str) -> str:  # noqa: ARG002
        return ""


class Outbox:
    """Says things to Jabber users in the name of SIP users."""

    log = Logger()

    def __init__(self, links: Links, store: Store, caps: str = "", face: Face | None = None) -> None:
        """``caps`` is the prepared ``<c/>`` element that every available presence carries (XEP-0115)."""
        self._links = links
        self._store = store
        self._caps = caps
        self._face = face or _Faceless()

    def subscription(self, kind: str, sender: str, recipient: str, stanza_id: str | None = None) -> bool:
        """``subscribe``, ``subscribed``, ``unsubscribe``, ``unsubscribed`` or ``probe``, bare to bare."""
        nickname = self._face.nickname(sender) if kind == "subscribe" else ""
        return self._send(
            presence_stanza(sender, recipient, type_=kind, id_=stanza_id, nickname=nickname), sender
        )

    def available(
        self, sender: str, recipient: str, resource: str, said: Availability, *, is_faceless: bool = False
    ) -> bool:
        """The state of one resource of ``sender`` (a bare JID); an unavailable one is said as such.

        With ``is_faceless`` it looks as if there were no picture.
        """
        full = f"{sender}/{resource}" if resource else sender
        mark = NO_PICTURE if is_faceless else self._face.mark(sender)
        return self._send(presence_stanza(full, recipient, said, caps=self._caps + mark), sender)

    def prepared(self, sender: str, resource: str, said: Availability) -> Prepared:
        """What ``available`` says, for many recipients."""
        full = f"{sender}/{resource}" if resource else sender
        return prepared_presence(full, domain_of(sender), said, caps=self._caps + self._face.mark(sender))

    def tell(self, stanza: Prepared, recipient: bytes) -> bool:
        """Say what was prepared to one of them."""
        return self._links.send_prepared(stanza, recipient)

    def unavailable(self, sender: str, recipient: str, stanza_id: str | None = None) -> bool:
        """All resources of ``sender`` are gone, or with a full JID that one; ``stanza_id`` is that of a probe."""
        return self._send(presence_stanza(sender, recipient, UNAVAILABLE, id_=stanza_id), sender)

    def error(
        self, sender: str, recipient: str, condition: str, text: str = "", stanza_id: str | None = None
    ) -> bool:
        """A presence error: what was asked of ``sender`` cannot be done."""
        error = stanza_error(condition, text)
        return self._send(error_stanza("presence", sender, recipient, error, id_=stanza_id), sender)

    def after_commit(self, say: Callable[[], object]) -> None:
        """Run ``say`` once every change made so far is durable."""
        self._store.committed().addCallbacks(lambda _: say(), self._not_stored)

    def _not_stored(self, failure: Failure) -> None:
        self.log.failure("a presence authorization could not be stored, so nobody was told", failure)

    def _send(self, xml: str, sender: str) -> bool:
        return self._links.send(xml, domain_of(sender))
