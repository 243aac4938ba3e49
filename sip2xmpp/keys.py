"""Checking what an operator wrote: values into types, tables into frozen dataclasses, every fault with its place.

A *check* takes a value as TOML gave it and returns the value the program works with, or raises ``Wrong`` with one or
more faults, each placed relative to the value.  Checks of lists and tables are made from checks of their members.
``key`` declares a field of a configuration dataclass together with its check and its default, and ``read_table`` does
the rest: a key that is wrong or unknown becomes a fault, and the field keeps its default so that reading goes on and
all faults come out at once.

A check also says in words what it takes, for the reference of the configuration: by ``words``, or as the first sentence of the
function's docstring.
"""

import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from sip2xmpp.address import address_from_jid
from sip2xmpp.errors import BadAddress, BadMessage
from sip2xmpp.preparation import fold_domain
from sip2xmpp.sip.flow import HostPort, Transport
from sip2xmpp.sip.uri import SipUri

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Check = Callable[[object], T]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HOST_PORT = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]+)):([0-9]{1,5})")


class Fault(NamedTuple):
    """``place`` is a dotted path, empty for the value itself; ``why`` is what an operator reads."""

    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


class Wrong(Exception):
    """The value cannot be used."""

    def __init__(self, *faults: Fault | str) -> None:
        super().__init__(*faults)
        self.faults = [Fault("", fault) if isinstance(fault, str) else fault for fault in faults]


@dataclass(frozen=True, slots=True)
class Listener:
    """Where SIP is received; ``interface`` is an IP address without brackets."""

    transport: Transport
    interface: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.interface}]" if ":" in self.interface else self.interface
        return f"{self.transport.value}:{host}:{self.port}"


def key(check: Check[T], default: T, *, shown: bool = True) -> T:
    """A field of a configuration dataclass; ``shown`` False keeps a secret out of ``repr``."""
    return field(default_factory=lambda: default, metadata={"check": check}, repr=shown)


def joined(place: str, name: str) -> str:
    """The path of ``name`` inside ``place``: quoted where TOML would quote it, indices without a dot."""
    if not name.startswith("[") and not _BARE_KEY.fullmatch(name):
        # As TOML writes it: a key may hold line breaks, and a fault is one line.
        name = json.dumps(name, ensure_ascii=False)
    return name if not place else f"{place}{name}" if name.startswith("[") else f"{place}.{name}"


def guess(word: str, known: Collection[str]) -> str:
    """``; did you mean ...?`` when one of the known words is near, else nothing."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def checks_of(kind: type) -> dict[str, Check[object]]:
    """The keys of a configuration dataclass, each with its check."""
    return {each.name: each.metadata["check"] for each in fields(kind)}


def read_table(
    kind: type[T],
    table: Mapping[str, object],
    place: str,
    faults: list[Fault],
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> T:
    """The dataclass ``kind`` made of a TOML table; faults are added to ``faults``.

    ``elsewhere`` maps keys of other tables to those tables' names, for a key that was written in the wrong one.
    """
    known = checks_of(kind)
    good: dict[str, object] = {}
    for name, value in table.items():
        if name not in known:
            hint = f"; it belongs to {elsewhere[name]}" if name in elsewhere else guess(name, known)
            faults.append(Fault(joined(place, name), f"no such key{hint}"))
            continue
        try:
            good[name] = known[name](value)
        except Wrong as wrong:
            faults.extend(_moved(wrong, joined(place, name)))
    return kind(**good)


def _moved(wrong: Wrong, place: str) -> list[Fault]:
    """The faults of a member, placed from the outside."""
    moved = []
    for fault in wrong.faults:
        separator = "" if not fault.place or fault.place.startswith("[") else "."
        moved.append(Fault(f"{place}{separator}{fault.place}", fault.why))
    return moved


# checks of single values


def text(value: object) -> str:
    """Text on one line."""
    if not isinstance(value, str):
        raise Wrong(f"a string is expected, not {_named(value)}")
    if not value.isprintable():
        raise Wrong("control characters are not allowed")
    return value


@dataclass(frozen=True, slots=True)
class _Whole:
    least: int
    most: int

    def __call__(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(f"a whole number is expected, not {_named(value)}")
        if not self.least <= value <= self.most:
            raise Wrong(f"{value} is not between {self.least} and {self.most}")
        return value

    @property
    def words(self) -> str:
        return f"a whole number, {self.least} to {self.most}"


def whole(least: int, most: int) -> Check[int]:
    """An integer between two bounds, both allowed."""
    return _Whole(least, most)


def switch(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong(f"true or false is expected, not {_named(value)}")
    return value


@dataclass(frozen=True, slots=True)
class _Number:
    least: float
    most: float

    def __call__(self, value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Wrong(f"a number is expected, not {_named(value)}")
        if not self.least <= value <= self.most:
            raise Wrong(f"{value} is not between {self.least} and {self.most}")
        return float(value)

    @property
    def words(self) -> str:
        return f"a number, {self.least:g} to {self.most:g}"


def number(least: float, most: float) -> Check[float]:
    """A number between two bounds, both allowed."""
    return _Number(least, most)


@dataclass(frozen=True, slots=True)
class OneOf(Generic[T]):
    """One of a few words, each standing for a value."""

    choices: Mapping[str, T]

    def __call__(self, value: object) -> T:
        word = text(value)
        if word not in self.choices:
            raise Wrong(f'"{word}" is none of {", ".join(self.choices)}{guess(word, self.choices)}')
        return self.choices[word]

    @property
    def words(self) -> str:
        *others, last = (f'"{choice}"' for choice in self.choices)
        return f"{', '.join(others)} or {last}" if others else last

    def written(self, value: object) -> str:
        """The word that stands for a value."""
        return next(word for word, meant in self.choices.items() if meant == value)


def one_of(choices: Mapping[str, T]) -> Check[T]:
    """One of a few words, each standing for a value."""
    return OneOf(choices)


def choice(kind: type[E]) -> Check[E]:
    """One of the values of an enum."""
    return one_of({member.value: member for member in kind})


def domain(value: object) -> str:
    """A domain name."""
    try:
        return fold_domain(text(value))
    except BadAddress as error:
        raise Wrong(f'"{value}" is not a domain: {error}') from None


def host_port(value: object) -> HostPort:
    """A host and a port, as in 127.0.0.1:5347 or [::1]:5347."""
    found = _HOST_PORT.fullmatch(text(value))
    if not found:
        raise Wrong(f'"{value}" is not host:port, as in 127.0.0.1:5347 or [::1]:5347')
    host = found[1] or found[2]
    if found[1]:
        _address(host)
    else:
        domain(host)
    return HostPort(host, whole(1, 65535)(int(found[3])))


def address_port(value: object) -> HostPort:
    """An IP address and a port, as in 127.0.0.1:8080 or [::]:8080."""
    where = host_port(value)
    _address(where.host)
    return where


def listener(value: object) -> Listener:
    """A transport, an IP address and a port, as in udp:0.0.0.0:5060 or tls:[::]:5061."""
    name, colon, rest = text(value).partition(":")
    if not colon or not _HOST_PORT.fullmatch(rest):
        raise Wrong(f'"{value}" is not transport:address:port, as in udp:0.0.0.0:5060 or tls:[::]:5061')
    transport = choice(Transport)(name)
    where = address_port(rest)
    return Listener(transport, where.host, where.port)


def network(value: object) -> IPv4Network | IPv6Network:
    """An IP network or address, as in 192.0.2.0/24."""
    try:
        return ip_network(text(value))
    except ValueError as error:
        raise Wrong(f"not a network: {error}") from None


def sip_uri(value: object) -> str:
    """A SIP or SIPS URI."""
    try:
        return str(SipUri.parse(text(value)))
    except BadMessage as error:
        raise Wrong(f'"{value}" is not a sip: URI: {error}') from None


def jid(value: object) -> str:
    """The bare JID of a user, as in admin@jabber.example."""
    try:
        address, resource = address_from_jid(text(value))
    except BadAddress as error:
        raise Wrong(f'"{value}" is not a JID: {error}') from None
    if not address.local or resource:
        raise Wrong(f'"{value}" is not the bare JID of a user, as in admin@jabber.example')
    return address.jid()


@dataclass(frozen=True, slots=True)
class Optional(Generic[T]):
    """What ``check`` takes, or the empty string."""

    check: Check[T]

    def __call__(self, value: object) -> T | None:
        return None if value == "" else self.check(value)

    @property
    def words(self) -> str:
        return f"{words_of(self.check)}, or empty"


def optional(check: Check[T]) -> Check[T | None]:
    """The empty string stands for "not given"."""
    return Optional(check)


# checks of lists and tables


@dataclass(frozen=True, slots=True)
class Many(Generic[T]):
    """A list whose members all pass, with no two of them equal."""

    check: Check[T]
    least: int

    def __call__(self, value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Wrong(f"a list is expected, not {_named(value)}")
        if len(value) < self.least:
            raise Wrong("the list must not be empty")
        good: list[T] = []
        faults: list[Fault] = []
        for index, member in enumerate(value):
            try:
                made = self.check(member)
            except Wrong as wrong:
                faults.extend(_moved(wrong, f"[{index}]"))
                continue
            if made in good:
                faults.append(Fault(f"[{index}]", f'"{made}" is in the list already'))
            good.append(made)
        if faults:
            raise Wrong(*faults)
        return tuple(good)

    @property
    def words(self) -> str:
        filled = " that is not empty" if self.least else ""
        return f"a list{filled}, each member {words_of(self.check)}"


def many(check: Check[T], *, least: int = 0) -> Check[tuple[T, ...]]:
    """A list whose members all pass, with no two of them equal."""
    return Many(check, least)


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """A table whose keys are free, such as domains."""

    name: Check[str]
    check: Check[T]

    def __call__(self, value: object) -> Mapping[str, T]:
        if not isinstance(value, dict):
            raise Wrong(f"a table is expected, not {_named(value)}")
        good: dict[str, T] = {}
        faults: list[Fault] = []
        for written, member in value.items():
            try:
                good[self.name(written)] = self.check(member)
            except Wrong as wrong:
                faults.extend(_moved(wrong, joined("", written)))
        if faults:
            raise Wrong(*faults)
        return good

    @property
    def words(self) -> str:
        return f"a table, each key {words_of(self.name)}, each value {words_of(self.check)}"


def mapping(name: Check[str], check: Check[T]) -> Check[Mapping[str, T]]:
    """A table whose keys are free, such as domains."""
    return Named(name, check)


@dataclass(frozen=True, slots=True)
class Fixed(Generic[T]):
    """A table with the keys of a configuration dataclass."""

    kind: type[T]

    def __call__(self, value: object) -> T:
        if not isinstance(value, dict):
            raise Wrong(f"a table is expected, not {_named(value)}")
        faults: list[Fault] = []
        made = read_table(self.kind, value, "", faults)
        if faults:
            raise Wrong(*faults)
        return made

    @property
    def words(self) -> str:
        return f"a table with {', '.join(checks_of(self.kind))}"


def table(kind: type[T]) -> Check[T]:
    """A table with fixed keys."""
    return Fixed(kind)


def words_of(check: Check[Any]) -> str:
    """What a check takes, as it stands in the middle of a sentence."""
    words = getattr(check, "words", None)
    if not isinstance(words, str):
        told = " ".join((check.__doc__ or "").split()).partition(". ")[0].rstrip(".").replace("``", "")
        words = told[:1].lower() + told[1:] if told[1:2].islower() or told[1:2] == " " else told
    return words


def _address(host: str) -> None:
    try:
        ip_address(host)
    except ValueError:
        raise Wrong(f'"{host}" is not an IP address') from None


def _named(value: object) -> str:
    """The TOML name of a value's type."""
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date")
