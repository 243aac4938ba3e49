"""The pages in memory: the real tree of resources over a string transport, with virtual time and a browser that keeps cookies."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.pages.languages import Languages, load_languages
from sip2xmpp.pages.live import Live
from sip2xmpp.pages.my_presence import MyPresence
from sip2xmpp.pages.own_password import OwnPassword
from sip2xmpp.pages.passwords import Passwords
from sip2xmpp.pages.rendering import Rendering
from sip2xmpp.pages.resource import Pages
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page, Routes
from sip2xmpp.pages.sessions import Sessions
from sip2xmpp.pages.signing_in import SigningIn
from sip2xmpp.pages.statics import load_statics
from sip2xmpp.pages.strangers import Strangers
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.site import BODY, site
from sip2xmpp.portal.sources import Sources
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.statements import StatementLimits, Statements
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.memory import MemoryStore

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
PASSWORDS = {ALICE: "rabbit", BOB: "builder"}
LOOPBACK = "127.0.0.1"


class Reply:
    """What came back."""

    def __init__(self, octets: bytes) -> None:
        head, _, self.body = octets.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(start.split()[1])
        fields = [line.partition(": ") for line in lines]
        self.headers = {name.lower(): value for name, _, value in fields}
        self.cookies = [value for name, _, value in fields if name.lower() == "set-cookie"]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]*)"', self.text)
        return found[1] if found else ""


class Scene:
    """The pages of two users, of whom Bob may have a role."""

    def __init__(
        self,
        clock: Clock,
        *,
        roles: Mapping[Address, Role] | None = None,
        pages: list[Page] | None = None,
        languages: Languages | None = None,
        trusted_proxies: Any = (),
    ) -> None:
        self.clock = clock
        self.store = MemoryStore(clock)
        for address, password in PASSWORDS.items():
            self.store.accounts.put(make_account(address, password))
        self.statements = Statements(
            store=self.store,
            clock=clock,
            domains=["sip.example.org"],
            limits=StatementLimits(per_presentity=5, document=BODY),
        )
        self.policy = Policy(self.store.verdicts, default=Handling.ALLOW)
        self.agent = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=self.policy.judge,
            exists=PASSWORDS.__contains__,
            parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
            feeds=[self.statements],
        )
        watchers = WatcherInfo(
            store=self.store,
            agent=self.agent,
            policy=self.policy,
            exists=PASSWORDS.__contains__,
            clock=clock,
        )
        self.audit = Audit(self.store, clock)
        held = dict(roles or {})
        self.domains = {"sip.example.org"}
        self.sessions = Sessions(self.store, clock, held.get, serves=self.domains.__contains__)
        strangers = Strangers()
        self.live = Live(clock)
        passwords = Passwords(self.store, clock, self.domains)
        signing_in = SigningIn(
            store=self.store,
            sessions=self.sessions,
            strangers=strangers,
            passwords=passwords,
            audit=self.audit,
        )
        sources = Sources(self.agent, self.statements, self.store, clock)
        table = [
            *MyPresence(sources, self.statements, watchers, self.audit, clock).pages(),
            *signing_in.pages(),
            *OwnPassword(self.store, self.sessions, passwords, self.audit).pages(),
            *(pages or []),
        ]
        statics = load_statics()
        resource = Pages(
            Routes(table),
            sessions=self.sessions,
            strangers=strangers,
            live=self.live,
            languages=languages or load_languages(),
            rendering=Rendering(clock, statics, table),
            statics=statics,
            clock=clock,
        )
        health = Health(clock, dict, dict)
        self.site = site(health, pages=resource, trusted_proxies=trusted_proxies, clock=clock)

    def send(self, octets: bytes, peer: str = LOOPBACK) -> StringTransport:
        """Octets on a new connection."""
        return self.connect(octets, peer)[1]

    def connect(self, octets: bytes, peer: str = LOOPBACK) -> tuple[Any, StringTransport]:
        """The same, with the server's end of the connection."""
        protocol = self.site.buildProtocol(None)
        transport = StringTransport(peerAddress=IPv4Address("TCP", peer, 5000))
        protocol.makeConnection(transport)
        protocol.dataReceived(octets)
        self.clock.advance(0)
        return protocol, transport

    def browser(self, peer: str = LOOPBACK) -> "Tab":
        """Somebody's browser."""
        return Tab(self, peer)


class Tab:
    """A browser with cookies, without looks."""

    def __init__(self, scene: Scene, peer: str = LOOPBACK) -> None:
        self.scene = scene
        self.peer = peer
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        media: str = "application/x-www-form-urlencoded",
        **headers: str,
    ) -> Reply:
        """One request; ``sec_fetch_site="..."`` is a header field."""
        fields = {"Host": "localhost", "Connection": "close", **self.headers}
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            fields |= {"Content-Length": str(len(body)), "Content-Type": media}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        octets = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
        reply = Reply(self.scene.send(octets, self.peer).value())
        for cookie in reply.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return reply

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def post(self, path: str, form: Mapping[str, str], *, at: str = "", **headers: str) -> Reply:
        """Fill in the form of a page, ``at`` which it is, and send it."""
        token = self.get(at or path).csrf
        return self.ask("POST", path, urlencode({"csrf": token, **form}).encode(), **headers)

    def sign_in(self, address: Address = ALICE, password: str | None = None, **headers: str) -> Reply:
        password = PASSWORDS[address] if password is None else password
        return self.post("/sign-in", {"name": str(address), "password": password}, **headers)
