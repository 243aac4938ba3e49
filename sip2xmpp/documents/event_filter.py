"""Filters that a watcher sends in a SUBSCRIBE: which part of a document it wants, and of which changes it wants to hear.

A ``FilterSet`` is the document as a value; ``filtering`` applies it.  Filters of one subscription are told apart by their
ids: a later one with the same id replaces, switches or removes it.  They are kept with the subscription in one form, in which
each has the prefixes that it needs.

Implements: RFC 4661 section 3 (the format); RFC 4660 section 4.2 (changing filters).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from sip2xmpp.address import Address, address_from_sip
from sip2xmpp.documents import xml
from sip2xmpp.documents.selectors import NotUnderstood, Selector, selector
from sip2xmpp.errors import BadAddress, BadDocument

CONTENT_TYPE: Final = "application/simple-filter+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:simple-filter"
SIZE_LIMIT: Final = 4096
"""Octets of a body with filters."""
KEPT_LIMIT: Final = 4 * SIZE_LIMIT
"""Octets in which all filters of a subscription are kept with it: each has its own prefixes there."""
FILTERS: Final = 8
"""How many one subscription may have."""
EXPRESSIONS: Final = 24
"""How many selectors one filter may have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An ``include`` or ``exclude``: a selector, or a namespace whose elements are meant."""

    selector: Selector | None
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A condition of a trigger; ``kind`` is ``changed``, ``added`` or ``removed``."""

    kind: str
    selector: Selector
    before: str | None = None
    after: str | None = None
    by: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """``uri`` and ``domain`` say whose documents are meant; neither: all.

    A trigger is a tuple of changes that have to happen together; one trigger is enough.  ``is_removed`` takes the filter of
    this id away.  ``source`` is the element as it was written, by which it is kept; ``has_content`` tells a filter from a switch.
    """

    id: str
    uri: str = ""
    domain: str = ""
    enabled: bool = True
    is_removed: bool = False
    include: tuple[Choice, ...] = ()
    exclude: tuple[Choice, ...] = ()
    triggers: tuple[tuple[Change, ...], ...] = ()
    has_content: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSet:
    """The filters of a subscription; ``package`` is empty if it is not said."""

    package: str = ""
    filters: tuple[Filter, ...] = ()

    @classmethod
    def from_octets(cls, octets: bytes, *, limit: int = SIZE_LIMIT) -> "FilterSet":
        """The filters in a body.  Raises ``NotUnderstood`` for what we cannot do, and ``BadDocument``."""
        if len(octets) > limit:
            raise BadDocument(f"filters may have {limit} octets")
        return _read(octets)

    def to_octets(self) -> bytes:
        """A body that is read as this value."""
        package = f' package="{xml.attribute(self.package)}"' if self.package else ""
        inside = "".join(each.source for each in self.filters)
        return f'<filter-set xmlns="{NAMESPACE}"{package}>{inside}</filter-set>'.encode()

    def joined(self, later: "FilterSet") -> "FilterSet":
        """These filters, changed by what ``later`` says of them.  Raises ``NotUnderstood`` if that is too much to keep."""
        held = {each.id: each for each in self.filters}
        for each in later.filters:
            known = held.get(each.id)
            if each.is_removed:
                held.pop(each.id, None)
            elif each.has_content or known is None:
                held[each.id] = each
            else:
                held[each.id] = _switched(known, each.enabled)
        if len(held) > FILTERS:
            raise NotUnderstood(f"more than {FILTERS} filters")
        joined = FilterSet(package=later.package or self.package, filters=tuple(held.values()))
        if len(joined.to_octets()) > KEPT_LIMIT:
            raise NotUnderstood(f"filters that have more than {KEPT_LIMIT} octets with their prefixes")
        return joined

    def about(self, presentity: Address, uri: str) -> tuple[Filter, ...]:
        """Those in force for this presentity, which its watcher calls ``uri``."""
        return tuple(each for each in self.filters if each.enabled and _is_about(each, presentity, uri))


# reading


@lru_cache(maxsize=512)
def _read(octets: bytes) -> FilterSet:
    root = xml.parse(octets)
    if root.tag != f"{{{NAMESPACE}}}filter-set":
        raise NotUnderstood("not a filter-set")
    bindings = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
    for each in root.iterfind(f"{{{NAMESPACE}}}ns-bindings/{{{NAMESPACE}}}ns-binding"):
        bindings[each.get("prefix", "")] = each.get("urn", "")
    filters = [_filter(each, bindings) for each in root.iterfind(f"{{{NAMESPACE}}}filter")]
    if len(filters) > FILTERS:
        raise NotUnderstood(f"more than {FILTERS} filters")
    if len({each.id for each in filters}) < len(filters):
        raise NotUnderstood("two filters with one id")
    return FilterSet(package=root.get("package", ""), filters=tuple(filters))


def _filter(element: xml.Element, bindings: Mapping[str, str]) -> Filter:
    name = element.get("id", "")
    if not name:
        raise NotUnderstood("a filter without an id")
    bindings = {**bindings, **{prefix: uri for prefix, uri in element.nsmap.items() if prefix}}
    for each in element.iterfind(f"{{{NAMESPACE}}}ns-bindings/{{{NAMESPACE}}}ns-binding"):
        bindings[each.get("prefix", "")] = each.get("urn", "")
    include: list[Choice] = []
    exclude: list[Choice] = []
    triggers: list[tuple[Change, ...]] = []
    count = 0
    for child in element:
        part = _own_name(child)
        if part == "what":
            for each in child:
                chosen = include if _own_name(each) == "include" else exclude
                chosen.append(_choice(each, bindings))
                count += 1
        elif part == "trigger":
            changes = tuple(_change(each, bindings) for each in child)
            count += len(changes)
            if not changes:
                raise NotUnderstood("a trigger without a condition")
            triggers.append(changes)
        elif part != "ns-bindings":
            raise NotUnderstood(f"{xml.local_name(child)[:40]} is not understood in a filter")
    if count > EXPRESSIONS:
        raise NotUnderstood(f"more than {EXPRESSIONS} expressions in a filter")
    made = Filter(
        id=name,
        uri=element.get("uri", ""),
        domain=element.get("domain", ""),
        enabled=_is_true(element.get("enabled", "true")),
        is_removed=_is_true(element.get("remove", "false")),
        include=tuple(include),
        exclude=tuple(exclude),
        triggers=tuple(triggers),
        has_content=bool(include or exclude or triggers),
    )
    return replace(made, source=_written(made, bindings))


def _own_name(element: xml.Element) -> str:
    namespace, _, local = element.tag.rpartition("}")
    if namespace != f"{{{NAMESPACE}":
        raise NotUnderstood(f"{local[:40]} of another namespace is not understood in a filter")
    return local


def _choice(element: xml.Element, bindings: Mapping[str, str]) -> Choice:
    if _own_name(element) not in ("include", "exclude"):
        raise NotUnderstood("what is neither include nor exclude is not understood")
    kind = element.get("type", "xpath")
    if kind == "namespace":
        return Choice(None, xml.content(element))
    if kind != "xpath":
        raise NotUnderstood(f"the type {kind[:40]} is not understood")
    return Choice(selector(xml.content(element), bindings))


def _change(element: xml.Element, bindings: Mapping[str, str]) -> Change:
    kind = _own_name(element)
    if kind not in ("changed", "added", "removed"):
        raise NotUnderstood(f"{kind[:40]} is not understood in a trigger")
    by = element.get("by")
    try:
        amount = None if by is None else float(by)
    except ValueError:
        raise NotUnderstood("by is not a number") from None
    meant = selector(xml.content(element), bindings)
    if kind != "changed":
        return Change(kind, meant)
    return Change(kind, meant, element.get("from"), element.get("to"), amount)


def _is_true(text: str) -> bool:
    return text.strip() in ("true", "1")


# keeping


def _written(filter_: Filter, bindings: Mapping[str, str]) -> str:
    """A filter with the prefixes that it needs."""
    parts = [_opened(filter_)]
    inside = _inside(filter_)
    used = [(prefix, uri) for prefix, uri in bindings.items() if f"{prefix}:" in inside]
    if used:
        bound = "".join(
            f'<ns-binding prefix="{xml.attribute(prefix)}" urn="{xml.attribute(uri)}"/>'
            for prefix, uri in used
        )
        parts.append(f"<ns-bindings>{bound}</ns-bindings>")
    return "".join((*parts, inside, "</filter>"))


def _opened(filter_: Filter) -> str:
    said = {"id": filter_.id, "uri": filter_.uri, "domain": filter_.domain}
    if not filter_.enabled:
        said["enabled"] = "false"
    attributes = [f' {name}="{xml.attribute(value)}"' for name, value in said.items() if value]
    return f"<filter{''.join(attributes)}>"


def _inside(filter_: Filter) -> str:
    choices = [
        f"<{name}>{xml.text(each.selector.text)}</{name}>"
        if each.selector is not None
        else f'<{name} type="namespace">{xml.text(each.namespace)}</{name}>'
        for name, several in (("include", filter_.include), ("exclude", filter_.exclude))
        for each in several
    ]
    triggers = [
        f"<trigger>{''.join(map(_change_written, changes))}</trigger>" for changes in filter_.triggers
    ]
    return (f"<what>{''.join(choices)}</what>" if choices else "") + "".join(triggers)


def _change_written(change: Change) -> str:
    said = {"from": change.before, "to": change.after, "by": None if change.by is None else repr(change.by)}
    attributes = "".join(
        f' {name}="{xml.attribute(value)}"' for name, value in said.items() if value is not None
    )
    return f"<{change.kind}{attributes}>{xml.text(change.selector.text)}</{change.kind}>"


def _switched(filter_: Filter, enabled: bool) -> Filter:
    changed = replace(filter_, enabled=enabled)
    return replace(changed, source=_opened(changed) + filter_.source.partition(">")[2])


def _is_about(filter_: Filter, presentity: Address, uri: str) -> bool:
    if filter_.uri:
        if filter_.uri == uri:
            return True
        try:
            return address_from_sip(filter_.uri) == presentity
        except BadAddress:
            return False
    return not filter_.domain or filter_.domain.lower() == presentity.domain
