"""The audit log: every change that somebody made by page, API or command, with who, when and from where.

It is kept in the store for a year, ``MOST`` lines at a time, and each line is in the gateway's log as well.  What the command
does while the gateway is stopped is written by the command.
"""

from collections import deque
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.store.interface import Change, ChangeKind, Store
from sip2xmpp.store.keeping import Deed, make_deed

MOST: Final = 10_000
"""Lines that are kept."""


class Audit:
    """Writes and reads it."""

    log = Logger()

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._deeds = store.deeds
        self._clock = clock
        held = sorted(store.deeds.all(), key=lambda deed: deed.at)
        self._order = deque(held)
        store.deeds.listen(self._changed)
        self._shorten()

    def record(self, *, who: str, by: str, what: str, about: str = "", peer: str = "") -> None:
        """Write that ``who`` did ``what``, by page, API or command, to ``about``; safe with the next commit."""
        self._deeds.put(make_deed(self._clock.seconds(), who=who, by=by, peer=peer, what=what, about=about))
        self.log.info(
            "{by}: {who} at {peer}: {what} ({about})", by=by, who=who, peer=peer, what=what, about=about
        )

    def latest(self, most: int, about: str = "") -> list[Deed]:
        """The last ``most`` lines, the newest first; of one address only where one is named."""
        lines = sorted(self._deeds.select(about) if about else self._order, key=lambda deed: deed.at)
        return lines[: -most - 1 : -1]

    def _changed(self, change: Change[Deed]) -> None:
        if change.kind is ChangeKind.PUT:
            self._order.append(change.record)
            self._shorten()
        elif self._order and self._order[0].key == change.record.key:
            self._order.popleft()

    def _shorten(self) -> None:
        while len(self._order) > MOST:
            self._deeds.remove(self._order.popleft().key)
