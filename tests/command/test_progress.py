"""Progress of long work: drawn on terminals, told now and then elsewhere."""

from collections.abc import Callable
from io import StringIO

import pytest

from sip2xmpp.command.progress import Progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


@pytest.fixture
def time() -> Time:
    return Time()


def test_a_terminal_has_one_line_that_is_drawn_again_and_wiped_at_the_end(
    terminal: Terminal, time: Time
) -> None:
    with Progress("users", 1_000, stream=terminal, clock=time) as progress:
        for _ in range(500):
            time.now += 0.01
            progress.step()
    drawn = terminal.getvalue()
    assert "\n" not in drawn
    assert "users: 0 of 1,000 (0 %)" in drawn
    assert "users: 500 of 1,000 (50 %), 5 s left" in drawn
    assert drawn.endswith("\r\x1b[K")
    # ten times a second at most, in five seconds
    assert drawn.count("users:") <= 51


def test_a_pipe_hears_nothing_unless_lines_are_wished(time: Time) -> None:
    stream = StringIO()
    with Progress("users", 1_000, stream=stream, clock=time) as progress:
        progress.step(1_000)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("step", [1, 7, 100])
def test_a_pipe_gets_a_line_for_every_so_many(step: int, time: Time) -> None:
    stream = StringIO()
    with Progress("documents", lines=100, stream=stream, clock=time) as progress:
        while progress.done < 300:
            progress.step(step)
    told = stream.getvalue().splitlines()
    assert len(told) == 3
    assert all(line.startswith("sip2xmpp: documents: ") for line in told)


def test_a_dumb_terminal_is_not_drawn_on(monkeypatch: pytest.MonkeyPatch, time: Time) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress("users", 3, stream=stream, clock=time) as progress:
        progress.step(3)
    assert stream.getvalue() == ""


def test_names_of_others_cannot_steer_the_terminal_and_fit_the_window(terminal: Terminal, time: Time) -> None:
    with Progress("users", stream=terminal, clock=time) as progress:
        time.now += 1
        progress.step(what="a\x1b[2Jb\n" + "c" * 200)
    last = terminal.getvalue().split("\r\x1b[K")[2]
    assert "\x1b" not in last
    assert len(last) == 59
    assert last.endswith("…")


def test_things_are_steps_when_the_next_one_is_asked_for(time: Time) -> None:
    progress = Progress("users", stream=StringIO(), clock=time)
    seen: list[Callable[[], int] | int] = []
    for thing in progress.over(range(3), str):
        seen.append(progress.done)
        assert thing == progress.done
    assert seen == [0, 1, 2]
    assert progress.done == 3


def test_the_line_goes_away_when_the_work_fails(terminal: Terminal, time: Time) -> None:
    with pytest.raises(ValueError, match="no"), Progress("users", stream=terminal, clock=time):
        raise ValueError("no")
    assert terminal.getvalue().endswith("\r\x1b[K")
