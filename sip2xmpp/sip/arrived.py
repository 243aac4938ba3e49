"""A response as it came from the wire, read only when somebody asks.

Most responses are the 200 to a NOTIFY, of which nobody wants more than the status.  The status line is read at once;
headers, body and reason are parsed together at the first look at any of them, which raises BadMessage for a response
that is no good.

Implements: RFC 3261 section 7.2.
"""

from typing import Any

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.flow import UDP, Flow
from sip2xmpp.sip.message import Response, parse_message

__all__ = ["ArrivedResponse"]


class ArrivedResponse(Response):
    """A ``Response`` whose slots are filled at first use."""

    __slots__ = ("octets",)

    def __init__(self, octets: bytes, status: int, flow: Flow) -> None:
        self.octets = octets
        self.status = status
        self.flow = flow

    def __getattr__(self, name: str) -> Any:
        """Only reached while a slot is empty."""
        if name not in {"headers", "body", "reason"}:
            raise AttributeError(name)
        flow = self.flow
        message = parse_message(self.octets, stream=flow is not None and flow.transport is not UDP)
        if not isinstance(message, Response):
            raise BadMessage("not a response")
        self.headers, self.body, self.reason = message.headers, message.body, message.reason
        return getattr(self, name)
