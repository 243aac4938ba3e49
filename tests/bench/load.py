"""Publishers and watchers by the thousand, on one ``Wire``."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tests.bench.messages import (
    CONTACT,
    DOCUMENT,
    MARKED,
    PUBLISH,
    SUBSCRIBE,
    TO_TAG,
    WITH_DOCUMENT,
    WITHOUT,
    header,
)
from tests.bench.wire import NEVER, Wire, now

PATIENCE: Final = 30.0
"""Seconds without an end after which what has not come is lost."""
LIFETIME: Final = 3600
"""Seconds that subscriptions and publications are asked for."""

Start = Callable[[Callable[[], None]], None]
"""An operation: begins, and calls back when it is over."""
Done = Callable[["Publisher", int, float], None]
"""Called with the publisher, the status (0: none came) and when."""


class Publisher:
    """One presentity with one publication; requests of one publisher follow each other."""

    __slots__ = ("_condition", "_done", "_load", "_parts", "began", "change", "mark", "uri")

    def __init__(self, load: "Load", uri: bytes) -> None:
        self.uri = uri
        self.change = 0
        self.mark = b""
        """Of the document published last."""
        self.began = 0.0
        self._load = load
        self._condition = b""
        self._done: Done = lambda *_: None
        sample = MARKED % 0
        document = DOCUMENT % {b"presentity": uri, b"mark": sample}
        head, tail = document.split(sample)
        fields = {b"presentity": uri, b"here": load.wire.here, b"number": b"\0", b"condition": b"\0"}
        start, middle, before, after = (PUBLISH % fields).split(b"\0")
        self._parts = start, middle, before, after, WITH_DOCUMENT % len(document) + head, tail

    def publish(self, done: Done) -> None:
        """A document never published before."""
        self.change, self.mark = self._load.change()
        start, middle, before, after, head, tail = self._parts
        number = self._load.wire.number()
        digits = b"%d" % number
        octets = b"".join(
            (start, digits, middle, digits, before, self._condition, after, head, self.mark, tail)
        )
        self._done = done
        self.began = self._load.wire.request(number, octets, self._answered)

    def refresh(self, done: Done) -> None:
        """The same document for another while."""
        start, middle, before, after, _, _ = self._parts
        number = self._load.wire.number()
        digits = b"%d" % number
        octets = b"".join((start, digits, middle, digits, before, self._condition, after, WITHOUT))
        self._done = done
        self.began = self._load.wire.request(number, octets, self._answered)

    def _answered(self, status: int, response: bytes, at: float) -> None:
        if 200 <= status < 300:
            self._condition = b"SIP-If-Match: %b\r\n" % header(response, b"SIP-ETag")
        self._done(self, status, at)


class Watcher:
    """One subscription; a request is over when its 200 and the NOTIFY that it causes are there, in either order."""

    __slots__ = (
        "_answered",
        "_load",
        "_number",
        "_octets",
        "_over",
        "_response",
        "_told",
        "began",
        "done",
        "ended",
        "index",
        "presentity",
    )

    def __init__(self, load: "Load", index: int, presentity: bytes) -> None:
        self.index = index
        self.presentity = presentity
        self.began = self.ended = 0.0
        """When the last request was sent, and when it was over; it was lost if it did not end."""
        self.done: Callable[[int, float], None] = lambda *_: None
        """Called with status and time of the final response."""
        self._load = load
        self._number = 0
        self._octets = self._response = b""
        self._answered = self._told = False
        self._over: Callable[[], None] = lambda: None

    def prepare(self, expires: int = LIFETIME) -> None:
        """Write the next request: initial, or within the dialog when there is one."""
        target, tag = self.presentity, b""
        tagged, contact = TO_TAG.search(self._response), CONTACT.search(self._response)
        if tagged is not None and contact is not None:
            target, tag = contact[1], b";tag=" + tagged[1]
        self.ended = 0.0
        self._answered = self._told = False
        self._number = self._load.wire.number()
        self._octets = SUBSCRIBE % {
            b"target": target,
            b"presentity": self.presentity,
            b"tag": tag,
            b"watcher": b"sip:watcher-%06d@%b" % (self.index, self._load.domain),
            b"here": self._load.wire.here,
            b"number": self._number,
            b"index": self.index,
            b"expires": expires,
        }

    def start(self, over: Callable[[], None]) -> None:
        """Send what is prepared."""
        self._over = over
        self.began = self._load.wire.request(self._number, self._octets, self.answered)

    def answered(self, status: int, response: bytes, at: float) -> None:
        """The final response; one that refuses is the end of it."""
        self._response = response
        self.done(status, at)
        if not 200 <= status < 300:
            self._over()
            return
        self._answered = True
        if self._told:
            self.ended = at
            self._over()

    def notified(self, at: float) -> None:
        """A NOTIFY; the first one after a request belongs to it."""
        if self._told:
            return
        self._told = True
        if self._answered:
            self.ended = at
            self._over()


class Load:
    """All users of a run.  ``sip:NAME-n@domain`` publishes, ``sip:watcher-n@domain`` watches."""

    def __init__(self, wire: Wire, domain: str) -> None:
        self.wire = wire
        self.domain = domain.encode()
        self.watchers: list[Watcher] = []
        self._publishers: dict[bytes, Publisher] = {}
        self._changes = 0

    def change(self) -> tuple[int, bytes]:
        """Number and mark of a new document."""
        self._changes += 1
        return self._changes, MARKED % self._changes

    def presentity(self, name: str, index: int) -> bytes:
        """The URI of one publisher."""
        return b"sip:%b-%06d@%b" % (name.encode(), index, self.domain)

    def publisher(self, presentity: bytes) -> Publisher:
        """The one who publishes for a presentity."""
        if presentity not in self._publishers:
            self._publishers[presentity] = Publisher(self, presentity)
        return self._publishers[presentity]

    def publish(self, presentity: bytes, done: Callable[[int, float], None]) -> tuple[int, float]:
        """Publish a new document; ``done`` gets status and time.  Returns the change's number, and when it was sent."""
        publisher = self.publisher(presentity)
        publisher.publish(lambda _, status, at: done(status, at))
        return publisher.change, publisher.began

    def watcher(self, presentity: bytes) -> Watcher:
        """A new one, who has not subscribed yet."""
        watcher = Watcher(self, len(self.watchers), presentity)
        self.watchers.append(watcher)
        return watcher

    def subscribe(self, presentity: bytes, done: Callable[[int, float], None]) -> tuple[int, float]:
        """Let a new watcher watch; ``done`` gets status and time.  Returns its index, and when it was sent."""
        watcher = self.watcher(presentity)
        watcher.prepare()
        watcher.done = done
        watcher.start(lambda: None)
        return watcher.index, watcher.began

    def tell_watchers(self) -> None:
        """From now on a NOTIFY is the end of its watcher's request, and nothing else."""
        watchers = self.watchers
        self.wire.notified = lambda index, _, at: watchers[index].notified(at)

    def keep_going(self, operations: Iterable[Start], window: int, rate: float = 0.0) -> int:
        """Run the operations, ``window`` at a time and at most ``rate`` a second (0: any); returns how many never ended."""
        waiting: Iterator[Start] = iter(operations)
        began = now()
        started = ended = 0
        exhausted = False

        def over() -> None:
            nonlocal ended
            ended += 1

        def fill() -> bool:
            nonlocal started, exhausted
            while started - ended < window and not exhausted:
                if rate and began + started / rate > now():
                    self.wire.wake = began + started / rate
                    return False
                operation = next(waiting, None)
                if operation is None:
                    exhausted = True
                else:
                    started += 1
                    operation(over)
            self.wire.wake = NEVER
            return exhausted and started == ended

        progress = -1
        while not self.wire.run(fill, PATIENCE):
            # patience is for one operation, not for all of them, but to be given up is no progress
            before, progress = progress, ended - self.wire.count["timeouts"]
            if progress <= before:
                break
        self.wire.wake = NEVER
        return started - ended
