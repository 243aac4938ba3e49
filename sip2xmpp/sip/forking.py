"""One request to several places: in order of preference, at once where there is none, and one answer from all of them.

Pure: whoever calls says how a branch is sent.  A rank of branches begins when every branch of the one before has failed.  The
first 2xx is the answer at once; what comes later from other branches changes nothing, since only an INVITE could be cancelled.
After a 6xx nobody else is asked, but who has been may still accept, so that the sender is not told that nobody has.  If no
branch succeeds, the best of the answers is the answer.

A branch may have alternates, several flows of one device: the next is tried when a flow has failed, and only then.

Implements: RFC 3261 sections 16.5, 16.6 and 16.7 steps 4 to 6; RFC 5626 section 7 (flows of one instance).
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sip2xmpp.errors import Sip2XmppError, TransactionTimeout
from sip2xmpp.sip.message import Response

__all__ = ["Fork", "Outcome", "best_of", "fork"]

P = TypeVar("P")
Fork = Sequence[Sequence[Sequence[P]]]
"""Ranks of branches of alternates."""

FLOW_FAILED: Final = frozenset((408, 430, 480, 503))
"""Answers that mean the flow and not the device behind it."""

_TELLING: Final = (401, 407, 415, 420, 484)
"""Of the 4xx, what tells the client how to do better (section 16.7, step 6)."""

_log = Logger()


class Outcome(NamedTuple, Generic[P]):
    """What one place answered, or why it did not."""

    place: P
    result: Response | Sip2XmppError

    @property
    def status(self) -> int:
        """The status that it counts as: silence is 408, and what cannot be reached is 480."""
        if isinstance(self.result, Response):
            return self.result.status
        return 408 if isinstance(self.result, TransactionTimeout) else 480

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


async def fork(places: Fork[P], send: Callable[[P, bool], Awaitable[Response]]) -> Outcome[P]:
    """The outcome that counts.  ``send(place, is_last)`` gives the final response or raises ``Sip2XmppError``.

    ``is_last``: nobody is tried after this place, so that there is no reason for impatience.  At least one place is needed.
    """
    outcomes: list[Outcome[P]] = []
    for number, rank in enumerate(places, 1):
        found = await _first_of([_branch(branch, send, number == len(places)) for branch in rank])
        outcomes += found
        if found[-1].is_success:
            return found[-1]
        if any(outcome.status >= 600 for outcome in found):
            break
    return best_of(outcomes)


def best_of(outcomes: Sequence[Outcome[P]]) -> Outcome[P]:
    """The best of failures: of the lowest class, and in it of what tells most; an answer before silence."""
    return min(outcomes, key=_badness)


def _badness(outcome: Outcome[P]) -> tuple[bool, int, bool, bool]:
    status = outcome.status
    return (status < 600, status // 100, status not in _TELLING, not isinstance(outcome.result, Response))


async def _branch(
    alternates: Sequence[P], send: Callable[[P, bool], Awaitable[Response]], is_last: bool
) -> Outcome[P]:
    outcome: Outcome[P] | None = None
    for place in alternates:
        try:
            outcome = Outcome(place, await send(place, is_last and place is alternates[-1]))
        except Sip2XmppError as error:
            outcome = Outcome(place, error)
        if outcome.status not in FLOW_FAILED:
            break
    assert outcome is not None, "a branch leads somewhere"
    return outcome


async def _first_of(branches: Sequence[Coroutine[Any, Any, Outcome[P]]]) -> list[Outcome[P]]:
    """The outcomes of branches that run at once, until one of them, the last of the list, is a success."""
    if len(branches) == 1:
        return [await branches[0]]
    done: list[Outcome[P]] = []
    enough: Deferred[None] = Deferred()

    def ended(outcome: Outcome[P]) -> None:
        if not enough.called:
            done.append(outcome)
            if outcome.is_success or len(done) == len(branches):
                enough.callback(None)

    def broken(failure: Failure) -> None:
        _log.failure("a branch of a fork failed", failure)
        if not enough.called:
            enough.errback(failure)

    for branch in branches:
        Deferred.fromCoroutine(branch).addCallbacks(ended, broken)
    await enough
    return done
