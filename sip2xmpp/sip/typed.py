"""What is common to requests and responses: headers, body, and the typed headers, parsed at their first use and kept.

Implements: RFC 3261, section 20; RFC 6665, section 8.4.
"""

from abc import abstractmethod
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.fields import Headers
from sip2xmpp.sip.grammar import LWS, parse_number, shown, split_list
from sip2xmpp.sip.headers import CSeq, Event, MediaType, NameAddr, SubscriptionState, Via, seconds

if TYPE_CHECKING:
    from sip2xmpp.sip.flow import Flow

T = TypeVar("T")


class Star(Enum):
    """The type of :data:`STAR`."""

    STAR = "*"


#   The Contact that means "all of them", in a REGISTER that removes bindings.
STAR: Final = Star.STAR


class Message:
    """What requests and responses share.  Typed properties raise :class:`BadMessage` for a value they cannot read."""

    __slots__ = ("body", "flow", "headers")

    headers: Headers
    body: bytes
    flow: "Flow | None"

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire; Content-Length is always that of ``body``."""
        lines = [f"{name}:{value}\r\n" for name, value in self.headers.fields if name != "Content-Length"]
        head = f"{self.start_line}\r\n{''.join(lines)}Content-Length: {len(self.body)}\r\n\r\n"
        return head.encode("utf-8", "surrogateescape") + self.body

    @property
    @abstractmethod
    def start_line(self) -> str:
        """The first line, without its end."""

    def _bad(self, bad: BadMessage) -> BadMessage:
        """``bad`` made to tell how this message is to be answered."""
        return bad

    def _one(self, name: str, parse: Callable[[str], T]) -> T:
        """The mandatory header ``name``, parsed."""
        value: T | None = self.headers.typed.get(name)
        if value is None:
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
        """Put ``via`` in the place of the top Via; the other typed headers are kept."""
        typed = self.headers.typed
        self.headers.replace_first("Via", str(via))
        typed.pop("Via*", None)
        typed["Via"] = via
        self.headers.typed = typed

    @property
    def from_(self) -> NameAddr:
        return self._one("From", NameAddr.parse)

    @property
    def to(self) -> NameAddr:
        return self._one("To", NameAddr.parse)

    @property
    def call_id(self) -> str:
        raw = self.headers.first.get("Call-ID", "")
        text = raw[1:] if raw[:1] == " " else raw
        return text if text.isprintable() and text and " " not in text else self._one("Call-ID", _call_id)

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
        raw = self.headers.first.get("Expires")
        if raw is None:
            return None
        return _usual_seconds(raw) if len(raw) <= USUAL_SECONDS else seconds(raw.strip(LWS))

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
    def accept_value(self) -> str:
        """All that Accept says, as one value; empty if absent."""
        headers = self.headers
        if headers.are_single:
            return headers.first.get("Accept", "").strip(LWS)
        return ", ".join(self.accept)

    @property
    def supported(self) -> list[str]:
        return self._tokens("Supported")

    @property
    def require(self) -> list[str]:
        return self._tokens("Require")

    def _tokens(self, name: str) -> list[str]:
        return [value for value in self._many(name, str) if value]


#   Characters of a number of seconds that is remembered, with its blank.
USUAL_SECONDS: Final = 12


@lru_cache(maxsize=1024)
def _usual_seconds(raw: str) -> int | None:
    return seconds(raw.strip(LWS))


def _first_via(text: str) -> Via:
    #   Only the first element is wanted, and mostly it is the only one.
    if "," in text:
        text = split_list(text)[0]
    return Via.parse(text)


def _call_id(text: str) -> str:
    if not text or " " in text or "\t" in text:
        raise BadMessage(f"not a Call-ID: {shown(text)}")
    return text


def _max_forwards(text: str) -> int:
    return parse_number(text, 255, "Max-Forwards")
