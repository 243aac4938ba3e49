"""Documents that the server writes itself: what it can do, what a user keeps here, who watches a user, and all list services.

Each is made when it is asked for, so that it is always true, and has an entity tag that is made of its octets.

Implements: RFC 4825 section 12 (capabilities); RFC 4826 section 4.4.8 (index of services); OMA XDM core (XCAP directory).
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

from sip2xmpp.address import Address
from sip2xmpp.documents import rls_services
from sip2xmpp.documents.xcap_uri import XcapUri
from sip2xmpp.documents.xml import attribute, text
from sip2xmpp.errors import BadDocument
from sip2xmpp.store.documents import GLOBAL, Document
from sip2xmpp.store.interface import Table
from sip2xmpp.xcap import conflicts
from sip2xmpp.xcap.usages import CAPS, DIRECTORY, RLS_SERVICES, USAGES, WATCHERS, Usage

INDEX: Final = "index"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_OTHER_NAMESPACES: Final = (
    "urn:ietf:params:xml:ns:common-policy",
    "urn:oma:xml:xdm:common-policy",
    "urn:oma:xml:prs:pres-rules",
    "urn:ietf:params:xml:ns:pidf:data-model",
    "urn:ietf:params:xml:ns:pidf:rpid",
    "urn:ag-projects:xml:ns:dialog-rules",
    conflicts.NAMESPACE,
)
"""Namespaces that documents may have beside those of their usages."""


class Watcher(NamedTuple):
    """Somebody who watches; ``status`` is a word of RFC 3857."""

    uri: str
    status: str
    is_online: bool


Watchers = Callable[[Address], Sequence[Watcher]]
"""Who watches a user, for that user."""


class Generated:
    """The documents that nobody wrote.  ``root`` is the URL that clients write before the selector of a document."""

    def __init__(self, documents: Table[Document], *, root: str, watchers: Watchers) -> None:
        self._documents = documents
        self._root = root
        self._watchers = watchers
        self._caps = _document(CAPS, GLOBAL, INDEX, _capabilities())

    def get(self, usage: Usage, owner: str, name: str) -> Document | None:
        """The document, or None if this is none that the server writes."""
        if usage is CAPS:
            return self._caps if (owner, name) == (GLOBAL, INDEX) else None
        if usage is RLS_SERVICES:
            if (owner, name) != (GLOBAL, INDEX):
                return None
            return _document(usage, owner, name, self._services())
        if owner == GLOBAL:
            return None
        if usage is DIRECTORY and name in (INDEX, "directory.xml"):
            return _document(usage, owner, name, self._directory(owner))
        if usage is WATCHERS and name in (INDEX, "watchers.xml"):
            return _document(usage, owner, name, self._watching(owner))
        return None

    def _directory(self, owner: str) -> str:
        folders: dict[str, list[str]] = {}
        xui = Address.parse(owner).sip_uri()
        for document in self._documents.select(owner):
            uri = f"{self._root}/{XcapUri(auid=document.auid, owner=xui, name=document.name)}"
            changed = datetime.fromtimestamp(document.changed_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            folders.setdefault(document.auid, []).append(
                f'<entry uri="{attribute(uri)}" etag="{attribute(document.etag)}"'
                f' last-modified="{changed}" size="{len(document.octets)}"/>'
            )
        inside = "".join(
            f'<folder auid="{auid}">{"".join(entries)}</folder>' for auid, entries in folders.items()
        )
        return f'<xcap-directory xmlns="{DIRECTORY.namespace}">{inside}</xcap-directory>'

    def _watching(self, owner: str) -> str:
        inside = "".join(
            f"<watcher><id>{text(each.uri)}</id><status>{text(each.status)}</status>"
            f"<online>{'true' if each.is_online else 'false'}</online></watcher>"
            for each in self._watchers(Address.parse(owner))
        )
        return f'<watchers xmlns="{WATCHERS.namespace}">{inside}</watchers>'

    def _services(self) -> str:
        """The services of every user's index, and of no other document."""
        found: list[rls_services.Service] = []
        for document in self._documents.all():
            if document.auid == RLS_SERVICES.auid and document.name == INDEX:
                try:
                    found.extend(rls_services.read(document.octets).services)
                except BadDocument:
                    continue  # what cannot be read serves nobody
        written = rls_services.write(rls_services.Services(services=tuple(found)))
        return written.decode().removeprefix(_DECLARATION)


def _document(usage: Usage, owner: str, name: str, written: str) -> Document:
    octets = (_DECLARATION + written).encode()
    return Document(
        auid=usage.auid,
        owner=owner,
        name=name,
        octets=octets,
        etag=sha256(octets).hexdigest()[:24],
        changed_at=0.0,
    )


def _capabilities() -> str:
    auids = _many("auid", USAGES)
    namespaces = _many(
        "namespace", dict.fromkeys([*(usage.namespace for usage in USAGES.values()), *_OTHER_NAMESPACES])
    )
    return (
        f'<xcap-caps xmlns="{CAPS.namespace}">\n'
        f"  <auids>\n{auids}  </auids>\n  <extensions/>\n  <namespaces>\n{namespaces}  </namespaces>\n</xcap-caps>\n"
    )


def _many(name: str, values: Iterable[str]) -> str:
    return "".join(f"    <{name}>{text(value)}</{name}>\n" for value in values)
