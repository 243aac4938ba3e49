"""The PIDF codec: golden documents, strict writing, lenient reading."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip2xmpp.documents import pidf
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
from sip2xmpp.errors import BadDocument
from tests.documents.miniclients import schema_log
from tests.documents.strategies import documents

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" '
    b'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
)
AWAY = HEAD + (
    b' xmlns:agp-pidf="urn:ag-projects:xml:ns:pidf" entity="sip:juliet@example.com"><tuple id="ID-balcony"><status>'
    b'<basic>open</basic><agp-pidf:extended>away</agp-pidf:extended><show xmlns="jabber:client">away</show></status>'
    b'<contact priority="0.8">sip:juliet@example.com;gr=balcony</contact><note xml:lang="en">Gone fishing</note>'
    b'<timestamp>2026-01-31T12:00:00Z</timestamp></tuple><dm:person id="p-juliet"><rpid:activities><rpid:away/>'
    b'</rpid:activities><dm:note xml:lang="en">Gone fishing</dm:note><dm:timestamp>2026-01-31T12:00:00Z'
    b"</dm:timestamp></dm:person></presence>"
)
AWAY_VALUE = Presence(
    entity="sip:juliet@example.com",
    tuples=(
        Tuple(
            id="ID-balcony",
            basic=Basic.OPEN,
            show=Show.AWAY,
            extended="away",
            contact="sip:juliet@example.com;gr=balcony",
            priority=0.8,
            notes=(Note(text="Gone fishing", language="en"),),
            timestamp=NOON,
        ),
    ),
    persons=(
        Person(
            id="p-juliet",
            activities=(Activity("away"),),
            notes=(Note(text="Gone fishing", language="en"),),
            timestamp=NOON,
        ),
    ),
)
EVERYTHING = Presence(
    entity="sip:juliet@example.com",
    tuples=(
        Tuple(
            id="ID-balcony",
            basic=Basic.OPEN,
            contact="sip:juliet@example.com",
            device_id="urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            user_input=UserInput(idle=True, last_input=NOON, threshold=600),
            service_class="electronic",
            relationship="self",
            class_="mobile",
            status_icon="https://example.com/icon.png",
            capabilities=Capabilities(
                audio=True,
                video=False,
                message=True,
                methods=("INVITE", "MESSAGE"),
                event_packages=("presence",),
            ),
            cipid=Cipid(display_name="Juliet & co", homepage="https://example.com/?a=b&c=d"),
        ),
    ),
    notes=(Note(text="Sales call", language="en"), Note(text="Verkauf", language="de")),
    persons=(
        Person(
            id="p1",
            activities=(Activity("meeting"), Activity("other", "gardening")),
            moods=(Mood("happy"), Mood("other", "curiouser")),
            mood_note="all well",
            place_types=("office", "street"),
            sphere="work",
            class_="me",
            time_offset=-120,
            status_icon="https://example.com/me.png",
            user_input=UserInput(idle=False),
            cipid=Cipid(icon="https://example.com/juliet.png", card="https://example.com/juliet.vcf"),
        ),
    ),
    devices=(
        Device(
            id="d1", device_id="urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", class_="phone", timestamp=NOON
        ),
    ),
)


def test_the_worked_example_is_read_and_written() -> None:
    assert pidf.read(AWAY) == AWAY_VALUE
    assert pidf.write(AWAY_VALUE) == AWAY


def test_every_modelled_attribute_survives_and_is_valid() -> None:
    octets = pidf.write(EVERYTHING)
    assert pidf.read(octets) == EVERYTHING
    assert schema_log(octets) == ""


def test_the_empty_document_is_valid() -> None:
    octets = pidf.write(Presence(entity="sip:juliet@example.com"))
    assert schema_log(octets) == ""
    assert pidf.read(octets) == Presence(entity="sip:juliet@example.com")


@given(documents)
def test_writing_what_was_read_is_stable(document: Presence) -> None:
    once = pidf.write(document)
    assert pidf.write(pidf.read(once)) == once


@given(documents)
def test_what_is_written_is_schema_valid(document: Presence) -> None:
    assert schema_log(pidf.write(replace(document, entity="sip:juliet@example.com"))) == ""


@given(documents)
def test_equal_values_are_written_alike_and_in_one_form(document: Presence) -> None:
    octets = pidf.write(document)
    assert octets == pidf.write(replace(document))
    assert b"<!--" not in octets
    assert b"CDATA" not in octets
    assert b"<!DOCTYPE" not in octets
    assert octets.count(b"<?") == 1
    octets.decode("utf-8")


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_no_octets_raise_anything_but_bad_document(octets: bytes) -> None:
    for read in (pidf.read, pidf.well_formed):
        try:
            read(octets)
        except BadDocument:
            continue


VOCABULARY = (
    "presence tuple status basic show extended im contact note timestamp person device deviceID activities away other "
    "unknown mood happy place-type sphere class status-icon time-offset user-input servcaps methods supported "
    "timed-status icon geopriv thing relationship"
)
WORDS = st.sampled_from(VOCABULARY.split())
SPACES = st.sampled_from(
    [
        "",
        "urn:ietf:params:xml:ns:pidf",
        "urn:ietf:params:xml:ns:pidf:rpid",
        "urn:ietf:params:xml:ns:pidf:cipid",
        "urn:x",
    ]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            "id",
            "entity",
            "priority",
            "from",
            "until",
            "mustUnderstand",
            "xml:lang",
            "last-input",
            "idle-threshold",
        ]
    ),
    st.sampled_from(
        [
            "",
            "1",
            "nan",
            "-inf",
            "0.5",
            "2026-01-31T12:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "true",
            "a b",
            "1_0",
        ]
    ),
    max_size=2,
)
TEXTS = st.sampled_from(
    ["", "open", "Closed ", "idle", "true", "-5", "99999999999999999999", "2026-13-01", "1_000", "é"]
)


@st.composite
def odd_elements(draw: st.DrawFn, depth: int = 3) -> str:
    name, space = draw(WORDS), draw(SPACES)
    attributes = "".join(f' {key}="{value}"' for key, value in draw(ATTRIBUTES).items())
    children = draw(st.lists(odd_elements(depth - 1), max_size=2)) if depth else []
    return f'<{name} xmlns="{space}"{attributes}>{draw(TEXTS)}{"".join(children)}</{name}>'


@given(st.lists(odd_elements(), max_size=3), st.none() | st.just(1.7e9))
def test_any_arrangement_of_known_elements_is_read_and_can_be_written(
    parts: list[str], now: float | None
) -> None:
    octets = (
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b">{"".join(parts)}</presence>'.encode()
    )
    document = pidf.read(octets, now=now)
    once = pidf.write(document)
    assert pidf.write(pidf.read(once)) == once
    assert len({each.id for each in (*document.tuples, *document.persons, *document.devices)}) == len(
        document.tuples
    ) + len(document.persons) + len(document.devices)


def test_extensions_are_kept_where_they_stood() -> None:
    octets = HEAD + (
        b' entity="sip:a@b"><tuple id="t1"><status><basic>open</basic><x:s xmlns:x="urn:x">1</x:s></status>'
        b'<x:t xmlns:x="urn:x" a="b"></x:t></tuple><dm:person id="p1"><x:p xmlns:x="urn:x"><x:q></x:q></x:p></dm:person>'
        b'<x:r xmlns:x="urn:x"></x:r></presence>'
    )
    document = pidf.read(octets)
    assert document.tuples[0].status_extensions == (b'<x:s xmlns:x="urn:x">1</x:s>',)
    assert document.tuples[0].extensions == (b'<x:t xmlns:x="urn:x" a="b"></x:t>',)
    assert document.persons[0].extensions == (b'<x:p xmlns:x="urn:x"><x:q></x:q></x:p>',)
    assert document.extensions == (b'<x:r xmlns:x="urn:x"></x:r>',)
    assert pidf.write(document) == octets


def test_elements_without_namespace_do_not_become_pidf() -> None:
    octets = inside('<x xmlns=""/><x:x xmlns:x="urn:x"><y xmlns=""/></x:x>')
    document = pidf.read(octets)
    assert document.extensions == (b'<x:x xmlns="" xmlns:x="urn:x"><y></y></x:x>',)
    assert pidf.read(pidf.write(document)).extensions == document.extensions


def inside(parts: str) -> bytes:
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" xmlns:p="urn:ietf:params:xml:ns:pidf" entity="sip:a@b">'
        f"{parts}</presence>"
    ).encode()


@pytest.mark.parametrize("namespace", ["relative", "*", "../x", "?"])
@pytest.mark.parametrize("extension", ["<x:s xmlns:x='{}'/>", "<s xmlns='urn:s'><s xmlns='{}'/></s>"])
def test_an_extension_without_canonical_form_is_left_out(extension: str, namespace: str) -> None:
    strange = extension.format(namespace)
    document = pidf.read(
        inside(
            f'<tuple id="a"><status><basic>open</basic>{strange}</status>{strange}</tuple>{strange}'
            f'<dm:person id="p">{strange}<dm:note>Hello</dm:note></dm:person><x xmlns="urn:x"/>'
        )
    )
    assert [service.basic for service in document.tuples] == [Basic.OPEN]
    assert document.persons[0].notes and len(document.extensions) == 1
    assert not document.tuples[0].extensions and not document.tuples[0].status_extensions


def test_a_tuple_with_an_extension_that_must_be_understood_is_not_used() -> None:
    must = '<x xmlns="urn:x" p:mustUnderstand="{}"/>'
    tuples = (
        f'<tuple id="a"><status><basic>open</basic>{must.format("true")}</status></tuple>'
        f'<tuple id="b"><status><basic>open</basic>{must.format("0")}</status></tuple>'
        f'<tuple id="c"><status><basic>open</basic></status>{must.format("1")}</tuple>'
    )
    assert [service.id for service in pidf.read(inside(tuples)).tuples] == ["b"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("open", Basic.OPEN),
        (" Open\n", Basic.OPEN),
        ("CLOSED", Basic.CLOSED),
        ("?", None),
        ("", None),
        ("opened", None),
    ],
)
def test_basic_is_read_with_blanks_and_in_any_case(written: str, meant: Basic | None) -> None:
    octets = inside(f'<tuple id="t"><status><basic>{written}</basic></status></tuple>')
    assert pidf.read(octets).tuples[0].basic is meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0.8", 0.8),
        ("1.5", 1.0),
        (".5", 0.5),
        ("-1", 0.0),
        ("0.12345", 0.123),
        ("nan", None),
        ("high", None),
        ("", None),
    ],
)
def test_priorities_are_clamped(written: str, meant: float | None) -> None:
    octets = inside(f'<tuple id="t"><status/><contact priority="{written}">sip:a@b</contact></tuple>')
    assert pidf.read(octets).tuples[0].priority == meant


@pytest.mark.parametrize(
    ("priority", "written"),
    [(0.0, "0"), (1.0, "1"), (0.8, "0.8"), (0.007, "0.007"), (0.9999, "1"), (7.0, "1"), (-1.0, "0")],
)
def test_priorities_are_written_as_qvalues(priority: float, written: str) -> None:
    service = Tuple(id="t", basic=Basic.OPEN, contact="sip:a@b", priority=priority)
    assert f'<contact priority="{written}">'.encode() in pidf.write(
        Presence(entity="sip:a@b", tuples=(service,))
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31T13:00:00+01:00", NOON),
        ("2026-01-31T12:00:00", NOON),
        ("2026-01-31T12:00:00.123456Z", NOON),
        (" 2026-01-31T12:00:00Z ", NOON),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
    ],
)
def test_times_are_read_as_utc(written: str, meant: datetime | None) -> None:
    octets = inside(f'<tuple id="t"><status/><timestamp>{written}</timestamp></tuple>')
    assert pidf.read(octets).tuples[0].timestamp == meant


def test_missing_illegal_and_repeated_ids_become_legal_and_unique() -> None:
    octets = inside(
        '<tuple id="6001"><status/></tuple><tuple id="a"><status/></tuple><tuple id="a"><status/></tuple>'
        '<tuple><status/><contact>sip:a@b</contact></tuple><tuple id="sip:a@b"><status/></tuple><dm:person/>'
    )
    document = pidf.read(octets)
    ids = [each.id for each in (*document.tuples, *document.persons)]
    assert ids[:3] == ["ID-6001", "a", "a-2"]
    assert ids[3].startswith("IDx-")
    assert ids[4].startswith("IDx-")
    assert len(set(ids)) == 6
    assert pidf.read(octets) == document


def test_empty_notes_are_no_notes() -> None:
    document = pidf.read(inside('<tuple id="t"><status/><note/><note> </note></tuple><note/>'))
    assert document.notes == ()
    assert document.tuples[0].notes == ()


def test_elements_outside_their_window_are_left_out_and_the_next_change_is_known() -> None:
    octets = inside(
        '<dm:person id="p"><rpid:activities from="2026-01-31T10:00:00Z" until="2026-01-31T11:00:00Z"><rpid:meeting/>'
        '</rpid:activities><rpid:activities from="2026-01-31T11:00:00Z" until="2026-01-31T13:00:00Z"><rpid:meal/>'
        '</rpid:activities><rpid:sphere from="2026-01-31T12:30:00Z"><rpid:home/></rpid:sphere></dm:person>'
    )
    noon = NOON.timestamp()
    document = pidf.read(octets, now=noon)
    assert document.persons[0].activities == (Activity("meal"),)
    assert document.persons[0].sphere is None
    assert document.changes_at == noon + 1800
    later = pidf.read(octets, now=noon + 1800)
    assert later.persons[0].sphere == "home"
    assert later.changes_at == noon + 3600
    assert pidf.read(octets, now=noon + 3600).persons[0].activities == ()
    assert pidf.read(octets, now=noon + 3600).changes_at is None


def test_without_a_time_windows_are_not_looked_at() -> None:
    octets = inside(
        '<dm:person id="p"><rpid:activities until="2001-01-31T11:00:00Z"><rpid:meeting/></rpid:activities></dm:person>'
    )
    assert pidf.read(octets).persons[0].activities == (Activity("meeting"),)
    assert pidf.read(octets).changes_at is None


RESTATED_OF_TUPLE = (
    "basic", "show", "extended", "contact", "priority", "notes", "timestamp", "user_input", "status_extensions", "extensions",
)  # fmt: skip
RESTATED_OF_PERSON = ("activities", "mood_note", "user_input", "notes", "timestamp", "extensions")


@pytest.mark.parametrize("written", ['until="{}"', "until\n =  '{}'", 'id="a" until\t="{}"'])
def test_a_window_is_seen_however_it_is_written(written: str) -> None:
    octets = inside(
        f'<dm:person id="p"><rpid:sphere {written.format("2026-01-31T11:00:00Z")}><rpid:work/></rpid:sphere></dm:person>'
    )
    assert pidf.read(octets, now=NOON.timestamp()).persons[0].sphere is None


def test_words_in_a_note_are_no_window() -> None:
    octets = inside("<note>from = until = never</note>")
    assert pidf.read(octets, now=NOON.timestamp()) == pidf.read(octets)


@given(documents)
def test_what_was_checked_is_read_like_what_was_not(document: Presence) -> None:
    octets = pidf.write(document)
    unchecked = pidf.read(octets + b"\n")
    pidf.well_formed(octets)
    assert pidf.read(octets) == pidf.read(octets) == unchecked


@given(documents, documents)
def test_a_restated_value_differs_only_in_what_is_restated(one: Presence, other: Presence) -> None:
    for mine, its in zip(one.tuples, other.tuples, strict=False):
        stated = {name: getattr(its, name) for name in RESTATED_OF_TUPLE}
        assert mine.restated(**stated) == replace(mine, **stated)
    for person, its in zip(one.persons, other.persons, strict=False):
        told = {name: getattr(its, name) for name in RESTATED_OF_PERSON}
        assert person.restated(name=its.id, **told) == replace(person, id=its.id, activity_note=None, **told)


def test_a_status_to_come_is_kept_but_not_the_present_one() -> None:
    octets = inside(
        '<tuple id="t"><status><basic>open</basic></status><ts:timed-status from="2030-01-01T00:00:00Z" '
        'xmlns:ts="urn:ietf:params:xml:ns:pidf:timed-status"><ts:basic>closed</ts:basic></ts:timed-status></tuple>'
    )
    service = pidf.read(octets, now=1.7e9).tuples[0]
    assert service.basic is Basic.OPEN
    assert len(service.extensions) == 1


def test_control_characters_and_markup_in_text_are_harmless() -> None:
    nasty = "a\x00b\x1f<c>&\"'\ud800\ufffe]]>\r\nd"
    service = Tuple(
        id="t", basic=Basic.OPEN, notes=(Note(text=nasty),), class_=nasty, contact=f"sip:{nasty}@b"
    )
    octets = pidf.write(Presence(entity=f"sip:{nasty}@b", tuples=(service,)))
    assert pidf.read(octets).tuples[0].notes[0].text == "ab<c>&\"']]>\nd"


def test_a_root_that_is_not_presence_is_refused() -> None:
    for octets in (b"<tuple/>", b'<x xmlns="urn:ietf:params:xml:ns:pidf"/>'):
        with pytest.raises(BadDocument):
            pidf.read(octets)
        with pytest.raises(BadDocument):
            pidf.well_formed(octets)


def test_a_good_document_is_well_formed() -> None:
    pidf.well_formed(AWAY)
