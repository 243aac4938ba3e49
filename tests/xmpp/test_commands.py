"""Ad-hoc commands: who may run them, how a dialogue goes on and back, and how it ends."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from sip2xmpp.errors import StorageFailed, TooMany
from sip2xmpp.xmpp.commands import (
    MOST_SESSIONS,
    MOST_SESSIONS_OF_ONE,
    MOST_STAGES,
    SESSION_SECONDS,
    Command,
    Commands,
    Outcome,
    Stage,
)
from sip2xmpp.xmpp.forms import Answer, Field, FieldType, Form, told
from sip2xmpp.xmpp.iq import Answers
from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from tests.xmpp.test_forms import submitted

GATEWAY = "gw.example.org"
JULIET = "juliet@jabber.example/balcony"
ROMEO = "romeo@jabber.example/orchard"
NS = "http://jabber.org/protocol/commands"
C, X = f"{{{NS}}}", "{jabber:x:data}"


class Greet:
    """Asks for a name, then for a tone, then greets."""

    node, name = "greet", "Greet somebody"

    def __init__(self) -> None:
        self.door: Deferred[None] | None = None
        self.allowed = {"juliet@jabber.example", "romeo@jabber.example"}

    def permits(self, requester: str) -> bool:
        return requester in self.allowed

    async def begin(self, requester: str) -> Stage | Outcome:
        return Stage(
            form=Form(title="Whom?", fields=(Field(name="whom", required=True, label="Whom"),)),
            go_on=self.whom,
            finish=self.plainly,
        )

    async def plainly(self, answer: Answer) -> Outcome:
        return Outcome(note=f"Hello {answer.one('whom')}")

    async def whom(self, answer: Answer) -> Stage | Outcome:
        whom = answer.one("whom")
        if whom == "nobody":
            raise StanzaRefused("item-not-found", "there is nobody")
        if whom == "broken":
            raise ValueError("broken")
        if whom == "taken":
            raise TooMany("somebody else is")
        if whom == "unsafe":
            raise StorageFailed("the disk is full")
        if self.door is not None:
            await self.door

        async def how(answer: Answer) -> Outcome:
            return Outcome(note=f"{answer.one('tone')} {whom}", form=told("Said", ("Whom", whom)))

        choices = (("Hello", "Hello"), ("Hi", "Hi"))
        return Stage(
            form=Form(
                title="How?",
                fields=(Field(name="tone", type=FieldType.LIST_SINGLE, options=choices, required=True),),
            ),
            finish=how,
        )


class Endless:
    """Never ends by itself."""

    node, name = "endless", "Endless"

    def permits(self, requester: str) -> bool:
        return True

    async def begin(self, requester: str) -> Stage:
        return Stage(form=Form(title="More?"), go_on=self.more)

    async def more(self, answer: Answer) -> Stage | Outcome:
        return Stage(form=Form(title="More?"), go_on=self.more)


class Rig:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[str] = []
        self.greet = Greet()
        commands: list[Command] = [self.greet, Endless()]
        self.commands = Commands({each.node: each for each in commands}, clock=clock, admit=self._admit)
        self.answers = Answers(send=self.sent.append, now=clock.seconds, commands=self.commands)
        self.admit: Callable[[str], str] = lambda jid: jid.partition("/")[0]

    def _admit(self, jid: str) -> str:
        return self.admit(jid)

    def take(self, inside: str, who: str = JULIET, to: str = GATEWAY, type_: str = "set") -> None:
        self.answers.iq_received(
            parse_stanza(f"<iq type='{type_}' from='{who}' to='{to}' id='c1'>{inside}</iq>")
        )

    def run(
        self,
        action: str = "",
        session: str = "",
        answer: dict[str, list[str]] | None = None,
        *,
        who: str = JULIET,
        node: str = "greet",
        payload: str = "",
    ) -> Element:
        """The answer to one step, whatever it is."""
        if answer is not None:
            payload = submitted(answer)
        words = f" action='{action}'" if action else ""
        words += f" sessionid='{session}'" if session else ""
        self.take(f"<command xmlns='{NS}' node='{node}'{words}>{payload}</command>", who)
        answer_ = fromstring(self.sent.pop())
        return answer_[0] if answer_.get("type") == "result" else answer_

    def begin(self, who: str = JULIET, node: str = "greet") -> str:
        """The id of a new session."""
        return self.run(who=who, node=node).get("sessionid", "")

    def refused(self, *arguments: Any, **named: Any) -> tuple[str, ...]:
        with pytest.raises(StanzaRefused) as caught:
            self.run(*arguments, **named)
        error = caught.value.error
        own = fromstring(error.own).tag.removeprefix(C) if error.own else ""
        return tuple(word for word in (error.condition, error.type, own) if word)


@pytest.fixture
def rig(clock: Clock) -> Rig:
    return Rig(clock)


def note(command: Element) -> tuple[str | None, str | None]:
    found = command.find(f"{C}note")
    return (None, None) if found is None else (found.get("type"), found.text)


def actions(command: Element) -> tuple[str | None, list[str]]:
    found = command.find(f"{C}actions")
    assert found is not None
    return found.get("execute"), [each.tag.removeprefix(C) for each in found]


def test_only_what_one_may_run_is_listed(rig: Rig) -> None:
    asked = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{NS}'/>"
    rig.take(asked, type_="get")
    listed = [each.attrib for each in fromstring(rig.sent.pop())[0]]
    assert listed == [
        {"jid": GATEWAY, "node": "greet", "name": "Greet somebody"},
        {"jid": GATEWAY, "node": "endless", "name": "Endless"},
    ]
    rig.greet.allowed = set()
    rig.take(asked, type_="get")
    assert [each.get("node") for each in fromstring(rig.sent.pop())[0]] == ["endless"]


def test_the_list_and_its_commands_say_what_they_are(rig: Rig) -> None:
    info = "http://jabber.org/protocol/disco#info"
    for node, kind in ((NS, "command-list"), ("greet", "command-node")):
        rig.take(f"<query xmlns='{info}' node='{node}'/>", type_="get")
        query = fromstring(rig.sent.pop())[0]
        identity = query.find(f"{{{info}}}identity")
        assert identity is not None and query.get("node") == node
        assert (identity.get("category"), identity.get("type")) == ("automation", kind)
    assert {each.get("var") for each in query.findall(f"{{{info}}}feature")} >= {NS, "jabber:x:data"}
    rig.greet.allowed = set()
    with pytest.raises(StanzaRefused) as caught:
        rig.take(f"<query xmlns='{info}' node='greet'/>", type_="get")
    assert caught.value.error.condition == "item-not-found"


def test_a_command_goes_through_its_steps(rig: Rig) -> None:
    first = rig.run()
    assert (first.get("status"), first.get("node")) == ("executing", "greet")
    assert actions(first) == ("next", ["next", "complete"])
    session = first.get("sessionid", "")
    second = rig.run("next", session, {"whom": ["world"]})
    assert actions(second) == ("complete", ["prev", "complete"])
    last = rig.run("complete", session, {"tone": ["Hi"]})
    assert last.get("status") == "completed" and note(last) == ("info", "Hi world")
    assert last.findtext(f"{X}x/{X}field/{X}value") == "world"
    assert last.find(f"{C}actions") is None
    assert rig.refused("next", session) == ("bad-request", "modify", "bad-sessionid")
    assert len(rig.commands) == 0


def test_execute_means_what_the_stage_says(rig: Rig) -> None:
    session = rig.begin()
    assert rig.run("execute", session, {"whom": ["world"]}).findtext(f"{X}x/{X}title") == "How?"
    assert rig.run("", session, {"tone": ["Hello"]}).get("status") == "completed"


def test_a_command_may_end_early(rig: Rig) -> None:
    assert note(rig.run("complete", rig.begin(), {"whom": ["world"]})) == ("info", "Hello world")


def test_one_can_go_back_to_what_one_said(rig: Rig) -> None:
    session = rig.begin()
    rig.run("next", session, {"whom": ["world"]})
    first = rig.run("prev", session)
    assert first.findtext(f"{X}x/{X}field/{X}value") == "world"
    assert actions(first) == ("next", ["next", "complete"])
    rig.run("next", session, {"whom": ["moon"]})
    assert note(rig.run("complete", session, {"tone": ["Hi"]})) == ("info", "Hi moon")


def test_one_can_leave_at_any_time(rig: Rig) -> None:
    session = rig.begin()
    assert rig.run("cancel", session).get("status") == "canceled"
    assert rig.refused("cancel", session)[-1] == "bad-sessionid"
    session = rig.begin()
    assert rig.run("next", session, payload="<x xmlns='jabber:x:data' type='cancel'/>").get("status") == (
        "canceled"
    )
    assert len(rig.commands) == 0


def test_a_wrong_answer_is_shown_again_with_all_that_is_wrong(rig: Rig) -> None:
    session = rig.begin()
    again = rig.run("next", session, {"whom": [" "]})
    assert again.get("status") == "executing" and note(again) == ("error", "Whom: this is needed")
    rig.run("next", session, {"whom": ["world"]})
    again = rig.run("complete", session, {"tone": ["Oi"]})
    assert note(again)[0] == "error" and actions(again)[0] == "complete"
    assert rig.run("complete", session, {"tone": ["Hi"]}).get("status") == "completed"


def test_a_step_may_find_something_wrong_itself(rig: Rig) -> None:
    session = rig.begin()
    again = rig.run("next", session, {"whom": ["taken"]})
    assert note(again) == ("error", "somebody else is") and "prev" not in actions(again)[1]
    assert again.findtext(f"{X}x/{X}field/{X}value") == "taken"
    assert rig.run("next", session, {"whom": ["world"]}).findtext(f"{X}x/{X}title") == "How?"


def test_what_could_not_be_stored_is_told_at_the_end(rig: Rig) -> None:
    last = rig.run("next", rig.begin(), {"whom": ["unsafe"]})
    assert last.get("status") == "completed" and note(last)[0] == "error"
    assert len(rig.commands) == 0


def test_errors_are_those_of_the_specification(rig: Rig) -> None:
    session = rig.begin()
    assert rig.refused("jump", session) == ("bad-request", "modify", "malformed-action")
    assert rig.refused("prev", session) == ("bad-request", "modify", "bad-action")
    assert rig.refused("next") == ("bad-request", "modify", "bad-sessionid")
    assert rig.refused("next", "nonsense") == ("bad-request", "modify", "bad-sessionid")
    assert rig.refused("next", session, who=ROMEO) == ("bad-request", "modify", "bad-sessionid")
    assert rig.refused("next", session, node="endless") == ("bad-request", "modify", "bad-sessionid")
    assert rig.refused("next", session, payload="<x xmlns='jabber:x:data' type='form'/>") == (
        "bad-request",
        "modify",
        "bad-payload",
    )
    two = submitted({}) * 2
    assert rig.refused("next", session, payload=two)[-1] == "bad-payload"
    assert rig.refused(node="nothing") == ("item-not-found", "cancel")
    assert rig.run("next", session, {"whom": ["world"]}).get("status") == "executing"
    assert rig.refused("next", session, {"tone": ["Hi"]}) == ("bad-request", "modify", "bad-action")


def test_who_may_not_is_refused(rig: Rig) -> None:
    session = rig.begin()
    rig.greet.allowed = set()
    assert rig.refused() == ("forbidden", "cancel")
    assert rig.refused("next", session, {"whom": ["x"]}) == ("forbidden", "cancel")


def test_a_command_is_not_run_at_a_contact(rig: Rig) -> None:
    with pytest.raises(StanzaRefused) as caught:
        rig.take(f"<command xmlns='{NS}' node='greet'/>", to="bob@sip.example.org")
    assert caught.value.error.condition == "service-unavailable"


@pytest.mark.parametrize(("whom", "condition"), [("nobody", "item-not-found")])
def test_a_step_that_refuses_ends_the_dialogue(rig: Rig, whom: str, condition: str) -> None:
    session = rig.begin()
    answer = rig.run("next", session, {"whom": [whom]})
    assert answer.get("type") == "error" and answer[0][0].tag.endswith(condition)
    assert rig.refused("next", session)[-1] == "bad-sessionid"


def test_a_step_takes_its_time_and_is_made_once(rig: Rig) -> None:
    rig.greet.door = Deferred()
    session = rig.begin()
    rig.take(
        f"<command xmlns='{NS}' node='greet' sessionid='{session}' action='next'>{submitted({'whom': ['x']})}</command>"
    )
    assert rig.sent == []
    assert rig.refused("next", session, {"whom": ["x"]})[0] == "unexpected-request"
    rig.greet.door.callback(None)
    assert "How?" in rig.sent.pop()


def test_a_dialogue_ends_by_time(rig: Rig) -> None:
    session = rig.begin()
    rig.clock.advance(SESSION_SECONDS - 1)
    rig.run("next", session, {"whom": ["world"]})
    rig.clock.advance(SESSION_SECONDS - 1)
    rig.run("prev", session)
    rig.clock.advance(SESSION_SECONDS)
    assert rig.refused("next", session) == ("not-allowed", "cancel", "session-expired")
    assert len(rig.commands) == 0


def test_nobody_holds_many_dialogues(rig: Rig) -> None:
    sessions = [rig.begin(f"{JULIET}{number}") for number in range(MOST_SESSIONS_OF_ONE + 1)]
    assert len(rig.commands) == MOST_SESSIONS_OF_ONE
    assert rig.refused("next", sessions[0], who=f"{JULIET}0")[-1] == "session-expired"


def test_all_together_hold_no_more_than_there_is_room_for(rig: Rig) -> None:
    for number in range(MOST_SESSIONS + 5):
        rig.begin(f"u{number}@jabber.example/x", "endless")
    assert len(rig.commands) == MOST_SESSIONS


def test_a_dialogue_has_an_end(rig: Rig) -> None:
    session = rig.begin(node="endless")
    for _ in range(MOST_STAGES - 1):
        assert rig.run("next", session, {}, node="endless").get("status") == "executing"
    last = rig.run("next", session, {}, node="endless")
    assert last.get("status") == "completed" and note(last)[0] == "error"


def test_who_is_not_served_is_told_nothing(rig: Rig) -> None:
    def nobody(jid: str) -> str:
        raise StanzaRefused("forbidden", f"This gateway does not serve {jid}")

    rig.admit = nobody
    assert rig.refused()[0] == "forbidden"
    with pytest.raises(StanzaRefused):
        rig.take(
            f"<query xmlns='http://jabber.org/protocol/disco#items' node='{NS}'/>",
            type_="get",
        )


steps = st.tuples(
    st.sampled_from(["", "execute", "next", "prev", "complete", "cancel", "jump"]),
    st.sampled_from([0, 1, 2, -1]),
    st.sampled_from(["greet", "endless", "nothing"]),
    st.sampled_from([JULIET, ROMEO, "stranger@jabber.example/x"]),
    st.sampled_from(["world", "nobody", "taken", "unsafe", "Hi", " ", "\x7f"]),
)


@given(st.lists(steps, max_size=30))
def test_whatever_is_sent_gets_an_answer(sent: list[tuple[str, int, str, str, str]]) -> None:
    rig = Rig(Clock())
    sessions = ["", "nonsense", rig.begin()]
    for action, which, node, who, word in sent:
        try:
            answer = rig.run(action, sessions[which], {"whom": [word], "tone": [word]}, who=who, node=node)
        except StanzaRefused:
            continue
        if answer.get("sessionid"):
            sessions.append(answer.get("sessionid", ""))
            assert answer.get("status") in ("executing", "completed", "canceled")
        assert len(rig.commands) <= 3 * MOST_SESSIONS_OF_ONE
