"""The pages about people in memory: what a configuration builds, real resources over a string transport, and virtual time."""

import html
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from lxml import html as lxml
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from sip2xmpp.address import Address
from sip2xmpp.config import read
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Note
from sip2xmpp.own_side import own_side
from sip2xmpp.pages.languages import Languages, load_languages
from sip2xmpp.pages.live import Live, Stream
from sip2xmpp.pages.rendering import Rendering
from sip2xmpp.pages.resource import Pages
from sip2xmpp.pages.routes import Routes
from sip2xmpp.pages.sessions import Sessions
from sip2xmpp.pages.statics import load_statics
from sip2xmpp.pages.strangers import Strangers
from sip2xmpp.people_side import Others, people_pages
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.site import site
from sip2xmpp.presence.directory import Directory, Evidence, Leg
from sip2xmpp.presence.statements import Saying
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.watching import Told
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.documents import Document
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.xcap.documents import Documents
from tests.presence.listing import Players

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
ROMEO = Address("romeo", "jabber.example")
JULIET = Address("juliet", "jabber.example")

EVIDENCE = {
    "both.example": Evidence(sip=("SRV _sip._udp",), xmpp=("SRV _xmpp-server._tcp",)),
    "sip.example.net": Evidence(sip=("SRV _sip._udp.sip.example.net",)),
    "xmpp.example.net": Evidence(xmpp=("SRV _xmpp-server._tcp.xmpp.example.net",)),
    "plain.example": Evidence(addresses=("192.0.2.1",)),
    "silent.example": Evidence(trouble="timeout"),
}


class Ear:
    """A watcher who listens."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.heard: list[Told[Any]] = []

    def notified(self, notification: Told[Any]) -> None:
        self.heard.append(notification)


class Answer:
    """What a browser gets."""

    def __init__(self, octets: bytes) -> None:
        head, _, self.body = octets.partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        self.status = int(start.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def find(self, path: str, **names: str) -> Any:
        """What an XPath selects."""
        tree: Any = lxml.fromstring(self.body)
        return tree.xpath(path, **names)

    @property
    def text(self) -> str:
        """What is read on the page, on one line."""
        (main,) = self.find("//main")
        return " ".join(" ".join(main.itertext()).split())

    def part(self, id_: str) -> str:
        """What is read in one element; empty if it is not there."""
        found = self.find("//*[@id=$id]", id=id_)
        return " ".join(" ".join(found[0].itertext()).split()) if found else ""

    def value(self, name: str) -> str:
        """The value of the first field of this name."""
        values = self.find("//input[@name=$name]/@value", name=name)
        return str(values[0]) if values else ""

    def buttons(self) -> list[str]:
        """What the buttons of a decision are called."""
        found = self.find("//button[@name='handling']/@aria-label")
        return [str(each) for each in found]


class People:
    """Alice and Bob have accounts, and Alice is signed in."""

    def __init__(
        self, clock: Clock, languages: Languages | None = None, **settings: Mapping[str, Any]
    ) -> None:
        self.clock = clock
        self.language = "en-US"
        config = read(
            {
                "sip": {"domains": ["sip.example.org"]},
                "http": {"listen": "127.0.0.1:8080"},
                "presence": {"default": "confirm"},
                "limits": {"picture": 2_048},
                **settings,
            },
            Path(),
            {},
        )
        self.store = MemoryStore(clock)
        self.accounts = {address: make_account(address, "a password") for address in (ALICE, BOB)}
        for account in self.accounts.values():
            self.store.accounts.put(account)
        self.own = own_side(config, self.store, clock)
        self.asked: list[str] = []
        self.players = Players(clock)
        self.live = Live(clock)
        self.audit = Audit(self.store, clock)
        directory = Directory(
            own_domains=self.own.addresses.domains,
            overrides={"jabber.example": "xmpp", "other.example": "sip"},
            discover=self._discover,
            clock=clock,
        )
        self.documents = Documents(self.store, clock=clock, exists=self.own.addresses.exists)
        pages = people_pages(
            self.store,
            clock,
            own=self.own,
            others=Others(
                directory=directory,
                legs={Leg.OWN: self.own.presence, Leg.XMPP: self.players, Leg.SIP: self.players},
                documents=self.documents,
            ),
            audit=self.audit,
            live=self.live,
        )
        self.sessions = Sessions(self.store, clock)
        statics = load_statics()
        resource = Pages(
            Routes(pages),
            sessions=self.sessions,
            strangers=Strangers(),
            live=self.live,
            languages=languages or load_languages(),
            rendering=Rendering(clock, statics, pages),
            statics=statics,
            clock=clock,
        )
        self.site = site(Health(clock, dict, dict), None, None, resource)
        self.cookie = {
            address: self.sessions.begin(account, "127.0.0.1", "Browser")
            for address, account in self.accounts.items()
        }

    async def _discover(self, domain: str) -> Evidence:
        self.asked.append(domain)
        return EVIDENCE.get(domain, Evidence())

    # Who is there

    def state(self, who: Address, state: State, note: str = "", device: str = "phone") -> None:
        """Somebody of ours says how he is."""
        notes = (Note(text=note, language="en"),) if note else ()
        document = document_of(Telling(state=state, notes=notes), who.sip_uri(), source=device)
        saying = Saying(presentity=who, source=device, document=pidf.write(document), told_by="test")
        self.own.statements.state(saying)
        self.clock.advance(1)

    def run(self, seconds: float) -> None:
        """Let time pass as it does, a little at a time."""
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)

    def watch(self, watcher: Address, presentity: Address = ALICE) -> Ear:
        """Somebody begins to watch."""
        ear = Ear(watcher)
        self.own.presence.watch(presentity, ear)
        self.clock.advance(1)
        return ear

    def keep(self, octets: bytes, auid: str = "resource-lists", owner: Address | str = ALICE) -> None:
        """A client stores a document."""
        self.store.documents.put(
            Document(
                auid=auid,
                owner=str(owner),
                name="index",
                octets=octets,
                etag=f"t{self.clock.seconds()}{len(octets)}",
                changed_at=self.clock.seconds(),
            )
        )
        self.clock.advance(1)

    @property
    def kept(self) -> str:
        """Alice's list as it is kept."""
        document = self.documents.get("resource-lists", str(ALICE), "index")
        return "" if document is None else document.octets.decode()

    def sign_in(self, user: Address = ALICE) -> None:
        """Another session."""
        self.cookie[user] = self.sessions.begin(self.accounts[user], "127.0.0.1", "Browser")

    def listens(self, *topics: str, user: Address = ALICE) -> list[bytes]:
        """Somebody's page listens; what it hears."""
        heard: list[bytes] = []
        self.live.listen(
            Stream("session", heard.append, lambda: None), [f"{topic} {user}" for topic in topics]
        )
        heard.clear()
        return heard

    # The browser

    def get(self, path: str, *, user: Address = ALICE, wait: float = 1.5, **query: str) -> Answer:
        """Open a page."""
        asked = f"{path}?{urlencode(query)}" if query else path
        return self._ask(f"GET {asked} HTTP/1.1\r\n", b"", user, wait)

    def post(self, path: str, *, user: Address = ALICE, csrf: str | None = None, **fields: Any) -> Answer:
        """Send a form; a list is a field that is there several times."""
        form = {"csrf": self.csrf(user) if csrf is None else csrf, **fields}
        body = urlencode(form, doseq=True).encode()
        head = f"POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        return self._ask(head, body, user, 1.5)

    def upload(self, path: str, octets: bytes, *, name: str = "picture", media: str = "image/png") -> Answer:
        """Send a file."""
        parts = [
            b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + self.csrf(ALICE).encode(),
            f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="../me.png"\r\nContent-Type: {media}\r\n\r\n'.encode()
            + octets,
            b"--x--\r\n",
        ]
        head = f"POST {path} HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        return self._ask(head, b"\r\n".join(parts), ALICE, 1.5)

    def csrf(self, user: Address) -> str:
        session = self.sessions.of(self.cookie[user])
        assert session is not None
        return session.csrf

    def told(self, answer: Answer, *, user: Address = ALICE) -> str:
        """Follow the way after a form; what is told there."""
        assert answer.status == HTTPStatus.SEE_OTHER, (answer.status, answer.text)
        shown = self._ask(f"GET {answer.headers['location']} HTTP/1.1\r\n", b"", user, 1.5)
        found = shown.find("//p[contains(concat(' ', @class, ' '), ' told ')]")
        return " ".join(" ".join(found[0].itertext()).split()) if found else ""

    def _ask(self, head: str, body: bytes, user: Address, wait: float) -> Answer:
        protocol = self.site.buildProtocol(None)
        transport: Any = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 5000))
        protocol.makeConnection(transport)
        fields = f"Host: localhost\r\nConnection: close\r\nCookie: session={self.cookie[user]}\r\nAccept-Language: {self.language}\r\n"
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        protocol.dataReceived(f"{head}{fields}{length}\r\n".encode() + body)
        for _ in range(round(wait / 0.1)):
            if transport.value():
                break
            self.clock.advance(0.1)
        self.clock.advance(0)
        return Answer(transport.value())


def escaped(text: str) -> bool:
    """Whether a text has nothing that a browser would take for markup."""
    return html.escape(text) == text or re.search(r"[<>]", text) is None


def placed(path: str, **query: str) -> str:
    """A path with a query."""
    return f"{path}?{'&'.join(f'{name}={quote(value)}' for name, value in query.items())}"
