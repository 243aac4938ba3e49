"""A private authoritative name server: give it zones, ask it about them."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer
from tests.peers.waiting import eventually

_SERVER = """\
server:
    ip-address: {loopback}
    port: {port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{directory}"
    pidfile: "{directory}/nsd.pid"
    database: ""
    xfrdfile: "{directory}/xfrd.state"
    zonelistfile: "{directory}/zone.list"
    logfile: "{directory}/nsd.log"
    hide-version: yes
    rrl-ratelimit: 0
remote-control:
    control-enable: no
"""

_ZONE = """\
zone:
    name: "{name}"
    zonefile: "{name}.zone"
"""

_HEAD = """\
$ORIGIN {name}.
$TTL 60
@ IN SOA ns.{name}. root.{name}. 1 60 60 600 5
@ IN NS ns
ns IN A {loopback}
"""


class Nsd(Peer):
    """``zones`` maps a domain to its records in master file form, names relative to it; SOA and NS are added."""

    name = "nsd"

    def __init__(self, directory: Path, zones: Mapping[str, str]) -> None:
        super().__init__(directory)
        self.zones = dict(zones)
        self.port = free_port()

    @property
    def address(self) -> tuple[str, int]:
        """Where it answers, by UDP and TCP."""
        return LOOPBACK, self.port

    def command(self) -> list[str]:
        return ["nsd", "-d", "-c", str(self.directory / "nsd.conf")]

    def prepare(self) -> None:
        text = _SERVER.format(loopback=LOOPBACK, port=self.port, directory=self.directory)
        for name, records in self.zones.items():
            text += _ZONE.format(name=name)
            zone = _HEAD.format(name=name, loopback=LOOPBACK) + re.sub(
                r"^[ \t]+(?=\S)", "", records, flags=re.MULTILINE
            )
            (self.directory / f"{name}.zone").write_text(zone + "\n")
        (self.directory / "nsd.conf").write_text(text)

    def is_up(self) -> bool:
        # answers, and with every zone: not REFUSED and not SERVFAIL
        return all(self._rcode(name) == 0 for name in self.zones)

    def kill(self) -> None:
        super().kill()
        # the processes that answer die a moment after the one that started them
        eventually(self._is_free, "nobody holds the port any more")

    def _is_free(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(self.address)
        return True

    def logs(self) -> list[Path]:
        return [self.output, self.directory / "nsd.log"]

    def _rcode(self, name: str) -> int:
        """The status of the answer to a question for the SOA record; OSError when none comes."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        question = b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + labels + b"\0\6\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.2)
            asker.connect(self.address)
            asker.send(question)
            return asker.recv(512)[3] & 15
