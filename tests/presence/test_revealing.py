"""What of a document permissions show, and that nothing else of it can be found in what any client is sent."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.bridge.mapping import availabilities_from_presence
from sip2xmpp.bridge.views import Views
from sip2xmpp.documents import pidf
from sip2xmpp.documents.permissions import (
    ATTRIBUTES,
    EVERY,
    EVERYTHING,
    NOTHING,
    OMA_ATTRIBUTES,
    By,
    Permissions,
    Selected,
    UserInputDetail,
)
from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Cipid,
    Device,
    Note,
    Person,
    Presence,
    Show,
    Tuple,
    UserInput,
)
from sip2xmpp.documents.times import from_unix
from sip2xmpp.events.renderings import render
from sip2xmpp.presence.canonical import canonical, offline_document
from sip2xmpp.presence.clients import PROFILES
from sip2xmpp.presence.composition import compose, settle
from sip2xmpp.presence.hearing import Rank, Source
from sip2xmpp.presence.profiles import slim
from sip2xmpp.presence.revealing import reveal
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.watching import Notification, Standing
from tests.conftest import START
from tests.documents import strategies

ENTITY = "sip:juliet@example.com"
FORMS = (*PROFILES.values(), *(slim(each, keep_show=True) for each in PROFILES.values()))


def seen(document: Presence) -> list[object]:
    """Everything that is ever made of a document for a watcher, on either side."""
    told = Notification(standing=Standing.ACTIVE, document=document)
    return [
        *[render(told, ENTITY, form) for form in FORMS],
        availabilities_from_presence(document),
        availabilities_from_presence(document, phone_show=Show.AWAY),
        Views().view("juliet@sip.example.org", document, START).said,
    ]


def granting(*attributes: str, **others: object) -> Permissions:
    """Every element, and these attributes."""
    whole = Permissions(services=EVERY, devices=EVERY, persons=EVERY, attributes=frozenset(attributes))
    return replace(whole, **others)


AWAY = Presence(
    entity=ENTITY,
    tuples=(
        Tuple(
            id="t1",
            basic=Basic.OPEN,
            show=Show.AWAY,
            extended="away",
            contact="sip:juliet@192.0.2.7",
            notes=(Note(text="At lunch with Romeo"),),
            timestamp=from_unix(START),
        ),
    ),
    persons=(
        Person(
            id="p-juliet",
            activities=(Activity("meal"),),
            activity_note="pasta",
            notes=(Note(text="At lunch with Romeo"),),
            timestamp=from_unix(START),
        ),
    ),
)


# Selecting.


def test_a_service_is_selected_by_its_uri_as_sip_compares_them() -> None:
    document = Presence(
        entity=ENTITY,
        tuples=(
            Tuple(id="a", contact="sip:juliet@Example.COM;transport=tcp;lr"),
            Tuple(id="b", contact="sips:juliet@example.com"),
            Tuple(id="c"),
        ),
    )

    def chosen(*selected: Selected) -> list[str]:
        return [each.id for each in reveal(document, Permissions(services=frozenset(selected))).tuples]

    assert chosen(Selected(by=By.SERVICE_URI, value="SIP:juliet@example.com;lr;transport=TCP")) == ["a"]
    assert chosen(Selected(by=By.SERVICE_URI, value="sip:Juliet@example.com;lr;transport=TCP")) == []
    assert chosen(Selected(by=By.SERVICE_URI_SCHEME, value="sips")) == ["b"]
    assert chosen(Selected(by=By.SERVICE_URI_SCHEME, value="SIP")) == ["a"]
    assert chosen(
        Selected(by=By.OCCURRENCE, value="c"), Selected(by=By.SERVICE_URI_SCHEME, value="sips")
    ) == [
        "b",
        "c",
    ]
    assert chosen(Selected(by=By.DEVICE_ID, value="a")) == []
    assert chosen() == []


def test_elements_are_selected_by_class_and_occurrence() -> None:
    document = Presence(
        entity=ENTITY,
        tuples=(Tuple(id="t1", class_="work"), Tuple(id="t2")),
        persons=(Person(id="p1", class_="work"), Person(id="p2", class_="private")),
        devices=(
            Device(id="d1", device_id="urn:uuid:1", class_="work"),
            Device(id="d2", device_id="urn:uuid:2"),
        ),
    )
    work = frozenset((Selected(by=By.CLASS, value="work"),))
    shown = reveal(document, Permissions(services=work, devices=work, persons=work))
    assert [each.id for each in (*shown.tuples, *shown.persons, *shown.devices)] == ["t1", "p1", "d1"]
    assert [each.class_ for each in (*shown.tuples, *shown.persons, *shown.devices)] == [None] * 3
    private = Permissions(persons=frozenset((Selected(by=By.OCCURRENCE, value="p2"),)))
    assert [each.id for each in reveal(document, private).persons] == ["p2"]
    device = Permissions(devices=frozenset((Selected(by=By.DEVICE_ID, value="URN:uuid:2"),)))
    assert [each.id for each in reveal(document, device).devices] == ["d2"]


def test_a_service_of_the_open_mobile_alliance_is_selected_by_its_id() -> None:
    described = pidf.read(
        b"<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:op='urn:oma:xml:prs:pidf:oma-pres' entity='sip:a@b'>"
        b"<tuple id='t1'><status><basic>open</basic></status><op:service-description><op:service-id> org.example:chat </op:service-id>"
        b"<op:version>1.0</op:version></op:service-description></tuple>"
        b"<tuple id='t2'><status><basic>open</basic></status></tuple></presence>"
    )
    chat = frozenset((Selected(by=By.SERVICE_ID, value="org.example:chat"),))
    assert [each.id for each in reveal(described, Permissions(services=chat)).tuples] == ["t1"]
    other = frozenset((Selected(by=By.SERVICE_ID, value="org.example:chat2"),))
    assert reveal(described, Permissions(services=other)).tuples == ()


# Attributes.


def test_what_is_always_shown_of_selected_elements_is_all_that_is_shown_without_attributes() -> None:
    whole = Presence(
        entity=ENTITY,
        tuples=(
            Tuple(
                id="t1",
                basic=Basic.OPEN,
                show=Show.XA,
                extended="away",
                contact="sip:juliet@192.0.2.7",
                priority=0.5,
                notes=(Note(text="words"),),
                timestamp=from_unix(START),
                device_id="urn:uuid:1",
                user_input=UserInput(idle=True),
                service_class="electronic",
                relationship="assistant",
                class_="work",
                status_icon="https://example.com/i.png",
                cipid=Cipid(display_name="Juliet"),
                extensions=(b'<x:y xmlns:x="urn:z"></x:y>',),
                status_extensions=(b'<x:y xmlns:x="urn:z"></x:y>',),
            ),
        ),
        persons=(Person(id="p1", activities=(Activity("away"),), sphere="home", timestamp=from_unix(START)),),
        devices=(
            Device(id="d1", device_id="urn:uuid:1", notes=(Note(text="n"),), timestamp=from_unix(START)),
        ),
        notes=(Note(text="all"),),
        extensions=(b'<x:y xmlns:x="urn:z"></x:y>',),
    )
    assert reveal(whole, granting()) == Presence(
        entity=ENTITY,
        tuples=(
            Tuple(
                id="t1",
                basic=Basic.OPEN,
                contact="sip:juliet@192.0.2.7",
                priority=0.5,
                timestamp=from_unix(START),
                service_class="electronic",
            ),
        ),
        persons=(Person(id="p1", timestamp=from_unix(START)),),
        devices=(Device(id="d1", device_id="urn:uuid:1", timestamp=from_unix(START)),),
    )


@pytest.mark.parametrize(
    ("attribute", "shown"),
    [
        ("activities", {"activities", "activity_note"}),
        ("mood", {"moods", "mood_note"}),
        ("place-type", {"place_types"}),
        ("place-is", {"extensions"}),
        ("privacy", {"extensions"}),
        ("sphere", {"sphere"}),
        ("class", {"class_"}),
        ("time-offset", {"time_offset"}),
        ("status-icon", {"status_icon"}),
        ("note", {"notes"}),
        ("willingness", {"extensions"}),
    ],
)
def test_each_attribute_of_a_person_has_its_permission(attribute: str, shown: set[str]) -> None:
    document = pidf.read(
        b"<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model'"
        b" xmlns:r='urn:ietf:params:xml:ns:pidf:rpid' xmlns:op='urn:oma:xml:prs:pidf:oma-pres' entity='sip:a@b'>"
        b"<dm:person id='p1'><r:activities><r:note>with Romeo</r:note><r:meal/></r:activities><r:class>c</r:class>"
        b"<r:mood><r:note>why</r:note><r:happy/></r:mood><r:place-is><r:audio><r:noisy/></r:audio></r:place-is>"
        b"<r:place-type><r:other>den</r:other></r:place-type><r:privacy><r:audio/></r:privacy><r:sphere><r:home/></r:sphere>"
        b"<r:status-icon>https://example.com/i</r:status-icon><r:time-offset>60</r:time-offset>"
        b"<op:overriding-willingness><op:basic>open</op:basic></op:overriding-willingness><dm:note>words</dm:note></dm:person></presence>"
    )
    person = reveal(document, granting(attribute)).persons[0]
    nothing = Person(id="p1")
    told = {
        field.name for field in fields(Person) if getattr(person, field.name) != getattr(nothing, field.name)
    }
    assert told == shown
    if "extensions" in shown:
        assert len(person.extensions) == 1
        assert attribute.encode() in person.extensions[0]


@pytest.mark.parametrize(
    ("attribute", "shown"),
    [
        ("deviceID", "device_id"),
        ("relationship", "relationship"),
        ("class", "class_"),
        ("status-icon", "status_icon"),
    ],
)
def test_each_attribute_of_a_service_has_its_permission(attribute: str, shown: str) -> None:
    service = Tuple(
        id="t1",
        basic=Basic.OPEN,
        device_id="urn:uuid:1",
        relationship="assistant",
        class_="work",
        status_icon="https://example.com/i",
    )
    told = reveal(Presence(entity=ENTITY, tuples=(service,)), granting(attribute)).tuples[0]
    assert told == replace(Tuple(id="t1", basic=Basic.OPEN), **{shown: getattr(service, shown)})


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        (UserInputDetail.NONE, None),
        (UserInputDetail.BARE, UserInput(idle=True)),
        (UserInputDetail.THRESHOLDS, UserInput(idle=True, threshold=600)),
        (UserInputDetail.FULL, UserInput(idle=True, threshold=600, last_input=from_unix(START))),
    ],
)
def test_user_input_is_shown_in_as_much_detail_as_is_provided(
    detail: UserInputDetail, shown: UserInput | None
) -> None:
    use = UserInput(idle=True, threshold=600, last_input=from_unix(START))
    document = Presence(
        entity=ENTITY,
        tuples=(Tuple(id="t", user_input=use),),
        persons=(Person(id="p", user_input=use),),
        devices=(Device(id="d", device_id="urn:uuid:1", user_input=use),),
    )
    told = reveal(document, granting(user_input=detail))
    assert [each.user_input for each in (*told.tuples, *told.persons, *told.devices)] == [shown] * 3


def test_an_unknown_attribute_is_shown_by_its_expanded_name_only() -> None:
    foo = b'<a:foo xmlns:a="urn:vendor" a:x="1>"><a:inner></a:inner></a:foo>'
    bar = b'<foo xmlns="urn:other"></foo>'
    bare = b'<foo xmlns=""></foo>'
    document = Presence(entity=ENTITY, tuples=(Tuple(id="t", extensions=(foo, bar, bare)),))

    def told(namespace: str, name: str) -> tuple[bytes, ...]:
        shown = reveal(document, granting(unknown=frozenset(((namespace, name),))))
        return shown.tuples[0].extensions

    assert told("urn:vendor", "foo") == (foo,)
    assert told("urn:other", "foo") == (bar,)
    assert told("", "foo") == (bare,)
    assert told("urn:vendor", "inner") == ()


def test_contact_information_is_shown_by_the_names_of_its_elements() -> None:
    cipid = Cipid(display_name="Juliet", icon="https://example.com/i")
    document = Presence(entity=ENTITY, persons=(Person(id="p", cipid=cipid),))
    name = granting(unknown=frozenset((("urn:ietf:params:xml:ns:pidf:cipid", "display-name"),)))
    assert reveal(document, name).persons[0].cipid == Cipid(display_name="Juliet")
    assert reveal(document, granting(*ATTRIBUTES)).persons[0].cipid is None


def test_location_has_a_permission_of_its_own() -> None:
    place = b'<g:geopriv xmlns:g="urn:ietf:params:xml:ns:pidf:geopriv10"></g:geopriv>'
    document = Presence(entity=ENTITY, tuples=(Tuple(id="t", status_extensions=(place,)),))
    assert reveal(document, granting("geopriv")).tuples[0].status_extensions == (place,)
    assert reveal(document, granting(*ATTRIBUTES)).tuples[0].status_extensions == ()


# The state of the human, wherever it is written.


@pytest.mark.parametrize(
    "note",
    [
        "Away",
        " on the phone ",
        "BUSY",
        "Out to lunch!",
        "Ringing...",
        "On the phone (1 of 2 lines in use)",
        "Busy (DND)",
        "\u200baway",
    ],
)
def test_a_note_that_is_the_word_of_a_state_goes_with_the_state(note: str) -> None:
    document = Presence(
        entity=ENTITY,
        tuples=(Tuple(id="t", basic=Basic.OPEN, notes=(Note(text=note), Note(text="mine", language="en"))),),
        persons=(Person(id="p", notes=(Note(text=note),)),),
        devices=(Device(id="d", device_id="urn:uuid:1", notes=(Note(text=note),)),),
    )
    shown = reveal(document, granting("note"))
    assert [each.text for each in shown.tuples[0].notes] == ["mine"]
    assert shown.persons[0].notes == shown.devices[0].notes == ()
    assert reveal(document, granting("note", "activities")).persons[0].notes == (Note(text=note),)


@pytest.mark.parametrize("permissions", [Permissions(services=EVERY, all_attributes=True), granting("note")])
def test_whoever_may_not_see_the_person_or_its_activities_sees_somebody_online(
    permissions: Permissions,
) -> None:
    shown = reveal(AWAY, permissions)
    assert state_of(shown) is State.ONLINE
    assert state_of(canonical(shown)) is State.ONLINE


def test_the_text_of_a_person_who_is_withheld_is_in_no_service() -> None:
    shown = reveal(AWAY, Permissions(services=EVERY, all_attributes=True))
    assert b"Romeo" not in b"".join(render_all(shown))
    assert b"Romeo" in b"".join(render_all(reveal(AWAY, granting("note"))))


def render_all(document: Presence) -> list[bytes]:
    told = Notification(standing=Standing.ACTIVE, document=document)
    return [render(told, ENTITY, form)[1] for form in FORMS]


def test_a_remark_in_an_element_of_another_vocabulary_goes_with_the_state_too() -> None:
    remark = b'<a:note xmlns:a="urn:ietf:params:xml:ns:pidf:rpid">Busy</a:note>'
    document = Presence(
        entity=ENTITY,
        tuples=(Tuple(id="t", basic=Basic.OPEN, status_extensions=(remark,)),),
        persons=(Person(id="p", extensions=(remark,)),),
    )
    notes = Permissions(services=EVERY, attributes=frozenset({"activities", "note"}))
    assert reveal(document, notes).tuples[0].status_extensions == ()
    words = Permissions(services=EVERY, persons=EVERY, attributes=frozenset({"note"}))
    worded = reveal(document, words)
    assert worded.tuples[0].status_extensions == worded.persons[0].extensions == ()
    everything = reveal(document, notes | Permissions(persons=EVERY))
    assert everything.tuples[0].status_extensions == everything.persons[0].extensions == (remark,)


def test_the_state_in_a_foreign_element_is_shown_to_whom_its_name_is_provided() -> None:
    shown = reveal(AWAY, Permissions(services=EVERY, unknown=frozenset((("jabber:client", "show"),))))
    assert shown.tuples[0].show is Show.AWAY
    assert shown.tuples[0].extended is None


def test_the_order_of_services_does_not_tell_which_one_speaks_for_the_person() -> None:
    desk, mobile = (
        Tuple(id="desk", basic=Basic.OPEN, priority=0.2),
        Tuple(id="mobile", basic=Basic.OPEN, priority=0.8),
    )
    orders = [Presence(entity=ENTITY, tuples=order) for order in ((desk, mobile), (mobile, desk))]
    assert [each.id for each in reveal(orders[0], granting()).tuples] == ["mobile", "desk"]
    assert reveal(orders[0], granting()) == reveal(orders[1], granting())
    assert reveal(orders[0], granting("activities")) == orders[0]


# Nothing is left.


@pytest.mark.parametrize("granted", [NOTHING, Permissions(devices=EVERY, all_attributes=True)])
def test_of_whom_nothing_is_shown_clients_show_somebody_offline(granted: Permissions) -> None:
    left, offline = reveal(AWAY, granted), offline_document(ENTITY)
    assert availabilities_from_presence(left) == availabilities_from_presence(offline)
    assert canonical(left) == canonical(offline)


def test_a_person_without_services_is_shown_with_what_it_does() -> None:
    shown = reveal(AWAY, Permissions(persons=EVERY, attributes=frozenset({"activities"})))
    assert state_of(canonical(shown)) is State.AWAY
    assert canonical(shown).tuples[0].contact is None


def test_services_without_a_person_are_merely_reachable() -> None:
    shown = canonical(reveal(AWAY, Permissions(services=EVERY)))
    assert shown.persons == ()
    assert [each.basic for each in shown.tuples] == [Basic.OPEN]
    closed = replace(AWAY, tuples=(replace(AWAY.tuples[0], basic=Basic.CLOSED),))
    assert canonical(reveal(closed, Permissions(services=EVERY))).tuples[0].basic is Basic.CLOSED


# Laws.

names = st.sampled_from(sorted(ATTRIBUTES | OMA_ATTRIBUTES))
by_occurrence = st.builds(
    Selected, by=st.just(By.OCCURRENCE), value=st.sampled_from(["t1", "t2", "p1", "6001"])
)
choices = st.sampled_from([frozenset(), EVERY, EVERY]) | st.frozensets(by_occurrence, max_size=2)
permissions = st.builds(
    Permissions,
    services=choices,
    devices=choices,
    persons=choices,
    attributes=st.frozensets(names, max_size=6),
    user_input=st.sampled_from(UserInputDetail),
    unknown=st.frozensets(
        st.sampled_from([
            ("urn:example:thing", "thing"), ("jabber:client", "show"), ("urn:ag-projects:xml:ns:pidf", "extended"),
            ("urn:ietf:params:xml:ns:pidf:caps", "servcaps"), ("urn:ietf:params:xml:ns:pidf:cipid", "icon"),
        ]),
        max_size=2,
    ),
    all_attributes=st.sampled_from([False, False, False, True]),
)  # fmt: skip


@given(strategies.documents, permissions)
def test_to_reveal_again_changes_nothing(document: Presence, granted: Permissions) -> None:
    shown = reveal(document, granted)
    assert reveal(shown, granted) == shown


@given(strategies.documents)
def test_who_may_see_all_sees_all_that_is_said_of_elements(document: Presence) -> None:
    assert reveal(document, EVERYTHING) == replace(document, extensions=(), changes_at=None)


@given(strategies.documents, permissions)
def test_whatever_is_left_can_be_written_for_every_client(document: Presence, granted: Permissions) -> None:
    assert all(render_all(reveal(document, granted)))
    seen(reveal(document, granted))


def occurrence_ids(document: Presence) -> list[str]:
    return [each.id for each in (*document.tuples, *document.persons, *document.devices)]


def is_selected(chosen: frozenset[Selected], id_: str) -> bool:
    return bool(chosen & EVERY) or Selected(by=By.OCCURRENCE, value=id_) in chosen


def otherwise(document: Presence, other: Presence, granted: Permissions) -> Presence:
    """The document, with everything that is withheld as the other one has it; told field by field, not by the code under test."""

    def has(name: str) -> bool:
        return granted.all_attributes or name in granted.attributes

    def is_unknown(namespace: str, name: str) -> bool:
        return granted.all_attributes or (namespace, name) in granted.unknown

    shows_human = (
        any(is_selected(granted.persons, each.id) for each in document.persons)
        if document.persons
        else bool(granted.persons & EVERY)
    )
    state = shows_human and has("activities")
    withheld_of_service = {
        "show": not state and ("jabber:client", "show") not in granted.unknown,
        "extended": not state and ("urn:ag-projects:xml:ns:pidf", "extended") not in granted.unknown,
        "notes": not (shows_human and has("note")),
        "device_id": not has("deviceID"),
        "user_input": not granted.all_attributes and not granted.user_input,
        "relationship": not has("relationship"),
        "class_": not has("class"),
        "status_icon": not has("status-icon"),
        "capabilities": not is_unknown("urn:ietf:params:xml:ns:pidf:caps", "servcaps"),
        "cipid": not granted.all_attributes and not any("cipid" in ns for ns, _ in granted.unknown),
        "status_extensions": not granted.all_attributes and not granted.unknown,
        "extensions": not granted.all_attributes and not granted.unknown,
    }
    withheld_of_person = {
        "activities": not state,
        "activity_note": not state,
        "moods": not has("mood"),
        "mood_note": not has("mood"),
        "place_types": not has("place-type"),
        "sphere": not has("sphere"),
        "class_": not has("class"),
        "time_offset": not has("time-offset"),
        "status_icon": not has("status-icon"),
        "user_input": not granted.all_attributes and not granted.user_input,
        "cipid": withheld_of_service["cipid"],
        "notes": not has("note"),
        "extensions": withheld_of_service["extensions"],
    }
    tuples = [
        _with(one, another, withheld_of_service) if is_selected(granted.services, one.id) else another
        for one, another in zip(document.tuples, other.tuples, strict=False)
    ]
    tuples += document.tuples[len(tuples) :]
    persons = [
        _with(one, another, withheld_of_person) if is_selected(granted.persons, one.id) else one
        for one, another in zip(document.persons, other.persons, strict=False)
    ]
    persons += document.persons[len(persons) :]
    if not state and len(set(occurrence_ids(document))) == len(occurrence_ids(document)):
        tuples.reverse()
    return replace(
        document,
        tuples=tuple(tuples),
        persons=tuple(persons),
        devices=document.devices if granted.devices else other.devices,
        notes=document.notes if shows_human and has("note") else other.notes,
        extensions=other.extensions,
    )


def _with(one: object, another: object, withheld: dict[str, bool]) -> object:
    taken = {name: getattr(another, name) for name, is_withheld in withheld.items() if is_withheld}
    return replace(one, **taken)  # type: ignore[type-var]


@given(strategies.documents, strategies.documents, permissions)
def test_what_is_withheld_makes_no_difference_to_anything_that_is_sent(
    document: Presence, other: Presence, granted: Permissions
) -> None:
    other = replace(
        other,
        tuples=tuple(each for each in other.tuples if not is_selected(granted.services - EVERY, each.id)),
    )
    changed = otherwise(document, other, granted)
    assert seen(reveal(changed, granted)) == seen(reveal(document, granted))


@given(strategies.documents, permissions, permissions)
def test_more_permissions_select_no_less(document: Presence, one: Permissions, other: Permissions) -> None:
    some, more = reveal(document, one), reveal(document, one | other)
    for kind in ("tuples", "persons", "devices"):
        assert {each.id for each in getattr(some, kind)} <= {each.id for each in getattr(more, kind)}


@given(strategies.documents, permissions)
def test_what_permissions_include_already_makes_no_difference(
    document: Presence, granted: Permissions
) -> None:
    assert reveal(document, granted.reduced()) == reveal(document, granted)


# Through the composition of sources.

STATES = st.sampled_from([None, "away", "busy", "on-the-phone", "meal", "vacation", "looking-for-work"])


@st.composite
def two_moods_of_the_same_devices(draw: st.DrawFn) -> tuple[list[Source], list[Source]]:
    """The same services, published by a human who does one thing and by one who does another."""
    before, after = [], []
    for number in range(draw(st.integers(1, 3))):
        basic = draw(st.sampled_from([Basic.OPEN, Basic.OPEN, Basic.CLOSED]))
        priority = draw(st.sampled_from([None, 0.2, 0.8]))
        timestamp = draw(st.sampled_from([None, from_unix(START)]))
        for sources in (before, after):
            activity = draw(STATES)
            notes = (Note(text=draw(st.sampled_from(["At the sea", "Reading"]))),)
            service = Tuple(
                id=f"t{number}",
                basic=basic,
                priority=priority,
                contact=f"sip:juliet@192.0.2.{number}",
                show=draw(st.none() | st.sampled_from(Show)),
                notes=notes if draw(st.booleans()) else (),
                timestamp=timestamp,
            )
            person = Person(
                id="p1",
                activities=() if activity is None else (Activity(activity),),
                notes=notes if draw(st.booleans()) else (),
                user_input=draw(st.none() | st.builds(UserInput, idle=st.booleans())),
            )
            document = Presence(entity=ENTITY, tuples=(service,), persons=(person,))
            sources.append(
                Source(
                    id=f"s{number}",
                    rank=Rank.PUBLISHED,
                    published_at=START + draw(st.integers(-9, 0)),
                    document=document,
                )
            )
    return before, after


@given(two_moods_of_the_same_devices())
def test_who_may_see_services_alone_learns_nothing_of_what_the_human_does(
    sources: tuple[list[Source], list[Source]],
) -> None:
    one, other = (compose(ENTITY, each, START) for each in sources)
    granted = Permissions(services=EVERY, attributes=ATTRIBUTES - {"activities", "note"})
    shown, other_shown = reveal(one, granted), reveal(other, granted)
    assert settle(shown, other_shown) is shown
    assert marks_of(shown) == marks_of(other_shown)


def marks_of(document: Presence) -> list[tuple[str, bool]]:
    """By what one could tell services apart that say the same."""
    return [(each.id, each.timestamp is None) for each in document.tuples]
