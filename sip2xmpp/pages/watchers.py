"""The page ``/my/watchers``: who sees me, who asks to, what I decided about whom; and ``/my/watchers/seen``: what one of them sees.

What each is shown is made by the functions that make it for the watcher itself, from the judgement that holds now.  A watcher is
told apart from another by its address only; devices are those of its SIP subscriptions, because Jabber servers do not say which
of a user's clients watches.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from sip2xmpp.address import Address
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadInput, Refused, StorageFailed
from sip2xmpp.pages.answers import Answer, Moved, Shown
from sip2xmpp.pages.faults import fault_told
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.looks import Look, look_of
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.pages.why import told
from sip2xmpp.pages.worlds import Worlds
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.deciding import Deciding
from sip2xmpp.portal.meanings import Meanings
from sip2xmpp.portal.problems import Problem
from sip2xmpp.presence.explaining import Explaining, view_of
from sip2xmpp.presence.policy import Handling, Judgement
from sip2xmpp.presence.watcher_info import PACKAGE, WatcherInfo, row_id
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import DialogRecord

MOST: Final = 100
"""Watchers on one page."""

PATH: Final = "/my/watchers"
CALLS: Final = "dialog"
FORGET: Final = "forget"
DONE: Final = {
    "allow": N_("%(who)s sees your presence now."),
    "block": N_("%(who)s sees nothing now and is told that you refused."),
    "polite-block": N_("%(who)s sees you as offline now."),
    "confirm": N_("%(who)s has to wait until you decide."),
    FORGET: N_("Nothing is decided about %(who)s any more; what holds for everybody holds."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherShown:
    """One watcher on the page.  ``look`` is None for one who is shown nothing; ``part`` says that something is left out."""

    id: str
    address: str
    protocol: str
    handling: str
    status: str
    since: float | None
    asked_again: float | None
    decided_at: float | None
    devices: tuple[str, ...]
    packages: tuple[str, ...]
    look: Look | None
    part: bool

    @property
    def is_decided(self) -> bool:
        """Whether there is a decision about this very watcher."""
        return self.decided_at is not None


@dataclass(slots=True, kw_only=True)
class _Subscriptions:
    """What the SIP subscriptions of one watcher say."""

    devices: dict[str, None] = field(default_factory=dict)
    packages: dict[str, None] = field(default_factory=dict)


class Watchers:
    """The pages.  ``composed`` gives the whole document of a user, ``began`` since when each watches, ``judge`` and ``decide_calls`` are the policies."""

    def __init__(
        self,
        *,
        store: Store,
        watchers: WatcherInfo,
        deciding: Deciding,
        explaining: Explaining,
        judge: Callable[[Address, Address], Judgement],
        decide_calls: Callable[[Address, Address], Handling],
        composed: Callable[[Address], Presence],
        began: Callable[[Address], Mapping[Address, float]],
        meanings: Meanings,
        worlds: Worlds,
        audit: Audit,
    ) -> None:
        self._store = store
        self._watchers = watchers
        self._deciding = deciding
        self._explaining = explaining
        self._judge = judge
        self._decide_calls = decide_calls
        self._composed = composed
        self._began = began
        self._meanings = meanings
        self._worlds = worlds
        self._audit = audit

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path=PATH, serve=self._show, name="watchers", label=N_("Watchers")),
            Page(method="POST", path=f"{PATH}/decide", serve=self._decide, name="decide"),
            Page(method="GET", path=f"{PATH}/seen", serve=self._seen, name="seen"),
        ]

    # Everybody

    async def _show(self, visit: Visit) -> Answer:
        sought = visit.query.get("find", "").strip().lower()
        rows = self._rows(visit.me, sought)
        first = _number(visit.query.get("from", ""))
        here = rows[first : first + MOST]
        filled = self._filled(visit.me, here)
        return Shown(
            "watchers",
            {
                "pending": [each for each in filled if each.status in ("pending", "waiting")],
                "active": [each for each in filled if each.status == "active"],
                "absent": [each for each in filled if each.status == "absent"],
                "calls": self._of_calls(visit.me),
                "count": len(rows),
                "first": first,
                "before": _at(first - MOST, sought) if first else "",
                "after": _at(first + MOST, sought) if first + MOST < len(rows) else "",
                "find": sought,
                "is_long": len(rows) > MOST or bool(sought),
            },
        )

    def _rows(self, user: Address, sought: str) -> list[tuple[Address, str, Handling, float | None]]:
        """All of them: who needs a decision first, who is not there last."""
        verdicts = {verdict.watcher: verdict for verdict in self._store.verdicts.select(str(user))}
        rows: dict[Address, tuple[Address, str, Handling, float | None]] = {}
        for row in self._watchers.rows(user):
            rows.setdefault(row.watcher, (row.watcher, row.status.value, row.handling, row.since))
        for watcher, verdict in verdicts.items():
            rows.setdefault(watcher, (watcher, "absent", Handling(verdict.handling), None))
        return [row for row in rows.values() if sought in str(row[0])]

    def _filled(
        self, user: Address, rows: Iterable[tuple[Address, str, Handling, float | None]]
    ) -> list[WatcherShown]:
        document = self._composed(user)
        looks: dict[Judgement, Look | None] = {}
        subscriptions = self._subscriptions(user)
        asked = {
            note.watcher: note for note in self._store.waiting.select(str(user)) if note.package == PACKAGE
        }
        kept, began, shown = self._watchers.limits.kept, self._began(user), []
        for watcher, status, handling, since in rows:
            judgement = self._judge(user, watcher)
            if judgement not in looks:
                view = view_of(document, judgement)
                looks[judgement] = None if view is None else look_of(view)
            verdict = self._store.verdicts.get(f"{user} {watcher}")
            note, known = asked.get(watcher), subscriptions.get(watcher, _Subscriptions())
            again = None if note is None or note.expires_at is None else note.expires_at - kept
            shown.append(
                WatcherShown(
                    id=row_id(user, watcher),
                    address=str(watcher),
                    protocol=self._worlds.known(watcher),
                    handling=handling.value,
                    status=status,
                    since=began.get(watcher) if since is None else since,
                    asked_again=again if note is not None and (again or 0) > note.asked_at + 1 else None,
                    decided_at=None if verdict is None else verdict.decided_at,
                    devices=tuple(known.devices),
                    packages=tuple(known.packages),
                    look=looks[judgement],
                    part=judgement.handling is Handling.ALLOW and judgement.permissions is not None,
                )
            )
        return shown

    def _subscriptions(self, user: Address) -> dict[Address, _Subscriptions]:
        found: dict[Address, _Subscriptions] = {}
        for dialog in self._store.dialogs.select(str(user)):
            if dialog.role == "notifier" and dialog.watcher != user:
                known = found.setdefault(dialog.watcher, _Subscriptions())
                known.packages[_package(dialog)] = None
                if dialog.user_agent:
                    known.devices[dialog.user_agent] = None
        return found

    def _of_calls(self, user: Address) -> list[dict[str, Any]]:
        """Who watches the calls, with whether they may."""
        return [
            {
                "id": f"c{row_id(user, watcher)}",
                "address": str(watcher),
                "devices": tuple(known.devices),
                "sees": self._decide_calls(user, watcher) is Handling.ALLOW,
            }
            for watcher, known in list(self._subscriptions(user).items())
            if CALLS in known.packages
        ][:MOST]

    # Deciding

    async def _decide(self, visit: Visit) -> Answer:
        back = PATH if visit.form.text("back") != "seen" else ""
        try:
            watcher = self._meant(visit, visit.form.text("watcher"))
            answer = visit.form.text("handling", most=20)
            await self._do(visit, watcher, answer)
        except (BadInput, Refused, StorageFailed, Problem) as error:
            return Moved(PATH, fault_told(visit, error), bad=True)
        path = back or f"{PATH}/seen?{urlencode({'who': watcher})}"
        return Moved(path, visit.translate(DONE[answer], who=watcher))

    async def _do(self, visit: Visit, watcher: Address, answer: str) -> None:
        if watcher == visit.me:
            raise BadInput(visit.translate(N_("You always see yourself.")))
        if answer not in DONE:
            raise BadInput(visit.translate(N_("Choose what is to be done.")))
        doing: Coroutine[Any, Any, None] = (
            self._deciding.forget(visit.me, watcher)
            if answer == FORGET
            else self._deciding.decide(visit.me, watcher, Handling(answer))
        )
        await doing
        self._audit.record(
            who=visit.who, by="page", what=f"{answer} {watcher}", about=str(visit.me), peer=visit.peer
        )
        await self._store.committed()

    # What one of them sees

    async def _seen(self, visit: Visit) -> Answer:
        written = visit.query.get("who", "").strip()
        if not written:
            return Shown("seen", {"who": "", "fault": "", "seen": None, "why": None, "row": None})
        try:
            who = self._meant(visit, written)
        except BadInput as error:
            fault = str(error)
            return Shown(
                "seen", {"who": written, "fault": fault, "seen": None, "why": None, "row": None}, status=422
            )
        explanation = self._explaining.explain(visit.me, who)
        (row,) = self._filled(visit.me, [self._status(visit.me, who)])
        return Shown(
            "seen",
            {
                "who": str(who),
                "fault": "",
                "seen": None if explanation.shown is None else look_of(explanation.shown),
                "why": told(visit, explanation),
                "row": row,
            },
        )

    def _status(self, user: Address, who: Address) -> tuple[Address, str, Handling, float | None]:
        rows = (row for row in self._watchers.rows(user) if row.watcher == who)
        row = next(rows, None)
        status = "absent" if row is None else row.status.value
        return who, status, self._judge(user, who).handling, None if row is None else row.since

    def _meant(self, visit: Visit, written: str) -> Address:
        """Somebody who is named by an address or a URI.  Raises ``BadInput``."""
        address = self._meanings.address(written) if written else None
        if address is None or not address.local:
            raise BadInput(
                visit.translate(
                    N_("“%(written)s” is no address, as in juliet@jabber.example."), written=written[:80]
                )
            )
        return address


def _package(dialog: DialogRecord) -> str:
    return dialog.event.partition(";")[0].strip().lower()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0


def _at(first: int, sought: str) -> str:
    query = {"from": max(0, first), **({"find": sought} if sought else {})}
    return f"{PATH}?{urlencode(query)}"
