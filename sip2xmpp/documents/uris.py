"""URIs as documents hold them: written in the characters RFC 3986 allows, whatever a peer put there."""

import re

_LEGAL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
_ILLEGAL = re.compile(r"[^A-Za-z0-9._~:/?#@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})")
_USUAL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?@!$'()*+,;=-]+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^#]+(?:#[^#]*)?")
_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\]")


def legal_uri(value: str) -> str:
    """The URI with every character that may not stand in one percent-encoded; stable when done twice."""
    if _USUAL.fullmatch(value) is not None:
        return value
    value = value.strip()
    if _LEGAL.fullmatch(value) and "%" not in value and "[" not in value and "]" not in value:
        return value
    host = _BRACKETS.search(value)
    if host is None:
        return _ILLEGAL.sub(_encode, value)
    return _ILLEGAL.sub(_encode, value[: host.start()]) + host[0] + _ILLEGAL.sub(_encode, value[host.end() :])


def absolute_uri(value: str) -> str | None:
    """The URI in legal characters, or None when it has no scheme and could mean anything."""
    if _USUAL.fullmatch(value) is not None:
        return value
    value = legal_uri(value)
    return value if _ABSOLUTE.fullmatch(value) else None


def address_of_record(uri: str) -> str:
    """``user@host`` of a URI as written, without scheme, password, port, parameters and headers; for comparison."""
    scheme, colon, rest = uri.partition(":")
    if not colon or "@" in scheme:
        rest = uri
    user, at, host = rest.rpartition("@")
    for mark in ";?>/":
        host = host.partition(mark)[0]
    host = (host[: host.find("]") + 1] if host[:1] == "[" else host.partition(":")[0]).lower()
    return f"{user.partition(':')[0].partition(';')[0]}@{host}" if at else host


def parameter(uri: str, name: str) -> str | None:
    """The value of a URI parameter as written, or None."""
    if ";" not in uri:
        return None
    host = uri.rpartition("@")[2].partition("?")[0]
    for part in host.split(";")[1:]:
        key, equals, value = part.partition("=")
        if equals and key.strip().lower() == name:
            return value.strip() or None
    return None


def _encode(match: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in match[0].encode("utf-8", "replace"))
