"""Lists of resources, built and joined: the part of the composition root around the book of lists; see ``assembly``.

The book is made before anybody watches, because rules ask it too; the packages of lists are made of those of one resource.
"""

from collections.abc import Iterable
from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.config import Config
from sip2xmpp.events.list_package import ListPackage, Lists
from sip2xmpp.events.package import EventPackage
from sip2xmpp.own_side import OwnSide
from sip2xmpp.presence.flattening import Addresses, FlatteningLimits
from sip2xmpp.presence.list_agent import ListAgent, ListLimits, Shares
from sip2xmpp.presence.list_book import ListBook
from sip2xmpp.store.interface import Store

LISTED: Final = frozenset({"presence", "dialog"})
"""The packages that may be watched by lists; of the others each resource is for its owner alone."""


def list_book(config: Config, store: Store, reactor: Any, addressing: Addressing, *, root: str) -> ListBook:
    """All lists that the store has documents of; ``root`` is the URL that stands before a document's selector."""
    return ListBook(
        store,
        reactor,
        addresses=Addresses(
            address_of_uri=addressing.address_of_uri,
            address_of_jid=addressing.address_of_jid,
            roots=[root],
        ),
        domains=config.sip.domains,
        reserved=[Address.parse(name) for name in config.sip.lines],
        limits=FlatteningLimits(members=config.lists.members),
    )


def list_subscriptions(
    config: Config, book: ListBook, packages: Iterable[EventPackage], own: OwnSide, reactor: Any
) -> Lists:
    """What makes subscriptions to lists of the ``packages``."""
    rules = config.lists
    limits = ListLimits(window=rules.window, lists=rules.subscriptions, members=rules.watched)
    shares = Shares(lists=limits.lists, members=limits.members)
    domains = own.addresses.domains
    return Lists(
        book,
        [
            ListPackage(
                package,
                book,
                ListAgent(
                    book,
                    package,
                    clock=reactor,
                    domains=domains,
                    package=package.name,
                    limits=limits,
                    shares=shares,
                ),
                room=rules.notify,
            )
            for package in packages
            if package.name in LISTED
        ],
        is_user=own.addresses.is_taken,
        domains=domains,
        takes_bodies=rules.in_requests,
    )
