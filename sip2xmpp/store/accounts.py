"""Accounts and passwords: what is kept of a password, and what of it proves a user name.

A digest covers the user name as the client writes it, and clients write ``bob`` or ``bob@sip.example.org``, so both are
hashed when a password is set.  The realm of an account is its domain.

Of an account that came from another server, only one hash may be known, mostly MD5: the other ones are empty then, and prove
nobody.  A client takes one hash function of those that it is offered, and gives up when that fails; nobody knows whose client it
is before it has answered.  So a realm offers what all its accounts have (``offered_by``).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from hmac import compare_digest

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.store.interface import Change, ChangeKind, Table
from sip2xmpp.store.records import Account


def make_account(address: Address, password: str) -> Account:
    """An account whose password is ``password``; of it, only hashes are kept."""
    realm, name, full = address.domain, address.local, str(address)
    return Account(
        address=address,
        realm=realm,
        ha1_md5=ha1(Algorithm.MD5, name, realm, password),
        ha1_sha256=ha1(Algorithm.SHA256, name, realm, password),
        ha1_md5_address=ha1(Algorithm.MD5, full, realm, password),
        ha1_sha256_address=ha1(Algorithm.SHA256, full, realm, password),
    )


def with_password(account: Account, password: str) -> Account:
    """The same account with another password."""
    return replace(
        make_account(account.address, password), disabled=account.disabled, expires_at=account.expires_at
    )


def hashes_of(accounts: Table[Account], username: str, realm: str) -> tuple[str, str] | None:
    """HA1 in MD5 and SHA-256 of a user name as a client wrote it; None if nobody may log in by it."""
    local, at, domain = username.rpartition("@")
    if at and domain.lower() != realm:
        return None
    account = accounts.get(str(Address(local if at else username, realm)))
    if account is None or account.disabled or account.realm != realm:
        return None
    if not at:
        return account.ha1_md5, account.ha1_sha256
    if username != str(account.address):
        return None
    return account.ha1_md5_address, account.ha1_sha256_address


def proves(account: Account | None, password: str) -> bool:
    """Whether a password in clear is that of an account which may be used, by the best hash that is known of it."""
    usable = account if account is not None and not account.disabled else None
    md5 = usable is not None and not usable.ha1_sha256
    held = "" if usable is None else usable.ha1_md5 if md5 else usable.ha1_sha256
    address = _NOBODY if account is None else account.address
    given = ha1(Algorithm.MD5 if md5 else Algorithm.SHA256, address.local, address.domain, password)
    return compare_digest(given.encode(), held.encode()) and bool(held)


def print_of(account: Account, purpose: str) -> str:
    """What tells later whether the account has the same password still; nothing can be made of it."""
    held = account.ha1_sha256 or account.ha1_md5
    return hashlib.sha256(f"{purpose}{held}".encode()).hexdigest()[:32]


def offered_by(accounts: Table[Account]) -> Callable[[str], Sequence[Algorithm]]:
    """What a realm offers: the hash functions that every account there has, or all if there is none such.

    An account without any hash, of somebody who never logs in, does not count.
    """
    lacking: Counter[tuple[str, Algorithm]] = Counter()

    def count(account: Account, step: int) -> None:
        if account.ha1_md5 or account.ha1_sha256:
            lacking[account.realm, Algorithm.MD5] += 0 if account.ha1_md5 else step
            lacking[account.realm, Algorithm.SHA256] += 0 if account.ha1_sha256 else step

    def changed(change: Change[Account]) -> None:
        is_put = change.kind is ChangeKind.PUT
        gone = change.previous if is_put else change.record
        if gone is not None:
            count(gone, -1)
        if is_put:
            count(change.record, 1)

    for account in accounts.all():
        count(account, 1)
    accounts.listen(changed)

    def offered(realm: str) -> Sequence[Algorithm]:
        common = [each for each in _KEPT if lacking.get((realm, each), 0) <= 0]
        return common or _KEPT

    return offered


_KEPT = (Algorithm.SHA256, Algorithm.MD5)
_NOBODY = Address("", "")
