"""Who an address is and what it can do, and the hash that stands for it in presence.

Implements: XEP-0030 section 3; XEP-0115 sections 4 and 5 (without extended forms, which this program does not send).
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.texts import quote


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Identity:
    """One identity of the Service Discovery registry; ordered as XEP-0115 orders them."""

    category: str
    type: str
    language: str = ""
    name: str = ""


def verification(identities: Iterable[Identity], features: Iterable[str]) -> str:
    """Return the ``ver`` of XEP-0115 section 5.1, by SHA-1."""
    words = [
        f"{who.category}/{who.type}/{who.language}/{who.name}"
        for who in sorted(identities, key=lambda who: (who.category, who.type, who.language))
    ]
    words += sorted(features, key=str.encode)
    text = "".join(f"{word}<" for word in words)
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


@dataclass(frozen=True)
class Capabilities:
    """A disco#info answer; ``node`` names the software for XEP-0115."""

    node: str
    identities: tuple[Identity, ...]
    features: tuple[str, ...]

    @cached_property
    def ver(self) -> str:
        """The hash of identities and features."""
        return verification(self.identities, self.features)

    @cached_property
    def element(self) -> str:
        """``<c/>``, to go into every available presence."""
        return f"<c xmlns='{ns.CAPS}' hash='sha-1' node='{quote(self.node)}' ver='{self.ver}'/>"

    @property
    def full_node(self) -> str:
        """The node that a reader of ``element`` asks for."""
        return f"{self.node}#{self.ver}"

    def info(self, node: str | None = None) -> str:
        """Return the disco#info result, for ``node`` when one was asked for."""
        asked = f" node='{quote(node)}'" if node is not None else ""
        inside = "".join(_identity(who) for who in self.identities)
        inside += "".join(f"<feature var='{quote(feature)}'/>" for feature in self.features)
        return f"<query xmlns='{ns.DISCO_INFO}'{asked}>{inside}</query>"


def _identity(who: Identity) -> str:
    language = f" xml:lang='{quote(who.language)}'" if who.language else ""
    name = f" name='{quote(who.name)}'" if who.name else ""
    return f"<identity category='{quote(who.category)}' type='{quote(who.type)}'{language}{name}/>"
