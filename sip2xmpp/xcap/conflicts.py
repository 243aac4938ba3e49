"""Why a change of a document is refused: each conflict that XCAP has, as an error and as the document that tells a client.

A conflict has the name of its element on the wire, a phrase for a person, and where XCAP has it more that a client acts on: the
deepest ancestor that exists, or the fields whose values are taken and values that would be free.

Implements: RFC 4825 section 11 (conflict reports); OMA XDM (its extension).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sip2xmpp.documents import xml
from sip2xmpp.errors import Refused

CONTENT_TYPE: Final = "application/xcap-error+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:xcap-error"
_OMA: Final = "urn:oma:xml:xdm:xcap-error"


class ConflictKind(Enum):
    """The elements of RFC 4825, section 11.2."""

    NOT_WELL_FORMED = "not-well-formed"
    NOT_XML_FRAGMENT = "not-xml-frag"
    NO_PARENT = "no-parent"
    SCHEMA_VALIDATION_ERROR = "schema-validation-error"
    NOT_XML_ATTRIBUTE_VALUE = "not-xml-att-value"
    CANNOT_INSERT = "cannot-insert"
    CANNOT_DELETE = "cannot-delete"
    UNIQUENESS_FAILURE = "uniqueness-failure"
    CONSTRAINT_FAILURE = "constraint-failure"
    EXTENSION = "extension"
    NOT_UTF8 = "not-utf-8"


@dataclass(frozen=True, slots=True)
class Exists:
    """A value that is taken: ``field`` is the node that has it, as a node selector percent-encoded; ``alternatives`` are free."""

    field: str
    alternatives: tuple[str, ...] = ()


class Conflict(Refused):
    """A change that would leave a document that must not be.

    ``ancestor`` goes with ``NO_PARENT``: the deepest element that exists as a node selector percent-encoded, empty for the
    document itself, None if not even that is there or it is not said.  ``exists`` goes with ``UNIQUENESS_FAILURE``.
    """

    def __init__(
        self,
        kind: ConflictKind,
        phrase: str = "",
        *,
        ancestor: str | None = None,
        exists: Sequence[Exists] = (),
    ) -> None:
        super().__init__(phrase or kind.value)
        self.kind = kind
        self.phrase = phrase
        self.ancestor = ancestor
        self.exists = tuple(exists)

    def document(self, base: str = "") -> bytes:
        """The body of a 409.  ``base`` is the URI of the document that was to be changed; an ancestor is told below it."""
        name = self.kind.value
        inside = self._inside(base)
        phrase = ""
        if self.phrase and self.kind is not ConflictKind.EXTENSION:
            phrase = f' phrase="{xml.attribute(self.phrase)}"'
        element = f"<{name}{phrase}>{inside}</{name}>" if inside else f"<{name}{phrase}/>"
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<xcap-error xmlns="{NAMESPACE}">{element}</xcap-error>'
        ).encode()

    def _inside(self, base: str) -> str:
        if self.kind is ConflictKind.EXTENSION:
            return f'<local-constraint-failure xmlns="{_OMA}" phrase="{xml.attribute(self.phrase)}"/>'
        if self.ancestor is not None:
            uri = f"{base}/~~/{self.ancestor}" if self.ancestor else base
            return f"<ancestor>{xml.text(uri)}</ancestor>"
        return "".join(map(_existing, self.exists))


def _existing(exists: Exists) -> str:
    opened = f'<exists field="{xml.attribute(exists.field)}"'
    if not exists.alternatives:
        return f"{opened}/>"
    values = "".join(f"<alt-value>{xml.text(each)}</alt-value>" for each in exists.alternatives)
    return f"{opened}>{values}</exists>"
