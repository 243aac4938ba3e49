"""The log as an operator reads it: one line for each event, or one JSON object a line.

Text: time in UTC, level, the part of the program that speaks, what happened.  JSON: the same as ``time``, ``level``, ``logger``
and ``event``, plus every field that the event was formatted with, as text.  A failure carries its traceback: in JSON under
``traceback``, in text on the following lines.  What is secret is never a field of an event, so nothing is removed here.

Where the stream leads to the journal of systemd, each line begins with its priority, which the journal takes off again, and text has
neither time nor level, because the journal has both.  Nothing is rotated here: that is done by the journal, or by whoever moves a file
away and has it begun anew.

Every change of a subscription is a line, so a line costs as little as can be: an event below the level is dropped by one look-up,
and a format without calls is filled in by ``str.format_map``; what that cannot do is left to Twisted, which never fails.
"""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final, TextIO, cast

from twisted.logger import ILogObserver, Logger, LogLevel, formatEvent
from twisted.python.logfile import LogFile
from zope.interface import implementer, provider

from sip2xmpp.settings import LogConfig, LogFormat

OWN = "sip2xmpp."
_log = Logger()

_PRIORITIES: Final = {"debug": 7, "info": 6, "warn": 4, "error": 3, "critical": 2}
"""Those of syslog."""

Event = Mapping[str, Any]


def observer(config: LogConfig, stream: TextIO) -> ILogObserver:
    """Return the observer that writes events of at least the configured level to ``stream``."""
    write = as_json if config.format is LogFormat.JSON else as_text
    if leads_to_journal(stream, os.environ):
        write = partial(for_journal, as_json if config.format is LogFormat.JSON else as_brief_text)
    shown = frozenset(level for level in LogLevel.iterconstants() if level >= config.level)

    @provider(ILogObserver)
    def to_stream(event: Event) -> None:
        if event.get("log_level") in shown:
            stream.write(write(event) + "\n")
            stream.flush()

    return cast(ILogObserver, to_stream)


@implementer(ILogObserver)
class Log:
    """The observer of the whole process, which another configuration makes another; ``stream`` is where it writes now."""

    def __init__(self, config: LogConfig, stream: TextIO) -> None:
        self.stream = stream
        self.become(config)

    def become(self, config: LogConfig) -> None:
        """Write events like this from now on."""
        self._config = config
        self._observe = observer(config, self.stream)

    def reopen(self) -> None:
        """Begin the file anew, if somebody has moved it away; what is no file, or cannot be begun anew, goes on."""
        before = self.stream
        if not isinstance(before, LogFile):
            return
        try:
            self.stream = log_file(before.path, before.defaultMode)
        except OSError as error:
            _log.error("the log goes on where it was: {error}", error=error)
            return
        self.become(self._config)
        before.close()  # type: ignore[no-untyped-call]

    def __call__(self, event: dict[str, Any]) -> None:
        self._observe(event)


def log_file(path: str, mode: int | None = None) -> TextIO:
    """A file to write to, which nobody but its owner rotates; raises ``OSError``."""
    file: TextIO = LogFile.fromFullPath(path, rotateLength=None, defaultMode=mode)  # type: ignore[no-untyped-call]
    return file


def leads_to_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream is the one that systemd says leads to its journal (systemd.exec(5), JOURNAL_STREAM)."""
    said = environment.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return said == f"{status.st_dev}:{status.st_ino}"


def for_journal(write: Callable[[Event], str], event: Event) -> str:
    """What ``write`` makes of an event, each line with its priority before it (sd-daemon(3))."""
    priority = f"<{_PRIORITIES.get(_level(event), 6)}>"
    return "\n".join(priority + line for line in write(event).split("\n"))


def as_text(event: Event) -> str:
    """One line, and the traceback of a failure behind it."""
    return f"{_time(event)} {_level(event):<8} {as_brief_text(event)}"


def as_brief_text(event: Event) -> str:
    """The same without time and level."""
    line = f"{_logger(event)}: {_what(event)}"
    failure = event.get("log_failure")
    if failure is None:
        return line
    return "\n".join([line, *(_printable(each) for each in failure.getTraceback().rstrip().splitlines())])


def as_json(event: Event) -> str:
    """One JSON object on one line."""
    written = {
        **{name: _text(value) for name, value in event.items() if _is_field(name)},
        "time": _time(event),
        "level": _level(event),
        "logger": _logger(event),
        "event": _what(event),
    }
    failure = event.get("log_failure")
    if failure is not None:
        written["traceback"] = failure.getTraceback()
    line = json.dumps(written, ensure_ascii=False)
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a field that cannot be written must not cost the whole event
        return f"<{type(value).__name__}>"


def _time(event: Event) -> str:
    seconds, rest = divmod(event.get("log_time", 0.0), 1.0)
    return f"{_second(seconds)}.{int(rest * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _level(event: Event) -> str:
    level = event.get("log_level")
    return str(level.name) if level is not None else "info"


def _logger(event: Event) -> str:
    return str(event.get("log_namespace", "-")).removeprefix(OWN)


def _what(event: Event) -> str:
    """The formatted event on one line, whatever was in its fields."""
    text = _formatted(event)
    if text.isprintable():
        return text
    return _printable(text.replace("\r", "\\r").replace("\n", "\\n"))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _formatted(event: Event) -> str:
    form = event.get("log_format")
    if isinstance(form, str) and "()" not in form:
        try:
            return form.format_map(event)
        except Exception:  # noqa: BLE001 - whatever a field does when it is written, Twisted says so in the line
            return formatEvent(dict(event))
    return formatEvent(dict(event))


def _is_field(name: str) -> bool:
    return not name.startswith("log_") and name not in {
        "time",
        "system",
        "format",
        "isError",
        "message",
        "failure",
    }
