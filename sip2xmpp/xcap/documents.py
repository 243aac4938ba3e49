"""The documents of an XCAP server as a service: read, written and edited under conditions, whoever asks and by which way.

``owner`` is the address of a user as text, or ``GLOBAL``.  Who may do something has been decided by the caller.  A condition is
checked and the change made in one turn of the reactor, so that of two who change the same version one is refused; whoever
acknowledges a change waits for ``committed``.

Each change gives a document another entity tag, even one that leaves its octets as they are.  When an address is no more, its
documents go with it.

Implements: RFC 4825 sections 5, 7.11, 8.2.5 and 8.5.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import Final, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.xcap_tree import Element
from sip2xmpp.documents.xcap_uri import NodeSelector
from sip2xmpp.errors import BadInput, NoSuchPresentity, Refused, TooMany
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Account
from sip2xmpp.xcap import editing
from sip2xmpp.xcap.conditions import ALWAYS, Conditions
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind
from sip2xmpp.xcap.usages import Usage, usage_named
from sip2xmpp.xcap.validation import check

__all__ = ["GLOBAL", "DocumentLimits", "Documents", "NoSuchDocument", "NotKept", "TooLarge", "Written"]

_NAME = re.compile(r"[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")


class NoSuchDocument(Refused):
    """There is no document of this name, or nothing in it where it was looked for."""


class NotKept(Refused):
    """Documents of this usage are not written by clients, or not in this tree."""


class TooLarge(BadInput):
    """The document has more octets than those of its usage may have."""


class Written(NamedTuple):
    """``created``: what was put, a document or a part of one, was not there before."""

    document: Document
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLimits:
    """How many documents one user may have, how many octets in all of them, and how many octets there may be of all users.

    The global tree may have ten times what a user may.
    """

    documents: int = 50
    octets: int = 2_097_152
    total: int = 268_435_456


DEFAULT_LIMITS: Final = DocumentLimits()


class Constraint(Protocol):
    """What has to be so beyond the document itself; raises ``Conflict``."""

    def __call__(self, document: Document, root: Element) -> None: ...


class Documents:
    """The documents in a store.  ``exists`` says whether there is a user of an address; ``tags`` makes entity tags.

    ``constraints`` are asked about each document before it is kept.
    """

    log = Logger()

    def __init__(
        self,
        store: Store,
        *,
        clock: IReactorTime,
        exists: Callable[[Address], bool],
        limits: DocumentLimits = DEFAULT_LIMITS,
        constraints: Sequence[Constraint] = (),
        tags: Callable[[], str] = lambda: token_hex(8),
    ) -> None:
        self._store = store
        self._table = store.documents
        self._clock = clock
        self._exists = exists
        self.limits = limits
        self._constraints = tuple(constraints)
        self._tags = tags
        self._octets = sum(len(document.octets) for document in self._table.all())
        self._table.listen(self._changed)
        store.accounts.listen(self._account_changed)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def octets(self) -> int:
        """How many octets are kept."""
        return self._octets

    # Reading

    def get(self, auid: str, owner: str, name: str) -> Document | None:
        """The document, or None."""
        usage = usage_named(auid)
        return None if usage is None else self._table.get(document_key(usage.auid, owner, name))

    def of(self, owner: str) -> tuple[Document, ...]:
        """All documents of a user, or those of the global tree."""
        return self._table.select(owner)

    # Writing

    def put(self, auid: str, owner: str, name: str, octets: bytes, when: Conditions = ALWAYS) -> Written:
        """Keep a document.

        Raises ``PreconditionFailed``, ``Conflict``, ``NotKept``, ``NoSuchPresentity``, ``TooLarge`` or ``TooMany``.
        """
        usage = self._writable(auid, owner, name)
        held = self._held(usage, owner, name, when)
        return Written(self._write(usage, owner, name, octets, held), created=held is None)

    def delete(self, auid: str, owner: str, name: str, when: Conditions = ALWAYS) -> Document:
        """Remove a document, which is answered; raises ``PreconditionFailed``, ``NoSuchDocument`` or ``NotKept``."""
        usage = self._writable(auid, owner, name)
        held = self._held(usage, owner, name, when)
        if held is None:
            raise NoSuchDocument("there is no such document")
        self._table.remove(held.key)
        return held

    def put_node(
        self,
        auid: str,
        owner: str,
        name: str,
        node: NodeSelector,
        body: bytes,
        *,
        when: Conditions = ALWAYS,
    ) -> Written:
        """Put a part of a document; raises what ``put`` raises."""
        usage = self._writable(auid, owner, name)
        held = self._held(usage, owner, name, when)
        if held is None:
            raise Conflict(ConflictKind.NO_PARENT, "there is no such document")
        edited = editing.put(held.octets, node, body, usage.namespace)
        return Written(self._write(usage, owner, name, edited.octets, held), edited.created)

    def delete_node(
        self, auid: str, owner: str, name: str, node: NodeSelector, *, when: Conditions = ALWAYS
    ) -> Document:
        """Remove a part of a document; answers what is left, and raises what ``put`` and ``delete`` raise."""
        usage = self._writable(auid, owner, name)
        held = self._held(usage, owner, name, when)
        left = None if held is None else editing.delete(held.octets, node, usage.namespace)
        if left is None:
            raise NoSuchDocument("there is nothing to be deleted")
        return self._write(usage, owner, name, left, held)

    def committed(self) -> Deferred[None]:
        """Fires when all changes made so far will survive; fails with ``StorageFailed``."""
        return self._store.committed()

    # Inside

    def _writable(self, auid: str, owner: str, name: str) -> Usage:
        usage = usage_named(auid)
        if usage is None or not (usage.shared if owner == GLOBAL else usage.users):
            raise NotKept(f"documents of {auid} are not written here")
        if owner != GLOBAL and not self._exists(Address.parse(owner)):
            raise NoSuchPresentity(f"there is no user {owner}")
        folder, _, last = name.rpartition("/")
        if _NAME.fullmatch(last) is None or last in (".", ".."):
            raise Conflict(ConflictKind.CONSTRAINT_FAILURE, "this is no name of a document")
        if name != last and folder not in usage.folders:
            raise Conflict(ConflictKind.NO_PARENT, "there is no such folder")
        return usage

    def _held(self, usage: Usage, owner: str, name: str, when: Conditions) -> Document | None:
        """What there is, if it is what the request is for."""
        held = self._table.get(document_key(usage.auid, owner, name))
        when.check(None if held is None else held.etag)
        return held

    def _write(self, usage: Usage, owner: str, name: str, octets: bytes, held: Document | None) -> Document:
        if len(octets) > usage.size:
            raise TooLarge(f"a document of {usage.auid} has {usage.size} octets at most")
        document = Document(
            auid=usage.auid,
            owner=owner,
            name=name,
            octets=octets,
            etag=self._tags(),
            changed_at=self._clock.seconds(),
        )
        check(
            octets,
            usage.auid,
            constraints=[partial(constraint, document) for constraint in self._constraints],
        )
        self._make_room(document, held)
        self._table.put(document)
        return document

    def _make_room(self, document: Document, held: Document | None) -> None:
        """Raises ``TooMany`` where a document is one too many or too large; one may always become smaller."""
        more = len(document.octets) - (0 if held is None else len(held.octets))
        if held is not None and more <= 0:
            return
        limits, times = self.limits, 10 if document.owner == GLOBAL else 1
        others = self._table.select(document.owner)
        if held is None and len(others) >= limits.documents * times:
            raise TooMany(f"there may be {limits.documents * times} documents")
        if sum(len(each.octets) for each in others) + more > limits.octets * times:
            raise TooMany(f"all documents together may have {limits.octets * times} octets")
        if self._octets + more > limits.total:
            raise TooMany("the server has no room for more documents")

    def _changed(self, change: Change[Document]) -> None:
        size = len(change.record.octets)
        if change.kind is not ChangeKind.PUT:
            self._octets -= size
        else:
            self._octets += size - (0 if change.previous is None else len(change.previous.octets))

    # Who is no more

    def existence_changed(self, address: Address) -> None:
        """An address may have gone; one whose account is only disabled has not."""
        if self._store.accounts.get(str(address)) is None and not self._exists(address):
            self._bury(address)

    def _account_changed(self, change: Change[Account]) -> None:
        if change.kind is not ChangeKind.PUT:
            self._bury(change.record.address)

    def _bury(self, address: Address) -> None:
        gone = self._table.select(str(address))
        for document in gone:
            self._table.remove(document.key)
        if gone:
            self.log.info(
                "XCAP: {address} is no more, and {count} documents with it",
                address=str(address),
                count=len(gone),
            )
