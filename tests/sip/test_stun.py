import ipaddress
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.sip.flow import HostPort
from sip2xmpp.sip.stun import answer

COOKIE = b"\x21\x12\xa4\x42"


def request(attributes: bytes = b"", kind: int = 1, cookie: bytes = COOKIE) -> bytes:
    return struct.pack("!HH", kind, len(attributes)) + cookie + b"transaction!" + attributes


@pytest.mark.parametrize("host", ["192.0.2.9", "2001:db8::9"])
def test_the_answer_tells_the_source(host: str) -> None:
    octets = answer(request(), HostPort(host, 40000))
    assert octets is not None
    kind, length = struct.unpack_from("!HH", octets)
    assert kind == 0x0101 and length == len(octets) - 20 and octets[4:20] == COOKIE + b"transaction!"
    _, size, family, port = struct.unpack_from("!HHxBH", octets, 20)
    assert port ^ 0x2112 == 40000 and family == (2 if ":" in host else 1)
    masked = octets[28 : 24 + size]
    address = bytes(a ^ b for a, b in zip(masked, octets[4:20], strict=False))
    assert str(ipaddress.ip_address(address)) == host
    [fingerprint] = struct.unpack("!I", octets[-4:])
    assert fingerprint == zlib.crc32(octets[:-8]) ^ 0x5354554E


@pytest.mark.parametrize(
    "octets",
    [b"", b"\0" * 19, request(kind=0x0101), request(cookie=b"none"), request()[:-1], request() + b"\0\0"],
)
def test_what_is_no_binding_request_is_not_answered(octets: bytes) -> None:
    assert answer(octets, HostPort("192.0.2.9", 1)) is None


def test_attributes_do_not_matter() -> None:
    assert answer(request(b"\x80\x22\0\x04test"), HostPort("192.0.2.9", 1)) is not None


@given(st.binary(max_size=100))
def test_any_octets_are_answered_or_not(octets: bytes) -> None:
    answer(octets, HostPort("192.0.2.9", 1))
