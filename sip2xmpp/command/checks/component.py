"""The XMPP server: does it listen, does it know each component, is the secret right?

Where the gateway runs, it is asked how its links are: a second connection of a component would be refused, or take the place of the
first.  Where it does not, each component is connected as the gateway would connect it, and disconnected as soon as the server
has accepted it; nothing is sent but the handshake.

Implements: XEP-0114, as ``xmpp.link`` does.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.task import deferLater

from sip2xmpp.command.checks.findings import Finding, Scene, Topic
from sip2xmpp.settings import XmppConfig
from sip2xmpp.xmpp.link import ADVICE, ComponentLink, Timing

topic = Topic(name="XMPP")

TRIES: Final = 6.0
PERIOD: Final = 0.05
"""Seconds for a handshake, and between two looks at it."""

SHORTEST: Final = 12
"""Characters of a secret that is hard to guess."""

LONGEST: Final = 200
"""Characters of what a server says that are told."""

_WAITING: Final = ("not started", "shaking hands", "")


async def look(scene: Scene) -> list[Finding]:
    """Look at every component."""
    xmpp = scene.config.xmpp
    if xmpp is None:
        return []
    found = list(_settings(xmpp))
    if scene.is_running:
        return [*found, *_told(scene, xmpp)]
    domains = [*xmpp.domains, *([xmpp.gateway_domain] if xmpp.gateway_domain else [])]
    tried = await gatherResults(
        [Deferred.fromCoroutine(_try(scene, xmpp, domain)) for domain in domains], consumeErrors=True
    )
    silent = [finding for finding in tried if finding.about == "xmpp.server"]
    return [*found, *(silent[:1] if len(silent) == len(tried) else tried)]


def _settings(xmpp: XmppConfig) -> Iterator[Finding]:
    if len(xmpp.secret) < SHORTEST:
        yield topic.warning(
            "xmpp.secret",
            f"is {len(xmpp.secret)} characters long; whoever guesses it speaks for all users of the components",
            "use a longer one on both sides, as of: openssl rand -hex 24",
        )
    if xmpp.server.host not in ("localhost", "::1") and not xmpp.server.host.startswith("127."):
        yield topic.warning(
            "xmpp.server",
            f"the way to {xmpp.server} is not encrypted, and what people say passes there",
            "run both on one machine, or have a tunnel or a network of your own between them",
        )


def _told(scene: Scene, xmpp: XmppConfig) -> Iterator[Finding]:
    """What the running gateway says of its links."""
    legs: Mapping[str, Any] = (scene.health or {}).get("legs", {})
    links = legs.get("xmpp", {}).get("links", {})
    if not links:
        yield topic.warning(
            "xmpp.server",
            "the gateway runs and does not tell how its links are; a second connection would disturb them",
            "give it a web port, see its log, or stop it and check again",
        )
    for name, link in links.items():
        if link.get("state") == "up":
            yield topic.fine(name, f"is connected to {xmpp.server}, says the gateway")
        else:
            yield _refused(name, str(link.get("why", "")), xmpp)


async def _try(scene: Scene, xmpp: XmppConfig, domain: str) -> Finding:
    """Connect as one component."""
    link = ComponentLink(
        domain=domain,
        secret=xmpp.secret,
        endpoint=HostnameEndpoint(scene.reactor, xmpp.server.host, xmpp.server.port, timeout=TRIES),
        clock=scene.reactor,
        timing=Timing(handshake=TRIES, first_retry=60.0, closing=1.0),
    )
    service = link.service()
    service.startService()  # type: ignore[no-untyped-call]
    try:
        ends = scene.reactor.seconds() + TRIES + 1
        while not link.is_up and link.why_down in _WAITING and scene.reactor.seconds() < ends:
            await deferLater(scene.reactor, PERIOD)
        is_up, why = link.is_up, link.why_down
    finally:
        await maybeDeferred(service.stopService)
    if is_up:
        return topic.fine(domain, f"{xmpp.server} accepts the component and its secret")
    return _refused(domain, why, xmpp)


def _refused(domain: str, why: str, xmpp: XmppConfig) -> Finding:
    if why == "not-authorized":
        return topic.fault(
            domain,
            f"{xmpp.server} says that the secret is wrong (ejabberd says so of a component that it does not know, too)",
            "make xmpp.secret the one that the server has for this component",
        )
    if why == "host-unknown":
        return topic.fault(
            domain,
            f"{xmpp.server} knows no component {domain}",
            "configure it there (Component, ejabberd_service); etc/beside has the lines",
        )
    if why in ADVICE:
        return topic.fault(domain, f"{xmpp.server} refuses the component: {why}", ADVICE[why])
    if "refused" in why:
        return topic.fault(
            "xmpp.server",
            f"nobody listens at {xmpp.server}",
            "start the XMPP server, and have it listen for components there (component_ports, ejabberd_service)",
        )
    return topic.fault(
        "xmpp.server",
        f"{xmpp.server} does not take the component {domain}: {why[:LONGEST] or 'no answer'}",
        "see whether this is the component port, and the log of the server",
    )
