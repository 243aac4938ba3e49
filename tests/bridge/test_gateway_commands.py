"""The gateway's commands, step by step: what they show, what they store, and who may not run them."""

from xml.etree.ElementTree import Element

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.lookup_command import LOOKUP_SECONDS, LOOKUPS
from sip2xmpp.bridge.presence_commands import PERMANENT, source_of
from sip2xmpp.bridge.stating import in_words, label_of, state_fields, told_state
from sip2xmpp.bridge.watcher_commands import MOST_SHOWN
from sip2xmpp.documents.presence import Note
from sip2xmpp.errors import StorageFailed
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import STATES, Telling, document_of
from sip2xmpp.store.records import Statement, Verdict
from sip2xmpp.xmpp.forms import Form
from tests.bridge.desk import ADMIN, ALICE, BOB, COMMANDS, GATEWAY, ROMEO, SIP, WEATHER, Desk, outcome
from tests.xmpp.test_forms import submitted

C, X = f"{{{COMMANDS}}}", "{jabber:x:data}"


@pytest.fixture
def desk(clock: Clock) -> Desk:
    desk = Desk(clock)
    desk.account()
    assert desk.register() == "result"
    return desk


class Dialogue:
    """A command, run by one client."""

    def __init__(self, desk: Desk, node: str, who: str = ROMEO) -> None:
        self.desk = desk
        self.node = node
        self.who = f"{who}/x"
        self.session = ""
        self.step("execute")

    def send(self, action: str, values: dict[str, str | list[str]]) -> None:
        lists = {name: [value] if isinstance(value, str) else value for name, value in values.items()}
        session = f" sessionid='{self.session}'" if self.session else ""
        self.desk.take(
            f"<iq type='set' from='{self.who}' to='{GATEWAY}' id='i1'><command xmlns='{COMMANDS}' "
            f"node='{self.node}' action='{action}'{session}>{submitted(lists) if values else ''}</command></iq>"
        )
        self.desk.soon()

    def step(self, action: str, **values: str | list[str]) -> "Dialogue":
        self.send(action, values)
        return self.answered()

    def answered(self) -> "Dialogue":
        answer = self.desk.answer()
        self.error = "" if answer.get("type") == "result" else outcome(answer)
        self.last: Element = answer if self.error else answer[0]
        self.session = self.last.get("sessionid", self.session)
        return self

    @property
    def done(self) -> bool:
        return self.last.get("status") == "completed"

    @property
    def note(self) -> str:
        return self.last.findtext(f"{C}note") or ""

    @property
    def failed(self) -> bool:
        note = self.last.find(f"{C}note")
        return note is not None and note.get("type") == "error"

    def field(self, name: str) -> list[str]:
        """What a field holds."""
        for field in self.last.iter(f"{X}field"):
            if field.get("var") == name:
                return [value.text or "" for value in field.findall(f"{X}value")]
        raise AssertionError(f"no field {name}")

    @property
    def text(self) -> str:
        return "\n".join(value.text or "" for value in self.last.iter(f"{X}value"))

    def options(self, name: str) -> list[str | None]:
        for field in self.last.iter(f"{X}field"):
            if field.get("var") == name:
                return [option.get("label") for option in field.findall(f"{X}option")]
        raise AssertionError(f"no field {name}")


def statement(desk: Desk, source: str = "", about: str = BOB) -> Statement | None:
    return desk.store.statements.get(f"{about} {source or source_of(ROMEO)}")


def shown(desk: Desk, about: str = BOB) -> str:
    address = Address.parse(about)
    return in_words(desk.own.presence.composed(address))


# who


def test_everybody_sees_the_commands_that_are_theirs(desk: Desk) -> None:
    def nodes(who: str) -> list[str | None]:
        asked = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"
        return [each.get("node") for each in desk.iq("get", asked, f"{who}/x", SIP)[0]]

    assert nodes(ROMEO) == [
        "presence",
        "permanent-presence",
        "watchers",
        "import-contacts",
        "departments",
        "lookup",
    ]
    assert nodes(ADMIN) == ["lookup", "inject", "suggest"]
    assert nodes("stranger@jabber.example") == []
    assert desk.register("", "", "mercutio@jabber.example/x") == "result"
    assert nodes("mercutio@jabber.example") == ["lookup"]


@pytest.mark.parametrize(
    "node", ["presence", "permanent-presence", "watchers", "lookup", "inject", "suggest"]
)
def test_a_stranger_may_run_nothing(desk: Desk, node: str) -> None:
    assert Dialogue(desk, node, "stranger@jabber.example").error == "forbidden"


def test_who_lost_the_account_in_the_middle_may_not_go_on(desk: Desk) -> None:
    mine = Dialogue(desk, "presence").step("next", do="state")
    desk.store.accounts.remove(BOB)
    assert mine.step("complete", state="away").error == "forbidden"
    assert len(desk.store.statements) == 0


# my presence


def test_one_states_ones_own_presence(desk: Desk) -> None:
    mine = Dialogue(desk, "presence")
    assert f"{BOB} is shown as: Offline" in mine.text
    mine.step("next", do="state").step("next", state="away", text="at lunch", language="en", activity="meal")
    mine.step("complete", until="2h")
    assert mine.done and not mine.failed
    assert mine.note.startswith(f"{BOB}: Away, meal: at lunch until 2027-01-15T10:0")
    held = statement(desk)
    assert held is not None and held.rank == Rank.INJECTED and held.told_by == BOB
    assert shown(desk) == "Away, meal: at lunch"
    again = Dialogue(desk, "presence")
    assert f"{source_of(ROMEO)}: Away" in again.text
    again.step("next", do="state")
    assert [again.field(name) for name in ("state", "text", "language", "activity")] == [
        ["away"],
        ["at lunch"],
        ["en"],
        ["meal"],
    ]
    desk.clock.advance(7200)
    assert statement(desk) is None


def test_a_statement_without_an_end_is_kept_until_it_is_taken_back(desk: Desk) -> None:
    mine = Dialogue(desk, "presence").step("next", do="state").step("complete", state="dnd")
    assert mine.done
    held = statement(desk)
    assert held is not None and held.expires_at is None
    assert Dialogue(desk, "presence").step("next", do="clear").note == f"{BOB}: taken back"
    assert Dialogue(desk, "presence").step("next", do="clear").note == f"{BOB}: nothing was stated"
    assert statement(desk) is None


def test_all_that_is_wrong_with_a_state_is_told_at_once(desk: Desk) -> None:
    mine = Dialogue(desk, "presence").step("next", do="state")
    mine.step(
        "next", state="away", text="hello", language="not a language", activity="x" * 100, mood="y" * 100
    )
    assert mine.failed and not mine.done and mine.note.count("\n") == 2
    mine.step("next", state="away", text="hello", language="en").step("complete", until="never")
    assert mine.failed and "never" in mine.note
    assert mine.step("complete", until="").done


def test_a_command_answers_when_its_change_is_safe(desk: Desk) -> None:
    mine = Dialogue(desk, "presence").step("next", do="state")
    desk.store.slow = True
    desk.wire.xml.clear()
    mine.send("complete", {"state": "away"})
    assert desk.wire.xml == []
    desk.store.commit()
    assert mine.answered().done
    late = Dialogue(desk, "presence").step("next", do="state")
    late.send("complete", {"state": "dnd"})
    desk.store.commit(StorageFailed("the disk is full"))
    assert late.answered().done and late.failed


@pytest.mark.parametrize(
    "jid", ["romeo@jabber.example", "x" * 80 + "@jabber.example", "rômeo montague@jabber.example"]
)
def test_a_source_is_named_after_the_jid(jid: str) -> None:
    name = source_of(jid)
    assert len(name) <= 64 and " " not in name and name.startswith("jabber-")
    assert name == source_of(jid) != source_of(f"{jid}x")


# permanent presence


def test_a_holiday_is_stated_in_advance(desk: Desk) -> None:
    holiday = Dialogue(desk, "permanent-presence")
    assert holiday.field("state") == ["xa"]
    holiday.step(
        "complete",
        **{
            "do": "state",
            "state": "xa",
            "text": "on holiday",
            "activity": "vacation",
            "from": "2027-01-20",
            "until": "2027-02-05",
        },
    )
    assert holiday.done and "from 2027-01-20T00:00:00Z until 2027-02-06T00:00:00Z" in holiday.note
    held = statement(desk, PERMANENT)
    assert held is not None and held.rank == Rank.PERMANENT
    assert shown(desk) == "Offline"
    desk.clock.advance(6 * 86_400)
    assert shown(desk).endswith("on holiday")
    again = Dialogue(desk, "permanent-presence")
    assert again.field("text") == ["on holiday"] and again.field("until") == ["2027-02-06T00:00:00Z"]
    assert again.step("complete", do="state", state="xa", always="1").done
    held = statement(desk, PERMANENT)
    assert held is not None and held.rank == Rank.OVERRIDE and held.expires_at is None
    assert Dialogue(desk, "permanent-presence").field("always") == ["1"]
    assert Dialogue(desk, "permanent-presence").step("complete", do="clear", state="xa").done
    assert statement(desk, PERMANENT) is None


def test_a_holiday_that_ends_before_it_begins_is_none(desk: Desk) -> None:
    holiday = Dialogue(desk, "permanent-presence")
    holiday.step("complete", **{"do": "state", "state": "xa", "from": "2027-03-01", "until": "2027-02-01"})
    assert holiday.failed and not holiday.done


# my watchers


def verdicts(desk: Desk) -> dict[str, str]:
    return {str(each.watcher): each.handling for each in desk.store.verdicts.select(BOB)}


def test_a_pending_watcher_is_shown_and_allowed(desk: Desk) -> None:
    desk.presence("subscribe", "juliet@jabber.example", BOB)
    desk.said()
    mine = Dialogue(desk, "watchers")
    assert mine.options("watchers") == ["juliet@jabber.example (pending)"]
    mine.step("complete", watchers="juliet@jabber.example", decision="allow")
    assert mine.done and verdicts(desk)["juliet@jabber.example"] == "allow"
    desk.soon()
    assert desk.said() == [
        f"subscribed {BOB} > juliet@jabber.example",
        f"unavailable {BOB} > juliet@jabber.example",
    ]
    assert Dialogue(desk, "watchers").options("watchers") == ["juliet@jabber.example (active allow)"]


@pytest.mark.parametrize("decision", ["allow", "confirm", "polite-block", "block"])
def test_anybody_can_be_decided_about(desk: Desk, decision: str) -> None:
    others = [f"sip:alice@{SIP}", rf"carol\40example.com@{GATEWAY}", "juliet@jabber.example"]
    mine = Dialogue(desk, "watchers").step("complete", others=others, decision=decision)
    assert mine.done
    assert verdicts(desk) == dict.fromkeys([ALICE, "carol@example.com", "juliet@jabber.example"], decision)
    again = Dialogue(desk, "watchers")
    assert f"{ALICE} (not watching {decision})" in again.options("watchers")
    assert again.step("complete", watchers=[ALICE, "carol@example.com"], decision="forget").done
    assert verdicts(desk) == {"juliet@jabber.example": decision}


def test_the_list_alone_is_shown(desk: Desk) -> None:
    assert Dialogue(desk, "watchers").step("complete", decision="").note == "Nobody watches you"
    desk.presence("subscribe", "juliet@jabber.example", BOB)
    mine = Dialogue(desk, "watchers").step("complete")
    assert [each.text for each in mine.last.iter(f"{X}value")] == [
        "juliet@jabber.example",
        "pending",
        "default",
    ]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"decision": "allow"}, "Choose somebody"),
        ({"decision": "allow", "others": "@@"}, "not an address"),
        ({"decision": "allow", "others": "jabber.example"}, "has no user"),
        ({"decision": "block", "others": BOB}, "always see yourself"),
        ({"decision": "murder", "others": ALICE}, "none of the choices"),
        ({"decision": "allow", "watchers": ALICE}, "none of the choices"),
    ],
)
def test_a_decision_that_makes_no_sense_is_none(desk: Desk, values: dict[str, str], why: str) -> None:
    mine = Dialogue(desk, "watchers").step("complete", **values)
    assert mine.failed and not mine.done and why in mine.note
    assert verdicts(desk) == {}


def test_a_crowd_is_cut_short(desk: Desk) -> None:
    for number in range(MOST_SHOWN + 20):
        watcher = Address.parse(f"u{number}@jabber.example")
        desk.store.verdicts.put(
            Verdict(presentity=Address.parse(BOB), watcher=watcher, handling="block", decided_at=0.0)
        )
    mine = Dialogue(desk, "watchers")
    assert len(mine.options("watchers")) == MOST_SHOWN
    assert "20 more are not shown" in (mine.last.findtext(f"{X}x/{X}instructions") or "")


# look-up


def test_a_domain_is_looked_up(desk: Desk) -> None:
    look = Dialogue(desk, "lookup").step("complete", domain="bob@Example.com")
    assert look.done and desk.asked_dns == ["example.com"]
    assert "SRV _sip._udp" in look.text and "sip: sent as SIP" in look.text
    assert "192.0.2.1" not in look.text


def test_only_an_operator_sees_the_inside(desk: Desk) -> None:
    outside = Dialogue(desk, "lookup").step("complete", domain="inner.example")
    assert "10.0.0.1" not in outside.text and "configured by the operator" in outside.text
    inside = Dialogue(desk, "lookup", ADMIN).step("complete", domain="inner.example")
    assert "10.0.0.1" in inside.text
    assert "192.0.2.1" in Dialogue(desk, "lookup", ADMIN).step("complete", domain="example.com").text
    assert "own: answered" in Dialogue(desk, "lookup").step("complete", domain=SIP).text


@pytest.mark.parametrize("domain", ["", "@", "a b", "x" * 300])
def test_what_is_no_domain_is_not_looked_up(desk: Desk, domain: str) -> None:
    look = Dialogue(desk, "lookup").step("complete", domain=domain)
    assert look.failed and not look.done and desk.asked_dns == []


def test_look_ups_are_few(desk: Desk) -> None:
    for number in range(LOOKUPS):
        assert Dialogue(desk, "lookup").step("complete", domain=f"d{number}.example").done
    late = Dialogue(desk, "lookup").step("complete", domain="late.example")
    assert late.failed and "Too many" in late.note
    desk.clock.advance(LOOKUP_SECONDS)
    assert late.step("complete", domain="late.example").done


# inject


def test_an_operator_states_anybodys_presence(desk: Desk) -> None:
    weather = Dialogue(desk, "inject", ADMIN).step("next", address=WEATHER, source="station", do="state")
    weather.step("complete", state="online", text="17 degrees", priority="0.5", until="1h")
    assert weather.done and shown(desk, WEATHER) == "Online: 17 degrees"
    again = Dialogue(desk, "inject", ADMIN).step(
        "next", address=f"sip:{WEATHER}", source="station", do="state"
    )
    assert again.field("text") == ["17 degrees"] and f"{WEATHER} is shown as" in again.text
    assert Dialogue(desk, "inject", ADMIN).step("next", address=WEATHER, source="station", do="clear").done
    assert desk.own.addresses.exists(Address.parse(WEATHER))
    assert Dialogue(desk, "inject", ADMIN).step("next", address=WEATHER, source="station", do="forget").done
    assert not desk.own.addresses.exists(Address.parse(WEATHER))


@pytest.mark.parametrize(
    ("address", "source", "why"),
    [
        ("weather@elsewhere.example", "station", "not a domain of ours"),
        (SIP, "station", "has no user"),
        ("@", "station", "not an address"),
    ],
)
def test_an_operator_states_nothing_elsewhere(desk: Desk, address: str, source: str, why: str) -> None:
    weather = Dialogue(desk, "inject", ADMIN).step("next", address=address, source=source, do="state")
    assert weather.failed and why in weather.note


@pytest.mark.parametrize(
    ("more", "source"),
    [({"priority": "2"}, "s"), ({"priority": "high"}, "s"), ({}, "two words"), ({}, "x" * 65)],
)
def test_a_statement_that_makes_no_sense_is_none(desk: Desk, more: dict[str, str], source: str) -> None:
    weather = Dialogue(desk, "inject", ADMIN).step("next", address=WEATHER, source=source, do="state")
    weather.step("complete", state="online", **more)
    assert weather.failed and not weather.done and len(desk.store.statements) == 0


# states in words


@pytest.mark.parametrize("word", STATES)
def test_every_state_is_told_and_read_again(word: str) -> None:
    state = State(word)
    document = document_of(Telling(state=state, notes=(Note(text="hello"),)), BOB)
    assert in_words(document).startswith(label_of(state)) and in_words(document).endswith("hello")
    fields = state_fields(document)
    answer = Form(title="", fields=fields).check({field.name: field.values for field in fields})
    assert answer.faults == () and told_state(answer).state is state


def test_nobody_is_told_more_than_the_owner_lets_them(clock: Clock) -> None:
    desk = Desk(clock, default=Handling.ALLOW)
    desk.account()
    desk.account(ALICE, "rabbit")
    desk.register(ALICE, "rabbit")
    assert "bob" not in Dialogue(desk, "presence").text and "bob" not in Dialogue(desk, "watchers").text
