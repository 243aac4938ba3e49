"""Who we are, to servers that ask: digest as a client.

A challenge is answered in the strongest algorithm that it offers and we have a secret for.  What a host asked for last
is remembered and sent along with the next request to it, with the next nonce count, which saves a round trip.  The
server may have forgotten that nonce, so its refusal of a remembered one is answered once more; the refusal of an answer
to its own fresh challenge is the end, unless it says ``stale``.  Nothing has to be remembered of a request for this: the
nonce count of a direct answer is 1.

Implements: RFC 3261 section 22.2 and 22.3; RFC 7616 section 3.3 and 3.4; RFC 8760 section 2.4.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sip2xmpp.digest import (
    AUTH,
    STRONGEST_FIRST,
    Algorithm,
    Challenge,
    Credentials,
    algorithm_named,
    answer,
    ha1,
)
from sip2xmpp.errors import BadInput, BadMessage
from sip2xmpp.sip.message import Request, Response

Secret = str | Mapping[Algorithm, str]
"""A password, or HA1 by algorithm."""

REMEMBERED: Final = 1_000
"""Hosts of which the last challenge is kept."""

_ASKED_AND_ANSWERED: Final = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


@dataclass(slots=True)
class _Asked:
    """A challenge that was answered, and how often."""

    header: str
    challenge: Challenge
    username: str
    ha1: str
    count: int = 0


class DigestClient:
    """Implements ``agent.Credentials``.  ``credentials_for`` gives (user name, secret) for a realm and host, or None."""

    def __init__(
        self,
        credentials_for: Callable[[str, str], tuple[str, Secret] | None],
        *,
        cnonce: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._credentials_for = credentials_for
        self._cnonce = cnonce
        self._asked: OrderedDict[str, list[_Asked]] = OrderedDict()

    def preempt(self, request: Request) -> Request:
        """``request`` with what its host asked for last time, else ``request`` itself."""
        known = self._asked.get(_host_of(request))
        if known is None:
            return request
        again = _copy(request)
        for asked in known:
            again.headers.add(asked.header, self._answer(asked, request))
        return again

    def answer(self, request: Request, response: Response) -> Request | None:
        """``request`` again with the next CSeq and an answer to each realm that asks.

        None when a realm is unknown to us or asks for what we do not have, or has refused a direct answer already.
        """
        header, answered_in = _ASKED_AND_ANSWERED[response.status]
        host = _host_of(request)
        refused = _credentials_in(request, answered_in)
        chosen: list[_Asked] = []
        for realm, challenges in _challenges_in(response, header).items():
            asked = self._choose(realm, challenges, host, answered_in)
            if asked is None or _is_final(refused.get(realm), asked):
                self._forget(host, answered_in)
                return None
            chosen.append(asked)
        if not chosen:
            return None
        self._go_on_counting(host, answered_in, chosen)
        self._remember(host, answered_in, chosen)
        again = _copy(request)
        again.headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
        again.headers.remove(answered_in)
        for asked in chosen:
            again.headers.add(answered_in, self._answer(asked, request))
        return again

    def _choose(self, realm: str, challenges: list[Challenge], host: str, header: str) -> _Asked | None:
        found = self._credentials_for(realm, host)
        if found is None:
            return None
        username, secret = found
        for algorithm in STRONGEST_FIRST:
            for challenge in challenges:
                named = algorithm_named(challenge.algorithm)
                if (
                    named is None
                    or named[0] is not algorithm
                    or (challenge.qop and AUTH not in challenge.qop)
                ):
                    continue
                known = (
                    ha1(algorithm, username, realm, secret)
                    if isinstance(secret, str)
                    else secret.get(algorithm)
                )
                if known is not None:
                    return _Asked(header, challenge, username, known)
        return None

    def _answer(self, asked: _Asked, request: Request) -> str:
        asked.count += 1
        return str(
            answer(
                asked.challenge,
                username=asked.username,
                ha1=asked.ha1,
                method=request.method,
                uri=request.uri,
                count=asked.count,
                cnonce=self._cnonce(),
            )
        )

    def _go_on_counting(self, host: str, header: str, chosen: list[_Asked]) -> None:
        """A server may ask twice with one nonce; its counts are not to start again."""
        known = {a.challenge.nonce: a.count for a in self._asked.get(host, ()) if a.header == header}
        for asked in chosen:
            asked.count = known.get(asked.challenge.nonce, 0)

    def _remember(self, host: str, header: str, chosen: list[_Asked]) -> None:
        kept = [asked for asked in self._asked.pop(host, []) if asked.header != header]
        # Without qop nothing tells a second use of the nonce from a replay, so it is not used again.
        kept += [asked for asked in chosen if asked.challenge.qop]
        if kept:
            self._asked[host] = kept
            if len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)

    def _forget(self, host: str, header: str) -> None:
        self._remember(host, header, [])


def _host_of(request: Request) -> str:
    """The host part of the Request-URI; empty when it has none."""
    try:
        return request.parsed_uri.host.lower()
    except BadMessage:
        return ""


def _copy(request: Request) -> Request:
    return Request(
        method=request.method,
        uri=request.uri,
        headers=request.headers.copy(),
        body=request.body,
        flow=request.flow,
    )


def _challenges_in(response: Response, header: str) -> dict[str, list[Challenge]]:
    """Realm -> its digest challenges; what cannot be read is passed over."""
    found: dict[str, list[Challenge]] = {}
    for value in response.headers.all(header):
        try:
            challenge = Challenge.parse(value)
        except BadInput:
            continue
        if challenge is not None:
            found.setdefault(challenge.realm, []).append(challenge)
    return found


def _credentials_in(request: Request, header: str) -> dict[str, Credentials]:
    """Realm -> what the refused request said; it was written here, so it can be read."""
    parsed = map(Credentials.parse, request.headers.all(header))
    return {credentials.realm: credentials for credentials in parsed if credentials is not None}


def _is_final(refused: Credentials | None, asked: _Asked) -> bool:
    """Whether the server has just refused these credentials themselves, and not the nonce."""
    if refused is None or asked.challenge.stale:
        return False
    return refused.count in (None, 1) or refused.nonce == asked.challenge.nonce
