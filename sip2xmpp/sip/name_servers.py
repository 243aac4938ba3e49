"""Asking name servers, of which some may be dead.

Each server has its own ``twisted.names`` resolver, so that which one to ask, and for how long, is decided here: a
server that did not answer is passed over for half a minute while another one lives, and no question takes longer than
a few seconds whatever happens.  The system's own servers and host names come from ``resolv.conf`` and ``hosts``, read
again when they change.

Implements: RFC 1035 sections 4.2.2 (truncated answers come by TCP) and 7.2; RFC 1034 section 3.6.2 (aliases).
"""

import ipaddress
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.names import client, dns
from twisted.names.error import AuthoritativeDomainError, DNSNameError, DomainError, ResolverError

from sip2xmpp.sip.dns import AddressRecord, Answer, CachingDns, DnsFailed, Kind, Naptr, Record, Srv
from sip2xmpp.sip.flow import HostPort

__all__ = ["HostsFile", "NameServers", "open_dns", "parse_hosts", "parse_resolv_conf"]

ROUNDS: Final = (1.0, 2.0)
"""Seconds that a server may take, the first time it is asked and the second."""
DEADLINE: Final = 6.0
"""Seconds after which a question has failed, however many servers there are."""
DEAD: Final = 30.0
"""Seconds that a server which did not answer is passed over."""
NEGATIVE: Final = 60
"""Seconds that the absence of a name holds when its zone does not say (RFC 2308, section 5)."""
MOST_NEGATIVE: Final = 900
ALIASES: Final = 8
LONGEST_ALIAS: Final = 86_400
LOOK_AGAIN: Final = 60.0
"""Seconds between looks whether a file of the system has changed."""

_TYPES: Final = {Kind.NAPTR: dns.NAPTR, Kind.SRV: dns.SRV, Kind.A: dns.A, Kind.AAAA: dns.AAAA}

Reply = tuple[Sequence[Any], Sequence[Any], Sequence[Any]]


class Resolver(Protocol):
    """The one method of ``twisted.names.client.Resolver`` that is used."""

    def query(self, query: dns.Query, timeout: Sequence[float] | None = None) -> "defer.Deferred[Any]":
        """The answer, authority and additional records."""


@dataclass(slots=True)
class _Server:
    place: HostPort
    resolver: Resolver
    dead_until: float = 0.0


class NameServers:
    """The servers at ``servers``, or those that the file ``resolv_conf`` names.

    ``resolver`` makes what asks one of them; tests have their own.
    """

    log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        servers: Sequence[HostPort] = (),
        *,
        resolver: Callable[[HostPort], Resolver] | None = None,
        resolv_conf: Path = Path("/etc/resolv.conf"),
    ) -> None:
        self._reactor = reactor
        self._make = resolver or self._twisted_resolver
        self._file = None if servers else _WatchedFile(resolv_conf)
        self._servers = [_Server(place, self._make(place)) for place in servers]

    async def ask(self, name: str, kind: Kind) -> Answer:
        """The records of ``name``, aliases followed; raises DnsFailed within ``DEADLINE``."""
        ttl = LONGEST_ALIAS
        for _ in range(ALIASES):
            reply = await self._reply(name, kind)
            found = _records(reply[0], kind)
            aliases = [header for header in reply[0] if header.type == dns.CNAME]
            ttl = min([ttl, *(header.ttl for header in aliases)])
            if found:
                return Answer(records=tuple(found), ttl=min([ttl, *(record.ttl for record in found)]))
            if not aliases:
                return Answer(records=(), ttl=min(ttl, _negative_ttl(reply[1])))
            name = _last_alias(name, aliases)
        raise DnsFailed(f"too many aliases at {name}")

    async def _reply(self, name: str, kind: Kind) -> Reply:
        """What the first server that can answer says; no name is an empty reply."""
        deadline = self._reactor.seconds() + DEADLINE
        query = dns.Query(name.encode("ascii", "replace"), _TYPES[kind], dns.IN)
        why = "there are no name servers"
        for patience in ROUNDS:
            for server in self._live():
                left = deadline - self._reactor.seconds()
                if left <= 0:
                    break
                patience_now = min(patience, left)
                asked: defer.Deferred[Any] = server.resolver.query(query, (patience_now,))
                # the resolver minds its datagrams; a server that takes a TCP connection and is silent, it does not
                asked.addTimeout(min(2 * patience_now, left), self._reactor)
                try:
                    reply: Reply = await asked
                except DNSNameError as error:
                    message = error.args[0] if error.args else None
                    return (), getattr(message, "authority", ()), ()
                except AuthoritativeDomainError:
                    return (), (), ()
                except (DomainError, ResolverError) as error:
                    why = f"{server.place} answers {type(error).__name__}"
                except (defer.TimeoutError, defer.CancelledError, TimeoutError, OSError) as error:
                    why = f"{server.place} does not answer"
                    if server.dead_until <= self._reactor.seconds():
                        self.log.info(
                            "the name server {place} does not answer", place=server.place, error=error
                        )
                    server.dead_until = self._reactor.seconds() + DEAD
                else:
                    server.dead_until = 0.0
                    return reply
        raise DnsFailed(f"{kind.value} of {name}: {why}")

    def _live(self) -> list[_Server]:
        """The servers to ask, in order; when all are dead, the one that has been so longest, to see."""
        if self._file is not None and self._file.has_changed(self._reactor.seconds()):
            places = parse_resolv_conf(self._file.text)
            self._servers = [_Server(place, self._make(place)) for place in places]
        now = self._reactor.seconds()
        live = [server for server in self._servers if server.dead_until <= now]
        return live or sorted(self._servers, key=lambda server: server.dead_until)[:1]

    def _twisted_resolver(self, place: HostPort) -> Resolver:
        return _OneServer(  # type: ignore[no-untyped-call]
            servers=[(place.host, place.port)], reactor=self._reactor
        )


class _OneServer(client.Resolver):
    """Twisted's resolver, which would keep a TCP connection for ever, and trust it for as long."""

    def queryTCP(self, queries: Any, timeout: int = 10) -> "defer.Deferred[Any]":
        answer: defer.Deferred[Any] = super().queryTCP(queries, timeout)  # type: ignore[no-untyped-call]
        return answer.addBoth(self._hang_up)

    def _hang_up(self, result: Any) -> Any:
        for connection in self.connections:
            if not connection.liveMessages:
                connection.transport.loseConnection()
        return result


class _WatchedFile:
    """The text of a file, and whether it is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed_at: float | None = None
        self._looked_at: float | None = None
        self.text = ""

    def has_changed(self, now: float) -> bool:
        if self._looked_at is not None and now - self._looked_at < LOOK_AGAIN:
            return False
        self._looked_at = now
        try:
            changed_at = os.stat(self._path).st_mtime  # noqa: PTH116 - the time is all that is wanted
            if changed_at == self._changed_at:
                return False
            self.text = self._path.read_text("utf-8", "replace")
        except OSError:
            return False
        self._changed_at = changed_at
        return True


class HostsFile:
    """The names that this machine knows without asking; a callable for ``CachingDns``."""

    def __init__(self, clock: IReactorTime, path: Path = Path("/etc/hosts")) -> None:
        self._clock = clock
        self._file = _WatchedFile(path)
        self._names: dict[str, list[str]] = {}

    def __call__(self, name: str) -> Sequence[str]:
        if self._file.has_changed(self._clock.seconds()):
            self._names = parse_hosts(self._file.text)
        return self._names.get(name, ())


def open_dns(reactor: IReactorTime, servers: Sequence[HostPort] = ()) -> CachingDns:
    """The DNS of ``servers``; of the system, with its hosts file, if there are none."""
    ask = NameServers(reactor, servers).ask
    return CachingDns(reactor, ask) if servers else CachingDns(reactor, ask, hosts=HostsFile(reactor))


def parse_resolv_conf(text: str) -> list[HostPort]:
    """The name servers of a ``resolv.conf``; the one on this machine if it names none (resolv.conf(5))."""
    places = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and _is_address(words[1]):
            places.append(HostPort(words[1], 53))
    return places or [HostPort("127.0.0.1", 53)]


def parse_hosts(text: str) -> dict[str, list[str]]:
    """The addresses of each lower-case name of a ``hosts`` file."""
    names: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *rest = line.partition("#")[0].split() or [""]
        if _is_address(address):
            for name in rest:
                names.setdefault(name.lower(), []).append(address)
    return names


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _records(headers: Sequence[Any], kind: Kind) -> list[Record]:
    return [_record(header) for header in headers if header.type == _TYPES[kind]]


def _record(header: Any) -> Record:
    payload = header.payload
    ttl = int(header.ttl)
    match header.type:
        case dns.NAPTR:
            return Naptr(
                order=payload.order,
                preference=payload.preference,
                flags=_text(payload.flags.string).lower(),
                service=_text(payload.service.string),
                regexp=_text(payload.regexp.string),
                replacement=_name(payload.replacement),
                ttl=ttl,
            )
        case dns.SRV:
            return Srv(
                priority=payload.priority,
                weight=payload.weight,
                port=payload.port,
                target=_name(payload.target),
                ttl=ttl,
            )
        case _:
            return AddressRecord(
                host=payload.dottedQuad() if header.type == dns.A else _ipv6(payload), ttl=ttl
            )


def _ipv6(payload: Any) -> str:
    return str(ipaddress.IPv6Address(payload.address))


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _name(name: Any) -> str:
    return _text(name.name).lower().rstrip(".")


def _last_alias(name: str, aliases: Sequence[Any]) -> str:
    """Where the chain of aliases that starts at ``name`` ends within this reply."""
    chain = {_name(header.name): _name(header.payload.name) for header in aliases}
    end = name.lower()
    for _ in range(len(chain)):
        end = chain.get(end, end)
    return end if end != name.lower() else next(iter(chain.values()))


def _negative_ttl(authority: Sequence[Any]) -> int:
    """How long nothing is there (RFC 2308, section 5): the smaller of the SOA's TTL and its minimum."""
    for header in authority:
        if header.type == dns.SOA:
            return min(int(header.ttl), int(header.payload.minimum), MOST_NEGATIVE)
    return NEGATIVE
