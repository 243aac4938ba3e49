"""On what the figures were taken: the machine, the versions of everything that takes part, the date."""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.postgres import IN_MEMORY, Postgres
from tests.bench.runner import Column
from tests.peers.gateway import ROOT


def circumstances(columns: Sequence[Column], repetitions: int) -> dict[str, str]:
    """What belongs above every table, in the order to print it."""
    found = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {_memory():.0f} GiB",
        "system": platform.platform(),
        "sip2xmpp": f"{version('sip2xmpp')} {_commit()}".strip(),
        "Python": f"{platform.python_version()}, Twisted {version('twisted')}, lxml {version('lxml')}",
    }
    if any(column.variant is not None for column in columns):
        found["Kamailio"] = _said("kamailio", "-v")
    if any(column.on_postgres for column in columns):
        programs = Postgres.programs()
        number = _said(str(programs / "postgres") if programs else "postgres", "--version")
        found["PostgreSQL"] = f"{number}, fsync off{', files in memory' if IN_MEMORY.is_dir() else ''}"
    return {**found, "repetitions": str(repetitions)}


def _processor() -> str:
    named = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return named[1].strip() if named else platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3


def _commit() -> str:
    commit = _said("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return f"({commit})" if commit else ""


def _said(*command: str) -> str:
    """The first line that a program prints, or from the first version number on if there is one; empty if there is no such program."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    except OSError:
        return ""
    first = done.stdout.partition("\n")[0].strip()
    number = re.search(r"\b\d+\.\d+\S*", first)
    return number[0] if number and done.returncode == 0 else first
