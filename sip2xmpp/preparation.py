r"""Folding the parts of an address to the one form in which they are compared.

Local parts are folded as nodeprep does, because that is what the XMPP servers in use do; it is applied to the
unescaped text, so that ``\2F`` in a SIP user stays three characters.  What cannot be written as a JID that nodeprep
leaves alone is refused: two different addresses never fold to one by accident of escaping.  Domains are kept with
U-labels (RFC 7622) and written with A-labels toward SIP.

Implements: RFC 6122 appendix A and B (nodeprep, resourceprep); RFC 5891 and UTS 46 (IDNA); RFC 7622 section 3.2 (domainpart).
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

import idna
from twisted.words.protocols.jabber import xmpp_stringprep as tables

from sip2xmpp.errors import BadAddress
from sip2xmpp.escaping import escape_node, unescape_node

MAX_PART: Final = 1023
"""Octets that a part of a JID may have (RFC 7622, section 3.1)."""

_MAX_DOMAIN: Final = 253
_NOT_A_HOST: Final = "the domain is not a host name or an IP address"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_USUAL = re.compile(r"[a-z0-9._+-]{1,256}")
"""What is folded already, and as short as addresses mostly are."""
_ASCII_FORBIDDEN_IN_NODE = re.compile(r"""[\x00-\x20\x7f"&'/:<>@]""")
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")

_unescaped_nodeprep: Final = tables.Profile(  # type: ignore[no-untyped-call]
    mappings=[tables.B_1, tables.B_2],
    prohibiteds=[
        tables.C_12,
        tables.C_21,
        tables.C_22,
        tables.C_3,
        tables.C_4,
        tables.C_5,
        tables.C_6,
        tables.C_7,
        tables.C_8,
        tables.C_9,
    ],
)
"""Nodeprep without its ban on the ten characters that XEP-0106 escapes."""


def _prepared(profile: tables.Profile, text: str) -> str:
    try:
        return str(profile.prepare(text))  # type: ignore[no-untyped-call]
    except UnicodeError as problem:
        raise BadAddress(f"this cannot be part of a JID: {problem}") from None


def fold_local(text: str) -> str:
    """The unescaped local part ``text`` in the form used for comparison.

    Raises ``BadAddress`` for an empty or over-long result, controls, leading or trailing space, and whatever
    nodeprep refuses.
    """
    if _USUAL.fullmatch(text):
        return text
    if text.isascii():
        folded = text.lower()
        if _CONTROLS.search(folded):
            raise BadAddress("the local part contains a control character")
        node = escape_node(folded)
    else:
        folded = _prepared(_unescaped_nodeprep, text)
        node = escape_node(folded)
        if _prepared(tables.nodeprep, node) != node or _prepared(_unescaped_nodeprep, folded) != folded:
            raise BadAddress("the local part has no stable form as a JID")
    if not folded:
        raise BadAddress("the local part is empty")
    if folded[0] == " " or folded[-1] == " ":
        raise BadAddress("the local part begins or ends with a space")
    if len(node.encode()) > MAX_PART:
        raise BadAddress("the local part is too long")
    return folded


def unescape_local(node: str) -> str:
    r"""The folded, unescaped local part that the JID localpart ``node`` stands for.

    Raises ``BadAddress`` for what nodeprep refuses and for needless escapes: ``a\5cb`` and ``a\b`` are two
    accounts of an XMPP server, so only the form that ``escape_node`` writes is taken.
    """
    if node.isascii():
        folded = node.lower()
        if _ASCII_FORBIDDEN_IN_NODE.search(folded):
            raise BadAddress("the localpart of the JID contains a forbidden character")
    else:
        folded = _prepared(tables.nodeprep, node)
    text = unescape_node(folded)
    if fold_local(text) != text or escape_node(text) != folded:
        raise BadAddress("the localpart of the JID is not escaped as XEP-0106 requires")
    return text


def prepare_resource(text: str) -> str:
    """The resource of a JID as an XMPP server will have it; case is kept.

    Raises ``BadAddress`` for an empty or over-long result and for what resourceprep refuses.
    """
    if text.isascii():
        if _CONTROLS.search(text):
            raise BadAddress("the resource contains a control character")
        prepared = text
    else:
        prepared = _prepared(tables.resourceprep, text)
    if not prepared or len(prepared.encode()) > MAX_PART:
        raise BadAddress("the resource is empty or too long")
    return prepared


def fold_domain(domain: str) -> str:
    """A host name with lower-case U-labels and no trailing dot, or an IP literal.  Raises ``BadAddress``."""
    if domain.startswith("["):
        return _ip_literal(domain)
    host = domain.lower().removesuffix(".") if domain.isascii() else domain
    if len(host) > _MAX_DOMAIN:
        raise BadAddress("the domain is too long")
    if not host.isascii() or "xn--" in host:
        return _with_u_labels(host)
    if not _HOST.fullmatch(host):
        raise BadAddress(_NOT_A_HOST)
    return host


def _with_u_labels(host: str) -> str:
    try:
        mapped = idna.uts46_remap(host, std3_rules=True, transitional=False).removesuffix(".")
        unicode_form = idna.decode(idna.encode(mapped, uts46=False))
    except (UnicodeError, ValueError, IndexError):
        raise BadAddress("the domain is not a valid internationalized name") from None
    if unicode_form.isascii() and not _HOST.fullmatch(unicode_form):
        raise BadAddress(_NOT_A_HOST)
    return unicode_form


def _ip_literal(text: str) -> str:
    if text.endswith("]") and "%" not in text:
        try:
            return f"[{IPv6Address(text[1:-1])}]"
        except AddressValueError:
            pass
    raise BadAddress(_NOT_A_HOST)


def ascii_domain(domain: str) -> str:
    """A folded domain with A-labels, as SIP and DNS write it."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain).decode("ascii")
    except (UnicodeError, ValueError, IndexError):
        raise BadAddress("the domain is not a valid internationalized name") from None
