"""One UDP socket, one thread: requests out with their retransmissions, responses and NOTIFYs in.

The loop is epoll, and the socket is drained whenever it is readable.  Requests are sent again as RFC 3261 says (timer E from
half a second on, timer F at 32 seconds), so that a lost datagram is a late answer and not the end of the run; how many were
is counted.  A NOTIFY is answered before anything else is done about it, from what the first one of its dialog has left behind.
"""

import heapq
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench.messages import BRANCH, FIRST_NUMBER, NUMBER_LENGTH, WATCHER_BEGINS, WATCHER_ENDS, shared

T1: Final = 0.5
T2: Final = 4.0
GIVE_UP: Final = 32.0
BUFFER: Final = 64 * 1024 * 1024
SO_RCVBUFFORCE: Final = 33
LARGEST: Final = 16384
NEVER: Final = float("inf")

now = time.perf_counter

Answered = Callable[[int, bytes, float], None]
"""Called with the status (0: none came), the response and when."""


class Wire:
    """The generator's end of the network; ``notified`` gets each new NOTIFY: watcher, octets, when."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.count: Counter[str] = Counter()
        self.notified: Callable[[int, bytes, float], None] = lambda *_: None
        self.largest = LARGEST
        """Octets of the largest datagram that is expected."""
        self.wake = NEVER
        """When the condition of ``run`` has to be asked again, to the fraction of a millisecond."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        except OSError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.bind(("127.0.0.1", 0))
        # a connected socket saves the address of each datagram
        self._socket.connect(server)
        self._socket.setblocking(False)
        host, port = self._socket.getsockname()
        self.here = f"{host}:{port}".encode()
        self._port, self._server_port = port, server[1]
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self.attend(self._socket.fileno(), self._drain)
        self._pending: dict[int, tuple[bytes, float, Answered]] = {}
        self._first: deque[tuple[float, int]] = deque()
        self._later: list[tuple[float, float, int]] = []
        self._newest: dict[int, int] = {}
        self._shared: dict[int, bytes] = {}
        self._number = FIRST_NUMBER

    def number(self) -> int:
        """A number for the branch of the next request."""
        self._number += 1
        return self._number

    def request(self, number: int, octets: bytes, answered: Answered) -> float:
        """Send a request whose branch carries ``number``; returns when."""
        at = now()
        self._pending[number] = (octets, at, answered)
        self._first.append((at + T1, number))
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
            if self.wake == NEVER:
                events = self._poll.poll(min(0.02, end - at))
            else:
                # epoll counts in whole milliseconds
                select.select([self._poll], (), (), max(0.0, min(0.02, end - at, self.wake - now())))
                events = self._poll.poll(0)
            for fileno, _ in events:
                self._readers[fileno]()
        return True

    def attend(self, fileno: int, readable: Callable[[], None]) -> None:
        """Serve another socket in the same loop: ``readable`` is called whenever it has something."""
        self._readers[fileno] = readable
        self._poll.register(fileno, select.EPOLLIN)

    def join(self, other: "Wire") -> None:
        """Serve the socket of ``other`` as well, but for its retransmissions."""
        self.attend(other._socket.fileno(), other._drain)

    def dropped(self) -> tuple[int, int]:
        """How many datagrams the kernel has thrown away because the buffer here, and that of the server, was full."""
        drops = Counter[int]()
        for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
            fields = line.split()
            drops[int(fields[1].rpartition(":")[2], 16)] += int(fields[-1])
        return drops[self._port], drops[self._server_port]

    def close(self) -> None:
        self._poll.close()
        self._socket.close()

    def _send(self, octets: bytes) -> None:
        try:
            self._socket.send(octets)
        except BlockingIOError:
            self.count["not sent"] += 1
        except ConnectionRefusedError:
            self.count["refused"] += 1

    def _drain(self) -> None:
        receive, largest = self._socket.recv, self.largest
        for _ in range(256):
            try:
                octets = receive(largest)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                self.count["refused"] += 1
                continue
            at = now()
            if octets.startswith(b"NOTIFY sip:w"):
                self._notify(octets, at)
            else:
                self._response(octets, at)

    def _response(self, octets: bytes, at: float) -> None:
        begins = octets.find(BRANCH) + len(BRANCH)
        if not octets.startswith(b"SIP/2.0 ") or begins < len(BRANCH):
            self.count["strange"] += 1
            return
        status = int(octets[8:11])
        if status < 200:
            return
        pending = self._pending.pop(int(octets[begins : begins + NUMBER_LENGTH]), None)
        if pending is None:
            self.count["repeated responses"] += 1
            return
        if status >= 300:
            self.count[f"status {status}"] += 1
        pending[2](status, octets, at)

    def _notify(self, octets: bytes, at: float) -> None:
        index = int(octets[WATCHER_BEGINS:WATCHER_ENDS])
        via = octets.find(b"\r\nVia: ", WATCHER_ENDS)
        via_ends = octets.find(b"\r\n", via + 2)
        sequence = octets.find(b"\r\nCSeq: ", WATCHER_ENDS)
        sequence_ends = octets.find(b"\r\n", sequence + 2)
        rest = self._shared.get(index)
        if rest is None:
            self._shared[index] = rest = shared(octets)
        self._send(b"SIP/2.0 200 OK" + octets[via:via_ends] + octets[sequence:sequence_ends] + rest)
        number = int(octets[sequence + 8 : sequence_ends - 7])
        if number <= self._newest.get(index, -1):
            self.count["repeated NOTIFYs"] += 1
            return
        self._newest[index] = number
        self.notified(index, octets, at)

    def _repeat(self, at: float) -> None:
        """Timers E and F: most requests are answered before their first one, and never reach the heap."""
        first, later, pending = self._first, self._later, self._pending
        while first and (first[0][0] <= at or first[0][1] not in pending):
            due, number = first.popleft()
            if number in pending:
                heapq.heappush(later, (due, T1, number))
        while later and later[0][0] <= at:
            _, interval, number = heapq.heappop(later)
            if number not in pending:
                continue
            octets, since, answered = pending[number]
            if at - since >= GIVE_UP:
                del pending[number]
                self.count["timeouts"] += 1
                answered(0, b"", at)
                continue
            self.count["sent again"] += 1
            self._send(octets)
            interval = min(2 * interval, T2)
            heapq.heappush(later, (at + interval, interval, number))
