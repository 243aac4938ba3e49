"""Values that only one element of a document may have, and how a client is told which one has it already.

A ``Unique`` names an attribute of elements and the scope in which its values differ: the children of one parent, or the whole
document.  A field that is taken is told as the selector of the node that is one too many, by positions, because values are just
what does not tell them apart; for a name that is free to choose another one is proposed.

Implements: RFC 4825 sections 5.5 and 11.2 (uniqueness-failure); RFC 4826 sections 3.4.5 and 4.4.5; RFC 4745 section 7.1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sip2xmpp.documents.xcap_tree import Element, Name
from sip2xmpp.documents.xcap_uri import NodeSelector, QName, Step
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind, Exists

_MOST: Final = 20
"""Fields that are told of at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """``attribute`` differs among the elements of each of ``names`` below one parent, or with ``everywhere`` among all of them.

    ``proposes`` says that a value may be any, so that another one can be proposed.
    """

    names: frozenset[Name]
    attribute: str
    everywhere: bool = False
    proposes: bool = False


class _Placed(NamedTuple):
    """An element, which one of its name it is below its parent, and the parent."""

    element: Element
    position: int
    parent: "_Placed | None" = None


def check_unique(root: Element, constraints: Sequence[Unique], namespace: str) -> None:
    """Raises ``Conflict`` if a value is there more often than it may be.

    ``namespace`` is that of names without a prefix in selectors of this usage.
    """
    if not constraints:
        return
    by_name: dict[Name, list[tuple[int, Unique]]] = {}
    for number, constraint in enumerate(constraints):
        for name in constraint.names:
            by_name.setdefault(name, []).append((number, constraint))
    seen: set[tuple[int, int, str]] = set()
    taken: list[tuple[_Placed, Unique]] = []
    for placed in _placed(root):
        for number, constraint in by_name.get(placed.element.name, ()):
            value = placed.element.attributes.get((None, constraint.attribute))
            if value is None:
                continue
            if constraint.everywhere:
                key = (number, 0, value.strip())
            else:
                assert placed.parent is not None
                key = (number, placed.parent.element.start, value)
            if key in seen:
                taken.append((placed, constraint))
            seen.add(key)
        if len(taken) >= _MOST:
            break
    if taken:
        raise _conflict(taken, {value for _, _, value in seen}, namespace)


def _placed(root: Element) -> Iterator[_Placed]:
    """Every element but the root."""
    waiting = [_Placed(root, 1)]
    while waiting:
        parent = waiting.pop()
        counts: dict[Name, int] = {}
        for child in parent.element.children:
            count = counts[child.name] = counts.get(child.name, 0) + 1
            placed = _Placed(child, count, parent)
            if child.children:
                waiting.append(placed)
            yield placed


def _conflict(taken: Sequence[tuple[_Placed, Unique]], values: set[str], namespace: str) -> Conflict:
    taken = sorted(taken, key=lambda each: each[0].element.start)
    placed, constraint = taken[0]
    element = placed.element
    value = element.get(constraint.attribute)
    return Conflict(
        ConflictKind.UNIQUENESS_FAILURE,
        f"line {element.line}: the {constraint.attribute} {value[:80]!r} of {element.local} is there already",
        exists=[
            Exists(
                str(_selector(placed, namespace).with_attribute(QName("", constraint.attribute))),
                (_proposal(placed.element.get(constraint.attribute), values),) if constraint.proposes else (),
            )
            for placed, constraint in taken
        ],
    )


def _selector(placed: _Placed, namespace: str) -> NodeSelector:
    path: list[_Placed] = []
    each: _Placed | None = placed
    while each is not None:
        path.insert(0, each)
        each = each.parent
    prefixes: dict[str | None, str] = {}
    steps = []
    for element, position, parent in path:
        uri, local = element.name
        prefix = "" if uri == namespace else prefixes.setdefault(uri, f"n{len(prefixes) + 1}")
        steps.append(Step(name=QName(prefix, local), position=None if parent is None else position))
    bound = sorted((prefix, uri) for uri, prefix in prefixes.items() if uri is not None)
    return NodeSelector(steps=tuple(steps), prefixes=tuple(bound))


def _proposal(value: str, values: set[str]) -> str:
    number = 2
    while f"{value}-{number}" in values:
        number += 1
    return f"{value}-{number}"
