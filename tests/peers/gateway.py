"""The gateway itself, as an operator runs it: ``twistd -n sip2xmpp --config FILE``, with a file made for the test."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer
from tests.peers.waiting import eventually

_states: dict[tuple[object, ...], bytes] = {}
"""State files that hold nothing but the accounts in their key: the command that makes them is slow to start."""

Tables = Mapping[str, Mapping[str, Any]]


class XmppServer(Protocol):
    """Prosody or Ejabberd."""

    secret: str
    components: list[str]

    @property
    def component(self) -> tuple[str, int]: ...


class Gateway(Peer):
    """One gateway process.

    ``xmpp`` is the server it connects to; the components of that server that are in ``domains`` stand for SIP domains,
    and ``gateway_domain`` is the one for all others.  ``users`` maps local parts (at the first domain) or whole addresses
    to passwords; they are added before the first start.  ``settings`` are merged over the generated configuration, table by
    table; change ``settings`` and ``restart`` to reconfigure.
    """

    name = "gateway"
    starts_within = 20.0

    def __init__(
        self,
        directory: Path,
        *,
        domains: Sequence[str] = ("sip.example.org",),
        xmpp: XmppServer | None = None,
        gateway_domain: str = "",
        users: Mapping[str, str] | None = None,
        settings: Tables | None = None,
        http: bool = True,
    ) -> None:
        super().__init__(directory)
        self.domains = list(domains)
        self.xmpp = xmpp
        self.gateway_domain = gateway_domain
        self.users = dict(users or {})
        self.settings = {name: dict(table) for name, table in (settings or {}).items()}
        self.http = http
        self.sip_port = free_port()
        self.tls_port = free_port()
        self.http_port = free_port()
        self._added: set[str] = set()

    @property
    def file(self) -> Path:
        return self.directory / "sip2xmpp.toml"

    @property
    def sip(self) -> tuple[str, int]:
        """Where it takes SIP by UDP and TCP."""
        return LOOPBACK, self.sip_port

    @property
    def uri(self) -> str:
        """The same as a SIP URI."""
        return f"sip:{LOOPBACK}:{self.sip_port}"

    # its configuration

    def configuration(self) -> dict[str, dict[str, Any]]:
        """What is written into the file, as tables."""
        tables: dict[str, dict[str, Any]] = {
            "gateway": {"state": "sqlite:state.db"},
            "sip": {
                "domains": self.domains,
                "listen": [f"udp:{LOOPBACK}:{self.sip_port}", f"tcp:{LOOPBACK}:{self.sip_port}"],
            },
            "presence": {"default": "allow"},
        }
        if self.xmpp is not None:
            host, port = self.xmpp.component
            components = [name for name in self.xmpp.components if name != self.gateway_domain]
            tables["xmpp"] = {"server": f"{host}:{port}", "secret": self.xmpp.secret, "domains": components}
            if self.gateway_domain:
                tables["xmpp"]["gateway_domain"] = self.gateway_domain
        if self.http:
            tables["http"] = {"listen": f"{LOOPBACK}:{self.http_port}"}
        for name, table in self.settings.items():
            tables.setdefault(name, {}).update(table)
        return tables

    def prepare(self) -> None:
        self.file.write_text(toml(self.configuration()), "utf-8")
        state, made = self.directory / "state.db", _states.get(self._accounts)
        if made is not None and not state.exists():
            state.write_bytes(made)
            self._added.update(self.users)
        for user, password in self.users.items():
            if user not in self._added:
                self.add_user(user, password)
        if made is None and state.exists() and not state.with_name("state.db-wal").exists():
            _states[self._accounts] = state.read_bytes()

    @property
    def _accounts(self) -> tuple[object, ...]:
        return (tuple(self.domains), *sorted(self.users.items()))

    def add_user(self, user: str, password: str) -> None:
        """Make a SIP account, running or not."""
        address = user if "@" in user else f"{user}@{self.domains[0]}"
        self.run("user", "add", address, text=password + "\n")
        self._added.add(user)

    # its process

    def command(self) -> list[str]:
        twistd = Path(sys.executable).with_name("twistd")
        return [str(twistd), "--nodaemon", "--pidfile=", "sip2xmpp", "--config", str(self.file)]

    def environment(self) -> dict[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def is_up(self) -> bool:
        return not self.http or bool(self.health())

    def health(self) -> dict[str, Any]:
        """The body of GET /health when it answers 200, else nothing; OSError when nobody answers."""
        url = f"http://{LOOPBACK}:{self.http_port}/health"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=5) as answer:
                body: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError:
            return {}
        return body

    def wait_for_leg(self, leg: str, state: str, *, within: float = 15.0) -> None:
        """Wait until a leg is "up" or "down"."""
        eventually(
            lambda: self.health()["legs"][leg]["state"] == state,
            f"{leg} is {state}",
            within=within,
            every=0.02,
        )

    # its command

    def run(self, *arguments: str, text: str = "", status: int = 0) -> str:
        """``sip2xmpp --config FILE ARGUMENTS`` with standard input; its standard output, or with an error what it said."""
        done = self.attempt(*arguments, text=text)
        assert done.returncode == status, f"{arguments}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """The same, whatever comes of it."""
        return subprocess.run(
            [sys.executable, "-m", "sip2xmpp.command.main", "--config", str(self.file), *arguments],
            check=False,
            cwd=self.directory,
            env={**os.environ, **self.environment(), "PYTHONPATH": str(ROOT)},
            input=text,
            capture_output=True,
            text=True,
            timeout=90,
        )


ROOT = Path(__file__).resolve().parent.parent.parent


def toml(tables: Tables) -> str:
    """Tables of strings, numbers, booleans, lists and tables of tables, as TOML."""
    return "\n".join(line for name, table in tables.items() for line in _lines(_key(name), table))


def _lines(place: str, table: Mapping[str, Any]) -> list[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = [f"[{place}]"]
    # a JSON string, number, boolean or list of these is one of TOML as well
    lines += [
        f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
        if key not in inner
    ]
    for key, value in inner.items():
        lines += _lines(f"{place}.{_key(key)}", value)
    return lines


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)
