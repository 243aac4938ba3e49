"""Everything built and joined: the composition root's workshop, apart from starting and stopping.

One function for each side, each given what it needs and returning what others need; ``Parts`` holds the result.  The seam is
visible here: ``legs`` maps each leg to its back end, and a front end gets a ``DirectoryView`` of all of them.
"""

from dataclasses import asdict, dataclass
from random import Random
from secrets import token_bytes
from typing import Any

from twisted.logger import Logger, LogLevel

from sip2xmpp import __version__
from sip2xmpp.asking_side import AskingSide, asking_side
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.content import ACCEPTED
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.config import Config
from sip2xmpp.events.discovery import discover
from sip2xmpp.events.gate import Gate
from sip2xmpp.events.lines import LinePackage, line_publications
from sip2xmpp.events.notifier import Notifier
from sip2xmpp.events.package import EventPackage
from sip2xmpp.events.publication import Publications
from sip2xmpp.events.registered import RegisteredUsers
from sip2xmpp.events.registrar import Registrar
from sip2xmpp.events.subscriber import RemotePresentities
from sip2xmpp.list_side import list_subscriptions
from sip2xmpp.operating_side import Seen
from sip2xmpp.own_side import OwnSide, event_packages, own_side
from sip2xmpp.pages_side import PagesSide, pages_side
from sip2xmpp.people_side import Others
from sip2xmpp.portal.tokens import Tokens
from sip2xmpp.portal_side import PortalSide, portal_side, tokens
from sip2xmpp.presence.directory import Directory, DirectoryView, Leg
from sip2xmpp.presence.watching import BackEnd
from sip2xmpp.settings import Authentication
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.authentication import DigestServer
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.name_servers import open_dns
from sip2xmpp.sip.proxy import ForwardingProxy
from sip2xmpp.sip.tls import Tls
from sip2xmpp.sip.transport import Transports
from sip2xmpp.sip.uri import SipUri
from sip2xmpp.sip_side import (
    SipRules,
    flow_rules,
    longest_silence,
    publication_limits,
    registration_limits,
    servers,
    sip_tls,
    subscription_limits,
)
from sip2xmpp.store.accounts import hashes_of, offered_by
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Secret
from sip2xmpp.watching_side import Watching, WatchingSide, watching_side
from sip2xmpp.xcap_side import XcapSide, xcap_events, xcap_side
from sip2xmpp.xmpp_side import XmppSide, xmpp_side

log = Logger()


@dataclass(slots=True, kw_only=True)
class Parts:
    """What has to be started, stopped and reported on."""

    store: Store
    own: OwnSide
    directory: Directory
    rules: SipRules
    tls: Tls
    transports: Transports
    agent: UserAgent
    proxy: ForwardingProxy
    gate: Gate
    packages: list[EventPackage]
    registrar: Registrar
    publications: Publications
    notifier: Notifier
    remote: RemotePresentities
    asking: AskingSide
    pace: Pace
    watching: WatchingSide
    xmpp: XmppSide | None
    xcap: XcapSide
    tokens: Tokens
    portal: PortalSide | None
    pages: PagesSide | None

    def legs(self) -> dict[str, dict[str, Any]]:
        """The state of each leg, for ``/health``."""
        legs: dict[str, dict[str, Any]] = {
            "sip": {
                "state": "up",
                "overload": self.transports.overload.report(),
                "receive_buffer_drops": self.transports.receive_buffer_drops(),
                "counters": self.transports.counters.numbers(),
            },
            "store": {"state": "up"},
            "xmpp": {"state": "off"},
        }
        if self.xmpp is not None:
            links = {
                f"{link.domain} #{number}" if number >= len(self.xmpp.links.domains) else link.domain: {
                    "state": "up" if link.is_up else "down",
                    **({} if link.is_up else {"why": link.why_down}),
                    "counters": asdict(link.counters),
                }
                for number, link in enumerate(self.xmpp.links)
            }
            up = all(link["state"] == "up" for link in links.values())
            legs["xmpp"] = {"state": "up" if up else "down", "links": links}
        return legs

    def counts(self) -> dict[str, int]:
        """How much is held."""
        store = self.store
        return {
            "accounts": len(store.accounts),
            "registrations": len(store.bindings),
            "publications": len(store.publications),
            "subscriptions": len(self.notifier),
            "remote_subscriptions": len(self.remote),
            "asked_phones": len(self.asking.phones),
            "followed_users": len(self.asking.registrars),
            "malformed_registrations": self.asking.registrars.malformed,
            "authorizations": len(store.authorizations),
            "documents": len(store.documents),
        }

    def farewell(self, *, told: bool = True) -> None:
        """Send nothing at leisure any more, and unless others go on tell Jabber users that every contact is gone."""
        self.pace.stop()
        self.watching.stop()
        if self.pages is not None:
            self.pages.stop()
        if self.xmpp is not None and told:
            self.xmpp.watchers.farewell()
            self.xmpp.gateway.contact.farewell()

    async def close(self) -> None:
        """Stop the machinery and commit."""
        self.agent.stop()
        await self.transports.close()
        await self.store.close()


def assemble(config: Config, store: Store, reactor: Any, rng: Random) -> Parts:
    """Build and join everything; nothing is sent or received yet."""
    watching = Watching(reactor)
    own = own_side(config, store, reactor)
    rules, tls = SipRules(config.sip), sip_tls(config.sip)
    addresses = own.addresses
    xmpp = config.xmpp
    addressing, book = own.policies.addressing, own.policies.lists
    dns = open_dns(reactor, config.dns.servers)
    directory = Directory(
        own_domains=addresses.domains,
        overrides=config.dns.domains,
        discover=lambda domain: discover(dns, domain),
        clock=reactor,
    )
    transports = Transports(
        reactor,
        tls=tls,
        connections=config.limits.connections,
        idle=longest_silence(config),
        permits=rules.permits,
    )
    agent = UserAgent(
        transports=transports,
        clock=reactor,
        rng=rng,
        dns=dns,
        server_name=f"sip2xmpp/{__version__}",
        t1=config.sip.t1,
        credentials=rules.credentials(),
        outbound_proxy=config.sip.outbound_proxy,
    )
    proxy = ForwardingProxy(
        agent=agent,
        dns=dns,
        rng=rng,
        secret=_secret(store, "record-route"),
        is_ourselves=lambda host: host in addresses.domains or rules.is_ourselves(host),
        outbound_proxy=config.sip.outbound_proxy,
        permits=rules.permits,
    )
    remote = RemotePresentities(
        agent=agent,
        store=store,
        clock=reactor,
        rng=rng,
        uri_of=addressing.uri_of,
        next_hop_of=lambda domain: _next_hop(directory, domain),
        tracer=watching.tracer,
    )
    asking = asking_side(config, store, reactor, rng, agent=agent, own=own, remote=remote)
    legs: dict[Leg, BackEnd] = {Leg.OWN: own.presence, Leg.SIP: remote}
    pace = Pace(reactor)
    registrar = _registrar(
        config, store, reactor, own=own, addressing=addressing, agent=agent, transports=transports
    )
    registered = RegisteredUsers(store, proxy, registrar.end, asking.registrars.registrar_of)
    agent.know_devices(registered.device_of)
    side = None
    if xmpp is not None:
        side = xmpp_side(
            xmpp,
            store,
            reactor,
            rng,
            addressing=addressing,
            directory=directory,
            legs=legs,
            agent=agent,
            pace=pace,
            registered=registered,
            servers=servers(config),
            own=own,
            tracer=watching.tracer,
            mappings=watching.mappings,
        )
    packages = event_packages(config, DirectoryView(directory, legs, Leg.SIP), own, reactor)
    lists = list_subscriptions(config, book, packages, own, reactor)
    packages += xcap_events(config, store, reactor, own=own)
    tells = config.log.level is LogLevel.debug
    notifier = Notifier(
        agent=agent,
        store=store,
        clock=reactor,
        rng=rng,
        packages=packages,
        limits=subscription_limits(config),
        lists=lists,
        tells=tells,
        tally=watching.tally,
    )
    publications = Publications(
        store=store,
        clock=reactor,
        rng=rng,
        packages=[package for package in packages if not isinstance(package, LinePackage)],
        exists=addresses.exists,
        limits=publication_limits(config),
        taken_back=registrar.silenced,
        tells=tells,
    )
    of_lines = None
    if own.lines is not None:
        of_lines = line_publications(
            own.lines, store=store, clock=reactor, rng=rng, packages=packages, others=publications
        )
    gate = Gate(
        own_domains=addresses.domains,
        is_ourselves=rules.is_ourselves,
        directory=directory,
        address_of_uri=addressing.address_of_uri,
        digest=_digest(config, store, reactor, addressing),
        trusted_peers=config.sip.trusted_peers,
        subscriptions=notifier,
        publications=publications if of_lines is None else of_lines,
        registrations=registrar,
        notifications=asking.notified,
        messages=side.messages if side is not None else registered,
        proxy=proxy,
        may_publish=of_lines.may_publish if of_lines is not None else lambda *_: False,
    )
    agent.announce(
        accept=[
            *dict.fromkeys(media for package in packages for media in package.accepts),
            *lists.accepts,
            *(ACCEPTED.split(", ") if side is not None else ()),
        ],
        supported=["path", "outbound", "gruu", *lists.option_tags],
        allow_events=notifier.allow_events.split(", "),
    )
    agent.look_first(gate)
    for method in ("SUBSCRIBE", "NOTIFY", "PUBLISH", "REGISTER", "MESSAGE"):
        agent.serve(method, gate)
    known = tokens(config, store, reactor, _secret(store, "command"))
    xcap = xcap_side(config, store, reactor, own=own, tokens=known, secret=_secret(store, "http-nonce"))
    seen = Seen(
        notifier=notifier,
        remote=remote,
        xmpp=side,
        dns=dns,
        legs=lambda: parts.legs(),  # noqa: PLW0108 - made below
        counts=lambda: parts.counts(),  # noqa: PLW0108 - made below
    )
    watched = watching_side(
        config,
        store,
        reactor,
        watching,
        own=own,
        directory=directory,
        transports=transports,
        agent=agent,
        tokens=known,
        seen=seen,
    )
    portal = portal_side(
        config,
        store,
        reactor,
        own=own,
        known=known,
        directory=directory,
        documents=xcap.documents,
        seen=seen,
        watching=watched,
    )
    parts = Parts(
        store=store,
        own=own,
        directory=directory,
        rules=rules,
        tls=tls,
        transports=transports,
        agent=agent,
        proxy=proxy,
        gate=gate,
        packages=packages,
        registrar=registrar,
        publications=publications,
        notifier=notifier,
        remote=remote,
        asking=asking,
        pace=pace,
        watching=watched,
        xmpp=side,
        xcap=xcap,
        tokens=known,
        portal=portal,
        pages=pages_side(
            config,
            store,
            reactor,
            own=own,
            portal=portal,
            others=Others(directory=directory, legs=legs, documents=xcap.documents),
        ),
    )
    return parts


def _registrar(
    config: Config,
    store: Store,
    reactor: Any,
    *,
    own: OwnSide,
    addressing: Addressing,
    agent: UserAgent,
    transports: Transports,
) -> Registrar:
    """The registrar, told of every connection that ends."""
    registrar = Registrar(
        store=store,
        clock=reactor,
        exists=own.addresses.exists,
        address_of_uri=addressing.address_of_uri,
        limits=registration_limits(config),
        flows=flow_rules(config),
        limit_silence=transports.limit_silence,
    )
    agent.tell_lost(registrar.lost)
    own.addresses.listen(registrar.existence_changed)
    registrar.restore()
    return registrar


def _next_hop(directory: Directory, domain: str) -> SipUri | None:
    """The server that the operator named for a domain."""
    finding = directory.find(domain, Leg.SIP)
    if finding is None or finding.leg is not Leg.SIP or not finding.target:
        return None
    return SipUri.parse(finding.target)


def _digest(config: Config, store: Store, reactor: Any, addressing: Addressing) -> DigestServer | None:
    """Who proves our own users; None where nothing has to be proved."""
    if config.sip.authentication is Authentication.NONE:
        return None

    def realm_of(request: Request) -> str:
        uri = request.to.uri if request.method == "REGISTER" else request.from_.uri
        return addressing.address_of_uri(uri).domain

    def account_of(username: str, realm: str) -> tuple[str, str] | None:
        return hashes_of(store.accounts, username, realm)

    offered = offered_by(store.accounts)
    return DigestServer(realm_of, account_of, _secret(store, "nonce"), reactor, offered=offered)


def _secret(store: Store, name: str) -> bytes:
    """A stored key, made at its first use."""
    held = store.secrets.get(name)
    if held is None:
        held = Secret(name=name, value=token_bytes(32))
        store.secrets.put(held)
    return held.value
