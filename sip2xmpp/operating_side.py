"""What operators see and do, built and joined: the services behind the control panel, the API and the command; see ``assembly``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.config import Config
from sip2xmpp.events.notifier import Notifier
from sip2xmpp.events.subscriber import ROLE, RemotePresentities
from sip2xmpp.own_side import OwnSide
from sip2xmpp.pages.roles import Roles
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.deciding import Deciding
from sip2xmpp.portal.operating_audit import AuditRows
from sip2xmpp.portal.operating_authorizations import AuthorizationRows
from sip2xmpp.portal.operating_dialogs import DialogRows
from sip2xmpp.portal.operating_domains import Overview, Place
from sip2xmpp.portal.operating_lists import ListRows
from sip2xmpp.portal.operating_lookup import Known, LookUps, speaks
from sip2xmpp.portal.operating_pending import PendingRows
from sip2xmpp.portal.operating_publications import PublicationRows
from sip2xmpp.portal.operating_registrations import RegistrationRows
from sip2xmpp.portal.operating_tokens import TokenRows
from sip2xmpp.portal.operating_users import Users
from sip2xmpp.portal.operations import Operation
from sip2xmpp.portal.panel_operations import PanelOperations
from sip2xmpp.portal.token_operations import TokenOperations
from sip2xmpp.portal.tokens import Tokens
from sip2xmpp.portal.user_operations import UserOperations
from sip2xmpp.presence.directory import Directory
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.watching import Reason
from sip2xmpp.sip.dns import CachingDns
from sip2xmpp.sip.flow import Transport
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Authorization, DialogRecord, Kind, Side
from sip2xmpp.xmpp_side import XmppSide


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingSide:
    """The services; each change that one makes is to be recorded in the audit log by whoever asked for it, in its words."""

    roles: Roles
    overview: Overview
    users: Users
    registrations: RegistrationRows
    publications: PublicationRows
    dialogs: DialogRows
    authorizations: AuthorizationRows
    pending: PendingRows
    deciding: Deciding
    lists: ListRows
    lookups: LookUps
    tokens: TokenRows
    audit: AuditRows

    def show(self, config: Config) -> None:
        """Another configuration is in force."""
        self.lookups.known = known_of(config)
        self.overview.places = places_of(config)

    def operations(self) -> list[Operation]:
        """What the API has of them."""
        return [
            *UserOperations(self.users, self.registrations, self.publications).operations(),
            *PanelOperations(
                overview=self.overview,
                registrations=self.registrations,
                publications=self.publications,
                dialogs=self.dialogs,
                authorizations=self.authorizations,
                pending=self.pending,
                lists=self.lists,
                lookups=self.lookups,
            ).operations(),
            *TokenOperations(self.tokens, self.audit).operations(),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What operators look into; ``legs`` and ``counts`` are those of ``/health``."""

    notifier: Notifier
    remote: RemotePresentities
    xmpp: XmppSide | None
    dns: CachingDns
    legs: Callable[[], Mapping[str, Any]]
    counts: Callable[[], Mapping[str, Any]]


def operating_side(
    config: Config,
    store: Store,
    reactor: Any,
    *,
    own: OwnSide,
    directory: Directory,
    tokens: Tokens,
    audit: Audit,
    deciding: Deciding,
    seen: Seen,
) -> OperatingSide:
    """Build them."""
    xmpp = seen.xmpp
    roles = Roles({} if config.http is None else config.http.roles)

    def role_of(address: Address) -> str:
        role = roles.of(address)
        return "" if role is None else role.value

    def state(address: Address) -> State:
        return state_of(own.presence.composed(address))

    def leave(record: DialogRecord, reason: Reason) -> bool:
        return record.role == ROLE and seen.remote.leave(record.watcher, record.presentity, reason)

    return OperatingSide(
        roles=roles,
        overview=Overview(
            directory,
            reactor,
            components=lambda: components_of(config),
            places=places_of(config),
            links=lambda: () if xmpp is None else xmpp.links,
            legs=seen.legs,
            counts=seen.counts,
        ),
        users=Users(
            store,
            reactor,
            serves=lambda domain: domain in own.addresses.domains,
            state_of=state,
            role_of=role_of,
        ),
        registrations=RegistrationRows(store, reactor),
        publications=PublicationRows(store, reactor),
        dialogs=DialogRows(store, reactor, notifying=seen.notifier.live, leave=leave),
        authorizations=AuthorizationRows(
            store, reactor, withdraw=lambda record: xmpp is not None and _withdraw(xmpp, store, record)
        ),
        pending=PendingRows(store, own.watchers, reactor),
        deciding=deciding,
        lists=ListRows(own.policies.lists, store, reactor),
        lookups=LookUps(directory, seen.dns, known_of(config), reactor),
        tokens=TokenRows(store, reactor, fixed=tokens.fixed),
        audit=AuditRows(audit, reactor),
    )


def known_of(config: Config) -> Known:
    """What the configuration says of domains."""
    return Known(
        overrides=config.dns.domains,
        outbound_proxy=config.sip.outbound_proxy,
        speaks=speaks([each.transport for each in config.sip.listen]),
        xmpp_server="" if config.xmpp is None else str(config.xmpp.server),
    )


def components_of(config: Config) -> dict[str, str]:
    """The names of our component, and what each is."""
    xmpp = config.xmpp
    if xmpp is None:
        return {}
    named = dict.fromkeys(xmpp.domains, "stands for the SIP domain of this name on the XMPP side")
    if xmpp.gateway_domain:
        named[xmpp.gateway_domain] = "holds encapsulated addresses of either side"
    return named


def places_of(config: Config) -> tuple[Place, ...]:
    """Where requests are received."""
    sip = [
        Place(
            protocol=f"sip/{each.transport.value}",
            place=str(each).partition(":")[2],
            certificate=config.sip.certificate if each.transport is Transport.TLS else None,
        )
        for each in config.sip.listen
    ]
    http = config.http
    if http is None:
        return tuple(sip)
    protocol = "http" if http.certificate is None else "https"
    return (*sip, Place(protocol=protocol, place=str(http.listen), certificate=http.certificate))


def _withdraw(xmpp: XmppSide, store: Store, record: Authorization) -> bool:
    watcher, contact = record.watcher_jid, record.contact_jid
    if record.side is Side.JABBER_WATCHES:
        xmpp.watchers.unsubscribe_received(watcher, contact)
    elif record.state is Kind.DENIED:
        store.authorizations.remove(record.key)
    else:
        # held down for a while, as if the contact had denied: a phone would ask again within seconds
        xmpp.presentities.unsubscribed_received(watcher, contact)
        xmpp.outbox.after_commit(lambda: xmpp.outbox.subscription("unsubscribe", watcher, contact))
    return True
