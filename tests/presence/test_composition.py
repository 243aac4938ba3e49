"""Many sources, one document."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Device,
    Mood,
    Note,
    Person,
    Presence,
    Show,
    Tuple,
    UserInput,
)
from sip2xmpp.presence.canonical import canonical, offline_document
from sip2xmpp.presence.composition import Rank, Source, compose, settle
from sip2xmpp.presence.hearing import hear
from sip2xmpp.presence.profiles import EXTENDED
from sip2xmpp.presence.states import ABSENT, SHOW_OF, State, state_of
from sip2xmpp.presence.texts import user_notes
from tests.documents.miniclients import schema_log
from tests.documents.strategies import documents

BOB = "sip:bob@sip.example.org"
START = 1_769_860_800.0
ACTIVITIES = {
    State.AWAY: "away",
    State.BUSY: "busy",
    State.ON_THE_PHONE: "on-the-phone",
    State.XA: "vacation",
    State.DND: "dnd",
}


def plain(
    state: State = State.ONLINE,
    text: str = "",
    *,
    name: str = "t1",
    contact: str | None = BOB,
    device: str | None = None,
    priority: float | None = None,
) -> Presence:
    """What a phone publishes."""
    doing = (Activity(ACTIVITIES[state]),) if state in ACTIVITIES else ()
    return Presence(
        entity=BOB,
        tuples=(
            Tuple(
                id=name,
                basic=Basic.CLOSED if state in ABSENT else Basic.OPEN,
                show=Show.CHAT if state is State.CHAT else None,
                contact=contact,
                device_id=device,
                priority=priority,
                notes=(Note(text=text),) if text else (),
            ),
        ),
        persons=(Person(id="p1", activities=doing),) if doing else (),
    )


def source(
    document: Presence, at: float = 0.0, *, rank: Rank = Rank.PUBLISHED, name: str = "", agent: str = ""
) -> Source:
    return Source(
        id=name or f"{rank.name}-{at}",
        rank=rank,
        published_at=START + at,
        document=document,
        user_agent=agent,
    )


def state(*sources: Source, now: float = START + 1000) -> State:
    return state_of(compose(BOB, sources, now))


def texts(*sources: Source) -> list[str]:
    document = compose(BOB, sources, START + 1000)
    return [note.text for note in user_notes(document, state_of(document))]


def test_without_sources_the_user_is_offline() -> None:
    assert compose(BOB, [], START) == offline_document(BOB)


def test_sources_that_state_nothing_leave_the_state_unknown() -> None:
    assert state(source(Presence(entity=BOB))) is State.UNKNOWN
    assert state(source(Presence(entity=BOB, tuples=(Tuple(id="t"),)))) is State.UNKNOWN


@pytest.mark.parametrize("one", [each for each in State if each is not State.UNKNOWN])
def test_one_source_is_told_as_it_is(one: State) -> None:
    document = compose(BOB, [source(plain(one, "Hello"))], START)
    assert state_of(document) is one
    assert SHOW_OF[state_of(canonical(document))] is SHOW_OF[one]
    assert document.tuples[0].extended == EXTENDED[one]
    assert document.tuples[0].show is SHOW_OF[one]
    assert [note.text for note in user_notes(document, one)] == ["Hello"]


def test_expired_sources_are_not_heard() -> None:
    expired = replace(source(plain(State.AWAY), 5), expires_at=START + 10)
    assert state(expired, source(plain()), now=START + 9) is State.AWAY
    assert state(expired, source(plain()), now=START + 10) is State.ONLINE
    assert state(expired, now=START + 10) is State.OFFLINE


def test_the_newest_source_with_something_to_say_speaks() -> None:
    away, busy = source(plain(State.AWAY), 1), source(plain(State.BUSY), 2)
    assert state(away, busy) is State.BUSY
    assert state(replace(away, published_at=START + 3), busy) is State.AWAY


def test_a_plain_open_does_not_replace_away_from_another_device() -> None:
    assert state(source(plain(State.AWAY), 1), source(plain(), 2)) is State.AWAY


def test_an_explicit_available_does() -> None:
    available = plain()
    available = replace(available, tuples=(replace(available.tuples[0], extended="available"),))
    assert state(source(plain(State.AWAY), 1), source(available, 2)) is State.ONLINE
    assert state(source(plain(State.AWAY), 3), source(available, 2)) is State.AWAY


def test_of_equally_new_sources_the_more_severe_speaks() -> None:
    sources = [
        source(plain(one), 1, name=one.name) for one in (State.AWAY, State.DND, State.BUSY, State.CHAT)
    ]
    assert state(*sources) is State.DND
    assert state(*sources[::-1]) is State.DND


@pytest.mark.parametrize(
    ("manual", "told"),
    [
        (State.ONLINE, State.ON_THE_PHONE),
        (State.CHAT, State.ON_THE_PHONE),
        (State.AWAY, State.ON_THE_PHONE),
        (State.XA, State.ON_THE_PHONE),
        (State.BUSY, State.BUSY),
        (State.DND, State.DND),
        (State.OFFLINE, State.OFFLINE),
    ],
)
@pytest.mark.parametrize("at", [0.0, 5.0])
def test_a_call_replaces_what_is_milder_than_busy(manual: State, told: State, at: float) -> None:
    call = Presence(entity=BOB, persons=(Person(id="p", activities=(Activity("on-the-phone"),)),))
    assert state(source(plain(manual), 3), source(call, at, rank=Rank.DIALOG)) is told


def test_closed_hides_what_registrations_say() -> None:
    registered = source(plain(contact="sip:bob@192.0.2.1", name="r"), 9, rank=Rank.REGISTERED)
    assert state(registered) is State.ONLINE
    assert state(registered, source(plain(State.OFFLINE), 1)) is State.OFFLINE
    assert state(registered, source(plain(State.OFFLINE), 1), source(plain(State.AWAY), 0)) is State.AWAY


def test_the_user_is_offline_only_when_no_tuple_is_open() -> None:
    assert state(source(plain(State.OFFLINE), 1), source(plain(State.ONLINE), 0)) is State.ONLINE
    assert state(source(plain(State.OFFLINE), 1), source(plain(State.OFFLINE), 0)) is State.OFFLINE
    document = compose(BOB, [source(plain(State.OFFLINE, "Gone home"), 1)], START)
    assert document.persons == ()
    assert document.tuples[0].extended == "offline"
    assert texts(source(plain(State.OFFLINE, "Gone home"), 1)) == ["Gone home"]


def test_hard_state_is_heard_only_when_nobody_else_speaks() -> None:
    hard = source(plain(State.XA, "On leave"), 100, rank=Rank.PERMANENT)
    assert state(hard) is State.XA
    assert state(hard, source(plain(), 1)) is State.XA
    assert state(hard, source(plain(State.CHAT), 1)) is State.CHAT


def test_an_idle_device_is_away_unless_another_is_in_use() -> None:
    def using(idle: bool, name: str) -> Presence:
        document = plain(name=name)
        return replace(document, tuples=(replace(document.tuples[0], user_input=UserInput(idle=idle)),))

    assert state(source(using(True, "a"), 1)) is State.AWAY
    assert state(source(using(True, "a"), 1), source(plain(name="b"), 2)) is State.AWAY
    assert state(source(using(True, "a"), 1), source(using(False, "b"), 0)) is State.ONLINE
    assert state(source(using(True, "a"), 2), source(plain(State.CHAT, name="b"), 1)) is State.CHAT


def test_of_xmpp_resources_the_highest_priority_speaks_and_of_equals_the_most_available() -> None:
    def resource(show: Show | None, priority: float, name: str) -> Source:
        service = Tuple(id=name, basic=Basic.OPEN, show=show, priority=priority, extended=None)
        return source(Presence(entity=BOB, tuples=(service,)), 1, rank=Rank.RESOURCE, name=name)

    assert state(resource(Show.DND, 0.5, "a"), resource(Show.AWAY, 0.4, "b")) is State.DND
    assert state(resource(Show.DND, 0.5, "a"), resource(Show.AWAY, 0.5, "b")) is State.DND
    assert state(resource(Show.XA, 0.5, "a"), resource(Show.AWAY, 0.5, "b")) is State.AWAY
    assert state(resource(Show.XA, 0.5, "a"), resource(None, 0.5, "b")) is State.ONLINE
    assert state(resource(Show.CHAT, 0.5, "a"), resource(None, 0.5, "b")) is State.CHAT


def test_the_text_is_that_of_the_spokesman_or_else_the_newest() -> None:
    away = source(plain(State.AWAY, "Gone fishing"), 1)
    assert texts(away, source(plain(State.ONLINE, "At my desk"), 2)) == ["Gone fishing"]
    silent = source(plain(State.AWAY), 1)
    assert texts(silent, source(plain(text="old"), 2), source(plain(text="new"), 3)) == ["new"]
    assert texts(source(plain(State.AWAY, "Away"), 1), source(plain(text="At my desk"), 2)) == ["At my desk"]


def test_the_winner_is_open_then_of_the_state_then_preferred_then_new() -> None:
    def first(*sources: Source) -> str:
        return compose(BOB, sources, START).tuples[0].id

    away, online = source(plain(State.AWAY, name="a"), 1), source(plain(name="b", priority=1.0), 2)
    assert first(away, online) == "a"
    assert first(source(plain(State.OFFLINE, name="c", priority=1.0), 3), online) == "b"
    assert first(source(plain(name="d", priority=0.1), 3), online) == "b"
    assert first(source(plain(name="e", priority=1.0), 3), online) == "e"


def test_only_the_winner_carries_the_state_of_the_whole() -> None:
    extended = plain(State.AWAY, name="a")
    extended = replace(extended, tuples=(replace(extended.tuples[0], extended="away"),))
    document = compose(BOB, [source(extended, 1), source(plain(State.BUSY, name="b"), 2)], START)
    assert [(each.id, each.extended, each.show) for each in document.tuples] == [
        ("b", "busy", Show.DND),
        ("a", None, Show.AWAY),
    ]


def test_equal_ids_of_different_sources_are_told_apart() -> None:
    document = compose(BOB, [source(plain(), 1), source(plain(), 2), source(plain(), 3)], START)
    assert sorted(each.id for each in document.tuples) == ["t1", "t1-2", "t1-3"]
    assert document.tuples[-1].id == "t1"


@pytest.mark.parametrize(
    "same",
    [{"device": "urn:uuid:1"}, {"contact": f"{BOB};gr=urn:uuid:1"}, {"contact": "sip:bob@192.0.2.1:5060"}],
)
def test_a_device_that_publishes_again_replaces_what_it_published_before(same: dict[str, str]) -> None:
    before = source(plain(State.AWAY, "before", name="x", **same), 1)
    after = source(plain(name="y", **same), 2)
    document = compose(BOB, [before, after], START)
    assert [each.id for each in document.tuples] == ["y"]
    assert state_of(document) is State.ONLINE
    assert user_notes(document, State.ONLINE) == ()


def test_devices_that_share_only_the_address_of_record_stay_apart() -> None:
    document = compose(BOB, [source(plain(State.AWAY, name="x"), 1), source(plain(name="y"), 2)], START)
    assert len(document.tuples) == 2


def test_a_publication_takes_over_what_the_registration_knows_of_the_device() -> None:
    registered = source(plain(name="r", contact="sip:bob@192.0.2.1", priority=0.3), 9, rank=Rank.REGISTERED)
    published = source(plain(State.AWAY, name="p", contact="sip:bob@192.0.2.1"), 1)
    document = compose(BOB, [registered, published], START)
    (service,) = document.tuples
    assert (service.id, service.priority) == ("p", 0.3)
    assert state_of(document) is State.AWAY


def test_linphones_do_not_disturb_is_open_for_everybody_else() -> None:
    closed = replace(plain(State.OFFLINE), persons=(Person(id="p", activities=(Activity("away"),)),))
    linphone = source(closed, agent="LinphoneAndroid/5.2 LinphoneSDK/5.3")
    assert state(linphone) is State.DND
    assert compose(BOB, [linphone], START).tuples[0].basic is Basic.OPEN
    assert state(source(closed, agent="pjsua")) is State.OFFLINE


def test_linphone_desktops_offline_is_closed_for_everybody_else() -> None:
    opened = replace(
        plain(), persons=(Person(id="p", activities=(Activity("permanent-absence", "offline"),)),)
    )
    assert compose(BOB, [source(opened)], START).tuples[0].basic is Basic.CLOSED


def test_other_attributes_are_the_newest_of_each() -> None:
    happy = Person(id="a", moods=(Mood("happy"),), sphere="work")
    sad = Person(id="b", moods=(Mood("sad"),))
    sources = [source(replace(plain(), persons=(happy,)), 1), source(replace(plain(), persons=(sad,)), 2)]
    (person,) = compose(BOB, sources, START).persons
    assert (person.moods, person.sphere, person.id) == ((Mood("sad"),), "work", "p-bob")


def test_activities_of_somebody_available_are_kept() -> None:
    working = replace(plain(), persons=(Person(id="a", activities=(Activity("working"),)),))
    (person,) = compose(BOB, [source(working)], START).persons
    assert person.activities == (Activity("working"),)


def test_devices_are_listed_once() -> None:
    def with_device(text: str) -> Presence:
        return replace(plain(), devices=(Device(id="d", device_id="urn:x:1", notes=(Note(text=text),)),))

    document = compose(BOB, [source(with_device("old"), 1), source(with_device("new"), 2)], START)
    assert [device.notes[0].text for device in document.devices] == ["new"]


def test_nobody_is_told_of_a_change_that_is_still_to_come() -> None:
    ahead = datetime.fromtimestamp(START, UTC) + timedelta(hours=3)
    early = plain(State.AWAY)
    early = replace(
        early,
        tuples=(replace(early.tuples[0], timestamp=ahead),),
        persons=(replace(early.persons[0], timestamp=ahead),),
    )
    document = compose(BOB, [source(early, 5)], START)
    assert (
        document.tuples[0].timestamp
        == document.persons[0].timestamp
        == datetime.fromtimestamp(START + 5, UTC)
    )


def test_the_time_is_that_of_the_change_and_not_of_composing() -> None:
    sources = [source(plain(State.AWAY), 5)]
    assert compose(BOB, sources, START + 10) == compose(BOB, sources, START + 1000)


def test_the_next_change_of_a_window_is_passed_on() -> None:
    dated = replace(plain(), changes_at=START + 50)
    later = replace(plain(), changes_at=START + 70)
    assert compose(BOB, [source(dated, 1), source(later, 2)], START).changes_at == START + 50
    assert compose(BOB, [source(dated, 1), source(later, 2)], START + 60).changes_at == START + 70


def test_settling_keeps_the_former_document_when_only_ids_and_times_are_new() -> None:
    before = compose(BOB, [source(plain(State.AWAY, name="a"), 1)], START)
    again = compose(BOB, [source(plain(State.AWAY, name="b"), 2)], START)
    assert again != before
    assert settle(before, again) == before
    other = compose(BOB, [source(plain(State.BUSY, name="b"), 2)], START)
    assert settle(before, other) is other
    assert settle(None, other) is other


def test_settling_keeps_the_very_document_unless_its_next_change_is_another() -> None:
    before = compose(BOB, [source(plain(State.AWAY, name="a"), 1)], START)
    again = compose(BOB, [source(plain(State.AWAY, name="b"), 2)], START)
    assert settle(before, again) is before
    dated = replace(again, changes_at=START + 60)
    assert settle(before, dated) == replace(before, changes_at=START + 60)


ranks = st.sampled_from(Rank)
sources = st.lists(
    st.builds(
        Source,
        id=st.uuids().map(str),
        rank=ranks,
        published_at=st.integers(0, 4).map(lambda step: START + step),
        document=documents,
        user_agent=st.sampled_from(["", "LinphoneAndroid/5", "pjsua"]),
        expires_at=st.none() | st.just(START + 2),
    ),
    max_size=4,
    unique_by=lambda each: each.id,
)


@given(sources, st.randoms(use_true_random=False))
def test_the_order_of_sources_does_not_matter(given_sources: list[Source], random: object) -> None:
    shuffled = list(given_sources)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert compose(BOB, shuffled, START) == compose(BOB, given_sources, START)


@given(sources)
def test_any_sources_make_a_document_for_every_client(given_sources: list[Source]) -> None:
    document = compose(BOB, given_sources, START)
    assert len({each.id for each in document.tuples}) == len(document.tuples)
    assert len(document.persons) <= 1
    assert [each.extended is not None for each in document.tuples] == [True, *[False] * 99][
        : len(document.tuples)
    ]
    told = canonical(document)
    assert schema_log(pidf.write(told)) == ""
    composed, found = state_of(document), state_of(told)
    assert SHOW_OF[composed] is SHOW_OF[found]
    assert (composed in ABSENT) is (found in ABSENT)


@given(documents, st.sampled_from(["", "LinphoneAndroid/5"]))
def test_a_single_publication_keeps_its_state(document: Presence, agent: str) -> None:
    only = source(document, agent=agent)
    meant = state_of(document, user_agent=agent)
    assert state_of(compose(BOB, [only], START)) is meant
    assert hear(only).is_open is (meant not in ABSENT)
