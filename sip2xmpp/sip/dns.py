"""Names to records, remembered as long as their owners allow.

``Dns`` is what everybody else sees: three questions, each answered by a Deferred with the records, none if the name
has none of that kind, or ``DnsFailed`` if nobody could say.  ``CachingDns`` puts a cache between them and whoever
really asks: records live for their TTL, the absence of records for the time the zone says, a failure for a few
seconds.  Equal questions at the same time are asked once.  When the name servers fail, records that have run out serve
for another hour: old addresses are mostly right, and no address never is.

Implements: RFC 1035 section 7.4 (cache), RFC 2308 (negative answers), RFC 8767 (stale answers).
"""

import ipaddress
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.errors import Unreachable

__all__ = ["AddressRecord", "Answer", "Ask", "CachingDns", "Dns", "DnsFailed", "Kind", "Naptr", "Srv"]

LONGEST: Final = 86_400
"""Seconds that anything is believed, whatever its TTL says."""
SHORTEST: Final = 1
"""Seconds that anything is believed, also with a TTL of 0: a busy second asks once."""
FAILED: Final = 5
"""Seconds before a question that nobody could answer is asked again."""
STALE: Final = 3_600
"""Seconds that records serve beyond their time while nobody can answer."""
LOCAL: Final = {"localhost": ("127.0.0.1",)}
"""Names that are never asked for (RFC 6761, section 6.3)."""


class DnsFailed(Unreachable):
    """No name server could tell; the name may exist or not."""


class Kind(Enum):
    """The record types that are asked for."""

    NAPTR = "NAPTR"
    SRV = "SRV"
    A = "A"
    AAAA = "AAAA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Naptr:
    """A service that a domain offers (RFC 3403, section 4); ``ttl`` in seconds, names without the final dot."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str = ""
    replacement: str
    ttl: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Srv:
    """A server of a service (RFC 2782); an empty ``target`` says that there is none."""

    priority: int
    weight: int
    port: int
    target: str
    ttl: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRecord:
    """An IPv4 or IPv6 address."""

    host: str
    ttl: int = 300


Record = Naptr | Srv | AddressRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the name servers said: the records, none if there are none, and for how many seconds that holds."""

    records: tuple[Any, ...]
    ttl: int


Ask = Callable[[str, Kind], Coroutine[Any, Any, Answer]]
"""Asks the name servers; raises DnsFailed in bounded time."""


class Dns(Protocol):
    """The questions that locating servers needs.  Names are ASCII; a final dot is optional."""

    def naptr(self, name: str) -> "Deferred[tuple[Naptr, ...]]":
        """The services that the domain ``name`` delegates."""

    def srv(self, name: str) -> "Deferred[tuple[Srv, ...]]":
        """The servers of ``name``, which is of the form ``_service._protocol.domain``."""

    def addresses(self, name: str) -> "Deferred[tuple[AddressRecord, ...]]":
        """The addresses of the host ``name``, IPv4 first."""


@dataclass(slots=True)
class _Entry:
    records: tuple[Any, ...] | None
    failure: DnsFailed | None
    until: float
    usable_until: float


class CachingDns:
    """A cache of at most ``size`` answers in front of ``ask``; ``hosts`` knows some names without asking."""

    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        ask: Ask,
        *,
        hosts: Callable[[str], Sequence[str]] = lambda name: (),  # noqa: ARG005 - knows none
        size: int = 10_000,
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._hosts = hosts
        self._size = size
        self.hits = self.misses = self.failures = 0
        self._entries: dict[tuple[str, Kind], _Entry] = {}
        self._asking: dict[tuple[str, Kind], list[Deferred[Any]]] = {}

    def __len__(self) -> int:
        """Answers that are remembered."""
        return len(self._entries)

    def naptr(self, name: str) -> "Deferred[tuple[Naptr, ...]]":
        return self._look_up(name, Kind.NAPTR)

    def srv(self, name: str) -> "Deferred[tuple[Srv, ...]]":
        return self._look_up(name, Kind.SRV)

    def addresses(self, name: str) -> "Deferred[tuple[AddressRecord, ...]]":
        name = name.lower().rstrip(".")
        known = LOCAL.get(name) or self._hosts(name)
        if known:
            hosts = sorted(known, key=lambda host: ipaddress.ip_address(host).version)
            return succeed(tuple(AddressRecord(host=host) for host in hosts))
        both = gatherResults(
            [_outcome(self._look_up(name, Kind.A)), _outcome(self._look_up(name, Kind.AAAA))]
        )
        return both.addCallback(_either)

    def _look_up(self, name: str, kind: Kind) -> "Deferred[Any]":
        key = (name.lower().rstrip("."), kind)
        entry = self._entries.get(key)
        answer: Deferred[Any] = Deferred()
        if entry is not None and self._clock.seconds() < entry.until:
            self.hits += 1
            _fire(answer, entry)
            return answer
        self.misses += 1
        waiting = self._asking.get(key)
        if waiting is not None:
            waiting.append(answer)
            return answer
        self._asking[key] = [answer]
        asked = Deferred.fromCoroutine(self._ask(*key))
        asked.addCallbacks(self._answered, self._failed, callbackArgs=(key,), errbackArgs=(key,)).addErrback(
            lambda failure: self.log.failure("looking up {name} failed", failure, name=key[0])
        )
        return answer

    def _answered(self, answer: Answer, key: tuple[str, Kind]) -> None:
        lifetime = min(max(answer.ttl, SHORTEST), LONGEST)
        now = self._clock.seconds()
        usable = now + lifetime + (STALE if answer.records else 0)
        self._tell(key, _Entry(answer.records, None, now + lifetime, usable))

    def _failed(self, failure: Failure, key: tuple[str, Kind]) -> None:
        error = failure.value
        self.failures += 1
        if not isinstance(error, DnsFailed):
            self.log.failure("asking for {kind} of {name} failed", failure, kind=key[1].value, name=key[0])
            error = DnsFailed(f"looking up {key[0]} failed")
        now = self._clock.seconds()
        entry = self._entries.get(key)
        if entry is not None and entry.records and now < entry.usable_until:
            self.log.info("{name}: {why}; the old records serve on", name=key[0], why=error)
            entry.until = now + FAILED
        else:
            entry = _Entry(None, error, now + FAILED, now + FAILED)
        self._tell(key, entry)

    def _tell(self, key: tuple[str, Kind], entry: _Entry) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= self._size:
            self._make_room()
        self._entries[key] = entry
        for answer in self._asking.pop(key):
            _fire(answer, entry)

    def _make_room(self) -> None:
        """Forget what is of no use, and if that is nothing, the oldest."""
        now = self._clock.seconds()
        useless = [key for key, entry in self._entries.items() if entry.usable_until <= now]
        for key in useless or [next(iter(self._entries))]:
            del self._entries[key]


def _fire(answer: "Deferred[Any]", entry: _Entry) -> None:
    if entry.records is None:
        answer.errback(entry.failure or DnsFailed("no answer"))
    else:
        answer.callback(entry.records)


def _outcome(answer: "Deferred[Any]") -> "Deferred[Any]":
    """``answer``, with its DnsFailed as a result."""

    def failed(failure: Failure) -> Any:
        return failure.value if isinstance(failure.value, DnsFailed) else failure

    return answer.addErrback(failed)


def _either(outcomes: list[Any]) -> tuple[AddressRecord, ...]:
    """The addresses of both kinds; a failure only if there are none for certain."""
    found = [record for outcome in outcomes if not isinstance(outcome, DnsFailed) for record in outcome]
    if not found:
        for outcome in outcomes:
            if isinstance(outcome, DnsFailed):
                raise outcome
    return tuple(found)
