"""Every question to a component domain gets an answer."""

import base64
import hashlib
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from sip2xmpp import __version__
from sip2xmpp.xmpp.caps import Capabilities, Identity, verification
from sip2xmpp.xmpp.disco import ACCOUNT, CONTACT, DOMAIN, NODE
from sip2xmpp.xmpp.iq import ANSWER_SECONDS, MOST_QUESTIONS, Answers, Asking, no_card
from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from sip2xmpp.xmpp.vcards import VCard, vcard_element

GATEWAY = "sip.example.org"
BOB = "bob@sip.example.org"
PHONE = "bob@sip.example.org/phone"
JULIET = "juliet@jabber.example/balcony"
INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"


class Rig:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[str] = []
        self.card: Deferred[VCard | None] = no_card(BOB)
        self.asked: list[str] = []
        self.answers = Answers(send=self.sent.append, now=clock.seconds, card_of=self.card_of)

    def card_of(self, jid: str, _: str) -> "Deferred[VCard | None]":
        self.asked.append(jid)
        return self.card

    def ask(self, payload: str, to: str, type_: str = "get") -> Element:
        """The payload of the result; StanzaRefused when there is none."""
        self.take(f"<iq type='{type_}' from='{JULIET}' to='{to}' id='q1'>{payload}</iq>")
        answer = self.answer()
        assert (answer.get("type"), answer.get("from"), answer.get("to"), answer.get("id")) == (
            "result",
            to,
            JULIET,
            "q1",
        )
        return answer[0] if len(answer) else answer

    def take(self, xml: str) -> None:
        self.answers.iq_received(parse_stanza(xml))

    def answer(self) -> Element:
        return fromstring(self.sent.pop())


@pytest.fixture
def rig(clock: Clock) -> Rig:
    return Rig(clock)


def refused(rig: Rig, payload: str, to: str, type_: str = "get") -> str:
    with pytest.raises(StanzaRefused) as refusal:
        rig.ask(payload, to, type_)
    assert not rig.sent
    return refusal.value.error.condition


def test_the_hash_of_capabilities_is_that_of_the_specification() -> None:
    ver = verification(
        [Identity(category="client", type="pc", name="Exodus 0.9.1")],
        [
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
            "http://jabber.org/protocol/caps",
        ],
    )
    assert ver == "QgayPKawpkPSDYmwT/WM94uAlu0="


def test_identities_and_features_are_hashed_in_order_of_octets() -> None:
    first = Identity(category="client", type="pc", language="el", name="Ψ 0.11")
    second = Identity(category="client", type="pc", language="en", name="Psi 0.11")
    assert verification([first, second], ["a", "ä", "Z"]) == verification([second, first], ["ä", "Z", "a"])


@pytest.mark.parametrize(
    ("to", "known", "identity"),
    [
        (GATEWAY, DOMAIN, ("gateway", "simple")),
        (BOB, ACCOUNT, ("account", "registered")),
        (PHONE, CONTACT, ("client", "phone")),
    ],
)
def test_every_address_says_what_it_is(
    rig: Rig, to: str, known: Capabilities, identity: tuple[str, str]
) -> None:
    query = rig.ask(f"<query xmlns='{INFO}'/>", to)
    who, *_ = query.findall(f"{{{INFO}}}identity")
    assert (who.get("category"), who.get("type")) == identity
    assert {each.get("var") for each in query.findall(f"{{{INFO}}}feature")} == set(known.features)


@pytest.mark.parametrize(("to", "known"), [(BOB, CONTACT), (PHONE, CONTACT), (GATEWAY, DOMAIN)])
def test_what_the_hash_in_presence_stands_for_can_be_asked(rig: Rig, to: str, known: Capabilities) -> None:
    caps = fromstring(known.element)
    node = f"{caps.get('node')}#{caps.get('ver')}"
    query = rig.ask(f"<query xmlns='{INFO}' node='{node}'/>", to)
    assert query.get("node") == node
    identities = [
        Identity(category=each.get("category", ""), type=each.get("type", ""), name=each.get("name", ""))
        for each in query.findall(f"{{{INFO}}}identity")
    ]
    features = [each.get("var", "") for each in query.findall(f"{{{INFO}}}feature")]
    assert verification(identities, features) == caps.get("ver")
    # and by the words of XEP-0115, section 5.1, without our own function
    words = [f"{each.category}/{each.type}/{each.language}/{each.name}" for each in sorted(identities)]
    text = "".join(f"{word}<" for word in [*words, *sorted(features)])
    assert base64.b64encode(hashlib.sha1(text.encode()).digest()).decode() == caps.get("ver")
    assert len(set(features)) == len(features)
    if known is CONTACT:
        assert {
            "http://jabber.org/protocol/mood+notify",
            "http://jabber.org/protocol/activity+notify",
        } <= set(features)


def test_the_gateway_says_what_can_be_done_with_it(rig: Rig) -> None:
    assert {
        "http://jabber.org/protocol/commands",
        "jabber:iq:gateway",
        "jabber:iq:register",
        "jid\\20escaping",
    } <= set(DOMAIN.features)


class Asker:
    """Asks juliet, over a link that may be down."""

    def __init__(self, clock: Clock) -> None:
        self.up = True
        self.sent: list[str] = []
        self.asking = Asking(self.send, clock)
        self.answers = Answers(send=self.sent.append, now=clock.seconds, asking=self.asking)

    def send(self, xml: str) -> bool:
        if self.up:
            self.sent.append(xml)
        return self.up

    def ask(self) -> "Deferred[Any]":
        return self.asking.ask(GATEWAY, JULIET, "get", "<ping xmlns='urn:xmpp:ping'/>")

    def answer(self, type_: str = "result", sender: str = JULIET, inside: str = "") -> None:
        id_ = fromstring(self.sent[-1]).get("id")
        self.answers.iq_received(
            parse_stanza(f"<iq type='{type_}' from='{sender}' to='{GATEWAY}' id='{id_}'>{inside}</iq>")
        )


def test_an_answer_goes_to_whoever_asked(clock: Clock) -> None:
    asker = Asker(clock)
    first, second = asker.ask(), asker.ask()
    asker.answer(sender="mallory@jabber.example/balcony")
    assert not second.called
    asker.answer()
    assert second.result.attributes["from"] == JULIET and not first.called
    asker.answer()
    assert clock.getDelayedCalls() and not first.called
    clock.advance(ANSWER_SECONDS)
    assert failure_of(first) == "remote-server-timeout"
    assert clock.getDelayedCalls() == []


def failure_of(asked: "Deferred[Any]") -> str:
    """The condition of the refusal."""
    refusals: list[str] = []
    asked.addErrback(lambda failure: refusals.append(failure.value.error.condition))
    return refusals[0]


def test_an_error_is_an_answer_too(clock: Clock) -> None:
    asker = Asker(clock)
    asked = asker.ask()
    condition = "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    asker.answer("error", inside=f"<error type='auth'>{condition}</error>")
    assert failure_of(asked) == "forbidden"


def test_no_more_is_asked_than_can_be_remembered_or_sent(clock: Clock) -> None:
    asker = Asker(clock)
    asker.up = False
    assert failure_of(asker.ask()) == "remote-server-timeout"
    asker.up = True
    open_ = [asker.ask() for _ in range(MOST_QUESTIONS)]
    assert failure_of(asker.ask()) == "resource-constraint"
    clock.advance(ANSWER_SECONDS)
    assert {failure_of(each) for each in open_} == {"remote-server-timeout"}


def test_a_node_that_is_not_there_is_not_found(rig: Rig) -> None:
    for kind in (INFO, ITEMS):
        assert refused(rig, f"<query xmlns='{kind}' node='{NODE}#old'/>", PHONE) == "item-not-found"
    assert refused(rig, f"<query xmlns='{INFO}' node='{DOMAIN.full_node}'/>", BOB) == "item-not-found"


@pytest.mark.parametrize("to", [GATEWAY, BOB, PHONE])
def test_there_are_no_items_anywhere(rig: Rig, to: str) -> None:
    assert len(rig.ask(f"<query xmlns='{ITEMS}'/>", to)) == 0
    assert (
        rig.ask(f"<query xmlns='{ITEMS}' node='{CONTACT.full_node}'/>", to).get("node") == CONTACT.full_node
    )


@pytest.mark.parametrize("to", [GATEWAY, BOB, PHONE])
def test_a_ping_is_answered(rig: Rig, to: str) -> None:
    assert rig.ask("<ping xmlns='urn:xmpp:ping'/>", to).tag == "iq"


def test_the_gateway_tells_its_version_uptime_and_time(rig: Rig) -> None:
    version = rig.ask("<query xmlns='jabber:iq:version'/>", GATEWAY)
    assert version.findtext("{jabber:iq:version}name") == "sip2xmpp"
    assert version.findtext("{jabber:iq:version}version") == __version__
    rig.clock.advance(90)
    assert rig.ask("<query xmlns='jabber:iq:last'/>", GATEWAY).get("seconds") == "90"
    time = rig.ask("<time xmlns='urn:xmpp:time'/>", GATEWAY)
    assert time.findtext("{urn:xmpp:time}tzo") == "+00:00"
    assert time.findtext("{urn:xmpp:time}utc") == "2027-01-15T08:01:30Z"


@pytest.mark.parametrize("to", [BOB, PHONE, f"{GATEWAY}/x"])
@pytest.mark.parametrize(
    "payload",
    [
        "<query xmlns='jabber:iq:version'/>",
        "<query xmlns='jabber:iq:last'/>",
        "<time xmlns='urn:xmpp:time'/>",
    ],
)
def test_a_contact_does_not_tell_what_its_phone_would(rig: Rig, payload: str, to: str) -> None:
    assert refused(rig, payload, to) == "service-unavailable"


def test_the_gateway_has_a_card(rig: Rig) -> None:
    card = rig.ask("<vCard xmlns='vcard-temp'/>", GATEWAY)
    assert card.findtext("{vcard-temp}FN") == "sip2xmpp"
    assert not rig.asked


def test_a_contact_has_the_card_that_is_known_of_it(rig: Rig) -> None:
    rig.card = succeed(VCard(full_name="Bob & Co", phone="+1 555", url="https://example.org/?a&b"))
    card = rig.ask("<vCard xmlns='vcard-temp'/>", PHONE)
    assert rig.asked == [BOB]
    assert card.findtext("{vcard-temp}FN") == "Bob & Co"
    assert card.findtext("{vcard-temp}TEL/{vcard-temp}NUMBER") == "+1 555"
    assert card.findtext("{vcard-temp}URL") == "https://example.org/?a&b"
    rig.card = succeed(None)
    assert len(rig.ask("<vCard xmlns='vcard-temp'/>", BOB)) == 0


def test_a_card_that_comes_later_is_still_an_answer(rig: Rig) -> None:
    rig.card = Deferred()
    rig.take(f"<iq type='get' from='{JULIET}' to='{BOB}' id='q1'><vCard xmlns='vcard-temp'/></iq>")
    assert not rig.sent
    rig.card.callback(VCard(nickname="Bob"))
    assert rig.answer()[0].findtext("{vcard-temp}NICKNAME") == "Bob"


@pytest.mark.parametrize(
    ("fault", "condition", "logged"),
    [(StanzaRefused("forbidden"), "forbidden", 0), (KeyError("x"), "internal-server-error", 1)],
)
def test_a_card_that_cannot_be_told_is_an_error(
    rig: Rig, fault: Exception, condition: str, logged: int
) -> None:
    rig.card = fail(fault)
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        rig.take(f"<iq type='get' from='{JULIET}' to='{BOB}' id='q1'><vCard xmlns='vcard-temp'/></iq>")
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert condition in rig.sent.pop()
    assert len(events) == logged


def test_every_field_of_a_card_is_written() -> None:
    card = VCard(
        full_name="a",
        nickname="b",
        url="c",
        email="d",
        phone="e",
        organization="f",
        title="g",
        description="h",
    )
    assert vcard_element(card) == (
        "<vCard xmlns='vcard-temp'><FN>a</FN><NICKNAME>b</NICKNAME><URL>c</URL>"
        "<EMAIL><INTERNET/><USERID>d</USERID></EMAIL><TEL><VOICE/><NUMBER>e</NUMBER></TEL>"
        "<ORG><ORGNAME>f</ORGNAME></ORG><TITLE>g</TITLE><DESC>h</DESC></vCard>"
    )


def test_nobody_changes_a_card_from_outside(rig: Rig) -> None:
    assert refused(rig, "<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>", BOB, "set") == "forbidden"


@pytest.mark.parametrize("to", [GATEWAY, BOB, PHONE])
@pytest.mark.parametrize(
    ("payload", "type_"),
    [
        ("<query xmlns='jabber:iq:roster'/>", "get"),
        ("<query xmlns='jabber:iq:roster'/>", "set"),
        ("<ping xmlns='urn:xmpp:ping'/>", "set"),
        ("<query xmlns='urn:nothing'/>", "get"),
        ("<ping xmlns=''/>", "get"),
    ],
)
def test_anything_else_is_unavailable(rig: Rig, payload: str, type_: str, to: str) -> None:
    assert refused(rig, payload, to, type_) == "service-unavailable"


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("get", ""),
        ("set", "<a/><b/>"),
        ("gett", "<ping xmlns='urn:xmpp:ping'/>"),
        ("", "<ping xmlns='urn:xmpp:ping'/>"),
    ],
)
def test_a_malformed_question_is_a_bad_request(rig: Rig, type_: str, payload: str) -> None:
    assert refused(rig, payload, GATEWAY, type_) == "bad-request"


def test_a_question_without_an_id_is_a_bad_request(rig: Rig) -> None:
    with pytest.raises(StanzaRefused):
        rig.take(f"<iq type='get' from='{JULIET}' to='{GATEWAY}'><ping xmlns='urn:xmpp:ping'/></iq>")


@pytest.mark.parametrize("type_", ["result", "error"])
def test_answers_end_here(rig: Rig, type_: str) -> None:
    rig.take(f"<iq type='{type_}' from='{JULIET}' to='{GATEWAY}' id='q1'/>")
    assert not rig.sent
