r"""Which JID stands for an address on the XMPP side, and which SIP URI on the other.

A SIP address of one of the component domains is its own JID: ``bob@sip.example.org``.  Any other one stands inside the
gateway domain: ``bob\40example.com@gw.example.org``, and likewise ``sip:juliet%40jabber.example@gw.example.org`` toward
SIP.  Both forms are understood at any time and give the same ``Address``.  Inside the gateway domain the other domain is
written with A-labels, because the rules for domains and for local parts fold some letters differently.

SIP user parts are case-sensitive and JIDs are not: the spelling first seen of an address is remembered durably, and used
whenever that address is written toward SIP again.

Implements: RFC 7247 section 5; XEP-0106 section 5 (a whole address as a localpart).
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from sip2xmpp.address import (
    CACHE_SIZE,
    CACHED_LENGTH,
    Address,
    address_from_jid,
    folded,
    user_and_domain,
)
from sip2xmpp.errors import BadAddress
from sip2xmpp.escaping import escape_node
from sip2xmpp.preparation import ascii_domain, fold_domain, fold_local
from sip2xmpp.store.interface import Table
from sip2xmpp.store.records import Spelling

MAX_SPELLINGS: Final = 100_000
"""Spellings remembered at most; beyond that addresses are written toward SIP as folded."""


class Addressing:
    """The two forms of every address, for one configuration.

    ``component_domains`` are the names of our components that stand for SIP domains; ``gateway_domain`` is the one that
    holds every other domain, or None; it may be one of the component domains.  Raises ``BadAddress`` for names that are none.
    """

    def __init__(
        self, component_domains: Collection[str], gateway_domain: str | None, spellings: Table[Spelling]
    ) -> None:
        self._direct = frozenset(fold_domain(domain) for domain in component_domains)
        self._gateway = fold_domain(gateway_domain) if gateway_domain else None
        self._ours = self._direct | ({self._gateway} if self._gateway is not None else set())
        self._spellings = spellings
        self._address_of_short_uri = lru_cache(CACHE_SIZE)(self._address_of_uri)
        self._jid_of = lru_cache(CACHE_SIZE)(self._make_jid)

    def is_ours(self, jid_domain: str) -> bool:
        """Whether this is the name of one of our components."""
        if jid_domain in self._ours:
            return True
        try:
            return fold_domain(jid_domain) in self._ours
        except BadAddress:
            return False

    def address_of_jid(self, jid: str) -> Address:
        """The address that a JID of either form names; a resource is dropped.  Raises ``BadAddress``."""
        address = address_from_jid(jid)[0]
        return self._inner(address.local) if self._encapsulates(address.local, address.domain) else address

    def address_of_uri(self, uri: str, *, default_domain: str = "", remember: bool = True) -> Address:
        """The address that a SIP URI of either form names, its spelling remembered unless told otherwise.

        Raises ``BadAddress``.
        """
        if len(uri) > CACHED_LENGTH:
            return self._address_of_uri(uri, default_domain, remember)
        return self._address_of_short_uri(uri, default_domain, remember)

    def jid_of(self, address: Address) -> str:
        """The bare JID by which Jabber users know a SIP address: direct if possible, else encapsulated.

        Raises ``BadAddress`` if neither is possible.
        """
        return self._jid_of(address)

    def uri_of(self, address: Address) -> str:
        """The ``sip:`` URI of an address, direct, in the spelling that was first seen."""
        spelling = self._spellings.get(str(address))
        return address.sip_uri(spelling.user if spelling is not None else None)

    def _inner(self, text: str) -> Address:
        """What a user part or a localpart of the gateway domain stands for."""
        inner = Address.parse(text)
        if inner.domain == self._gateway:
            raise BadAddress("the address encapsulates the gateway itself")
        if not inner.local:
            raise BadAddress("the local part of an address at the gateway must hold another whole address")
        return inner

    def _encapsulates(self, local: str, domain: str) -> bool:
        """Whether an address holds another one; at a domain that serves both forms only one with an ``@`` does."""
        return domain == self._gateway and bool(local) and ("@" in local or domain not in self._direct)

    def _address_of_uri(self, uri: str, default_domain: str, remember: bool) -> Address:
        spelling, domain = user_and_domain(uri, default_domain=default_domain)
        if self._encapsulates(spelling, domain):
            # From the spelling: folding the whole as one local part would make another domain of some.
            address = self._inner(spelling)
            spelling = spelling.rpartition("@")[0]
        else:
            address = folded(spelling, domain)
        if remember and spelling != address.local:
            self._remember(address, spelling)
        return address

    def _remember(self, address: Address, spelling: str) -> None:
        if self._spellings.get(str(address)) is None and len(self._spellings) < MAX_SPELLINGS:
            self._spellings.put(Spelling(address=address, user=spelling))

    def _make_jid(self, address: Address) -> str:
        if address.domain in self._direct and not (address.domain == self._gateway and "@" in address.local):
            return address.jid()
        if self._gateway is None:
            raise BadAddress(f"no component stands for {address.domain}, and there is no gateway domain")
        if address.domain == self._gateway or not address.local:
            raise BadAddress(f"{address} has no form inside the gateway domain")
        whole = f"{address.local}@{ascii_domain(address.domain)}"
        return f"{escape_node(fold_local(whole))}@{self._gateway}"
