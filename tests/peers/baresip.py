"""baresip 1.0, Debian's modular SIP client: presence of its contacts and its own, by its control port."""

import json
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer, is_listening
from tests.peers.waiting import eventually

_CONFIGURATION = """\
poll_method epoll
sip_listen {host}:{port}
sip_cafile
module_path {modules}
module g711.so
module_tmp account.so
module_app contact.so
module_app presence.so
module_app menu.so
module_app debug_cmd.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control}
audio_player aufile,/dev/null
audio_source ausine,440
audio_alert aufile,/dev/null
"""

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_LISTED = re.compile(r"^\W*(Online|Offline|Busy|Unknown)\b.*?<?(sips?:[^>;\s]+)", re.MULTILINE)


class Baresip(Peer):
    """``sip:USER@DOMAIN`` with contacts whose presence it watches, by UDP or TCP through the server at ``server``.

    ``contacts`` are pairs of a name and a SIP URI; ``publishes`` makes it PUBLISH its own presence.
    """

    name = "baresip"
    stops_within = 3.0  # it waits for a registrar that is gone

    def __init__(
        self,
        directory: Path,
        user: str,
        domain: str,
        server: tuple[str, int],
        *,
        password: str = "x",
        contacts: Sequence[tuple[str, str]] = (),
        publishes: bool = False,
        transport: str = "udp",
    ) -> None:
        super().__init__(directory)
        self.user = user
        self.domain = domain
        self.server = server
        self.password = password
        self.contacts = list(contacts)
        self.publishes = publishes
        self.transport = transport
        self.port = free_port()
        self.control_port = free_port()

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    def command(self) -> list[str]:
        return ["stdbuf", "-oL", "-eL", "baresip", "-4", "-v", "-f", str(self.directory)]

    def prepare(self) -> None:
        host, server = self.server
        self._write(
            "config",
            _CONFIGURATION.format(
                host=LOOPBACK, port=self.port, control=self.control_port, modules="/usr/lib/baresip/modules"
            ),
        )
        way = f"transport={self.transport}"
        account = f'<{self.uri};{way}>;outbound="sip:{host}:{server};{way}";regint=60'
        account += f";auth_user={self.user};auth_pass={self.password}"
        self._write("accounts", account + (";pubint=60\n" if self.publishes else "\n"))
        self._write("contacts", "".join(f'"{name}" <{uri}>;presence=p2p\n' for name, uri in self.contacts))

    def is_up(self) -> bool:
        return is_listening(self.control_port)

    def ask(self, command: str, parameters: str = "") -> str:
        """One command on the control port; the text of its answer."""
        request = json.dumps({"command": command, "params": parameters, "token": "test"}).encode()
        with socket.create_connection((LOOPBACK, self.control_port), 5) as stream:
            stream.sendall(b"%d:%s," % (len(request), request))
            buffer = b""
            while octets := stream.recv(65_536):
                buffer += octets
                while (parsed := _netstring(buffer)) is not None:
                    answer, buffer = parsed
                    if answer.get("token") == "test":
                        return _COLORS.sub("", str(answer.get("data", "")))
        raise AssertionError(f"baresip gave no answer to {command}")

    def go_online(self) -> None:
        """PUBLISH open."""
        self.ask("presence_online")

    def go_offline(self) -> None:
        """PUBLISH closed."""
        self.ask("presence_offline")

    def states(self) -> dict[str, str]:
        """What it shows now: Online, Offline, Busy or Unknown by contact URI."""
        return {uri: state for state, uri in _LISTED.findall(self.ask("contacts"))}

    def wait_for_state(self, uri: str, state: str, *, within: float = 10.0) -> None:
        """Wait until it shows this state of a contact."""
        eventually(
            lambda: self.states().get(uri) == state,
            f"baresip shows {uri} as {state}",
            within=within,
            every=0.05,
        )

    def wait_until_registered(self, *, within: float = 10.0) -> None:
        self.wait_for_line("200 OK|useragents registered successfully", within=within)

    def _write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, "utf-8")


def _netstring(buffer: bytes) -> tuple[dict[str, Any], bytes] | None:
    """The first JSON object and the rest, or nothing when it is not there yet."""
    length, colon, rest = buffer.partition(b":")
    if not colon or len(rest) <= int(length):
        return None
    parsed: dict[str, Any] = json.loads(rest[: int(length)])
    return parsed, rest[int(length) + 1 :]
