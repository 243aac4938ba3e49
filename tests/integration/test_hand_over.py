"""One gateway process leaves its listening sockets to the next: by starting itself anew, or by a service manager that holds them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.sipclient import SipClient, pidf
from tests.peers.waiting import eventually

USERS = {"alice": "rabbit", "bob": "builder"}


class Supervised(Gateway):
    """A gateway with a service manager that wants to know how it is."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, users=USERS)
        self.told: list[list[str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(directory / "notify"))
        # the kernel keeps ten datagrams for whoever does not read
        Thread(target=self._listen, daemon=True).start()

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "NOTIFY_SOCKET": str(self.directory / "notify"),
            "WATCHDOG_USEC": "400000",
        }

    def hears(self, wanted: str) -> str:
        """Wait for a datagram with a line; gives its status, and forgets what came before."""
        index = eventually(
            lambda: next((n for n, lines in enumerate(self.told, 1) if wanted in lines), 0), wanted, within=20
        )
        lines = self.told[index - 1]
        del self.told[:index]
        return next((line for line in lines if line.startswith("STATUS=")), "")

    def _listen(self) -> None:
        while octets := self._socket.recv(1000):
            self.told.append(octets.decode().splitlines())


def options(port: int) -> bytes:
    """A question that costs nothing."""
    return (
        "OPTIONS sip:sip.example.org SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {LOOPBACK}:{port};branch=z9hG4bKonce\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:alice@sip.example.org>;tag=1\r\nTo: <sip:sip.example.org>\r\n"
        "Call-ID: once\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Supervised]:
    with Supervised(tmp_path) as running:
        yield running


def test_it_starts_anew_with_its_sockets_and_the_dialog_goes_on(gateway: Supervised) -> None:
    assert gateway.hears("READY=1").startswith("STATUS=serving: 0 registrations, 0 subscriptions")
    gateway.hears("WATCHDOG=1")
    assert gateway.process is not None
    with (
        SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice,
        SipClient("bob", "sip.example.org", gateway.sip, password="builder") as bob,
    ):
        watch = alice.subscribe("sip:bob@sip.example.org")
        watch.wait_for_state("active")
        assert bob.register().status == 200
        assert bob.publish(pidf("sip:bob@sip.example.org", "open", note="before")).status == 200
        watch.wait_for_text("before")
        assert gateway.run("restart") == "the gateway starts anew\n"
        gateway.hears("RELOADING=1")
        # one datagram, sent once, while nobody reads
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind((LOOPBACK, 0))
            asking.settimeout(20)
            asking.sendto(options(asking.getsockname()[1]), gateway.sip)
            assert "1 registrations, 1 subscriptions" in gateway.hears("READY=1")
            assert asking.recv(10_000).startswith(b"SIP/2.0 ")
        assert bob.publish(pidf("sip:bob@sip.example.org", "open", note="meanwhile"), within=20).status == 200
        watch.wait_for_text("meanwhile")
        assert watch.refresh().status == 200
    assert gateway.is_running
    assert gateway.output.read_text().count("which was passed to this process") == 3
    gateway.ask_to_stop()
    gateway.hears("STOPPING=1")
    assert gateway.process.wait(10) == -signal.SIGTERM


def test_who_connects_while_it_starts_anew_is_served_by_the_next(gateway: Supervised) -> None:
    gateway.hears("READY=1")
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGUSR2)
    refused = served = 0
    while gateway.output.read_text().count("is serving") != 2:
        try:
            with socket.create_connection((LOOPBACK, gateway.http_port), timeout=20) as asking:
                asking.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                # the old process may have ended with a connection that it had accepted
                served += asking.recv(100).startswith(b"HTTP/1.1")
        except ConnectionRefusedError:
            refused += 1
        except ConnectionResetError:
            pass
    assert refused == 0
    assert served > 0


def test_neither_a_fault_nor_other_listeners_nor_a_signal_end_it_when_it_starts_anew(
    gateway: Supervised,
) -> None:
    gateway.hears("READY=1")
    process = gateway.process
    assert process is not None
    whole = gateway.file.read_text()
    gateway.file.write_text(f"{whole}\n[nonsense]\n")
    refused = gateway.attempt("restart")
    assert refused.returncode != 0
    assert "nonsense" in refused.stderr
    assert gateway.health()
    # an address that the old socket is a part of
    gateway.file.write_text(whole.replace(f"{LOOPBACK}:{gateway.sip_port}", f"0.0.0.0:{gateway.sip_port}"))
    process.send_signal(signal.SIGUSR2)
    gateway.hears("RELOADING=1")
    while gateway.output.read_text().count("is serving") != 2:
        # whoever renews certificates does not know that it starts
        process.send_signal(signal.SIGHUP)
        assert process.poll() is None
    with SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice:
        assert alice.register().status == 200


def test_who_is_told_to_end_while_it_starts_anew_ends(gateway: Supervised) -> None:
    gateway.hears("READY=1")
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGUSR2)
    gateway.hears("RELOADING=1")
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(15) in (0, -signal.SIGTERM)


def test_sockets_of_a_service_manager_are_found_by_their_address(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, users=USERS)
    gateway.prepare()
    places = [
        (socket.SOCK_STREAM, gateway.http_port),
        (socket.SOCK_STREAM, gateway.tls_port),
        (socket.SOCK_DGRAM, gateway.sip_port),
        (socket.SOCK_STREAM, gateway.sip_port),
    ]
    held = [socket.socket(socket.AF_INET, kind) for kind, _ in places]
    for each, (kind, port) in zip(held, places, strict=True):
        each.bind((LOOPBACK, port))
        if kind is socket.SOCK_STREAM:
            each.listen()
    with SipClient("alice", "sip.example.org", gateway.sip, password="rabbit") as alice:
        # what arrives before there is a process waits for it
        early = socket.create_connection((LOOPBACK, gateway.http_port), timeout=20)
        early.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        start = "\n".join(
            [
                "import os, sys",
                *(f"os.dup2({each.fileno()}, {100 + i})" for i, each in enumerate(held)),
                *(f"os.dup2({100 + i}, {3 + i})" for i in range(len(held))),
                f"os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='{len(held)}')",
                f"os.execv({gateway.command()[0]!r}, {gateway.command()!r})",
            ]
        )
        with gateway.output.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", start],
                pass_fds=[each.fileno() for each in held],
                cwd=tmp_path,
                stdout=output,
                stderr=output,
                env={**os.environ, **gateway.environment()},
            )
        try:
            with early:
                assert early.recv(100).startswith(b"HTTP/1.1")
            assert alice.register().status == 200
            log = gateway.output.read_text()
            assert log.count("which was passed to this process") == 3
            eventually(
                lambda: (
                    f"tcp:{LOOPBACK}:{gateway.tls_port} was passed to this process, and no listener"
                    in gateway.output.read_text()
                ),
                "what nobody wants is named",
            )
        finally:
            process.terminate()
            process.wait(10)
            for each in held:
                each.close()


def test_in_the_background_it_says_that_it_cannot(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, users=USERS)
    gateway.prepare()
    twistd = Path(sys.executable).with_name("twistd")
    log, pid_file = tmp_path / "gateway.log", tmp_path / "gateway.pid"
    subprocess.run(
        [twistd, f"--logfile={log}", f"--pidfile={pid_file}", "sip2xmpp", "--config", gateway.file],
        check=True,
        cwd=tmp_path,
    )
    try:
        eventually(gateway.health, "the gateway serves")
        assert "only a gateway in the foreground" in gateway.attempt("restart").stderr
        # whoever rotates logs moves the file away and says so by SIGHUP, which also reads the configuration again
        log.rename(tmp_path / "gateway.log.1")
        os.kill(int(pid_file.read_text()), signal.SIGHUP)
        eventually(lambda: log.exists() and "was read again" in log.read_text(), "the log begins anew")
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
    eventually(lambda: "has stopped" in log.read_text(), "the gateway has stopped")
