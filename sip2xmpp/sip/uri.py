"""SIP and SIPS URIs: parsed for routing and comparing, written back as they came.

The user part may hold ``;``, ``?`` and ``/`` unescaped, so the ``@`` is looked for before anything else.  Escapes are
decoded only to compare and to read a parameter; what is relayed keeps its spelling.  Equivalence is not transitive
(a parameter that one side lacks is mostly ignored), so a URI is never a dictionary key by equivalence; ``==`` on the
value compares the parts as written.

Implements: RFC 3261, sections 19.1 (form, equivalence) and 25.1; RFC 5118 (IPv6 references).
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.grammar import Params, fits_uri, format_params, percent_decoded, shown

#   What the DNS can hold, with a closing dot.
MAX_HOST = 255
REMEMBERED_LENGTH = 128
#   COMPAT: an underscore in a host name, which names inside office networks have.
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
#   A URI as nearly all are, which needs no look at its parts: user, host and port, nothing behind them.
PLAIN = (
    r"sips?:[A-Za-z0-9\-_.!~*'()&=+$,%]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
    r"(?::(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
)
PLAIN_URI = re.compile(PLAIN)
#   Characters that these patterns are tried on.
PLAIN_LENGTH = 250
#   Parameters that make two URIs differ when only one of them has it (RFC 3261, section 19.1.4).
_TELLING = ("user", "ttl", "method", "maddr", "transport")


def parse_host(text: str) -> str:
    """``text`` checked to be a host name, an IPv4 address or a bracketed IPv6 address; lower case."""
    if text[:1] == "[":
        if text[-1:] != "]":
            raise BadMessage(f"an IPv6 address without its closing bracket: {shown(text)}")
        #   COMPAT: three colons before an embedded IPv4 address, from the grammar of RFC 3261 (RFC 5118, 4.10).
        text = text.replace(":::", "::")
        try:
            IPv6Address(text[1:-1])
        except AddressValueError:
            raise BadMessage(f"not an IPv6 address: {shown(text)}") from None
        if "%" in text:
            raise BadMessage(f"an IPv6 zone in a SIP address: {shown(text)}")
        return text.lower()
    if len(text) > MAX_HOST or _HOST.fullmatch(text) is None:
        raise BadMessage(f"not a host: {shown(text)}")
    return text.lower()


@lru_cache(maxsize=4096)
def parse_hostport(text: str) -> tuple[str, int | None]:
    """The host (lower case, brackets kept) and the port of ``text``; white space around the colon is allowed."""
    end = text.rfind("]") + 1 if text[:1] == "[" else 0
    colon = text.find(":", end)
    if colon < 0:
        return parse_host(text), None
    return parse_host(text[:colon].rstrip(" \t")), parse_port(text[colon + 1 :].lstrip(" \t"))


def parse_port(text: str) -> int:
    """A port number, 0 to 65535."""
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or (port := int(text)) > 65535:
        raise BadMessage(f"not a port: {shown(text)}")
    return port


@dataclass(frozen=True, slots=True, kw_only=True)
class SipUri:
    """A ``sip:`` or ``sips:`` URI.  ``user``, ``password``, ``params`` and ``headers`` keep their escapes.

    ``host`` is lower case, an IPv6 address with its brackets; ``headers`` is what follows the question mark.
    """

    scheme: str = "sip"
    user: str | None = None
    password: str | None = None
    host: str
    port: int | None = None
    params: Params = ()
    headers: str = ""

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """The URI in ``text``.  ``BadMessage``: 416 for another scheme, 400 for what is no URI."""
        return _remembered(text) if len(text) <= REMEMBERED_LENGTH else cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> "SipUri":
        scheme, colon, rest = text.partition(":")
        scheme = scheme.lower()
        if not colon or scheme not in ("sip", "sips"):
            if colon and _SCHEME.fullmatch(scheme):
                raise BadMessage(f"the URI scheme {shown(scheme)} is not supported", 416)
            raise BadMessage(f"not a URI: {shown(text)}")
        if not fits_uri(rest):
            raise BadMessage(f"a character that a URI cannot hold: {shown(text)}")
        user: str | None = None
        password: str | None = None
        userinfo, at, hostpart = rest.partition("@")
        if at:
            if "@" in hostpart:
                raise BadMessage(f"two @ signs in a URI: {shown(text)}")
            user, colon, password = userinfo.partition(":")
            if not user:
                raise BadMessage(f"a URI with an empty user part: {shown(text)}")
            if not colon:
                password = None
        else:
            hostpart = rest
        hostpart, question, headers = hostpart.partition("?")
        if question and not headers:
            raise BadMessage(f"a URI that ends in a question mark: {shown(text)}")
        hostport, semicolon, tail = hostpart.partition(";")
        host, port = parse_hostport(hostport)
        params: Params = ()
        if semicolon:
            params = tuple([_parse_param(part) for part in tail.split(";")])
        return cls(
            scheme=scheme, user=user, password=password, host=host, port=port, params=params, headers=headers
        )

    def __str__(self) -> str:
        text = [self.scheme, ":"]
        if self.user is not None:
            text.append(self.user)
            if self.password is not None:
                text += (":", self.password)
            text.append("@")
        text.append(self.host)
        if self.port is not None:
            text.append(f":{self.port}")
        text.append(format_params(self.params))
        if self.headers:
            text += ("?", self.headers)
        return "".join(text)

    def param(self, name: str) -> str | None:
        """The decoded value of the parameter ``name`` (lower case); empty for a flag, None if absent."""
        for key, value in self.params:
            if key == name or percent_decoded(key).lower() == name:
                return "" if value is None else percent_decoded(value)
        return None

    def without_params(self, *names: str) -> "SipUri":
        """This URI without the parameters ``names`` (lower case)."""
        return replace(
            self, params=tuple(pair for pair in self.params if percent_decoded(pair[0]).lower() not in names)
        )

    @property
    def is_loose(self) -> bool:
        """Whether it names a loose router (RFC 3261, section 16.12.1.1)."""
        return self.param("lr") is not None


#   The same presentities, contacts and routes come again and again.
_remembered = lru_cache(maxsize=4096)(SipUri._parse)


def _parse_param(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not name or (equals and not value):
        raise BadMessage(f"an empty URI parameter: {shown(text)}")
    return (name, value) if equals else (name, None)


def equivalent(a: SipUri, b: SipUri) -> bool:
    """Whether the two mean the same resource by RFC 3261, section 19.1.4: reflexive and symmetric, not transitive."""
    if a.scheme != b.scheme or a.port != b.port or _host_key(a.host) != _host_key(b.host):
        return False
    if _same_case(a.user) != _same_case(b.user) or _same_case(a.password) != _same_case(b.password):
        return False
    ours, theirs = _param_table(a), _param_table(b)
    for name, value in ours.items():
        if name in theirs:
            if theirs[name] != value:
                return False
        elif name in _TELLING:
            return False
    if any(name in _TELLING and name not in ours for name in theirs):
        return False
    return _header_list(a) == _header_list(b)


def _host_key(host: str) -> str:
    return str(IPv6Address(host[1:-1])) if host[0] == "[" else host


def _same_case(text: str | None) -> str | None:
    return None if text is None else percent_decoded(text)


def _param_table(uri: SipUri) -> dict[str, str | None]:
    return {
        percent_decoded(name).lower(): None if value is None else percent_decoded(value).lower()
        for name, value in reversed(uri.params)
    }


def _header_list(uri: SipUri) -> list[tuple[str, str]]:
    pairs = [pair.partition("=") for pair in uri.headers.split("&")]
    return sorted((percent_decoded(name).lower(), percent_decoded(value)) for name, _, value in pairs)
