"""One UDP socket, one thread: requests out with their retransmissions, responses and NOTIFYs in.

The loop is epoll on the one socket, drained whenever it is readable.  Requests are sent again as RFC 3261 says (timer E from
half a second on, timer F at 32 seconds), so that a lost datagram is a late answer and not the end of the run; how many were
is counted.
"""

import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.bench.messages import BRANCH, CALL_ID, CSEQ, taken

T1: Final = 0.5
T2: Final = 4.0
GIVE_UP: Final = 32.0
BUFFER: Final = 64 * 1024 * 1024
SO_RCVBUFFORCE: Final = 33

now = time.perf_counter

Answered = Callable[[int, bytes, float], None]
"""Called with the status (0: none came), the response and when."""


class _Pending(NamedTuple):
    octets: bytes
    since: float
    answered: Answered


class Wire:
    """The generator's end of the network; ``notified`` gets each new NOTIFY: watcher, octets, when."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.count: Counter[str] = Counter()
        self.notified: Callable[[int, bytes, float], None] = lambda *_: None
        self._server = server
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        except OSError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        host, port = self._socket.getsockname()
        self.here = f"{host}:{port}".encode()
        self._poll = select.epoll()
        self._poll.register(self._socket.fileno(), select.EPOLLIN)
        self._readers: dict[int, Callable[[], None]] = {self._socket.fileno(): self._drain}
        self._pending: dict[int, _Pending] = {}
        self._again: deque[tuple[float, float, int]] = deque()
        self._newest: dict[int, int] = {}
        self._number = 0

    def number(self) -> int:
        """A number for the branch of the next request."""
        self._number += 1
        return self._number

    def request(self, number: int, octets: bytes, answered: Answered) -> float:
        """Send a request whose branch carries ``number``; returns when."""
        at = now()
        self._pending[number] = _Pending(octets, at, answered)
        self._again.append((at + T1, T1, number))
        self._send(octets)
        return at

    def run(self, until: Callable[[], bool], within: float) -> bool:
        """Serve the socket until ``until()``; False when that took longer than ``within`` seconds."""
        end = now() + within
        while not until():
            at = now()
            if at >= end:
                return False
            self._repeat(at)
            for fileno, _ in self._poll.poll(min(0.02, end - at)):
                self._readers[fileno]()
        return True

    def attend(self, fileno: int, readable: Callable[[], None]) -> None:
        """Serve another socket in the same loop: ``readable`` is called whenever it has something."""
        self._readers[fileno] = readable
        self._poll.register(fileno, select.EPOLLIN)

    def close(self) -> None:
        self._poll.close()
        self._socket.close()

    def _send(self, octets: bytes) -> None:
        try:
            self._socket.sendto(octets, self._server)
        except BlockingIOError:
            self.count["not sent"] += 1

    def _drain(self) -> None:
        receive = self._socket.recv
        for _ in range(256):
            try:
                octets = receive(65536)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                self.count["refused"] += 1
                continue
            at = now()
            if octets.startswith(b"SIP/2.0"):
                self._response(octets, at)
            elif octets.startswith(b"NOTIFY"):
                self._notify(octets, at)

    def _response(self, octets: bytes, at: float) -> None:
        status = int(octets[8:11])
        found = BRANCH.search(octets)
        if status < 200 or found is None:
            return
        pending = self._pending.pop(int(found[1]), None)
        if pending is None:
            self.count["repeated responses"] += 1
        else:
            if status >= 300:
                self.count[f"status {status}"] += 1
            pending.answered(status, octets, at)

    def _notify(self, octets: bytes, at: float) -> None:
        self._send(taken(octets))
        watcher, sequence = CALL_ID.search(octets), CSEQ.search(octets)
        if watcher is None or sequence is None:
            self.count["strange"] += 1
            return
        index, number = int(watcher[1]), int(sequence[1])
        if number <= self._newest.get(index, -1):
            self.count["repeated NOTIFYs"] += 1
            return
        self._newest[index] = number
        self.notified(index, octets, at)

    def _repeat(self, at: float) -> None:
        """Timers E and F."""
        again = self._again
        for _ in range(len(again)):
            due, interval, number = again[0]
            pending = self._pending.get(number)
            if pending is not None and due > at:
                return
            again.popleft()
            if pending is None:
                continue
            if at - pending.since >= GIVE_UP:
                del self._pending[number]
                self.count["timeouts"] += 1
                pending.answered(0, b"", at)
                continue
            self.count["sent again"] += 1
            self._send(pending.octets)
            interval = min(2 * interval, T2)
            again.append((at + interval, interval, number))
