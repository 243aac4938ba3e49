"""Presence documents that say only what has changed since the one before.

``full`` and ``diff`` take documents as the writer made them.  A ``diff`` is a list of operations, as ``documents.xml_patch`` finds
them.  There is no diff, and the full document has to be sent, where the roots differ, or it would be no shorter.

Implements: RFC 5262 (pidf-full, pidf-diff).
"""

from typing import Final

from sip2xmpp.documents import xml, xml_patch

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
    if sorted(old.attrib.items()) != sorted(new.attrib.items()):
        return None
    said = xml_patch.operations(old, new, prefix="p:", known=new.nsmap, scopes=False)
    return None if said is None else _opening(after) + "".join(said).encode()


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
