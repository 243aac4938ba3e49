"""``sip2xmpp watch`` and ``sip2xmpp publish`` as an operator runs them, against the real gateway."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers.gateway import ROOT, Gateway
from tests.peers.ports import free_port
from tests.peers.sipclient import SipClient, pidf
from tests.peers.waiting import eventually, never

ALICE, BOB = "alice@sip.example.org", "bob@sip.example.org"
PASSWORDS = {"alice": "rabbit", "bob": "builder"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = {"limits": {"min_expires": 1}}
    with Gateway(tmp_path_factory.mktemp("gateway"), users=PASSWORDS, settings=settings) as gateway:
        yield gateway


@pytest.fixture
def alice(gateway: Gateway) -> Iterator[SipClient]:
    """Another watcher, who shares no code with the command."""
    with SipClient("alice", "sip.example.org", gateway.sip, password="rabbit", transport="tcp") as client:
        yield client


@pytest.fixture
def bob(gateway: Gateway) -> Iterator[SipClient]:
    with SipClient("bob", "sip.example.org", gateway.sip, password="builder") as client:
        yield client


def once(gateway: Gateway, *arguments: str, password: str = "rabbit", status: int = 0) -> dict[str, Any]:
    """The view of bob that ``watch --once --json`` prints."""
    told = gateway.run(
        "watch",
        f"sip:{BOB}",
        "--as",
        ALICE,
        "--once",
        "--json",
        *arguments,
        text=password + "\n",
        status=status,
    )
    view: dict[str, Any] = json.loads(told)
    return view


def publish(gateway: Gateway, *arguments: str) -> str:
    return gateway.run("publish", BOB, *arguments, text="builder\n").strip()


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as a terminal has it: what a shell starts in the background ignores it, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def running(
    gateway: Gateway, output: Path, *arguments: str, password: str
) -> "Iterator[subprocess.Popen[str]]":
    """The command running, ended by Ctrl-C."""
    with output.open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "sip2xmpp.command.main", "--config", str(gateway.file), *arguments],
            cwd=gateway.directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=printed,
            text=True,
        )
    try:
        assert process.stdin is not None
        process.stdin.write(password + "\n")
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()


def interrupt(process: "subprocess.Popen[str]") -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(10)


def test_a_publication_is_seen_by_a_client_that_shares_no_code(gateway: Gateway, alice: SipClient) -> None:
    watch = alice.subscribe(f"sip:{BOB}")
    etag = publish(gateway, "--state", "away", "--note", "back at 5")
    notify = watch.wait_for_text("back at 5")
    assert "<rpid:away/>" in notify.text
    again = publish(gateway, "--state", "on-the-phone", "--etag", etag)
    watch.wait_for_text("on-the-phone")
    count = len(watch.notifies)
    publish(gateway, "--remove", "--etag", again)
    watch.wait_for_text("closed", after=count)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_what_is_published_is_watched(gateway: Gateway, transport: str) -> None:
    etag = publish(
        gateway,
        "--state",
        "busy",
        "--note",
        "Grüße aus Köln",
        "--activity",
        "meeting",
        "--transport",
        transport,
    )
    view = once(gateway, "--transport", transport)
    publish(gateway, "--remove", "--etag", etag)
    assert view["standing"] == "active"
    assert view["state"] == "busy"
    assert view["text"] == "Grüße aus Köln"
    assert "meeting" in view["activities"]
    assert view["since"] is not None
    assert view["trouble"] is None


def test_a_file_is_published_as_it_is(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "presence.xml"
    file.write_text(pidf(f"sip:{BOB}", "open", "vacation", note="At the seaside"))
    etag = publish(gateway, "--file", str(file))
    view = once(gateway)
    publish(gateway, "--remove", "--etag", etag)
    assert (view["state"], view["text"]) == ("xa", "At the seaside")


def test_a_held_publication_is_refreshed_and_removed_at_the_end(
    gateway: Gateway, alice: SipClient, tmp_path: Path
) -> None:
    watch = alice.subscribe(f"sip:{BOB}")
    watch.wait_for_text("closed")
    printed = tmp_path / "printed"
    command = ("publish", BOB, "--state", "dnd", "--hold", "--expires", "2")
    with running(gateway, printed, *command, password="builder") as held:
        watch.wait_for_text("busy")
        eventually(lambda: printed.read_text().strip(), "the SIP-ETag is printed")
        count = len(watch.notifies)
        never(lambda: len(watch.notifies) > count, "it expires", during=3.0)
        assert interrupt(held) == 0
        watch.wait_for_text("closed", after=count)


def test_watching_goes_on_until_it_is_interrupted(gateway: Gateway, bob: SipClient, tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    with running(gateway, printed, "watch", BOB, "--as", ALICE, password="rabbit") as watching:
        eventually(lambda: "offline" in printed.read_text(), "offline")
        etag = bob.publish(pidf(bob.uri, "open", "away", note="Gone fishing")).get("sip-etag")
        eventually(lambda: "Gone fishing" in printed.read_text(), "away")
        bob.publish(etag=etag, expires=0)
        eventually(lambda: printed.read_text().count("offline") == 2, "offline again")
        assert interrupt(watching) == 0
    shown = printed.read_text().splitlines()
    assert [line.split()[1:3] for line in shown] == [[BOB, "offline"], [BOB, "away"], [BOB, "offline"]]
    assert "\x1b" not in printed.read_text()


def test_a_table_is_printed_of_several(gateway: Gateway) -> None:
    told = gateway.run("watch", BOB, ALICE, "--as", ALICE, "--once", text="rabbit\n").splitlines()
    assert told[0].split() == ["ADDRESS", "STATE", "TEXT", "SINCE", "LANGUAGES", "ACTIVITIES"]
    assert [row.split()[:2] for row in told[1:]] == [[BOB, "offline"], [ALICE, "offline"]]


@pytest.mark.parametrize(
    ("arguments", "password", "told"),
    [
        (
            ("watch", BOB, "--as", ALICE, "--once"),
            "wrong",
            "does not accept alice@sip.example.org with this password",
        ),
        (("watch", BOB, "--as", ALICE), "", "the server wants a password of alice@sip.example.org"),
        (("watch", "nobody@sip.example.org", "--as", ALICE), "rabbit", "nobody@sip.example.org"),
        (("watch", BOB), "", "say who watches: --as ADDRESS"),
        (("publish", BOB), "wrong", "does not accept bob@sip.example.org with this password"),
        (("publish", BOB, "--etag", "gone"), "builder", "does not know that SIP-ETag, or not any more: 412"),
        (("publish", BOB, "--remove"), "builder", "--remove needs the --etag"),
        (("publish", BOB, "--file", "/nowhere"), "builder", "cannot read /nowhere: No such file"),
        (("publish", BOB, "--transport", "tls"), "builder", "does not listen for tls"),
    ],
)
def test_an_error_is_one_line_and_status_2(
    gateway: Gateway, arguments: tuple[str, ...], password: str, told: str
) -> None:
    done = gateway.attempt(*arguments, text=f"{password}\n")
    assert done.returncode == 2, done.stdout + done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    "arguments", [("watch", BOB, "--as", ALICE), ("publish", BOB)], ids=["watch", "publish"]
)
def test_a_server_that_is_not_there_is_told_in_time(
    gateway: Gateway, arguments: tuple[str, ...], transport: str
) -> None:
    server = ("--server", f"127.0.0.1:{free_port()}", "--transport", transport, "--timeout", "1")
    done = gateway.attempt(*arguments, *server, text="rabbit\n")
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [("watch", BOB, "--as", ALICE), ("publish", BOB)], ids=["watch", "publish"]
)
def test_a_server_that_is_silent_is_told_in_time(gateway: Gateway, arguments: tuple[str, ...]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = ("--server", f"127.0.0.1:{silent.getsockname()[1]}", "--timeout", "1")
        done = gateway.attempt(*arguments, *server, text="rabbit\n")
    assert done.returncode == 2
    assert "does not answer" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_password_may_come_from_a_file(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("rabbit\n")
    assert once(gateway, "--password-file", str(tmp_path / "password"), password="")["state"] == "offline"
