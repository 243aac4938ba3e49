"""Commands by which Jabber users state presence: one's own, one's permanent one, and for operators anybody's of our domains.

A statement is made through ``presence.statements`` under the name of a source, and a command answers when it is stored.
``MyPresence`` counts as what a program says now, and replaces what the same JID said before; ``PermanentPresence`` holds
while no device says anything, or, if so wished, over everything.

Implements: XEP-0050, the commands of this gateway.
"""

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sip2xmpp.address import Address
from sip2xmpp.bridge.moments import moment, written_moment
from sip2xmpp.bridge.requesters import Requesters
from sip2xmpp.bridge.stating import in_words, state_fields, told_state
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadInput
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.statements import SOURCE_LIMIT, Saying, Statements
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.store.records import Statement
from sip2xmpp.xmpp.commands import Outcome, Stage
from sip2xmpp.xmpp.forms import Answer, Field, FieldType, Form

log = Logger()

PERMANENT: Final = "permanent"
"""The source of one's permanent presence."""

_UNTIL: Final = Field(
    name="until",
    label="Until",
    description="as in 2h, 17:30, 2027-01-05 or 2027-01-05T09:00 (UTC unless you write +01:00); empty: until you change it",
)


def source_of(jid: str) -> str:
    """The name under which a JID states its own presence."""
    name = f"jabber-{jid}"
    if len(name) <= SOURCE_LIMIT and name.isprintable() and " " not in name:
        return name
    return f"jabber-{hashlib.sha256(jid.encode()).hexdigest()[:32]}"


def choice(*options: tuple[str, str]) -> Field:
    """The question with which a command begins."""
    return Field(
        name="do",
        type=FieldType.LIST_SINGLE,
        label="What to do",
        required=True,
        options=options,
        values=(options[0][1],),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the commands about presence work with."""

    requesters: Requesters
    statements: Statements
    agent: PresenceAgent
    clock: IReactorTime

    def shown(self, presentity: Address) -> Form:
        """What a presentity is shown as, and what each of its sources says, as fixed text to begin with."""
        sources = self.agent.sources(presentity)
        now = in_words(self.agent.composed(presentity)) if sources else "Offline"
        lines = [f"{presentity} is shown as: {now}"]
        lines += [f"{source.id}: {in_words(source.document)}" for source in sources]
        return Form(
            title="Presence",
            fields=tuple(Field(name="", type=FieldType.FIXED, values=(line,)) for line in lines),
        )

    def held(self, presentity: Address, source: str) -> Statement | None:
        """What this source states."""
        return next((each for each in self.statements.of(presentity) if each.source == source), None)

    def document(self, presentity: Address, source: str) -> Presence | None:
        """The document of what this source states."""
        held = self.held(presentity, source)
        return pidf.read(held.document, now=self.clock.seconds()) if held is not None else None

    async def state(
        self,
        presentity: Address,
        source: str,
        telling: Telling,
        *,
        told_by: str,
        until: float | None,
        rank: Rank = Rank.INJECTED,
        begins: float | None = None,
    ) -> Outcome:
        """State it, and tell what is shown then."""
        document = document_of(telling, presentity.sip_uri(), source=source)
        await self.statements.state(
            Saying(
                presentity=presentity,
                source=source,
                document=pidf.write(document),
                rank=rank,
                told_by=told_by,
                begins_at=begins or 0.0,
                expires_at=until,
            )
        )
        log.info(
            "{who} states presence of {presentity} as {source}",
            who=told_by,
            presentity=presentity,
            source=source,
        )
        end = f" until {written_moment(until)}" if until is not None else ""
        start = f" from {written_moment(begins)}" if begins is not None else ""
        return Outcome(note=f"{presentity}: {in_words(document)}{start}{end}")

    async def withdraw(self, presentity: Address, source: str, *, told_by: str) -> Outcome:
        """Take it back."""
        known = await self.statements.withdraw(presentity, source)
        log.info(
            "{who} takes back what {source} stated of {presentity}",
            who=told_by,
            presentity=presentity,
            source=source,
        )
        return Outcome(note=f"{presentity}: {'taken back' if known else 'nothing was stated'}")


class MyPresence:
    """State one's own presence."""

    node, name = "presence", "My presence"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def permits(self, requester: str) -> bool:
        """SIP users only."""
        return self._desk.requesters.is_sip_user(requester)

    async def begin(self, requester: str) -> Stage:
        """What is so now, and what to do about it."""
        shown = self._desk.shown(self._desk.requesters.sip_user(requester))
        form = Form(
            title=self.name,
            fields=(
                *shown.fields,
                choice(("State my presence", "state"), ("Take back what I stated", "clear")),
            ),
        )
        return Stage(form=form, go_on=partial(self._chosen, requester))

    async def _chosen(self, requester: str, answer: Answer) -> Stage | Outcome:
        sip, source = self._desk.requesters.sip_user(requester), source_of(requester)
        if answer.one("do") == "clear":
            return await self._desk.withdraw(sip, source, told_by=requester)
        form = Form(title="State", fields=state_fields(self._desk.document(sip, source)))
        return Stage(
            form=form, go_on=partial(self._stated, requester), finish=partial(self._finished, requester)
        )

    async def _finished(self, requester: str, answer: Answer) -> Outcome:
        return await self._state(requester, told_state(answer), Answer(values={}))

    async def _stated(self, requester: str, answer: Answer) -> Stage:
        form = Form(title="How long", fields=(_UNTIL,))
        return Stage(form=form, finish=partial(self._state, requester, told_state(answer)))

    async def _state(self, requester: str, telling: Telling, answer: Answer) -> Outcome:
        sip = self._desk.requesters.sip_user(requester)
        until = moment(answer.one("until"), self._desk.clock.seconds())
        return await self._desk.state(sip, source_of(requester), telling, told_by=str(sip), until=until)


class PermanentPresence:
    """State what holds while no device says anything."""

    node, name = "permanent-presence", "My permanent presence"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def permits(self, requester: str) -> bool:
        """SIP users only."""
        return self._desk.requesters.is_sip_user(requester)

    async def begin(self, requester: str) -> Stage:
        """What is stated, to be changed or taken back."""
        sip = self._desk.requesters.sip_user(requester)
        held, document = self._desk.held(sip, PERMANENT), self._desk.document(sip, PERMANENT)
        until = written_moment(held.expires_at) if held is not None and held.expires_at is not None else ""
        begins = (
            written_moment(held.begins_at)
            if held is not None and held.begins_at > self._desk.clock.seconds()
            else ""
        )
        form = Form(
            title=self.name,
            instructions="This is shown while none of your devices says anything, as on holiday",
            fields=(
                choice(("State this", "state"), ("Take it back", "clear")),
                *state_fields(document, state=State.XA),
                Field(
                    name="from",
                    label="From",
                    description="empty: from now on",
                    values=(begins,) if begins else (),
                ),
                Field(
                    name="until",
                    label="Until",
                    description=_UNTIL.description,
                    values=(until,) if until else (),
                ),
                Field(
                    name="always",
                    type=FieldType.BOOLEAN,
                    label="Show this whatever my devices say",
                    values=("1" if held is not None and held.rank == Rank.OVERRIDE else "0",),
                ),
            ),
        )
        return Stage(form=form, finish=partial(self._finished, requester))

    async def _finished(self, requester: str, answer: Answer) -> Outcome:
        sip, now = self._desk.requesters.sip_user(requester), self._desk.clock.seconds()
        if answer.one("do") == "clear":
            return await self._desk.withdraw(sip, PERMANENT, told_by=requester)
        begins = moment(answer.one("from"), now, is_end=False)
        return await self._desk.state(
            sip,
            PERMANENT,
            told_state(answer),
            told_by=str(sip),
            until=moment(answer.one("until"), now),
            rank=Rank.OVERRIDE if answer.truth("always") else Rank.PERMANENT,
            begins=begins if begins is not None and begins > now else None,
        )


class Inject:
    """State the presence of any address of our domains, with or without account."""

    node, name = "inject", "State somebody's presence"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def permits(self, requester: str) -> bool:
        """Operators only."""
        return self._desk.requesters.is_operator(requester)

    async def begin(self, requester: str) -> Stage:
        """Whose, in whose name, and what."""
        self._desk.requesters.must_be_operator(requester)
        form = Form(
            title=self.name,
            fields=(
                Field(
                    name="address",
                    label="Address",
                    required=True,
                    description="as in weather@sip.example.org",
                ),
                Field(name="source", label="Name of the source", required=True, values=("operator",)),
                choice(
                    ("State something", "state"),
                    ("Take back what this source stated", "clear"),
                    ("Forget the address", "forget"),
                ),
            ),
        )
        return Stage(form=form, go_on=partial(self._chosen, requester))

    async def _chosen(self, requester: str, answer: Answer) -> Stage | Outcome:
        self._desk.requesters.must_be_operator(requester)
        address, source = self._desk.requesters.own_address(answer.one("address")), answer.one("source")
        if answer.one("do") == "clear":
            return await self._desk.withdraw(address, source, told_by=requester)
        if answer.one("do") == "forget":
            await self._desk.statements.forget(address)
            log.info("{who} lets {presentity} be forgotten", who=requester, presentity=address)
            return Outcome(note=f"{address}: forgotten")
        form = Form(
            title=str(address),
            fields=(
                *self._desk.shown(address).fields,
                *state_fields(self._desk.document(address, source), state=State.ONLINE),
                Field(
                    name="priority", label="Priority", description="0 to 1; the highest of several is heard"
                ),
                _UNTIL,
            ),
        )
        return Stage(form=form, finish=partial(self._finished, requester, address, source))

    async def _finished(self, requester: str, address: Address, source: str, answer: Answer) -> Outcome:
        self._desk.requesters.must_be_operator(requester)
        return await self._desk.state(
            address,
            source,
            told_state(answer, priority=_priority(answer.one("priority"))),
            told_by=requester,
            until=moment(answer.one("until"), self._desk.clock.seconds()),
        )


def _priority(written: str) -> float | None:
    if not written:
        return None
    try:
        priority = float(written)
    except ValueError:
        priority = -1.0
    if not 0.0 <= priority <= 1.0:
        raise BadInput(f'"{written[:20]}" is not between 0 and 1')
    return priority
