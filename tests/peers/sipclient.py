"""A SIP user for tests: registers, watches, publishes, writes; knows nothing of the product.

Everything it receives is kept (``received``); a ``Subscription`` keeps its NOTIFYs.  NOTIFYs and MESSAGEs are answered
200 unless ``answers`` says otherwise.
"""

import ssl
from collections.abc import Callable
from typing import Self

from tests.peers.sipendpoint import Address, Answer, SipEndpoint
from tests.peers.sipmessage import Headers, SipMessage, authorization, build, challenge_fields, token, uri_in

PIDF = "application/pidf+xml"

PRESENCE = """\
<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
 xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{entity}">
<tuple id="t1"><status><basic>{basic}</basic></status>{note}</tuple>{person}</presence>
"""


def pidf(entity: str, basic: str = "open", *activities: str, note: str = "") -> str:
    """A presence document; ``activities`` are RPID's names, such as "away" or "on-the-phone"."""
    names = "".join(f"<rpid:{name}/>" for name in activities)
    person = f'<dm:person id="p1"><rpid:activities>{names}</rpid:activities></dm:person>' if names else ""
    return PRESENCE.format(
        entity=entity, basic=basic, note=f"<note>{note}</note>" if note else "", person=person
    )


class SipClient(SipEndpoint):
    """``sip:USER@DOMAIN``, whose outbound server is at ``server``.

    ``algorithm`` picks one of several offered digest algorithms; the first offered otherwise.
    """

    def __init__(
        self,
        user: str,
        domain: str,
        server: Address,
        *,
        password: str = "",
        transport: str = "udp",
        tls: ssl.SSLContext | None = None,
        algorithm: str = "",
    ) -> None:
        super().__init__(transport=transport, tls=tls)
        self.user = user
        self.uri = f"sip:{user}@{domain}"
        self.realm_uri = f"sip:{domain}"
        self.server = server
        self.password = password
        self.algorithm = algorithm
        self.answers: dict[str, Answer | None] = {}
        self._cseq = 0
        self._challenge = ""
        self._answer_with = ""
        self._nonce_count = 0
        self._registration = token()

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.host}:{self.port};transport={self.transport}>"

    def answer(self, request: SipMessage) -> Answer | None:
        return self.answers.get(request.method, (200, "OK", (), b""))

    # requests outside of dialogs

    def request(
        self,
        method: str,
        uri: str,
        headers: Headers = (),
        body: str | bytes = b"",
        *,
        to: str = "",
        call_id: str = "",
        within: float = 10.0,
    ) -> SipMessage:
        """Send a request and return the final response, after one challenge if there is a password."""
        common = [
            ("To", to or f"<{uri}>"),
            ("From", f"<{self.uri}>;tag={token()}"),
            ("Call-ID", call_id or token()),
        ]
        return self.transact_as(method, uri, [*common, *headers], body, self.server, within=within)

    def transact_as(
        self,
        method: str,
        uri: str,
        headers: Headers,
        body: str | bytes,
        where: Address,
        *,
        within: float = 10.0,
    ) -> SipMessage:
        """Send a request with these headers; Via, CSeq, Max-Forwards and credentials are added."""
        octets = body.encode() if isinstance(body, str) else body
        response = self._transact_once(method, uri, headers, octets, where, within=within)
        if response.status in {401, 407} and self.password:
            self._remember(response)
            response = self._transact_once(method, uri, headers, octets, where, within=within)
        return response

    def _transact_once(
        self, method: str, uri: str, headers: Headers, body: bytes, where: Address, *, within: float
    ) -> SipMessage:
        self._cseq += 1
        top = [("Via", self.via()), ("Max-Forwards", "70"), ("CSeq", f"{self._cseq} {method}")]
        head = [*top, *self._credentials(method, uri), *headers]
        return self.transact(build(f"{method} {uri} SIP/2.0", head, body), where, within=within)

    def _remember(self, response: SipMessage) -> None:
        name = "www-authenticate" if response.status == 401 else "proxy-authenticate"
        offered = response.all(name)
        wanted = [
            each for each in offered if challenge_fields(each).get("algorithm", "MD5") == self.algorithm
        ]
        self._challenge = (wanted or offered)[0]
        self._answer_with = "Authorization" if response.status == 401 else "Proxy-Authorization"
        self._nonce_count = 0

    def _credentials(self, method: str, uri: str) -> list[tuple[str, str]]:
        if not self._challenge:
            return []
        self._nonce_count += 1
        value = authorization(
            self._challenge,
            username=self.user,
            password=self.password,
            method=method,
            uri=uri,
            nc=self._nonce_count,
        )
        return [(self._answer_with, value)]

    def register(self, expires: int = 600, *, contact: str = "") -> SipMessage:
        """Register our contact, or with ``expires`` 0 take it back."""
        headers = [("Contact", contact or self.contact), ("Expires", str(expires))]
        return self.request(
            "REGISTER", self.realm_uri, headers, to=f"<{self.uri}>", call_id=self._registration
        )

    def options(self, uri: str = "") -> SipMessage:
        return self.request("OPTIONS", uri or self.realm_uri)

    def message(
        self, uri: str, text: str, content_type: str = "text/plain", headers: Headers = ()
    ) -> SipMessage:
        """Write to somebody (RFC 3428)."""
        return self.request("MESSAGE", uri, [("Content-Type", content_type), *headers], text)

    def wait_for_message(self, text: str, *, within: float = 10.0) -> SipMessage:
        """A MESSAGE with this in its body."""
        return self.wait_for(
            lambda message: message.method == "MESSAGE" and text in message.text,
            f"MESSAGE {text!r}",
            within=within,
        )

    def publish(
        self,
        body: str = "",
        *,
        etag: str = "",
        expires: int = 600,
        event: str = "presence",
        content_type: str = PIDF,
        headers: Headers = (),
        within: float = 10.0,
    ) -> SipMessage:
        """Publish a document, or refresh (no body) or remove (``expires`` 0) the one that ``etag`` names (RFC 3903)."""
        named = [("SIP-If-Match", etag)] if etag else []
        typed = [("Content-Type", content_type)] if body else []
        fields = [("Event", event), ("Expires", str(expires)), *named, *typed, *headers]
        return self.request("PUBLISH", self.uri, fields, body, within=within)

    def subscribe(
        self,
        uri: str,
        *,
        event: str = "presence",
        expires: int = 600,
        accept: str = PIDF,
        headers: Headers = (),
        body: str | bytes = b"",
        within: float = 10.0,
    ) -> "Subscription":
        """Watch somebody; with ``expires`` 0 ask once (RFC 6665)."""
        subscription = Subscription(self, uri, event=event, accept=accept)
        subscription.send(expires, headers, body, within=within)
        return subscription


class Subscription:
    """One notification dialog as its subscriber sees it."""

    def __init__(self, client: SipClient, uri: str, *, event: str, accept: str) -> None:
        self.client = client
        self.uri = uri
        self.event = event
        self.accept = accept
        self.call_id = token()
        self.tag = token()
        self.remote_tag = ""
        self.target = ""
        self.routes: list[str] = []
        self.start = len(client.received)
        self.responses: list[SipMessage] = []

    @property
    def response(self) -> SipMessage:
        """The answer to the last SUBSCRIBE."""
        return self.responses[-1]

    @property
    def notifies(self) -> list[SipMessage]:
        """The NOTIFYs so far, in the order in which they came."""
        return [message for message in self.client.requests("NOTIFY") if self._is_ours(message)]

    def send(
        self, expires: int, headers: Headers = (), body: str | bytes = b"", *, within: float = 10.0
    ) -> SipMessage:
        """SUBSCRIBE, first or again."""
        to = f"<{self.uri}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        mine = [
            ("To", to),
            ("From", f"<{self.client.uri}>;tag={self.tag}"),
            ("Call-ID", self.call_id),
            ("Contact", self.client.contact),
            ("Event", self.event),
            ("Expires", str(expires)),
            *([("Accept", self.accept)] if self.accept else []),
            *(("Route", route) for route in self.routes),
            *headers,
        ]
        uri = self.target or self.uri
        where = self.client.next_hop(self.routes[0] if self.routes else uri, self.client.server)
        where = where if self.target else self.client.server
        response = self.client.transact_as("SUBSCRIBE", uri, mine, body, where, within=within)
        self.responses.append(response)
        if 200 <= response.status < 300:
            self.remote_tag = response.to_tag
            self.target = uri_in(response.get("contact")) or self.target
            if len(self.responses) == 1:
                self.routes = response.all("record-route")[::-1]
        return response

    def refresh(self, expires: int = 600) -> SipMessage:
        return self.send(expires)

    def unsubscribe(self) -> SipMessage:
        return self.send(0)

    def wait(
        self,
        wanted: Callable[[SipMessage], bool] = lambda _: True,
        what: str = "",
        *,
        within: float = 10.0,
        after: int = 0,
    ) -> SipMessage:
        """The first NOTIFY of this dialog, from the ``after``-th on, that is wanted."""
        start = self.client.received.index(self.notifies[after - 1]) + 1 if after else self.start
        return self.client.wait_for(
            lambda message: self._is_ours(message) and wanted(message),
            what or f"NOTIFY of {self.uri}",
            within=within,
            after=start,
        )

    def wait_for_state(self, state: str, *, within: float = 10.0) -> SipMessage:
        """A NOTIFY that says pending, active or terminated."""
        return self.wait(lambda notify: notify.state == state, f"{state} of {self.uri}", within=within)

    def wait_for_text(self, text: str, *, within: float = 10.0, after: int = 0) -> SipMessage:
        """A NOTIFY whose body has this in it."""
        return self.wait(
            lambda notify: text in notify.text,
            f"{text!r} in a document of {self.uri}",
            within=within,
            after=after,
        )

    def forget(self) -> Self:
        """Look only at what comes from now on."""
        self.start = len(self.client.received)
        return self

    def _is_ours(self, message: SipMessage) -> bool:
        return message.method == "NOTIFY" and message.call_id == self.call_id and message.to_tag == self.tag
