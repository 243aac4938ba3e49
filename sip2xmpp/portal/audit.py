"""The audit log: every change that somebody made by page, API or command, with who, when and from where.

It is kept in the store for a year, ``MOST`` lines at a time, and each line is in the gateway's log as well.  What the command
does is written by the command, whether or not the gateway runs.  A program that states the same presence every minute would push
everything else out, so what is only done again, with nothing else to the same address in between, is one line in an hour.
And what programs do, and people to what is theirs, makes room first: nobody gets rid of what operators did by being busy.
"""

from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.keeping import Deed, make_deed

MOST: Final = 10_000
"""Lines that are kept."""

AGAIN: Final = 3_600.0
"""Seconds for which doing the same again is the same line."""


class Audit:
    """Writes and reads it."""

    log = Logger()

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._deeds = store.deeds
        self._clock = clock
        held = sorted(store.deeds.all(), key=lambda deed: deed.at)
        self._held = {deed.key: deed for deed in held}
        self._usual = {deed.key: None for deed in held if is_usual(deed)}
        self._last = {deed.about: deed for deed in held}
        store.deeds.listen(self._changed)
        self._shorten()

    def record(self, *, who: str, by: str, what: str, about: str = "", peer: str = "") -> None:
        """Write that ``who`` did ``what``, by page, API or command, to ``about``; safe with the next commit."""
        deed = make_deed(self._clock.seconds(), who=who, by=by, peer=peer, what=what, about=about)
        if not is_again(deed, self._last.get(about)):
            self._deeds.put(deed)
        self.log.info(
            "{by}: {who} at {peer}: {what} ({about})", by=by, who=who, peer=peer, what=what, about=about
        )

    def latest(self, most: int, about: str = "") -> list[Deed]:
        """The last ``most`` lines, the newest first; of one address only where one is named."""
        lines = sorted(self._deeds.select(about) if about else self._held.values(), key=lambda deed: deed.at)
        return lines[: -most - 1 : -1]

    def _changed(self, change: Change[Deed]) -> None:
        deed = change.record
        if change.kind is ChangeKind.PUT:
            self._held[deed.key] = deed
            if is_usual(deed):
                self._usual[deed.key] = None
            self._last[deed.about] = deed
            self._shorten()
            return
        self._held.pop(deed.key, None)
        self._usual.pop(deed.key, None)
        if deed.about in self._last and self._last[deed.about].key == deed.key:
            del self._last[deed.about]

    def _shorten(self) -> None:
        while len(self._held) > MOST:
            oldest = next(iter(self._usual if len(self._usual) > MOST // 2 else self._held))
            del self._held[oldest]
            self._usual.pop(oldest, None)
            self._deeds.remove(oldest)


def is_usual(deed: Deed) -> bool:
    """Whether it is what programs do, or what somebody does to what is his own."""
    return deed.by == "API" or deed.who == deed.about


def is_again(deed: Deed, last: Deed | None) -> bool:
    """Whether a line would say what the last one about the same address has just said."""
    return (
        last is not None
        and (last.who, last.by, last.peer, last.what) == (deed.who, deed.by, deed.peer, deed.what)
        and 0 <= deed.at - last.at < AGAIN
    )
