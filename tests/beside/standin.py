"""A SIP proxy that routes as opensips.cfg says, for machines without OpenSIPS: Debian 12 does not have it.

It shows that the gateway, with the sip2xmpp.toml beside that file, serves a proxy that copies registrations with a Path and publishes
calls straight to it; it says nothing about whether OpenSIPS understands its own file.  UDP, stateless but for what the file keeps:
registrations, and one publication for each side of a call.
"""

import socket
import threading
from pathlib import Path
from typing import Final, Self

from tests.beside.samples import PASSWORDS, PROXY, SIP_DOMAIN, write_subscribers
from tests.peers.ports import free_port
from tests.peers.sipmessage import SipMessage, build, challenge_fields, digest_response, parse, token, uri_in

Address = tuple[str, int]

SUBSCRIBER: Final = (
    "id(int,auto) username(string) domain(string) password(string) email_address(string) ha1(string) "
    "ha1_sha256(string) ha1_sha512t256(string) rpid(string,null)\n"
)
"""An empty table of OpenSIPS."""

DIALOG_INFO: Final = """\
<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="{entity}">
  <dialog id="{call}" call-id="{call}" direction="{direction}"><state>{state}</state></dialog>
</dialog-info>
"""


class StandInOpenSips:
    """The same knobs as ``SampleOpenSips``."""

    name = "opensips"

    def __init__(self, directory: Path, gateway: Address, *, port: int = 0) -> None:
        self.directory = directory
        self.sip = (PROXY, port or free_port())
        self.gateway = gateway
        self.trouble: list[Exception] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._location: dict[str, str] = {}
        self._etags: dict[tuple[str, str], str] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        tables = self.directory / "dbtext"
        tables.mkdir(parents=True)
        (tables / "subscriber").write_text(SUBSCRIBER, "utf-8")
        write_subscribers(tables / "subscriber")
        self._socket.bind(self.sip)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b".", self.sip)
        self._thread.join()
        self._socket.close()
        if self.trouble:
            raise self.trouble[0]

    def _run(self) -> None:
        while True:
            octets, source = self._socket.recvfrom(65536)
            if octets == b".":
                return
            message = parse(octets, source)
            try:
                if message.status:
                    self._respond(message)
                elif message.to_tag:
                    self._in_dialog(message)
                elif source == self.gateway:
                    self._from_gateway(message)
                elif self._is_proved(message):
                    self._from_user(message)
            except Exception as error:  # noqa: BLE001 - the test is told when it ends
                self.trouble.append(error)

    # Requests

    def _in_dialog(self, request: SipMessage) -> None:
        routes = request.all("route")
        assert routes and uri_in(routes[0]) == self._uri
        self._forward(request, uri_in(routes[1]) if len(routes) > 1 else request.uri, routes=routes[1:])

    def _from_gateway(self, request: SipMessage) -> None:
        routes = request.all("route")
        if routes and uri_in(routes[0]) == self._uri:
            self._forward(request, request.uri, routes=routes[1:])
        else:
            self._to_phone(request)

    def _from_user(self, request: SipMessage) -> None:
        user = uri_in(request.get("from")).removeprefix("sip:").partition("@")[0]
        if request.method == "REGISTER":
            contact, expires = request.get("contact"), request.get("expires")
            self._ask(
                "REGISTER", f"sip:{SIP_DOMAIN}", user,
                [("Contact", contact), ("Expires", expires), ("Path", f"<{self._uri}>"), ("Supported", "path")],
            )  # fmt: skip
            self._location[user] = uri_in(contact)
            self._answer(request, 200, "OK", [("Contact", f"{contact};expires={expires}")])
        elif request.method in ("PUBLISH", "SUBSCRIBE", "MESSAGE"):
            if request.method == "PUBLISH" and f":{user}@" not in request.uri:
                self._answer(request, 403, "Not Your Address")
                return
            more = [("P-Asserted-Identity", f"<sip:{user}@{SIP_DOMAIN}>")]
            if request.method == "SUBSCRIBE":
                more.append(("Record-Route", f"<{self._uri}>"))
            self._forward(request, f"sip:{self.gateway[0]}:{self.gateway[1]}", more, keeps_target=True)
        else:
            self._to_phone(request, [("Record-Route", f"<{self._uri}>")])

    def _to_phone(self, request: SipMessage, more: list[tuple[str, str]] | None = None) -> None:
        user = request.uri.removeprefix("sip:").partition("@")[0]
        if user in self._location:
            self._forward(request, self._location[user], more or [])
        else:
            self._answer(request, 480, "Not Registered")

    def _is_proved(self, request: SipMessage) -> bool:
        register = request.method == "REGISTER"
        given = request.get("authorization" if register else "proxy-authorization")
        fields = challenge_fields(given)
        user = fields.get("username", "")
        if user in PASSWORDS:
            wanted = digest_response(
                fields, username=user, password=PASSWORDS[user], method=request.method, uri=fields["uri"]
            )
            if wanted == fields["response"]:
                return True
        kind = "WWW-Authenticate" if register else "Proxy-Authenticate"
        value = f'Digest realm="{SIP_DOMAIN}", nonce="{token()}"'
        self._answer(request, 401 if register else 407, "Who?", [(kind, value)])
        return False

    # Answers

    def _respond(self, response: SipMessage) -> None:
        vias = response.all("via")
        if len(vias) == 1:
            if response.cseq_method == "PUBLISH" and response.status == 200:
                call, side = response.call_id.split("|")
                self._etags[call, side] = response.get("sip-etag")
            return
        if response.cseq_method in ("INVITE", "BYE") and response.status in (180, 200):
            over = response.cseq_method == "BYE"
            state = "terminated" if over else "early" if response.status == 180 else "confirmed"
            for side, direction in (("from", "initiator"), ("to", "recipient")):
                self._tell(response, side, direction, state)
        self._pass_on(response)

    def _tell(self, response: SipMessage, side: str, direction: str, state: str) -> None:
        """Publish one side of a call, as pua_dialoginfo does."""
        entity = uri_in(response.get(side))
        etag = self._etags.get((response.call_id, side))
        body = DIALOG_INFO.format(entity=entity, call=response.call_id, direction=direction, state=state)
        headers = [
            ("Event", "dialog"), ("Expires", "0" if state == "terminated" else "600"),
            ("Content-Type", "application/dialog-info+xml"), *([("SIP-If-Match", etag)] if etag else []),
        ]  # fmt: skip
        user = entity.removeprefix("sip:").partition("@")[0]
        self._ask("PUBLISH", entity, user, headers, body.encode(), call_id=f"{response.call_id}|{side}")

    # The wire

    @property
    def _uri(self) -> str:
        return f"sip:{self.sip[0]}:{self.sip[1]};lr"

    def _via(self, branch: str) -> tuple[str, str]:
        return "Via", f"SIP/2.0/UDP {self.sip[0]}:{self.sip[1]};branch=z9hG4bK{branch}"

    def _ask(
        self,
        method: str,
        uri: str,
        user: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        *,
        call_id: str = "",
    ) -> None:
        """A request of our own, to the gateway."""
        who = f"<sip:{user}@{SIP_DOMAIN}>"
        head = [
            self._via(token()), ("Max-Forwards", "70"), ("From", f"{who};tag={token()}"), ("To", who),
            ("Call-ID", call_id or token()), ("CSeq", f"1 {method}"), *headers,
        ]  # fmt: skip
        self._socket.sendto(build(f"{method} {uri} SIP/2.0", head, body), self.gateway)

    def _forward(
        self,
        request: SipMessage,
        target: str,
        more: list[tuple[str, str]] | None = None,
        *,
        routes: list[str] | None = None,
        keeps_target: bool = False,
    ) -> None:
        dropped = ("route", "content-length", "p-asserted-identity", "proxy-authorization")
        kept = [(name, value) for name, value in request.headers if name not in dropped]
        routed = [("Route", route) for route in routes or []]
        # A retransmission has the branch that it had before.
        head = [self._via(request.branch.removeprefix("z9hG4bK") + "-p"), *(more or []), *routed, *kept]
        uri = request.uri if keeps_target or routed else target
        octets = build(f"{request.method} {uri} SIP/2.0", head, request.body)
        self._socket.sendto(octets, _address(target))

    def _answer(
        self, request: SipMessage, status: int, reason: str, more: list[tuple[str, str]] | None = None
    ) -> None:
        kept = [(n, v) for n, v in request.headers if n in ("via", "from", "call-id", "cseq")]
        to = ("To", f"{request.get('to')};tag={token()}")
        octets = build(f"SIP/2.0 {status} {reason}", [*kept, to, *(more or [])])
        self._socket.sendto(octets, request.source)

    def _pass_on(self, response: SipMessage) -> None:
        seen = 0
        kept = []
        for name, value in response.headers:
            seen += name == "via"
            if (name == "via" and seen == 1) or name == "content-length":
                continue
            kept.append((name, value))
        where = response.all("via")[1].partition(";")[0].rpartition(" ")[2]
        self._socket.sendto(build(response.start, kept, response.body), _address(f"sip:{where}"))


def _address(uri: str) -> Address:
    """Where a URI with an address and a port is."""
    host, _, port = uri.partition(";")[0].removeprefix("sip:").rpartition("@")[2].partition(":")
    return host, int(port)
