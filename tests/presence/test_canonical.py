"""What watchers get: golden documents, what each client shows for them, and what can never be sent."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
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
from sip2xmpp.presence import profiles
from sip2xmpp.presence.canonical import canonical, canonical_forms, offline_document, person_id, sip_entity
from sip2xmpp.presence.profiles import INTEROP, RFC, Profile
from sip2xmpp.presence.states import ABSENT, AVAILABLE, DEFAULT_TEXT, SHOW_OF, State, state_of
from tests.documents import miniclients as clients
from tests.documents.strategies import crowds, documents
from tests.presence.neutral import ACTIVITY, JULIET, NOON, PRESENT, document, notes, service

EVERY_PROFILE = [
    INTEROP,
    RFC,
    profiles.LINPHONE_5,
    profiles.LINPHONE_3,
    profiles.LINPHONE_DESKTOP_6,
    profiles.slim(INTEROP),
    profiles.slim(INTEROP, keep_show=True),
]


def body(state: State, text: str = "", profile: Profile = INTEROP) -> bytes:
    return pidf.write(canonical(document(state, text), profile=profile))


HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" '
    'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" '
    'xmlns:agp-pidf="urn:ag-projects:xml:ns:pidf" entity="sip:juliet@example.com">'
)
TIME = "2026-01-31T12:00:00Z"


def golden(extended: str, show: str, text: str, activities: str, root: str = "") -> str:
    shown = f'<show xmlns="jabber:client">{show}</show>' if show else ""
    note = f'<note xml:lang="en">{text}</note>' if text else ""
    doing = f"<rpid:activities>{activities}</rpid:activities>" if activities else ""
    person = (
        f'<dm:person id="p-juliet">{doing}<dm:note xml:lang="en">{text}</dm:note><dm:timestamp>{TIME}</dm:timestamp></dm:person>'
        if text
        else ""
    )
    return (
        f'{HEAD}<tuple id="ID-balcony"><status><basic>open</basic><agp-pidf:extended>{extended}</agp-pidf:extended>{shown}'
        f'</status><contact priority="0.8">sip:juliet@example.com;gr=balcony</contact>{note}<timestamp>{TIME}</timestamp>'
        f"</tuple>{root}{person}</presence>"
    )


def golden_offline(note: str) -> str:
    status = "<basic>closed</basic><agp-pidf:extended>offline</agp-pidf:extended>"
    times = f"<timestamp>{TIME}</timestamp>"
    return f'{HEAD}<tuple id="ID-offline"><status>{status}</status>{note}{times}</tuple></presence>'


PHONE = "<rpid:busy/><rpid:on-the-phone/><rpid:busy/>"
GOLDEN = [
    (State.ONLINE, "", golden("available", "", "", "")),
    (State.ONLINE, "Gone fishing", golden("available", "", "Gone fishing", "")),
    (State.CHAT, "", golden("available", "chat", "Free for chat", "")),
    (State.AWAY, "", golden("away", "away", "Away", "<rpid:away/>")),
    (State.AWAY, "Gone fishing", golden("away", "away", "Gone fishing", "<rpid:away/>")),
    (State.XA, "", golden("away", "xa", "Extended away", "<rpid:away/>")),
    (State.BUSY, "", golden("busy", "dnd", "Busy", "<rpid:busy/>")),
    (State.ON_THE_PHONE, "", golden("busy", "dnd", "On the phone", PHONE)),
    (
        State.ON_THE_PHONE,
        "Sales call",
        golden("busy", "dnd", "On the phone", PHONE, '<note xml:lang="en">Sales call</note>'),
    ),
    (State.DND, "", golden("busy", "dnd", "Do not disturb", "<rpid:busy/>")),
    (State.OFFLINE, "", golden_offline("")),
    (State.OFFLINE, "Back on Monday", golden_offline('<note xml:lang="en">Back on Monday</note>')),
]


@pytest.mark.parametrize(("state", "text", "expected"), GOLDEN, ids=[f"{s.value}-{t}" for s, t, _ in GOLDEN])
def test_golden_documents(state: State, text: str, expected: str) -> None:
    octets = body(state, text)
    assert octets.decode() == expected
    assert clients.schema_log(octets) == ""


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("profile", EVERY_PROFILE, ids=lambda profile: profile.name)
def test_compact_forms_stay_small(state: State, profile: Profile) -> None:
    limit = 700 if profile.size_goal else 790
    assert len(body(state, profile=profile)) <= limit


# What clients show

SHOWN = {
    State.ONLINE: ("online/unknown/", "online", "OPEN", "Online", "Online", "Online", "Online", "available", "open"),
    State.CHAT: ("online/unknown/Free for chat", "online", "OPEN", "Online", "Online", "Online", "Online", "available", "open"),
    State.AWAY: ("online/away/Away", "away", "CLOSED", "Busy", "Away", "Away", "Away", "away", "open"),
    State.XA: ("online/away/Extended away", "away", "CLOSED", "Busy", "Away", "Away", "Away", "away", "open"),
    State.BUSY: ("online/busy/Busy", "busy", "BUSY", "Busy", "Busy", "Busy", "Busy (DND)", "busy", "open"),
    State.ON_THE_PHONE: ("online/busy/On the phone", "phone", "BUSY", "Busy", "Busy", "Busy", "On the phone", "busy", "open"),
    State.DND: ("online/busy/Do not disturb", "busy", "BUSY", "Busy", "Busy", "Busy", "Busy (DND)", "busy", "open"),
    State.OFFLINE: ("offline/unknown/", "offline", "CLOSED", "Offline", "Undefined", "Offline", "Offline", "offline", "closed"),
    State.UNKNOWN: ("offline/unknown/", "offline", "CLOSED", "Offline", "Undefined", "Offline", "Offline", "offline", "closed"),
}  # fmt: skip


def shown(octets: bytes) -> tuple[str, ...]:
    buddy = clients.pjsip(octets)
    return (
        f"{buddy.status}/{buddy.activity}/{buddy.text}",
        clients.microsip(octets),
        clients.baresip(octets),
        clients.linphone_sdk(octets),
        clients.linphone_desktop_6(octets),
        clients.linphone_3(octets),
        clients.jitsi(octets),
        clients.blink(octets),
        clients.twinkle(octets),
    )


def without_text(buddy: str) -> str:
    """What pjsip shows, apart from the text."""
    return "/".join(buddy.split("/")[:2])


@pytest.mark.parametrize("state", list(State))
def test_every_client_shows_the_state(state: State) -> None:
    assert shown(body(state)) == SHOWN[state]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize(
    "text",
    ["Gone fishing", "Away", "On the phone", "Ringing", "offline", "Online", "Busy (DND)", "In a meeting"],
)
@pytest.mark.parametrize("more", [0, 1, 3])
def test_neither_texts_nor_more_devices_change_what_is_shown(state: State, text: str, more: int) -> None:
    """Linphone up to 3.5 is left out: it searches the whole text, the user's words as well."""
    others = tuple(
        service(other, name=f"t{number}", gr=f"r{number}", priority=None, text="Away")
        for number, other in enumerate([State.ONLINE, State.OFFLINE, State.XA][:more])
    )
    octets = pidf.write(canonical(document(state, text, others=others if state not in ABSENT else ())))
    seen = list(shown(octets))
    expected = list(SHOWN[state])
    for each in (seen, expected):
        each[0] = without_text(each[0])
        each[5] = ""
    if text == "In a meeting" and state in (State.BUSY, State.DND):
        expected[6] = "In a meeting"  # Jitsi knows it as a state of its own, and here it is true
    assert seen == expected


@pytest.mark.parametrize("state", list(State))
def test_old_linphone_gets_one_tuple_and_shows_the_state(state: State) -> None:
    others = (service(State.XA, name="t1", gr="r1", priority=0.1), service(State.OFFLINE, name="t2", gr="r2"))
    told = canonical(
        document(state, others=others if state not in ABSENT else ()), profile=profiles.LINPHONE_3
    )
    assert clients.linphone_3(pidf.write(told)) == SHOWN[state][5]


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        (State.ONLINE, "Online"),
        (State.CHAT, "Online"),
        (State.AWAY, "Away"),
        (State.XA, "Away"),
        (State.BUSY, "Busy"),
        (State.ON_THE_PHONE, "On the phone"),
        (State.DND, "Busy"),
        (State.OFFLINE, "Offline"),
    ],
)
def test_linphonec_5_shows_the_state_in_its_own_form(state: State, seen: str) -> None:
    assert clients.linphonec_5(body(state, profile=profiles.LINPHONE_5)) == seen
    if state is not State.ON_THE_PHONE:
        assert body(state, profile=profiles.LINPHONE_5) == body(state)


def test_linphone_desktop_6_shows_do_not_disturb_in_its_own_form() -> None:
    octets = body(State.DND, profile=profiles.LINPHONE_DESKTOP_6)
    assert b"<rpid:activities><rpid:busy/><rpid:other>dnd</rpid:other></rpid:activities>" in octets
    assert clients.linphone_desktop_6(octets) == "DoNotDisturb"
    assert clients.schema_log(octets) == ""
    assert shown(octets)[:4] == SHOWN[State.DND][:4]


def test_options_of_the_operator_serve_one_client_each() -> None:
    assert clients.linphone_sdk(body(State.DND, profile=profiles.LINPHONE_SDK_DND)) == "DoNotDisturb"
    assert (
        clients.linphone_desktop_6(body(State.OFFLINE, profile=profiles.LINPHONE_DESKTOP_OFFLINE))
        == "Offline"
    )


@pytest.mark.parametrize("state", PRESENT)
@pytest.mark.parametrize("more", [(), ("vacation",), ("meeting", "playing"), ("shopping", "holiday", "meal")])
def test_particular_activities_do_not_change_what_is_shown(state: State, more: tuple[str, ...]) -> None:
    told = document(state, "", *(Activity(name) for name in more))
    assume_same = state_of(told)
    octets = pidf.write(canonical(told))
    seen = list(shown(octets))
    expected = list(SHOWN[assume_same])
    seen[0], expected[0] = without_text(seen[0]), without_text(expected[0])
    seen[5], expected[5] = "", ""
    assert seen == expected
    assert clients.linphonec_5(octets) == {"Away": "Away", "Busy": "Busy"}.get(expected[4], "Online")


# Round trips

ROUND_TRIP = [*EVERY_PROFILE[:5], profiles.slim(INTEROP)]


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("profile", ROUND_TRIP, ids=lambda profile: profile.name)
def test_the_state_is_found_again_in_its_document(state: State, profile: Profile) -> None:
    found = state_of(pidf.read(body(state, profile=profile)))
    assert found is (State.OFFLINE if state is State.UNKNOWN else state)


@given(st.sampled_from(PRESENT), st.text(max_size=40), st.sampled_from([INTEROP, RFC]))
def test_with_any_text_what_xmpp_is_told_is_found_again(state: State, text: str, profile: Profile) -> None:
    found = state_of(pidf.read(body(state, text, profile)))
    assert SHOW_OF[found] is SHOW_OF[state]
    if state is not State.DND:
        assert found is state


@given(documents, st.sampled_from([INTEROP, RFC]))
def test_whatever_a_source_says_its_state_is_found_again(source: Presence, profile: Profile) -> None:
    state = state_of(source)
    found = state_of(pidf.read(pidf.write(canonical(source, profile=profile))))
    if state in ABSENT:
        assert found is State.OFFLINE
    else:
        assert SHOW_OF[found] is SHOW_OF[state]


@given(documents)
def test_a_canonical_document_is_its_own_canonical_form(source: Presence) -> None:
    once = pidf.read(pidf.write(canonical(source)))
    assume(state_of(once) is state_of(source))
    again = canonical(once)
    assert pidf.write(again) == pidf.write(canonical(pidf.read(pidf.write(again))))


@given(
    documents | crowds,
    st.sampled_from(EVERY_PROFILE),
    st.sampled_from([None, JULIET, "pres:bob@example.com"]),
)
def test_forms_made_together_are_those_made_one_by_one(
    source: Presence, profile: Profile, entity: str | None
) -> None:
    forms = (profile, *profiles.smaller(profile))
    together = list(canonical_forms(source, forms, entity=entity))
    assert together == [canonical(source, profile=form, entity=entity) for form in forms]


@given(documents)
def test_equal_documents_give_equal_octets(source: Presence) -> None:
    assert pidf.write(canonical(source)) == pidf.write(canonical(replace(source)))


# What can never be sent


@given(documents | crowds)
def test_no_document_breaks_a_rule_that_a_client_relies_on(source: Presence) -> None:
    source = replace(source, entity=JULIET)
    state = state_of(source)
    told = canonical(source)
    octets = pidf.write(told)
    text = octets.decode()
    assert clients.schema_log(octets) == ""
    assert 1 <= len(told.tuples) <= 8
    assert all(each.basic is not None for each in told.tuples)
    assert len(told.persons) <= 1
    assert [each.extended is not None for each in told.tuples] == [True] + [False] * (len(told.tuples) - 1)
    assert (told.tuples[0].basic is Basic.OPEN) is (state not in ABSENT)
    activities = re.findall(r"<rpid:activities>(.*?)</rpid:activities>", text, re.DOTALL)
    assert len(activities) <= 1
    assert "<rpid:unknown/>" not in "".join(activities)
    assert "<rpid:note>" not in text
    if state in AVAILABLE or state in ABSENT:
        assert not activities
        assert "user-input" not in text
    if state in ABSENT:
        assert "person" not in text and "<contact" not in text
    elif state not in AVAILABLE:
        names = re.findall(r"<rpid:([a-z-]+)[ />]", activities[0])
        coarse = "away" if state in (State.AWAY, State.XA) else "busy"
        assert names[0] == coarse and names[-1] == coarse
    for each in told.tuples:
        assert each.contact is None or each.contact.partition(";")[0] == JULIET
        assert all(len(note.text) <= 256 for note in each.notes)


@given(documents | crowds)
def test_every_client_shows_the_state_of_any_document(source: Presence) -> None:
    source = replace(source, entity=JULIET)
    octets = pidf.write(canonical(source))
    seen, expected = list(shown(octets)), list(SHOWN[state_of(source)])
    for each in (seen, expected):
        each[0] = without_text(each[0])
        each[5] = each[6] = ""  # texts of the user's own count in these two
    assert seen == expected


NEGATIVE = {
    "open and other available": Presence(
        entity=JULIET,
        tuples=(service(State.ONLINE),),
        persons=(Person(id="p", activities=(Activity("other", "available"),)),),
    ),
    "closed and away": Presence(
        entity=JULIET,
        tuples=(service(State.OFFLINE),),
        persons=(Person(id="p", activities=(Activity("away"),)),),
    ),
    "plain on the phone": Presence(
        entity=JULIET,
        tuples=(service(State.ONLINE),),
        persons=(Person(id="p", activities=(Activity("on-the-phone"),)),),
    ),
    "two persons": Presence(
        entity=JULIET,
        tuples=(service(State.ONLINE),),
        persons=(
            Person(id="p", activities=(Activity("busy"),)),
            Person(id="q", activities=(Activity("on-the-phone"),)),
        ),
    ),
    "extended on a second newer tuple": Presence(
        entity=JULIET,
        tuples=(
            replace(service(State.AWAY), extended="away"),
            replace(
                service(State.ONLINE, name="t2", priority=0.1),
                extended="available",
                timestamp=datetime(2026, 2, 1, tzinfo=UTC),
            ),
        ),
        persons=(Person(id="p", activities=(Activity("away"),)),),
    ),
}


def test_unknown_is_never_sent() -> None:
    raw = body(State.AWAY).replace(b"<rpid:away/>", b"<rpid:unknown/>").replace(b">away<", b">available<")
    source = pidf.read(raw)
    assert state_of(source) is State.ONLINE
    assert shown(raw) != SHOWN[State.ONLINE]
    assert b"activities" not in pidf.write(canonical(source))
    assert b"unknown" not in pidf.write(source)


@pytest.mark.parametrize("name", NEGATIVE)
def test_forms_that_some_client_misreads_are_never_sent(name: str) -> None:
    source = NEGATIVE[name]
    state = state_of(source)
    raw, sent = pidf.write(source), pidf.write(canonical(source))
    assert shown(raw) != SHOWN[state]
    assert shown(sent) == SHOWN[state]


# The parts


def test_activities_of_somebody_available_go_into_the_text() -> None:
    told = canonical(document(State.ONLINE, "", Activity("tv"), Activity("other", "knitting")))
    assert told.persons[0].activities == ()
    assert told.persons[0].notes == notes("Watching TV, knitting")
    told = canonical(document(State.ONLINE, "At home", Activity("tv")))
    assert told.tuples[0].notes == notes("At home (Watching TV)")
    assert canonical(told) == told


def test_the_rfc_profile_says_activities_as_they_are() -> None:
    def doing(state: State, *names: str) -> list[str]:
        told = canonical(document(state, "", *(Activity(name) for name in names)), profile=RFC)
        return [each.name for person in told.persons for each in person.activities]

    assert doing(State.ON_THE_PHONE) == ["on-the-phone"]
    assert doing(State.DND) == ["busy"]
    assert doing(State.ONLINE, "tv") == ["tv"]
    assert doing(State.ONLINE, "unknown") == []
    assert doing(State.AWAY, "meal") == ["away", "meal"]
    meeting = replace(document(State.BUSY), persons=(Person(id="p", activities=(Activity("meeting"),)),))
    assert [each.name for each in canonical(meeting, profile=RFC).persons[0].activities] == ["meeting"]
    assert [each.name for each in canonical(meeting).persons[0].activities] == ["busy", "meeting", "busy"]


def test_a_document_without_open_tuple_gets_one_when_the_person_is_there() -> None:
    told = canonical(Presence(entity=JULIET, persons=(Person(id="p", activities=(Activity("busy"),)),)))
    assert [each.basic for each in told.tuples] == [Basic.OPEN]
    told = canonical(
        Presence(entity=JULIET, tuples=(Tuple(id="t", show=Show.AWAY), Tuple(id="u", basic=Basic.CLOSED)))
    )
    assert told.tuples[0].basic is Basic.CLOSED
    told = canonical(Presence(entity=JULIET, tuples=(Tuple(id="t", show=Show.AWAY),)))
    assert told.tuples[0].basic is Basic.OPEN and state_of(told) is State.AWAY


def test_languages_are_kept_in_their_order() -> None:
    said = (
        Note(text="Weg", language="de"),
        Note(text="Gone", language="en"),
        Note(text="again", language="de"),
    )
    source = replace(document(State.AWAY), tuples=(replace(service(State.AWAY), notes=said),))
    told = canonical(source)
    assert told.tuples[0].notes == told.persons[0].notes == said[:2]


@pytest.mark.parametrize(
    ("contact", "written"),
    [
        ("sip:juliet@example.com;gr=balcony", "sip:j@gw.example.org;gr=balcony"),
        ("sip:juliet@example.com", "sip:j@gw.example.org"),
        ("sip:juliet@192.0.2.7:5070;transport=tcp", "sip:j@gw.example.org"),
        ("sip:alice@example.org;gr=urn:uuid:1", "sip:j@gw.example.org"),
        ("xmpp:juliet@example.com", "sip:j@gw.example.org"),
        (None, None),
    ],
)
def test_contacts_are_the_address_as_the_watcher_knows_it(contact: str | None, written: str | None) -> None:
    source = Presence(entity=JULIET, tuples=(Tuple(id="t", basic=Basic.OPEN, contact=contact),))
    told = canonical(source, entity="sip:j@gw.example.org;transport=UDP")
    assert told.entity == "sip:j@gw.example.org"
    assert told.tuples[0].contact == written


def test_location_is_held_back_unless_its_owner_lets_it_pass() -> None:
    def geopriv(allowed: str) -> bytes:
        return (
            b'<gp:geopriv xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"><gp:usage-rules><b:retransmission-allowed '
            b'xmlns:b="urn:ietf:params:xml:ns:pidf:geopriv10:basicPolicy">'
            + allowed.encode()
            + b"</b:retransmission-allowed></gp:usage-rules></gp:geopriv>"
        )

    for profile in (INTEROP, RFC):
        for allowed, kept in (("no", 0), ("false", 0), ("yes", 1), ("true", 1)):
            source = Presence(
                entity=JULIET,
                tuples=(replace(service(State.ONLINE), status_extensions=(geopriv(allowed),)),),
                extensions=(geopriv(allowed),),
            )
            told = canonical(source, profile=profile)
            assert len(told.extensions) == len(told.tuples[0].status_extensions) == kept


def test_extensions_that_could_be_taken_for_a_state_pass_only_in_the_rfc_profile() -> None:
    harmless = b'<x:mobility xmlns:x="urn:x"></x:mobility>'
    online = b'<online xmlns="http://www.linphone.org/xsds/pidfonline.xsd"></online>'
    source = replace(document(State.AWAY), extensions=(harmless, online))
    assert canonical(source).extensions == (harmless,)
    assert canonical(source, profile=RFC).extensions == (harmless, online)


def test_idle_is_told_only_of_somebody_absent_and_without_the_time() -> None:
    idle = UserInput(idle=True, last_input=NOON.replace(second=42), threshold=600)
    person = Person(id="p", activities=(Activity("away"),), user_input=idle)
    away = replace(document(State.AWAY), persons=(person,))
    assert canonical(away).persons[0].user_input == UserInput(idle=True)
    disclosing = replace(INTEROP, name="x", last_input=True)
    assert canonical(away, profile=disclosing).persons[0].user_input == UserInput(idle=True, last_input=NOON)
    online = replace(away, tuples=(replace(service(State.ONLINE), extended="available"),))
    assert canonical(online).persons == ()


def test_moods_places_and_devices_pass() -> None:
    person = Person(id="p", moods=(Mood("happy"),), mood_note="very", place_types=("office",))
    source = replace(
        document(State.ONLINE),
        persons=(person,),
        devices=(Device(id="d", device_id="urn:x:1", notes=notes("Away")),),
    )
    told = canonical(source)
    assert told.persons[0].moods == (Mood("happy"),) and told.persons[0].mood_note is None
    assert told.devices[0].notes == ()
    assert canonical(source, profile=RFC).persons[0].mood_note == "very"


def test_of_several_persons_each_attribute_is_the_newest() -> None:
    older = Person(id="a", sphere="home", moods=(Mood("sad"),), timestamp=NOON)
    newer = Person(id="b", moods=(Mood("happy"),), timestamp=NOON.replace(hour=13))
    for persons in ((older, newer), (newer, older)):
        (told,) = canonical(replace(document(State.ONLINE), persons=persons)).persons
        assert (told.sphere, told.moods, told.timestamp) == ("home", (Mood("happy"),), newer.timestamp)


def test_the_offline_document() -> None:
    told = offline_document("pres:juliet@example.com", "Back on Monday", 1769860800.7)
    assert told.entity == JULIET
    assert told.tuples[0].timestamp == NOON
    assert told.tuples[0].notes == (Note(text="Back on Monday"),)
    assert offline_document(JULIET, since=NOON) == canonical(document(State.OFFLINE))
    assert state_of(offline_document(JULIET)) is State.OFFLINE


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sip:a@b", "sip:a@b"),
        ("pres:a@b", "sip:a@b"),
        ("sips:a@b;transport=tls?x=y", "sip:a@b"),
        ("a@b", "sip:a@b"),
        ("sip:a;x=1@b;user=phone", "sip:a;x=1@b"),
        ("sip:a@b:5070", "sip:a@b:5070"),
        ("tel:+123", "tel:+123"),
    ],
)
def test_entities_become_sip_addresses(written: str, meant: str) -> None:
    assert sip_entity(written) == meant


def test_person_ids_are_names() -> None:
    assert person_id("sip:juliet@example.com") == "p-juliet"
    assert re.fullmatch(r"p-IDx-[0-9a-f]{16}", person_id("sip:juliet%40jabber.example@gw.example.org"))


def test_every_state_has_what_the_tables_need() -> None:
    for state in State:
        assert state in DEFAULT_TEXT and state in SHOW_OF and state in profiles.EXTENDED
        assert (state in ACTIVITY) is (state in INTEROP.forms)


def test_more_tuples_than_pjsip_keeps_are_cut_to_the_best() -> None:
    many = tuple(
        service(
            State.OFFLINE if number % 2 else State.ONLINE,
            name=f"t{number}",
            gr=str(number),
            priority=number / 20,
        )
        for number in range(20)
    )
    told = canonical(Presence(entity=JULIET, tuples=many))
    assert len(told.tuples) == 8
    assert told.tuples[0].id == "t18"
    assert all(each.basic is Basic.OPEN for each in told.tuples)
