"""Package ``reg``: where somebody is registered, and what becomes of each contact.

Its owner may know, and whoever the operator has named; whether a request is the owner's has been proved before it comes here,
and a trusted peer may ask in the owner's name.  The first NOTIFY and the one after each SUBSCRIBE say all; others say what is
new: contacts that came, were refreshed or changed, and once more each that has gone, with the reason.  An address that was
never registered, and one of which nobody remembers that it was, is in state *init*.

What happened to a contact is in its binding (``Binding.event``), so it is the same after a restart.  Why one has gone is kept
as long as somebody watches; who was not there when it happened is not told of it.

Implements: RFC 3680 sections 3 and 4 (the package); RFC 5628 section 5 (GRUU).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import ceil
from typing import ClassVar, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.identifiers import digest_id
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.reginfo import (
    CONTENT_TYPE,
    Contact,
    ContactEvent,
    Registration,
    RegistrationInformation,
    RegistrationState,
    write,
)
from sip2xmpp.errors import BadDocument, BadMessage
from sip2xmpp.events.accepting import accepts
from sip2xmpp.events.package import Body
from sip2xmpp.events.registrar import public_gruu
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watching import StateWatcher, Told, Watch
from sip2xmpp.sip.grammar import param, parse_params
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Binding

INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs about the contacts of one address (RFC 3680, section 4.10)."""
REMEMBERED: Final = 40
"""Contacts of one address that have gone and are still spoken of."""
KNOWN: Final = frozenset(("q", "expires"))
"""Parameters of a Contact that have a place of their own (RFC 3680, section 5.3.2)."""


@frozen_value
class Contacts:
    """Where ``aor`` is registered."""

    aor: Address
    bindings: tuple[Binding, ...] = ()


class _ReginfoForm:
    """``application/reginfo+xml``."""

    name: ClassVar[str] = "reginfo"
    numbered: ClassVar[bool] = True

    def __init__(
        self, now: Callable[[], float], why_gone: Callable[[Address, str], ContactEvent], *, gruu: bool
    ) -> None:
        self._now = now
        self._why_gone = why_gone
        self._gruu = gruu

    def body(
        self, told: Told[Contacts], before: Told[Contacts] | None, entity: str, number: int
    ) -> Body | None:
        """All contacts, or what is new since ``before``; the first document of a subscription has the version 0."""
        known = told.document
        if known is None:
            return None
        former = None if before is None else before.document
        if former is None:
            contacts = self._contacts(known.bindings)
            state = RegistrationState.ACTIVE if contacts else RegistrationState.INIT
        else:
            held = {binding.key: binding for binding in former.bindings}
            contacts = self._contacts(each for each in known.bindings if held.get(each.key) != each)
            present = {binding.key for binding in known.bindings}
            contacts += [
                self._contact(binding, self._why_gone(binding.aor, binding.key))
                for binding in former.bindings
                if binding.key not in present
            ]
            state = RegistrationState.ACTIVE if known.bindings else RegistrationState.TERMINATED
        registration = Registration(
            aor=entity if entity.startswith("sip:") else known.aor.sip_uri(),
            id=digest_id(str(known.aor)),
            state=state,
            contacts=tuple(contacts),
        )
        octets = write(
            RegistrationInformation(version=number, full=former is None, registrations=(registration,))
        )
        return Body(content_type=CONTENT_TYPE, octets=octets)

    def _contacts(self, bindings: Iterable[Binding]) -> list[Contact]:
        return [self._contact(binding, ContactEvent(binding.event)) for binding in bindings]

    def _contact(self, binding: Binding, event: ContactEvent) -> Contact:
        now = self._now()
        try:
            params = parse_params(binding.params)
        except BadMessage:
            params = ()
        return Contact(
            id=digest_id(binding.key),
            uri=binding.contact,
            active=event.keeps,
            event=event,
            expires=max(ceil(binding.expires_at - now), 0) if event.keeps else None,
            duration_registered=max(int(now - binding.registered_at), 0),
            q=binding.q if param(params, "q") is not None else None,
            call_id=binding.call_id,
            cseq=binding.cseq,
            display_name=binding.display or None,
            unknown_params=tuple(
                [(name, value or "") for name, value in params if name.lower() not in KNOWN]
            ),
            public_gruu=public_gruu(binding) if self._gruu and binding.gruu else None,
        )


class RegistrationEvents:
    """The package; ``watchers`` are those who may know of everybody."""

    name: ClassVar[str] = "reg"
    default_expires: ClassVar[int] = 3761
    accepts: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        store: Store,
        clock: IReactorTime,
        exists: Callable[[Address], bool],
        watchers: Iterable[Address] = (),
        gruu: bool = True,
    ) -> None:
        everybody = frozenset(watchers)
        self._gone: dict[Address, dict[str, ContactEvent]] = {}
        self._states = StateAgent[Contacts](
            clock=clock,
            # what is said of a contact does not depend on what its phone publishes
            compute=lambda aor: Contacts(
                aor=aor,
                bindings=tuple([replace(each, silent=False) for each in store.bindings.select(str(aor))]),
            ),
            neutral=lambda aor: Contacts(aor=aor),
            decide=lambda aor, watcher: (
                Handling.ALLOW if watcher == aor or watcher in everybody else Handling.BLOCK
            ),
            exists=exists,
            interval=INTERVAL,
            unwatched=lambda aor: self._gone.pop(aor, None),
        )
        self._form = _ReginfoForm(clock.seconds, self._why_gone, gruu=gruu)
        store.bindings.listen(self._changed)

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        """Begin to watch; raises ``NotAuthorized`` for whoever may not know, and ``NoSuchPresentity``."""
        return self._states.watch(resource, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> _ReginfoForm | None:  # noqa: ARG002
        """The one form there is, if it is accepted."""
        return self._form if accepts(accept, CONTENT_TYPE) else None

    def check(self, body: bytes) -> None:  # noqa: ARG002
        """Nothing is published here."""
        raise BadDocument("registrations are not published")

    def device_of(self, body: bytes) -> str:  # noqa: ARG002
        """Nothing is published here."""
        return ""

    def existence_changed(self, aor: Address) -> None:
        """End the subscriptions to an address that is no longer one of ours."""
        self._states.existence_changed(aor)

    def _changed(self, change: Change[Binding]) -> None:
        binding = change.record
        if not self._states.is_watched(binding.aor):
            return
        gone = self._gone.setdefault(binding.aor, {})
        gone.pop(binding.key, None)
        if change.kind is not ChangeKind.PUT:
            gone[binding.key] = _why(change)
            if len(gone) > REMEMBERED:
                del gone[next(iter(gone))]
        self._states.changed(binding.aor)

    def _why_gone(self, aor: Address, key: str) -> ContactEvent:
        return self._gone.get(aor, {}).get(key, ContactEvent.UNREGISTERED)


def _why(change: Change[Binding]) -> ContactEvent:
    """What ended a binding: time, somebody who said so in it, or else its client."""
    if change.kind is ChangeKind.EXPIRED:
        return ContactEvent.EXPIRED
    event = ContactEvent(change.record.event)
    return ContactEvent.UNREGISTERED if event.keeps else event
