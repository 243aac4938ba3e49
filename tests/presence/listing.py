"""Documents of lists, and members whose back end a test plays."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.documents import resource_lists, rls_services
from sip2xmpp.documents.resource_lists import Entry, ListMember, ResourceList, ResourceLists
from sip2xmpp.documents.rls_services import Service, Services
from sip2xmpp.presence.flattening import Addresses, FlatteningLimits
from sip2xmpp.presence.list_agent import ListAgent, ListLimits, ListState, Row
from sip2xmpp.presence.list_book import ListBook
from sip2xmpp.presence.watching import Reason, Standing, StateWatcher, Told, Watch
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.memory import MemoryStore

DOMAIN = "sip.example.org"
ROOT = "https://xcap.example.org/xcap/"
ALICE = Address.parse("alice@sip.example.org")
BOB = Address.parse("bob@sip.example.org")
FRIENDS = Address.parse("alice-friends@sip.example.org")
SALES = Address.parse("sales@sip.example.org")

_versions = count()


def address(text: str) -> Address:
    return Address.parse(text)


def entries(*uris: str) -> tuple[Entry, ...]:
    return tuple(Entry(uri=uri) for uri in uris)


class Library:
    """A store with documents of lists, and the book of them."""

    def __init__(
        self,
        clock: Clock | None = None,
        limits: FlatteningLimits | None = None,
        reserved: Iterable[Address] = (),
    ) -> None:
        self.clock = clock or Clock()
        self.store = MemoryStore(self.clock)  # type: ignore[arg-type]
        addressing = Addressing([DOMAIN], "gw.example.org", self.store.spellings)
        self.addresses = Addresses(
            address_of_uri=addressing.address_of_uri, address_of_jid=addressing.address_of_jid, roots=[ROOT]
        )
        self.limits = limits
        self.reserved = tuple(reserved)
        self.book = self.reopened()

    def reopened(self) -> ListBook:
        """Another book of the same documents, as after a restart."""
        return ListBook(
            self.store,
            self.clock,  # type: ignore[arg-type]
            addresses=self.addresses,
            domains=[DOMAIN],
            reserved=self.reserved,
            limits=self.limits,
        )

    def put(self, auid: str, owner: Address | str, octets: bytes, name: str = "index") -> None:
        version = str(next(_versions))
        self.store.documents.put(
            Document(auid=auid, owner=str(owner), name=name, octets=octets, etag=version, changed_at=0.0)
        )

    def remove(self, auid: str, owner: Address | str, name: str = "index") -> None:
        self.store.documents.remove(f"{auid} {owner} {name}")

    def lists(self, owner: Address | str, name: str = "index", **lists: Iterable[ListMember]) -> None:
        """The lists of a user, by name."""
        made = [ResourceList(name=each, members=tuple(members)) for each, members in lists.items()]
        self.put("resource-lists", owner, resource_lists.write(ResourceLists(lists=tuple(made))), name)

    def services(self, owner: Address | str, *services: Service, name: str = "index") -> None:
        self.put("rls-services", owner, rls_services.write(Services(services=services)), name)

    def serve(self, service: Address, owner: Address | str, *uris: str, name: str = "index") -> None:
        """One service with its list in the document itself."""
        inline = ResourceList(members=entries(*uris))
        self.services(owner, Service(uri=service.sip_uri(), resources=inline), name=name)

    def addresses_of(self, owner: Address | str) -> list[str]:
        """The addresses that are services of a user, or of the operator."""
        found = [self.book.service(each) for each in self.book._claims]
        return [str(each.address) for each in found if each is not None and each.owner == str(owner)]

    def members(self, service: Address) -> list[str]:
        """The addresses in the list of a service."""
        found = self.book.service(service)
        assert found is not None
        return [str(member.address) for member in self.book.members(found)]


class Member:
    """A watch at the back end that a test plays."""

    def __init__(self, players: "Players", resource: Address, watcher: StateWatcher, fetch: bool) -> None:
        self.players = players
        self.resource = resource
        self.watcher = watcher
        self.fetch = fetch
        self.stopped = False
        self.ended = False

    def stop(self) -> None:
        assert not self.stopped, "stopped twice"
        self.stopped = True
        self.players.live[self.resource].remove(self)

    def refresh(self) -> None:
        pass


class Players:
    """A back end whose members say what a test lets them say.

    ``answers`` is what a new watcher is told on a later turn, by address; nothing for others.  ``refusals`` are raised.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.live: dict[Address, list[Member]] = {}
        self.begun: list[Address] = []
        self.begun_at: list[float] = []
        self.answers: dict[Address, Told[Any]] = {}
        self.refusals: dict[Address, Exception] = {}

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        self.begun.append(resource)
        self.begun_at.append(self.clock.seconds())
        if resource in self.refusals:
            raise self.refusals[resource]
        member = Member(self, resource, watcher, fetch)
        self.live.setdefault(resource, []).append(member)
        if resource in self.answers:
            self.clock.callLater(0, self._answer, member)
        return member

    def say(self, resource: Address, document: object) -> None:
        """The state of a member, for all who watch it and who will."""
        told = self.answers[resource] = Told(standing=Standing.ACTIVE, document=document)
        for member in tuple(self.live.get(resource, ())):
            member.watcher.notified(told)

    def pend(self, resource: Address) -> None:
        told = self.answers[resource] = Told(standing=Standing.PENDING)
        for member in tuple(self.live.get(resource, ())):
            member.watcher.notified(told)

    def end(self, resource: Address, reason: Reason, retry_after: int | None = None) -> None:
        """End all watches of a member."""
        for member in tuple(self.live.get(resource, ())):
            self.live[resource].remove(member)
            member.stopped = True
            member.watcher.notified(
                Told(standing=Standing.TERMINATED, reason=reason, retry_after=retry_after)
            )

    def watched(self) -> set[Address]:
        return {resource for resource, members in self.live.items() if members}

    def _answer(self, member: Member) -> None:
        if not member.stopped and member.resource in self.answers:
            member.watcher.notified(self.answers[member.resource])


class Subscriber:
    """Keeps what it is told, newest last."""

    def __init__(self, who: Address = ALICE) -> None:
        self.address = who
        self.told: list[Told[ListState]] = []

    def notified(self, notification: Told[Any]) -> None:
        self.told.append(notification)

    @property
    def state(self) -> ListState:
        state = self.told[-1].document
        assert state is not None
        return state

    def rows(self) -> dict[str, object]:
        """What the newest state says of each member: its document, or the word for why there is none."""
        return {str(row.member.address): said(row) for row in self.state.rows}


def said(row: Any) -> object:
    if row.told is not None:
        return row.told.document
    if row.reason is not None:
        return row.reason.value
    return None if row.standing is None else row.standing.value


def changes(now: ListState, before: ListState | None) -> list[Row] | None:
    """The rows that are not those of ``before``; None if that was of another list, so that all have to be told."""
    if before is None or before.members is not now.members:
        return None
    return [row for row, old in zip(now.rows, before.rows, strict=True) if row is not old]


class Scene:
    """A book, an agent, and the back end of members."""

    def __init__(self, limits: ListLimits | None = None, flattening: FlatteningLimits | None = None) -> None:
        self.library = Library(limits=flattening)
        self.clock = self.library.clock
        self.book = self.library.book
        self.players = Players(self.clock)
        self.agent = ListAgent(
            self.book,
            self.players,
            clock=self.clock,  # type: ignore[arg-type]
            domains=[DOMAIN],
            limits=limits,
        )

    def friends(self, *uris: str) -> None:
        """The list of alice."""
        self.library.serve(FRIENDS, ALICE, *uris)

    def sales(self, *uris: str) -> None:
        """A list of the operator."""
        self.library.serve(SALES, GLOBAL, *uris, name="departments")

    def subscribe(self, who: Address = ALICE, what: Address = FRIENDS) -> tuple[Subscriber, Watch]:
        subscriber = Subscriber(who)
        return subscriber, self.agent.watch(what, subscriber)

    def turn(self) -> None:
        """One turn of the reactor: what is due now, but not what that makes due."""
        due = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]
        for call in due:
            if call.active():
                func, args, kw = call.func, call.args, call.kw
                call.cancel()
                func(*args, **kw)

    def run(self, seconds: float = 0.0) -> None:
        """Let turns pass, and time."""
        end = self.clock.seconds() + seconds
        for _ in range(100_000):
            due = [call.getTime() for call in self.clock.getDelayedCalls()]
            if not due or min(due) > end:
                break
            self.clock.advance(max(0.0, min(due) - self.clock.seconds()))
        else:
            raise AssertionError("a livelock")
        self.clock.advance(max(0.0, end - self.clock.seconds()))
