"""What a service manager hears: datagrams at a real socket of it."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from sip2xmpp.errors import StorageFailed
from sip2xmpp.notify import Supervisor, Watchdog

Commit = Callable[[StorageFailed | None], None]


@pytest.fixture(params=["a file", "no file"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """The value of NOTIFY_SOCKET, and what came there."""
    file, name = str(tmp_path / "notify"), f"sip2xmpp-test-{os.getpid()}-{time.monotonic_ns()}"
    is_file = request.param == "a file"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5)
        listening.bind(file if is_file else f"\0{name}")
        yield file if is_file else f"@{name}", lambda: listening.recv(1000).decode().splitlines()


def test_it_hears_that_we_are_ready_alive_and_stopping(heard: tuple[str, Callable[[], list[str]]]) -> None:
    path, lines = heard
    manager = Supervisor({"NOTIFY_SOCKET": path})
    manager.ready("serving: all of them")
    assert lines() == ["READY=1", "STATUS=serving: all of them"]
    manager.alive("still")
    assert lines() == ["WATCHDOG=1", "STATUS=still"]
    manager.stopping("bye")
    assert lines() == ["STOPPING=1", "STATUS=bye"]


def test_a_reload_says_when_it_began(heard: tuple[str, Callable[[], list[str]]]) -> None:
    path, lines = heard
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Supervisor({"NOTIFY_SOCKET": path}).reloading()
    first, second = lines()
    assert first == "RELOADING=1"
    name, _, value = second.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_status_is_one_short_line(heard: tuple[str, Callable[[], list[str]]]) -> None:
    path, lines = heard
    Supervisor({"NOTIFY_SOCKET": path}).ready("one\nREADY=0\n" + "x" * 1000)
    first, second = lines()
    assert first == "READY=1"
    assert second.startswith("STATUS=one READY=0 xxx")
    assert len(second) < 250


@pytest.mark.parametrize("path", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_nobody_who_hears_us_is_no_trouble(path: str) -> None:
    manager = Supervisor({"NOTIFY_SOCKET": path})
    manager.ready("fine")
    manager.alive("fine")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({"WATCHDOG_USEC": "-5"}, 0.0),
    ],
)
def test_the_watchdog_is_fed_in_half_of_the_time(environment: dict[str, str], seconds: float) -> None:
    assert Supervisor(environment).watchdog == seconds


class Disk:
    """A store whose commits come back when they are told to."""

    def __init__(self) -> None:
        self.waiting: list[Commit] = []

    def after_commit(self, call: Commit) -> None:
        self.waiting.append(call)

    def answer(self, trouble: StorageFailed | None = None) -> None:
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call(trouble)


def watchdog(clock: Clock, disk: Disk, told: list[str]) -> Watchdog:
    made = Watchdog(clock, 15.0, after_commit=disk.after_commit, alive=told.append, status=lambda: "serving")
    made.start()
    return made


def test_a_disk_that_does_not_answer_starves_the_watchdog() -> None:
    clock, disk, told = Clock(), Disk(), list[str]()
    watchdog(clock, disk, told)
    assert told == []
    disk.answer()
    assert told == ["serving"]
    clock.advance(14.9)
    assert told == ["serving"]
    clock.advance(0.1)
    disk.answer()
    assert told == ["serving"] * 2
    clock.advance(1000)
    assert told == ["serving"] * 2


def test_a_full_disk_is_told_of_and_kills_nobody() -> None:
    clock, disk, told = Clock(), Disk(), list[str]()
    watchdog(clock, disk, told)
    disk.answer(StorageFailed("the disk is full"))
    assert told == ["the state is not stored: the disk is full"]
    clock.advance(15)
    disk.answer()
    assert told[-1] == "serving"


def test_nothing_is_told_after_the_end() -> None:
    clock, disk, told = Clock(), Disk(), list[str]()
    fed = watchdog(clock, disk, told)
    fed.stop()
    disk.answer()
    clock.advance(100)
    assert told == []
    assert not clock.getDelayedCalls()


def test_the_unit_is_one_that_systemd_understands() -> None:
    """As far as systemd itself can tell without running it."""
    etc = Path(__file__).resolve().parent.parent / "etc"
    units = [etc / "sip2xmpp.service", etc / "sip2xmpp.socket"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [
        line for line in done.stderr.splitlines() if "sip2xmpp" in line and "is not executable" not in line
    ]
    assert ours == []
