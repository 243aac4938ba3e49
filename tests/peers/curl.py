"""Debian's curl as an HTTP client whose digest authentication is others' code."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class CurlAnswer:
    """The last answer of those that one call got; ``statuses`` are those of all, 100 among them."""

    status: int
    statuses: tuple[int, ...]
    headers: Mapping[str, str]
    octets: bytes


def curl(
    url: str,
    *,
    user: str = "",
    method: str = "",
    body: bytes | None = None,
    headers: Mapping[str, str] = NOTHING,
    options: tuple[str, ...] = ("--digest",),
) -> CurlAnswer:
    """``curl --digest --user USER URL``; a body is sent from standard input, after asking whether it may be."""
    program = shutil.which("curl")
    assert program is not None, "curl is not installed; see etc/install-debian-packages"
    command = [
        program,
        "--silent",
        "--show-error",
        "--include",
        "--globoff",
        "--path-as-is",
        "--max-time",
        "20",
    ]
    command += ["--noproxy", "*"]
    if user:
        command += [*options, "--user", user]
    if method == "HEAD":
        command.append("--head")
    elif method:
        command += ["--request", method]
    if body is not None:
        command += [
            "--upload-file",
            "-",
            "--header",
            f"Content-Length: {len(body)}",
            "--header",
            "Transfer-Encoding:",
        ]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run([*command, url], input=body or b"", capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr.decode()}"
    return _read(done.stdout)


def _read(output: bytes) -> CurlAnswer:
    statuses: list[int] = []
    while True:
        head, _, rest = output.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        statuses.append(int(start.split()[1]))
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        skipped = 0 if statuses[-1] == 100 else int(headers.get("content-length", "0"))
        following = rest if rest.startswith(b"HTTP/1.") else rest[skipped:]
        if not following.startswith(b"HTTP/1."):
            return CurlAnswer(status=statuses[-1], statuses=tuple(statuses), headers=headers, octets=rest)
        output = following
