"""The strict half of the codec of rule documents: one form, and what is read from it is the value that was written.

Implements: RFC 4745 section 13; RFC 5025 section 6.
"""

from typing import Final

from sip2xmpp.documents import xml
from sip2xmpp.documents.permissions import EVERY, OMA_ATTRIBUTES, Permissions, Selected
from sip2xmpp.documents.policy_reading import DETAILS, HANDLINGS, SELECTIONS, SELECTORS
from sip2xmpp.documents.ruleset import (
    COMMON_POLICY,
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
    UnknownCondition,
    Validity,
)
from sip2xmpp.documents.times import write_time

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<cr:ruleset xmlns="{PRES_RULES}" xmlns:cr="{COMMON_POLICY}"'
    f' xmlns:ocp="{OMA_COMMON_POLICY}" xmlns:op="{OMA_PRES_RULES}">'
)
_WRITTEN_HANDLINGS: Final = {value: word for word, value in HANDLINGS.items()}
_WRITTEN_DETAILS: Final = {value: word for word, value in DETAILS.items()}


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
    for name, (kind, every) in SELECTIONS.items():
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
        by: f"op:{by.value}" if tag.startswith(f"{{{OMA_PRES_RULES}}}") else by.value
        for tag, by in SELECTORS[kind].items()
    }
    ordered = sorted((names[each.by], each.value) for each in chosen if each.by in names)
    return [f"<{name}>{xml.text(value)}</{name}>" for name, value in ordered]
