"""Presence documents that users keep on the XCAP server, as one more source: what holds while no device says anything.

Every document of the usage ``pidf-manipulation`` in the tree of a user is heard like a statement of that user with
``Rank.PERMANENT``, whatever its name; among those and statements of the same rank the one that was changed last speaks.  There is
one place for each: programs and commands make statements and cannot touch these documents, and nothing else than XCAP
changes these.  The store is the truth, so that they hold after a restart; when a document is deleted, so is what it said.

Whose presence it is follows from whose tree it is in: an ``entity`` that names somebody else is not looked at.  A document that
cannot be read counts as absent, and the log says so once for each of its versions.

Implements: RFC 4827 sections 3 and 4 (hard state).
"""

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.errors import BadAddress, BadDocument
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.presence.statements import HARD_STATE
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.interface import Change, Table
from sip2xmpp.store.records import Publication

MOST: Final = 10
"""Documents of one user that are heard, the first ones there were: each takes part in every composition."""


class KeptDocuments:
    """The feed of these documents in ``documents``, a table of the store."""

    log = Logger()

    def __init__(self, documents: Table[Document], clock: IReactorTime) -> None:
        self._documents = documents
        self._clock = clock
        self._read: dict[str, Source | None] = {}

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:  # noqa: ARG002
        """What ``presentity`` keeps."""
        kept = [each for each in self._documents.select(str(presentity)) if each.auid == HARD_STATE]
        return [source for each in kept[:MOST] if (source := self._source(each, presentity)) is not None]

    def listen(self, changed: Callable[[Address], None]) -> None:
        """Call ``changed`` for whose documents are other ones."""

        def document_changed(change: Change[Document]) -> None:
            document = change.record
            if document.auid != HARD_STATE or document.owner == GLOBAL:
                return
            self._read.pop(document.key, None)
            try:
                owner = Address.parse(document.owner)
            except BadAddress:
                return
            changed(owner)

        self._documents.listen(document_changed)

    def _source(self, held: Document, presentity: Address) -> Source | None:
        if held.key in self._read:
            return self._read[held.key]
        try:
            document = pidf.read(held.octets, now=self._clock.seconds())
        except BadDocument:
            self.log.failure(
                "the presence document {name} that {owner} keeps cannot be read",
                name=held.name,
                owner=presentity,
            )
            self._read[held.key] = None
            return None
        source = Source(
            id=f"{HARD_STATE} {held.name}",
            rank=Rank.PERMANENT,
            published_at=held.changed_at,
            document=document,
            by_owner=True,
        )
        if document.changes_at is None:
            self._read[held.key] = source
        return source
