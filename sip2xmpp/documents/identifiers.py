"""Identifiers inside documents: ``xs:ID`` values, which are names, and unique in the whole document.

Implements: RFC 3863 section 4.1.2 (tuple id); RFC 8048 section 6.1 (resource <-> tuple id).
"""

import re
from collections.abc import Container
from hashlib import sha1

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


def is_legal_id(text: str) -> bool:
    """Whether the text can stand as an ``xs:ID`` (ASCII names only, which every client takes)."""
    return (text.isascii() and text.isidentifier()) or _NAME.fullmatch(text) is not None


def digest_id(text: str) -> str:
    """A stable id that says nothing about the text it stands for."""
    return "IDx-" + sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:16]


def id_of_resource(resource: str) -> str:
    """The tuple id of an XMPP resource: ``ID-`` before it, or a hash where that is no name."""
    return f"ID-{resource}" if _PLAIN.fullmatch(resource) else digest_id(resource)


def legal_id(text: str) -> str:
    """The text itself where it is a legal id, else the nearest stable one."""
    return text if is_legal_id(text) else id_of_resource(text)


def fresh_id(wanted: str, taken: Container[str]) -> str:
    """``wanted``, or ``wanted-2``, ``wanted-3`` ... when it is taken."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"
