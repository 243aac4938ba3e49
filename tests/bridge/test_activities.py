import pytest

from sip2xmpp.bridge.activities import (
    activity_from_rpid,
    activity_to_rpid,
    label_of,
    mood_from_rpid,
    mood_to_rpid,
)
from sip2xmpp.documents import rpid
from sip2xmpp.documents.presence import Activity, Mood
from sip2xmpp.xmpp.availability import UserActivity, UserMood
from sip2xmpp.xmpp.rich import ACTIVITIES, MOODS
from tests.bridge.crossing import is_restored

# RPID activity -> XEP-0108 general, specific and text; "-" for none.
FROM_RPID = """
appointment        having_appointment  -                  -
away               -                   -                  -
breakfast          eating              having_breakfast   -
busy               -                   -                  -
dinner             eating              having_dinner      -
holiday            inactive            scheduled_holiday  -
in-transit         traveling           -                  -
looking-for-work   undefined           -                  looking for work
lunch              eating              having_lunch       -
meal               eating              -                  -
meeting            working             in_a_meeting       -
on-the-phone       talking             on_the_phone       -
performance        having_appointment  -                  performance
permanent-absence  -                   -                  -
playing            relaxing            gaming             -
presentation       working             in_a_meeting       presentation
shopping           relaxing            shopping           -
sleeping           inactive            sleeping           -
spectator          relaxing            going_out          spectator
steering           traveling           driving            -
travel             traveling           on_a_trip          -
tv                 relaxing            watching_tv        -
unknown            -                   -                  -
vacation           inactive            on_vacation        -
working            working             -                  -
worship            inactive            praying            -
"""

# XEP-0108 -> RPID; whatever is not here becomes "other" with its name in words.
TO_RPID = """
inactive away | inactive/day_off holiday | inactive/on_vacation vacation | inactive/scheduled_holiday holiday
inactive/sleeping sleeping | inactive/praying worship | eating meal | eating/having_a_snack meal | eating/having_lunch meal
eating/having_breakfast breakfast | eating/having_dinner dinner | having_appointment appointment | working working
working/coding working | working/studying working | working/writing working | working/in_a_meeting meeting
talking/on_the_phone on-the-phone | talking/on_video_phone on-the-phone | traveling/driving steering
traveling in-transit | traveling/commuting in-transit | traveling/in_a_car in-transit | traveling/on_a_bus in-transit
traveling/on_a_plane in-transit | traveling/on_a_train in-transit | traveling/on_a_trip travel | relaxing/watching_tv tv
relaxing/watching_a_movie performance | relaxing/shopping shopping | doing_chores/buying_groceries shopping
relaxing/gaming playing | exercising/playing_sports playing
"""

TABLE = {
    pair.split()[0]: pair.split()[1]
    for line in TO_RPID.strip().splitlines()
    for pair in line.split("|")
    if pair.strip()
}
EVERY = [
    *(UserActivity(general=general) for general in ACTIVITIES),
    *(
        UserActivity(general=general, specific=name)
        for general, names in ACTIVITIES.items()
        for name in names.split()
    ),
]


def path(activity: UserActivity) -> str:
    return f"{activity.general}/{activity.specific}" if activity.specific else activity.general


@pytest.mark.parametrize("row", FROM_RPID.strip().splitlines())
def test_an_rpid_activity_becomes_the_one_of_the_table(row: str) -> None:
    name, general, specific, text = (None if cell == "-" else cell for cell in row.split(maxsplit=3))
    found = activity_from_rpid((Activity(name or ""),))
    expected = UserActivity(general=general, specific=specific, text=text) if general else None
    assert found == expected


def test_the_table_of_rpid_activities_is_complete() -> None:
    named = {row.split()[0] for row in FROM_RPID.strip().splitlines()}
    assert named == (rpid.ACTIVITIES - {"other"}) | {"lunch"}


@pytest.mark.parametrize("activity", EVERY, ids=path)
def test_an_xmpp_activity_becomes_the_one_of_the_table(activity: UserActivity) -> None:
    told, _, text = activity_to_rpid(activity)
    words = (activity.specific or activity.general).replace("_", " ")
    assert told == (Activity(TABLE[path(activity)]) if path(activity) in TABLE else Activity("other", words))
    assert text is None


def test_the_test_names_only_activities_that_exist() -> None:
    assert set(TABLE) <= {path(activity) for activity in EVERY}
    assert set(TABLE.values()) <= rpid.ACTIVITIES


@pytest.mark.parametrize("activity", EVERY, ids=path)
def test_after_one_crossing_nothing_changes_any_more(activity: UserActivity) -> None:
    told, place, text = activity_to_rpid(activity)
    back = activity_from_rpid((told,), text, (place,) if place else ())
    if back is None:
        assert path(activity) == "inactive"
        return
    again, _, _ = activity_to_rpid(back)
    assert again == told
    assert (back == activity) is is_restored(activity)


def test_most_xmpp_activities_come_back_as_they_were() -> None:
    lost = {path(activity) for activity in EVERY if not is_restored(activity)}
    assert lost == {
        "inactive", "inactive/day_off", "eating/having_a_snack", "eating/having_lunch", "working/coding",
        "working/studying", "working/writing", "talking/on_video_phone", "traveling/commuting", "traveling/cycling",
        "relaxing/watching_a_movie", "doing_chores/buying_groceries", "exercising/playing_sports",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", sorted(rpid.ACTIVITIES - {"other", "unknown", "away", "busy", "permanent-absence"})
)
def test_every_rpid_activity_comes_back_as_it_was(name: str) -> None:
    found = activity_from_rpid((Activity(name),))
    assert found is not None
    assert activity_to_rpid(found)[0] == Activity(name)


@pytest.mark.parametrize("place", ["automobile", "bus", "train", "aircraft"])
def test_a_means_of_transport_comes_back_as_it_was(place: str) -> None:
    found = activity_from_rpid((Activity("in-transit"),), places=("outdoors", place))
    assert found is not None and found.specific is not None
    assert activity_to_rpid(found) == (Activity("in-transit"), place, None)


def test_words_of_the_users_own_come_back_as_they_were() -> None:
    assert activity_to_rpid(UserActivity(general="undefined", text="Counting sheep")) == (
        Activity("other", "Counting sheep"), None, None,
    )  # fmt: skip
    assert activity_from_rpid((Activity("other", "Counting sheep"),)) == UserActivity(
        general="undefined", text="Counting sheep"
    )


def test_the_first_activity_counts_and_the_others_are_put_into_words() -> None:
    stated = (
        Activity("busy"),
        Activity("meeting"),
        Activity("travel"),
        Activity("busy"),
        Activity("other", "Jetlag"),
    )
    assert activity_from_rpid(stated, "with the board") == UserActivity(
        general="working", specific="in_a_meeting", text="with the board, Travelling, Jetlag"
    )


@pytest.mark.parametrize("text", ["", "available", "Online", "dnd"])
def test_a_state_in_the_clothes_of_an_activity_is_none(text: str) -> None:
    assert activity_from_rpid((Activity("other", text),)) is None
    assert label_of(Activity("other", text)) == ""


def test_names_that_nobody_defined_go_over_as_words() -> None:
    assert activity_to_rpid(UserActivity(general="juggling", specific="with_fire"))[0] == Activity(
        "other", "with fire"
    )
    assert activity_to_rpid(UserActivity(general="working", specific="other", text="x")) == (
        Activity("working"), None, "x",
    )  # fmt: skip


@pytest.mark.parametrize("value", sorted(MOODS))
@pytest.mark.parametrize("text", [None, "because"])
def test_every_xmpp_mood_comes_back_as_it_was(value: str, text: str | None) -> None:
    mood = UserMood(value=value, text=text)
    told, note = mood_to_rpid(mood)
    assert told.name in rpid.MOODS
    assert mood_from_rpid((told,), note) == mood


@pytest.mark.parametrize("name", sorted(rpid.MOODS - {"other", "unknown"}))
def test_every_rpid_mood_comes_back_as_it_was(name: str) -> None:
    found = mood_from_rpid((Mood("unknown"), Mood(name), Mood("sad")), "note")
    assert found == UserMood(value=name, text="note")
    assert mood_to_rpid(found) == (Mood(name), "note")


def test_a_mood_in_words_is_restored_or_kept_as_words() -> None:
    assert mood_from_rpid((Mood("other", "in love"),)) == UserMood(value="in_love")
    assert mood_from_rpid((Mood("other", "Grateful"),)) == UserMood(value="grateful")
    assert mood_from_rpid((Mood("other", "so-so"),)) == UserMood(value="undefined", text="so-so")
    assert mood_from_rpid((Mood("other", "so-so"),), "it rains") == UserMood(
        value="undefined", text="so-so, it rains"
    )
    assert mood_from_rpid((Mood("unknown"), Mood("other", " "))) is None
