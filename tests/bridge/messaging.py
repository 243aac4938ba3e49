"""Messages joined on the in-memory network: bob's phone by SIP on one side, what Jabber users get on the other."""

import random
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.contacts import Realm
from sip2xmpp.bridge.conversations import Conversations
from sip2xmpp.bridge.correspondence import Correspondence
from sip2xmpp.bridge.delivery import Delivery
from sip2xmpp.bridge.messages import Messages
from sip2xmpp.presence.directory import Directory, Evidence, Leg
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import Request, make_response
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding
from sip2xmpp.xmpp.messages import ChatMessage, MessageType
from tests.bridge.scene import BOB, ROMEO, Wire, local
from tests.events.gateway import Method, NoNames
from tests.events.phone import Exchange, Phone
from tests.fakes import Network

US = HostPort("192.0.2.1", 5060)


class Endpoint:
    """A phone that gets messages: ``statuses`` are taken one by one, then all is 200; None is silence."""

    def __init__(self, network: Network, address: str) -> None:
        self.peer = network.peer(address)
        self.peer.answers = self._answer
        self.statuses: list[int | None] = []
        self.got: list[Request] = []
        self.refuses: Callable[[Request], bool] = lambda request: False
        """Whether a request is answered 415."""
        self._answered: dict[str, bytes | None] = {}

    def _answer(self, request: Request) -> bytes | None:
        branch = request.via.branch or ""
        if branch not in self._answered:
            self.got.append(request)
            status = self.statuses.pop(0) if self.statuses else 200
            if self.refuses(request):
                status = 415
            self._answered[branch] = None if status is None else make_response(request, status).to_bytes()
        return self._answered[branch]

    def flow(self, transport: Transport = Transport.UDP) -> str:
        return Flow(transport=transport, local=US, peer=self.peer.place).to_text()


class Scene:
    """Romeo at his server, bob registered with one phone."""

    def __init__(self, clock: Clock, *, message_type: MessageType = MessageType.CHAT) -> None:
        any_clock: Any = clock
        self.clock = clock
        self.network = Network(clock)
        self.store = MemoryStore(any_clock)
        self.wire = Wire()
        self.handed_on: list[str] = []
        rng = random.Random(7)
        agent = UserAgent(
            transports=self.network.host(US.host), dns=NoNames(), clock=any_clock, rng=self.network.rng
        )
        self.found = Evidence()
        self.directory = Directory(
            own_domains=frozenset({"sip.example.org"}),
            overrides={"jabber.example": "xmpp", "example.com": "sip:192.0.2.30", "noserver.example": "sip"},
            discover=self._discover,
            clock=any_clock,
        )
        addressing = Addressing(["sip.example.org"], "gw.example.org", self.store.spellings)
        self.conversations = Conversations(self.store, any_clock, rng)
        self.correspondence = Correspondence(any_clock)
        self.delivery = Delivery(
            agent=agent,
            store=self.store,
            directory=self.directory,
            addressing=addressing,
            conversations=self.conversations,
            correspondence=self.correspondence,
            clock=any_clock,
            rng=rng,
            say=lambda message: self.messages.say(message),  # noqa: PLW0108 - made below
        )
        self.messages = Messages(
            links=self.wire,  # type: ignore[arg-type]
            addressing=addressing,
            realm=Realm((), addressing),
            conversations=self.conversations,
            correspondence=self.correspondence,
            delivery=self.delivery,
            to_own_user=lambda transaction, request, to: self.handed_on.append(str(to)),
            message_type=message_type,
            clock=any_clock,
            rng=rng,
        )
        self.correspondence.on_silence(self.messages.stopped_typing)
        agent.serve("MESSAGE", Method(self._received))
        self.phone = Phone(self.network, "192.0.2.21", f"sip:{BOB}")
        self.desk = Endpoint(self.network, "192.0.2.20")
        self.bind(self.desk)

    async def _discover(self, domain: str) -> Evidence:
        return self.found

    def _received(self, transaction: Any, request: Request) -> None:
        to = address_from_sip(request.uri)
        leg = Leg.OWN if to.domain == "sip.example.org" else Leg.XMPP
        self.messages.message_received(transaction, request, address_from_sip(request.from_.uri), to, leg)

    def bind(
        self, endpoint: Endpoint, *, q: float = 1.0, transport: Transport = Transport.UDP, path: str = ""
    ) -> None:
        place = endpoint.peer.place
        self.store.bindings.put(
            Binding(
                aor=Address.parse(BOB), contact=f"sip:bob@{place}", params="", q=q, call_id=f"r{place}", cseq=1,
                path=(path,) if path else (), flow=endpoint.flow(transport), user_agent="", instance="",
                reg_id=0, registered_at=self.clock.seconds(), expires_at=self.clock.seconds() + 86_400,
            )
        )  # fmt: skip

    # SIP to XMPP

    def from_bob(
        self, body: bytes = b"hello", content_type: str = "text/plain", *, headers: str = "", **more: Any
    ) -> Exchange:
        if content_type:
            headers += f"Content-Type: {content_type}\r\n"
        exchange = self.phone.request(
            "MESSAGE", more.pop("uri", f"sip:{ROMEO}"), headers=headers, body=body, **more
        )
        self.network.drive(0.1)
        return exchange

    def said(self) -> list[Any]:
        return self.wire.elements()

    # XMPP to SIP

    def from_romeo(self, text: str | None = "hello", **more: Any) -> None:
        bodies = (("", text),) if text is not None else ()
        message = ChatMessage(
            sender=more.pop("sender", f"{ROMEO}/balcony"),
            recipient=more.pop("recipient", BOB),
            id=more.pop("id", "m1"),
            bodies=bodies,
            **more,
        )
        self.messages.message(message)
        self.network.drive(0.1)


def words(element: Any, name: str) -> str | None:
    """The text of a child, or None."""
    return next((child.text or "" for child in element if local(child.tag) == name), None)


def names(element: Any) -> set[str]:
    return {local(child.tag) for child in element}


def condition(element: Any) -> str:
    error = next(child for child in element if local(child.tag) == "error")
    return local(error[0].tag)
