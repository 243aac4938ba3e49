"""Lists: one subscription to so many members at once.

First one watcher subscribes, and when it has been told of everybody the members change one at a time, not in step with any timer
of the server: what counts is the time from a PUBLISH to the NOTIFY of the list that shows it.  Then more watchers subscribe, some
at a time, each to a list of the same members: a subscription is over when its watcher has been told of all members.

The list stands in the body of the SUBSCRIBE.  A server that does not read it there has it under the address of the request.
"""

import random
from collections.abc import Callable
from typing import Final

from tests.bench.load import LIFETIME, PATIENCE, Load
from tests.bench.messages import MARK, SUBSCRIBE
from tests.bench.rows import Demand, Phase, Result, publish_all
from tests.bench.wire import now

LIST: Final = b"sip:list@%b"
"""The address of everybody's list."""
WATCHERS: Final = 20
AT_ONCE: Final = 4
"""Subscriptions under way."""
PAUSE: Final = 1.0
"""Seconds between two changes, at most."""
DATAGRAM: Final = 65_535

_PLAIN: Final = b"Accept: application/pidf+xml\r\n"
_LISTS: Final = (
    b"Accept: application/pidf+xml, application/rlmi+xml, multipart/related\r\nSupported: eventlist\r\n"
    b"Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n"
)


class _Watcher:
    """One subscription to a list, and the members' documents that it was told."""

    def __init__(self, load: Load, index: int, body: bytes) -> None:
        self._load = load
        self._index = index
        self._body = body
        self.told: set[bytes] = set()
        self.wanted: set[bytes] = set()
        self.began = self.ended = 0.0
        self.refused = False
        self._over: Callable[[], None] = lambda: None

    def start(self, over: Callable[[], None]) -> None:
        self._over = over
        wire, domain = self._load.wire, self._load.domain
        number = wire.number()
        octets = SUBSCRIBE % {
            b"target": LIST % domain,
            b"presentity": LIST % domain,
            b"tag": b"",
            b"watcher": b"sip:watcher-%06d@%b" % (self._index, domain),
            b"here": wire.here,
            b"number": number,
            b"index": self._index,
            b"expires": LIFETIME,
        }
        octets = octets.replace(_PLAIN, _LISTS)
        octets = octets.replace(b"Content-Length: 0", b"Content-Length: %d" % len(self._body)) + self._body
        self.began = wire.request(number, octets, self._answered)

    def notified(self, octets: bytes, at: float) -> None:
        self.told.update(MARK.findall(octets))
        if not self.ended and self.told >= self.wanted:
            self.ended = at
            self._over()

    def _answered(self, status: int, _: bytes, __: float) -> None:
        if not 200 <= status < 300:
            self.refused = True
            self._over()


def listing(load: Load, demand: Demand) -> dict[str, Result]:
    """``size`` members, of whom ``changes`` change one after the other."""
    load.wire.largest = DATAGRAM
    members = [load.presentity("member", index) for index in range(demand.size)]
    missing = publish_all(load, members)
    body = (
        b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>'
        + b"".join(b'<entry uri="%b"/>' % each for each in members)
        + b"</list></resource-lists>"
    )
    watchers = [_Watcher(load, index, body) for index in range(WATCHERS + 1)]
    shown = {load.publisher(each).mark.rpartition(b"-")[2] for each in members}
    for watcher in watchers:
        watcher.wanted = set(shown)
    load.wire.notified = lambda index, octets, at: watchers[index].notified(octets, at)

    watchers[0].start(lambda: None)
    load.wire.run(lambda: bool(watchers[0].ended) or watchers[0].refused, PATIENCE / 3)
    phase = Phase(load, demand)
    samples = _changes(load, demand, watchers[0], members)
    change = phase.end(samples, demand.changes - len(samples) + missing)

    current = {load.publisher(each).mark.rpartition(b"-")[2] for each in members}
    for watcher in watchers[1:]:
        watcher.wanted = set(current)
    phase = Phase(load, demand)
    load.keep_going((watcher.start for watcher in watchers[1:]), AT_ONCE)
    served = [each.ended - each.began for each in watchers[1:] if each.ended]
    return {"change": change, "subscribe": phase.end(served, WATCHERS - len(served))}


def _changes(load: Load, demand: Demand, watcher: _Watcher, members: list[bytes]) -> list[float]:
    """The seconds that each change took to be told."""
    pauses = random.Random(1)
    samples = []
    for number in range(demand.changes):
        load.wire.run(lambda: False, pauses.uniform(0.2, PAUSE))
        publisher = load.publisher(members[number * 7 % len(members)])
        publisher.publish(lambda *_: None)
        mark = publisher.mark.rpartition(b"-")[2]
        if load.wire.run(lambda wanted=mark: wanted in watcher.told, PATIENCE / 3):  # type: ignore[misc]
            samples.append(now() - publisher.began)
    return samples
