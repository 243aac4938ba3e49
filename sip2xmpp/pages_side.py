"""The pages for people, built and joined: who signs in, what is where, and what makes a page that is looked at change; see ``assembly``."""

from dataclasses import dataclass
from typing import Any

from sip2xmpp.config import Config
from sip2xmpp.own_side import OwnSide
from sip2xmpp.pages.languages import load_languages
from sip2xmpp.pages.live import Live
from sip2xmpp.pages.my_presence import MyPresence
from sip2xmpp.pages.own_password import OwnPassword
from sip2xmpp.pages.passwords import Passwords
from sip2xmpp.pages.rendering import Rendering
from sip2xmpp.pages.resource import Pages
from sip2xmpp.pages.roles import Roles
from sip2xmpp.pages.routes import Page, Routes
from sip2xmpp.pages.sessions import Sessions
from sip2xmpp.pages.signing_in import SigningIn
from sip2xmpp.pages.statics import load_statics
from sip2xmpp.pages.strangers import Strangers
from sip2xmpp.panel_side import PanelSide, panel_side
from sip2xmpp.people_side import Others, people_pages
from sip2xmpp.portal.sources import Sources
from sip2xmpp.portal_side import PortalSide
from sip2xmpp.store.interface import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesSide:
    """What people use in a browser."""

    resource: Pages
    live: Live
    roles: Roles
    sessions: Sessions
    panel: PanelSide

    def stop(self) -> None:
        """Nothing more is told to browsers; they come back by themselves."""
        self.panel.stop()
        self.live.close()


def pages_side(
    config: Config, store: Store, reactor: Any, *, own: OwnSide, portal: PortalSide | None, others: Others
) -> PagesSide | None:
    """None where there is no port for it."""
    if config.http is None or portal is None:
        return None
    roles = portal.operating.roles
    sessions = Sessions(store, reactor, roles.of, serves=own.addresses.domains.__contains__)
    own.addresses.listen(sessions.check)
    strangers = Strangers()
    live = Live(reactor)
    sources = Sources(own.presence, own.statements, store, reactor)
    passwords = Passwords(store, reactor, own.addresses.domains)
    signing_in = SigningIn(
        store=store, sessions=sessions, strangers=strangers, passwords=passwords, audit=portal.audit
    )
    panel = panel_side(store, reactor, own=own, portal=portal, live=live, role_of=roles.of)
    pages: list[Page] = [
        *MyPresence(sources, own.statements, own.watchers, portal.audit, reactor).pages(),
        *people_pages(store, reactor, own=own, others=others, audit=portal.audit, live=live),
        *signing_in.pages(),
        *OwnPassword(store, sessions, passwords, portal.audit).pages(),
        *panel.pages,
    ]
    statics = load_statics()
    resource = Pages(
        Routes(pages),
        sessions=sessions,
        strangers=strangers,
        live=live,
        languages=load_languages(),
        rendering=Rendering(reactor, statics, pages),
        statics=statics,
        clock=reactor,
    )
    _signal(live, own, store)
    panel.pulse.start()
    return PagesSide(resource=resource, live=live, roles=roles, sessions=sessions, panel=panel)


def _signal(live: Live, own: OwnSide, store: Store) -> None:
    """What changes tells the pages that show it."""
    store.publications.listen(lambda change: live.changed("presence", change.record.presentity))
    own.watchers.listen(lambda presentity: live.changed("presence", presentity))
    for feed in own.feeds:
        feed.listen(lambda presentity: live.changed("presence", presentity))
