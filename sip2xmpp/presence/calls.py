"""The calls of our users: what is told of them by dialog-info, kept together, and what it says about presence.

Documents come from publications (a phone's, or those of the server that routes the calls) and from whoever asks phones
(``observed``).  What is held here is read from the store, so a call is known right after a restart, and is over when its
publication ends or expires.  Somebody has as many calls as all documents together tell of; an id is made unique and opaque, for
the ids in documents are often the Call-ID itself.

Call state is presence: a call that is answered makes a person *on the phone*, one that rings only where the operator wants that.
It says nothing about where somebody can be reached, and the end of a call says nothing at all: what was before holds again.

Implements: RFC 4235 section 3.10 (several dialogs are one state); RFC 4480 section 3.2 (``on-the-phone``).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents import dialog_info
from sip2xmpp.documents.dialog_info import Call, CallState, DialogInfo, Direction
from sip2xmpp.documents.identifiers import digest_id
from sip2xmpp.documents.presence import Activity, Note, Person, Presence, frozen_value
from sip2xmpp.errors import BadDocument
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Publication

PACKAGE: Final = "dialog"

ON_THE_PHONE: Final = "On the phone"
RINGING: Final = "Ringing"
ON_HOLD: Final = "On hold"
LANGUAGE: Final = "en"
"""What the three texts are written in."""

_ACTIVITY: Final = Activity("on-the-phone")


class OnThePhone(Enum):
    """From when on a call makes somebody be on the phone."""

    CONFIRMED = "confirmed"
    EARLY = "early"
    NEVER = "never"


@frozen_value
class _Telling:
    """One document.  ``calls`` are its calls with ids of ours; ``at`` is when it changed."""

    document: DialogInfo
    calls: tuple[Call, ...]
    at: float


def text_of(calls: Collection[Call], when: OnThePhone) -> str | None:
    """What these calls say about the person: a text if it is on the phone, else None."""
    if when is OnThePhone.NEVER:
        return None
    answered = [call for call in calls if call.state is CallState.CONFIRMED]
    if answered:
        return ON_HOLD if all(call.is_held for call in answered) else ON_THE_PHONE
    if when is OnThePhone.CONFIRMED:
        return None
    coming = [call for call in calls if call.is_live]
    if not coming:
        return None
    return RINGING if any(call.direction is Direction.RECIPIENT for call in coming) else ON_THE_PHONE


class Calls:
    """The calls of our presentities, and the feed of presence that is made of them; ``when`` is from when on a call matters."""

    log = Logger()

    def __init__(
        self,
        store: Store,
        *,
        clock: IReactorTime,
        when: OnThePhone = OnThePhone.CONFIRMED,
    ) -> None:
        self._clock = clock
        self._when = when
        self._tellings: dict[Address, dict[str, _Telling]] = {}
        self._sources: dict[Address, Source] = {}
        self._presence_listeners: list[Callable[[Address], None]] = []
        self._call_listeners: list[Callable[[Address], None]] = []
        for publication in store.publications.all():
            if publication.package == PACKAGE:
                self._take(publication)
        store.publications.listen(self._publication_changed)

    # The feed

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:  # noqa: ARG002
        source = self._sources.get(presentity)
        return () if source is None else (source,)

    def listen(self, changed: Callable[[Address], None]) -> None:
        self._presence_listeners.append(changed)

    # Calls

    def of(self, presentity: Address) -> tuple[Call, ...]:
        """The calls of ``presentity``, the oldest document's first; also such as ended, while it is still told of them."""
        held = self._tellings.get(presentity)
        return () if held is None else tuple([call for telling in held.values() for call in telling.calls])

    def listen_to_calls(self, changed: Callable[[Address], None]) -> None:
        """Call ``changed(presentity)`` whenever ``of`` may answer otherwise than before."""
        self._call_listeners.append(changed)

    def observed(self, presentity: Address, key: str, document: DialogInfo | None) -> None:
        """A phone said this when it was asked, or None when it is not asked any more; ``key`` names it, among those of ``presentity``.

        A partial document changes what it said before.
        """
        name = f"observed {key}"
        if document is None:
            self._forget(presentity, name)
            return
        before = self._tellings.get(presentity, {}).get(name)
        self._tell(
            presentity,
            name,
            dialog_info.merged(before.document if before is not None else None, document),
            at=self._clock.seconds(),
        )

    # What changes

    def _publication_changed(self, change: Change[Publication]) -> None:
        record = change.record
        if record.package != PACKAGE:
            return
        if change.kind is not ChangeKind.PUT:
            self._forget(record.presentity, record.key)
        elif change.previous is None or change.previous.document != record.document:
            self._take(record)

    def _take(self, publication: Publication) -> None:
        try:
            document = dialog_info.read(publication.document)
        except BadDocument:
            self.log.failure(
                "a publication of calls of {presentity} cannot be read", presentity=publication.presentity
            )
            self._forget(publication.presentity, publication.key)
            return
        self._tell(publication.presentity, publication.key, document, at=publication.published_at)

    def _tell(self, presentity: Address, name: str, document: DialogInfo, *, at: float) -> None:
        calls = tuple([replace(call, id=digest_id(f"{name} {call.id}")) for call in document.calls])
        telling = _Telling(document=document, calls=calls, at=at)
        self._tellings.setdefault(presentity, {})[name] = telling
        self._changed(presentity)

    def _forget(self, presentity: Address, name: str) -> None:
        held = self._tellings.get(presentity)
        if held is None or held.pop(name, None) is None:
            return
        if not held:
            del self._tellings[presentity]
        self._changed(presentity)

    def _changed(self, presentity: Address) -> None:
        for tell in self._call_listeners:
            tell(presentity)
        before, now = self._sources.get(presentity), self._source(presentity)
        if now is None:
            self._sources.pop(presentity, None)
        elif before is None or before.document != now.document:
            self._sources[presentity] = now
        else:
            return
        if now is not None or before is not None:
            for tell in self._presence_listeners:
                tell(presentity)

    def _source(self, presentity: Address) -> Source | None:
        """All calls of somebody as one source, or None if they do not matter."""
        held = self._tellings.get(presentity, {}).values()
        text = text_of([call for telling in held for call in telling.document.calls], self._when)
        if text is None:
            return None
        person = Person(id="calls", activities=(_ACTIVITY,), notes=(Note(text=text, language=LANGUAGE),))
        return Source(
            id="calls",
            rank=Rank.DIALOG,
            published_at=max(telling.at for telling in held),
            document=Presence(entity=presentity.sip_uri(), persons=(person,)),
        )
