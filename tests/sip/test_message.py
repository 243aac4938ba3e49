"""Messages: framing, headers, lazily typed values, answers."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.headers import Event, MediaType, NameAddr, Via
from sip2xmpp.sip.message import (
    REASONS,
    STAR,
    Headers,
    Request,
    Response,
    make_request,
    make_response,
    parse_message,
)
from sip2xmpp.sip.splitting import MAX_LINE, MAX_LINES
from tests.sip.strategies import requests, responses

LINES = {
    "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx",
    "From": "<sip:alice@example.org>;tag=a",
    "To": "<sip:bob@example.org>",
    "Call-ID": "c@192.0.2.1",
    "CSeq": "1 SUBSCRIBE",
    "Max-Forwards": "70",
}


def octets(
    *extra: str,
    body: bytes = b"",
    start: str = "SUBSCRIBE sip:bob@example.org SIP/2.0",
    end: str = "\r\n",
    **lines: str,
) -> bytes:
    """A SUBSCRIBE with ``extra`` lines; ``Call_ID=""`` leaves a header out, other text replaces its value."""
    table = LINES | {name.replace("_", "-"): value for name, value in lines.items()}
    head = [start, *(f"{name}: {value}" for name, value in table.items() if value), *extra, "", ""]
    return end.join(head).encode("utf-8", "surrogateescape") + body


def request(*extra: str, body: bytes = b"", **lines: str) -> Request:
    message = parse_message(octets(*extra, body=body, **lines))
    assert isinstance(message, Request)
    return message


def refused(data: bytes, *, stream: bool = False) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        parse_message(data, stream=stream).check()
    return caught.value


# round trips and arbitrary octets


@given(requests())
def test_a_request_is_read_as_it_was_written(message: Request) -> None:
    again = parse_message(message.to_bytes())
    assert isinstance(again, Request)
    again.check()
    assert (again.method, again.uri, again.body) == (message.method, message.uri, message.body)
    again.headers.remove("Content-Length")
    assert again.headers.items() == message.headers.items()
    assert again.vias == message.vias
    assert (again.from_, again.to, again.call_id, again.cseq) == (
        message.from_, message.to, message.call_id, message.cseq,
    )  # fmt: skip


@given(responses())
def test_a_response_is_read_as_it_was_written(message: Response) -> None:
    again = parse_message(message.to_bytes(), stream=True)
    assert isinstance(again, Response)
    again.check()
    assert (again.status, again.reason, again.body) == (message.status, message.reason, message.body)
    again.headers.remove("Content-Length")
    assert again.headers.items() == message.headers.items()


@given(requests(), st.integers(100, 699))
def test_every_request_can_be_answered_and_the_answer_read(message: Request, status: int) -> None:
    response = parse_message(make_response(message, status, to_tag="t").to_bytes())
    response.check()
    assert response.vias == message.vias
    assert response.to.tag == (message.to.tag if message.to.tag is not None else "t")


def look_at_everything(data: bytes, stream: bool) -> None:
    """``BadMessage`` is the only way out; what it carries can be answered."""
    try:
        message = parse_message(data, stream=stream)
        message.check()
        message.to_bytes()
        for name in (
            "vias",
            "contacts",
            "expires",
            "event",
            "content_type",
            "subscription_state",
            "accept",
            "route",
        ):
            getattr(message, name)
    except BadMessage as bad:
        if bad.request is not None:
            answer = make_response(bad.request, bad.status_hint, str(bad), to_tag="t")
            Via.parse(answer.headers.all("Via")[0])
            answer.to_bytes()


@given(st.binary(max_size=200), st.booleans())
def test_any_octets_are_a_message_or_refused(data: bytes, stream: bool) -> None:
    look_at_everything(data, stream)


header_text = st.text('ab<>";:,=\\ \t@/.[]*%\r\n\0é', max_size=12)


@given(
    st.dictionaries(
        st.sampled_from([*LINES, "Contact", "Event", "Expires", "Route", "X"]), header_text, max_size=4
    ),
    st.one_of(st.just("SUBSCRIBE sip:bob@example.org SIP/2.0"), st.text("S IP/2.0<>:@\t", max_size=20)),
    st.booleans(),
)
def test_any_header_text_gives_a_message_or_an_answer(
    lines: dict[str, str], start: str, stream: bool
) -> None:
    look_at_everything(octets(start=start, **{k.replace("-", "_"): v for k, v in lines.items()}), stream)


@given(st.data())
def test_a_message_with_any_octet_changed_is_a_message_or_refused(data: st.DataObject) -> None:
    whole = octets('m: "A" <sip:a@192.0.2.1>;expires=5', "o: presence;id=1", "l: 3", body=b"abc")
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, 3))
    look_at_everything(
        whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + length :], data.draw(st.booleans())
    )


# start lines


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("SUBSCRIBE sip:bob@example.org SIP/1.0", 505),
        ("SUBSCRIBE sip:bob@example.org SIP/3", 505),
        ("SUBSCRIBE sip:bob@example.org HTTP/1.1", 400),
        ("SUBSCRIBE sip:bob@example.org", 400),
        ("SUBSCRIBE", 400),
        ("SUBSCRIBE  sip:bob@example.org SIP/2.0", 400),
        ("SUBSCRIBE sip:bob@example.org SIP/2.0 ", 400),
        ("SUB(SCRIBE sip:bob@example.org SIP/2.0", 400),
        ("SUBSCRIBE\tsip:bob@example.org SIP/2.0", 400),
        ("SUBSCRIBE sip:bob@example.org?Route=x SIP/2.0", 400),
        ("SUBSCRIBE sip:bob@example.org;method=INVITE SIP/2.0", 400),
        ("SUBSCRIBE bob@example.org SIP/2.0", 400),
        ("subscribe sip:bob@example.org SIP/2.0", 400),
    ],
)
def test_a_bad_request_line_is_answered(start: str, status: int) -> None:
    bad = refused(octets(start=start))
    assert bad.status_hint == status
    assert bad.request is not None
    assert bad.request.call_id == "c@192.0.2.1"


def test_the_version_may_be_in_any_case() -> None:
    assert request().method == parse_message(octets(start="SUBSCRIBE sip:bob@example.org sip/2.0")).method  # type: ignore[union-attr]
    assert parse_message(octets(start="sip/2.0 200 OK")).status == 200  # type: ignore[union-attr]


@pytest.mark.parametrize("start", ["SIP/2.0 99 X", "SIP/2.0 700 X", "SIP/2.0 20 X", "SIP/2.0 2000 X", "SIP/2.0 ٢٠٠ X",
                                   "SIP/2.0 +20 X", "SIP/3.0 200 OK", "SIP/2.0", "SIP/2.0  200 OK"])  # fmt: skip
def test_a_bad_status_line_is_dropped(start: str) -> None:
    assert refused(octets(start=start)).request is None


@pytest.mark.parametrize(
    ("start", "reason"), [("SIP/2.0 200 ", ""), ("SIP/2.0 200", ""), ("SIP/2.0 200 a  b ", "a  b ")]
)
def test_a_reason_phrase_may_be_empty(start: str, reason: str) -> None:
    assert parse_message(octets(start=start)).reason == reason  # type: ignore[union-attr]


# what must be there, and once


@pytest.mark.parametrize("name", ["From", "To", "Call_ID", "CSeq"])
def test_a_request_without_a_mandatory_header_is_answered_without_it(name: str) -> None:
    bad = refused(octets(**{name: ""}))
    assert bad.status_hint == 400
    assert name.replace("_", "-") in str(bad)
    assert b"\r\nVia: " in make_response(bad.request, 400, to_tag="t").to_bytes()


@pytest.mark.parametrize("via", ["", "x", "SIP/2.0/UDP", "SIP/2.0/UDP a b"])
def test_a_request_without_a_usable_via_is_dropped(via: str) -> None:
    assert refused(octets(Via=via)).request is None
    assert refused(octets(Via=via, To="")).request is None


def test_an_ack_is_never_answered() -> None:
    bad = refused(octets("Content-Length: 5", start="ACK sip:bob@example.org SIP/2.0", CSeq="1 ACK"))
    assert bad.request is None


@pytest.mark.parametrize("name", ["Via", "CSeq"])
def test_a_response_without_via_or_cseq_is_dropped(name: str) -> None:
    assert refused(octets(start="SIP/2.0 200 OK", **{name: ""})).request is None


@pytest.mark.parametrize(
    "line",
    ["t: <sip:x@y>", "FROM: <sip:x@y>", "i: x", "cseq: 2 SUBSCRIBE", "max-forwards : 1", "Expires: 1\r\nExpires: 1",
     "o: presence\r\nEvent: presence", "c: a/b\r\nc: a/b", "SIP-If-Match: a\r\nsip-if-match: b"],
)  # fmt: skip
def test_a_single_header_given_twice_is_refused(line: str) -> None:
    bad = refused(octets(line))
    assert bad.status_hint == 400
    assert bad.request is not None


def test_a_header_that_may_be_repeated_is_not() -> None:
    assert request("Subject: a", "s: b").headers.all("subject") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("From", '"a <sip:a@b>'), ("To", "bob"), ("Call_ID", "a b"), ("CSeq", "1 NOTIFY"), ("CSeq", "2147483648 SUBSCRIBE"),
     ("CSeq", "SUBSCRIBE"), ("Max_Forwards", "256"), ("Max_Forwards", "x")],
)  # fmt: skip
def test_a_mandatory_header_that_cannot_be_read_is_refused(name: str, value: str) -> None:
    bad = refused(octets(**{name: value}))
    assert bad.status_hint == 400
    assert bad.request is not None
    assert not set("\r\n") & set(str(bad))


def test_a_request_uri_of_another_scheme_is_left_to_who_has_to_follow_it() -> None:
    message = parse_message(octets(start="SUBSCRIBE pres:bob@example.org SIP/2.0"))
    message.check()
    with pytest.raises(BadMessage) as caught:
        message.parsed_uri  # type: ignore[union-attr]  # noqa: B018
    assert (caught.value.status_hint, caught.value.request) == (416, message)


# lines


def test_names_are_known_in_every_spelling_and_written_long() -> None:
    message = request("eVENT: presence", "M:<sip:a@b>", "u :x", "x-Own-Name: 1")
    assert [name for name, _ in message.headers.items()][-4:] == [
        "Event",
        "Contact",
        "Allow-Events",
        "x-Own-Name",
    ]
    assert message.headers.get("o") == message.headers.get("EVENT") == "presence"
    assert message.headers.get("X-OWN-name") == "1"
    assert "x-own-name" in message.headers
    assert "x-other" not in message.headers
    assert request("Foo: 1", "FOO: 2").headers.all("foo") == ["1", "2"]


def test_folded_lines_are_joined_by_a_blank() -> None:
    message = request("Subject:\r\n first\r\n\t  second", "Event:\r\n presence")
    assert message.headers.get("Subject") == "first second"
    assert message.event == Event(type="presence")
    assert b"\r\n " not in message.to_bytes()


def test_octets_that_are_no_utf8_survive() -> None:
    data = octets("Subject: \udcff\udc80é", "Content-Length: 0")
    assert parse_message(data).to_bytes() == data


def test_line_ends_of_datagrams_may_be_bare_and_those_of_streams_not() -> None:
    data = octets("Subject: x", "Content-Length: 3", body=b"a\nb", end="\n")
    message = parse_message(data)
    assert (message.headers.get("Subject"), message.body) == ("x", b"a\nb")
    assert refused(data, stream=True).status_hint == 400
    mixed = octets("Subject: x\nContent-Length: 0")
    assert parse_message(mixed).headers.get("Subject") == "x"
    assert refused(mixed, stream=True).status_hint == 400


def test_a_blank_line_of_bare_line_ends_ends_the_headers_even_before_a_proper_one() -> None:
    message = parse_message(octets(body=b"a\r\n\r\nFrom: b", end="\n"))
    assert message.body == b"a\r\n\r\nFrom: b"


@pytest.mark.parametrize("line", ["Subject: a\rb", "Subject: a\r\r\n b", "\rX: a"])
def test_a_stray_cr_is_refused(line: str) -> None:
    bad = refused(octets(line))
    assert bad.status_hint == 400
    assert all("\r" not in value for _, value in bad.request.headers.items())


@pytest.mark.parametrize("char", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_crlf_ends_a_line(char: str) -> None:
    assert request(f"Subject: a{char}Route: <sip:x>").route == []


@pytest.mark.parametrize("line", ["Subject", "Via", ": x", "a b: x", "\x80: x", "<x>: y"])
def test_what_is_no_header_line_is_refused(line: str) -> None:
    assert refused(octets(line)).request is not None


def test_line_ends_before_the_start_line_are_skipped() -> None:
    message = parse_message(b"\r\n\r\n" + octets("Content-Length: 0"))
    message.check()
    assert refused(b"\r\n\r\n").request is None
    assert refused(b"").request is None


def test_headers_without_a_blank_line_behind_them_are_refused() -> None:
    assert refused(octets()[:-2]).request is not None


# limits


def test_limits_are_refused_with_a_reason() -> None:
    assert refused(octets(*["Foo: y"] * MAX_LINES)).status_hint == 513
    assert refused(octets("Foo: " + "y" * MAX_LINE)).status_hint == 513
    assert refused(octets(*["Foo: " + "y" * 1000] * 70)).status_hint == 513
    request(*["Foo: y"] * (MAX_LINES - 10))
    request("Foo: " + "y" * (MAX_LINE - 10))
    request(body=b"x" * 64_000)


@pytest.mark.parametrize(
    "line",
    ['Contact: "' + '\\"' * 7_000, "Contact: " + "<" * 16_000, "Contact: " + "," * 16_000, "Foo: " + "\t" * 16_000,
     "Accept: " + ";," * 8_000, 'Via: SIP/2.0/UDP a;x="' + "\\" * 16_000, "Via: SIP" + " " * 16_000,
     "Contact: " + " " * 16_000 + "<sip:a@b>", "Call-Info" + " " * 16_000],
)  # fmt: skip
def test_hostile_lines_take_no_longer_than_others(line: str) -> None:
    start = time.perf_counter()
    look_at_everything(octets(line), False)
    look_at_everything(octets(*["Foo:\r\n " + " " * 50] * 300), False)
    assert time.perf_counter() - start < 1.0


# bodies


def test_what_follows_the_declared_length_is_dropped() -> None:
    assert request("l: 3", body=b"abcdef").body == b"abc"
    assert request("l: 0003 ", body=b"abc").body == b"abc"
    assert request(body=b"abcdef").body == b"abcdef"


@pytest.mark.parametrize("length", ["4", "-1", "", "+3", "3 3", "3,3", "0x3", "99999999999999999999", "٣"])
def test_a_length_that_does_not_fit_is_refused(length: str) -> None:
    assert refused(octets("l: " + length, body=b"abc")).request is not None
    assert refused(octets("l: " + length, body=b"abc", start="SIP/2.0 200 OK")).request is None


def test_a_stream_needs_a_length() -> None:
    assert refused(octets(), stream=True).request is not None
    assert parse_message(octets("l: 0"), stream=True).body == b""


# Headers


def test_lists_are_split_and_other_headers_are_not() -> None:
    message = request(
        "Route: <sip:a;lr>, <sip:b,c;lr>", "route: <sip:d>",
        'WWW-Authenticate: Digest realm="a, b", nonce="c"', "WWW-Authenticate: Digest realm=d",
        "k: path , gruu,, eventlist", "Require:", "Subject: a, b",
    )  # fmt: skip
    assert message.route == ["<sip:a;lr>", "<sip:b,c;lr>", "<sip:d>"]
    assert len(message.headers.all("www-authenticate")) == 2
    assert message.supported == ["path", "gruu", "eventlist"]
    assert message.require == []
    assert message.headers.all("s") == ["a, b"]
    assert message.headers.all("none") == []


def test_headers_are_changed_in_place_and_typed_values_follow() -> None:
    message = request("Route: <sip:a;lr>, <sip:b;lr>", "Route: <sip:c;lr>", "Foo: 1", "Bar: 2", "foo: 3")
    assert message.via.branch == "z9hG4bKx"
    message.headers.prepend("v", "SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKy")
    assert [via.host for via in message.vias] == ["192.0.2.9", "192.0.2.1"]
    message.replace_via(message.via.with_param("received", "192.0.2.8"))
    assert message.via.received == "192.0.2.8"
    assert message.headers.pop_first("Via") == "SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKy;received=192.0.2.8"
    assert message.via.host == "192.0.2.1"
    assert [message.headers.pop_first("Route") for _ in range(4)] == [
        "<sip:a;lr>",
        "<sip:b;lr>",
        "<sip:c;lr>",
        None,
    ]
    message.headers.set("foo", "new")
    assert message.headers.items()[-2:] == [("foo", "new"), ("Bar", "2")]
    message.headers.set("Expires", "60")
    assert message.expires == 60
    message.headers.remove("Expires")
    assert message.expires is None
    message.headers.remove("never there")


def test_the_top_element_of_a_joined_line_is_replaced_alone() -> None:
    message = request(Via="SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2")
    message.replace_via(message.via.with_param("received", "192.0.2.1"))
    assert [str(via) for via in message.vias] == [
        "SIP/2.0/UDP a;branch=z9hG4bK1;received=192.0.2.1",
        "SIP/2.0/UDP b;branch=z9hG4bK2",
    ]


def test_a_copy_does_not_follow_changes() -> None:
    headers = Headers([("Foo", "1")])
    copy = headers.copy()
    copy.add("Bar", "2")
    assert headers.items() == [("Foo", "1")]
    assert copy != headers


@pytest.mark.parametrize("value", ["a\r\nVia: b", "a\nb", "a\rb", "a\0b"])
def test_nothing_can_be_injected(value: str) -> None:
    headers = Headers([("Foo", "1")])
    for write in (headers.add, headers.set, headers.prepend, headers.replace_first):
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            write("Foo", value)
    message = request()
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        make_response(message, 200, headers=[("Foo", value)])
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        make_response(message, 200, to_tag=value)
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        make_response(message, 200, content_type=value)
    assert make_response(message, 400, value).to_bytes().startswith(b"SIP/2.0 400 a ")
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        make_request("X", "sip:a@b", from_=value, to="x", call_id="x", cseq=1)
    with pytest.raises(ValueError, match="Request-URI"):
        make_request("X", value, from_="x", to="x", call_id="x", cseq=1)
    with pytest.raises(ValueError, match="method"):
        make_request(value, "sip:a@b", from_="x", to="x", call_id="x", cseq=1)


@pytest.mark.parametrize("name", ["", "a b", "X\r\n", "X:", "é"])
def test_a_name_that_is_no_token_cannot_be_written(name: str) -> None:
    with pytest.raises(ValueError, match="header name"):
        Headers([(name, "x")])


# typed properties


def test_the_typed_headers_of_a_subscribe() -> None:
    message = request(
        'm: "A, B" <sip:alice@192.0.2.1>;expires=5, <sip:c@d>', "o: presence ;id=7", "Expires: 3600",
        "Accept: application/pidf+xml, application/xpidf+xml;q=0.5", "c: text/plain;charset=utf-8",
        "Record-Route: <sip:p1;lr>, <sip:p2;lr>", "User-Agent: Phone/1 (x; y)", "k: eventlist", "Require: a",
        "Subscription-State: active;expires=5",
    )  # fmt: skip
    assert message.contacts is not STAR
    assert [contact.display for contact in message.contacts] == ["A, B", ""]
    assert message.event == Event(type="presence", id="7")
    assert message.event_value == "presence ;id=7"
    assert message.expires == 3600
    assert message.accept == ["application/pidf+xml", "application/xpidf+xml;q=0.5"]
    assert message.content_type == MediaType(type="text/plain", params=(("charset", "utf-8"),))
    assert message.record_route == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert message.user_agent == "Phone/1 (x; y)"
    assert (message.supported, message.require) == (["eventlist"], ["a"])
    assert message.subscription_state is not None
    assert message.subscription_state.expires == 5
    assert message.from_ is message.from_


def test_what_is_absent_is_none_or_empty() -> None:
    message = request(Max_Forwards="")
    assert message.contacts == []
    assert (message.event, message.event_value, message.expires, message.content_type) == (
        None,
        None,
        None,
        None,
    )
    assert (message.accept, message.route, message.user_agent, message.max_forwards) == ([], [], "", 70)


@pytest.mark.parametrize("value", ["-1", "soon", "4294967296", "1.5", ""])
def test_a_malformed_expires_counts_as_absent(value: str) -> None:
    assert request("Expires: " + value).expires is None


def test_a_lone_star_is_all_contacts_and_a_star_in_a_list_is_an_error() -> None:
    assert request("Contact: *").contacts is STAR
    for line in ("Contact: *, <sip:a@b>", "Contact: *\r\nContact: *", "Contact: *;expires=0"):
        with pytest.raises(BadMessage):
            request(line).contacts  # noqa: B018


def test_a_bad_optional_header_is_an_error_only_when_it_is_looked_at() -> None:
    message = request("Event: ;", "Contact: x")
    message.check()
    for name in ("event", "contacts"):
        with pytest.raises(BadMessage) as caught:
            getattr(message, name)
        assert caught.value.request is message


# making messages


def test_a_request_is_made_in_the_usual_order() -> None:
    message = make_request(
        "PUBLISH", "sip:bob@example.org", from_=NameAddr(uri="sip:bob@example.org", params=(("tag", "a"),)),
        to="<sip:bob@example.org>", call_id="c", cseq=7, headers=[("o", "presence")], body=b"<x/>",
        content_type="application/pidf+xml",
    )  # fmt: skip
    message.headers.prepend(
        "Via", str(Via(transport="UDP", host="192.0.2.1", params=(("branch", "z9hG4bKx"),)))
    )
    assert message.to_bytes() == (
        b"PUBLISH sip:bob@example.org SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
        b"Max-Forwards: 70\r\n"
        b"From: <sip:bob@example.org>;tag=a\r\n"
        b"To: <sip:bob@example.org>\r\n"
        b"Call-ID: c\r\n"
        b"CSeq: 7 PUBLISH\r\n"
        b"Event: presence\r\n"
        b"Content-Type: application/pidf+xml\r\n"
        b"Content-Length: 4\r\n\r\n<x/>"
    )


def test_a_response_copies_what_it_has_to() -> None:
    message = request("Via: SIP/2.0/TCP b, SIP/2.0/TCP c", "Subject: x", "Record-Route: <sip:p;lr>")
    response = make_response(message, 489, headers=[("Allow-Events", "presence")], to_tag="t")
    assert response.to_bytes() == (
        b"SIP/2.0 489 Bad Event\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
        b"Via: SIP/2.0/TCP b, SIP/2.0/TCP c\r\n"
        b"From: <sip:alice@example.org>;tag=a\r\n"
        b"To: <sip:bob@example.org>;tag=t\r\n"
        b"Call-ID: c@192.0.2.1\r\n"
        b"CSeq: 1 SUBSCRIBE\r\n"
        b"Allow-Events: presence\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_a_tag_that_is_there_already_stays_the_only_one() -> None:
    message = request(To="sip:bob@example.org ; TAG=x")
    assert make_response(message, 200, to_tag="t").to.params == (("TAG", "x"),)


def test_a_status_without_a_phrase_of_its_own_takes_that_of_its_class() -> None:
    assert make_response(request(), 499).reason == "Client Error"
    assert make_response(request(), 200, "").reason == ""
    assert REASONS[481] == "Call/Transaction Does Not Exist"
