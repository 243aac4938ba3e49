"""Kamailio as an exchange: it routes every call to one telephone and publishes the calls of both sides (``pua_dialoginfo``)."""

import shutil
import socket
from pathlib import Path
from typing import Final

from tests.peers.ports import free_port
from tests.peers.process import Peer
from tests.peers.sipendpoint import Address, Answer, SipEndpoint
from tests.peers.sipmessage import SipMessage, build, token, uri_in

CONFIGURATION: Final = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
disable_tcp=yes
listen=udp:{host}:{port}
auto_aliases=no
alias="sip.example.org"
dns=no
rev_dns=no
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "db_text.so"
loadmodule "dialog.so"
loadmodule "pua.so"
loadmodule "pua_dialoginfo.so"
modparam("dialog", "enable_stats", 0)
modparam("pua", "db_url", "text://{tables}")
modparam("pua", "outbound_proxy", "sip:{gateway}")
modparam("pua_dialoginfo", "include_callid", 1)
modparam("pua_dialoginfo", "include_tags", 1)
modparam("pua_dialoginfo", "include_localremote", 1)
request_route {{
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if (has_totag()) {{ loose_route(); t_relay(); exit; }}
  if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
  record_route();
  dlg_manage();
  $du = "sip:{phone}";
  t_relay();
}}
"""


PROBE: Final = (
    "OPTIONS sip:{host} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK-up\r\n"
    "From: <sip:probe@{host}>;tag=1\r\nTo: <sip:{host}>\r\nCall-ID: up\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
)
TABLES: Final = Path("/usr/share/kamailio/dbtext/kamailio")
"""Empty tables, as Debian ships them; the module that publishes wants a database."""


class Exchange(Peer):
    """One Kamailio at an address of its own, ``host``; ``gateway`` and ``phone`` are ``host:port``."""

    name = "kamailio"
    starts_within = 30.0

    def __init__(self, directory: Path, *, host: str, gateway: str, phone: str) -> None:
        super().__init__(directory)
        self.sip = (host, free_port())
        self._gateway = gateway
        self._phone = phone

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("kamailio") is not None and any(
            Path("/usr/lib").glob("*/kamailio/modules/pua_dialoginfo.so")
        )

    def prepare(self) -> None:
        host, port = self.sip
        tables = self.directory / "tables"
        tables.mkdir(exist_ok=True)
        for name in ("pua", "version"):
            shutil.copy(TABLES / name, tables)
        text = CONFIGURATION.format(
            host=host, port=port, tables=tables, gateway=self._gateway, phone=self._phone
        )
        (self.directory / "kamailio.cfg").write_text(text, "utf-8")

    def is_up(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            probe.bind((self.sip[0], 0))
            probe.connect(self.sip)
            host, port = probe.getsockname()
            probe.send(PROBE.format(host=host, port=port).encode())
            return probe.recv(4096).startswith(b"SIP/2.0 200")

    def command(self) -> list[str]:
        here = str(self.directory)
        files = ["-f", f"{here}/kamailio.cfg", "-P", f"{here}/kamailio.pid", "-Y", here, "-w", here]
        return ["kamailio", "-DD", "-E", "-m", "64", *files]


class CallingPhone(SipEndpoint):
    """A telephone without a voice: it calls, or is called, as far as the test says."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self.uri = uri
        self.tag = token()
        self.call_id = token()
        self.invitation: SipMessage | None = None
        self.cseq = 0
        self.credentials: list[tuple[str, str]] = []

    def answer(self, request: SipMessage) -> Answer | None:
        if request.method == "INVITE":
            self.invitation = request
            return None
        return super().answer(request)

    def tag_for(self, request: SipMessage) -> str:
        return self.tag

    # called

    def respond(self, status: int, reason: str) -> None:
        """Answer the call that is coming in."""
        request = self.invitation
        assert request is not None
        headers = [("Via", value) for value in request.all("via")]
        headers += [("Record-Route", value) for value in request.all("record-route")]
        headers += [
            ("From", request.get("from")), ("To", f"{request.get('to')};tag={self.tag}"),
            ("Call-ID", request.call_id), ("CSeq", request.get("cseq")),
            ("Contact", f"<sip:{self.host}:{self.port}>"),
        ]  # fmt: skip
        self.send(build(f"SIP/2.0 {status} {reason}", headers), request.source)

    # calling

    def call(self, uri: str, exchange: Address) -> None:
        """INVITE somebody; nothing is waited for."""
        self._ask("INVITE", uri, f"<{uri}>", exchange)

    def acknowledge(self, answer: SipMessage, exchange: Address) -> None:
        self._ask("ACK", uri_in(answer.get("contact")), answer.get("to"), exchange, answer)

    def begin_anew(self) -> None:
        """The next call is another one."""
        self.tag, self.call_id, self.cseq = token(), token(), 0

    def hang_up(self, answer: SipMessage, exchange: Address) -> None:
        self.cseq += 1
        self._ask("BYE", uri_in(answer.get("contact")), answer.get("to"), exchange, answer)

    def _ask(
        self, method: str, uri: str, to: str, exchange: Address, answer: SipMessage | None = None
    ) -> None:
        self.cseq = max(self.cseq, 1)
        routes = answer.all("record-route")[::-1] if answer is not None else []
        headers = [
            ("Via", self.via()), ("Max-Forwards", "70"), *(("Route", route) for route in routes),
            ("From", f"<{self.uri}>;tag={self.tag}"), ("To", to), ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} {method}"), ("Contact", f"<sip:{self.host}:{self.port}>"),
            *self.credentials,
        ]  # fmt: skip
        self.send(build(f"{method} {uri} SIP/2.0", headers), exchange)
