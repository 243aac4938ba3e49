"""SIP URIs: form and equivalence (RFC 3261, section 19.1)."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.uri import SipUri, equivalent
from tests.sip.strategies import sip_uris


@given(sip_uris)
def test_a_uri_is_read_as_it_was_written(uri: SipUri) -> None:
    assert SipUri.parse(str(uri)) == uri


@given(st.text(max_size=60))
def test_any_text_is_a_uri_or_refused(text: str) -> None:
    for candidate in (text, "sip:" + text):
        with suppress(BadMessage):
            assert SipUri.parse(str(SipUri.parse(candidate))) == SipUri.parse(candidate)


@given(sip_uris)
def test_equivalence_is_reflexive(uri: SipUri) -> None:
    assert equivalent(uri, uri)


@given(sip_uris, sip_uris)
def test_equivalence_is_symmetric(a: SipUri, b: SipUri) -> None:
    assert equivalent(a, b) == equivalent(b, a)


@given(sip_uris, st.data())
def test_the_order_of_parameters_does_not_matter(uri: SipUri, data: st.DataObject) -> None:
    names = [name.lower() for name, _ in uri.params]
    if len(set(names)) == len(names):
        other = SipUri(
            scheme=uri.scheme,
            user=uri.user,
            host=uri.host.upper(),
            port=uri.port,
            params=tuple(data.draw(st.permutations(uri.params))),
            headers=uri.headers,
        )
        assert equivalent(uri, SipUri.parse(str(other)))


def test_the_parts_of_a_uri() -> None:
    uri = SipUri.parse("SIPS:a;b?c:p:w@[2001:DB8::1]:5061;transport=TLS;lr;x=%41?a=b&c=d")
    assert uri.scheme == "sips"
    assert (uri.user, uri.password) == ("a;b?c", "p:w")
    assert (uri.host, uri.port) == ("[2001:db8::1]", 5061)
    assert (uri.param("transport"), uri.param("lr"), uri.param("x"), uri.param("y")) == ("TLS", "", "A", None)
    assert uri.is_loose
    assert uri.headers == "a=b&c=d"
    assert str(uri.without_params("lr", "x")) == "sips:a;b?c:p:w@[2001:db8::1]:5061;transport=TLS?a=b&c=d"


def test_a_uri_without_user_has_none_and_a_semicolon_there_begins_the_parameters() -> None:
    uri = SipUri.parse("sip:example.org;lr")
    assert (uri.user, uri.host, uri.params) == (None, "example.org", (("lr", None),))


@pytest.mark.parametrize(
    "text",
    [
        "", "sip", "sip:", "sip:@host", "sip:a@", "sip:a@b@c", "sip:a@host:", "sip:a@host:x", "sip:a@host:65536",
        "sip:a@host:-1", "sip:a@[::1", "sip:a@::1", "sip:a@[::g]", "sip:a@[fe80::1%eth0]", "sip:a@[::1]x", "sip:a b@host",
        "sip:a@ho st", "sip:a@host;", "sip:a@host;;lr", "sip:a@host;=x", "sip:a@host;x=", "sip:a@host?", "sip:a@-host",
        "sip:a@host/x", "<sip:a@host>", "sip:a\r\n@host", "sip:a\0@host", 'sip:"a"@host', "1sip:a@host", "sip:a@é.org",
        "sip:" + "a" * 256,
    ],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(BadMessage) as caught:
        SipUri.parse(text)
    assert caught.value.status_hint == 400


@pytest.mark.parametrize("text", ["tel:+1", "pres:a@b", "http://x", "sipp:a@b", "urn:service:sos"])
def test_another_scheme_is_a_status_of_its_own(text: str) -> None:
    with pytest.raises(BadMessage) as caught:
        SipUri.parse(text)
    assert caught.value.status_hint == 416


# the examples of RFC 3261, section 19.1.4
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
         "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"),
        ("sip:alice@atlanta.com?subject=project%20x&priority=urgent",
         "sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
        ("sip:a@[2001:db8:0:0:0:0:0:1]", "sip:a@[2001:DB8::1]"),
    ],
)  # fmt: skip
def test_equivalent_uris(a: str, b: str) -> None:
    assert equivalent(SipUri.parse(a), SipUri.parse(b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:a:b@b"),
        ("sip:a@b", "sip:b"),
        ("sip:a@b;maddr=x", "sip:a@b"),
        ("sip:a@b;user=phone", "sip:a@b"),
        ("sip:a@b;lr", "sip:a@b;lr=x"),
        ("sip:%41@b", "sip:a@b"),
    ],
)
def test_uris_that_differ(a: str, b: str) -> None:
    assert not equivalent(SipUri.parse(a), SipUri.parse(b))


def test_equivalence_is_not_transitive() -> None:
    on, plain, off = (SipUri.parse("sip:c@d" + end) for end in (";security=on", "", ";security=off"))
    assert equivalent(on, plain)
    assert equivalent(plain, off)
    assert not equivalent(on, off)
