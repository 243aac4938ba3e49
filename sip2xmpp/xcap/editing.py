"""Reading, writing and removing one node of a document; every octet outside of that node stays as it is.

The functions are pure: octets of a document, a node selector and the namespace that names without a prefix are of go in,
octets come out.  A new element goes where XCAP says: behind the last one of its name, or where its position tells, and
otherwise at the very end of its parent; nothing is indented and no namespace is declared for the client.  Afterwards the new
document is read, and unless the selector selects just what was written the change is refused, so that what is put at a URI
is what is found there.  A node that is removed must not let another one take its place, for the same reason.

Undoing the creation of a node gives the first octets again, except where a parent that was one tag had to be opened.

Implements: RFC 4825 sections 7.7 to 7.10 and 8.2 (elements, attributes, namespace bindings; creation, replacement, deletion).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sip2xmpp.documents.xcap_tree import (
    Element,
    NotAccepted,
    NotUtf8,
    NotWellFormed,
    chosen_by,
    find,
    find_upto,
    read,
)
from sip2xmpp.documents.xcap_uri import ANY, AttributeTest, NodeKind, NodeSelector, Step
from sip2xmpp.errors import BadDocument
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind

_BLANK: Final = b" \t\r\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


class Edited(NamedTuple):
    """A document after a change; ``created`` says whether the node was not there before."""

    octets: bytes
    created: bool


def selected(octets: bytes, node: NodeSelector, namespace: str | None) -> bytes | None:
    """The node as it stands in the document, or None if not exactly one is selected.  Raises ``BadDocument``."""
    return _selected(read(octets), node, namespace)


def put(octets: bytes, node: NodeSelector, body: bytes, namespace: str | None) -> Edited:
    """The document with ``body`` as the node.  Raises ``Conflict``, and ``BadDocument`` for the document itself."""
    root = read(octets)
    if node.kind is NodeKind.NAMESPACES:
        raise TypeError("namespaces in scope are not written")
    if node.kind is NodeKind.ATTRIBUTE:
        return _put_attribute(root, node, body, namespace)
    return _put_element(root, node, body, namespace)


def delete(octets: bytes, node: NodeSelector, namespace: str | None) -> bytes | None:
    """The document without the node, or None if there is none.  Raises ``Conflict``, and ``BadDocument`` likewise."""
    root = read(octets)
    element = find(root, node, namespace)
    if element is None:
        return None
    if node.attribute is not None:
        span = element.attribute_spans.get(_attribute_name(node))
        if span is None:
            return None
        left = octets[: span.start] + octets[span.end :]
    elif node.is_namespaces:
        raise TypeError("namespaces in scope are not removed")
    elif element is root:
        raise Conflict(ConflictKind.CANNOT_DELETE, "the root element is removed only with its document")
    else:
        left = octets[: element.start] + octets[element.end :]
    if _selected(read(left), node, namespace) is not None:
        raise Conflict(ConflictKind.CANNOT_DELETE, "the selector would select another node afterwards")
    return left


def _selected(root: Element, node: NodeSelector, namespace: str | None) -> bytes | None:
    element = find(root, node, namespace)
    if element is None:
        return None
    if node.is_namespaces:
        return _bindings(element)
    if node.attribute is None:
        return element.octets
    span = element.attribute_spans.get(_attribute_name(node))
    return None if span is None else element.source[span.value_start : span.value_end]


def _bindings(element: Element) -> bytes:
    """An empty element of this name with all that is in scope of it (RFC 4825, section 7.10)."""
    return f"<{element.qname}{_declarations(element)}/>".encode()


def _declarations(element: Element) -> str:
    """What binds the namespaces that are in scope of an element."""
    return "".join(
        f' xmlns{f":{prefix}" if prefix else ""}="{uri.translate(_ESCAPES)}"'
        for prefix, uri in element.namespaces.items()
        if prefix != "xml"
    )


# Elements


def _put_element(root: Element, node: NodeSelector, body: bytes, namespace: str | None) -> Edited:
    parent = _parent(root, node, namespace)
    body = body.removeprefix(_BYTE_ORDER_MARK).strip(_BLANK)
    fragment = _fragment(body, parent)
    step = node.steps[-1]
    siblings: Sequence[Element] = (root,) if parent is None else parent.children
    existing = chosen_by(step, siblings, node, namespace)
    octets = root.source
    if len(existing) == 1:
        at = existing[0].start
        changed = octets[:at] + body + octets[existing[0].end :]
    elif parent is None:
        raise Conflict(
            ConflictKind.CANNOT_INSERT,
            f"the root element is {root.qname}, and there cannot be another",
        )
    elif parent.is_empty_tag:
        _check_fits(fragment, step, node, namespace)
        _place(step, fragment, parent)
        at = parent.end - 1
        opened = octets[: parent.end - 2] + b">"
        changed = opened + body + b"</" + parent.qname.encode() + b">" + octets[parent.end :]
    else:
        _check_fits(fragment, step, node, namespace)
        at = _place(step, fragment, parent)
        changed = octets[:at] + body + octets[at:]
    found = find(_reread(changed), node, namespace)
    if found is None or (found.start, found.end) != (at, at + len(body)):
        raise Conflict(
            ConflictKind.CANNOT_INSERT, f"the step {step} would not select what was to be written there"
        )
    return Edited(changed, created=len(existing) != 1)


def _parent(root: Element, node: NodeSelector, namespace: str | None) -> Element | None:
    """The element whose child is to be written; None for the root element, which has none."""
    count = len(node.steps) - 1
    return _existing(root, node, count, namespace) if count else None


def _existing(root: Element, node: NodeSelector, count: int, namespace: str | None) -> Element:
    """What the first ``count`` steps select; raises a conflict that names the deepest ancestor there is."""
    found = find_upto(root, node, count, namespace)
    if found is not None:
        return found
    depth = next(
        (each for each in range(count - 1, 0, -1) if find_upto(root, node, each, namespace) is not None), 0
    )
    raise Conflict(
        ConflictKind.NO_PARENT,
        f"the step {node.steps[depth]} does not select exactly one element",
        ancestor=str(node.upto(depth)) if depth else "",
    )


def _fragment(body: bytes, parent: Element | None) -> Element:
    """The one element in ``body``, with the prefixes that are bound where it is to stand."""
    opened = b"<around%s>" % (b"" if parent is None else _declarations(parent).encode())
    try:
        around = read(opened + body + b"</around>")
    except NotUtf8 as error:
        raise Conflict(ConflictKind.NOT_UTF8, str(error)) from None
    except NotWellFormed as error:
        raise Conflict(ConflictKind.NOT_XML_FRAGMENT, str(error)) from None
    except NotAccepted as error:
        raise Conflict(ConflictKind.CONSTRAINT_FAILURE, str(error)) from None
    if len(around.children) != 1 or around.children[0].octets != body:
        raise Conflict(ConflictKind.NOT_XML_FRAGMENT, "the body is not one element and nothing else")
    return around.children[0]


def _check_fits(fragment: Element, step: Step, node: NodeSelector, namespace: str | None) -> None:
    """Refuse with a phrase that helps what would not be found where it was put."""
    if step.name != ANY:
        wanted = node.namespace_of(step.name, namespace), step.name.local
        if fragment.name != wanted:
            raise Conflict(
                ConflictKind.CANNOT_INSERT,
                f"the body is an element {_told(fragment.name)}, and the last step of the selector is about {_told(wanted)}",
            )
    if step.test is not None and not _passes(fragment, step.test, node):
        raise Conflict(
            ConflictKind.CANNOT_INSERT,
            f"the attribute {step.test.name} of the body does not have the value in the selector",
        )


def _passes(element: Element, test: AttributeTest, node: NodeSelector) -> bool:
    return element.attributes.get((node.namespace_of(test.name, None), test.name.local)) == test.value


def _place(step: Step, fragment: Element, parent: Element) -> int:
    """Where a new element goes (RFC 4825, section 8.2.3)."""
    position = step.position
    if step.name == ANY and position is not None:
        alike: Sequence[Element] = parent.children
    else:
        alike = parent.all(fragment.namespace, fragment.local)
    if position is None:
        return alike[-1].end if alike else parent.content_end
    if position == 1:
        return alike[0].start if alike else parent.content_end
    if not 1 < position <= len(alike) + 1:
        raise Conflict(
            ConflictKind.CANNOT_INSERT,
            f"the position {position} is not reached: there are {len(alike)} such elements",
        )
    return alike[position - 2].end


def _told(name: tuple[str | None, str]) -> str:
    namespace, local = name
    return f"{local} of {namespace}" if namespace else f"{local} of no namespace"


# Attributes


def _put_attribute(root: Element, node: NodeSelector, body: bytes, namespace: str | None) -> Edited:
    element = _existing(root, node, len(node.steps), namespace)
    name = _attribute_name(node)
    quoted = _quoted(body)
    octets = root.source
    span = element.attribute_spans.get(name)
    if span is not None:
        changed = octets[: span.value_start - 1] + quoted + octets[span.value_end + 1 :]
    else:
        at = element.attributes_end
        written = _qname_for(name, element).encode()
        changed = b"".join((octets[:at], b" ", written, b"=", quoted, octets[at:]))
    if _selected(_reread(changed), node, namespace) != body:
        raise Conflict(
            ConflictKind.CANNOT_INSERT, "the selector would not select the attribute with its new value"
        )
    return Edited(changed, created=span is None)


def _attribute_name(node: NodeSelector) -> tuple[str | None, str]:
    assert node.attribute is not None
    return node.namespace_of(node.attribute, None), node.attribute.local


def _quoted(body: bytes) -> bytes:
    """The value of an attribute between quotes that do not occur in it."""
    quote = b"'" if b'"' in body else b'"'
    quoted = quote + body + quote
    try:
        alone = read(b"<a a=" + quoted + b"/>")
    except NotUtf8 as error:
        raise Conflict(ConflictKind.NOT_UTF8, str(error)) from None
    except BadDocument:
        alone = None
    if alone is None or quote in body:
        raise Conflict(
            ConflictKind.NOT_XML_ATTRIBUTE_VALUE,
            "the body is not the value of an attribute: < and & have to be escaped, and one kind of quotes",
        )
    return quoted


def _qname_for(name: tuple[str | None, str], element: Element) -> str:
    """The name of a new attribute with a prefix that is bound where it is to stand; none is bound for it."""
    namespace, local = name
    if namespace is None:
        if local == "xmlns":
            raise Conflict(ConflictKind.CANNOT_INSERT, "a declaration of a namespace is not an attribute")
        return local
    prefix = next((prefix for prefix, uri in element.namespaces.items() if prefix and uri == namespace), None)
    if prefix is None:
        raise Conflict(
            ConflictKind.CANNOT_INSERT, f"no prefix is bound to {namespace} in scope of {element.qname}"
        )
    return f"{prefix}:{local}"


def _reread(octets: bytes) -> Element:
    """The changed document; it is well-formed, but there may be too much of something."""
    try:
        return read(octets)
    except NotAccepted as error:
        raise Conflict(ConflictKind.CONSTRAINT_FAILURE, str(error)) from None
