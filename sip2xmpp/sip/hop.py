"""The hop that brought a request: what its top Via says, what was seen, and where the answer goes.

Every request pays for this.  All requests of one client have the same Via but for the branch, so what stands around the branch
is read once for each client and remembered: whose it is, and how it looks with ``received`` and ``rport`` filled in.  A Via of
another shape (blanks, quotes, several values on the line) goes through the full grammar and comes out the same.

Implements: RFC 3261 sections 17.2.3 (matching), 18.2.1 (received), 18.2.2 (where responses go); RFC 3581 section 4.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.flow import UDP, Flow, HostPort
from sip2xmpp.sip.grammar import TOKEN
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.uri import parse_host

__all__ = ["Hop", "plain_via", "reply_flow"]

MARK: Final = ";branch=z9hG4bK"
BEFORE: Final = re.compile(
    r" ?SIP/2\.0/[A-Z]+ (([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?)"
    r"((?:;[a-z0-9-]+(?:=[A-Za-z0-9\-.!%*_+`'~:]+)?)*)"
)
"""What mostly stands before the branch: transport, sent-by (host, port), parameters with names in lower case."""
AFTER: Final = re.compile(r"(?:;[a-z0-9-]+(?:=[A-Za-z0-9\-.!%*_+`'~:]+)?)*")
"""And behind it."""
HIGHEST_PORT: Final = 65_535
LONGEST: Final = 256
"""Characters of a Via that is remembered."""
CLIENTS: Final = 16_384
"""Clients whose Via is remembered."""


class Hop:
    """The top Via of a request that came over ``flow``; making one raises BadMessage if it is no good.

    ``branch`` is None from RFC 2543 clients, whose branches tell nothing.
    """

    __slots__ = ("_flow", "_request", "_seen", "branch", "sent_by")

    def __init__(self, request: Request, flow: Flow) -> None:
        self._request = request
        self._flow = flow
        plain = plain_via(request.headers.raw("Via") or "", flow)
        self._seen: Seen | None = None
        self.branch: str | None
        if plain is not None:
            self.branch, self._seen = plain
            self.sent_by = self._seen.sent_by
        else:
            via = request.via
            self.sent_by = via.host if via.port is None else f"{via.host}:{via.port}"
            self.branch = via.branch[7:] if via.has_cookie and via.branch else None

    def key(self, method: str) -> str:
        """What tells the request from all others but its own repetitions (section 17.2.3).

        ``method`` is that of the transaction: an ACK belongs to the one of its INVITE.
        """
        if self.branch is not None:
            return f"{self.branch} {self.sent_by} {method}"
        request = self._request
        # an ACK has the To tag of the response, the INVITE had none
        to_tag = None if method == "INVITE" else request.to.tag
        return (
            f"{request.uri} {to_tag} {request.from_.tag} {request.call_id} {request.cseq.number} {method}"
            f" {request.headers.raw('Via')}"
        )

    def stamp(self) -> Flow:
        """Write into the top Via where the request really came from; returns where its responses go.

        Raises ``BadMessage`` for a Via that cannot stand in a response.
        """
        seen = self._seen
        if seen is None:
            return self._stamp_odd()
        if seen.changed:
            self._request.headers.rewrite("Via", f"{seen.before}{MARK}{self.branch}{seen.after}")
        return seen.way_back(self._flow)

    def _stamp_odd(self) -> Flow:
        flow = self._flow
        peer = flow.peer
        old = via = self._request.via
        if flow.transport is UDP and via.rport is not None:
            via = via.with_param("rport", str(peer.port)).with_param("received", peer.host)
        elif via.host != peer.uri_host or via.received is not None:
            via = via.with_param("received", peer.host)
        if via is not old:
            try:
                self._request.replace_via(via)
            except ValueError as error:
                raise BadMessage(f"a Via that cannot be answered to: {error}") from None
        return reply_flow(self._request, flow)


class Seen(NamedTuple):
    """What every Via of one client has around its branch, with what was seen written into it.

    ``port`` is where the peer wants its responses.
    """

    sent_by: str
    before: str
    after: str
    changed: bool
    port: int

    def way_back(self, flow: Flow) -> Flow:
        """Where the responses to a request that came over ``flow`` go."""
        if self.port == flow.peer.port:
            return flow
        return Flow(transport=UDP, local=flow.local, peer=HostPort(flow.peer.host, self.port))


def plain_via(via: str, flow: Flow) -> tuple[str, Seen] | None:
    """The branch without its cookie, and what stands around it; None for a Via of another shape, or without a cookie."""
    before, mark, rest = via.partition(MARK)
    branch, semicolon, after = rest.partition(";")
    if not mark or len(via) > LONGEST or TOKEN.fullmatch(branch) is None:
        return None
    seen = _seen(before, semicolon + after, flow.peer, flow.transport is UDP)
    return None if seen is None else (branch, seen)


@lru_cache(maxsize=CLIENTS)
def _seen(before: str, after: str, peer: HostPort, by_udp: bool) -> Seen | None:
    """None if any of it is unusual."""
    found = BEFORE.fullmatch(before)
    if found is None or AFTER.fullmatch(after) is None:
        return None
    sent_by, host, port, params = found.groups()
    if (port is not None and int(port) > HIGHEST_PORT) or (host[0] == "[" and not _is_ipv6(host)):
        return None
    both = f"{params}{after};"
    if ";received" in both or ";rport=" in both or ";branch" in both:
        return None
    start = before.removesuffix(params)
    asked = by_udp and ";rport;" in both
    if asked:
        answer = f";rport={peer.port};received={peer.host};"
        first = f"{params};".replace(";rport;", answer, 1)[:-1]
        if first == params:
            after = f"{after};".replace(";rport;", answer, 1)[:-1]
        params = first
    elif host != peer.uri_host:
        after += f";received={peer.host}"
    return Seen(
        sent_by=sent_by,
        before=start + params,
        after=after,
        changed=asked or host != peer.uri_host,
        port=int(port or 5060) if by_udp and not asked else peer.port,
    )


def _is_ipv6(host: str) -> bool:
    try:
        return parse_host(host) == host
    except BadMessage:
        return False


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where the responses to ``request``, which came over ``flow``, go.

    Over a stream: back on it.  Over UDP: to the source address, at the source port if the client asked for it by
    ``rport``, else at the port of the sent-by.  ``maddr`` is for multicast groups, none of which is joined here, and
    is not followed: it would let anybody aim our responses at a third party.
    """
    if flow.transport is not UDP:
        return flow
    via = request.via
    port = via.port or 5060
    if port == flow.peer.port or via.rport is not None:
        return flow
    return Flow(transport=UDP, local=flow.local, peer=HostPort(flow.peer.host, port))
