"""PIDF documents: what peers publish and notify, and what we send.

``read`` is lenient: it finds elements by local name in any namespace, in any order and also where they do not belong,
because that is how phones and servers write them; each tolerance names who needs it.  ``write`` is strict: the one
canonical form that every client read so far understands, schema-valid, byte-identical for equal values.  The two are
in ``pidf_reading`` and ``pidf_writing``.

Implements: RFC 3863; RFC 4479; RFC 4480; RFC 4482; RFC 5196; RFC 8048 section 6.
"""

from sip2xmpp.documents.pidf_reading import read, well_formed
from sip2xmpp.documents.pidf_writing import write

__all__ = ["CONTENT_TYPE", "read", "well_formed", "write"]

CONTENT_TYPE = "application/pidf+xml"
