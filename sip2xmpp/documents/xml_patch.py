"""What turns one version of an XML document into another, as operations that its reader can do on its own copy.

Children (elements, comments, processing instructions) are matched in their order: first those that are the same in all that is in
them, then those of one name and one identity (``id``, ``name``, ``uri`` ...), then those of one name.  What lies between two matches
is removed and added, together with the text around it, and matched ones are compared in turn, down to attributes and texts; an
element is replaced where that is shorter.  Places are named by position (``*/*[2]/text()[1]``), which is short and needs no
prefixes.  Operations are done in order; they go from the end of a list to its beginning, so that no position is moved by an
earlier one.

All text counts, blanks included, and so do comments; a reader that does the operations has the same document but for what stands
before and after the root.  Namespaces in scope are part of an element: where they change, it is replaced, unless the caller knows
that no prefix is used but in names.  There is nothing to say, and the document has to be sent or fetched, where that is the root.

Matching is by unique keys and longest increasing sequences, so that time is that of sorting, whatever the documents are.

Implements: RFC 5261 section 4 (add, replace, remove).
"""

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from lxml import etree

from sip2xmpp.documents.namespaces import XML_LANG
from sip2xmpp.documents.xml import Element

IDENTITIES: Final = ("id", "name", "uri", "ref", "anchor")
"""Attributes that tell siblings of one name apart, the first that there is."""

_XML: Final = XML_LANG.removesuffix("lang")
_BLANKS: Final = frozenset(" \t\r\n")


def operations(
    old: Element,
    new: Element,
    *,
    prefix: str = "",
    known: Mapping[str | None, str] | None = None,
    scopes: bool = True,
) -> list[str] | None:
    """The operations that make ``new`` of ``old``, two roots; None where that cannot be said.

    ``prefix`` is that of the operations, with its colon; ``known`` are the namespaces in scope where they will stand.  Without
    ``scopes`` it does not matter which namespaces are declared, but only which ones names are in.
    """
    numbers = _Numbers(scopes=scopes)
    numbers.add(old)
    numbers.add(new)
    return _Comparison(numbers, prefix, known or {}).compared(old, new, "*")


class _Numbers:
    """Numbers nodes so that two have one number if, and only if, they are the same with all that is in them."""

    def __init__(self, *, scopes: bool) -> None:
        self._scopes = scopes
        self._known: dict[Hashable, int] = {}
        self._of: dict[Element, int] = {}

    def add(self, root: Element) -> None:
        for node in reversed(list(root.iter())):  # what is in an element comes before it
            key: Hashable
            if _is_element(node):
                inside = tuple([(self._of[child], child.tail or "") for child in node])
                attributes = frozenset(node.attrib.items())
                key = (*self.shell(node), attributes, node.text or "", inside)
            else:
                key = (_kind(node), etree.tostring(node, with_tail=False))
            self._of[node] = self._known.setdefault(key, len(self._known))

    def shell(self, node: Element) -> tuple[Hashable, ...]:
        """What of an element no operation changes."""
        return node.tag, node.prefix, frozenset(node.nsmap.items()) if self._scopes else None

    def __getitem__(self, node: Element) -> int:
        return self._of[node]


class _Comparison:
    """Writes operations."""

    def __init__(self, numbers: _Numbers, prefix: str, known: Mapping[str | None, str]) -> None:
        self._numbers = numbers
        self._prefix = prefix
        self._known = known

    def compared(self, old: Element, new: Element, place: str) -> list[str] | None:
        """The operations on one element; None if it has to be replaced."""
        if self._numbers[old] == self._numbers[new]:
            return []
        if self._numbers.shell(old) != self._numbers.shell(new):
            return None
        said = self._attributes(old, new, place)
        if said is None:
            return None
        before, after = list(old), list(new)
        steps, texts, wanted = _steps(before), _texts(old, before), _texts(new, after)
        pairs = [(-1, -1), *self._matched(before, after)]
        counts = list(accumulate(map(bool, texts)))
        end = (len(before), len(after))
        for i, j in reversed(pairs):
            held, made = texts[i + 1 : end[0] + 1], wanted[j + 1 : end[1] + 1]
            if len(held) > 1 or held != made:
                gap = _Gap(
                    nodes=before[i + 1 : end[0]],
                    steps=[f"{place}/{step}" for step in steps[i + 1 : end[0]]],
                    texts=held,
                    text_step=f"{place}/text()[{1 + (counts[i] if i >= 0 else 0)}]",
                    added=after[j + 1 : end[1]],
                    wanted=made,
                    anchor=f'sel="{place}/{steps[i]}" pos="after"'
                    if i >= 0
                    else f'sel="{place}" pos="prepend"',
                )
                said += self._filled(gap)
            if i >= 0:
                said += self._changed(before[i], after[j], f"{place}/{steps[i]}")
            end = (i, j)
        return said

    def _changed(self, old: Element, new: Element, place: str) -> list[str]:
        """What makes one child of the other that it was matched with."""
        if self._numbers[old] == self._numbers[new]:
            return []
        inside = self.compared(old, new, place)
        whole = self._replaced(place, new)
        if inside is None or sum(map(len, inside)) > len(whole):
            return [whole]
        return inside

    def _attributes(self, old: Element, new: Element, place: str) -> list[str] | None:
        said = []
        before, after = ({str(key): str(value) for key, value in each.attrib.items()} for each in (old, new))
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) == after.get(key):
                continue
            name = f"xml:{key.removeprefix(_XML)}" if key.startswith(_XML) else key
            if name[0] == "{":
                return None
            if key not in after:
                said.append(f'<{self._prefix}remove sel="{place}/@{name}"/>')
            elif key not in before:
                said.append(self._said("add", f'sel="{place}" type="@{name}"', escaped(after[key])))
            else:
                said.append(self._said("replace", f'sel="{place}/@{name}"', escaped(after[key])))
        return said

    def _filled(self, gap: "_Gap") -> list[str]:
        """What is done between two matched children, or one and an end of the list."""
        if (
            len(gap.nodes) == len(gap.added)
            and gap.texts == gap.wanted
            and _all_elements(gap.nodes, gap.added)
        ):
            return [
                self._replaced(step, node)
                for step, node in zip(reversed(gap.steps), reversed(gap.added), strict=True)
            ]
        blanks, left = gap.removal()
        said = [f'<{self._prefix}remove sel="{step}"{blanks}/>' for step in reversed(gap.steps)]
        content = "".join(
            [escaped(text) + self._written(node) for text, node in zip(gap.wanted, gap.added, strict=False)]
        )
        wanted = gap.wanted[-1]
        if left and wanted != left:
            if wanted:
                said.append(self._said("replace", f'sel="{gap.text_step}"', escaped(wanted)))
            else:
                said.append(f'<{self._prefix}remove sel="{gap.text_step}"/>')
        elif not left:
            content += escaped(wanted)
        if content:
            said.append(self._said("add", gap.anchor, content))
        return said

    def _said(self, operation: str, where: str, content: str) -> str:
        name = f"{self._prefix}{operation}"
        return f"<{name} {where}>{content}</{name}>" if content else f"<{name} {where}/>"

    def _replaced(self, place: str, new: Element) -> str:
        return self._said("replace", f'sel="{place}"', self._written(new))

    def _written(self, node: Element) -> str:
        """A node as it stands inside of an operation: with the namespaces in scope, but for those that are known there."""
        octets = etree.tostring(node, encoding="unicode", with_tail=False)
        if not _is_element(node):
            return octets
        opening, bracket, rest = octets.partition(">")
        for prefix, uri in self._known.items():
            name = "xmlns" if prefix is None else f"xmlns:{prefix}"
            opening = opening.replace(f' {name}="{uri}"', "", 1)
        if None in self._known and None not in node.nsmap:
            name, blank, more = opening.rstrip("/").partition(" ")
            opening = f'{name} xmlns=""{blank}{more}' + "/" * opening.endswith("/")
        return opening + bracket + rest

    def _matched(self, old: Sequence[Element], new: Sequence[Element]) -> list[tuple[int, int]]:
        """Which child becomes which, in order."""
        pairs: list[tuple[int, int]] = []
        levels = list(zip(self._keys(old), self._keys(new), strict=True))
        _align(levels, (0, len(old)), (0, len(new)), pairs)
        return pairs

    def _keys(self, nodes: Sequence[Element]) -> list[list[Hashable]]:
        numbers: list[Hashable] = [self._numbers[node] for node in nodes]
        identities: list[Hashable] = list(numbers)
        names: list[Hashable] = list(numbers)
        for index, node in enumerate(nodes):
            # Comments cannot be changed in place, so only those that are the same are matched.
            if _is_element(node):
                identities[index], names[index] = _identity(node), node.tag
        return [numbers, identities, names]


class _Gap:
    """What is between two matched children in both versions.

    ``texts`` and ``wanted`` are the texts before, between and after ``nodes`` and ``added``.
    """

    def __init__(
        self,
        *,
        nodes: Sequence[Element],
        steps: Sequence[str],
        texts: Sequence[str],
        text_step: str,
        added: Sequence[Element],
        wanted: Sequence[str],
        anchor: str,
    ) -> None:
        self.nodes = nodes
        self.steps = steps
        self.texts = texts
        self.text_step = text_step
        self.added = added
        self.wanted = wanted
        self.anchor = anchor

    def removal(self) -> tuple[str, str]:
        """Which blanks go with the nodes, as an attribute, and what text is left when they have gone."""
        texts, wanted = self.texts, self.wanted[-1]
        if self.nodes and _all_elements(self.nodes):
            if wanted == texts[-1] and all(map(_is_blank, texts[:-1])):
                return ' ws="before"', wanted
            if wanted == texts[0] and all(map(_is_blank, texts[1:])):
                return ' ws="after"', wanted
            if not wanted and len(texts) == 2 and all(map(_is_blank, texts)):
                return ' ws="both"', wanted
        return "", "".join(texts)


def _align(
    levels: Sequence[tuple[Sequence[Hashable], Sequence[Hashable]]],
    here: tuple[int, int],
    there: tuple[int, int],
    pairs: list[tuple[int, int]],
) -> None:
    """Match two stretches by the keys of the first level, and what is between the matches by those of the next."""
    (one, other), *more = levels
    (i, end), (j, last) = here, there
    while i < end and j < last and one[i] == other[j]:
        pairs.append((i, j))
        i, j = i + 1, j + 1
    ends: list[tuple[int, int]] = []
    while i < end and j < last and one[end - 1] == other[last - 1]:
        end, last = end - 1, last - 1
        ends.append((end, last))
    if i < end and j < last:
        for found in [*_in_common(one, other, (i, end), (j, last)), (end, last)]:
            if more and i < found[0] and j < found[1]:
                _align(more, (i, found[0]), (j, found[1]), pairs)
            if found != (end, last):
                pairs.append(found)
            i, j = found[0] + 1, found[1] + 1
    pairs.extend(reversed(ends))


def _in_common(
    one: Sequence[Hashable], other: Sequence[Hashable], here: tuple[int, int], there: tuple[int, int]
) -> list[tuple[int, int]]:
    """The longest sequence of keys that are in both stretches once, in the order of both."""
    places = _unique(one, here)
    targets = _unique(other, there)
    tops: list[int] = []
    chosen: list[tuple[int, int]] = []
    before: list[int] = []
    stacks: list[int] = []
    for key, i in places.items():
        j = targets.get(key)
        if j is None:
            continue
        at = bisect_left(tops, j)
        before.append(stacks[at - 1] if at else -1)
        if at == len(tops):
            tops.append(j)
            stacks.append(len(chosen))
        else:
            tops[at] = j
            stacks[at] = len(chosen)
        chosen.append((i, j))
    found = []
    current = stacks[-1] if stacks else -1
    while current >= 0:
        found.append(chosen[current])
        current = before[current]
    return found[::-1]


def _unique(keys: Sequence[Hashable], stretch: tuple[int, int]) -> dict[Hashable, int]:
    """Keys that are in a stretch once -> where, in order."""
    places: dict[Hashable, int] = {}
    for index in range(*stretch):
        places[keys[index]] = -1 if keys[index] in places else index
    return {key: index for key, index in places.items() if index >= 0}


def _identity(node: Element) -> Hashable:
    """What an element is, whatever it says."""
    for name in IDENTITIES:
        value = node.get(name)
        if value is not None:
            return node.tag, name, value
    return node.tag, None, None


def _texts(parent: Element, nodes: Sequence[Element]) -> list[str]:
    """The texts before, between and after the children."""
    return [parent.text or "", *[node.tail or "" for node in nodes]]


def _steps(nodes: Sequence[Element]) -> list[str]:
    """How each child is named by its position among those of its kind."""
    counts = {"*": 0, "comment()": 0, "processing-instruction()": 0}
    steps = []
    for node in nodes:
        kind = _kind(node)
        counts[kind] += 1
        steps.append(f"{kind}[{counts[kind]}]")
    return steps


def _kind(node: Any) -> str:
    if _is_element(node):
        return "*"
    return "comment()" if node.tag is etree.Comment else "processing-instruction()"


def _is_element(node: Any) -> bool:
    return isinstance(node.tag, str)


def _all_elements(*lists: Sequence[Element]) -> bool:
    return all(_is_element(node) for nodes in lists for node in nodes)


def _is_blank(text: str) -> bool:
    """Whether a text is there and has nothing but blanks."""
    return text != "" and _BLANKS.issuperset(text)


def escaped(text: str) -> str:
    """Text as it stands, blanks at its ends included."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
