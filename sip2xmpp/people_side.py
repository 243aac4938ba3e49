"""The pages about other people, built and joined: who watches, whom one watches, what one tells of oneself; see ``pages_side``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.own_side import OwnSide
from sip2xmpp.pages.buddies import VIEWS_OF_ONE, Buddies
from sip2xmpp.pages.card import CardPages
from sip2xmpp.pages.contact_forms import ContactForms
from sip2xmpp.pages.contact_rows import Departments
from sip2xmpp.pages.contacts import MOST, ContactPages
from sip2xmpp.pages.live import Live
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.watchers import Watchers
from sip2xmpp.pages.worlds import Worlds
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.contact_book import ContactBook
from sip2xmpp.portal.deciding import Deciding
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.presence.directory import Directory, DirectoryView, Leg
from sip2xmpp.presence.list_agent import ListAgent, ListLimits
from sip2xmpp.presence.list_contacts import ListContacts
from sip2xmpp.presence.spacing import Spacing
from sip2xmpp.presence.watching import BackEnd
from sip2xmpp.store.interface import Store
from sip2xmpp.xcap.documents import Documents

APART: Final = 0.7
"""Seconds between two changes of a page at least: making one with thousands of watchers is work, whoever makes them come and go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What knows about everybody else than our own users."""

    directory: Directory
    legs: Mapping[Leg, BackEnd]
    documents: Documents


def people_pages(
    store: Store, reactor: Any, *, own: OwnSide, others: Others, audit: Audit, live: Live
) -> list[Page]:
    """The pages, and what makes those change that are looked at."""
    meanings = Meanings(own.policies.addressing, others.directory)
    worlds = Worlds(others.directory, reactor)
    watchers = Watchers(
        store=store,
        watchers=own.watchers,
        deciding=Deciding(store, own.watchers, own.addresses.exists, reactor),
        explaining=own.explaining,
        judge=own.policy.judge,
        decide_calls=own.policies.call_policy.decide,
        composed=own.presence.composed,
        began=own.presence.began,
        meanings=meanings,
        worlds=worlds,
        audit=audit,
    )
    book = ContactBook(others.documents, exists=own.addresses.exists)
    forms = ContactForms(book=book, meanings=meanings, audit=audit, committed=store.committed)
    contacts = ContactPages(
        book=book,
        buddies=_buddies(reactor, own=own, others=others, live=live),
        departments=Departments(store.documents, own.policies.lists),
        meanings=meanings,
        worlds=worlds,
    )
    card = CardPages(store, audit, limit=lambda: own.pictures.limit)
    _signal(live, own, store, reactor)
    return [*watchers.pages(), *contacts.pages(), *forms.pages(), *card.pages()]


def _buddies(reactor: Any, *, own: OwnSide, others: Others, live: Live) -> Buddies:
    """Who watches the contacts of a page: everybody there is, and lists of the operator as contacts."""
    domains, book = own.addresses.domains, own.policies.lists
    limits = ListLimits(window=APART, lists=2 * VIEWS_OF_ONE, members=4 * MOST)

    def agent(back_end: BackEnd) -> ListAgent:
        made = ListAgent(book, back_end, clock=reactor, domains=domains, limits=limits)
        own.policy.listen(made.rules_changed)
        own.addresses.listen(made.existence_changed)
        return made

    view = DirectoryView(others.directory, others.legs, Leg.SIP)
    lists = ListContacts(
        book, agent(view), view, permits=lambda address: address.domain in domains, clock=reactor
    )
    return Buddies(
        agent(lists),
        reactor,
        changed=live.changed,
        is_heard=live.is_heard,
    )


def _signal(live: Live, own: OwnSide, store: Store, reactor: Any) -> None:
    """What changes tells the pages that show it."""
    spaced = Spacing(reactor, APART, lambda presentity: live.changed("watchers", presentity))

    def changed(presentity: Address, _: Address | None = None) -> None:
        if live.is_heard("watchers", presentity):
            spaced.changed(presentity)

    own.watchers.listen(changed)
    own.policy.listen(changed)
    own.policies.call_policy.listen(changed)
    store.documents.listen(
        lambda change: (
            live.changed("contacts", change.record.owner) if change.record.auid == "resource-lists" else None
        )
    )
    store.cards.listen(lambda change: live.changed("card", change.record.address))
