"""What registered phones say when they are asked: their presence as sources, their calls as calls.

A phone that does not publish answers who subscribes to it.  Whoever subscribes tells here what each binding said, and when
that does not hold any more; it is kept in the store, so that watchers see the same before and after a restart, until the
phone has been asked again.  What is kept of a binding that is not there any more is forgotten at the start.

``ObservedSources`` is the feed of presence.  A phone that has a binding is one device: what it says first is said of the device
of the binding, so that it replaces that the phone is merely registered.  ``ObservedCalls`` keeps all calls of
a phone, whether it tells of all or of changes, and gives them to whom calls belong.

Implements: RFC 4479 section 3.4 (services of one device); RFC 4235 section 4.1 (versions, full and partial state).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents import dialog_info, pidf
from sip2xmpp.documents.dialog_info import DialogInfo
from sip2xmpp.documents.identifiers import digest_id
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadDocument
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.store.interface import Store
from sip2xmpp.store.observations import Observation
from sip2xmpp.store.records import Binding, Publication

PRESENCE: Final = "presence"
DIALOG: Final = "dialog"

Observed = Callable[[Address, str, DialogInfo | None], None]
"""Whom calls belong to: given whose they are, a key for the phone, and all its calls or None when nothing is known."""


class _Kept:
    """The observations of one package."""

    def __init__(self, store: Store, clock: IReactorTime, package: str) -> None:
        self.table = store.observations
        self._clock = clock
        self._package = package
        live = {binding.key for binding in store.bindings.all()}
        for observation in list(self.table.all()):
            if observation.package == package and observation.binding not in live:
                self.table.remove(observation.key)

    def of(self, binding: Binding) -> Observation | None:
        return self.table.get(f"{self._package} {binding.key}")

    def keep(self, binding: Binding, document: bytes) -> bool:
        """Whether that is another document than before."""
        before = self.of(binding)
        if before is not None and before.document == document:
            return False
        self.table.put(
            Observation(
                presentity=binding.aor,
                package=self._package,
                binding=binding.key,
                user_agent=binding.user_agent,
                document=document,
                changed_at=self._clock.seconds(),
            )
        )
        return True

    def forget(self, binding: Binding) -> None:
        self.table.remove(f"{self._package} {binding.key}")


class ObservedSources:
    """The feed of what phones answer; see ``presence.feeds``."""

    log = Logger()

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._kept = _Kept(store, clock, PRESENCE)
        self._bindings = store.bindings
        self._clock = clock
        self._listeners: list[Callable[[Address], None]] = []
        self._read: dict[str, tuple[str, Source]] = {}

    # From whoever asks.

    def told(self, binding: Binding, document: bytes) -> None:
        """The phone of ``binding`` says this: a PIDF document that was read once already."""
        if self._kept.keep(binding, document):
            self._changed(binding)

    def gone(self, binding: Binding) -> None:
        """What it said does not hold any more."""
        self._kept.forget(binding)
        self._changed(binding)

    def _changed(self, binding: Binding) -> None:
        self._read.pop(binding.key, None)
        for listener in self._listeners:
            listener(binding.aor)

    # As a feed.

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:
        """One for each phone that answered, and does not publish."""
        kept = self._kept.table.select(str(presentity))
        if not kept:
            return ()
        publishing = {mark for publication in published for mark in publication.source.split()}
        found = []
        for observation in kept:
            binding = self._bindings.get(observation.binding)
            if (
                observation.package == PRESENCE
                and binding is not None
                and publishing.isdisjoint(binding.source.split())
            ):
                source = self._source(observation, binding)
                if source is not None:
                    found.append(source)
        return found

    def listen(self, changed: Callable[[Address], None]) -> None:
        self._listeners.append(changed)

    def _source(self, observation: Observation, binding: Binding) -> Source | None:
        device = device_of(binding)
        read = self._read.get(binding.key)
        if read is not None and read[0] == device:
            return read[1]
        try:
            document = pidf.read(observation.document, now=self._clock.seconds())
        except BadDocument:
            self.log.failure("an observation of {presentity} cannot be read", presentity=binding.aor)
            return None
        source = Source(
            id=f"observed:{digest_id(binding.key)}",
            rank=Rank.OBSERVED,
            published_at=observation.changed_at,
            document=_of_device(document, device),
            user_agent=observation.user_agent,
        )
        if document.changes_at is None:
            self._read[binding.key] = device, source
        return source


class ObservedCalls:
    """What phones say of their calls, kept and given to ``observed``.

    ``ask_again(binding)`` is called when a phone told of changes only and one of them is missing.
    """

    def __init__(self, store: Store, clock: IReactorTime, observed: Observed) -> None:
        self._kept = _Kept(store, clock, DIALOG)
        self._observed = observed
        self._versions: dict[str, int] = {}
        self.ask_again: Callable[[Binding], None] = _nobody
        for observation in self._kept.table.all():
            if observation.package == DIALOG:
                observed(observation.presentity, observation.binding, _read(observation))

    def told(self, binding: Binding, document: DialogInfo) -> None:
        """The phone of ``binding`` told of all its calls, or of those that changed."""
        kept = self._kept.of(binding)
        last = self._versions.get(binding.key)
        if last is not None and document.version <= last and not document.is_full:
            return
        if not document.is_full and (kept is None or last is None or document.version > last + 1):
            self.ask_again(binding)
        self._versions[binding.key] = document.version
        whole = dialog_info.merged(_read(kept) if kept is not None else None, document)
        if self._kept.keep(binding, dialog_info.write(replace(whole, version=0))):
            self._observed(binding.aor, binding.key, whole)

    def gone(self, binding: Binding) -> None:
        """What it said does not hold any more."""
        self._versions.pop(binding.key, None)
        self._kept.forget(binding)
        self._observed(binding.aor, binding.key, None)


def device_of(binding: Binding) -> str:
    """The URN of the device that registered ``binding``."""
    return binding.instance.strip("<>") or uuid5(NAMESPACE_URL, binding.contact).urn


def _of_device(document: Presence, device: str) -> Presence:
    if not document.tuples or any(service.device_id == device for service in document.tuples):
        return document
    first, *others = document.tuples
    return replace(document, tuples=(replace(first, device_id=device), *others))


def _read(observation: Observation) -> DialogInfo | None:
    try:
        return dialog_info.read(observation.document)
    except BadDocument:
        return None


def _nobody(binding: Binding) -> None:
    """Asks nobody."""
