"""What the operator lays down about SIP, in the form in which those who act ask for it; a part of the composition root, see ``assembly``.

``SipRules`` is asked at each use, and may be told another configuration while the gateway runs.
"""

from ipaddress import ip_address

from sip2xmpp.config import Config
from sip2xmpp.events.notifier import SubscriptionLimits
from sip2xmpp.events.publication import PublicationLimits
from sip2xmpp.events.registrar import FlowRules, RegistrationLimits
from sip2xmpp.keys import host_port
from sip2xmpp.settings import SipConfig
from sip2xmpp.sip.flow import HostPort, Target
from sip2xmpp.sip.identification import DigestClient
from sip2xmpp.sip.tls import Tls

EXTRA_SILENCE = 60.0
"""Seconds that a connection may be silent beyond the longest registration that was made over it."""


class SipRules:
    """The ``[sip]`` table that is in force."""

    def __init__(self, config: SipConfig) -> None:
        self.config = config
        self.listening = frozenset(listener.interface for listener in config.listen)

    def permits(self, target: Target) -> bool:
        """Whether requests may be sent to an address."""
        forbidden = self.config.forbidden_targets
        return not forbidden or all(ip_address(target.host) not in network for network in forbidden)

    def credentials(self) -> DigestClient:
        """Who we are to other servers, by realm."""

        def credentials_for(realm: str, _: str) -> tuple[str, str] | None:
            known = self.config.credentials.get(realm)
            return (known.username, known.password) if known is not None else None

        return DigestClient(credentials_for)

    def is_ourselves(self, host: str) -> bool:
        """Whether a host part means this server: an address that it listens on."""
        return host.strip("[]") in self.listening


def sip_tls(sip: SipConfig) -> Tls:
    """What TLS connections need.  Raises ``ConfigError`` for a certificate that is no good."""
    return Tls(certificate=sip.certificate, private_key=sip.private_key, authorities=sip.authorities)


def subscription_limits(config: Config) -> SubscriptionLimits:
    """What the notifier grants."""
    limits = config.limits
    return SubscriptionLimits(
        min_expires=limits.min_expires, max_expires=limits.max_expires, per_watcher=limits.subscriptions
    )


def publication_limits(config: Config) -> PublicationLimits:
    """What the compositor takes."""
    limits = config.limits
    return PublicationLimits(
        min_expires=limits.min_expires,
        max_expires=limits.max_expires,
        per_presentity=limits.publications,
        body=limits.body,
    )


def registration_limits(config: Config) -> RegistrationLimits:
    """What the registrar grants."""
    limits, rules = config.limits, config.registrar
    return RegistrationLimits(
        default_expires=limits.default_expires,
        min_expires=limits.min_expires,
        max_expires=limits.max_expires,
        contacts=rules.contacts,
        one_per_instance=rules.one_per_instance,
    )


def flow_rules(config: Config) -> FlowRules:
    """What the registrar does about connections."""
    rules = config.registrar
    return FlowRules(
        bound=rules.lost_connection == "unregister",
        grace=rules.restart_grace,
        timer=rules.flow_timer,
        gruu=rules.gruu,
    )


def longest_silence(config: Config) -> float:
    """The seconds that a connection may be silent."""
    return config.limits.max_expires + EXTRA_SILENCE


def servers(config: Config) -> dict[str, HostPort]:
    """The component ports that are configured for single Jabber domains."""
    return {
        domain: host_port(value)
        for domain, value in config.dns.domains.items()
        if ":" in value and not value.lower().startswith(("sip:", "sips:"))
    }
