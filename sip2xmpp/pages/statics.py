"""The files that pages consist of beside their text: style, script, pictures.  They are read once, and asked for by their hash."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

MEDIA: Final = MappingProxyType(
    {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
)
KEPT: Final = 31_536_000
"""Seconds that a browser may keep what it asked for by its hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """One file; ``url`` changes with what is in it."""

    name: str
    media: str
    octets: bytes
    digest: str

    @property
    def url(self) -> str:
        return f"/static/{self.name}?{self.digest}"


def load_statics() -> Mapping[str, Static]:
    """All files by name."""
    found = {}
    for each in files("sip2xmpp.pages").joinpath("static").iterdir():
        media = MEDIA.get(each.name.rpartition(".")[2])
        if media is not None and re.fullmatch(r"[a-z0-9.-]+", each.name):
            octets = each.read_bytes()
            digest = hashlib.sha256(octets).hexdigest()[:16]
            found[each.name] = Static(name=each.name, media=media, octets=octets, digest=digest)
    return MappingProxyType(found)
