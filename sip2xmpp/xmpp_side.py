"""What speaks XMPP, built and joined: the part of the composition root behind the component links; see ``assembly``."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint

from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.cards import Cards
from sip2xmpp.bridge.contacts import Contacts, Realm
from sip2xmpp.bridge.conversations import Conversations
from sip2xmpp.bridge.correspondence import Correspondence
from sip2xmpp.bridge.delivery import Delivery
from sip2xmpp.bridge.messages import Messages
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.presentities import XmppPresentities
from sip2xmpp.bridge.traced import Mappings
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.events.registered import RegisteredUsers
from sip2xmpp.gateway_side import GatewaySide, gateway_side
from sip2xmpp.own_side import OwnSide
from sip2xmpp.presence.directory import Directory, DirectoryView, Leg
from sip2xmpp.presence.kept_pictures import may_see_picture
from sip2xmpp.presence.list_agent import ListAgent
from sip2xmpp.presence.list_contacts import ListContacts
from sip2xmpp.presence.watching import BackEnd
from sip2xmpp.settings import XmppConfig
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import HostPort
from sip2xmpp.store.interface import Store
from sip2xmpp.tracing import Tracer
from sip2xmpp.xmpp.disco import CONTACT
from sip2xmpp.xmpp.inbound import Inbound
from sip2xmpp.xmpp.link import ComponentLink
from sip2xmpp.xmpp.links import Links
from sip2xmpp.xmpp.messages import MessageType


@dataclass(slots=True, kw_only=True)
class XmppSide:
    """What speaks XMPP."""

    links: Links
    servers: Mapping[str, HostPort]
    realm: Realm
    watchers: JabberWatchers
    presentities: XmppPresentities
    outbox: Outbox
    messages: Messages
    gateway: GatewaySide


def xmpp_side(
    xmpp: XmppConfig,
    store: Store,
    reactor: Any,
    rng: Random,
    *,
    addressing: Addressing,
    directory: Directory,
    legs: dict[Leg, BackEnd],
    agent: UserAgent,
    pace: Pace,
    registered: RegisteredUsers,
    servers: Mapping[str, HostPort],
    own: OwnSide,
    tracer: Tracer,
    mappings: Mappings,
) -> XmppSide:
    """The component links with everything behind them; puts the Jabber back end among ``legs``.

    ``servers`` are the component ports of Jabber domains that have one of their own.
    """
    links = _links(xmpp, servers, reactor, rng)
    realm = Realm(xmpp.allowed_domains, addressing)
    cards = Cards(
        store.cards,
        addressing=addressing,
        is_own=directory.own_domains.__contains__,
        exists=own.addresses.exists,
        shown=own.presence.shown,
        may_see_picture=lambda contact, watcher: may_see_picture(own.policy, contact, watcher),
        clock=reactor,
        admit=realm.admit,
        seen=lambda watcher, contact: watchers.seen(watcher, contact),  # noqa: PLW0108 - made below
    )
    outbox = Outbox(links, store, CONTACT.element, cards)
    presentities = XmppPresentities(
        store=store,
        outbox=outbox,
        addressing=addressing,
        clock=reactor,
        pace=pace,
        tracer=tracer,
        mappings=mappings,
    )
    legs[Leg.XMPP] = presentities
    # A Jabber id is not watched through the gateway by another Jabber user: that leg is missing here on purpose.
    others: dict[Leg, BackEnd] = {leg: back_end for leg, back_end in legs.items() if leg is not Leg.XMPP}
    seen = DirectoryView(directory, others, Leg.XMPP)
    members = ListAgent(own.policies.lists, seen, clock=reactor, domains=own.addresses.domains)
    own.policy.listen(members.rules_changed)
    own.addresses.listen(members.existence_changed)
    list_contacts = ListContacts(
        own.policies.lists,
        members,
        seen,
        permits=lambda address: gateway.departments.permits(address.jid()),
        clock=reactor,
    )
    watchers = JabberWatchers(
        store=store,
        outbox=outbox,
        back_end=list_contacts,
        clock=reactor,
        pace=pace,
        is_ours=directory.own_domains.__contains__,
        phone_show=own.phone_show,
        conceals=cards.conceals,
        tracer=tracer,
        mappings=mappings,
    )
    cards.listen(
        lambda contact: watchers.show_again(
            contact, cards.audience(contact, dict(own.presence.watches(contact)))
        )
    )
    gateway = gateway_side(
        xmpp,
        store,
        reactor,
        links=links,
        addressing=addressing,
        directory=directory,
        realm=realm,
        pace=pace,
        own=own,
        outbox=outbox,
        watchers=watchers,
    )
    gateway.departments.barred = lambda jid: list_contacts.reconsider(addressing.address_of_jid(jid))
    contacts = Contacts(
        store=store,
        realm=realm,
        addressing=addressing,
        watchers=watchers,
        presentities=presentities,
        gateway=gateway.contact,
        lost=gateway.rosters.link_down,
    )
    messages = _messages(
        xmpp,
        store,
        reactor,
        rng,
        links=links,
        addressing=addressing,
        directory=directory,
        realm=realm,
        agent=agent,
        registered=registered,
    )
    for link in links:
        answers = gateway.answers(links, reactor, cards)
        inbound = Inbound(
            send=links.reply,
            presence=contacts,
            messages=messages,
            answer_iq=answers.iq_received,
            now=reactor.seconds,
            granted=gateway.rosters.granted,
        )
        link.attach(receive=inbound.stanza_received, listener=contacts)
    return XmppSide(
        links=links,
        servers=servers,
        realm=realm,
        watchers=watchers,
        presentities=presentities,
        outbox=outbox,
        messages=messages,
        gateway=gateway,
    )


def _links(xmpp: XmppConfig, servers: Mapping[str, HostPort], reactor: Any, rng: Random) -> Links:
    """A link for each component domain, to the one server and to every other that was named."""
    domains = dict.fromkeys([*xmpp.domains, *([xmpp.gateway_domain] if xmpp.gateway_domain else [])])

    def to(server: HostPort) -> list[ComponentLink]:
        return [
            ComponentLink(
                domain=domain,
                secret=xmpp.secret,
                endpoint=HostnameEndpoint(reactor, server.host, server.port),
                clock=reactor,
                jitter=rng.random,
            )
            for domain in domains
        ]

    others = {server: Links(to(server)) for server in set(servers.values())}
    return Links(to(xmpp.server), {domain: others[server] for domain, server in servers.items()})


def _messages(
    xmpp: XmppConfig,
    store: Store,
    reactor: Any,
    rng: Random,
    *,
    links: Links,
    addressing: Addressing,
    directory: Directory,
    realm: Realm,
    agent: UserAgent,
    registered: RegisteredUsers,
) -> Messages:
    """The two directions of messages; what one learns of a pair, the other uses."""
    conversations = Conversations(store, reactor, rng)
    correspondence = Correspondence(reactor)
    delivery = Delivery(
        agent=agent,
        store=store,
        directory=directory,
        addressing=addressing,
        conversations=conversations,
        correspondence=correspondence,
        clock=reactor,
        rng=rng,
        say=lambda message: messages.say(message),  # noqa: PLW0108 - made below
        places_of=registered.places_of,
    )
    messages = Messages(
        links=links,
        addressing=addressing,
        realm=realm,
        conversations=conversations,
        correspondence=correspondence,
        delivery=delivery,
        to_own_user=registered.deliver,
        message_type=MessageType(xmpp.message_type.value),
        clock=reactor,
        rng=rng,
    )
    correspondence.on_silence(messages.stopped_typing)
    return messages
