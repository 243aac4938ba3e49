"""The torture messages of RFC 4475 and RFC 5118, each with its verdict.

The files hold the exact octets of the RFCs' messages.  The binary part of ``mpart01`` is another one: its octets are
all there are, a blank line and something that looks like a status line among them.
"""

from pathlib import Path

import pytest

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.headers import Via
from sip2xmpp.sip.message import STAR, Request, Response, make_response, parse_message
from sip2xmpp.sip.uri import SipUri, equivalent

FOLDER = Path(__file__).parent / "torture"
FILES = {path.stem: path for path in FOLDER.rglob("*.sip")}
DROPPED = None

REFUSED: dict[str, int | None] = {
    # RFC 4475, section 3.1.2
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": DROPPED,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 400,
    "regbadct": 400,
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 400,
    "bigcode": DROPPED,
    # section 3.3
    "insuf": 400,
    "multi01": 400,
    "mcl01": 400,
    # RFC 5118, section 4.2
    "ipv6-bad": 400,
}
ACCEPTED = [
    # RFC 4475, section 3.1.1
    "wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq", "semiuri", "transports",
    "mpart01", "unreason", "noreason",
    # section 3.1.2: a bad Date is ignored by who does not need it
    "baddate",
    # sections 3.2 and 3.3: what is wrong with these, if anything, is not the grammar
    "badbranch", "unkscm", "novelsc", "unksm2", "bext01", "invut", "regaut01", "bcast", "zeromf", "cparam01",
    "cparam02", "regescrt", "sdp01", "inv2543",
    # RFC 5118
    "ipv6-good", "port-ambiguous", "port-unambiguous", "via-received-param-with-delim",
    "via-received-param-no-delim", "ipv6-in-sdp", "mult-ip-in-header", "mult-ip-in-sdp", "ipv4-mapped-ipv6",
    "ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons",
]  # fmt: skip


def read(name: str) -> Request | Response:
    """The message of that name with everything in it looked at."""
    message = parse_message(FILES[name].read_bytes())
    message.check()
    for header in ("vias", "contacts", "expires", "event", "content_type", "route", "record_route", "accept"):
        getattr(message, header)
    return message


def request(name: str) -> Request:
    message = read(name)
    assert isinstance(message, Request)
    return message


def response(name: str) -> Response:
    message = read(name)
    assert isinstance(message, Response)
    return message


def contact(message: Request | Response, index: int = 0) -> SipUri:
    assert message.contacts is not STAR
    return message.contacts[index].sip_uri


def test_every_message_has_a_verdict() -> None:
    assert sorted(FILES) == sorted([*REFUSED, *ACCEPTED])
    assert len(FILES) == 49 + 12


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_valid_message_is_read_and_survives_being_written(name: str) -> None:
    message = read(name)
    again = parse_message(message.to_bytes())
    again.check()
    assert [line for line in again.headers.items() if line[0] != "Content-Length"] == [
        line for line in message.headers.items() if line[0] != "Content-Length"
    ]
    assert again.body == message.body
    assert again.start_line == message.start_line


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_valid_request_can_be_answered(name: str) -> None:
    message = read(name)
    if isinstance(message, Request):
        answer = parse_message(make_response(message, 404, to_tag="ours").to_bytes())
        answer.check()
        assert answer.headers.all("Via") == message.headers.all("Via")
        assert answer.to.tag == (message.to.tag or "ours")
        assert (answer.from_, answer.call_id, answer.cseq) == (message.from_, message.call_id, message.cseq)


@pytest.mark.parametrize(("name", "status"), REFUSED.items())
def test_an_invalid_message_is_refused_or_dropped(name: str, status: int | None) -> None:
    with pytest.raises(BadMessage) as caught:
        read(name)
    bad = caught.value
    if status is DROPPED:
        assert bad.request is None
    else:
        assert bad.status_hint == status
        answer = make_response(bad.request, bad.status_hint, str(bad), to_tag="ours").to_bytes()
        assert answer.startswith(b"SIP/2.0 %d " % status)
        assert b"\r\nVia:" in answer


def test_wsinv() -> None:
    message = request("wsinv")
    assert message.parsed_uri.param("unknownparam") == ""
    assert message.to.uri == "sip:vivekg@chair-dnrc.example.com"
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert message.max_forwards == 68
    assert message.cseq.number == 9
    assert message.headers.get("Subject") == ""
    assert message.headers.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.headers.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert not message.via.has_cookie
    assert message.route == ["<sip:services.example.com;lr;unknownwith=value;unknown-no-value>"]
    assert message.contacts is not STAR
    assert message.contacts[0].display == 'Quoted string ""'
    assert message.contacts[0].params == (("newparam", "newvalue"), ("secondparam", None), ("q", "0.33"))
    assert len(message.body) == 150


def test_intmeth() -> None:
    message = request("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.to.display == "BEL:\x07 NUL:\0 DEL:\x7f"
    assert message.parsed_uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.parsed_uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert message.from_.tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.headers.get("EXTENSIONheader-!.%*+_`'~") == "\ufeff大停電"
    assert message.max_forwards == 255


def test_esc01() -> None:
    message = request("esc01")
    assert message.parsed_uri.user == "sips%3Auser%40example.com"
    assert equivalent(message.to.sip_uri, SipUri.parse("sip:user@example.com"))
    assert contact(message).param("lr") == ""
    assert contact(message).param("name") == "value%41"


def test_escnull() -> None:
    message = request("escnull")
    assert contact(message).user == "%00"
    assert not equivalent(contact(message), contact(message, 1))


def test_esc02() -> None:
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert message.to.display == "%Z%45"
    assert len(message.headers.all("Contact")) == 2
    assert message.headers.get("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_lwsdisp() -> None:
    assert request("lwsdisp").from_.display == "caller"


def test_longreq() -> None:
    message = request("longreq")
    assert len(message.vias) == 34
    assert message.via.host == "sip33.example.com"
    assert message.vias[-1].received == "192.0.2.5"
    assert message.to.sip_uri.port == 6000
    assert len(message.from_.tag or "") == 204


def test_dblreq() -> None:
    assert request("dblreq").body == b""


def test_semiuri() -> None:
    uri = request("semiuri").parsed_uri
    assert uri.user == "user;par=u%40example.net"
    assert uri.host == "example.com"


def test_transports() -> None:
    assert [via.transport for via in request("transports").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_mpart01() -> None:
    message = request("mpart01")
    assert message.content_type is not None
    assert message.content_type.param("boundary") == "7a9cbec02ceef655"
    assert message.body.endswith(b"--7a9cbec02ceef655--\r\n")


def test_unreason() -> None:
    assert response("unreason").reason == "= 2**3 * 5**2 но сто девяносто девять - простое"


def test_noreason() -> None:
    assert (response("noreason").status, response("noreason").reason) == (100, "")


def test_badbranch() -> None:
    assert request("badbranch").via.branch == "z9hG4bK"
    assert not request("badbranch").via.has_cookie


@pytest.mark.parametrize("name", ["unkscm", "novelsc"])
def test_a_scheme_that_is_not_sip_is_416_when_it_has_to_be_followed(name: str) -> None:
    with pytest.raises(BadMessage) as caught:
        request(name).parsed_uri  # noqa: B018
    assert caught.value.status_hint == 416
    assert caught.value.request is not None


def test_unksm2() -> None:
    message = request("unksm2")
    assert message.to.uri == "isbn:2983792873"
    assert message.from_.uri == "http://www.example.com"


def test_bext01() -> None:
    assert request("bext01").require == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert request("bext01").headers.all("Proxy-Require") == [
        "noProxiesSupportThis",
        "norDoAnyProxiesSupportThis",
    ]


def test_invut() -> None:
    assert str(request("invut").content_type) == "application/unknownformat"


def test_regaut01() -> None:
    assert request("regaut01").headers.all("Authorization") == ["NoOneKnowsThisScheme opaque-data=here"]


def test_bcast() -> None:
    assert [via.host for via in response("bcast").vias] == ["192.0.2.198", "255.255.255.255"]


def test_zeromf() -> None:
    assert request("zeromf").max_forwards == 0


def test_a_parameter_without_brackets_belongs_to_the_header_and_within_to_the_uri() -> None:
    header, uri = request("cparam01"), request("cparam02")
    assert header.contacts is not STAR
    assert header.contacts[0].param("unknownparam") == ""
    assert contact(header).params == ()
    assert contact(uri).param("unknownparam") == ""


def test_regescrt() -> None:
    assert contact(request("regescrt")).headers == "Route=%3Csip:sip.example.com%3E"


def test_sdp01() -> None:
    assert request("sdp01").accept == ["text/nobodyKnowsThis"]


def test_inv2543() -> None:
    message = request("inv2543")
    assert message.from_.tag is None
    assert message.via.branch is None
    assert message.max_forwards == 70
    assert message.to.param("user") == "phone"
    assert message.body.startswith(b"v=0")


def test_a_number_behind_the_last_colon_in_brackets_is_no_port() -> None:
    assert request("port-ambiguous").parsed_uri.port is None
    assert request("port-unambiguous").parsed_uri.port == 5070


def test_received_is_read_with_and_without_brackets() -> None:
    assert request("via-received-param-with-delim").via.received == "2001:db8::9:255"
    assert request("via-received-param-no-delim").via.received == "2001:db8::9:255"


def test_addresses_of_both_families_in_one_message() -> None:
    vias = request("mult-ip-in-header").vias
    assert [(via.host, via.port) for via in vias] == [
        ("[2001:db8::9:1]", 6050),
        ("192.0.2.1", None),
        ("[2001:db8::9:255]", None),
    ]
    assert vias[2].received == "192.0.2.200"


def test_ipv4_mapped_addresses() -> None:
    assert request("ipv4-mapped-ipv6").via == Via.parse(
        "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19"
    )


def test_three_colons_are_taken_for_two() -> None:
    three, two = request("ipv6-bug-abnf-3-colons"), request("ipv6-correct-abnf-2-colons")
    assert equivalent(three.parsed_uri, two.parsed_uri)
    assert str(three.parsed_uri) == "sip:user@[2001:db8::192.0.2.1]"
