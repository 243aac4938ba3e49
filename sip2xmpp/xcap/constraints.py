"""What a document of an application usage has to satisfy beyond its schema, as far as the document alone tells.

References of resource lists have the right form, whether or not there is something at the other end; rules for OMA clients
have each condition once, and transformations only for those who are let in; content of presence is a picture.

Implements: RFC 4826 sections 3.4.5 and 4.4.5 (data constraints); OMA Presence XDM; OMA Presence Content XDM.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from sip2xmpp.documents.xcap_tree import Element
from sip2xmpp.documents.xcap_uri import BadXcapUri, NodeKind, NodeSelector, XcapUri
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind

RESOURCE_LISTS: Final = "urn:ietf:params:xml:ns:resource-lists"
RLS_SERVICES: Final = "urn:ietf:params:xml:ns:rls-services"
COMMON_POLICY: Final = "urn:ietf:params:xml:ns:common-policy"
PRES_RULES: Final = "urn:ietf:params:xml:ns:pres-rules"
PRES_CONTENT: Final = "urn:oma:xml:prs:pres-content"

PICTURE_TYPES: Final = ("image/png", "image/jpeg", "image/gif")

_SEPARATOR: Final = re.compile(r"/(?:~|%7[Ee]){2}(?:/|\Z)")


def check_references(root: Element) -> None:
    """``entry-ref`` and ``external`` lead where they may; raises ``Conflict``."""
    for element in _all(root):
        if element.namespace != RESOURCE_LISTS:
            continue
        if element.local == "entry-ref":
            _check_entry_reference(element)
        elif element.local == "external" and element.get("anchor"):
            _check_list_reference(element, element.get("anchor"))


def check_services(root: Element) -> None:
    """The lists of services are references to lists; raises ``Conflict``."""
    check_references(root)
    for service in root.all(RLS_SERVICES, "service"):
        reference = service.first(RLS_SERVICES, "resource-list")
        if reference is not None:
            _check_list_reference(reference, reference.text.strip())


def check_oma_rules(root: Element) -> None:
    """The restrictions of OMA on rules; raises ``Conflict``."""
    for rule in root.all(COMMON_POLICY, "rule"):
        name = rule.get("id")
        conditions = rule.first(COMMON_POLICY, "conditions")
        if conditions is not None:
            (kind, count), *_ = Counter(each.name for each in conditions.children).most_common(1) or [
                ((None, ""), 0)
            ]
            if count > 1:
                raise _failure(conditions, f"the rule {name} has the condition {kind[1]} more than once")
        transformations = rule.first(COMMON_POLICY, "transformations")
        if transformations is not None and transformations.children and _handling(rule) != "allow":
            raise _failure(
                transformations, f"the rule {name} has transformations although it does not allow anything"
            )


def check_content(root: Element) -> None:
    """Content of presence says that it is a picture; raises ``Conflict``."""
    media = root.first(PRES_CONTENT, "mime-type")
    if media is None or media.text.strip().lower() not in PICTURE_TYPES:
        raise _failure(media or root, f"the content is one of {', '.join(PICTURE_TYPES)}")


def _all(root: Element) -> Iterator[Element]:
    waiting = [root]
    while waiting:
        element = waiting.pop()
        yield element
        waiting.extend(element.children)


def _check_entry_reference(element: Element) -> None:
    reference = element.get("ref").strip()
    before = reference.partition("/")[0]
    if not before or ":" in before:
        raise _failure(element, "a ref is relative to the XCAP root and does not begin with a slash")
    try:
        uri = XcapUri.parse(reference)
    except BadXcapUri as error:
        raise _failure(element, f"the ref is not the address of an entry: {error}") from None
    if uri.auid != "resource-lists" or uri.node is None or not _selects(uri.node, "entry"):
        raise _failure(element, "a ref is the address of an entry of resource-lists")


def _check_list_reference(element: Element, reference: str) -> None:
    try:
        parts = urlsplit(reference)
        host = parts.hostname
    except ValueError:
        raise _failure(element, "the address of a list is not a URI") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _failure(element, "the address of a list is an absolute HTTP URI")
    separator = _SEPARATOR.search(parts.path)
    if separator is None:
        return
    try:
        node = NodeSelector.parse(parts.path[separator.end() :], parts.query)
    except BadXcapUri as error:
        raise _failure(element, f"this is not the address of a list: {error}") from None
    if not _selects(node, "list"):
        raise _failure(element, "this is the address of something else than a list")


def _selects(node: NodeSelector, local: str) -> bool:
    return node.kind is NodeKind.ELEMENT and node.steps[-1].name.local in (local, "*")


def _handling(rule: Element) -> str:
    actions = rule.first(COMMON_POLICY, "actions")
    handling = None if actions is None else actions.first(PRES_RULES, "sub-handling")
    return "" if handling is None else handling.text.strip()


def _failure(element: Element, phrase: str) -> Conflict:
    return Conflict(ConflictKind.CONSTRAINT_FAILURE, f"line {element.line}: {phrase}")
