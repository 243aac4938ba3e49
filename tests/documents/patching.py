"""RFC 5261 as a reader of it would write it, with nothing of the product: what a watcher does with a diff."""

import copy
import re

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
    sel = operation.get("sel", "")
    path, _, attribute = sel.partition("/@")
    is_text = path.endswith("/text()")
    path = path.removesuffix("/text()")
    namespaces = {prefix or "": uri for prefix, uri in operation.nsmap.items()}
    found = tree.xpath("/" + path, namespaces={key: uri for key, uri in namespaces.items() if key})
    assert isinstance(found, list) and len(found) == 1, sel
    node = found[0]
    assert isinstance(node, etree._Element)
    name = attribute.replace("xml:", "{http://www.w3.org/XML/1998/namespace}")
    kind = operation.tag
    if kind == f"{DIFF}add":
        add(node, operation)
    elif kind == f"{DIFF}replace":
        if attribute:
            assert name in node.attrib
            node.set(name, operation.text or "")
        elif is_text:
            assert node.text
            node.text = operation.text
        else:
            (other,) = [copy.deepcopy(each) for each in operation]
            other.tail = node.tail
            parent = node.getparent()
            assert parent is not None
            parent.replace(node, other)
    elif kind == f"{DIFF}remove":
        if attribute:
            del node.attrib[name]
        elif is_text:
            node.text = None
        else:
            parent = node.getparent()
            assert parent is not None
            parent.remove(node)
    else:
        raise AssertionError(kind)


def add(node: etree._Element, operation: etree._Element) -> None:
    kind, position = operation.get("type"), operation.get("pos")
    if kind is not None:
        name = re.sub(
            "^@(xml:)?", lambda found: "{http://www.w3.org/XML/1998/namespace}" if found[1] else "", kind
        )
        assert name not in node.attrib
        node.set(name, operation.text or "")
        return
    new = [copy.deepcopy(each) for each in operation]
    if not new:
        assert not node.text and len(node) == 0
        node.text = operation.text
    elif position == "prepend":
        node[0:0] = new
    elif position == "after":
        for each in reversed(new):
            node.addnext(each)
    else:
        assert position is None
        node.extend(new)
