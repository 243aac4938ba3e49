"""The INVITE server transaction, for a server that takes no calls.

    Proceeding --final--> Completed --ACK--> Confirmed --timer I--> Terminated

Somebody will call a presence server.  The answer is always a refusal, and unlike other refusals it has to be repeated
until its ACK comes, which is absorbed here.

Implements: RFC 3261 section 17.2.1 (INVITE server transaction; never a 2xx, so RFC 6026 changes nothing).
"""

from typing import TYPE_CHECKING

from sip2xmpp.sip.flow import UDP, Flow
from sip2xmpp.sip.message import Response
from sip2xmpp.sip.timers import Timer

if TYPE_CHECKING:
    from sip2xmpp.sip.transactions import ServerTransactions

__all__ = ["InviteTransaction"]


class InviteTransaction(Timer):
    """One INVITE that was refused.  ``flow`` is where its responses go."""

    __slots__ = ("_confirmed", "_deadline", "_interval", "_octets", "_table", "flow", "key", "tag")

    def __init__(
        self, table: "ServerTransactions", key: str, response: Response, flow: Flow, tag: str
    ) -> None:
        super().__init__()
        self._table = table
        self.key = key
        self.flow = flow
        self.tag = tag
        self._octets = response.to_bytes()
        self._confirmed = False
        timers = table.timers
        self._interval = timers.t1
        self._deadline = table.wheel.now() + timers.give_up
        # Completed: timer G over UDP, timer H always
        table.send(self._octets, flow)
        table.wheel.start(self, timers.t1 if flow.transport is UDP else timers.give_up)

    def repeated(self) -> None:
        """The INVITE again: Completed repeats the response, Confirmed knows that it was heard."""
        if not self._confirmed:
            self._table.send(self._octets, self.flow, repeated=True)

    def acknowledged(self) -> None:
        """The ACK: Confirmed, for timer I to absorb more of them; on a stream there are none."""
        if not self._confirmed:
            self._confirmed = True
            if self.flow.transport is UDP:
                self._table.wheel.start(self, self._table.timers.t4)
            else:
                self.cancel()
                self._table.forget_invite(self)

    def expired(self) -> None:
        """Timer I once confirmed; before that timer G, or H if there was no ACK at all."""
        timers = self._table.timers
        left = self._deadline - self._table.wheel.now()
        if self._confirmed or left <= 0.0:
            self._table.forget_invite(self)
            return
        self._interval = min(2 * self._interval, timers.t2)
        self._table.wheel.start(self, min(self._interval, left))
        self._table.send(self._octets, self.flow, repeated=True)
