"""Whoever is registered is online: each binding as a source of presence, for phones that know nothing of presence.

A binding is one open tuple and the device behind it.  Its id is that of the device's flow, or of the contact, so that it is
the same after a restart of the phone; a refresh changes nothing in it.  It says as long as the binding is there, and not a
moment less: the source has no lifetime of its own, and every way in which a binding ends is a change of its table.

A phone that publishes is heard by what it publishes: its binding is left out as long as a publication bears one of its marks
(``events.devices``).  What is published may be "closed" while the phone is registered, and that is what its user wants.  One that takes back what it
had published says nothing by being registered either (``Binding.silent``), until it starts anew.

With ``debounce``, a binding that was removed is spoken of for that many seconds more, unless it expired: phones that restart
unregister, and register again a moment later.

Implements: RFC 3863 section 4.1; RFC 4479 sections 3.3 (device) and 3.4; RFC 5627 section 3 (public GRUU as contact).
"""

from collections.abc import Callable, Sequence
from uuid import NAMESPACE_URL, uuid5

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.identifiers import digest_id
from sip2xmpp.documents.presence import Basic, Device, Note, Presence, Tuple
from sip2xmpp.documents.reginfo import ContactEvent
from sip2xmpp.documents.times import from_unix
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.store.expiry import Deadlines
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Binding, Publication

LINGERING = 20
"""How many bindings of one address are spoken of after they have gone."""


class Registrations:
    """The feed of bindings; see ``presence.feeds``.  ``gruu``: tuples name the URI of the device where it has one."""

    def __init__(
        self, store: Store, clock: IReactorTime, *, debounce: float = 0.0, gruu: bool = True
    ) -> None:
        self._bindings = store.bindings
        self._clock = clock
        self._debounce = debounce
        self._gruu = gruu
        self._changed: list[Callable[[Address], None]] = []
        self._lingering: dict[str, dict[str, tuple[Binding, float]]] = {}
        self._ends = Deadlines(clock, self._lingered)
        store.bindings.listen(self._binding_changed)

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:
        """One for each device that is registered and does not publish."""
        live = self._bindings.select(str(presentity))
        if self._lingering:
            live = (*live, *self._still_spoken_of(str(presentity)))
        if not live:
            return ()
        publishing = {mark for publication in published for mark in publication.source.split()}
        said = [
            _source(binding, gruu=self._gruu)
            for binding in live
            if not binding.silent and publishing.isdisjoint(binding.source.split())
        ]
        # a device that registers two contacts at once, as one for each transport, is one device all the same
        return list({source.id: source for source in said}.values()) if len(said) > 1 else said

    def listen(self, changed: Callable[[Address], None]) -> None:
        self._changed.append(changed)

    def _binding_changed(self, change: Change[Binding]) -> None:
        binding, previous = change.record, change.previous
        if change.kind is ChangeKind.PUT:
            if previous is None:
                self._lingering.pop(binding.group, None)
            elif _said(binding) == _said(previous):
                return
        elif change.kind is ChangeKind.REMOVED and self._debounce and self._may_come_back(binding):
            self._linger(binding)
        self._tell(binding.aor)

    def _tell(self, aor: Address) -> None:
        for changed in self._changed:
            changed(aor)

    # who went a moment ago

    def _may_come_back(self, binding: Binding) -> bool:
        """Whether the device is expected, because nobody has sent it away and it is not here by another binding."""
        name = _name(binding)
        is_here = any(_name(other) == name for other in self._bindings.select(binding.group))
        return not is_here and binding.event != ContactEvent.REJECTED.value

    def _linger(self, binding: Binding) -> None:
        end = min(self._clock.seconds() + self._debounce, binding.expires_at)
        those = self._lingering.setdefault(binding.group, {})
        those[_name(binding)] = binding, end
        if len(those) > LINGERING:
            del those[next(iter(those))]
        self._ends.add(f"{binding.group} {_name(binding)} {end}", end)

    def _still_spoken_of(self, aor: str) -> list[Binding]:
        now = self._clock.seconds()
        return [binding for binding, end in self._lingering.get(aor, {}).values() if end > now]

    def _lingered(self, key: str) -> None:
        aor, name, _ = key.split(" ")
        those = self._lingering.get(aor, {})
        found = those.get(name)
        if found is not None and found[1] <= self._clock.seconds():
            del those[name]
            if not those:
                del self._lingering[aor]
            self._tell(found[0].aor)


def _name(binding: Binding) -> str:
    """What is the same as long as it is the same flow of the same device."""
    if binding.instance:
        return digest_id(f"{binding.instance} {binding.reg_id}")
    return digest_id(binding.contact)


def _said(binding: Binding) -> tuple[object, ...]:
    """All of a binding that its source depends on."""
    return (
        binding.contact,
        binding.instance,
        binding.reg_id,
        binding.q,
        binding.user_agent,
        binding.registered_at,
        binding.source,
        binding.gruu,
        binding.silent,
    )


def _source(binding: Binding, *, gruu: bool) -> Source:
    name = _name(binding)
    since = from_unix(binding.registered_at)
    urn = binding.instance.strip("<>")
    entity = binding.aor.sip_uri()
    device = Device(
        id=f"{name}-device",
        device_id=urn or uuid5(NAMESPACE_URL, binding.contact).urn,
        notes=(Note(text=binding.user_agent),) if binding.user_agent else (),
        timestamp=since,
    )
    return Source(
        id=f"reg:{name}",
        rank=Rank.REGISTERED,
        published_at=binding.registered_at,
        document=Presence(
            entity=entity,
            tuples=(
                Tuple(
                    id=name,
                    basic=Basic.OPEN,
                    contact=binding.aor.sip_uri(gr=urn) if gruu and binding.gruu and urn else entity,
                    priority=round(binding.q, 3),
                    timestamp=since,
                    device_id=device.device_id,
                ),
            ),
            devices=(device,),
        ),
        user_agent=binding.user_agent,
    )
