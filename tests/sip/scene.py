"""What the tests of the moving half of SIP have in common: who is where, and what they say."""

from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import Request, make_request
from sip2xmpp.sip.server_transaction import ServerTransaction

US = HostPort("192.0.2.1", 5060)
BOB = HostPort("192.0.2.9", 5060)
TO_BOB = Flow(transport=Transport.UDP, local=US, peer=BOB)


class Echo:
    """Answers each request with 200 and its body."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        self.requests.append(request)
        transaction.reply(200, body=request.body, content_type="text/plain")


class Patient:
    """Answers nothing until told to."""

    def __init__(self) -> None:
        self.waiting: list[ServerTransaction] = []

    def request_received(self, transaction: ServerTransaction, request: Request) -> None:
        self.waiting.append(transaction)


def their_request(
    method: str = "MESSAGE", branch: str = "a1", uri: str = "sip:alice@sip.example.org", **changes: str | None
) -> str:
    """A request of bob; a header given as None is left out."""
    lines: dict[str, str | None] = {
        "Via": f"SIP/2.0/UDP {BOB};branch=z9hG4bK{branch};rport",
        "From": "<sip:bob@example.com>;tag=b1",
        "To": "<sip:alice@sip.example.org>",
        "Call-ID": "call-1",
        "CSeq": f"1 {method}",
        "Max-Forwards": "70",
        "Content-Length": "5",
    }
    lines |= {name.replace("_", "-"): value for name, value in changes.items()}
    text = "".join(f"{name}: {value}\n" for name, value in lines.items() if value is not None)
    return f"{method} {uri} SIP/2.0\n{text}\nhello"


def our_request(method: str = "NOTIFY", uri: str = "sip:bob@192.0.2.9", body: bytes = b"") -> Request:
    return make_request(
        method,
        uri,
        from_="<sip:alice@sip.example.org>;tag=a1",
        to="<sip:bob@example.com>;tag=b1",
        call_id="call-2",
        cseq=7,
        body=body,
    )
