"""Who runs a command: an operator, a registered user, or a SIP user known by the password.

Implements: the permissions behind the ad-hoc commands (XEP-0050 section 4.4, XEP-0133 section 7).
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.registrants import Registrants
from sip2xmpp.errors import BadAddress, BadInput
from sip2xmpp.xmpp.stanza_errors import StanzaRefused


class Requesters:
    """Bare JIDs and what they are.  ``operators`` are those of the configuration, ``domains`` those of our SIP users."""

    def __init__(
        self,
        *,
        registrants: Registrants,
        operators: Collection[str],
        addressing: Addressing,
        domains: AbstractSet[str],
    ) -> None:
        self._registrants = registrants
        self.operators = frozenset(operators)
        self._addressing = addressing
        self._domains = domains

    def is_operator(self, jid: str) -> bool:
        """Whether the configuration names this JID."""
        return jid in self.operators

    def is_known(self, jid: str) -> bool:
        """Whether this JID is registered, or an operator's."""
        return jid in self.operators or self._registrants.is_known(jid)

    def is_sip_user(self, jid: str) -> bool:
        """Whether this JID has proved to be one of our SIP users."""
        return self._registrants.sip_of(jid) is not None

    def sip_user(self, jid: str) -> Address:
        """The SIP user that this JID is; ``StanzaRefused`` if it is none any more."""
        sip = self._registrants.sip_of(jid)
        if sip is None:
            raise StanzaRefused("forbidden", "Register with your SIP account first", type_="cancel")
        return sip

    def must_be_operator(self, jid: str) -> None:
        """Raises ``StanzaRefused`` for everybody else."""
        if jid not in self.operators:
            raise StanzaRefused("forbidden", type_="cancel")

    def address(self, written: str) -> Address:
        """The address that somebody wrote, in any of its forms.  Raises ``BadInput``."""
        try:
            if ":" in written.partition("@")[0]:
                address = self._addressing.address_of_uri(written, remember=False)
            else:
                address = self._addressing.address_of_jid(written)
        except BadAddress as fault:
            raise BadInput(f'"{written[:64]}" is not an address: {fault}') from None
        if not address.local:
            raise BadInput(f'"{written[:64]}" has no user')
        return address

    def own_address(self, written: str) -> Address:
        """The same, of one of our domains."""
        address = self.address(written)
        if address.domain not in self._domains:
            raise BadInput(f"{address.domain} is not a domain of ours")
        return address
