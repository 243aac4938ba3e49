"""The presence agent: the back end of our own domains.

The truth about a presentity is in the store: its live publications, and what the feeds (``presence.feeds``) make of
other tables.  The agent keeps nothing but the watches, and what it composed for those presentities that somebody
watches.  The store's change feed and the feeds mark a watched presentity stale; on the next reactor turn its sources
are composed once, and if the result differs from the last one a new ``Notification`` is made.  All watchers who may
see it get that same object, so each rendering is written once.  A watcher gets one of four views: the composed
document or the part of it that the owner's rules show, the offline document (politely blocked; also what everybody gets of whom nothing is known, the very same
object, so that the two cannot be told apart), no document (the owner has not decided), or the end.  A watcher whose
view did not change hears nothing.

When the owner's rules change, every watch is decided about anew: a few at once, the others in the next turns, and in any case
before they are told anything.

Work is done in turns of a bounded size, between which the reactor serves other traffic: single watches (new,
refreshed, decided anew) first, then compositions, then the fan-outs, a few watchers of each presentity in rotation,
so that a change to ten thousand watchers neither blocks the process nor delays the one watcher of somebody else.  A
change during a fan-out overtakes it: who was not reached yet gets only the newest.

Implements: RFC 3856 section 6; RFC 4479 section 3.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Basic, Presence
from sip2xmpp.errors import BadDocument, NoSuchPresentity, NotAuthorized
from sip2xmpp.presence.canonical import offline_document
from sip2xmpp.presence.composition import Rank, Source, compose, settle
from sip2xmpp.presence.feeds import Feed
from sip2xmpp.presence.policy import Handling, Judgement
from sip2xmpp.presence.revealing import reveal
from sip2xmpp.presence.watched import OneWatch, Watched
from sip2xmpp.presence.watching import Notification, Reason, Standing, Watch, Watcher
from sip2xmpp.store.expiry import Deadlines
from sip2xmpp.store.interface import Change, Store
from sip2xmpp.store.records import Publication

PACKAGE = "presence"
COMPOSITION_COST = 5
"""What composing once counts against the size of a turn, in watchers notified."""
SHARE = 25
"""How many watchers of one presentity are notified before the next presentity has its share."""
JUDGEMENTS = 50
"""How many watchers are decided about anew before other traffic is served."""

PENDING = Notification(standing=Standing.PENDING)
REJECTED = Notification(standing=Standing.TERMINATED, reason=Reason.REJECTED)
NO_RESOURCE = Notification(standing=Standing.TERMINATED, reason=Reason.NORESOURCE)


class PresenceAgent:
    """Watches of the presentities of our own domains.

    ``judge(presentity, watcher)`` is the policy; ``exists(presentity)`` says whether we serve it; ``parse`` gives the
    document of a publication and raises ``BadDocument`` for one that cannot be read (it is left out).  ``feeds`` are
    asked beside the publications.  ``turn_size`` is how many watchers are notified in one reactor turn.
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        clock: IReactorTime,
        judge: Callable[[Address, Address], Judgement],
        exists: Callable[[Address], bool],
        parse: Callable[[Publication], Presence],
        feeds: Sequence[Feed] = (),
        turn_size: int = 100,
    ) -> None:
        self._publications = store.publications
        self._clock = clock
        self._judge = judge
        self._exists = exists
        self._parse = parse
        self._feeds = tuple(feeds)
        self._turn_size = turn_size
        self._presentities: dict[Address, Watched] = {}
        self._undecided: deque[OneWatch] = deque()
        self._room = JUDGEMENTS
        self._singles: deque[OneWatch] = deque()
        self._stale: deque[Watched] = deque()
        self._fan_outs: deque[Watched] = deque()
        self._call: IDelayedCall | None = None
        self._windows = Deadlines(clock, self._window_passed)
        self._listeners: list[Callable[[Address, Address, Handling], None]] = []
        store.publications.listen(self._publication_changed)
        for feed in feeds:
            feed.listen(self.changed)

    def __len__(self) -> int:
        """How many presentities are watched."""
        return len(self._presentities)

    def watched(self) -> list[Address]:
        """Who is watched."""
        return list(self._presentities)

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> Watch:  # noqa: ARG002
        """Begin to watch; see ``BackEnd``.  A fetch is a watch that its owner stops after the first answer."""
        if not self._exists(presentity):
            raise NoSuchPresentity(f"nobody is called {presentity}")
        judgement = self._judge(presentity, watcher.address)
        if judgement.handling is Handling.BLOCK:
            raise NotAuthorized(f"{watcher.address} may not watch {presentity}")
        watched = self._presentities.get(presentity)
        if watched is None:
            watched = self._presentities[presentity] = Watched(presentity)
        watch = OneWatch(self, watched, watcher, judgement)
        watch.began_at = self._clock.seconds()
        watched.watches[watch] = None
        self.queue(watch)
        self._watch_changed(watch)
        return watch

    def sources(self, presentity: Address) -> list[Source]:
        """Everything that says something about ``presentity`` now, for those who may know all: its owner and operators."""
        return self._sources_of(Watched(presentity), *self._heard(presentity))

    def composed(self, presentity: Address) -> Presence:
        """What those who may see all of ``presentity`` are shown now."""
        return compose(presentity.sip_uri(), self.sources(presentity), self._clock.seconds())

    def shown(self, presentity: Address, watcher: Address) -> Presence | None:
        """What of ``presentity`` a watcher may see now; None for one who may not, or must not know that."""
        judgement = self._judge(presentity, watcher)
        if judgement.handling is not Handling.ALLOW:
            return None
        document = self.composed(presentity)
        return document if judgement.permissions is None else reveal(document, judgement.permissions)

    def watches(self, presentity: Address) -> list[tuple[Address, Handling]]:
        """Who watches ``presentity`` now, in order of arrival, and how each is handled; one who watches twice is there twice."""
        watched = self._presentities.get(presentity)
        return (
            [] if watched is None else [(watch.watcher.address, watch.handling) for watch in watched.watches]
        )

    def began(self, presentity: Address) -> dict[Address, float]:
        """Since when each of those who watch ``presentity`` does so, Unix time; a watch begins anew with this process."""
        watched = self._presentities.get(presentity)
        found: dict[Address, float] = {}
        for watch in () if watched is None else watched.watches:
            found.setdefault(watch.watcher.address, watch.began_at)
        return found

    def approved(self, presentity: Address) -> frozenset[Address]:
        """Who watches ``presentity`` now and had to wait until it was decided."""
        watched = self._presentities.get(presentity)
        return frozenset(
            () if watched is None else [each.watcher.address for each in watched.watches if each.approved]
        )

    def is_watched(self, presentity: Address) -> bool:
        """Whether anybody watches ``presentity`` now."""
        watched = self._presentities.get(presentity)
        return watched is not None and bool(watched.watches)

    def listen(self, listener: Callable[[Address, Address, Handling], None]) -> None:
        """Call ``listener(presentity, watcher, handling)`` when a watch began, ended, or is handled otherwise than before."""
        self._listeners.append(listener)

    def changed(self, presentity: Address) -> None:
        """A source of ``presentity`` came, went or changed."""
        watched = self._presentities.get(presentity)
        if watched is not None:
            self._mark(watched)

    def rules_changed(self, presentity: Address, watcher: Address | None = None) -> None:
        """Decide again, at once, about the live watches of one watcher of ``presentity``, or of all of them."""
        watched = self._presentities.get(presentity)
        if watched is None:
            return
        concerned = [
            watch for watch in watched.watches if watcher is None or watch.watcher.address == watcher
        ]
        room = self._room if watcher is None else len(concerned)
        self._room -= min(room, len(concerned), self._room)
        self._wake()
        for watch in concerned[:room]:
            self._decide_again(watch)
        for watch in concerned[room:]:
            if not watch.undecided:
                watch.undecided = True
                self._undecided.append(watch)

    def existence_changed(self, presentity: Address) -> None:
        """End the watches of ``presentity`` if it is no longer one of ours."""
        watched = self._presentities.get(presentity)
        if watched is not None and not self._exists(presentity):
            for watch in list(watched.watches):
                self._end(watch, NO_RESOURCE)

    def queue(self, watch: OneWatch) -> None:
        """Notify this one watch on a coming turn, ahead of fan-outs."""
        self._singles.append(watch)
        self._wake()

    def forget(self, watch: OneWatch) -> None:
        """Drop a watch, and with the last one everything held for its presentity."""
        watched = watch.presentity
        if watched.watches.pop(watch, watch) is None:
            self._watch_changed(watch)
        if not watched.watches and self._presentities.get(watched.address) is watched:
            del self._presentities[watched.address]

    def _decide_again(self, watch: OneWatch) -> None:
        watch.undecided = False
        if watch.stopped or watch.end is not None:
            return
        judgement = self._judge(watch.presentity.address, watch.watcher.address)
        handling, before = judgement.handling, watch.handling
        if handling is Handling.BLOCK:
            self._end(watch, REJECTED)
        elif handling is not before or judgement.permissions != watch.permissions:
            watch.approved |= before is Handling.CONFIRM
            watch.handling = handling
            watch.permissions = judgement.permissions
            self.queue(watch)
            if handling is not before:
                self._watch_changed(watch)

    def _end(self, watch: OneWatch, notification: Notification) -> None:
        watch.end = notification
        watch.handling = Handling.BLOCK
        self.forget(watch)
        self.queue(watch)

    def _watch_changed(self, watch: OneWatch) -> None:
        for listener in self._listeners:
            listener(watch.presentity.address, watch.watcher.address, watch.handling)

    def _publication_changed(self, change: Change[Publication]) -> None:
        watched = self._presentities.get(change.record.presentity)
        if watched is not None and change.record.package == PACKAGE:
            self._mark(watched)

    def _window_passed(self, key: str) -> None:
        """Something in a document of this presentity begins or ceases to hold (RFC 4480: ``from`` and ``until``)."""
        watched = self._presentities.get(Address.parse(key))
        if watched is not None:
            watched.changes_at = None
            watched.fingerprint = None
            self._mark(watched)

    def _mark(self, watched: Watched) -> None:
        if not watched.stale:
            watched.stale = True
            watched.changed_at = self._clock.seconds()
            self._stale.append(watched)
            self._wake()

    def _wake(self) -> None:
        if self._call is None:
            self._call = self._clock.callLater(0, self._turn)

    def _turn(self) -> None:
        self._call = None
        self._room = JUDGEMENTS
        try:
            self._work(self._turn_size)
        finally:
            # Also after a watcher failed: the reactor logs the failure and the others go on.
            if self._singles or self._stale or self._fan_outs or self._undecided:
                self._wake()

    def _work(self, budget: int) -> None:
        if self._undecided:
            for _ in range(min(JUDGEMENTS, len(self._undecided))):
                watch = self._undecided.popleft()
                if watch.undecided:
                    self._decide_again(watch)
        while self._singles and budget > 0:
            self._tell(self._singles.popleft())
            budget -= 1
        while self._stale and budget > 0:
            self._recompose(self._stale.popleft())
            budget -= COMPOSITION_COST
        while self._fan_outs and budget > 0:
            watched = self._fan_outs.popleft()
            queue = watched.queue
            assert queue is not None, "whoever is fanned out has a queue"
            share = min(SHARE, budget, len(queue))
            budget -= share
            try:
                for _ in range(share):
                    watch = queue.popleft()
                    watch.queued = False
                    self._tell(watch)
            finally:
                if queue:
                    self._fan_outs.append(watched)
                else:
                    watched.queue = None

    def _tell(self, watch: OneWatch) -> None:
        """Give a watch its view, unless it has it."""
        if watch.undecided:
            self._decide_again(watch)
        if watch.stopped:
            return
        if watch.end is not None:
            watch.stopped = True
            watch.watcher.notified(watch.end)
            return
        watched = watch.presentity
        if watch.handling is Handling.ALLOW:
            if watched.stale:
                self._recompose(watched)
            view = watched.current or self._compose(watched)
            if watch.permissions is not None:
                view = watched.revealed(view, watch.permissions)
        elif watch.handling is Handling.CONFIRM:
            view = PENDING
        else:
            view = watched.offline or self._offline(watched)
        told, watch.told = watch.told, view
        # a view that was not kept is another object, and the time of what is withheld is no news
        if view is told or (
            watch.permissions is not None
            and told is not None
            and view.document is not None
            and settle(told.document, view.document) is told.document
        ):
            return
        watch.watcher.notified(view)

    def _recompose(self, watched: Watched) -> None:
        """Compose after a change, and queue everybody if the result is another one."""
        if not watched.stale:
            return
        watched.stale = False
        before = watched.current
        if before is None or not watched.watches or self._compose(watched) is before:
            return
        if watched.queue is None:
            watched.queue = deque()
            self._fan_outs.append(watched)
        for watch in watched.watches:
            if not watch.queued:
                watch.queued = True
                watched.queue.append(watch)

    def _heard(self, presentity: Address) -> tuple[list[Publication], list[Source]]:
        """The live publications of presence, and what the feeds say beside them."""
        live = [p for p in self._publications.select(str(presentity)) if p.package == PACKAGE]
        return live, [source for feed in self._feeds for source in feed.sources(presentity, live)]

    def _compose(self, watched: Watched) -> Notification:
        """The current view of those who may see; the same object as before if the document is the same."""
        live, fed = self._heard(watched.address)
        fingerprint = (*[(p.source or p.key, p.published_at, p.document) for p in live], *fed)
        if watched.current is not None and fingerprint == watched.fingerprint:
            return watched.current
        watched.fingerprint = fingerprint
        sources = self._sources_of(watched, live, fed)
        if not sources:
            watched.current = watched.offline or self._offline(watched)
            watched.current.known_at = watched.changed_at
            return watched.current
        before = watched.current
        known = before.document if before is not None else None
        composed = compose(watched.address.sip_uri(), sources, self._clock.seconds())
        if composed.changes_at is not None:
            self._look_again(watched, composed.changes_at)
            # When it may change is our affair, and no news for watchers.
            composed = replace(composed, changes_at=None)
        document = settle(known, composed)
        if document.tuples and document.tuples[0].basic is Basic.CLOSED:
            offline = watched.offline or self._offline(watched)
            if document == offline.document:
                offline.known_at = watched.changed_at
                watched.current = offline
                return offline
        if before is None or (known is not document and known != document):
            watched.current = before = Notification(
                standing=Standing.ACTIVE, document=document, known_at=watched.changed_at
            )
        return before

    def _sources_of(
        self, watched: Watched, live: Sequence[Publication], fed: Sequence[Source]
    ) -> list[Source]:
        """All sources; where there are several publications, one that did not change is not read again."""
        read = watched.documents
        watched.documents = {}
        sources = []
        for publication in live:
            octets = publication.document
            document = read[octets] if octets in read else self._document(publication)
            if document is None:
                continue
            if document.changes_at is None and len(live) > 1:
                watched.documents[octets] = document
            sources.append(
                Source(
                    id=publication.source or publication.key,
                    rank=Rank.PUBLISHED,
                    published_at=publication.published_at,
                    document=document,
                    user_agent=publication.user_agent,
                )
            )
        sources.extend(fed)
        return sources

    def _document(self, publication: Publication) -> Presence | None:
        """The document of a publication; None if it cannot be read, although it could when it was published."""
        try:
            return self._parse(publication)
        except BadDocument:
            self.log.failure(
                "a publication of {presentity} cannot be read", presentity=publication.presentity
            )
            return None

    def _look_again(self, watched: Watched, at: float) -> None:
        key, before = str(watched.address), watched.changes_at
        if before is not None:
            if before <= at:
                return
            self._windows.discard(key, before)
        watched.changes_at = at
        self._windows.add(key, at)

    def _offline(self, watched: Watched) -> Notification:
        watched.offline = Notification(
            standing=Standing.ACTIVE, document=offline_document(watched.address.sip_uri())
        )
        return watched.offline
