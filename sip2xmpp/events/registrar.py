"""The registrar: REGISTER requests of our users.

Many clients subscribe and publish only after they have registered.  Bindings are rows of the store; one REGISTER is
one change, worked out completely before anything is written, and answered when it is durable.  ``changes_of`` is that
working out, a pure function over the bindings there are.

Implements: RFC 3261 section 10.3; RFC 3327 (Path); RFC 5626 section 6 (one binding an instance and reg-id).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from math import ceil

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.address import Address
from sip2xmpp.errors import BadAddress, BadMessage, IntervalTooBrief, Refused, TooMany
from sip2xmpp.events.lifetimes import granted, too_brief
from sip2xmpp.sip.grammar import format_params
from sip2xmpp.sip.headers import NameAddr, seconds
from sip2xmpp.sip.message import STAR, Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri, equivalent
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationLimits:
    """Lifetimes in seconds, and how many contacts one address of record may have."""

    default_expires: int = 3600
    min_expires: int = 60
    max_expires: int = 7200
    contacts: int = 20


DEFAULT_LIMITS = RegistrationLimits()


class OutOfOrder(Refused):
    """A REGISTER that was overtaken by a later one of the same client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one REGISTER does: bindings that go or are replaced, bindings that come."""

    gone: tuple[Binding, ...] = ()
    new: tuple[Binding, ...] = ()


class Registrar:
    """Bindings of our users.  Requests arrive proved: ``sender`` is who the credentials belong to.

    ``exists(aor)`` says whether we serve an address; ``address_of_uri`` undoes encapsulation.
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        clock: IReactorTime,
        exists: Callable[[Address], bool],
        address_of_uri: Callable[[str], Address],
        limits: RegistrationLimits = DEFAULT_LIMITS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._exists = exists
        self._address_of_uri = address_of_uri
        self._limits = limits

    def register_received(self, transaction: ServerTransaction, request: Request, sender: Address) -> None:
        """Answer a REGISTER of ``sender`` in the order of RFC 3261, section 10.3."""
        try:
            aor = self._address_of_uri(request.to.uri)
        except BadAddress as bad:
            transaction.reply(404, str(bad))
            return
        if aor != sender:
            transaction.reply(403, "Only the owner may register")
        elif not self._exists(aor):
            transaction.reply(404)
        else:
            self._register(transaction, request, aor)

    def _register(self, transaction: ServerTransaction, request: Request, aor: Address) -> None:
        live = self._store.bindings.select(str(aor))
        try:
            changes = changes_of(request, aor, live, self._clock.seconds(), self._limits)
        except IntervalTooBrief as brief:
            transaction.reply(423, headers=too_brief(brief))
        except TooMany as many:
            transaction.reply(403, str(many))
        except OutOfOrder as late:
            transaction.reply(500, str(late))
        else:
            self._make(transaction, request, aor, changes)

    def _make(self, transaction: ServerTransaction, request: Request, aor: Address, changes: Changes) -> None:
        table = self._store.bindings
        kept = {binding.key for binding in changes.new}
        for binding in changes.gone:
            if binding.key not in kept:
                table.remove(binding.key)
        for binding in changes.new:
            table.put(binding)
        if not (changes.gone or changes.new):
            self._accept(transaction, request, aor)
            return
        self._store.committed().addCallbacks(
            lambda _: self._accept(transaction, request, aor),
            lambda failure: self._not_stored(transaction, changes, failure),
        ).addErrback(lambda failure: self.log.failure("a REGISTER was not answered", failure))

    def _accept(self, transaction: ServerTransaction, request: Request, aor: Address) -> None:
        now = self._clock.seconds()
        headers = [
            ("Contact", f"<{binding.contact}>{binding.params};expires={ceil(binding.expires_at - now)}")
            for binding in self._store.bindings.select(str(aor))
        ]
        if "path" in (option.lower() for option in request.supported):
            headers += [("Path", hop) for hop in request.headers.all("Path")]
        headers.append(("Date", formatdate(now, usegmt=True)))
        transaction.reply(200, headers=headers)

    def _not_stored(self, transaction: ServerTransaction, changes: Changes, failure: Failure) -> None:
        self.log.failure("a registration could not be stored", failure)
        for binding in changes.new:
            self._store.bindings.remove(binding.key)
        for binding in changes.gone:
            self._store.bindings.put(binding)
        transaction.reply(500)


def changes_of(
    request: Request, aor: Address, live: Sequence[Binding], now: float, limits: RegistrationLimits
) -> Changes:
    """What ``request`` does to the ``live`` bindings of ``aor``: all of it or, when this raises, nothing.

    Raises ``BadMessage``, ``IntervalTooBrief``, ``OutOfOrder`` or ``TooMany``.
    """
    contacts = request.contacts
    if contacts is STAR:
        if request.expires != 0:
            raise BadMessage("Contact: * is for Expires: 0 only")
        for binding in live:
            _check_order(request, binding)
        return Changes(gone=tuple(live))
    if len(contacts) > limits.contacts + len(live):
        raise TooMany("Too Many Contacts")
    gone: dict[str, Binding] = {}
    new: list[Binding] = []
    for contact in contacts:
        expires = _lifetime(request, contact, limits)
        olds = [old for old in live if old.key not in gone and _is_same(old, contact)]
        for old in olds:
            _check_order(request, old)
            gone[old.key] = old
        if expires:
            since = olds[0].registered_at if olds else now
            new.append(_binding(request, aor, contact, registered_at=since, expires_at=now + expires))
    if len(live) - len(gone) + len(new) > limits.contacts and len(new) > len(gone):
        raise TooMany("Too Many Contacts")
    return Changes(gone=tuple(gone.values()), new=tuple(new))


def _lifetime(request: Request, contact: NameAddr, limits: RegistrationLimits) -> int:
    """Seconds granted to one contact; 0 removes it."""
    asked = seconds(contact.param("expires"))
    return granted(
        request.expires if asked is None else asked,
        default=limits.default_expires,
        least=limits.min_expires,
        most=limits.max_expires,
    )


def _check_order(request: Request, binding: Binding) -> None:
    """A client's requests count up; one that does not was overtaken (RFC 3261, section 10.3, step 7)."""
    if request.call_id == binding.call_id and request.cseq.number <= binding.cseq:
        raise OutOfOrder("CSeq out of order")


def _is_same(binding: Binding, contact: NameAddr) -> bool:
    """Whether ``contact`` is the one of ``binding``: the same device, or an equivalent URI.

    A device that comes back after a restart with another port has the same instance id; without this rule its
    ghost would stay until it expires.
    """
    instance = contact.param("+sip.instance")
    if instance and binding.instance:
        return instance == binding.instance and _reg_id(contact) == binding.reg_id
    if contact.uri == binding.contact:
        return True
    try:
        return equivalent(SipUri.parse(contact.uri), SipUri.parse(binding.contact))
    except BadMessage:
        return False


def _reg_id(contact: NameAddr) -> int:
    return seconds(contact.param("reg-id")) or 0


def _binding(
    request: Request, aor: Address, contact: NameAddr, *, registered_at: float, expires_at: float
) -> Binding:
    stated = replace(contact, params=tuple(p for p in contact.params if p[0].lower() != "expires"))
    return Binding(
        aor=aor,
        contact=contact.uri,
        params=format_params(stated.params),
        q=_q(contact),
        call_id=request.call_id,
        cseq=request.cseq.number,
        path=tuple(request.headers.all("Path")),
        flow=request.flow.to_text() if request.flow is not None else "",
        user_agent=request.user_agent,
        instance=contact.param("+sip.instance") or "",
        reg_id=_reg_id(contact),
        registered_at=registered_at,
        expires_at=expires_at,
    )


def _q(contact: NameAddr) -> float:
    """The preference, 0.0 to 1.0; 1.0 where none is stated, or nonsense."""
    try:
        q = float(contact.param("q") or 1.0)
    except ValueError:
        return 1.0
    return q if 0.0 <= q <= 1.0 else 1.0
