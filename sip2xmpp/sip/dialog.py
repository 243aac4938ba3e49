"""Dialogs: the lasting relation between a notifier and a subscriber, and the requests within it.

Both roles are here: the notifier's dialog is made from the SUBSCRIBE it accepts, the subscriber's from the NOTIFY that
answers its SUBSCRIBE (not from the 2xx, which may come later or be one of several).  A notifier sends the same NOTIFY
over and over with another CSeq, state and body, so :meth:`Dialog.prepare` writes down the rest of it once.

Implements: RFC 3261, section 12; RFC 6665, sections 4.1.3, 4.2.1 and 4.4.1.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip.grammar import Params, format_params, is_token, quote, writable
from sip2xmpp.sip.headers import CSEQ_LIMIT, MediaType, NameAddr
from sip2xmpp.sip.message import STAR, Request, make_request
from sip2xmpp.sip.uri import PLAIN, PLAIN_LENGTH, SipUri

#   ``remote_cseq`` of a dialog in which the peer has not sent a request yet.
NO_CSEQ = -1
_PARAMS = r"(?:;(?!method)[a-z0-9.+-]+(?:=[A-Za-z0-9.\-]+)?)*"
#   One Contact as most clients write it; a Request-URI can be made of it.
_USUAL_CONTACT = re.compile(rf' ?(?:"[^"\\<>]*" ?)?<({PLAIN}{_PARAMS})>{_PARAMS}')


class Dialog:
    """One end of a dialog.  URIs are as the peer wrote them: old peers compare them (RFC 3261, section 12.2.1.1).

    ``local_cseq`` is the number last used, ``route_set`` the Route values in the order they are written.
    """

    __slots__ = (
        "call_id", "local_cseq", "local_tag", "local_uri", "remote_cseq", "remote_tag",
        "remote_target", "remote_uri", "route_set",
    )  # fmt: skip

    def __init__(
        self,
        *,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local_uri: str,
        remote_uri: str,
        remote_target: str,
        route_set: Sequence[str] = (),
        local_cseq: int = 0,
        remote_cseq: int = NO_CSEQ,
    ) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local_uri = local_uri
        self.remote_uri = remote_uri
        self.remote_target = remote_target
        self.route_set = list(route_set)
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq

    @classmethod
    def from_request(cls, request: Request, local_tag: str, *, local_cseq: int = 0) -> "Dialog":
        """The dialog that answering ``request`` with a 2xx makes, seen from us (RFC 3261, section 12.1.1).

        Raises :class:`BadMessage` (400) if the request has not exactly one Contact that can be sent to, or a
        Record-Route that cannot be followed.
        """
        return cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_.tag or "",
            local_uri=request.to.uri,
            remote_uri=request.from_.uri,
            remote_target=target_of(request),
            route_set=route_set_of(request),
            local_cseq=local_cseq,
            remote_cseq=request.cseq.number,
        )

    @classmethod
    def from_notify(cls, request: Request, *, local_cseq: int = 1) -> "Dialog":
        """The dialog that a NOTIFY makes for the subscriber that gets it (RFC 6665, section 4.4.1).

        ``local_cseq`` is the CSeq number of the SUBSCRIBE that it answers.
        """
        return cls.from_request(request, request.to.tag or "", local_cseq=local_cseq)

    def accept_cseq(self, number: int) -> bool:
        """Take note of the peer's CSeq; False if it is lower than an earlier one, which is answered with 500.

        An equal number passes: it is a request that was challenged and repeated, or came on two paths.
        """
        if number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def update_target(self, request: Request) -> None:
        """Follow the Contact of a target refresh request, if it has one (SUBSCRIBE and NOTIFY are such)."""
        if "Contact" not in request.headers:
            return
        self.remote_target = target_of(request)

    def next_cseq(self) -> int:
        """A new local CSeq number; ``OverflowError`` after 2**31-1, when the dialog has to end."""
        if self.local_cseq >= CSEQ_LIMIT:
            raise OverflowError("the dialog has used up its CSeq numbers")
        self.local_cseq += 1
        return self.local_cseq

    def next_request(
        self,
        method: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: MediaType | str | None = None,
    ) -> Request:
        """The next request in this dialog, with its route; the caller adds Contact and what else the method needs."""
        uri, routes = self._way()
        return make_request(
            method,
            uri,
            from_=self._local(),
            to=self._remote(),
            call_id=self.call_id,
            cseq=self.next_cseq(),
            headers=[*(("Route", route) for route in routes), *headers],
            body=body,
            content_type=content_type,
        )

    def prepare(self, method: str, fixed_headers: Iterable[tuple[str, str]]) -> "Prepared":
        """All of this dialog's ``method`` requests that is the same in each.

        ``fixed_headers`` are Contact, Event, User-Agent and the like.  It is stale once the remote target changes.
        """
        uri, routes = self._way() if self.route_set else (self.remote_target, ())
        lines = [
            f"{method} {uri} SIP/2.0",
            "Max-Forwards: 70",
            f"From: <{self.local_uri}>{_tag_text(self.local_tag)}",
            f"To: <{self.remote_uri}>{_tag_text(self.remote_tag)}",
            f"Call-ID: {self.call_id}",
            *[f"Route: {route}" for route in routes],
            *[f"{name}: {value}" for name, value in fixed_headers],
        ]
        # Every notification is made of this, so it is written as text; one look at the whole replaces one at each part.
        written = "\r\n".join(lines)
        if (
            not written.count("\n") == written.count("\r") == len(lines) - 1
            or lines[0].count(" ") != 2
            or "\0" in written
        ):
            raise ValueError(f"a line of a {method} to {uri!r} would break it")
        head = len(lines[0]) + 2
        return Prepared(
            written[:head].encode("utf-8", "surrogateescape"),
            written[head:].encode("utf-8", "surrogateescape") + b"\r\n",
        )

    def _local(self) -> NameAddr:
        return NameAddr(uri=self.local_uri, params=_tag_params(self.local_tag))

    def _remote(self) -> NameAddr:
        return NameAddr(uri=self.remote_uri, params=_tag_params(self.remote_tag))

    def _way(self) -> tuple[str, list[str]]:
        """Request-URI and Route values (RFC 3261, section 12.2.1.1)."""
        if not self.route_set:
            return self.remote_target, []
        first = NameAddr.parse(self.route_set[0])
        uri = SipUri.parse(first.uri)
        if uri.is_loose:
            return self.remote_target, self.route_set
        #   A strict router takes the Request-URI for itself and expects the target at the end of the list.
        stripped = SipUri(
            scheme=uri.scheme,
            user=uri.user,
            password=uri.password,
            host=uri.host,
            port=uri.port,
            params=uri.without_params("method").params,
        )
        return str(stripped), [*self.route_set[1:], f"<{self.remote_target}>"]


class Prepared(NamedTuple):
    """The unchanging parts of a dialog's requests: the request line, and header lines that follow the Via."""

    head: bytes
    fixed: bytes

    def render(self, cseq: int, subscription_state: bytes, body_block: bytes) -> tuple[bytes, bytes]:
        """A NOTIFY as (what stands before its Via line, what stands behind it).

        ``subscription_state`` is that header's value; ``body_block`` is made by :func:`body_block`, once for all
        watchers.
        """
        return self.head, b"%bCSeq: %d NOTIFY\r\nSubscription-State: %b\r\n%b" % (
            self.fixed,
            cseq,
            subscription_state,
            body_block,
        )


def target_of(request: Request) -> str:
    """The one Contact address of a request that makes or refreshes a dialog."""
    raw = request.headers.first.get("Contact", "")
    usual = _USUAL_CONTACT.fullmatch(raw) if len(raw) <= PLAIN_LENGTH and request.headers.are_single else None
    if usual is not None:
        return usual[1]
    contacts = request.contacts
    if contacts is STAR or len(contacts) != 1:
        raise BadMessage(f"a {request.method} needs exactly one Contact", 400, request)
    target = contacts[0].uri
    try:
        uri = SipUri.parse(target)
    except BadMessage as bad:
        raise BadMessage(f"the Contact is no SIP URI: {bad}", 400, request) from None
    #   A Request-URI cannot have these (RFC 3261, section 19.1.1, table 1).
    if uri.headers or uri.param("method") is not None:
        raise BadMessage("a Contact with headers or a method", 400, request)
    return target


def route_set_of(request: Request) -> list[str]:
    """The Record-Route values of a request that makes a dialog, each of which a request can be sent to."""
    if "Record-Route" not in request.headers.first:
        return []
    route_set = request.record_route
    try:
        for route in route_set:
            SipUri.parse(NameAddr.parse(route).uri)
    except BadMessage as bad:
        raise BadMessage(f"a Record-Route that cannot be followed: {bad}", 400, request) from None
    return route_set


def _tag_text(tag: str) -> str:
    """The parameter for ``tag`` as it is written."""
    return f";tag={tag}" if tag.isalnum() else format_params(_tag_params(tag))


def _tag_params(tag: str) -> Params:
    """The parameter for ``tag``; none for the null tag of an RFC 2543 peer."""
    return (("tag", tag if is_token(tag) else quote(tag)),) if tag else ()


def body_block(content_type: MediaType | str | None, body: bytes) -> bytes:
    """The end of a message: Content-Type (None for no body), Content-Length, blank line and body."""
    if content_type is None:
        return b"Content-Length: 0\r\n\r\n"
    value = writable(str(content_type)).encode("utf-8", "surrogateescape")
    return b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (value, len(body), body)
