"""The machine: the clock, the kernel's buffers, how many files may be open, Python and the libraries."""

import ctypes
import re
import resource
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from sip2xmpp.command.checks.findings import Finding, Scene, Topic

topic = Topic(name="machine")

BUFFERS: Final = ("rmem_max", "wmem_max")
BUFFER: Final = 8_388_608
"""Octets that answers to a change with ten thousand watchers need."""

OTHERS: Final = 200
"""Open files beside SIP connections."""

UNSYNCHRONIZED: Final = 5
"""What adjtimex(2) says of a clock that nobody sets."""

_PARTS: Final = re.compile(r"(>=|<|==)\s*([0-9.]+)")
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(;.*)?")


def look(scene: Scene) -> Iterator[Finding]:
    """Look at it."""
    yield from _clock()
    yield from _buffers()
    yield from _open_files(scene)
    yield from _libraries()


def _clock() -> Iterator[Finding]:
    newest = max(path.stat().st_mtime for path in Path(__file__).parent.iterdir())
    if time.time() < newest - 86_400:
        yield topic.fault(
            "clock",
            f"says {time.strftime('%Y-%m-%d %H:%M')}, which is before this program was installed",
            "set it; certificates and lifetimes go by it",
        )
        return
    try:
        # with modes 0 nothing is changed; the structure has 208 octets
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(1024))
    except (OSError, AttributeError):
        return
    if state == UNSYNCHRONIZED:
        yield topic.warning(
            "clock",
            "nobody keeps it right",
            "run chrony or systemd-timesyncd; certificates and lifetimes go by it",
        )
    else:
        yield topic.fine("clock", f"says {time.strftime('%Y-%m-%d %H:%M %Z')}")


def _buffers() -> Iterator[Finding]:
    small = []
    for name in BUFFERS:
        try:
            value = int(Path("/proc/sys/net/core", name).read_text("ascii"))
        except (OSError, ValueError):
            continue
        if value < BUFFER:
            small.append(f"net.core.{name} is {value}")
    if small:
        yield topic.warning(
            "kernel",
            f"{', '.join(small)}: with thousands of watchers, answers may find no room",
            f"let them be {BUFFER}, in /etc/sysctl.d",
        )
    else:
        yield topic.fine("kernel", "its buffers are large enough")


def _open_files(scene: Scene) -> Iterator[Finding]:
    wanted = scene.config.limits.connections + OTHERS
    most, whose = _limit(scene.process)
    if most < wanted:
        yield topic.warning(
            "open files",
            f"{whose} may have {most}, and limits.connections wants {wanted}",
            f"let LimitNOFILE in the unit be {wanted}, or limits.connections less",
        )
    else:
        yield topic.fine("open files", f"{whose} may have {most}")


def _limit(process: int | None) -> tuple[int, str]:
    """How many files may be open, and to whom that applies."""
    if process is not None:
        try:
            for line in Path("/proc", str(process), "limits").read_text("ascii").splitlines():
                if line.startswith("Max open files"):
                    return int(line.split()[3]), "the gateway"
        except (OSError, ValueError):
            pass  # of another user, or without a limit
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most, "what this shell starts"


def _libraries() -> Iterator[Finding]:
    try:
        wanted = metadata.requires("sip2xmpp") or []
    except metadata.PackageNotFoundError:
        return
    wrong = []
    for line in wanted:
        found = _REQUIREMENT.fullmatch(line)
        if found is None or found[3]:
            continue  # for tests only
        try:
            version = metadata.version(found[1])
        except metadata.PackageNotFoundError:
            wrong.append(f"{found[1]} is missing")
            continue
        if not all(_fits(version, how, bound) for how, bound in _PARTS.findall(found[2])):
            wrong.append(f"{found[1]} {version} is not {found[2].strip()}")
    if wrong:
        yield topic.fault(
            "libraries", ", ".join(wrong), "install sip2xmpp anew, into a virtual environment of its own"
        )
    else:
        yield topic.fine("libraries", f"Twisted {metadata.version('Twisted')} and all others fit")


def _fits(version: str, how: str, bound: str) -> bool:
    have, limit = _numbers(version), _numbers(bound)
    width = max(len(have), len(limit))
    have, limit = have + [0] * (width - len(have)), limit + [0] * (width - len(limit))
    return have >= limit if how == ">=" else have < limit if how == "<" else have == limit


def _numbers(version: str) -> list[int]:
    found = re.match(r"[0-9.]+", version)
    return [int(part) for part in found[0].split(".") if part] if found else []
