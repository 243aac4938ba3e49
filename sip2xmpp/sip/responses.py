"""The octets of a response to a request that has been read: what nearly every request gets, written in one piece.

``make_response`` builds the same as a message, for whoever wants to look into it or change it.

Implements: RFC 3261 section 8.2.6.
"""

from collections.abc import Sequence

from sip2xmpp.sip.grammar import cleaned
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.statuses import reason_of

__all__ = ["response_octets"]


def response_octets(  # noqa: PLR0917 - keywords would cost on the path of every request
    request: Request,
    status: int,
    reason: str | None,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    to_tag: str | None,
) -> bytes:
    """The response to a request that has been checked: all its Vias, From, To, Call-ID and CSeq as they came.

    ``to_tag`` is put on a To that has no tag; it is a token.  ``reason`` is cleaned of line ends; None takes the usual phrase.
    ``ValueError`` for a header that would break the framing.
    """
    lines = request.headers
    first = lines.first
    to = first["To"]
    if to_tag is not None and request.ends.to_tag is None:
        to = f"{to.rstrip()};tag={to_tag}"
    more = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if not more.count("\r") == more.count("\n") == len(headers) or "\0" in more:
        raise ValueError(f"a header of a {status} cannot hold CR, LF or NUL")
    head = (
        f"SIP/2.0 {status} {reason_of(status) if reason is None else cleaned(reason)}\r\n{lines.written('Via')}"
        f"To:{to}\r\nFrom:{first['From']}\r\nCall-ID:{first['Call-ID']}\r\nCSeq:{first['CSeq']}\r\n"
        f"{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("utf-8", "surrogateescape") + body
