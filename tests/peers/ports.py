"""Port numbers that nobody else takes while the test process lives.

A port found free by binding to 0 may be handed to somebody's outgoing connection a moment later.  These come from
below the kernel's ephemeral range, are checked to be free for both UDP and TCP, and are held by a lock on a file, so
that several test processes on one machine never choose the same one.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 20000, 31999
LOOPBACK = "127.0.0.1"

_held: dict[int, int] = {}
_random = random.Random(os.getpid())


def free_port() -> int:
    """A port of 127.0.0.1 that is free for UDP and TCP, reserved until this process ends."""
    folder = Path(tempfile.gettempdir(), f"sip2xmpp-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    for _ in range(1000):
        port = _random.randint(FIRST, LAST)
        if port not in _held and _take(folder, port):
            return port
    raise AssertionError("no free port found in a thousand tries")


def _take(folder: Path, port: int) -> bool:
    """Lock the port's file for the life of the process, if nobody has it and nothing is bound."""
    lock = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("", port))
    except OSError:
        os.close(lock)
        return False
    _held[port] = lock
    return True
