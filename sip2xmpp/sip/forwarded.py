"""What forwarding does to a message, apart from sending it: copies, Route lines, hops, and the mark of a loop.

Implements: RFC 3261 sections 16.4, 16.6 and 16.7 step 3; RFC 5658 section 5 as far as a client's flow is concerned.
"""

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import STAR, Request, Response

__all__ = [
    "Mark",
    "copy_of",
    "hops_left",
    "is_numeric",
    "mark_of",
    "needs_flow",
    "set_routes",
    "without_our_via",
]

Mark = tuple[object, ...]


def copy_of(request: Request) -> Request:
    """A request that may be changed without changing ``request``."""
    return Request(
        method=request.method,
        uri=request.uri,
        headers=request.headers.copy(),
        body=request.body,
        flow=request.flow,
    )


def mark_of(request: Request) -> Mark:
    """What a request that loops has in common with itself (section 16.6, step 8)."""
    return (
        request.method,
        request.uri,
        tuple(request.route),
        request.call_id,
        request.from_.tag,
        request.to.tag,
        request.cseq.number,
    )


def hops_left(request: Request) -> int:
    """The Max-Forwards with which it goes on (section 16.6, step 3)."""
    return request.max_forwards - 1 if "Max-Forwards" in request.headers else 70


def needs_flow(request: Request, came: Flow) -> bool:
    """Whether the sender of ``request`` can be reached only over the flow that it came by.

    That is so for a client (there is no other hop before us) that is on a connection, or whose Contact is not the
    address that we see, because an address translator stands between.
    """
    contacts = request.contacts
    if len(request.vias) > 1 or contacts is STAR or not contacts:
        return False
    if came.transport is not Transport.UDP:
        return True
    contact = contacts[0].sip_uri
    return HostPort(contact.host.strip("[]"), contact.port or 5060) != came.peer


def set_routes(request: Request, routes: list[str]) -> None:
    """Replace the Route lines."""
    request.headers.remove("Route")
    for route in routes:
        request.headers.add("Route", route)


def without_our_via(response: Response) -> Response:
    """``response`` as it goes on to the hop before us (section 16.7, step 3)."""
    headers = response.headers.copy()
    headers.pop_first("Via")
    if "Via" not in headers:
        raise BadMessage("a response to a forwarded request without the Vias of that")
    return Response(status=response.status, reason=response.reason, headers=headers, body=response.body)


def is_numeric(host: str) -> bool:
    """Whether a host is an IP address and no name."""
    return ":" in host or host.replace(".", "").isdigit()
