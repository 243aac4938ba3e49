"""What knows about our own users, built and joined: the part of the composition root around the presence agent; see ``assembly``."""

from collections.abc import Callable, Iterable, KeysView, Sequence
from dataclasses import dataclass
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.config import Config
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Show
from sip2xmpp.events.dialogs import DialogPackage
from sip2xmpp.events.lines import line_packages
from sip2xmpp.events.message_summary import MessageSummaryPackage
from sip2xmpp.events.package import EventPackage, PresencePackage
from sip2xmpp.events.registration_events import RegistrationEvents
from sip2xmpp.events.watcher_information import WatcherInformation
from sip2xmpp.policy_side import PolicySide, policy_side
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.appearances import Line
from sip2xmpp.presence.calls import Calls
from sip2xmpp.presence.cards import CardFeed
from sip2xmpp.presence.clients import own_client
from sip2xmpp.presence.explaining import Explaining
from sip2xmpp.presence.feeds import Feed
from sip2xmpp.presence.kept_documents import KeptDocuments
from sip2xmpp.presence.kept_pictures import KeptPictures
from sip2xmpp.presence.lamps import Lamps, WatchedCalls, watched_calls
from sip2xmpp.presence.line_presence import LinePresence
from sip2xmpp.presence.lines import Lines
from sip2xmpp.presence.observed import ObservedSources
from sip2xmpp.presence.policy import Policy
from sip2xmpp.presence.reconciliation import Reconciliation
from sip2xmpp.presence.registrations import Registrations
from sip2xmpp.presence.spheres import sphere_of
from sip2xmpp.presence.statements import StatementLimits, Statements
from sip2xmpp.presence.watcher_info import DAY, WaitingLimits, WatcherInfo
from sip2xmpp.presence.watching import BackEnd
from sip2xmpp.settings import Authentication
from sip2xmpp.store.interface import Store


class Addresses:
    """Who exists among our own users: whoever has an account or was stated something about, and lines, or anybody where nothing is proved.

    ``domains`` is one object for as long as the gateway runs, and always says which domains are ours now.
    """

    def __init__(self, config: Config, store: Store) -> None:
        self._names = dict.fromkeys(config.sip.domains)
        self.domains: KeysView[str] = self._names.keys()
        self._listeners: list[Callable[[Address], None]] = []
        self._open = config.sip.authentication is Authentication.NONE
        self._accounts = store.accounts
        self._virtuals = store.virtuals
        self._lines = frozenset(Address.parse(name) for name in config.sip.lines)

    def listen(self, changed: Callable[[Address], None]) -> None:
        """Call ``changed(address)`` when an address may have come into existence or gone."""
        self._listeners.append(changed)
        self._accounts.listen(lambda change: changed(change.record.address))
        self._virtuals.listen(lambda change: changed(change.record.address))

    def serve(self, domains: Iterable[str], known: Iterable[Address]) -> None:
        """Have these domains from now on.  ``known`` are addresses that somebody holds something about, beside our users."""
        before = frozenset(self._names)
        self._names.clear()
        self._names.update(dict.fromkeys(domains))
        other = before ^ self._names.keys()
        ours = (each.address for table in (self._accounts, self._virtuals) for each in table.all())
        for address in {address for source in (ours, known) for address in source if address.domain in other}:
            for changed in self._listeners:
                changed(address)

    def is_taken(self, address: Address) -> bool:
        """Whether an address was given to somebody or something, an account that is disabled included."""
        key = str(address)
        return (
            self._accounts.get(key) is not None
            or address in self._lines
            or self._virtuals.get(key) is not None
        )

    def exists(self, address: Address) -> bool:
        if address.domain not in self.domains or not address.local:
            return False
        if self._open:
            return True
        account = self._accounts.get(str(address))
        if account is not None:
            return not account.disabled
        if address in self._lines:
            return True
        return self._virtuals.get(str(address)) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSide:
    """What knows about our own users; ``packages`` are those of other state than presence."""

    addresses: Addresses
    policies: PolicySide
    policy: Policy
    presence: PresenceAgent
    packages: list[EventPackage]
    watchers: WatcherInfo
    statements: Statements
    calls: Calls
    watched_calls: WatchedCalls
    phone_show: Show
    lines: Lines | None
    observed: ObservedSources | None
    explaining: Explaining
    feeds: Sequence[Feed]
    pictures: KeptPictures


def own_side(config: Config, store: Store, reactor: Any) -> OwnSide:
    """The presence agent with all that it hears."""
    addresses = Addresses(config, store)
    policies = policy_side(
        config,
        store,
        reactor,
        domains=addresses.domains,
        sphere=lambda presentity: sphere_of(presence.sources(presentity), reactor.seconds()),
    )
    policy, call_policy = policies.policy, policies.call_policy
    statements = Statements(
        store=store,
        clock=reactor,
        domains=addresses.domains,
        limits=StatementLimits(document=config.limits.body),
    )
    calls = Calls(store, clock=reactor, when=config.presence.on_the_phone)
    feeds: list[Feed] = [statements, KeptDocuments(store.documents, reactor), calls]
    lines = _lines(config, store, reactor)
    if lines is not None:
        feeds.append(LinePresence(lines, reactor))
    if config.registrar.presence:
        registrar = config.registrar
        feeds.append(Registrations(store, reactor, debounce=registrar.debounce, gruu=registrar.gruu))
    observed = ObservedSources(store, reactor) if config.registrar.ask_contacts else None
    if observed is not None:
        feeds.append(observed)
    pictures = KeptPictures(store.documents, store.cards, limit=config.limits.picture)
    presence = PresenceAgent(
        store=store,
        clock=reactor,
        judge=policy.judge,
        exists=addresses.exists,
        parse=lambda publication: pidf.read(publication.document, now=reactor.seconds()),
        feeds=[*feeds, CardFeed(store.cards, feeds)],
    )
    mailboxes = MessageSummaryPackage(store=store, clock=reactor, exists=addresses.exists)
    registrations = RegistrationEvents(
        store=store,
        clock=reactor,
        exists=addresses.exists,
        watchers=config.registrar.watchers,
        gruu=config.registrar.gruu,
    )
    policy.listen(presence.rules_changed)
    Reconciliation(store.verdicts, policies.rules)
    store.publications.listen(lambda change: policies.sources_changed(change.record.presentity))
    for feed in feeds:
        feed.listen(policies.sources_changed)
    watchers = WatcherInfo(
        store=store,
        agent=presence,
        policy=policy,
        exists=addresses.exists,
        clock=reactor,
        limits=WaitingLimits(kept=config.limits.waiting * DAY),
    )
    watcher_information = WatcherInformation(
        watchers, exists=addresses.exists, uri_of=lambda address: _uri_of(store, address), clock=reactor
    )
    of_calls = watched_calls(calls, clock=reactor, decide=call_policy.decide, exists=addresses.exists)
    call_policy.listen(of_calls.rules_changed)
    for watched in (presence, of_calls, mailboxes, registrations, watcher_information):
        addresses.listen(watched.existence_changed)
    return OwnSide(
        addresses=addresses,
        policies=policies,
        policy=policy,
        presence=presence,
        packages=[
            mailboxes,
            watcher_information,
            registrations,
            *(line_packages(lines, reactor) if lines is not None else ()),
        ],
        watchers=watchers,
        statements=statements,
        feeds=feeds,
        observed=observed,
        calls=calls,
        watched_calls=of_calls,
        phone_show=config.presence.on_the_phone_show,
        lines=lines,
        pictures=pictures,
        explaining=Explaining(
            policy=policy,
            rules=policies.rules,
            calls=call_policy,
            call_rules=policies.call_rules,
            exists=addresses.exists,
            composed=presence.composed,
        ),
    )


def _lines(config: Config, store: Store, reactor: Any) -> Lines | None:
    """The lines that phones share, if there are any."""
    lines = {
        Address.parse(name): Line(
            appearances=line.appearances, members=frozenset(line.members), always_open=line.always_open
        )
        for name, line in config.sip.lines.items()
    }
    return Lines(store=store, clock=reactor, lines=lines) if lines else None


def _uri_of(store: Store, address: Address) -> str:
    """The ``sip:`` URI of an address, in the spelling that was first seen."""
    spelling = store.spellings.get(str(address))
    return address.sip_uri(None if spelling is None else spelling.user)


def event_packages(config: Config, view: BackEnd, own: OwnSide, reactor: Any) -> list[EventPackage]:
    """The packages that may be subscribed to; ``view`` is everything that SIP watchers may watch."""
    lamps = Lamps(
        own.watched_calls,
        view,
        clock=reactor,
        is_own=lambda address: address.domain in own.addresses.domains,
        decide=own.policies.call_policy.decide,
        lit=config.presence.lamp,
        details=config.presence.dialog_details,
    )
    own.policy.listen(lamps.rules_changed)
    return [
        PresencePackage(
            view,
            default=config.presence.profile,
            quirks=config.presence.quirks,
            clients=[own_client(each.user_agent, each.profile) for each in config.presence.clients],
        ),
        DialogPackage(lamps),
        *own.packages,
    ]
