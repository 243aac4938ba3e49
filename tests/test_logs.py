"""Every event is one line, whatever is in it: text for people, JSON for programs."""

import io
import json
import os
from pathlib import Path

import pytest
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from sip2xmpp.logs import Log, leads_to_journal, log_file, observer
from sip2xmpp.settings import LogConfig, LogFormat


class Scene:
    def __init__(self, form: LogFormat, level: LogLevel = LogLevel.info) -> None:
        self.stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        publisher = LogPublisher(observer(LogConfig(format=form, level=level), self.stream))
        self.log = Logger(namespace="sip2xmpp.events.gate", observer=publisher)

    def lines(self) -> list[str]:
        return self.stream.buffer.getvalue().decode().split("\n")[:-1]

    def objects(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def text() -> Scene:
    return Scene(LogFormat.TEXT)


@pytest.fixture
def structured() -> Scene:
    return Scene(LogFormat.JSON)


def failure_of(words: str) -> Failure:
    try:
        raise RuntimeError(words)
    except RuntimeError:
        return Failure()


def test_a_line_has_time_level_speaker_and_event(text: Scene) -> None:
    text.log.warn(  # noqa: G010 - the name in twisted.logger
        "{watcher} asks to watch {contact}", watcher="romeo", contact="bob"
    )
    (line,) = text.lines()
    time, level, rest = line.split(maxsplit=2)
    assert time.endswith("Z") and len(time) == len("2026-01-31T12:00:00.000Z")
    assert level == "warn"
    assert rest == "events.gate: romeo asks to watch bob"


def test_an_object_has_the_same_and_every_field(structured: Scene) -> None:
    structured.log.info("{watcher} asks {count} times", watcher="romeo", count=2)
    (said,) = structured.objects()
    assert said.pop("time").endswith("Z")
    assert said == {
        "level": "info", "logger": "events.gate", "event": "romeo asks 2 times", "watcher": "romeo", "count": "2",
    }  # fmt: skip


def test_a_field_never_hides_what_every_line_has(structured: Scene) -> None:
    structured.log.info("{event} of {logger}", event="presence", logger="x", traceback="y")
    (said,) = structured.objects()
    assert (said["event"], said["level"], said["logger"]) == ("presence of x", "info", "events.gate")


@pytest.mark.parametrize("form", list(LogFormat))
def test_less_than_the_level_is_not_written(form: LogFormat) -> None:
    scene = Scene(form, LogLevel.warn)
    scene.log.info("quiet")
    scene.log.error("loud")
    assert len(scene.lines()) == 1


HOSTILE = "a\r\nb\x1b[31mc\x00d\x85e\u2028f\u202eg\ud800h\U000e0001i"


@pytest.mark.parametrize("form", list(LogFormat))
def test_no_control_character_gets_into_a_line(form: LogFormat) -> None:
    scene = Scene(form)
    scene.log.info("from {who}", who=HOSTILE)
    (line,) = scene.lines()
    assert line.isprintable()
    assert "from a\\" in line


def test_what_was_escaped_is_read_back_whole(structured: Scene) -> None:
    structured.log.info("from {who}", who=HOSTILE)
    assert structured.objects()[0]["who"] == HOSTILE


def test_a_failure_in_text_has_its_traceback_behind_it(text: Scene) -> None:
    text.log.failure("it broke", failure_of("because\x1b[31m"))
    first, *rest = text.lines()
    assert first.endswith("events.gate: it broke") and "critical" in first
    assert "RuntimeError: because" in rest[-1]
    assert all(line.isprintable() for line in rest)


def test_a_failure_in_json_is_one_line(structured: Scene) -> None:
    structured.log.failure("it broke", failure_of("because\nof that"))
    (said,) = structured.objects()
    assert "RuntimeError: because\nof that" in said["traceback"]


@pytest.mark.parametrize("form", list(LogFormat))
def test_an_event_that_cannot_be_written_says_so(form: LogFormat) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError("no")

    scene = Scene(form)
    scene.log.info("broken {what}", what=Broken())
    scene.log.info("missing {nothing}")
    scene.log.info("called {what()}", what=lambda: "now")
    lines = scene.lines()
    assert len(lines) == 3 and "called now" in lines[2]


def test_the_journal_is_told_how_grave_each_line_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "journal"
    with file.open("w", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        for form in LogFormat:
            publisher = LogPublisher(observer(LogConfig(format=form, level=LogLevel.debug), stream))
            log = Logger(namespace="sip2xmpp.events.gate", observer=publisher)
            for level in LogLevel.iterconstants():
                log.emit(level, "{word}", word=level.name)
            log.failure("broken", failure_of("why"))
    lines = file.read_text("utf-8").splitlines()
    assert lines[:5] == [
        "<7>events.gate: debug",
        "<6>events.gate: info",
        "<4>events.gate: warn",
        "<3>events.gate: error",
        "<2>events.gate: critical",
    ]
    assert all(line.startswith("<2>") for line in lines[5:-6])
    assert "RuntimeError: why" in lines[-7]
    assert [line[:3] for line in lines[-6:]] == ["<7>", "<6>", "<4>", "<3>", "<2>", "<2>"]
    assert json.loads(lines[-1][3:])["event"] == "broken"


@pytest.mark.parametrize("said", ["", "0:0", "nonsense"])
def test_what_is_not_the_journal_has_no_priorities(tmp_path: Path, said: str) -> None:
    with (tmp_path / "file").open("w", encoding="utf-8") as stream:
        assert not leads_to_journal(stream, {"JOURNAL_STREAM": said})
    assert not leads_to_journal(io.StringIO(), {"JOURNAL_STREAM": said})


def test_a_log_is_begun_anew_where_that_is_possible_and_is_rotated_by_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    path = folder / "gateway.log"
    log = Log(LogConfig(level=LogLevel.info), log_file(str(path)))
    told = Logger(namespace="sip2xmpp.events.gate", observer=log)
    told.info("{text}", text="x" * 2_000_000)
    told.info("first")
    assert list(folder.iterdir()) == [path]
    path.chmod(0o640)
    path.rename(tmp_path / "old.log")
    log.reopen()
    told.info("second")
    assert path.read_text().endswith("events.gate: second\n")
    path.rename(tmp_path / "older.log")
    folder.rmdir()
    log.reopen()
    told.info("third")
    assert (tmp_path / "older.log").read_text().endswith("events.gate: third\n")
    log.stream.close()
