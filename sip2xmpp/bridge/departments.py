"""Departments: lists of the operator that Jabber users follow, so that the members are contacts in a group of their roster.

Who follows which list is stored, with the members that the user was told of.  What is to be done is the difference between these
and the members that the list has now, whenever that may have changed: the list, the user's clients, what the user's server grants,
or the process.  It is done for one user after the other, and for one user list after list.

Who may follow is who may know the company's lists: SIP users, and those for whom the operator has said which servers are served.
What ends a registration, or the proof behind it, ends that too; while the account is disabled it is no proof.  The right is looked
at again whenever something is to be done, as another configuration may have taken it.

Implements: RFC 4826 section 3 (lists in the global tree) onto RFC 6121 section 2 by way of ``bridge.kept_rosters``.
"""

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.bridge.buddies import title
from sip2xmpp.bridge.kept_rosters import Gone, KeptRosters, Taken
from sip2xmpp.bridge.outbox import domain_of
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.registrants import Registrants
from sip2xmpp.bridge.rosters import Helped, Way, Wish
from sip2xmpp.bridge.worlds import Worlds
from sip2xmpp.documents import resource_lists
from sip2xmpp.errors import BadDocument, TooMany
from sip2xmpp.presence.list_book import INDEX, ListBook, reference_of
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from sip2xmpp.store.followings import Following
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Registrant

T = TypeVar("T")

MOST_MEMBERS: Final = 200
"""Members of a list that come into a roster, the first of the list."""

MOST_OF_ONE: Final = 20
MOST_FOLLOWINGS: Final = 50_000
"""Lists that one user follows, and all together."""


class Departments:
    """Who follows what.  ``permits`` says whether a bare JID may know the lists; ``barred`` is told of one that may no more."""

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        lists: ListBook,
        kept: KeptRosters,
        worlds: Worlds,
        registrants: Registrants,
        permits: Callable[[str], bool],
        clock: IReactorTime,
        pace: Pace,
    ) -> None:
        self._store = store
        self._lists = lists
        self._kept = kept
        self._worlds = worlds
        self._registrants = registrants
        self.permits = permits
        self.barred: Callable[[str], object] = _nobody
        self._clock = clock
        self._pace = pace
        self._followers: dict[str, dict[str, None]] = {}
        self._references: dict[str, str] = {}
        self._named: Document | None = None
        self._names: Mapping[str, str] = {}
        self._busy: dict[str, bool] = {}
        self._locks: dict[str, DeferredLock] = {}
        for each in tuple(store.followings.all()):
            self._index(each)
        lists.listen_references(self._list_changed)

    # What there is

    def names(self) -> Mapping[str, str]:
        """The lists that can be followed, by their names, as people see them."""
        document = self._store.documents.get(document_key("resource-lists", GLOBAL, INDEX))
        if document is not self._named:
            self._named, self._names = document, self._read(document)
        return self._names

    def _read(self, document: Document | None) -> Mapping[str, str]:
        try:
            lists = () if document is None else resource_lists.read(document.octets).lists
        except BadDocument as error:
            self.log.info("the lists of the operator cannot be read: {error}", error=error)
            return {}
        return {each.name: title(each) or each.name for each in lists if each.name}

    def followed(self, jid: str) -> list[str]:
        """The lists that somebody follows."""
        return [each.name for each in self._store.followings.select(jid)]

    def count(self, name: str) -> int:
        """How many members a list has."""
        return len(self._lists.named(GLOBAL, name))

    # What users want

    async def follow(self, held: Registrant, name: str) -> Way:
        """Let a registered user follow a list; tells how the members came into the roster."""
        followings = self._store.followings
        if len(followings.select(held.jid)) >= MOST_OF_ONE or len(followings) >= MOST_FOLLOWINGS:
            raise TooMany("There is no room for another department")
        made = Following(jid=held.jid, domain=held.domain, name=name, since=self._clock.seconds())
        if followings.get(made.key) is not None:
            return Way.NOTHING
        followings.put(made)
        self._index(made)
        await self._store.committed()
        await self._worlds.learn(held.jid, (each.address.domain for each in self._lists.named(GLOBAL, name)))
        return (await self._alone(held.jid, lambda: self._settle(made.key, insist=True))).way

    async def unfollow(self, jid: str, name: str) -> Way:
        """Let nobody follow it any more; tells how the members went."""
        way = await self._alone(jid, lambda: self._end(f"{jid} {name}"))
        await self._store.committed()
        return way

    # What happens

    def left(self, held: Registrant) -> None:
        """A registration has ended, or proves another SIP user or none now.

        Where the members cannot be taken out yet, it is done when they can.
        """
        if not self.permits(held.jid):
            self.barred(held.jid)
            for each in self._store.followings.select(held.jid):
                if self._ends_now(each):
                    self._run(self._alone(held.jid, partial(self._end, each.key)))

    def inherits(self, jid: str, contact: str) -> bool:
        """Whether a contact that was put into a roster for another reason is a member of what is followed; then it is ours."""
        for each in self._store.followings.select(jid):
            if contact in each.members:
                self._note(each, each.members, [contact])
                return True
        return False

    def arrived(self, held: Registrant) -> None:
        """A client of a registered user has come."""
        if self._store.followings.select(held.jid):
            self._soon(held.jid)

    def opened(self, server: str) -> None:
        """A server lets rosters of its users be changed."""
        for jid in dict.fromkeys(jid for followers in self._followers.values() for jid in followers):
            if domain_of(jid) == server:
                self._soon(jid)

    def _list_changed(self, owner: str, reference: str) -> None:
        if owner == GLOBAL:
            for jid in tuple(self._followers.get(self._references.get(reference, ""), ())):
                self._soon(jid)

    # What is done

    def _soon(self, jid: str) -> None:
        """See to a user when it is his turn; once more if it is under way."""
        if jid in self._busy:
            self._busy[jid] = True
        else:
            self._busy[jid] = False
            self._pace.run(lambda: self._run(self._see_to(jid)))

    async def _see_to(self, jid: str) -> None:
        try:
            while True:
                self._busy[jid] = False
                for each in self._store.followings.select(jid):
                    await self._alone(jid, partial(self._settle, each.key))
                if not self._busy[jid]:
                    return
        finally:
            del self._busy[jid]

    async def _alone(self, jid: str, doing: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do it while nothing else is done for this user."""
        lock = self._locks.setdefault(jid, DeferredLock())
        await lock.acquire()
        try:
            return await doing()
        finally:
            lock.release()
            if not lock.locked:
                self._locks.pop(jid, None)

    async def _settle(self, key: str, *, insist: bool = False) -> Helped:
        """Bring the roster to what the list says; with ``insist`` also if nobody is there to be told.

        What will be put into the roster is noted before, and what was done afterwards: after a crash it is done again.
        """
        held = self._store.followings.get(key)
        if held is not None and not self.permits(held.jid):
            return Helped(way=await self._end(key) if self._ends_now(held) else Way.NOTHING)
        wishes = {} if held is None else self._wishes(held)
        gone = [] if held is None else [jid for jid in _all_of(held) if jid not in wishes]
        new = [] if held is None else [wish for jid, wish in wishes.items() if jid not in held.members]
        helped = Helped(way=Way.NOTHING)
        if held is None or not (gone or new or self._title(held) != held.title):
            return helped
        if not (insist or self._kept.reaches(held.jid, held.domain)):
            return helped
        left = (await self._take(held, gone)).left if gone else ()
        group = await self._retitle(held, wishes)
        planned: list[str] = []
        elsewhere = self._elsewhere(held)
        had = [
            wish.jid
            for wish in new
            if wish.jid not in held.added and wish.jid not in elsewhere and self._has(held.jid, wish.jid)
        ]

        async def plan(coming: Sequence[str]) -> None:
            planned.extend(coming)
            current = self._store.followings.get(key)
            if current is not None:
                self._store.followings.put(
                    replace(current, added=tuple(dict.fromkeys((*current.added, *coming))))
                )
                await self._store.committed()

        if new:
            helped = await self._kept.bring(held.jid, held.domain, new, elsewhere, ours=held.added, plan=plan)
        undone = set(planned).difference(helped.added)
        self._note(held, (*wishes, *left), helped.added, undone=undone, group=group, had=had)
        return helped

    def _has(self, jid: str, contact: str) -> bool:
        """Whether somebody watches a contact already."""
        return self._store.authorizations.get(f"{jid} {contact}") is not None

    def _title(self, held: Following) -> str:
        """What the group is called; one that is no more is called as it was."""
        return self.names().get(held.name, held.title or held.name)

    async def _retitle(self, held: Following, wishes: Collection[str]) -> str:
        """Let those who stay be in the group as it is called now."""
        now = self._title(held)
        if held.title and now != held.title:
            ours = self._elsewhere(held).union(held.added)
            stay = [jid for jid in held.members if jid in wishes and jid in ours]
            await self._kept.rename(held.jid, held.domain, stay, held.title, now)
        return now

    async def _end(self, key: str) -> Way:
        """Nobody follows it any more, and the members go."""
        held = self._store.followings.get(key)
        if held is None:
            return Way.NOTHING
        self._forget(held)
        return (await self._take(held, _all_of(held))).way

    def _ends_now(self, held: Following) -> bool:
        """Whether to end it for somebody who may not follow any more; who is not registered is never reached better."""
        reaches = self._kept.reaches(held.jid, held.domain)
        return reaches or not self._registrants.is_known(held.jid)

    async def _take(self, held: Following, gone: Sequence[str]) -> Taken:
        """Members go: out of the roster, or out of the group where something else of ours has put them there."""
        elsewhere = self._elsewhere(held)
        group = held.title or self._title(held)
        for other in self._store.followings.select(held.jid):
            inherited = [jid for jid in gone if jid in held.added and jid in other.members]
            if other.name != held.name and inherited:
                self._note(other, other.members, inherited)
        return await self._kept.take(
            held.jid,
            held.domain,
            [
                Gone(jid=jid, group=group, is_added=jid in held.added, is_shared=jid in elsewhere)
                for jid in gone
                if jid not in held.had or jid in held.added
            ],
        )

    def _wishes(self, held: Following) -> dict[str, Wish]:
        group = self._title(held)
        found: dict[str, Wish] = {}
        for member in self._lists.named(GLOBAL, held.name)[:MOST_MEMBERS]:
            name = member.names[0].text if member.names else ""
            wish = self._worlds.wish(held.jid, member.address, name=name, groups=(group,))
            if wish is not None:
                found.setdefault(wish.jid, wish)
        return found

    def _elsewhere(self, held: Following) -> set[str]:
        """The contacts that are in the roster for another reason of ours."""
        others = [each for each in self._store.followings.select(held.jid) if each.name != held.name]
        reasons = {jid for other in others for jid in other.members}
        registration = self._registrants.get(held.jid, held.domain)
        return reasons.union(registration.added if registration is not None else ())

    def _note(
        self,
        held: Following,
        members: tuple[str, ...],
        added: Sequence[str],
        *,
        undone: Collection[str] = (),
        group: str = "",
        had: Collection[str] = (),
    ) -> None:
        """Write down what was done; only ``_end``, which waits for its turn, can have ended it meanwhile."""
        current = self._store.followings.get(held.key) or held
        kept = [jid for jid in current.added if jid in members and jid not in undone]
        made = replace(
            current,
            title=group or current.title,
            members=members,
            added=tuple(dict.fromkeys((*kept, *added))),
            had=tuple(jid for jid in dict.fromkeys((*current.had, *had)) if jid in members),
        )
        if made != current:
            self._store.followings.put(made)

    # Who follows what

    def _index(self, held: Following) -> None:
        self._followers.setdefault(held.name, {})[held.jid] = None
        self._references[reference_of(GLOBAL, held.name)] = held.name

    def _forget(self, held: Following) -> None:
        self._store.followings.remove(held.key)
        followers = self._followers.get(held.name, {})
        followers.pop(held.jid, None)
        if not followers:
            self._followers.pop(held.name, None)
            self._references.pop(reference_of(GLOBAL, held.name), None)

    def _run(self, doing: Coroutine[Any, Any, object]) -> None:
        Deferred.fromCoroutine(doing).addErrback(
            lambda failure: self.log.failure("following a department failed", failure)
        )


def _all_of(held: Following) -> list[str]:
    """Everybody whom it brought."""
    return list(dict.fromkeys((*held.members, *held.added)))


def _nobody(_: str) -> None:
    pass
