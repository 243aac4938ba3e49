"""The subscriptions that we make ourselves, built and joined: a part of the composition root; see ``assembly``."""

from dataclasses import dataclass
from random import Random
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.config import Config
from sip2xmpp.events.asked_phones import AskedPhones
from sip2xmpp.events.line_phones import LinePhones
from sip2xmpp.events.notified import Notified
from sip2xmpp.events.registrar_following import FollowedRegistrars, FollowingLimits
from sip2xmpp.events.subscriber import RemotePresentities
from sip2xmpp.own_side import OwnSide
from sip2xmpp.presence.observed import ObservedCalls
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingSide:
    """Who subscribes to others; ``notified`` gets every NOTIFY, and whoever else subscribes is added to it."""

    notified: Notified
    phones: AskedPhones
    registrars: FollowedRegistrars


def asking_side(
    config: Config,
    store: Store,
    reactor: Any,
    rng: Random,
    *,
    agent: UserAgent,
    own: OwnSide,
    remote: RemotePresentities,
) -> AskingSide:
    """Take up what was subscribed to before a restart; nothing is sent before the next reactor turn."""
    rules = config.registrar
    phones = AskedPhones(
        agent=agent,
        store=store,
        clock=reactor,
        rng=rng,
        sources=own.observed,
        calls=ObservedCalls(store, reactor, own.calls.observed) if rules.ask_dialogs else None,
        identity=rules.ask_as,
    )
    registrars = FollowedRegistrars(
        agent=agent,
        store=store,
        clock=reactor,
        rng=rng,
        registrars=rules.follow,
        identity=rules.ask_as,
        limits=FollowingLimits(contacts=rules.contacts),
    )
    if rules.follow:
        own.presence.listen(
            lambda presentity, *_: registrars.watched(presentity, anybody=own.presence.is_watched(presentity))
        )
    notified = Notified([remote, phones, registrars])
    lines = [Address.parse(name) for name, line in config.sip.lines.items() if line.ask_phones]
    if lines:
        notified.add(LinePhones(agent=agent, store=store, clock=reactor, rng=rng, lines=lines))
    return AskingSide(notified=notified, phones=phones, registrars=registrars)
