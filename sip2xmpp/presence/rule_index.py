"""All rules of one presentity, found by whom they name: however many there are, few are compared with a watcher.

A rule that names addresses is found by them, one that names domains by these; the rest, such as those for everybody or for the members of a list,
is compared with each watcher.

Implements: RFC 4745 section 10.
"""

from bisect import bisect_right
from collections.abc import Iterable

from sip2xmpp.address import Address
from sip2xmpp.documents.policy import Condition, ExternalList, Rule, Sphere
from sip2xmpp.presence.policy import PLAIN, Handling, Judgement
from sip2xmpp.presence.rules import Facts, Names, ReadyRule, applying, combine, moments

_NO_RULES: tuple[ReadyRule, ...] = ()


class RuleIndex:
    """``rules`` are those of all documents, each with whether a bare ``allow`` shows everything in its document.

    ``is_damaged``: there is a document that cannot be read.  It may have named anybody, so nobody counts as not named, and who is
    not named by the rest has to wait until the owner says more.
    """

    __slots__ = (
        "_by_address",
        "_by_domain",
        "_by_nobody",
        "_for_all",
        "_moments",
        "is_damaged",
        "lists",
        "looks_at_sphere",
    )

    def __init__(self, rules: Iterable[tuple[Rule, bool]], names: Names, *, is_damaged: bool = False) -> None:
        self.is_damaged = is_damaged
        ready = [ReadyRule(rule, names, bare_allow=bare_allow) for rule, bare_allow in rules]
        conditions = [each for one in ready for each in one.rule.conditions]
        self.looks_at_sphere = any(isinstance(each, Sphere) for each in conditions)
        self.lists = _references(conditions)
        self._moments = sorted(moments(one.rule for one in ready))
        self._by_address: dict[Address, list[ReadyRule]] = {}
        self._by_domain: dict[str, list[ReadyRule]] = {}
        self._for_all: list[ReadyRule] = []
        for each in ready:
            if not (is_damaged and each.is_for_others):
                self._file(each)
        self._by_nobody = [each for each in self._for_all if _is_for_the_unnamed(each)]

    def judge(self, facts: Facts) -> Judgement | None:
        """What the rules say; None when none of them says anything."""
        said = combine(applying(self._candidates(facts.identities), facts))
        return PLAIN[Handling.CONFIRM] if said is None and self.is_damaged else said

    def singles_out(self, facts: Facts) -> bool:
        """Whether a rule is about this very watcher, in force or not."""
        return any(each.singles_out(facts) for each in self._candidates(facts.identities))

    def changes_at(self, now: float) -> float | None:
        """The next moment after ``now`` at which the validity of a rule begins or ends."""
        place = bisect_right(self._moments, now)
        return self._moments[place] if place < len(self._moments) else None

    def _file(self, rule: ReadyRule) -> None:
        """Put a rule where it is looked for; any one of its identities narrows it down."""
        who = next(
            (each for each in rule.who if all(crowd.domain is not None for crowd in each.crowds)), None
        )
        if who is None:
            self._for_all.append(rule)
            return
        for address in who.addresses:
            self._by_address.setdefault(address, []).append(rule)
        for domain in {crowd.domain for crowd in who.crowds if crowd.domain is not None}:
            self._by_domain.setdefault(domain, []).append(rule)

    def _candidates(self, identities: tuple[Address, ...]) -> Iterable[ReadyRule]:
        if not identities:
            return self._by_nobody
        if len(identities) == 1:
            identity = identities[0]
            mine = self._by_address.get(identity, _NO_RULES)
            neighbours = self._by_domain.get(identity.domain, _NO_RULES)
            if not neighbours:
                return (*mine, *self._for_all)
            return dict.fromkeys((*mine, *neighbours, *self._for_all))
        found: dict[ReadyRule, None] = {}
        for identity in identities:
            found.update(dict.fromkeys(self._by_address.get(identity, _NO_RULES)))
            found.update(dict.fromkeys(self._by_domain.get(identity.domain, _NO_RULES)))
        found.update(dict.fromkeys(self._for_all))
        return found


def _is_for_the_unnamed(rule: ReadyRule) -> bool:
    return not rule.names_somebody and not rule.is_for_others


def _references(conditions: Iterable[Condition]) -> frozenset[str]:
    """The lists that rules refer to."""
    return frozenset(
        reference for each in conditions if isinstance(each, ExternalList) for reference in each.references
    )
