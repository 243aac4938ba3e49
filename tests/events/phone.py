"""A SIP phone made of strings: it shares no code with the program that it talks to.

It repeats requests until they are answered, answers what it gets, and answers it again when it comes again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.task import Clock

from sip2xmpp.sip.flow import HostPort
from tests.fakes import Network

SERVER = HostPort("192.0.2.1", 5060)


class Text:
    """A message, cut at its line ends and colons."""

    def __init__(self, octets: bytes) -> None:
        head, _, self.body = octets.partition(b"\r\n\r\n")
        self.start, *lines = head.decode().split("\r\n")
        self.fields = [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines)
        ]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name.lower()]

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    @property
    def status(self) -> int:
        return int(self.start.split()[1])

    @property
    def method(self) -> str:
        return self.start.split()[0]

    @property
    def cseq(self) -> int:
        return int(self["CSeq"].split()[0])

    @property
    def branch(self) -> str:
        return parameter(self.all("Via")[0], "branch")

    @property
    def state(self) -> str:
        """The first word of Subscription-State."""
        return self["Subscription-State"].partition(";")[0]

    @property
    def reason(self) -> str:
        return parameter(self["Subscription-State"], "reason")

    @property
    def expires(self) -> int:
        return int(parameter(self["Subscription-State"], "expires") or -1)


def parameter(value: str, name: str) -> str:
    """The value of a parameter of a header, or of the URI in it; empty if it has none."""
    for part in value.replace(">", ";").split(";")[1:]:
        key, _, content = part.strip().partition("=")
        if key == name:
            return content
    return ""


@dataclass
class Exchange:
    """A request and what was answered."""

    octets: bytes
    branch: str
    responses: list[Text] = field(default_factory=list)

    @property
    def final(self) -> Text | None:
        return next((text for text in self.responses if text.status >= 200), None)

    @property
    def status(self) -> int:
        final = self.final
        assert final is not None, "never answered"
        return final.status


@dataclass
class Line:
    """A subscription as the phone sees it."""

    phone: "Phone"
    target: str
    event: str
    call_id: str
    tag: str
    cseq: int = 0
    remote_tag: str = ""
    remote_target: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    notifies: list[Text] = field(default_factory=list)
    answer: Callable[[Text], str | None] = lambda notify: "200 OK"
    """Status line for a NOTIFY; None stays silent."""

    @property
    def states(self) -> list[str]:
        return [notify.state for notify in self.notifies]

    @property
    def last(self) -> Text:
        return self.notifies[-1]

    @property
    def response(self) -> Text:
        final = self.exchanges[-1].final
        assert final is not None, "never answered"
        return final

    @property
    def status(self) -> int:
        return self.exchanges[-1].status

    def send(
        self,
        expires: int | None = 600,
        *,
        headers: str = "",
        cseq: int | None = None,
        body: bytes = b"",
        event: str = "",
    ) -> Exchange:
        """SUBSCRIBE: the first, or one more in the dialog."""
        self.cseq = self.cseq + 1 if cseq is None else cseq
        to = f"<{self.target}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        event = event or self.event
        event = f"Event: {event}\r\n" if event else ""
        lifetime = f"Expires: {expires}\r\n" if expires is not None else ""
        exchange = self.phone.request(
            "SUBSCRIBE",
            self.remote_target or self.target,
            to=to,
            call_id=self.call_id,
            tag=self.tag,
            cseq=self.cseq,
            headers=f"{event}{lifetime}{self.phone.contact}{headers}",
            body=body,
        )
        self.exchanges.append(exchange)
        return exchange

    def unsubscribe(self) -> Exchange:
        return self.send(0)


class Phone:
    """One phone of ``user`` (a SIP URI) at a host."""

    def __init__(
        self,
        network: Network,
        host: str,
        user: str,
        *,
        server: HostPort = SERVER,
        port: int = 5060,
        agent: str = "Phone/1.0",
    ) -> None:
        self.network = network
        self.clock: Clock = network.clock
        self.place = HostPort(host, port)
        self.user = user
        self.server = server
        self.agent = agent
        self.count = 0
        self.lines: dict[str, Line] = {}
        self.strays: list[Text] = []
        """NOTIFYs for no line of ours."""
        self._waiting: dict[str, Exchange] = {}
        self._answered: dict[str, bytes] = {}
        network.bind(self.place, self._received)

    @property
    def contact(self) -> str:
        return f"Contact: <sip:{self.place.host}:{self.place.port}>\r\n"

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str = "",
        call_id: str = "",
        tag: str = "",
        cseq: int = 1,
        headers: str = "",
        body: bytes = b"",
        via: str = "",
    ) -> Exchange:
        """Send a request, again and again until it is answered."""
        self.count += 1
        branch = f"z9hG4bKphone{self.place.port}x{self.count}"
        head = (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.place.host}:{self.place.port};branch={branch};rport\r\n{via}"
            f"Max-Forwards: 70\r\nFrom: <{self.user}>;tag={tag or f'f{self.count}'}\r\nTo: {to or f'<{uri}>'}\r\n"
            f"Call-ID: {call_id or f'c{self.count}x{self.place.port}@{self.place.host}'}\r\nCSeq: {cseq} {method}\r\n"
            f"User-Agent: {self.agent}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        exchange = Exchange(head.encode() + body, branch)
        self._waiting[branch] = exchange
        self._send(exchange, 0.5, self.clock.seconds() + 32)
        return exchange

    def subscribe(
        self,
        target: str,
        expires: int | None = 600,
        *,
        event: str = "presence",
        headers: str = "Accept: application/pidf+xml\r\n",
        body: bytes = b"",
    ) -> Line:
        self.count += 1
        line = Line(
            self, target, event, f"s{self.count}@{self.place.host}", f"t{self.count}x{self.place.port}"
        )
        self.lines[line.call_id] = line
        line.send(expires, headers=headers, body=body)
        return line

    def publish(
        self,
        body: bytes = b"",
        *,
        etag: str = "",
        expires: int | None = 600,
        event: str = "presence",
        content_type: str = "application/pidf+xml",
        headers: str = "",
        user: str = "",
    ) -> Exchange:
        if etag:
            headers += f"SIP-If-Match: {etag}\r\n"
        if event:
            headers += f"Event: {event}\r\n"
        if expires is not None:
            headers += f"Expires: {expires}\r\n"
        if body and content_type:
            headers += f"Content-Type: {content_type}\r\n"
        return self.request("PUBLISH", user or self.user, headers=headers, body=body)

    def _send(self, exchange: Exchange, again_in: float, until: float) -> None:
        if exchange.final is None and self.clock.seconds() < until:
            self.network.transmit(exchange.octets, self.place, self.server)
            self.clock.callLater(again_in, self._send, exchange, min(again_in * 2, 4.0), until)

    def _received(self, octets: bytes, source: HostPort) -> None:
        text = Text(octets)
        if text.start.startswith("SIP/2.0"):
            exchange = self._waiting.get(text.branch)
            if exchange is not None and exchange.final is None:
                exchange.responses.append(text)
                line = self.lines.get(text["Call-ID"])
                if line is not None and 200 <= text.status < 300:
                    line.remote_tag = parameter(text["To"], "tag")
                    line.remote_target = text["Contact"].strip("<>")
        else:
            self._asked(text, source)

    def _asked(self, text: Text, source: HostPort) -> None:
        held = self._answered.get(text.branch)
        if held is None:
            status = self._status(text)
            if status is None:
                return
            echoed = "".join(
                f"{name}: {value}\r\n"
                for name in ("Via", "From", "To", "Call-ID", "CSeq")
                for value in text.all(name)
            )
            held = f"SIP/2.0 {status}\r\n{echoed}Content-Length: 0\r\n\r\n".encode()
            self._answered[text.branch] = held
        self.network.transmit(held, self.place, source)

    def _status(self, text: Text) -> str | None:
        line = self.lines.get(text["Call-ID"])
        if line is None or parameter(text["To"], "tag") != line.tag:
            self.strays.append(text)
            return "481 Subscription Does Not Exist"
        status = line.answer(text)
        if not line.notifies or text.cseq > line.last.cseq:
            line.notifies.append(text)
        return status
