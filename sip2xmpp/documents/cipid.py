"""CIPID: where to find out more about the presentity.

Implements: RFC 4482 sections 3 and 4.
"""

from typing import Final

from sip2xmpp.documents.namespaces import CIPID
from sip2xmpp.documents.presence import Cipid
from sip2xmpp.documents.uris import absolute_uri
from sip2xmpp.documents.xml import Element, attribute, local_name, text

FIELDS: Final = {
    "card": "card",
    "display-name": "display_name",
    "homepage": "homepage",
    "icon": "icon",
    "map": "map",
    "sound": "sound",
}
"""Element name -> field of ``Cipid``."""

_IN_CIPID: Final = "{" + CIPID + "}"


def read_cipid(elements: dict[str, str]) -> Cipid | None:
    """The value from element names and their texts; None when nothing is stated."""
    fields = {FIELDS[name]: words for name, words in elements.items() if words}
    return Cipid(**fields) if fields else None


def is_cipid(element: Element) -> bool:
    """Whether an element belongs to this vocabulary; the names are too common to take them from any namespace."""
    return element.tag.startswith(_IN_CIPID) and local_name(element) in FIELDS


def write_cipid(cipid: Cipid) -> str:
    """The elements that are stated, prefix ``c``; what is no absolute URI is left out."""
    parts: list[str] = []
    for name, field in FIELDS.items():
        value: str | None = getattr(cipid, field)
        if not value:
            continue
        if name == "display-name":
            words = text(value)
        else:
            uri = absolute_uri(value)
            words = attribute(uri) if uri else ""
        if words:
            parts.append(f"<c:{name}>{words}</c:{name}>")
    return "".join(parts)
