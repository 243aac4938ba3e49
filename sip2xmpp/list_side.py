"""Subscriptions to lists of resources, built and joined: a part of the composition root, see ``assembly``.

The book of lists is there already, because rules ask it too; the packages of lists are made of those of one resource.
"""

from collections.abc import Iterable
from typing import Any, Final

from sip2xmpp.config import Config
from sip2xmpp.events.list_package import ListPackage, Lists
from sip2xmpp.events.package import EventPackage
from sip2xmpp.own_side import OwnSide
from sip2xmpp.presence.list_agent import ListAgent, ListLimits, Shares
from sip2xmpp.presence.list_book import ListBook

LISTED: Final = frozenset({"presence", "dialog"})
"""The packages that may be watched by lists; of the others each resource is for its owner alone."""


def list_subscriptions(
    config: Config, book: ListBook, packages: Iterable[EventPackage], own: OwnSide, reactor: Any
) -> Lists:
    """What makes subscriptions to lists of the ``packages``."""
    rules = config.lists
    limits = ListLimits(window=rules.window, lists=rules.subscriptions, members=rules.watched)
    shares = Shares(lists=limits.lists, members=limits.members)
    domains = own.addresses.domains

    def agent(package: EventPackage) -> ListAgent:
        made = ListAgent(
            book,
            package,
            clock=reactor,
            domains=domains,
            package=package.name,
            limits=limits,
            shares=shares,
        )
        # who refused a subscriber, or was nobody, is asked again when that may be otherwise
        (own.policy if package.name == "presence" else own.policies.call_policy).listen(made.rules_changed)
        own.addresses.listen(made.existence_changed)
        return made

    return Lists(
        book,
        [
            ListPackage(package, book, agent(package), room=rules.notify, entries=rules.members)
            for package in packages
            if package.name in LISTED
        ],
        is_user=own.addresses.is_taken,
        domains=domains,
        takes_bodies=rules.in_requests,
    )
