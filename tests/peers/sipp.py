"""SIPp playing one scenario once, in the background; it shares no code with us.

It is a trusted peer of the gateway that it plays with: its digest knows MD5 only, and takes the first challenge there is.

A scenario is an XML file whose ``[keys]`` are given as keyword arguments.  What it logs (``<log message=.../>``) tells a test how
far it is; a message that it does not expect ends it with a status other than 0, and so does waiting too long.
"""

import subprocess
from pathlib import Path

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer
from tests.peers.waiting import eventually


class Sipp(Peer):
    """One run of SIPp against the server at ``server``."""

    name = "sipp"

    def __init__(
        self,
        directory: Path,
        scenario: Path,
        server: tuple[str, int],
        *,
        user: str,
        port: int = 0,
        **keys: str,
    ) -> None:
        super().__init__(directory)
        self.scenario = scenario
        self.server = server
        self.user = user
        self.keys = keys
        self.port = port or free_port()
        self.log = self.directory / "log.txt"

    def command(self) -> list[str]:
        host, port = self.server
        keys = [word for name, value in self.keys.items() for word in ("-key", name, value)]
        return [
            "sipp", "-sf", str(self.scenario), "-i", LOOPBACK, "-p", str(self.port), "-m", "1", "-nostdin",
            "-s", self.user, "-timeout", "40s", "-timeout_error",
            "-trace_logs", "-log_file", str(self.log), "-trace_err", "-error_file", str(self.directory / "errors.txt"),
            "-trace_msg", "-message_file", str(self.directory / "messages.txt"), *keys, f"{host}:{port}",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"TERM": "dumb"}

    def logs(self) -> list[Path]:
        return [self.directory / name for name in ("errors.txt", "messages.txt", "log.txt")]

    def wait_for(self, word: str, *, within: float = 10.0) -> None:
        """Wait until the scenario has logged a word."""
        eventually(
            lambda: (
                (self.log.exists() and word in self.log.read_text("utf-8", "replace")) or not self.is_running
            ),
            f"{self.name} logs {word}",
            within=within,
            every=0.02,
        )
        assert word in self.log.read_text("utf-8", "replace"), f"ended before {word}\n{self.tail()}"

    def succeeds(self, *, within: float = 20.0) -> None:
        """Wait until the scenario is over, as it has to be."""
        assert self.process is not None
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.scenario.name} is not over\n{self.tail()}") from None
        assert status == 0, f"{self.scenario.name} failed with status {status}\n{self.tail()}"
