"""Rule documents: who may do what, as values beside their codec.

A ``Ruleset`` is a list of rules; each has conditions, all of which have to hold, a handling and what it provides.  Reading
takes any prefixes and any order.  What it does not understand it treats so that nothing is shown by accident: a condition that
is unknown never holds, actions and transformations that are unknown are left out, an exception that cannot be read
excepts everybody.  What a rule means is the business of ``presence.rules``.

Writing gives one form; what is read from it is the value that was written.

Implements: RFC 4745 sections 7, 8 and 13; RFC 5025 sections 3 and 6; OMA XDM Core (``external-list``, ``other-identity``,
``anonymous-request``) and OMA Presence XDM (``provide-willingness`` and others, ``service-id``).
"""

import re
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final, TypeVar

from sip2xmpp.documents import xml
from sip2xmpp.documents.permissions import (
    ATTRIBUTES,
    EVERY,
    OMA_ATTRIBUTES,
    By,
    Permissions,
    Selected,
    UserInputDetail,
)
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.times import write_time
from sip2xmpp.errors import BadDocument

T = TypeVar("T")

CONTENT_TYPE: Final = "application/auth-policy+xml"

COMMON_POLICY: Final = "urn:ietf:params:xml:ns:common-policy"
PRES_RULES: Final = "urn:ietf:params:xml:ns:pres-rules"
OMA_COMMON_POLICY: Final = "urn:oma:xml:xdm:common-policy"
OMA_PRES_RULES: Final = "urn:oma:xml:prs:pres-rules"
DIALOG_RULES: Final = "http://openxcap.org/ns/dialog-rules"

SIZE_LIMIT: Final = 262_144
"""Octets of a document that is read."""
RULES: Final = 1_000
"""Rules that a document may have."""
TERMS: Final = 20_000
"""Identities, exceptions, references and periods that a document may have in all."""


class SubHandling(IntEnum):
    """What becomes of a subscription; of several the highest counts (RFC 5025, section 3.2.1)."""

    BLOCK = 0
    CONFIRM = 10
    POLITE_BLOCK = 20
    ALLOW = 30


@frozen_value
class One:
    """The identity ``uri``, as it was written."""

    uri: str


@frozen_value
class Except:
    """Whom a ``Many`` leaves out: an identity or a domain; with neither, because it could not be read, everybody."""

    uri: str | None = None
    domain: str | None = None


@frozen_value
class Many:
    """Every identity, or every one of ``domain``, but for the exceptions."""

    domain: str | None = None
    excepts: tuple[Except, ...] = ()


@frozen_value
class Identity:
    """Holds for whom any of these names."""

    any_of: tuple[One | Many, ...]


@frozen_value
class Sphere:
    """Holds while the presentity is in one of these spheres; ``values`` are in lower case."""

    values: tuple[str, ...]


@frozen_value
class Validity:
    """Holds in any of these periods, from the first moment until just before the second."""

    periods: tuple[tuple[datetime, datetime], ...]


@frozen_value
class ExternalList:
    """Holds for the members of any of these lists, named by XCAP URIs, absolute or relative, as they were written."""

    references: tuple[str, ...]


@frozen_value
class OtherIdentity:
    """Holds for identities about which no other rule says anything."""


@frozen_value
class AnonymousRequest:
    """Holds for watchers that do not say who they are."""


@frozen_value
class UnknownCondition:
    """Never holds; ``name`` is the expanded name, ``{namespace}local``."""

    name: str


Condition = Identity | Sphere | Validity | ExternalList | OtherIdentity | AnonymousRequest | UnknownCondition


@frozen_value
class Rule:
    """One rule; ``conditions`` all have to hold.  ``transformations`` is None where the document has no such element."""

    id: str
    conditions: tuple[Condition, ...] = ()
    handling: SubHandling | None = None
    transformations: Permissions | None = None


@frozen_value
class Ruleset:
    """The rules of one document, in its order."""

    rules: tuple[Rule, ...] = ()


# reading


def read(octets: bytes) -> Ruleset:
    """The rules of a document.  Raises ``BadDocument``, also for one that says more than the limits of this module."""
    root = xml.parse(octets, limit=SIZE_LIMIT)
    if root.tag != _CP + "ruleset":
        raise BadDocument("the root element is not a ruleset")
    reading = _Reading()
    rules = [reading.rule(each) for each in root if each.tag == _CP + "rule"]
    if len(rules) > RULES:
        raise BadDocument(f"more than {RULES} rules")
    return Ruleset(rules=tuple(rules))


_CP: Final = f"{{{COMMON_POLICY}}}"
_OCP: Final = f"{{{OMA_COMMON_POLICY}}}"
_PR: Final = f"{{{PRES_RULES}}}"
_OPR: Final = f"{{{OMA_PRES_RULES}}}"
_DR: Final = f"{{{DIALOG_RULES}}}"

_SUB_HANDLING: Final = frozenset((_PR + "sub-handling", _OPR + "sub-handling", _DR + "sub-handling"))
_HANDLINGS: Final = {
    "block": SubHandling.BLOCK,
    "confirm": SubHandling.CONFIRM,
    "polite-block": SubHandling.POLITE_BLOCK,
    "allow": SubHandling.ALLOW,
}
_DETAILS: Final = {
    "false": UserInputDetail.NONE,
    "bare": UserInputDetail.BARE,
    "thresholds": UserInputDetail.THRESHOLDS,
    "full": UserInputDetail.FULL,
}
_SELECTIONS: Final[dict[str, tuple[str, str]]] = {
    "provide-services": ("services", "all-services"),
    "provide-devices": ("devices", "all-devices"),
    "provide-persons": ("persons", "all-persons"),
}
_SELECTORS: Final[dict[str, dict[str, By]]] = {
    "services": {
        _PR + "service-uri": By.SERVICE_URI,
        _PR + "service-uri-scheme": By.SERVICE_URI_SCHEME,
        _PR + "class": By.CLASS,
        _PR + "occurrence-id": By.OCCURRENCE,
        _OPR + "service-id": By.SERVICE_ID,
    },
    "devices": {
        _PR + "deviceID": By.DEVICE_ID,
        _PR + "class": By.CLASS,
        _PR + "occurrence-id": By.OCCURRENCE,
    },
    "persons": {_PR + "class": By.CLASS, _PR + "occurrence-id": By.OCCURRENCE},
}


class _Reading:
    """One pass over one document; counts what is compared later at every look-up."""

    __slots__ = ("_terms",)

    def __init__(self) -> None:
        self._terms = 0

    def rule(self, element: xml.Element) -> Rule:
        conditions: list[Condition] = []
        handlings: list[SubHandling] = []
        transformations: Permissions | None = None
        for child in element:
            if child.tag == _CP + "conditions":
                conditions.extend([self._condition(each) for each in child])
            elif child.tag == _CP + "actions":
                found = [_HANDLINGS.get(_word(each)) for each in child if each.tag in _SUB_HANDLING]
                handlings.extend([each for each in found if each is not None])
            elif child.tag == _CP + "transformations":
                provided = _transformations(child)
                transformations = provided if transformations is None else transformations | provided
        return Rule(
            id=element.get("id", ""),
            conditions=tuple(conditions),
            handling=max(handlings, default=None),
            transformations=transformations,
        )

    def _condition(self, element: xml.Element) -> Condition:
        tag = element.tag
        if tag == _CP + "identity":
            return self._identity(element)
        if tag == _CP + "sphere":
            return Sphere(values=tuple(self._counted(element.get("value", "").lower().split())))
        if tag == _CP + "validity":
            return Validity(periods=tuple(self._counted(_periods(element))))
        if tag == _OCP + "external-list":
            anchors = [each.get("anc", "").strip() for each in element if each.tag == _OCP + "entry"]
            return ExternalList(references=tuple(self._counted([each for each in anchors if each])))
        if tag == _OCP + "other-identity":
            return OtherIdentity()
        if tag == _OCP + "anonymous-request":
            return AnonymousRequest()
        return UnknownCondition(name=tag)

    def _identity(self, element: xml.Element) -> Condition:
        named: list[One | Many] = []
        for child in element:
            if child.tag == _CP + "one":
                uri = child.get("id", "").strip()
                if uri:
                    named.append(One(uri=uri))
            elif child.tag == _CP + "many":
                domain = child.get("domain")
                named.append(
                    Many(
                        domain=None if domain is None else domain.strip(),
                        excepts=tuple(self._counted([_except(each) for each in child])),
                    )
                )
        return Identity(any_of=tuple(self._counted(named)))

    def _counted(self, terms: list[T]) -> list[T]:
        self._terms += len(terms)
        if self._terms > TERMS:
            raise BadDocument(f"more than {TERMS} identities, lists and periods")
        return terms


def _word(element: xml.Element) -> str:
    return xml.content(element)


def _except(element: xml.Element) -> Except:
    if element.tag != _CP + "except":
        return Except()  # it restricts ``many`` in a way that is not known
    uri, domain = element.get("id"), element.get("domain")
    return Except(
        uri=None if uri is None else uri.strip() or None,
        domain=None if domain is None else domain.strip() or None,
    )


_DATE_TIME = re.compile(
    r"\d{4,9}-\d\d-\d\dT(?:(24):00:00(?:\.0+)?|\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z|[+-]\d\d:\d\d)?", re.ASCII
)
_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC, microsecond=0)


def _periods(element: xml.Element) -> list[tuple[datetime, datetime]]:
    """Pairs of ``from`` and ``until`` as they follow each other; a pair that cannot be read never holds."""
    periods: list[tuple[datetime, datetime]] = []
    begin: datetime | None = None
    for child in element:
        if child.tag == _CP + "from":
            begin = _moment(xml.content(child))
        elif child.tag == _CP + "until":
            end = _moment(xml.content(child))
            if begin is not None and end is not None:
                periods.append((begin, end))
            begin = None
    return periods


def _moment(text: str) -> datetime | None:
    """An ``xs:dateTime`` as a UTC time to the second, or None; one without a zone is taken as UTC."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    try:
        is_midnight = match[1] is not None
        moment = datetime.fromisoformat(text.replace("T24:", "T00:") if is_midnight else text)
        if is_midnight:
            moment += timedelta(days=1)
        zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return zoned.replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


def _transformations(element: xml.Element) -> Permissions:
    provided = Permissions()
    for child in element:
        namespace, _, local = child.tag[1:].rpartition("}")
        if namespace == PRES_RULES:
            provided |= _provided(child, local)
        elif namespace == OMA_PRES_RULES and local.startswith("provide-"):
            name = local.removeprefix("provide-")
            if name in OMA_ATTRIBUTES and _word(child) in ("true", "1", "full"):
                provided |= Permissions(attributes=frozenset((name,)))
    return provided


def _provided(element: xml.Element, local: str) -> Permissions:
    """What one element of RFC 5025 provides."""
    if local == "provide-all-attributes":
        return Permissions(all_attributes=True)
    if local == "provide-user-input":
        return Permissions(user_input=_DETAILS.get(_word(element), UserInputDetail.NONE))
    if local in _SELECTIONS:
        kind, every = _SELECTIONS[local]
        chosen = _selected(element, _SELECTORS[kind], _PR + every)
        if kind == "services":
            return Permissions(services=chosen)
        return Permissions(devices=chosen) if kind == "devices" else Permissions(persons=chosen)
    if _word(element) not in ("true", "1"):
        return Permissions()
    if local == "provide-unknown-attribute":
        name = element.get("name", "").strip()
        return Permissions(
            unknown=frozenset(((element.get("ns", "").strip(), name),)) if name else frozenset()
        )
    name = local.removeprefix("provide-")
    return Permissions(attributes=frozenset((name,)) & ATTRIBUTES)


def _selected(element: xml.Element, selectors: dict[str, By], every: str) -> frozenset[Selected]:
    if any(each.tag == every for each in element):
        return EVERY
    return frozenset(
        Selected(by=selectors[each.tag], value=_word(each))
        for each in element
        if each.tag in selectors and _word(each)
    )


# writing

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<cr:ruleset xmlns="{PRES_RULES}" xmlns:cr="{COMMON_POLICY}"'
    f' xmlns:ocp="{OMA_COMMON_POLICY}" xmlns:op="{OMA_PRES_RULES}">'
)
_WRITTEN_HANDLINGS: Final = {value: word for word, value in _HANDLINGS.items()}
_WRITTEN_DETAILS: Final = {value: word for word, value in _DETAILS.items()}


def write(ruleset: Ruleset) -> bytes:
    """The document; an unknown condition is written as an empty element of its name."""
    return "".join((_HEAD, *map(_rule, ruleset.rules), "</cr:ruleset>")).encode()


def _rule(rule: Rule) -> str:
    parts = [f'<cr:rule id="{xml.attribute(rule.id)}">']
    if rule.conditions:
        parts += ["<cr:conditions>", *map(_condition, rule.conditions), "</cr:conditions>"]
    if rule.handling is not None:
        word = _WRITTEN_HANDLINGS[rule.handling]
        parts.append(f"<cr:actions><sub-handling>{word}</sub-handling></cr:actions>")
    if rule.transformations is not None:
        parts += ["<cr:transformations>", *_permissions(rule.transformations), "</cr:transformations>"]
    parts.append("</cr:rule>")
    return "".join(parts)


def _condition(condition: Condition) -> str:
    match condition:
        case Identity(any_of=named):
            return f"<cr:identity>{''.join(map(_named, named))}</cr:identity>"
        case Sphere(values=values):
            return f'<cr:sphere value="{xml.attribute(" ".join(values))}"/>'
        case Validity(periods=periods):
            inside = "".join(
                f"<cr:from>{write_time(begin)}</cr:from><cr:until>{write_time(end)}</cr:until>"
                for begin, end in periods
            )
            return f"<cr:validity>{inside}</cr:validity>"
        case ExternalList(references=references):
            inside = "".join(f'<ocp:entry anc="{xml.attribute(each)}"/>' for each in references)
            return f"<ocp:external-list>{inside}</ocp:external-list>"
        case OtherIdentity():
            return "<ocp:other-identity/>"
        case AnonymousRequest():
            return "<ocp:anonymous-request/>"
        case UnknownCondition(name=name):
            namespace, _, local = name.removeprefix("{").rpartition("}")
            return (
                f'<x:{local} xmlns:x="{xml.attribute(namespace)}"/>' if namespace else f'<{local} xmlns=""/>'
            )


def _named(named: One | Many) -> str:
    if isinstance(named, One):
        return f'<cr:one id="{xml.attribute(named.uri)}"/>'
    domain = "" if named.domain is None else f' domain="{xml.attribute(named.domain)}"'
    return f"<cr:many{domain}>{''.join(map(_excepted, named.excepts))}</cr:many>"


def _excepted(excepted: Except) -> str:
    uri = "" if excepted.uri is None else f' id="{xml.attribute(excepted.uri)}"'
    domain = "" if excepted.domain is None else f' domain="{xml.attribute(excepted.domain)}"'
    return f"<cr:except{uri}{domain}/>"


def _permissions(provided: Permissions) -> list[str]:
    parts: list[str] = []
    for name, (kind, every) in _SELECTIONS.items():
        chosen: frozenset[Selected] = getattr(provided, kind)
        if chosen:
            inside = f"<{every}/>" if chosen & EVERY else "".join(_selectors(kind, chosen))
            parts.append(f"<{name}>{inside}</{name}>")
    for attribute in sorted(provided.attributes):
        prefix = "op:" if attribute in OMA_ATTRIBUTES else ""
        word = "full" if attribute == "geopriv" else "true"
        parts.append(f"<{prefix}provide-{attribute}>{word}</{prefix}provide-{attribute}>")
    if provided.user_input:
        parts.append(f"<provide-user-input>{_WRITTEN_DETAILS[provided.user_input]}</provide-user-input>")
    for namespace, local in sorted(provided.unknown):
        names = f'name="{xml.attribute(local)}" ns="{xml.attribute(namespace)}"'
        parts.append(f"<provide-unknown-attribute {names}>true</provide-unknown-attribute>")
    if provided.all_attributes:
        parts.append("<provide-all-attributes/>")
    return parts


def _selectors(kind: str, chosen: frozenset[Selected]) -> list[str]:
    names = {
        by: f"op:{by.value}" if tag.startswith(_OPR) else by.value for tag, by in _SELECTORS[kind].items()
    }
    ordered = sorted((names[each.by], each.value) for each in chosen if each.by in names)
    return [f"<{name}>{xml.text(value)}</{name}>" for name, value in ordered]
