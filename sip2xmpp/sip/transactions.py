"""The tables of transactions: which one an arriving message belongs to.

A response belongs to the client transaction whose branch its top Via carries and whose method its CSeq names.  Our
branches are the cookie and sixteen random hex digits, so a response is matched by one search and one look-up before
anything of it is parsed.

A request belongs to the server transaction with the same branch, sent-by and method; from an RFC 2543 client, which
has no branch worth the name, to the one with equal Request-URI, tags, Call-ID, CSeq and top Via.

Implements: RFC 3261 sections 17.1.3, 17.2.3 (matching), 8.2.2.2 (merged requests).
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.errors import BadMessage, TransportFailed
from sip2xmpp.sip.answers import Answers
from sip2xmpp.sip.arrived import ArrivedResponse
from sip2xmpp.sip.client_transaction import ClientTransaction, Done, TimerValues
from sip2xmpp.sip.counters import OTHER, as_in_cseq
from sip2xmpp.sip.flow import UDP, Flow, Target, Transport
from sip2xmpp.sip.hop import Hop
from sip2xmpp.sip.invite_transaction import InviteTransaction
from sip2xmpp.sip.layer import TransportLayer
from sip2xmpp.sip.message import Request, make_response, parse_message
from sip2xmpp.sip.server_transaction import ServerTransaction
from sip2xmpp.sip.timers import TimerWheel

__all__ = ["ClientTransactions", "ServerTransactions"]

COOKIE: Final = b"z9hG4bK"
DIGITS: Final = 16
STATUSES: Final = {b"%d" % code + end: code for code in range(100, 700) for end in (b" ", b"\r")}
CHALLENGES: Final = (401, 407)
OTHER_OUT: Final = as_in_cseq(OTHER)


class ClientTransactions:
    """Requests of ours that wait for their final response, by branch."""

    log = Logger()

    def __init__(
        self, transports: TransportLayer, wheel: TimerWheel, timers: TimerValues, rng: random.Random
    ) -> None:
        self.transports = transports
        self.counters = transports.counters
        self.wheel = wheel
        self.timers = timers
        self.t1 = timers.t1
        self._give_up = timers.give_up
        self._rng = rng
        self._pending: dict[bytes, ClientTransaction] = {}
        self._on_streams: dict[int, dict[ClientTransaction, None]] = {}
        self._branches: list[bytes] = []

    def __len__(self) -> int:
        return len(self._pending)

    def start(  # noqa: PLR0917 - as there
        self,
        head: bytes,
        via: tuple[bytes, bytes],
        tail: bytes,
        method: bytes,
        flow: Flow,
        done: Done,
    ) -> ClientTransaction:
        """Send ``head``, a Via made of the two parts with a new branch between them, and ``tail``.

        ``method`` is the method with a blank before and CR behind it, as the CSeq of the response must have it.
        Raises TransportFailed when it cannot be sent; otherwise ``done`` is called once, later.
        """
        try:
            branch = self._branches.pop()
        except IndexError:
            branch = self._new_branch()
        octets = b"%b%bz9hG4bK%b%b%b" % (head, via[0], branch, via[1], tail)
        wheel = self.wheel
        self.transports.send(octets, flow)
        self.counters.sent += 1
        rows = self.counters.outgoing
        row = rows.get(method) or rows[OTHER_OUT]
        row[0] += 1
        self._pending[branch] = transaction = ClientTransaction(
            self, branch, method, octets, flow, done, wheel.now() + self._give_up, row
        )
        if flow.connection is not None:
            self._on_streams.setdefault(flow.connection, {})[transaction] = None
        wheel.start(transaction, self.t1 if flow.transport is UDP else self._give_up)
        return transaction

    def received(self, octets: bytes, flow: Flow) -> None:
        """A response arrived."""
        at = octets.find(COOKIE, 12) + 7
        transaction = self._pending.get(octets[at : at + DIGITS])
        if transaction is None or transaction.method not in octets:
            transaction = self._matched_slowly(octets, flow)
            if transaction is None:
                self.counters.dropped += 1
                return
        try:
            status = STATUSES[octets[8:12]]
            response = ArrivedResponse(octets, status, flow)
            if status >= 300:
                # what failed is looked into; what went well mostly is not
                response.headers  # noqa: B018
        except (KeyError, BadMessage) as error:
            self.counters.malformed += 1
            self.log.debug("a response from {peer} is dropped: {why}", peer=flow.peer, why=error)
            return
        if status < 200:
            transaction.provisional()
            return
        transaction.counted[status // 100] += 1
        transaction.abandon()
        transaction.done(response)

    def unreachable(self, octets: bytes, why: str) -> None:
        """A datagram that begins with ``octets`` found nobody: that fails what can go elsewhere (section 18.4).

        Whoever can go nowhere else is better served by patience: a phone that restarts is back before timer F.  An
        error that quotes no branch of ours may be anybody's invention.
        """
        at = octets.find(COOKIE) + 7
        transaction = self._pending.get(octets[at : at + DIGITS])
        if transaction is not None and transaction.fragile:
            transaction.fail(TransportFailed(f"udp:{transaction.flow.peer}: {why}"))

    def lost(self, flow: Flow) -> None:
        """A stream has ended: what waits on it fails (RFC 3261, section 17.1.4)."""
        for transaction in list(self._on_streams.get(flow.connection or 0, ())):
            transaction.fail(TransportFailed(f"the connection to {flow.peer} was lost"))

    def forget(self, transaction: ClientTransaction) -> None:
        self._pending.pop(transaction.branch, None)
        connection = transaction.flow.connection
        if connection is not None:
            waiting = self._on_streams.get(connection, {})
            waiting.pop(transaction, None)
            if not waiting:
                self._on_streams.pop(connection, None)

    def _matched_slowly(self, octets: bytes, flow: Flow) -> ClientTransaction | None:
        """The transaction of a response whose layout is unusual, or None."""
        try:
            response = parse_message(octets, stream=flow.transport is not UDP)
            via = response.via
            method = f" {response.cseq.method}\r"
        except BadMessage:
            self.counters.malformed += 1
            return None
        branch = (via.branch or "")[len(COOKIE) :] if via.has_cookie else ""
        transaction = self._pending.get(branch.encode("ascii", "replace"))
        return transaction if transaction is not None and transaction.method == method.encode() else None

    def _new_branch(self) -> bytes:
        """Branches are made in batches, because random numbers are."""
        text = self._rng.randbytes(DIGITS // 2 * 128).hex().encode()
        self._branches = [text[at : at + DIGITS] for at in range(0, len(text), DIGITS)]
        return self._branches.pop()


class ServerTransactions:
    """Requests to us: unanswered ones as transactions, answered ones as octets."""

    log = Logger()

    def __init__(  # noqa: PLR0917 - one caller
        self,
        transports: TransportLayer,
        wheel: TimerWheel,
        timers: TimerValues,
        rng: random.Random,
        limit: int,
        server_name: str,
    ) -> None:
        self.transports = transports
        self.counters = transports.counters
        self.wheel = wheel
        self.timers = timers
        self._rng = rng
        self._limit = limit
        self.server = ("Server", server_name)
        self._live: dict[str, ServerTransaction] = {}
        self._merged: dict[int, str] = {}
        self._answers = Answers(wheel, timers.give_up, self._merged)
        self._invites: dict[str, InviteTransaction] = {}
        self._tags: list[str] = []

    def __len__(self) -> int:
        return len(self._live) + len(self._invites)

    @property
    def full(self) -> bool:
        """Whether another unanswered request would be too many."""
        return len(self._live) + len(self._invites) >= self._limit

    def knows(self, key: str) -> bool:
        """Whether a request with this key was accepted before."""
        return key in self._live or key in self._invites or self._answers.get(key) is not None

    def absorb(self, key: str, hop: Hop) -> bool:
        """Whether the request of ``hop`` repeats one that is known; if so it has been dealt with."""
        answer = self._answers.get(key)
        if answer is not None:
            self.counters.absorbed += 1
            self.send(answer, hop.stamp(), repeated=True)
            return True
        live = self._live.get(key)
        if live is not None:
            self.counters.absorbed += 1
            live.repeated()
            return True
        return False

    def refuse_invite(
        self, request: Request, key: str, way_back: Flow, headers: Sequence[tuple[str, str]]
    ) -> None:
        """Answer an INVITE with 405 and see it through to its ACK."""
        invite = self._invites.get(key)
        if invite is not None:
            self.counters.absorbed += 1
            invite.repeated()
            return
        tag = self.new_tag()
        response = make_response(request, 405, headers=headers, to_tag=tag)
        self._invites[key] = InviteTransaction(self, key, response, way_back, tag)

    def acknowledge(self, key: str) -> None:
        """An ACK; it is never answered, whatever it belongs to."""
        invite = self._invites.get(key)
        if invite is None:
            self.counters.dropped += 1
        else:
            invite.acknowledged()

    def is_known(self, request: Request, method: str) -> bool:
        """Whether there is a transaction that ``request``, a CANCEL, can mean, if that is of ``method``."""
        assert request.flow is not None, "it arrived"
        key = Hop(request, request.flow).key(method)
        return key in self._invites or key in self._live or self._answers.get(key) is not None

    def forget_invite(self, invite: InviteTransaction) -> None:
        """Terminated."""
        del self._invites[invite.key]

    def begin(self, request: Request, key: str, flow: Flow, way_back: Flow) -> ServerTransaction | None:
        """The transaction of a new request; None if it merged with one that came another way (482)."""
        merge = merge_key(request)
        if merge is not None and self._merged.setdefault(merge, key) != key:
            return None
        transaction = self._live[key] = ServerTransaction(self, key, merge, request, flow, way_back)
        rows = self.counters.incoming
        (rows.get(request.method) or rows[OTHER])[0] += 1
        return transaction

    def complete(self, transaction: ServerTransaction, status: int, octets: bytes) -> None:
        """Completed: send the final response and keep its octets for timer J, which is 0 on a stream."""
        key, merge, flow = transaction.key, transaction.merge, transaction.way_back
        self._live.pop(key, None)
        rows = self.counters.incoming
        (rows.get(transaction.request.method) or rows[OTHER])[status // 100] += 1
        by_udp = flow.transport is UDP
        if merge is not None and (not by_udp or status in CHALLENGES):
            # COMPAT: clients that answer a challenge without counting CSeq up; it must not look merged
            self._merged.pop(merge, None)
            merge = None
        if by_udp:
            self._answers.add(key, octets, merge)
            self.send(octets, flow)
        else:
            self._send_back(octets, transaction.request, flow)

    def forget(self, transaction: ServerTransaction) -> None:
        """Terminated without an answer."""
        self._live.pop(transaction.key, None)
        if transaction.merge is not None:
            self._merged.pop(transaction.merge, None)

    def send(self, octets: bytes, flow: Flow, *, repeated: bool = False) -> None:
        """Send a response; when it cannot be sent the client will have to ask again."""
        try:
            self.transports.send(octets, flow)
        except TransportFailed as error:
            self.counters.dropped += 1
            self.log.debug("a response to {peer} is lost: {why}", peer=flow.peer, why=error)
            return
        self.counters.sent += 1
        if repeated:
            self.counters.retransmitted += 1

    def _send_back(self, octets: bytes, request: Request, flow: Flow) -> None:
        """A response over the stream of its request; if that is gone, over a new one (section 18.2.2)."""
        try:
            self.transports.send(octets, flow)
            self.counters.sent += 1
        except TransportFailed:
            via = request.via
            target = Target(
                transport=flow.transport,
                host=flow.peer.host,
                port=via.port or flow.transport.default_port,
                tls_name=via.host if flow.transport is Transport.TLS else "",
            )
            self.transports.open(target).addCallbacks(lambda anew: self.send(octets, anew), self._unsendable)

    def _unsendable(self, failure: Failure) -> None:
        self.counters.dropped += 1
        self.log.debug("a response is lost: {why}", why=failure.getErrorMessage())

    def new_tag(self) -> str:
        try:
            return self._tags.pop()
        except IndexError:
            # made in batches, because random numbers are
            text = self._rng.randbytes(6 * 128).hex()
            self._tags = [text[at : at + 12] for at in range(0, len(text), 12)]
            return self._tags.pop()

    def __iter__(self) -> Iterator[ServerTransaction]:
        return iter(list(self._live.values()))


def merge_key(request: Request) -> int | None:
    """What two copies of a request share that came by different ways (section 8.2.2.2); None inside a dialog.

    The Request-URI counts too: a request that a proxy sent back to us for somebody else is a spiral, not a copy.
    """
    ends = request.ends
    if ends.to_tag is not None:
        return None
    return hash((ends.call_id, ends.from_tag, ends.cseq, request.method, request.uri))
