"""The control panel, built and joined: pages of operators over the services that the API has too; see ``pages_side``."""

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, cast

from twisted.logger import ILogObserver, globalLogPublisher

from sip2xmpp.address import Address
from sip2xmpp.own_side import OwnSide
from sip2xmpp.pages.live import Live
from sip2xmpp.pages.panel_audit import AuditPages
from sip2xmpp.pages.panel_desk import Desk
from sip2xmpp.pages.panel_devices import DevicePages
from sip2xmpp.pages.panel_lookup import LookupPages
from sip2xmpp.pages.panel_overview import OverviewPages
from sip2xmpp.pages.panel_permissions import PermissionPages
from sip2xmpp.pages.panel_tokens import TokenPages
from sip2xmpp.pages.panel_trace import TracePages
from sip2xmpp.pages.panel_users import UserPages
from sip2xmpp.pages.pulse import Pulse
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.routes import Page
from sip2xmpp.portal.conditions import Conditions
from sip2xmpp.portal.troubles import Troubles
from sip2xmpp.portal_side import PortalSide
from sip2xmpp.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSide:
    """The pages, and what goes on while the gateway runs."""

    pages: list[Page]
    pulse: Pulse
    troubles: Troubles

    def stop(self) -> None:
        """Look at nothing more, hear no more of the log."""
        self.pulse.stop()
        globalLogPublisher.removeObserver(cast(ILogObserver, self.troubles))


def panel_side(
    store: Store,
    reactor: Any,
    *,
    own: OwnSide,
    portal: PortalSide,
    live: Live,
    role_of: Callable[[Address], Role | None],
) -> PanelSide:
    """Build them, and listen to the log from now on."""
    operating = portal.operating
    troubles = Troubles()
    globalLogPublisher.addObserver(cast(ILogObserver, troubles))
    conditions = Conditions(operating.overview.reports, reactor)
    desk = Desk(store, portal.audit, role_of)
    pages = [
        *OverviewPages(
            conditions=conditions,
            overview=operating.overview,
            history=portal.watching.history,
            troubles=troubles,
            clock=reactor,
        ).pages(),
        *UserPages(
            desk,
            operating.users,
            registrations=operating.registrations,
            publications=operating.publications,
            watchers=own.watchers,
            statements=own.statements,
            domains=lambda: sorted(own.addresses.domains),
        ).pages(),
        *DevicePages(
            desk,
            registrations=operating.registrations,
            publications=operating.publications,
            dialogs=operating.dialogs,
        ).pages(),
        *PermissionPages(
            desk,
            authorizations=operating.authorizations,
            pending=operating.pending,
            deciding=operating.deciding,
            lists=operating.lists,
        ).pages(),
        *LookupPages(operating.lookups).pages(),
        *TracePages(desk, portal.watching.pairs).pages(),
        *TokenPages(desk, operating.tokens, reactor).pages(),
        *AuditPages(operating.audit).pages(),
    ]
    tables: list[Sized] = [
        store.accounts,
        store.bindings,
        store.publications,
        store.dialogs,
        store.authorizations,
        store.waiting,
    ]
    pulse = Pulse(live, reactor, conditions.look, lambda: sum(map(len, tables)))
    return PanelSide(pages=pages, pulse=pulse, troubles=troubles)
