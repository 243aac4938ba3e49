"""The servers and the two users of the demonstration, on free ports of the loopback interface, in one directory."""

import json
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Self

from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, bare, local
from tests.peers.sipclient import PIDF, SipClient, Subscription
from tests.peers.visitor import Visitor
from tests.peers.xcapclient import XcapClient

SIP_DOMAIN = "sip.example.org"
JABBER_DOMAIN = "jabber.example"
JABBER_USERS = {"romeo": "montague", "juliet": "capulet"}
SIP_USERS = {"bob": "builder", "alice": "rabbit"}

ROMEO_URI = f"sip:romeo@{JABBER_DOMAIN}"
BOB = f"bob@{SIP_DOMAIN}"
OPERATOR = f"alice@{SIP_DOMAIN}"
"""Who may use the control panel."""

WEATHER = f"weather@{SIP_DOMAIN}"
TOKENS = {
    "station": {"token": "weather-of-the-demonstration", "addresses": [WEATHER]},
    "assistant": {"token": "bob-has-an-assistant", "addresses": [BOB]},
}
"""Programs that state presence by the HTTP API, and for whom each may."""

BUDDY_LIST = f"sip:buddies@{SIP_DOMAIN}"
BUDDIES = f"""<?xml version="1.0" encoding="UTF-8"?>
<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
<service uri="{BUDDY_LIST}">
<list><rl:entry uri="{ROMEO_URI}"/><rl:entry uri="sip:{WEATHER}"/></list>
<packages><package>presence</package></packages>
</service></rls-services>
"""
"""Bob's list, in which one is a Jabber user."""

LISTS = (
    ("Supported", "eventlist"),
    ("Accept", "multipart/related"),
    ("Accept", "application/rlmi+xml"),
)
"""What a phone says that knows lists."""

CALL = f"""<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:{BOB}">
<dialog id="1" direction="recipient"><state>confirmed</state></dialog></dialog-info>
"""
"""Bob is on the phone, as his phone tells."""


def rules(handling: str, provides: str) -> str:
    """Bob's rules: how romeo is handled, and what he is shown (RFC 5025)."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">
<rule id="romeo"><conditions><identity><one id="xmpp:romeo@{JABBER_DOMAIN}"/></identity></conditions>
<actions><pr:sub-handling>{handling}</pr:sub-handling></actions>
<transformations>{provides}</transformations></rule></ruleset>
"""


SECONDS = 3600
"""How long bob's registration, subscription and publications are asked to last; each round asks anew."""


class Scene:
    """Prosody, the gateway, romeo with a Jabber client and bob with a phone.  Use it as a context manager."""

    romeo: RawClient
    bob: SipClient
    watch: Subscription
    outlook: Subscription
    lamp: Subscription
    buddies: Subscription
    papers: XcapClient
    browser: Visitor

    def __init__(self, directory: Path) -> None:
        self.prosody = Prosody(
            directory / "prosody",
            users=JABBER_USERS,
            components=[SIP_DOMAIN],
            # or else each stanza may wait 40 ms until the one before is acknowledged
            options="network_settings = { nagle = false }",
        )
        self.gateway = Gateway(
            directory / "gateway",
            domains=[SIP_DOMAIN],
            xmpp=self.prosody,
            users=SIP_USERS,
            settings={
                "sip": {"authentication": "digest"},
                "presence": {"default": "allow"},
                "dns": {"domains": {JABBER_DOMAIN: "xmpp"}},
                "http": {"tokens": TOKENS, "roles": {OPERATOR: "operator"}},
            },
        )
        self.etag = ""
        self.call_etag = ""
        self.asked_for = ""
        self.heard = 0
        self.rows: dict[str, str] = {}
        self._stage = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._stage.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.close()

    def _open(self) -> None:
        for server in (self.prosody, self.gateway):
            # first, because starting may be interrupted
            self._stage.callback(server.stop)
            server.start()
        self.gateway.wait_for_leg("xmpp", "up")
        self.state_weather({"note": {"en": "17 degrees"}})
        self.romeo = self._stage.enter_context(
            RawClient(f"romeo@{JABBER_DOMAIN}/orchard", JABBER_USERS["romeo"], self.prosody.c2s)
        )
        self.romeo.roster()
        self.romeo.available()
        # over TCP documents are whole; over UDP the gateway leaves out what makes them too large for a datagram
        self.bob = self._stage.enter_context(
            SipClient("bob", SIP_DOMAIN, self.gateway.sip, password=SIP_USERS["bob"], transport="tcp")
        )
        # or else what bob sends waits for the acknowledgement of what he sent before
        self.bob.stream(self.gateway.sip).setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.lamp = Subscription(self.bob, ROMEO_URI, event="dialog", accept="application/dialog-info+xml")
        self.outlook = Subscription(self.bob, f"sip:{WEATHER}", event="presence", accept=PIDF)
        self.buddies = Subscription(self.bob, BUDDY_LIST, event="presence", accept=PIDF)
        self.papers = XcapClient(self.gateway.http_port, BOB, SIP_USERS["bob"])
        self.browser = Visitor(self.gateway.http_port)
        page = self.browser.sign_in(BOB, SIP_USERS["bob"])
        assert page.path == "/my", f"bob cannot sign in: {page.text}"
        self.renew()

    def renew(self) -> None:
        """Bob says that he is still there, and still watches."""
        response = self.bob.register(SECONDS)
        assert response.status == 200, f"bob cannot register: {response.start}"
        if hasattr(self, "watch"):
            self.watch.refresh(SECONDS)
        for each in (self.lamp, self.outlook):
            if each.responses:
                each.refresh(SECONDS)
        if self.buddies.responses:
            self.buddies.send(SECONDS, LISTS)

    def state_weather(self, body: Mapping[str, object]) -> None:
        """A program states how weather@ is, which is nobody's account."""
        self.state("station", "POST", f"presence/{WEATHER}", {**body, "lifetime": 86_400})

    def publish(self, document: str = "") -> None:
        """Bob publishes a document, or takes back what he published."""
        response = self.bob.publish(document, etag=self.etag, expires=SECONDS if document else 0)
        assert response.status == 200, f"PUBLISH is answered {response.start}"
        self.etag = response.get("sip-etag") if document else ""

    def call(self, *, answers: bool) -> None:
        """Bob's phone tells that it answered a call, or takes that back."""
        response = self.bob.publish(
            CALL if answers else "",
            event="dialog",
            content_type="application/dialog-info+xml",
            etag=self.call_etag,
            expires=SECONDS if answers else 0,
        )
        assert response.status == 200, f"PUBLISH is answered {response.start}"
        self.call_etag = response.get("sip-etag") if answers else ""

    def state(self, name: str, method: str, path: str, document: object = None) -> None:
        """A program states something by the HTTP API, or takes it back."""
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.gateway.http_port}/api/v1/{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={
                "Authorization": f"Bearer {TOKENS[name]['token']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10):
            """Only the status counts, and all but success is an ``OSError``."""

    @property
    def pages(self) -> str:
        """Where people's pages are."""
        return f"http://{LOOPBACK}:{self.gateway.http_port}/"

    def fill_in(self, has: str, **fields: str) -> None:
        """Bob fills in a form of "my presence", the one that has the field ``has``."""
        page = self.browser.get("/my")
        page = self.browser.send(page.form(has=has), page, **fields)
        assert page.status == 200, f"the page says {page.text}"

    def mind(self, seconds: float) -> None:
        """Let time pass; romeo lets everybody see him who asks meanwhile."""
        for stanza in self.romeo.drain(seconds):
            if local(stanza) == "presence" and stanza.get("type") == "subscribe":
                self.romeo.subscribed(bare(stanza.get("from")))
