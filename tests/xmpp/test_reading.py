"""What is taken from stanzas that others wrote."""

from datetime import UTC, datetime

import pytest

from sip2xmpp.documents.presence import Show
from sip2xmpp.xmpp.availability import Availability, UserActivity, UserMood
from sip2xmpp.xmpp.messages import ChatMessage, ChatState, MessageType
from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.reading import MAX_LANGUAGES, read_availability, read_error, read_message, read_pep
from sip2xmpp.xmpp.stanza_errors import StanzaError
from sip2xmpp.xmpp.stanzas import PepKind

NOW = 1_800_000_000.0


def presence(inside: str, attributes: str = "") -> Availability:
    return read_availability(parse_stanza(f"<presence {attributes}>{inside}</presence>"), NOW)


def message(inside: str, attributes: str = "type='chat'") -> ChatMessage:
    return read_message(parse_stanza(f"<message from='a@b' to='c@d' {attributes}>{inside}</message>"))


def pep(items: str) -> object:
    event = f"<event xmlns='http://jabber.org/protocol/pubsub#event'>{items}</event>"
    return read_pep(parse_stanza(f"<message type='headline'>{event}</message>"))


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", Availability()),
        ("<show>dnd</show>", Availability(show=Show.DND)),
        ("<show> away\n</show>", Availability(show=Show.AWAY)),
        ("<show>busy</show>", Availability()),
        ("<show>AWAY</show>", Availability()),
        ("<show/>", Availability()),
        ("<show xmlns='urn:other'>dnd</show>", Availability()),
        ("<priority>5</priority>", Availability(priority=5)),
        ("<priority> -1 </priority>", Availability(priority=-1)),
        ("<priority>300</priority>", Availability(priority=127)),
        ("<priority>-300</priority>", Availability(priority=-128)),
        ("<priority>high</priority>", Availability()),
        ("<priority>" + "9" * 6000 + "</priority>", Availability()),
        ("<status/>", Availability(statuses=(("", ""),))),
        (
            "<status>a</status><status xml:lang='de'>b</status><status>c</status>",
            Availability(statuses=(("", "a"), ("de", "b"))),
        ),
        ("<status>a&amp;<![CDATA[<b>]]></status>", Availability(statuses=(("", "a&<b>"),))),
        (
            "<x xmlns='vcard-temp:x:update'><photo/></x><c xmlns='http://jabber.org/protocol/caps'/>",
            Availability(),
        ),
        (
            "<idle xmlns='urn:xmpp:idle:1' since='2026-01-31T12:00:00Z'/>",
            Availability(idle_since=datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ),
        ("<idle xmlns='urn:xmpp:idle:1' since='long ago'/>", Availability()),
        ("<idle xmlns='urn:xmpp:idle:1'/>", Availability()),
        (
            "<query xmlns='jabber:iq:last' seconds='600'/>",
            Availability(idle_since=datetime.fromtimestamp(NOW - 600, UTC)),
        ),
        (
            "<query xmlns='jabber:iq:last' seconds='-5'/>",
            Availability(idle_since=datetime.fromtimestamp(NOW, UTC)),
        ),
        ("<query xmlns='jabber:iq:last' seconds='99999999999999999999'/>", Availability()),
        ("<query xmlns='jabber:iq:last'/>", Availability()),
        (
            "<query xmlns='jabber:iq:last' seconds='60'/><delay xmlns='urn:xmpp:delay' stamp='2026-01-31T12:01:00Z'/>",
            Availability(
                idle_since=datetime(2026, 1, 31, 12, tzinfo=UTC),
                stamp=datetime(2026, 1, 31, 12, 1, tzinfo=UTC),
            ),
        ),
        (
            "<activity xmlns='http://jabber.org/protocol/activity'><relaxing><partying/></relaxing><text>!</text></activity>",
            Availability(activity=UserActivity(general="relaxing", specific="partying", text="!")),
        ),
        ("<activity xmlns='http://jabber.org/protocol/activity'/>", Availability()),
        (
            "<mood xmlns='http://jabber.org/protocol/mood'><text/><happy/><sad/></mood>",
            Availability(mood=UserMood(value="happy")),
        ),
        ("<mood xmlns='http://jabber.org/protocol/mood'><x xmlns='urn:other'/></mood>", Availability()),
        ("<nick xmlns='http://jabber.org/protocol/nick'>Jule</nick>", Availability(nickname="Jule")),
    ],
)
def test_an_available_presence_is_read_leniently(inside: str, expected: Availability) -> None:
    assert presence(inside) == expected


def test_an_unavailable_presence_has_status_and_time_only() -> None:
    said = presence(
        "<show>dnd</show><priority>3</priority><status>bye</status>"
        "<delay xmlns='urn:xmpp:delay' stamp='2026-01-31T12:00:00Z'/>",
        "type='unavailable'",
    )
    assert said == Availability(
        available=False, statuses=(("", "bye"),), stamp=datetime(2026, 1, 31, 12, tzinfo=UTC)
    )


def test_texts_are_capped_in_length_and_number() -> None:
    many = "".join(f"<status xml:lang='l{number}'>{'x' * 2000}</status>" for number in range(100))
    said = presence(many)
    assert len(said.statuses) == MAX_LANGUAGES
    assert {len(words) for _, words in said.statuses} == {1024}


def test_a_message_of_unknown_type_is_a_normal_one() -> None:
    assert message("<body>x</body>", "type='telegram'").type is MessageType.NORMAL
    assert message("<body>x</body>", "").type is MessageType.NORMAL


def test_the_body_is_the_one_in_the_language_of_the_stanza() -> None:
    bodies = "<body xml:lang='de'>Hallo</body><body xml:lang='en'>Hello</body>"
    assert message(bodies, "xml:lang='en'").body == "Hello"
    assert message(bodies, "xml:lang='fr'").body == "Hallo"
    assert message(bodies + "<body>?</body>").body == "?"
    assert message("").body is None
    assert message("<subject>s</subject>").subject == "s"


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ("<received xmlns='urn:xmpp:receipts' id='m1'/>", {"receipt_for": "m1"}),
        ("<received xmlns='urn:xmpp:receipts'/>", {"receipt_for": "own"}),
        ("<request xmlns='urn:xmpp:receipts'/>", {"receipt_requested": True}),
        ("<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>", {"displayed": "m1"}),
        ("<acknowledged xmlns='urn:xmpp:chat-markers:0' id='m1'/>", {"displayed": "m1"}),
        ("<received xmlns='urn:xmpp:chat-markers:0' id='m1'/>", {"displayed": None, "receipt_for": None}),
        ("<markable xmlns='urn:xmpp:chat-markers:0'/>", {"markable": True}),
        ("<composing xmlns='http://jabber.org/protocol/chatstates'/>", {"chat_state": ChatState.COMPOSING}),
        ("<dancing xmlns='http://jabber.org/protocol/chatstates'/>", {"chat_state": None}),
        ("<sing xmlns='urn:xmpp:hints'/>", {"hints": ()}),
        ("<thread> t1 </thread>", {"thread": "t1"}),
        ("<thread/>", {"thread": None}),
        ("<error type='cancel'/>", {"error": None}),
    ],
)
def test_what_goes_with_a_message_is_recognized(inside: str, found: dict[str, object]) -> None:
    read = message(inside, "type='chat' id='own'")
    assert {name: getattr(read, name) for name in found} == found


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", StanzaError(condition="undefined-condition", type="cancel")),
        ("<error/>", StanzaError(condition="undefined-condition", type="cancel")),
        (
            "<error type='silly'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:x@y</gone></error>",
            StanzaError(condition="gone", type="cancel", uri="xmpp:x@y"),
        ),
        (
            (
                "<error type='wait' by='z'><oops xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no</text><own xmlns='urn:x'/></error>"
            ),
            StanzaError(condition="undefined-condition", type="wait", text="no", language="en", by="z"),
        ),
    ],
)
def test_an_error_is_read_whatever_it_holds(inside: str, expected: StanzaError) -> None:
    assert read_error(parse_stanza(f"<presence type='error'>{inside}</presence>")) == expected
    assert message(inside, "type='error'").error == expected


MOOD = "http://jabber.org/protocol/mood"
ACTIVITY = "http://jabber.org/protocol/activity"
NICK = "http://jabber.org/protocol/nick"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (
            f"<items node='{MOOD}'><item id='1'><mood xmlns='{MOOD}'><sad/></mood></item></items>",
            (PepKind.MOOD, UserMood(value="sad")),
        ),
        (f"<items node='{MOOD}'><item><mood xmlns='{MOOD}'/></item></items>", (PepKind.MOOD, None)),
        (f"<items node='{MOOD}'><retract id='1'/></items>", (PepKind.MOOD, None)),
        (f"<items node='{MOOD}'><item id='1'/></items>", (PepKind.MOOD, None)),
        (
            f"<items node='{MOOD}'><item><mood xmlns='urn:x'><sad/></mood></item></items>",
            (PepKind.MOOD, None),
        ),
        (f"<items node='{MOOD}'/>", (PepKind.MOOD, None)),
        (
            f"<items node='{ACTIVITY}'><item><activity xmlns='{ACTIVITY}'><working><coding/></working></activity></item></items>",
            (PepKind.ACTIVITY, UserActivity(general="working", specific="coding")),
        ),
        (
            f"<items node='{ACTIVITY}'><item><activity xmlns='{ACTIVITY}'><working><x xmlns='urn:y'/></working></activity></item></items>",
            (PepKind.ACTIVITY, UserActivity(general="working", specific="x")),
        ),
        (
            f"<items node='{NICK}'><item><nick xmlns='{NICK}'>Jule</nick></item></items>",
            (PepKind.NICK, "Jule"),
        ),
        ("<items node='urn:xmpp:avatar:metadata'><item/></items>", None),
        ("<items><item/></items>", None),
        ("<purge node='http://jabber.org/protocol/mood'/>", (PepKind.MOOD, None)),
        ("", None),
    ],
)
def test_what_a_user_publishes_is_read(items: str, expected: object) -> None:
    assert pep(items) == expected
