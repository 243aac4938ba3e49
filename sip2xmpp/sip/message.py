"""SIP messages: split into lines when they come in, parsed header by header when somebody asks.

``parse_message`` finds the start line, the header lines and the body, and checks what can be seen without reading a
value: the mandatory headers are there, single ones are single, the body has its declared length.  A typed header
(``message.from_``, ``message.via``) is parsed at its first use and kept.  ``Request.check()`` reads all that a user
agent core relies on and is meant to be called once for each new server transaction, not for retransmissions.

Every :class:`BadMessage` from here or from a typed header of a request carries that request in its ``request``
attribute if a response can be built from it (the top Via can be read and it is not an ACK); else the message is dropped.

Implements: RFC 3261, sections 7, 8.1.1, 8.2.6, 18.3 and 20.
"""

import re
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.fields import Field, Headers
from sip2xmpp.sip.grammar import LWS, cleaned, is_token, parse_number, shown, writable
from sip2xmpp.sip.headers import CSeq, Event, MediaType, NameAddr, SubscriptionState, Via, seconds
from sip2xmpp.sip.splitting import split_message
from sip2xmpp.sip.statuses import REASONS, reason_of
from sip2xmpp.sip.uri import SipUri

if TYPE_CHECKING:
    from sip2xmpp.sip.flow import Flow

__all__ = [
    "REASONS",
    "STAR",
    "Headers",
    "Message",
    "Request",
    "Response",
    "Star",
    "make_request",
    "make_response",
    "parse_message",
    "peek_branch",
]

T = TypeVar("T")


class Star(Enum):
    """The type of :data:`STAR`."""

    STAR = "*"


#   The Contact that means "all of them", in a REGISTER that removes bindings.
STAR: Final = Star.STAR

#   What every request must have (RFC 3261, section 8.1.1) but for Max-Forwards, which RFC 2543 clients leave out.
MANDATORY = frozenset({"Via", "From", "To", "Call-ID", "CSeq"})
_BRANCH = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]+(?=[;, \t]|$|\r)")
_CSEQ_LINE = re.compile(rb"\d+ ([A-Z]+)\r\n(?![ \t])")
_ECHOED_ONCE = ("From", "Call-ID", "CSeq")


class Message:
    """What requests and responses share.  Typed properties raise :class:`BadMessage` for a value they cannot read."""

    __slots__ = ("body", "flow", "headers")

    def __init__(self, *, headers: Headers, body: bytes = b"", flow: "Flow | None" = None) -> None:
        self.headers = headers
        self.body = body
        self.flow = flow

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire; Content-Length is always that of ``body``."""
        lines = [f"{name}:{value}\r\n" for name, value in self.headers.fields if name != "Content-Length"]
        head = f"{self.start_line}\r\n{''.join(lines)}Content-Length: {len(self.body)}\r\n\r\n"
        return head.encode("utf-8", "surrogateescape") + self.body

    @property
    def start_line(self) -> str:
        raise NotImplementedError

    def _bad(self, bad: BadMessage) -> BadMessage:
        """``bad`` made to tell how this message is to be answered."""
        return bad

    def _one(self, name: str, parse: Callable[[str], T]) -> T:
        """The mandatory header ``name``, parsed."""
        value = self._optional(name, parse)
        if value is None:
            raise self._bad(BadMessage(f"no {name} header"))
        return value

    def _optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        typed = self.headers.typed
        if name in typed:
            found: T | None = typed[name]
            return found
        raw = self.headers.raw(name)
        if raw is None:
            value = None
        else:
            try:
                value = parse(raw.strip(LWS))
            except BadMessage as bad:
                raise self._bad(bad) from None
        typed[name] = value
        return value

    def _many(self, name: str, parse: Callable[[str], T]) -> list[T]:
        """All values of a list header, parsed; the list is kept and must not be changed."""
        typed = self.headers.typed
        key = name + "*"
        if key in typed:
            found: list[T] = typed[key]
            return found
        try:
            values = [parse(value) for value in self.headers.all(name)]
        except BadMessage as bad:
            raise self._bad(bad) from None
        typed[key] = values
        return values

    @property
    def vias(self) -> list[Via]:
        return self._many("Via", Via.parse)

    @property
    def via(self) -> Via:
        """The top Via: the hop that sent this to us, or that we shall find ourselves in."""
        return self._one("Via", _first_via)

    def replace_via(self, via: Via) -> None:
        """Put ``via`` in the place of the top Via."""
        self.headers.replace_first("Via", str(via))

    @property
    def from_(self) -> NameAddr:
        return self._one("From", NameAddr.parse)

    @property
    def to(self) -> NameAddr:
        return self._one("To", NameAddr.parse)

    @property
    def call_id(self) -> str:
        return self._one("Call-ID", _call_id)

    @property
    def cseq(self) -> CSeq:
        return self._one("CSeq", CSeq.parse)

    @property
    def contacts(self) -> list[NameAddr] | Literal[Star.STAR]:
        """The Contact addresses, none if there is no such header; ``STAR`` for a lone ``*``."""
        raw = self.headers.raw("Contact")
        if raw is not None and raw.strip(LWS) == "*" and len(self.headers.all("Contact")) == 1:
            return STAR
        return self._many("Contact", NameAddr.parse)

    @property
    def expires(self) -> int | None:
        """Expires in seconds, 0 to 2**32-1; None if absent or malformed (RFC 3261, section 20.19)."""
        return self._optional("Expires", seconds)

    @property
    def event(self) -> Event | None:
        return self._optional("Event", Event.parse)

    @property
    def event_value(self) -> str | None:
        """The Event header as it was written: a NOTIFY has to echo it (RFC 6665, section 8.2.1)."""
        return self.headers.get("Event")

    @property
    def subscription_state(self) -> SubscriptionState | None:
        return self._optional("Subscription-State", SubscriptionState.parse)

    @property
    def content_type(self) -> MediaType | None:
        return self._optional("Content-Type", MediaType.parse)

    @property
    def route(self) -> list[str]:
        """The Route values, each as written."""
        return self._many("Route", str)

    @property
    def record_route(self) -> list[str]:
        """The Record-Route values, each as written."""
        return self._many("Record-Route", str)

    @property
    def max_forwards(self) -> int:
        """Hops left, 0 to 255; 70 if the header is absent."""
        value = self._optional("Max-Forwards", _max_forwards)
        return 70 if value is None else value

    @property
    def user_agent(self) -> str:
        """User-Agent as written; empty if absent."""
        return self.headers.get("User-Agent") or ""

    @property
    def accept(self) -> list[str]:
        """The Accept values as written, parameters included; none if absent."""
        return self._tokens("Accept")

    @property
    def supported(self) -> list[str]:
        return self._tokens("Supported")

    @property
    def require(self) -> list[str]:
        return self._tokens("Require")

    def _tokens(self, name: str) -> list[str]:
        return [value for value in self._many(name, str) if value]


class Request(Message):
    """A request.  ``uri`` is the Request-URI as written."""

    __slots__ = ("method", "uri")

    def __init__(
        self, *, method: str, uri: str, headers: Headers, body: bytes = b"", flow: "Flow | None" = None
    ) -> None:
        self.method = method
        self.uri = uri
        self.headers = headers
        self.body = body
        self.flow = flow

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    @property
    def parsed_uri(self) -> SipUri:
        """The Request-URI; ``BadMessage`` with 416 if it is neither sip: nor sips:."""
        typed = self.headers.typed
        held: tuple[str, SipUri] | None = typed.get("Request-URI")
        if held is None or held[0] != self.uri:
            try:
                uri = SipUri.parse(self.uri)
            except BadMessage as bad:
                raise self._bad(bad) from None
            if uri.headers or uri.param("method") is not None:
                raise self._bad(BadMessage("a Request-URI with headers or a method"))
            typed["Request-URI"] = held = (self.uri, uri)
        return held[1]

    def check(self) -> None:
        """Read everything that answering and routing rely on; ``BadMessage`` if any of it is wrong.

        A Request-URI of another scheme passes: whether 416 is due is for the method's user to say.
        """
        self.via  # noqa: B018
        self.from_  # noqa: B018
        self.to  # noqa: B018
        self.call_id  # noqa: B018
        if self.cseq.method != self.method:
            raise self._bad(BadMessage("the method of CSeq is not that of the request"))
        self.max_forwards  # noqa: B018
        try:
            self.parsed_uri  # noqa: B018
        except BadMessage as bad:
            if bad.status_hint != 416:
                raise

    @property
    def is_answerable(self) -> bool:
        """Whether a response can be built and sent: not to an ACK, and not without a Via that can be read."""
        if self.method == "ACK":
            return False
        try:
            return Via.parse(self.headers.all("Via")[0]) is not None
        except (BadMessage, IndexError):
            return False

    def _bad(self, bad: BadMessage) -> BadMessage:
        bad.request = self if self.is_answerable else None
        return bad


class Response(Message):
    """A response; ``status`` is 100 to 699."""

    __slots__ = ("reason", "status")

    def __init__(
        self, *, status: int, reason: str, headers: Headers, body: bytes = b"", flow: "Flow | None" = None
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.flow = flow

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def parse_message(octets: bytes, *, stream: bool = False) -> Request | Response:
    """The message in ``octets``: one datagram, or with ``stream`` exactly one message cut from a stream.

    ``BadMessage.request`` says whether an answer with ``status_hint`` is due; a bad response is never answered.
    """
    start_line, fields, first, body, fault = split_message(octets, stream)
    headers = Headers.from_fields(fields, first)
    if start_line[:4].upper() == "SIP/":
        if fault is not None:
            raise fault
        return _parse_response(start_line, headers, body)
    parts = start_line.split(" ")
    if len(parts) == 3 and parts[2] == "SIP/2.0":
        method, uri, _ = parts
    else:
        method, uri, wrong = _parse_odd_request_line(start_line)
        fault = wrong or fault
    request = Request(method=method, uri=uri, headers=headers, body=body)
    if not (method in _METHODS or is_token(method)):
        fault = fault or BadMessage(f"the method is not a token: {shown(method)}")
    if fault is None and not first.keys() >= MANDATORY:
        missing = ", ".join(sorted(MANDATORY - first.keys()))
        fault = BadMessage(f"mandatory headers are missing: {missing}")
    if fault is not None:
        raise request._bad(fault)
    return request


_METHODS = frozenset(
    {"SUBSCRIBE", "NOTIFY", "PUBLISH", "REGISTER", "OPTIONS", "MESSAGE", "INVITE", "ACK", "CANCEL"}
)


def _parse_odd_request_line(line: str) -> tuple[str, str, BadMessage | None]:
    """Method and Request-URI of a request line that is not plain ``METHOD SP URI SP SIP/2.0``, and what is wrong."""
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if line.count(" ") == 2 and method and uri:
        if version.upper() == "SIP/2.0":
            return method, uri, None
        name, slash, number = version.partition("/")
        if name.upper() == "SIP" and slash and number.replace(".", "", 1).isdigit():
            return method, uri, BadMessage(f"the version {shown(version)} is not supported", 505)
    return method, uri, BadMessage(f"not a request line: {shown(line)}")


def peek_branch(octets: bytes) -> tuple[bytes, bytes] | None:
    """(branch of the top Via, method of CSeq) of a response, without parsing it; None if it is not a response.

    It reads what well-behaved peers send, where Via is the first header; anything else goes through
    :func:`parse_message`.  It is meant for finding the client transaction, of which the branch is our own.
    """
    if octets[:8] != b"SIP/2.0 ":
        return None
    start = octets.find(b"\r\n") + 2
    if octets[start : start + 4] in (b"Via:", b"Via ") or octets[start : start + 2] in (b"v:", b"v "):
        end = octets.find(b"\r\n", start)
        at = octets.find(b";branch=", start, end)
        cseq = octets.find(b"\r\nCSeq: ", end)
        if at > 0 and cseq > 0 and octets[end + 2 : end + 3] not in (b" ", b"\t"):
            branch = _BRANCH.match(octets, at + 8, end)
            method = _CSEQ_LINE.match(octets, cseq + 8)
            if branch is not None and method is not None:
                return branch[0], method[1]
    try:
        response = parse_message(octets)
        return (response.via.branch or "").encode("utf-8", "surrogateescape"), response.cseq.method.encode()
    except BadMessage:
        return None


def _parse_response(line: str, headers: Headers, body: bytes) -> Response:
    #   COMPAT: no blank behind a status without a reason phrase, from several small stacks.
    version, _, rest = line.partition(" ")
    digits, _, reason = rest.partition(" ")
    if version.upper() != "SIP/2.0":
        raise BadMessage(f"the version {shown(version)} is not supported", 505)
    if (
        len(digits) != 3
        or not (digits.isascii() and digits.isdigit())
        or not 100 <= (status := int(digits)) <= 699
    ):
        raise BadMessage(f"not a status line: {shown(line)}")
    if headers.raw("Via") is None or headers.raw("CSeq") is None:
        raise BadMessage("a response without Via or CSeq")
    return Response(status=status, reason=reason, headers=headers, body=body)


def make_request(
    method: str,
    uri: str,
    *,
    from_: NameAddr | str,
    to: NameAddr | str,
    call_id: str,
    cseq: int,
    max_forwards: int = 70,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: MediaType | str | None = None,
) -> Request:
    """A request without Via, which the agent adds for each target it tries.

    ``ValueError`` if a part would break the framing or the request line.
    """
    if not is_token(method):
        raise ValueError(f"not a method: {method!r}")
    if not uri or any(char in uri for char in " <>\t\r\n\0"):
        raise ValueError(f"not a Request-URI: {uri!r}")
    fields = [
        ("Max-Forwards", f" {max_forwards}"),
        ("From", " " + writable(str(from_))),
        ("To", " " + writable(str(to))),
        ("Call-ID", " " + writable(call_id)),
        ("CSeq", f" {cseq} {method}"),
    ]
    return Request(method=method, uri=uri, headers=_finished(fields, headers, content_type), body=body)


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: MediaType | str | None = None,
    to_tag: str | None = None,
) -> Response:
    """The response to ``request`` (RFC 3261, section 8.2.6): all Vias, From, To, Call-ID and CSeq as they came.

    ``to_tag`` is put on a To that has no tag.  ``reason`` is cleaned of line ends; None takes the usual phrase.
    It works for whatever :class:`BadMessage` carries as its request.
    """
    raw = request.headers.raw
    fields: list[Field] = [field for field in request.headers.fields if field[0] == "Via"]
    for name in _ECHOED_ONCE:
        value = raw(name)
        if value is not None:
            fields.append((name, value))
    to = raw("To")
    if to is not None:
        if to_tag is not None and not _has_tag(request):
            to = f"{to.rstrip(LWS)};tag={writable(to_tag)}"
        fields.insert(-2 if len(fields) > 2 else len(fields), ("To", to))
    return Response(
        status=status,
        reason=reason_of(status) if reason is None else cleaned(reason),
        headers=_finished(fields, headers, content_type),
        body=body,
        flow=request.flow,
    )


def _has_tag(request: Request) -> bool:
    try:
        return request.to.tag is not None
    except BadMessage:
        return False


def _finished(
    fields: list[Field], extra: Iterable[tuple[str, str]], content_type: MediaType | str | None
) -> Headers:
    headers = Headers.from_fields(fields)
    for name, value in extra:
        headers.add(name, value)
    if content_type is not None:
        headers.set("Content-Type", str(content_type))
    return headers


def _first_via(text: str) -> Via:
    #   Only the first element is wanted, and mostly it is the only one.
    if "," in text:
        from_list = Headers.from_fields([("Via", text)]).all("Via")
        text = from_list[0] if from_list else ""
    return Via.parse(text)


def _call_id(text: str) -> str:
    if not text or " " in text or "\t" in text:
        raise BadMessage(f"not a Call-ID: {shown(text)}")
    return text


def _max_forwards(text: str) -> int:
    return parse_number(text, 255, "Max-Forwards")
