"""The command by which a SIP user decides from a Jabber client who may see the own presence.

Implements: XEP-0050, a command of this gateway; RFC 5025 section 3.2.1 (the four handlings).
"""

from functools import partial
from typing import Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.bridge.requesters import Requesters
from sip2xmpp.errors import BadInput, TooMany
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import Verdict
from sip2xmpp.xmpp.commands import Outcome, Stage
from sip2xmpp.xmpp.forms import Answer, Field, FieldType, Form

MOST_SHOWN: Final = 100
"""Watchers in one form, those who wait first."""

MOST_VERDICTS: Final = 2_000
"""What one user may have decided by commands."""

FORGET: Final = "forget"

_DECISIONS: Final = (
    ("Only show the list", ""),
    ("Allow", Handling.ALLOW.value),
    ("Decide later", Handling.CONFIRM.value),
    ("Block politely (is shown offline)", Handling.POLITE_BLOCK.value),
    ("Block", Handling.BLOCK.value),
    ("Forget what was decided", FORGET),
)


class MyWatchers:
    """List watchers, and decide about them."""

    node, name = "watchers", "My watchers"

    def __init__(
        self, *, requesters: Requesters, store: Store, watchers: WatcherInfo, clock: IReactorTime
    ) -> None:
        self._requesters = requesters
        self._store = store
        self._watchers = watchers
        self._clock = clock

    def permits(self, requester: str) -> bool:
        """SIP users only."""
        return self._requesters.is_sip_user(requester)

    async def begin(self, requester: str) -> Stage:
        """Who there is, and what may be decided."""
        known = self._known(self._requesters.sip_user(requester))
        shown = list(known.items())[:MOST_SHOWN]
        more = f" ({len(known) - len(shown)} more are not shown)" if len(known) > len(shown) else ""
        form = Form(
            title=self.name,
            instructions=f"Who watches you, waits to, or was decided about{more}",
            fields=(
                Field(
                    name="watchers",
                    type=FieldType.LIST_MULTI,
                    label="Watchers",
                    options=tuple((f"{who} ({' '.join(words)})", str(who)) for who, words in shown),
                ),
                Field(
                    name="others",
                    type=FieldType.TEXT_MULTI,
                    label="Others",
                    description="addresses that are not in the list, one on each line",
                ),
                Field(
                    name="decision",
                    type=FieldType.LIST_SINGLE,
                    label="Decision",
                    options=_DECISIONS,
                    values=("",),
                ),
            ),
        )
        return Stage(form=form, finish=partial(self._decided, requester))

    async def _decided(self, requester: str, answer: Answer) -> Outcome:
        sip, decision = self._requesters.sip_user(requester), answer.one("decision")
        named = [*answer.all("watchers"), *answer.all("others")]
        watchers = list(dict.fromkeys(self._requesters.address(word) for word in named))
        if not decision:
            return Outcome(form=self._table(sip), note="" if self._known(sip) else "Nobody watches you")
        if not watchers:
            raise BadInput("Choose somebody to decide about")
        if sip in watchers:
            raise BadInput("You always see yourself")
        self._decide(sip, watchers, decision)
        await self._store.committed()
        done = "forgotten" if decision == FORGET else decision
        return Outcome(form=self._table(sip), note=f"{done}: {', '.join(map(str, watchers))}")

    def _decide(self, sip: Address, watchers: list[Address], decision: str) -> None:
        verdicts = self._store.verdicts
        if decision == FORGET:
            for watcher in watchers:
                verdicts.remove(f"{sip} {watcher}")
            return
        if len(verdicts.select(str(sip))) + len(watchers) > MOST_VERDICTS:
            raise TooMany("There are too many decisions: forget some")
        for watcher in watchers:
            verdicts.put(
                Verdict(presentity=sip, watcher=watcher, handling=decision, decided_at=self._clock.seconds())
            )

    def _known(self, sip: Address) -> dict[Address, tuple[str, ...]]:
        """Everybody with a status and, where it was decided, the decision; who needs one comes first."""
        decided = {each.watcher: each.handling for each in self._store.verdicts.select(str(sip))}
        known = {
            row.watcher: (row.status.value, *([decided[row.watcher]] if row.watcher in decided else []))
            for row in self._watchers.rows(sip)
        }
        for watcher, handling in decided.items():
            known.setdefault(watcher, ("not watching", handling))
        return known

    def _table(self, sip: Address) -> Form:
        return Form(
            title=self.name,
            result=True,
            columns=(
                Field(name="watcher", label="Watcher"),
                Field(name="status", label="Status"),
                Field(name="decision", label="Decision"),
            ),
            rows=tuple(
                (str(watcher), words[0], words[1] if len(words) > 1 else "default")
                for watcher, words in list(self._known(sip).items())[:MOST_SHOWN]
            ),
        )
