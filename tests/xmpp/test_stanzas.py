"""Values into stanzas and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.presence import Show
from sip2xmpp.errors import BadDocument
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.messages import ChatMessage, ChatState, Hint, MessageType
from sip2xmpp.xmpp.parsing import availability_from_xml, parse_stanza
from sip2xmpp.xmpp.reading import read_availability, read_error, read_message
from sip2xmpp.xmpp.rich import ACTIVITIES, MOODS, SPECIFIC
from sip2xmpp.xmpp.stanza_errors import DEFAULT_TYPES, TYPES, StanzaError, stanza_error
from sip2xmpp.xmpp.stanzas import (
    error_stanza,
    iq_stanza,
    message_stanza,
    presence_content,
    presence_stanza,
)
from sip2xmpp.xmpp.texts import STATUS_LIMIT, clean

BOB = "bob@sip.example.org"
JULIET = "juliet@jabber.example"
NOW = 1_800_000_000.0
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

texts = st.text(st.characters(codec=None, exclude_categories=()), min_size=1, max_size=60)
clean_texts = texts.map(clean).filter(bool)
trimmed = clean_texts.map(str.strip).filter(bool)
languages = st.sampled_from(["", "en", "de", "zh-Hant"])
by_language = st.dictionaries(languages, clean_texts, max_size=3).map(lambda found: tuple(found.items()))
moments = st.datetimes(
    timezones=st.just(UTC), min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)
).map(lambda when: when.replace(microsecond=when.microsecond // 1000 * 1000))
moods = st.builds(UserMood, value=st.sampled_from(sorted(MOODS)), text=st.none() | clean_texts)
activities = st.builds(
    UserActivity,
    general=st.sampled_from(sorted(ACTIVITIES)),
    specific=st.none() | st.sampled_from(sorted(SPECIFIC)),
    text=st.none() | clean_texts,
)
available = st.builds(
    Availability,
    available=st.just(True),
    show=st.none() | st.sampled_from(Show),
    statuses=by_language,
    priority=st.integers(-128, 127),
    idle_since=st.none() | moments,
    stamp=st.none() | moments,
    activity=st.none() | activities,
    mood=st.none() | moods,
    nickname=st.none() | clean_texts,
)
unavailable = st.builds(
    Availability, available=st.just(False), statuses=by_language, stamp=st.none() | moments
)
errors = st.builds(
    StanzaError,
    condition=st.sampled_from(sorted(DEFAULT_TYPES)),
    type=st.sampled_from(sorted(TYPES)),
    text=clean_texts | st.just(""),
    language=st.just(""),
    uri=trimmed | st.just(""),
    by=clean_texts | st.just(""),
)


@st.composite
def messages(draw: st.DrawFn) -> ChatMessage:
    kind = draw(st.sampled_from(MessageType))
    maybe = st.none() | clean_texts
    return ChatMessage(
        sender=BOB,
        recipient=draw(clean_texts),
        id=draw(maybe),
        type=kind,
        language=draw(languages),
        bodies=draw(by_language),
        subjects=draw(by_language),
        thread=draw(st.none() | trimmed),
        chat_state=draw(st.none() | st.sampled_from(ChatState)),
        receipt_requested=draw(st.booleans()),
        receipt_for=draw(maybe),
        markable=draw(st.booleans()),
        displayed=draw(maybe),
        replaces=draw(maybe),
        nickname=draw(maybe),
        stamp=draw(st.none() | moments),
        hints=tuple(draw(st.lists(st.sampled_from(Hint), unique=True))),
        error=draw(errors) if kind is MessageType.ERROR else None,
    )


@given(available | unavailable)
def test_a_presence_comes_back_as_it_was_sent(said: Availability) -> None:
    stanza = parse_stanza(presence_stanza(BOB, JULIET, said))
    assert (stanza["from"], stanza["to"]) == (BOB, JULIET)
    assert read_availability(stanza, NOW) == said


@given(messages())
def test_a_message_comes_back_as_it_was_sent(message: ChatMessage) -> None:
    assert read_message(parse_stanza(message_stanza(message))) == message


@given(errors)
def test_an_error_comes_back_as_it_was_sent(error: StanzaError) -> None:
    stanza = parse_stanza(error_stanza("presence", BOB, JULIET, error, id_="7"))
    assert stanza["type"] == "error" and stanza["id"] == "7"
    assert read_error(stanza) == error


@given(texts, texts, texts)
def test_no_foreign_text_gets_out_of_its_place(jid: str, language: str, status: str) -> None:
    said = Availability(
        statuses=((language, status),),
        nickname=status,
        mood=UserMood(value=status, text=None),
        activity=UserActivity(general=status, specific=language, text=None),
    )
    stanza = parse_stanza(presence_stanza(jid, JULIET, said, id_=status))
    assert stanza["from"] == clean(jid)
    assert [child.name for child in stanza.children] == ["status", "activity", "mood", "nick"]
    again = read_availability(stanza, NOW)
    assert again.mood is not None and again.mood.value in MOODS
    assert again.activity is not None and again.activity.general in ACTIVITIES


def test_an_unavailable_presence_has_neither_show_nor_priority_nor_caps() -> None:
    said = Availability(
        available=False, show=Show.AWAY, priority=5, idle_since=NOON, nickname="Bob", statuses=(("", "bye"),)
    )
    assert (
        presence_stanza(BOB, JULIET, said, caps="<c/>")
        == f"<presence from='{BOB}' to='{JULIET}' type='unavailable'><status>bye</status></presence>"
    )


def test_a_subscription_carries_id_status_and_nickname() -> None:
    xml = presence_stanza(BOB, JULIET, type_="subscribe", id_="s1", status="It's me", nickname="Bob")
    assert xml == (
        f"<presence from='{BOB}' to='{JULIET}' type='subscribe' id='s1'><status>It's me</status>"
        "<nick xmlns='http://jabber.org/protocol/nick'>Bob</nick></presence>"
    )
    assert (
        presence_stanza(BOB, JULIET, type_="probe") == f"<presence from='{BOB}' to='{JULIET}' type='probe'/>"
    )


def test_a_full_presence_is_written_as_the_specifications_show_it() -> None:
    said = Availability(
        show=Show.DND,
        statuses=(("en", "On the phone"), ("de", "Am Telefon")),
        priority=-1,
        idle_since=NOON,
        stamp=NOON,
        activity=UserActivity(general="talking", specific="on_the_phone"),
        mood=UserMood(value="happy", text="<3"),
    )
    assert presence_content(said) == (
        "<show>dnd</show><priority>-1</priority>"
        "<status xml:lang='en'>On the phone</status><status xml:lang='de'>Am Telefon</status>"
        "<delay xmlns='urn:xmpp:delay' stamp='2026-01-31T12:00:00Z'/>"
        "<idle xmlns='urn:xmpp:idle:1' since='2026-01-31T12:00:00Z'/>"
        "<activity xmlns='http://jabber.org/protocol/activity'><talking><on_the_phone/></talking></activity>"
        "<mood xmlns='http://jabber.org/protocol/mood'><happy/><text>&lt;3</text></mood>"
    )


def test_a_status_is_capped_and_a_body_is_not() -> None:
    long = "x" * 5000
    status = read_availability(
        parse_stanza(presence_stanza(BOB, JULIET, Availability(statuses=(("", long),)))), NOW
    ).statuses[0][1]
    assert len(status) == STATUS_LIMIT
    message = ChatMessage(sender=BOB, recipient=JULIET, bodies=(("", long),))
    assert read_message(parse_stanza(message_stanza(message))).body == long


def test_names_that_xmpp_does_not_define_are_said_as_text() -> None:
    said = Availability(
        mood=UserMood(value="bemused"), activity=UserActivity(general="steering", specific="a boat")
    )
    again = read_availability(parse_stanza(presence_stanza(BOB, JULIET, said)), NOW)
    assert again.mood == UserMood(value="undefined", text="bemused")
    assert again.activity == UserActivity(general="undefined", specific="other", text="steering")


def test_an_iq_is_written_with_its_payload() -> None:
    assert (
        iq_stanza(BOB, JULIET, "result", "a'b")
        == f"<iq from='{BOB}' to='{JULIET}' type='result' id='a&apos;b'/>"
    )


def test_an_error_gets_the_type_of_its_condition() -> None:
    assert {condition: stanza_error(condition).type for condition in DEFAULT_TYPES} == DEFAULT_TYPES
    assert stanza_error("policy-violation", type_="wait").type == "wait"
    assert error_stanza("message", BOB, JULIET, stanza_error("item-not-found", "No such user"), id_="m1") == (
        f"<message from='{BOB}' to='{JULIET}' type='error' id='m1'><error type='cancel'>"
        "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>No such user</text></error></message>"
    )


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "presence",
        "<presence/><presence/>",
        "<presence>",
        "</stream><presence/>",
        "<presence/></stream>",
        "<!DOCTYPE presence [<!ENTITY a 'b'>]><presence><status>&a;</status></presence>",
        "<presence><status>&a;</status></presence>",
        "<?xml version='1.0'?><!DOCTYPE presence SYSTEM 'file:///etc/passwd'><presence/>",
        "<presence><!-- comment --></presence>",
        "<presence><?php x?></presence>",
        "<presence>" + "<a>" * 20_000 + "</a>" * 20_000 + "</presence>",
        "<presence><status>" + "x" * 2_000_000 + "</status></presence>",
        "<presence><status>\x01</status></presence>",
        "<presence><status>\ud800</status></presence>",
        "<message/>",
        "<presence type='subscribe'/>",
    ],
)
def test_a_tool_takes_nothing_but_one_presence(xml: str) -> None:
    with pytest.raises(BadDocument):
        availability_from_xml(xml, NOW)


def test_a_tool_takes_a_presence_with_a_declaration_in_any_stanza_namespace() -> None:
    for namespace in ("", " xmlns='jabber:client'", " xmlns='jabber:component:accept'"):
        xml = (
            f"\ufeff<?xml version='1.0' encoding='UTF-8'?>\n<presence{namespace}><show>xa</show></presence>\n"
        )
        assert availability_from_xml(xml, NOW) == Availability(show=Show.XA)
