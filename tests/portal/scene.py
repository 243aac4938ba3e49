"""The API in memory: real resources over a string transport, with virtual time."""

import json
from collections.abc import Mapping
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.documents import pidf
from sip2xmpp.portal.api import Api
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.contacts import Contacts
from sip2xmpp.portal.deciding import Deciding
from sip2xmpp.portal.explanations import Explanations
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.portal.site import BODY, site
from sip2xmpp.portal.sources import Sources
from sip2xmpp.portal.stating import Stating
from sip2xmpp.portal.tokens import COMMAND, EVERYBODY, Right, Token, Tokens, command_token, digest_of
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.call_policy import CallPolicy
from sip2xmpp.presence.directory import Directory, Evidence
from sip2xmpp.presence.explaining import Explaining
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.rule_book import RuleBook
from sip2xmpp.presence.statements import StatementLimits, Statements
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.store.interface import Store, Told
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.xcap.documents import Documents

WEATHER = Address("weather", "sip.example.org")
BOB = Address("bob", "sip.example.org")
STATION = "station-token-0123456789"
READER = "reader-token-0123456789x"
SECRET = b"the secret in the state file"
ADMIN = "admin-token-0123456789xyz"
WEATHER_PATH = "/api/v1/presence/weather@sip.example.org"
PERMANENT_PATH = "/api/v1/permanent/weather@sip.example.org"


class SlowStore(MemoryStore):
    """Commits when it is told to."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.slow = False
        self.untold: list[Told] = []

    def after_commit(self, call: Told) -> None:
        if self.slow:
            self.untold.append(call)
        else:
            call(None)

    def committed(self) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.after_commit(lambda error: done.callback(None) if error is None else done.errback(error))
        return done


async def _silence(domain: str) -> Evidence:
    raise AssertionError(f"nobody needs to ask DNS for {domain}")


class Answer:
    def __init__(self, octets: bytes) -> None:
        head, _, self.body = octets.partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        self.status = int(start.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def pointers(self) -> list[str]:
        return [fault["pointer"] for fault in self.json["errors"]]


class Scene:
    def __init__(self, clock: Clock, *, requests: int = 1000) -> None:
        self.clock = clock
        self.store = SlowStore(clock)
        self.statements = Statements(
            store=self.store,
            clock=clock,
            domains=["sip.example.org"],
            limits=StatementLimits(per_presentity=5, document=BODY),
        )
        rules = RuleBook(self.store, clock)
        self.policy = Policy(self.store.verdicts, default=Handling.CONFIRM, rules=rules)
        self.agent = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=self.policy.judge,
            exists=self.exists,
            parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
            feeds=[self.statements],
        )
        self.policy.listen(self.agent.rules_changed)
        watchers = WatcherInfo(
            store=self.store, agent=self.agent, policy=self.policy, exists=self.exists, clock=clock
        )
        tokens = [
            Token(name=name, digest=digest_of(secret), addresses=addresses, may=frozenset(may))
            for name, secret, addresses, may in (
                ("station", STATION, ("weather@sip.example.org", "*@offers.example.org"), [Right.PUBLISH]),
                ("reader", READER, ("*@sip.example.org",), [Right.READ]),
                ("admin", ADMIN, ("*@sip.example.org",), list(Right)),
                (COMMAND, command_token(SECRET), (EVERYBODY,), list(Right)),
            )
        ]
        self.explaining = Explaining(
            policy=self.policy,
            rules=rules,
            calls=CallPolicy(self.store, calls=self.policy, presence=self.policy),
            call_rules=rules,
            exists=self.exists,
            composed=self.agent.composed,
        )
        store: Store = self.store
        self.documents = Documents(store, clock=clock, exists=self.exists)
        meanings = Meanings(
            Addressing(["sip.example.org"], "gw.example.org", store.spellings),
            Directory(
                own_domains=frozenset({"sip.example.org"}),
                overrides={"jabber.example": "xmpp", "other.example": "sip"},
                discover=_silence,
                clock=clock,
            ),
        )
        self.api = Api(
            [
                *Stating(
                    self.statements, Sources(self.agent, self.statements, store, clock), clock
                ).operations(),
                *Deciding(store, watchers, self.exists, clock).operations(),
                *Explanations(self.explaining, self.exists).operations(),
                *Contacts(self.documents, meanings, exists=self.exists).operations(),
            ],
            Tokens(tokens, clock, a_minute=requests),
            serves=lambda domain: domain == "sip.example.org",
            body=BODY,
            audit=Audit(store, clock),
        )
        health = Health(clock, dict, dict)
        health.phase = "serving"
        self.site = site(health, self.api)

    def exists(self, address: Address) -> bool:
        return address == BOB or self.store.virtuals.get(str(address)) is not None

    def send(self, octets: bytes, peer: str = "192.0.2.7") -> StringTransport:
        protocol = self.site.buildProtocol(None)
        transport = StringTransport(peerAddress=IPv4Address("TCP", peer, 5000))
        protocol.makeConnection(transport)
        protocol.dataReceived(octets)
        self.clock.advance(0)
        return transport

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = STATION,
        media: str = "application/json",
        headers: Mapping[str, str] | None = None,
        peer: str = "192.0.2.7",
    ) -> Answer:
        octets = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        fields = {"Host": "localhost", "Connection": "close"}
        if body is not None:
            fields |= {"Content-Length": str(len(octets)), "Content-Type": media}
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        fields |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        request = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + octets
        return Answer(self.send(request, peer).value())
