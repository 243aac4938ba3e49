"""Package ``presence.winfo``: an owner is told who watches and who waits to be let in.

Only the owner may subscribe; whether a request is the owner's has been proved before it comes here.  What is told is the
list of ``presence.watcher_info``: all of it at first and after each SUBSCRIBE, later only the rows that have changed, and one
that ended once more, with the reason.  Changes are passed on every five seconds at most.  Watchers of watcher information are
nobody's business: ``presence.winfo.winfo`` is no package of ours.

A list that would make too large a body is told as far as it fits, who needs a decision first, and as a whole each time.

Implements: RFC 3857 section 4 (the template package, for presence); RFC 3858.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from math import ceil
from typing import ClassVar, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import frozen_value
from sip2xmpp.documents.watcherinfo import CONTENT_TYPE, OVERHEAD, Status, WatcherElement, write
from sip2xmpp.errors import BadDocument
from sip2xmpp.events.accepting import accepts
from sip2xmpp.events.package import Body
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watcher_info import PACKAGE, WatcherInfo, WatcherRow
from sip2xmpp.presence.watching import StateWatcher, Told, Watch

INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs about the watchers of one presentity (RFC 3857, section 4.10)."""
ROOM: Final = 500_000
"""Octets of a list on a connection."""
DATAGRAM_ROOM: Final = 48_000
"""Octets of a list in a datagram, which also carries the head of a request."""


@frozen_value
class WatcherList:
    """Everybody who watches ``presentity`` or waits to."""

    presentity: Address
    rows: tuple[WatcherRow, ...] = ()


class _WatcherForm:
    """``application/watcherinfo+xml``, of so many octets at most."""

    numbered: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        room: int,
        *,
        info: WatcherInfo,
        uri_of: Callable[[Address], str],
        now: Callable[[], float],
    ) -> None:
        self.name = name
        self._room = room
        self._info = info
        self._uri_of = uri_of
        self._now = now

    def body(
        self, told: Told[WatcherList], before: Told[WatcherList] | None, entity: str, number: int
    ) -> Body | None:
        """The list, or what has changed since ``before``; the first document of a subscription has the version 0."""
        known = told.document
        if known is None:
            return None
        presentity = known.presentity
        rows = self._fitting(known.rows)
        former = None if before is None or before.document is None else self._fitting(before.document.rows)
        full = (
            former is None
            or len(rows) < len(known.rows)
            or (
                before is not None and before.document is not None and len(former) < len(before.document.rows)
            )
        )
        ends = self._info.expirations(presentity)
        if full or former is None:
            elements = [self._element(row, ends) for row in rows]
        else:
            held = {row.id: row for row in former}
            elements = [self._element(row, ends) for row in rows if held.pop(row.id, None) != row]
            present = {row.id for row in rows}
            elements += [self._ended(presentity, row) for row in former if row.id not in present]
        octets = write(
            elements,
            version=number,
            full=full,
            # Written as it was asked for: clients compare it with the address of their account.
            resource=entity if entity.startswith("sip:") else self._uri_of(presentity),
            package=PACKAGE,
        )
        return Body(content_type=CONTENT_TYPE, octets=octets)

    def _fitting(self, rows: Iterable[WatcherRow]) -> list[WatcherRow]:
        """As many as there is room for."""
        left = self._room

        def fits(row: WatcherRow) -> bool:
            nonlocal left
            left -= OVERHEAD + len(self._uri_of(row.watcher).encode())
            return left >= 0

        return list(takewhile(fits, rows))

    def _element(self, row: WatcherRow, ends: Mapping[Address, float]) -> WatcherElement:
        now = self._now()
        left = ends.get(row.watcher, 0.0) - now if row.status is not Status.WAITING else 0.0
        return WatcherElement(
            id=row.id,
            uri=self._uri_of(row.watcher),
            status=row.status,
            event=row.event,
            expiration=ceil(left) if left > 0 else None,
            duration=None if row.since is None else max(int(now - row.since), 0),
        )

    def _ended(self, presentity: Address, row: WatcherRow) -> WatcherElement:
        return WatcherElement(
            id=row.id,
            uri=self._uri_of(row.watcher),
            status=Status.TERMINATED,
            event=self._info.why_ended(presentity, row),
        )


class WatcherInformation:
    """The package; ``uri_of`` writes a watcher's address, SIP user or Jabber user, as a SIP URI."""

    name: ClassVar[str] = "presence.winfo"
    default_expires: ClassVar[int] = 3600
    accepts: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        info: WatcherInfo,
        *,
        exists: Callable[[Address], bool],
        uri_of: Callable[[Address], str],
        clock: IReactorTime,
    ) -> None:
        self._states = StateAgent[WatcherList](
            clock=clock,
            compute=lambda presentity: WatcherList(presentity=presentity, rows=tuple(info.rows(presentity))),
            neutral=lambda presentity: WatcherList(presentity=presentity),
            decide=lambda presentity, watcher: Handling.ALLOW if presentity == watcher else Handling.BLOCK,
            exists=exists,
            interval=INTERVAL,
        )
        self._stream, self._datagram = (
            _WatcherForm(name, room, info=info, uri_of=uri_of, now=clock.seconds)
            for name, room in (("watcherinfo", ROOM), ("watcherinfo-datagram", DATAGRAM_ROOM))
        )
        info.listen(self._states.changed)

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        """Begin to watch; raises ``NotAuthorized`` for anybody but the owner, and ``NoSuchPresentity``."""
        return self._states.watch(resource, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> _WatcherForm | None:  # noqa: ARG002
        """The one form there is, if it is accepted."""
        if not accepts(accept, CONTENT_TYPE):
            return None
        return self._datagram if datagram else self._stream

    def check(self, body: bytes) -> None:  # noqa: ARG002
        """Nothing is published here."""
        raise BadDocument("watcher information is not published")

    def device_of(self, body: bytes) -> str:  # noqa: ARG002
        """Nothing is published here."""
        return ""

    def existence_changed(self, presentity: Address) -> None:
        """End the subscription of an owner who is no longer one of our users."""
        self._states.existence_changed(presentity)
