"""A private Prosody 0.12: users by data files, components with one secret, no TLS, no s2s, loopback only."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer, is_listening

SECRET = "s3cret"

_CONFIGURATION = """\
run_as_root = true  -- it would otherwise become another user, who may not read this directory
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}"
interfaces = {{ "{loopback}" }}
c2s_ports = {{ {c2s} }}
component_ports = {{ {component} }}
component_interfaces = {{ "{loopback}" }}
log = {{ {{ levels = {{ min = "{level}" }}, to = "file", filename = "{directory}/prosody.log" }} }}
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "pep", "carbons", "blocklist", "version", "posix" }}
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"
{options}
VirtualHost "{domain}"
"""

_COMPONENT = """
Component "{name}"
  component_secret = "{secret}"
  component_conflict_resolve = "{conflict}"
"""


class Prosody(Peer):
    """One virtual host with users, and components that a gateway may connect as.

    ``users`` maps local parts to passwords.  ``options`` is Lua for the global section.  ``conflict`` says what becomes
    of a second connection of one component: "kick_new" or "kick_old".  ``rosters`` is the access of every component to the
    rosters of users (XEP-0356), such as "both".
    """

    name = "prosody"

    def __init__(
        self,
        directory: Path,
        *,
        domain: str = "jabber.example",
        users: Mapping[str, str] | None = None,
        components: Sequence[str] = ("sip.example.org",),
        secret: str = SECRET,
        conflict: str = "kick_new",
        options: str = "",
        rosters: str = "",
        level: str = "info",
    ) -> None:
        super().__init__(directory)
        self.domain = domain
        self.components = list(components)
        self.secret = secret
        self.conflict = conflict
        self.options = options
        self.rosters = rosters
        self.level = level
        self.c2s_port = free_port()
        self.component_port = free_port()
        for user, password in (users or {}).items():
            self.add_user(user, password)

    @property
    def c2s(self) -> tuple[str, int]:
        """Where clients connect."""
        return LOOPBACK, self.c2s_port

    @property
    def component(self) -> tuple[str, int]:
        """Where components connect."""
        return LOOPBACK, self.component_port

    def add_user(self, user: str, password: str) -> None:
        """Make an account; takes effect at once, also while running."""
        self._write("accounts", user, f'return {{ ["password"] = {_quoted(password)} }};\n')

    def set_roster(self, user: str, contacts: Mapping[str, str]) -> None:
        """Give an account a roster of bare JIDs, each "none", "to", "from" or "both"; before it logs in."""
        items = "".join(
            f'[{_quoted(jid)}] = {{ ["subscription"] = "{subscription}"; ["groups"] = {{}} }};\n'
            for jid, subscription in contacts.items()
        )
        self._write("roster", user, f"return {{ [false] = {{ version = 1; pending = {{}} }};\n{items} }};\n")

    def roster_text(self, user: str) -> str:
        """The stored roster of an account, as Lua; empty when there is none."""
        file = self._file("roster", user)
        return file.read_text("utf-8") if file.exists() else ""

    def command(self) -> list[str]:
        return ["prosody", "-F", "--config", str(self.directory / "prosody.cfg.lua")]

    def prepare(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)
        text = _CONFIGURATION.format(
            directory=self.directory,
            loopback=LOOPBACK,
            c2s=self.c2s_port,
            component=self.component_port,
            level=self.level,
            options=self.options,
            domain=self.domain,
        )
        if self.rosters:
            text += _privileges(self.components, self.rosters)
        for name in self.components:
            text += _COMPONENT.format(name=name, secret=self.secret, conflict=self.conflict)
            if self.rosters:
                text += '  modules_enabled = { "privilege" }\n'
        (self.directory / "prosody.cfg.lua").write_text(text, "utf-8")

    def is_up(self) -> bool:
        # it does not end when a port is taken, it only logs so
        return is_listening(self.c2s_port) and (not self.components or is_listening(self.component_port))

    def logs(self) -> list[Path]:
        return [self.output, self.directory / "prosody.log"]

    def _write(self, store: str, user: str, text: str) -> None:
        file = self._file(store, user)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def _file(self, store: str, user: str) -> Path:
        return self.directory / "data" / _encoded(self.domain) / store / f"{_encoded(user)}.dat"


def _privileges(components: Sequence[str], access: str) -> str:
    """What the virtual host says of its components."""
    entities = " ".join(f"[{_quoted(name)}] = {{ roster = {_quoted(access)} }};" for name in components)
    return f'  modules_enabled = {{ "privilege" }}\n  privileged_entities = {{ {entities} }}\n'


def _encoded(name: str) -> str:
    """A name as Prosody's data files have it."""
    return re.sub(rb"[^A-Za-z0-9]", lambda found: b"%%%02x" % found[0][0], name.encode()).decode()


def _quoted(text: str) -> str:
    """A Lua string."""
    return (
        '"'
        + "".join(
            f"\\{octet:03d}" if octet < 32 or octet in b'"\\' else chr(octet) for octet in text.encode()
        )
        + '"'
    )
