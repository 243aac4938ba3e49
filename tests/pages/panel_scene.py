"""The whole gateway in memory, seen through its control panel: everything joined as it is when it runs, with virtual time and no network."""

import html
import re
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport

from sip2xmpp.address import Address
from sip2xmpp.assembly import Parts, assemble
from sip2xmpp.config import load
from sip2xmpp.pages.forms import Form
from sip2xmpp.pages.languages import load_languages
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.health import Health
from sip2xmpp.portal.site import site
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding, DialogRecord, Publication, Verdict, Waiting
from sip2xmpp.tracing import Leg, Way
from tests.peers.gateway import toml

NOW = 1_800_000_000.0
DOMAIN = "sip.example.org"
PEOPLE = {"alice": "", "viola": "viewer", "hero": "helpdesk", "bob": "operator", "oliver": "operator"}
"""Local parts with their roles."""

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
TOKEN = "configured-token-0123456789"


class Seen:
    """What came back."""

    def __init__(self, octets: bytes) -> None:
        head, _, body = octets.partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        self.status = int(start.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.html = body.decode()

    @property
    def words(self) -> str:
        """The page as it is read."""
        text = re.sub(r"<[^>]*>", " ", self.html.partition("<main")[2].replace("<wbr>", ""))
        return " ".join(html.unescape(text).split())

    @property
    def location(self) -> str:
        return self.headers.get("location", "")


class Panel:
    """The gateway; ``get`` and ``post`` are requests of somebody who is signed in."""

    def __init__(self, directory: Path, *, sip: Mapping[str, Any] | None = None) -> None:
        file = directory / "sip2xmpp.toml"
        file.write_text(
            toml(
                {
                    "gateway": {"state": "memory:"},
                    "sip": {"domains": [DOMAIN], "listen": ["udp:127.0.0.1:5060"], **(sip or {})},
                    "xmpp": {
                        "server": "127.0.0.1:5347",
                        "secret": "s",
                        "domains": [DOMAIN],
                        "gateway_domain": "gw.example.org",
                    },
                    "dns": {"servers": ["127.0.0.1:9"], "domains": {"jabber.example": "xmpp"}},
                    "http": {
                        "listen": "127.0.0.1:8080",
                        "roles": {f"{name}@{DOMAIN}": role for name, role in PEOPLE.items() if role},
                        "tokens": {"fixed": {"token": TOKEN, "addresses": [f"weather@{DOMAIN}"]}},
                    },
                }
            )
        )
        self.clock: Any = MemoryReactorClock()  # type: ignore[no-untyped-call]
        self.clock.advance(NOW)
        self.store = MemoryStore(self.clock)
        for name in PEOPLE:
            self.store.accounts.put(make_account(self.address(name), f"{name}-password"))
        self.parts: Parts = assemble(load(file), self.store, self.clock, Random(3261))
        assert self.parts.pages is not None and self.parts.portal is not None
        self.pages, self.portal = self.parts.pages, self.parts.portal
        health = Health(self.clock, self.parts.legs, self.parts.counts)
        self.site = site(health, self.portal.api, None, self.pages.resource)
        self.clock.advance(0)
        self._cookies: dict[str, str] = {}

    @staticmethod
    def address(name: str) -> Address:
        return Address(name, DOMAIN)

    @property
    def table(self) -> list[Page]:
        """Every page of the panel."""
        return self.pages.panel.pages

    def _session(self, name: str) -> tuple[str, str]:
        """Cookie and token of somebody's session, begun at the first use."""
        value = self._cookies.get(name)
        if value is None or self.pages.sessions.of(value) is None:
            account = self.store.accounts.get(str(self.address(name)))
            assert account is not None
            value = self._cookies[name] = self.pages.sessions.begin(account, "127.0.0.1", "a browser")
        session = self.pages.sessions.of(value)
        assert session is not None
        return value, session.csrf

    def get(self, path: str, who: str = "bob") -> Seen:
        return self._ask("GET", path, who)

    def post(self, path: str, form: object = None, who: str = "bob", *, csrf: str | None = None) -> Seen:
        """Send a form; one field may come several times if ``form`` is a list of pairs."""
        fields: Any = list(form.items()) if isinstance(form, dict) else list(form or [])  # type: ignore[call-overload]
        token = self._session(who)[1] if csrf is None else csrf
        return self._ask("POST", path, who, urlencode([*fields, ("csrf", token)]).encode())

    def follow(self, answer: Seen, who: str = "bob") -> Seen:
        """Go where an answer leads."""
        assert answer.status == 303, (answer.status, answer.words)
        return self.get(answer.location, who)

    def visit(self, who: str, path: str) -> Visit:
        """A form of somebody as the pages get it."""
        session = self.pages.sessions.of(self._session(who)[0])
        return Visit(
            session=session,
            user=self.address(who),
            role=self.pages.roles.of(self.address(who)),
            peer="127.0.0.1",
            secure=False,
            method="POST",
            path=path,
            places={},
            query={},
            form=Form(),
            language=load_languages().english,
            zone=UTC,
        )

    def ask_api(self, token: str, path: str) -> Seen:
        """A program's request."""
        return self._send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n")

    def _ask(self, method: str, path: str, who: str, body: bytes = b"") -> Seen:
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
        if who:
            head += f"Cookie: session={self._session(who)[0]}\r\n"
        if method == "POST":
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        return self._send(head, body)

    def _send(self, head: str, body: bytes = b"") -> Seen:
        protocol = self.site.buildProtocol(None)
        transport: Any = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 5000))  # type: ignore[no-untyped-call]
        protocol.makeConnection(transport)
        protocol.dataReceived(f"{head}Connection: close\r\n\r\n".encode() + body)
        for _ in range(20):
            if transport.value():
                break
            self.clock.advance(0)
        return Seen(transport.value())

    def say(self, watcher: Address, presentity: Address, words: str) -> None:
        """Something is said between the two, and kept if they are traced."""
        tracer = self.parts.watching.tracer
        trace = tracer.of(watcher, presentity)
        assert trace is not None
        tracer.keep(trace, Leg.SIP, Way.OUT, "NOTIFY", words, peer="udp:192.0.2.1:5060")
        tracer.keep(trace, Leg.MAPPING, Way.OUT, "presence", words, after=words, lost=[words])

    # What there is to see

    def fill(self, words: str = "words") -> None:
        """One row in every table; ``words`` are what strangers wrote."""
        alice, store, now = self.address("alice"), self.store, self.clock.seconds()
        romeo = Address("romeo", "jabber.example")
        store.bindings.put(
            Binding(
                aor=alice,
                contact=f"sip:alice@192.0.2.1;{words}",
                params="",
                q=1.0,
                call_id="c",
                cseq=1,
                path=(),
                flow="udp 127.0.0.1 5060 192.0.2.1 5062",
                user_agent=words,
                instance="",
                reg_id=0,
                registered_at=now - 60,
                expires_at=now + 3600,
            )
        )
        store.publications.put(
            Publication(
                presentity=alice,
                package="presence",
                etag="tag~1",
                source="s",
                content_type="application/pidf+xml",
                document=NOTE_DOCUMENT,
                user_agent=words,
                published_at=now - 30,
                expires_at=now + 3600,
            )
        )
        store.dialogs.put(
            DialogRecord(
                role="subscriber",
                call_id="d",
                local_tag="dialog1",
                remote_tag="r",
                watcher=alice,
                presentity=Address("bill", "other.example"),
                event="presence",
                local_uri="sip:alice@sip.example.org",
                remote_uri="sip:bill@other.example",
                remote_target="sip:bill@192.0.2.9",
                route_set=(),
                cseq_ceiling=1,
                remote_cseq=1,
                flow="",
                accept="",
                user_agent=words,
                expires_at=now + 600,
            )
        )
        store.verdicts.put(Verdict(presentity=alice, watcher=romeo, handling="block", decided_at=now - 10))
        store.waiting.put(
            Waiting(
                presentity=alice,
                watcher=Address("juliet", "jabber.example"),
                package="presence",
                asked_at=now - 20,
                expires_at=now + 86_400,
            )
        )
        self.clock.advance(0)


NOTE_DOCUMENT = (
    b'<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@sip.example.org">'
    b'<tuple id="t"><status><basic>open</basic></status><note>a private note</note></tuple></presence>'
)
