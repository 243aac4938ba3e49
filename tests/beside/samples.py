"""The sample files in etc/beside, with nothing but addresses, paths and secrets put into them, and the servers that run them.

``filled`` replaces what a site replaces too; each text must be there, so that no replacement goes stale unnoticed.
"""

import hashlib
import json
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.peers.ejabberd import Ejabberd
from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer
from tests.peers.prosody import SECRET, Prosody
from tests.peers.sipmessage import build, token

BESIDE: Final = Path(__file__).resolve().parent.parent.parent / "etc" / "beside"
JABBER_DOMAIN: Final = "jabber.example"
SIP_DOMAIN: Final = "sip.example.org"
GATEWAY_DOMAIN: Final = "gw.example.org"
PASSWORDS: Final = {"romeo": "montague", "juliet": "capulet", "alice": "rabbit", "bob": "builder"}
PROXY: Final = "127.0.0.2"
"""The address of a SIP proxy: another one than the gateway's, since that tells them apart."""

SAMPLE_SECRET: Final = "the first line of the gateway's secret_file"
KAMAILIO_TABLES: Final = Path("/usr/share/kamailio/dbtext/kamailio")
OPENSIPS_TABLES: Final = Path("/usr/share/opensips/dbtext/opensips")
"""Empty tables of db_text, as the packages ship them."""


def filled(sample: str, changes: Mapping[str, str]) -> str:
    """The text of a sample below etc/beside with these replacements."""
    text = (BESIDE / sample).read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{sample} has no {old!r}"
        text = text.replace(old, new)
    return text


class SampleGateway(Gateway):
    """The gateway with the sip2xmpp.toml beside a neighbour, without ``users`` where they come from there."""

    def __init__(
        self,
        directory: Path,
        neighbour: str,
        changes: Mapping[str, str],
        *,
        users: Sequence[str] = ("alice", "bob"),
    ) -> None:
        passwords = {name: PASSWORDS[name] for name in users}
        super().__init__(directory, domains=[SIP_DOMAIN], users=passwords)
        self.neighbour = neighbour
        self.changes = changes

    def prepare(self) -> None:
        text = filled(f"{self.neighbour}/sip2xmpp.toml", self.changes)
        self.file.write_text(text.replace("/var/lib/sip2xmpp", str(self.directory)), "utf-8")
        (self.directory / "xmpp-secret").write_text(f"{SECRET}\n")
        for user, password in self.users.items():
            if user not in self._added:
                self.add_user(user, password)


class SampleProsody(Prosody):
    """Prosody whose own configuration has nothing of the gateway, but includes sip2xmpp.cfg.lua."""

    def prepare(self) -> None:
        super().prepare()
        file = self.directory / "prosody.cfg.lua"
        own, host, _ = file.read_text("utf-8").partition(f'VirtualHost "{self.domain}"')
        assert host
        sample = self.directory / "sip2xmpp.cfg.lua"
        file.write_text(f'{own}\nInclude "{sample}"\n', "utf-8")
        sample.write_text(filled("prosody/sip2xmpp.cfg.lua", {SAMPLE_SECRET: SECRET}), "utf-8")


class SampleEjabberd(Ejabberd):
    """ejabberd whose own configuration listens for clients, and includes sip2xmpp.yml."""

    def prepare(self) -> None:
        super().prepare()
        sample = self.directory / "sip2xmpp.yml"
        file = self.directory / "ejabberd.yml"
        own = json.loads(file.read_text("utf-8"))
        own["listen"] = [each for each in own["listen"] if each["module"] != "ejabberd_service"]
        own["include_config_file"] = [str(sample)]
        file.write_text(json.dumps(own), "utf-8")
        changes = {"port: 5347": f"port: {self.component_port}", SAMPLE_SECRET: SECRET}
        sample.write_text(filled("ejabberd/sip2xmpp.yml", changes), "utf-8")


class SipProxy(Peer):
    """A SIP proxy with a sample of its own; ``sip`` is where it is, ``gateway`` where presence goes."""

    starts_within = 30.0

    def __init__(self, directory: Path, gateway: tuple[str, int], *, port: int = 0) -> None:
        super().__init__(directory)
        self.sip = (PROXY, port or free_port())
        self.gateway = gateway

    @property
    def changes(self) -> dict[str, str]:
        """Addresses as the samples have them -> those of here."""
        return {
            "192.0.2.10:5060": f"{PROXY}:{self.sip[1]}",
            "192.0.2.20:5060": f"{self.gateway[0]}:{self.gateway[1]}",
            '"192.0.2.20"': f'"{self.gateway[0]}"',
        }

    def is_up(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            probe.bind((PROXY, 0))
            probe.connect(self.sip)
            host, port = probe.getsockname()
            headers = [
                ("Via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{token()}"), ("Max-Forwards", "70"),
                ("From", f"<sip:probe@{host}>;tag={token()}"), ("To", f"<sip:{SIP_DOMAIN}>"),
                ("Call-ID", token()), ("CSeq", "1 OPTIONS"),
            ]  # fmt: skip
            probe.send(build(f"OPTIONS sip:{SIP_DOMAIN} SIP/2.0", headers))
            return probe.recv(4096).startswith(b"SIP/2.0 200")


class SampleKamailio(SipProxy):
    """Kamailio with kamailio.cfg."""

    name = "kamailio"

    def prepare(self) -> None:
        tables = self.directory / "dbtext"
        shutil.rmtree(tables, ignore_errors=True)
        shutil.copytree(KAMAILIO_TABLES, tables)
        write_subscribers(tables / "subscriber")
        changes = {**self.changes, "/etc/kamailio/dbtext": str(tables)}
        (self.directory / "kamailio.cfg").write_text(filled("kamailio/kamailio.cfg", changes), "utf-8")

    def command(self) -> list[str]:
        here = str(self.directory)
        files = ["-f", f"{here}/kamailio.cfg", "-P", f"{here}/kamailio.pid", "-Y", here, "-w", here]
        return ["kamailio", "-DD", "-E", "-m", "64", "-M", "8", *files]


class SampleOpenSips(SipProxy):
    """OpenSIPS with opensips.cfg, where it is installed; Debian 12 does not have it."""

    name = "opensips"

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("opensips") is not None and OPENSIPS_TABLES.is_dir()

    def prepare(self) -> None:
        tables = self.directory / "dbtext"
        shutil.rmtree(tables, ignore_errors=True)
        shutil.copytree(OPENSIPS_TABLES, tables)
        write_subscribers(tables / "subscriber")
        changes = {**self.changes, "/etc/opensips/dbtext": str(tables)}
        (self.directory / "opensips.cfg").write_text(filled("opensips/opensips.cfg", changes), "utf-8")

    def command(self) -> list[str]:
        here = str(self.directory)
        files = ["-f", f"{here}/opensips.cfg", "-P", f"{here}/opensips.pid", "-w", here]
        return ["opensips", "-F", "-m", "64", "-M", "8", *files]


def write_subscribers(table: Path) -> None:
    """alice and bob in an empty table of db_text, with the hashes that kamctl writes."""
    heading = table.read_text("utf-8").splitlines()[0]
    lines = [heading]
    for number, name in enumerate(("alice", "bob"), start=1):
        known = {
            "id": str(number), "username": name, "domain": SIP_DOMAIN,
            "ha1": hash_of(f"{name}:{SIP_DOMAIN}:{PASSWORDS[name]}"),
            "ha1b": hash_of(f"{name}@{SIP_DOMAIN}:{SIP_DOMAIN}:{PASSWORDS[name]}"),
        }  # fmt: skip
        # An empty text would be taken for null.
        lines.append(":".join(known.get(column.partition("(")[0], "-") for column in heading.split()))
    table.write_text("\n".join(lines) + "\n", "utf-8")


def hash_of(text: str) -> str:
    """MD5 in hex."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


__all__ = [
    "BESIDE", "GATEWAY_DOMAIN", "JABBER_DOMAIN", "LOOPBACK", "PASSWORDS", "PROXY", "SIP_DOMAIN", "SampleEjabberd", "SampleGateway", "SampleKamailio", "SampleOpenSips", "SampleProsody", "SipProxy",
    "filled", "write_subscribers",
]  # fmt: skip
