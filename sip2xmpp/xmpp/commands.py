"""Ad-hoc commands: what a Jabber user can do at the gateway with the menus of any client.

A ``Command`` is begun for one requester and gives a ``Stage``, which is a form and what to do with its answer, or an
``Outcome``.  A stage leads to the next one, so a command of several steps is a chain of coroutines, and *prev* is the stage
before.  The session that holds the chain belongs to one full JID at one of our addresses, lives ``SESSION_SECONDS`` after its
last step, and is one of a few; it is not stored: after a restart its id is unknown, which is said as such.

An answer that is no form is ``bad-payload``; one that does not fit the form is shown again with all that is wrong, because an
error would end the dialogue in every client that draws it as a wizard.

Implements: XEP-0050 sections 2 to 4.
"""

from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from sip2xmpp.errors import BadInput, Refused, StorageFailed
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.forms import Answer, BadForm, Form, Values, read_answer
from sip2xmpp.xmpp.reading import children
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.texts import quote, text_of

SESSION_SECONDS: Final = 600.0
MOST_SESSIONS: Final = 1_000
MOST_SESSIONS_OF_ONE: Final = 5
"""Sessions in all, and of one bare JID; a further one takes the place of the oldest."""

MOST_STAGES: Final = 20
REMEMBERED: Final = 1_000
"""Ids of sessions that have ended by time, so that this can be said of them."""

ACTIONS: Final = frozenset({"execute", "next", "prev", "complete", "cancel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a command: a note (a failure is one, too), and perhaps a form that tells more."""

    note: str = ""
    failed: bool = False
    form: Form | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One form of a command.  ``go_on`` takes the answer to a further stage, ``finish`` to the end; one of them is there.

    ``note`` is shown with the form, as an error if ``failed``.  A step that raises ``BadInput`` or ``Refused`` has the stage
    it came from shown again with that text; one that raises ``StanzaRefused`` or anything else ends the dialogue.
    """

    form: Form
    go_on: "Step | None" = None
    finish: "Step | None" = None
    note: str = ""
    failed: bool = False

    @property
    def default(self) -> str:
        """What ``execute`` means here."""
        return "next" if self.go_on is not None else "complete"


Step = Callable[[Answer], Coroutine[Any, Any, "Stage | Outcome"]]


class Command(Protocol):
    """One command.  ``node`` and ``name`` are what clients see."""

    @property
    def node(self) -> str: ...
    @property
    def name(self) -> str: ...

    def permits(self, requester: str) -> bool:
        """Whether this bare JID may run it."""

    async def begin(self, requester: str) -> Stage | Outcome:
        """The first stage for this bare JID."""


@dataclass(slots=True, eq=False)
class _Session:
    """One dialogue.  ``stages`` are those walked through, the present one last; ``ends_at`` is when it is forgotten."""

    id: str
    requester: str
    asked: str
    command: Command
    ends_at: float
    stages: list[Stage] = field(default_factory=list)
    busy: bool = False

    @property
    def owner(self) -> str:
        return self.requester.partition("/")[0]


class Commands:
    """The commands of our component domains and everybody's sessions.

    ``admit`` raises ``StanzaRefused`` for a requester who is not served at all, and gives the bare JID of others.
    """

    def __init__(
        self, commands: Mapping[str, Command], *, clock: IReactorTime, admit: Callable[[str], str]
    ) -> None:
        self._commands = dict(commands)
        self._clock = clock
        self._admit = admit
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._expired: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def items(self, requester: str, asked: str) -> str:
        """The disco#items result of the commands node: what this requester may run."""
        who = self._admit(requester)
        listed = "".join(
            f"<item jid='{quote(asked)}' node='{quote(each.node)}' name='{quote(each.name)}'/>"
            for each in self._commands.values()
            if each.permits(who)
        )
        return f"<query xmlns='{ns.DISCO_ITEMS}' node='{ns.COMMANDS}'>{listed}</query>"

    def info(self, requester: str, node: str) -> str | None:
        """The disco#info result of the commands node or of a command; None if there is no such node for this requester."""
        if node == ns.COMMANDS:
            who, features = "command-list' name='Commands", ""
        else:
            command = self._commands.get(node)
            if command is None or not command.permits(self._admit(requester)):
                return None
            who = f"command-node' name='{quote(command.name)}"
            features = "".join(
                f"<feature var='{each}'/>" for each in (ns.DISCO_INFO, ns.COMMANDS, ns.DATA_FORMS)
            )
        identity = f"<identity category='automation' type='{who}'/>"
        return f"<query xmlns='{ns.DISCO_INFO}' node='{quote(node)}'>{identity}{features}</query>"

    def received(self, iq: Element, asked: Element) -> Deferred[str]:
        """Take ``<command/>``; the answer is one as well.  Raises or fails with ``StanzaRefused``."""
        attributes = asked.attributes
        action = attributes.get("action", "execute")
        if action not in ACTIONS:
            raise refused("malformed-action", f"no such action: {action[:32]}")
        who, to = iq.attributes["from"], iq.attributes["to"]
        bare = self._admit(who)
        command = self._commands.get(attributes.get("node", ""))
        if command is None:
            raise StanzaRefused("item-not-found", "no such command")
        if not command.permits(bare):
            raise StanzaRefused("forbidden", type_="cancel")
        number = attributes.get("sessionid")
        if number is not None:
            session = self._known(number, who, to, command)
        elif action != "execute":
            raise refused("bad-sessionid", "a command begins with execute")
        else:
            session = self._begun(who, to, command)
            return self._advance(session, command.begin(bare))
        if action == "cancel":
            self._end(session)
            return _now(_written(session, "canceled"))
        return self._go_on(session, action, asked)

    def _go_on(self, session: _Session, action: str, asked: Element) -> Deferred[str]:
        stage = session.stages[-1]
        if action == "execute":
            action = stage.default
        if action == "prev":
            if len(session.stages) < 2:
                raise refused("bad-action", "there is no stage before this")
            session.stages.pop()
            self._touch(session)
            return _now(_stage(session))
        step = stage.go_on if action == "next" else stage.finish
        if step is None:
            raise refused("bad-action", f"{action} is not possible here")
        try:
            values = _payload(asked)
        except BadForm as fault:
            raise refused("bad-payload", str(fault)) from None
        if values is None:
            self._end(session)
            return _now(_written(session, "canceled"))
        answer = stage.form.check(values)
        # what was answered is there again when the stage is
        session.stages[-1] = replace(stage, form=stage.form.filled(values), note="", failed=False)
        if answer.faults:
            session.stages[-1] = replace(session.stages[-1], note="\n".join(answer.faults), failed=True)
            self._touch(session)
            return _now(_stage(session))
        return self._advance(session, step(answer))

    def _advance(self, session: _Session, step: Coroutine[Any, Any, Stage | Outcome]) -> Deferred[str]:
        session.busy = True
        return Deferred.fromCoroutine(step).addCallbacks(
            lambda reached: self._reached(session, reached), lambda failure: self._broken(session, failure)
        )

    def _reached(self, session: _Session, reached: Stage | Outcome) -> str:
        session.busy = False
        if isinstance(reached, Outcome):
            self._end(session)
            return _outcome(session, reached)
        if len(session.stages) < MOST_STAGES:
            session.stages.append(reached)
        else:
            self._end(session)
            return _outcome(session, Outcome(note="Too many steps: begin anew", failed=True))
        self._touch(session)
        return _stage(session)

    def _broken(self, session: _Session, failure: Failure) -> str | Failure:
        session.busy = False
        fault = failure.value
        if isinstance(fault, StorageFailed):
            self._end(session)
            return _outcome(session, Outcome(note="It could not be stored: try again later", failed=True))
        if (
            isinstance(fault, StanzaRefused)
            or not isinstance(fault, BadInput | Refused)
            or not session.stages
        ):
            self._end(session)
            return failure
        session.stages[-1] = replace(session.stages[-1], note=str(fault), failed=True)
        self._touch(session)
        return _stage(session)

    def _known(self, number: str, who: str, asked: str, command: Command) -> _Session:
        self._forget_old()
        session = self._sessions.get(number)
        if session is None and number in self._expired:
            raise refused("session-expired", "this dialogue has ended: begin anew")
        if (
            session is None
            or session.requester != who
            or session.asked != asked
            or session.command is not command
        ):
            raise refused("bad-sessionid", "no such dialogue: begin anew")
        if session.busy:
            raise StanzaRefused("unexpected-request", "the last step is still under way")
        return session

    def _begun(self, who: str, asked: str, command: Command) -> _Session:
        self._forget_old()
        session = _Session(token_hex(16), who, asked, command, self._clock.seconds() + SESSION_SECONDS)
        mine = [each for each in self._sessions.values() if each.owner == session.owner]
        if len(mine) >= MOST_SESSIONS_OF_ONE:
            self._expire(mine[0])
        elif len(self._sessions) >= MOST_SESSIONS:
            self._expire(next(iter(self._sessions.values())))
        self._sessions[session.id] = session
        return session

    def _touch(self, session: _Session) -> None:
        """Another step was made; the sessions are in the order of their ends."""
        session.ends_at = self._clock.seconds() + SESSION_SECONDS
        if session.id in self._sessions:
            self._sessions.move_to_end(session.id)

    def _forget_old(self) -> None:
        now = self._clock.seconds()
        while self._sessions and (oldest := next(iter(self._sessions.values()))).ends_at <= now:
            self._expire(oldest)

    def _expire(self, session: _Session) -> None:
        self._end(session)
        self._expired[session.id] = None
        while len(self._expired) > REMEMBERED:
            self._expired.popitem(last=False)

    def _end(self, session: _Session) -> None:
        self._sessions.pop(session.id, None)


def refused(condition: str, text: str) -> StanzaRefused:
    """An error that XEP-0050 has a condition of its own for."""
    general = "not-allowed" if condition == "session-expired" else "bad-request"
    return StanzaRefused(general, text, own=f"<{condition} xmlns='{ns.COMMANDS}'/>")


def _payload(asked: Element) -> Values | None:
    """The answer inside a command; none at all is an empty one.  None: the form was cancelled."""
    forms = [each for each in children(asked) if each.uri == ns.DATA_FORMS]
    if len(forms) > 1:
        raise BadForm("there is more than one form")
    return read_answer(forms[0]) if forms else {}


def _now(answer: str) -> Deferred[str]:
    done: Deferred[str] = Deferred()
    done.callback(answer)
    return done


def _stage(session: _Session) -> str:
    stage = session.stages[-1]
    allowed = "<prev/>" if len(session.stages) > 1 else ""
    allowed += "<next/>" if stage.go_on is not None else ""
    allowed += "<complete/>" if stage.finish is not None else ""
    inside = f"<actions execute='{stage.default}'>{allowed}</actions>{stage.form.element}"
    return _written(session, "executing", inside + _note(stage.note, failed=stage.failed))


def _outcome(session: _Session, outcome: Outcome) -> str:
    inside = outcome.form.element if outcome.form is not None else ""
    return _written(session, "completed", inside + _note(outcome.note, failed=outcome.failed))


def _note(text: str, *, failed: bool) -> str:
    return f"<note type='{'error' if failed else 'info'}'>{text_of(text)}</note>" if text else ""


def _written(session: _Session, status: str, inside: str = "") -> str:
    return (
        f"<command xmlns='{ns.COMMANDS}' node='{quote(session.command.node)}' sessionid='{session.id}' "
        f"status='{status}' xml:lang='en'>{inside}</command>"
    )
