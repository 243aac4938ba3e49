"""Times, identifiers and URIs, RPID and CIPID in detail, XPIDF."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import pidf, xpidf
from sip2xmpp.documents.identifiers import digest_id, fresh_id, id_of_resource, is_legal_id, legal_id
from sip2xmpp.documents.presence import Activity, Basic, Cipid, Mood, Person, Presence, Tuple, UserInput
from sip2xmpp.documents.times import from_unix, read_time, write_time
from sip2xmpp.documents.uris import absolute_uri, address_of_record, legal_uri, parameter
from sip2xmpp.errors import BadDocument


@given(
    st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-14)), timezone(timedelta(hours=14)), None])
    )
)
def test_every_time_can_be_written_and_what_is_written_read(moment: datetime) -> None:
    written = write_time(moment)
    read = read_time(written)
    assert read is not None and write_time(read) == written


def test_unix_times_are_whole_seconds() -> None:
    assert from_unix(1_769_860_800.9) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("resource", "identifier"),
    [("balcony", "ID-balcony"), ("a.b_c-1", "ID-a.b_c-1"), ("6", "ID-6")],
)
def test_simple_resources_stand_in_ids(resource: str, identifier: str) -> None:
    assert id_of_resource(resource) == identifier


@given(st.text())
def test_every_text_gets_a_legal_and_stable_id(text: str) -> None:
    for made in (id_of_resource(text), legal_id(text), digest_id(text)):
        assert is_legal_id(made)
        assert legal_id(made) == made
    assert id_of_resource(text) == id_of_resource(text)


def test_ids_that_are_taken_are_numbered() -> None:
    assert fresh_id("a", set()) == "a"
    assert fresh_id("a", {"a", "a-2"}) == "a-3"


@given(st.text())
def test_uris_become_legal_once(text: str) -> None:
    once = legal_uri(text)
    assert legal_uri(once) == once
    assert once.isascii() and not set(once) & set(' <>"{}|\\^`')


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sip:a@b", "sip:a@b"),
        ("sip:a%40b@c;gr=1%20", "sip:a%40b@c;gr=1%20"),
        ("sip:bob smith@b", "sip:bob%20smith@b"),
        ("sip:100%@b", "sip:100%25@b"),
        ("https://example.org/é", "https://example.org/%C3%A9"),
        ("sip:a@[2001:db8::1]:5060", "sip:a@[2001:db8::1]:5060"),
        ("sip:[x]@b", "sip:%5Bx%5D@b"),
        ("bob@example.org", None),
        ("", None),
        ("x:a#b#c", None),
    ],
)
def test_only_absolute_uris_are_taken(written: str, meant: str | None) -> None:
    assert absolute_uri(written) == meant


@pytest.mark.parametrize(
    "uri",
    [
        "sip:bob@example.org",
        "sips:bob:secret@Example.ORG:5061;transport=tls?x=y",
        "pres:bob@example.org",
        "bob@example.org",
        "sip:bob;phone-context=x@example.org;gr=1",
    ],
)
def test_addresses_of_record_are_compared_without_the_rest(uri: str) -> None:
    assert address_of_record(uri) == "bob@example.org"


def test_addresses_without_user_or_with_literals() -> None:
    assert address_of_record("sip:example.org:5060") == "example.org"
    assert address_of_record("sip:a@[2001:db8::1]:5060") == "a@[2001:db8::1]"


@given(st.text())
def test_no_text_is_too_odd_to_be_compared(text: str) -> None:
    address_of_record(text)
    parameter(text, "gr")


def test_parameters_are_found_by_name() -> None:
    assert parameter("sip:a;gr=no@b;GR=1?gr=2", "gr") == "1"
    assert parameter("sip:a@b;gr", "gr") is None
    assert parameter("sip:a@b;gr=", "gr") is None


def person(inside: str) -> Person:
    octets = (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:a@b" '
        'xmlns:c="urn:ietf:params:xml:ns:pidf:cipid" xmlns:lt="urn:ietf:params:xml:ns:location-type">'
        f'<person id="p">{inside}</person></presence>'
    )
    return pidf.read(octets.encode()).persons[0]


def rewritten(one: Person) -> Person:
    return pidf.read(pidf.write(Presence(entity="sip:a@b", persons=(one,)))).persons[0]


def test_activities_are_read_in_order_with_their_texts() -> None:
    read = person(
        "<r:activities><r:note>busy bee</r:note><r:away>Away</r:away><r:other> knitting </r:other><r:unknown/>"
        "<r:permanent-absence>offline</r:permanent-absence>away</r:activities>"
    )
    assert read.activities == (
        Activity("away"),
        Activity("other", "knitting"),
        Activity("unknown"),
        Activity("permanent-absence", "offline"),
    )
    assert read.activity_note == "busy bee"


def test_only_activities_of_the_schema_are_written() -> None:
    odd = Person(
        id="p",
        activities=(
            Activity("lunch"),
            Activity("unknown"),
            Activity("dnd"),
            Activity("other"),
            Activity(" "),
        ),
    )
    assert rewritten(odd).activities == (Activity("meal"), Activity("other", "dnd"))
    assert rewritten(Person(id="p", activities=(Activity("unknown"),))).activities == ()


def test_moods_have_a_list_and_a_note() -> None:
    read = person(
        "<r:mood><r:note>well</r:note><r:in_love/><r:other>amorous</r:other></r:mood><r:mood><r:sad/></r:mood>"
    )
    assert (read.moods, read.mood_note) == ((Mood("in_love"), Mood("other", "amorous")), "well")
    odd = Person(id="p", moods=(Mood("unknown"), Mood("amorous"), Mood("other", "")), mood_note="x")
    assert rewritten(odd).moods == (Mood("other", "amorous"),)
    assert rewritten(Person(id="p", mood_note="x")).mood_note is None


def test_places_are_tokens_or_one_text() -> None:
    read = person("<r:place-type><r:note>n</r:note><lt:office/><lt:street/></r:place-type>")
    assert read.place_types == ("office", "street")
    assert person("<r:place-type><r:other>attic</r:other></r:place-type>").place_types == ("attic",)
    assert rewritten(Person(id="p", place_types=("attic", "office"))).place_types == ("office",)
    assert rewritten(Person(id="p", place_types=("attic", "cellar"))).place_types == ("attic",)


@pytest.mark.parametrize(
    ("inside", "sphere"),
    [
        ("<r:home/>", "home"),
        ("work", "work"),
        ("<x:gym xmlns:x='urn:x'/>", "gym"),
        ("", None),
        ("<r:note>n</r:note>", None),
    ],
)
def test_the_sphere_is_an_element_or_a_text(inside: str, sphere: str | None) -> None:
    assert person(f"<r:sphere>{inside}</r:sphere>").sphere == sphere


@pytest.mark.parametrize(
    ("inside", "state"),
    [
        ("<r:user-input>active</r:user-input>", UserInput(idle=False)),
        ('<r:user-input idle-threshold="60">IDLE</r:user-input>', UserInput(idle=True, threshold=60)),
        ('<r:user-input idle-threshold="-1" last-input="x">idle</r:user-input>', UserInput(idle=True)),
        ("<r:user-input>asleep</r:user-input>", None),
    ],
)
def test_use_of_a_device_is_read(inside: str, state: UserInput | None) -> None:
    assert person(inside).user_input == state


@pytest.mark.parametrize(
    ("written", "minutes"), [("-120", -120), (" +60 ", 60), ("x", None), ("1.5", None), ("٣", None)]
)
def test_time_offsets_are_integers(written: str, minutes: int | None) -> None:
    assert person(f"<r:time-offset>{written}</r:time-offset>").time_offset == minutes


def test_cipid_is_read_in_its_own_namespace_only() -> None:
    read = person("<c:display-name>Juliet</c:display-name><c:map>x</c:map><icon>no</icon><c:odd>kept</c:odd>")
    assert read.cipid == Cipid(display_name="Juliet", map="x")
    assert read.extensions == (b'<c:odd xmlns:c="urn:ietf:params:xml:ns:pidf:cipid">kept</c:odd>',)
    assert rewritten(read).cipid == Cipid(display_name="Juliet")


@pytest.mark.parametrize(
    ("status", "substatus", "basic", "words"),
    [
        ("open", "online", Basic.OPEN, []),
        ("Open", "unknown", Basic.OPEN, []),
        ("open", "idle", Basic.OPEN, ["away"]),
        ("inuse", "", Basic.OPEN, ["busy"]),
        ("inuse", "onthephone", Basic.OPEN, ["on-the-phone"]),
        ("inactive", "", Basic.OPEN, ["away"]),
        ("inactive", "outtolunch", Basic.OPEN, ["meal"]),
        ("open", "offline", Basic.CLOSED, []),
        ("closed", "away", Basic.CLOSED, []),
        ("", "busy", Basic.OPEN, ["busy"]),
        ("", "", None, []),
        ("odd", "odd", None, []),
    ],
)
def test_xpidf_words_are_read(status: str, substatus: str, basic: Basic | None, words: list[str]) -> None:
    octets = (
        f'<presence><atom id="1"><address uri="sip:a@b;x=y"><status status="{status}"/>'
        f'<msnsubstatus substatus="{substatus}"/></address></atom><note> text </note></presence>'
    )
    document = xpidf.read(octets.encode())
    assert document.tuples == (Tuple(id="ID-1", basic=basic, contact="sip:a@b"),)
    assert [each.name for one in document.persons for each in one.activities] == words
    assert document.entity == "sip:a@b"
    assert [note.text for note in document.notes] == ["text"]


def test_xpidf_with_another_root_is_refused() -> None:
    with pytest.raises(BadDocument):
        xpidf.read(b"<atom/>")


@given(st.binary(max_size=200), st.text(max_size=30))
def test_no_xpidf_raises_anything_but_bad_document(octets: bytes, entity: str) -> None:
    try:
        xpidf.read(octets)
    except BadDocument:
        pass
    written = xpidf.write(entity, status="open", substatus="online")
    assert xpidf.read(written).tuples[0].basic is Basic.OPEN
