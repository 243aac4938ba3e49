"""How far long work has come, on standard error: one line that is drawn again on a terminal, else nothing or a line now and then.

Standard output is left to results, so a script can read those while somebody watches.  On a terminal the line is drawn at most
ten times a second and wiped when the work is over; elsewhere a whole line is written for every ``lines`` things, so that a log
or a mail of cron tells how far it came and is not filled with it.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, Self, TextIO, TypeVar

from sip2xmpp.command.screen import can_redraw, cut, printable, window

T = TypeVar("T")

PERIOD: Final = 0.1
"""Seconds between two drawings."""

SETTLED: Final = 1.0
"""Seconds after which the time that is left can be guessed."""

_WIPE: Final = "\r\x1b[K"


class Progress:
    """The progress of one piece of work, to be used in a ``with`` block.

    ``total`` is how many things there are, or None where nobody knows.  ``lines``: where nothing can be drawn, write a line
    for every so many of them; 0 is silence.
    """

    def __init__(
        self,
        doing: str,
        total: int | None = None,
        *,
        lines: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.done = 0
        self._doing = doing
        self._total = total
        self._lines = lines
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._drawing = can_redraw(self._stream)
        self._began = clock()
        self._drawn_at = float("-inf")
        self._told = 0

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawing:
            self._stream.write(_WIPE)
            self._stream.flush()

    def step(self, count: int = 1, what: str = "") -> None:
        """So many more are done; ``what`` names the last one, and may be anybody's text."""
        self.done += count
        if self._drawing:
            self._draw(what)
        elif self._lines and self.done // self._lines > self._told:
            self._told = self.done // self._lines
            print(f"sip2xmpp: {self._line()}", file=self._stream, flush=True)

    def over(self, things: Iterable[T], what: Callable[[T], str] = lambda _: "") -> Iterator[T]:
        """The things one by one, each a step when the next one is asked for."""
        for thing in things:
            yield thing
            self.step(what=what(thing))

    def _draw(self, what: str = "") -> None:
        now = self._clock()
        if not self._drawing or now - self._drawn_at < PERIOD:
            return
        self._drawn_at = now
        line = f"{self._line()}{self._left(now)}{'  ' + printable(what) if what else ''}"
        self._stream.write(_WIPE + cut(line, window()[0] - 1))
        self._stream.flush()

    def _line(self) -> str:
        if self._total is None:
            return f"{self._doing}: {self.done:,}"
        share = 100 if not self._total else min(100, 100 * self.done // self._total)
        return f"{self._doing}: {self.done:,} of {self._total:,} ({share} %)"

    def _left(self, now: float) -> str:
        spent = now - self._began
        if not self._total or not self.done or spent < SETTLED:
            return ""
        seconds = round(spent / self.done * max(0, self._total - self.done))
        return f", {seconds // 60} min {seconds % 60} s left" if seconds >= 60 else f", {seconds} s left"
