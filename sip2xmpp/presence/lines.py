"""The shared lines of our domains: who has which appearance, from what the phones tell.

What a phone tells is a publication of the line, with a lifetime that it has to renew; a ``Seizure`` is the durable word that one
of its calls has an appearance, so that after a restart everybody has what it had.  A seizure goes with its call, with the
publication, with the registration of the phone, and, as long as nobody is called yet, after ``SEIZED_FOR`` seconds: whatever is
lost on the way, no lamp stays lit.  When an appearance becomes free, a call that has none and claims it gets it; somebody
who is merely off-hook has to claim it again.

Phones that ask first are refused what somebody else has (``admit``); what others tell cannot be refused, so it is kept and
not shown as long as somebody else has the appearance.

Implements: RFC 7463 section 5 (appearance agent); draft-anil-sipping-bla-03 section 5 (state agent).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import Call, DialogInfo, read
from sip2xmpp.errors import BadDocument
from sip2xmpp.presence.appearances import (
    Appearance,
    Line,
    admit,
    is_seizure,
    live,
    place,
    shown,
)
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Binding, Publication
from sip2xmpp.store.seizures import Seizure

PACKAGES: Final = ("dialog;sla", "dialog;ma", "dialog;shared")
"""The names under which phones share lines; all of them tell of the same state."""

SEIZED_FOR: Final = 15.0
"""Seconds for which somebody may be off-hook without calling anybody; to be renewed by telling of it again."""


class Lines:
    """The lines, by address.  ``lines`` is the configuration."""

    log = Logger()

    def __init__(self, *, store: Store, clock: IReactorTime, lines: Mapping[Address, Line]) -> None:
        self._clock = clock
        self._lines = dict(lines)
        self._publications = store.publications
        self._bindings = store.bindings
        self._seizures = store.seizures
        self._read = lru_cache(maxsize=256)(_live_calls)
        self._listeners: list[Callable[[Address], None]] = []
        self._of_member: dict[Address, list[Address]] = {}
        for address, line in self._lines.items():
            for member in {address, *line.members}:
                self._of_member.setdefault(member, []).append(address)
        self._forget_what_is_over()
        store.publications.listen(self._publication_changed)
        store.seizures.listen(self._seizure_changed)
        store.bindings.listen(self._binding_changed)

    def __contains__(self, address: Address) -> bool:
        return address in self._lines

    def __getitem__(self, address: Address) -> Line:
        return self._lines[address]

    def listen(self, listener: Callable[[Address], None]) -> None:
        """Call ``listener(line)`` when something about a line may be another thing now."""
        self._listeners.append(listener)

    def shares(self, address: Address, member: Address) -> bool:
        """Whether ``member`` is one of those who share the line at ``address``."""
        line = self._lines.get(address)
        return line is not None and (member == address or member in line.members)

    def in_use(self, address: Address) -> tuple[Appearance, ...]:
        """The appearances in use, in order of their numbers."""
        return shown(self._held(address).items())

    def admit(self, address: Address, document: DialogInfo, own: Collection[str]) -> None:
        """Raise ``AppearanceTaken`` unless a phone may have what it claims; ``own`` are the keys of its publications."""
        admit(self._lines[address], document, self._held(address, but=own))

    def _held(self, address: Address, but: Collection[str] = ()) -> dict[int, Call]:
        """Who has what, except for those publications."""
        return {
            seizure.number: call
            for seizure in self._seizures.select(str(address))
            if seizure.owner not in but and (call := self._call_of(seizure)) is not None
        }

    def _call_of(self, seizure: Seizure) -> Call | None:
        """The call that has an appearance, if it is still told of."""
        publication = self._publications.get(seizure.owner)
        if publication is None:
            return None
        return next((call for call in self._calls(publication) if call.id == seizure.dialog), None)

    def _calls(self, publication: Publication) -> Sequence[Call]:
        # one phone has hardly more calls than the line has appearances
        most = self._lines[publication.presentity].appearances + 1
        try:
            return self._read(publication.document, most)
        except BadDocument:
            self.log.failure("a publication of {line} cannot be read", line=publication.presentity)
            return ()

    # What phones tell

    def _publication_changed(self, change: Change[Publication]) -> None:
        publication = change.record
        if publication.presentity not in self._lines or publication.package not in PACKAGES:
            return
        if change.kind is ChangeKind.PUT:
            self._claim(publication)
            self._settle(publication.presentity)
        else:
            self._release(publication.presentity, publication.key, ())
            # A phone that publishes anew takes its older publication away first, and has what it had before others may.
            self._clock.callLater(0, self._settle, publication.presentity)

    def _claim(self, publication: Publication) -> None:
        """Give a publication what it claims and nobody else has, and take what it claims no more."""
        calls = self._calls(publication)
        self._release(publication.presentity, publication.key, {call.id for call in calls})
        for call in calls:
            self._seize(publication, call)

    def _release(self, address: Address, owner: str, kept: Collection[str]) -> None:
        for seizure in self._seizures.select(str(address)):
            if seizure.owner == owner and seizure.dialog not in kept:
                self._seizures.remove(seizure.key)

    def _seize(self, publication: Publication, call: Call) -> bool:
        """Give a call its appearance, or leave it what it has; False if it gets none."""
        address = publication.presentity
        before: Seizure | None = None
        held: dict[int, Call] = {}
        for seizure in self._seizures.select(str(address)):
            if (seizure.owner, seizure.dialog) == (publication.key, call.id):
                before = seizure
            elif (other := self._call_of(seizure)) is not None:
                held[seizure.number] = other
        number = place(self._lines[address], call, held, None if before is None else before.number)
        if number is None:
            return False
        if before is not None and before.number != number:
            self._seizures.remove(before.key)
            before = None
        now = self._clock.seconds()
        made = Seizure(
            line=address,
            number=number,
            owner=publication.key,
            dialog=call.id,
            since=now if before is None else before.since,
            expires_at=now + SEIZED_FOR if is_seizure(call) else None,
        )
        if made != before:
            self._seizures.put(made)
        return True

    def _settle(self, address: Address) -> None:
        """Let real calls that have no appearance have one, if there is one now; then everybody may look."""
        owned = {
            (seizure.owner, seizure.dialog)
            for seizure in self._seizures.select(str(address))
            if self._call_of(seizure) is not None
        }
        held = self._held(address)
        publications = [each for each in self._publications.select(str(address)) if each.package in PACKAGES]
        publications.sort(key=lambda each: each.published_at)
        for publication in publications:
            for call in self._calls(publication):
                if (publication.key, call.id) in owned or is_seizure(call):
                    continue
                if place(self._lines[address], call, held, None) is not None and self._seize(
                    publication, call
                ):
                    held = self._held(address)
        for listener in self._listeners:
            listener(address)

    # What time and the network take

    def _seizure_changed(self, change: Change[Seizure]) -> None:
        if change.kind is ChangeKind.EXPIRED and change.record.line in self._lines:
            self._settle(change.record.line)

    def _binding_changed(self, change: Change[Binding]) -> None:
        """A phone may be gone; it may also have registered another contact in the same request."""
        if change.kind is not ChangeKind.PUT and change.record.aor in self._of_member:
            self._clock.callLater(0, self._gone, change.record)

    def _gone(self, gone: Binding) -> None:
        """What a phone told of its lines is not true any more when it is not registered."""
        marks = set(gone.source.split())
        for binding in self._bindings.select(str(gone.aor)):
            marks.difference_update(binding.source.split())
        for address in self._of_member[gone.aor] if marks else ():
            for publication in self._publications.select(str(address)):
                if publication.package in PACKAGES and not marks.isdisjoint(publication.source.split()):
                    self._publications.remove(publication.key)

    def _forget_what_is_over(self) -> None:
        """After a restart: what ended meanwhile, and what lines are not ours any more."""
        for seizure in list(self._seizures.all()):
            if seizure.line not in self._lines or self._call_of(seizure) is None:
                self._seizures.remove(seizure.key)
        for address in self._lines:
            self._settle(address)


def _live_calls(octets: bytes, most: int) -> Sequence[Call]:
    return tuple(live(read(octets))[:most])
