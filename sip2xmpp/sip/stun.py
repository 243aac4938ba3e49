"""The one STUN exchange that a SIP port owes its clients: a binding request tells where it came from.

Pure: octets in, octets out.  Requests carry no credentials (RFC 5626 wants none), so nothing is checked but the form.

Implements: RFC 5389 sections 6, 7.3, 15.2 and 15.5; RFC 5626 section 8.
"""

import ipaddress
import struct
import zlib
from typing import Final

from sip2xmpp.sip.flow import HostPort

__all__ = ["answer"]

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
XOR_MAPPED_ADDRESS: Final = 0x0020
FINGERPRINT: Final = 0x8028
COOKIE: Final = 0x2112A442
FINGERPRINT_XOR: Final = 0x5354554E
HEADER: Final = struct.Struct("!HHI12s")


def answer(octets: bytes, source: HostPort) -> bytes | None:
    """The success response to a binding request from ``source``; None if ``octets`` is not one."""
    if len(octets) < HEADER.size:
        return None
    kind, length, cookie, transaction = HEADER.unpack_from(octets)
    if kind != BINDING_REQUEST or cookie != COOKIE or length % 4 or HEADER.size + length != len(octets):
        return None
    address = ipaddress.ip_address(source.host.partition("%")[0])
    key = struct.pack("!I", COOKIE) + transaction
    masked = bytes(octet ^ mask for octet, mask in zip(address.packed, key, strict=False))
    family = 1 if address.version == 4 else 2
    value = struct.pack("!xBH", family, source.port ^ (COOKIE >> 16)) + masked
    mapped = struct.pack("!HH", XOR_MAPPED_ADDRESS, len(value)) + value
    # the length counts the fingerprint, 8 octets, which is computed over everything before it
    head = HEADER.pack(BINDING_SUCCESS, len(mapped) + 8, COOKIE, transaction)
    check = zlib.crc32(head + mapped) ^ FINGERPRINT_XOR
    return head + mapped + struct.pack("!HHI", FINGERPRINT, 4, check)
