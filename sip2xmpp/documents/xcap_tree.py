"""A document as a tree that knows where in the octets each of its elements stands.

An XCAP server changes one node and leaves every other octet of the document as it was, so it needs the places of nodes
more than their values.  The standard library's expat tells the place of each tag; a start tag is looked into only when a
place inside it is asked for.  Documents come from strangers: no document type and so no entities, UTF-8 only, and depth,
elements, attributes and namespace bindings are bounded.  Reading is linear in the octets.

``find`` follows a node selector as XCAP does: each step selects exactly one element, or nothing is selected.

Implements: RFC 4825 sections 6.3 and 6.4; XML 1.0 sections 2.8, 3.1, 4.3.3; Namespaces in XML 1.0.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

from sip2xmpp.documents.xcap_uri import ANY, XML_NAMESPACE, NodeSelector, Step
from sip2xmpp.errors import BadDocument

SIZE_LIMIT: Final = 1_048_576
"""Octets a document may have, unless the caller says otherwise."""
DEPTH: Final = 64
ELEMENTS: Final = 20_000
ATTRIBUTES: Final = 256
"""Attributes of one element."""
BINDINGS: Final = 64
"""Prefixes in scope of one element."""

Name = tuple[str | None, str]
"""A namespace, or None, and a local name."""

_XMLNS: Final = "http://www.w3.org/2000/xmlns/"
_START_TAG: Final = re.compile(rb"<(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")
_TAG_NAME: Final = re.compile(rb"<[^\s/>]+")
_ATTRIBUTE: Final = re.compile(rb"(\s+)([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class NotUtf8(BadDocument):
    """The octets, or the encoding they are declared in, are not UTF-8."""


class NotWellFormed(BadDocument):
    """Not XML with namespaces."""


class NotAccepted(BadDocument):
    """XML, but with what is not accepted from strangers: a document type, or too much of something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where an attribute stands: from the blank before its name to behind its quote, and the value inside its quotes."""

    start: int
    end: int
    value_start: int
    value_end: int


@dataclass(slots=True, eq=False, repr=False)
class Element:
    """An element and its places as offsets into ``source``; to be left as it is.

    ``start`` to ``end`` is all of it, ``content_start`` to ``content_end`` what is between its tags; both of these equal
    ``end`` for an element of one tag (``is_empty_tag``).  ``attributes`` and ``text`` are as XML readers see them, ``text``
    being the character data that is not in a child.  ``namespaces`` are those in scope, by prefix, the default as ``""``.
    """

    source: bytes
    prefix: str
    namespace: str | None
    local: str
    attributes: Mapping[Name, str]
    namespaces: Mapping[str, str]
    start: int
    content_end: int = 0
    end: int = 0
    text: str = ""
    children: Sequence["Element"] = ()

    def __repr__(self) -> str:
        return f"<Element {self.qname} at {self.start}>"

    @property
    def name(self) -> Name:
        return self.namespace, self.local

    @property
    def qname(self) -> str:
        """The name as written."""
        return f"{self.prefix}:{self.local}" if self.prefix else self.local

    @property
    def octets(self) -> bytes:
        return self.source[self.start : self.end]

    @property
    def is_empty_tag(self) -> bool:
        """Whether the element is written as one tag."""
        return self.content_end == self.end

    @property
    def content_start(self) -> int:
        tag = _START_TAG.match(self.source, self.start)
        assert tag is not None
        return tag.end()

    @property
    def line(self) -> int:
        """The line on which the element begins, from 1."""
        return self.source.count(b"\n", 0, self.start) + 1

    def get(self, local: str, default: str = "") -> str:
        """The value of an attribute without a namespace."""
        return self.attributes.get((None, local), default)

    def all(self, namespace: str | None, local: str) -> list["Element"]:
        """The children of this name."""
        return [child for child in self.children if child.local == local and child.namespace == namespace]

    def first(self, namespace: str | None, local: str) -> "Element | None":
        """The first child of this name."""
        return next(
            (each for each in self.children if each.local == local and each.namespace == namespace), None
        )

    @property
    def attribute_spans(self) -> dict[Name, Span]:
        """The places of the attributes; declarations of namespaces are none."""
        spans: dict[Name, Span] = {}
        name = _TAG_NAME.match(self.source, self.start)
        assert name is not None
        at = name.end()
        while (match := _ATTRIBUTE.match(self.source, at, self.content_start)) is not None:
            at = match.end()
            prefix, _, local = match[2].decode("utf-8").rpartition(":")
            if prefix != "xmlns" and (prefix or local != "xmlns"):
                inside = 3 if match[3] is not None else 4
                spans[self.namespaces[prefix] if prefix else None, local] = Span(
                    start=match.start(), end=at, value_start=match.start(inside), value_end=match.end(inside)
                )
        return spans

    @property
    def attributes_end(self) -> int:
        """Where another attribute would be written: behind the last one, or behind the name."""
        match = _TAG_NAME.match(self.source, self.start)
        assert match is not None
        at = match.end()
        while (match := _ATTRIBUTE.match(self.source, at, self.content_start)) is not None:
            at = match.end()
        return at


def read(octets: bytes, *, limit: int = SIZE_LIMIT) -> Element:
    """The root element.  ``limit`` in octets.  Raises ``NotUtf8``, ``NotWellFormed`` or ``NotAccepted``."""
    if len(octets) > limit:
        raise NotAccepted(f"the document has more than {limit} octets")
    if octets[:2] in _BYTE_ORDER_MARKS or b"\0" in octets[:2]:
        raise NotUtf8("the document is not in UTF-8")
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8(f"octet {error.start} of the document is not UTF-8") from None
    return _Reading(octets).root()


def find(root: Element, selector: NodeSelector, default_namespace: str | None) -> Element | None:
    """The element that the steps of ``selector`` select, whatever the selector is about at the end, or None.

    ``default_namespace`` is that of steps without a prefix.
    """
    return find_upto(root, selector, len(selector.steps), default_namespace)


def find_upto(
    root: Element, selector: NodeSelector, count: int, default_namespace: str | None
) -> Element | None:
    """The element that the first ``count`` steps select, or None; ``count`` is at least 1."""
    found: Element | None = None
    for step in selector.steps[:count]:
        chosen = chosen_by(step, (root,) if found is None else found.children, selector, default_namespace)
        if len(chosen) != 1:
            return None
        found = chosen[0]
    return found


def chosen_by(
    step: Step, among: Sequence[Element], selector: NodeSelector, default_namespace: str | None
) -> Sequence[Element]:
    """Those of ``among``, elements of one parent in order, that pass the tests of a step of ``selector``."""
    if step.name != ANY:
        namespace, local = selector.namespace_of(step.name, default_namespace), step.name.local
        among = [each for each in among if each.local == local and each.namespace == namespace]
    if step.position is not None:
        among = among[step.position - 1 : step.position] if step.position else ()
    if step.test is not None:
        name = selector.namespace_of(step.test.name, None), step.test.name.local
        among = [each for each in among if each.attributes.get(name) == step.test.value]
    return among


class _Reading:
    """One pass of the parser over a document."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._children: list[list[Element]] = []
        self._root: Element | None = None
        self._count = 0
        # Told that it is UTF-8, expat does not look at the declaration; its own handling of namespaces is not used because
        # it hides the prefixes.
        parser = self._parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._document_type
        parser.StartElementHandler = self._started
        parser.EndElementHandler = self._ended
        parser.CharacterDataHandler = self._characters

    def root(self) -> Element:
        parser = self._parser
        try:
            parser.Parse(self._octets, True)
        except expat.ExpatError as error:
            raise NotWellFormed(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
        finally:
            # The parser knows this object by its methods; without the way back both go at once.
            del self._parser
        assert self._root is not None
        return self._root

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf8"):
            raise NotUtf8(f"the document is declared to be in {encoding[:40]}")

    def _document_type(self, *_: object) -> None:
        raise NotAccepted("a document type declaration is not accepted")

    def _characters(self, text: str) -> None:
        self._texts[-1].append(text)

    def _started(self, qname: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS:
            raise NotAccepted(f"the document has more than {ELEMENTS} elements")
        if len(self._open) == DEPTH:
            raise NotAccepted(f"the elements of the document are nested deeper than {DEPTH}")
        if len(attributes) > ATTRIBUTES:
            raise NotAccepted(f"an element has more than {ATTRIBUTES} attributes")
        scope = self._open[-1].namespaces if self._open else {"xml": XML_NAMESPACE}
        values: dict[Name, str] = {}
        for name, value in attributes.items():
            if ":" in name or name == "xmlns":
                scope = self._bound(scope, attributes)
                values = self._qualified(scope, attributes)
                break
            values[None, name] = value
        if ":" in qname:
            prefix, local = _split(qname)
            namespace: str | None = self._namespace(scope, prefix)
        else:
            prefix, local, namespace = "", qname, scope.get("") or None
        start = self._parser.CurrentByteIndex
        self._open.append(Element(self._octets, prefix, namespace, local, values, scope, start))
        self._texts.append([])
        self._children.append([])

    def _ended(self, _: str) -> None:
        element = self._open.pop()
        texts, children = self._texts.pop(), self._children.pop()
        at = self._parser.CurrentByteIndex
        if not texts and not children and self._octets[at - 2 : at] == b"/>":
            element.content_end = element.end = at
        else:
            element.content_end = at
            element.end = self._octets.index(b">", at) + 1
            if texts:
                element.text = "".join(texts)
            if children:
                element.children = tuple(children)
        if self._open:
            self._children[-1].append(element)
        else:
            self._root = element

    def _qualified(self, scope: Mapping[str, str], attributes: Mapping[str, str]) -> dict[Name, str]:
        """Attributes by expanded names, without the declarations of namespaces."""
        values: dict[Name, str] = {}
        for name, value in attributes.items():
            prefix, local = _split(name)
            if prefix != "xmlns" and name != "xmlns":
                key = (self._namespace(scope, prefix) if prefix else None), local
                if key in values:
                    raise NotWellFormed(f"line {self._line}: the attribute {local[:40]} is there twice")
                values[key] = value
        return values

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber

    def _bound(self, scope: Mapping[str, str], attributes: Mapping[str, str]) -> Mapping[str, str]:
        """The namespaces in scope of an element with these attributes."""
        declared = {
            "" if name == "xmlns" else name[6:]: uri
            for name, uri in attributes.items()
            if name == "xmlns" or name.startswith("xmlns:")
        }
        if not declared:
            return scope
        for prefix, uri in declared.items():
            if (
                (prefix and not uri)
                or prefix == "xmlns"
                or uri == _XMLNS
                or (prefix == "xml") != (uri == XML_NAMESPACE)
            ):
                raise NotWellFormed(f"line {self._line}: the prefix {prefix[:40]!r} cannot be bound so")
        joined = {**scope, **declared}
        if len(joined) > BINDINGS:
            raise NotAccepted(f"more than {BINDINGS} prefixes are in scope of an element")
        return joined

    def _namespace(self, scope: Mapping[str, str], prefix: str) -> str:
        namespace = scope.get(prefix)
        if namespace is None:
            raise NotWellFormed(f"line {self._line}: the prefix {prefix[:40]} is not bound to a namespace")
        return namespace


def _split(qname: str) -> tuple[str, str]:
    prefix, colon, local = qname.partition(":")
    if not colon:
        return "", qname
    if not prefix or not local or ":" in local:
        raise NotWellFormed(f"{qname[:40]} is not a name with a prefix")
    return prefix, local
