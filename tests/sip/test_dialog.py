"""Dialogs of both roles, and the requests within them."""

import pytest

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.dialog import NO_CSEQ, Dialog, body_block
from sip2xmpp.sip.message import Request, parse_message


def request(method: str, *extra: str, cseq: int = 5) -> Request:
    lines = [
        f"{method} sip:pa@192.0.2.7 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx",
        'From: "Alice" <sip:Alice@example.org;user=ip>;tag=theirs;x=y',
        "To: <sip:bob@example.org>;tag=ours",
        "Call-ID: c@192.0.2.1",
        f"CSeq: {cseq} {method}",
        *extra,
    ]
    message = parse_message("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def subscribe(*extra: str) -> Request:
    return request("SUBSCRIBE", "Contact: <sip:alice@192.0.2.1:5062;transport=tcp>;expires=9", *extra)


def test_a_subscribe_makes_the_dialog_of_a_notifier() -> None:
    dialog = Dialog.from_request(subscribe("Record-Route: <sip:p1;lr;x=1>, <sip:p2;lr>"), "mine")
    assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("c@192.0.2.1", "mine", "theirs")
    assert (dialog.local_uri, dialog.remote_uri) == ("sip:bob@example.org", "sip:Alice@example.org;user=ip")
    assert dialog.remote_target == "sip:alice@192.0.2.1:5062;transport=tcp"
    assert dialog.route_set == ["<sip:p1;lr;x=1>", "<sip:p2;lr>"]
    assert (dialog.local_cseq, dialog.remote_cseq) == (0, 5)


def test_a_notify_makes_the_dialog_of_a_subscriber_with_the_route_in_the_same_order() -> None:
    notify = request("NOTIFY", "Contact: <sip:pa@192.0.2.7>", "Record-Route: <sip:p1;lr>, <sip:p2;lr>")
    dialog = Dialog.from_notify(notify, local_cseq=3)
    assert (dialog.local_tag, dialog.remote_tag) == ("ours", "theirs")
    assert dialog.local_uri == "sip:bob@example.org"
    assert dialog.route_set == ["<sip:p1;lr>", "<sip:p2;lr>"]
    refresh = dialog.next_request("SUBSCRIBE", [("Event", "presence")])
    assert refresh.cseq.number == 4
    assert refresh.uri == "sip:pa@192.0.2.7"


@pytest.mark.parametrize(
    "line",
    [
        "Foo: y",
        "Contact: *",
        "Contact: <sip:a@b>, <sip:c@d>",
        "Contact: <tel:+1>",
        "Contact: <sip:a@b?Route=x>",
        "Contact: <sip:a@b;method=A>",
        "Contact: <sip:a@b>\r\nRecord-Route: <sip:a b;lr>",
    ],
)
def test_a_dialog_needs_one_contact(line: str) -> None:
    message = request("SUBSCRIBE", line)
    with pytest.raises(BadMessage) as caught:
        Dialog.from_request(message, "t")
    assert (caught.value.status_hint, caught.value.request) == (400, message)


def test_requests_go_through_loose_routers_to_the_target() -> None:
    dialog = Dialog.from_request(subscribe("Record-Route: <sip:p1;lr>, <sip:p2>"), "mine", local_cseq=10)
    notify = dialog.next_request("NOTIFY", [("Event", "presence")], b"<x/>", "application/pidf+xml")
    assert notify.uri == "sip:alice@192.0.2.1:5062;transport=tcp"
    assert notify.route == ["<sip:p1;lr>", "<sip:p2>"]
    assert str(notify.to) == "<sip:Alice@example.org;user=ip>;tag=theirs"
    assert str(notify.from_) == "<sip:bob@example.org>;tag=mine"
    assert (notify.call_id, str(notify.cseq)) == ("c@192.0.2.1", "11 NOTIFY")
    assert notify.body == b"<x/>"
    assert dialog.next_request("NOTIFY").cseq.number == 12


def test_a_strict_router_gets_the_request_for_itself_and_the_target_comes_last() -> None:
    dialog = Dialog.from_request(subscribe("Record-Route: <sip:p1;x=1;method=A?h=v>, <sip:p2;lr>"), "mine")
    notify = dialog.next_request("NOTIFY")
    assert notify.uri == "sip:p1;x=1"
    assert notify.route == ["<sip:p2;lr>", "<sip:alice@192.0.2.1:5062;transport=tcp>"]


def test_a_tag_that_is_no_token_is_quoted_again() -> None:
    dialog = Dialog.from_request(subscribe(), "mine")
    dialog.remote_tag = 'a;"b'
    assert dialog.next_request("NOTIFY").to.tag == 'a;"b'


def test_the_null_tag_is_written_as_no_tag() -> None:
    dialog = Dialog(
        call_id="c",
        local_tag="l",
        remote_tag="",
        local_uri="sip:a@b",
        remote_uri="sip:c@d",
        remote_target="sip:c@e",
    )
    assert dialog.next_request("NOTIFY").to.params == ()
    assert dialog.remote_cseq == NO_CSEQ
    assert dialog.accept_cseq(0)


def test_sequence_numbers_never_go_back() -> None:
    dialog = Dialog.from_request(subscribe(), "mine")
    assert not dialog.accept_cseq(4)
    assert dialog.accept_cseq(5)
    assert dialog.accept_cseq(900)
    assert not dialog.accept_cseq(899)
    assert dialog.remote_cseq == 900


def test_our_numbers_end_with_the_dialog() -> None:
    dialog = Dialog.from_request(subscribe(), "mine", local_cseq=2**31 - 2)
    assert dialog.next_cseq() == 2**31 - 1
    with pytest.raises(OverflowError):
        dialog.next_cseq()


def test_a_target_refresh_moves_the_target_and_not_the_route() -> None:
    dialog = Dialog.from_request(subscribe("Record-Route: <sip:p1;lr>"), "mine")
    dialog.update_target(request("SUBSCRIBE", "Contact: <sips:alice@192.0.2.9>", "Record-Route: <sip:p9;lr>"))
    assert dialog.remote_target == "sips:alice@192.0.2.9"
    assert dialog.route_set == ["<sip:p1;lr>"]
    dialog.update_target(request("SUBSCRIBE"))
    assert dialog.remote_target == "sips:alice@192.0.2.9"


def test_a_prepared_notify_equals_one_built_from_objects() -> None:
    dialog = Dialog.from_request(subscribe("Record-Route: <sip:p;lr;x=%41>"), "mine")
    fixed = [("Event", "presence"), ("Contact", "<sip:192.0.2.7>"), ("Foo", "100%d")]
    head, tail = dialog.prepare("NOTIFY", fixed).render(
        7, b"active;expires=9", body_block("application/pidf+xml", b"<x/>")
    )
    via = b"Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKn\r\n"
    prepared = parse_message(head + via + tail, stream=True)
    dialog.local_cseq = 6
    built = dialog.next_request(
        "NOTIFY", [*fixed, ("Subscription-State", "active;expires=9")], b"<x/>", "application/pidf+xml"
    )
    assert isinstance(prepared, Request)
    prepared.check()
    assert sorted(prepared.headers.items()) == sorted(
        [*built.headers.items(), ("Via", "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKn"), ("Content-Length", "4")]
    )
    assert (prepared.uri, prepared.body) == (built.uri, built.body)


def test_the_end_of_a_message_without_a_body() -> None:
    assert body_block(None, b"") == b"Content-Length: 0\r\n\r\n"
