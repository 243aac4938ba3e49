"""Nothing that both sides can say is lost on a way there and back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.bridge.mapping import availabilities_from_presence, differences, presence_from_resources
from sip2xmpp.documents import pidf, rpid
from sip2xmpp.documents.presence import Activity, Basic, Mood, Note, Person, Presence, Show, Tuple, UserInput
from sip2xmpp.presence.profiles import INTEROP, RFC, Profile
from sip2xmpp.presence.states import STATE_OF_SHOW, State, state_of
from sip2xmpp.presence.texts import is_default_text
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.rich import ACTIVITIES, MOODS
from tests.bridge.crossing import is_restored

ENTITY = "sip:juliet@example.com"
JULIET = Address("juliet", "example.com")

times = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=0))  # fmt: skip
words = st.sampled_from(
    ["Gone fishing", "Away", "busy", "on the phone", "Hi <&> \"'", "Grüße", "Ringing", "dnd"]
)
texts = words | st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
languages = st.sampled_from(["", "en", "de", "pt-BR"])
names = st.sampled_from(["balcony", "home", "Psi+", "phone 2"]) | st.text(
    st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=12
)
shows = st.none() | st.sampled_from(Show)
moods = st.none() | st.builds(UserMood, value=st.sampled_from(sorted(MOODS - {"undefined"})), text=st.none())
every_activity = [
    UserActivity(general=general, specific=name)
    for general, specifics in ACTIVITIES.items()
    for name in (None, *specifics.split())
]
activities = st.none() | st.sampled_from([one for one in every_activity if is_restored(one)])


@st.composite
def resources(draw: st.DrawFn, count: int = 4) -> dict[str, Availability]:
    """Resources of one account: mood and activity are the human's, and so the same for all."""
    mood, activity = draw(moods), draw(activities)
    return {
        name: Availability(
            show=draw(shows),
            statuses=tuple(draw(st.dictionaries(languages, texts, max_size=2)).items()),
            priority=draw(st.integers(min_value=0, max_value=127)),
            idle_since=draw(st.none() | times),
            stamp=draw(st.none() | times),
            mood=mood,
            activity=activity,
        )
        for name in draw(st.sets(names, min_size=1, max_size=count))
    }


def telling(said: Availability) -> dict[str, str]:
    """The texts that say more than the state."""
    states = [STATE_OF_SHOW[said.show]]
    if said.activity is not None and said.activity.specific == "on_the_phone":
        states.append(State.ON_THE_PHONE)
    return {
        language: text
        for language, text in said.statuses
        if not any(is_default_text(text, state) for state in states)
    }


def written_and_read(document: Presence) -> Presence:
    return pidf.read(pidf.write(document))


@given(resources())
def test_xmpp_to_pidf_to_xmpp_loses_nothing(said: dict[str, Availability]) -> None:
    document = presence_from_resources(ENTITY, JULIET, said)
    for read in (document, written_and_read(document)):
        back = availabilities_from_presence(read)
        assert set(back) == set(said)
        for name, one in said.items():
            found = back[name]
            assert (found.show, found.priority, found.idle_since) == (one.show, one.priority, one.idle_since)
            assert (found.mood, found.activity) == (one.mood, one.activity)
            assert one.stamp is None or found.stamp == one.stamp
            assert not telling(one) or telling(found) == telling(one)


@given(resources(), st.sampled_from([INTEROP, RFC]))
def test_xmpp_to_a_profile_to_xmpp_loses_no_state_nor_text(
    said: dict[str, Availability], profile: Profile
) -> None:
    document = presence_from_resources(ENTITY, JULIET, said, profile=profile)
    back = availabilities_from_presence(written_and_read(document))
    assert set(back) == set(said)
    winner = next(iter(back))
    called = state_of(document) is State.ON_THE_PHONE
    for name, one in said.items():
        found = back[name]
        assert found.priority == one.priority and found.mood == one.mood
        assert found.show is (Show.DND if called and name == winner else one.show)
    text = " ".join(text for _, text in back[winner].statuses)
    assert all(words in text for words in telling(said[winner]).values()) or called


@given(resources())
def test_a_profile_told_twice_says_the_same(said: dict[str, Availability]) -> None:
    once = presence_from_resources(ENTITY, JULIET, said, profile=INTEROP)
    shown = availabilities_from_presence(once)
    again = availabilities_from_presence(presence_from_resources(ENTITY, JULIET, shown, profile=INTEROP))
    assert {name: one.show for name, one in again.items()} == {name: one.show for name, one in shown.items()}


known = sorted(rpid.ACTIVITIES - {"other", "unknown", "away", "busy", "permanent-absence"})
persons = st.builds(
    Person,
    id=st.just("p-juliet"),
    activities=st.one_of(
        st.just(()), st.sampled_from(known).map(lambda name: (Activity(name),)),
        texts.map(lambda text: (Activity("other", f"= {text}"),)),
    ),
    moods=st.one_of(st.just(()), st.sampled_from(sorted(rpid.MOODS - {"other", "unknown"})).map(lambda m: (Mood(m),))),
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> Presence:
    """What a SIP client can say that XMPP can say too."""
    ids = draw(
        st.lists(st.from_regex(r"[a-z][a-z0-9]{2,8}", fullmatch=True), min_size=1, max_size=3, unique=True)
    )
    note = draw(st.none() | texts)
    tuples = tuple(
        Tuple(
            id=f"ID-{id_}",
            basic=Basic.OPEN,
            show=draw(shows),
            contact=f"{ENTITY};gr={id_}",
            priority=draw(
                st.integers(min_value=0, max_value=1000).map(lambda n: round(round(n * 0.127) / 127, 3))
            ),
            notes=(Note(text=note, language="en"),) if note is not None else (),
            timestamp=draw(st.none() | times),
            user_input=draw(st.none() | times.map(lambda moment: UserInput(idle=True, last_input=moment))),
        )
        for id_ in ids
    )
    return Presence(entity=ENTITY, tuples=tuples, persons=(draw(persons),))


@given(documents())
def test_pidf_to_xmpp_to_pidf_loses_nothing(document: Presence) -> None:
    back = presence_from_resources(ENTITY, JULIET, availabilities_from_presence(document))
    found = {service.id: service for service in back.tuples}
    assert set(found) == {service.id for service in document.tuples}
    state = state_of(document)
    for service in document.tuples:
        kept = found[service.id]
        assert kept.show is service.show or service.show is None
        assert kept.priority == pytest.approx(service.priority, abs=0.002)
        assert kept.contact == service.contact and kept.user_input == service.user_input
        assert service.timestamp is None or kept.timestamp == service.timestamp
        own = [note for note in service.notes if not is_default_text(note.text, state)]
        if service.show is None and own:
            assert list(kept.notes) == own
    stated = document.persons[0]
    if stated.activities or stated.moods:
        (person,) = back.persons
        assert person.activities == stated.activities
        assert person.moods == stated.moods


@given(resources(count=3), resources(count=3))
def test_after_the_differences_a_watcher_sees_the_new_truth(
    old: dict[str, Availability], new: dict[str, Availability]
) -> None:
    shown = old | differences(old, new)
    assert {name: replace(said, stamp=None) for name, said in shown.items() if said.available} == {
        name: replace(said, stamp=None) for name, said in new.items()
    }
    assert not differences(new, new)
