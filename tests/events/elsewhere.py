"""The server of another SIP domain, as a script: it answers SUBSCRIBE as told, and sends the NOTIFYs it is told to."""

import random
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.events.subscriber import RemotePresentities
from sip2xmpp.sip.agent import Credentials, UserAgent
from sip2xmpp.sip.flow import HostPort
from sip2xmpp.sip.message import Request, Response, make_response
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.uri import SipUri
from sip2xmpp.store.memory import MemoryStore
from tests.events.gateway import TABLES, Method, NoNames
from tests.fakes import Network

US = HostPort("192.0.2.1", 5060)
OPEN = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@example.com"><tuple id="t1"><status>
<basic>open</basic></status></tuple></presence>"""
CLOSED = OPEN.replace(b">open<", b">closed<")


class Subscriber:
    """One process of ours with its subscriptions; ``kept`` is the store of the process before it."""

    def __init__(
        self,
        network: Network,
        *,
        seed: int = 1,
        kept: MemoryStore | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        clock: Any = network.clock
        self.network = network
        self.store = MemoryStore(clock)
        if kept is not None:
            for name in TABLES:
                for record in getattr(kept, name).all():
                    getattr(self.store, name).put(record)
        self.host = network.host(US.host, US.port)
        rng = random.Random(seed)
        self.agent = UserAgent(
            transports=self.host, dns=NoNames(), clock=clock, rng=rng, credentials=credentials
        )
        self.remote = RemotePresentities(
            agent=self.agent,
            store=self.store,
            clock=clock,
            rng=rng,
            uri_of=Address.sip_uri,
            next_hop_of=lambda domain: SipUri.parse("sip:192.0.2.9:5060"),
        )
        self.agent.serve("NOTIFY", Method(self._notify))

    def _notify(self, transaction: ServerTransaction, request: Request) -> None:
        if not self.remote.notify_received(transaction, request):
            transaction.reply(481)

    def killed(self) -> MemoryStore:
        """End the process as kill -9 does."""
        self.host.vanish()
        self.host.send = lambda octets, flow: None  # type: ignore[method-assign]
        self.agent.stop()
        return self.store


class Elsewhere:
    """The other server.  ``refusals`` are taken one by one before anything is accepted."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.peer = network.peer("192.0.2.9")
        self.peer.answers = self._answer
        self.refusals: list[tuple[int, list[tuple[str, str]]]] = []
        self.granted: int | None = None
        self.silent = False
        self.tag = "n1"
        self.contact = f"<sip:{self.peer.place}>"
        """What the Contact of a NOTIFY says; empty: there is none."""
        self.subscribes: list[Request] = []
        self.cseq = 0
        self._branches = 0
        self.answered: dict[str, bytes] = {}

    def _answer(self, request: Request) -> bytes | None:
        branch = request.via.branch or ""
        if branch not in self.answered:
            self.subscribes.append(request)
            if self.silent:
                return None
            status, headers = self.refusals.pop(0) if self.refusals else (200, [])
            if status == 200:
                asked = request.expires or 0
                granted = asked if self.granted is None else min(asked, self.granted)
                headers = [("Expires", str(granted)), ("Contact", f"<sip:{self.peer.place}>")]
            self.answered[branch] = make_response(
                request, status, headers=headers, to_tag=None if request.to.tag else self.tag
            ).to_bytes()
        return self.answered[branch]

    @property
    def last(self) -> Request:
        return self.subscribes[-1]

    @property
    def expires(self) -> list[int | None]:
        """What each SUBSCRIBE asked for."""
        return [request.expires for request in self.subscribes]

    def notify(self, state: str = "active;expires=3600", body: bytes = b"", **more: Any) -> Response:
        """Send a NOTIFY of the last SUBSCRIBE's dialog, let some time pass, and give the answer."""
        before = len(self.peer.responses)
        self.say(state, body, **more)
        self.network.drive(0.1)
        assert len(self.peer.responses) > before, "not answered"
        return self.peer.responses[-1]

    def say(
        self,
        state: str,
        body: bytes = b"",
        *,
        content_type: str = "application/pidf+xml",
        event: str = "presence",
        cseq: int | None = None,
        tag: str = "",
        to_tag: str | None = None,
    ) -> None:
        """Send a NOTIFY once."""
        about = self.last
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        self._branches += 1
        lines = [
            f"NOTIFY sip:{US} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.peer.place};branch=z9hG4bKn{self._branches};rport",
            "Max-Forwards: 70",
            f"From: <{about.to.uri}>;tag={tag or self.tag}",
            f"To: <{about.from_.uri}>;tag={about.from_.tag if to_tag is None else to_tag}",
            f"Call-ID: {about.call_id}",
            f"CSeq: {cseq} NOTIFY",
            *([f"Event: {event}"] if event else []),
            *([f"Subscription-State: {state}"] if state else []),
            *([f"Contact: {self.contact}"] if self.contact else []),
            *([f"Content-Type: {content_type}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.peer.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body, US)
