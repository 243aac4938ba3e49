"""The hop that brought a request: what its top Via says, what was seen, and where the answer goes.

Every request pays for this, so the Via that nearly all clients write (no blanks, no quotes, one value on the line) is
taken apart by one pattern, and written back with ``received`` and ``rport`` in place; any other goes through the full
grammar and comes out the same.

Implements: RFC 3261 sections 17.2.3 (matching), 18.2.1 (received), 18.2.2 (where responses go); RFC 3581 section 4.
"""

import re
from functools import lru_cache
from typing import Final

from sip2xmpp.sip.flow import UDP, Flow, HostPort
from sip2xmpp.sip.grammar import Params
from sip2xmpp.sip.headers import Via
from sip2xmpp.sip.message import Request

__all__ = ["Hop", "reply_flow"]

PLAIN: Final = re.compile(
    r" ?SIP/2\.0/([A-Z]+) (([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}))?)"
    r"((?:;[a-z0-9-]+(?:=[A-Za-z0-9\-.!%*_+`'~:]+)?)*);branch=z9hG4bK([A-Za-z0-9\-.!%*_+`'~]+)"
    r"((?:;[a-z0-9-]+(?:=[A-Za-z0-9\-.!%*_+`'~:]+)?)*)"
)
"""A Via as it mostly is: transport, sent-by (host, port), parameters (names in lower case), branch, parameters."""
LONGEST: Final = 256
"""Characters that the pattern is tried on: on hostile text its time grows with the square of the length."""


class Hop:
    """The top Via of a request; making one raises BadMessage if it is no good.

    ``branch`` is None from RFC 2543 clients, whose branches tell nothing.
    """

    __slots__ = ("_plain", "_raw", "_request", "branch", "sent_by")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._raw = raw = request.headers.raw("Via") or ""
        self._plain = plain = PLAIN.fullmatch(raw) if len(raw) <= LONGEST else None
        self.branch: str | None
        if plain is not None:
            self.sent_by = plain[2]
            self.branch = plain[6]
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
            f" {self._raw}"
        )

    def stamp(self, flow: Flow) -> None:
        """Write into the top Via where the request really came from."""
        plain = self._plain
        peer = flow.peer
        if plain is None:
            self._stamp_odd(flow)
            return
        transport, sent_by, host, port, before, branch, after = plain.groups()
        marks = _marks(host, before, after, peer if flow.transport is UDP else None, peer.host)
        if marks is None:
            self._stamp_odd(flow)
            return
        seen, before, after, params_before, params_after = marks
        branch = f"z9hG4bK{branch}"
        via = Via(
            transport=transport,
            host=host,
            port=None if port is None else int(port),
            params=(*params_before, ("branch", branch), *params_after),
        )
        raw = f" SIP/2.0/{transport} {sent_by}{before};branch={branch}{after}" if seen else self._raw
        self._request.headers.exchange("Via", raw, via)

    def _stamp_odd(self, flow: Flow) -> None:
        peer = flow.peer
        old = via = self._request.via
        if flow.transport is UDP and via.rport is not None:
            via = via.with_param("rport", str(peer.port)).with_param("received", peer.host)
        elif via.host != peer.uri_host or via.received is not None:
            via = via.with_param("received", peer.host)
        if via is not old:
            self._request.replace_via(via)


Marks = tuple[bool, str, str, Params, Params]


@lru_cache(maxsize=4096)
def _marks(host: str, before: str, after: str, source: HostPort | None, address: str) -> Marks | None:
    """The parameters around the branch with what was seen written into them, as text and parsed; None if that is unusual.

    All requests of one client have the same.  ``source`` is where a datagram came from, which may have asked for its port.
    """
    if ";received" in before + after or ";rport=" in before + after:
        return None
    seen = True
    if source is not None and ";rport;" in f"{before};{after};":
        asked = f";rport={source.port};received={address};"
        first = f"{before};".replace(";rport;", asked, 1)[:-1]
        after = after if first != before else f"{after};".replace(";rport;", asked, 1)[:-1]
        before = first
    elif host != address:
        after += f";received={address}"
    else:
        seen = False
    return seen, before, after, _cut(before), _cut(after)


def _cut(params: str) -> Params:
    parts = [parameter.partition("=") for parameter in params.split(";")[1:]]
    return tuple([(name, value if equals else None) for name, equals, value in parts])


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
