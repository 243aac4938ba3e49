"""The client transaction: one request, sent again until something answers.

    Trying --1xx--> Proceeding --final--> (Completed) --> Terminated

A transaction is one timer.  Over UDP it is timer E, and each time it fires it looks whether timer F has passed too;
over a stream it is timer F alone.  Completed, the state that swallows repeated final responses, needs no object: a
branch is never used twice, so a response whose branch nobody waits for can only be such a repetition, and the table
drops it.

Implements: RFC 3261 section 17.1.2 (non-INVITE client transaction), section 17.1.4 (transport errors).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sip2xmpp.errors import Sip2XmppError, TransactionTimeout, TransportFailed
from sip2xmpp.sip.counters import Row
from sip2xmpp.sip.flow import UDP, Flow
from sip2xmpp.sip.message import Response
from sip2xmpp.sip.timers import Timer

if TYPE_CHECKING:
    from sip2xmpp.sip.transactions import ClientTransactions

__all__ = ["ClientTransaction", "Done", "TimerValues"]

Done = Callable[[Response | Sip2XmppError], None]
"""Called once with the final response (200 to 699), a ``TransactionTimeout`` or a ``TransportFailed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerValues:
    """The timer values of RFC 3261, table 4, in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def give_up(self) -> float:
        """Timers B, F, H and J."""
        return 64 * self.t1

    @property
    def until_slowest(self) -> float:
        """When a client's timer E has grown to T2: before that no 100 over UDP, then surely one (RFC 4320)."""
        total, interval = 0.0, self.t1
        while interval < self.t2:
            total += interval
            interval *= 2
        return total


class ClientTransaction(Timer):
    """One request in flight; made by ``ClientTransactions.start``.

    It is ``fragile`` if an ICMP error shall end it, because the request can go elsewhere.
    """

    __slots__ = (
        "_interval",
        "branch",
        "counted",
        "deadline",
        "done",
        "flow",
        "fragile",
        "method",
        "octets",
        "table",
    )

    def __init__(  # noqa: PLR0917 - keywords would cost on the path of every NOTIFY
        self,
        table: "ClientTransactions",
        branch: bytes,
        method: bytes,
        octets: bytes,
        flow: Flow,
        done: Done,
        deadline: float,
        counted: Row,
    ) -> None:
        self.bucket = None
        self.table = table
        self.branch = branch
        self.method = method
        self.octets = octets
        self.flow = flow
        self.done = done
        self.deadline = deadline
        self.counted = counted
        self.fragile = False
        self._interval = table.t1

    def provisional(self) -> None:
        """1xx: Trying -> Proceeding, timer E goes on at T2 (section 17.1.2.2)."""
        self._interval = self.table.timers.t2

    def expired(self) -> None:
        """Timer E, or F, or both."""
        table = self.table
        left = self.deadline - table.wheel.now()
        if left <= 0.0:
            self.fail(TransactionTimeout("no final response arrived in time"))
            table.counters.timeouts += 1
            return
        if self.flow.transport is UDP:
            self._interval = min(2 * self._interval, table.timers.t2)
            table.wheel.start(self, min(self._interval, left))
            try:
                table.transports.send(self.octets, self.flow)
            except TransportFailed as error:
                self.fail(error)
                return
            table.counters.sent += 1
            table.counters.retransmitted += 1
        else:
            table.wheel.start(self, left)

    def fail(self, error: Sip2XmppError) -> None:
        """Terminated: by timer F, a transport error, or the user giving up."""
        self.cancel()
        self.table.forget(self)
        self.done(error)

    def abandon(self) -> None:
        """Terminated without telling anybody."""
        self.cancel()
        self.table.forget(self)
