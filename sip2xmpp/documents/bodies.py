"""Whatever body a peer states its presence in, as the neutral value.

Implements: RFC 3856 section 6.7; RFC 5621 section 3 (multipart bodies).
"""

from typing import Final

from sip2xmpp.documents import pidf, xpidf
from sip2xmpp.documents.mime import first_part, inflated, media_type
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadDocument

PRESENCE_TYPES: Final = ("application/pidf+xml", "application/cpim-pidf+xml", "application/xpidf+xml")
"""Media types that ``read_presence`` understands, the best first."""


def is_presence_type(content_type: str) -> bool:
    """Whether ``read_presence`` may find a document in a body of this type."""
    name, _ = media_type(content_type)
    return name in PRESENCE_TYPES or name.startswith("multipart/")


def read_presence(
    content_type: str, octets: bytes, *, encoding: str = "", now: float | None = None
) -> Presence:
    """The presence in a body; ``encoding`` is its Content-Encoding, ``now`` as in ``pidf.read``.

    Raises ``BadDocument``.
    """
    part = first_part(content_type, inflated(octets, encoding), PRESENCE_TYPES)
    if part is None:
        raise BadDocument(f"no presence document in a body of type {media_type(content_type)[0][:80]}")
    if media_type(part.content_type)[0] == xpidf.CONTENT_TYPE:
        return xpidf.read(part.body)
    return pidf.read(part.body, now=now)
