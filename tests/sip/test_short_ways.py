"""What is read and written by a short way is what the grammar says, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.dialog import target_of
from sip2xmpp.sip.headers import NameAddr
from sip2xmpp.sip.message import Request, make_response, parse_message
from sip2xmpp.sip.responses import response_octets
from tests.sip.scene import their_request

ENDS = st.one_of(
    st.tuples(
        st.sampled_from(["", " ", "Bob ", '"Bob" ', '"B\\"ob"', '"<sip:x@y>"']),
        st.sampled_from(
            [
                "<sip:bob@example.com>",
                "<sips:bob@example.com:5061>",
                "<sip:bob@example.com;transport=tcp>",
                "<sip:example.com>",
                "<sip:b%20ob@[2001:db8::1]>",
                "<tel:+15550100>",
                "<sip:bob@example.com",
                "<sip:bob@-example.com>",
                "sip:bob@example.com",
                "<sip:bob@example.com:99999>",
                "<bob>",
            ]
        ),
        st.sampled_from(
            [
                "",
                ";tag=1",
                ";tag=a-b.c",
                ";tag=",
                ';tag="x"',
                ";x;tag=2",
                "; tag = 3",
                ";Tag=4",
                ";tag=1;x",
                " ",
            ]
        ),
    ).map("".join),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=40),
)


def arrived(**headers: str) -> Request:
    message = parse_message(their_request(**headers).replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


def both_ends(sender: str, receiver: str) -> tuple[NameAddr, NameAddr]:
    long = arrived(From=sender, To=receiver)
    return long.from_, long.to


@given(sender=ENDS, receiver=ENDS)
def test_the_ends_of_a_request_are_what_its_headers_say(sender: str, receiver: str) -> None:
    try:
        short = arrived(From=sender, To=receiver)
        ends = short.ends
    except BadMessage:
        with pytest.raises(BadMessage):
            both_ends(sender, receiver)
        return
    long = arrived(From=sender, To=receiver)
    assert (ends.from_uri, ends.from_tag) == (long.from_.uri, long.from_.tag)
    assert (ends.to_uri, ends.to_tag) == (long.to.uri, long.to.tag)
    assert (ends.call_id, ends.cseq) == (long.call_id, long.cseq.number)


@given(
    sender=ENDS,
    receiver=ENDS,
    status=st.sampled_from([200, 404, 489, 555]),
    reason=st.none() | st.text(st.characters(codec="utf-8"), max_size=10),
    headers=st.lists(st.tuples(st.sampled_from(["Warning", "Unsupported"]), st.text("ab ,", max_size=5))),
    body=st.binary(max_size=10),
    vias=st.sampled_from(["", "\nVia: SIP/2.0/UDP c.example;branch=z9hG4bK3"]),
)
def test_a_response_is_written_at_once_as_it_would_be_built(
    *,
    sender: str,
    receiver: str,
    status: int,
    reason: str | None,
    headers: list[tuple[str, str]],
    body: bytes,
    vias: str,
) -> None:
    try:
        request = arrived(From=sender, To=receiver + vias)
        request.check()
    except BadMessage:
        return
    built = make_response(request, status, reason, headers=headers, body=body, to_tag="ours")
    read = parse_message(response_octets(request, status, reason, headers, body, "ours"))
    expected = parse_message(built.to_bytes())
    assert read.start_line == expected.start_line
    assert read.body == expected.body
    assert sorted(read.headers.items()) == sorted(expected.headers.items())
    assert read.headers.all("Via") == expected.headers.all("Via")


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb", "a\0b"])
def test_a_header_that_would_break_a_response_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        response_octets(arrived(), 200, None, [("Expires", value)], b"", None)


CONTACTS = st.one_of(
    st.tuples(
        st.sampled_from(["", " ", '"Bob" ', "Bob "]),
        st.sampled_from(
            ["<sip:bob@192.0.2.9", "<sip:bob@192.0.2.9:5060", "<sip:192.0.2.9", "<sips:bob@b.example"]
        ),
        st.sampled_from(
            ["", ";ob", ";transport=tcp", ";method=INVITE", ";METHOD=x", "?subject=x", ";line=a%20b"]
        ),
        st.sampled_from(
            [">", ">;expires=60", '>;+sip.instance="<urn:uuid:1>"', ">, <sip:x@y>", ">;q=0.5;x", ""]
        ),
    ).map("".join),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=40),
)


@given(CONTACTS)
def test_the_target_of_a_dialog_is_what_the_grammar_says_of_the_contact(contact: str) -> None:
    try:
        short, long = (arrived(method="SUBSCRIBE", Contact=value) for value in (contact, f" \t{contact} \t"))
        expected = target_of(long)
    except BadMessage:
        with pytest.raises(BadMessage):
            target_of(arrived(method="SUBSCRIBE", Contact=contact))
        return
    assert target_of(short) == expected
