"""An event package as its subscriber knows it: what a SUBSCRIBE of ours says, and what a body means.

``Outgoing`` serves any package through this value.  The name of a package is its Event, with the parameter that makes
it a package of its own where it has one: ``presence``, ``reg``, ``dialog``, ``dialog;sla``.

Implements: RFC 6665 sections 4.1.2.1 and 8.2.1 (the event a NOTIFY is matched by); RFC 3856 section 6 (presence).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sip2xmpp.documents.bodies import is_presence_type, read_presence
from sip2xmpp.documents.mime import SIZE_LIMIT, inflated, media_type
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.headers import Event

D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPackage(Generic[D]):
    """What is asked for in one package; ``expires`` is in seconds.

    ``takes(content_type)`` says whether ``read`` may understand a body of that type; ``read(content_type, octets,
    encoding, now)`` gives what the body means and raises ``BadDocument``, ``encoding`` being its Content-Encoding and
    ``now`` Unix time.  ``limit`` is the largest body looked at, in octets.
    """

    event: str
    accept: str
    expires: int
    takes: Callable[[str], bool]
    read: Callable[[str, bytes, str, float], D]
    limit: int = SIZE_LIMIT

    def is_meant(self, event: Event | None) -> bool:
        """Whether a NOTIFY with this Event is of this package: its type and its parameters without a value, in any case."""
        return event is not None and _name(event) == _name(Event.parse(self.event))

    @property
    def type(self) -> str:
        """The event type without parameters, as Allow-Events lists it."""
        return self.event.partition(";")[0]


def asked_package(
    event: str, media: str, read: Callable[[bytes], D], *, expires: int, limit: int = SIZE_LIMIT
) -> AskedPackage[D]:
    """A package whose bodies are of one media type and are read by ``read(octets)``, which raises ``BadDocument``."""
    Event.parse(event)

    def takes(content_type: str) -> bool:
        return media_type(content_type)[0] == media

    def meaning(_: str, octets: bytes, encoding: str, __: float) -> D:
        return read(inflated(octets, encoding, limit=limit))

    return AskedPackage(event=event, accept=media, expires=expires, takes=takes, read=meaning, limit=limit)


def _presence(content_type: str, octets: bytes, encoding: str, now: float) -> Presence:
    return read_presence(content_type, octets, encoding=encoding, now=now)


PRESENCE: Final = AskedPackage(
    event="presence", accept="application/pidf+xml", expires=3600, takes=is_presence_type, read=_presence
)
"""Package ``presence`` (RFC 3856, section 6.4: an hour)."""


def _name(event: Event) -> tuple[str, frozenset[str]]:
    return event.type.lower(), frozenset(name.lower() for name, value in event.params if value is None)


def event_of(value: str | None) -> Event | None:
    """The Event header of a NOTIFY; None when there is none that can be read."""
    try:
        return None if value is None else Event.parse(value)
    except BadMessage:
        return None
