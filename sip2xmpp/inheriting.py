"""Listening sockets that one process leaves to the next, so that nothing that is sent meanwhile is lost.

A process may be started with sockets that listen already: a service manager holds them for it, or the process before it did.  While
nobody reads, the kernel keeps datagrams and connections; whoever takes the socket gets them.  ``Inherited`` finds the socket
for a listener of the configuration by its kind and the address that it is bound to, so that the two have not to be in one
order, and names that no listener wants.

``hand_over`` replaces the program of this process by itself, started anew with the same arguments, and passes listening sockets
the same way; the process keeps its number, so nobody who watches over it sees it end.  Signals by which operators say something wait
until the next program listens (``hear_signals``): by default they would end it.

Implements: sd_listen_fds(3) of systemd 252 (the variables; names of descriptors are not looked at).
"""

import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NoReturn

FIRST: Final = 3
"""The number of the first descriptor that is passed."""

MOST: Final = 1_000
"""Descriptors that are looked at."""

PID: Final = "LISTEN_PID"
COUNT: Final = "LISTEN_FDS"
NAMES: Final = "LISTEN_FDNAMES"

SIGNALS: Final = (signal.SIGHUP, signal.SIGUSR2)
"""What operators say something by."""

Place = tuple[socket.SocketKind, str, int]
"""Kind, address and port of a socket."""


class Inherited:
    """The sockets that this process was started with; each may be taken once."""

    def __init__(self, descriptors: Sequence[int] = ()) -> None:
        self._held: dict[Place, socket.socket] = {}
        self._others: list[int] = []
        for descriptor in descriptors:
            place = _place(descriptor)
            if place is None or place in self._held:
                self._others.append(descriptor)
                continue
            os.set_inheritable(descriptor, False)
            self._held[place] = socket.socket(fileno=descriptor)

    def take(self, kind: socket.SocketKind, host: str, port: int) -> socket.socket | None:
        """The socket that is bound there, in non-blocking mode; None if there is none, and always for port 0."""
        found = self._held.pop((kind, str(ip_address(host)), port), None)
        if found is not None:
            # one that blocks would stop the reactor at the first datagram
            found.setblocking(False)
        return found

    def close(self) -> list[str]:
        """Close what nobody took, which would only swallow what is sent there; says what that was."""
        left = [f"{_word(kind)}:{host}:{port}" for kind, host, port in self._held]
        for each in self._held.values():
            each.close()
        for descriptor in self._others:
            left.append(f"descriptor {descriptor}")
            os.close(descriptor)
        self._held.clear()
        self._others.clear()
        return left


def inherited(environment: Mapping[str, str] | None = None) -> Inherited:
    """What this process was started with, by the environment that it was started in unless told otherwise."""
    given = _started_with() if environment is None else environment
    if given.get(PID) != str(os.getpid()):
        return Inherited()
    try:
        count = int(given.get(COUNT, "0"))
    except ValueError:
        return Inherited()
    return Inherited([each for each in range(FIRST, FIRST + min(max(count, 0), MOST)) if _was_passed(each)])


def _was_passed(descriptor: int) -> bool:
    """Whether a descriptor is open, and none that this program has opened: those do not survive the start of another one."""
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def _started_with() -> dict[str, str]:
    """The environment at the start of the program: Twisted takes these variables out of ``os.environ`` when it is imported."""
    try:
        octets = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environ)
    pairs = (each.partition(b"=") for each in octets.split(b"\0") if each)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def hand_over(listening: Iterable[int], arguments: Sequence[str] | None = None) -> NoReturn:
    """Become the same program anew; the sockets ``listening`` go with it.  Raises ``OSError`` when that is not possible.

    Everything else has to be closed or stored before, because nothing of this program runs any more.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    arguments = list(sys.orig_argv if arguments is None else arguments)
    sources = list(listening)
    # out of the way first: one of them may have a number that another one is to get
    sources = [fcntl.fcntl(each, fcntl.F_DUPFD, FIRST + len(sources)) for each in sources]
    environment = {name: value for name, value in os.environ.items() if name not in (PID, COUNT, NAMES)}
    if sources:
        environment |= {PID: str(os.getpid()), COUNT: str(len(sources))}
    for index, source in enumerate(sources):
        os.dup2(source, FIRST + index, inheritable=True)
        os.close(source)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, arguments, environment)  # noqa: S606 - the program that runs already


def hear_signals() -> None:
    """Let what was said since ``hand_over`` come in."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _place(descriptor: int) -> Place | None:
    """What an Internet socket is bound to; None for anything else, and for a stream that does not listen."""
    try:
        looked = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return None
    with looked:
        try:
            if looked.family not in (socket.AF_INET, socket.AF_INET6):
                return None
            kind = socket.SocketKind(looked.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
            listens = looked.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            host, port = looked.getsockname()[:2]
        except (OSError, ValueError):
            return None
        if kind is socket.SOCK_STREAM and not listens:
            return None
        return kind, host, port


def _word(kind: socket.SocketKind) -> str:
    return "udp" if kind is socket.SOCK_DGRAM else "tcp"
