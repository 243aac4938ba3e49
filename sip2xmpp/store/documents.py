"""The row of an XCAP document; like those of ``records``, but larger, and of interest to whoever keeps lists and rules."""

from sip2xmpp.store.records import Common, frozen_record

GLOBAL = ""
"""The ``owner`` of documents in the global tree."""


@frozen_record
class Document:
    """One document of an XCAP server (RFC 4825, section 5), as its owner wrote it.

    ``auid`` is the application usage; ``owner`` is whose it is, an address as text, or ``GLOBAL``; ``name`` is the path below that,
    mostly ``index``.  ``etag`` is another one after each change; ``changed_at`` is Unix time.
    """

    auid: Common
    owner: str
    name: Common
    octets: bytes
    etag: str
    changed_at: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return document_key(self.auid, self.owner, self.name)

    @property
    def group(self) -> str:
        return self.owner


def document_key(auid: str, owner: str, name: str) -> str:
    """The key of a document.  No application usage has a blank, and here no name: addresses may, and no two keys are alike."""
    if " " in name or "%" in name:
        name = name.replace("%", "%25").replace(" ", "%20")
    return f"{auid} {owner} {name}"
