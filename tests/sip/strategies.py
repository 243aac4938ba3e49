"""Hypothesis strategies for the values of the SIP grammar."""

from typing import Any

from hypothesis import strategies as st

from sip2xmpp.sip.grammar import Params, quote
from sip2xmpp.sip.headers import CSeq, Event, MediaType, NameAddr, SubscriptionState, Via
from sip2xmpp.sip.message import Headers, Request, Response
from sip2xmpp.sip.uri import SipUri

ALPHANUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
tokens = st.text(ALPHANUM + "-.!%*_+`'~", min_size=1, max_size=12)
lower_tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~", min_size=1, max_size=12)
# what may stand in a header line, octets that are no UTF-8 included
texts = st.text(
    st.one_of(
        st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n\0"),
        st.integers(0xDC80, 0xDCFF).map(chr),
    ),
    max_size=20,
)
# decoded from UTF-8 as a parser would: pairs of escaped octets that happen to be a character become it
wire_texts = texts.map(
    lambda text: text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
)
trimmed = wire_texts.map(lambda text: text.strip(" \t"))
param_values = st.one_of(st.none(), tokens, wire_texts.map(quote))
params: st.SearchStrategy[Params] = st.lists(st.tuples(tokens, param_values), max_size=3).map(tuple)
labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
hosts = st.one_of(
    st.lists(labels, min_size=1, max_size=3).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
ports = st.one_of(st.none(), st.integers(0, 65535))
escaped = st.sampled_from(["%41", "%61", "%00", "%40", "%25", "%7e", "%C3%A9"])
user_parts = st.lists(
    st.one_of(escaped, st.text(ALPHANUM + "-_.!~*'()&=+$,;?/", min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
).map("".join)
uri_tokens = st.lists(
    st.one_of(escaped, st.text(ALPHANUM + "-_.!~*'()[]/:&+$", min_size=1, max_size=4)), min_size=1, max_size=3
).map("".join)
uri_params: st.SearchStrategy[Params] = st.lists(
    st.tuples(
        st.one_of(uri_tokens, st.sampled_from(["transport", "lr", "maddr", "user", "ttl", "method", "LR"])),
        st.one_of(st.none(), uri_tokens),
    ),
    max_size=4,
).map(tuple)
sip_uris = st.builds(
    SipUri,
    scheme=st.sampled_from(["sip", "sips"]),
    user=st.one_of(st.none(), user_parts),
    password=st.none(),
    host=hosts,
    port=ports,
    params=uri_params,
    headers=st.one_of(st.just(""), st.tuples(uri_tokens, uri_tokens).map("=".join)),
)
other_uris = st.builds(
    lambda scheme, rest: f"{scheme}:{rest}", labels.map(lambda text: "x" + text), uri_tokens
)
uris = st.one_of(sip_uris.map(str), other_uris)

request_uris = st.one_of(
    sip_uris.filter(lambda uri: not uri.headers and uri.param("method") is None).map(str), other_uris
)

name_addrs = st.builds(NameAddr, display=wire_texts, uri=uris, params=params)
vias = st.builds(Via, transport=tokens.map(str.upper), host=hosts, port=ports, params=params)
cseqs = st.builds(CSeq, number=st.integers(0, 2**31 - 1), method=tokens)
other_params = st.lists(st.tuples(tokens.filter(lambda name: name.lower() != "id"), param_values), max_size=2)
events = st.builds(
    Event,
    type=tokens,
    id=st.one_of(st.none(), wire_texts.filter(bool)),
    params=other_params.map(tuple),
)
seconds_values = st.one_of(st.none(), st.integers(0, 2**32 - 1))
states = st.builds(
    SubscriptionState,
    state=lower_tokens,
    expires=seconds_values,
    reason=st.one_of(st.none(), lower_tokens),
    retry_after=seconds_values,
)
media_types = st.builds(MediaType, type=st.tuples(lower_tokens, lower_tokens).map("/".join), params=params)

_RESERVED = {"via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "content-length", "l"}
extra_headers = st.lists(
    st.tuples(tokens.filter(lambda name: name.lower() not in _RESERVED and len(name) > 1), trimmed),
    max_size=4,
)
call_ids = st.text(ALPHANUM + "-.!%*_+`'~()<>:\\\"/[]?{}@", min_size=1, max_size=20)


@st.composite
def headers_of(draw: Any, method: str) -> Headers:
    lines = [
        ("Via", str(draw(vias))),
        ("From", str(draw(name_addrs))),
        ("To", str(draw(name_addrs))),
        ("Call-ID", draw(call_ids)),
        ("CSeq", f"{draw(st.integers(0, 2**31 - 1))} {method}"),
        *(("Via", str(via)) for via in draw(st.lists(vias, max_size=2))),
    ]
    # a NUL can come in inside a quoted string and cannot go out
    lines = [(name, value.replace("\0", "")) for name, value in lines]
    return Headers([*lines, *draw(extra_headers)])


@st.composite
def requests(draw: Any) -> Request:
    method = draw(tokens)
    return Request(
        method=method,
        uri=draw(request_uris),
        headers=draw(headers_of(method)),
        body=draw(st.binary(max_size=40)),
    )


@st.composite
def responses(draw: Any) -> Response:
    return Response(
        status=draw(st.integers(100, 699)),
        reason=draw(wire_texts),
        headers=draw(headers_of(draw(tokens))),
        body=draw(st.binary(max_size=40)),
    )
