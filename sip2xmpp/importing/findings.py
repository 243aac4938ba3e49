"""Rows of another server as records of ours, each on its own; what cannot be one says why.

Of a password in clear all hashes are made.  Of a hash it is known of which name and realm it was made, so an account that
has no more than that keeps its name and domain as they are: a hash that nobody's client will ever compute lets nobody in.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.digest import Algorithm, ha1
from sip2xmpp.errors import BadAddress, BadInput
from sip2xmpp.importing.dumps import Row, Value
from sip2xmpp.importing.systems import System, WatcherStatus
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.records import Account

USERS: Final = "subscriber"
DOCUMENTS: Final = "xcap"
WATCHERS: Final = "watchers"
TABLES: Final = (USERS, DOCUMENTS, WATCHERS)

_MD5: Final = re.compile("[0-9a-f]{32}")
_SHA256: Final = re.compile("[0-9a-f]{64}")
_BYTEA: Final = re.compile(r"\\x((?:[0-9A-Fa-f]{2})*)")
_PRESENCE: Final = "presence"
_LAST: Final = 253_402_300_799.0
"""The last second of the year 9999: a watcher of later, or of before 1970, came at no known time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """An account.  ``note`` is what is odd about it, although it is taken."""

    account: Account
    place: str
    note: str = ""

    @property
    def about(self) -> str:
        return str(self.account.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDocument:
    """A document of a user's tree, not looked into."""

    owner: Address
    auid: str
    name: str
    octets: bytes
    place: str

    @property
    def about(self) -> str:
        return f"{self.owner} {self.auid}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundWatcher:
    """Somebody who watched; ``since`` is Unix time."""

    presentity: Address
    watcher: Address
    status: WatcherStatus
    reason: str
    since: float
    place: str

    @property
    def about(self) -> str:
        return f"{self.presentity} {self.watcher}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What cannot be kept: ``kind`` is that of a table of ours."""

    kind: str
    about: str
    reason: str
    place: str


Found = FoundUser | FoundDocument | FoundWatcher | Dropped


class _CannotBeKept(Exception):
    """Why a row is nothing for us."""


@dataclass(slots=True)
class Findings:
    """What rows of ``system`` are; ``domain`` is that of rows which name none, ``domains`` are ours."""

    system: System
    domains: Iterable[str]
    domain: str = ""

    def of(self, rows: Iterable[Row]) -> Iterator[Found]:
        """What each row is; rows without any meaning for presence are nothing."""
        kinds: Mapping[str, tuple[str, Callable[[Row], Found | None]]] = {
            USERS: ("user", self._user),
            DOCUMENTS: ("document", self._document),
            WATCHERS: ("watcher", self._watcher),
        }
        for row in rows:
            kind, find = kinds[row.table]
            try:
                found = find(row)
            except (_CannotBeKept, BadInput) as why:
                yield Dropped(kind=kind, about=self._named(row), reason=str(why), place=row.place)
                continue
            if found is not None:
                yield found

    # Users

    def _user(self, row: Row) -> FoundUser:
        name, domain = _text(row, "username"), self._domain(row)
        address = self._own(f"{name}@{domain}")
        if ":" in address.local:
            raise _CannotBeKept("digest has no user names with a colon")
        md5, sha256 = _hash(row, "ha1", _MD5), _hash(row, "ha1_sha256", _SHA256) or _hash(row, "ha1", _SHA256)
        password = _text(row, "password")
        note = ""
        if password:
            made = ha1(Algorithm.MD5, name, domain, password)
            if (
                (not md5 and not sha256)
                or md5 == made
                or sha256 == ha1(Algorithm.SHA256, name, domain, password)
            ):
                return FoundUser(account=make_account(address, password), place=row.place)
            note = "the password in clear is another one than that of the hash, which is taken"
        if not md5 and not sha256:
            raise _CannotBeKept("there is neither a password nor a hash that is known here")
        if (name, domain) != (address.local, address.domain):
            raise _CannotBeKept(
                f"the hash was made for {name}@{domain}, whose name here is {address}: a new password is needed"
            )
        account = Account(
            address=address,
            realm=address.domain,
            ha1_md5=md5,
            ha1_sha256=sha256,
            ha1_md5_address=_hash(row, "ha1b", _MD5),
        )
        return FoundUser(account=account, place=row.place, note=note)

    # Documents

    def _document(self, row: Row) -> FoundDocument:
        owner = self._own(f"{_text(row, 'username')}@{self._domain(row)}")
        number, place = _text(row, "doc_type"), _text(row, "doc_uri")
        auid, name = self.system.usages.get(number, ""), place
        if self.system.has_paths:
            before, tree, after = unquote(place).partition("/users/")
            if not tree:
                raise _CannotBeKept(f"{place} is not a document of a user")
            auid = before.rpartition("/")[2]
            name = after.partition("/")[2]
        if not auid:
            raise _CannotBeKept(f"no application usage has the number {number}")
        return FoundDocument(owner=owner, auid=auid, name=name, octets=_octets(row, "doc"), place=row.place)

    # Watchers

    def _watcher(self, row: Row) -> FoundWatcher | None:
        if (_text(row, "event") or _PRESENCE) != _PRESENCE:
            return None
        presentity = self._checked(address_from_sip(_text(row, "presentity_uri")))
        watcher = address_from_sip(f"sip:{_text(row, 'watcher_username')}@{_text(row, 'watcher_domain')}")
        try:
            status = WatcherStatus(_text(row, "status"))
            since = float(_text(row, "inserted_time") or 0)
        except ValueError:
            raise _CannotBeKept("its state is not one that is known here") from None
        return FoundWatcher(
            presentity=presentity,
            watcher=watcher,
            status=status,
            reason=_text(row, "reason"),
            since=since if 0 <= since <= _LAST else 0.0,
            place=row.place,
        )

    # All of them

    def _domain(self, row: Row) -> str:
        domain = _text(row, "domain") or self.domain
        if not domain:
            raise _CannotBeKept("it has no domain; say which by --domain")
        return domain

    def _own(self, text: str) -> Address:
        try:
            return self._checked(Address.parse(text))
        except BadAddress as bad:
            raise _CannotBeKept(f"no address: {bad}") from None

    def _checked(self, address: Address) -> Address:
        if not address.local:
            raise _CannotBeKept("it has no name")
        if address.domain not in self.domains:
            raise _CannotBeKept(f"{address.domain} is not in sip.domains")
        return address

    def _named(self, row: Row) -> str:
        """What a row is about, as far as it can be told."""
        if row.table == WATCHERS:
            who = f"{_text(row, 'watcher_username')}@{_text(row, 'watcher_domain')}"
            return f"{_text(row, 'presentity_uri').removeprefix('sip:')} {who}"
        name = f"{_text(row, 'username')}@{_text(row, 'domain') or self.domain}"
        return f"{name} {_text(row, 'doc_uri')}" if row.table == DOCUMENTS else name


def _text(row: Row, column: str) -> str:
    """A column as text; empty where it is null or there is none."""
    value = row.values.get(column)
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value or ""


def _hash(row: Row, column: str, form: re.Pattern[str]) -> str:
    found = _text(row, column).strip().lower()
    return found if form.fullmatch(found) else ""


def _octets(row: Row, column: str) -> bytes:
    """A column as octets; PostgreSQL writes those as hexadecimal digits."""
    value: Value = row.values.get(column)
    if isinstance(value, bytes):
        return value
    text = value or ""
    digits = _BYTEA.fullmatch(text)
    return bytes.fromhex(digits[1]) if digits else text.encode("utf-8", "surrogateescape")
