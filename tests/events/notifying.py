"""A phone, or a registrar, that answers SUBSCRIBE from a server with NOTIFYs of its own: a small notifier on the network.

It repeats NOTIFYs until they are answered and answers repeated requests alike, so that it works on a lossy network.
"""

from dataclasses import dataclass

from sip2xmpp.sip.flow import HostPort
from sip2xmpp.sip.message import Request, make_response
from tests.fakes import Network

US = HostPort("192.0.2.1", 5060)


@dataclass(eq=False)
class Told:
    """One dialog as the notifier has it."""

    request: Request
    tag: str
    cseq: int = 0
    version: int = 0


class Notifying:
    """``state`` is the body that is told, in ``content_type``; ``refusals`` are taken one by one before anything is accepted."""

    def __init__(
        self,
        network: Network,
        host: str,
        port: int = 5060,
        *,
        state: bytes = b"",
        content_type: str = "application/pidf+xml",
        subscription: str = "active;expires=3600",
    ) -> None:
        self.network = network
        self.peer = network.peer(host, port)
        self.peer.answers = self._answer
        self.place = self.peer.place
        self.state = state
        self.content_type = content_type
        self.subscription = subscription
        self.refusals: list[int] = []
        self.deaf = False
        """Answers nothing."""
        self.mute = False
        """Sends no NOTIFY by itself."""
        self.contact = f"<sip:{self.place}>"
        """What the Contact of a NOTIFY says."""
        self.early = False
        """The NOTIFY overtakes the 200."""
        self.subscribes: list[Request] = []
        self.dialogs: dict[str, Told] = {}
        self._answered: dict[str, bytes] = {}
        self._count = 0

    @property
    def statuses(self) -> list[int]:
        """How each NOTIFY was answered, in order."""
        return list({answer.via.branch: answer.status for answer in self.peer.responses}.values())

    @property
    def last(self) -> Request:
        return self.subscribes[-1]

    @property
    def expires(self) -> list[int | None]:
        """What each SUBSCRIBE asked for."""
        return [request.expires for request in self.subscribes]

    def restart(self) -> None:
        """Forget every dialog."""
        self.dialogs.clear()

    def tell(self, state: bytes | None = None, subscription: str | None = None) -> None:
        """Tell every subscriber, of another state if one is given."""
        if state is not None:
            self.state = state
        for told in list(self.dialogs.values()):
            self.notify(told, subscription or self.subscription)

    def body(self, told: Told) -> bytes:
        """What one subscriber is told; a test may make it depend on the dialog."""
        return self.state

    def notify(self, told: Told, subscription: str, *, tag: str = "", body: bytes | None = None) -> None:
        """Send a NOTIFY until it is answered; ``tag`` makes it another fork's."""
        told.cseq += 1
        self._count += 1
        about = told.request
        octets = self.body(told) if body is None else body
        branch = f"z9hG4bK{self.place.host}x{self._count}".replace(".", "-")
        lines = [
            f"NOTIFY {about.contacts[0].uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.place};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <{about.to.uri}>;tag={tag or told.tag}",
            f"To: <{about.from_.uri}>;tag={about.from_.tag}",
            f"Call-ID: {about.call_id}",
            f"CSeq: {told.cseq} NOTIFY",
            f"Event: {about.event_value}",
            f"Subscription-State: {subscription}",
            f"Contact: {self.contact}",
            *([f"Content-Type: {self.content_type}"] if octets else []),
            f"Content-Length: {len(octets)}",
        ]
        self._send("\r\n".join(lines).encode() + b"\r\n\r\n" + octets, branch, told, 0.5, 7)

    def _send(self, octets: bytes, branch: str, told: Told, again_in: float, times: int) -> None:
        statuses = [answer.status for answer in self.peer.responses if answer.via.branch == branch]
        if 481 in statuses and self.dialogs.get(told.request.call_id) is told:
            del self.dialogs[told.request.call_id]
        if times and not statuses:
            self.peer.send(octets, US)
            later = min(again_in * 2, 4.0)
            self.network.clock.callLater(again_in, self._send, octets, branch, told, later, times - 1)

    def _answer(self, request: Request) -> bytes | None:
        branch = request.via.branch or ""
        if self.deaf or request.method != "SUBSCRIBE":
            return None
        if branch not in self._answered:
            self.subscribes.append(request)
            self._answered[branch] = self._decided(request)
        return self._answered[branch]

    def _decided(self, request: Request) -> bytes:
        told = self.dialogs.get(request.call_id)
        if self.refusals:
            return make_response(request, self.refusals.pop(0), to_tag="r").to_bytes()
        if told is None:
            if request.to.tag is not None:
                return make_response(request, 481).to_bytes()
            self._count += 1
            told = self.dialogs[request.call_id] = Told(request, f"n{self._count}")
        expires = request.expires or 0
        if not expires:
            del self.dialogs[request.call_id]
        headers = [("Expires", str(expires)), ("Contact", f"<sip:{self.place}>")]
        to_tag = None if request.to.tag else told.tag
        if not self.mute:
            subscription = self.subscription if expires else "terminated;reason=timeout"
            delay = 0.0 if self.early else 0.02
            self.network.clock.callLater(delay, self.notify, told, subscription)
        return make_response(request, 200, headers=headers, to_tag=to_tag).to_bytes()
