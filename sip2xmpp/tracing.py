"""Traces of pairs: what was said between one watcher and one presentity, kept while an operator looks at it.

Tracing is switched on for a pair and for a bounded time; whoever looks at the trace renews that.  While it is on, every message of
the pair is kept on both legs, and what each presence was before mapping and after it, the last ``MESSAGES`` of them.  While no pair
is traced, ``on`` is False and whoever could say something does not even ask: that is one attribute on the hot paths.

What went wrong with a pair is remembered without tracing, the last time of the last ``TROUBLES`` pairs, because nobody traces
before there is trouble.

Nothing here reads SIP or XML: those who do (``events.traced``, ``bridge.traced``) take out what is secret, and who talks to whom.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import TooMany

SECONDS: Final = 900
"""How long a pair is traced unless somebody looks at it."""

PAIRS: Final = 50
"""Pairs that are traced at a time."""

MESSAGES: Final = 40
"""Messages that are kept of each."""

LARGEST: Final = 8_192
"""Characters that are kept of each message."""

CALLS: Final = 200
"""SIP dialogs of a pair by which its messages are known."""

TROUBLES: Final = 2_000
"""Pairs of which the last trouble is remembered."""

Pair = tuple[Address, Address]
"""Watcher and presentity."""


class Leg(Enum):
    """Where a message was, or the mapping between the two."""

    SIP = "sip"
    XMPP = "xmpp"
    MAPPING = "mapping"


class Way(Enum):
    """Which way it went, seen from the gateway; a mapping goes out to the watcher."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, or one mapping.

    ``number`` grows by one in each trace, so that whoever follows can ask for what came after.  ``at`` is Unix time.  ``peer`` is
    the other end (``udp:192.0.2.1:5060``, or a component domain).  ``what`` names it: ``NOTIFY``, ``200 to SUBSCRIBE``, ``presence``.
    ``text`` is the message without what is secret; of a mapping it is the value before, ``after`` the value after it, and ``lost``
    says what ``after`` does not carry.  ``is_cut`` says that there was more.
    """

    number: int
    at: float
    leg: Leg
    way: Way
    what: str
    text: str
    peer: str = ""
    after: str = ""
    lost: tuple[str, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What went wrong with a pair, and when (Unix time)."""

    at: float
    what: str


class Trace:
    """What is kept of one pair until ``until``, Unix time.  ``dropped`` messages were forgotten for newer ones."""

    def __init__(self, pair: Pair, since: float, seconds: float) -> None:
        self.watcher, self.presentity = pair
        self.since = since
        self.seconds = seconds
        self.until = since + seconds
        self.kept: deque[Message] = deque(maxlen=MESSAGES)
        self.count = 0
        self.calls: dict[str, None] = {}

    def knows(self, call_id: str) -> None:
        """Messages with this Call-ID are of the pair, whatever names they bear."""
        if call_id not in self.calls:
            if len(self.calls) >= CALLS:
                del self.calls[next(iter(self.calls))]
            self.calls[call_id] = None

    @property
    def dropped(self) -> int:
        """How many messages were forgotten for newer ones."""
        return self.count - len(self.kept)

    def after(self, number: int) -> list[Message]:
        """The messages that came after the one of this number, oldest first."""
        return [message for message in self.kept if message.number > number]


class Tracer:
    """All traces.  ``switched`` are called with whether any pair is traced, when that changes."""

    def __init__(self, clock: IReactorTime) -> None:
        self.on = False
        self._clock = clock
        self._traces: dict[Pair, Trace] = {}
        self._troubles: OrderedDict[Pair, Trouble] = OrderedDict()
        self._switched: list[Callable[[bool], None]] = []
        self._look: IDelayedCall | None = None

    # What operators do

    def begin(self, watcher: Address, presentity: Address, seconds: float = SECONDS) -> Trace:
        """Trace a pair, or go on tracing it for so long; raises ``TooMany``."""
        pair = (watcher, presentity)
        now = self._clock.seconds()
        trace = self._traces.get(pair)
        if trace is None:
            if len(self._traces) >= PAIRS:
                raise TooMany(f"{PAIRS} pairs are traced already; end one of them first")
            trace = self._traces[pair] = Trace(pair, now, seconds)
        trace.seconds = seconds
        trace.until = now + seconds
        self._settle()
        return trace

    def look(self, watcher: Address, presentity: Address) -> Trace | None:
        """The trace of a pair, which goes on because somebody looks; None if it is not traced."""
        trace = self._traces.get((watcher, presentity))
        if trace is not None:
            trace.until = self._clock.seconds() + trace.seconds
        return trace

    def end(self, watcher: Address, presentity: Address) -> bool:
        """Trace a pair no longer and forget what was kept; whether it was traced."""
        ended = self._traces.pop((watcher, presentity), None) is not None
        self._settle()
        return ended

    def stop(self) -> None:
        """Forget everything."""
        self._traces.clear()
        self._settle()

    def __iter__(self) -> Iterator[Trace]:
        return iter(tuple(self._traces.values()))

    def __len__(self) -> int:
        return len(self._traces)

    def listen(self, switched: Callable[[bool], None]) -> None:
        """Call ``switched`` when the first trace begins (True) and when the last has ended (False)."""
        self._switched.append(switched)

    # What is kept

    def by_call(self, call_id: str) -> list[Trace]:
        """The traces of the pairs that a SIP dialog is known to be of."""
        return [trace for trace in self._traces.values() if call_id in trace.calls]

    def of_presentity(self, presentity: Address) -> list[Trace]:
        """The traces of all pairs with this presentity."""
        return [trace for trace in self._traces.values() if trace.presentity == presentity]

    def of(self, watcher: Address, presentity: Address) -> Trace | None:
        """The trace of a pair, for those who have something to keep in it."""
        return self._traces.get((watcher, presentity))

    def keep(
        self,
        trace: Trace,
        leg: Leg,
        way: Way,
        what: str,
        text: str,
        *,
        peer: str = "",
        after: str = "",
        lost: Iterable[str] = (),
    ) -> None:
        """Keep a message; what is secret is out of it already."""
        trace.count += 1
        trace.kept.append(
            Message(
                number=trace.count,
                at=self._clock.seconds(),
                leg=leg,
                way=way,
                what=what[:200],
                text=text[:LARGEST],
                peer=peer,
                after=after[:LARGEST],
                lost=tuple(sentence[:200] for sentence in lost)[:MESSAGES],
                is_cut=len(text) > LARGEST or len(after) > LARGEST,
            )
        )

    # What went wrong, whether traced or not

    def trouble(self, watcher: Address, presentity: Address, what: str) -> None:
        """Something went wrong with a pair; ``what`` is a phrase for operators."""
        pair = (watcher, presentity)
        self._troubles[pair] = Trouble(at=self._clock.seconds(), what=what[:300])
        self._troubles.move_to_end(pair)
        if len(self._troubles) > TROUBLES:
            self._troubles.popitem(last=False)

    def trouble_of(self, watcher: Address, presentity: Address) -> Trouble | None:
        """What went wrong last, if anything did lately."""
        return self._troubles.get((watcher, presentity))

    def _settle(self) -> None:
        """Switch what has to be on, and look again when the next trace ends by itself."""
        on = bool(self._traces)
        if on is not self.on:
            self.on = on
            for switched in self._switched:
                switched(on)
        if self._look is not None and self._look.active():
            self._look.cancel()
        self._look = None
        if on:
            until = min(trace.until for trace in self._traces.values())
            self._look = self._clock.callLater(max(0.0, until - self._clock.seconds()), self._expire)

    def _expire(self) -> None:
        self._look = None
        now = self._clock.seconds()
        for pair in [pair for pair, trace in self._traces.items() if trace.until <= now]:
            del self._traces[pair]
        self._settle()
