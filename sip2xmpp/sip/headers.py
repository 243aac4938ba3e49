"""Typed header values: each parsed from, and written to, the text after the colon.

A value keeps parameters as written (a quoted value keeps its quotes), so that what we relay or echo is what came in;
``param()`` gives the content.  ``parse`` raises :class:`BadMessage`, with 400 unless said otherwise.

Implements: RFC 3261, sections 20 and 25.1; RFC 3581 (rport); RFC 6665, section 8.4 (Event, Subscription-State).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.grammar import (
    LWS,
    TOKEN,
    Params,
    fits_uri,
    format_params,
    is_token,
    param,
    parse_number,
    parse_params,
    quote,
    quoted_end,
    shown,
    split_list,
    unquote,
    with_param,
)
from sip2xmpp.sip.uri import SipUri, parse_hostport

__all__ = ["CSeq", "Event", "MediaType", "NameAddr", "SubscriptionState", "Via", "split_list"]

CSEQ_LIMIT = 2**31 - 1
DELTA_LIMIT = 2**32 - 1
_SENT_PROTOCOL = re.compile(
    rf"({TOKEN.pattern})[ \t]*/[ \t]*({TOKEN.pattern})[ \t]*/[ \t]*({TOKEN.pattern})[ \t]+"
)
_DISPLAY_UNFIT = re.compile(r'[",;:<>\\\x00-\x08\x0a-\x1f\x7f]')


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAddr:
    """An address with an optional display name (unquoted here) and header parameters: From, To, Contact, Route."""

    display: str = ""
    uri: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        text = text.strip(LWS)
        if text[:1] == '"':
            end = quoted_end(text, 0)
            display = unquote(text[:end])
            left = end
            while text[left : left + 1] in (" ", "\t"):
                left += 1
            if text[left : left + 1] != "<":
                raise BadMessage(f"a display name without <address>: {shown(text)}")
        else:
            left = text.find("<")
            if left < 0:
                return cls._parse_bare(text)
            # COMPAT: characters beyond ASCII and most punctuation in a display name without quotes, from older
            # phones; the grammar allows only tokens.  A comma or a semicolon there is refused: it may be a list.
            display = text[:left].rstrip(LWS)
            if display and _DISPLAY_UNFIT.search(display):
                raise BadMessage(f"a display name that needs quotes: {shown(text)}")
        right = text.find(">", left)
        if right < 0:
            raise BadMessage(f"an angle bracket is not closed: {shown(text)}")
        uri = text[left + 1 : right]
        if ":" not in uri or not fits_uri(uri):
            raise BadMessage(f"not a URI: {shown(uri)}")
        rest = text[right + 1 :]
        return cls(display=display, uri=uri, params=parse_params(rest) if rest else ())

    @classmethod
    def _parse_bare(cls, text: str) -> "NameAddr":
        """An addr-spec without brackets: all behind the first semicolon belongs to the header, not to the URI."""
        uri, semicolon, rest = text.partition(";")
        uri = uri.rstrip(LWS)
        if ":" not in uri or not fits_uri(uri):
            raise BadMessage(f"not an address: {shown(text)}")
        if "?" in uri or "," in uri:
            raise BadMessage(f"an address with ? or a comma needs angle brackets: {shown(text)}")
        return cls(uri=uri, params=parse_params(";" + rest) if semicolon else ())

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{format_params(self.params)}"

    @property
    def tag(self) -> str | None:
        """The tag that makes it one end of a dialog; None is the null tag of RFC 2543 peers."""
        return param(self.params, "tag")

    @property
    def sip_uri(self) -> SipUri:
        return SipUri.parse(self.uri)

    def param(self, name: str) -> str | None:
        """The content of the header parameter ``name`` (lower case); empty for a flag, None if absent."""
        return param(self.params, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """One hop of the way back.  ``transport`` is upper case; ``host`` and ``port`` are the sent-by.

    ``protocol`` is ``SIP/2.0`` but for the messages of other versions, which are answered with 505.
    """

    protocol: str = "SIP/2.0"
    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "Via":
        protocol = "SIP/2.0"
        if text.startswith("SIP/2.0/"):
            transport, blank, rest = text[8:].partition(" ")
        else:
            transport = blank = rest = ""
        if not blank or not transport.isalpha():
            found = _SENT_PROTOCOL.match(text)
            if found is None or found[1].upper() != "SIP":
                raise BadMessage(f"not a Via: {shown(text)}")
            protocol = f"SIP/{found[2]}"
            transport, rest = found[3], text[found.end() :]
        sent_by, _, tail = rest.partition(";")
        host, port = parse_hostport(sent_by.strip(LWS))
        #   COMPAT: semicolons with nothing behind them; without a Via the 400 for such a message could not be sent.
        tail = tail.strip("; \t")
        return cls(
            protocol=protocol,
            transport=transport.upper(),
            host=host,
            port=port,
            params=parse_params(";" + tail) if tail else (),
        )

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.protocol}/{self.transport} {self.host}{port}{format_params(self.params)}"

    @property
    def branch(self) -> str | None:
        return param(self.params, "branch")

    @property
    def has_cookie(self) -> bool:
        """Whether the branch identifies a transaction by itself (RFC 3261, section 17.2.3)."""
        branch = self.branch
        return branch is not None and len(branch) > 7 and branch[:7].lower() == "z9hg4bk"

    @property
    def received(self) -> str | None:
        """The address it came from, without brackets even for IPv6 (RFC 5118, section 4.5)."""
        received = param(self.params, "received")
        return received.strip("[]") if received else received

    @property
    def rport(self) -> str | None:
        """Empty if the sender only asks for it, digits once it is filled in, None if absent (RFC 3581)."""
        return param(self.params, "rport")

    def param(self, name: str) -> str | None:
        return param(self.params, name)

    def with_param(self, name: str, value: str | None) -> "Via":
        """This hop with the parameter ``name`` (lower case) set; ``value`` None writes a bare flag."""
        return Via(
            protocol=self.protocol,
            transport=self.transport,
            host=self.host,
            port=self.port,
            params=with_param(self.params, name, value),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CSeq:
    """The sequence number of a request within its dialog, and its method."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        return _usual_cseq(text) if len(text) <= USUAL_CSEQ else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> "CSeq":
        number, _, method = text.replace("\t", " ").partition(" ")
        method = method.lstrip(" ")
        if TOKEN.fullmatch(method) is None:
            raise BadMessage(f"not a CSeq: {shown(text)}")
        return cls(number=parse_number(number, CSEQ_LIMIT, "the CSeq number"), method=method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


#   Most requests are the first or second of their dialog, or a publication of its own.
USUAL_CSEQ = 12
_usual_cseq = lru_cache(maxsize=256)(CSeq._parse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The event package of a subscription; ``id`` tells subscriptions of one dialog apart."""

    type: str
    id: str | None = None
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "Event":
        kind, semicolon, rest = text.partition(";")
        kind = kind.strip(LWS)
        if not is_token(kind):
            raise BadMessage(f"not an event package: {shown(text)}")
        params = parse_params(";" + rest) if semicolon else ()
        identity = param(params, "id")
        others = tuple(pair for pair in params if pair[0].lower() != "id")
        return cls(type=kind, id=identity or None, params=others)

    def __str__(self) -> str:
        identity = "" if self.id is None else f";id={self.id if is_token(self.id) else quote(self.id)}"
        return f"{self.type}{identity}{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        return param(self.params, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState:
    """The state of a subscription as a NOTIFY tells it.  ``expires`` and ``retry_after`` are seconds.

    ``state`` and ``reason`` are lower case.  A number that cannot be read counts as absent.
    """

    state: str
    expires: int | None = None
    reason: str | None = None
    retry_after: int | None = None

    @classmethod
    def parse(cls, text: str) -> "SubscriptionState":
        state, semicolon, rest = text.partition(";")
        state = state.strip(LWS).lower()
        if not is_token(state):
            raise BadMessage(f"not a subscription state: {shown(text)}")
        params = parse_params(";" + rest) if semicolon else ()
        reason = param(params, "reason")
        return cls(
            state=state,
            expires=seconds(param(params, "expires")),
            reason=reason.lower() if reason else None,
            retry_after=seconds(param(params, "retry-after")),
        )

    def __str__(self) -> str:
        text = [self.state]
        if self.reason is not None:
            text.append(f";reason={self.reason}")
        if self.expires is not None:
            text.append(f";expires={self.expires}")
        if self.retry_after is not None:
            text.append(f";retry-after={self.retry_after}")
        return "".join(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaType:
    """A media type; ``type`` is ``main/sub`` in lower case."""

    type: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> "MediaType":
        kind, semicolon, rest = text.partition(";")
        main, slash, sub = kind.partition("/")
        main, sub = main.strip(LWS).lower(), sub.strip(LWS).lower()
        if not (slash and is_token(main) and is_token(sub)):
            raise BadMessage(f"not a media type: {shown(text)}")
        return cls(type=f"{main}/{sub}", params=parse_params(";" + rest) if semicolon else ())

    def __str__(self) -> str:
        return self.type + format_params(self.params)

    def param(self, name: str) -> str | None:
        return param(self.params, name)


def seconds(text: str | None) -> int | None:
    """delta-seconds, 0 to 2**32-1; None for absent, malformed or larger."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    text = text.lstrip("0") or "0"
    return number if len(text) <= 10 and (number := int(text)) <= DELTA_LIMIT else None
