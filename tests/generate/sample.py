"""The explanations of the sample configuration, joined with what the code knows of each key.

The comments of ``etc/sip2xmpp.toml`` are the only place where keys are explained.  A comment explains the table or the keys that
follow it without a blank line between; keys below one another share one explanation.  What a key may be, and its default, come
from the dataclasses of ``sip2xmpp.settings``.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from sip2xmpp import config
from sip2xmpp.keys import Check, Fixed, Many, Named, OneOf, Optional, words_of

_HEADER = re.compile(r"\[([a-z]+)(?:\.([a-z_]+))?(?:\.[^\]]+)?\]")
_KEY = re.compile(r"([a-z0-9_]+) = ")


@dataclass(slots=True)
class Entry:
    """Keys that share one explanation; ``example`` is TOML as the sample shows it."""

    names: list[str]
    text: str
    example: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Table:
    """One table of the file."""

    name: str
    text: str
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What the code knows of a key."""

    name: str
    words: str
    default: str

    @property
    def is_empty(self) -> bool:
        """Whether the default is nothing."""
        return self.default in ("empty", '""', "[]")

    @property
    def short(self) -> str:
        """All on one line."""
        return f"{self.words}; default: {'empty' if self.is_empty else self.default}"


def explained(sample: str) -> list[Table]:
    """The tables of the sample with their entries, in its order."""
    tables: list[Table] = []
    for block in re.split(r"\n\s*\n", sample):
        _read(block.splitlines(), tables)
    return tables


def _read(lines: list[str], tables: list[Table]) -> None:
    """One block of lines without blank ones between."""
    comment: list[str] = []
    entry: Entry | None = None
    inside = False
    for line in lines:
        bare = line.removeprefix("# ") if line.startswith("#") else line
        header, key = _HEADER.fullmatch(bare.strip()), _KEY.match(bare)
        if header and header[2] is None and not line.startswith("#"):
            tables.append(Table(header[1], _flowing(comment)))
            comment, entry = [], None
        elif header:
            name = header[2]
            assert name is not None and tables[-1].name == header[1], line
            if entry is None or entry.names != [name]:
                entry = Entry([name], _flowing(comment))
                tables[-1].entries.append(entry)
                comment = []
            entry.example.append(bare)
            inside = True
        elif inside and entry is not None:
            entry.example.append(bare)
        elif line.startswith("#"):
            comment.append(bare)
        elif key:
            if comment or entry is None:
                entry = Entry([], _flowing(comment))
                tables[-1].entries.append(entry)
                comment = []
            entry.names.append(key[1])
            if "  # e.g. " in line:
                entry.example.append(f"{key[1]} = {line.partition('  # e.g. ')[2]}")


def _flowing(comment: list[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(comment)).strip()


def facts(table: str) -> dict[str, Fact]:
    """What the code knows of the keys of a table."""
    kind = config._TABLES[table]
    return {fact.name: fact for fact in _facts(kind)}


def inner_facts(table: str, key: str) -> list[Fact]:
    """The keys of the tables below a key, if it has such."""
    check = next(each.metadata["check"] for each in fields(config._TABLES[table]) if each.name == key)
    if isinstance(check, Named) and isinstance(check.check, Fixed):
        return list(_facts(check.check.kind))
    return []


def _facts(kind: Any) -> Iterator[Fact]:
    made = kind()
    for each in fields(kind):
        check = each.metadata["check"]
        yield Fact(name=each.name, words=words_of(check), default=written(getattr(made, each.name), check))


def written(value: Any, check: Check[Any]) -> str:
    """A value as TOML has it."""
    if isinstance(check, Optional):
        return '""' if value is None else written(value, check.check)
    if isinstance(check, OneOf):
        return json.dumps(check.written(value))
    if isinstance(check, Many):
        return f"[{', '.join(written(member, check.check) for member in value)}]"
    if isinstance(check, Named):
        assert not value, "a table that is not empty by default"
        return "empty"
    if value is None:
        return '""'
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    assert not isinstance(value, Enum), value
    return json.dumps(str(value), ensure_ascii=False)
