"""The operations about watchers: who watches or waits, and what is decided about them: ``/api/v1/watchers``.

A decision is a row of the store, as every other way to decide writes it, and takes effect on both sides at once.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.errors import NoSuchPresentity
from sip2xmpp.portal.operations import JSON, Answer, Call, Operation
from sip2xmpp.portal.problems import Problem, wrong
from sip2xmpp.portal.shapes import Member, Wrong, choice, loaded, members
from sip2xmpp.portal.sources import moment_told
from sip2xmpp.portal.tokens import Right
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Verdict

VERDICTS: Final = 10_000
"""Decisions about the watchers of one presentity that are kept."""

_HANDLING: Final = {"type": "string", "enum": [handling.value for handling in Handling]}
_BODY: Final = members(
    {
        "handling": Member(
            shape=choice({handling.value: handling for handling in Handling}),
            about="`polite-block` shows an address that is always offline; `block` refuses.",
            required=True,
        )
    }
)
_DECISION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["address", "watcher", "handling"],
    "properties": {"address": {"type": "string"}, "watcher": {"type": "string"}, "handling": _HANDLING},
}
_WATCHERS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["watcher", "status", "handling", "decided_at"],
        "properties": {
            "watcher": {"type": "string"},
            "status": {"type": "string", "enum": ["pending", "active", "waiting", "absent"]},
            "handling": _HANDLING,
            "since": {"type": ["string", "null"], "format": "date-time"},
            "decided_at": {"type": ["string", "null"], "format": "date-time"},
        },
    },
}


class Deciding:
    """The operations; ``exists`` says who is one of ours."""

    def __init__(
        self, store: Store, watchers: WatcherInfo, exists: Callable[[Address], bool], clock: IReactorTime
    ) -> None:
        self._store = store
        self._watchers = watchers
        self._exists = exists
        self._clock = clock

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        one = "/api/v1/watchers/{address}/{watcher}"
        return [
            Operation(
                method="GET",
                path="/api/v1/watchers/{address}",
                name="readWatchers",
                summary="Who watches an address, waits to, or was decided about",
                about="Who needs a decision comes first.",
                right=Right.DECIDE,
                serve=self._read,
                answer=_WATCHERS,
            ),
            Operation(
                method="PUT",
                path=one,
                name="decideWatcher",
                summary="Decide about a watcher",
                about="It takes effect at once, also on one who watches now.",
                right=Right.DECIDE,
                serve=self._decide,
                bodies={JSON: _BODY.schema},
                answer=_DECISION,
                refuses={409: "There is no room for one more decision."},
            ),
            Operation(
                method="DELETE",
                path=one,
                name="forgetWatcher",
                summary="Forget what was decided about a watcher",
                about="The rules of the address apply again, or the default of the domain.",
                right=Right.DECIDE,
                serve=self._forget,
            ),
        ]

    async def _read(self, call: Call) -> Answer:
        address = self._known(call)
        decided = {verdict.watcher: verdict for verdict in self._store.verdicts.select(str(address))}
        rows = [
            {
                "watcher": str(row.watcher),
                "status": row.status.value,
                "handling": row.handling.value,
                "since": moment_told(row.since),
                "decided_at": moment_told(_decided_at(decided.pop(row.watcher, None))),
            }
            for row in self._watchers.rows(address)
        ]
        rows += [
            {
                "watcher": str(verdict.watcher),
                "status": "absent",
                "handling": verdict.handling,
                "since": None,
                "decided_at": moment_told(verdict.decided_at),
            }
            for verdict in decided.values()
        ]
        return Answer(value=rows)

    async def _decide(self, call: Call) -> Answer:
        address, watcher = self._known(call), call.addresses["watcher"]
        try:
            handling: Handling = _BODY.read(loaded(call.body))["handling"]
        except Wrong as error:
            raise wrong([fault._replace(pointer=f"#{fault.pointer}") for fault in error.faults]) from None
        await self.decide(address, watcher, handling)
        told = {"address": str(address), "watcher": str(watcher), "handling": handling.value}
        return Answer(value=told, done=f"{handling.value} {watcher}")

    async def _forget(self, call: Call) -> Answer:
        watcher = call.addresses["watcher"]
        await self.forget(self._known(call), watcher)
        return Answer(done=f"forget {watcher}")

    # What pages do as well

    async def decide(self, address: Address, watcher: Address, handling: Handling) -> None:
        """Let this hold for a watcher of one of ours, and wait until it is safe.  Raises ``Problem``."""
        verdict = Verdict(
            presentity=address, watcher=watcher, handling=handling.value, decided_at=self._clock.seconds()
        )
        verdicts = self._store.verdicts
        if verdicts.get(verdict.key) is None and len(verdicts.select(verdict.group)) >= VERDICTS:
            raise Problem(409, f"{VERDICTS} decisions are kept for {address} already")
        verdicts.put(verdict)
        await self._store.committed()

    async def forget(self, address: Address, watcher: Address) -> None:
        """Decide nothing about a watcher any more, and wait until that is safe.  Raises ``Problem`` where nothing was decided."""
        key = f"{address} {watcher}"
        if self._store.verdicts.get(key) is None:
            raise Problem(404, f"nothing was decided about {watcher}")
        self._store.verdicts.remove(key)
        await self._store.committed()

    def _known(self, call: Call) -> Address:
        address = call.addresses["address"]
        if not self._exists(address):
            raise NoSuchPresentity(f"nobody is called {address}")
        return address


def _decided_at(verdict: Verdict | None) -> float | None:
    return None if verdict is None else verdict.decided_at
