"""Requests for our registered users, handed on to the contacts where they are.

Implements: RFC 3261 section 16.5 (targets from a location service); RFC 3428 section 6.
"""

from typing import Protocol

from sip2xmpp.address import Address
from sip2xmpp.presence.directory import Leg
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.interface import Store


class Forwarder(Protocol):
    """What hands a request on."""

    def forward_to_contact(
        self,
        transaction: ServerTransaction,
        request: Request,
        contact: str,
        path: tuple[str, ...],
        flow: Flow | None,
    ) -> None: ...


class RegisteredUsers:
    """The way to whoever is registered here."""

    def __init__(self, store: Store, forwarder: Forwarder) -> None:
        self._bindings = store.bindings
        self._forwarder = forwarder

    def message_received(
        self,
        transaction: ServerTransaction,
        request: Request,
        sender: Address,  # noqa: ARG002
        recipient: Address,
        leg: Leg,
    ) -> None:
        """Answer a MESSAGE where there is no XMPP side; see ``gate.Messages``."""
        if leg is Leg.OWN:
            self.deliver(transaction, request, recipient)
        else:
            transaction.reply(404, f"There is no way to {recipient.domain}")

    def deliver(self, transaction: ServerTransaction, request: Request, recipient: Address) -> None:
        """Hand a MESSAGE to the recipient's preferred contact; 480 when there is none."""
        bindings = self._bindings.select(str(recipient))
        if not bindings:
            transaction.reply(480, "Not registered anywhere now")
            return
        best = max(bindings, key=lambda binding: (binding.q, binding.registered_at))
        flow = Flow.from_text(best.flow) if best.flow else None
        self._forwarder.forward_to_contact(transaction, request, best.contact, best.path, flow)
