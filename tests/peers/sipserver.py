"""Another SIP domain for tests: takes REGISTER, PUBLISH, MESSAGE and SUBSCRIBE, and notifies when the test says so.

It is what the gateway, a softphone or a SIP client meets on the other side.  ``refuse`` answers a method with an error,
``accounts`` makes it ask for digest, ``documents`` gives new watchers their first document.
"""

import ssl
from dataclasses import dataclass, field

from tests.peers.sipclient import PIDF
from tests.peers.sipendpoint import Address, Answer, SipEndpoint
from tests.peers.sipmessage import (
    Headers,
    SipMessage,
    build,
    challenge_fields,
    digest_response,
    parameter,
    token,
    uri_in,
)


@dataclass
class Watched:
    """One notification dialog as its notifier sees it; ``requests`` are the SUBSCRIBEs, newest last."""

    tag: str
    requests: list[SipMessage]
    cseq: int = 0
    notified: list[SipMessage] = field(default_factory=list)

    @property
    def first(self) -> SipMessage:
        return self.requests[0]

    @property
    def last(self) -> SipMessage:
        return self.requests[-1]

    @property
    def watcher(self) -> str:
        return uri_in(self.first.get("from"))

    @property
    def presentity(self) -> str:
        return uri_in(self.first.get("to"))

    @property
    def expires(self) -> int:
        return int(self.last.get("expires") or 3600)


class SipServer(SipEndpoint):
    """Whoever lives behind ``address``; every presentity exists."""

    def __init__(self, *, transport: str = "udp", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(transport=transport, tls=tls)
        self.accounts: dict[str, str] = {}
        self.algorithm = "MD5"
        self.refuse: dict[str, tuple[int, str, Headers]] = {}
        self.documents: dict[str, str] = {}
        self.first_state = "active"
        self.notifies_at_once = True
        self.watched: list[Watched] = []
        self.published: list[SipMessage] = []

    # what comes in

    def answer(self, request: SipMessage) -> Answer | None:
        if request.method in self.refuse:
            return (*self.refuse[request.method], b"")
        if self.accounts and not self._is_proved(request):
            challenge = f'Digest realm="test", nonce="{token()}", qop="auth", algorithm={self.algorithm}'
            return 401, "Unauthorized", [("WWW-Authenticate", challenge)], b""
        expires = request.get("expires") or "3600"
        match request.method:
            case "REGISTER":
                return 200, "OK", [("Contact", f"{request.get('contact')};expires={expires}")], b""
            case "PUBLISH":
                self.published.append(request)
                return 200, "OK", [("SIP-ETag", token()), ("Expires", expires)], b""
            case "SUBSCRIBE":
                return self._subscribed(request, expires)
            case "INVITE":
                return 486, "Busy Here", (), b""
        return 200, "OK", (), b""

    def _subscribed(self, request: SipMessage, expires: str) -> Answer:
        if not request.to_tag:
            self.watched.append(Watched(token(), [request]))
        elif (dialog := self._dialog(request)) is None:
            return 481, "Subscription does not exist", (), b""
        else:
            dialog.requests.append(request)
        return 200, "OK", [("Expires", expires), ("Contact", f"<sip:{self.host}:{self.port}>")], b""

    def tag_for(self, request: SipMessage) -> str:
        dialog = self._dialog(request)
        return dialog.tag if dialog else token()

    def after(self, request: SipMessage) -> None:
        dialog = self._dialog(request) if request.method == "SUBSCRIBE" else None
        if dialog is not None and self.notifies_at_once:
            state = "terminated;reason=timeout" if dialog.expires == 0 else self.first_state
            self.notify(dialog, self.documents.get(dialog.presentity, ""), state=state, waits=False)

    def _dialog(self, request: SipMessage) -> Watched | None:
        return next((each for each in self.watched if each.first.call_id == request.call_id), None)

    def _is_proved(self, request: SipMessage) -> bool:
        fields = challenge_fields(request.get("authorization"))
        password = self.accounts.get(fields.get("username", ""))
        if password is None:
            return False
        wanted = digest_response(
            fields, username=fields["username"], password=password, method=request.method, uri=fields["uri"]
        )
        return fields["response"] == wanted

    # what the test makes it do

    def wait_for_watcher(self, presentity: str, *, within: float = 10.0) -> Watched:
        """The newest dialog about a presentity."""
        self.wait_for(
            lambda message: (
                message.method == "SUBSCRIBE"
                and uri_in(message.get("to")) == presentity
                and self._dialog(message) is not None
            ),
            f"SUBSCRIBE to {presentity}",
            within=within,
        )
        return next(each for each in reversed(self.watched) if each.presentity == presentity)

    def notify(
        self,
        dialog: Watched,
        body: str = "",
        *,
        state: str = "active",
        content_type: str = PIDF,
        headers: Headers = (),
        waits: bool = True,
    ) -> SipMessage | None:
        """Send a NOTIFY, and return what it was answered with unless told not to wait."""
        dialog.cseq += 1
        if state in {"active", "pending"}:
            state += f";expires={dialog.expires}"
        to = dialog.first.get("to")
        mine = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in dialog.first.all("record-route")),
            ("From", to if parameter(to, "tag") else f"{to};tag={dialog.tag}"),
            ("To", dialog.first.get("from")),
            ("Call-ID", dialog.first.call_id),
            ("CSeq", f"{dialog.cseq} NOTIFY"),
            ("Contact", f"<sip:{self.host}:{self.port}>"),
            ("Event", dialog.first.get("event")),
            ("Subscription-State", state),
            *([("Content-Type", content_type)] if body else []),
            *headers,
        ]
        octets = build(f"NOTIFY {uri_in(dialog.last.get('contact'))} SIP/2.0", mine, body.encode())
        where = self._towards(dialog)
        if not waits:
            self.send(octets, where)
            return None
        response = self.transact(octets, where)
        dialog.notified.append(response)
        return response

    def _towards(self, dialog: Watched) -> Address:
        source = dialog.last.source
        if routes := dialog.first.all("record-route"):
            return self.next_hop(routes[0], source)
        return source if self.transport != "udp" else self.next_hop(dialog.last.get("contact"), source)
