"""The user's words, and how they are kept apart from states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.presence import Activity, Basic, Note, Person, Presence, Tuple
from sip2xmpp.presence.states import DEFAULT_TEXT, State
from sip2xmpp.presence.texts import (
    GUARD,
    NOTE_LIMIT,
    distinct,
    guarded,
    is_default_text,
    presentable,
    user_notes,
    words_of,
)


def document(service: str = "", person: str = "", activity: str | None = None, root: str = "") -> Presence:
    def notes(text: str) -> tuple[Note, ...]:
        return (Note(text=text),) if text else ()

    return Presence(
        entity="sip:a@b",
        tuples=(Tuple(id="t", basic=Basic.OPEN, notes=notes(service)),),
        persons=(Person(id="p", notes=notes(person), activity_note=activity),),
        notes=notes(root),
    )


def words(found: tuple[Note, ...]) -> list[str]:
    return [note.text for note in found]


def test_the_text_is_looked_for_in_tuple_person_activities_and_document() -> None:
    assert words(user_notes(document("a", "b", "c", "d"), State.AWAY)) == ["a"]
    assert words(user_notes(document("", "b", "c", "d"), State.AWAY)) == ["b"]
    assert words(user_notes(document("", "", "c", "d"), State.AWAY)) == ["c"]
    assert words(user_notes(document("", "", None, "d"), State.AWAY)) == ["d"]
    assert words(user_notes(document("Away", "Away", None, "d"), State.AWAY)) == ["d"]
    assert words(user_notes(document("Away", "Away"), State.AWAY)) == []


@pytest.mark.parametrize("state", list(State))
def test_default_words_are_not_the_users(state: State) -> None:
    assert is_default_text(DEFAULT_TEXT[state], state)
    assert is_default_text("  ", state)
    assert not is_default_text("Gone fishing", state)


@pytest.mark.parametrize(
    ("text", "state", "default"),
    [
        ("Available", State.ONLINE, True),
        ("Ready", State.ONLINE, True),
        ("Away", State.XA, True),
        ("Extended away", State.AWAY, False),
        ("Busy", State.DND, True),
        ("On the phone", State.BUSY, False),
        ("On The Phone", State.ON_THE_PHONE, True),
        ("In a meeting", State.BUSY, False),
        ("Out to lunch", State.AWAY, False),
        ("Unavailable", State.OFFLINE, True),
        ("Offline", State.ONLINE, False),
        ("Available", State.OFFLINE, False),
        ("Available", State.AWAY, False),
    ],
)
def test_other_programs_have_default_words_too(text: str, state: State, default: bool) -> None:
    assert is_default_text(text, state) is default


@pytest.mark.parametrize(
    ("text", "state", "expected"),
    [
        ("Away", State.AWAY, "Away"),
        ("Away", State.XA, "Away"),
        ("Away", State.ONLINE, "Away" + GUARD),
        (" ONLINE ", State.DND, "ONLINE" + GUARD),
        ("On the phone", State.BUSY, "On the phone" + GUARD),
        ("On the phone", State.ON_THE_PHONE, "On the phone"),
        ("Busy (DND)", State.BUSY, "Busy (DND)"),
        ("Busy (DND)", State.AWAY, "Busy (DND)" + GUARD),
        ("In a meeting", State.BUSY, "In a meeting"),
        ("In a meeting", State.ONLINE, "In a meeting" + GUARD),
        ("Offline", State.OFFLINE, "Offline"),
        ("ready", State.OFFLINE, "ready" + GUARD),
        ("Busy", State.ONLINE, "Busy"),
        ("Ringing", State.ONLINE, GUARD + "Ringing"),
        ("Ring me tomorrow", State.AWAY, GUARD + "Ring me tomorrow"),
        ("Away from home", State.ONLINE, "Away from home"),
        ("a\x00b\r\nc", State.ONLINE, "ab\nc"),
    ],
)
def test_status_words_of_another_state_are_guarded(text: str, state: State, expected: str) -> None:
    assert guarded(text, state) == expected


def test_more_words_are_guarded_where_they_would_be_the_only_sign() -> None:
    assert guarded("Busy", State.ONLINE, is_only_sign=True) == "Busy" + GUARD
    assert guarded("Lunch", State.AWAY, is_only_sign=True) == "Lunch"
    assert guarded("Lunch", State.CHAT, is_only_sign=True) == "Lunch" + GUARD


@given(st.text(), st.sampled_from(State))
def test_guarding_twice_changes_nothing_and_is_undone_on_reading(text: str, state: State) -> None:
    once = guarded(text, state)
    assert guarded(once, state) == once
    assert len(once) <= NOTE_LIMIT + 1
    found = user_notes(document(once), State.ON_THE_PHONE)
    assert words(found) in ([], [once.strip(GUARD)])


def test_long_texts_are_cut() -> None:
    assert len(guarded("x" * 1000, State.AWAY)) == NOTE_LIMIT


def test_one_note_of_each_language_and_only_a_few() -> None:
    said = (
        Note(text="a", language="en"),
        Note(text=" ", language="de"),
        Note(text="b", language="EN"),
        Note(text="c"),
    )
    assert words(distinct(said)) == ["a", "c"]
    assert len(presentable([Note(text=str(n), language=f"x{n}") for n in range(50)], State.AWAY)) == 8


def test_activities_in_words() -> None:
    assert (
        words_of([Activity("tv"), Activity("other", "knitting"), Activity("tv")]) == "Watching TV, knitting"
    )
    assert words_of([Activity("unknown"), Activity("other", "available"), Activity("away")]) == ""
