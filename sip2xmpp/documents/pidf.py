"""PIDF documents: what peers publish and notify, and what we send.

``read`` is lenient: it finds elements by local name in any namespace, in any order and also where they do not belong,
because that is how phones and servers write them; each tolerance names who needs it.  ``write`` is strict: the one
canonical form that every client read so far understands, schema-valid, byte-identical for equal values.  The two are
in ``pidf_reading`` and ``pidf_writing``.

Implements: RFC 3863; RFC 4479; RFC 4480; RFC 4482; RFC 5196; RFC 8048 section 6.
"""

from sip2xmpp.documents.pidf_reading import read
from sip2xmpp.documents.pidf_writing import write
from sip2xmpp.documents.xml import local_name, parse
from sip2xmpp.errors import BadDocument

__all__ = ["CONTENT_TYPE", "read", "well_formed", "write"]

CONTENT_TYPE = "application/pidf+xml"


def well_formed(octets: bytes) -> None:
    """Check, without reading it, that a document can be read.  Raises ``BadDocument``."""
    if local_name(parse(octets)) != "presence":
        raise BadDocument("the root element is not presence")
