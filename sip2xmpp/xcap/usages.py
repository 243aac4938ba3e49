"""What may be kept on the XCAP server: one row for each application usage.

A row says under which name a usage is addressed, what its documents are, how large they may be, and who reads and writes them
beside their owners.  ``USAGES`` is in the order in which ``xcap-caps`` lists them.  Names that clients use instead are data too.

Implements: RFC 4825 sections 5.1 to 5.7 and 12.1; RFC 4826 sections 3.4 and 4.4; RFC 5025 section 9; RFC 4827 section 4; OMA
XDM and Presence SIMPLE application usages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PLAIN_SIZE: Final = 65_535
"""Octets of a document that describes one thing."""

LIST_SIZE: Final = 262_144
"""Octets of a document that has a line for everybody one knows."""

PICTURE_SIZE: Final = 450_000
"""Octets of a document that holds a picture of 300 KiB in base64, broken into lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """An application usage.  ``media`` is the type of its documents, ``namespace`` what element names without prefix are in.

    ``users`` and ``shared``: whether clients keep documents in the users tree and in the global tree.  ``folders`` are those
    there are below the directory of a user.  ``size`` is octets.
    """

    auid: str
    media: str
    namespace: str
    users: bool = True
    shared: bool = True
    folders: tuple[str, ...] = ()
    size: int = PLAIN_SIZE


_COMMON_POLICY: Final = "application/auth-policy+xml"
_PRES_RULES: Final = "urn:ietf:params:xml:ns:pres-rules"

CAPS: Final = Usage(
    auid="xcap-caps",
    media="application/xcap-caps+xml",
    namespace="urn:ietf:params:xml:ns:xcap-caps",
    users=False,
    shared=False,
)
RESOURCE_LISTS: Final = Usage(
    auid="resource-lists",
    media="application/resource-lists+xml",
    namespace="urn:ietf:params:xml:ns:resource-lists",
    size=LIST_SIZE,
)
RLS_SERVICES: Final = Usage(
    auid="rls-services",
    media="application/rls-services+xml",
    namespace="urn:ietf:params:xml:ns:rls-services",
    shared=False,
    size=LIST_SIZE,
)
PRES_RULES: Final = Usage(
    auid="pres-rules", media=_COMMON_POLICY, namespace=_PRES_RULES, shared=False, size=LIST_SIZE
)
OMA_PRES_RULES: Final = Usage(
    auid="org.openmobilealliance.pres-rules",
    media=_COMMON_POLICY,
    namespace=_PRES_RULES,
    shared=False,
    size=LIST_SIZE,
)
PIDF_MANIPULATION: Final = Usage(
    auid="pidf-manipulation",
    media="application/pidf+xml",
    namespace="urn:ietf:params:xml:ns:pidf",
    shared=False,
)
PRES_CONTENT: Final = Usage(
    auid="org.openmobilealliance.pres-content",
    media="application/vnd.oma.pres-content+xml",
    namespace="urn:oma:xml:prs:pres-content",
    shared=False,
    folders=("oma_status-icon",),
    size=PICTURE_SIZE,
)
DIRECTORY: Final = Usage(
    auid="org.openmobilealliance.xcap-directory",
    media="application/vnd.oma.xcap-directory+xml",
    namespace="urn:oma:xml:xdm:xcap-directory",
    users=False,
    shared=False,
)
WATCHERS: Final = Usage(
    auid="org.openxcap.watchers",
    media="application/xml",
    namespace="http://openxcap.org/ns/watchers",
    users=False,
    shared=False,
)
DIALOG_RULES: Final = Usage(
    auid="org.openxcap.dialog-rules",
    media=_COMMON_POLICY,
    namespace="http://openxcap.org/ns/dialog-rules",
    shared=False,
    size=LIST_SIZE,
)

USAGES: Final[Mapping[str, Usage]] = {
    usage.auid: usage
    for usage in (
        CAPS,
        RESOURCE_LISTS,
        RLS_SERVICES,
        PRES_RULES,
        OMA_PRES_RULES,
        PIDF_MANIPULATION,
        PRES_CONTENT,
        DIRECTORY,
        WATCHERS,
        DIALOG_RULES,
    )
}
"""By their application unique identifiers."""

ALIASES: Final[Mapping[str, str]] = {
    # COMPAT: Jitsi takes the name of the document, oma_status-icon, for that of the application usage.
    "oma_status-icon": PRES_CONTENT.auid,
}
"""Other names of usages -> their own."""

LARGEST: Final = max(usage.size for usage in USAGES.values())
"""Octets of the largest document there can be."""


def usage_named(auid: str) -> Usage | None:
    """The usage that a client means; None: there is no such."""
    return USAGES.get(ALIASES.get(auid, auid))
