"""Jabber users who registered with the gateway, and which SIP user each of them proved to be.

A registration is a stored record of a JID and one of our component domains.  Whoever gives the password of a SIP account
may act for it by commands: the password is compared with the account's digest hash, and neither kept nor logged.  Attempts
are few for each JID and for each account, and a name that is unknown is refused in the same words as a wrong password.
The registration holds a print of the hash: when the password is changed, or the account is gone, it becomes one without a SIP
account, and while the account is disabled it counts as one.

Nothing else depends on a registration: contacts are added and seen without one.

Implements: XEP-0077 section 3; XEP-0100 sections 4.1 to 4.3 and 6.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.errors import BadAddress
from sip2xmpp.metering import Attempts
from sip2xmpp.store.accounts import print_of, proves
from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.records import Account, Registrant
from sip2xmpp.xmpp.registration import Wanted
from sip2xmpp.xmpp.stanza_errors import StanzaRefused

MOST_REGISTRANTS: Final = 100_000
MOST_STRANGERS: Final = 50_000
MOST_OF_ONE: Final = 10
MOST_OF_ACCOUNT: Final = 20
"""Registrations in all, as long as one without a SIP account is taken, of one JID (at different domains of ours), and for one
SIP account."""

FAILURES: Final = 5
FAILURE_SECONDS: Final = 600.0
"""So many wrong passwords within so many seconds, from one JID or for one account, and no more are looked at."""

CHANGES: Final = 20
CHANGE_SECONDS: Final = 600.0
"""So often one JID may register and unregister."""


class Registrants:
    """The registrations.  ``admit`` gives the bare JID of a sender, or refuses; ``domains`` are those of our SIP users.

    ``joined`` and ``left`` are told of a registration that was stored and of one that was removed, ``replaced`` of one in the
    place of which the same JID registers as another SIP user, ``suspended`` of one whose account was disabled.
    """

    log = Logger()

    def __init__(
        self,
        *,
        store: Store,
        addressing: Addressing,
        clock: IReactorTime,
        admit: Callable[[str], str],
        domains: AbstractSet[str],
        is_jabber: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """``is_jabber`` says of a domain that it is known to speak XMPP."""
        self._store = store
        self._addressing = addressing
        self._clock = clock
        self._admit = admit
        self._domains = domains
        self._is_jabber = is_jabber
        self._failures = Attempts(clock, most=FAILURES, seconds=FAILURE_SECONDS)
        # apart, so that nobody makes us forget those of an account by failing with names that are none
        self._failures_of_accounts = Attempts(clock, most=FAILURES, seconds=FAILURE_SECONDS)
        self._changes = Attempts(clock, most=CHANGES, seconds=CHANGE_SECONDS)
        self.joined: Callable[[Registrant], object] = _nobody
        self.left: Callable[[Registrant], object] = _nobody
        self.replaced: Callable[[Registrant], object] = _nobody
        self.suspended: Callable[[Registrant], object] = _nobody
        self._by_account: dict[str, set[str]] = {}
        for held in tuple(store.registrants.all()):
            self._index(held)
        store.registrants.listen(self._registrant_changed)
        store.accounts.listen(self._account_changed)

    def settle(self) -> None:
        """Look at what changed while nobody was here to see it; once, when ``replaced`` is told."""
        for held in tuple(self._store.registrants.all()):
            self._examine(held)

    def get(self, jid: str, domain: str) -> Registrant | None:
        """The registration of a bare JID at a component domain."""
        return self._store.registrants.get(f"{jid} {domain}")

    def is_known(self, jid: str) -> bool:
        """Whether this bare JID is registered anywhere here."""
        return bool(self._store.registrants.select(jid))

    def sip_of(self, jid: str) -> Address | None:
        """The SIP user that this bare JID proved to be, wherever it registered."""
        proved = map(self._proved_by, self._store.registrants.select(jid))
        return next((account.address for account in proved if account is not None), None)

    def held_by(self, jid: str) -> Registrant | None:
        """A registration of this bare JID, if there is one by which it is a SIP user that one."""
        held = self._store.registrants.select(jid)
        return next((each for each in held if self._proved_by(each) is not None), next(iter(held), None))

    def twin(self, held: Registrant) -> Registrant | None:
        """Another registration by which the same JID is the same SIP user."""
        for each in self._store.registrants.select(held.jid):
            if each.key != held.key and each.sip == held.sip and self._proved_by(each) is not None:
                return each
        return None

    def _proved_by(self, held: Registrant) -> Account | None:
        account = self._store.accounts.get(held.sip) if held.sip else None
        if account is None or account.disabled or held.proof != _print(account):
            return None
        return account

    # The form

    def asked(self, sender: str, domain: str) -> str | None:
        """The SIP address that a sender is registered with, perhaps the empty string; None: it is not registered."""
        held = self.get(self._admit(sender), domain)
        return None if held is None else held.sip

    def register(self, sender: str, domain: str, wanted: Wanted) -> Deferred[str]:
        """Register, or change a registration; fires when it is stored."""
        jid = self._changing(sender)
        before = self.get(jid, domain)
        account = self._proved(jid, domain, wanted, before)
        self._check_room(jid, account, before)
        is_other = before is not None and before.sip != (str(account.address) if account is not None else "")
        made = Registrant(
            jid=jid,
            domain=domain,
            sip=str(account.address) if account is not None else "",
            proof=_print(account) if account is not None else "",
            since=self._clock.seconds() if before is None else before.since,
            added=before.added if before is not None and not is_other else (),
        )
        self._store.registrants.put(made)
        if before is not None and is_other:
            self.replaced(before)
        self.log.info(
            "{jid} registers with {domain} as {sip}", jid=jid, domain=domain, sip=made.sip or "nobody"
        )
        return self._store.committed().addCallback(lambda _: self._then(self.joined, made))

    def _check_room(self, jid: str, account: Account | None, before: Registrant | None) -> None:
        registrants = self._store.registrants
        if account is not None and (before is None or before.sip != str(account.address)):
            is_full = len(self._by_account.get(str(account.address), ())) >= MOST_OF_ACCOUNT
        else:
            is_full = before is None and len(registrants) >= MOST_STRANGERS
        if before is None and not is_full:
            is_full = len(registrants) >= MOST_REGISTRANTS or len(registrants.select(jid)) >= MOST_OF_ONE
        if is_full:
            raise StanzaRefused("resource-constraint", "There is no room for another registration")

    def remove(self, sender: str, domain: str) -> Deferred[str]:
        """Forget a registration; fires when that is stored."""
        jid = self._changing(sender)
        held = self.get(jid, domain)
        if held is None:
            raise StanzaRefused("registration-required", "You are not registered here")
        self._store.registrants.remove(held.key)
        self.log.info("{jid} is no longer registered with {domain}", jid=jid, domain=domain)
        return self._store.committed().addCallback(lambda _: self._then(self.left, held))

    # What an account proves no longer

    def _registrant_changed(self, change: Change[Registrant]) -> None:
        before = change.previous if change.kind is ChangeKind.PUT else change.record
        if before is not None and before.sip:
            keys = self._by_account.get(before.sip, set())
            keys.discard(before.key)
            if not keys:
                self._by_account.pop(before.sip, None)
        if change.kind is ChangeKind.PUT:
            self._index(change.record)

    def _index(self, held: Registrant) -> None:
        if held.sip:
            self._by_account.setdefault(held.sip, set()).add(held.key)

    def _account_changed(self, change: Change[Account]) -> None:
        for key in tuple(self._by_account.get(change.record.key, ())):
            held = self._store.registrants.get(key)
            if held is not None:
                self._examine(held)
                if change.record.disabled:
                    self.suspended(held)

    def _examine(self, held: Registrant) -> None:
        """Take the SIP account from a registration whose proof does not hold any more, and what came with it."""
        account = self._store.accounts.get(held.sip) if held.sip else None
        if held.sip and (account is None or held.proof != _print(account)):
            self.log.info("{jid} must prove again to be {sip}", jid=held.jid, sip=held.sip)
            self._store.registrants.put(replace(held, sip="", proof="", added=()))
            self.replaced(held)

    def _changing(self, sender: str) -> str:
        jid = self._admit(sender)
        if not self._changes.take(jid):
            raise StanzaRefused("resource-constraint", "Too many changes: try again later")
        return jid

    def _then(self, tell: Callable[[Registrant], object], record: Registrant) -> str:
        """Tell of it after the answer, which is empty."""
        self._clock.callLater(0, tell, record)
        return ""

    def _proved(self, jid: str, domain: str, wanted: Wanted, before: Registrant | None) -> Account | None:
        """The account that the password is that of; None if none was named."""
        if not wanted.user:
            if wanted.password:
                raise StanzaRefused("not-acceptable", "A password needs a SIP address")
            return None
        address = self._named(wanted.user, domain)
        if not wanted.password:
            if before is not None and before.sip == str(address) and self.sip_of(jid) == address:
                return self._store.accounts.get(before.sip)
            raise StanzaRefused("not-acceptable", "A SIP address needs its password")
        account = self._store.accounts.get(str(address))
        failures = self._failures if account is None else self._failures_of_accounts
        if not (self._failures.possible(jid) and failures.possible(address)):
            raise StanzaRefused("resource-constraint", "Too many wrong passwords: try again later")
        proved = proves(account, wanted.password)
        if account is None or not proved:
            self._failures.count(jid)
            failures.count(address)
            self.log.info("{jid} gave a wrong password for {address}", jid=jid, address=address)
            raise StanzaRefused("not-authorized", "No such account, or a wrong password")
        return account

    def _named(self, user: str, domain: str) -> Address:
        """The SIP user that somebody means, who may leave out the domain where it is clear."""
        written = user.removeprefix("sip:")
        if "@" not in written:
            home = domain if domain in self._domains else next(iter(self._domains), "")
            if domain not in self._domains and len(self._domains) != 1:
                raise StanzaRefused("not-acceptable", "Give the whole SIP address, as in bob@sip.example.org")
            written = f"{written}@{home}"
        try:
            address = self._addressing.address_of_uri(f"sip:{written}", remember=False)
        except BadAddress as fault:
            raise StanzaRefused("not-acceptable", str(fault)) from None
        if address.domain not in self._domains:
            raise StanzaRefused("not-acceptable", "That is not a SIP address of this gateway")
        return address

    # The prompt

    def jid_for(self, sender: str, written: str) -> str:
        """The JID for an address that somebody wrote."""
        self._admit(sender)
        scheme, colon, rest = written.partition(":")
        if colon and scheme.lower() not in ("sip", "pres", "im") and "@" not in scheme:
            raise StanzaRefused("not-acceptable", "A SIP address is needed, as in bob@example.com")
        bare = rest if colon and "@" not in scheme else written
        try:
            address = self._addressing.address_of_uri(f"sip:{bare}", remember=False)
            if not address.local:
                raise StanzaRefused(
                    "not-acceptable", "An address has a user and a domain, as in bob@example.com"
                )
            if self._is_jabber(address.domain):
                raise StanzaRefused("not-acceptable", f"{address.domain} speaks XMPP: add the address itself")
            return self._addressing.jid_of(address)
        except BadAddress as fault:
            raise StanzaRefused("jid-malformed", str(fault)) from None


def _print(account: Account) -> str:
    """What tells whether the password is still the one that was proved."""
    return print_of(account, "registrant:")


def _nobody(_: Registrant) -> None:
    pass
