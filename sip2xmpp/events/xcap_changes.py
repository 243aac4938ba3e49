"""What a watcher of ``xcap-diff`` is told: all that it has selected, or what became of that since it was told before.

A document is told by its entity tags, the one that the watcher knows and the one that it has now, however many versions lie
between.  The versions themselves are compared, which live as long as a subscription holds what it was told; only for a watcher
who wants each change by itself are the last few kept (``Versions``).  Elements and attributes are told with what they are.
What has no room is told without its content.

Implements: RFC 5874 sections 3 and 4; RFC 5875 section 4 (initial state, changes, patches).
"""

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import ClassVar, Final

from sip2xmpp.documents import xcap_diff, xcap_tree, xml, xml_patch
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.xcap_diff import AttributeState, DocumentChange, ElementState, XcapDiff
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.forms import Body, Comparing
from sip2xmpp.events.xcap_selection import ROOM, Choice, Processing
from sip2xmpp.presence.watching import Told
from sip2xmpp.store.documents import Document

MOST_DOCUMENTS: Final = 300
"""Documents in one NOTIFY."""
CONTENT_ROOM: Final = 65_536
CONTENT_ROOM_BY_DATAGRAM: Final = 4_096
"""Octets of all patches and elements in one NOTIFY."""
PATCHED: Final = 131_072
"""Octets of the largest version that is compared with another one, or looked into for elements."""
REMEMBERED: Final = 8
"""Versions of one document that are kept for watchers who want each change by itself."""

_CONTEXT: Final[dict[str | None, str]] = {None: xcap_diff.NAMESPACE}


@frozen_value
class Seen:
    """What of them one watcher has selected: each document with what the watcher calls it."""

    processing: Processing
    documents: tuple[tuple[str, Document], ...]
    nodes: tuple[tuple[Choice, Document], ...]


class Versions:
    """The versions that documents had lately, each after those before it."""

    def __init__(self) -> None:
        self._versions: dict[str, deque[Document]] = {}

    def replaced(self, document: Document) -> None:
        """A version that is not the newest any more."""
        if len(document.octets) <= PATCHED:
            self._versions.setdefault(document.key, deque(maxlen=REMEMBERED)).append(document)
        else:
            self._versions.pop(document.key, None)

    def forget(self, document: Document) -> None:
        self._versions.pop(document.key, None)

    def forget_owner(self, owner: str) -> None:
        for key in [key for key, known in self._versions.items() if known[0].owner == owner]:
            del self._versions[key]

    def between(self, one: Document, other: Document) -> list[Document] | None:
        """Each version from one to the other, which need not be the newest; None if not all are known."""
        known = [*self._versions.get(one.key, ()), other]
        etags = [each.etag for each in known]
        if one.etag not in etags:
            return None
        start = etags.index(one.etag)
        return known[start : etags.index(other.etag, start) + 1]


class XcapDiffForm(Comparing):
    """``application/xcap-diff+xml``; ``room`` is for all patches and elements in one body."""

    numbered: ClassVar[bool] = True

    def __init__(self, name: str, root: str, versions: Versions, room: int) -> None:
        self.name = name
        self._root = root
        self._versions = versions
        self._room = room

    def whole(self, told: Told[Seen], entity: str) -> Body | None:  # noqa: ARG002
        """Everything that is selected and is there, however much that is."""
        return self._present(told, None)

    def body(
        self,
        told: Told[Seen],
        before: Told[Seen] | None,
        entity: str,  # noqa: ARG002
        number: int,  # noqa: ARG002
    ) -> Body | None:
        """What has changed since ``before``, or everything."""
        now, former = told.document, None if before is None else before.document
        if now is None or former is None:
            return self._present(told, MOST_DOCUMENTS)
        changes: list[xcap_diff.Change] = []
        held, known = ({doc.key: (sel, doc) for sel, doc in each.documents} for each in (now, former))
        for key, (sel, old) in known.items():
            if key not in held:
                changes.append(DocumentChange(sel=sel, previous_etag=old.etag))
        for key, (sel, document) in held.items():
            if key not in known:
                changes.append(DocumentChange(sel=sel, new_etag=document.etag))
            elif known[key][1].etag != document.etag:
                changes += self._changes(sel, known[key][1], document, now.processing)
        states, past = _states(now), _states(former)
        del changes[MOST_DOCUMENTS:]
        changes += [each for sel, each in states.items() if each != past.get(sel)]
        changes += [_gone(each) for sel, each in past.items() if sel not in states]
        return self._body(changes)

    def _present(self, told: Told[Seen], most: int | None) -> Body | None:
        """What there is, of the documents ``most``."""
        seen = told.document
        if seen is None:
            return None
        changes: list[xcap_diff.Change] = [
            DocumentChange(sel=sel, new_etag=document.etag) for sel, document in seen.documents[:most]
        ]
        return self._body([*changes, *_states(seen).values()])

    def _changes(
        self, sel: str, old: Document, new: Document, processing: Processing
    ) -> Iterator[DocumentChange]:
        """One document, which is there as it was before in another version."""
        steps: list[Document] | None = [old, new]
        is_patched = processing is Processing.TOGETHER
        if processing is Processing.EACH:
            # A watcher who wants each change by itself does not understand several at once.
            steps = self._versions.between(old, new)
            is_patched = steps is not None
        for one, other in pairwise(steps or [old, new]):
            is_same = one.octets == other.octets
            yield DocumentChange(
                sel=sel,
                previous_etag=one.etag,
                new_etag=other.etag,
                is_same=is_same,
                patch=_patch(one.octets, other.octets) if is_patched and not is_same else (),
            )

    def _body(self, changes: list[xcap_diff.Change]) -> Body:
        """The body, as much of content in it as there is room for."""
        left = self._room
        fitted: list[xcap_diff.Change] = []
        for change in changes:
            needed = _size(change)
            if needed > left:
                fitted.append(_without_content(change))
            else:
                left -= needed
                fitted.append(change)
        octets = xcap_diff.write(XcapDiff(root=self._root, changes=tuple(fitted)))
        return Body(content_type=xcap_diff.CONTENT_TYPE, octets=octets)


def _states(seen: Seen) -> dict[str, ElementState | AttributeState]:
    """What the selected elements and attributes are now, by what the watcher calls them."""
    states: dict[str, ElementState | AttributeState] = {}
    for choice, document in seen.nodes:
        tree = _tree(document.octets) if len(document.octets) <= PATCHED else None
        state = None if tree is None else _state(choice, tree)
        if state is not None:
            states[choice.sel] = state
    return states


@lru_cache(maxsize=4)
def _tree(octets: bytes) -> xcap_tree.Element | None:
    try:
        return xcap_tree.read(octets)
    except BadDocument:
        return None


def _state(choice: Choice, tree: xcap_tree.Element) -> ElementState | AttributeState | None:
    """What a node is; None if it is not there, or has no room in any body."""
    node = choice.node
    assert node is not None
    element = xcap_tree.find(tree, node, choice.namespace)
    if element is None:
        return None
    if node.attribute is None:
        return ElementState(sel=choice.sel, content=_self_contained(element))
    value = element.attributes.get((node.namespace_of(node.attribute, None), node.attribute.local))
    return AttributeState(sel=choice.sel, value=value) if value is not None and len(value) <= ROOM else None


def _self_contained(element: xcap_tree.Element) -> bytes | None:
    """An element with the namespaces that it uses."""
    declared = "".join(
        f' xmlns{f":{prefix}" if prefix else ""}="{xml.attribute(uri)}"'
        for prefix, uri in element.namespaces.items()
        if prefix != "xml" and (uri or not prefix)
    )
    around = f"<x{declared}>".encode() + element.octets + b"</x>"
    try:
        return xml.canonical_octets(xml.parse(around, limit=len(around))[0])
    except BadDocument:
        return None


def _gone(state: ElementState | AttributeState) -> ElementState | AttributeState:
    if isinstance(state, ElementState):
        return ElementState(sel=state.sel, exists=False)
    return AttributeState(sel=state.sel)


def _size(change: xcap_diff.Change) -> int:
    """Octets of what may be left out."""
    if isinstance(change, DocumentChange):
        return sum(len(operation.encode()) for operation in change.patch)
    return len(change.content or b"") if isinstance(change, ElementState) else 0


def _without_content(change: xcap_diff.Change) -> xcap_diff.Change:
    if isinstance(change, DocumentChange):
        return DocumentChange(sel=change.sel, previous_etag=change.previous_etag, new_etag=change.new_etag)
    if isinstance(change, ElementState):
        mark = blake2b(change.content or b"", digest_size=8).hexdigest()
        return ElementState(sel=change.sel, mark=mark)
    return change


@lru_cache(maxsize=32)
def _patch(old: bytes, new: bytes) -> tuple[str, ...]:
    """The operations that make one version of the other; none where they are no shorter than the document."""
    if max(len(old), len(new)) > PATCHED:
        return ()
    try:
        trees = [xml.parse(each, whole=True, limit=PATCHED) for each in (old, new)]
    except BadDocument:
        return ()
    said = xml_patch.operations(*trees, known=_CONTEXT)
    return tuple(said) if said and sum(map(len, said)) < len(new) else ()
