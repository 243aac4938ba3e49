"""Whoever watches calls: one back end for our own users, whose calls are known, and for anybody else who has presence.

A *lamp* is a key of a desk phone that watches somebody by package ``dialog``.  It shows calls where any are known, and otherwise
is lit or dark by presence: a Jabber contact that is on the phone or does not want to be disturbed is shown in a call.  So each
watch has two halves.  One is about the calls of a user of ours (``StateAgent``), the other watches presence through the seam
with the watcher's own identity, so that a Jabber contact is asked by its own server.  Of our users the first decides what becomes
of the lamp, by what the owner laid down about calls (``presence.call_policy``); the second adds what the owner's rules of
presence show, be it nothing.  Who is politely blocked from calls sees a dark lamp.

An allowed watcher learns how many calls there are, how far each is and which way it went.  With whom, and the identifiers
with which one may join or pick up a call, are for the owner, and for others only if the operator wants that.

Implements: RFC 4235 sections 3.2 (parameters), 3.6 and 3.9 (authorization and privacy), 3.10 (rate).
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import RENDERING, Call, CallState, Party
from sip2xmpp.documents.identifiers import digest_id
from sip2xmpp.documents.presence import Presence, frozen_value
from sip2xmpp.errors import NotAuthorized, Refused
from sip2xmpp.presence.calls import Calls
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.watching import BackEnd, Reason, Standing, StateWatcher, Told, Watch

WatchedCalls = StateAgent[tuple[Call, ...]]
"""The watches of the calls of our own users."""

INTERVAL: Final = 1.0
"""Seconds between two NOTIFYs about the calls of one user (RFC 4235, section 3.10)."""
MOST: Final = 24
"""Calls that a watcher is shown."""
_IMPORTANCE: Final = (
    CallState.TERMINATED,
    CallState.TRYING,
    CallState.PROCEEDING,
    CallState.CONFIRMED,
    CallState.EARLY,
)

LIT: Final = frozenset((State.ON_THE_PHONE, State.DND, State.BUSY))
"""The states of presence that light a lamp, unless the operator says otherwise."""


@frozen_value
class Wanted:
    """What a watcher asked for: every call, or the one dialog with this Call-ID and these tags.

    ``sessions``: with session descriptions.
    """

    call_id: str = ""
    tags: tuple[str, ...] = ()
    sessions: bool = False

    def covers(self, call: Call) -> bool:
        """Which tag is whose depends on the side one is on, so either order will do."""
        if not self.call_id:
            return True
        own = [call.local_tag, call.remote_tag]
        for tag in self.tags:
            if tag not in own:
                return False
            own.remove(tag)
        return call.call_id == self.call_id


EVERYTHING: Final = Wanted()


@frozen_value
class Shown:
    """What one watcher sees: calls that are live, and how those that are over ended, which alone is no news.

    ``lamp`` is the id of the call that stands for no call at all, or for what presence says; ``beyond`` are the ids of live calls
    that are not shown because there are too many.
    """

    lamp: str
    calls: tuple[Call, ...] = ()
    ended: tuple[Call, ...] = field(default=(), compare=False)
    beyond: frozenset[str] = field(default=frozenset(), compare=False)


def most_important(calls: Sequence[Call], most: int) -> tuple[Call, ...]:
    """So many of several calls, in their order: those that ring, then those that were answered, then the rest."""
    if len(calls) <= most:
        return tuple(calls)
    by_importance = sorted(calls, key=lambda call: _IMPORTANCE.index(call.state), reverse=True)
    chosen = {id(call) for call in by_importance[:most]}
    return tuple([call for call in calls if id(call) in chosen])


def revealed(call: Call, resource: Address, *, details: bool, sessions: bool) -> Call:
    """What may be told of a call; how long it has lasted is left out, because that is wrong as soon as it is told."""
    if details:
        return replace(
            call,
            duration=None,
            local=_party(call.local, sessions=sessions),
            remote=_party(call.remote, sessions=sessions),
        )
    local = None
    if call.is_held:
        uri = resource.sip_uri()
        local = Party(identity=uri, target=uri, params=((RENDERING, "no"),))
    return Call(id=call.id, state=call.state, direction=call.direction, local=local)


def _party(party: Party | None, *, sessions: bool) -> Party | None:
    if party is None or sessions or not party.session:
        return party
    return replace(party, session="", session_type="")


class _Half:
    """One of the two watches behind a lamp, as the watcher that its back end knows."""

    def __init__(self, address: Address, notified: Callable[[Told[Any]], None]) -> None:
        self.address = address
        self.notified = notified


class _Lamp:
    """One watcher of somebody's calls."""

    def __init__(self, owner: "Lamps", resource: Address, watcher: StateWatcher, wanted: Wanted) -> None:
        self._owner = owner
        self._resource = resource
        self.watcher = watcher
        self._wanted = wanted
        self._is_own = owner.is_own(resource)
        self._calls: Told[tuple[Call, ...]] | None = None
        self._presence: Told[Presence] | None = None
        self._calls_watch: Watch | None = None
        self._presence_watch: Watch | None = None
        self._told: Told[Shown] | None = None
        self._settling = False
        self._stopped = False

    def begin(self, *, fetch: bool) -> None:
        """Begin both watches; raises what either raises, but for a refusal of presence beside calls."""
        owner = self._owner
        try:
            if self._is_own:
                half = _Half(self.watcher.address, self._calls_told)
                self._calls_watch = owner.calls.watch(self._resource, half, fetch=fetch)
            else:
                self._calls = Told(standing=Standing.ACTIVE, document=())
            self.watch_presence(fetch=fetch)
        except Refused:
            self.stop()
            raise

    def watch_presence(self, *, fetch: bool = False) -> None:
        """Begin to watch presence too, as far as its rules let this watcher."""
        half = _Half(self.watcher.address, self._presence_told)
        try:
            self._presence_watch = self._owner.presence.watch(self._resource, half, fetch=fetch)
        except NotAuthorized:
            if not self._is_own:
                raise
            self._unseen()
        else:
            self._owner.seen(self._resource, self)

    def stop(self) -> None:
        self._stopped = True
        self._owner.seen(self._resource, self)
        for watch in (self._presence_watch, self._calls_watch):
            if watch is not None:
                watch.stop()

    def refresh(self) -> None:
        self._told = None
        for watch in (self._presence_watch, self._calls_watch):
            if watch is not None:
                watch.refresh()

    def _unseen(self) -> None:
        """Presence is refused, and calls are not."""
        self._presence_watch = None
        self._presence = Told(standing=Standing.PENDING)
        self._owner.unseen(self._resource, self)

    def _calls_told(self, told: Told[tuple[Call, ...]]) -> None:
        before, self._calls = self._calls, told
        # Until presence was asked again it may still say that one is on the phone, which was this call.
        if self._presence_watch is not None and _is_in_a_call(before) and not _is_in_a_call(told):
            self._settling = True
            self._presence_watch.refresh()
        self._tell()

    def _presence_told(self, told: Told[Presence]) -> None:
        self._presence = told
        self._settling = False
        if self._is_own and told.standing is not Standing.ACTIVE:
            if told.reason is Reason.REJECTED:
                self._unseen()
            # The same change may be news of the calls on this turn, which say what becomes of the lamp.
            self._owner.clock.callLater(0, self._tell)
        else:
            self._tell()

    def _tell(self) -> None:
        """Tell the watcher what both halves say together, unless it knows."""
        if self._stopped:
            return
        calls, presence, told = self._calls, self._presence, self._told
        end = next(
            (half for half in (calls, presence) if half is not None and half.standing is Standing.TERMINATED), None
        )  # fmt: skip
        if end is not None:
            self.stop()
            self.watcher.notified(
                Told(standing=Standing.TERMINATED, reason=end.reason, retry_after=end.retry_after)
            )
            return
        if calls is None or presence is None or self._settling:
            return
        deciding = calls if self._is_own else presence
        if deciding.standing is Standing.PENDING:
            now: Told[Shown] = Told(standing=Standing.PENDING)
        else:
            now = Told(
                standing=Standing.ACTIVE, document=self._shown(calls.document or (), presence.document)
            )
        if told is None or told.standing is not now.standing or told.document != now.document:
            self._told = now
            self.watcher.notified(now)

    def _shown(self, calls: tuple[Call, ...], presence: Presence | None) -> Shown:
        owner, wanted = self._owner, self._wanted
        address, resource = self.watcher.address, self._resource
        if self._is_own and owner.decide(resource, address) is not Handling.ALLOW:
            presence = None  # also for one of whom the calls say in a moment that he may not watch
        details = owner.details or address == resource
        visible = [
            revealed(call, resource, details=details, sessions=wanted.sessions)
            for call in calls
            if wanted.covers(call)
        ]
        lamp = digest_id(f"lamp {resource}")
        going = [call for call in visible if call.is_live]
        live = most_important(going, MOST)
        if not live and not wanted.call_id and presence is not None and state_of(presence) in owner.lit:
            live = (Call(id=lamp, state=CallState.CONFIRMED),)
        ended = tuple([call for call in visible if not call.is_live])
        beyond = frozenset(call.id for call in going) - {call.id for call in live}
        return Shown(lamp=lamp, calls=live, ended=ended, beyond=beyond)


def _is_in_a_call(told: Told[tuple[Call, ...]] | None) -> bool:
    return told is not None and any(call.is_live for call in told.document or ())


def watched_calls(
    calls: Calls,
    *,
    clock: IReactorTime,
    decide: Callable[[Address, Address], Handling],
    exists: Callable[[Address], bool],
) -> WatchedCalls:
    """The watches of the calls of our own users; who is politely blocked is told of none."""
    agent: WatchedCalls = StateAgent(
        clock=clock,
        compute=calls.of,
        neutral=lambda _: (),
        decide=decide,
        exists=exists,
        interval=INTERVAL,
    )
    calls.listen_to_calls(agent.changed)
    return agent


class Lamps:
    """The back end of package ``dialog``.

    ``calls`` are ``watched_calls``, ``presence`` is everything whose presence may be watched, ``is_own`` says which addresses are
    our users', whose calls are subject to ``decide``.  ``lit`` are the states that light a lamp; with ``details`` everybody who
    may watch calls sees all of them.
    """

    def __init__(
        self,
        calls: WatchedCalls,
        presence: BackEnd,
        *,
        clock: IReactorTime,
        is_own: Callable[[Address], bool],
        decide: Callable[[Address, Address], Handling],
        lit: Collection[State] = LIT,
        details: bool = False,
    ) -> None:
        self.calls = calls
        self.presence = presence
        self.clock = clock
        self.is_own = is_own
        self.decide = decide
        self.lit = frozenset(lit)
        self.details = details
        self._unseen: dict[Address, dict[_Lamp, None]] = {}

    def watch(
        self, resource: Address, watcher: StateWatcher, wanted: Wanted = EVERYTHING, *, fetch: bool = False
    ) -> Watch:
        """Begin to watch, by the rules of the seam; raises ``Refused`` as ``BackEnd.watch`` does."""
        lamp = _Lamp(self, resource, watcher, wanted)
        lamp.begin(fetch=fetch)
        return lamp

    def rules_changed(self, resource: Address, watcher: Address | None = None) -> None:
        """Whoever was refused the presence of ``resource`` may have become one who sees it."""
        for lamp in tuple(self._unseen.get(resource, ())):
            if watcher is None or watcher == lamp.watcher.address:
                # who is gone altogether is told so by the calls
                with suppress(Refused):
                    lamp.watch_presence()

    def unseen(self, resource: Address, lamp: _Lamp) -> None:
        """This lamp shows calls alone, until the rules of presence change."""
        self._unseen.setdefault(resource, {})[lamp] = None

    def seen(self, resource: Address, lamp: _Lamp) -> None:
        """This lamp shows presence too, or nothing any more."""
        lamps = self._unseen.get(resource)
        if lamps is not None:
            lamps.pop(lamp, None)
            if not lamps:
                del self._unseen[resource]
