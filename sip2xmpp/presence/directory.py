"""Which protocol does a domain speak, and so which back end knows its presentities?

``Directory`` answers from the configuration first (our own domains, overrides), then from a cache, then from DNS by
the injected ``discover``.  A domain that is known, even by an entry past its time to live, is answered at once while a
fresh look-up runs behind; a slow or failing name server therefore delays only the first request for an unknown domain.
``find`` and ``settled`` are what front ends use; ``decide`` is the policy, a pure function.  ``DirectoryView`` is the
back end of back ends: it gives every watch to the back end of its presentity's leg, after the look-up if one is needed.

Implements: RFC 7247 section 4 (the order of look-ups on each side).
"""

from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.errors import NoSuchPresentity, Refused, Unreachable
from sip2xmpp.presence.watching import BackEnd, Notification, Reason, Standing, Watch, Watcher

CACHED_DOMAINS = 10_000
"""How many foreign domains are remembered; the least recently used is forgotten first."""

STALE_SECONDS = 86_400
"""How long an outdated answer may stand in while DNS fails."""

FAILURE_TTL = 30
"""Seconds before a failed look-up of an unknown domain is tried again."""


class Leg(Enum):
    """Where a domain's presentities are."""

    OWN = "own"
    XMPP = "xmpp"
    SIP = "sip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What DNS said: found services as readable lines, lifetime in seconds, and trouble, if any."""

    sip: tuple[str, ...] = ()
    xmpp: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ttl: int = 300
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict on a domain.  ``leg`` None: it speaks neither.  ``target`` is a configured SIP URI or component port."""

    leg: Leg | None
    why: str
    target: str = ""
    evidence: Evidence | None = None

    @property
    def is_unsure(self) -> bool:
        """Whether the domain may well speak something, only DNS cannot tell at present."""
        return self.leg is None and self.evidence is not None and bool(self.evidence.trouble)


def decide(evidence: Evidence, prefer: Leg) -> Finding:
    """The leg that the evidence speaks for; ``prefer`` breaks a tie.

    Service records outweigh plain addresses: a host that has only an address may run anything, so it is taken for
    the preferred protocol, as RFC 3263 section 4.2 and RFC 6120 section 3.2.2 would both do.
    """
    if evidence.sip and evidence.xmpp:
        return Finding(
            leg=prefer, why=f"speaks both protocols; {prefer.value} is preferred", evidence=evidence
        )
    if evidence.sip:
        return Finding(leg=Leg.SIP, why="has SIP service records and none of XMPP", evidence=evidence)
    if evidence.xmpp:
        return Finding(leg=Leg.XMPP, why="has XMPP service records and none of SIP", evidence=evidence)
    if evidence.trouble:
        return Finding(leg=None, why=f"DNS did not answer: {evidence.trouble}", evidence=evidence)
    if evidence.addresses:
        return Finding(
            leg=prefer,
            why=f"has an address but no service records; taken for {prefer.value}",
            evidence=evidence,
        )
    return Finding(leg=None, why="has neither service records nor an address", evidence=evidence)


def configured(value: str) -> Finding:
    """The finding that an entry of ``[dns.domains]`` stands for: ``sip``, ``xmpp``, a SIP URI or ``host:port``."""
    if value in (Leg.SIP.value, Leg.XMPP.value):
        return Finding(leg=Leg(value), why=f"configured as {value}")
    if value.lower().startswith(("sip:", "sips:")):
        return Finding(leg=Leg.SIP, why=f"configured to be reached at {value}", target=value)
    return Finding(leg=Leg.XMPP, why=f"configured to be reached by the component port {value}", target=value)


@dataclass(slots=True)
class _Entry:
    evidence: Evidence
    good_until: float
    usable_until: float


OUR_OWN = Finding(leg=Leg.OWN, why="is one of our own domains")


class Directory:
    """What is known of domains.  ``discover`` asks DNS; it must not hang for ever and may raise ``Unreachable``."""

    log = Logger()

    def __init__(
        self,
        *,
        own_domains: AbstractSet[str],
        overrides: Mapping[str, str],
        discover: Callable[[str], Coroutine[Any, Any, Evidence]],
        clock: IReactorTime,
    ) -> None:
        self.own_domains = own_domains
        self.override(overrides)
        self._discover = discover
        self._clock = clock
        self._cache: OrderedDict[str, _Entry] = OrderedDict()
        self._asking: dict[str, list[Deferred[Evidence]]] = {}

    def override(self, overrides: Mapping[str, str]) -> None:
        """Believe the operator about these domains, and DNS about all others."""
        self._overrides = {domain.lower(): configured(value) for domain, value in overrides.items()}

    def find(self, domain: str, prefer: Leg) -> Finding | None:
        """The finding if it is known now, else None; a known but outdated one is renewed in the background."""
        if domain in self.own_domains:
            return OUR_OWN
        override = self._overrides.get(domain)
        if override is not None:
            return override
        entry = self._cache.get(domain)
        now = self._clock.seconds()
        if entry is None or now >= entry.usable_until:
            return None
        self._cache.move_to_end(domain)
        if now >= entry.good_until and domain not in self._asking:
            self._ask(domain)
        return decide(entry.evidence, prefer)

    async def settled(self, domain: str, prefer: Leg) -> Finding:
        """The finding, after a look-up if need be.  Never raises: trouble is part of the finding."""
        known = self.find(domain, prefer)
        if known is not None:
            return known
        waiting: Deferred[Evidence] = Deferred()
        if domain in self._asking:
            self._asking[domain].append(waiting)
        else:
            self._ask(domain, waiting)
        return decide(await waiting, prefer)

    def next_turn(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` on a later turn of the reactor."""
        self._clock.callLater(0, tell)

    def overrides(self) -> Mapping[str, Finding]:
        """The domains of which the operator says what they speak."""
        return self._overrides

    def remembered(self) -> Iterator[tuple[str, Finding, float]]:
        """What DNS said of domains, for operators: each with the verdict for a SIP user, and how long it is good, Unix time."""
        for domain, entry in list(self._cache.items()):
            yield domain, decide(entry.evidence, Leg.SIP), entry.good_until

    def __len__(self) -> int:
        """Foreign domains that are remembered."""
        return len(self._cache)

    def forget(self, domain: str) -> None:
        """Drop what DNS said of a domain."""
        self._cache.pop(domain, None)

    def _ask(self, domain: str, waiting: Deferred[Evidence] | None = None) -> None:
        self._asking[domain] = [waiting] if waiting is not None else []
        Deferred.fromCoroutine(self._renew(domain)).addErrback(self._broken, domain)

    async def _renew(self, domain: str) -> None:
        try:
            evidence = await self._discover(domain)
        except Unreachable as failure:
            evidence = Evidence(trouble=str(failure), ttl=FAILURE_TTL)
        now = self._clock.seconds()
        held = self._cache.get(domain)
        if (
            evidence.trouble
            and not (evidence.sip or evidence.xmpp)
            and held is not None
            and now < held.usable_until
        ):
            held.good_until = now + FAILURE_TTL
            evidence = held.evidence
        else:
            self._remember(domain, evidence, now)
        for waiting in self._asking.pop(domain):
            waiting.callback(evidence)

    def _remember(self, domain: str, evidence: Evidence, now: float) -> None:
        good_until = now + (min(evidence.ttl, FAILURE_TTL) if evidence.trouble else evidence.ttl)
        usable_until = good_until if evidence.trouble else good_until + STALE_SECONDS
        self._cache[domain] = _Entry(evidence, good_until, usable_until)
        self._cache.move_to_end(domain)
        while len(self._cache) > CACHED_DOMAINS:
            self._cache.popitem(last=False)

    def _broken(self, failure: Any, domain: str) -> None:
        self.log.failure("look-up of {domain} failed", failure, domain=domain)
        evidence = Evidence(trouble="internal error", ttl=FAILURE_TTL)
        for waiting in self._asking.pop(domain, []):
            waiting.callback(evidence)


class _Later:
    """A watch whose back end is still being found."""

    def __init__(self) -> None:
        self.watch: Watch | None = None
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True
        if self.watch is not None:
            self.watch.stop()

    def refresh(self) -> None:
        if self.watch is not None:
            self.watch.refresh()


class DirectoryView:
    """All back ends as one, for front ends of one kind (``prefer`` is that kind's own protocol)."""

    log = Logger()

    def __init__(self, directory: Directory, back_ends: Mapping[Leg, BackEnd], prefer: Leg) -> None:
        self._directory = directory
        self._back_ends = back_ends
        self._prefer = prefer

    def watch(self, presentity: Address, watcher: Watcher, *, fetch: bool = False) -> Watch:
        """Give the watch to the back end that knows; ``Refused`` comes from there, or for a domain of no use.

        While DNS fails the watch ends on a later turn for a passing reason: a refusal would withdraw authorizations.
        """
        finding = self._directory.find(presentity.domain, self._prefer)
        if finding is not None and not finding.is_unsure:
            return self._back_end(presentity, finding).watch(presentity, watcher, fetch=fetch)
        later = _Later()
        Deferred.fromCoroutine(self._resume(later, presentity, watcher, fetch)).addErrback(
            lambda failure: self.log.failure("watching {address} failed", failure, address=presentity)
        )
        return later

    async def _resume(self, later: _Later, presentity: Address, watcher: Watcher, fetch: bool) -> None:
        finding = await self._directory.settled(presentity.domain, self._prefer)
        if later.stopped:
            return
        try:
            later.watch = self._back_end(presentity, finding).watch(presentity, watcher, fetch=fetch)
            return
        except NoSuchPresentity:
            end = Notification(
                standing=Standing.TERMINATED,
                reason=Reason.PROBATION if finding.is_unsure else Reason.NORESOURCE,
                retry_after=FAILURE_TTL if finding.is_unsure else None,
            )
        except Refused:
            end = Notification(standing=Standing.TERMINATED, reason=Reason.REJECTED)
        # the look-up may have been answered at once, while ``watch`` has not returned yet
        self._directory.next_turn(lambda: None if later.stopped else watcher.notified(end))

    def _back_end(self, presentity: Address, finding: Finding) -> BackEnd:
        back_end = self._back_ends.get(finding.leg) if finding.leg is not None else None
        if back_end is None:
            raise NoSuchPresentity(f"{presentity.domain} {finding.why}")
        return back_end
