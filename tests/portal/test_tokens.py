"""Tokens of the configuration and those that operators make beside them."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.portal.problems import Problem
from sip2xmpp.portal.tokens import EVERYBODY, Right, Token, Tokens, digest_of
from sip2xmpp.store.keeping import Grant
from sip2xmpp.store.memory import MemoryStore


def test_a_grant_holds_at_once_ends_at_once_and_never_goes_before_the_configuration(clock: Clock) -> None:
    store = MemoryStore(clock)
    station = Token(name="station", digest=digest_of("s" * 20), addresses=(EVERYBODY,), may=frozenset())
    tokens = Tokens([station], clock, a_minute=100, grants=store.grants)

    def grant(name: str, secret: str, **fields: Any) -> None:
        digest = digest_of(secret).hex()
        store.grants.put(
            Grant(
                name=name,
                digest=digest,
                addresses=(EVERYBODY,),
                may=("publish", "later"),
                made_by="",
                made_at=0,
                **fields,
            )
        )

    grant("shop", "t" * 20)
    grant("station", "u" * 20)
    assert tokens.of("Bearer " + "t" * 20, "192.0.2.1").may == {Right.PUBLISH}
    with pytest.raises(Problem):
        tokens.of("Bearer " + "u" * 20, "192.0.2.1")
    tokens.replace([])
    assert tokens.of("Bearer " + "u" * 20, "192.0.2.1").name == "station"
    with pytest.raises(Problem):
        tokens.of("Bearer " + "s" * 20, "192.0.2.1")
    store.grants.remove("shop")
    with pytest.raises(Problem):
        tokens.of("Bearer " + "t" * 20, "192.0.2.1")
    grant("shop", "t" * 20, expires_at=clock.seconds() + 10)
    assert tokens.of("Bearer " + "t" * 20, "192.0.2.1").name == "shop"
    clock.advance(11)
    with pytest.raises(Problem):
        tokens.of("Bearer " + "t" * 20, "192.0.2.1")


def test_what_is_for_everybody_needs_a_token_for_everybody() -> None:
    some = Token(name="some", digest=b"", addresses=("*@sip.example.org",), may=frozenset(Right))
    with pytest.raises(Problem) as caught:
        some.check_everywhere(Right.OBSERVE)
    assert caught.value.status == 403
    Token(name="all", digest=b"", addresses=(EVERYBODY,), may=frozenset([Right.OBSERVE])).check_everywhere(
        Right.OBSERVE
    )
