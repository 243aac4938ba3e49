"""The addresses of an XCAP server: which document is meant, and which node of it.

``XcapUri`` is the part of a URI after the XCAP root.  Its document selector names an application usage, a tree (the global
one, or that of a user, whose name is the XUI) and a document; behind ``~~`` may follow a node selector, whose steps go down
from the root element, and a query that binds the prefixes of its names.  The document selector is split before it is
decoded, so that a user part may hold an encoded slash; the node selector is decoded once and read then, so that a quoted
value may hold a slash, a bracket or ``~~``.  Strangers write these, so length and steps are bounded and reading is linear.
Nothing of a name is ever a path of a file system; all the same, what could be one that leads elsewhere is refused.

Writing gives one canonical form, which is read as an equal value.

Implements: RFC 4825 section 6 (URI construction); XPointer xmlns() scheme; RFC 3986 section 2.1.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.errors import BadAddress, BadInput

LONGEST: Final = 4096
"""Characters of a URI below the root."""
STEPS: Final = 32
"""Steps of a node selector."""
SEGMENTS: Final = 8
"""Segments of the name of a document."""
XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"

_START: Final = "A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
_NCNAME: Final = rf"[{_START}][{_START}.0-9\xb7\u0300-\u036f\u203f\u2040-]*"
_QNAME: Final = rf"(?:({_NCNAME}):)?({_NCNAME})"
_STEP: Final = re.compile(
    rf"(?:(\*)|{_QNAME})(?:\[([0-9]{{1,9}})\])?(?:\[@{_QNAME}=(?:\"([^\"]*)\"|'([^']*)')\])?(?=/|\Z)"
)
_ATTRIBUTE: Final = re.compile(rf"@{_QNAME}\Z")
_POINTER: Final = re.compile(rf"\s*((?:{_NCNAME}:)?{_NCNAME})\(((?:[^()^]|\^[()^])*)\)\s*")
_BINDING: Final = re.compile(rf"\s*({_NCNAME})\s*=\s*+(.*\S)\s*", re.DOTALL)
_CIRCUMFLEX: Final = re.compile(r"\^([()^])")
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f\\\\]")
_REFERENCE: Final = re.compile(r"&(?:#x([0-9A-Fa-f]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));")
_ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_MUST_REFER: Final = re.compile('[&<"\t\n\r]')
_WORDS: Final = {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_SPACES: Final = str.maketrans("\t\n\r", "   ")
_SAFE: Final = ":@!$&'()*+,;="
"""What stands unescaped in a path beside letters, digits and ``-._~``."""

_TREES: Final = ("global", "users")
_NAMESPACES: Final = "namespace::*"


class BadXcapUri(BadInput):
    """Not what the grammar allows (status 400)."""


class UnknownTree(BadXcapUri):
    """Well-formed, but in a tree that no XCAP server has (status 404)."""


class UndefinedPrefix(BadXcapUri):
    """A name has a prefix that the query does not bind (status 400)."""


class NodeKind(Enum):
    """What a node selector selects."""

    ELEMENT = "element"
    ATTRIBUTE = "attribute"
    NAMESPACES = "namespaces"


@dataclass(frozen=True, slots=True)
class QName:
    """A name as written; ``prefix`` is empty if there is none."""

    prefix: str
    local: str

    def __str__(self) -> str:
        return f"{self.prefix}:{self.local}" if self.prefix else self.local


ANY: Final = QName("", "*")
"""The name test that every element passes."""


@dataclass(frozen=True, slots=True)
class AttributeTest:
    """``[@name="value"]``; ``value`` as an XML reader sees it."""

    name: QName
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step to a child; tests apply in this order."""

    name: QName
    position: int | None = None
    test: AttributeTest | None = None

    def __str__(self) -> str:
        """Not percent-encoded."""
        written = str(self.name)
        if self.position is not None:
            written += f"[{self.position}]"
        if self.test is not None:
            value = _MUST_REFER.sub(lambda match: _WORDS[match[0]], self.test.value)
            written += f'[@{self.test.name}="{value}"]'
        return written


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSelector:
    """Steps from the root element (the first step is about it), then perhaps an attribute or the namespaces in scope.

    ``prefixes`` are pairs of a prefix and its namespace, those that occur, sorted.
    """

    steps: tuple[Step, ...]
    attribute: QName | None = None
    is_namespaces: bool = False
    prefixes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str, query: str = "") -> "NodeSelector":
        """The selector in percent-encoded text without ``~~/``.  Raises ``BadXcapUri``."""
        if len(text) + len(query) > LONGEST:
            raise BadXcapUri(f"a URI may have {LONGEST} characters below the root")
        return _node(_decoded(text), _bindings(_decoded(query)))

    @property
    def kind(self) -> NodeKind:
        if self.is_namespaces:
            return NodeKind.NAMESPACES
        return NodeKind.ELEMENT if self.attribute is None else NodeKind.ATTRIBUTE

    @property
    def path(self) -> str:
        """The selector percent-encoded, without the query."""
        written = [str(step) for step in self.steps]
        if self.attribute is not None:
            written.append(f"@{self.attribute}")
        if self.is_namespaces:
            written.append(_NAMESPACES)
        return "/".join(quote(each, safe=_SAFE) for each in written)

    @property
    def query(self) -> str:
        """What binds the prefixes, percent-encoded; empty if none occurs."""
        return "".join(
            f"xmlns({quote(prefix)}={quote(_escaped(uri), safe='/:@!$()*+,;=?')})"
            for prefix, uri in self.prefixes
        )

    def __str__(self) -> str:
        return f"{self.path}?{self.query}" if self.prefixes else self.path

    def namespace_of(self, name: QName, default: str | None) -> str | None:
        """The namespace of a name; ``default`` is that of names without a prefix (of attributes: None)."""
        if not name.prefix:
            return default
        if name.prefix == "xml":
            return XML_NAMESPACE
        return dict(self.prefixes)[name.prefix]

    def upto(self, count: int) -> "NodeSelector":
        """The element that the first ``count`` steps select."""
        return _selector(self.steps[:count], None, False, dict(self.prefixes))

    def below(self, step: Step) -> "NodeSelector":
        """The element one step further down."""
        return NodeSelector(steps=(*self.steps, step), prefixes=self.prefixes)

    def with_attribute(self, name: QName) -> "NodeSelector":
        """An attribute of the element selected."""
        return NodeSelector(steps=self.steps, attribute=name, prefixes=self.prefixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class XcapUri:
    """What a URI means below the XCAP root.

    ``owner`` is the XUI as written, decoded (``address_of_xui`` reads it), or empty for the global tree.  ``name`` is the
    path of the document below its owner, mostly ``index``; it is empty for a collection, which is all documents there.
    """

    auid: str
    owner: str = ""
    name: str
    node: NodeSelector | None = None

    @classmethod
    def parse(cls, text: str, *, collections: bool = False) -> "XcapUri":
        """The meaning of percent-encoded text, from behind the root and with the query if there is one.

        With ``collections`` a URI may end behind its owner.  Raises ``BadXcapUri`` and its kinds.
        """
        if len(text) > LONGEST:
            raise BadXcapUri(f"a URI may have {LONGEST} characters below the root")
        path, _, query = text.partition("?")
        segments = path.removeprefix("/").split("/")
        node = None
        for number, segment in enumerate(segments):
            if segment.replace("%7E", "~").replace("%7e", "~") == "~~":
                selector = "/".join(segments[number + 1 :])
                node = _node(_decoded(selector), _bindings(_decoded(query)))
                del segments[number:]
                break
        else:
            if segments[-1] == "" and len(segments) > 1:
                # COMPAT: clients put a slash behind the name of a document.
                segments.pop()
        return _located([_decoded(segment) for segment in segments], node, collections)

    @property
    def is_global(self) -> bool:
        return not self.owner

    @property
    def is_collection(self) -> bool:
        return not self.name

    @property
    def document(self) -> "XcapUri":
        """The document in which the node is."""
        return XcapUri(auid=self.auid, owner=self.owner, name=self.name)

    def __str__(self) -> str:
        """Percent-encoded, without a slash in front."""
        tree = f"users/{quote(self.owner, safe=_SAFE)}" if self.owner else "global"
        written = f"{quote(self.auid, safe=_SAFE)}/{tree}/{quote(self.name, safe=_SAFE + '/')}"
        return written if self.node is None else f"{written}/~~/{self.node}"


def address_of_xui(text: str, *, default_domain: str = "") -> Address:
    """Whose tree an XUI names: ``sip:alice@example.org`` or without scheme.  Raises ``BadAddress``.

    COMPAT: eyeBeam gives a user name without a domain; it is of ``default_domain`` if there is one.
    """
    if default_domain and "@" not in text:
        text = f"{text}@{default_domain}"
    address = address_from_sip(text)
    if not address.local:
        raise BadAddress("an XUI names a user")
    return address


# reading


def _decoded(text: str) -> str:
    """Percent-encoding undone.  Raises ``BadXcapUri``."""
    if _BROKEN_PERCENT.search(text):
        raise BadXcapUri("a percent sign without two hexadecimal digits")
    try:
        decoded = unquote_to_bytes(text).decode("utf-8")
    except UnicodeError:
        raise BadXcapUri("the octets of the URI are not UTF-8") from None
    if _ILLEGAL.search(decoded):
        raise BadXcapUri("a character that XML does not have")
    return decoded


def _located(segments: list[str], node: NodeSelector | None, collections: bool) -> XcapUri:
    for segment in segments:
        if segment in ("", ".", "..") or _UNSAFE.search(segment):
            raise BadXcapUri("a segment of the path is empty, leads elsewhere or has a forbidden character")
    if len(segments) < 2:
        raise BadXcapUri("no tree is named")
    auid, tree, *rest = segments
    if tree not in _TREES:
        raise UnknownTree(f"there is no tree {tree[:40]}, only global and users")
    owner = ""
    if tree == "users":
        if not rest:
            raise BadXcapUri("no user is named")
        owner = rest.pop(0)
    if not rest and (not collections or node is not None):
        raise BadXcapUri("no document is named")
    if len(rest) > SEGMENTS or any("/" in segment for segment in (auid, *rest)):
        raise BadXcapUri("the name of the document is not usable")
    return XcapUri(auid=auid, owner=owner, name="/".join(rest), node=node)


def _bindings(query: str) -> dict[str, str]:
    """The prefixes that ``xmlns()`` pointers bind; pointers of other schemes are ignored.  The last one wins."""
    bound: dict[str, str] = {}
    at = 0
    while at < len(query):
        pointer = _POINTER.match(query, at)
        if pointer is None:
            raise BadXcapUri("the query is not made of xmlns() pointers")
        at = pointer.end()
        if pointer[1] != "xmlns":
            continue
        binding = _BINDING.fullmatch(pointer[2])
        if binding is None or binding[1] == "xmlns":
            raise BadXcapUri("an xmlns() pointer binds a prefix to a namespace: xmlns(p=urn:example)")
        bound[binding[1]] = _CIRCUMFLEX.sub(r"\1", binding[2])
    return bound


def _node(text: str, bound: dict[str, str]) -> NodeSelector:
    # COMPAT: clients put a slash behind the last step.
    text = text.removesuffix("/")
    if not text:
        raise BadXcapUri("the node selector is empty")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if steps and (terminal := _terminal(text, at)) is not None:
            attribute, is_namespaces = terminal
            return _selector(tuple(steps), attribute, is_namespaces, bound)
        match = _STEP.match(text, at)
        if match is None:
            raise BadXcapUri(f"step {len(steps) + 1} of the node selector is not understood")
        if len(steps) == STEPS:
            raise BadXcapUri(f"a node selector may have {STEPS} steps")
        steps.append(_step(match))
        at = match.end() + 1
    return _selector(tuple(steps), None, False, bound)


def _terminal(text: str, at: int) -> tuple[QName | None, bool] | None:
    if text.startswith(_NAMESPACES, at) and at + len(_NAMESPACES) == len(text):
        return None, True
    attribute = _ATTRIBUTE.match(text, at)
    return None if attribute is None else (QName(attribute[1] or "", attribute[2]), False)


def _step(match: re.Match[str]) -> Step:
    any_, prefix, local, position, tested_prefix, tested, double, single = match.groups()
    return Step(
        name=ANY if any_ else QName(prefix or "", local),
        position=None if position is None else int(position),
        test=None
        if tested is None
        else AttributeTest(QName(tested_prefix or "", tested), _value(single if double is None else double)),
    )


def _value(raw: str) -> str:
    """A quoted value as an XML reader sees it.  COMPAT: a bare ``&``, which XML forbids, stands for itself."""
    return _REFERENCE.sub(_referred, raw.translate(_SPACES)) if raw else raw


def _referred(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return _ENTITIES[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if code > 0x10FFFF or _ILLEGAL.match(chr(code)):
        raise BadXcapUri("a reference to a character that XML does not have")
    return chr(code)


def _selector(
    steps: tuple[Step, ...], attribute: QName | None, is_namespaces: bool, bound: dict[str, str]
) -> NodeSelector:
    names = [step.name for step in steps] + [step.test.name for step in steps if step.test is not None]
    if attribute is not None:
        names.append(attribute)
    used = {name.prefix for name in names} - {"", "xml"}
    undefined = sorted(used - bound.keys())
    if undefined:
        raise UndefinedPrefix(f"the query does not bind the prefix {undefined[0][:40]}")
    return NodeSelector(
        steps=steps,
        attribute=attribute,
        is_namespaces=is_namespaces,
        prefixes=tuple((prefix, bound[prefix]) for prefix in sorted(used)),
    )


def _escaped(uri: str) -> str:
    return uri.replace("^", "^^").replace("(", "^(").replace(")", "^)")
