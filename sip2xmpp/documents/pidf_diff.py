"""Presence documents that say only what has changed since the one before.

``full`` and ``diff`` take documents as the writer made them.  A ``diff`` is a list of operations, each on one place: children
are matched by what they are and their id, what lies between two matches is removed and added, and matched ones are compared
in turn, down to attributes and texts.  Places are named by position (``*/*[2]/*[1]``), which is short and needs no prefixes.
Operations are done in order; they go from the end of a list to its beginning, so that no position is moved by an earlier one.

There is no diff, and the full document has to be sent, where the roots differ, or it would be no shorter.

Implements: RFC 5262 (pidf-full, pidf-diff); RFC 5261 section 4 (add, replace, remove).
"""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from lxml import etree

from sip2xmpp.documents import xml
from sip2xmpp.documents.namespaces import XML_LANG

CONTENT_TYPE: Final = "application/pidf-diff+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:pidf-diff"

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_ROOT: Final = b"<presence "
_END: Final = b"</presence>"
_EMPTY_END: Final = b"/>"
_UNSIGNED: Final = 2**32
"""Versions are counted up to here (RFC 5262: unsignedInt), and then from 0."""


def full(octets: bytes, version: int) -> bytes:
    """A document as one that later ones may say the changes of."""
    start = octets.index(_ROOT) + len(_ROOT)
    end = octets.rindex(_END) if octets.rstrip().endswith(_END) else None
    head = b'%b<p:pidf-full xmlns:p="%b" version="%d" ' % (
        _DECLARATION,
        NAMESPACE.encode(),
        version % _UNSIGNED,
    )
    if end is None:
        return head + octets[start:]
    return head + octets[start:end] + b"</p:pidf-full>"


def operations(before: bytes, after: bytes) -> bytes | None:
    """What turns one document into the other, without the root of a diff; None where that cannot be said."""
    old, new = xml.parse(before, limit=len(before)), xml.parse(after, limit=len(after))
    if (
        old.tag != new.tag
        or sorted(old.attrib.items()) != sorted(new.attrib.items())
        or not (_is_plain(old) and _is_plain(new))
    ):
        return None
    root = _opening(after)
    return root + "".join(_compared(old, new, "*", new.nsmap)).encode()


def diff(said: bytes, version: int) -> bytes:
    """The document made of ``operations``."""
    opening, _, rest = said.partition(b">")
    return b'%b<p:pidf-diff xmlns:p="%b" version="%d" %b>%b</p:pidf-diff>' % (
        _DECLARATION,
        NAMESPACE.encode(),
        version % _UNSIGNED,
        opening,
        rest,
    )


def _opening(octets: bytes) -> bytes:
    """The attributes and namespaces of the root, up to its bracket."""
    start = octets.index(_ROOT) + len(_ROOT)
    return octets[start : octets.index(b">", start)].rstrip(b"/") + b">"


def _compared(old: xml.Element, new: xml.Element, place: str, known: dict[str | None, str]) -> Iterator[str]:
    """The operations on one element, both of whose forms are plain."""
    yield from _attributes(old, new, place)
    if len(old) == 0 and len(new) == 0:
        if (old.text or "") != (new.text or ""):
            if old.text and new.text:
                yield f'<p:replace sel="{place}/text()">{_escaped(new.text)}</p:replace>'
            elif new.text:
                yield f'<p:add sel="{place}">{_escaped(new.text)}</p:add>'
            else:
                yield f'<p:remove sel="{place}/text()"/>'
        return
    yield from _children(old, new, place, known)


def _attributes(old: xml.Element, new: xml.Element, place: str) -> Iterator[str]:
    before, after = ({str(key): str(value) for key, value in each.attrib.items()} for each in (old, new))
    for key in sorted(before.keys() | after.keys()):
        name = "xml:lang" if key == XML_LANG else key
        if key not in after:
            yield f'<p:remove sel="{place}/@{name}"/>'
        elif key not in before:
            yield f'<p:add sel="{place}" type="@{name}">{_escaped(after[key])}</p:add>'
        elif before[key] != after[key]:
            yield f'<p:replace sel="{place}/@{name}">{_escaped(after[key])}</p:replace>'


def _children(old: xml.Element, new: xml.Element, place: str, known: dict[str | None, str]) -> Iterator[str]:
    before, after = list(old), list(new)
    matched = SequenceMatcher(
        None, [_key(each) for each in before], [_key(each) for each in after], autojunk=False
    )
    for kind, i1, i2, j1, j2 in reversed(matched.get_opcodes()):
        if kind == "equal":
            for one, other, index in reversed(
                list(zip(before[i1:i2], after[j1:j2], range(i1, i2), strict=True))
            ):
                inner = f"{place}/*[{index + 1}]"
                if _is_plain(one) and _is_plain(other) and _are_alike(one, other):
                    yield from _compared(one, other, inner, known)
                elif xml.canonical_octets(one) != xml.canonical_octets(other):
                    yield f'<p:replace sel="{inner}">{_written(other, known)}</p:replace>'
            continue
        for index in range(i2 - 1, i1 - 1, -1):
            yield f'<p:remove sel="{place}/*[{index + 1}]"/>'
        added = "".join(_written(each, known) for each in after[j1:j2])
        if added and i1 > 0:
            yield f'<p:add sel="{place}/*[{i1}]" pos="after">{added}</p:add>'
        elif added:
            yield f'<p:add sel="{place}" pos="prepend">{added}</p:add>'


def _key(element: xml.Element) -> tuple[str, str]:
    return element.tag, element.get("id", "")


def _is_plain(element: xml.Element) -> bool:
    """Whether there is text or there are children, but not both, and no attribute needs a prefix but ``xml:lang``."""
    if len(element) and (element.text or any(child.tail for child in element)):
        return False
    return all(key == XML_LANG or str(key)[0] != "{" for key in element.attrib)


def _are_alike(one: xml.Element, other: xml.Element) -> bool:
    """Whether one can be made into the other by operations inside of it."""
    return (len(one) == 0 or not other.text) and (len(other) == 0 or not one.text)


def _written(element: xml.Element, known: dict[str | None, str]) -> str:
    """An element inside of a diff, whose root declares the namespaces ``known``."""
    octets = etree.tostring(element, encoding="unicode", with_tail=False)
    opening, bracket, rest = octets.partition(">")
    for prefix, uri in known.items():
        name = "xmlns" if prefix is None else f"xmlns:{prefix}"
        opening = opening.replace(f' {name}="{uri}"', "", 1)
    return opening + bracket + rest


def _escaped(text: str) -> str:
    """Text as it stands, blanks at its ends included."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
