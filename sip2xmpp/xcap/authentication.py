"""Who sends an HTTP request: a user who proves it by digest, or a program that has a token.

A request without usable credentials is challenged once for each algorithm, in the operator's order and with one new nonce that is
bound to realm and peer.  With credentials, what is looked at comes in an order that tells an attacker nothing: whether they are
for this very target, whether the nonce is ours and fresh, whether there were too many wrong passwords, and only then the response,
where a name that nobody has costs the same as a wrong password and gets the same answer.  Last comes the nonce count: what was
played before is stale.

Wrong passwords are counted by peer and name, by peer, and by name.  A name that strangers try too often is open to the peers only
from which it was proved before, and a peer that tries too many names only to the names that it has proved: nobody can lock out a
user whom he does not share an address with, and who does has to try that very name.

Basic sends the password itself: it is neither offered nor looked at but where a proxy that is trusted says that TLS was spoken.

Implements: RFC 7616 sections 3.3 to 3.6; RFC 7617; RFC 6585 section 4 (429); RFC 4825 section 8.1.
"""

import re
import secrets
from base64 import b64decode
from binascii import Error as BinasciiError
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, NoReturn, Protocol
from urllib.parse import unquote, urlsplit

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.digest import AUTH, Algorithm, Challenge, Credentials, Nonces, algorithm_named, ha1, quoted
from sip2xmpp.errors import BadInput, Refused
from sip2xmpp.metering import Attempts

MINUTE: Final = 60.0
OF_PEER_AND_NAME: Final = 30
"""Wrong passwords for one name from one peer in a minute; a client made of Python's urllib tries each five times."""
OF_PEER: Final = 120
"""Wrong passwords from one peer in a minute, before it is closed to names that were not proved from it."""
OF_NAME: Final = 200
"""Wrong passwords for one name in a minute, before it is closed to peers that it was not proved from."""
PROVED: Final = 10_000
"""Pairs of a peer and a name that are remembered to have been proved."""
LONGEST_NAME: Final = 128
"""Characters of a user name by which it is counted."""

_BASIC: Final = re.compile(r"basic[ \t]+([A-Za-z0-9+/=_-]{1,4000})[ \t]*", re.IGNORECASE)
_ESCAPED: Final = re.compile("%(?!2[56Ff]|3[Ff]|7[Ee])[0-9A-Fa-f]{2}")

AccountOf = Callable[[str, str], tuple[str, str] | None]
"""(user name as written, realm) -> HA1 of that name in MD5 and in SHA-256, or None."""


class Unproved(Refused):
    """Nobody knows yet who asks: what to answer."""

    def __init__(self, why: str, *, status: int = 401, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(why)
        self.status = status
        self.headers = tuple(headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What of a request tells who sent it, octets as characters.  ``authorization`` is None without the field; ``target`` is as on the wire."""

    method: str
    target: str
    authorization: str | None
    peer: str
    is_encrypted: bool = False


class Caller(Protocol):
    """Who sent a request."""

    @property
    def name(self) -> str:
        """As the log calls it."""

    @property
    def address(self) -> Address | None:
        """The user; None: a program."""

    @property
    def is_metered(self) -> bool:
        """Whether the work for it is counted."""

    def may_write(self, owner: Address | None) -> bool:
        """Whether documents of this user, or with None of the global tree, are in its hands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who knows the password of an account."""

    address: Address
    is_metered: bool = True

    @property
    def name(self) -> str:
        return str(self.address)

    def may_write(self, owner: Address | None) -> bool:
        """What is the user's own."""
        return owner == self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Anybody:
    """Whoever asks where nothing has to be proved: each user's documents are in everybody's hands, the global tree is not."""

    name: str = "anybody"
    address: Address | None = None
    is_metered: bool = True

    def may_write(self, owner: Address | None) -> bool:
        """What belongs to users."""
        return owner is not None


Programs = Callable[[str, str], Caller]
"""(Authorization field of scheme Bearer, peer) -> the program; raises ``Unproved``."""


class Authentication(Protocol):
    """Finds out who asks."""

    def caller(self, asking: Asking, realm: str) -> Caller:
        """Who sent a request for something in a realm; raises ``Unproved``."""


class NoAuthentication:
    """Users prove nothing; programs still have tokens."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def caller(self, asking: Asking, realm: str) -> Caller:  # noqa: ARG002 - as in Authentication
        """The program of a token, or anybody."""
        if _scheme(asking.authorization) == "bearer":
            return self._programs(asking.authorization or "", asking.peer)
        return Anybody()


class HttpDigest:
    """Digest as a server; ``realms`` are our domains.

    ``algorithms`` are offered in this order, as far as ``offered`` has them for a realm.
    """

    def __init__(
        self,
        account_of: AccountOf,
        programs: Programs,
        *,
        secret: bytes,
        clock: IReactorTime,
        realms: AbstractSet[str],
        algorithms: Sequence[Algorithm] = (Algorithm.MD5, Algorithm.SHA256),
        offered: Callable[[str], Collection[Algorithm]] | None = None,
    ) -> None:
        self._account_of = account_of
        self._programs = programs
        self._realms = realms
        self._algorithms = tuple(algorithms)
        self._offered = offered
        self._nonces = Nonces(secret, clock)
        self._wrong = Attempts(clock, most=OF_PEER_AND_NAME, seconds=MINUTE)
        self._wrong_peer = Attempts(clock, most=OF_PEER, seconds=MINUTE)
        self._wrong_name = Attempts(clock, most=OF_NAME, seconds=MINUTE)
        self._proved: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._nobody = (secrets.token_hex(16), secrets.token_hex(32))

    def caller(self, asking: Asking, realm: str) -> Caller:
        """Who sent a request; raises ``Unproved`` with what to answer."""
        field = asking.authorization
        scheme = _scheme(field)
        if field is None or scheme not in ("digest", "bearer", "basic"):
            self._challenge(asking, realm, "who asks?")
        if scheme == "bearer":
            return self._programs(field, asking.peer)
        if scheme == "basic":
            return self._by_basic(asking, field, realm)
        if '"' in asking.target:
            # COMPAT: Python's urllib, of which python-xcaplib is made, quotes the target without escaping the quotes in it.
            field = field.replace(f'uri="{asking.target}"', f"uri={quoted(asking.target)}", 1)
        try:
            # What is hashed are octets, in UTF-8 as everybody writes names today.
            credentials = Credentials.parse(field.encode("latin-1").decode("utf-8", "surrogateescape"))
        except BadInput as bad:
            raise Unproved(str(bad), status=400) from None
        assert credentials is not None
        return self._by_digest(asking, credentials, realm)

    def _by_digest(self, asking: Asking, credentials: Credentials, realm: str) -> User:
        named = algorithm_named(credentials.algorithm)
        if (
            credentials.realm not in self._realms
            or credentials.qop not in ("", AUTH)
            or named is None
            or named[0] not in self._algorithms
        ):
            self._challenge(asking, realm, "these credentials are of another realm or kind")
        realm = credentials.realm
        if not is_same_target(credentials.uri, asking.target):
            raise Unproved("the credentials are for another URI", status=400)
        minted = self._nonces.fresh_since(credentials.nonce, _scope(asking, realm))
        if minted is None:
            self._challenge(asking, realm, "the nonce is too old", stale=True)
        key = self._checked(asking, credentials.username, realm)
        index = 0 if named[0] is Algorithm.MD5 else 1
        known = self._hash_of(credentials.username, realm, index)
        if not credentials.is_right(asking.method, known or self._nobody[index]) or not known:
            self._failed(asking, key)
            self._challenge(asking, realm, "wrong user name or password")
        self._succeeded(asking, key)
        if not self._nonces.accept(credentials.nonce, minted, credentials.count):
            self._challenge(asking, realm, "the nonce was used", stale=True)
        return _user(credentials.username, realm)

    def _by_basic(self, asking: Asking, field: str, realm: str) -> User:
        match = _BASIC.fullmatch(field)
        if not asking.is_encrypted or match is None:
            self._challenge(asking, realm, "a password is not sent in the clear")
        try:
            username, _, password = b64decode(match[1], altchars=b"-_").decode("utf-8").partition(":")
        except (BinasciiError, UnicodeDecodeError):
            self._challenge(asking, realm, "these credentials cannot be read")
        domain = username.rpartition("@")[2] if "@" in username else realm
        if domain in self._realms:
            # COMPAT: a client that gives the whole address means its own realm, whatever is asked for.
            realm = domain
        key = self._checked(asking, username, realm)
        known = self._hash_of(username, realm, 1)
        algorithm = Algorithm.SHA256
        if not known and (weaker := self._hash_of(username, realm, 0)):
            known, algorithm = weaker, Algorithm.MD5
        given = ha1(algorithm, username, realm, password)
        if not compare_digest(given, known or self._nobody[1]) or not known:
            self._failed(asking, key)
            self._challenge(asking, realm, "wrong user name or password")
        self._succeeded(asking, key)
        return _user(username, realm)

    def _hash_of(self, username: str, realm: str, index: int) -> str:
        """HA1 of a user name as written; empty if nobody has it."""
        local, at, domain = username.rpartition("@")
        # A name of another domain is nobody here: its HA1 would be that of a user of ours with the same local part.
        if at and (not local or domain.lower() != realm):
            return ""
        hashes = self._account_of(username, realm)
        return "" if hashes is None else hashes[index]

    # Who tries too often

    def _checked(self, asking: Asking, username: str, realm: str) -> str:
        """The name that a password is tried for, if there were not too many wrong ones."""
        local = username.rpartition("@")[0] or username
        key = f"{local[:LONGEST_NAME]}@{realm}"
        pair = asking.peer, key
        if not (
            self._wrong.possible(pair) and (self._wrong_peer.possible(asking.peer) or pair in self._proved)
        ):
            self._wait("too many wrong passwords from this address")
        if not self._wrong_name.possible(key) and pair not in self._proved:
            self._wait("too many wrong passwords for this user")
        return key

    @staticmethod
    def _wait(why: str) -> NoReturn:
        raise Unproved(why, status=429, headers=[("Retry-After", str(int(MINUTE)))])

    def _failed(self, asking: Asking, key: str) -> None:
        self._wrong.count((asking.peer, key))
        self._wrong_peer.count(asking.peer)
        self._wrong_name.count(key)

    def _succeeded(self, asking: Asking, key: str) -> None:
        proved = (asking.peer, key)
        self._proved[proved] = None
        self._proved.move_to_end(proved)
        if len(self._proved) > PROVED:
            self._proved.popitem(last=False)

    # What is asked for

    def _for(self, realm: str) -> Sequence[Algorithm]:
        """The hash functions to offer in a realm, always those that the operator chose."""
        if self._offered is None:
            return self._algorithms
        offered = self._offered(realm)
        return [each for each in self._algorithms if each in offered] or self._algorithms

    def _challenge(self, asking: Asking, realm: str, why: str, *, stale: bool = False) -> NoReturn:
        nonce = self._nonces.mint(_scope(asking, realm))
        offers = [
            str(Challenge(realm=realm, nonce=nonce, algorithm=each.value, qop=(AUTH,), stale=stale))
            for each in self._for(realm)
        ]
        if asking.is_encrypted:
            offers.append(f'Basic realm="{realm}", charset="UTF-8"')
        raise Unproved(why, headers=[("WWW-Authenticate", offer) for offer in offers])


def is_same_target(hashed: str, target: str) -> bool:
    """Whether the URI that was hashed is that of the request.

    COMPAT: some clients hash the absolute URI, and some what they escape otherwise when they send it.
    """
    if hashed == target:
        return True
    try:
        split = urlsplit(hashed)
    except ValueError:
        return False
    if split.scheme in ("http", "https"):
        hashed = split.path + (f"?{split.query}" if split.query else "")
    return _plain(hashed.encode("utf-8", "surrogateescape").decode("latin-1")) == _plain(target)


def _plain(target: str) -> str:
    """A target with nothing escaped but what would mean something else if it were not."""
    return _ESCAPED.sub(lambda match: unquote(match[0], "latin-1"), target)


def _scope(asking: Asking, realm: str) -> str:
    return f"http {asking.peer} {realm}"


def _scheme(field: str | None) -> str:
    return (field or "").strip().partition(" ")[0].lower()


def _user(username: str, realm: str) -> User:
    return User(address=Address(username.rpartition("@")[0] or username, realm))
