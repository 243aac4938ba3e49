"""What rules say about a watcher, as a function of the rules and of what is known of the watcher.

All rules whose conditions hold count, in whatever order and document they stand: the handling is the highest that one of them
gives, and what is shown is the union of what they provide.  There is no rule that takes back what another one gives.

A watcher is compared by address, the form that both protocols share, so ``sip:``, ``sips:``, ``pres:``, ``im:`` and ``xmpp:`` URIs
name the same one.  A telephone number names nobody: it cannot be proved.  What cannot be read as an address names nobody
either, but as an exception everybody.

``other-identity`` is for those whom no rule names, in force or not: about a contact for whom the owner has a rule by day, that rule alone
says what holds at night.

Implements: RFC 4745 sections 7 and 10; RFC 5025 sections 3.1 and 3.2.1; OMA XDM Core (other-identity, external-list,
anonymous-request).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from sip2xmpp.address import CACHED_LENGTH, Address, address_from_jid, address_from_sip, percent_decode
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

Names = Callable[[str], Address | None]
"""Gives the address that an identity in a document names; None when it is none that a watcher can have."""


def address_of(
    uri: str,
    *,
    from_uri: Callable[[str], Address] = address_from_sip,
    from_jid: Callable[[str], Address] = lambda jid: address_from_jid(jid)[0],
) -> Address | None:
    """The address that an identity in a document names, however it is written; see ``Names``.

    ``from_uri`` and ``from_jid`` read the two forms, and raise ``BadAddress``.
    """
    scheme, colon, rest = uri.partition(":")
    kind = scheme.lower() if colon else ""
    try:
        if kind == "tel":
            return None
        if kind == "xmpp":
            jid = rest.removeprefix("//").partition("?")[0].partition("#")[0]
            return from_jid(percent_decode(jid).partition("/")[0])
        return from_uri(uri)
    except BadAddress:
        return None


@frozen_value
class Facts:
    """What conditions are compared with.

    ``identities`` are the proved addresses of the watcher, none for one that is anonymous; ``now`` is Unix time; ``sphere`` is the
    presentity's, in lower case, or None where it is not known; ``in_list(reference, identity)`` says whether a list that a rule
    refers to holds an address.
    """

    identities: tuple[Address, ...]
    now: float
    sphere: str | None = None
    in_list: Callable[[str, Address], bool] = lambda _reference, _identity: False
    names: Names = address_of


def identities_of(watcher: Address) -> tuple[Address, ...]:
    """The address of a watcher as the identity that it proves: none for the names that stand for nobody."""
    return () if is_anonymous(watcher) else (watcher,)


def is_anonymous(watcher: Address) -> bool:
    """Whether an address stands for somebody who is not named (RFC 3323, section 4.1.1.3; RFC 3325, section 9.1)."""
    return watcher.local == ANONYMOUS or watcher.domain == "invalid" or watcher.domain.endswith(".invalid")


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition holds by itself; of ``other-identity`` only whether there is an identity at all."""
    match condition:
        case Identity():
            return Who(condition, facts.names).includes(facts.identities)
        case Sphere(values=values):
            return facts.sphere is not None and facts.sphere in values
        case Validity(periods=periods):
            return any(begin.timestamp() <= facts.now < end.timestamp() for begin, end in periods)
        case ExternalList(references=references):
            in_list = facts.in_list
            return any(in_list(reference, each) for reference in references for each in facts.identities)
        case OtherIdentity():
            return bool(facts.identities)
        case AnonymousRequest():
            return not facts.identities
        case UnknownCondition():
            return False


def moments(rules: Iterable[Rule]) -> set[float]:
    """Every moment at which the validity of a rule begins or ends, Unix time."""
    return {
        moment.timestamp()
        for rule in rules
        for condition in rule.conditions
        if isinstance(condition, Validity)
        for period in condition.periods
        for moment in period
    }


class Who:
    """An ``identity`` ready to be compared with: addresses, and crowds of them."""

    __slots__ = ("addresses", "crowds")

    def __init__(self, identity: Identity, names: Names) -> None:
        named = identity.any_of
        found = [names(each.uri) for each in named if isinstance(each, One)]
        self.addresses = frozenset([each for each in found if each is not None])
        crowds = [_Crowd.of(each, names) for each in named if isinstance(each, Many)]
        self.crowds = tuple([each for each in crowds if each is not None])

    def includes(self, identities: Sequence[Address]) -> bool:
        """Whether one of these identities is meant."""
        for identity in identities:
            if identity in self.addresses:
                return True
            for crowd in self.crowds:
                if crowd.includes(identity):
                    return True
        return False


class _Crowd:
    """A ``many``: everybody, or everybody at ``domain``, but for some."""

    __slots__ = ("_addresses", "_domains", "domain")

    def __init__(self, domain: str | None, addresses: frozenset[Address], domains: frozenset[str]) -> None:
        self.domain = domain
        self._addresses = addresses
        self._domains = domains

    @staticmethod
    def of(many: Many, names: Names) -> "_Crowd | None":
        """None for a crowd that nobody is in, because its domain or an exception cannot be read."""
        domain = None if many.domain is None else _domain_of(many.domain)
        if many.domain is not None and domain is None:
            return None
        addresses: set[Address] = set()
        domains: set[str] = set()
        for each in many.excepts:
            if each.uri is None and each.domain is None:
                return None
            if each.uri is not None and not each.uri.lower().startswith("tel:"):
                address = names(each.uri)
                if address is None:
                    return None
                addresses.add(address)
            if each.domain is not None:
                excepted = _domain_of(each.domain)
                if excepted is None:
                    return None
                domains.add(excepted)
        return _Crowd(domain, frozenset(addresses), frozenset(domains))

    def includes(self, identity: Address) -> bool:
        if self.domain is not None and self.domain != identity.domain:
            return False
        return identity.domain not in self._domains and identity not in self._addresses


class ReadyRule:
    """A rule ready to be compared with; ``provided`` is what it lets be seen, ``alone`` what it says if no other rule applies.

    ``names_somebody``: it holds for some identities and not for others.
    """

    __slots__ = (
        "_conditions",
        "_lists",
        "alone",
        "handling",
        "is_for_others",
        "names_somebody",
        "provided",
        "rule",
        "who",
    )

    def __init__(self, rule: Rule, names: Names, *, bare_allow: bool = False) -> None:
        self.rule = rule
        self.who = tuple([Who(each, names) for each in rule.conditions if isinstance(each, Identity)])
        self._lists = [each for each in rule.conditions if isinstance(each, ExternalList)]
        self._conditions = [
            each for each in rule.conditions if not isinstance(each, Identity | ExternalList | OtherIdentity)
        ]
        self.names_somebody = bool(self.who or self._lists)
        self.is_for_others = any(isinstance(each, OtherIdentity) for each in rule.conditions)
        self.handling = SubHandling.BLOCK if rule.handling is None else rule.handling
        if rule.transformations is not None:
            self.provided = rule.transformations
        else:
            self.provided = EVERYTHING if bare_allow and self.handling is SubHandling.ALLOW else NOTHING
        self.alone = _judgement(self.handling, self.provided)

    def names(self, facts: Facts) -> bool:
        """Whether it is about this watcher, in force or not."""
        identities = facts.identities
        for each in self.who:
            if not each.includes(identities):
                return False
        return not self._lists or all(holds(each, facts) for each in self._lists)

    def singles_out(self, facts: Facts) -> bool:
        """Whether it is about this watcher by its address or as a member of a list, and not as one of a crowd."""
        by_address = any(each in who.addresses for who in self.who for each in facts.identities)
        return (by_address or bool(self._lists)) and self.names(facts)

    def is_in_force(self, facts: Facts) -> bool:
        """Whether its other conditions hold."""
        return not self._conditions or all(holds(each, facts) for each in self._conditions)


def applying(rules: Iterable[ReadyRule], facts: Facts) -> list[ReadyRule]:
    """The rules that say something about a watcher.

    Rules may be left out that neither name the watcher nor are for whom no rule names.
    """
    found: list[ReadyRule] = []
    others: list[ReadyRule] = []
    is_named = False
    for each in rules:
        if each.is_for_others:
            others.append(each)
        elif each.names(facts):
            is_named = is_named or each.names_somebody
            if each.is_in_force(facts):
                found.append(each)
    if others and not is_named and facts.identities:
        found += [each for each in others if each.names(facts) and each.is_in_force(facts)]
    return found


def combine(rules: Sequence[ReadyRule]) -> Judgement | None:
    """What rules that apply say together; None for no rules."""
    if len(rules) < 2:
        return rules[0].alone if rules else None
    handling = SubHandling.BLOCK
    permissions = NOTHING
    for each in rules:
        handling = max(handling, each.handling)
        permissions |= each.provided
    return _judgement(handling, permissions)


def _judgement(handling: SubHandling, permissions: Permissions) -> Judgement:
    if handling is not SubHandling.ALLOW:
        return PLAIN[_HANDLING[handling]]
    permissions = permissions.reduced()
    if permissions == EVERYTHING:
        return PLAIN[Handling.ALLOW]
    return Judgement(handling=Handling.ALLOW, permissions=permissions)


def _domain_of(text: str) -> str | None:
    return None if len(text) > CACHED_LENGTH else _folded(text)


@lru_cache(maxsize=1024)
def _folded(text: str) -> str | None:
    try:
        return fold_domain(text)
    except BadAddress:
        return None
