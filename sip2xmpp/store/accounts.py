"""Accounts and passwords: what is kept of a password, and what of it proves a user name.

A digest covers the user name as the client writes it, and clients write ``bob`` or ``bob@sip.example.org``, so both are
hashed when a password is set.  The realm of an account is its domain.
"""

from dataclasses import replace

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.store.interface import Table
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
