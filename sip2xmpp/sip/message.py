"""SIP messages: split into lines when they come in, parsed header by header when somebody asks.

``parse_message`` finds the start line, the header lines and the body, and checks what can be seen without reading a
value: the mandatory headers are there, single ones are single, the body has its declared length.  A typed header
(``message.from_``, ``message.via``) is parsed at its first use and kept.  ``Request.check()`` reads all that a user
agent core relies on; the agent calls ``check_but_via()`` once for each new server transaction, when the ``Hop`` has read
the Via, and not for retransmissions.

Every :class:`BadMessage` from here or from a typed header of a request carries that request in its ``request``
attribute if a response can be built from it (the top Via can be read and it is not an ACK); else the message is dropped.

Implements: RFC 3261, sections 7, 8.1.1, 8.2.6, 18.3 and 20.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.fields import Field, Headers, field_of
from sip2xmpp.sip.grammar import LWS, TOKEN, cleaned, is_token, shown, writable
from sip2xmpp.sip.headers import MediaType, NameAddr, Via
from sip2xmpp.sip.splitting import split_message
from sip2xmpp.sip.statuses import REASONS, reason_of
from sip2xmpp.sip.typed import STAR, Message, Star
from sip2xmpp.sip.uri import PLAIN, PLAIN_LENGTH, PLAIN_URI, SipUri

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
]

#   What every request must have (RFC 3261, section 8.1.1) but for Max-Forwards, which RFC 2543 clients leave out.
MANDATORY = frozenset({"Via", "From", "To", "Call-ID", "CSeq"})
_ECHOED_ONCE = ("From", "Call-ID", "CSeq")
#   From and To as nearly all clients write them.
_PLAIN_END = re.compile(rf' ?(?:"[^"\\<>]*" ?)?<({PLAIN})>(?:;tag=({TOKEN.pattern}))?')
_USUAL_HOPS = frozenset(f" {hops}" for hops in range(256))


class Ends(NamedTuple):
    """Whose request it is: what From, To, Call-ID and CSeq say, read together because every request is asked for all of it.

    ``cseq`` is the number; a tag is None where there is none.
    """

    from_uri: str
    from_tag: str | None
    to_uri: str
    to_tag: str | None
    call_id: str
    cseq: int


class Request(Message):
    """A request.  ``uri`` is the Request-URI as written."""

    __slots__ = ("_ends", "method", "uri")

    def __init__(
        self, *, method: str, uri: str, headers: Headers, body: bytes = b"", flow: "Flow | None" = None
    ) -> None:
        self.method = method
        self.uri = uri
        self.headers = headers
        self.body = body
        self.flow = flow
        self._ends: Ends | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    @property
    def ends(self) -> Ends:
        """From, To, Call-ID and CSeq, read at the first use and kept; raises :class:`BadMessage`."""
        ends = self._ends
        if ends is None:
            ends = self._ends = self._read_ends()
        return ends

    def _read_ends(self) -> Ends:
        first = self.headers.first
        sender, receiver = first.get("From", ""), first.get("To", "")
        found = _PLAIN_END.fullmatch(sender) if len(sender) <= PLAIN_LENGTH else None
        if found is None:
            from_uri, from_tag = self.from_.uri, self.from_.tag
        else:
            from_uri, from_tag = found.groups()
        found = _PLAIN_END.fullmatch(receiver) if len(receiver) <= PLAIN_LENGTH else None
        if found is None:
            to_uri, to_tag = self.to.uri, self.to.tag
        else:
            to_uri, to_tag = found.groups()
        cseq = self.cseq
        if cseq.method != self.method:
            raise self._bad(BadMessage("the method of CSeq is not that of the request"))
        return Ends(from_uri, from_tag, to_uri, to_tag, self.call_id, cseq.number)

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
        """Read everything that answering and routing rely on; ``BadMessage`` if any of it is wrong."""
        self.via  # noqa: B018
        self.check_but_via()

    def check_but_via(self) -> None:
        """The same for a request whose top Via has been looked at (``Hop``).

        A Request-URI of another scheme passes: whether 416 is due is for the method's user to say.
        """
        self.ends  # noqa: B018
        first = self.headers.first
        if first.get("Max-Forwards") not in _USUAL_HOPS:
            self.max_forwards  # noqa: B018
        uri = self.uri
        if len(uri) > PLAIN_LENGTH or PLAIN_URI.fullmatch(uri) is None:
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

    def check(self) -> None:
        """Read what finds the request that this answers; ``BadMessage`` if any of it is wrong."""
        self.via  # noqa: B018
        self.cseq  # noqa: B018


def parse_message(octets: bytes, *, stream: bool = False) -> Request | Response:
    """The message in ``octets``: one datagram, or with ``stream`` exactly one message cut from a stream.

    ``BadMessage.request`` says whether an answer with ``status_hint`` is due; a bad response is never answered.
    """
    start_line, headers, body, fault = split_message(octets, stream)
    parts = start_line.split(" ")
    if len(parts) == 3 and parts[2] == "SIP/2.0":
        method, uri, _ = parts
    elif start_line[:4].upper() == "SIP/":
        if fault is not None:
            raise fault
        return _parse_response(start_line, headers, body)
    else:
        method, uri, wrong = _parse_odd_request_line(start_line)
        fault = wrong or fault
    request = Request(method=method, uri=uri, headers=headers, body=body)
    if not (method in _METHODS or is_token(method)):
        fault = fault or BadMessage(f"the method is not a token: {shown(method)}")
    if fault is None and not headers.first.keys() >= MANDATORY:
        missing = ", ".join(sorted(MANDATORY - headers.first.keys()))
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
    fields += [field_of(name, value) for name, value in extra]
    headers = Headers.from_fields(fields)
    if content_type is not None:
        headers.set("Content-Type", str(content_type))
    return headers
