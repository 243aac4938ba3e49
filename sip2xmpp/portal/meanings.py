"""Who is meant by a URI or an address in a contact list, and in which world that one lives, without asking DNS."""

from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.documents.xml import clean
from sip2xmpp.errors import BadAddress
from sip2xmpp.portal.problems import Problem
from sip2xmpp.presence.directory import Directory, Leg
from sip2xmpp.xcap.contact_list import Means

UNKNOWN: Final = "unknown"
"""The world of a domain that nobody has asked for yet, or that is in none."""

_SIP_SCHEMES: Final = ("sip:", "sips:", "pres:", "im:", "tel:")
_JABBER_SCHEME: Final = "xmpp:"


class Meanings:
    """What the configuration, and what is remembered of domains, say about contacts."""

    def __init__(self, addressing: Addressing, directory: Directory) -> None:
        self._addressing = addressing
        self._directory = directory

    def told(self, uri: str) -> dict[str, Any]:
        """Who is meant by a URI in words of JSON: ``address``, null for nobody, and ``world``: own, sip, xmpp or unknown."""
        address = self.address(uri)
        return {"address": None if address is None else str(address), "world": self._world(address)}

    def means(self, named: str) -> Means:
        """Whether a URI of the list is the one that is named, or means the same address."""
        meant = self.address(named)
        if meant is None:
            return lambda uri: uri == named
        return lambda uri: uri == named or self.address(uri) == meant

    def uri(self, named: str) -> str:
        """How somebody is written in a list who was named by a URI or an address.  Raises ``Problem``."""
        if clean(named) != named or named.split() != [named]:
            raise Problem(422, "there are characters in the contact that a URI cannot have")
        if _has_scheme(named) == "tel:" and len(named) > len("tel:"):
            return named
        address = self.address(named)
        if address is None or not address.local:
            raise Problem(422, f"{named[:100]} is neither an address, as in juliet@jabber.example, nor a URI")
        return named if _has_scheme(named) else self._addressing.uri_of(address)

    def address(self, named: str) -> Address | None:
        """Who is meant by a URI or an address; None for nobody."""
        scheme = _has_scheme(named)
        try:
            if scheme == _JABBER_SCHEME:
                return self._addressing.address_of_jid(named[len(scheme) :].partition("?")[0])
            if scheme:
                return self._addressing.address_of_uri(named, remember=False)
            return Address.parse(named)
        except BadAddress:
            return None

    def _world(self, address: Address | None) -> str:
        if address is None:
            return UNKNOWN
        finding = self._directory.find(address.domain, Leg.SIP)
        return UNKNOWN if finding is None or finding.leg is None else finding.leg.value


def _has_scheme(named: str) -> str:
    lower = named[:8].lower()
    return next((each for each in (*_SIP_SCHEMES, _JABBER_SCHEME) if lower.startswith(each)), "")
