"""What is permanent, what is injected, and what always wins, beside everything else that is said."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.presence import Activity, Basic, Note, Presence, Tuple, UserInput
from sip2xmpp.presence.composition import Rank, Source, compose
from sip2xmpp.presence.states import State, activities_of, state_of
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.texts import user_notes
from tests.presence.test_composition import BOB, START, plain, source, state, texts

HOLIDAY = (Activity("vacation"),)
NOTE = (Note(text="On holiday until 5 January"),)


def stated(
    what: State,
    rank: Rank,
    at: float = 0.0,
    *,
    text: str = "",
    name: str = "",
    by_owner: bool = False,
    **more,
) -> Source:
    notes = (Note(text=text),) if text else ()
    document = document_of(Telling(state=what, notes=notes, **more), BOB, source=name or rank.name)
    return replace(source(document, at, rank=rank, name=name), by_owner=by_owner)


def permanent(what: State = State.XA, at: float = 500.0, **more) -> Source:
    telling = Telling(state=what, notes=NOTE, activities=HOLIDAY, **more)
    return source(document_of(telling, BOB, source="p"), at, rank=Rank.PERMANENT)


def registered(name: str = "r") -> Source:
    return source(plain(name=name, contact=f"sip:{name}@192.0.2.1"), 900, rank=Rank.REGISTERED, name=name)


def call(at: float = 950) -> Source:
    return source(plain(State.ON_THE_PHONE, name="call"), at, rank=Rank.DIALOG)


def composed(*sources: Source) -> Presence:
    return compose(BOB, sources, START + 1000)


def open_tuples(document: Presence) -> list[Tuple]:
    return [service for service in document.tuples if service.basic is Basic.OPEN]


# permanent


def test_with_no_device_online_the_holiday_is_what_is_shown() -> None:
    document = composed(permanent())
    assert state_of(document) is State.XA
    assert user_notes(document, State.XA) == NOTE
    assert Activity("vacation") in activities_of(document)


def test_who_wants_to_be_offline_on_holiday_is_offline_with_the_note() -> None:
    document = composed(permanent(State.OFFLINE))
    assert state_of(document) is State.OFFLINE
    assert user_notes(document, State.OFFLINE) == NOTE
    assert not open_tuples(document)


@pytest.mark.parametrize("what", [State.XA, State.OFFLINE])
def test_with_devices_merely_registered_the_person_is_on_holiday_and_the_devices_stay_open(
    what: State,
) -> None:
    document = composed(permanent(what), registered("a"), registered("b"))
    assert state_of(document) is State.XA
    assert user_notes(document, State.XA) == NOTE
    assert (
        {service.id for service in document.tuples} == {"a", "b"} == {one.id for one in open_tuples(document)}
    )


def test_a_note_alone_goes_beside_a_device_that_says_nothing() -> None:
    document = composed(stated(State.OFFLINE, Rank.PERMANENT, text="Back in May"), registered())
    assert state_of(document) is State.ONLINE
    assert [note.text for note in user_notes(document, State.ONLINE)] == ["Back in May"]


@pytest.mark.parametrize("manual", [State.BUSY, State.CHAT, State.AWAY, State.DND])
def test_what_a_client_says_on_purpose_wins_however_old_it_is(manual: State) -> None:
    assert state(permanent(), source(plain(manual, "Here"), 1)) is manual
    assert texts(permanent(), source(plain(manual, "Here"), 1)) == ["Here"]


def test_a_call_wins_over_a_holiday() -> None:
    assert state(permanent(at=999), call()) is State.ON_THE_PHONE


def test_a_client_that_says_closed_is_closed_and_the_holiday_its_note() -> None:
    document = composed(permanent(), source(plain(State.OFFLINE), 1), registered())
    assert state_of(document) is State.OFFLINE
    assert texts(permanent(), source(plain(State.OFFLINE, "Gone"), 1)) == ["Gone"]
    assert texts(permanent(), source(plain(State.OFFLINE), 1)) == [NOTE[0].text]


def test_a_holiday_goes_before_an_idle_keyboard_and_plain_online_does_not() -> None:
    idle = plain(name="idle")
    idle = replace(idle, tuples=(replace(idle.tuples[0], user_input=UserInput(idle=True)),))
    assert state(permanent(), source(idle, 1)) is State.XA
    assert state(stated(State.ONLINE, Rank.PERMANENT), source(idle, 1)) is State.AWAY


def test_a_device_that_speaks_keeps_the_text_of_the_holiday_only_if_it_has_none() -> None:
    assert texts(permanent(), source(plain(State.AWAY), 1)) == [NOTE[0].text]


# injected


def test_of_what_programs_say_the_highest_priority_is_heard_and_then_the_newest() -> None:
    low = stated(State.AWAY, Rank.INJECTED, 9, name="low", priority=0.2)
    high = stated(State.BUSY, Rank.INJECTED, 1, name="high", priority=0.8)
    unstated = stated(State.DND, Rank.INJECTED, 10, name="none")
    assert state(low, high, unstated) is State.BUSY
    assert state(low, unstated) is State.AWAY
    newer = stated(State.CHAT, Rank.INJECTED, 5, name="newer", priority=0.8)
    assert state(low, high, newer) is State.CHAT


def test_between_a_program_and_a_client_the_newest_word_counts() -> None:
    assert state(stated(State.BUSY, Rank.INJECTED, 1), source(plain(State.AWAY), 2)) is State.AWAY
    assert state(stated(State.BUSY, Rank.INJECTED, 3), source(plain(State.AWAY), 2)) is State.BUSY


# what always wins


@pytest.mark.parametrize("other", [source(plain(State.DND, "no"), 999), call(999), permanent(), registered()])
def test_it_wins_over_everything(other: Source) -> None:
    override = stated(State.CHAT, Rank.OVERRIDE, 1, text="Come in")
    assert state(override, other) is State.CHAT
    assert texts(override, other) == ["Come in"]


def test_the_devices_that_are_there_say_its_state_and_no_other() -> None:
    phone = source(plain(State.AWAY, name="phone"), 5)
    phone = replace(
        phone, document=replace(phone.document, tuples=(replace(phone.document.tuples[0], priority=0.9),))
    )
    document = composed(stated(State.DND, Rank.OVERRIDE, 1), phone, registered())
    assert state_of(document) is State.DND
    assert len(document.tuples) == 2
    assert [service.show for service in document.tuples if service is not document.tuples[0]] == [None]


def test_it_may_say_that_somebody_is_offline_whatever_is_there() -> None:
    document = composed(
        stated(State.OFFLINE, Rank.OVERRIDE, 1, text="Closed"), source(plain(), 2), registered(), call()
    )
    assert state_of(document) is State.OFFLINE and len(document.tuples) == 1
    assert [note.text for note in user_notes(document, State.OFFLINE)] == ["Closed"]


def test_of_several_the_highest_priority_and_then_the_newest_wins() -> None:
    old = stated(State.BUSY, Rank.OVERRIDE, 1, name="old", priority=1.0)
    new = stated(State.CHAT, Rank.OVERRIDE, 2, name="new")
    assert state(old, new) is State.BUSY
    assert state(replace(old, document=document_of(Telling(state=State.BUSY), BOB)), new) is State.CHAT


@pytest.mark.parametrize("rank", [Rank.OVERRIDE, Rank.INJECTED])
def test_what_others_state_never_shows_an_owner_whose_clients_all_say_offline(rank: Rank) -> None:
    invisible = source(plain(State.OFFLINE), 1)
    assert state(stated(State.BUSY, rank, 9, text="In room 7"), invisible) is State.OFFLINE
    assert texts(stated(State.BUSY, rank, 9, text="In room 7"), invisible) == []
    assert state(stated(State.BUSY, rank, 9), invisible, source(plain(name="b"), 2)) is State.BUSY
    assert state(stated(State.BUSY, rank, 9, by_owner=True), invisible) is State.BUSY


# all together

sources = st.lists(
    st.one_of(
        st.builds(
            stated,
            st.sampled_from([one for one in State if one is not State.UNKNOWN]),
            st.sampled_from([Rank.PERMANENT, Rank.INJECTED, Rank.OVERRIDE]),
            st.integers(0, 5).map(float),
            text=st.sampled_from(["", "a", "b"]),
            name=st.sampled_from("abcdef"),
            by_owner=st.booleans(),
            priority=st.none() | st.sampled_from([0.0, 0.5]),
        ),
        st.builds(
            lambda what, at: source(plain(what, name=f"n{at}"), at, name=f"n{at}"),
            st.sampled_from([one for one in State if one is not State.UNKNOWN]),
            st.integers(0, 5).map(float),
        ),
        st.sampled_from([registered(), call()]),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)


@given(sources)
def test_the_order_in_which_sources_are_given_never_matters(given_sources: list[Source]) -> None:
    results = {compose(BOB, order, START + 1000) for order in permutations(given_sources)}
    assert len(results) == 1


@given(sources)
def test_an_override_that_is_heard_is_the_state_of_the_whole(given_sources: list[Source]) -> None:
    override = stated(State.DND, Rank.OVERRIDE, 1, name="top", by_owner=True, priority=1.0)
    assert state(*[one for one in given_sources if one.id != "top"], override) is State.DND


@given(sources)
def test_one_more_phone_that_is_merely_registered_says_nothing_about_the_person(
    given_sources: list[Source],
) -> None:
    before, after = composed(*given_sources), composed(*given_sources, registered("one more"))
    if open_tuples(before):
        assert (state_of(after), after.persons) == (state_of(before), before.persons)


@given(sources)
def test_a_permanent_statement_never_opens_what_is_closed(given_sources: list[Source]) -> None:
    others = [one for one in given_sources if one.rank != Rank.PERMANENT]
    before = composed(*others)
    if before.tuples and others:
        assert bool(open_tuples(composed(*others, permanent()))) == bool(open_tuples(before))
