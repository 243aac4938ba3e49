"""Kamailio 5.6 as a registrar that tells of its registrations: ``usrloc`` with ``pua_reginfo`` and ``presence_reginfo``."""

import shutil
import socket
from pathlib import Path
from typing import Final

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer

CONFIGURATION: Final = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
disable_tcp=yes
listen=udp:{host}:{port}
alias="{domain}"
auto_aliases=no
dns=no
rev_dns=no
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "db_text.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "presence.so"
loadmodule "presence_reginfo.so"
loadmodule "pua.so"
loadmodule "pua_reginfo.so"
modparam("presence|pua", "db_url", "text://{tables}")
modparam("presence", "server_address", "sip:{host}:{port}")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "send_fast_notify", 1)
modparam("presence_reginfo", "default_expires", 3600)
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "use_domain", 1)
modparam("usrloc", "timer_interval", 1)
modparam("registrar", "default_expires", 60)
modparam("registrar", "min_expires", 1)
modparam("pua", "outbound_proxy", "sip:{host}:{port}")
modparam("pua_reginfo", "server_address", "sip:reginfo@{host}:{port}")
modparam("pua_reginfo", "default_domain", "{domain}")
modparam("pua_reginfo", "publish_reginfo", 1)
request_route {{
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if (is_method("REGISTER")) {{ save("location"); exit; }}
  if (is_method("PUBLISH|SUBSCRIBE")) {{
    if (!t_newtran()) {{ sl_reply_error(); exit; }}
    if (is_method("PUBLISH")) {{ handle_publish(); }} else {{ handle_subscribe(); }}
    t_release();
    exit;
  }}
  if (is_method("MESSAGE") && lookup("location")) {{ t_relay(); exit; }}
  sl_send_reply("404", "Not Found");
}}
"""

PROBE: Final = (
    b"OPTIONS sip:%(host)b SIP/2.0\r\nVia: SIP/2.0/UDP %(host)b:%(port)d;rport;branch=z9hG4bK-up\r\n"
    b"From: <sip:probe@%(host)b>;tag=1\r\nTo: <sip:%(host)b>\r\nCall-ID: up\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
)
MODULES: Final = ("pua_reginfo", "presence_reginfo", "db_text")


def is_installed() -> bool:
    """Whether Debian's packages kamailio and kamailio-presence-modules are there."""
    return shutil.which("kamailio") is not None and all(
        any(Path("/usr/lib").glob(f"*/kamailio/modules/{name}.so")) for name in MODULES
    )


class KamailioRegistrar(Peer):
    """The registrar of ``domain``; it believes everybody."""

    name = "kamailio"
    starts_within = 20.0

    def __init__(self, directory: Path, domain: str) -> None:
        super().__init__(directory)
        self.domain = domain
        self.sip = (LOOPBACK, free_port())

    @property
    def uri(self) -> str:
        return f"sip:{self.sip[0]}:{self.sip[1]}"

    def prepare(self) -> None:
        host, port = self.sip
        tables = self.directory / "tables"
        shutil.rmtree(tables, ignore_errors=True)
        shutil.copytree("/usr/share/kamailio/dbtext/kamailio", tables)
        text = CONFIGURATION.format(host=host, port=port, domain=self.domain, tables=tables)
        (self.directory / "kamailio.cfg").write_text(text, "utf-8")

    def command(self) -> list[str]:
        here = str(self.directory)
        files = ["-f", f"{here}/kamailio.cfg", "-P", f"{here}/kamailio.pid", "-Y", here, "-w", here]
        return ["kamailio", "-DD", "-E", "-m", "64", "-M", "8", *files]

    def is_up(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            probe.connect(self.sip)
            probe.send(PROBE % {b"host": LOOPBACK.encode(), b"port": probe.getsockname()[1]})
            return probe.recv(4096).startswith(b"SIP/2.0 200")
