"""Message stanza to SIP MESSAGE: where it goes, in which form, in which order, and what its sender hears of it."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.bridge import delivery as module
from sip2xmpp.documents import cpim, imdn, iscomposing
from sip2xmpp.presence.directory import Evidence
from sip2xmpp.sip.flow import Transport
from sip2xmpp.xmpp.messages import ChatState, MessageType
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from tests.bridge.messaging import US, Endpoint, Scene, condition, names
from tests.bridge.scene import BOB, ROMEO
from tests.bridge.test_messages import asking

ABROAD = r"juliet\40example.com@gw.example.org"


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def error(scene: Scene) -> str:
    """The condition of the one error that romeo got."""
    (stanza,) = scene.said()
    assert (stanza.get("type"), stanza.get("id"), stanza.get("to")) == ("error", "m1", f"{ROMEO}/balcony")
    return condition(stanza)


def test_a_stanza_becomes_a_message_at_the_contact(scene: Scene) -> None:
    scene.from_romeo("grüß dich", thread="t1", language="de", subjects=(("", "On\r\nlunch"),))
    (request,) = scene.desk.got
    assert request.uri == "sip:bob@192.0.2.20:5060"
    assert request.to.uri == f"sip:{BOB}" and request.to.tag is None
    assert request.from_.uri == f"sip:{ROMEO};gr=balcony" and request.from_.tag
    assert request.call_id == "t1" and request.cseq.number == 1
    assert request.body.decode() == "grüß dich"
    assert str(request.content_type).lower().replace(" ", "") == "text/plain;charset=utf-8"
    assert request.headers.get("Content-Language") == "de" and request.headers.get("Subject") == "On lunch"
    assert scene.said() == []


def test_a_thread_keeps_its_tag_and_counts(scene: Scene) -> None:
    for _ in range(2):
        scene.from_romeo(thread="t1")
    first, second = scene.desk.got
    assert first.from_.tag == second.from_.tag and (first.cseq.number, second.cseq.number) == (1, 2)


def test_an_answer_comes_from_the_address_that_was_written_to(scene: Scene) -> None:
    scene.from_bob(uri=f"sip:{ROMEO}", to="<sip:romeo%40jabber.example@gw.example.org>")
    scene.from_romeo()
    assert scene.desk.got[0].from_.uri == "sip:romeo%40jabber.example@gw.example.org"


def test_messages_of_a_pair_keep_their_order(scene: Scene) -> None:
    scene.desk.statuses = [None]
    for number in range(3):
        scene.from_romeo(f"{number}", id=f"m{number}")
    scene.network.drive(20)
    assert {request.body for request in scene.desk.got} == {b"0"}
    scene.network.drive(20)
    assert [request.body for request in scene.desk.got] == [b"0", b"1", b"2"]
    (stanza,) = scene.said()
    assert stanza.get("id") == "m0" and condition(stanza) == "remote-server-timeout"


def test_too_many_waiting_messages_are_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_LIMIT", 2)
    scene.desk.statuses = [None]
    for _ in range(3):
        scene.from_romeo()
    with pytest.raises(StanzaRefused) as caught:
        scene.from_romeo()
    assert caught.value.error.condition == "resource-constraint"


# where it goes


def test_who_is_not_registered_is_not_there(scene: Scene) -> None:
    scene.from_romeo(recipient="alice@sip.example.org")
    assert error(scene) == "recipient-unavailable"


@pytest.mark.parametrize("status", [480, 503, 408, 410, 430])
def test_the_next_contact_is_tried(scene: Scene, status: int) -> None:
    mobile = Endpoint(scene.network, "192.0.2.22")
    scene.bind(mobile, q=0.5, path="<sip:192.0.2.22;lr>")
    scene.desk.statuses = [status]
    scene.from_romeo()
    assert len(scene.desk.got) == len(mobile.got) == 1 and scene.said() == []
    assert mobile.got[0].headers.get("Route") == "<sip:192.0.2.22;lr>"


def test_the_next_contact_is_tried_after_silence(scene: Scene) -> None:
    mobile = Endpoint(scene.network, "192.0.2.22")
    scene.bind(mobile, q=0.5)
    scene.desk.statuses = [None]
    scene.from_romeo()
    scene.network.drive(40)
    assert len(mobile.got) == 1 and scene.said() == []


def test_phones_of_equal_preference_get_it_at_once(scene: Scene) -> None:
    mobile = Endpoint(scene.network, "192.0.2.22")
    scene.bind(mobile)
    scene.desk.statuses = [None]
    scene.from_romeo()
    scene.network.drive(1)
    assert len(scene.desk.got) == len(mobile.got) == 1 and scene.said() == []


def test_a_refusal_of_the_user_is_final(scene: Scene) -> None:
    mobile = Endpoint(scene.network, "192.0.2.22")
    scene.bind(mobile, q=0.5)
    scene.desk.statuses = [603]
    scene.from_romeo()
    assert mobile.got == [] and error(scene) == "recipient-unavailable"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, "forbidden"),
        (404, "item-not-found"),
        (480, "recipient-unavailable"),
        (500, "internal-server-error"),
    ],
)
def test_a_failure_is_told_under_the_id_of_the_message(scene: Scene, status: int, expected: str) -> None:
    scene.desk.statuses = [status]
    scene.from_romeo()
    assert error(scene) == expected


def test_another_sip_domain_is_reached_at_its_server(scene: Scene) -> None:
    server = Endpoint(scene.network, "192.0.2.30")
    scene.from_romeo(recipient=ABROAD)
    assert server.got[0].uri == "sip:juliet@example.com" and scene.said() == []


def test_a_domain_without_a_server_is_told(scene: Scene) -> None:
    scene.from_romeo(recipient=r"x\40noserver.example@gw.example.org")
    assert error(scene) == "remote-server-not-found"


@pytest.mark.parametrize(
    ("recipient", "evidence", "expected"),
    [
        (r"juliet\40jabber.example@gw.example.org", Evidence(), "item-not-found"),
        (r"x\40new.example@gw.example.org", Evidence(), "remote-server-not-found"),
        (r"x\40new.example@gw.example.org", Evidence(trouble="dead"), "remote-server-timeout"),
    ],
)
def test_an_address_of_no_use_is_told_apart(
    scene: Scene, recipient: str, evidence: Evidence, expected: str
) -> None:
    scene.found = evidence
    scene.from_romeo(recipient=recipient)
    assert error(scene) == expected


def test_a_headline_is_sent_and_never_bounced(scene: Scene) -> None:
    scene.from_romeo(type=MessageType.HEADLINE)
    assert len(scene.desk.got) == 1
    scene.desk.statuses = [404]
    scene.from_romeo(type=MessageType.HEADLINE)
    scene.from_romeo(type=MessageType.HEADLINE, recipient="alice@sip.example.org")
    assert scene.said() == []


# size


def test_a_message_too_long_for_a_datagram_is_refused_and_told_how_long_it_may_be(scene: Scene) -> None:
    scene.from_romeo("x" * 1300)
    (stanza,) = scene.said()
    assert condition(stanza) == "policy-violation" and scene.desk.got == []
    room = int("".join(filter(str.isdigit, "".join(stanza.itertext()))))
    scene.from_romeo("x" * room)
    assert len(scene.desk.got) == 1 and scene.said() == []


def test_over_a_stream_it_may_be_longer(scene: Scene) -> None:
    stream = scene.network.stream_peer("192.0.2.40", 40_000)
    opened = stream.connect(US)
    scene.network.drive(0.1)
    assert opened.called
    endpoint = Endpoint(scene.network, "192.0.2.41")
    endpoint.peer.place = stream.wires[0].local
    scene.store.bindings.remove(scene.store.bindings.select(BOB)[0].key)
    scene.bind(endpoint, transport=Transport.TCP)
    scene.from_romeo("x" * 5000)
    assert [len(request.body) for request in stream.requests] == [5000]


# receipts


def test_a_200_of_a_phone_is_a_receipt_for_who_asked(scene: Scene) -> None:
    scene.from_romeo(receipt_requested=True)
    (stanza,) = scene.said()
    received = next(child for child in stanza if child.tag.endswith("}received"))
    assert received.get("id") == "m1" and stanza.get("from") == BOB and stanza.get("to") == f"{ROMEO}/balcony"


def test_taken_is_not_delivered(scene: Scene) -> None:
    Endpoint(scene.network, "192.0.2.30")
    scene.from_romeo(receipt_requested=True, recipient=ABROAD)
    scene.desk.statuses = [202]
    scene.from_romeo(receipt_requested=True)
    scene.from_romeo()
    assert scene.said() == []


def knows_envelopes(scene: Scene) -> None:
    scene.from_bob(asking(), "message/cpim")
    scene.said()


def test_a_contact_that_knows_envelopes_is_asked_for_a_report(scene: Scene) -> None:
    knows_envelopes(scene)
    scene.from_romeo("hello", receipt_requested=True, language="de")
    envelope = cpim.unwrap(scene.desk.got[0].body)
    assert envelope.body == b"hello" and envelope.content_headers["content-language"] == "de"
    assert envelope.extension(imdn.HEADER_NAMESPACE, imdn.MESSAGE_ID) == "m1"
    assert scene.said() == [], "the report will say it"


def test_an_envelope_that_is_refused_is_taken_off_and_not_tried_again(scene: Scene) -> None:
    knows_envelopes(scene)
    scene.desk.refuses = lambda request: str(request.content_type) == "message/cpim"
    for number in range(2):
        scene.from_romeo(receipt_requested=True, id=f"m{number}")
        (stanza,) = scene.said()
        assert "received" in names(stanza), "the 200 of the phone is the receipt"
    kinds = [(request.headers.get("Content-Type") or "").partition(";")[0] for request in scene.desk.got]
    assert kinds == ["message/cpim", "text/plain", "text/plain"]


def test_an_envelope_that_makes_it_too_long_is_left_off(scene: Scene) -> None:
    knows_envelopes(scene)
    scene.from_romeo("x" * 750, receipt_requested=True)
    assert [request.body for request in scene.desk.got] == [b"x" * 750]
    assert ["received" in names(stanza) for stanza in scene.said()] == [True]


def test_a_plain_text_that_is_refused_is_an_error(scene: Scene) -> None:
    scene.desk.refuses = lambda request: True
    scene.from_romeo()
    assert error(scene) == "not-acceptable"


def test_a_message_that_also_acknowledges_is_still_a_message(scene: Scene) -> None:
    scene.from_romeo("hello", displayed="other")
    assert [request.body for request in scene.desk.got] == [b"hello"]


# typing


def test_typing_is_said_once_in_a_conversation_and_ends(scene: Scene) -> None:
    scene.from_romeo(None, chat_state=ChatState.COMPOSING, thread="t1")
    assert scene.desk.got == []
    scene.from_romeo("hello", thread="t1")
    for state in (ChatState.COMPOSING, ChatState.COMPOSING, ChatState.PAUSED, ChatState.GONE):
        scene.from_romeo(None, chat_state=state, thread="t1")
    first, second = (iscomposing.read(request.body) for request in scene.desk.got[1:])
    assert (first.active, first.refresh, second.active) == (True, 120, False)
    assert {request.call_id for request in scene.desk.got} == {"t1"}


def test_who_refuses_typing_is_not_told_again(scene: Scene) -> None:
    scene.from_romeo("hello", thread="t1")
    scene.desk.statuses = [415]
    for state in (ChatState.COMPOSING, ChatState.PAUSED, ChatState.COMPOSING):
        scene.from_romeo(None, chat_state=state, thread="t1")
    assert len(scene.desk.got) == 2 and scene.said() == []


def test_typing_toward_nobody_is_not_an_error(scene: Scene) -> None:
    scene.from_romeo("hello", thread="t1")
    scene.desk.statuses = [480]
    scene.from_romeo(None, chat_state=ChatState.COMPOSING, thread="t1")
    assert scene.said() == []
