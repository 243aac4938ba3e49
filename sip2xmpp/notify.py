"""Telling the service manager how it is going.

A service manager that wants to know puts the address of a datagram socket into ``NOTIFY_SOCKET``; each datagram is lines of
``NAME=value``.  Nothing here ever waits or fails: what cannot be told is told at the next occasion, or never.

``Watchdog`` says in half of the time that the manager allows that the gateway is alive.  Alive means that the reactor turns and
that the store answers: a commit that fails is an answer (a restart makes no room on a disk, and would lose what is only in
memory), one that never comes back is none.

Implements: sd_notify(3) and sd_watchdog_enabled(3) of systemd 252.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sip2xmpp.errors import StorageFailed

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
WATCHDOG_PID = "WATCHDOG_PID"
MICROSECONDS = 1_000_000
STATUS_LIMIT = 200
"""Characters of a status that are told."""


class Supervisor:
    """Who started this process, if it wants to be told anything; made of the ``environment``."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get(SOCKET, "")
        # "@" stands for the zero octet that names outside of the file system begin with
        self._address = "\0" + path[1:] if path.startswith("@") else path if path.startswith("/") else ""
        self.watchdog = _seconds(environment)

    def ready(self, status: str) -> None:
        """Everything is up, or is again after ``reloading``."""
        self._tell("READY=1", _status(status))

    def reloading(self) -> None:
        """The configuration is read again, or another process image takes over; ``ready`` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self, status: str) -> None:
        """The process is about to end."""
        self._tell("STOPPING=1", _status(status))

    def alive(self, status: str) -> None:
        """Still there, and how it is."""
        self._tell("WATCHDOG=1", _status(status))

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as teller:
                teller.setblocking(False)
                teller.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            # there is nobody else to complain to, and the service goes on
            return


class Watchdog:
    """Calls ``alive(status())`` once in ``seconds``, for as long as ``after_commit`` calls back."""

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        *,
        after_commit: Callable[[Callable[[StorageFailed | None], None]], None],
        alive: Callable[[str], None],
        status: Callable[[], str],
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._after_commit = after_commit
        self._alive = alive
        self._status = status
        self._call: IDelayedCall | None = None
        self._running = False

    def start(self) -> None:
        self._running = True
        self._look()

    def stop(self) -> None:
        self._running = False
        if self._call is not None and self._call.active():
            self._call.cancel()

    def _look(self) -> None:
        self._after_commit(self._answered)

    def _answered(self, trouble: StorageFailed | None) -> None:
        if not self._running:
            return
        self._alive(self._status() if trouble is None else f"the state is not stored: {trouble}")
        self._call = self._clock.callLater(self._seconds, self._look)


def _seconds(environment: Mapping[str, str]) -> float:
    """Half of the time after which the manager gives up on this process; 0 where it does not look."""
    if environment.get(WATCHDOG_PID, str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environment.get(WATCHDOG, "0"))) / MICROSECONDS / 2
    except ValueError:
        return 0.0


def _status(text: str) -> str:
    """One line, whatever is in it."""
    return "STATUS=" + "".join(char if char.isprintable() else " " for char in text[:STATUS_LIMIT])
