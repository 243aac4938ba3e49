"""A real program under the control of a test: started, stopped, killed, restarted, and read when things go wrong.

Every peer lives in a directory of its own, keeps all its output in ``output.log`` there across restarts, and binds
loopback only.  A program that is not installed is a failure: the packages are declared in etc/install-debian-packages.
"""

import atexit
import os
import re
import shutil
import signal
import socket
import subprocess
import weakref
from pathlib import Path
from typing import ClassVar, Self

from tests.peers.ports import LOOPBACK
from tests.peers.waiting import eventually


def is_listening(port: int, host: str = LOOPBACK) -> bool:
    """Whether a TCP connection to the port is accepted now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


class Peer:
    """Base of the programs; a subclass gives ``command``, writes its files in ``prepare`` and says when it ``is_up``."""

    name: ClassVar[str] = "peer"
    starts_within = 15.0
    stops_within = 10.0
    wants_input: ClassVar[bool] = False

    _all: ClassVar["weakref.WeakSet[Peer]"] = weakref.WeakSet()

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.output = self.directory / "output.log"
        self.output.touch()

    # what a subclass says about itself

    def command(self) -> list[str]:
        """The program and its arguments."""
        raise AssertionError("a peer says what it runs")

    def environment(self) -> dict[str, str]:
        """What is added to this process's environment."""
        return {}

    def prepare(self) -> None:
        """Write what the program reads; called before each start."""

    def is_up(self) -> bool:
        """Whether it serves."""
        return True

    def logs(self) -> list[Path]:
        """The files worth reading when something failed."""
        return [self.output]

    # life

    def start(self) -> Self:
        """Start it and wait until it serves."""
        self.launch()
        try:
            eventually(
                lambda: self.is_up() or not self.is_running, f"{self.name} is up", within=self.starts_within
            )
            if not self.is_running:
                raise AssertionError(f"{self.name} ended with status {self.status} while starting")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.tail()}") from error
        return self

    def launch(self) -> None:
        """Start it without waiting."""
        assert not self.is_running, f"{self.name} runs already"
        self.prepare()
        command = self.command()
        if shutil.which(command[0]) is None:
            raise AssertionError(f"{command[0]} is not installed; see etc/install-debian-packages")
        Peer._all.add(self)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, **self.environment()},
                stdin=subprocess.PIPE if self.wants_input else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while running or never started."""
        return self.process.poll() if self.process else None

    def stop(self) -> int | None:
        """Ask it to end, wait, and return the exit status; kill it when it does not listen."""
        if self.process is None:
            return None
        if self.is_running:
            self.ask_to_stop()
            try:
                self.process.wait(self.stops_within)
            except subprocess.TimeoutExpired:
                self.kill()
        self._close_input()
        return self.process.returncode

    def ask_to_stop(self) -> None:
        """How it is told to end; SIGTERM unless the program has its own way."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as kill -9 or a power cut would."""
        if self.process is None:
            return
        if self.is_running:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._close_input()

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def _close_input(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except OSError:
                pass  # what was still buffered for a program that is gone

    def __enter__(self) -> Self:
        return self if self.is_running else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # what it said

    def lines(self) -> list[str]:
        """Everything it has printed so far."""
        return self.output.read_text("utf-8", "replace").splitlines()

    def wait_for_line(self, pattern: str, *, within: float = 10.0, after: int = 0) -> str:
        """The first printed line from index ``after`` on that the regular expression finds something in."""
        found = re.compile(pattern)

        def look() -> str | None:
            return next((line for line in self.lines()[after:] if found.search(line)), None)

        line = eventually(look, f"{self.name} prints /{pattern}/", within=within, every=0.02)
        assert line is not None
        return line

    def tail(self, count: int = 40) -> str:
        """The last lines of each log."""
        texts = {
            path.name: path.read_text("utf-8", "replace").splitlines()
            for path in self.logs()
            if path.exists()
        }
        return "\n".join(
            "\n".join([f"--- {name}", *lines[-count:]]) for name, lines in texts.items() if lines
        )

    # all of them

    @classmethod
    def seen(cls) -> "list[Peer]":
        """Every peer that ran during the present test, by name."""
        return sorted(cls._all, key=lambda peer: (peer.name, str(peer.directory)))

    @classmethod
    def forget_stopped(cls) -> None:
        """Called between tests: what has ended belongs to the past."""
        for peer in list(cls._all):
            if not peer.is_running:
                cls._all.discard(peer)


@atexit.register
def _leave_nothing_behind() -> None:
    for peer in Peer.seen():
        peer.kill()
