"""Typed header values."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.headers import CSeq, Event, MediaType, NameAddr, SubscriptionState, Via, seconds, split_list
from tests.sip.strategies import cseqs, events, media_types, name_addrs, states, vias


@given(st.one_of(name_addrs, vias, cseqs, events, states, media_types))
def test_a_value_is_read_as_it_was_written(
    value: NameAddr | Via | CSeq | Event | SubscriptionState | MediaType,
) -> None:
    assert type(value).parse(str(value)) == value


@given(st.lists(st.one_of(name_addrs), min_size=1, max_size=4))
def test_addresses_in_a_list_are_told_apart(values: list[NameAddr]) -> None:
    assert [NameAddr.parse(part) for part in split_list(", ".join(map(str, values)))] == values


@given(st.text(max_size=60), st.sampled_from([NameAddr, Via, CSeq, Event, SubscriptionState, MediaType]))
def test_any_text_is_a_value_or_refused(text: str, kind: type[NameAddr]) -> None:
    with suppress(BadMessage):
        assert isinstance(kind.parse(text), kind)


# NameAddr


def test_an_address_with_everything() -> None:
    value = NameAddr.parse('"A. <G.> \\"Bell\\", é" <sip:a@b;x=1?y=2> ; tag = 7 ;q="0,5";flag')
    assert value.display == 'A. <G.> "Bell", é'
    assert value.uri == "sip:a@b;x=1?y=2"
    assert value.tag == "7"
    assert value.param("q") == "0,5"
    assert value.param("flag") == ""
    assert value.sip_uri.host == "b"


def test_what_follows_a_bare_address_belongs_to_the_header() -> None:
    value = NameAddr.parse("sip:alice@example.org ;tag=7")
    assert (value.uri, value.tag) == ("sip:alice@example.org", "7")


def test_a_display_name_may_be_tokens_and_touch_the_bracket() -> None:
    assert NameAddr.parse("Alice  at work<sip:a@b>").display == "Alice  at work"
    assert NameAddr.parse("Алиса <sip:a@b>").display == "Алиса"
    assert NameAddr.parse('""<sip:a@b>') == NameAddr.parse("<sip:a@b>")


@pytest.mark.parametrize(
    "text",
    [
        "", "alice", "<>", "<alice>", "<sip:a@b", "sip:a@b>", '"Alice <sip:a@b>', '"Alice" sip:a@b', "a,b <sip:a@b>",
        "a;b <sip:a@b>", "< sip:a@b>", "<sip:a@b >", "<sip:a b@c>", "sip:a@b?x=y", "sip:a,b@c", "<sip:a@b>x",
        "<sip:a@b>;", "<sip:a@b>;;tag=1", "<sip:a@b>,<sip:c@d>", "sip:a@b c", '"a" "b" <sip:a@b>', "*",
    ],
)  # fmt: skip
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        NameAddr.parse(text)


# Via


def test_a_via_with_blanks_everywhere() -> None:
    via = Via.parse(
        "SIP / 2.0\t/ udp  first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6.1 "
    )
    assert (via.transport, via.host, via.port) == ("UDP", "first.example.com", 4000)
    assert (via.param("ttl"), via.param("maddr"), via.branch) == ("16", "224.2.0.1", "z9hG4bKa7c6.1")


def test_a_via_with_an_ipv6_address() -> None:
    via = Via.parse("SIP/2.0/TLS [2001:DB8::1]:5061;received=[2001:db8::2];rport=9;branch=z9hG4bKx")
    assert (via.host, via.port) == ("[2001:db8::1]", 5061)
    assert (via.received, via.rport) == ("2001:db8::2", "9")
    assert Via.parse("SIP/2.0/UDP [2001:db8::1]").port is None


def test_rport_and_received_are_filled_in() -> None:
    via = Via.parse("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKx")
    assert via.rport == ""
    assert via.received is None
    filled = via.with_param("rport", "40000").with_param("received", "192.0.2.1")
    assert str(filled) == "SIP/2.0/UDP 10.0.0.1;rport=40000;branch=z9hG4bKx;received=192.0.2.1"


@pytest.mark.parametrize(
    ("branch", "cookie"), [("z9hG4bKx", True), ("Z9HG4BKx", True), ("z9hG4bK", False), ("390skdjuw", False)]
)
def test_only_a_branch_with_the_cookie_and_more_names_a_transaction(branch: str, cookie: bool) -> None:
    assert Via.parse(f"SIP/2.0/UDP a;branch={branch}").has_cookie is cookie


@pytest.mark.parametrize(
    "text",
    ["", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 UDP a", "HTTP/1.1/TCP a", "SIP/2.0/UDP a:b", "SIP/2.0/UDP a b",
     "SIP/2.0/UDP a;branch=", "SIP/2.0/UDP ;branch=x", "SIP/2.0/U(P a", "SIP/2.0/UDP a:99999", "SIP/2.0/UDP [::1"],
)  # fmt: skip
def test_malformed_vias_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        Via.parse(text)


# CSeq


def test_a_cseq_may_have_leading_zeros_and_any_blanks() -> None:
    assert CSeq.parse("0009\t  INVITE") == CSeq(number=9, method="INVITE")


@pytest.mark.parametrize(
    "text",
    ["", "1", "NOTIFY", "1 ", "-1 NOTIFY", "x NOTIFY", "1 NOTIFY x", "2147483648 NOTIFY", "1\u00a0NOTIFY"],
)
def test_malformed_cseqs_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        CSeq.parse(text)


# Event and Subscription-State


def test_an_event_with_an_id() -> None:
    event = Event.parse('presence.winfo ; id="a b";x=y')
    assert (event.type, event.id, event.param("x")) == ("presence.winfo", "a b", "y")


def test_the_name_of_an_event_keeps_its_case() -> None:
    assert Event.parse("Presence").type == "Presence"


def test_a_subscription_state() -> None:
    state = SubscriptionState.parse("Terminated ;Reason=NoResource; retry-after = 10;x")
    assert (state.state, state.reason, state.retry_after, state.expires) == (
        "terminated",
        "noresource",
        10,
        None,
    )


def test_a_number_that_cannot_be_read_counts_as_absent() -> None:
    assert SubscriptionState.parse("active;expires=soon;retry-after=99999999999").expires is None
    assert [seconds(text) for text in ("0", "3600", "4294967295", "4294967296", "-1", "", "x")] == [
        0, 3600, 2**32 - 1, None, None, None, None,
    ]  # fmt: skip
    assert seconds(None) is None


# MediaType


def test_a_media_type() -> None:
    value = MediaType.parse('Application / PIDF+xml ; charset="UTF-8"')
    assert (value.type, value.param("charset")) == ("application/pidf+xml", "UTF-8")


@pytest.mark.parametrize("text", ["", "text", "text/", "/plain", "a b/c", "text/plain/x", "text/plain;;"])
def test_malformed_media_types_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        MediaType.parse(text)
