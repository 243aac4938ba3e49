from datetime import UTC, datetime

import pytest

from sip2xmpp.address import Address
from sip2xmpp.bridge.tuples import (
    idle_since,
    priority_from_sip,
    priority_to_sip,
    resources_of,
    speaks_for_itself,
    tuple_of,
)
from sip2xmpp.documents.identifiers import is_legal_id
from sip2xmpp.documents.presence import Basic, Device, Person, Presence, Tuple, UserInput
from sip2xmpp.xmpp.availability import Availability

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
JULIET = Address("juliet", "example.com")


@pytest.mark.parametrize(
    ("priority", "q"), [(0, 0.0), (1, 0.007), (2, 0.015), (63, 0.496), (126, 0.992), (127, 1.0)]
)
def test_a_priority_is_scaled_as_rfc_8048_says(priority: int, q: float) -> None:
    assert priority_to_sip(priority) == q


@pytest.mark.parametrize("priority", range(128))
def test_every_priority_comes_back_as_it_was(priority: int) -> None:
    assert priority_from_sip(priority_to_sip(priority)) == priority


@pytest.mark.parametrize("priority", [-128, -1])
def test_a_negative_priority_is_not_mapped(priority: int) -> None:
    assert priority_to_sip(priority) is None


def test_a_priority_that_is_absent_or_out_of_range_is_tamed() -> None:
    assert [priority_from_sip(q) for q in (None, -1.0, 0.5, 1.0, 7.0)] == [0, 0, 64, 127, 127]


@pytest.mark.parametrize("resource", ["balcony", "b c", "2", "Ünïcode", "a/b@c", "<&>", "ID-x", "a" * 1023])
def test_the_resource_of_a_tuple_comes_back_as_it_was(resource: str) -> None:
    made = tuple_of(resource, Availability(), JULIET, ())
    assert is_legal_id(made.id)
    assert speaks_for_itself(made)
    assert list(resources_of([made])) == [resource]
    assert list(resources_of([made, Tuple(id="other")])) == [resource, "other"]


def test_resources_that_differ_only_in_what_an_id_cannot_hold_get_two_tuples() -> None:
    first = tuple_of("x", Availability(), JULIET, ())
    second = tuple_of("x", Availability(), JULIET, {first.id})
    assert (first.id, second.id) == ("ID-x", "ID-x-2")
    assert speaks_for_itself(second)


@pytest.mark.parametrize(
    ("service", "alone", "expected"),
    [
        (
            Tuple(id="t1", contact="sip:bob@example.com;gr=desk%20phone", device_id="urn:x:1"),
            False,
            "desk phone",
        ),
        (Tuple(id="t1", contact="sip:bob@192.0.2.1", device_id="urn:x:1"), True, "urn:x:1"),
        (Tuple(id="ID-balcony", contact="sip:bob@example.com"), True, "balcony"),
        (Tuple(id="sfa8s7dfg", contact="sip:bob@example.com;gr"), True, "sip"),
        (Tuple(id="sfa8s7dfg"), False, "sfa8s7dfg"),
        (Tuple(id="ID-"), False, "ID-"),
        (Tuple(id="t1", contact="sip:bob@example.com;gr=%00"), True, "sip"),
        (Tuple(id="t1", contact="sip:bob@example.com;gr=%ff"), True, "sip"),
        (Tuple(id="t1", contact="sip:bob@example.com;gr=" + "a" * 1024), True, "sip"),
        (Tuple(id="t1", device_id="urn:\U0001f600"), True, "IDx-"),
        (Tuple(id="t1", contact="sip:bob@example.com;gr=%F0%9F%98%80"), False, "t1"),
    ],
)
def test_a_tuple_gets_the_most_stable_resource_there_is(service: Tuple, alone: bool, expected: str) -> None:
    others = [] if alone else [Tuple(id="z")]
    assert next(iter(resources_of([service, *others]))).startswith(expected)


def test_two_tuples_of_one_device_are_two_resources() -> None:
    named = resources_of([Tuple(id="a", device_id="urn:x:1"), Tuple(id="b", device_id="urn:x:1")])
    assert list(named) == ["urn:x:1", "urn:x:1-2"]


def test_a_tuple_of_a_phone_does_not_speak_for_itself() -> None:
    assert not speaks_for_itself(Tuple(id="t1", contact="sip:bob@example.com;gr=desk"))
    assert not speaks_for_itself(Tuple(id="ID-desk", contact="sip:bob@example.com"))


def idle(**stated: object) -> UserInput:
    return UserInput(idle=True, **stated)  # type: ignore[arg-type]


def document(*parts: Tuple | Person | Device) -> Presence:
    return Presence(
        entity="sip:bob@example.com",
        tuples=tuple(part for part in parts if isinstance(part, Tuple)),
        persons=tuple(part for part in parts if isinstance(part, Person)),
        devices=tuple(part for part in parts if isinstance(part, Device)),
    )


def test_idleness_is_that_of_the_tuple_its_device_or_the_person() -> None:
    desk = Tuple(id="t", device_id="urn:x:1", basic=Basic.OPEN)
    device = Device(id="d", device_id="urn:x:1", user_input=idle(last_input=NOON))
    person = Person(id="p", user_input=idle(last_input=NOON.replace(hour=11)))
    assert idle_since(desk, document(desk, device, person)) == NOON
    assert idle_since(desk, document(desk, person)) == NOON.replace(hour=11)
    assert idle_since(desk, document(desk)) is None
    assert idle_since(None, document(person)) == NOON.replace(hour=11)


def test_an_active_device_is_not_idle_because_the_person_is() -> None:
    desk = Tuple(id="t", user_input=UserInput(idle=False))
    person = Person(id="p", user_input=idle(last_input=NOON))
    assert idle_since(desk, document(desk, person)) is None


def test_idleness_without_a_time_is_reckoned_from_the_document() -> None:
    desk = Tuple(id="t", timestamp=NOON, user_input=idle(threshold=600))
    assert idle_since(desk, document(desk)) == NOON.replace(hour=11, minute=50)
    early = Tuple(id="t", timestamp=datetime.min.replace(tzinfo=UTC), user_input=idle(threshold=600))
    assert idle_since(early, document(early)) == early.timestamp
    vague = Tuple(id="t", user_input=idle())
    assert idle_since(vague, document(vague)) is None
