"""A state agent for any event package but presence: watches of resources of our own, whatever their state is.

A package supplies ``compute``, the state of a resource now as a value; whoever owns that state calls ``changed``, and on the
next reactor turn it is computed once and every watcher who may see it gets the same ``Told``.  The four views are those of the
presence agent: the state, the neutral state (politely blocked), nothing yet (undecided), the end.  Changes that follow one
another too soon for the package are told together (``presence.spacing``); whoever begins or asks again is told at once.

Implements: RFC 6665 section 4.2.2 (state agents), for packages whose states are small and whose watchers are few.
"""

from collections.abc import Callable
from itertools import islice
from typing import Final, Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import NoSuchPresentity, NotAuthorized
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.spacing import Spacing
from sip2xmpp.presence.watching import Reason, Standing, StateWatcher, Told, Watch

S = TypeVar("S")

JUDGEMENTS: Final = 50
"""How many watchers are decided about anew before other traffic is served."""


class _Watch(Generic[S]):
    """One watcher of one resource; ``told`` is the view it has, ``end`` the last one once that is decided.

    ``undecided``: the rules have changed since it was decided about.
    """

    __slots__ = ("_agent", "end", "handling", "resource", "stopped", "told", "undecided", "watcher")

    def __init__(
        self, agent: "StateAgent[S]", resource: Address, watcher: StateWatcher, handling: Handling
    ) -> None:
        self._agent = agent
        self.resource = resource
        self.watcher = watcher
        self.handling = handling
        self.told: Told[S] | None = None
        self.end: Told[S] | None = None
        self.stopped = False
        self.undecided = False

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self._agent.forget(self)

    def refresh(self) -> None:
        self.told = None
        self._agent.queue(self)


class StateAgent(Generic[S]):
    """Watches of the resources of one package.

    ``decide(resource, watcher)`` is the policy, ``exists(resource)`` says whether we serve it.  ``neutral`` is the state that
    gives nothing away, and what a resource is when nothing is known of it.  Between two changes of a resource are ``interval``
    seconds at least.  ``unwatched(resource)`` is called when the last watch of it is gone.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        compute: Callable[[Address], S],
        neutral: Callable[[Address], S],
        decide: Callable[[Address, Address], Handling],
        exists: Callable[[Address], bool],
        interval: float = 0.0,
        unwatched: Callable[[Address], object] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._compute = compute
        self._neutral = neutral
        self._decide = decide
        self._exists = exists
        self._unwatched = unwatched
        self._pass_on = Spacing(clock, interval, self._mark).changed if interval else self._mark
        self._watches: dict[Address, dict[_Watch[S], None]] = {}
        self._current: dict[Address, Told[S]] = {}
        self._hidden: dict[Address, Told[S]] = {}
        self._pending: Told[S] = Told(standing=Standing.PENDING)
        self._queue: dict[_Watch[S], None] = {}
        self._undecided: dict[_Watch[S], None] = {}
        self._changed: set[Address] = set()
        self._call: IDelayedCall | None = None

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:  # noqa: ARG002
        """Begin to watch, by the rules of the seam; raises ``NoSuchPresentity`` or ``NotAuthorized``."""
        if not self._exists(resource):
            raise NoSuchPresentity(f"nobody is called {resource}")
        handling = self._decide(resource, watcher.address)
        if handling is Handling.BLOCK:
            raise NotAuthorized(f"{watcher.address} may not watch {resource}")
        watch = _Watch(self, resource, watcher, handling)
        self._watches.setdefault(resource, {})[watch] = None
        self.queue(watch)
        return watch

    def is_watched(self, resource: Address) -> bool:
        """Whether anybody would hear of a change."""
        return resource in self._watches

    def watches_of(self, resource: Address) -> int:
        """How many watches of it there are."""
        return len(self._watches.get(resource, ()))

    def changed(self, resource: Address) -> None:
        """The state of ``resource`` may be another one now."""
        if resource in self._watches:
            self._pass_on(resource)

    def rules_changed(self, resource: Address, watcher: Address | None = None) -> None:
        """Decide again about one watcher of ``resource``, or all: a few at once, the others in the next turns and before they hear anything."""
        concerned = [
            watch
            for watch in self._watches.get(resource, ())
            if watcher is None or watch.watcher.address == watcher
        ]
        for watch in concerned[:JUDGEMENTS]:
            self._decide_again(watch)
        for watch in concerned[JUDGEMENTS:]:
            watch.undecided = True
            self._undecided[watch] = None
            self._wake()

    def existence_changed(self, resource: Address) -> None:
        """End the watches of ``resource`` if it is no longer one of ours."""
        if resource in self._watches and not self._exists(resource):
            for watch in tuple(self._watches[resource]):
                self._end(watch, Reason.NORESOURCE)

    def queue(self, watch: _Watch[S]) -> None:
        """Tell this one watch on the next turn, and what is then: a change may be held back for those who only listen."""
        self._queue[watch] = None
        if watch.handling is Handling.ALLOW:
            self._changed.add(watch.resource)
        self._wake()

    def forget(self, watch: _Watch[S]) -> None:
        """Drop a watch, and with the last one what was computed."""
        watches = self._watches.get(watch.resource)
        if watches is not None and watches.pop(watch, watch) is None and not watches:
            del self._watches[watch.resource]
            self._current.pop(watch.resource, None)
            self._hidden.pop(watch.resource, None)
            self._unwatched(watch.resource)

    def _decide_again(self, watch: _Watch[S]) -> None:
        watch.undecided = False
        if watch.stopped or watch.end is not None:
            return
        handling = self._decide(watch.resource, watch.watcher.address)
        if handling is Handling.BLOCK:
            self._end(watch, Reason.REJECTED)
        elif handling is not watch.handling:
            watch.handling = handling
            self.queue(watch)

    def _end(self, watch: _Watch[S], reason: Reason) -> None:
        watch.end = Told(standing=Standing.TERMINATED, reason=reason)
        self.forget(watch)
        self.queue(watch)

    def _mark(self, resource: Address) -> None:
        self._changed.add(resource)
        self._wake()

    def _wake(self) -> None:
        if self._call is None:
            self._call = self._clock.callLater(0, self._turn)

    def _turn(self) -> None:
        self._call = None
        for watch in list(islice(self._undecided, JUDGEMENTS)):
            del self._undecided[watch]
            if watch.undecided:
                self._decide_again(watch)
        if self._undecided:
            self._wake()
        changed, self._changed = self._changed, set()
        for resource in changed:
            watches = self._watches.get(resource)
            before = self._current.get(resource)
            if watches and before is not None:
                state = self._compute(resource)
                if state != before.document:
                    self._current[resource] = Told(
                        standing=Standing.ACTIVE, document=state, known_at=self._clock.seconds()
                    )
                    self._queue.update(watches)
        queue, self._queue = self._queue, {}
        try:
            while queue:
                watch = next(iter(queue))
                del queue[watch]
                self._tell(watch)
        finally:
            # After a watcher failed the reactor logs the failure, and the others are told on the next turn.
            if queue:
                self._queue = {**queue, **self._queue}
                self._wake()

    def _tell(self, watch: _Watch[S]) -> None:
        if watch.undecided:
            self._decide_again(watch)
        if watch.stopped:
            return
        if watch.end is not None:
            watch.stopped = True
            watch.watcher.notified(watch.end)
            return
        view = self._view(watch)
        if view is not watch.told:
            watch.told = view
            watch.watcher.notified(view)

    def _view(self, watch: _Watch[S]) -> Told[S]:
        resource = watch.resource
        if watch.handling is Handling.CONFIRM:
            return self._pending
        held, make = (
            (self._current, self._compute)
            if watch.handling is Handling.ALLOW
            else (self._hidden, self._neutral)
        )
        view = held.get(resource)
        if view is None:
            view = held[resource] = Told(standing=Standing.ACTIVE, document=make(resource))
        return view
