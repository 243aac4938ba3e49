"""People write to each other: text both ways, languages, typing, receipts, and every refusal told to its sender."""

import re

import pytest

from tests.journeys.conftest import SIP_DOMAIN, World
from tests.peers.rawxmpp import child, condition, local, message, text
from tests.peers.sipclient import SipClient

ROMEO = "sip:romeo@jabber.example"
BOB = f"bob@{SIP_DOMAIN}"
TYPING = "application/im-iscomposing+xml"


def typing(state: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing">'
        f"<state>{state}</state></isComposing>"
    )


def write(
    phone: SipClient, body: str, content_type: str, headers: list[tuple[str, str]] | None = None
) -> int:
    """Send romeo a MESSAGE of any type; the status it is answered with."""
    return phone.message(ROMEO, body, content_type=content_type, headers=headers or []).status


def test_text_crosses_both_ways_and_stays_in_its_thread(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    assert bob.message(ROMEO, "O <wherefore> & \N{ROSE}").status == 200
    got = romeo.wait(message(sender=BOB), "bob's message")
    assert text(got, "body") == "O <wherefore> & \N{ROSE}"
    assert got.get("type") == "chat"
    thread = text(got, "thread")
    romeo.message(BOB, "Here I am", more=f"<thread>{thread}</thread>")
    answer = bob.wait_for_message("Here I am")
    assert answer.call_id == thread
    assert answer.get("from").startswith("<sip:romeo@jabber.example;gr=orchard>")


def test_language_and_subject_are_kept(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    headers = [("Content-Language", "de"), ("Subject", "Mittag")]
    assert write(bob, "Mahlzeit", "text/plain", headers) == 200
    got = romeo.wait(message(sender=BOB), "bob's message")
    assert got.get("{http://www.w3.org/XML/1998/namespace}lang") == "de"
    assert text(got, "subject") == "Mittag"
    assert got.get("type") in {None, "normal"}
    romeo.send(
        f"<message to='{BOB}' type='normal' xml:lang='it'><subject>Pranzo</subject><body>Subito</body></message>"
    )
    answer = bob.wait_for_message("Subito")
    assert (answer.get("content-language"), answer.get("subject")) == ("it", "Pranzo")


def test_messages_arrive_in_the_order_they_were_written(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    for number in range(20):
        romeo.message(BOB, f"line {number}")
    bob.wait_for_message("line 19")
    bodies = [each.body.decode() for each in bob.requests("MESSAGE")]
    assert bodies == [f"line {number}" for number in range(20)]


def test_a_message_to_nobody_is_refused_to_the_sip_sender(world: World) -> None:
    bob = world.phone("bob")
    assert bob.message("sip:nobody@jabber.example", "Hello?").status in {403, 404, 480}


def test_a_message_to_a_phone_that_is_off_comes_back(world: World) -> None:
    romeo = world.jabber("romeo")
    number = romeo.message(BOB, "Hello?")
    back = romeo.wait(message(sender=BOB, type_="error"), "the bounce")
    assert back.get("id") == number
    assert condition(back) == "recipient-unavailable"


@pytest.mark.parametrize(
    ("status", "expected"), [(403, "forbidden"), (404, "item-not-found"), (486, "recipient-unavailable")]
)
def test_a_refusal_by_the_phone_comes_back(prosody_world: World, status: int, expected: str) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    bob.answers["MESSAGE"] = (status, "No", (), b"")
    number = romeo.message(BOB, "Hello?")
    back = romeo.wait(message(sender=BOB, type_="error"), "the bounce")
    assert (back.get("id"), condition(back)) == (number, expected)


def test_what_does_not_fit_is_refused_and_never_cut(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    romeo.message(BOB, "x" * 2000)
    back = romeo.wait(message(sender=BOB, type_="error"), "the bounce")
    assert condition(back) == "policy-violation"
    assert bob.requests("MESSAGE") == []


def test_a_long_message_goes_to_a_phone_on_tcp(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob", transport="tcp")
    romeo.message(BOB, "x" * 2000)
    assert len(bob.wait_for_message("x" * 2000).body) == 2000


def test_typing_is_seen_on_both_sides(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    bob.message(ROMEO, "Hello")
    romeo.wait(message(sender=BOB, body="Hello"), "bob's message")
    assert write(bob, typing("active"), TYPING) == 200
    romeo.wait(lambda stanza: child(stanza, "composing") is not None, "composing")
    assert write(bob, typing("idle"), TYPING) == 200
    romeo.wait(lambda stanza: child(stanza, "paused") is not None, "paused")
    state = "http://jabber.org/protocol/chatstates"
    romeo.send(f"<message to='{BOB}' type='chat'><composing xmlns='{state}'/></message>")
    notice = bob.wait_for_request("MESSAGE")
    assert notice.get("content-type") == TYPING
    assert b"<state>active</state>" in notice.body


def test_a_receipt_tells_that_the_phone_has_the_message(world: World) -> None:
    romeo, bob = world.jabber("romeo"), world.phone("bob")
    number = romeo.message(BOB, "Read this", more="<request xmlns='urn:xmpp:receipts'/>")
    bob.wait_for_message("Read this")
    receipt = romeo.wait(lambda stanza: child(stanza, "received") is not None, "a receipt")
    received = child(receipt, "received")
    assert received is not None
    assert received.get("id") == number


def test_a_delivery_notification_answers_a_sip_request_for_one(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    envelope = (
        f"From: <{bob.uri}>\r\nTo: <{ROMEO}>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
        "imdn.Message-ID: 34jk324j\r\nDateTime: 2026-11-22T12:00:00Z\r\n"
        "imdn.Disposition-Notification: positive-delivery\r\n\r\n"
        "Content-Type: text/plain\r\n\r\nGood morrow"
    )
    assert write(bob, envelope, "message/cpim") == 200
    got = romeo.wait(message(sender=BOB, body="Good morrow"), "bob's message")
    assert child(got, "request") is not None
    romeo.send(
        f"<message to='{BOB}' id='r1'><received xmlns='urn:xmpp:receipts' id='{got.get('id')}'/></message>"
    )
    report = bob.wait_for_request("MESSAGE")
    assert report.get("content-type") == "message/cpim"
    assert b"<message-id>34jk324j</message-id>" in report.body
    assert b"<delivered/>" in report.body


def test_a_body_that_cannot_be_delivered_is_refused_with_what_can(prosody_world: World) -> None:
    bob = prosody_world.phone("bob")
    refused = bob.message(ROMEO, "%PDF", content_type="application/pdf")
    assert refused.status == 415
    assert "text/plain" in refused.get("accept")


def test_control_characters_do_not_break_the_stream(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    assert bob.message(ROMEO, "a\x01b\x0bc").status == 200
    got = romeo.wait(message(sender=BOB), "bob's message")
    assert re.fullmatch("a.?b.?c", text(got, "body") or "")
    assert prosody_world.gateway.health()["legs"]["xmpp"]["state"] == "up"


def test_nothing_is_accepted_while_the_xmpp_side_is_down(prosody_world: World) -> None:
    bob = prosody_world.phone("bob")
    prosody_world.server.stop()
    prosody_world.gateway.wait_for_leg("xmpp", "down")
    refused = bob.message(ROMEO, "Hello?")
    assert refused.status == 480
    assert refused.get("retry-after")


def test_sip_users_write_to_each_other(prosody_world: World) -> None:
    alice, bob = prosody_world.phone("alice"), prosody_world.phone("bob")
    assert alice.message(bob.uri, "SIP stays SIP").status == 200
    got = bob.wait_for_message("SIP stays SIP")
    assert "alice@" in got.get("from")


def test_the_bounce_of_a_stanza_is_no_message(prosody_world: World) -> None:
    romeo, bob = prosody_world.jabber("romeo"), prosody_world.phone("bob")
    romeo.send(f"<message to='{BOB}' type='error' id='e1'><body>echo</body></message>")
    romeo.message(BOB, "after")
    bob.wait_for_message("after")
    assert len(bob.requests("MESSAGE")) == 1
    assert all(local(stanza) != "message" for stanza in romeo.drain())
