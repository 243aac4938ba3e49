"""A private ejabberd 23: started as a plain Erlang program, without epmd, without ejabberdctl, loopback only."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer, is_listening
from tests.peers.prosody import SECRET

LIBRARIES = Path("/usr/lib")

_MODULES = (
    "mod_adhoc", "mod_admin_extra", "mod_blocking", "mod_caps", "mod_carboncopy", "mod_disco", "mod_http_api", "mod_last", "mod_offline",
    "mod_ping", "mod_privacy", "mod_private", "mod_roster", "mod_stream_mgmt", "mod_vcard", "mod_version",
)  # fmt: skip


class Ejabberd(Peer):
    """One host with users, and components; the same knobs as ``Prosody``.

    ``global_routes``, ejabberd's default, gives the stanzas of all components to each of their connections in turn.
    ``rosters`` is the access of every component to the rosters of users (XEP-0356), such as "both".
    """

    name = "ejabberd"
    starts_within = 60.0
    stops_within = 20.0

    def __init__(
        self,
        directory: Path,
        *,
        domain: str = "jabber.example",
        users: Mapping[str, str] | None = None,
        components: Sequence[str] = ("sip.example.org",),
        secret: str = SECRET,
        global_routes: bool = False,
        rosters: str = "",
    ) -> None:
        super().__init__(directory)
        self.global_routes = global_routes
        self.rosters = rosters
        self.domain = domain
        self.users = dict(users or {})
        self.components = list(components)
        self.secret = secret
        self.c2s_port = free_port()
        self.component_port = free_port()
        self.api_port = free_port()

    @property
    def c2s(self) -> tuple[str, int]:
        """Where clients connect."""
        return LOOPBACK, self.c2s_port

    @property
    def component(self) -> tuple[str, int]:
        """Where components connect."""
        return LOOPBACK, self.component_port

    def start(self) -> "Ejabberd":
        super().start()
        registered = self.api("registered_users", host=self.domain)
        for user, password in self.users.items():
            if user not in registered:
                self.add_user(user, password)
        return self

    def add_user(self, user: str, password: str) -> None:
        """Make an account, while running."""
        self.users[user] = password
        self.api("register", user=user, host=self.domain, password=password)

    def roster(self, user: str) -> list[dict[str, Any]]:
        """The stored roster of an account: jid, subscription, ask and more of each contact."""
        found: list[dict[str, Any]] = self.api("get_roster", user=user, host=self.domain)
        return found

    def api(self, command: str, **arguments: object) -> Any:
        """One command of ejabberd's administration interface."""
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self.api_port}/api/{command}",
            json.dumps(arguments).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def command(self) -> list[str]:
        return [
            "erl", "-noinput", "+K", "true", "-mnesia", "dir", f'"{self.directory}/spool"',
            "-ejabberd", "log_rotate_count", "0", "-s", "ejabberd",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        installed = next(iter(LIBRARIES.glob("*/ejabberd-*")))
        return {
            "EJABBERD_CONFIG_PATH": f"{self.directory}/ejabberd.yml",
            "EJABBERD_LOG_PATH": f"{self.directory}/ejabberd.log",
            "ERL_CRASH_DUMP": f"{self.directory}/crash.dump",
            "ERL_LIBS": str(installed.parent),
            "ERL_INETRC": f"{self.directory}/inetrc",
            "HOME": str(self.directory),
        }

    def prepare(self) -> None:
        (self.directory / "spool").mkdir(exist_ok=True)
        (self.directory / "inetrc").touch()
        (self.directory / "ejabberd.yml").write_text(json.dumps(self._configuration()), "utf-8")

    def is_up(self) -> bool:
        return all(is_listening(port) for port in (self.c2s_port, self.component_port, self.api_port))

    def logs(self) -> list[Path]:
        return [self.output, self.directory / "ejabberd.log", self.directory / "error.log"]

    def _configuration(self) -> dict[str, Any]:
        """YAML is a superset of JSON."""
        clients = {
            "port": self.c2s_port,
            "ip": LOOPBACK,
            "module": "ejabberd_c2s",
            "starttls": False,
            "access": "all",
        }
        components = {
            "port": self.component_port,
            "ip": LOOPBACK,
            "module": "ejabberd_service",
            "access": "all",
            "shaper": "none",
            "global_routes": self.global_routes,
            "hosts": {name: {"password": self.secret} for name in self.components},
        }
        api = {
            "port": self.api_port,
            "ip": LOOPBACK,
            "module": "ejabberd_http",
            "tls": False,
            "request_handlers": {"/api": "mod_http_api"},
        }
        return {
            "hosts": [self.domain],
            "loglevel": "info",
            "log_rotate_count": 0,
            "auth_method": ["internal"],
            "auth_password_format": "plain",
            "default_db": "mnesia",
            "certfiles": [],
            "listen": [clients, components, api],
            "api_permissions": {"tests": {"from": ["mod_http_api"], "who": "all", "what": "*"}},
            "modules": {name: {} for name in _MODULES}
            | {"mod_pubsub": {"plugins": ["flat", "pep"]}}
            | ({"mod_privilege": {"roster": {self.rosters: "all"}}} if self.rosters else {}),
            "registration_timeout": "infinity",
        }
