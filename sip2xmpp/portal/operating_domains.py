"""Domains, the legs that serve them, and what is counted: how the gateway stands, for operators.

A domain is ours, a name of our component, one whose leg the operator says, or one that DNS was asked about and is remembered.  Only
of the last kind there may be many.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from OpenSSL import crypto
from twisted.internet.interfaces import IReactorTime

from sip2xmpp.portal.rows import Found, Wanted, found
from sip2xmpp.presence.directory import Directory


class DomainKind(Enum):
    """Where what is known of a domain comes from."""

    OWN = "own"
    COMPONENT = "component"
    OVERRIDE = "override"
    REMEMBERED = "remembered"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRow:
    """One domain; ``leg`` is empty where it speaks neither.  Users of ours are counted in our domains only.

    ``evidence`` is what DNS said, ``good_until_at`` when it is asked again.
    """

    domain: str
    kind: DomainKind
    leg: str
    why: str
    target: str
    evidence: tuple[str, ...]
    good_until_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerRow:
    """Where requests are received; ``certificate_expires_at`` is null without a certificate, or where it cannot be read."""

    protocol: str
    place: str
    certificate_expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """One component link; ``why`` is empty while it is ``up``, ``since_at`` is when it came up or went down."""

    domain: str
    up: bool
    why: str
    since_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegsRow:
    """How the gateway is: ``legs`` and ``counts`` are those of ``/health``, which has the words."""

    legs: Mapping[str, Any]
    counts: Mapping[str, Any]
    listeners: tuple[ListenerRow, ...]
    links: tuple[LinkRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that is counted, by a name such as ``sip.received`` or ``xmpp.sip.example.org.sent``, at one moment."""

    taken_at: float
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A listener as the configuration names it; ``certificate`` is the file that it shows, if any."""

    protocol: str
    place: str
    certificate: Path | None = None


class Link(Protocol):
    """A component link."""

    domain: str
    why_down: str
    since: float

    @property
    def is_up(self) -> bool: ...


class Overview:
    """``legs`` and ``counts`` are those of ``/health``; ``places`` are all listeners, ``components`` the names of our component."""

    def __init__(
        self,
        directory: Directory,
        clock: IReactorTime,
        *,
        components: Callable[[], Mapping[str, str]],
        places: tuple[Place, ...],
        links: Callable[[], Iterable[Link]],
        legs: Callable[[], Mapping[str, Any]],
        counts: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._components = components
        self.places = places
        self._links = links
        self._legs = legs
        self._counts = counts

    async def domains(self, wanted: Wanted, *, kind: DomainKind | None = None) -> Found[DomainRow]:
        """By kind and name; ``match`` is looked for in the name and the leg."""
        order = list(DomainKind)
        return await found(
            self._clock,
            self._all_domains(),
            wanted,
            order=lambda row: f"{order.index(row.kind)} {row.domain}",
            text=lambda row: f"{row.domain} {row.leg}",
            fits=lambda row: kind in (None, row.kind),
        )

    def reports(self) -> Mapping[str, Any]:
        """How each leg is now, as ``/health`` says it; without looking into files."""
        return self._legs()

    def legs(self) -> LegsRow:
        """How each leg is now, and where requests are received."""
        return LegsRow(
            legs=self._legs(),
            counts=self._counts(),
            listeners=tuple(
                ListenerRow(
                    protocol=each.protocol,
                    place=each.place,
                    certificate_expires_at=None if each.certificate is None else end_of(each.certificate),
                )
                for each in self.places
            ),
            links=tuple(
                LinkRow(
                    domain=link.domain,
                    up=link.is_up,
                    why="" if link.is_up else link.why_down,
                    since_at=link.since,
                )
                for link in self._links()
            ),
        )

    def snapshot(self) -> Snapshot:
        """All numbers as they are now."""
        numbers = {f"counts.{name}": float(value) for name, value in self._counts().items()}
        for leg, report in self._legs().items():
            numbers |= _numbers(leg, report)
        return Snapshot(taken_at=self._clock.seconds(), numbers=numbers)

    def configured(self) -> list[DomainRow]:
        """The few domains that need no DNS, ours first."""
        return list(self._configured_domains())

    def _configured_domains(self) -> Iterator[DomainRow]:
        directory = self._directory
        for name in sorted(directory.own_domains):
            yield _domain(name, DomainKind.OWN, leg="own", why="is one of our own domains")
        for name, why in self._components().items():
            yield _domain(name, DomainKind.COMPONENT, leg="xmpp", why=why)
        for name, finding in directory.overrides().items():
            leg = finding.leg.value if finding.leg is not None else ""
            yield _domain(name, DomainKind.OVERRIDE, leg=leg, why=finding.why, target=finding.target)

    def _all_domains(self) -> Iterator[DomainRow]:
        yield from self._configured_domains()
        for name, finding, until in self._directory.remembered():
            evidence = finding.evidence
            yield DomainRow(
                domain=name,
                kind=DomainKind.REMEMBERED,
                leg=finding.leg.value if finding.leg is not None else "",
                why=finding.why,
                target=finding.target,
                evidence=() if evidence is None else (*evidence.sip, *evidence.xmpp, *evidence.addresses),
                good_until_at=until,
            )


def _domain(name: str, kind: DomainKind, *, leg: str, why: str, target: str = "") -> DomainRow:
    return DomainRow(domain=name, kind=kind, leg=leg, why=why, target=target, evidence=(), good_until_at=None)


def _numbers(prefix: str, value: Mapping[str, Any]) -> dict[str, float]:
    """The numbers in a report, those in ``links`` and ``counters`` without these words."""
    numbers: dict[str, float] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            numbers |= _numbers(prefix if name in ("links", "counters") else f"{prefix}.{name}", inner)
        elif isinstance(inner, int | float) and not isinstance(inner, bool):
            numbers[f"{prefix}.{name}"] = float(inner)
        elif name == "state":
            numbers[f"{prefix}.up"] = float(inner == "up")
    return numbers


def end_of(certificate: Path) -> float | None:
    """When the first certificate in a PEM file ends, Unix time; None if it cannot be read."""
    try:
        end = crypto.load_certificate(crypto.FILETYPE_PEM, certificate.read_bytes()).get_notAfter()
    except (OSError, crypto.Error):
        return None
    return None if end is None else datetime.strptime(end.decode(), "%Y%m%d%H%M%S%z").timestamp()
