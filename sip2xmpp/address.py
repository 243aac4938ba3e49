r"""The identity that both protocols share: a local part at a domain.

``Address`` is what the whole program compares, stores and routes by.  It holds neither protocol's escaping: the local
part is plain text, folded as an XMPP server folds it, and the domain has U-labels.  ``address_from_sip`` and
``address_from_jid`` are the only ways in from the wire; they raise nothing but ``BadAddress`` whatever they are given,
and remember a bounded number of answers because they are asked for every packet.  Folding loses the case of a SIP user
part: ``spelling_of`` gives it as it was written, for whoever wants to remember it (``bridge.addressing``).

Implements: RFC 7247 section 5; RFC 3261 section 19.1 (SIP URI); RFC 3966 (tel); RFC 3859 and 3860 (pres, im);
RFC 7622 section 3 (JID); RFC 5627 section 4 (public GRUU <-> full JID).
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from sip2xmpp.errors import BadAddress
from sip2xmpp.escaping import (
    PARAMETER_SAFE,
    escape_node,
    percent_decode,
    percent_encode,
    unescape_node,
)
from sip2xmpp.preparation import MAX_PART, ascii_domain, fold_domain, fold_local, unescape_local

__all__ = [
    "Address",
    "address_from_jid",
    "address_from_sip",
    "escape_node",
    "percent_decode",
    "percent_encode",
    "resource_of",
    "spelling_of",
    "unescape_node",
    "user_and_domain",
]

CACHE_SIZE: Final = 32_768
"""Answers remembered for each function; a cached text has at most ``CACHED_LENGTH`` characters."""

CACHED_LENGTH: Final = 256
MAX_LENGTH: Final = 8_192
"""Characters that any form of an address may have before it is even looked at."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_USUAL = re.compile(r"sips?:([A-Za-z0-9._+-]+)@([A-Za-z0-9.-]+)")
"""A URI in which nothing is escaped and nothing follows the host."""
_USER_SCHEMES: Final = frozenset(("sip", "sips", "pres", "im"))
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::[0-9]{1,5})?")
_VISUAL_SEPARATORS = str.maketrans("", "", "-.()")
_DIGITS = re.compile(r"\+?[0-9A-Fa-f*#]+")
_RESOURCE_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """``local`` is unescaped Unicode, case-folded; ``domain`` is lower-case with U-labels, without port.

    An empty ``local`` stands for the domain itself.  The constructor trusts its arguments; ``parse`` and the two
    ``address_from_...`` functions check and fold.  Nearly everything is looked up by an address or by its text, so the
    text is made once; it tells two addresses apart because no domain holds an ``@``.
    """

    local: str
    domain: str
    _text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = f"{self.local}@{self.domain}" if self.local else self.domain
        object.__setattr__(self, "_text", text)

    def __str__(self) -> str:
        return self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Address) and self._text == other._text)

    def __lt__(self, other: "Address") -> bool:
        return (self.local, self.domain) < (other.local, other.domain)

    @staticmethod
    def parse(text: str) -> "Address":
        """The address that ``str`` writes, checked and folded: split at the last ``@``.  Raises ``BadAddress``."""
        if len(text) > CACHED_LENGTH:
            return _parse(text)
        return _parse_cached(text)

    def sip_uri(self, spelling: str | None = None, *, gr: str = "") -> str:
        """``sip:`` URI with A-labels; ``spelling`` replaces the user part, ``gr`` names an instance (a resource)."""
        user = self.local if spelling is None else spelling
        uri = f"sip:{percent_encode(user)}@" if user else "sip:"
        uri += ascii_domain(self.domain)
        return f"{uri};gr={percent_encode(gr, PARAMETER_SAFE)}" if gr else uri

    def jid(self) -> str:
        """The bare JID, with XEP-0106 escapes and U-labels."""
        return f"{escape_node(self.local)}@{self.domain}" if self.local else self.domain


def address_from_sip(uri: str, *, default_domain: str = "") -> Address:
    """The address that a ``sip:``, ``sips:``, ``pres:``, ``im:`` or ``tel:`` URI, or a bare ``user@host``, names.

    Parameters, headers, password and port are dropped.  Telephone numbers (``tel:``, ``user=phone``) lose their
    visual separators and parameters; a ``tel:`` URI needs ``default_domain``.  Raises ``BadAddress``.
    """
    if len(uri) > CACHED_LENGTH:
        return _from_sip(uri, default_domain)
    return _from_sip_cached(uri, default_domain)


def address_from_jid(jid: str) -> tuple[Address, str]:
    """The address that a JID names, XEP-0106 escapes undone, and its resource (empty: a bare JID).

    Raises ``BadAddress``.
    """
    if len(jid) > CACHED_LENGTH:
        return _from_jid(jid)
    return _from_jid_cached(jid)


def user_and_domain(uri: str, *, default_domain: str = "") -> tuple[str, str]:
    """The user part of a URI decoded but not folded, and its domain, folded.  Raises ``BadAddress``."""
    usual = _USUAL.fullmatch(uri) if len(uri) <= CACHED_LENGTH else None
    if usual is not None:
        return usual[1], _usual_domain(usual[2])
    user, host, _ = _split_sip(uri)
    return user, fold_domain(host or default_domain)


def folded(user: str, domain: str) -> Address:
    """The address of what ``user_and_domain`` gave.  Raises ``BadAddress``."""
    return Address(fold_local(user) if user else "", domain)


def spelling_of(uri: str) -> str:
    """The user part of a URI decoded but not folded; empty for a host-only URI.  Raises ``BadAddress``."""
    return _split_sip(uri)[0]


def resource_of(uri: str) -> str:
    """The ``gr`` value of a public GRUU, decoded; empty when there is none (RFC 7247, section 5.3)."""
    for name, value in _parameters(_split_sip(uri)[2]):
        if name == "gr" and value:
            resource = percent_decode(value)
            _check_resource(resource)
            return resource
    return ""


def _from_sip(uri: str, default_domain: str) -> Address:
    return folded(*user_and_domain(uri, default_domain=default_domain))


def _from_jid(jid: str) -> tuple[Address, str]:
    _check_length(jid)
    bare, slash, resource = jid.partition("/")
    if slash:
        _check_resource(resource)
    node, at, host = bare.partition("@")
    if not at:
        return Address("", fold_domain(bare)), resource
    return Address(unescape_local(node), fold_domain(host)), resource


def _parse(text: str) -> Address:
    _check_length(text)
    local, at, domain = text.rpartition("@")
    return Address(fold_local(local) if at else "", fold_domain(domain))


_usual_domain = lru_cache(maxsize=4096)(fold_domain)
_from_sip_cached = lru_cache(maxsize=CACHE_SIZE)(_from_sip)
_from_jid_cached = lru_cache(maxsize=CACHE_SIZE)(_from_jid)
_parse_cached = lru_cache(maxsize=CACHE_SIZE)(_parse)


def _split_sip(uri: str) -> tuple[str, str, str]:
    """(decoded user, host, parameters) of a URI; the host of a ``tel:`` URI is empty."""
    _check_length(uri)
    scheme, rest = "sip", uri
    match = _SCHEME.match(uri)
    if match:
        scheme, rest = match.group(1).lower(), uri[match.end() :]
        if scheme == "tel":
            return _telephone(rest), "", ""
        if scheme not in _USER_SCHEMES:
            raise BadAddress(f"the scheme {scheme[:20]} is not one of sip, sips, pres, im and tel")
    # A raw @ cannot stand in the user part, but ; ? and / can: so the @ is looked for before the rest.
    userinfo, at, rest = rest.partition("@") if "@" in rest else ("", "", rest)
    if at and not userinfo:
        raise BadAddress("the user part of the URI is empty")
    host_port, _, parameters = rest.partition("?")[0].partition(";")
    match = _HOST_PORT.fullmatch(host_port)
    if match is None or not match.group(1):
        raise BadAddress("the URI has no usable host")
    user = userinfo.partition(":")[0]
    if at and not user:
        raise BadAddress("the user part of the URI is empty")
    if user and ("user", "phone") in _parameters(parameters.lower()):
        number = _telephone_number(user)
        if number is not None:
            return number, match.group(1), parameters
    return percent_decode(user), match.group(1), parameters


def _parameters(text: str) -> list[tuple[str, str]]:
    pairs = (parameter.partition("=") for parameter in text.split(";") if parameter)
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]


def _telephone_number(subscriber: str) -> str | None:
    """The number of a ``telephone-subscriber`` without visual separators and parameters, or None if it is none."""
    number = percent_decode(subscriber.partition(";")[0]).translate(_VISUAL_SEPARATORS)
    return number if _DIGITS.fullmatch(number) else None


def _telephone(subscriber: str) -> str:
    number = _telephone_number(subscriber)
    if number is None:
        raise BadAddress("the tel: URI does not hold a telephone number")
    return number


def _check_length(text: str) -> None:
    if not text:
        raise BadAddress("the address is empty")
    if len(text) > MAX_LENGTH:
        raise BadAddress("the address is too long")


def _check_resource(resource: str) -> None:
    if not resource:
        raise BadAddress("the resource of the JID is empty")
    if _RESOURCE_FORBIDDEN.search(resource):
        raise BadAddress("the resource of the JID contains a forbidden character")
    if len(resource.encode()) > MAX_PART:
        raise BadAddress("the resource of the JID is too long")
