"""Who may see whom, built and joined: decisions, rules and the lists that rules name; a part of the composition root, see ``assembly``.

It comes before whatever is watched, and the book of lists before the rules: a rule that names a list is judged anew when the
document of the list changes, and the book has to know of that first.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.config import Config
from sip2xmpp.presence.call_policy import CallPolicy
from sip2xmpp.presence.flattening import Addresses, FlatteningLimits
from sip2xmpp.presence.list_book import ListBook
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.rule_book import DIALOGS, PRES_RULES, PRESENCE, RuleBook
from sip2xmpp.presence.rules import address_of
from sip2xmpp.presence.spheres import SphereNow
from sip2xmpp.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySide:
    """Who may see whom; ``addressing`` are the forms that an address has, ``lists`` the lists of everybody."""

    addressing: Addressing
    lists: ListBook
    rules: RuleBook
    policy: Policy
    call_rules: RuleBook
    call_policy: CallPolicy
    defaults: tuple[Policy, ...]

    def lay_down(
        self,
        default: Handling,
        domains: Mapping[str, Handling],
        virtual: Handling | None,
        concerned: Iterable[Address],
    ) -> None:
        """Have other defaults for everything; see ``Policy.lay_down``."""
        known = list(concerned)
        for policy in self.defaults:
            policy.lay_down(default, domains, virtual, known)

    def sources_changed(self, presentity: Address) -> None:
        """Something that is known of ``presentity`` is another thing; its sphere may be."""
        self.rules.sources_changed(presentity)
        self.call_rules.sources_changed(presentity)


def xcap_root(config: Config) -> str:
    """The URL that clients write before the selector of a document."""
    listen = "127.0.0.1:8080" if config.http is None else str(config.http.listen)
    scheme = "http" if config.http is None or config.http.certificate is None else "https"
    return config.xcap.root or f"{scheme}://{listen}/xcap"


def policy_side(
    config: Config,
    store: Store,
    reactor: Any,
    *,
    domains: AbstractSet[str],
    sphere: Callable[[Address], SphereNow],
) -> PolicySide:
    """The policies; ``domains`` are ours now, and ``sphere`` is asked later, when there is somebody to ask."""
    xmpp = config.xmpp
    addressing = Addressing(
        xmpp.domains if xmpp else (), xmpp.gateway_domain if xmpp else None, store.spellings
    )
    lists = _list_book(config, store, reactor, addressing, domains)

    def book(usages: Mapping[str, bool]) -> RuleBook:
        made = RuleBook(
            store,
            reactor,
            usages=usages,
            sphere=sphere,
            in_list=lists.in_list,
            names=partial(
                address_of,
                # what a document names is no spelling that was seen
                from_uri=partial(addressing.address_of_uri, remember=False),
                from_jid=addressing.address_of_jid,
            ),
        )
        lists.listen_references(made.lists_changed)
        return made

    rules = book({**PRESENCE, PRES_RULES: config.presence.bare_allow})
    call_rules = book(DIALOGS)
    policy = _policy(config, store, rules)
    calls = _policy(config, store, call_rules)
    return PolicySide(
        addressing=addressing,
        lists=lists,
        rules=rules,
        policy=policy,
        call_rules=call_rules,
        call_policy=CallPolicy(store, calls=calls, presence=policy),
        defaults=(policy, calls),
    )


def _list_book(
    config: Config, store: Store, reactor: Any, addressing: Addressing, domains: AbstractSet[str]
) -> ListBook:
    """All lists that the store has documents of."""
    rules = config.lists
    return ListBook(
        store,
        reactor,
        addresses=Addresses(
            address_of_uri=addressing.address_of_uri,
            address_of_jid=addressing.address_of_jid,
            roots=[xcap_root(config)],
        ),
        domains=domains,
        reserved=[Address.parse(name) for name in config.sip.lines],
        limits=FlatteningLimits(depth=rules.depth, members=rules.members, references=rules.references),
    )


def _policy(config: Config, store: Store, rules: RuleBook) -> Policy:
    """Decisions, rules and defaults."""
    return Policy(
        store.verdicts,
        default=config.presence.default,
        defaults=config.presence.domains,
        virtuals=store.virtuals,
        virtual=config.presence.virtual,
        rules=rules,
    )
