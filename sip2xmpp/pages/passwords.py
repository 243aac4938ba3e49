"""Whether a password is that of an account, asked by a stranger: in constant time, and not too often.

Wrong passwords are counted by peer and name, by peer, and by name.  A name that strangers try too often stays open to the peers
from which it was proved before: nobody can lock out a user whom he does not share an address with.  A name that nobody has,
a wrong password and a disabled account take the same time, are counted alike, and get the same answer.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.errors import BadAddress
from sip2xmpp.metering import Attempts
from sip2xmpp.store.accounts import proves
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Account

SECONDS: Final = 600.0
OF_PEER_AND_NAME: Final = 8
OF_PEER: Final = 60
OF_NAME: Final = 60
"""Wrong passwords within ``SECONDS``."""

PROVED: Final = 10_000
"""Pairs of a peer and a name that are remembered to have been proved."""


class TooOften(Exception):
    """Nothing was looked at: there were too many wrong passwords."""


class Passwords:
    """Checks them; ``domains`` are those of our users."""

    log = Logger()

    def __init__(self, store: Store, clock: IReactorTime, domains: Collection[str]) -> None:
        self._accounts = store.accounts
        self._domains = domains
        self._of_both = Attempts(clock, most=OF_PEER_AND_NAME, seconds=SECONDS)
        self._of_peer = Attempts(clock, most=OF_PEER, seconds=SECONDS)
        self._of_name = Attempts(clock, most=OF_NAME, seconds=SECONDS)
        self._proved: OrderedDict[tuple[str, Address], None] = OrderedDict()

    @property
    def domain(self) -> str:
        """A domain of our users, as an example."""
        return min(self._domains, default="")

    def named(self, written: str) -> Address | None:
        """The user that somebody means, who may leave out the domain if there is one only; None for nobody of ours."""
        name = written.strip()
        if "@" not in name and len(self._domains) == 1:
            name = f"{name.removeprefix('sip:')}@{next(iter(self._domains))}"
        try:
            address = address_from_sip(name if name.lower().startswith(("sip:", "sips:")) else f"sip:{name}")
        except BadAddress:
            return None
        return address if address.domain in self._domains and address.local else None

    def check(self, written: str, password: str, peer: str) -> Account | None:
        """The account, or None for a name or a password that is wrong.  Raises ``TooOften``."""
        return self.prove(self.named(written) or Address(written[:128], ""), password, peer)

    def prove(self, address: Address, password: str, peer: str) -> Account | None:
        """The same for somebody whose address is known."""
        if not self._is_open(peer, address):
            self.log.info(
                "page: {peer} gave too many wrong passwords for {address}", peer=peer, address=address
            )
            raise TooOften
        account = self._accounts.get(str(address))
        if not proves(account, password):
            self._of_both.count((peer, address))
            self._of_peer.count(peer)
            self._of_name.count(address)
            self.log.info("page: {peer} gave a wrong password for {address}", peer=peer, address=address)
            return None
        self._proved[peer, address] = None
        self._proved.move_to_end((peer, address))
        if len(self._proved) > PROVED:
            self._proved.popitem(last=False)
        return account

    def _is_open(self, peer: str, address: Address) -> bool:
        if not self._of_both.possible((peer, address)):
            return False
        if (peer, address) in self._proved:
            return True
        return self._of_peer.possible(peer) and self._of_name.possible(address)
