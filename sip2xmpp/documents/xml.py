"""XML from strangers, and XML text for them.

Reading goes through lxml with everything switched off that makes XML dangerous: no document type, no entities but the
five predefined ones, no network, a size limit before parsing and libxml2's own limits on depth and text.  Only encodings
whose markup is ASCII are accepted, so that the checks made on octets before parsing cannot be deceived.  Writing is
string building with ``text`` and ``attribute``, which also drop what XML 1.0 forbids; no tree is made to write.

Implements: XML 1.0 (fifth edition) sections 2.2, 2.11, 3.3.3, 4.3.3; Exclusive XML Canonicalization 1.0.
"""

import re
import sys
from collections.abc import Callable
from operator import itemgetter
from typing import Final

from lxml import etree

from sip2xmpp.errors import BadDocument

Element = etree._Element

SIZE_LIMIT: Final = 65_536
"""Octets a document may have, unless the caller says otherwise."""

_ENCODINGS: Final = frozenset((b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"latin1"))
_DECLARATION = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_USUAL_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"'
_BARE_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[\]<>]{0,400}>")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_VOCABULARY: Final = 2048
"""Names of elements that are remembered."""


def _parser(*, whole: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=not whole,
        remove_pis=not whole,
        recover=False,
        collect_ids=False,
    )


_PARSER: Final = _parser(whole=False)
_WHOLE_PARSER: Final = _parser(whole=True)

_ILLEGAL = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_SPECIAL = re.compile("[^\t\n\x20-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_SPECIAL = re.compile("[^\x20!#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_SPACE = str.maketrans("\t\n", "  ")


def parse(
    octets: bytes, *, limit: int = SIZE_LIMIT, allow_doctype: bool = False, whole: bool = False
) -> Element:
    """The root element of a document.  ``limit`` in octets.  Raises ``BadDocument`` and nothing else.

    With ``allow_doctype`` a document type declaration without internal subset is removed before parsing, not resolved.
    With ``whole`` comments and processing instructions are nodes of the tree, and else left out.
    """
    if len(octets) > limit:
        raise BadDocument(f"the document is larger than {limit} octets")
    if octets[:1] != b"<":
        octets = _without_prologue(octets)
    if b"<!DOCTYPE" in octets:
        if not allow_doctype:
            raise BadDocument("a document type declaration is not accepted")
        # COMPAT: FreeSWITCH and Microsoft clients send XPIDF with an external DTD that nobody needs.
        octets = _BARE_DOCTYPE.sub(b"", octets, count=1)
        if b"<!DOCTYPE" in octets:
            raise BadDocument("a document type declaration with content is not accepted")
    if octets[:5] == b"<?xml" and not octets.startswith(_USUAL_DECLARATION):
        _check_encoding(octets)
    try:
        return etree.fromstring(octets, _WHOLE_PARSER if whole else _PARSER)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise BadDocument(f"not well-formed XML: {error}") from None


def _check_encoding(octets: bytes) -> None:
    """Refuse a declared encoding in which markup could hide from the checks on octets."""
    declared = _DECLARATION.match(octets)
    if declared is not None:
        if declared[1].lower() not in _ENCODINGS:
            raise BadDocument(f"the encoding {declared[1][:40].decode('ascii')} is not accepted")
    elif b"encoding" in octets.partition(b">")[0]:
        raise BadDocument("the encoding is not declared as XML does it")


def _without_prologue(octets: bytes) -> bytes:
    """COMPAT: parts of multipart bodies and some phones put blank lines or a byte order mark before the document."""
    octets = octets.removeprefix(_BYTE_ORDER_MARK).lstrip(b" \t\r\n")
    if octets[:1] != b"<":
        raise BadDocument("not an XML document in UTF-8 or ISO-8859-1")
    return octets


class _LocalParts(dict[str, str]):
    """A dictionary that finds what it does not have, and keeps it as long as there is room."""

    def __missing__(self, tag: str) -> str:
        name = sys.intern(tag[tag.rfind("}") + 1 :])
        if len(self) < _VOCABULARY:
            self[tag] = name
        return name


LOCAL_PARTS: Final = _LocalParts()
"""Tags in the notation of lxml -> names without their namespaces; remembered, because the vocabulary is small."""


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return LOCAL_PARTS[element.tag]


children: Final[Callable[[Element], list[Element]]] = itemgetter(slice(None))
"""The children of an element, all at once: cheaper than one by one."""


def content(element: Element) -> str:
    """The text of an element before its first child, without surrounding blanks."""
    return (element.text or "").strip()


def canonical_octets(element: Element) -> bytes:
    """An element as self-contained octets that mean the same under any default namespace (exclusive C14N).

    Raises ``BadDocument`` for a namespace that is a relative URI, which has no canonical form.
    """
    try:
        octets = etree.tostring(element, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    except etree.C14NError:
        raise BadDocument(f"{element.tag[:80]} has a relative namespace") from None
    if any(inner.tag[0] != "{" for inner in element.iter()) and b" xmlns=" not in octets.split(b">", 1)[0]:
        end = re.match(rb"<[^\s/>]+", octets)
        assert end is not None
        octets = end[0] + b' xmlns=""' + octets[end.end() :]
    return octets


def clean(value: str) -> str:
    """Text without what XML 1.0 forbids, line ends as XML readers see them, no surrounding blanks."""
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if not value.isprintable():
        value = _ILLEGAL.sub("", value)
    return value.strip()


def text(value: str) -> str:
    """Character data for ``value``: cleaned and escaped."""
    if _TEXT_SPECIAL.search(value) is not None:
        value = clean(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return value.strip()


def attribute(value: str) -> str:
    """The inside of a double-quoted attribute for ``value``: cleaned, blanks normalized, escaped."""
    if _ATTRIBUTE_SPECIAL.search(value) is not None:
        value = clean(value).translate(_ATTRIBUTE_SPACE)
        value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return value.strip()
