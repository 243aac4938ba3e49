"""Statements: what programs, operators and owners say about a presentity without being a SIP client of it.

A statement is a presence document under the name of its source, with a rank, an optional begin and an optional end.  It is
a row of the store; ``Statements`` is the feed that lets the presence agent hear it, and the operations by which everybody
makes one: the HTTP API, and commands of Jabber users.  The command line writes the same rows into the state file, by
``statement``; the change feed tells of them all alike.

Ranks that are stated: ``Rank.INJECTED`` for what a program knows now, ``Rank.PERMANENT`` for what holds while no device
says anything about the person, ``Rank.OVERRIDE`` for what wins over everything.

An address of ours that has no account becomes known by its first statement (``store.virtuals``) and stays so: when the last
statement ends it is offline, and who watches it keeps watching.  ``forget`` is the end of such an address; or it gets an
account, and then exists as long as that does.  What was stated of an account goes with it: the next one may be somebody else's.

Who may state what about whom is for the caller to check.  What is stored is bounded here.  What users keep by XCAP is no
statement (``presence.kept_documents``); its name is not free, so that nobody takes the one for the other.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.errors import BadDocument, BadInput, NoSuchPresentity, TooMany
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.store.expiry import Deadlines
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Publication, Statement, Virtual

HARD_STATE: Final = "pidf-manipulation"
"""The application usage of the documents that users keep by XCAP (RFC 4827); no statement has this name."""

STATED_RANKS: Final = (Rank.PERMANENT, Rank.INJECTED, Rank.OVERRIDE)
"""The ranks a statement may have."""

SOURCE_LIMIT: Final = 64
"""Characters of the name of a source."""

LATEST: Final = 253_402_300_799.0
"""The last moment that can be written as a date, in the year 9999; a statement ends then at the latest."""


@frozen_value
class StatementLimits:
    """How much is kept.  ``per_teller``: what one program, user or command has stated in all; ``document`` in octets."""

    per_presentity: int = 20
    per_teller: int = 10_000
    virtuals: int = 100_000
    document: int = 65_535


@frozen_value
class Saying:
    """What is to be stated: see ``Statements.state``."""

    presentity: Address
    source: str
    document: bytes
    rank: int = Rank.INJECTED
    told_by: str
    begins_at: float = 0.0
    expires_at: float | None = None


class Statements:
    """The feed of ``store.statements``, and the way to change them.

    ``domains`` are ours.  ``state``, ``withdraw`` and ``forget`` take effect at once and raise at once; what they return
    fires when the change survives the death of the process, or fails with ``StorageFailed``.
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        clock: IReactorTime,
        domains: AbstractSet[str],
        limits: StatementLimits | None = None,
    ) -> None:
        self._store = store
        self._statements = store.statements
        self._clock = clock
        self._domains = domains
        self.limits = limits or StatementLimits()
        self._tellers = Counter(statement.told_by for statement in store.statements.all())
        self._read: dict[str, Source] = {}
        self._begins = Deadlines(clock, self._begun)
        self._listeners: list[Callable[[Address], None]] = []
        now = clock.seconds()
        for statement in store.statements.all():
            if statement.begins_at > now:
                self._begins.add(statement.key, statement.begins_at)
        store.statements.listen(self._statement_changed)
        for address in {
            *[virtual.address for virtual in store.virtuals.all()],
            *[statement.presentity for statement in store.statements.all()],
        }:
            self._settle(address)
        store.accounts.listen(lambda change: self._settle(change.record.address))

    # As a feed.

    def sources(self, presentity: Address, published: Sequence[Publication]) -> Sequence[Source]:  # noqa: ARG002
        """What is stated of ``presentity`` and holds now."""
        now = self._clock.seconds()
        found = []
        for statement in self._statements.select(str(presentity)):
            if statement.begins_at <= now:
                source = self._read.get(statement.key) or self._source(statement, now)
                if source is not None:
                    found.append(source)
        return found

    def listen(self, changed: Callable[[Address], None]) -> None:
        """See ``Feed``."""
        self._listeners.append(changed)

    # For those who state something.

    def state(self, saying: Saying) -> Deferred[Statement]:
        """State it, in the place of what this source said before.

        ``told_by`` names who does: ``str(presentity)`` for the owner, whose word is never taken for somebody else's.

        ``document`` is PIDF, such as ``telling.document_of`` makes and ``pidf.write`` writes.  Times are Unix times;
        without ``expires_at`` it holds until it is withdrawn.  What is stated again unchanged is only prolonged.

        Raises ``NoSuchPresentity`` (not a domain of ours), ``BadInput`` (a name, a rank or times that make no sense),
        ``BadDocument`` (cannot be read, or too large) and ``TooMany``.
        """
        store, now = self._store, self._clock.seconds()
        presentity = saying.presentity
        if presentity.domain not in self._domains or not presentity.local:
            raise NoSuchPresentity(f"{presentity.domain} is not a domain of ours")
        before = self._statements.get(f"{presentity} {saying.source}")
        made = statement(saying, before, now, self.limits)
        if before is None:
            self._check_room(presentity, saying.told_by)
        self._make_known(presentity, now)
        if made != before:
            store.statements.put(made)
        return store.committed().addCallback(lambda _: made)

    def withdraw(self, presentity: Address, source: str) -> Deferred[bool]:
        """Take back what this source said; fires with whether there was something to take back."""
        key = f"{presentity} {source}"
        known = self._statements.get(key) is not None
        self._statements.remove(key)
        return self._store.committed().addCallback(lambda _: known)

    def forget(self, presentity: Address) -> Deferred[None]:
        """Take back everything, and let an address without account be unknown again: its watchers learn that it is gone."""
        for held in self.of(presentity):
            self._statements.remove(held.key)
        self._store.virtuals.remove(str(presentity))
        return self._store.committed()

    def of(self, presentity: Address) -> tuple[Statement, ...]:
        """Every statement about ``presentity``, also those that are still to begin."""
        return self._statements.select(str(presentity))

    def _check_room(self, presentity: Address, teller: str) -> None:
        limits = self.limits
        if len(self.of(presentity)) >= limits.per_presentity:
            raise TooMany(f"{limits.per_presentity} sources say something about {presentity} already")
        if self._tellers[teller] >= limits.per_teller:
            raise TooMany(f"{teller} has made {limits.per_teller} statements already")

    def _make_known(self, presentity: Address, now: float) -> None:
        store, key = self._store, str(presentity)
        if store.accounts.get(key) is not None or store.virtuals.get(key) is not None:
            return
        if len(store.virtuals) >= self.limits.virtuals:
            raise TooMany(f"{self.limits.virtuals} addresses without account are known already")
        store.virtuals.put(Virtual(address=presentity, since=now))

    def _settle(self, address: Address) -> None:
        """Who has an account is not virtual, and of whom is neither nothing is stated."""
        if self._store.accounts.get(str(address)) is not None:
            self._store.virtuals.remove(str(address))
        elif self._store.virtuals.get(str(address)) is None:
            for held in self.of(address):
                self._statements.remove(held.key)

    def _source(self, held: Statement, now: float) -> Source | None:
        try:
            document = pidf.read(held.document, now=now)
        except BadDocument:
            self.log.failure("a statement about {presentity} cannot be read", presentity=held.presentity)
            return None
        source = Source(
            id=f"statement {held.source}",
            rank=held.rank,
            published_at=_said_at(held),
            document=document,
            by_owner=held.told_by == str(held.presentity),
        )
        if document.changes_at is None:
            self._read[held.key] = source
        return source

    def _statement_changed(self, change: Change[Statement]) -> None:
        held, before = change.record, change.previous
        if change.kind is not ChangeKind.PUT:
            before, gone = held, True
        else:
            gone = False
        self._read.pop(held.key, None)
        if before is not None:
            # What expired while the program was down was never counted.
            self._tellers[before.told_by] = max(0, self._tellers[before.told_by] - 1)
            if not self._tellers[before.told_by]:
                del self._tellers[before.told_by]
            self._begins.discard(held.key, before.begins_at)
        if not gone:
            self._tellers[held.told_by] += 1
            if held.begins_at > self._clock.seconds():
                self._begins.add(held.key, held.begins_at)
        self._tell(held.presentity)

    def _begun(self, key: str) -> None:
        held = self._statements.get(key)
        if held is not None:
            self._tell(held.presentity)

    def _tell(self, presentity: Address) -> None:
        for changed in self._listeners:
            changed(presentity)


def statement(saying: Saying, before: Statement | None, now: float, limits: StatementLimits) -> Statement:
    """The row of a saying in the place of ``before``; raises as ``Statements.state`` does."""
    source = saying.source
    if not source or len(source) > SOURCE_LIMIT or not source.isprintable() or " " in source:
        raise BadInput(f"a source has a name of 1 to {SOURCE_LIMIT} characters without blanks")
    if source == HARD_STATE:
        raise BadInput(f"{HARD_STATE} is the name of what users keep by XCAP, and is changed there")
    if saying.rank not in STATED_RANKS:
        raise BadInput("a statement is permanent, injected or wins over everything")
    expires_at = None if saying.expires_at is None else min(saying.expires_at, LATEST)
    if expires_at is not None and expires_at <= max(now, saying.begins_at):
        raise BadInput("it would end before it begins")
    if len(saying.document) > limits.document:
        raise BadDocument(f"a document has {limits.document} octets at most")
    pidf.read(saying.document)
    made = Statement(
        presentity=saying.presentity,
        source=source,
        rank=int(saying.rank),
        document=saying.document,
        told_by=saying.told_by,
        changed_at=now,
        expires_at=expires_at,
        begins_at=saying.begins_at,
    )
    if before is not None and (before.document, before.rank) == (made.document, made.rank):
        # What had not begun says something new when it is let begin now.
        return replace(made, changed_at=min(now, _said_at(before)))
    return made


def _said_at(held: Statement) -> float:
    """When it began to be heard as it is: what begins later is new then, beside all that was said meanwhile."""
    return max(held.changed_at, held.begins_at)
