"""What JSON from strangers must look like: each shape checks a value, and says in JSON Schema what it checks.

The two are made together, so the published description of the API and what the API accepts cannot differ.  A shape adds
a fault for everything that is wrong, with its place, and goes on.  Text from a query is read by the same shapes.

Implements: RFC 8259 as I-JSON (RFC 7493): no duplicate names, no NaN, UTF-8 only; JSON Schema 2020-12 as output.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sip2xmpp.documents.times import read_time
from sip2xmpp.errors import BadInput
from sip2xmpp.portal.problems import Fault, Problem, Senseless, wrong

T = TypeVar("T")
Schema = dict[str, Any]

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Wrong(Exception):
    """The value cannot be used."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Generic[T]):
    """``read(value)`` gives what the program works with, or raises ``Wrong`` with pointers relative to the value.

    ``from_text`` turns the text of a query parameter into the JSON value it stands for.
    """

    schema: Schema
    read: Callable[[object], T]
    from_text: Callable[[str], object] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an object, or a parameter of a query; ``about`` is what a human reads."""

    shape: Shape[Any]
    about: str
    required: bool = False
    default: object = None

    @property
    def schema(self) -> Schema:
        """Its schema with description and default."""
        said = {"description": self.about}
        return self.shape.schema | said | ({} if self.default is None else {"default": self.default})


def loaded(octets: bytes) -> object:
    """The value of a JSON text; raises ``Problem`` for what is none."""
    try:
        return json.loads(octets.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except RecursionError:
        raise Problem(400, "the JSON is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise Problem(400, f"the body is not UTF-8 at octet {error.start}") from None
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return made


def _constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def from_body(octets: bytes, shape: "Shape[T]") -> T:
    """What a JSON text says; raises ``Problem`` with pointers into the body."""
    value = loaded(octets)
    try:
        return shape.read(value)
    except Wrong as error:
        raise wrong([fault._replace(pointer=f"#{fault.pointer}") for fault in error.faults]) from None


def told(value: object) -> str:
    """The JSON name of a value's type."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "an array"}
    return "null" if value is None else names.get(type(value), "an object")


def words(read: Callable[[str], T], *, most: int, least: int = 1, pattern: str = "") -> Shape[T]:
    """Text that ``read`` makes something of; it raises ``BadInput`` where more is wrong than the schema says."""
    schema: Schema = {"type": "string", "minLength": least, "maxLength": most}
    if pattern:
        schema["pattern"] = pattern
    compiled = re.compile(pattern)

    def check(value: object) -> T:
        if not isinstance(value, str):
            raise Wrong(Fault("", f"a string is expected, not {told(value)}"))
        if not least <= len(value) <= most:
            raise Wrong(Fault("", f"{least} to {most} characters are expected, not {len(value)}"))
        if not compiled.search(value):
            raise Wrong(Fault("", f"it must match {pattern}"))
        try:
            return read(value)
        except BadInput as error:
            raise Wrong(Senseless("", str(error))) from None

    return Shape(schema=schema, read=check)


def choice(choices: Mapping[str, T]) -> Shape[T]:
    """One of a few words, each standing for a value."""

    def check(value: object) -> T:
        if not isinstance(value, str) or value not in choices:
            raise Wrong(Fault("", f"one of {', '.join(choices)} is expected"))
        return choices[value]

    return Shape(schema={"type": "string", "enum": list(choices)}, read=check)


def number(least: float, most: float) -> Shape[float]:
    """A number between two bounds, both allowed."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong(Fault("", f"a number is expected, not {told(value)}"))
        if not least <= value <= most:
            raise Wrong(Fault("", f"a number from {least:g} to {most:g} is expected"))
        return float(value)

    return Shape(
        schema={"type": "number", "minimum": least, "maximum": most}, read=check, from_text=_number_of
    )


def whole(least: int, most: int) -> Shape[int]:
    """An integer between two bounds, both allowed; 60.0 is one, as JSON Schema has it."""
    any_number = number(least, most)

    def check(value: object) -> int:
        found = any_number.read(value)
        if not found.is_integer():
            raise Wrong(Fault("", "a whole number is expected"))
        return int(found)

    return Shape(schema=any_number.schema | {"type": "integer"}, read=check, from_text=_number_of)


def moment() -> Shape[float]:
    """A point in time (RFC 3339), as Unix time."""

    def check(value: object) -> float:
        if isinstance(value, str) and _TIME.fullmatch(value):
            # a leap second is one that clocks do not show
            found: datetime | None = read_time(re.sub("(?<=:[0-9]{2}):60", ":59", value.upper()))
            if found is not None:
                return found.timestamp()
        raise Wrong(Fault("", "a time is expected, as in 2027-01-05T18:00:00Z"))

    return Shape(schema={"type": "string", "format": "date-time"}, read=check)


def switch() -> Shape[bool]:
    """True or false; in a query, the words."""

    def check(value: object) -> bool:
        if not isinstance(value, bool):
            raise Wrong(Fault("", f"true or false is expected, not {told(value)}"))
        return value

    spelled: Mapping[str, object] = {"true": True, "false": False}
    return Shape(schema={"type": "boolean"}, read=check, from_text=lambda text: spelled.get(text, text))


def array(shape: Shape[T], most: int, *, least: int = 0) -> Shape[tuple[T, ...]]:
    """A list of alike values."""

    def check(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Wrong(Fault("", f"an array is expected, not {told(value)}"))
        if len(value) > most:
            raise Wrong(Fault("", f"at most {most} are accepted, not {len(value)}"))
        if len(value) < least:
            raise Wrong(Fault("", f"{least} at least are needed"))
        return tuple(_each([(str(index), member) for index, member in enumerate(value)], lambda _: shape))

    schema: Schema = {"type": "array", "maxItems": most, "items": shape.schema}
    return Shape(schema=schema | ({"minItems": least} if least else {}), read=check)


def by_name(name: Shape[str], shape: Shape[T], most: int) -> Shape[dict[str, T]]:
    """An object whose names are free."""

    def check(value: object) -> dict[str, T]:
        if not isinstance(value, dict):
            raise Wrong(Fault("", f"an object is expected, not {told(value)}"))
        if not 1 <= len(value) <= most:
            raise Wrong(Fault("", f"1 to {most} members are expected, not {len(value)}"))
        _each([(written, written) for written in value], lambda _: name)
        return dict(zip(value, _each(list(value.items()), lambda _: shape), strict=True))

    schema = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": most,
        "propertyNames": name.schema,
        "additionalProperties": shape.schema,
    }
    return Shape(schema=schema, read=check)


def either(text: Shape[T], other: Shape[T]) -> Shape[T]:
    """A string of one shape, or else what the other accepts."""

    def check(value: object) -> T:
        return (text if isinstance(value, str) else other).read(value)

    return Shape(schema={"anyOf": [text.schema, other.schema]}, read=check)


def members(known: Mapping[str, Member]) -> Shape[dict[str, Any]]:
    """An object with these members and no others; what is absent has its default."""

    def check(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong(Fault("", f"an object is expected, not {told(value)}"))
        faults = [Fault(_inside(name, ""), "no such member") for name in value if name not in known]
        faults += [
            Fault(_inside(name, ""), "is required")
            for name, member in known.items()
            if member.required and name not in value
        ]
        given = [(name, one) for name, one in value.items() if name in known]
        found: list[Any] = []
        try:
            found = _each(given, lambda name: known[name].shape)
        except Wrong as wrong:
            faults += wrong.faults
        if faults:
            raise Wrong(*faults)
        return dict(zip((name for name, _ in given), found, strict=True))

    return Shape(
        schema={
            "type": "object",
            "properties": {name: member.schema for name, member in known.items()},
            "required": [name for name, member in known.items() if member.required],
            "additionalProperties": False,
        },
        read=check,
    )


def from_query(given: Sequence[tuple[str, str]], known: Mapping[str, Member]) -> dict[str, Any]:
    """The values of a query; raises ``Wrong`` with pointers of the form ``?name``."""
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, text in given:
        member = known.get(name)
        if member is None or name in found:
            faults.append(Fault(f"?{name}", "no such parameter" if member is None else "is given twice"))
            continue
        found[name] = None
        try:
            found[name] = member.shape.read(member.shape.from_text(text))
        except Wrong as wrong:
            faults.extend(fault._replace(pointer=f"?{name}") for fault in wrong.faults)
    if faults:
        raise Wrong(*faults)
    return found


def _each(values: Sequence[tuple[str, object]], shape_of: Callable[[str], Shape[T]]) -> list[T]:
    good: list[T] = []
    faults: list[Fault] = []
    for name, value in values:
        try:
            good.append(shape_of(name).read(value))
        except Wrong as wrong:
            faults.extend(fault._replace(pointer=_inside(name, fault.pointer)) for fault in wrong.faults)
    if faults:
        raise Wrong(*faults)
    return good


def _inside(name: str, pointer: str) -> str:
    """A JSON Pointer from one level further out (RFC 6901, section 3)."""
    return f"/{name.replace('~', '~0').replace('/', '~1')}{pointer}"


def _number_of(text: str) -> object:
    """The number that a text is, a whole one exactly; else the text, for the shape to refuse."""
    if re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?[0-9]{1,20}\.[0-9]{1,20}", text) else text
