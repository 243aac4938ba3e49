"""Who is registered where, and the end of it by an operator.

A registration is ended by saying so in its row: the registrar removes it, tells watchers and the phone's own subscription to
package ``reg`` why, and the phone may register again at once, unless that was ``forbidden``.
"""

from dataclasses import dataclass, replace

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.portal.operating_users import is_live
from sip2xmpp.portal.rows import Found, NoSuchRow, Wanted, found, rows_of
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRow:
    """One registered contact; ``flow`` is ``transport local-host local-port peer-host peer-port``, ``registrar`` the one that told us of it."""

    address: Address
    contact: str
    q: float
    user_agent: str
    instance: str
    reg_id: int
    flow: str
    path: tuple[str, ...]
    event: str
    registrar: str
    registered_at: float
    expires_at: float


def registration_row(binding: Binding) -> RegistrationRow:
    """What is shown of a binding."""
    return RegistrationRow(
        address=binding.aor,
        contact=binding.contact,
        q=binding.q,
        user_agent=binding.user_agent,
        instance=binding.instance,
        reg_id=binding.reg_id,
        flow=binding.flow,
        path=binding.path,
        event=binding.event,
        registrar=binding.registrar,
        registered_at=binding.registered_at,
        expires_at=binding.expires_at,
    )


class RegistrationRows:
    """All of them."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock

    async def found(self, wanted: Wanted, *, address: Address | None = None) -> Found[RegistrationRow]:
        """By address; ``match`` is looked for in address, contact and User-Agent."""
        bindings = self._store.bindings
        records = await found(
            self._clock,
            rows_of(bindings) if address is None else bindings.select(str(address)),
            wanted,
            order=lambda binding: binding.key,
            text=lambda binding: f"{binding.aor} {binding.contact} {binding.user_agent}",
            fits=is_live,
        )
        return Found(rows=tuple(map(registration_row, records.rows)), next=records.next)

    async def end(self, address: Address, contact: str = "", *, forbidden: bool = False) -> str:
        """End the registration of one contact, or all of an address; raises ``NoSuchRow`` if there are none."""
        event = ContactEvent.REJECTED if forbidden else ContactEvent.DEACTIVATED
        ended = [
            binding
            for binding in self._store.bindings.select(str(address))
            if is_live(binding) and contact in ("", binding.contact)
        ]
        if not ended:
            raise NoSuchRow(f"{address} is not registered" + (f" at {contact}" if contact else ""))
        for binding in ended:
            self._store.bindings.put(replace(binding, event=event.value))
        await self._store.committed()
        return ending_told(len(ended), contact, forbidden=forbidden)


def ending_told(many: int, contact: str, *, forbidden: bool) -> str:
    """What the audit log says."""
    what = f"the registration of {contact}" if contact else f"{many} registration{'' if many == 1 else 's'}"
    return f"end {what}" + (" for good" if forbidden else "")
