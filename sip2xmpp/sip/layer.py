"""The seam between what carries messages and what understands them.

Tests put a network of their own beneath it; ``transport.Transports`` is the real one.

Implements: RFC 3261 section 18, as the layers above see it.
"""

from collections.abc import Collection
from typing import Protocol

from twisted.internet.defer import Deferred

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import Flow, HostPort, Target, Transport
from sip2xmpp.sip.overload import Overload

__all__ = ["TransportLayer", "TransportUser"]


class TransportUser(Protocol):
    """Who is told what happens on the wire."""

    def received(self, octets: bytes, flow: Flow) -> None:
        """One whole message; never a keep-alive."""

    def malformed(self, error: BadMessage, flow: Flow) -> None:
        """Octets of a stream that are no message; the connection will be closed."""

    def unreachable(self, octets: bytes, why: str) -> None:
        """A datagram found nobody; ``octets`` is the beginning of what was sent, as far as the network quoted it."""

    def lost(self, flow: Flow) -> None:
        """A stream has ended; nothing more can be sent on this flow."""


class TransportLayer(Protocol):
    """What carries messages."""

    counters: Counters
    overload: Overload

    def attach(self, user: TransportUser) -> None:
        """Tell ``user`` from now on; there is one."""

    def send(self, octets: bytes, flow: Flow) -> None:
        """Send one message; raises TransportFailed when that is known at once to be impossible."""

    def open(self, target: Target) -> "Deferred[Flow]":
        """A flow to ``target``: an open connection to it, or a new one.  Fails with TransportFailed in bounded time."""

    def sent_by(self, flow: Flow) -> HostPort:
        """Where the peer of ``flow`` can reach us anew: for Via and Contact."""

    @property
    def speaks(self) -> Collection[Transport]:
        """The transports that ``open`` can open."""

    def listening(self, transport: Transport) -> HostPort | None:
        """A place where we listen for ``transport``; None if we do not."""
