"""Publishers and watchers by the thousand, on one ``Wire``."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tests.bench.messages import DOCUMENT, ETAG, PUBLISH, SUBSCRIBE
from tests.bench.wire import Wire

PATIENCE: Final = 30.0
"""Seconds without an end after which what has not come is lost."""

Start = Callable[[Callable[[], None]], None]
"""An operation: begins, and calls back when it is over."""


class Load:
    """All users of a run.  ``sip:NAME-n@domain`` publishes, ``sip:watcher-n@domain`` watches."""

    def __init__(self, wire: Wire, domain: str) -> None:
        self.wire = wire
        self._domain = domain.encode()
        self._tags: dict[bytes, bytes] = {}
        self._changes = 0
        self._watchers = 0

    def presentity(self, name: str, index: int) -> bytes:
        """The URI of one publisher."""
        return b"sip:%b-%06d@%b" % (name.encode(), index, self._domain)

    def publish(self, presentity: bytes, done: Callable[[int, float], None]) -> tuple[int, float]:
        """Publish a document never published before; ``done`` gets status and time.  Returns its mark, and when it was sent."""
        self._changes += 1
        number, tag = self.wire.number(), self._tags.get(presentity)
        body = DOCUMENT % {b"presentity": presentity, b"change": self._changes}
        octets = PUBLISH % {
            b"presentity": presentity,
            b"here": self.wire.here,
            b"number": number,
            b"condition": b"SIP-If-Match: %b\r\n" % tag if tag else b"",
            b"length": len(body),
            b"body": body,
        }

        def answered(status: int, response: bytes, at: float) -> None:
            found = ETAG.search(response)
            if found is not None:
                self._tags[presentity] = found[1]
            done(status, at)

        return self._changes, self.wire.request(number, octets, answered)

    def subscribe(self, presentity: bytes, done: Callable[[int, float], None]) -> tuple[int, float]:
        """Let a new watcher watch; returns its index, and when it was sent."""
        index, number = self._watchers, self.wire.number()
        self._watchers += 1
        octets = SUBSCRIBE % {
            b"presentity": presentity,
            b"watcher": b"sip:watcher-%06d@%b" % (index, self._domain),
            b"here": self.wire.here,
            b"number": number,
            b"index": index,
        }
        return index, self.wire.request(number, octets, lambda status, _, at: done(status, at))

    def keep_going(self, operations: Iterable[Start], window: int) -> int:
        """Run the operations, ``window`` of them at a time; returns how many never ended."""
        waiting: Iterator[Start] = iter(operations)
        open_ = 0
        exhausted = False

        def over() -> None:
            nonlocal open_
            open_ -= 1

        def fill() -> bool:
            nonlocal open_, exhausted
            while open_ < window and not exhausted:
                operation = next(waiting, None)
                if operation is None:
                    exhausted = True
                else:
                    open_ += 1
                    operation(over)
            return exhausted and not open_

        left = -1
        while not self.wire.run(fill, PATIENCE):
            # patience is for one operation, not for all of them
            if open_ == left:
                break
            left = open_
        return open_
