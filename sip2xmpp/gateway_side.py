"""What Jabber users find at the gateway's own addresses, built and joined: registration, commands, the gateway as a contact.

A part of the composition root; see ``assembly``.
"""

from dataclasses import dataclass
from typing import Any

from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.cards import Cards
from sip2xmpp.bridge.contacts import Realm
from sip2xmpp.bridge.department_command import ChooseDepartments
from sip2xmpp.bridge.departments import Departments
from sip2xmpp.bridge.gateway_contact import GatewayContact
from sip2xmpp.bridge.import_command import ImportContacts
from sip2xmpp.bridge.kept_rosters import KeptRosters
from sip2xmpp.bridge.lookup_command import LookUp
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.presence_commands import Desk, Inject, MyPresence, PermanentPresence
from sip2xmpp.bridge.registrants import Registrants
from sip2xmpp.bridge.requesters import Requesters
from sip2xmpp.bridge.rosters import RosterHelp
from sip2xmpp.bridge.suggest_command import Suggest
from sip2xmpp.bridge.watcher_commands import MyWatchers
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.bridge.worlds import Worlds
from sip2xmpp.errors import BadAddress
from sip2xmpp.own_side import OwnSide
from sip2xmpp.presence.directory import Directory, Leg
from sip2xmpp.settings import XmppConfig
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Registrant
from sip2xmpp.xmpp.avatars import card_questions
from sip2xmpp.xmpp.commands import Command, Commands
from sip2xmpp.xmpp.disco import DOMAIN
from sip2xmpp.xmpp.iq import Answers, Asking
from sip2xmpp.xmpp.links import Links
from sip2xmpp.xmpp.registration import registration_questions
from sip2xmpp.xmpp.rosters import Rosters
from sip2xmpp.xmpp.stanza_errors import StanzaRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySide:
    """What Jabber users find at the gateway's own addresses."""

    registrants: Registrants
    requesters: Requesters
    contact: GatewayContact
    commands: Commands
    asking: Asking
    rosters: RosterHelp
    departments: Departments

    def answers(self, links: Links, reactor: Any, cards: Cards) -> Answers:
        """What answers the questions of one link."""
        return Answers(
            send=links.reply,
            now=reactor.seconds,
            card_of=cards.card_of,
            more={**registration_questions(self.registrants), **card_questions(cards.face)},
            commands=self.commands,
            asking=self.asking,
        )


def gateway_side(
    xmpp: XmppConfig,
    store: Store,
    reactor: Any,
    *,
    links: Links,
    addressing: Addressing,
    directory: Directory,
    realm: Realm,
    pace: Pace,
    own: OwnSide,
    outbox: Outbox,
    watchers: JabberWatchers,
) -> GatewaySide:
    """Registration and commands over the links."""

    def admit(jid: str) -> str:
        return realm.admit(jid).jid()

    def is_jabber(domain: str) -> bool:
        finding = directory.find(domain, Leg.SIP)
        return finding is not None and finding.leg is Leg.XMPP

    domains = own.addresses.domains
    registrants = Registrants(
        store=store, addressing=addressing, clock=reactor, admit=admit, domains=domains, is_jabber=is_jabber
    )
    contact = GatewayContact(
        store=store, registrants=registrants, outbox=Outbox(links, store, DOMAIN.element), pace=pace
    )
    asking = Asking(links.reply, reactor)
    wire = Rosters(asking)
    rosters = RosterHelp(
        store=store,
        addressing=addressing,
        rosters=wire,
        outbox=outbox,
        send=links.reply,
        registrants=registrants,
        contact=contact,
        watchers=watchers,
        clock=reactor,
        is_ours=domains.__contains__,
    )
    requesters = Requesters(
        registrants=registrants, operators=xmpp.operators, addressing=addressing, domains=domains
    )
    worlds = Worlds(addressing, directory)

    def may_know_lists(jid: str) -> bool:
        try:
            admit(jid)
        except (BadAddress, StanzaRefused):
            return False
        if not registrants.is_known(jid):
            return False
        # whom the operator serves by name belongs to the house
        return realm.is_closed or requesters.is_sip_user(jid) or requesters.is_operator(jid)

    departments = Departments(
        store=store,
        lists=own.policies.lists,
        kept=KeptRosters(helping=rosters, rosters=wire, contact=contact, send=links.reply),
        worlds=worlds,
        registrants=registrants,
        permits=may_know_lists,
        clock=reactor,
        pace=pace,
    )

    def joined(held: Registrant) -> None:
        contact.joined(held)
        rosters.joined(held)

    def left(held: Registrant) -> None:
        contact.left(held)
        replaced(held)

    def replaced(held: Registrant) -> None:
        departments.left(held)
        rosters.left(held)

    def arrived(held: Registrant) -> None:
        rosters.arrived(held)
        departments.arrived(held)

    registrants.joined, registrants.left, registrants.replaced = joined, left, replaced
    registrants.suspended = departments.left
    contact.arrived, rosters.opened, rosters.kept = arrived, departments.opened, departments.inherits
    registrants.settle()
    desk = Desk(requesters=requesters, statements=own.statements, agent=own.presence, clock=reactor)
    commands: list[Command] = [
        MyPresence(desk),
        PermanentPresence(desk),
        MyWatchers(requesters=requesters, store=store, watchers=own.watchers, clock=reactor),
        ImportContacts(
            requesters=requesters,
            registrants=registrants,
            rosters=rosters,
            store=store,
            addressing=addressing,
            worlds=worlds,
            clock=reactor,
        ),
        ChooseDepartments(departments=departments, registrants=registrants),
        LookUp(requesters=requesters, directory=directory, clock=reactor),
        Inject(desk),
        Suggest(
            requesters=requesters,
            rosters=rosters,
            admit=admit,
            domain=xmpp.gateway_domain or next(iter(xmpp.domains), ""),
        ),
    ]
    return GatewaySide(
        registrants=registrants,
        requesters=requesters,
        contact=contact,
        commands=Commands({each.node: each for each in commands}, clock=reactor, admit=admit),
        asking=asking,
        rosters=rosters,
        departments=departments,
    )
