import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.hop import Hop, reply_flow
from sip2xmpp.sip.message import Request, parse_message
from tests.sip.scene import BOB, TO_BOB, US, their_request

COOKIE = "z9hG4bK"


def request(via: str, **changes: str) -> Request:
    parsed = parse_message(their_request(Via=via, **changes).replace("\n", "\r\n").encode())
    assert isinstance(parsed, Request)
    return parsed


def stamped(via: str, flow: Flow = TO_BOB) -> str:
    arrived = request(via)
    Hop(arrived, flow).stamp()
    text = arrived.headers.all("Via")[0]
    assert str(arrived.via) == text, "what is kept parsed is what is written"
    return text


def test_received_and_rport_are_filled_in_where_they_were_asked_for() -> None:
    nat = Flow(transport=Transport.UDP, local=US, peer=HostPort("198.51.100.7", 1024))
    assert (
        stamped("SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK1", nat)
        == "SIP/2.0/UDP 192.0.2.9:5060;rport=1024;received=198.51.100.7;branch=z9hG4bK1"
    )


def test_received_is_added_when_the_sent_by_is_another_address_or_a_name() -> None:
    assert stamped("SIP/2.0/UDP pc.example.com;branch=z9hG4bK1").endswith(";received=192.0.2.9")
    assert "received" not in stamped(f"SIP/2.0/UDP {BOB};branch=z9hG4bK1")


def test_what_the_sender_claims_of_itself_is_overwritten() -> None:
    assert stamped("SIP/2.0/UDP pc.example.com;branch=z9hG4bK1;received=203.0.113.1").endswith(
        ";received=192.0.2.9"
    )
    assert ";rport=5060" in stamped(f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport=7")
    assert "203.0.113.1" not in stamped(f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;received=203.0.113.1")


def test_only_the_top_value_of_a_list_is_stamped() -> None:
    arrived = request(f"SIP/2.0/UDP {BOB};branch=z9hG4bK1;rport, SIP/2.0/UDP b.example;branch=z9hG4bK2;rport")
    Hop(arrived, TO_BOB).stamp()
    assert [via.rport for via in arrived.vias] == ["5060", ""]


def test_a_stream_gets_no_rport() -> None:
    flow = Flow(transport=Transport.TCP, local=US, peer=BOB, connection=1)
    assert stamped(f"SIP/2.0/TCP {BOB};branch=z9hG4bK1;rport", flow).endswith(";rport")


def test_answers_go_to_the_source_port_only_if_the_client_wants_that() -> None:
    nat = Flow(transport=Transport.UDP, local=US, peer=HostPort("198.51.100.7", 1024))
    assert reply_flow(request("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1;rport"), nat) == nat
    assert reply_flow(request("SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1"), nat).peer == HostPort(
        "198.51.100.7", 5070
    )
    assert reply_flow(request("SIP/2.0/UDP a.example;branch=z9hG4bK1"), nat).peer == HostPort(
        "198.51.100.7", 5060
    )


def test_maddr_does_not_aim_answers_at_others() -> None:
    aimed = request("SIP/2.0/UDP 192.0.2.9;maddr=203.0.113.5;branch=z9hG4bK1")
    assert reply_flow(aimed, TO_BOB).peer.host == BOB.host


def test_the_key_knows_branch_sent_by_and_method() -> None:
    keys = {
        Hop(request(via), TO_BOB).key(method)
        for via in (
            "SIP/2.0/UDP a.example;branch=z9hG4bK1",
            "SIP/2.0/UDP a.example;branch=z9hG4bK2",
            "SIP/2.0/UDP a.example:5060;branch=z9hG4bK1",
            "SIP/2.0/UDP b.example;branch=z9hG4bK1",
        )
        for method in ("MESSAGE", "CANCEL")
    }
    assert len(keys) == 8


@pytest.mark.parametrize("branch", ["", ";branch=1", ";branch=z9hG4bK"])
def test_without_a_cookie_everything_counts(branch: str) -> None:
    via = f"SIP/2.0/UDP a.example{branch}"
    same = Hop(request(via), TO_BOB).key("MESSAGE")
    assert Hop(request(via), TO_BOB).key("MESSAGE") == same
    for changes in (
        {"Call_ID": "other"},
        {"From": "<sip:bob@example.com>;tag=other"},
        {"To": "<sip:alice@sip.example.org>;tag=other"},
        {"CSeq": "2 MESSAGE"},
        {"uri": "sip:other@sip.example.org"},
    ):
        assert Hop(request(via, **changes), TO_BOB).key("MESSAGE") != same
    assert Hop(request("SIP/2.0/UDP b.example" + branch), TO_BOB).key("MESSAGE") != same


HOSTS = st.sampled_from(["192.0.2.9", "pc.example.com", "PC.Example.com", "[2001:db8::9]", "192.0.2.77"])
PORTS = st.sampled_from(["", ":5060", ":1", ":65535", " : 5070"])
PARAMS = st.lists(
    st.sampled_from(
        [
            ";rport",
            ";received=1.2.3.4",
            ";rport=9",
            ";x",
            ";y=1",
            ';q="a;b,c"',
            "; z = 3",
            ";maddr=224.0.1.75",
            ";ttl=1",
            ";RPORT",
        ]
    ),
    max_size=4,
    unique=True,
)
BRANCHES = st.sampled_from(
    [";branch=z9hG4bKabc", ";branch=z9hG4bK-1.2", ";branch=old", "", ";Branch=z9hG4bKabc"]
)


@given(HOSTS, PORTS, PARAMS, BRANCHES, PARAMS, st.sampled_from(["192.0.2.9", "2001:db8::9"]))
def test_the_short_way_comes_to_what_the_grammar_says(  # noqa: PLR0917
    host: str, port: str, before: list[str], branch: str, after: list[str], source: str
) -> None:
    via = f"SIP/2.0/UDP {host}{port}{''.join(before)}{branch}{''.join(after)}"
    assume(len({p.lower().split("=")[0].strip() for p in before + after}) == len(before + after))
    flow = Flow(transport=Transport.UDP, local=US, peer=HostPort(source, 4000))
    short, long = request(via), request("  " + via + " ")
    plain, odd = Hop(short, flow), Hop(long, flow)
    assert plain.key("X") == odd.key("X") or plain.branch is None
    assert plain.stamp() == odd.stamp(), "both are answered in the same place"
    assert short.via.host == long.via.host and short.via.port == long.via.port
    assert sorted(short.via.params, key=str) == sorted(long.via.params, key=str)
    if "rport" in via.lower():
        assert short.via.rport == "4000"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=60))
def test_any_via_is_read_or_refused(via: str) -> None:
    try:
        arrived = request("SIP/2.0/UDP " + via)
        hop = Hop(arrived, TO_BOB)
        hop.key("MESSAGE")
        hop.stamp()
    except BadMessage:
        return
    assert arrived.via.host
