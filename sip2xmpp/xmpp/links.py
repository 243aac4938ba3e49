"""All component links of the process, as one thing to send through.

``open_links`` is how the composition root makes them: one link per domain, to the same server with the same secret.
``attach`` then says who listens, so that listeners can be built with the links in hand.

Implements: XEP-0114.
"""

from collections.abc import Collection, Iterable, Iterator

from twisted.application.service import IService, MultiService
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from sip2xmpp.xmpp.inbound import Inbound, MessageListener, PresenceListener
from sip2xmpp.xmpp.iq import Answers, CardOf, no_card
from sip2xmpp.xmpp.link import ComponentLink, LinkListener, Timing

log = Logger()


class Links:
    """Finds the link of a domain."""

    def __init__(self, links: Iterable[ComponentLink], clock: IReactorTime) -> None:
        self._links = {link.domain: link for link in links}
        self._clock = clock

    @property
    def domains(self) -> frozenset[str]:
        """The component domains of this process."""
        return frozenset(self._links)

    def __iter__(self) -> Iterator[ComponentLink]:
        return iter(self._links.values())

    def attach(
        self,
        *,
        presence: PresenceListener,
        messages: MessageListener,
        listener: LinkListener,
        card_of: CardOf = no_card,
    ) -> None:
        """Say who takes what arrives on every link; before the service starts."""
        now = self._clock.seconds
        for link in self._links.values():
            answers = Answers(send=link.send, now=now, card_of=card_of)
            inbound = Inbound(
                send=link.send, presence=presence, messages=messages, answer_iq=answers.iq_received, now=now
            )
            link.attach(receive=inbound.stanza_received, listener=listener)

    def send(self, xml: str, from_domain: str) -> bool:
        """Send a stanza of this domain; False when its link is down or the stanza may not be sent."""
        link = self._links.get(from_domain)
        if link is None:
            log.error("a stanza is not sent: no component link for {domain}", domain=from_domain)
            return False
        return link.send(xml)

    def is_up(self, domain: str) -> bool:
        """Whether stanzas of this domain can be sent."""
        link = self._links.get(domain)
        return link is not None and link.is_up

    def service(self) -> IService:
        """Return the service that keeps every link up while it runs."""
        services = MultiService()
        for link in self._links.values():
            link.service().setServiceParent(services)
        return services


def open_links(
    domains: Collection[str],
    *,
    secret: str,
    endpoint: IStreamClientEndpoint,
    clock: IReactorTime,
    timing: Timing | None = None,
) -> Links:
    """Make the links of ``domains``; nothing connects before the service starts."""
    return Links(
        (
            ComponentLink(domain=domain, secret=secret, endpoint=endpoint, clock=clock, timing=timing)
            for domain in domains
        ),
        clock,
    )
