"""Which parts of a document are meant: the part of XPath that filters are written in, read and followed with limits.

A selector is a path from the root: steps along children (``/``) or descendants (``//``), each a name or ``*`` and
conditions in brackets, at the end perhaps an attribute.  A condition compares a path below the element, an attribute of it
or its own text with a value, or asks whether such a path is there; ``and``, ``or`` and parentheses join conditions.
Functions, axes, positions and variables are refused.  Strangers write selectors, so reading is bounded by their length,
and following them by the elements that are looked at: past ``LOOKS`` it is ``TooLong``, whatever the selector.

A name without a prefix is of the namespace of the document's root.

Implements: RFC 4661 section 5 (syntax for referencing XML items); XPath 1.0 as far as that goes.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sip2xmpp.documents.xml import Element
from sip2xmpp.errors import BadDocument

LONGEST: Final = 512
"""Characters of a selector."""
STEPS: Final = 12
CONDITIONS: Final = 12
LOOKS: Final = 5_000
"""Elements and attributes looked at for one NOTIFY and all selectors of its watcher: 4 ms, for documents of a hundred."""

_NAME: Final = r"[A-Za-z_][\w.-]*"
_TOKEN: Final = re.compile(
    rf"\s*(?://|/|\[|\]|\(|\)|@|\.\.|\.|!=|<=|>=|=|<|>|\"[^\"]*\"|'[^']*'|-?[0-9]+(?:\.[0-9]+)?|(?:{_NAME}:)?(?:\*|{_NAME}))"
)
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class NotUnderstood(BadDocument):
    """What is asked for is nothing that can be done."""


class TooLong(Exception):
    """A document is too large, or a selector too greedy, to be followed."""


@dataclass(slots=True)
class Looks:
    """How much may still be looked at."""

    left: int = LOOKS

    def take(self, count: int = 1) -> None:
        self.left -= count
        if self.left < 0:
            raise TooLong


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of an element."""

    element: Element
    name: str

    @property
    def text(self) -> str:
        return self.element.get(self.name) or ""


Item = Element | Attribute


@dataclass(frozen=True, slots=True)
class Name:
    """A test of names.  ``namespace`` None is that of the root, ``*`` is any."""

    namespace: str | None
    local: str

    def matches(self, tag: str, default: str) -> bool:
        namespace, _, local = tag.rpartition("}")
        wanted = default if self.namespace is None else self.namespace
        return self.local in ("*", local) and (
            self.namespace == "*"
            or wanted == namespace.removeprefix("{")
            or (self.local == "*" and self.namespace is None)
        )


@dataclass(frozen=True, slots=True)
class Operand:
    """A path below an element: names of children, then perhaps an attribute; all empty for the element itself."""

    names: tuple[Name, ...] = ()
    attribute: Name | None = None

    def texts(self, element: Element, default: str, looks: Looks) -> Iterator[str]:
        found = [element]
        for name in self.names:
            looks.take(sum(map(len, found)))
            found = [child for parent in found for child in parent if name.matches(child.tag, default)]
        for each in found:
            if self.attribute is None:
                yield (each.text or "").strip()
            else:
                yield from (each.get(name) or "" for name in _attributes(each, self.attribute))


@dataclass(frozen=True, slots=True)
class Condition:
    """``operation`` is a comparison, ``and``, ``or``, or empty for "is there"."""

    operation: str
    operand: Operand = field(default_factory=Operand)
    value: str = ""
    parts: tuple["Condition", ...] = ()

    def holds(self, element: Element, default: str, looks: Looks) -> bool:
        looks.take()
        if self.operation == "and":
            return all(part.holds(element, default, looks) for part in self.parts)
        if self.operation == "or":
            return any(part.holds(element, default, looks) for part in self.parts)
        texts = self.operand.texts(element, default, looks)
        if not self.operation:
            return next(texts, None) is not None
        return any(_compares(text, self.operation, self.value) for text in texts)


@dataclass(frozen=True, slots=True)
class Step:
    """``is_deep`` steps to any descendant."""

    is_deep: bool
    name: Name
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """A path from the document to elements, or with ``attribute`` to attributes of these."""

    text: str
    steps: tuple[Step, ...]
    attribute: Name | None = None

    def select(self, root: Element, looks: Looks) -> list[Item]:
        """What is meant, in the order of the document, each once.  Raises ``TooLong``."""
        default = root.tag.rpartition("}")[0].removeprefix("{")
        found: Sequence[Element] = []
        for number, step in enumerate(self.steps):
            candidates = _candidates(root if number == 0 else None, found, step.is_deep, looks)
            found = [
                each
                for each in candidates
                if step.name.matches(each.tag, default)
                and all(condition.holds(each, default, looks) for condition in step.conditions)
            ]
        if self.attribute is None:
            return list(found)
        return [Attribute(each, name) for each in found for name in _attributes(each, self.attribute)]


def _candidates(
    root: Element | None, found: Sequence[Element], is_deep: bool, looks: Looks
) -> Iterator[Element]:
    if root is not None:
        found = [root]
    seen: set[Element] = set()
    for each in found:
        if root is not None and not is_deep:
            looks.take()
            yield each
            continue
        for inner in each.iter("*") if is_deep else each:
            looks.take()
            if inner not in seen and (root is not None or inner is not each):
                seen.add(inner)
                yield inner


def _attributes(element: Element, name: Name) -> list[str]:
    return [
        str(each)
        for each in element.attrib
        if name.local in ("*", str(each).rpartition("}")[2])
        and (name.namespace in (None, "*") or str(each).startswith(f"{{{name.namespace}}}"))
    ]


def _compares(text: str, operation: str, value: str) -> bool:
    if operation == "=":
        return text == value
    if operation == "!=":
        return text != value
    try:
        return _COMPARISONS[operation](float(text), float(value))
    except ValueError:
        return False


def selector(text: str, namespaces: Mapping[str, str]) -> Selector:
    """The selector that ``text`` writes; ``namespaces`` are those of the prefixes.  Raises ``NotUnderstood``."""
    if len(text) > LONGEST:
        raise NotUnderstood(f"a selector is longer than {LONGEST} characters")
    return _Reader(text, namespaces).read()


class _Reader:
    """Recursive descent over tokens; the number of conditions bounds its depth."""

    def __init__(self, text: str, namespaces: Mapping[str, str]) -> None:
        self._text = text.strip()
        self._namespaces = namespaces
        self._tokens: list[str] = []
        at = 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise self._bad()
            self._tokens.append(found[0].strip())
            at = found.end()
        self._at = 0
        self._conditions = 0

    def read(self) -> Selector:
        steps: list[Step] = []
        attribute = None
        while self._at < len(self._tokens):
            slash = self._take("/", "//")
            if self._next() == "@":
                if not steps or slash == "//":
                    raise self._bad()
                self._at += 1
                attribute = self._name()
                break
            name = self._name()
            conditions: list[Condition] = []
            while self._next() == "[":
                self._at += 1
                conditions.append(self._either())
                self._take("]")
            steps.append(Step(slash == "//", name, tuple(conditions)))
        if self._at < len(self._tokens) or not 0 < len(steps) <= STEPS:
            raise self._bad()
        return Selector(self._text, tuple(steps), attribute)

    def _either(self) -> Condition:
        return self._joined("or", lambda: self._joined("and", self._single))

    def _joined(self, word: str, part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self._next() == word:
            self._at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Condition(word, parts=tuple(parts))

    def _single(self) -> Condition:
        self._conditions += 1
        if self._conditions > CONDITIONS:
            raise NotUnderstood(f"a selector has more than {CONDITIONS} conditions")
        if self._next() == "(":
            self._at += 1
            inner = self._either()
            self._take(")")
            return inner
        operand = self._operand()
        if self._next() not in ("=", "!=", *_COMPARISONS):
            if operand == Operand():
                raise self._bad()
            return Condition("", operand)
        operation = self._take("=", "!=", *_COMPARISONS)
        value = self._next()
        if not value or not (value[0] in "\"'" or (value[-1].isdigit() and value[0] in "-0123456789")):
            raise self._bad()
        self._at += 1
        return Condition(operation, operand, value.strip("\"'") if value[0] in "\"'" else value)

    def _operand(self) -> Operand:
        if self._next() == ".":
            self._at += 1
            return Operand()
        names: list[Name] = []
        while True:
            if self._next() == "@":
                self._at += 1
                return Operand(tuple(names), self._name())
            names.append(self._name())
            if len(names) > STEPS:
                raise self._bad()
            if self._next() != "/":
                return Operand(tuple(names))
            self._at += 1

    def _name(self) -> Name:
        token = self._next()
        if not token or not (token[0].isalpha() or token[0] in "_*"):
            raise self._bad()
        self._at += 1
        prefix, colon, local = token.rpartition(":")
        if not colon:
            return Name(None, local)
        if prefix == "xml":
            return Name("http://www.w3.org/XML/1998/namespace", local)
        if prefix not in self._namespaces:
            raise NotUnderstood(f"the prefix {prefix[:40]} of a selector is bound to nothing")
        return Name(self._namespaces[prefix], local)

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self._next()
        if token not in wanted:
            raise self._bad()
        self._at += 1
        return token

    def _bad(self) -> NotUnderstood:
        return NotUnderstood(f"this selector is not understood: {self._text[:80]}")
