"""What has become of documents on an XCAP server: which there are, which have changed and how, and single nodes of them.

A document is named with the entity tag that it had, or has, or both; with both there may be the operations that make the new
one of the old (``documents.xml_patch``), which stand here as they are written where this document's namespace is the default
one.  Elements and attributes are told with what they are now, or that they are gone.

Implements: RFC 5874 sections 3 and 4 (``application/xcap-diff+xml``).
"""

from collections.abc import Iterable
from typing import Final

from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.xml import Element, attribute, canonical_octets, children, parse
from sip2xmpp.documents.xml_patch import escaped
from sip2xmpp.errors import BadDocument

CONTENT_TYPE: Final = "application/xcap-diff+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:xcap-diff"
SIZE_LIMIT: Final = 1_048_576
"""Octets of a document that is read."""

_Q: Final = f"{{{NAMESPACE}}}"
_OPERATIONS: Final = frozenset((f"{_Q}add", f"{_Q}replace", f"{_Q}remove"))


@frozen_value
class DocumentChange:
    """``sel`` is relative to the root.

    Without ``previous_etag`` the document has come into existence, or is there; without ``new_etag`` it has gone.
    """

    sel: str
    previous_etag: str | None = None
    new_etag: str | None = None
    is_same: bool = False
    """Only the entity tag is another one."""
    patch: tuple[str, ...] = ()


@frozen_value
class ElementState:
    """``content`` is the element itself; None where it does not exist, or has no room.

    ``mark`` stands for what is left out: it is another one when that is.
    """

    sel: str
    exists: bool = True
    content: bytes | None = None
    mark: str = ""


@frozen_value
class AttributeState:
    """``value`` is None where it does not exist."""

    sel: str
    value: str | None = None


Change = DocumentChange | ElementState | AttributeState


@frozen_value
class XcapDiff:
    """``root`` is the URI that all ``sel`` are relative to."""

    root: str
    changes: tuple[Change, ...] = ()


def write(diff: XcapDiff) -> bytes:
    """A document."""
    inside = "".join([_written(change) for change in diff.changes])
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<xcap-diff xmlns="{NAMESPACE}" xcap-root="{attribute(diff.root)}">'
        f"{inside}</xcap-diff>"
    ).encode()


def read(octets: bytes) -> XcapDiff:
    """What a document says, in the order of its namespace; other elements are left out.  Raises ``BadDocument``."""
    root = parse(octets, limit=SIZE_LIMIT)
    if root.tag != f"{_Q}xcap-diff":
        raise BadDocument("not an xcap-diff document")
    return XcapDiff(root=root.get("xcap-root", ""), changes=tuple(_changes(children(root))))


def _written(change: Change) -> str:
    sel = attribute(change.sel)
    if isinstance(change, AttributeState):
        if change.value is None:
            return f'<attribute sel="{sel}" exists="false"/>'
        return f'<attribute sel="{sel}">{escaped(change.value)}</attribute>'
    if isinstance(change, ElementState):
        if not change.exists:
            return f'<element sel="{sel}" exists="false"/>'
        if change.content is not None:
            return f'<element sel="{sel}">{change.content.decode()}</element>'
        return f'<element sel="{sel}" exists="true"/>' + (f"<!--{change.mark}-->" if change.mark else "")
    etags = "".join(
        f' {name}="{attribute(etag)}"'
        for name, etag in (("previous-etag", change.previous_etag), ("new-etag", change.new_etag))
        if etag is not None
    )
    inside = "<body-not-changed/>" if change.is_same else "".join(change.patch)
    return (
        f'<document sel="{sel}"{etags}>{inside}</document>' if inside else f'<document sel="{sel}"{etags}/>'
    )


def _changes(elements: Iterable[Element]) -> Iterable[Change]:
    for each in elements:
        sel = each.get("sel", "")
        exists = each.get("exists", "true").strip() not in ("false", "0")
        if each.tag == f"{_Q}document":
            yield DocumentChange(
                sel=sel,
                previous_etag=each.get("previous-etag"),
                new_etag=each.get("new-etag"),
                is_same=any(child.tag == f"{_Q}body-not-changed" for child in each),
                patch=tuple(canonical_octets(child).decode() for child in each if child.tag in _OPERATIONS),
            )
        elif each.tag == f"{_Q}element":
            content = canonical_octets(each[0]) if exists and len(each) else None
            yield ElementState(sel=sel, exists=exists, content=content)
        elif each.tag == f"{_Q}attribute":
            yield AttributeState(sel=sel, value=(each.text or "") if exists else None)
