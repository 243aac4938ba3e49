"""Checking what an operator wrote: values into types, tables into frozen dataclasses, every fault with its place.

A *check* takes a value as TOML gave it and returns the value the program works with, or raises ``Wrong`` with one or
more faults, each placed relative to the value.  Checks of lists and tables are made from checks of their members.
``key`` declares a field of a configuration dataclass together with its check and its default, and ``read_table`` does
the rest: a key that is wrong or unknown becomes a fault, and the field keeps its default so that reading goes on and
all faults come out at once.
"""

import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import NamedTuple, TypeVar

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
    """Any string on one line."""
    if not isinstance(value, str):
        raise Wrong(f"a string is expected, not {_named(value)}")
    if not value.isprintable():
        raise Wrong("control characters are not allowed")
    return value


def whole(least: int, most: int) -> Check[int]:
    """An integer between two bounds, both allowed."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(f"a whole number is expected, not {_named(value)}")
        if not least <= value <= most:
            raise Wrong(f"{value} is not between {least} and {most}")
        return value

    return check


def switch(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong(f"true or false is expected, not {_named(value)}")
    return value


def number(least: float, most: float) -> Check[float]:
    """A number between two bounds, both allowed."""

    def check(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Wrong(f"a number is expected, not {_named(value)}")
        if not least <= value <= most:
            raise Wrong(f"{value} is not between {least} and {most}")
        return float(value)

    return check


def one_of(choices: Mapping[str, T]) -> Check[T]:
    """One of a few words, each standing for a value."""

    def check(value: object) -> T:
        word = text(value)
        if word not in choices:
            raise Wrong(f'"{word}" is none of {", ".join(choices)}{guess(word, choices)}')
        return choices[word]

    return check


def choice(kind: type[E]) -> Check[E]:
    """One of the values of an enum."""
    return one_of({member.value: member for member in kind})


def domain(value: object) -> str:
    """A domain name in the form in which addresses are compared."""
    try:
        return fold_domain(text(value))
    except BadAddress as error:
        raise Wrong(f'"{value}" is not a domain: {error}') from None


def host_port(value: object) -> HostPort:
    """``host:port``, an IPv6 address in brackets."""
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
    """``address:port`` with an IP address, for places that are bound or must not need a look-up."""
    where = host_port(value)
    _address(where.host)
    return where


def listener(value: object) -> Listener:
    """``transport:address:port`` with transport udp, tcp or tls."""
    name, colon, rest = text(value).partition(":")
    if not colon or not _HOST_PORT.fullmatch(rest):
        raise Wrong(f'"{value}" is not transport:address:port, as in udp:0.0.0.0:5060 or tls:[::]:5061')
    transport = choice(Transport)(name)
    where = address_port(rest)
    return Listener(transport, where.host, where.port)


def network(value: object) -> IPv4Network | IPv6Network:
    """An IP network or a single address."""
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
    """The bare JID of a user."""
    try:
        address, resource = address_from_jid(text(value))
    except BadAddress as error:
        raise Wrong(f'"{value}" is not a JID: {error}') from None
    if not address.local or resource:
        raise Wrong(f'"{value}" is not the bare JID of a user, as in admin@jabber.example')
    return address.jid()


def optional(check: Check[T]) -> Check[T | None]:
    """The empty string stands for "not given"."""
    return lambda value: None if value == "" else check(value)


# checks of lists and tables


def many(check: Check[T], *, least: int = 0) -> Check[tuple[T, ...]]:
    """A list whose members all pass, with no two of them equal."""

    def check_all(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Wrong(f"a list is expected, not {_named(value)}")
        if len(value) < least:
            raise Wrong("the list must not be empty")
        good: list[T] = []
        faults: list[Fault] = []
        for index, member in enumerate(value):
            try:
                made = check(member)
            except Wrong as wrong:
                faults.extend(_moved(wrong, f"[{index}]"))
                continue
            if made in good:
                faults.append(Fault(f"[{index}]", f'"{made}" is in the list already'))
            good.append(made)
        if faults:
            raise Wrong(*faults)
        return tuple(good)

    return check_all


def mapping(name: Check[str], check: Check[T]) -> Check[Mapping[str, T]]:
    """A table whose keys are free, such as domains."""

    def check_all(value: object) -> Mapping[str, T]:
        if not isinstance(value, dict):
            raise Wrong(f"a table is expected, not {_named(value)}")
        good: dict[str, T] = {}
        faults: list[Fault] = []
        for written, member in value.items():
            try:
                good[name(written)] = check(member)
            except Wrong as wrong:
                faults.extend(_moved(wrong, joined("", written)))
        if faults:
            raise Wrong(*faults)
        return good

    return check_all


def table(kind: type[T]) -> Check[T]:
    """A table with fixed keys."""

    def check(value: object) -> T:
        if not isinstance(value, dict):
            raise Wrong(f"a table is expected, not {_named(value)}")
        faults: list[Fault] = []
        made = read_table(kind, value, "", faults)
        if faults:
            raise Wrong(*faults)
        return made

    return check


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
