"""The lenient half of the codec of rule documents.

Reading takes any prefixes and any order.  What it does not understand it treats so that nothing is shown by accident: a
condition that is unknown never holds, actions and transformations that are unknown are left out, an exception that cannot
be read excepts everybody.

Implements: RFC 4745 sections 7, 8 and 13; RFC 5025 sections 3 and 6; OMA XDM Core and OMA Presence XDM (conditions,
``provide-willingness`` and others, ``service-id``).
"""

import re
from datetime import UTC, datetime, timedelta
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
from sip2xmpp.documents.ruleset import (
    COMMON_POLICY,
    DIALOG_RULES,
    OMA_COMMON_POLICY,
    OMA_PRES_RULES,
    PRES_RULES,
    AnonymousRequest,
    Condition,
    Except,
    ExternalList,
    Identity,
    Many,
    One,
    OtherIdentity,
    Rule,
    Ruleset,
    Sphere,
    SubHandling,
    UnknownCondition,
    Validity,
)
from sip2xmpp.errors import BadDocument

T = TypeVar("T")

SIZE_LIMIT: Final = 262_144
"""Octets of a document that is read."""
RULES: Final = 1_000
"""Rules that a document may have."""
TERMS: Final = 20_000
"""Identities, exceptions, references and periods that a document may have in all."""


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
HANDLINGS: Final = {
    "block": SubHandling.BLOCK,
    "confirm": SubHandling.CONFIRM,
    "polite-block": SubHandling.POLITE_BLOCK,
    "allow": SubHandling.ALLOW,
}
DETAILS: Final = {
    "false": UserInputDetail.NONE,
    "bare": UserInputDetail.BARE,
    "thresholds": UserInputDetail.THRESHOLDS,
    "full": UserInputDetail.FULL,
}
SELECTIONS: Final[dict[str, tuple[str, str]]] = {
    "provide-services": ("services", "all-services"),
    "provide-devices": ("devices", "all-devices"),
    "provide-persons": ("persons", "all-persons"),
}
SELECTORS: Final[dict[str, dict[str, By]]] = {
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
                found = [HANDLINGS.get(_word(each)) for each in child if each.tag in _SUB_HANDLING]
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
    """Pairs of ``from`` and ``until`` as they follow each other; a pair that cannot be read never holds.

    Fractions of seconds make a period shorter.
    """
    periods: list[tuple[datetime, datetime]] = []
    begin: datetime | None = None
    for child in element:
        if child.tag == _CP + "from":
            begin = _moment(xml.content(child), rounded_up=True)
        elif child.tag == _CP + "until":
            end = _moment(xml.content(child))
            if begin is not None and end is not None:
                periods.append((begin, end))
            begin = None
    return periods


def _moment(text: str, *, rounded_up: bool = False) -> datetime | None:
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
        is_between = rounded_up and zoned.microsecond > 0
        return zoned.replace(microsecond=0) + timedelta(seconds=1 if is_between else 0)
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
        return Permissions(user_input=DETAILS.get(_word(element), UserInputDetail.NONE))
    if local in SELECTIONS:
        kind, every = SELECTIONS[local]
        chosen = _selected(element, SELECTORS[kind], _PR + every)
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
