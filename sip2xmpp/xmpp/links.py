"""All component links of the process, as one thing to send through.

Mostly there is one server, and the domain that a stanza is from decides its link.  The operator may name another server
for some Jabber domains; their stanzas are told by where they go.

Implements: XEP-0114.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from twisted.application.service import IService, MultiService
from twisted.logger import Logger

from sip2xmpp.xmpp.link import ComponentLink, origin_of
from sip2xmpp.xmpp.prepared import Prepared

log = Logger()

_GOAL = re.compile(r"<[a-z]+ from='[^']*' to='(?:[^'@/]*@)?([^'/]+)")


class Links:
    """Finds the link of a domain.  ``elsewhere`` has those to the servers of some Jabber domains, by these domains."""

    def __init__(
        self, links: Iterable[ComponentLink], elsewhere: "Mapping[str, Links] | None" = None
    ) -> None:
        self._links = {link.domain: link for link in links}
        self._elsewhere = dict(elsewhere or {})

    @property
    def domains(self) -> frozenset[str]:
        """The component domains of this process."""
        return frozenset(self._links)

    def __iter__(self) -> Iterator[ComponentLink]:
        yield from self._links.values()
        for links in {id(links): links for links in self._elsewhere.values()}.values():
            yield from links

    def send(self, xml: str, from_domain: str) -> bool:
        """Send a stanza of this domain; False when its link is down or the stanza may not be sent."""
        if self._elsewhere:
            goal = _GOAL.match(xml)
            other = self._elsewhere.get(goal[1]) if goal is not None else None
            if other is not None:
                return other.send(xml, from_domain)
        link = self._links.get(from_domain)
        if link is None:
            log.error("a stanza is not sent: no component link for {domain}", domain=from_domain)
            return False
        return link.send(xml)

    def send_prepared(self, stanza: Prepared, recipient: bytes) -> bool:
        """The same for a stanza that goes to many, to one of them."""
        link = self._links.get(stanza.domain)
        if link is None or self._elsewhere:
            return self.send(stanza.to(recipient).decode(), stanza.domain)
        return link.send_prepared(stanza, recipient)

    def reply(self, xml: str) -> bool:
        """Send a stanza by the link of the domain that it is from, whichever link brought what it answers."""
        return self.send(xml, origin_of(xml) or "")

    def is_up(self, domain: str, goal: str = "") -> bool:
        """Whether stanzas of this domain can be sent, to the Jabber domain ``goal`` if that is given."""
        if goal in self._elsewhere:
            return self._elsewhere[goal].is_up(domain)
        link = self._links.get(domain)
        return link is not None and link.is_up

    def service(self) -> IService:
        """Return the service that keeps every link up while it runs."""
        services = MultiService()
        for link in self:
            link.service().setServiceParent(services)
        return services
