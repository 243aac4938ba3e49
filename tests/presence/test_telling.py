"""Plain words into documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Activity, Mood, Note
from sip2xmpp.errors import BadInput
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.presence.hearing import Rank, Source, hear
from sip2xmpp.presence.states import NOTE_WORDS, State, state_of
from sip2xmpp.presence.telling import (
    STATES,
    Telling,
    activity_named,
    document_of,
    mood_named,
    note_of,
    note_written,
    place_named,
    state_named,
)
from sip2xmpp.presence.texts import user_notes
from tests.documents.miniclients import schema_log

WEATHER = "sip:weather@sip.example.org"
tellings = st.builds(
    Telling,
    state=st.sampled_from([state for state in State if state is not State.UNKNOWN]),
    activities=st.lists(st.sampled_from(["meeting", "vacation", "Repairing a bicycle", "tv"]).map(activity_named)).map(tuple),
    notes=st.lists(
        st.text(min_size=1, max_size=40)
        .filter(lambda text: text.strip().lower() not in NOTE_WORDS)
        .flatmap(lambda text: st.sampled_from(["", "en", "de", "pt-BR"]).map(lambda tag: (text, tag))),
        max_size=3,
    ).map(lambda said: tuple(Note(text=text, language=tag or None) for text, tag in said)),
    mood=st.none() | st.sampled_from(["happy", "in love", "like a bird"]).map(mood_named),
    place=st.sampled_from(["", "office", "on the moon"]),
    priority=st.none() | st.sampled_from([0.0, 0.25, 1.0]),
)  # fmt: skip


@given(tellings)
def test_the_document_means_what_was_said_and_keeps_meaning_it_when_it_is_written(telling: Telling) -> None:
    document = document_of(telling, WEATHER, source="station")
    octets = pidf.write(document)
    assert not schema_log(octets)
    assert state_of(document) is state_of(pidf.read(octets)) is telling.state
    # clients have no word for it when there is a text of one's own
    assert telling.state is State.DND or state_of(canonical(pidf.read(octets))) is telling.state
    assert pidf.write(pidf.read(octets)) == octets


@given(tellings)
def test_the_same_words_give_the_same_octets(telling: Telling) -> None:
    assert pidf.write(document_of(telling, WEATHER)) == pidf.write(document_of(telling, WEATHER))


def test_every_state_is_said_on_purpose_also_plain_online() -> None:
    document = document_of(Telling(), WEATHER)
    assert hear(Source(id="s", rank=Rank.INJECTED, published_at=0, document=document)).speaks


def test_seventeen_degrees() -> None:
    document = document_of(
        Telling(notes=(note_of("17 degrees", "en"), note_of("17 Grad", "de")), mood=mood_named("calm")),
        WEATHER,
    )
    assert [(note.language, note.text) for note in user_notes(document, State.ONLINE)] == [
        ("en", "17 degrees"),
        ("de", "17 Grad"),
    ]
    assert document.persons[0].moods == (Mood("calm"),)


def test_a_holiday_without_a_device_still_says_what_the_person_does() -> None:
    document = document_of(Telling(state=State.OFFLINE, activities=(Activity("vacation"),)), WEATHER)
    assert state_of(document) is State.OFFLINE
    assert document.persons[0].activities == (Activity("vacation"),)


@pytest.mark.parametrize("word", STATES)
def test_every_state_has_a_word(word: str) -> None:
    assert state_named(word.upper().replace("-", " ")) is State(word)


def test_a_word_that_is_no_state_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean away"):
        state_named("awya")
    with pytest.raises(BadInput, match="is none of"):
        state_named("unknown")


def test_what_rpid_does_not_know_is_kept_in_words() -> None:
    assert activity_named("On the Phone") == Activity("on-the-phone")
    assert activity_named("Repairing  a bicycle") == Activity("other", "Repairing a bicycle")
    assert mood_named("in love") == Mood("in_love")
    assert mood_named("like a bird") == Mood("other", "like a bird")
    assert place_named("Bus Station") == "bus-station"
    assert place_named("on the moon") == "on the moon"


@pytest.mark.parametrize("named", [activity_named, mood_named, place_named, note_of])
@pytest.mark.parametrize("words", ["", "  ", "\x00\x01", "x" * 300])
def test_nothing_and_too_much_are_refused(named, words: str) -> None:
    with pytest.raises(BadInput):
        named(words)


def test_a_note_on_a_command_line_may_end_with_its_language() -> None:
    assert note_written("17 degrees;en") == Note(text="17 degrees", language="en")
    assert note_written("17 Grad;de-CH") == Note(text="17 Grad", language="de-CH")
    assert note_written("at 5; then home") == Note(text="at 5; then home")
    assert note_written("a;b;c").text == "a;b;c"
    with pytest.raises(BadInput, match="not a language"):
        note_of("text", "no language!")
