"""The golden forms of every state, and how documents of other programs are understood."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sip2xmpp.address import Address
from sip2xmpp.bridge.mapping import (
    MAX_RESOURCES,
    WHOLE_CONTACT,
    availabilities_from_presence,
    differences,
    presence_from_resources,
    without_news,
)
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Activity, Basic, Mood, Note, Person, Presence, Show, Tuple
from sip2xmpp.presence.profiles import INTEROP, RFC, Profile
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ENTITY = "sip:juliet@example.com"
JULIET = Address("juliet", "example.com")

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
    ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
    ' xmlns:agp-pidf="urn:ag-projects:xml:ns:pidf" entity="sip:juliet@example.com">'
)
TIME = "2026-01-31T12:00:00Z"


def golden(extended: str, show: str, activities: str, text: str, root: str = "") -> str:
    """An open document in the form of presence-documents section 7."""
    inside = f'<show xmlns="jabber:client">{show}</show>' if show else ""
    note = f'<note xml:lang="en">{text}</note>' if text else ""
    body = (
        f'<tuple id="ID-balcony"><status><basic>open</basic><agp-pidf:extended>{extended}</agp-pidf:extended>{inside}'
        f'</status><contact priority="0.803">sip:juliet@example.com;gr=balcony</contact>{note}'
        f"<timestamp>{TIME}</timestamp></tuple>"
    )
    if root:
        body += f'<note xml:lang="en">{root}</note>'
    if activities or text:
        wrapped = f"<rpid:activities>{activities}</rpid:activities>" if activities else ""
        note = f'<dm:note xml:lang="en">{text}</dm:note>' if text else ""
        body += f'<dm:person id="p-juliet">{wrapped}{note}<dm:timestamp>{TIME}</dm:timestamp></dm:person>'
    return f"{HEAD}{body}</presence>"


def said(show: Show | None = None, text: str = "", **more: object) -> Availability:
    statuses = (("en", text),) if text else ()
    return Availability(show=show, statuses=statuses, priority=102, stamp=NOON, **more)  # type: ignore[arg-type]


PHONE = UserActivity(general="talking", specific="on_the_phone")
MEETING = UserActivity(general="working", specific="in_a_meeting")
VACATION = UserActivity(general="inactive", specific="on_vacation")
TV = UserActivity(general="relaxing", specific="watching_tv")

AWAY, BUSY = "<rpid:away/>", "<rpid:busy/>"
ON_THE_PHONE = "<rpid:busy/><rpid:on-the-phone/><rpid:busy/>"

TO_SIP = [
    ("online", said(), golden("available", "", "", "")),
    ("online with text", said(None, "Hi"), golden("available", "", "", "Hi")),
    ("free for chat", said(Show.CHAT), golden("available", "chat", "", "Free for chat")),
    ("away", said(Show.AWAY), golden("away", "away", AWAY, "Away")),
    ("away with text", said(Show.AWAY, "Gone fishing"), golden("away", "away", AWAY, "Gone fishing")),
    ("extended away", said(Show.XA), golden("away", "xa", AWAY, "Extended away")),
    ("do not disturb", said(Show.DND), golden("busy", "dnd", BUSY, "Do not disturb")),
    ("do not disturb with text", said(Show.DND, "Writing"), golden("busy", "dnd", BUSY, "Writing")),
    ("on the phone", said(Show.DND, activity=PHONE), golden("busy", "dnd", ON_THE_PHONE, "On the phone")),
    (
        "on the phone with text",
        said(Show.DND, "Sales call", activity=PHONE),
        golden("busy", "dnd", ON_THE_PHONE, "On the phone", "Sales call"),
    ),
    (
        "away on the phone",
        said(Show.AWAY, activity=PHONE),
        golden("busy", "dnd", ON_THE_PHONE, "On the phone"),
    ),
    (
        "in a meeting",
        said(Show.DND, "Board", activity=MEETING),
        golden("busy", "dnd", "<rpid:busy/><rpid:meeting/><rpid:busy/>", "Board"),
    ),
    (
        "on vacation",
        said(Show.XA, activity=VACATION),
        golden("away", "xa", "<rpid:away/><rpid:vacation/><rpid:away/>", "Extended away"),
    ),
    ("online watching TV", said(activity=TV), golden("available", "", "", "Watching TV")),
    (
        "online in a meeting",
        said(None, "Back soon", activity=MEETING),
        golden("available", "", "", "Back soon"),
    ),
    ("online but idle", said(idle_since=NOON), golden("available", "", "", "")),
    ("online, text busy", said(None, "Busy"), golden("available", "", "", "Busy")),
]


@pytest.mark.parametrize(
    ("availability", "expected"), [row[1:] for row in TO_SIP], ids=[row[0] for row in TO_SIP]
)
def test_a_state_has_its_golden_form_toward_sip(availability: Availability, expected: str) -> None:
    document = presence_from_resources(ENTITY, JULIET, {"balcony": availability}, profile=INTEROP)
    assert pidf.write(document).decode() == expected


@pytest.mark.parametrize("resources", [{}, {"balcony": Availability(available=False, stamp=NOON)}])
def test_nobody_there_has_its_golden_form_too(resources: dict[str, Availability]) -> None:
    document = presence_from_resources(ENTITY, JULIET, resources, profile=INTEROP)
    stamp = f"<timestamp>{TIME}</timestamp>" if resources else ""
    assert pidf.write(document).decode() == (
        f'{HEAD}<tuple id="ID-offline"><status><basic>closed</basic><agp-pidf:extended>offline</agp-pidf:extended>'
        f"</status>{stamp}</tuple></presence>"
    )


def test_the_newest_farewell_is_the_text_of_who_is_gone() -> None:
    early = Availability(available=False, statuses=(("", "Lunch"),), stamp=NOON.replace(hour=11))
    late = Availability(available=False, statuses=(("", "Good night"),), stamp=NOON)
    document = presence_from_resources(ENTITY, JULIET, {"a": late, "b": early})
    assert [note.text for note in document.tuples[0].notes] == ["Good night"]


@pytest.mark.parametrize(
    ("activity", "plain"),
    [(PHONE, "<rpid:on-the-phone/>"), (MEETING, "<rpid:meeting/>"), (None, "<rpid:busy/>")],
)
def test_the_rfc_profile_says_an_activity_alone(activity: UserActivity | None, plain: str) -> None:
    resources = {"balcony": said(Show.DND, activity=activity)}
    written = pidf.write(presence_from_resources(ENTITY, JULIET, resources, profile=RFC)).decode()
    assert f"<rpid:activities>{plain}</rpid:activities>" in written


@pytest.mark.parametrize(
    ("availability", "state"),
    [
        (said(), State.ONLINE), (said(Show.CHAT), State.CHAT), (said(Show.AWAY), State.AWAY), (said(Show.XA), State.XA),
        (said(Show.DND), State.DND), (said(Show.DND, activity=PHONE), State.ON_THE_PHONE),
        (said(Show.DND, activity=MEETING), State.BUSY), (said(Show.DND, activity=VACATION), State.DND),
        (said(Show.AWAY, activity=VACATION), State.AWAY), (said(Show.XA, activity=PHONE), State.ON_THE_PHONE),
        (said(Show.AWAY, activity=MEETING), State.AWAY), (said(Show.CHAT, activity=MEETING), State.CHAT),
        (said(None, activity=PHONE), State.ONLINE), (said(None, "dnd"), State.ONLINE), (said(idle_since=NOON), State.ONLINE),
    ],
)  # fmt: skip
def test_show_is_the_state_unless_there_is_a_call(availability: Availability, state: State) -> None:
    assert state_of(presence_from_resources(ENTITY, JULIET, {"balcony": availability})) is state


def test_the_neutral_document_says_an_activity_plainly() -> None:
    document = presence_from_resources(ENTITY, JULIET, {"balcony": said(Show.DND, activity=PHONE)})
    assert document.persons[0].activities == (Activity("on-the-phone"),)
    assert document.tuples[0].show is Show.DND


def at(minute: int, show: Show | None, priority: int = 0) -> Availability:
    return Availability(show=show, priority=priority, stamp=NOON.replace(minute=minute))


ORDER = [
    ("highest priority", {"a": at(2, None, 5), "b": at(1, Show.XA, 10)}, "ba"),
    ("then the most available", {"x": at(5, Show.XA), "w": at(4, Show.AWAY), "d": at(3, Show.DND), "o": at(2, None),
                                 "c": at(1, Show.CHAT)}, "codwx"),
    ("do not disturb before a newer away", {"w": at(9, Show.AWAY), "d": at(1, Show.DND)}, "dw"),
    ("then the newest", {"a": at(1, None), "b": at(2, None)}, "ba"),
    ("what was not delayed is the newest", {"a": at(1, None), "b": Availability()}, "ba"),
    ("then by name", {"b": at(1, None), "a": at(1, None)}, "ab"),
    ("negative last", {"a": at(2, Show.CHAT, -1), "b": at(1, Show.XA)}, "ba"),
]  # fmt: skip


@pytest.mark.parametrize(("resources", "order"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_the_resource_that_speaks_for_the_contact_is_first(
    resources: dict[str, Availability], order: str
) -> None:
    neutral = presence_from_resources(ENTITY, JULIET, resources)
    assert [one.id for one in neutral.tuples] == [f"ID-{name}" for name in order]
    assert [one.extended is not None for one in neutral.tuples] == [True] + [False] * (len(order) - 1)
    canonical = presence_from_resources(ENTITY, JULIET, resources, profile=INTEROP)
    assert canonical.tuples[0].id == f"ID-{order[0]}"
    assert next(iter(availabilities_from_presence(canonical))) == order[0]


def test_one_person_speaks_for_all_resources() -> None:
    mood = UserMood(value="happy", text="spring")
    resources = {
        "a": Availability(priority=1, mood=mood, activity=TV, nickname="Jule", statuses=(("", "low"),)),
        "b": Availability(priority=9, statuses=(("en", "high"), ("de", "hoch"))),
    }
    (person,) = presence_from_resources(ENTITY, JULIET, resources).persons
    assert person.notes == (Note(text="high", language="en"), Note(text="hoch", language="de"))
    assert person.moods == (Mood("happy"),) and person.mood_note == "spring"
    assert person.activities == (Activity("tv"),)
    assert person.cipid is not None and person.cipid.display_name == "Jule"


def document(*services: Tuple, person: Person | None = None, note: str = "") -> Presence:
    return Presence(
        entity="sip:bob@example.com",
        tuples=services,
        persons=(person,) if person is not None else (),
        notes=(Note(text=note),) if note else (),
    )


def opened(id_: str = "t1", **more: object) -> Tuple:
    return Tuple(id=id_, basic=Basic.OPEN, **more)  # type: ignore[arg-type]


def doing(*names: str, **more: object) -> Person:
    return Person(id="p1", activities=tuple(Activity(name) for name in names), **more)  # type: ignore[arg-type]


def the_one(presence: Presence, user_agent: str = "") -> Availability:
    (found,) = availabilities_from_presence(presence, user_agent=user_agent).values()
    return found


FROM_SIP = [
    ("open", document(opened()), None, None, ""),
    ("away", document(opened(), person=doing("away")), Show.AWAY, None, ""),
    ("busy", document(opened(), person=doing("busy")), Show.DND, None, ""),
    ("phone", document(opened(), person=doing("on-the-phone")), Show.DND, "talking/on_the_phone", "On the phone"),
    ("busy phone busy", document(opened(), person=doing("busy", "on-the-phone", "busy")), Show.DND,
     "talking/on_the_phone", "On the phone"),
    ("meeting", document(opened(), person=doing("meeting")), Show.DND, "working/in_a_meeting", "In a meeting"),
    ("vacation", document(opened(), person=doing("away", "vacation", "away")), Show.XA, "inactive/on_vacation",
     "On vacation"),
    ("lunch", document(opened(), person=doing("lunch")), Show.AWAY, "eating/having_lunch", "Out to lunch"),
    ("permanent-absence", document(opened(), person=doing("permanent-absence")), Show.XA, None, "Absent for long"),
    ("working", document(opened(), person=doing("working")), None, "working", "Working"),
    ("steering", document(opened(), person=doing("steering")), Show.DND, "traveling/driving", "Driving"),
    ("show beats activities", document(opened(show=Show.CHAT), person=doing("meeting")), Show.CHAT,
     "working/in_a_meeting", "In a meeting"),
    ("extended alone", document(opened(extended="away")), Show.AWAY, None, ""),
    ("note word", document(opened(notes=(Note(text="On the phone"),))), Show.DND, None, ""),
    ("user's note", document(opened(notes=(Note(text="Gone fishing"),)), person=doing("away")), Show.AWAY, None,
     "Gone fishing"),
    ("person's note", document(opened(), person=doing("away", notes=(Note(text="Gone fishing"),))), Show.AWAY, None,
     "Gone fishing"),
    ("root note", document(opened(notes=(Note(text="On the phone"),)), person=doing("on-the-phone"), note="Sales call"),
     Show.DND, "talking/on_the_phone", "Sales call"),
    ("activity note", document(opened(), person=doing("busy", activity_note="Do knock")), Show.DND, None, "Do knock"),
    ("person only", document(person=doing("away")), Show.AWAY, None, ""),
    ("guarded", document(opened(extended="available", notes=(Note(text="Away\u200b"),))), None, None, "Away"),
    # Documents that some client misreads
    ("NEG open + unknown", document(opened(), person=doing("unknown")), None, None, ""),
    ("NEG open + other available", document(opened(), person=Person(id="p", activities=(Activity("other", "available"),))),
     None, None, ""),
    ("NEG plain on-the-phone", document(opened(extended="busy", notes=(Note(text="On the phone"),)),
                                        person=doing("on-the-phone")),
     Show.DND, "talking/on_the_phone", "On the phone"),
    ("NEG two persons", replace(document(opened()), persons=(doing("busy"), doing("on-the-phone"))), Show.DND,
     "talking/on_the_phone", "On the phone"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("presence", "show", "activity", "text"), [row[1:] for row in FROM_SIP], ids=[row[0] for row in FROM_SIP]
)
def test_a_document_is_understood(
    presence: Presence, show: Show | None, activity: str | None, text: str
) -> None:
    found = the_one(presence)
    assert found.available and found.show is show
    stated = found.activity
    assert activity == (
        f"{stated.general}/{stated.specific}"
        if stated and stated.specific
        else stated.general
        if stated
        else None
    )
    assert [words for _, words in found.statuses] == ([text] if text else [])


def test_neg_closed_with_an_activity_is_gone_but_for_linphone() -> None:
    presence = document(Tuple(id="t1", basic=Basic.CLOSED), person=doing("away"))
    assert availabilities_from_presence(presence) == {WHOLE_CONTACT: Availability(available=False)}
    assert the_one(presence, "Linphone/3.6.1 (eXosip2/4.1.0)").show is Show.DND


def test_neg_extended_on_another_tuple_speaks_for_the_person() -> None:
    first = opened("first", timestamp=NOON, notes=(Note(text="Away"),))
    second = opened("second", extended="available", timestamp=NOON.replace(minute=1))
    found = availabilities_from_presence(document(first, second, person=doing("away")))
    assert [one.show for one in found.values()] == [None, None]


@pytest.mark.parametrize(
    "presence",
    [
        document(),
        document(Tuple(id="t1")),
        document(Tuple(id="t1", basic=Basic.CLOSED, notes=(Note(text="Offline"),))),
        document(opened(extended="offline")),
        document(opened(), person=Person(id="p", activities=(Activity("permanent-absence", "offline"),))),
    ],
)
def test_a_document_that_says_nobody_is_there_is_the_end_of_all_resources(presence: Presence) -> None:
    assert availabilities_from_presence(presence) == {WHOLE_CONTACT: Availability(available=False)}


def test_a_last_word_is_kept() -> None:
    closed = Tuple(
        id="t1", basic=Basic.CLOSED, notes=(Note(text="Good night", language="en"),), timestamp=NOON
    )
    assert the_one(document(closed)) == Availability(
        available=False, statuses=(("en", "Good night"),), stamp=NOON
    )


def test_every_tuple_is_a_resource_and_a_closed_one_is_unavailable() -> None:
    presence = document(
        opened("a", priority=0.5, notes=(Note(text="desk"),)),
        Tuple(id="b", basic=Basic.CLOSED, notes=(Note(text="switched off"),)),
        opened("c", priority=1.0),
        Tuple(id="d"),
        opened("e", relationship="assistant"),
        person=doing("away"),
    )
    found = availabilities_from_presence(presence)
    assert list(found) == ["c", "a", "b"]
    assert [(one.available, one.show, one.priority) for one in found.values()] == [
        (True, Show.AWAY, 127), (True, Show.AWAY, 64), (False, None, 0),
    ]  # fmt: skip
    assert found["b"].statuses == (("", "switched off"),)


def test_a_hostile_number_of_tuples_is_cut() -> None:
    presence = document(*(opened(f"t{number}") for number in range(1000)))
    assert len(availabilities_from_presence(presence)) == MAX_RESOURCES


def test_languages_stay_apart() -> None:
    notes = (
        Note(text="Fort", language="de"),
        Note(text="Gone", language="en"),
        Note(text="Weg", language="DE"),
    )
    assert the_one(document(opened(notes=notes))).statuses == (("de", "Fort"), ("en", "Gone"))


def test_a_mood_goes_with_every_resource() -> None:
    person = Person(id="p", moods=(Mood("happy"),), mood_note="spring")
    found = availabilities_from_presence(document(opened("a"), opened("b"), person=person))
    assert {one.mood for one in found.values()} == {UserMood(value="happy", text="spring")}


def test_news_carry_no_time_and_history_does() -> None:
    presence = document(opened(timestamp=NOON))
    now = NOON.timestamp()
    said = availabilities_from_presence(presence)
    fresh, old = without_news(said, now + 30), without_news(said, now + 90)
    assert fresh["sip"].stamp is None and old["sip"].stamp == NOON


@pytest.mark.parametrize("profile", [None, INTEROP, RFC])
def test_resources_of_one_document_keep_their_own_states(profile: Profile | None) -> None:
    shows = {"a": None, "b": Show.AWAY, "c": Show.DND, "d": Show.XA, "e": Show.CHAT}
    for winner in shows:
        resources = {
            name: Availability(show=show, priority=9 if name == winner else 1) for name, show in shows.items()
        }
        back = availabilities_from_presence(
            presence_from_resources(ENTITY, JULIET, resources, profile=profile)
        )
        assert {name: one.show for name, one in back.items()} == shows
        assert next(iter(back)) == winner


# Differences


HERE, AWAY_NOW, GONE = Availability(), Availability(show=Show.AWAY), Availability(available=False)
LAST = Availability(available=False, statuses=(("", "Good night"),))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, {}),
        ({}, {"a": HERE}, {"a": HERE}),
        ({"a": HERE}, {"a": HERE}, {}),
        ({"a": HERE}, {"a": AWAY_NOW}, {"a": AWAY_NOW}),
        ({"a": HERE, "b": HERE}, {"a": HERE}, {"b": GONE}),
        ({"a": HERE, "b": HERE}, {"a": HERE, "b": LAST}, {"b": LAST}),
        ({"a": HERE}, {"b": HERE}, {"b": HERE, "a": GONE}),
        ({"a": HERE, "b": AWAY_NOW}, {WHOLE_CONTACT: LAST}, {"a": LAST, "b": LAST}),
        ({"a": HERE}, {}, {"a": GONE}),
        ({}, {WHOLE_CONTACT: LAST}, {WHOLE_CONTACT: LAST}),
        ({WHOLE_CONTACT: LAST}, {WHOLE_CONTACT: LAST}, {}),
        ({WHOLE_CONTACT: GONE}, {WHOLE_CONTACT: LAST}, {WHOLE_CONTACT: LAST}),
        ({WHOLE_CONTACT: LAST}, {"a": HERE}, {"a": HERE}),
        ({}, {"a": HERE, "b": GONE}, {"a": HERE}),
        ({"a": GONE}, {"b": HERE}, {"b": HERE}),
        ({"a": Availability(stamp=NOON)}, {"a": Availability(stamp=NOON.replace(hour=13))}, {}),
    ],
)
def test_only_what_changed_is_said(
    old: dict[str, Availability], new: dict[str, Availability], expected: dict[str, Availability]
) -> None:
    changes = differences(old, new)
    assert list(changes.items()) == list(expected.items())
