"""A PostgreSQL cluster for one run of Kamailio, with Debian's package postgresql: made, started and thrown away.

Its files are in memory where the system has /dev/shm, and fsync is off: this is PostgreSQL as fast as it goes, not as safe as
it goes, which flatters Kamailio.  Everything else is as initdb leaves it.  The server refuses to run as root, so then it runs
as the user that the package has made.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer, is_listening

PROGRAMS: Final = Path("/usr/lib/postgresql")
TABLES: Final = Path("/usr/share/kamailio/postgres")
SCRIPTS: Final = ("standard-create.sql", "presence-create.sql", "rls-create.sql")
USER: Final = "postgres"
DATABASE: Final = "kamailio"
IN_MEMORY: Final = Path("/dev/shm")


class Postgres(Peer):
    """One cluster with Kamailio's tables."""

    name = "postgres"
    starts_within = 30.0

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._port = free_port()
        place = IN_MEMORY if IN_MEMORY.is_dir() else None
        self._files = Path(tempfile.mkdtemp(prefix="sip2xmpp-bench-", dir=place))

    @property
    def url(self) -> str:
        """What Kamailio's modules call a database."""
        return f"postgres://{USER}:{USER}@{LOOPBACK}:{self._port}/{DATABASE}"

    @staticmethod
    def programs() -> Path | None:
        """Where the newest server's programs are."""
        found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
        return found[-1].parent if found else None

    @staticmethod
    def is_installed() -> bool:
        return Postgres.programs() is not None and all((TABLES / name).exists() for name in SCRIPTS)

    def prepare(self) -> None:
        if os.getuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(self._files, owner.pw_uid, owner.pw_gid)
        self._run(
            *("initdb", "--pgdata", str(self._files / "data"), "--username", USER),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )

    def command(self) -> list[str]:
        settings = {
            "fsync": "off",
            "listen_addresses": LOOPBACK,
            "port": self._port,
            "unix_socket_directories": self._files,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return self._as_user("postgres", "-D", str(self._files / "data"), *options)

    def is_up(self) -> bool:
        return is_listening(self._port)

    def start(self) -> Self:
        super().start()
        scripts = [word for name in SCRIPTS for word in ("--file", str(TABLES / name))]
        connection = ["--host", LOOPBACK, "--port", str(self._port), "--username", USER]
        self._run("createdb", *connection, DATABASE)
        self._run("psql", *connection, "--quiet", "--set", "ON_ERROR_STOP=1", *scripts, DATABASE)
        return self

    def execute(self, statements: str) -> None:
        """Change what is in the tables."""
        script = self._files / "statements.sql"
        script.write_text(statements, "utf-8")
        script.chmod(0o644)
        connection = ["--host", LOOPBACK, "--port", str(self._port), "--username", USER]
        self._run("psql", *connection, "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(script), DATABASE)

    def ask_to_stop(self) -> None:
        # its "fast" shutdown, which does not wait for anybody
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)

    def stop(self) -> int | None:
        status = super().stop()
        shutil.rmtree(self._files, ignore_errors=True)
        return status

    def _run(self, *command: str) -> None:
        subprocess.run(
            self._as_user(*command),
            check=True,
            cwd=self._files,
            stdout=subprocess.DEVNULL,
            stderr=self.output.open("ab"),
        )

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        programs = self.programs()
        assert programs is not None, "postgresql is not installed"
        drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"] if os.getuid() == 0 else []
        return [*drop, str(programs / program), *arguments]
