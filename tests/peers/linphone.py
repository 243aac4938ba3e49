"""linphonec 5.1, Debian's console Linphone: no terminal, no sound card, commands on its standard input."""

import re
from collections.abc import Sequence
from pathlib import Path

from tests.peers.ports import free_port
from tests.peers.process import Peer
from tests.peers.waiting import eventually

_CONFIGURATION = """\
[sip]
sip_port={udp_port}
sip_tcp_port={tcp_port}
sip_tls_port=0
guess_hostname=0
auto_net_state_mon=0
default_proxy=0
register_only_when_network_is_up=0
register_only_when_upnp_is_ok=0
{options}
[net]
mtu=1300
[misc]
store_ha1_passwd=0
[proxy_0]
reg_proxy=<sip:{host}:{server};transport={transport}>
reg_route=<sip:{host}:{server};transport={transport};lr>
reg_identity=sip:{user}@{domain}
reg_expires=600
reg_sendregister=1
dial_escape_plus=0
publish={publish}
publish_expires=120
"""

_ACCOUNT = """\
[auth_info_0]
username={user}
passwd={password}
domain={domain}
"""

_FRIEND = """\
[friend_{number}]
url="{name}" <{uri}>
pol=accept
subscribe=1
"""

_STATE = re.compile(r'Friend "([^"]*)" <([^>]*)> is (.+?)\s*$')


class Linphone(Peer):
    """``sip:USER@DOMAIN`` with friends, by UDP or TCP through the server at ``server``.

    ``friends`` are pairs of a name and a SIP URI; ``publishes`` makes it PUBLISH its own presence; ``options`` are lines
    for the [sip] section, such as ``rls_uri=...``.
    """

    name = "linphone"
    wants_input = True

    def __init__(
        self,
        directory: Path,
        user: str,
        domain: str,
        server: tuple[str, int],
        *,
        password: str = "",
        friends: Sequence[tuple[str, str]] = (),
        publishes: bool = False,
        options: str = "",
        transport: str = "udp",
    ) -> None:
        super().__init__(directory)
        self.user = user
        self.domain = domain
        self.server = server
        self.password = password
        self.friends = list(friends)
        self.publishes = publishes
        self.options = options
        self.transport = transport
        self.port = free_port()

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    def command(self) -> list[str]:
        log = str(self.directory / "linphone.log")
        return ["stdbuf", "-oL", "linphonec", "-c", str(self.directory / "linphonerc"), "-d", "6", "-l", log]

    def environment(self) -> dict[str, str]:
        home = self.directory / "home"
        return {"HOME": str(home), "XDG_DATA_HOME": f"{home}/data", "XDG_CONFIG_HOME": f"{home}/config"}

    def prepare(self) -> None:
        # it does not make these itself, and fails without a word
        (self.directory / "home/data/linphone").mkdir(parents=True, exist_ok=True)
        (self.directory / "home/.local/share/linphone").mkdir(parents=True, exist_ok=True)
        host, server = self.server
        text = _CONFIGURATION.format(
            udp_port=self.port if self.transport == "udp" else 0,
            tcp_port=self.port if self.transport == "tcp" else 0,
            transport=self.transport,
            options=self.options,
            host=host,
            server=server,
            user=self.user,
            domain=self.domain,
            publish=int(self.publishes),
        )
        if self.password:
            text += _ACCOUNT.format(user=self.user, password=self.password, domain=self.domain)
        for number, (name, uri) in enumerate(self.friends):
            text += _FRIEND.format(number=number, name=name, uri=uri)
        (self.directory / "linphonerc").write_text(text, "utf-8")

    def is_up(self) -> bool:
        return any("Ready" in line or "linphonec>" in line for line in self.lines())

    def say(self, line: str) -> None:
        """Type a command."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def ask_to_stop(self) -> None:
        try:
            self.say("quit")
        except OSError:
            super().ask_to_stop()

    def wait_until_registered(self, *, within: float = 10.0) -> None:
        self.wait_for_line("Registration on .* successful", within=within)

    def states(self) -> list[tuple[str, str]]:
        """What it has shown so far: pairs of a friend's URI and a state such as "On the phone", in order."""
        found = [_STATE.search(line) for line in self.lines()]
        return [(match[2], match[3]) for match in found if match]

    def state_of(self, uri: str) -> str:
        """What it shows now of a friend, or nothing."""
        return next((state for shown, state in reversed(self.states()) if _same(shown, uri)), "")

    def wait_for_state(self, uri: str, state: str, *, within: float = 10.0) -> None:
        """Wait until it shows this state of a friend."""
        eventually(
            lambda: self.state_of(uri) == state, f"linphone shows {uri} as {state}", within=within, every=0.02
        )

    def logs(self) -> list[Path]:
        return [self.output, self.directory / "linphone.log"]


def _same(shown: str, uri: str) -> bool:
    """Linphone drops parameters of what it shows."""
    return shown.partition(";")[0].casefold() == uri.partition(";")[0].casefold()
