"""What a trace keeps of XMPP, and of the mapping between the two worlds.

A tap on the component links sees every stanza.  Presence is of a pair by whom it is from and to: who is told of somebody is the
watcher, and so is who asks.  Personal events (moods, activities) come as messages and are kept as well; what people write to each other
is not, and neither are passwords for rooms.

Each presence that is mapped may be compared with what became of it: for a traced pair always, and otherwise one in a second, so
that operators see what kinds of things get lost without paying for it with every change.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from math import inf
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.losses import Loss, losses_to_sip, losses_to_xmpp
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadAddress
from sip2xmpp.events.traced import HIDDEN, readable
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.tracing import Leg, Trace, Tracer, Way
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.namespaces import PUBSUB_EVENT
from sip2xmpp.xmpp.stanzas import presence_stanza

EVERY: Final = 1.0
"""Seconds between two comparisons where nobody traces."""

TO_SIP: Final = "to-sip"
TO_XMPP: Final = "to-xmpp"
"""The directions that are counted."""

_ATTRIBUTE: Final = re.compile(r"\s([a-z:]+)=(?:'([^']*)'|\"([^\"]*)\")")
_START: Final = re.compile(r"<(presence|message)((?:\s[\w:.-]+=(?:'[^']*'|\"[^\"]*\"))*)\s*/?>")
_ASKS: Final = frozenset({"subscribe", "unsubscribe", "probe"})
_PASSWORD: Final = re.compile(r"(<(?:[\w.-]+:)?password\b[^<>]*>)[^<]+", re.IGNORECASE)
_ENTITIES: Final = {"&apos;": "'", "&quot;": '"', "&lt;": "<", "&gt;": ">", "&#39;": "'", "&#x27;": "'"}
_tracing = Logger().failureHandler("while a stanza was traced")


class StanzaTap:
    """Looks at every stanza while a pair is traced.  ``address_of_jid`` reads a bare JID and raises ``BadAddress``."""

    def __init__(self, tracer: Tracer, address_of_jid: Callable[[str], Address]) -> None:
        self._tracer = tracer
        self._address_of_jid = address_of_jid

    def __call__(self, xml: str, domain: str, is_incoming: bool) -> None:
        """A stanza came in or went out by the link of a domain."""
        with _tracing:
            self._look(xml, domain, Way.IN if is_incoming else Way.OUT)

    def _look(self, xml: str, domain: str, way: Way) -> None:
        start = _START.match(xml)
        if start is None or (start[1] == "message" and not _is_personal_event(xml)):
            return
        attributes = {name: single or double for name, single, double in _ATTRIBUTE.findall(start[2])}
        try:
            from_, to = (
                self._address_of_jid(_unquoted(attributes[name]).partition("/")[0]) for name in ("from", "to")
            )
        except (KeyError, BadAddress):
            return
        type_ = attributes.get("type", "")
        found: list[Trace | None] = []
        if type_ in _ASKS or type_ == "error":
            found.append(self._tracer.of(from_, to))
        if type_ not in _ASKS:
            found.append(self._tracer.of(to, from_))
        what = f"{start[1]} {type_}" if type_ else start[1]
        text = readable(_PASSWORD.sub(rf"\1{HIDDEN}", xml))
        for trace in found:
            if trace is not None:
                self._tracer.keep(trace, Leg.XMPP, way, what, text, peer=domain)


class Mappings:
    """Compares presences with what they were mapped to.

    ``at`` is when the next one is to be looked at, Unix time: whoever has mapped one compares the clock with it and does nothing else.
    """

    def __init__(self, tracer: Tracer, clock: IReactorTime) -> None:
        self.at = -inf
        self.checked = {TO_SIP: 0, TO_XMPP: 0}
        self.lost: Counter[tuple[str, str]] = Counter()
        self._tracer = tracer
        self._clock = clock
        self._sampled = -inf
        tracer.listen(self._switched)

    def to_xmpp(
        self, watcher: Address, contact: Address, document: Presence, said: Mapping[str, Availability]
    ) -> None:
        """``document`` is shown to a Jabber user as ``said``."""
        trace, is_sampled = self._wanted(watcher, contact)
        if trace is None and not is_sampled:
            return
        with _tracing:
            losses = losses_to_xmpp(document, said)
            if is_sampled:
                self._count(TO_XMPP, losses)
            if trace is not None:
                after = "\n".join(
                    presence_stanza(_full(contact, name), "", one) for name, one in said.items()
                )
                self._keep(trace, "PIDF to XMPP presence", _written(document), after, losses)

    def to_sip(
        self,
        watcher: Address,
        contact: Address,
        resources: Mapping[str, Availability],
        document: Presence | None,
    ) -> None:
        """What a Jabber user's ``resources`` say is shown to a SIP watcher as ``document``."""
        trace, is_sampled = self._wanted(watcher, contact)
        if document is None or (trace is None and not is_sampled):
            return
        with _tracing:
            losses = losses_to_sip(resources, document)
            if is_sampled:
                self._count(TO_SIP, losses)
            if trace is not None:
                before = "\n".join(
                    presence_stanza(_full(contact, name), "", one) for name, one in resources.items()
                )
                self._keep(trace, "XMPP presence to PIDF", before, _written(document), losses)

    def _wanted(self, watcher: Address, contact: Address) -> tuple[Trace | None, bool]:
        """The trace of the pair, if there is one, and whether this mapping is one of those that are counted."""
        now = self._clock.seconds()
        is_sampled = now >= self._sampled + EVERY or now < self._sampled
        if is_sampled:
            self._sampled = now
        on = self._tracer.on
        self.at = -inf if on else self._sampled + EVERY
        return (self._tracer.of(watcher, contact) if on else None), is_sampled

    def _switched(self, on: bool) -> None:
        self.at = -inf if on else self._sampled + EVERY

    def _count(self, direction: str, losses: list[Loss]) -> None:
        self.checked[direction] += 1
        for kind in {loss.kind for loss in losses}:
            self.lost[direction, kind.value] += 1

    def _keep(self, trace: Trace, what: str, before: str, after: str, losses: list[Loss]) -> None:
        self._tracer.keep(
            trace,
            Leg.MAPPING,
            Way.OUT,
            what,
            readable(before),
            after=readable(after),
            lost=[readable(loss.text) for loss in losses],
        )


def _full(contact: Address, resource: str) -> str:
    return f"{contact}/{resource}" if resource else str(contact)


def _written(document: Presence) -> str:
    return pidf.write(canonical(document)).decode()


def _is_personal_event(xml: str) -> bool:
    return PUBSUB_EVENT in xml and "<body" not in xml


def _unquoted(value: str) -> str:
    for entity, char in _ENTITIES.items():
        value = value.replace(entity, char)
    return value.replace("&amp;", "&")
