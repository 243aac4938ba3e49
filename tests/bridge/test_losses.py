from datetime import UTC, datetime

import pytest

from sip2xmpp.address import Address
from sip2xmpp.bridge.losses import lost_to_sip, lost_to_xmpp
from sip2xmpp.bridge.mapping import availabilities_from_presence, presence_from_resources
from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Capabilities,
    Cipid,
    Device,
    Mood,
    Note,
    Person,
    Presence,
    Show,
    Tuple,
    UserInput,
)
from sip2xmpp.presence.profiles import INTEROP
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ENTITY = "sip:juliet@example.com"


def toward_sip(**resources: Availability) -> list[str]:
    document = presence_from_resources(ENTITY, Address("juliet", "example.com"), resources)
    return lost_to_sip(resources, document)


def toward_xmpp(*tuples: Tuple, person: Person | None = None, **more: object) -> list[str]:
    persons = (person,) if person is not None else ()
    document = Presence(entity="sip:bob@example.com", tuples=tuples, persons=persons, **more)  # type: ignore[arg-type]
    return lost_to_xmpp(document, availabilities_from_presence(document))


def test_nothing_is_lost_of_what_both_can_say() -> None:
    said = Availability(
        show=Show.AWAY, priority=5, statuses=(("en", "Gone"), ("de", "Weg")), idle_since=NOON, stamp=NOON,
        activity=UserActivity(general="relaxing", specific="fishing"), mood=UserMood(value="happy"),
    )  # fmt: skip
    assert toward_sip(a=said) == []
    assert toward_sip(a=said, b=Availability(show=Show.XA, activity=said.activity, mood=said.mood)) == []
    assert toward_sip(a=Availability(available=False, statuses=(("", "Good night"),))) == []


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (Availability(priority=-5), "the priority -5 comes back as 0"),
        (
            Availability(activity=UserActivity(general="working", specific="coding", text="PIDF")),
            'the activity working/coding "PIDF" comes back as working "PIDF"',
        ),
        (Availability(activity=UserActivity(general="inactive")), "the activity inactive comes back as none"),
        (
            Availability(mood=UserMood(value="undefined", text="happy")),
            'the mood undefined "happy" comes back as happy',
        ),
    ],
)
def test_what_sip_has_no_word_for_is_named(said: Availability, sentence: str) -> None:
    assert toward_sip(a=said) == [sentence]


def test_a_resource_that_is_gone_beside_another_is_named() -> None:
    assert toward_sip(a=Availability(), b=Availability(available=False)) == [
        "resource b: there is no tuple for it"
    ]


def test_what_a_profile_leaves_out_is_named() -> None:
    resources = {
        "a": Availability(
            show=Show.AWAY, idle_since=NOON, activity=UserActivity(general="talking", specific="on_the_phone")
        )
    }
    document = presence_from_resources(ENTITY, Address("juliet", "example.com"), resources, profile=INTEROP)
    assert lost_to_sip(resources, document) == ["show away comes back as dnd", "since when the user is idle"]


def test_a_status_that_is_cut_is_named() -> None:
    resources = {"a": Availability(statuses=(("en", "long " * 100),))}
    document = presence_from_resources(ENTITY, Address("juliet", "example.com"), resources, profile=INTEROP)
    (sentence,) = lost_to_sip(resources, document)
    assert sentence.startswith('the status "long long') and sentence.endswith('…" in en')


def test_nothing_is_lost_of_a_plain_document() -> None:
    person = Person(id="p", activities=(Activity("busy"), Activity("on-the-phone"), Activity("busy")),
                    notes=(Note(text="On the phone"),), moods=(Mood("happy"),))  # fmt: skip
    service = Tuple(id="t", basic=Basic.OPEN, priority=0.5, contact="sip:bob@example.com", timestamp=NOON,
                    notes=(Note(text="Sales call"),), device_id="urn:x:1")  # fmt: skip
    assert toward_xmpp(service, person=person) == []


def test_what_xmpp_has_no_place_for_is_named() -> None:
    service = Tuple(
        id="t", basic=Basic.OPEN, notes=(Note(text="Here"),), relationship="self", class_="work", service_class="electronic",
        status_icon="http://example.com/i", capabilities=Capabilities(audio=True), cipid=Cipid(homepage="http://example.com"),
        extensions=(b"<x/>",), status_extensions=(b"<y/>",), user_input=UserInput(idle=True, threshold=60),
    )  # fmt: skip
    person = Person(
        id="p", activities=(Activity("unknown"),), moods=(Mood("happy"), Mood("sad")), place_types=("office",), sphere="work",
        class_="x", time_offset=60, status_icon="http://example.com/i", cipid=Cipid(display_name="Bob"),
        notes=(Note(text="There"),), extensions=(b"<z/>",),
    )  # fmt: skip
    device = Device(id="d", device_id="urn:x:1")
    lost = toward_xmpp(
        service, person=person, devices=(device,), extensions=(b"<e/>",), notes=(Note(text="Everywhere"),)
    )
    assert lost == [
        "tuple t: its relationship", "tuple t: its class", "tuple t: its service-class", "tuple t: its status-icon",
        "tuple t: its capabilities", "tuple t: its contact information", "tuple t: 2 unknown elements",
        "tuple t: its idle threshold", "1 further mood", "the person's sphere", "the person's class",
        "the person's time-offset", "the person's status-icon", "the person's contact information", "the place office",
        "1 unknown element of the person", "1 device, except for idle times", "1 unknown element of the document",
        'the note "There"', 'the note "Everywhere"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "lost"),
    [
        (("meeting", "travel"), []),
        (("permanent-absence",), []),
        (("vacation", "permanent-absence"), []),
        (("busy", "away"), []),
        (("unknown",), []),
    ],
)
def test_further_activities_are_kept_in_words(names: tuple[str, ...], lost: list[str]) -> None:
    person = Person(id="p", activities=tuple(map(Activity, names)))
    assert toward_xmpp(Tuple(id="t", basic=Basic.OPEN), person=person) == lost


def test_activities_that_nothing_can_carry_are_named() -> None:
    person = Person(
        id="p", activities=(Activity("away"), Activity("permanent-absence")), notes=(Note(text="Bye"),)
    )
    assert toward_xmpp(Tuple(id="t", basic=Basic.OPEN), person=person) == ["the activity permanent-absence"]
    closed = Tuple(id="t", basic=Basic.CLOSED)
    assert toward_xmpp(closed, person=Person(id="p", activities=(Activity("away"),))) == ["the activity away"]


def test_tuples_that_become_no_resource_are_counted() -> None:
    tuples = (
        Tuple(id="a", basic=Basic.OPEN),
        Tuple(id="b"),
        Tuple(id="c", basic=Basic.OPEN, relationship="friend"),
    )
    assert toward_xmpp(*tuples) == ["2 tuples without a resource", "tuple c: its relationship"]
