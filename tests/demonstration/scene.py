"""The servers and the two users of the demonstration, on free ports of the loopback interface, in one directory."""

from contextlib import ExitStack
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Self

from tests.peers.gateway import Gateway
from tests.peers.prosody import Prosody
from tests.peers.rawxmpp import RawClient, bare, local
from tests.peers.sipclient import SipClient, Subscription

SIP_DOMAIN = "sip.example.org"
JABBER_DOMAIN = "jabber.example"
JABBER_USERS = {"romeo": "montague", "juliet": "capulet"}
SIP_USERS = {"bob": "builder", "alice": "rabbit"}

ROMEO_URI = f"sip:romeo@{JABBER_DOMAIN}"
BOB = f"bob@{SIP_DOMAIN}"

SECONDS = 3600
"""How long bob's registration, subscription and publications are asked to last; each round asks anew."""


class Scene:
    """Prosody, the gateway, romeo with a Jabber client and bob with a phone.  Use it as a context manager."""

    romeo: RawClient
    bob: SipClient
    watch: Subscription

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
            },
        )
        self.etag = ""
        self.asked_for = ""
        self.heard = 0
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
        self.renew()

    def renew(self) -> None:
        """Bob says that he is still there, and still watches."""
        response = self.bob.register(SECONDS)
        assert response.status == 200, f"bob cannot register: {response.start}"
        if hasattr(self, "watch"):
            self.watch.refresh(SECONDS)

    def publish(self, document: str = "") -> None:
        """Bob publishes a document, or takes back what he published."""
        response = self.bob.publish(document, etag=self.etag, expires=SECONDS if document else 0)
        assert response.status == 200, f"PUBLISH is answered {response.start}"
        self.etag = response.get("sip-etag") if document else ""

    def mind(self, seconds: float) -> None:
        """Let time pass; romeo lets everybody see him who asks meanwhile."""
        for stanza in self.romeo.drain(seconds):
            if local(stanza) == "presence" and stanza.get("type") == "subscribe":
                self.romeo.subscribed(bare(stanza.get("from")))
