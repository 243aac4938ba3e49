"""Server-sent events: browsers learn *that* something changed, and fetch the same page again to see what.

A stream hears topics, such as ``presence alice@sip.example.org``.  What changes within ``TOGETHER`` seconds is told at once, and a
comment now and then keeps proxies from closing a quiet stream.  Where nobody listens a change costs a look at an empty table.
Streams are bounded for each session, each user, and in all; whoever gets none asks now and then instead.

Implements: the HTML Standard, section "Server-sent events".
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.store.keeping import Session

TOGETHER: Final = 0.2
"""Seconds in which changes are told as one."""

QUIET: Final = 15.0
"""Seconds after which a comment is sent."""

OF_SESSION: Final = 4
"""Streams of one session: a browser has six connections for a site."""

OF_USER: Final = 20
"""Streams of one user in all sessions: nobody takes them from all others."""

IN_ALL: Final = 250
"""Streams of everybody: half of the connections there may be."""

FIRST: Final = b"retry: 1000\n\nevent: open\ndata: 1\n\n"
CHANGED: Final = b"event: changed\ndata: 1\n\n"
COMMENT: Final = b": still here\n\n"


class Stream:
    """One browser that listens.  ``send`` takes octets, ``close`` ends the connection."""

    def __init__(
        self, session: str, send: Callable[[bytes], object], close: Callable[[], object], user: str = ""
    ) -> None:
        self.session = session
        self.user = user
        self.send = send
        self.close = close
        self.is_waiting = False


class Live:
    """All streams."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._topics: dict[str, dict[Stream, None]] = {}
        self._streams: dict[Stream, Collection[str]] = {}
        self._sessions: dict[str, dict[Stream, None]] = defaultdict(dict)
        self._users: Counter[str] = Counter()
        self._waiting: list[Stream] = []
        self._soon: IDelayedCall | None = None
        self._quiet: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._streams)

    def changed(self, topic: str, about: object = "") -> None:
        """Something of ``topic``, or of ``topic`` about somebody, is not what it was."""
        if not self._topics:
            return
        for stream in self._topics.get(f"{topic} {about}" if about else topic, ()):
            if not stream.is_waiting:
                stream.is_waiting = True
                self._waiting.append(stream)
        if self._waiting and self._soon is None:
            self._soon = self._clock.callLater(TOGETHER, self._tell)

    def is_heard(self, topic: str, about: object = "") -> bool:
        """Whether anybody listens to this."""
        return bool(self._topics) and (f"{topic} {about}" if about else topic) in self._topics

    def has_room(self, session: Session) -> bool:
        """Whether one more stream of this session may begin."""
        return (
            len(self._streams) < IN_ALL
            and len(self._sessions.get(session.digest, ())) < OF_SESSION
            and self._users[session.address] < OF_USER
        )

    def listen(self, stream: Stream, topics: Collection[str]) -> None:
        """Begin; ``stop`` is the end."""
        self._streams[stream] = tuple(topics)
        self._sessions[stream.session][stream] = None
        self._users[stream.user] += 1
        for topic in topics:
            self._topics.setdefault(topic, {})[stream] = None
        stream.send(FIRST)
        if self._quiet is None:
            self._quiet = self._clock.callLater(QUIET, self._comment)

    def stop(self, stream: Stream) -> None:
        """This one is gone."""
        if stream in self._streams:
            self._users[stream.user] -= 1
            if not self._users[stream.user]:
                del self._users[stream.user]
        for topic in self._streams.pop(stream, ()):
            streams = self._topics.get(topic, {})
            streams.pop(stream, None)
            if not streams:
                self._topics.pop(topic, None)
        held = self._sessions.get(stream.session, {})
        held.pop(stream, None)
        if not held:
            self._sessions.pop(stream.session, None)

    def session_ended(self, session: Session) -> None:
        """Nothing more is told to it."""
        for stream in tuple(self._sessions.get(session.digest, ())):
            self.stop(stream)
            stream.close()

    def close(self) -> None:
        """The gateway stops."""
        for stream in tuple(self._streams):
            self.stop(stream)
            stream.close()

    def _tell(self) -> None:
        self._soon = None
        waiting, self._waiting = self._waiting, []
        for stream in waiting:
            stream.is_waiting = False
            if stream in self._streams:
                stream.send(CHANGED)

    def _comment(self) -> None:
        self._quiet = None
        for stream in tuple(self._streams):
            stream.send(COMMENT)
        if self._streams:
            self._quiet = self._clock.callLater(QUIET, self._comment)
