"""All component links of the process, as one thing to send through.

Implements: XEP-0114.
"""

from collections.abc import Iterable, Iterator

from twisted.application.service import IService, MultiService
from twisted.logger import Logger

from sip2xmpp.xmpp.link import ComponentLink, origin_of

log = Logger()


class Links:
    """Finds the link of a domain."""

    def __init__(self, links: Iterable[ComponentLink]) -> None:
        self._links = {link.domain: link for link in links}

    @property
    def domains(self) -> frozenset[str]:
        """The component domains of this process."""
        return frozenset(self._links)

    def __iter__(self) -> Iterator[ComponentLink]:
        return iter(self._links.values())

    def send(self, xml: str, from_domain: str) -> bool:
        """Send a stanza of this domain; False when its link is down or the stanza may not be sent."""
        link = self._links.get(from_domain)
        if link is None:
            log.error("a stanza is not sent: no component link for {domain}", domain=from_domain)
            return False
        return link.send(xml)

    def reply(self, xml: str) -> bool:
        """Send a stanza by the link of the domain that it is from, whichever link brought what it answers."""
        return self.send(xml, origin_of(xml) or "")

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
