"""SIP MESSAGE to message stanza: the mapping of RFC 7572, bounces, typing and reports."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.bridge import messages as module
from sip2xmpp.bridge.messages import BOUNCE_SECONDS
from sip2xmpp.documents import cpim, imdn, iscomposing
from sip2xmpp.documents.cpim import Envelope, Extension
from sip2xmpp.documents.imdn import DispositionNotification, Kind, Status
from sip2xmpp.xmpp.messages import ChatMessage, MessageType
from sip2xmpp.xmpp.stanza_errors import StanzaRefused, stanza_error
from tests.bridge.messaging import Scene, condition, names, words
from tests.bridge.scene import BOB, ROMEO


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def asking(body: bytes = b"hello", wanted: str = "positive-delivery, negative-delivery") -> bytes:
    """A text in an envelope that asks for reports."""
    return cpim.wrap(
        Envelope(
            when="2026-01-31T12:00:00Z",
            extensions=(
                Extension(imdn.HEADER_NAMESPACE, imdn.MESSAGE_ID, "im1"),
                Extension(imdn.HEADER_NAMESPACE, imdn.DISPOSITION_NOTIFICATION, wanted),
            ),
            body=body,
        )
    )


def typing(active: bool, refresh: int | None = None) -> bytes:
    return iscomposing.write(iscomposing.IsComposing(active=active, refresh=refresh))


def bounce(scene: Scene, stanza_id: str, why: str = "item-not-found", sender: str = ROMEO) -> None:
    scene.messages.message_error(
        ChatMessage(
            sender=sender,
            recipient=BOB,
            id=stanza_id,
            type=MessageType.ERROR,
            error=stanza_error(why, "no such user"),
        )
    )
    scene.network.drive(0.1)


# the mapping


def test_a_message_becomes_a_stanza_and_is_accepted_when_no_bounce_came(scene: Scene) -> None:
    exchange = scene.from_bob(
        "grüß <dich>".encode(), headers="Content-Language: de, en\r\n", call_id="c1@phone"
    )
    (stanza,) = scene.said()
    assert (stanza.get("from"), stanza.get("to"), stanza.get("type")) == (BOB, ROMEO, "chat")
    assert words(stanza, "body") == "grüß <dich>" and words(stanza, "thread") == "c1@phone"
    assert stanza.get("{http://www.w3.org/XML/1998/namespace}lang") == "de"
    assert "active" in names(stanza) and stanza.get("id")
    assert exchange.final is None
    scene.network.drive(BOUNCE_SECONDS)
    assert exchange.status == 200


def test_a_subject_makes_it_a_normal_message(scene: Scene) -> None:
    scene.from_bob(headers="Subject: Lunch\r\n")
    (stanza,) = scene.said()
    assert stanza.get("type") is None and words(stanza, "subject") == "Lunch"
    assert "active" not in names(stanza)


def test_the_operator_may_choose_normal(clock: Clock) -> None:
    scene = Scene(clock, message_type=MessageType.NORMAL)
    scene.from_bob()
    assert scene.said()[0].get("type") is None


def test_a_gruu_becomes_the_resource(scene: Scene) -> None:
    scene.phone.user = f"sip:{BOB};gr=desk%20one"
    scene.from_bob()
    assert scene.said()[0].get("from") == f"{BOB}/desk one"


def test_a_message_for_an_own_user_is_handed_on(scene: Scene) -> None:
    scene.from_bob(uri="sip:alice@sip.example.org")
    assert scene.handed_on == ["alice@sip.example.org"] and scene.said() == []


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status"),
    [
        (b"x", "application/pdf", "", 415),
        (b"x", "text/plain", "Content-Encoding: br\r\n", 415),
        (b"\xff", "text/plain;charset=utf-8", "", 400),
        (b"x", "message/cpim", "", 400),
        (b"x", "multipart/mixed", "", 400),
    ],
)
def test_a_body_that_cannot_be_delivered_is_refused(
    scene: Scene, body: bytes, content_type: str, headers: str, status: int
) -> None:
    exchange = scene.from_bob(body, content_type, headers=headers)
    assert exchange.status == status
    if status == 415:
        assert exchange.final is not None and "text/plain" in exchange.final["Accept"]
    assert scene.said() == []


def test_with_the_link_down_nothing_is_accepted(scene: Scene) -> None:
    scene.wire.up = False
    exchange = scene.from_bob()
    assert exchange.status == 480
    assert exchange.final is not None and exchange.final["Retry-After"] == "30"


def test_a_link_that_fails_under_the_hand_is_told_the_same_way(scene: Scene) -> None:
    scene.wire.up = False
    scene.wire.is_up = lambda *domains: True  # type: ignore[method-assign]
    assert scene.from_bob().status == 480


def test_who_has_no_jid_cannot_write(scene: Scene) -> None:
    scene.phone.user = "sip:gw.example.org"
    assert scene.from_bob().status == 404


# bounces


@pytest.mark.parametrize(
    ("why", "status"), [("item-not-found", 404), ("service-unavailable", 403), ("remote-server-timeout", 408)]
)
def test_a_quick_bounce_is_the_final_response(scene: Scene, why: str, status: int) -> None:
    exchange = scene.from_bob()
    bounce(scene, scene.said()[0].get("id"), why)
    assert exchange.status == status
    scene.network.drive(2)
    assert len({response.status for response in exchange.responses}) == 1


def test_a_late_bounce_is_told_by_a_report_if_that_was_asked_for(scene: Scene) -> None:
    scene.from_bob(asking(), "message/cpim")
    scene.network.drive(1)
    bounce(scene, scene.said()[0].get("id"), sender=f"{ROMEO}/balcony")
    (report,) = scene.desk.got
    envelope = cpim.unwrap(report.body)
    told = imdn.read(envelope.body)
    assert (told.message_id, told.kind, told.status) == ("im1", Kind.DELIVERY, Status.FAILED)
    assert told.when == "2026-01-31T12:00:00Z"


def test_a_late_bounce_nobody_asked_about_is_only_logged(scene: Scene) -> None:
    scene.from_bob()
    scene.network.drive(1)
    bounce(scene, scene.said()[0].get("id"))
    bounce(scene, "never sent")
    assert scene.desk.got == []


def test_beyond_the_limit_a_bounce_is_not_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNDER_WAY", 1)
    first, second = scene.from_bob(), scene.from_bob()
    assert first.final is None and second.status == 200


# typing


def test_typing_is_told_in_a_conversation_and_ends(scene: Scene) -> None:
    assert scene.from_bob(typing(True), iscomposing.CONTENT_TYPE).status == 200
    assert scene.said() == [], "a conversation does not begin with typing"
    scene.from_bob()
    scene.said()
    scene.from_bob(typing(True, 90), iscomposing.CONTENT_TYPE)
    (stanza,) = scene.said()
    assert {"composing", "no-store"} <= names(stanza) and words(stanza, "body") is None
    scene.from_bob(typing(False), iscomposing.CONTENT_TYPE)
    assert "paused" in names(scene.said()[0])
    scene.from_bob(typing(False), iscomposing.CONTENT_TYPE)
    assert scene.said() == []


def test_typing_that_is_not_renewed_is_paused(scene: Scene) -> None:
    scene.from_bob()
    scene.from_bob(typing(True, 60), iscomposing.CONTENT_TYPE)
    scene.said()
    scene.network.drive(61)
    assert "paused" in names(scene.said()[0])


def test_a_message_ends_typing_without_a_pause(scene: Scene) -> None:
    scene.from_bob()
    scene.from_bob(typing(True, 60), iscomposing.CONTENT_TYPE)
    scene.said()
    scene.from_bob()
    scene.network.drive(61)
    assert len(scene.said()) == 1


# reports


def test_what_was_asked_for_becomes_receipt_and_marker(scene: Scene) -> None:
    scene.from_bob(asking(wanted="positive-delivery, display"), "message/cpim")
    (stanza,) = scene.said()
    assert {"request", "markable", "delay"} <= names(stanza)
    scene.from_romeo(None, receipt_for=stanza.get("id"))
    scene.from_romeo(None, displayed=stanza.get("id"))
    told = [imdn.read(cpim.unwrap(request.body).body) for request in scene.desk.got]
    assert [(each.kind, each.status) for each in told] == [
        (Kind.DELIVERY, Status.DELIVERED), (Kind.DISPLAY, Status.DISPLAYED),
    ]  # fmt: skip
    assert cpim.unwrap(scene.desk.got[0].body).content_headers["content-disposition"] == "notification"


def test_a_receipt_nobody_asked_for_goes_nowhere(scene: Scene) -> None:
    scene.from_bob()
    scene.from_romeo(None, receipt_for=scene.said()[0].get("id"))
    scene.from_romeo(None, receipt_for="unknown")
    assert scene.desk.got == []


def report(kind: Kind, status: Status, message_id: str = "m1") -> bytes:
    told = DispositionNotification(message_id=message_id, when="w", kind=kind, status=status)
    return cpim.wrap(Envelope(content_type=imdn.CONTENT_TYPE, body=imdn.write(told)))


def asked_by_romeo(scene: Scene) -> None:
    """Bob's phone knows envelopes, and romeo has asked for a receipt."""
    scene.from_bob(asking(), "message/cpim")
    scene.from_romeo(receipt_requested=True)
    scene.said()


def test_a_delivery_report_becomes_a_receipt_once(scene: Scene) -> None:
    asked_by_romeo(scene)
    for kind, status in ((Kind.PROCESSING, Status.PROCESSED), (Kind.DELIVERY, Status.DELIVERED)) * 2:
        assert scene.from_bob(report(kind, status), "message/cpim").status == 200
    (stanza,) = scene.said()
    received = next(child for child in stanza if child.tag.endswith("}received"))
    assert received.get("id") == "m1" and stanza.get("to") == f"{ROMEO}/balcony"


def test_a_report_of_failure_becomes_an_error(scene: Scene) -> None:
    asked_by_romeo(scene)
    scene.from_bob(report(Kind.DELIVERY, Status.FAILED), "message/cpim")
    (stanza,) = scene.said()
    assert (stanza.get("type"), stanza.get("id")) == ("error", "m1")
    assert condition(stanza) == "recipient-unavailable"


def test_a_report_nobody_waits_for_is_accepted_and_dropped(scene: Scene) -> None:
    assert scene.from_bob(report(Kind.DELIVERY, Status.DELIVERED), "message/cpim").status == 200
    assert scene.said() == []


# who may write


def test_only_jabber_users_of_others_are_listened_to(scene: Scene) -> None:
    with pytest.raises(StanzaRefused):
        scene.from_romeo(sender="alice@sip.example.org/x")
    scene.from_romeo(recipient="sip.example.org")
    assert scene.desk.got == []
