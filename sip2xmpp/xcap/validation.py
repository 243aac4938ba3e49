"""Whether a document may be kept: each check that XCAP has, in its order, the first that fails being told.

Octets are UTF-8, then well-formed XML, then valid by the schema of their application usage, then unique where the usage says so,
then as its other constraints want them, and at last they are read as they will be where they take effect: what is
acknowledged is in force.  What depends on other documents is not known here: the caller gives it as further
constraints.

The schemas were written for this project, one for each namespace, and are compiled together when the first document is checked:
where a schema lets in other namespaces, what is of one that is known is valid by its schema too.  Nothing is fetched, whatever a
document says about schemas.

Implements: RFC 4825 section 8.2.5; the schemas of RFC 4826, 4745, 5025, 3863 and 4479 and of OMA, see ``schemas``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from lxml import etree

from sip2xmpp.documents import pidf, policy, pres_content, resource_lists, rls_services
from sip2xmpp.documents.xcap_tree import Element, Name, NotAccepted, NotUtf8, NotWellFormed, read
from sip2xmpp.errors import BadDocument
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind
from sip2xmpp.xcap.constraints import (
    COMMON_POLICY,
    PRES_CONTENT,
    RESOURCE_LISTS,
    RLS_SERVICES,
    check_content,
    check_oma_rules,
    check_references,
    check_services,
)
from sip2xmpp.xcap.uniqueness import Unique, check_unique
from sip2xmpp.xcap.usages import usage_named

Constraint = Callable[[Element], None]
"""Raises ``Conflict`` for the root element of a document that must not be kept."""

_PIDF: Final = "urn:ietf:params:xml:ns:pidf"
_DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
_NAMESPACE: Final = re.compile(r"(?:##other)?\{[^\s}]*\}\*?")
_TAG_END: Final = re.compile(b">")
_LONGEST_PHRASE: Final = 400
_CHUNK: Final = 4096
"""Octets between which the schema is asked for its opinion: a fault costs 50 us, and there may be one every ten octets."""
_MOST_WARNINGS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What documents of a usage are: their root element, what schema cannot say, and what reads them where they take effect."""

    root: Name
    unique: tuple[Unique, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    read: Callable[[bytes], object] | None = None


def _unique(namespace: str, local: str, attribute: str, *, proposes: bool = False) -> Unique:
    return Unique(names=frozenset({(namespace, local)}), attribute=attribute, proposes=proposes)


_LISTS: Final = (
    _unique(RESOURCE_LISTS, "list", "name", proposes=True),
    _unique(RESOURCE_LISTS, "entry", "uri"),
    _unique(RESOURCE_LISTS, "entry-ref", "ref"),
    _unique(RESOURCE_LISTS, "external", "anchor"),
)
_RULESET: Final = Rules(
    root=(COMMON_POLICY, "ruleset"),
    unique=(_unique(COMMON_POLICY, "rule", "id", proposes=True),),
    read=policy.read,
)
_RULES: Final[Mapping[str, Rules]] = {
    "xcap-caps": Rules(root=("urn:ietf:params:xml:ns:xcap-caps", "xcap-caps")),
    "resource-lists": Rules(
        root=(RESOURCE_LISTS, "resource-lists"),
        unique=_LISTS,
        constraints=(check_references,),
        read=resource_lists.read,
    ),
    "rls-services": Rules(
        root=(RLS_SERVICES, "rls-services"),
        unique=(*_LISTS, _unique(RLS_SERVICES, "service", "uri")),
        constraints=(check_services,),
        read=rls_services.read,
    ),
    "pres-rules": _RULESET,
    "org.openmobilealliance.pres-rules": Rules(
        root=_RULESET.root, unique=_RULESET.unique, constraints=(check_oma_rules,), read=policy.read
    ),
    "org.openxcap.dialog-rules": _RULESET,
    "pidf-manipulation": Rules(
        root=(_PIDF, "presence"),
        unique=(
            Unique(
                names=frozenset({(_PIDF, "tuple"), (_DATA_MODEL, "person"), (_DATA_MODEL, "device")}),
                attribute="id",
                everywhere=True,
                proposes=True,
            ),
        ),
        read=pidf.read,
    ),
    "org.openmobilealliance.pres-content": Rules(
        root=(PRES_CONTENT, "content"), constraints=(check_content,), read=pres_content.read
    ),
    "org.openmobilealliance.xcap-directory": Rules(root=("urn:oma:xml:xdm:xcap-directory", "xcap-directory")),
}
"""By application usage; those that are missing have no schema."""


def check(octets: bytes, auid: str, *, constraints: Sequence[Constraint] = ()) -> Element:
    """The root element of a document that may be kept.  Raises ``Conflict``.

    ``constraints`` are asked last, in their order.
    """
    root = _read(octets)
    usage = usage_named(auid)
    rules = None if usage is None else _RULES.get(usage.auid)
    if usage is not None and rules is not None:
        _check_schema(octets, root, rules.root)
        check_unique(root, rules.unique, usage.namespace)
        for constraint in rules.constraints:
            constraint(root)
        _check_readable(octets, rules)
    for constraint in constraints:
        constraint(root)
    return root


def _check_readable(octets: bytes, rules: Rules) -> None:
    """What is kept can be obeyed: rules that cannot be read let nobody in.  Raises ``Conflict``."""
    if rules.read is None:
        return
    try:
        rules.read(octets)
    except BadDocument as error:
        raise Conflict(ConflictKind.CONSTRAINT_FAILURE, str(error)) from None


def check_schema(octets: bytes) -> None:
    """Raises ``Conflict`` unless a document, whichever of those we have a schema for, is valid by it."""
    end = len(octets)
    fault = _first_fault(octets, [*range(_CHUNK, end, _CHUNK), end])
    if fault is None:
        return
    kind, phrase, at = fault
    if kind is ConflictKind.SCHEMA_VALIDATION_ERROR:
        # The parser does not tell where, so it is asked again after each tag near the fault.
        chunk = (at - 1) // _CHUNK * _CHUNK
        tags = [match.end() for match in _TAG_END.finditer(octets, chunk, at)]
        _, phrase, at = _first_fault(octets, [chunk, *tags, end]) or fault
        line = octets.count(b"\n", 0, max(octets.rfind(b"<", 0, at), 0)) + 1
        phrase = f"line {line}: {_NAMESPACE.sub(_readable, phrase)}"
    raise Conflict(kind, phrase[:_LONGEST_PHRASE])


def _first_fault(octets: bytes, ends: Sequence[int]) -> tuple[ConflictKind, str, int] | None:
    """What is wrong first, and behind which of ``ends``, offsets to which the document is read in turn, this is known."""
    parser = etree.XMLParser(schema=_schema(), resolve_entities=False, no_network=True, collect_ids=False)
    at = 0
    try:
        for end in ends:
            parser.feed(octets[at:end])
            at = end
            if len(parser.feed_error_log) and (fault := _logged(parser)) is not None:
                return *fault, at
        parser.close()
    except etree.XMLSyntaxError as error:
        fault = _logged(parser)
        return (ConflictKind.NOT_WELL_FORMED, str(error), at) if fault is None else (*fault, at)
    return None


def _logged(parser: etree.XMLParser) -> tuple[ConflictKind, str] | None:
    """The first fault that a parser tells of; too many doubts are one."""
    if len(parser.feed_error_log) > _MOST_WARNINGS:
        return ConflictKind.CONSTRAINT_FAILURE, "too much of the document is doubtful XML"
    for entry in parser.feed_error_log:
        if entry.level >= etree.ErrorLevels.ERROR:
            is_schema = entry.domain == etree.ErrorDomains.SCHEMASV
            return (
                ConflictKind.SCHEMA_VALIDATION_ERROR if is_schema else ConflictKind.NOT_WELL_FORMED,
                entry.message,
            )
    return None


def _read(octets: bytes) -> Element:
    try:
        return read(octets)
    except NotUtf8 as error:
        raise Conflict(ConflictKind.NOT_UTF8, str(error)) from None
    except NotWellFormed as error:
        raise Conflict(ConflictKind.NOT_WELL_FORMED, str(error)) from None
    except NotAccepted as error:
        raise Conflict(ConflictKind.CONSTRAINT_FAILURE, str(error)) from None


def _check_schema(octets: bytes, root: Element, name: Name) -> None:
    if root.name != name:
        raise Conflict(
            ConflictKind.SCHEMA_VALIDATION_ERROR,
            f"line {root.line}: the root element is {root.local} of {root.namespace or 'no namespace'}, "
            f"expected is {name[1]} of {name[0]}"[:_LONGEST_PHRASE],
        )
    check_schema(octets)


@lru_cache(maxsize=1)
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "all.xsd"))


def _readable(match: re.Match[str]) -> str:
    """Names are told without their namespaces, which nobody can read; the mark of a wildcard becomes words."""
    return "anything of another namespace" if match[0].startswith("##") else ""
