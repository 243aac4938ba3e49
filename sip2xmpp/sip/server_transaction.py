"""The server transaction: one request, answered once.

    Trying --100--> Proceeding --final--> Completed --timer J--> Terminated

The object lives until the final response; Completed is an entry of octets in ``Answers``, because a busy server has
hundreds of thousands of them.  Its one timer runs only if the answer does not come at once: a non-INVITE request still
unanswered when the client has slowed down gets a 100 and nothing but a 100, and one unanswered at timer F is forgotten
without a 408, because by then nobody listens.

Implements: RFC 3261 section 17.2.2 (non-INVITE server transaction), section 8.2.6 (responses); RFC 4320 sections 4.1
and 4.2.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger

from sip2xmpp.errors import TransportFailed
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.message import Request, Response, make_response
from sip2xmpp.sip.responses import response_octets
from sip2xmpp.sip.timers import Timer

if TYPE_CHECKING:
    from sip2xmpp.sip.transactions import ServerTransactions

__all__ = ["ServerTransaction"]


class ServerTransaction(Timer):
    """One request that wants an answer; what its method's user replies on."""

    __slots__ = ("_slow", "_table", "answered", "flow", "key", "merge", "request", "tag", "way_back")

    log = Logger()

    def __init__(  # noqa: PLR0917 - keywords would cost on the path of every request
        self,
        table: "ServerTransactions",
        key: str,
        merge: int | None,
        request: Request,
        flow: Flow,
        way_back: Flow,
    ) -> None:
        self.bucket = None
        self._table = table
        self.key = key
        self.merge = merge
        self.request = request
        self.flow = flow
        self.way_back = way_back
        self.answered = False
        self.tag: str | None = None
        self._slow: bytes | None = None

    @property
    def local_tag(self) -> str:
        """Our To tag: the same in every response of this transaction (RFC 3261, section 8.2.6.2)."""
        if self.tag is None:
            self.tag = self._table.new_tag()
        return self.tag

    def reply(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        to_tag: str | None = None,
    ) -> None:
        """Answer with a new response; ``to_tag`` where a dialog has chosen one.  Later answers are ignored."""
        if self.answered:
            return
        if to_tag is not None:
            self.tag = to_tag
        if status < 200:
            self.respond(make_response(self.request, status, reason, headers=(*headers, self._table.server)))
            return
        more = [*headers, self._table.server]
        if content_type is not None:
            more.append(("Content-Type", content_type))
        tag = self.tag or self.local_tag
        self._completed(status, response_octets(self.request, status, reason, more, body, tag))

    def respond(self, response: Response) -> None:
        """Answer with ``response``; once a final one has been sent, others are ignored."""
        if self.answered:
            return
        if response.status < 200:
            # RFC 4320, section 4.1: a provisional response to a non-INVITE request is 100 or nothing
            if response.status == 100:
                self._send_trying(response)
            return
        self._completed(response.status, response.to_bytes())

    def _completed(self, status: int, octets: bytes) -> None:
        self.answered = True
        if self.bucket is not None:
            self.cancel()
        self._table.complete(self, status, octets)

    def abandon(self) -> None:
        """Never answer: whoever asked has given up (RFC 4320, section 4.2)."""
        if not self.answered:
            self.answered = True
            self.cancel()
            self._table.forget(self)

    def repeated(self) -> None:
        """The request came again: Proceeding repeats the 100, Trying stays silent."""
        if self._slow is not None:
            self._table.send(self._slow, self.way_back, repeated=True)

    def wait(self) -> None:
        """The answer did not come at once: arm the timer for the 100 of RFC 4320."""
        if not self.answered:
            self._table.wheel.start(self, self._table.timers.until_slowest)

    def expired(self) -> None:
        """First the time for a 100, then timer F of the client."""
        if self._slow is None:
            self._send_trying(make_response(self.request, 100))
            self._table.wheel.start(self, self._table.timers.give_up - self._table.timers.until_slowest)
            return
        self.answered = True
        self._table.forget(self)
        self.log.error(
            "{method} from {peer} was never answered", method=self.request.method, peer=self.flow.peer
        )

    def _send_trying(self, response: Response) -> None:
        self._slow = response.to_bytes()
        try:
            self._table.send(self._slow, self.way_back)
        except TransportFailed:
            # the final response will find out the same, and is what matters
            return
