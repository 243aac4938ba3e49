"""The operators' side of the API in memory: what a gateway holds is put into the store, and dialogs are small ones."""

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.events.dialog_report import DialogReport
from sip2xmpp.portal.api import Api
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.deciding import Deciding
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.operating_audit import AuditRows
from sip2xmpp.portal.operating_authorizations import AuthorizationRows
from sip2xmpp.portal.operating_dialogs import DialogRows
from sip2xmpp.portal.operating_domains import Overview, Place
from sip2xmpp.portal.operating_lists import ListRows
from sip2xmpp.portal.operating_lookup import Known, LookUps
from sip2xmpp.portal.operating_pending import PendingRows
from sip2xmpp.portal.operating_publications import PublicationRows
from sip2xmpp.portal.operating_registrations import RegistrationRows
from sip2xmpp.portal.operating_tokens import TokenRows
from sip2xmpp.portal.operating_users import Users
from sip2xmpp.portal.panel_operations import PanelOperations
from sip2xmpp.portal.site import BODY, site
from sip2xmpp.portal.token_operations import TokenOperations
from sip2xmpp.portal.tokens import COMMAND, EVERYBODY, Right, Token, Tokens, digest_of
from sip2xmpp.portal.user_operations import UserOperations
from sip2xmpp.presence.directory import Directory, Evidence
from sip2xmpp.presence.flattening import Addresses
from sip2xmpp.presence.list_book import ListBook
from sip2xmpp.presence.states import state_of
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.presence.watching import Notification, Reason
from sip2xmpp.sip.dns import Dns
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Authorization, Binding, DialogRecord, Publication
from tests.fakes import Names
from tests.portal.scene import Scene

OPERATOR = "operator-token-0123456789"
VIEWER = "viewer-token-0123456789ab"
LOCAL = "local-token-0123456789abc"
"""For one domain and not for all addresses."""
TYPED = "command-token-0123456789a"
"""That of the command."""

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
JULIET = Address("juliet", "jabber.example")


@dataclass
class SmallDialog:
    """A subscription that remembers how it was ended, and goes away as a real one does."""

    record: DialogRecord
    store: Store
    endings: list[Notification] = field(default_factory=list)

    def report(self) -> DialogReport:
        record = self.record
        return DialogReport(
            role=record.role,
            watcher=record.watcher,
            presentity=record.presentity,
            event=record.event,
            state="active",
            call_id=record.call_id,
            expires_at=record.expires_at,
            next_what="",
            next_at=0.0,
            local_cseq=1,
            remote_cseq=1,
            flow=record.flow,
            remote_target=record.remote_target,
        )

    def end(self, final: Notification) -> None:
        self.endings.append(final)
        self.store.dialogs.remove(self.record.key)


@dataclass
class SmallLink:
    """A component link as it is seen."""

    domain: str
    is_up: bool
    since: float
    why_down: str = ""


class Panel(Scene):
    """A scene whose API is that of operators."""

    def __init__(self, clock: Clock, *, discover: Callable[[str], Evidence] | None = None) -> None:
        super().__init__(clock)
        store: Store = self.store
        self.dialogs: dict[str, SmallDialog] = {}
        self.left: list[tuple[str, Reason]] = []
        self.withdrawn: list[str] = []
        self.has_xmpp = True
        self.roles = {"alice@sip.example.org": "operator"}
        self.links: tuple[SmallLink, ...] = ()
        self.audit = Audit(store, clock)
        tokens = Tokens(
            [
                Token(name=name, digest=digest_of(secret), addresses=(pattern,), may=frozenset(may))
                for name, secret, pattern, may in (
                    ("operator", OPERATOR, EVERYBODY, list(Right)),
                    ("viewer", VIEWER, EVERYBODY, [Right.OBSERVE]),
                    ("local", LOCAL, "*@sip.example.org", list(Right)),
                    (COMMAND, TYPED, EVERYBODY, list(Right)),
                )
            ],
            clock,
            a_minute=1_000_000,
            grants=store.grants,
        )
        watchers = WatcherInfo(
            store=store, agent=self.agent, policy=self.policy, exists=self.exists, clock=clock
        )

        async def found(domain: str) -> Evidence:
            assert discover is not None, f"nobody needs to ask DNS for {domain}"
            return discover(domain)

        self.directory = Directory(
            own_domains=frozenset({"sip.example.org"}),
            overrides={"jabber.example": "xmpp", "other.example": "sip:203.0.113.5"},
            discover=found,
            clock=clock,
        )
        dns: Dns = Names()
        addressing = Addressing(["sip.example.org"], "gw.example.org", store.spellings)
        self.book = ListBook(
            store,
            clock,
            addresses=Addresses(
                address_of_uri=addressing.address_of_uri, address_of_jid=addressing.address_of_jid
            ),
            domains={"sip.example.org"},
        )
        self.users = Users(
            store,
            clock,
            serves=lambda domain: domain == "sip.example.org",
            state_of=lambda address: state_of(self.agent.composed(address)),
            role_of=lambda address: self.roles.get(str(address), ""),
        )
        self.rows = DialogRows(store, clock, notifying=self.dialogs.get, leave=self._leave)
        registrations, publications = RegistrationRows(store, clock), PublicationRows(store, clock)
        self.tokens = TokenRows(store, clock, fixed=tokens.fixed)
        health = Health(
            clock, lambda: {"sip": {"state": "up", "counters": {"received": 7}}}, lambda: {"accounts": 2}
        )
        health.phase = "serving"
        self.overview = Overview(
            self.directory,
            clock,
            components=lambda: {"gw.example.org": "holds addresses"},
            places=(Place(protocol="sip/udp", place="127.0.0.1:5060"),),
            links=lambda: self.links,
            legs=lambda: health.report()["legs"],
            counts=lambda: health.report()["counts"],
        )
        self.api = Api(
            [
                *UserOperations(self.users, registrations, publications).operations(),
                *PanelOperations(
                    overview=self.overview,
                    registrations=registrations,
                    publications=publications,
                    dialogs=self.rows,
                    authorizations=AuthorizationRows(store, clock, withdraw=self._withdraw),
                    pending=PendingRows(store, watchers, clock),
                    lists=ListRows(self.book, store, clock),
                    lookups=LookUps(
                        self.directory,
                        dns,
                        Known(overrides={"other.example": "sip:203.0.113.5"}, xmpp_server="127.0.0.1:5347"),
                        clock,
                    ),
                ).operations(),
                *TokenOperations(self.tokens, AuditRows(self.audit, clock)).operations(),
                *Deciding(store, watchers, self.exists, clock).operations(),
            ],
            tokens,
            serves=lambda domain: domain == "sip.example.org",
            body=BODY,
            audit=self.audit,
        )
        self.site = site(health, self.api)

    def _leave(self, record: DialogRecord, reason: Reason) -> bool:
        if record.role != "subscriber":
            return False
        self.left.append((record.key, reason))
        self.store.dialogs.remove(record.key)
        return True

    def _withdraw(self, record: Authorization) -> bool:
        if self.has_xmpp:
            self.withdrawn.append(record.key)
            self.store.authorizations.remove(record.key)
        return self.has_xmpp

    def exists(self, address: Address) -> bool:
        return super().exists(address) or self.store.accounts.get(str(address)) is not None

    def watched(
        self, name: str, *, watcher: Address = ALICE, presentity: Address = BOB, role: str = "notifier"
    ) -> SmallDialog:
        """A dialog there is."""
        record = DialogRecord(
            role=role,
            call_id=f"call-{name}",
            local_tag=name,
            remote_tag="remote",
            watcher=watcher,
            presentity=presentity,
            event="presence;id=1",
            local_uri="sip:bob@sip.example.org",
            remote_uri="sip:alice@sip.example.org",
            remote_target="sip:alice@192.0.2.7",
            route_set=(),
            cseq_ceiling=1,
            remote_cseq=1,
            flow="udp 127.0.0.1 5060 192.0.2.7 5060",
            accept="application/pidf+xml",
            user_agent="Small Phone 1.0",
            expires_at=self.clock.seconds() + 600,
        )
        self.store.dialogs.put(record)
        made = SmallDialog(record, self.store)
        if role == "notifier":
            self.dialogs[name] = made
        return made

    def registered(self, address: Address, contact: str) -> Binding:
        """A registration there is."""
        binding = Binding(
            aor=address,
            contact=contact,
            params="",
            q=1.0,
            call_id="reg",
            cseq=1,
            path=(),
            flow="udp 127.0.0.1 5060 192.0.2.7 5060",
            user_agent="Small Phone 1.0",
            instance="",
            reg_id=0,
            registered_at=self.clock.seconds(),
            expires_at=self.clock.seconds() + 600,
        )
        self.store.bindings.put(binding)
        return binding

    def published(self, address: Address, name: str, document: bytes = b"<presence/>") -> Publication:
        """A publication there is."""
        publication = Publication(
            presentity=address,
            package="presence",
            etag=f"{name}~1",
            source="phone",
            content_type="application/pidf+xml",
            document=document,
            user_agent="Small Phone 1.0",
            published_at=self.clock.seconds(),
            expires_at=self.clock.seconds() + 600,
        )
        self.store.publications.put(publication)
        return publication
