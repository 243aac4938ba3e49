"""The table that turns any document into one state."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given

from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Device,
    Note,
    Person,
    Presence,
    Show,
    Tuple,
    UserInput,
)
from sip2xmpp.documents.rpid import ACTIVITIES
from sip2xmpp.presence.states import (
    DEFAULT_TEXT,
    NOTE_WORDS,
    SHOW_OF,
    STATE_OF_SHOW,
    State,
    best_tuple,
    fits,
    kind_of,
    severity,
    state_of,
)
from tests.documents.strategies import documents

OPEN = Tuple(id="t", basic=Basic.OPEN)
CLOSED = Tuple(id="c", basic=Basic.CLOSED)
NEWER = datetime(2026, 2, 1, tzinfo=UTC)
OLDER = datetime(2026, 1, 1, tzinfo=UTC)


def said(*activities: str | Activity, service: Tuple = OPEN, note: str = "") -> Presence:
    doing = tuple(Activity(each) if isinstance(each, str) else each for each in activities)
    return Presence(
        entity="sip:a@b",
        tuples=(service,),
        persons=(Person(id="p", activities=doing),) if doing else (),
        notes=(Note(text=note),) if note else (),
    )


BY_ACTIVITY = {
    State.BUSY: ["busy", "meeting", "performance", "presentation", "steering", "worship", "not_reachable"],
    State.ON_THE_PHONE: ["on-the-phone"],
    State.XA: ["permanent-absence", "vacation", "holiday", "sleeping", "travel"],
    State.AWAY: [
        "away", "appointment", "breakfast", "lunch", "dinner", "meal", "in-transit", "shopping", "spectator",
    ],
    State.DND: ["dnd"],
    State.ONLINE: [
        "looking-for-work", "playing", "tv", "working", "reachable", "other", "unknown", "available", "alerting",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "state"), [(name, state) for state, names in BY_ACTIVITY.items() for name in names]
)
def test_each_activity_means_a_state(name: str, state: State) -> None:
    assert state_of(said(name)) is state


def test_every_activity_of_the_rfc_is_in_the_table() -> None:
    assert {name for names in BY_ACTIVITY.values() for name in names} >= ACTIVITIES


@pytest.mark.parametrize("stronger", [State.DND, State.ON_THE_PHONE, State.BUSY, State.XA, State.AWAY])
@pytest.mark.parametrize("weaker", [State.ON_THE_PHONE, State.BUSY, State.XA, State.AWAY, State.ONLINE])
def test_of_several_activities_the_most_severe_counts_in_any_order(stronger: State, weaker: State) -> None:
    if severity(stronger) <= severity(weaker):
        return
    pair = (BY_ACTIVITY[stronger][0], BY_ACTIVITY[weaker][0])
    assert state_of(said(*pair)) is state_of(said(*pair[::-1])) is stronger


@pytest.mark.parametrize(("word", "state"), NOTE_WORDS.items())
def test_words_in_notes_count_when_nothing_else_is_said(word: str, state: State) -> None:
    assert state_of(said(note=f" {word.title()} ")) is state
    assert state_of(said("unknown", note=word)) is state
    assert state_of(said("working", note=word)) is State.ONLINE
    assert state_of(said(service=replace(OPEN, show=Show.CHAT), note=word)) is State.CHAT


@pytest.mark.parametrize("word", ["gone fishing", "away!", "I am away", "ring me", ""])
def test_other_words_mean_nothing(word: str) -> None:
    assert state_of(said(note=word)) is State.ONLINE


@pytest.mark.parametrize("text", ["dnd", "Do not disturb", "busy (DND)"])
def test_do_not_disturb_is_a_text(text: str) -> None:
    assert state_of(said(Activity("other", text))) is State.DND
    assert state_of(said("busy", note=text)) is State.DND
    assert state_of(said("away", note=text)) is State.AWAY


@pytest.mark.parametrize(("show", "state"), STATE_OF_SHOW.items())
def test_show_counts_when_no_activity_does(show: Show | None, state: State) -> None:
    assert state_of(said(service=replace(OPEN, show=show))) is state
    assert state_of(said("playing", service=replace(OPEN, show=show))) is state
    assert state_of(said("on-the-phone", service=replace(OPEN, show=show))) is State.ON_THE_PHONE


def test_show_tells_away_from_extended_away() -> None:
    assert state_of(said("away", service=replace(OPEN, show=Show.XA))) is State.XA
    assert state_of(said("vacation", service=replace(OPEN, show=Show.AWAY))) is State.AWAY
    assert state_of(said("busy", service=replace(OPEN, show=Show.XA))) is State.BUSY


@pytest.mark.parametrize(
    ("extended", "activity", "show", "state"),
    [
        ("available", "away", None, State.ONLINE),
        ("available", "", Show.CHAT, State.CHAT),
        ("Available", "", None, State.ONLINE),
        ("offline", "", None, State.OFFLINE),
        ("away", "", None, State.AWAY),
        ("away", "busy", None, State.AWAY),
        ("away", "vacation", None, State.XA),
        ("away", "", Show.XA, State.XA),
        ("busy", "", None, State.BUSY),
        ("busy", "on-the-phone", None, State.ON_THE_PHONE),
        ("busy", "dnd", None, State.DND),
        ("busy", "", Show.DND, State.DND),
        ("busy", "busy", Show.DND, State.BUSY),
        ("nonsense", "away", None, State.AWAY),
    ],
)
def test_the_word_of_ag_projects_comes_first(
    extended: str, activity: str, show: Show | None, state: State
) -> None:
    service = replace(OPEN, extended=extended, show=show)
    assert state_of(said(*filter(None, [activity]), service=service)) is state


def test_closed_is_offline_whatever_else_is_said() -> None:
    for service in (CLOSED, replace(CLOSED, extended="away", show=Show.DND)):
        assert state_of(said("away", service=service, note="busy")) is State.OFFLINE


def test_one_open_tuple_is_enough() -> None:
    both = Presence(entity="sip:a@b", tuples=(CLOSED, OPEN))
    assert state_of(both) is State.ONLINE


@pytest.mark.parametrize("agent", ["Linphone/3.12 (belle-sip/1.4)", "LinphoneDesktop/5.0", "belle-sip/5.1"])
def test_linphone_closes_for_do_not_disturb(agent: str) -> None:
    assert state_of(said("away", service=CLOSED), user_agent=agent) is State.DND
    assert state_of(said(service=CLOSED), user_agent=agent) is State.OFFLINE


def test_permanent_absence_with_the_word_offline_is_offline() -> None:
    assert state_of(said(Activity("permanent-absence", "offline"))) is State.OFFLINE


def test_nothing_stated_is_unknown() -> None:
    assert state_of(Presence(entity="sip:a@b")) is State.UNKNOWN
    assert state_of(said(service=Tuple(id="t"))) is State.UNKNOWN
    assert state_of(said("busy", service=Tuple(id="t"))) is State.BUSY


def test_an_idle_keyboard_is_away_by_choice_of_the_operator() -> None:
    idle, active = UserInput(idle=True), UserInput(idle=False)
    document = said(service=replace(OPEN, user_input=idle))
    assert state_of(document) is State.AWAY
    assert state_of(document, idle_is_away=False) is State.ONLINE
    busy_elsewhere = replace(document, devices=(Device(id="d", device_id="urn:x:1", user_input=active),))
    assert state_of(busy_elsewhere) is State.ONLINE
    assert state_of(said(service=replace(OPEN, user_input=idle, show=Show.CHAT))) is State.CHAT


def test_of_several_persons_the_newest_counts() -> None:
    older = Person(id="a", activities=(Activity("busy"),), timestamp=OLDER)
    newer = Person(id="b", activities=(Activity("away"),), timestamp=NEWER)
    undated = Person(id="c", activities=(Activity("dnd"),))
    for persons in ((older, newer, undated), (undated, newer, older)):
        assert state_of(replace(said(), persons=persons)) is State.AWAY
    silent = Person(id="d", timestamp=datetime(2026, 3, 1, tzinfo=UTC))
    assert state_of(replace(said(), persons=(older, silent))) is State.BUSY


def test_of_persons_without_time_all_count() -> None:
    one, two = Person(id="a", activities=(Activity("away"),)), Person(id="b", activities=(Activity("busy"),))
    assert state_of(replace(said(), persons=(one, two))) is State.BUSY


def test_the_best_tuple_is_open_marked_preferred_and_new() -> None:
    preferred = replace(OPEN, id="preferred", priority=0.9)
    marked = replace(OPEN, id="marked", extended="away")
    newer = replace(OPEN, id="newer", timestamp=NEWER)
    closed = replace(CLOSED, priority=1.0, extended="offline")
    assert best_tuple([closed, OPEN, newer]) == newer
    assert best_tuple([closed, newer, preferred]) == preferred
    assert best_tuple([preferred, marked, closed]) == marked
    assert best_tuple([OPEN, replace(OPEN, id="u")]) == OPEN
    assert best_tuple([]) is None


def test_states_are_ordered_by_severity() -> None:
    order = [State.AWAY, State.XA, State.BUSY, State.ON_THE_PHONE, State.DND]
    assert sorted(State, key=severity)[-5:] == order
    assert len({severity(state) for state in State}) == len(State)


def test_default_texts_mean_their_own_state() -> None:
    for state, text in DEFAULT_TEXT.items():
        if text:
            assert NOTE_WORDS[text.lower()] is state


def test_activities_fit_states_they_do_not_contradict() -> None:
    assert fits(Activity("vacation"), State.AWAY)
    assert fits(Activity("meeting"), State.DND)
    assert fits(Activity("tv"), State.ONLINE)
    assert not fits(Activity("away"), State.ONLINE)
    assert not fits(Activity("busy"), State.AWAY)
    assert not fits(Activity("on-the-phone"), State.BUSY)
    assert not fits(Activity("unknown"), State.ONLINE)
    assert not fits(Activity("other", "available"), State.ONLINE)
    assert kind_of(Activity("other", "gardening")) is None


@given(documents)
def test_every_document_has_one_state(document: Presence) -> None:
    state = state_of(document)
    assert state_of(replace(document)) is state
    assert STATE_OF_SHOW[SHOW_OF[state]] in State
