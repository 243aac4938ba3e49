"""How a gateway process ends: asked to as process 1, asked to while it is busy, with a full disk, and killed."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from threading import Event, Thread

from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.sipclient import SipClient, pidf
from tests.peers.waiting import eventually

USERS = {"alice": "rabbit", "bob": "builder"}


class FirstProcess(Gateway):
    """A gateway that is process 1, as in a container: the kernel gives it no default for any signal."""

    def command(self) -> list[str]:
        return ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", *super().command()]

    def inner(self) -> int:
        """Its number out here."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


def test_as_process_1_it_takes_its_signals(tmp_path: Path) -> None:
    with FirstProcess(tmp_path, users=USERS) as gateway:
        assert gateway.process is not None
        inner = gateway.inner()
        subprocess.run(["kill", "-HUP", str(inner)], check=True)
        eventually(lambda: "was read again" in gateway.output.read_text(), "it reads its configuration")
        subprocess.run(["kill", "-USR2", str(inner)], check=True)
        eventually(lambda: gateway.output.read_text().count("is serving") == 2, "it starts anew", within=20)
        assert gateway.inner() == inner
        subprocess.run(["kill", "-TERM", str(inner)], check=True)
        gateway.process.wait(10)
        assert "has stopped" in gateway.output.read_text()


def test_a_stop_while_it_is_busy_keeps_what_was_answered(tmp_path: Path) -> None:
    with Gateway(tmp_path, users=USERS, settings={"sip": {"authentication": "none"}}) as gateway:
        assert gateway.process is not None
        done = Event()

        def flood() -> None:
            with SipClient("bob", "sip.example.org", gateway.sip) as flooding:
                while not done.is_set():
                    try:
                        flooding.publish(pidf(flooding.uri), within=0.5)
                    except AssertionError:
                        return  # it has stopped

        floods = [Thread(target=flood, daemon=True) for _ in range(4)]
        for each in floods:
            each.start()
        with SipClient("alice", "sip.example.org", gateway.sip) as alice:
            etag = alice.publish(pidf(alice.uri, note="kept")).get("sip-etag")
            began = time.monotonic()
            gateway.ask_to_stop()
            assert gateway.process.wait(10) == -signal.SIGTERM
            assert time.monotonic() - began < 8
            done.set()
            for each in floods:
                each.join(5)
            gateway.start()
            assert alice.publish(etag=etag).status == 200


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    with (
        Gateway(tmp_path, users=USERS) as gateway,
        SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice,
    ):
        etag = alice.publish(pidf(alice.uri, note="kept")).get("sip-etag")
        gateway.kill()
        gateway.start()
        assert alice.publish(etag=etag).status == 200


def test_an_answer_by_http_that_never_ends_does_not_keep_it(tmp_path: Path) -> None:
    with Gateway(tmp_path) as gateway:
        assert gateway.process is not None
        with socket.create_connection((LOOPBACK, gateway.http_port)) as slow:
            # half of a request
            slow.sendall(b"PUT /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            gateway.ask_to_stop()
            assert gateway.process.wait(8) == -signal.SIGTERM


def test_a_disk_that_is_full_does_not_keep_it_and_is_told_of(tmp_path: Path) -> None:
    """The disk is a small file system of its own; what was stored before stays."""
    disk = tmp_path / "disk"
    disk.mkdir()
    gateway = OnSmallDisk(tmp_path / "gateway", disk)
    with gateway:
        assert gateway.process is not None
        with SipClient("alice", "sip.example.org", gateway.sip) as alice:
            kept = alice.publish(pidf(alice.uri, note="kept")).get("sip-etag")
            gateway.fill()
            answers = [alice.publish(pidf(alice.uri, note="x" * 20_000), within=15).status for _ in range(3)]
            assert any(status >= 500 for status in answers)
            gateway.ask_to_stop()
            gateway.process.wait(15)
            log = gateway.output.read_text()
            assert "has stopped" in log
            assert "stored" in log
            assert kept


class OnSmallDisk(Gateway):
    """A gateway whose state is in a file system of two megabytes that only it sees."""

    def __init__(self, directory: Path, disk: Path) -> None:
        super().__init__(
            directory,
            settings={"gateway": {"state": f"sqlite:{disk}/state.db"}, "sip": {"authentication": "none"}},
        )
        self.disk = disk

    def command(self) -> list[str]:
        mounted = f'mount -t tmpfs -o size=2m tmpfs {json.dumps(str(self.disk))} && exec "$@"'
        return [
            *("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"),
            *("sh", "-c", mounted, "sh", *super().command()),
        ]

    def fill(self) -> None:
        """Leave no room on the disk, as seen from inside of its file system."""
        assert self.process is not None
        inside = Path(f"/proc/{self.process.pid}/root{self.disk}/everything")
        try:
            with inside.open("wb") as file:
                while True:
                    file.write(b"x" * 4096)
                    file.flush()
        except OSError:
            return
