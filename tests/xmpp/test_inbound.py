"""What the listeners are told of stanzas, and what is answered."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from sip2xmpp.documents.presence import Show
from sip2xmpp.errors import BadAddress
from sip2xmpp.xmpp.availability import Availability, UserMood
from sip2xmpp.xmpp.inbound import Inbound
from sip2xmpp.xmpp.messages import ChatMessage
from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.reading import read_error
from sip2xmpp.xmpp.stanza_errors import StanzaError, StanzaRefused
from sip2xmpp.xmpp.stanzas import PepKind

BOB = "bob@sip.example.org"
JULIET = "juliet@jabber.example/balcony"


class Listener:
    """Keeps every call; ``fault`` is raised by all of them."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fault: Exception | None = None

    def __getattr__(self, name: str) -> Callable[..., None]:
        def called(*arguments: object, **named: object) -> None:
            self.calls.append((name, *arguments, named) if named else (name, *arguments))
            if self.fault is not None:
                raise self.fault

        return called


class Rig:
    def __init__(self) -> None:
        self.listener = Listener()
        self.sent: list[str] = []
        self.inbound = Inbound(
            send=self.sent.append,
            presence=self.listener,
            messages=self.listener,
            answer_iq=self.listener.iq,
            now=lambda: 0.0,
        )

    def take(
        self, kind: str, attributes: str = "", inside: str = "", addresses: str | None = None
    ) -> list[tuple[Any, ...]]:
        if addresses is None:
            addresses = f"from='{JULIET}' to='{BOB}'"
        self.inbound.stanza_received(parse_stanza(f"<{kind} {addresses} {attributes}>{inside}</{kind}>"))
        return self.listener.calls

    @property
    def conditions(self) -> list[str]:
        return [read_error(parse_stanza(xml)).condition for xml in self.sent]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_availability_is_told(rig: Rig) -> None:
    assert rig.take("presence", "", "<show>away</show>") == [
        ("available", JULIET, BOB, Availability(show=Show.AWAY))
    ]


def test_unavailability_is_told(rig: Rig) -> None:
    assert rig.take("presence", "type='unavailable'") == [
        ("unavailable", JULIET, BOB, Availability(available=False))
    ]


def test_a_request_is_told_with_all_that_comes_with_it(rig: Rig) -> None:
    inside = "<status>It's me</status><nick xmlns='http://jabber.org/protocol/nick'>Jule</nick>"
    assert rig.take("presence", "type='subscribe' id='s1'", inside) == [
        ("subscribe", JULIET, BOB, {"stanza_id": "s1", "status": "It's me", "nickname": "Jule"})
    ]
    rig.listener.calls.clear()
    assert rig.take("presence", "type='subscribe'") == [
        ("subscribe", JULIET, BOB, {"stanza_id": None, "status": "", "nickname": ""})
    ]


@pytest.mark.parametrize("kind", ["subscribed", "unsubscribe", "unsubscribed", "probe"])
def test_other_subscription_stanzas_are_told(rig: Rig, kind: str) -> None:
    assert rig.take("presence", f"type='{kind}' id='7'") == [(kind, JULIET, BOB, {"stanza_id": "7"})]


def test_a_presence_error_is_told_and_not_answered(rig: Rig) -> None:
    inside = "<error type='wait'><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    rig.listener.fault = ValueError()
    error = StanzaError(condition="remote-server-timeout", type="wait")
    assert rig.take("presence", "type='error' id='7'", inside) == [
        ("error", JULIET, BOB, error, {"stanza_id": "7"})
    ]
    assert not rig.sent


def test_an_unknown_type_of_presence_is_a_bad_request(rig: Rig) -> None:
    assert rig.take("presence", "type='invisible' id='7'") == []
    assert rig.conditions == ["bad-request"]
    answer = parse_stanza(rig.sent[0])
    assert (answer["from"], answer["to"], answer["id"], answer["type"]) == (BOB, JULIET, "7", "error")


@pytest.mark.parametrize("addresses", [f"to='{BOB}'", f"from='{JULIET}'", f"from='' to='{BOB}'", ""])
@pytest.mark.parametrize("kind", ["presence", "message", "iq"])
def test_a_stanza_without_addresses_is_dropped(rig: Rig, kind: str, addresses: str) -> None:
    assert rig.take(kind, "id='1' type='get'", addresses=addresses) == []
    assert not rig.sent


def test_messages_are_told_as_values(rig: Rig) -> None:
    assert rig.take("message", "type='chat'", "<body>hi</body>") == [
        ("message", ChatMessage(sender=JULIET, recipient=BOB, bodies=(("", "hi"),)))
    ]


def test_a_message_that_came_back_is_told_and_not_answered(rig: Rig) -> None:
    rig.listener.fault = ValueError()
    (call,) = rig.take("message", "type='error' id='m1'", "<body>hi</body>")
    assert (
        call[0] == "message_error" and call[1].id == "m1" and call[1].error.condition == "undefined-condition"
    )
    assert not rig.sent


def test_nobody_here_is_in_a_group(rig: Rig) -> None:
    assert rig.take("message", "type='groupchat'", "<body>hi</body>") == []
    assert rig.conditions == ["service-unavailable"]


def test_what_a_user_publishes_is_told(rig: Rig) -> None:
    mood = "http://jabber.org/protocol/mood"
    event = (
        "<event xmlns='http://jabber.org/protocol/pubsub#event'>"
        f"<items node='{mood}'><item id='1'><mood xmlns='{mood}'><sad/></mood></item></items></event>"
    )
    assert rig.take("message", "type='headline'", event) == [
        ("pep", JULIET, BOB, PepKind.MOOD, UserMood(value="sad"))
    ]


def test_another_headline_is_a_message(rig: Rig) -> None:
    (call,) = rig.take("message", "type='headline'", "<body>news</body>")
    assert call[0] == "message"


def test_what_is_published_beyond_that_is_dropped(rig: Rig) -> None:
    event = (
        "<event xmlns='http://jabber.org/protocol/pubsub#event'>"
        "<items node='urn:xmpp:avatar:metadata'><item id='1'/></items></event>"
    )
    assert rig.take("message", "type='headline'", event) == []


def test_an_iq_goes_to_where_they_are_answered(rig: Rig) -> None:
    (call,) = rig.take("iq", "type='get' id='1'")
    assert call[0] == "iq"


@pytest.mark.parametrize("kind", ["challenge", "stream", "error"])
def test_an_element_that_is_no_stanza_is_ignored(rig: Rig, kind: str) -> None:
    assert rig.take(kind) == []
    assert not rig.sent


STANZAS = [
    ("presence", "id='1'"),
    ("presence", "id='1' type='subscribe'"),
    ("message", "id='1'"),
    ("iq", "id='1' type='get'"),
]


@pytest.mark.parametrize(("kind", "attributes"), STANZAS)
def test_a_listener_may_refuse(rig: Rig, kind: str, attributes: str) -> None:
    rig.listener.fault = StanzaRefused("policy-violation", "slow down", type_="wait")
    rig.take(kind, attributes)
    assert read_error(parse_stanza(rig.sent[0])) == StanzaError(
        condition="policy-violation", type="wait", text="slow down", language="en"
    )


@pytest.mark.parametrize(("kind", "attributes"), STANZAS)
def test_a_malformed_address_is_told_to_its_author(rig: Rig, kind: str, attributes: str) -> None:
    rig.listener.fault = BadAddress("no local part")
    rig.take(kind, attributes)
    assert rig.conditions == ["jid-malformed"]


@pytest.mark.parametrize(("kind", "attributes"), STANZAS)
def test_a_fault_of_ours_is_logged_and_answered(rig: Rig, kind: str, attributes: str) -> None:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        rig.listener.fault = KeyError("x")
        rig.take(kind, attributes)
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert rig.conditions == ["internal-server-error"]
    assert [event["log_failure"].type for event in events] == [KeyError]


@pytest.mark.parametrize("kind", ["result", "error"])
def test_an_answer_is_never_answered(rig: Rig, kind: str) -> None:
    rig.listener.fault = StanzaRefused("bad-request")
    rig.take("iq", f"id='1' type='{kind}'")
    assert not rig.sent


@pytest.mark.parametrize(
    "jid", ["@", "//", "@jabber.example", "a b@c d/e", "x" * 5000, "\u0130@\u2024/\ufdfa"]
)
def test_malformed_addresses_arrive_as_they_are(rig: Rig, jid: str) -> None:
    (call,) = rig.take("presence", addresses=f"from='{jid}' to='{jid}'")
    assert call[1:3] == (jid, jid)
