"""What a REGISTER does to the bindings of its address of record: worked out completely before anything is written.

``changes_of`` is a pure function over the bindings there are.  A contact is bound under its URI; one of a device that
speaks *outbound* under the device and the number of the flow, so that several flows of it are several bindings.

Implements: RFC 3261 section 10.3, steps 6 and 7; RFC 3327 section 5.3 (Path); RFC 5626 section 6 (outbound).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sip2xmpp.address import Address
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.errors import BadMessage, Refused, TooMany
from sip2xmpp.events.devices import marks_of
from sip2xmpp.events.lifetimes import granted
from sip2xmpp.sip.grammar import format_params
from sip2xmpp.sip.headers import NameAddr, seconds
from sip2xmpp.sip.message import STAR, Request
from sip2xmpp.sip.uri import SipUri, equivalent
from sip2xmpp.store.records import Binding

OURS = frozenset(("expires", "pub-gruu", "temp-gruu"))
"""Parameters of a Contact that the registrar writes and does not keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationLimits:
    """Lifetimes in seconds, how many contacts one address of record may have, and how many octets each contact.

    ``one_per_instance``: a device that does not speak outbound has one binding, whatever its contact is now.
    """

    default_expires: int = 3600
    min_expires: int = 60
    max_expires: int = 7200
    contacts: int = 20
    length: int = 2048
    one_per_instance: bool = True


class OutOfOrder(Refused):
    """A REGISTER that was overtaken by a later one of the same client."""


class FirstHopLacksOutbound(Refused):
    """The client wants outbound, and the proxy next to it has none (RFC 5626, section 11.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one REGISTER does: bindings that go or are replaced, bindings that come; whether by the rules of outbound."""

    gone: tuple[Binding, ...] = ()
    new: tuple[Binding, ...] = ()
    outbound: bool = False


def changes_of(
    request: Request, aor: Address, live: Sequence[Binding], now: float, limits: RegistrationLimits
) -> Changes:
    """What ``request`` does to the ``live`` bindings of ``aor``: all of it or, when this raises, nothing.

    Raises ``BadMessage``, ``IntervalTooBrief``, ``OutOfOrder``, ``FirstHopLacksOutbound`` or ``TooMany``.
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
    outbound = _is_outbound(request, contacts)
    named = _named(live, contacts) if limits.one_per_instance and len(contacts) > 1 else {}
    gone: dict[str, Binding] = {}
    new: list[Binding] = []
    for contact in contacts:
        expires = _lifetime(request, contact, limits)
        reg_id = _reg_id(contact) if outbound else 0
        olds = [
            old
            for old in live
            if old.key not in gone
            and named.get(old.key, contact) is contact
            and _is_same(old, contact, reg_id, one=limits.one_per_instance)
        ]
        if not expires and contact.param("+sip.instance"):
            # whoever takes back one of two contacts of a device means that one, and only else the device
            olds = [old for old in olds if _is_same(old, contact, reg_id, one=False)] or olds
        for old in olds:
            _check_order(request, old)
            gone[old.key] = old
        if expires:
            made = _binding(request, aor, contact, reg_id, olds, now=now, expires_at=now + expires)
            if _length(made) > limits.length:
                raise TooMany("The Contact Is Too Long")
            new.append(made)
    if outbound and len(new) > 1:
        raise BadMessage("one flow is registered at a time")
    if len(live) - len(gone) + len(new) > limits.contacts and len(new) > len(gone):
        raise TooMany("Too Many Contacts")
    return Changes(gone=tuple(gone.values()), new=tuple(new), outbound=outbound)


def _named(live: Sequence[Binding], contacts: Sequence[NameAddr]) -> dict[str, NameAddr]:
    """Which contact names a binding by its URI, so that no other contact of the same device takes its place."""
    return {
        old.key: contact
        for contact in reversed(contacts)
        for old in live
        if not old.reg_id and _is_same(old, contact, 0, one=False)
    }


def _length(binding: Binding) -> int:
    """Octets that a client has us keep and repeat; raises ``BadMessage`` for what is no UTF-8, which nobody could be told."""
    written = f"{binding.contact}{binding.params}{''.join(binding.path)}"
    try:
        octets = len(written.encode())
    except UnicodeEncodeError:
        raise BadMessage("a Contact or Path that is not UTF-8") from None
    return octets + len(binding.call_id) + len(binding.display) + len(binding.user_agent)


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


def _is_outbound(request: Request, contacts: Sequence[NameAddr]) -> bool:
    """Whether the rules of outbound hold: the client speaks it, and so does the first hop, which may be ourselves."""
    if not any(contact.param("+sip.instance") and _reg_id(contact) for contact in contacts):
        return False
    if "outbound" not in {option.lower() for option in request.supported}:
        return False
    path = request.headers.all("Path")
    if len(request.vias) > 1 and not any(_says_outbound(hop) for hop in (path[:1] + path[-1:])):
        raise FirstHopLacksOutbound("First Hop Lacks Outbound Support")
    return True


def _says_outbound(hop: str) -> bool:
    try:
        return NameAddr.parse(hop).sip_uri.param("ob") is not None
    except BadMessage:
        return False


def _is_same(binding: Binding, contact: NameAddr, reg_id: int, *, one: bool) -> bool:
    """Whether ``contact`` is the one of ``binding``: the same flow, the same device, or an equivalent URI.

    A device that comes back after a restart with another port has the same instance id; without ``one`` its ghost
    would stay until it expires.
    """
    instance = contact.param("+sip.instance")
    if instance and instance == binding.instance:
        if reg_id and binding.reg_id:
            return reg_id == binding.reg_id
        if one:
            return True
    if reg_id or binding.reg_id:
        return False
    if contact.uri == binding.contact:
        return True
    try:
        return equivalent(SipUri.parse(contact.uri), SipUri.parse(binding.contact))
    except BadMessage:
        return False


def _reg_id(contact: NameAddr) -> int:
    return seconds(contact.param("reg-id")) or 0


def _binding(
    request: Request,
    aor: Address,
    contact: NameAddr,
    reg_id: int,
    olds: Sequence[Binding],
    *,
    now: float,
    expires_at: float,
) -> Binding:
    stated = replace(contact, params=tuple(p for p in contact.params if p[0].lower() not in OURS))
    instance = contact.param("+sip.instance") or ""
    path = tuple(request.headers.all("Path"))
    event = (
        ContactEvent.REFRESHED if any(old.contact == contact.uri for old in olds) else ContactEvent.REGISTERED
    )
    return Binding(
        aor=aor,
        contact=contact.uri,
        params=format_params(stated.params),
        q=_q(contact),
        call_id=request.call_id,
        cseq=request.cseq.number,
        path=path,
        flow=request.flow.to_text() if request.flow is not None else "",
        user_agent=request.user_agent,
        instance=instance,
        reg_id=reg_id,
        registered_at=olds[0].registered_at if olds else now,
        expires_at=expires_at,
        display=contact.display,
        event=event.value,
        source=marks_of(request, instance),
        direct=len(request.vias) == 1 and not path,
        silent=any(old.silent and old.call_id == request.call_id for old in olds),
        gruu=bool(instance) and "gruu" in {option.lower() for option in request.supported},
    )


def _q(contact: NameAddr) -> float:
    """The preference, 0.0 to 1.0; 1.0 where none is stated, or nonsense."""
    try:
        q = float(contact.param("q") or 1.0)
    except ValueError:
        return 1.0
    return q if 0.0 <= q <= 1.0 else 1.0
