"""Rows that operators see: from tables of any size, a stretch at a time, and as JSON.

``found`` goes through a table in turns of the reactor, so that a hundred thousand rows delay nobody, and keeps no more than it
gives.  Rows come in the order of a text that ``order`` makes of each; the one of the last row is where the next stretch goes on,
whatever came or went meanwhile.

``told`` and ``schema_of`` turn a dataclass of rows into JSON and into its schema; a float that is called ``at``, or ``..._at``, is a moment
in Unix time and told as RFC 3339 has it.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from hashlib import sha256
from types import NoneType, UnionType
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import Refused
from sip2xmpp.portal.operations import Call
from sip2xmpp.portal.shapes import Member, Schema, whole, words
from sip2xmpp.portal.sources import moment_told
from sip2xmpp.store.interface import R as S
from sip2xmpp.store.interface import Table

T = TypeVar("T")
R = TypeVar("R")

MOST: Final = 500
"""Rows that are given at a time."""

PLACE: Final = 400
"""Characters of a place: so many of any kind are percent-encoded on one line that Twisted reads, with the rest of a query."""

TURN: Final = 500
"""Rows that are looked at in one turn of the reactor: some milliseconds."""


class NoSuchRow(Refused):
    """What is to be shown or changed is not there, or not any more."""


class AlreadyThere(Refused):
    """What is to be made is there already, or cannot be changed as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``limit`` rows at most that come after the place ``after`` and hold the text ``match``, however it is capitalized."""

    limit: int = 100
    after: str = ""
    match: str = ""


EVERYTHING: Final = Wanted(limit=MOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[T]):
    """The rows, and what ``after`` is for those that follow: empty where none do."""

    rows: tuple[T, ...] = ()
    next: str = ""


def rows_of(table: Table[S]) -> Iterator[S | None]:
    """All rows of a table as they are when it is their turn; None for one that is gone."""
    return (table.get(key) for key in table.keys())  # noqa: SIM118 - a table is no mapping


async def unhurried(
    clock: IReactorTime, records: Iterable[R | None], *, turn: int = TURN
) -> AsyncIterator[R]:
    """One record after the other, those left out that are gone, with a turn of the reactor after every ``turn`` of them."""
    for number, record in enumerate(records, 1):
        if not number % turn:
            await _next_turn(clock)
        if record is not None:
            yield record


async def found(
    clock: IReactorTime,
    records: Iterable[R | None],
    wanted: Wanted,
    *,
    order: Callable[[R], str],
    text: Callable[[R], str],
    fits: Callable[[R], bool] = lambda _: True,
) -> Found[R]:
    """What is wanted of the ``records``; ``text`` is what ``match`` is looked for in, None is a record that is gone."""
    limit, after, match = wanted.limit + 1, wanted.after, wanted.match.casefold()
    kept: list[tuple[str, int, R]] = []
    last: str | None = None
    number = 0
    async for record in unhurried(clock, records):
        if not fits(record):
            continue
        place = _bounded(order(record))
        if place <= after or (last is not None and place > last):
            continue
        if match and match not in text(record).casefold():
            continue
        number += 1
        kept.append((place, number, record))
        if len(kept) >= 4 * limit:
            kept = sorted(kept, key=_place)[:limit]
            last = kept[-1][0]
    kept.sort(key=_place)
    rows = kept[: wanted.limit]
    return Found(
        rows=tuple(record for _, _, record in rows),
        next=rows[-1][0] if len(kept) > len(rows) and rows else "",
    )


def _bounded(place: str) -> str:
    """A text of at most ``PLACE`` characters, another one for every place and always the same for one."""
    if len(place) <= PLACE:
        return place
    return place[: PLACE - 65] + " " + sha256(place.encode("utf-8", "surrogatepass")).hexdigest()


def _place(entry: tuple[str, int, Any]) -> tuple[str, int]:
    return entry[:2]


def _next_turn(clock: IReactorTime) -> Deferred[None]:
    turn: Deferred[None] = Deferred()
    clock.callLater(0, turn.callback, None)
    return turn


# In queries

QUERY: Final[Mapping[str, Member]] = {
    "limit": Member(shape=whole(1, MOST), about="Rows at most.", default=Wanted().limit),
    "after": Member(
        shape=words(str, most=PLACE), about="`next` of the rows before, to get those that follow."
    ),
    "match": Member(
        shape=words(str, most=200), about="Only rows that hold this text, however it is capitalized."
    ),
}


def wanted(call: Call) -> Wanted:
    """What a request wants."""
    return Wanted(**{name: call.query[name] for name in QUERY if name in call.query})


# As JSON


def told(value: object, *, name: str = "") -> Any:
    """A row, or what is in it, as JSON values."""
    if isinstance(value, float) and _is_moment(name):
        return moment_told(value)
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: told(getattr(value, each.name), name=each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): told(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [told(each) for each in value]
    return value


def _is_moment(name: str) -> bool:
    return name == "at" or name.endswith("_at")


def all_told(result: Found[Any], row: Callable[[Any], Any] = told) -> dict[str, Any]:
    """Rows as the API gives them."""
    return {"rows": [row(each) for each in result.rows], "next": result.next or None}


def rows_schema(kind: type | Schema) -> Schema:
    """The schema of ``all_told``."""
    return {
        "type": "object",
        "required": ["rows", "next"],
        "properties": {
            "rows": {"type": "array", "items": kind if isinstance(kind, dict) else schema_of(kind)},
            "next": {"type": ["string", "null"]},
        },
    }


def schema_of(kind: Any) -> Schema:
    """The schema of what ``told`` makes of a value of this type."""
    return _schema(kind, "")


_PLAIN: Final[Mapping[object, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    NoneType: "null",
}


def _schema(kind: Any, name: str) -> Schema:
    if kind is float and _is_moment(name):
        return {"type": "string", "format": "date-time"}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if kind is Address:
        return {"type": "string"}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"type": "string", "enum": [each.value for each in kind]}
    if is_dataclass(kind):
        assert isinstance(kind, type)
        hints = get_type_hints(kind)
        return {
            "type": "object",
            "required": list(hints),
            "properties": {each: _schema(hint, each) for each, hint in hints.items()},
        }
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return {"anyOf": [_schema(each, name) for each in inner]}
    if origin is tuple:
        return {"type": "array", "items": _schema(inner[0], "")}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema(inner[1], "")}
    return {}
