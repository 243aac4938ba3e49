"""Port numbers that nobody else takes while the test process lives.

A port found free by binding to 0 may be handed to somebody's outgoing connection a moment later.  These come from
below the kernel's ephemeral range, are checked to be free for both UDP and TCP, and are held by locks on the bytes of one
file, so that several test processes on one machine never choose the same one.
"""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

FIRST, LAST = 20000, 31999
LOOPBACK = "127.0.0.1"

_held: set[int] = set()
_random = random.Random(os.getpid())


def free_port() -> int:
    """A port of 127.0.0.1 that is free for UDP and TCP, reserved until this process ends."""
    for _ in range(1000):
        port = _random.randint(FIRST, LAST)
        if port not in _held and _take(port):
            _held.add(port)
            return port
    raise AssertionError("no free port found in a thousand tries")


@cache
def _locks() -> int:
    """The one file of all processes, open as long as this one lives: closing it would give up every lock."""
    folder = Path(tempfile.gettempdir(), f"sip2xmpp-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    return os.open(folder / "locks", os.O_RDWR | os.O_CREAT, 0o600)


def _take(port: int) -> bool:
    """Lock the port's byte for the life of the process, if nobody has it and nothing is bound."""
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("", port))
    except OSError:
        fcntl.lockf(_locks(), fcntl.LOCK_UN, 1, port)
        return False
    return True
