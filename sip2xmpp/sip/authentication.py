"""Who sent a request: digest as a server.

A request without usable credentials is challenged once for each algorithm, strongest first, with one new nonce.  With
credentials, what is looked at comes in an order that tells an attacker nothing.  First the nonce: one that is not ours,
not for this source or too old is answered with ``stale=true`` before any password is looked at, so it is no oracle.
Then the number of failures from this source for this name: too many, and nothing more is evaluated for a while.  Then
the response itself, where a name that nobody has costs the same as a wrong password and gets the same answer.  Last the
nonce count: what was played before is stale.

A nonce is bound to the source address, so that nobody can use up another's attempts with forged datagrams.

Implements: RFC 3261 section 22; RFC 7616 section 3.4 to 3.6; RFC 8760 section 2.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.digest import AUTH, Algorithm, Credentials, Nonces, algorithm_named
from sip2xmpp.digest import Challenge as DigestChallenge
from sip2xmpp.errors import BadInput, BadMessage
from sip2xmpp.sip.identification import DigestClient, Secret
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.uri import SipUri

__all__ = ["Challenge", "DigestClient", "DigestServer", "Rejected", "Secret", "Throttle", "Verified"]

AccountOf = Callable[[str, str], tuple[str, str] | None]
"""(user name as written, realm) -> HA1 of that name in MD5 and in SHA-256, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The sender knows the password of ``username``, a user part without domain, in ``realm``."""

    username: str
    realm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """Answer with ``status`` and ``headers``.  ``stale``: the credentials may well be right, the nonce is not."""

    status: int
    headers: tuple[tuple[str, str], ...]
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Answer with ``status`` and ``reason``; other credentials will not help now."""

    status: int
    reason: str


class Throttle:
    """Counts failures of a (source, name): ``limit`` of them within ``seconds`` of the first, then none is heard.

    At most ``size`` pairs are remembered, the oldest are forgotten first; names that begin alike for ``LONGEST_NAME``
    characters are counted as one, so that what is remembered does not grow with what a stranger writes.
    """

    LONGEST_NAME: Final = 128

    def __init__(
        self, clock: IReactorTime, *, limit: int = 10, seconds: float = 60.0, size: int = 10_000
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._seconds = seconds
        self._size = size
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def is_closed(self, source: str, name: str) -> bool:
        """Whether there were too many failures lately."""
        key = self._key(source, name)
        known = self._failures.get(key)
        if known is None:
            return False
        count, since = known
        if since + self._seconds <= self._clock.seconds():
            del self._failures[key]
            return False
        return count >= self._limit

    def failed(self, source: str, name: str) -> None:
        """One more failure."""
        key = self._key(source, name)
        count, since = self._failures.get(key, (0, self._clock.seconds()))
        if not count and len(self._failures) >= self._size:
            self._failures.popitem(last=False)
        self._failures[key] = (count + 1, since)

    def succeeded(self, source: str, name: str) -> None:
        """Forget the failures."""
        self._failures.pop(self._key(source, name), None)

    def _key(self, source: str, name: str) -> tuple[str, str]:
        return source, name[: self.LONGEST_NAME]


STORED: Final = (Algorithm.SHA256, Algorithm.MD5)
"""The algorithms of which accounts have HA1, strongest first."""

# COMPAT: baresip before 2.0 gives up on every challenge of an answer when one of them is not MD5 (measured with 1.0.0:
# "Function not implemented"), although RFC 8760 asks it to take the first that it knows.
_MD5_ONLY = re.compile(r"baresip v?[01]\.", re.IGNORECASE)
"""User-Agents that are offered MD5 alone."""


class DigestServer:
    """Checks requests.  ``realm_of`` says in which realm a request is asked for credentials.

    ``account_of`` gives the HA1 pair of a user name as the client wrote it: ``bob`` and ``bob@sip.example.org`` hash
    differently.  ``algorithms`` are those to offer, in the order of their headers, as far as ``offered`` has them for a realm.
    """

    def __init__(
        self,
        realm_of: Callable[[Request], str],
        account_of: AccountOf,
        secret: bytes,
        clock: IReactorTime,
        algorithms: Sequence[Algorithm] = STORED,
        *,
        throttle: Throttle | None = None,
        nonce_lifetime: float = 3600.0,
        offered: Callable[[str], Collection[Algorithm]] | None = None,
    ) -> None:
        if not algorithms or not set(algorithms) <= set(STORED):
            raise ValueError("accounts have hashes for MD5 and SHA-256 only")
        self._realm_of = realm_of
        self._account_of = account_of
        self._algorithms = tuple(algorithms)
        self._offered = offered
        self._nonces = Nonces(secret, clock, lifetime=nonce_lifetime)
        self._throttle = throttle or Throttle(clock)
        self._nobody = (secrets.token_hex(16), secrets.token_hex(32))

    def check(self, request: Request, *, proxy: bool = False) -> Verified | Challenge | Rejected:
        """Who sent ``request``, or how to answer it; ``proxy`` asks as a proxy does, with 407."""
        realm = self._realm_of(request)
        source = request.flow.peer.host if request.flow is not None else ""
        scope = f"{source} {realm}"
        try:
            credentials = self._credentials(request, realm, proxy=proxy)
        except BadInput as bad:
            return Rejected(status=400, reason=str(bad))
        if credentials is None:
            return self._challenge(request, realm, scope, proxy=proxy)
        if not _is_same_resource(credentials.uri, request):
            return Rejected(status=400, reason="The credentials are for another URI")
        minted = self._nonces.fresh_since(credentials.nonce, scope)
        if minted is None:
            return self._challenge(request, realm, scope, proxy=proxy, stale=True)
        if self._throttle.is_closed(source, credentials.username):
            return Rejected(status=403, reason="Too many wrong passwords, try again in a minute")
        if not self._is_right(credentials, request.method, realm):
            self._throttle.failed(source, credentials.username)
            return self._challenge(request, realm, scope, proxy=proxy)
        self._throttle.succeeded(source, credentials.username)
        if not self._nonces.accept(credentials.nonce, minted, credentials.count):
            return self._challenge(request, realm, scope, proxy=proxy, stale=True)
        local, at, _ = credentials.username.rpartition("@")
        return Verified(username=local if at else credentials.username, realm=realm)

    def _credentials(self, request: Request, realm: str, *, proxy: bool) -> Credentials | None:
        """Those for our realm in the strongest algorithm; a malformed header counts only if no other will do."""
        best: tuple[int, Credentials] | None = None
        malformed: BadInput | None = None
        for value in request.headers.all("Proxy-Authorization" if proxy else "Authorization"):
            try:
                credentials = Credentials.parse(value)
            except BadInput as bad:
                malformed = bad
                continue
            if credentials is None or credentials.realm != realm or credentials.qop not in ("", AUTH):
                continue
            named = algorithm_named(credentials.algorithm)
            if named is not None and named[0] in self._algorithms:
                rank = STORED.index(named[0])
                if best is None or rank < best[0]:
                    best = rank, credentials
        if best is None and malformed is not None:
            raise malformed
        return best and best[1]

    def _is_right(self, credentials: Credentials, method: str, realm: str) -> bool:
        named = algorithm_named(credentials.algorithm)
        assert named is not None
        local, at, domain = credentials.username.rpartition("@")
        # A name of another domain is nobody here: its HA1 would be that of a user of ours with the same local part.
        hashes = (
            None
            if at and (not local or domain.lower() != realm)
            else self._account_of(credentials.username, realm)
        )
        index = 0 if named[0] is Algorithm.MD5 else 1
        ha1 = hashes[index] if hashes is not None else ""
        right = credentials.is_right(method, ha1 or self._nobody[index])
        return right and bool(ha1)

    def _challenge(
        self, request: Request, realm: str, scope: str, *, proxy: bool, stale: bool = False
    ) -> Challenge:
        nonce = self._nonces.mint(scope)
        algorithms = self._algorithms
        if self._offered is not None:
            offered = self._offered(realm)
            algorithms = tuple(each for each in algorithms if each in offered) or algorithms
        if Algorithm.MD5 in algorithms and _MD5_ONLY.match(request.user_agent):
            algorithms = (Algorithm.MD5,)
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        return Challenge(
            status=407 if proxy else 401,
            headers=tuple(
                (
                    name,
                    str(
                        DigestChallenge(realm=realm, nonce=nonce, algorithm=a.value, qop=(AUTH,), stale=stale)
                    ),
                )
                for a in algorithms
            ),
            stale=stale,
        )


def _is_same_resource(uri: str, request: Request) -> bool:
    """Whether the URI that was hashed may mean the Request-URI.

    COMPAT: proxies on the way rewrite the host, or the user, and clients leave parameters away (RFC 3261, section
    22.4 asks for no more than "the same resource"); one of user and host has to be the same.
    """
    if uri == request.uri:
        return True
    try:
        hashed, requested = SipUri.parse(uri), request.parsed_uri
    except BadMessage:
        return False
    return hashed.host.lower() == requested.host.lower() or (
        hashed.user is not None and hashed.user == requested.user
    )
