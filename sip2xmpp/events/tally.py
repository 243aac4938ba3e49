"""What is counted of the subscriptions of SIP watchers: how many are in which state, how late NOTIFYs are, what went wrong.

Everything here is called on the way of a SUBSCRIBE or a NOTIFY, so each costs one or two additions; and as hashing a member of
an enumeration costs more than all the rest, nothing is looked up by one.  NOTIFYs of one change that leave at nearly the same time are a
*batch*, which is one observation: whoever sends adds one to ``batch`` while ``known_at`` and ``until`` are those of its NOTIFY.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Protocol

from sip2xmpp.errors import BadAddress, NoSuchPresentity, Sip2XmppError, TooMany, Unreachable
from sip2xmpp.measuring import Histogram
from sip2xmpp.presence.watching import Standing
from sip2xmpp.store.records import DialogRecord
from sip2xmpp.tracing import Tracer

TOGETHER: Final = 0.005
"""Seconds between the first and the last NOTIFY of a batch."""

LATEST: Final = 60.0
"""Seconds.  What is older was not late: its watcher became one who may see it after the change."""

STATES: Final = ("waiting", "pending", "active", "terminated")
"""What a watcher was told last, or that it was told nothing yet."""

_PENDING, _ACTIVE = Standing.PENDING, Standing.ACTIVE


class Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str: ...


class Counted(Protocol):
    """A subscription; ``stated`` is what its watcher was told last, None for nothing."""

    stated: Standing | None

    @property
    def package(self) -> Named: ...


class Tally:
    """The numbers of one notifier."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.batch = 0
        self.known_at = self.until = self._since = 0.0
        self._latency = Histogram()
        self._rows: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(STATES))
        self._tracer = tracer

    @property
    def latency(self) -> Histogram:
        """From the change being known to its NOTIFY, in seconds; that of a whole batch is that of its first NOTIFY."""
        if self.batch:
            self._latency.add(self._since - self.known_at, self.batch)
            self.batch = 0
        return self._latency

    def states(self) -> Iterator[tuple[str, str, int]]:
        """Event package, state, and how many there are."""
        for name, row in self._rows.items():
            for state, count in zip(STATES, row, strict=True):
                yield name, state, count

    def begun(self, subscription: Counted) -> None:
        """There is one more, and its watcher was told nothing yet."""
        self._rows[subscription.package.name][_place(subscription.stated)] += 1

    def told(self, subscription: Counted, standing: Standing) -> None:
        """Its watcher is told another state than before."""
        row = self._rows[subscription.package.name]
        row[_place(subscription.stated)] -= 1
        row[_place(standing)] += 1
        subscription.stated = standing

    def sent(self, known_at: float, now: float) -> None:
        """A NOTIFY leaves now, of a change that became known then, and begins another batch; Unix times."""
        seconds = now - known_at
        if 0.0 <= seconds < LATEST:
            bounds = self.latency.bounds  # which ends the last batch
            self.batch, self.known_at, self._since = 1, known_at, now
            self.until = min(
                now + TOGETHER, known_at + bounds[min(bisect_left(bounds, seconds), len(bounds) - 1)]
            )

    def ended(self, subscription: Counted) -> None:
        """There is one less."""
        self._rows[subscription.package.name][_place(subscription.stated)] -= 1

    def trouble(self, record: DialogRecord, what: str) -> None:
        """Something went wrong with a subscription, for whoever looks at its pair."""
        if self._tracer is not None:
            self._tracer.trouble(record.watcher, record.presentity, what)


def _place(standing: Standing | None) -> int:
    return 0 if standing is None else 2 if standing is _ACTIVE else 1 if standing is _PENDING else 3


def refusal(error: Sip2XmppError) -> int:
    """The status that refuses a SUBSCRIBE whose back end raised ``error``."""
    if isinstance(error, NoSuchPresentity | BadAddress):
        return 404
    return 480 if isinstance(error, TooMany | Unreachable) else 403
