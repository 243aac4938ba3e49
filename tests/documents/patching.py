"""RFC 5261 as a reader of it would write it, with nothing of the product: what a watcher does with a diff."""

import copy
import re
from typing import Any

from lxml import etree

DIFF = "{urn:ietf:params:xml:ns:pidf-diff}"
PRESENCE = "{urn:ietf:params:xml:ns:pidf}presence"


class Reader:
    """A watcher's copy of a document; ``stale`` after a version was missed."""

    def __init__(self) -> None:
        self.tree: etree._ElementTree | None = None
        self.version = -1
        self.stale = True

    def read(self, octets: bytes) -> None:
        root = etree.fromstring(octets)
        version = int(root.get("version", "-1"))
        assert version >= 0
        if root.tag == f"{DIFF}pidf-full":
            whole = etree.Element(PRESENCE, {"entity": root.get("entity", "")}, nsmap=root.nsmap)
            whole.text = root.text
            whole.extend(list(root))
            self.tree, self.stale = etree.ElementTree(whole), False
        else:
            assert root.tag == f"{DIFF}pidf-diff"
            if self.stale or version != self.version + 1:
                self.stale = True
                return
            assert self.tree is not None and root.get("entity") == self.tree.getroot().get("entity")
            for operation in root:
                patch(self.tree, operation)
        self.version = version

    @property
    def document(self) -> str:
        """The copy in canonical form."""
        assert self.tree is not None
        return canonical(etree.tostring(self.tree))


def canonical(octets: bytes) -> str:
    return etree.tostring(etree.fromstring(octets), method="c14n", exclusive=True).decode()


def patch(tree: etree._ElementTree, operation: etree._Element) -> None:
    """Do one operation; every selector has to name exactly one node."""
    path, _, attribute = operation.get("sel", "").partition("/@")
    namespaces = {prefix: uri for prefix, uri in operation.nsmap.items() if prefix}
    found = tree.xpath("/" + path, namespaces=namespaces)
    assert isinstance(found, list) and len(found) == 1, operation.get("sel")
    node: Any = found[0]
    kind = operation.tag.rpartition("}")[2]
    assert kind in ("add", "replace", "remove")
    name = re.sub("^xml:", "{http://www.w3.org/XML/1998/namespace}", attribute)
    if attribute and kind == "replace":
        assert name in node.attrib
        node.set(name, operation.text or "")
    elif attribute:
        assert kind == "remove"
        del node.attrib[name]
    elif isinstance(node, str):
        change_text(node, operation, kind)
    elif kind == "add":
        add(node, operation)
    elif kind == "replace":
        (other,) = [copy.deepcopy(each) for each in operation]
        assert not (operation.text or other.tail)
        other.tail = node.tail
        node.getparent().replace(node, other)
    else:
        remove(node, operation.get("ws"))


def change_text(node: Any, operation: etree._Element, kind: str) -> None:
    """Replace or remove a text node, which is never empty."""
    assert (
        kind in ("replace", "remove") and bool(operation.text) == (kind == "replace") and not len(operation)
    )
    set_text(node.getparent(), operation.text or "", tail=node.is_tail)


def set_text(element: etree._Element, text: str, *, tail: bool) -> None:
    if tail:
        element.tail = text or None
    else:
        element.text = text or None


def remove(node: etree._Element, blanks: str | None) -> None:
    """Take a node out; the texts around it become one, but for those that go with it."""
    parent, previous = node.getparent(), node.getprevious()
    assert parent is not None
    before = (parent.text if previous is None else previous.tail) or ""
    after = node.tail or ""
    if blanks in ("before", "both"):
        assert before and not before.strip(" \t\r\n")
        before = ""
    if blanks in ("after", "both"):
        assert after and not after.strip(" \t\r\n")
        after = ""
    parent.remove(node)
    set_text(parent if previous is None else previous, before + after, tail=previous is not None)


def add(node: etree._Element, operation: etree._Element) -> None:
    kind, position = operation.get("type"), operation.get("pos")
    if kind is not None:
        name = re.sub(
            "^@(xml:)?", lambda found: "{http://www.w3.org/XML/1998/namespace}" if found[1] else "", kind
        )
        assert name not in node.attrib
        node.set(name, operation.text or "")
        return
    text, new = operation.text or "", [copy.deepcopy(each) for each in operation]
    parent, at, follows = {
        "prepend": (node, 0, True),
        None: (node, len(node), False),
        "after": (node.getparent(), 0, True),
    }[position]
    assert parent is not None
    if position == "after":
        at = parent.index(node) + 1
    is_tail = at > 0
    left = parent[at - 1] if is_tail else parent
    here = (left.tail if is_tail else left.text) or ""
    if follows:  # what was there comes after what is added
        set_text(left, text if new else text + here, tail=is_tail)
        if new:
            new[-1].tail = (new[-1].tail or "") + here or None
    else:
        set_text(left, here + text, tail=is_tail)
    for offset, each in enumerate(new):
        tail = each.tail
        parent.insert(at + offset, each)
        each.tail = tail
