"""The demonstration that the README promises, as a newcomer starts it, but once and without a terminal."""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.peers.gateway import ROOT
from tests.peers.waiting import eventually

COMMAND = [sys.executable, "-m", "tests.demonstration"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Its temporary files are found here; there is no terminal, and the lines may be as long as they like."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # the reserved port numbers of all processes meet in one place
    ports = Path(tempfile.gettempdir(), f"sip2xmpp-ports-{os.getuid()}")
    ports.mkdir(exist_ok=True)
    (temporary / ports.name).symlink_to(ports)
    return {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "120"}


def leftovers(environment: dict[str, str]) -> list[str]:
    return [each.name for each in Path(environment["TMPDIR"]).iterdir() if not each.is_symlink()]


def test_every_change_is_seen_by_the_other_side(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "--once"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.splitlines()
    seen = {tuple(re.split(r"  +", row)[:-1]) for row in table}
    assert ("romeo", "approves", "bob", "online") in seen
    assert ("bob", "goes away", "romeo", "away", "Gone fishing") in seen
    assert ("romeo", "leaves for long", "bob", "extended away", "In Mantua", "away") in seen
    assert ("bob", "takes a call", "romeo", "do not disturb", "Sales call", "on the phone") in seen
    assert ("romeo", "takes a call", "bob", "on the phone", "In a duel", "busy, on the phone") in seen
    assert ("bob", "answers a call", "romeo", "do not disturb", "Back again", "on the phone") in seen
    assert ("romeo", "is busy", "bob", "lamp lit") in seen
    assert (
        "assistant",
        "puts a sign up",
        "romeo",
        "extended away",
        "Back on 5 January",
        "scheduled holiday",
    ) in seen
    assert ("bob", "goes offline", "romeo", "offline") in seen
    assert ("bob", "hides", "romeo", "offline") in seen
    assert ("bob", "shows little", "romeo", "online") in seen
    assert ("bob", "fills in a page", "romeo", "away", "Out to lunch") in seen
    assert "In a browser: http://127.0.0.1:" in done.stdout
    assert ("bob", "watches a list", "bob", "list of 2", "2 online") in seen
    assert ("romeo", "types", "bob", "typing") in seen
    assert ("bob", "confirms", "romeo", "receipt", "delivered") in seen
    assert ("romeo", "adds weather@", "romeo", "online", "17 degrees") in seen
    assert ("bob", "adds weather@", "bob", "online", "17 degrees") in seen
    assert ("weather", "gets rough", "bob", "do not disturb", "Storm", "busy") in seen
    assert "juliet@jabber.example" in done.stdout and "sip:alice@sip.example.org" in done.stdout
    assert re.fullmatch(
        r"45 changes, all seen by the other side in [\d.]+ ms \(median\), [\d.]+ ms at most.", table[-1]
    )
    assert "\x1b" not in done.stdout
    assert leftovers(environment) == []


def test_on_a_terminal_the_table_is_live_and_stays_at_the_end(environment: dict[str, str]) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    del environment["COLUMNS"]
    environment["TERM"] = "xterm"
    with subprocess.Popen(
        [*COMMAND, "--once"], cwd=ROOT, env=environment, stdout=theirs, start_new_session=True
    ) as running:
        os.close(theirs)
        with open(ours, "rb") as terminal:  # noqa: PTH123 - a descriptor
            shown = b"".join(_until_hung_up(terminal)).decode()
    assert running.returncode == 0
    live, left, table = shown.partition("\x1b[?1049l")
    assert live.startswith("\x1b[?1049h") and left
    assert "romeo sees bob" in live and "juliet@jabber.example" in live
    lines = re.sub("\x1b\\[[0-9;]*m", "", table).splitlines()
    assert lines[0].split() == ["WHO", "DOES", "SEEN", "BY", "STATE", "TEXT", "ACTIVITY", "MS"]
    assert lines[-1].startswith("45 changes, all seen by the other side")
    assert all(len(line) <= 100 for line in lines)


def _until_hung_up(terminal: BinaryIO) -> Iterator[bytes]:
    """What is written to a terminal until nobody holds it any more, which Linux reports as an error."""
    try:
        while octets := os.read(terminal.fileno(), 65_536):
            yield octets
    except OSError:
        return


def test_an_interrupt_ends_it_cleanly(environment: dict[str, str], tmp_path: Path) -> None:
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        running = subprocess.Popen(COMMAND, cwd=ROOT, env=environment, stdout=output, start_new_session=True)
    try:
        eventually(lambda: "asks to watch" in printed.read_text(), "the first change is seen", within=60)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0, printed.read_text()
    finally:
        running.kill()
        running.wait()
    assert "all seen by the other side" in printed.read_text()
    assert leftovers(environment) == []
