"""How every key of the configuration is taken over while everything goes on.

A *taking* looks at the new configuration, makes what can fail (a certificate that cannot be read raises ``ConfigError``), and returns
what puts it in force, or None where only a restart can.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from twisted.logger import LogLevel

from sip2xmpp.address import Address
from sip2xmpp.assembly import Parts
from sip2xmpp.config import Config
from sip2xmpp.events.package import PresencePackage
from sip2xmpp.logs import Log
from sip2xmpp.portal.bounds import BoundedSite
from sip2xmpp.portal_side import tokens_of
from sip2xmpp.presence.clients import own_client
from sip2xmpp.presence.watcher_info import DAY, WaitingLimits
from sip2xmpp.sip.tls import Tls
from sip2xmpp.sip_side import (
    flow_rules,
    longest_silence,
    publication_limits,
    registration_limits,
    servers,
    sip_tls,
    subscription_limits,
)
from sip2xmpp.store.records import Secret
from sip2xmpp.xcap_side import document_limits
from sip2xmpp.xmpp.messages import MessageType

Apply = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What a configuration is in force in; ``site`` and ``log`` are None where there is none of ours."""

    parts: Parts
    http_tls: Tls
    site: BoundedSite | None
    log: Log | None


Taking = Callable[[Running, Config], Apply | None]


def http_tls(config: Config) -> Tls:
    """What the HTTP port needs to speak TLS; raises ``ConfigError``."""
    http = config.http
    if http is None:
        return Tls(place="http")
    return Tls(certificate=http.certificate, private_key=http.private_key, place="http")


def restart(running: Running, config: Config) -> Apply | None:  # noqa: ARG001 - a taking like others
    """Nothing short of a restart does."""
    return None


def _sip_domains(running: Running, config: Config) -> Apply | None:
    parts = running.parts
    if bool(config.sip.domains) is not bool(parts.own.addresses.domains):
        return None  # with the first domain comes an XCAP server, with the last it goes

    def apply() -> None:
        parts.own.addresses.serve(config.sip.domains, _known(parts))
        parts.own.policies.lists.domains_changed()
        for domain in config.sip.domains:
            parts.directory.forget(domain)

    return apply


def _sip_tls(running: Running, config: Config) -> Apply:
    made = sip_tls(config.sip)
    return lambda: running.parts.tls.become(made)


def _sip_rules(running: Running, config: Config) -> Apply:
    def apply() -> None:
        running.parts.rules.config = config.sip

    return apply


def _outbound_proxy(running: Running, config: Config) -> Apply:
    def apply() -> None:
        running.parts.agent.send_by(config.sip.outbound_proxy)
        running.parts.proxy.forward_by(config.sip.outbound_proxy)

    return apply


def _trusted_peers(running: Running, config: Config) -> Apply:
    return lambda: running.parts.gate.trust(config.sip.trusted_peers)


def _xmpp_secret(running: Running, config: Config) -> Apply | None:
    side, xmpp = running.parts.xmpp, config.xmpp
    if side is None or xmpp is None:
        return None

    def apply() -> None:
        for link in side.links:
            link.know(xmpp.secret)

    return apply


def _allowed_domains(running: Running, config: Config) -> Apply | None:
    side, xmpp = running.parts.xmpp, config.xmpp
    if side is None or xmpp is None:
        return None
    return lambda: side.realm.serve(xmpp.allowed_domains)


def _message_type(running: Running, config: Config) -> Apply | None:
    side, xmpp = running.parts.xmpp, config.xmpp
    if side is None or xmpp is None:
        return None

    def apply() -> None:
        side.messages.message_type = MessageType(xmpp.message_type.value)

    return apply


def _operators(running: Running, config: Config) -> Apply | None:
    side, xmpp = running.parts.xmpp, config.xmpp
    if side is None or xmpp is None:
        return None

    def apply() -> None:
        side.gateway.requesters.operators = frozenset(xmpp.operators)

    return apply


def _defaults(running: Running, config: Config) -> Apply:
    presence, parts = config.presence, running.parts

    def apply() -> None:
        parts.own.policies.lay_down(
            presence.default, presence.domains, presence.virtual, concerned=_known(parts)
        )

    return apply


def _forms(running: Running, config: Config) -> Apply:
    presence = config.presence
    clients = [own_client(each.user_agent, each.profile) for each in presence.clients]

    def apply() -> None:
        for package in running.parts.packages:
            if isinstance(package, PresencePackage):
                package.write(presence.profile, presence.quirks, clients)

    return apply


def _registrar(running: Running, config: Config) -> Apply:
    registrar = running.parts.registrar

    def apply() -> None:
        registrar.limits = registration_limits(config)
        # whether devices have addresses of their own is decided where their state is made, too
        registrar.flows = replace(flow_rules(config), gruu=registrar.flows.gruu)

    return apply


def _lifetimes(running: Running, config: Config) -> Apply:
    parts = running.parts

    def apply() -> None:
        parts.registrar.limits = registration_limits(config)
        parts.notifier.limits = subscription_limits(config)
        parts.publications.limit(publication_limits(config))
        parts.own.statements.limits = replace(parts.own.statements.limits, document=config.limits.body)
        parts.transports.bound(config.limits.connections, longest_silence(config))

    return apply


def _kept(running: Running, config: Config) -> Apply:
    own, limits = running.parts.own, config.limits

    def apply() -> None:
        own.watchers.limits = WaitingLimits(kept=limits.waiting * DAY)
        own.pictures.limit = limits.picture

    return apply


def _dns_domains(running: Running, config: Config) -> Apply | None:
    side = running.parts.xmpp
    if side is not None and servers(config) != side.servers:
        return None  # a component port of its own is a connection of its own
    return lambda: running.parts.directory.override(config.dns.domains)


def _http_tls(running: Running, config: Config) -> Apply | None:
    made = http_tls(config)
    if made.has_certificate is not running.http_tls.has_certificate:
        return None  # a port speaks TLS, or it does not
    return lambda: running.http_tls.become(made)


def _tokens(running: Running, config: Config) -> Apply | None:
    http, parts = config.http, running.parts
    if http is None:
        return None
    secret: Secret | None = parts.store.secrets.get("command")
    assert secret is not None
    fixed = tokens_of(config, secret.value)
    return lambda: parts.tokens.replace(fixed, a_minute=http.requests)


def _roles(running: Running, config: Config) -> Apply | None:
    http, portal = config.http, running.parts.portal
    if http is None or portal is None:
        return None
    return lambda: portal.operating.roles.replace(http.roles)


def _networks(running: Running, config: Config) -> Apply | None:
    http, site = config.http, running.site
    if http is None or site is None:
        return None

    def apply() -> None:
        site.trusted_proxies = http.trusted_proxies
        running.parts.watching.page.networks = http.metrics

    return apply


def _documents(running: Running, config: Config) -> Apply:
    def apply() -> None:
        running.parts.xcap.documents.limits = document_limits(config)

    return apply


def _log(running: Running, config: Config) -> Apply | None:
    log, parts = running.log, running.parts
    if log is None:
        return None

    def apply() -> None:
        log.become(config.log)
        parts.notifier.tells = parts.publications.tells = config.log.level is LogLevel.debug

    return apply


def _known(parts: Parts) -> set[Address]:
    """Our users, and all others about whom somebody holds a decision."""
    own, store = parts.own, parts.store
    return {
        *(account.address for account in store.accounts.all()),
        *(virtual.address for virtual in store.virtuals.all()),
        *(binding.aor for binding in store.bindings.all()),
        *own.presence.watched(),
        *(Address.parse(name) for name in parts.rules.config.lines),
    }


TAKEN: Final[Mapping[str, Taking]] = {
    "gateway.state": restart,
    "sip.domains": _sip_domains,
    "sip.listen": restart,
    "sip.certificate": _sip_tls,
    "sip.private_key": _sip_tls,
    "sip.authorities": _sip_tls,
    "sip.authentication": restart,
    "sip.trusted_peers": _trusted_peers,
    "sip.forbidden_targets": _sip_rules,
    "sip.outbound_proxy": _outbound_proxy,
    "sip.credentials": _sip_rules,
    "sip.lines": restart,
    "sip.t1": restart,
    "xmpp.server": restart,
    "xmpp.secret": _xmpp_secret,
    "xmpp.secret_file": _xmpp_secret,
    "xmpp.domains": restart,
    "xmpp.gateway_domain": restart,
    "xmpp.allowed_domains": _allowed_domains,
    "xmpp.message_type": _message_type,
    "xmpp.operators": _operators,
    "presence.default": _defaults,
    "presence.virtual": _defaults,
    "presence.profile": _forms,
    "presence.quirks": _forms,
    "presence.clients": _forms,
    "presence.on_the_phone": restart,
    "presence.on_the_phone_show": restart,
    "presence.lamp": restart,
    "presence.dialog_details": restart,
    "presence.bare_allow": restart,
    "presence.domains": _defaults,
    "registrar.presence": restart,
    "registrar.debounce": restart,
    "registrar.lost_connection": _registrar,
    "registrar.restart_grace": _registrar,
    "registrar.flow_timer": _registrar,
    "registrar.one_per_instance": _registrar,
    "registrar.gruu": restart,
    "registrar.contacts": _registrar,
    "registrar.watchers": restart,
    "registrar.ask_contacts": restart,
    "registrar.ask_dialogs": restart,
    "registrar.ask_as": restart,
    "registrar.follow": restart,
    "dns.servers": restart,
    "dns.domains": _dns_domains,
    "http.listen": restart,
    "http.certificate": _http_tls,
    "http.private_key": _http_tls,
    "http.roles": _roles,
    "http.requests": _tokens,
    "http.tokens": _tokens,
    "http.trusted_proxies": _networks,
    "http.metrics": _networks,
    "xcap.root": restart,
    "xcap.digest": restart,
    "xcap.pictures": restart,
    "xcap.documents": _documents,
    "xcap.octets": _documents,
    "xcap.total": _documents,
    "lists.in_requests": restart,
    "lists.members": restart,
    "lists.depth": restart,
    "lists.references": restart,
    "lists.subscriptions": restart,
    "lists.watched": restart,
    "lists.window": restart,
    "lists.notify": restart,
    "log.format": _log,
    "log.level": _log,
    "limits.min_expires": _lifetimes,
    "limits.default_expires": _lifetimes,
    "limits.max_expires": _lifetimes,
    "limits.body": _lifetimes,
    "limits.connections": _lifetimes,
    "limits.publications": _lifetimes,
    "limits.subscriptions": _lifetimes,
    "limits.waiting": _kept,
    "limits.picture": _kept,
}
"""How each key is taken over."""
