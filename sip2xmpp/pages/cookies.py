"""Cookies: those that browsers send, and those that they are told to keep.

Implements: RFC 6265bis sections 4.1 and 5.5 (the ``__Host-`` prefix), as far as a server needs it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

COOKIES: Final = 50
"""Cookies of one request that are looked at."""

SESSION: Final = "session"
STRANGER: Final = "stranger"
ZONE: Final = "zone"


def cookies_of(field: str) -> Mapping[str, str]:
    """The cookies of a request by name; of two of one name the first counts, which is that of the longer path."""
    found: dict[str, str] = {}
    for part in field.split(";")[:COOKIES]:
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return MappingProxyType(found)


def cookie_name(name: str, *, secure: bool) -> str:
    """The name of a cookie of ours: by TLS one that nobody else can have set."""
    return f"__Host-{name}" if secure else name


def cookie(name: str, value: str, *, secure: bool, seconds: int | None = None, strict: bool = False) -> str:
    """A Set-Cookie field; with 0 ``seconds`` the cookie is forgotten, with None when the browser is closed."""
    site = "Strict" if strict else "Lax"
    age = "" if seconds is None else f"; Max-Age={seconds}"
    tail = "; Secure" if secure else ""
    return f"{cookie_name(name, secure=secure)}={value}; Path=/; HttpOnly; SameSite={site}{age}{tail}"
