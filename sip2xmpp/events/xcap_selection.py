"""What of an XCAP server a watcher wants to hear of: documents, all documents of a place, elements and attributes.

A watcher names them by URIs, absolute or relative to the root, in a resource list; each is a ``Choice``.  One that ends with
a slash is a collection: everything below it.  What is named but not there is waited for; what cannot be read by the watcher, and
what no server could have, is left out without a word.  Without a body a watcher hears of all documents of its own.  ``Selection`` is
kept with the dialog as text, so that it holds after a restart.

Implements: RFC 5875 section 4 (the body of a SUBSCRIBE, the event parameter, what is left out).
"""

import json
import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import unquote, urlsplit

from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.xcap_uri import LONGEST, NodeKind, NodeSelector, XcapUri, address_of_xui
from sip2xmpp.errors import BadInput
from sip2xmpp.store.documents import GLOBAL, Document

MOST: Final = 100
"""Choices of one watcher."""
MOST_NODES: Final = 10
"""Elements and attributes among them: they are looked for whenever their document changes."""
ROOM: Final = 16_384
"""Characters of all of them."""

_NODE: Final = re.compile("/(?:~|%7[Ee]){2}/")
"""What stands before the selector of a node, in all its spellings."""


class Processing(Enum):
    """How much a watcher wants to learn of a change; the values are those of the parameter ``diff-processing``."""

    NONE = "no-patching"
    EACH = "xcap-patching"
    TOGETHER = "aggregate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What this server calls things.

    ``root`` is the URI that others are relative to, ending with a slash.  ``usage`` gives the proper name of an application usage
    and the namespace of its unprefixed names, None for one that there is not.  COMPAT: eyeBeam names users without their domain,
    which is then the one of ``domains``, if there is only one.
    """

    root: str
    usage: Callable[[str], tuple[str, str] | None]
    domains: AbstractSet[str] = frozenset()

    def owner(self, xui: str) -> str:
        """Whose tree an XUI names, as the owner of documents.  Raises ``BadAddress``."""
        only = next(iter(self.domains)) if len(self.domains) == 1 else ""
        return str(address_of_xui(xui, default_domain=only))

    def below(self, uri: str) -> str | None:
        """What follows the root in a URI that is absolute, or relative to the root; None if it is elsewhere."""
        above = urlsplit(self.root).path
        if uri.lower().startswith(("http://", "https://")):
            # COMPAT: clients reach the server under several names, and over http and https.
            _, _, uri = uri[8:].partition("/")
            uri = f"/{uri}"
            return uri[len(above) :] if uri.startswith(above) else None
        if uri.startswith(above):
            return uri[len(above) :]
        return None if ":" in uri.split("/", 1)[0] else uri.removeprefix("/")


@frozen_value
class Choice:
    """``sel`` is what the watcher calls it.  ``parts`` are the decoded segments of the path, the owner as an address."""

    sel: str
    parts: tuple[str, ...]
    is_collection: bool = False
    node: NodeSelector | None = None
    namespace: str = ""
    """That of names without a prefix."""

    def has(self, document: Document) -> bool:
        """Whether a document is meant, or is in the collection, or has the node."""
        parts = parts_of(document)
        return parts[: len(self.parts)] == self.parts if self.is_collection else parts == self.parts

    def sel_of(self, document: Document) -> str:
        """What a document is called for this watcher."""
        if not self.is_collection:
            return self.sel
        written = str(uri_of(document)).split("/")
        # Those segments that the watcher wrote stay as they were written.
        mine = self.sel.removesuffix("/").split("/") if self.sel else []
        return "/".join([*mine, *written[len(mine) :]])


@frozen_value
class Selection:
    """``choices`` None: all documents of the watcher's own."""

    processing: Processing = Processing.NONE
    choices: tuple[Choice, ...] | None = None

    @property
    def is_about_all(self) -> bool:
        """Whether documents of the global tree are meant."""
        return any("global" in choice.parts[1:2] or len(choice.parts) < 2 for choice in self.choices or ())


def parts_of(document: Document) -> tuple[str, ...]:
    """The place of a document, as ``Choice.parts``."""
    tree = ("global",) if document.owner == GLOBAL else ("users", document.owner)
    return (document.auid, *tree, *document.name.split("/"))


def uri_of(document: Document) -> XcapUri:
    """How we call a document."""
    owner = "" if document.owner == GLOBAL else f"sip:{document.owner}"
    return XcapUri(auid=document.auid, owner=owner, name=document.name)


def kept(processing: Processing, uris: Iterable[str] | None, places: Places) -> str:
    """A selection as text; of the URIs only those are kept that may name something here."""
    said: dict[str, object] = {"processing": processing.value}
    if uris is not None:
        below = (places.below(uri.strip()) for uri in uris)
        said["of"] = [text for text in dict.fromkeys(below) if text is not None and _choice(text, places)]
    return json.dumps(said, ensure_ascii=True, separators=(",", ":"))


def selection(text: str, places: Places) -> Selection:
    """The selection that was kept; what is not understood any more is left out."""
    try:
        said = json.loads(text) if text else {}
        processing = Processing(said.get("processing", Processing.NONE.value))
        uris = said.get("of")
    except (ValueError, AttributeError):
        return Selection()
    if not isinstance(uris, list):
        return Selection(processing=processing)
    choices = [_choice(uri, places) for uri in uris if isinstance(uri, str)]
    return Selection(processing=processing, choices=tuple([each for each in choices if each is not None]))


def uris_in(text: str) -> list[str] | None:
    """The URIs of a selection that was kept; None if it is all documents of the watcher's own."""
    try:
        uris = json.loads(text).get("of")
    except (ValueError, AttributeError):
        return None
    return uris if isinstance(uris, list) else None


def _choice(text: str, places: Places) -> Choice | None:
    if len(text) > LONGEST:
        return None
    try:
        return _collection(text, places) if _is_collection(text) else _node_or_document(text, places)
    except (BadInput, ValueError):
        return None


def names_a_node(text: str) -> bool:
    """Whether a URI is that of an element or attribute."""
    return _NODE.search(text) is not None


def _is_collection(text: str) -> bool:
    return (text == "" or text.endswith("/")) and not names_a_node(text)


def _collection(text: str, places: Places) -> Choice | None:
    parts = [unquote(part, errors="strict") for part in text.removesuffix("/").split("/")] if text else []
    namespace = ""
    if parts:
        usage = places.usage(parts[0])
        if usage is None or any(part in ("", ".", "..") for part in parts):
            return None
        parts[0], namespace = usage
    if len(parts) > 1 and parts[1] not in ("users", "global"):
        return None
    if len(parts) > 2 and parts[1] == "users":
        parts[2] = places.owner(parts[2])
    return Choice(sel=text, parts=tuple(parts), is_collection=True, namespace=namespace)


def _node_or_document(text: str, places: Places) -> Choice | None:
    uri = XcapUri.parse(text)
    usage = places.usage(uri.auid)
    if usage is None or (uri.node is not None and uri.node.kind is NodeKind.NAMESPACES):
        return None
    auid, namespace = usage
    tree = ("global",) if uri.is_global else ("users", places.owner(uri.owner))
    return Choice(sel=text, parts=(auid, *tree, *uri.name.split("/")), node=uri.node, namespace=namespace)
