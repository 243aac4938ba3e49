"""Requests for our registered users, handed on to the contacts where they are.

Contacts are tried in order of preference, those of equal preference at once.  Several flows of one device are one place to
go to: the newest first, another when that fails.  A request for a GRUU goes to the one device that it names.

Implements: RFC 3261 section 16.5 (targets from a location service); RFC 3428 section 6; RFC 5626 section 7; RFC 5627 section 6.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from sip2xmpp.address import Address, address_from_sip, resource_of
from sip2xmpp.errors import BadAddress
from sip2xmpp.presence.directory import Leg
from sip2xmpp.sip.contact import Contact
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.forking import Fork
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Binding


class Forwarder(Protocol):
    """What hands a request on."""

    def forward_to_contacts(
        self,
        transaction: ServerTransaction,
        request: Request,
        contacts: Fork[Contact],
        flow_failed: Callable[[Contact], None],
    ) -> None: ...


class RegisteredUsers:
    """The way to whoever is registered here.  ``ended`` is told of a binding whose flow does not lead to its device any more.

    ``elsewhere(address)`` is the URI of the registrar that knows where an address is of which nothing is known here, if any.
    """

    def __init__(
        self,
        store: Store,
        forwarder: Forwarder,
        ended: Callable[[Binding], None] = lambda _: None,
        elsewhere: Callable[[Address], str | None] = lambda _: None,
    ) -> None:
        self._bindings = store.bindings
        self._forwarder = forwarder
        self._ended = ended
        self._elsewhere = elsewhere

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
        """Hand a MESSAGE to the recipient's contacts; 480 when there are none."""
        bindings: Sequence[Binding] = self._bindings.select(str(recipient))
        try:
            device = resource_of(request.uri)
        except BadAddress as bad:
            transaction.reply(404, str(bad))
            return
        if device:
            bindings = _of_device(bindings, device)
        places = fork_of(bindings) if bindings or device else self.places_of(recipient)
        if places:
            self._forwarder.forward_to_contacts(transaction, request, places, self._flow_failed)
        else:
            transaction.reply(480, "Not registered anywhere now")

    def places_of(self, address: Address, device: str = "") -> Fork[Contact]:
        """Where ``address`` can be reached now: at this ``device`` of it if that is registered, else anywhere."""
        bindings = self._bindings.select(str(address))
        places = fork_of(_of_device(bindings, device) or bindings)
        registrar = None if places else self._elsewhere(address)
        return places if registrar is None else [[[Contact(key="", uri=address.sip_uri(), server=registrar)]]]

    def device_of(self, uri: str) -> Contact | None:
        """Where the device is that a GRUU of ours names; None for other URIs, and if it is not registered.

        A client that was given a GRUU has it as its Contact, so requests in its dialogs come here when their flow is gone.
        """
        try:
            device, aor = resource_of(uri), address_from_sip(uri)
        except BadAddress:
            return None
        bindings = _of_device(self._bindings.select(str(aor)), device)
        return fork_of(bindings)[0][0][0] if bindings else None

    def _flow_failed(self, contact: Contact) -> None:
        binding = self._bindings.get(contact.key)
        if binding is not None and binding.reg_id:
            self._ended(binding)


def fork_of(bindings: Sequence[Binding]) -> Fork[Contact]:
    """Where to try, in ranks of equal preference."""
    branches: dict[str, list[Binding]] = {}
    for binding in sorted(bindings, key=lambda each: each.registered_at, reverse=True):
        flows = branches.setdefault(_place(binding), [])
        if not (flows and binding.registrar):
            flows.append(binding)
    ranks: dict[float, list[list[Contact]]] = {}
    for flows in branches.values():
        preference = max(binding.q for binding in flows)
        ranks.setdefault(preference, []).append([_contact(binding) for binding in flows])
    return [ranks[q] for q in sorted(ranks, reverse=True)]


def _of_device(bindings: Sequence[Binding], device: str) -> Sequence[Binding]:
    return [binding for binding in bindings if device and binding.instance.strip("<>") == device]


def _place(binding: Binding) -> str:
    """What several bindings have in common that lead to the same: a device, or the registrar that knows more."""
    if binding.registrar:
        return f"registrar {binding.registrar}"
    return f"device {binding.instance}" if binding.reg_id else binding.key


def _contact(binding: Binding) -> Contact:
    if binding.registrar:
        return Contact(key=binding.key, uri=binding.aor.sip_uri(), server=binding.registrar)
    return Contact(
        key=binding.key,
        uri=binding.contact,
        path=binding.path,
        # the Path says it all; over its flow a REGISTER came from some proxy
        flow=Flow.from_text(binding.flow) if binding.flow and not binding.path else None,
        only_by_flow=bool(binding.reg_id) and binding.direct,
    )
