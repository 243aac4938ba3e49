"""Reading of a request no more than it takes to refuse it, and the refusal.

A server that has too much to do cannot afford to parse what it will not serve.  One pass over the header lines finds
what a response copies and what tells requests apart: the transaction key, whether the request is inside a dialog, and
whether it is conditional.  What is written in an unusual way (folded lines, odd spellings, a Via with blanks or quotes)
is not read here but parsed as ever, and refused then.

The response is stateless: its tag is made from the request alone, so that a repeated request gets the same answer.

Implements: RFC 3261 sections 8.2.6 (response), 8.2.7 (stateless), 17.2.3 (key), 18.2.1 (received), 18.2.2, 20.33 and
21.5.4 (Retry-After); RFC 3581 section 4 (rport).
"""

import re
from typing import Final, NamedTuple

from sip2xmpp.sip.fields import SPELLINGS
from sip2xmpp.sip.flow import Flow
from sip2xmpp.sip.hop import MARK, plain_via

__all__ = ["Skimmed", "refusal", "retry_after", "skim"]

TAG: Final = re.compile(rb";[ \t]*tag[ \t]*=", re.IGNORECASE)
NAMES: Final = {name.encode(): long.encode() for name, long in SPELLINGS.items()}
ECHOED: Final = frozenset({b"From", b"To", b"Call-ID", b"CSeq"})
LOOKED_AT: Final = ECHOED | {b"SIP-If-Match"}
NEEDED: Final = frozenset(name.lower() for name, long in NAMES.items() if long in LOOKED_AT or long == b"Via")
"""Spellings, in lower case, of what must not be overlooked."""

SOONEST: Final = 5
"""Seconds after which the first of those who were refused may come again."""
SPREAD: Final = 10
"""Seconds over which the others follow, so that they do not all come at once."""
ENDS: Final = [
    b"\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n" % (SOONEST + seconds) for seconds in range(SPREAD)
]
"""How refusals end."""


class Skimmed(NamedTuple):
    """A request as far as it was read: ``back`` is where its response goes, ``echo`` what that repeats, the To last."""

    method: bytes
    key: str
    is_inside_dialog: bool
    is_conditional: bool
    back: Flow
    echo: bytes


def skim(octets: bytes, flow: Flow) -> Skimmed | None:
    """What there is to know of a request that came over ``flow``; None for what is odd, or no request."""
    end = octets.find(b"\r\n\r\n")
    lines = octets[:end].split(b"\r\n")
    method, _, rest = lines[0].partition(b" ")
    if end < 0 or not method.isalpha() or not rest.endswith(b" SIP/2.0"):
        return None
    names = NAMES
    vias: list[bytes] = []
    single: dict[bytes, bytes] = {}
    count = 0
    del lines[0]
    for line in lines:
        name, _, value = line.partition(b":")
        written = names.get(name)
        if written is None:
            if name[:1] in b" \t" or name.strip().lower() in NEEDED:
                return None
        elif written in LOOKED_AT:
            count += 1
            single[written] = line
        elif written == b"Via":
            vias.append(value)
    if count != len(single) or not vias or not single.keys() >= ECHOED:
        return None
    hop = _hop(vias[0], flow)
    if hop is None:
        return None
    vias[0], sender, back = hop
    to = single[b"To"].rstrip()
    echo = b"Via:%b\r\n%b\r\n%b\r\n%b\r\n%b" % (
        b"\r\nVia:".join(vias),
        single[b"From"],
        single[b"Call-ID"],
        single[b"CSeq"],
        to,
    )
    # what else may end a line for somebody does not get into an answer
    if not echo.count(b"\n") == echo.count(b"\r") == len(vias) + 3 or b"\0" in echo:
        return None
    is_inside = b"tag" in to.lower() and TAG.search(to, to.rfind(b">") + 1) is not None
    return Skimmed(method, f"{sender} {method.decode()}", is_inside, b"SIP-If-Match" in single, back, echo)


def refusal(seen: Skimmed) -> bytes:
    """The 503 to a request."""
    chance = hash(seen.key)
    tag = b"" if seen.is_inside_dialog else b";tag=%016x" % (chance & 0xFFFF_FFFF_FFFF_FFFF)
    return b"SIP/2.0 503 Service Unavailable\r\n%b%b%b" % (seen.echo, tag, ENDS[chance % SPREAD])


def retry_after(key: str) -> str:
    """The Retry-After of a request with this transaction key that there is no room for."""
    return str(SOONEST + hash(key) % SPREAD)


def _hop(written: bytes, flow: Flow) -> tuple[bytes, str, Flow] | None:
    """The top Via with what was seen written into it, whose request it is, and where the response goes."""
    plain = plain_via(written.decode("utf-8", "surrogateescape"), flow)
    if plain is None:
        return None
    branch, seen = plain
    via = f"{seen.before}{MARK}{branch}{seen.after}"
    return via.encode("ascii"), f"{branch} {seen.sent_by}", seen.way_back(flow)
