r"""How each protocol writes the characters that its own grammar forbids in the local part of an address.

XMPP writes ``\hh`` for ten ASCII characters; SIP writes ``%HH`` for every octet of UTF-8 outside ``user``.  Both
transformations are pure and reversible: undoing what was escaped gives the text back, character for character.

Implements: XEP-0106 section 4 (transformation rules); RFC 3261 section 25.1 (``user``, ``paramchar``);
RFC 7247 section 5 (which characters each side escapes).
"""

import re
from urllib.parse import quote, unquote_to_bytes

from sip2xmpp.errors import BadAddress

_ESCAPED = {
    " ": "\\20",
    '"': "\\22",
    "&": "\\26",
    "'": "\\27",
    "/": "\\2f",
    ":": "\\3a",
    "<": "\\3c",
    ">": "\\3e",
    "@": "\\40",
    "\\": "\\5c",
}
_UNESCAPED = {code: character for character, code in _ESCAPED.items()}
_CODE = re.compile(r"\\(?:2[0267f]|3[ace]|40|5c)")
_MUST_ESCAPE = re.compile(r"""[ "&'/:<>@]|\\(?=2[0267f]|3[ace]|40|5c)""")

USER_SAFE = "-_.!~*'()&=+$,;?/"
"""What may stand unescaped in a SIP user part beside letters and digits."""

PARAMETER_SAFE = "-_.!~*'()[]/:&+$"
"""What may stand unescaped in the value of a SIP URI parameter beside letters and digits."""

_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def escape_node(text: str) -> str:
    r"""The XEP-0106 form of ``text``; a backslash is escaped only where it would be read as an escape."""
    return _MUST_ESCAPE.sub(lambda match: _ESCAPED[match.group()], text)


def unescape_node(node: str) -> str:
    r"""Undo ``escape_node`` in one pass from left to right; upper-case codes such as ``\2F`` are literal."""
    if "\\" not in node:
        return node
    return _CODE.sub(lambda match: _UNESCAPED[match.group()], node)


def percent_encode(text: str, safe: str = USER_SAFE) -> str:
    """``text`` as UTF-8 with every octet but letters, digits and ``safe`` written ``%HH``.

    Raises ``BadAddress`` for what has no UTF-8 form (lone surrogates).
    """
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise BadAddress("the address contains a lone surrogate") from None


def percent_decode(text: str) -> str:
    """Undo percent-encoding.  Raises ``BadAddress`` for a broken escape or octets that are not UTF-8."""
    if "%" not in text:
        return text
    if _BROKEN_PERCENT.search(text):
        raise BadAddress("the address contains a percent sign without two hexadecimal digits")
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeError:
        raise BadAddress("the escaped octets of the address are not UTF-8") from None
