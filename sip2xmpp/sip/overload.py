"""Whether more arrives than can be done, and what is to be refused then.

What is measured is waiting, because that is what clients notice: a datagram not answered within half a second is sent
again, and from there on the work is done twice.  Sockets tell how long what they read has waited in the kernel, and a
pulse tells how late the reactor is for its own appointments.  The pulse beats only while a socket has more to give than
one turn takes, so an idle server has no timer, and a busy machine without requests is not taken for an overload of them.

The level rises by one step with a beat in which something waited longer than ``late``, and no less than in the beat
before: a wait that shrinks by itself, as after a pause of the garbage collector or of the machine, refuses nobody.  It
falls by one as soon as a socket is seen to have hardly anything waiting, at most once a beat.  Refusing costs a small part
of serving, so the queue is short again within a beat or two; then everybody is served until it has grown again, and as
much is accepted as can be done.

=========  ============================================================================================================
level      refused with 503 and Retry-After
=========  ============================================================================================================
NONE       nothing
NEW        requests outside of a dialog, but for PUBLISH that modifies or refreshes (SIP-If-Match)
CHANGES    these as well
ALL        requests inside dialogs as well; a 503 ends no subscription (RFC 5057, section 5.1), a lost datagram may
=========  ============================================================================================================

Responses and ACK are never refused, nor is the repetition of a request that was accepted.

Implements: RFC 3261 section 21.5.4 (503), in the manner that RFC 6357 calls local overload control.
"""

from enum import IntEnum
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sip2xmpp.sip.counters import Counters
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.skimming import refusal, skim

__all__ = ["Level", "Overload"]

_log = Logger()

LATE: Final = 0.1
"""Seconds that a message may wait; five times that, and its client repeats it (RFC 3261, timer E)."""
REPEATED: Final = 0.5
"""Seconds that a datagram waits at least that the kernel had no room for: until it is sent again."""
BEAT: Final = 0.05
"""Seconds between two looks."""
QUIET: Final = 40
"""Beats in succession without waiting or refusing after which the overload is over and the pulse stops."""


class Level(IntEnum):
    """How much is refused; each includes those before."""

    NONE = 0
    NEW = 1
    CHANGES = 2
    ALL = 3


class Accepted(Protocol):
    """The server transactions."""

    def knows(self, key: str) -> bool:
        """Whether a request with this key was accepted before."""

    def send(self, octets: bytes, flow: Flow) -> None:
        """Send a response."""


def _level_of(is_inside_dialog: bool, is_conditional: bool) -> Level:
    """From which level on a request is refused."""
    if is_inside_dialog:
        return Level.ALL
    return Level.CHANGES if is_conditional else Level.NEW


class Overload:
    """The state of one server; ``level`` is read for every request that arrives."""

    def __init__(
        self, clock: IReactorTime, counters: Counters, *, late: float = LATE, beat: float = BEAT
    ) -> None:
        self.level = Level.NONE
        self._clock = clock
        self._counters = counters
        self._late = late
        self._beat = beat
        self._longest = 0.0
        self._fell = False
        self._served = 0
        self._shed_before = 0
        self._before = 0.0
        self._quiet = 0
        self._due = 0.0
        self._pulse: IDelayedCall | None = None
        self._since: float | None = None
        self._shed_until = 0

    # what sockets tell

    def waited(self, seconds: float) -> None:
        """Something was read that had waited so long."""
        self._longest = max(self._longest, seconds)
        if seconds < self._late / 4 and self.level and not self._fell:
            self._fall()
        if self._pulse is None:
            self.stir()

    def lost(self) -> None:
        """The kernel had no room for a datagram."""
        self.waited(REPEATED)

    def stir(self) -> None:
        """A socket has more to give than it was asked for: see whether the reactor keeps its appointments."""
        if self._pulse is None:
            self._quiet = 0
            self._before = 0.0
            self._appoint()

    # what the user agent asks

    def refuses(self, octets: bytes, flow: Flow, accepted: Accepted) -> bool:
        """Whether a request is too much; if so it has been answered.  What is hard to read is left to ``is_too_much``."""
        seen = skim(octets, flow)
        if (
            seen is None
            or self.level < _level_of(seen.is_inside_dialog, seen.is_conditional)
            or seen.method == b"ACK"
            or accepted.knows(seen.key)
        ):
            return False
        self._counters.shed += 1
        accepted.send(refusal(seen), seen.back)
        return True

    def is_too_much(self, request: Request, key: str, accepted: Accepted) -> bool:
        """Whether to refuse a request that was parsed and is no ACK."""
        is_conditional = request.headers.raw("SIP-If-Match") is not None
        if self.level < _level_of(request.to.tag is not None, is_conditional) or accepted.knows(key):
            self._served += 1
            return False
        self._counters.shed += 1
        return True

    # what operators see

    def report(self) -> dict[str, Any]:
        """For ``/health``: whether requests are refused now and then, at which level just now, and for how many seconds."""
        if self._since is None:
            return {"state": "none"}
        seconds = round(self._clock.seconds() - self._since, 3)
        return {"state": "shedding", "level": self.level.name.lower(), "seconds": seconds}

    def stop(self) -> None:
        """Look no more, refuse nothing any more."""
        self.level = Level.NONE
        if self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None

    # the pulse

    def _appoint(self) -> None:
        self._due = self._clock.seconds() + self._beat
        self._pulse = self._clock.callLater(self._beat, self._look)

    def _look(self) -> None:
        longest = max(self._longest, self._clock.seconds() - self._due)
        before, self._before = self._before, longest
        shed = self._counters.shed - self._shed_before
        if longest >= self._late:
            self._quiet = 0
        # where most is refused already, refusing the rest would not help
        if longest >= self._late and longest >= before >= self._late / 2 and shed <= self._served:
            self._rise()
        elif longest < self._late / 4 and not self._fell:
            self._quiet = 0 if self.level else self._quiet + 1
            if self.level:
                self._fall()
        self._longest = 0.0
        self._fell = False
        self._served, self._shed_before = 0, self._counters.shed
        if self._quiet < QUIET:
            self._appoint()
        else:
            self._pulse = None
            self._end()

    def _rise(self) -> None:
        if self._since is None:
            self._since = self._clock.seconds()
            self._shed_until = self._counters.shed
            _log.warn(
                "overload: messages wait for {late} s and longer; new requests are refused", late=self._late
            )
        if self.level < Level.ALL:
            self.level = Level(self.level + 1)
        # the next step is for waiting that began after this one
        self._before = 0.0

    def _fall(self) -> None:
        """At most one step a beat, so that a flood of what only a higher level refuses does not have to climb all of them anew."""
        self.level = Level(self.level - 1)
        self._fell = True

    def _end(self) -> None:
        if self._since is not None:
            lasted = round(self._clock.seconds() - self._since - QUIET * self._beat, 1)
            shed = self._counters.shed - self._shed_until
            self._since = None
            _log.warn("the overload is over: {lasted} s, {shed} requests refused", lasted=lasted, shed=shed)
