"""Kamailio 5.6 as a presence server, from Debian's packages: the peer that the figures are compared with.

Three variants.  ``STOCK`` is what Debian ships: its debugging allocator, two workers.  ``TUNED`` is the fastest that was found:
the TLSF allocator, all its memory touched at the start, one worker (a second one makes PUBLISH somewhat faster and NOTIFY
slower).  Both are in memory only and do not survive a restart, so they belong beside ``memory:``; beside the durable store they
are what durability is up against.  ``DURABLE`` is Kamailio with its own defaults for a database, tuned as far as that goes:
documents are written through to PostgreSQL, subscriptions are kept in memory and written from time to time, four workers.
"""

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.postgres import Postgres
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer

CONFIGURATION: Final = """\
#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
{force}children={children}
disable_tcp=yes
listen=udp:{host}:{port}
auto_aliases=no
dns=no
rev_dns=no
server_signature=no
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("tm", "fr_timer", 32000)
modparam("presence", "server_address", "sip:{host}:{port}")
{database}modparam("presence", "subs_htable_size", 16)
modparam("presence", "pres_htable_size", 16)
modparam("presence", "notifier_processes", 0)
modparam("presence", "pres_subs_mode", 0)
modparam("presence_xml", "force_active", 1)
modparam("presence_xml", "disable_xcapdiff", 1)
request_route {{
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if (!t_newtran()) {{ sl_reply_error(); exit; }}
  if (is_method("PUBLISH")) {{ handle_publish(); t_release(); exit; }}
  if (is_method("SUBSCRIBE")) {{ handle_subscribe(); t_release(); exit; }}
  sl_send_reply("405", "Method Not Allowed");
}}
"""

IN_MEMORY: Final = """\
modparam("presence", "subs_db_mode", 0)
modparam("presence", "publ_cache", 2)
"""

IN_DATABASE: Final = """\
loadmodule "db_postgres.so"
modparam("presence|presence_xml", "db_url", "{url}")
modparam("presence", "subs_db_mode", 2)
modparam("presence", "publ_cache", 1)
"""

WITH_LISTS: Final = """\
loadmodule "pua.so"
loadmodule "rls.so"
modparam("pua|rls", "db_url", "{url}")
modparam("pua|rls", "db_mode", 2)
modparam("pua|rls", "hash_size", 12)
modparam("pua", "check_remote_contact", 0)
modparam("pua|rls", "outbound_proxy", "sip:{host}:{port}")
modparam("rls", "max_notify_body_length", 30000)
modparam("rls", "waitn_time", 1)
modparam("rls", "notifier_poll_rate", 20)
modparam("rls", "integrated_xcap_server", 1)
modparam("rls", "xcap_root", "http://{host}/xcap-root:8080")
modparam("rls", "to_presence_code", 10)
modparam("rls", "server_address", "sip:rls@{host}:{port}")
"""
"""As fast as it notifies of lists; bodies are split because it cannot send larger ones by UDP."""

SUBSCRIBE_TO_ONE: Final = 'if (is_method("SUBSCRIBE")) { handle_subscribe(); t_release(); exit; }'
SUBSCRIBE_TO_LISTS: Final = """if (is_method("SUBSCRIBE")) {
    $var(is_one) = rls_handle_subscribe();
    if ($var(is_one) == 10) handle_subscribe();
    t_release(); exit;
  }
  if (is_method("NOTIFY")) { rls_handle_notify(); t_release(); exit; }"""

LIST_DOCUMENT: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists">
<service uri="{uri}"><list name="members">{entries}</list><packages><package>presence</package></packages></service>
</rls-services>
"""

PROBE: Final = (
    b"OPTIONS sip:%(host)b SIP/2.0\r\nVia: SIP/2.0/UDP %(host)b:%(port)d;rport;branch=z9hG4bK-up\r\n"
    b"From: <sip:probe@%(host)b>;tag=1\r\nTo: <sip:%(host)b>\r\nCall-ID: up\r\nCSeq: 1 OPTIONS\r\n"
    b"Max-Forwards: 1\r\nContent-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How it is tuned; ``touched``: all shared memory is taken at the start (not where memory is measured)."""

    allocator: str
    children: int
    touched: bool


STOCK = Variant(allocator="qm", children=2, touched=False)
TUNED = Variant(allocator="tlsf", children=1, touched=True)
DURABLE = Variant(allocator="tlsf", children=4, touched=True)


def is_installed() -> bool:
    """Whether Debian's packages kamailio and kamailio-presence-modules are there."""
    return shutil.which("kamailio") is not None and _has_module("presence_xml")


def has_postgres() -> bool:
    """Whether Debian's packages kamailio-postgres-modules and postgresql are there as well."""
    return is_installed() and _has_module("db_postgres") and Postgres.is_installed()


def _has_module(name: str) -> bool:
    return any(Path("/usr/lib").glob(f"*/kamailio/modules/{name}.so"))


def lists(watchers: int, members: int, domain: str) -> str:
    """The statements that give each watcher of the generator its list."""
    entries = "".join(f'<rl:entry uri="sip:member-{each:06d}@{domain}"/>' for each in range(members))
    document = LIST_DOCUMENT.format(uri=f"sip:list@{domain}", entries=entries)
    rows = ",\n".join(
        f"('watcher-{each:06d}', '{domain}', '{document}', 8, 'e{each}', 0, '{each}', 0)"
        for each in range(watchers)
    )
    return (
        f"INSERT INTO xcap (username, domain, doc, doc_type, etag, source, doc_uri, port) VALUES\n{rows};\n"
    )


class Kamailio(Peer):
    """One Kamailio, all its files in ``directory``; with a database if there is a ``url``, and then ``with_lists`` if they are."""

    name = "kamailio"
    starts_within = 60.0  # a machine may need long to give it all its memory

    def __init__(self, directory: Path, variant: Variant, url: str = "", *, with_lists: bool = False) -> None:
        super().__init__(directory)
        self._variant = variant
        self._url = url
        self._with_lists = with_lists
        self.sip = (LOOPBACK, free_port())

    def prepare(self) -> None:
        host, port = self.sip
        text = CONFIGURATION.format(
            host=host,
            port=port,
            children=self._variant.children,
            force="shm_force_alloc=yes\n" if self._variant.touched else "",
            database=IN_DATABASE.format(url=self._url) if self._url else IN_MEMORY,
        )
        if self._with_lists:
            more = WITH_LISTS.format(host=host, port=port, url=self._url)
            text = text.replace("request_route {", f"{more}request_route {{")
            text = text.replace(SUBSCRIBE_TO_ONE, SUBSCRIBE_TO_LISTS)
        (self.directory / "kamailio.cfg").write_text(text, "utf-8")

    def command(self) -> list[str]:
        allocator, here = self._variant.allocator, str(self.directory)
        # its transactions live for five seconds; a run makes up to 100,000 of them, of about 10 kB and more
        memory = ["-m", "4096", "-M", "64", "-b", "4194304"]
        files = ["-f", f"{here}/kamailio.cfg", "-P", f"{here}/kamailio.pid", "-Y", here, "-w", here]
        return ["kamailio", "-DD", "-E", "-x", allocator, "-X", allocator, *memory, *files]

    def is_up(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            probe.connect(self.sip)
            probe.send(PROBE % {b"host": LOOPBACK.encode(), b"port": probe.getsockname()[1]})
            return probe.recv(4096).startswith(b"SIP/2.0 200")
