"""The SIP edge and the presence agent joined on the in-memory network, behind a door that believes every From."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.documents import pidf
from sip2xmpp.errors import StorageFailed
from sip2xmpp.events.list_package import Lists
from sip2xmpp.events.notifier import Notifier, SubscriptionLimits
from sip2xmpp.events.package import EventPackage, PresencePackage
from sip2xmpp.events.publication import PublicationLimits, Publications
from sip2xmpp.events.registrar import FlowRules, Registrar, RegistrationLimits
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.feeds import Feed
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.rule_book import RuleBook
from sip2xmpp.presence.watching import BackEnd
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.delivery import Credentials
from sip2xmpp.sip.dns import AddressRecord, Naptr, Srv
from sip2xmpp.sip.flow import Transport
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Verdict
from sip2xmpp.store.schema import LAYOUTS
from tests.events.phone import SERVER
from tests.fakes import Network

TABLES = tuple(LAYOUTS)


class NoNames:
    """A DNS in which nothing has a name; numeric addresses need none."""

    def naptr(self, name: str) -> Deferred[tuple[Naptr, ...]]:
        return succeed(())

    def srv(self, name: str) -> Deferred[tuple[Srv, ...]]:
        return succeed(())

    def addresses(self, name: str) -> Deferred[tuple[AddressRecord, ...]]:
        return succeed(())


class Method:
    """A method user made of a function."""

    def __init__(self, function: Callable[[ServerTransaction, Request], None]) -> None:
        self.request_received = function


class HoldingStore(MemoryStore):
    """A store that commits nothing while it is held."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.held: list[Callable[[StorageFailed | None], None]] | None = None

    def after_commit(self, call: Callable[[StorageFailed | None], None]) -> None:
        if self.held is None:
            call(None)
        else:
            self.held.append(call)


class Gateway:
    """One process.  ``kept`` is the store of the process before it."""

    def __init__(
        self,
        network: Network,
        *,
        seed: int = 1,
        kept: MemoryStore | None = None,
        back_end: BackEnd | None = None,
        users: Callable[[Address], bool] = lambda address: address.domain == "sip.example.org",
        subscriptions: SubscriptionLimits | None = None,
        publications: PublicationLimits | None = None,
        registrations: RegistrationLimits | None = None,
        flows: FlowRules | None = None,
        store: MemoryStore | None = None,
        transports: tuple[Transport, ...] = (Transport.UDP, Transport.TCP),
        credentials: Credentials | None = None,
        feeds: Callable[[MemoryStore], Sequence[Feed]] = lambda _: (),
        packages: Callable[["Gateway"], Sequence[EventPackage]] = lambda _: (),
        lists: Callable[["Gateway", Sequence[EventPackage]], Lists | None] = lambda *_: None,
    ) -> None:
        """``packages`` makes more packages than presence, for a gateway that has everything else already, and ``lists`` the lists beside them."""
        self.network = network
        self.clock = network.clock
        clock: Any = self.clock
        rng = random.Random(seed)
        self.store = store or MemoryStore(clock)
        if kept is not None:
            for name in TABLES:
                for record in getattr(kept, name).all():
                    getattr(self.store, name).put(record)
        self.host = network.host(SERVER.host, SERVER.port, transports)
        self.agent = UserAgent(
            transports=self.host, dns=NoNames(), clock=clock, rng=rng, credentials=credentials
        )
        self.policy = Policy(self.store.verdicts, rules=RuleBook(self.store, clock))
        self.presence = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=self.policy.judge,
            exists=users,
            parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
            feeds=feeds(self.store),
        )
        self.policy.listen(self.presence.rules_changed)
        served = [PresencePackage(back_end or self.presence), *packages(self)]
        self.notifier = Notifier(
            agent=self.agent,
            store=self.store,
            clock=clock,
            rng=rng,
            packages=served,
            limits=subscriptions or SubscriptionLimits(),
            lists=lists(self, served),
        )
        self.publications = Publications(
            store=self.store,
            clock=clock,
            rng=rng,
            packages=served,
            exists=users,
            limits=publications or PublicationLimits(),
            taken_back=lambda publication: self.registrar.silenced(publication),  # noqa: PLW0108 - made below
        )
        self.registrar = Registrar(
            store=self.store,
            clock=clock,
            exists=users,
            address_of_uri=address_from_sip,
            limits=registrations or RegistrationLimits(),
            flows=flows,
        )
        self.agent.tell_lost(self.registrar.lost)
        self.registrar.restore()
        self.agent.serve("SUBSCRIBE", Method(self._subscribe))
        self.agent.serve("PUBLISH", Method(self._publish))
        self.agent.serve("REGISTER", Method(self._register))
        self.notifier.restore()

    def _subscribe(self, transaction: ServerTransaction, request: Request) -> None:
        uri = request.uri if request.to.tag is None else request.to.uri
        self.notifier.subscribe_received(
            transaction, request, address_from_sip(request.from_.uri), address_from_sip(uri)
        )

    def _publish(self, transaction: ServerTransaction, request: Request) -> None:
        self.publications.publish_received(
            transaction, request, address_from_sip(request.from_.uri), address_from_sip(request.uri)
        )

    def _register(self, transaction: ServerTransaction, request: Request) -> None:
        self.registrar.register_received(transaction, request, address_from_sip(request.from_.uri))

    def decide(self, presentity: str, watcher: str, handling: Handling) -> None:
        self.store.verdicts.put(
            Verdict(
                presentity=Address.parse(presentity),
                watcher=Address.parse(watcher),
                handling=handling.value,
                decided_at=0.0,
            )
        )

    def killed(self) -> MemoryStore:
        """End the process as kill -9 does, and give what a new one finds on the disk."""
        self.host.vanish()
        self.host.send = lambda octets, flow: None  # type: ignore[method-assign]
        self.agent.stop()
        self.store.close()
        return self.store
