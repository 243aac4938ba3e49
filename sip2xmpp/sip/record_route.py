"""The Record-Route URIs of our proxy: signed, so that only who got one from us in a dialog can use it there.

Inside a dialog a request needs no credentials if its Route holds one of these, so nobody else may be able to make one.
The user part is a message authentication code over the Call-ID, the tag of whoever sent the request that was
recorded, and a payload; the code and the payload are all there is to remember, and they travel with the dialog.

The payload is the flow over which that request came, if its sender cannot be reached but on it (a phone behind an
address translator, or on a connection of its own making).  It is empty for servers, which are found by their address.

Implements: RFC 3261, section 16.6 (4), RFC 5626, section 5.2 (flow tokens, as far as a proxy of one hop needs them).
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import Request
from sip2xmpp.sip.uri import SipUri

__all__ = ["RecordRoutes", "Recorded"]

#   80 bits, as RFC 5626 has them: more than can be guessed while a dialog lasts.
CODE_LENGTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a Record-Route of ours says: the flow to whoever was recorded, None if no flow is needed."""

    flow: Flow | None


class RecordRoutes:
    """Writes and reads them.  ``secret`` outlives the process if dialogs are to."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, request: Request, place: HostPort, transport: Transport, flow: Flow | None) -> str:
        """The Record-Route value with which ``request`` is forwarded; ``place`` is where we listen."""
        payload = b"" if flow is None else flow.to_text().encode("ascii")
        code = self._code(request.call_id, request.from_.tag, payload)
        user = urlsafe_b64encode(code + payload).rstrip(b"=").decode("ascii")
        parameter = "" if transport is Transport.UDP else f";transport={transport.value}"
        scheme = "sips" if request.uri[:5].lower() == "sips:" else "sip"
        return f"<{scheme}:{user}@{place}{parameter};lr>"

    def read(self, uri: SipUri, request: Request) -> Recorded | None:
        """What ``uri``, found in ``request``, says; None if we did not write it for this dialog."""
        if uri.user is None:
            return None
        try:
            token = urlsafe_b64decode(uri.user + "=" * (-len(uri.user) % 4))
        except ValueError:
            return None
        code, payload = token[:CODE_LENGTH], token[CODE_LENGTH:]
        call_id = request.call_id
        for tag in (request.to.tag, request.from_.tag):
            if hmac.compare_digest(code, self._code(call_id, tag, payload)):
                return Recorded(flow=Flow.from_text(payload.decode("ascii")) if payload else None)
        return None

    def _code(self, call_id: str, tag: str | None, payload: bytes) -> bytes:
        what = f"{call_id}\n{tag or ''}\n".encode("utf-8", "surrogateescape") + payload
        return hmac.digest(self._secret, what, "sha256")[:CODE_LENGTH]
