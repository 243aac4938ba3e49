"""The pages ``/my`` and ``/my/holiday``: how I am seen, everything that says something about me, and what I say by a form.

What is said here is a statement of the owner under a source of its own, which wins over what devices say; a holiday is one that is
heard while no device says anything, or always.  It is the same one that Jabber users make by command.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.documents.times import from_unix
from sip2xmpp.documents.watcherinfo import Status
from sip2xmpp.errors import BadDocument, TooMany
from sip2xmpp.pages.answers import Answer, Moved, Shown
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.telling_form import (
    STATE_ORDER,
    Filled,
    choices,
    end_of,
    filled_with,
    moment_of,
    read_filled,
    telling_of,
)
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.sources import Known, Sources, rank_named
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.statements import Saying, Statements
from sip2xmpp.presence.states import activities_of, kind_of, state_of
from sip2xmpp.presence.telling import document_of
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.presence.watcher_info import WatcherInfo
from sip2xmpp.store.records import Statement

PAGE: Final = "page"
"""The source of what is said by the form."""

HOLIDAY: Final = "permanent"
"""The source of what is kept; Jabber users who say so by command mean the same one."""

_ICONS: Final[Mapping[int, str]] = {
    Rank.PERMANENT: "calendar",
    Rank.REGISTERED: "phone",
    Rank.DIALOG: "call",
    Rank.OBSERVED: "phone",
    Rank.RESOURCE: "bubble",
    Rank.PUBLISHED: "phone",
    Rank.INJECTED: "program",
    Rank.OVERRIDE: "calendar",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a document says, for people: words that RPID does not know are as they were said."""

    state: str
    notes: Sequence[tuple[str, str]]
    activities: Sequence[str]
    moods: Sequence[str]
    places: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One source on the page; ``teller`` is who states it, if it is stated, and ``own`` whether that can be taken back here."""

    id: str
    icon: str
    name: str
    rank: str
    teller: str
    own: bool
    says: Meaning
    since: float
    until: float | None
    begins: float | None
    is_heard: bool


def meaning_of(document: Presence, user_agent: str = "") -> Meaning:
    """What is said, without the activities that only say the state once more."""
    state = state_of(document, user_agent=user_agent)
    return Meaning(
        state=state.value,
        notes=[(note.text, note.language or "") for note in user_notes(document, state)],
        activities=[
            one.text or one.name
            for one in activities_of(document)
            if kind_of(one) is not state or one.name not in ("away", "busy", "on-the-phone", "other")
        ],
        moods=[one.text or one.name for person in document.persons for one in person.moods],
        places=[place for person in document.persons for place in person.place_types],
    )


class MyPresence:
    """The pages of it."""

    def __init__(
        self,
        sources: Sources,
        statements: Statements,
        watchers: WatcherInfo,
        audit: Audit,
        clock: IReactorTime,
    ) -> None:
        self._sources = sources
        self._statements = statements
        self._watchers = watchers
        self._audit = audit
        self._clock = clock

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path="/my", serve=self._show, name="presence", label=N_("My presence")),
            Page(method="POST", path="/my", serve=self._state, name="presence"),
            Page(method="GET", path="/my/holiday", serve=self._holiday, name="holiday", label=N_("Holiday")),
            Page(method="POST", path="/my/holiday", serve=self._keep, name="holiday"),
            Page(method="POST", path="/my/withdraw", serve=self._withdraw, name="withdraw"),
        ]

    async def _show(self, visit: Visit) -> Answer:
        held = self._held(visit.me, PAGE)
        return self._page(visit, self._filled(held, visit, Filled()))

    def _page(self, visit: Visit, filled: Filled, status: int = 200) -> Answer:
        me = visit.me
        rows = self._rows(me, visit)
        watchers = self._watchers.rows(me)
        values: dict[str, Any] = {
            "shown": meaning_of(self._sources.composed(me)),
            "speaker": next((row for row in rows if row.is_heard), None),
            "rows": rows,
            "filled": filled,
            "choices": choices(visit, filled),
            "states": STATE_ORDER,
            "is_stated": self._held(me, PAGE) is not None,
            "page": PAGE,
            "watching": sum(row.status is Status.ACTIVE for row in watchers),
            "waiting": sum(row.status in (Status.PENDING, Status.WAITING) for row in watchers),
        }
        return Shown("presence", values, status)

    async def _state(self, visit: Visit) -> Answer:
        now, filled = self._clock.seconds(), read_filled(visit.form)
        telling, until = telling_of(filled, visit), end_of(filled, visit, now)
        if until is not None and until <= now:
            filled.faults["end"] = visit.translate(N_("That is over already."))
        if filled.faults:
            return self._page(visit, filled, 422)
        # With its time, so that the same words are news: whoever says them again wants to be heard again.
        document = document_of(telling, visit.me.sip_uri(), source=PAGE, timestamp=from_unix(now))
        saying = Saying(
            presentity=visit.me,
            source=PAGE,
            document=pidf.write(document),
            told_by=str(visit.me),
            expires_at=until,
        )
        return await self._said(visit, saying, "/my", visit.translate(N_("You are shown like that now.")))

    async def _holiday(self, visit: Visit) -> Answer:
        held = self._held(visit.me, HOLIDAY)
        return self._holiday_page(visit, self._filled(held, visit, Filled(state="xa")), held)

    def _holiday_page(
        self, visit: Visit, filled: Filled, held: Statement | None, status: int = 200
    ) -> Answer:
        values = {
            "filled": filled,
            "choices": choices(visit, filled),
            "states": STATE_ORDER,
            "holiday": HOLIDAY,
            "row": None if held is None else self._row_of(held, visit),
        }
        return Shown("holiday", values, status)

    async def _keep(self, visit: Visit) -> Answer:
        now, filled = self._clock.seconds(), read_filled(visit.form)
        telling = telling_of(filled, visit)
        begins, until = moment_of(filled, "begin", visit), moment_of(filled, "end", visit)
        if until is not None and until <= max(now, begins or 0.0):
            filled.faults["end"] = visit.translate(N_("It would end before it begins."))
        if filled.faults:
            return self._holiday_page(visit, filled, self._held(visit.me, HOLIDAY), 422)
        document = document_of(telling, visit.me.sip_uri(), source=HOLIDAY)
        saying = Saying(
            presentity=visit.me,
            source=HOLIDAY,
            document=pidf.write(document),
            rank=Rank.OVERRIDE if filled.always else Rank.PERMANENT,
            told_by=str(visit.me),
            begins_at=begins if begins is not None and begins > now else 0.0,
            expires_at=until,
        )
        return await self._said(visit, saying, "/my/holiday", visit.translate(N_("This is kept now.")))

    async def _said(self, visit: Visit, saying: Saying, path: str, told: str) -> Answer:
        try:
            await self._statements.state(saying)
        except TooMany:
            return Moved(
                path,
                visit.translate(N_("Too much is stated about you already; take something back.")),
                bad=True,
            )
        self._audit.record(
            who=visit.who, by="page", what=f"{saying.source} states", about=visit.who, peer=visit.peer
        )
        return Moved(path, told)

    async def _withdraw(self, visit: Visit) -> Answer:
        source = visit.form.text("source", most=100)
        path = "/my/holiday" if "holiday" in visit.form else "/my"
        held = self._held(visit.me, source)
        if held is None or held.told_by != str(visit.me):
            return Moved(path, visit.translate(N_("There was nothing to take back.")), bad=True)
        await self._statements.withdraw(visit.me, source)
        self._audit.record(
            who=visit.who, by="page", what=f"{source} is withdrawn", about=visit.who, peer=visit.peer
        )
        return Moved(path, visit.translate(N_("It is taken back.")))

    def _held(self, me: Address, source: str) -> Statement | None:
        return next((held for held in self._statements.of(me) if held.source == source), None)

    def _filled(self, held: Statement | None, visit: Visit, usual: Filled) -> Filled:
        """The form as it stands: with what is stated, as far as that can be read."""
        if held is None:
            return usual
        try:
            document = pidf.read(held.document, now=self._clock.seconds())
        except BadDocument:
            return usual
        filled = filled_with(document, visit, held.begins_at, held.expires_at)
        filled.always = held.rank == Rank.OVERRIDE
        return filled

    def _rows(self, me: Address, visit: Visit) -> list[Row]:
        """Every source, the one that is heard first, and then what is still to begin."""
        speaker, now = self._sources.speaker(me), self._clock.seconds()
        rows = [
            self._row(known, visit, is_heard=known.source.id == speaker)
            for known in self._sources.known(me)
            if known.source.id != "card"
        ]
        to_come = [self._row_of(held, visit) for held in self._statements.of(me) if held.begins_at > now]
        return [*sorted(rows, key=lambda row: not row.is_heard), *to_come]

    def _row(self, known: Known, visit: Visit, *, is_heard: bool) -> Row:
        source, held = known.source, known.held
        return Row(
            id=source.id,
            icon=_icon(source.rank, held, visit),
            name=_name(source.user_agent, source.rank, held, visit),
            rank=rank_named(source.rank),
            teller=_teller(held, visit),
            own=held is not None and held.told_by == str(visit.me),
            says=meaning_of(source.document, source.user_agent),
            since=source.published_at,
            until=known.expires_at,
            begins=None,
            is_heard=is_heard,
        )

    def _row_of(self, held: Statement, visit: Visit) -> Row:
        """A statement, whether it holds already or not."""
        now = self._clock.seconds()
        try:
            document = pidf.read(held.document, now=now)
        except BadDocument:
            document = Presence(entity=held.presentity.sip_uri())
        return Row(
            id=f"statement {held.source}",
            icon=_icon(held.rank, held, visit),
            name=_name("", held.rank, held, visit),
            rank=rank_named(held.rank),
            teller=_teller(held, visit),
            own=held.told_by == str(visit.me),
            says=meaning_of(document),
            since=held.changed_at,
            until=held.expires_at,
            begins=held.begins_at if held.begins_at > now else None,
            is_heard=False,
        )


def _icon(rank: int, held: Statement | None, visit: Visit) -> str:
    is_own = held is not None and held.told_by == str(visit.me)
    return "person" if is_own and rank == Rank.INJECTED else _ICONS.get(rank, "phone")


def _name(user_agent: str, rank: int, held: Statement | None, visit: Visit) -> str:
    """What a source is called: the device that it is, or what states it."""
    if held is not None:
        if held.told_by == str(visit.me):
            own = {PAGE: N_("What you said here"), HOLIDAY: N_("Your holiday")}.get(held.source)
            if own is not None:
                return visit.translate(own)
        return held.source
    if user_agent:
        return user_agent
    return visit.translate(N_("Your calls") if rank == Rank.DIALOG else N_("A phone or client"))


def _teller(held: Statement | None, visit: Visit) -> str:
    if held is None:
        return ""
    if held.told_by == str(visit.me):
        return visit.translate(N_("Said by you"))
    if held.told_by.startswith("token "):
        return visit.translate(N_("Said by the program %(name)s"), name=held.told_by.removeprefix("token "))
    return visit.translate(N_("Said by an operator"))
