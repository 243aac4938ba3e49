"""What rules say about a watcher, as a function of the rules and of what is known of the watcher.

All rules whose conditions hold count, in whatever order and document they stand: the handling is the highest that one of them
gives, and what is shown is the union of what they provide.  There is no rule that takes back what another one gives.

A watcher is compared by address, the form that both protocols share, so ``sip:``, ``sips:``, ``pres:``, ``im:`` and ``xmpp:`` URIs
name the same one.  A telephone number names nobody: it cannot be proved.

Implements: RFC 4745 sections 7 and 10; RFC 5025 sections 3.1 and 3.2.1; OMA XDM Core (other-identity, external-list,
anonymous-request).
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from sip2xmpp.address import Address, address_from_jid, address_from_sip, percent_decode
from sip2xmpp.documents.permissions import EVERYTHING, NOTHING, Permissions
from sip2xmpp.documents.policy import (
    AnonymousRequest,
    Condition,
    ExternalList,
    Identity,
    Many,
    One,
    OtherIdentity,
    Rule,
    Sphere,
    SubHandling,
    UnknownCondition,
    Validity,
)
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.errors import BadAddress
from sip2xmpp.preparation import fold_domain
from sip2xmpp.presence.policy import PLAIN, Handling, Judgement

ANONYMOUS: Final = "anonymous"
"""The user part of those who do not want to be known (RFC 3323, section 4.1.1.3)."""

_HANDLING: Final = {
    SubHandling.BLOCK: Handling.BLOCK,
    SubHandling.CONFIRM: Handling.CONFIRM,
    SubHandling.POLITE_BLOCK: Handling.POLITE_BLOCK,
    SubHandling.ALLOW: Handling.ALLOW,
}


@frozen_value
class Facts:
    """What conditions are compared with.

    ``identities`` are the proved addresses of the watcher, none for one that is anonymous; ``now`` is Unix time; ``sphere`` is the
    presentity's, in lower case, or None where it is not known; ``in_list(reference, identity)`` says whether a list that a rule refers to holds an address.
    """

    identities: tuple[Address, ...]
    now: float
    sphere: str | None = None
    in_list: Callable[[str, Address], bool] = lambda _reference, _identity: False


def identities_of(watcher: Address) -> tuple[Address, ...]:
    """The address of a watcher as the identity that it proves: none for the names that stand for nobody."""
    return () if is_anonymous(watcher) else (watcher,)


def is_anonymous(watcher: Address) -> bool:
    """Whether an address stands for somebody who is not named (RFC 3323, section 4.1.1.3; RFC 3325, section 9.1)."""
    return watcher.local == ANONYMOUS or watcher.domain == "invalid" or watcher.domain.endswith(".invalid")


def evaluate(rules: Iterable[Rule], facts: Facts, *, bare_allow: bool = False) -> Judgement | None:
    """What rules say; None when none of them matches.

    ``bare_allow``: a rule that allows and has no transformations shows everything.
    """
    return combine(matching(rules, facts), bare_allow=bare_allow)


def matching(rules: Iterable[Rule], facts: Facts) -> list[Rule]:
    """The rules whose conditions hold."""
    others: list[Rule] = []
    found: list[Rule] = []
    for rule in rules:
        if any(isinstance(each, OtherIdentity) for each in rule.conditions):
            others.append(rule)
        elif all(holds(each, facts) for each in rule.conditions):
            found.append(rule)
    if others and facts.identities and not any(_names_somebody(rule) for rule in found):
        found += [rule for rule in others if all(holds(each, facts) for each in rule.conditions)]
    return found


def combine(rules: Iterable[Rule], *, bare_allow: bool = False) -> Judgement | None:
    """What rules that match give together; None for no rules."""
    handling: SubHandling | None = None
    permissions = NOTHING
    for rule in rules:
        stated = SubHandling.BLOCK if rule.handling is None else rule.handling
        handling = stated if handling is None else max(handling, stated)
        permissions |= provided(rule, bare_allow=bare_allow)
    if handling is None:
        return None
    if handling is not SubHandling.ALLOW or permissions == EVERYTHING:
        return PLAIN[_HANDLING[handling]]
    return Judgement(handling=Handling.ALLOW, permissions=permissions)


def provided(rule: Rule, *, bare_allow: bool = False) -> Permissions:
    """What one rule lets be seen."""
    if rule.transformations is not None:
        return rule.transformations
    return EVERYTHING if bare_allow and rule.handling is SubHandling.ALLOW else NOTHING


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition holds; of ``other-identity`` only whether there is an identity at all."""
    match condition:
        case Identity(any_of=named):
            return any(_names(each, identity) for each in named for identity in facts.identities)
        case Sphere(values=values):
            return facts.sphere is not None and facts.sphere in values
        case Validity(periods=periods):
            return any(begin.timestamp() <= facts.now < end.timestamp() for begin, end in periods)
        case ExternalList(references=references):
            return any(
                facts.in_list(reference, identity)
                for reference in references
                for identity in facts.identities
            )
        case OtherIdentity():
            return bool(facts.identities)
        case AnonymousRequest():
            return not facts.identities
        case UnknownCondition():
            return False


def changes_at(rules: Iterable[Rule], now: float) -> float | None:
    """The next moment (Unix time) at which the validity of a rule begins or ends; None when there is none."""
    moments = [
        moment
        for rule in rules
        for condition in rule.conditions
        if isinstance(condition, Validity)
        for period in condition.periods
        for moment in (period[0].timestamp(), period[1].timestamp())
        if moment > now
    ]
    return min(moments, default=None)


def address_of(uri: str) -> Address | None:
    """The address that an identity in a document names; None when it is none that a watcher can have."""
    return _address_of(uri)


@lru_cache(maxsize=8192)
def _address_of(uri: str) -> Address | None:
    scheme, colon, rest = uri.partition(":")
    try:
        match scheme.lower() if colon else "":
            case "tel":
                return None
            case "xmpp":
                jid = rest.partition("?")[0].partition(";")[0]
                return address_from_jid(percent_decode(jid.removeprefix("//")).partition("/")[0])[0]
            case _:
                return address_from_sip(uri)
    except BadAddress:
        return None


@lru_cache(maxsize=1024)
def _domain_of(text: str) -> str | None:
    try:
        return fold_domain(text)
    except BadAddress:
        return None


def _names(named: One | Many, identity: Address) -> bool:
    if isinstance(named, One):
        return address_of(named.uri) == identity
    if named.domain is not None and _domain_of(named.domain) != identity.domain:
        return False
    for each in named.excepts:
        if each.uri is None and each.domain is None:
            return False
        if each.uri is not None and address_of(each.uri) == identity:
            return False
        if each.domain is not None and _domain_of(each.domain) == identity.domain:
            return False
    return True


def _names_somebody(rule: Rule) -> bool:
    """Whether a rule holds for some identities and not for others."""
    return any(isinstance(each, Identity | ExternalList) for each in rule.conditions)
