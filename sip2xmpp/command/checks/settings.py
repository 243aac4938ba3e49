"""What a configuration that loads may still say against the operator's will."""

from collections.abc import Iterator
from ipaddress import ip_address

from sip2xmpp.command.checks.findings import Finding, Scene, Topic
from sip2xmpp.config import Config
from sip2xmpp.presence.policy import Handling
from sip2xmpp.settings import Authentication

topic = Topic(name="configuration")


def faults(texts: list[str]) -> list[Finding]:
    """The faults of a configuration that does not load."""
    found = []
    for text in texts:
        about, _, told = text.partition(": ")
        found.append(topic.fault(about, told or text, "mend this key; sip2xmpp.toml(5) explains each"))
    return found


def look(scene: Scene) -> Iterator[Finding]:
    """Look at it."""
    config = scene.config
    yield topic.fine(str(scene.file), "is read without fault")
    yield from _trust(config)
    yield from _reach(config)


def _trust(config: Config) -> Iterator[Finding]:
    """Who is believed what."""
    sip = config.sip
    everywhere = [str(network) for network in sip.trusted_peers if not network.prefixlen]
    if everywhere:
        yield topic.fault(
            "sip.trusted_peers",
            f"{', '.join(everywhere)} is everybody: whoever reaches the port may say to be anybody",
            "name the addresses of your proxies and exchanges",
        )
    open_to_others = [each for each in sip.listen if not ip_address(each.interface).is_loopback]
    if sip.authentication is Authentication.NONE and open_to_others:
        yield topic.warning(
            "sip.authentication",
            f'"none" on {open_to_others[0]}: whoever reaches the port may say to be anybody',
            'use "digest", and sip.trusted_peers for those who need no password',
        )
    if config.presence.default is Handling.ALLOW:
        yield topic.warning(
            "presence.default",
            '"allow" shows every user to everybody who is not blocked',
            'use "confirm", unless all users have agreed',
        )
    proxies = config.http.trusted_proxies if config.http is not None else ()
    if any(not network.prefixlen for network in proxies):
        yield topic.fault(
            "http.trusted_proxies",
            "everybody may say from where a request comes, so bounds on strangers do not hold",
            "name the addresses of your web servers",
        )


def _reach(config: Config) -> Iterator[Finding]:
    """Whose users can see whom."""
    xmpp = config.xmpp
    if xmpp is None:
        yield topic.fine("xmpp", "there is no [xmpp] table: this is a SIP presence server")
        return
    for domain in config.sip.domains:
        if domain not in xmpp.domains:
            way = f"as user\\40{domain}@{xmpp.gateway_domain}" if xmpp.gateway_domain else "not at all"
            yield topic.warning(
                "xmpp.domains",
                f"{domain} is no component, so Jabber users reach its users {way}",
                "name it there and in the XMPP server, if they shall be user@" + domain,
            )
    if xmpp.gateway_domain is None:
        yield topic.fine("xmpp.gateway_domain", "is not given: Jabber users reach our own SIP domains only")
