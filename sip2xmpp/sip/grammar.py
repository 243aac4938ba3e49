"""The pieces of grammar that every SIP header shares: tokens, quoted strings, lists and parameters.

Text here is ``str`` decoded from UTF-8 with ``surrogateescape``, so any octet survives a round through us.  Each
function has a fast way for the text that clients really send (no quotes, no brackets) and a scanner for the rest; the
scanners never step back, so time is linear in the length of the text whatever it holds.

Implements: RFC 3261, section 25.1 (basic rules); RFC 3986, section 2.1 (percent encoding).
"""

import re
from urllib.parse import unquote_to_bytes

from sip2xmpp.errors import BadMessage

Params = tuple[tuple[str, str | None], ...]

#   A token is one or more of these: alphanum and - . ! % * _ + ` ' ~
TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
#   quoted-string = SWS DQUOTE *(qdtext / quoted-pair) DQUOTE; a quoted pair escapes anything but CR and LF
QUOTED = re.compile(r'"[^"\\]*(?:\\[^\r\n][^"\\]*)*"')
#   SP and HTAB; line ends are gone before a value is looked at
LWS = " \t"
#   Nothing here that a URI cannot hold between angle brackets; str.isprintable() is asked before, being quicker.
_UNFIT = re.compile(r'[\x00-\x20<>"\x7f]')
#   Parameter names of nearly every message, which need no look at their characters.
_USUAL_PARAMS = frozenset(
    {"tag", "branch", "rport", "received", "expires", "q", "lr", "id", "transport", "reason"}
)
_STRUCTURE = re.compile(r'["<,;]')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNSAFE = re.compile(r'(["\\])')
_FORBIDDEN = re.compile("[\r\n\0]")


def is_token(text: str) -> bool:
    """Whether ``text`` is a token: not empty, and only the characters that need no quotes."""
    return TOKEN.fullmatch(text) is not None


def quote(text: str) -> str:
    """The quoted-string whose content is ``text``."""
    return '"' + _UNSAFE.sub(r"\\\1", text) + '"'


def unquote(text: str) -> str:
    """The content of a quoted-string; other text as it is."""
    if len(text) > 1 and text[0] == '"' and text[-1] == '"':
        inner = text[1:-1]
        return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner
    return text


def percent_decoded(text: str) -> str:
    """``text`` with every ``%HH`` replaced by its octet; a ``%`` that starts no such triple stays."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def writable(value: str) -> str:
    """``value`` itself if it can stand in a header line, else ``ValueError``: it would end the line or the message."""
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError(f"a header value cannot hold CR, LF or NUL: {value[:60]!r}")
    return value


def cleaned(text: str) -> str:
    """``text`` with the characters that :func:`writable` refuses replaced by blanks, for text from elsewhere."""
    return _FORBIDDEN.sub(" ", text)


def shown(text: str) -> str:
    """``text`` cut and escaped so that it may stand in an error message, and through it in a reason phrase."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")


def quoted_end(text: str, start: int) -> int:
    """The index behind the quoted-string that starts at ``start``; ``BadMessage`` if it never ends."""
    found = QUOTED.match(text, start)
    if found is None:
        raise BadMessage(f"a quoted string does not end: {shown(text[start:])}")
    return found.end()


def split_outside(text: str, separator: str) -> list[str]:
    """``text`` cut at each ``separator`` (a comma or a semicolon) that is outside ``"..."`` and ``<...>``; trimmed."""
    if separator not in text:
        return [text.strip(LWS)]
    if '"' not in text and "<" not in text:
        return [part.strip(LWS) for part in text.split(separator)]
    parts = []
    start = at = 0
    while found := _STRUCTURE.search(text, at):
        what = found[0]
        at = found.end()
        if what == separator:
            parts.append(text[start : at - 1].strip(LWS))
            start = at
        elif what == '"':
            at = quoted_end(text, at - 1)
        elif what == "<":
            at = text.find(">", at) + 1
            if not at:
                raise BadMessage(f"an angle bracket is not closed: {shown(text)}")
    parts.append(text[start:].strip(LWS))
    return parts


def split_list(value: str) -> list[str]:
    """The elements of a comma separated header value, trimmed; none for an empty value.

    An element may be empty (``a,,b``): whether that is an error is for the element's own grammar.
    """
    value = value.strip(LWS)
    return split_outside(value, ",") if value else []


def fits_uri(text: str) -> bool:
    """Whether ``text`` has no blank, control character, quote or angle bracket."""
    if text.isprintable():
        return not (" " in text or '"' in text or "<" in text or ">" in text)
    return _UNFIT.search(text) is None


def parse_params(text: str) -> Params:
    """The parameters of ``text``, which begins with their first semicolon, values as written (quotes kept)."""
    parts = text.split(";") if '"' not in text and "<" not in text else split_outside(text, ";")
    if parts[0].strip(LWS):
        raise BadMessage(f"text where a parameter should begin: {shown(text)}")
    del parts[0]
    params: list[tuple[str, str | None]] = []
    for part in parts:
        name, equals, value = part.partition("=")
        if name not in _USUAL_PARAMS:
            name = name.strip(LWS)
            if TOKEN.fullmatch(name) is None:
                raise BadMessage(f"a parameter name is not a token: {shown(part)}")
        if equals:
            value = value.strip(LWS)
            if not value:
                raise BadMessage(f"a parameter has no value after its equals sign: {shown(part)}")
            params.append((name, value))
        else:
            params.append((name, None))
    return tuple(params)


def format_params(params: Params) -> str:
    """The text of ``params``, with the leading semicolon; empty for none."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def param(params: Params, name: str) -> str | None:
    """The value of the first parameter called ``name`` (lower case), unquoted; empty for a flag; None if absent."""
    for key, value in params:
        if key == name or key.lower() == name:
            return "" if value is None else unquote(value)
    return None


def with_param(params: Params, name: str, value: str | None) -> Params:
    """``params`` with ``name`` (lower case) set to ``value`` in the place of the first it had, or at the end."""
    for at, (key, _) in enumerate(params):
        if key == name or key.lower() == name:
            return (*params[:at], (key, value), *params[at + 1 :])
    return (*params, (name, value))


def parse_number(text: str, limit: int, what: str) -> int:
    """The decimal number ``text``, at most ``limit``; leading zeros are fine.  ``BadMessage`` otherwise."""
    if not (text.isascii() and text.isdigit()):
        raise BadMessage(f"{what} is not a number: {shown(text)}")
    text = text.lstrip("0") or "0"
    if len(text) > 10 or (number := int(text)) > limit:
        raise BadMessage(f"{what} is over {limit}: {shown(text)}")
    return number
